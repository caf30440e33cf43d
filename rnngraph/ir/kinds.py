"""Kinds of ops, each with the data that code generation needs of one: what is written once a kind is written for no op.

A pass or a code generator asks an op's kind what it may do with a node, never its name. What an op adds to its kind, it
says in its declaration: the body of an element, where elements come from, how they combine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from rnngraph.ir.sizes import Dim

if TYPE_CHECKING:
    from rnngraph.ir.graph import Array, Node

Attrs = Mapping[str, Any]

# --- elements -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Elementwise:
    """One output element from the operands' elements at the same place: `scalar(s, *elements, **attrs)`, in the words of
    `ops/scalar.py`. With `nonzero` the op fails where an element of that operand is 0."""

    scalar: Callable[..., Any]
    nonzero: int | None = None


@dataclass(frozen=True)
class Random:
    """A pure function of a key and the element's flat index, which make the element's 64 random bits; `scalar(s, x, y,
    other operands, **attrs)` makes a number of these, given as two uint32 words. See `ops/random.py`."""

    scalar: Callable[..., Any]


@dataclass(frozen=True)
class Literal:
    """Elements that are known when the program is compiled: `elements(attrs)` is an `Array`, or the sizes that they are."""

    elements: Callable[[Attrs], Array | tuple[Dim, ...]]

    def number(self, attrs: Attrs) -> Any:
        """The element of a scalar: a number, or a size."""
        found = self.elements(attrs)
        return found[0] if isinstance(found, tuple) else found.array.item()


@dataclass(frozen=True)
class Iota:
    """Each element is its own position along attribute `axis`; the operand is the shape."""


# --- moving elements ----------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Affine:
    """A position along one axis: multiplier * (position along axis `axis` of what is asked for) + offset. Axis -1: the
    offset alone. The multiplier is an int but for an axis that stretches, if it does, only when it runs."""

    axis: int
    multiplier: Dim
    offset: Dim


Index = tuple[Affine, ...]
"""One place for each axis of what is read or written."""
FIRST = Affine(-1, 0, 0)


@dataclass(frozen=True)
class Movement:
    """Each output element is one element of operand 0: `source(node)` says for each axis of the operand where it is, in
    the axes of the result. None: the elements in the same order, with another shape."""

    source: Callable[[Node], Index] | None


@dataclass(frozen=True)
class Placement:
    """Elements of operands are put where no other is: `targets(node)` says for each operand, for each axis of the
    result, where an element goes, in the axes of the operand. All operands are placed and fill the result; with `fill`,
    operand 0 alone, and the rest holds the number `fill(attrs)`."""

    targets: Callable[[Node], Sequence[Index]]
    fill: Callable[[Attrs], float] | None = None


# --- combining elements -------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Reduction:
    """Combines along the axes of attribute `axes` (None: all), which stay with size 1 if `keep`; `combine` is "add", "mul",
    "max", "min", "and" or "or"."""

    combine: str

    @staticmethod
    def axes(node: Node) -> tuple[int, ...]:
        """The axes of operand 0 that go, in order."""
        rank, axes = len(node.operands[0].shape), node.attrs["axes"]
        return tuple(range(rank)) if axes is None else tuple(sorted({a % rank for a in axes}))


@dataclass(frozen=True)
class Letters:
    """The axes of a contraction's operands and result by letter."""

    a: str
    b: str
    out: str

    @property
    def batch(self) -> str:
        """In both operands and in the result."""
        return "".join(c for c in self.out if c in self.a and c in self.b)

    @property
    def m(self) -> str:
        """In a and the result only."""
        return "".join(c for c in self.out if c in self.a and c not in self.b)

    @property
    def n(self) -> str:
        """In b and the result only."""
        return "".join(c for c in self.out if c in self.b and c not in self.a)

    @property
    def k(self) -> str:
        """Summed, in both."""
        return "".join(c for c in self.a if c in self.b and c not in self.out)

    @property
    def lone(self) -> str:
        """Summed, in one operand only."""
        return "".join(c for c in self.a + self.b if c not in self.out and (c in self.a) != (c in self.b))

    @property
    def is_product(self) -> bool:
        """Whether it is one matrix product."""
        return not self.batch and not self.lone


@dataclass(frozen=True)
class Contraction:
    """A sum of products of two operands: `letters(attrs)` says which axes are which. The inverse, `spelled`, gives the
    attributes of the contraction with other letters."""

    letters: Callable[[Attrs], Letters]
    spelled: Callable[[Letters], dict[str, Any]]


# --- by data ------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Gather:
    """Reads operand 0 along attribute `axis` where operand 1 says, whose shape replaces the axis. Fails for an index
    outside."""


@dataclass(frozen=True)
class Scatter:
    """A copy of operand 0 with rows at operand 1 replaced by (or, with `add`, increased by) those of operand 2. Fails for an
    index outside."""

    add: bool


@dataclass(frozen=True)
class Extreme:
    """The place of the largest (or smallest) element along attribute `axis`. Fails for an empty axis."""

    largest: bool


# --- the rest -----------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class State:
    """Variables; gone after close."""


@dataclass(frozen=True)
class Composite:
    """Expanded by close into other ops: `expand(operands, attrs) -> results`, called with a builder current."""

    expand: Callable[[Sequence[Any], Attrs], Sequence[Any] | None]


@dataclass(frozen=True)
class Effect:
    """Assertions and prints."""


@dataclass(frozen=True)
class Control:
    """loop, if, fused: ops with regions."""


@dataclass(frozen=True)
class Host:
    """Everything else: run by the reference kernel on every engine."""


Kind = Union[Elementwise, Random, Literal, Iota, Movement, Placement, Reduction, Contraction, Gather, Scatter, Extreme,
             State, Composite, Effect, Control, Host]
