"""The data structure: values, nodes, graphs, and the builder that makes them.

    Graph   parameters, nodes in order, results         also: a region's body
    Node    op, operands, attrs, regions, results, name, after, origin      frozen
    Value   type, content, and where it comes from: (node, index) or a graph's parameter

A graph is append-only while a builder holds it. A region owns its values and sees outer ones only through its
parameters: a builder that meets an outer value makes it a capture, here and in every region between.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple, Union

import numpy as np

from rnngraph.ir.kinds import Composite
from rnngraph.ir.op import Content, OpDef, Site, lookup
from rnngraph.ir.sizes import Dim, Symbol
from rnngraph.ir.types import ListType, RefType, TensorType, Type


class Frame(NamedTuple):
    """One call on the stack of the user's program."""

    file: str
    line: int
    function: str

    @property
    def text(self) -> str:
        """As messages show it: "model.py:41 in build"."""
        return f"{os.path.basename(self.file)}:{self.line} in {self.function}"


@dataclass(frozen=True)
class Origin:
    """Provenance: the user's calls (outermost first) that made a node, the name scope, the name of the op that the node is
    a part of, the forward node that a backward node belongs to, the passes that touched it, and the names of TensorFlow's
    machinery that a loop or branch stands for: `while/Enter`, `while/Enter_1`, ..., `while/LoopCond`, ..."""

    frames: tuple[Frame, ...] = ()
    scope: str = ""
    op: str = ""
    forward: Node | None = None
    passes: tuple[str, ...] = ()
    machinery: tuple[str, ...] = ()

    @property
    def line(self) -> str | None:
        """The innermost call as text."""
        return self.frames[-1].text if self.frames else None


NOWHERE = Origin()


class Value:
    """What a node or a parameter gives. Compares by identity; operators build nodes by op name."""

    __slots__ = ("content", "graph", "hint", "index", "node", "type")

    def __init__(self, type: Type, content: Content, graph: Graph, node: Node | None, index: int, hint: str) -> None:
        self.type = type
        self.content = content
        self.graph = graph
        self.node = node
        self.index = index
        self.hint = hint

    def __deepcopy__(self, memo: object) -> Value:
        return self

    def __repr__(self) -> str:
        where = f"{self.node.op.name}#{self.index}" if self.node else f"parameter {self.index}"
        return f"<Value {self.hint or '?'} of {where}: {self.type}>"

    @property
    def tensor(self) -> TensorType:
        """The type, which must be a tensor's. Raises TypeError otherwise."""
        if not isinstance(self.type, TensorType):
            raise TypeError(f"a tensor is wanted, but this value is a {self.type}")
        return self.type

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The tensor's sizes; the rank must be known."""
        shape = self.tensor.shape
        if shape is None:
            made = "a parameter" if self.node is None else f"the result of '{self.node.name or self.node.op.name}'"
            raise ValueError(f"the rank of {made} must be known here; say it with set_shape")
        return shape

    def __add__(self, other: Any) -> Value:
        return call("add", self, _like(other, self))

    def __radd__(self, other: Any) -> Value:
        return call("add", _like(other, self), self)

    def __sub__(self, other: Any) -> Value:
        return call("sub", self, _like(other, self))

    def __rsub__(self, other: Any) -> Value:
        return call("sub", _like(other, self), self)

    def __mul__(self, other: Any) -> Value:
        return call("mul", self, _like(other, self))

    def __rmul__(self, other: Any) -> Value:
        return call("mul", _like(other, self), self)

    def __truediv__(self, other: Any) -> Value:
        return call("div", self, _like(other, self))

    def __rtruediv__(self, other: Any) -> Value:
        return call("div", _like(other, self), self)

    def __neg__(self) -> Value:
        return call("neg", self)


SUGAR = ("add", "sub", "mul", "div", "neg", "constant")
"""Ops that `Value`'s operators call; a test asserts that they are registered."""


