"""What an op declaration holds, the table of all ops, and calls by name.

`ops/` fills the table; this module knows no op. Calling by name is what lets `Value` have operators without importing
the op library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Union

from rnngraph.ir.kinds import Kind
from rnngraph.ir.sizes import Dim
from rnngraph.ir.types import TensorType, Type

if TYPE_CHECKING:
    from rnngraph.ir.graph import Graph, Node

Content = Union[tuple[Dim, ...], None]
"""One Dim per element of a small integer value of rank 0 (one element) or 1; None where nothing is known."""


class SizeRules(Protocol):
    """What `infer` may ask of sizes. The answer depends on who asks: builder, close step, or verifier."""

    is_open: bool
    """Whether the graph is the user's, still open: lists are as they were asked for, whatever is written to them."""

    def same(self, a: Dim, b: Dim, what: str) -> Dim:
        """The common size of a and b, which must be equal. Raises ValueError (phrase: `Dimensions must be equal`)."""
    def at_least(self, size: Dim, low: Dim, message: str) -> None:
        """Demand that size >= low. `message`, with places {0} and {1} for the two, says what is wrong otherwise."""
    def holds(self, relation: str, a: Dim, b: Dim) -> bool | None:
        """Whether `a relation b`, with relation "==" or ">="; None where only running tells."""
    def fresh(self, hint: str) -> Dim:
        """A size that this node's execution decides: a new symbol bound at its result."""


@dataclass(frozen=True)
class Site:
    """Where an op is being typed or run: what it reads, its attributes, its regions and the rules for sizes."""

    types: tuple[Type, ...]
    contents: tuple[Content, ...]
    attrs: Mapping[str, Any]
    sizes: SizeRules
    regions: tuple[Graph, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    """What `infer` leaves for `content`: the symbols it bound."""

    def tensor(self, i: int) -> TensorType:
        """The type of operand i, which must be a tensor. Raises TypeError otherwise."""
        t = self.types[i]
        if not isinstance(t, TensorType):
            raise TypeError(f"operand {i} must be a tensor, but it is {t}")
        return t


@dataclass(frozen=True)
class Attr:
    """An attribute's kind (int, float, bool, str, ints, floats, dims, dtype, type, array, data, any) and default. Of kind
    data are arrays that no pass looks into: they decide nothing about the program.

    A default of `...` means that the attribute is required.
    """

    kind: str
    default: Any = ...


@dataclass(frozen=True)
class OpDef:
    """One op, declared once.

    infer(site) -> result types.  content(site) -> contents of the results, or None.
    reference(call, *arrays) -> array or tuple of arrays, where `call` is a `rnngraph.ir.op.Call`.
    gradient(g, *cotangents) -> one cotangent or None per operand; `g` is an `autodiff` context (op `None`: stops).
    effects: "pure", "reads", "writes" or "host".  fails: whether data can make it fail.
    """

    name: str
    doc: str
    infer: Callable[[Site], tuple[Type, ...]]
    reference: Callable[..., Any]
    kind: Kind
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    content: Callable[[Site], tuple[Content, ...] | None] | None = None
    gradient: Callable[..., Sequence[Any]] | None = None
    effects: str = "pure"
    fails: bool = False

    def __deepcopy__(self, memo: object) -> OpDef:
        return self


@dataclass(frozen=True)
class Call:
    """A run-time call of a reference kernel: the node, and how to evaluate its sizes."""

    node: Node
    size: Callable[[Dim], int]

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The node's attributes."""
        return self.node.attrs

    def shape(self, i: int = 0) -> tuple[int, ...]:
        """The run-time shape that the type of result i promises."""
        t = self.node.results[i].type
        assert isinstance(t, TensorType) and t.shape is not None
        return tuple(self.size(d) for d in t.shape)


OPS: dict[str, OpDef] = {}


def register(op: OpDef) -> OpDef:
    """Enter an op in the table. Raises KeyError if the name is taken."""
    if op.name in OPS:
        raise KeyError(f"op {op.name!r} is declared twice")
    OPS[op.name] = op
    return op


def lookup(name: str) -> OpDef:
    """The op of that name. Raises LookupError if there is none."""
    try:
        return OPS[name]
    except KeyError:
        raise LookupError(f"no op is named {name!r}; the ops are declared in rnngraph.ops") from None