def _like(x: Any, value: Value) -> Value:
    return x if isinstance(x, Value) else constant(x, value.type.dtype.numpy)


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One application of an op."""

    op: OpDef
    operands: tuple[Value, ...]
    attrs: Mapping[str, Any]
    regions: tuple[Graph, ...]
    results: tuple[Value, ...]
    graph: Graph
    name: str
    after: tuple[Node, ...]
    origin: Origin

    def __deepcopy__(self, memo: object) -> Node:
        return self

    def __repr__(self) -> str:
        return f"<Node {self.op.name} {self.name!r}>"


Target = Union[Node, Value]
"""What must run: a node, or what computes one value."""


class Graph:
    """Parameters, nodes in execution order, results. `binds` holds the symbols bound inside, regions excluded."""

    __slots__ = ("binds", "name", "nodes", "params", "parent", "results", "sealed")

    def __init__(self, name: str = "main", parent: Graph | None = None) -> None:
        self.name = name
        self.parent = parent
        self.params: list[Value] = []
        self.nodes: list[Node] = []
        self.results: tuple[Value, ...] = ()
        self.binds: set[Symbol] = set()
        self.sealed = False

    def __deepcopy__(self, memo: object) -> Graph:
        return self

    def __repr__(self) -> str:
        return f"<Graph {self.name!r}: {len(self.params)} parameters, {len(self.nodes)} nodes>"

    def seal(self, results: Sequence[Value] = ()) -> Graph:
        """Fix the results; nothing may be added afterwards."""
        self.results = tuple(results)
        self.sealed = True
        return self


class OpenSizes:
    """Sizes in open graphs: only conflicts between known ints are errors; the close step decides the rest."""

    is_open = True

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def same(self, a: Dim, b: Dim, what: str) -> Dim:
        """The more specific of the two."""
        if isinstance(a, int) and isinstance(b, int) and a != b:
            raise ValueError(f"Dimensions must be equal, but are {a} and {b} for {what}.")
        return b if a is None or (isinstance(b, int) and not isinstance(a, int)) else a

    def at_least(self, size: Dim, low: Dim, message: str) -> None:
        """Raises ValueError if that is known not to hold."""
        if isinstance(size, int) and isinstance(low, int) and size < low:
            raise ValueError(message.format(size, low))

    def holds(self, relation: str, a: Dim, b: Dim) -> bool | None:
        """A size that has a name is taken for one (>= 0); nothing else is known of it."""
        if isinstance(a, int) and isinstance(b, int):
            return a == b if relation == "==" else a >= b
        return True if relation == ">=" and a is not None else None

    def fresh(self, hint: str) -> Dim:
        """A symbol bound at the result."""
        symbol = Symbol(hint)
        self.graph.binds.add(symbol)
        return symbol.dim


class _Provable(OpenSizes):
    """Sizes of which only that counts which can be proved."""

    def holds(self, relation: str, a: Dim, b: Dim) -> bool | None:
        """Of a size that has a name nothing is known."""
        return super().holds(relation, a, b) if isinstance(a, int) and isinstance(b, int) else None


class Builder:
    """Appends nodes to one graph. `parent` builds the graph around a region.

    Subclasses may override `describe` (name, control edges and origin of a node: the frontend's names) and `sizes`.
    """

    def __init__(self, graph: Graph, parent: Builder | None = None) -> None:
        self.graph = graph
        self.parent = parent
        self.captures: dict[Value, Value] = {}
        self.histories: dict[tuple[Node, tuple[int, ...]], Value] = {}
        self.sizes: Any = OpenSizes(graph)

    def describe(self, op: OpDef, name: str, operands: Sequence[Value]) -> tuple[str, tuple[Node, ...], Origin]:
        """Name, control edges and origin of the node about to be made."""
        return self.parent.describe(op, name, operands) if self.parent else (name, (), NOWHERE)

    def region(self, name: str = "") -> Builder:
        """A builder for a region inside this graph."""
        return type(self)(Graph(name, self.graph), self)

    def param(self, type: Type, content: Content = None, hint: str = "") -> Value:
        """A new parameter."""
        value = Value(type, content, self.graph, None, len(self.graph.params), hint)
        self.graph.params.append(value)
        return value

    def local(self, value: Value) -> Value:
        """`value` as this region may use it: itself, or the parameter that captures it."""
        if value.graph is self.graph:
            return value
        known = self.captures.get(value)
        if known is not None:
            return known
        if self.parent is None:
            name = repr(value.node.name or value.node.op.name) if value.node is not None else "this loop variable"
            raise ValueError(f"{name} belongs to another loop body or branch and cannot be used here; pass it out through "
                             "the loop's or branch's results")
        self.parent.local(value)
        self.captures[value] = captured = Value(value.type, value.content, self.graph, None, -1, value.hint)
        return captured

    def finish_captures(self, among: Sequence[Builder] = ()) -> list[Value]:
        """Append the captures of this builder and `among` (in one common order) as parameters; return outer values."""
        order: dict[Value, None] = {}
        for builder in (self, *among):
            order.update(dict.fromkeys(builder.captures))
        for builder in (self, *among):
            for outer in order:
                inner = builder.captures.get(outer)
                if inner is None:
                    inner = Value(outer.type, outer.content, builder.graph, None, -1, outer.hint)
                inner.index = len(builder.graph.params)
                builder.graph.params.append(inner)
        return list(order)

    def node(self, op: OpDef | str, operands: Sequence[Value] = (), attrs: Mapping[str, Any] | None = None,
             regions: Sequence[Graph] = (), name: str = "", types: Sequence[Type] | None = None,
             after: Sequence[Node] = (), origin: Origin | None = None, hints: Sequence[str] = ()) -> Node:
        """Append one node. Types are inferred unless given. Raises what the op's type rule raises, before any change."""
        definition = lookup(op) if isinstance(op, str) else op
        inputs = tuple(self.local(v) for v in operands)
        full = complete_attrs(definition, attrs or {})
        site = Site(tuple(v.type for v in inputs), tuple(v.content for v in inputs), full, self.sizes, tuple(regions))
        result_types = tuple(definition.infer(site) if types is None else types)
        contents = (definition.content(site) if definition.content else None) or (None,) * len(result_types)
        if origin is None:
            name, implied, origin = self.describe(definition, name, inputs)
            after = (*after, *implied)
        results = [Value(t, c, self.graph, None, i, hints[i] if i < len(hints) else "")
                   for i, (t, c) in enumerate(zip(result_types, contents, strict=True))]
        return self._append(Node(definition, inputs, full, tuple(regions), tuple(results), self.graph, name, tuple(after),
                                 origin))

    def copy(self, node: Node, operands: Sequence[Value], regions: Sequence[Graph], after: Sequence[Node],
             origin: Origin) -> Node:
        """Append a node like `node`, of which everything is known: its results keep types, contents and hints."""
        results = [Value(v.type, v.content, self.graph, None, i, v.hint) for i, v in enumerate(node.results)]
        return self._append(Node(node.op, tuple(map(self.local, operands)), node.attrs, tuple(regions), tuple(results),
                                 self.graph, node.name, tuple(after), origin))

    def _append(self, node: Node) -> Node:
        if self.graph.sealed:
            raise RuntimeError(f"{self.graph!r} is sealed; nothing can be added")
        for value in node.results:
            value.node = node
        self.graph.nodes.append(node)
        return node


def expands(node: Node) -> bool:
    """Whether a node is a composite that can be expanded whatever its sizes are; others are run by their reference."""
    if not isinstance(node.op.kind, Composite):
        return False
    scratch = Builder(Graph())
    scratch.sizes = _Provable(scratch.graph)
    operands = [scratch.param(v.type, v.content) for v in node.operands]
    with building(scratch):
        return node.op.kind.expand(operands, node.attrs) is not None


def complete_attrs(op: OpDef, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """All attributes of `op` in schema order. Raises TypeError for an unknown or a missing one."""
    full = {}
    for key, attr in op.attrs.items():
        value = given.get(key, attr.default)
        if value is ...:
            raise TypeError(f"op {op.name!r} needs the attribute {key!r}")
        full[key] = value
    for key in given:
        if key not in op.attrs:
            raise TypeError(f"op {op.name!r} has no attribute {key!r}; it has {', '.join(op.attrs) or 'none'}")
    return MappingProxyType(full)


# --- the current builder and calls by name -----------------------------------------------------------------------

class _Stack(threading.local):
    def __init__(self) -> None:
        self.builders: list[Builder] = []


_stack = _Stack()


class building:
    """Make `builder` the one that `call` appends to."""

    __slots__ = ("builder",)

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def __enter__(self) -> Builder:
        _stack.builders.append(self.builder)
        return self.builder

    def __exit__(self, *error: object) -> None:
        _stack.builders.pop()


def current() -> Builder:
    """The builder that `call` appends to. Raises RuntimeError if there is none."""
    if not _stack.builders:
        raise RuntimeError("no graph is being built; use `with building(Builder(graph)):`")
    return _stack.builders[-1]


def call_node(op: str, *operands: Value, name: str = "", **attrs: Any) -> Node:
    """Append a node of the named op to the graph being built."""
    return current().node(op, operands, attrs, name=name)


def call(op: str, *operands: Value, name: str = "", **attrs: Any) -> Value:
    """Append a node of a one-result op to the graph being built; its result."""
    return call_node(op, *operands, name=name, **attrs).results[0]


def constant(value: Any, dtype: Any = None, name: str = "") -> Value:
    """A constant of the graph being built."""
    return call("constant", name=name, value=Array(np.asarray(value, dtype)))


class Array:
    """An immutable array as an attribute: compares and hashes by dtype, shape and bytes."""

    __slots__ = ("_digest", "array")

    def __init__(self, array: Any) -> None:
        self.array = np.array(array)
        self.array.setflags(write=False)
        self._digest: bytes | None = None

    def __deepcopy__(self, memo: object) -> Array:
        return self

    @property
    def digest(self) -> bytes:
        """A hash of dtype, shape and elements that is the same in every process."""
        if self._digest is None:
            array = self.array
            found = sha256(f"{array.dtype.str}{array.shape}".encode())
            found.update(repr(array.tolist()).encode() if array.dtype == object else np.ascontiguousarray(array).data)
            self._digest = found.digest()
        return self._digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Array) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Array({self.array.tolist()!r}, {self.array.dtype})"


__all__ = ["NOWHERE", "SUGAR", "Array", "Builder", "Frame", "Graph", "ListType", "Node", "OpenSizes", "Origin", "RefType",
           "Target", "TensorType", "Value", "building", "call", "call_node", "complete_attrs", "constant", "current", "expands"]
