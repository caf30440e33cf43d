"""Graphs as bytes: what is kept of a program between processes, and what tells whether two programs are one.

    encode(graph, pool)  ->  bytes         equal for equal programs, whichever process made them
    decode(bytes, pool)  ->  graph         sealed, with sizes of its own

A pool holds what the bytes only number: where nodes come from, and the arrays of the graph that was encoded first. So a
program that passes made of another one is read back with the lines and the constants of the one at hand. Unlike the text form
(`printer`) this keeps names and costs a tenth of the time; it is for machines and lasts no longer than a release.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import numpy as np

from rnngraph.ir.graph import NOWHERE, Array, Graph, Node, Origin, Value
from rnngraph.ir.op import Content, lookup
from rnngraph.ir.sizes import FUNCTIONS, Apply, Dim, Expr, Symbol, add, mul
from rnngraph.ir.types import BY_SHORT, DType, ListType, RefType, TensorType, Type

VERSION = 2
"""Of the format of `marshal`: the newest in which equal objects give equal bytes."""
_PLAIN = (type(None), bool, int, float, str, bytes)


class Unencodable(TypeError):
    """A program with something in it that only this process has, such as a Python function."""


class Pool:
    """The origins and arrays of a program, by number."""

    def __init__(self) -> None:
        self.origins: list[Origin] = []
        self.arrays: list[Array] = []
        self._origins: dict[Any, int] = {}
        self._arrays: dict[int, int] = {}
        self._deciding: set[int] = set()
        self.closed = False
        """Once the first program is encoded nothing is added."""
        self.origin(NOWHERE)  # of what passes make of nothing in particular

    def origin(self, origin: Origin) -> int:
        """The number of an origin, whatever passes touched it. Raises Unencodable for a new one in a closed pool."""
        key = (origin.frames, origin.scope, origin.op, origin.forward, origin.machinery)
        number = self._origins.get(key)
        if number is None:
            if self.closed:
                raise Unencodable("a node comes from nowhere in the first program")
            number = self._origins[key] = len(self.origins)
            self.origins.append(origin)
        return number

    def array(self, array: Array, decides: bool = True) -> int | None:
        """The number of an array; None for a new one in a closed pool. `decides`: passes may look into it."""
        number = self._arrays.get(id(array))
        if number is None and not self.closed:
            number = self._arrays[id(array)] = len(self.arrays)
            self.arrays.append(array)
        if decides and number is not None:
            self._deciding.add(number)
        return number

    def digest(self) -> bytes:
        """A hash of the arrays that decide what becomes of the program."""
        return sha256(b"".join(self.arrays[number].digest for number in sorted(self._deciding))).digest()


def encode(graph: Graph, pool: Pool) -> bytes:
    """A closed graph as bytes; `pool` is closed afterwards. Raises Unencodable."""
    writer = _Writer(pool)
    body = writer.graph(graph)
    pool.closed = True
    symbols = list(writer.symbols)
    hints = [s.hint for s in symbols]
    order = sorted(range(len(symbols)), key=lambda i: symbols[i].serial)
    return marshal.dumps((hints, order, body), VERSION)


def decode(data: bytes, pool: Pool) -> Graph:
    """The graph of these bytes, which `encode` made with a pool like this one."""
    hints, order, body = marshal.loads(data)
    # Sizes are written in the order of their symbols' births.
    symbols = {i: Symbol(hints[i]) for i in order}
    return _Reader(pool, symbols).graph(body, None)


class _Writer:
    """Programs as tuples of plain objects. Values, nodes and symbols are numbered as they are met."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.values: dict[Value, int] = {}
        self.nodes: dict[Node, int] = {}
        self.symbols: dict[Symbol, int] = {}
        self.dims: dict[Dim, Any] = {}
        self.types: dict[Type, Any] = {}

    def graph(self, graph: Graph) -> Any:
        """A graph or region."""
        params = [self.value(v) for v in graph.params]
        nodes = [self.node(n) for n in graph.nodes]
        binds = sorted(self.symbol(s) for s in sorted(graph.binds, key=lambda s: s.serial))
        return graph.name, params, nodes, [self.values[v] for v in graph.results], binds

    def value(self, value: Value) -> Any:
        """A parameter or result."""
        self.values[value] = len(self.values)
        return self.type(value.type), self.content(value.content), value.hint

    def node(self, node: Node) -> Any:
        """A node with its regions."""
        operands = [self.values[v] for v in node.operands]
        attrs = [self.array(v, False) if node.op.attrs[k].kind == "data" else self.attr(v) for k, v in node.attrs.items()]
        regions = [self.graph(r) for r in node.regions]
        results = [self.value(v) for v in node.results]
        after = [self.nodes[n] for n in node.after]
        self.nodes[node] = len(self.nodes)
        origin = self.pool.origin(node.origin)
        return node.op.name, operands, attrs, regions, results, node.name, after, origin, node.origin.passes

    def attr(self, value: Any) -> Any:
        """An attribute: plain objects as they are, all else as a tuple that begins with its kind."""
        if type(value) in _PLAIN:
            return value
        if isinstance(value, tuple):
            return "tuple", [self.attr(v) for v in value]
        if isinstance(value, Expr):
            return "dim", self.dim(value)
        if isinstance(value, Array):
            return self.array(value)
        if isinstance(value, DType):
            return "dtype", value.short
        if isinstance(value, (TensorType, ListType, RefType)):
            return "type", self.type(value)
        raise Unencodable(f"an attribute is a {type(value).__name__}")

    def array(self, value: Array, decides: bool = True) -> Any:
        """A constant: its number in the pool, else its elements."""
        number = self.pool.array(value, decides)
        if number is not None:
            return "pooled", number
        array = value.array
        if array.dtype == object:
            raise Unencodable("a constant of Python objects is new")
        return "array", array.dtype.str, array.shape, array.tobytes()

    def type(self, t: Type) -> Any:
        """A type."""
        if t not in self.types:
            self.types[t] = self._type(t)
        return self.types[t]

    def _type(self, t: Type) -> Any:
        if isinstance(t, RefType):
            return "ref", self.type(t.tensor)
        if isinstance(t, ListType):
            return "list", self.type(t.element), self.dim(t.length), t.written
        return t.dtype.short, None if t.shape is None else tuple(map(self.dim, t.shape))

    def content(self, content: Content) -> Any:
        """What is known of a value's elements."""
        return None if content is None else tuple(map(self.dim, content))

    def dim(self, dim: Dim) -> Any:
        """A size: a number, None, or a sum of products of symbols' numbers and functions."""
        if not isinstance(dim, Expr):
            return dim
        if dim not in self.dims:
            self.dims[dim] = tuple((tuple(map(self.atom, monomial)), c) for monomial, c in dim.terms)
        return self.dims[dim]

    def atom(self, atom: Symbol | Apply) -> Any:
        """A factor of a size."""
        return self.symbol(atom) if isinstance(atom, Symbol) else (atom.kind, *map(self.dim, atom.args))

    def symbol(self, symbol: Symbol) -> int:
        """A symbol's number."""
        return self.symbols.setdefault(symbol, len(self.symbols))


class _Reader:
    """The inverse of `_Writer`."""

    def __init__(self, pool: Pool, symbols: Mapping[int, Symbol]) -> None:
        self.pool = pool
        self.symbols = symbols
        self.values: list[Value] = []
        self.nodes: list[Node] = []
        self.dims: dict[Any, Dim] = {}
        self.types: dict[Any, Type] = {}
        self.origins: dict[Any, Origin] = {}

    def graph(self, data: Any, parent: Graph | None) -> Graph:
        """A graph or region, sealed."""
        name, params, nodes, results, binds = data
        graph = Graph(name, parent)
        graph.params = [self.value(v, graph, None, i) for i, v in enumerate(params)]
        for each in nodes:
            graph.nodes.append(self.node(each, graph))
        graph.binds = {self.symbols[i] for i in binds}
        return graph.seal([self.values[i] for i in results])

    def value(self, data: Any, graph: Graph, node: Node | None, index: int) -> Value:
        """A parameter or result."""
        t, content, hint = data
        value = Value(self.type(t), self.content(content), graph, node, index, hint)
        self.values.append(value)
        return value

    def node(self, data: Any, graph: Graph) -> Node:
        """A node with its regions."""
        name, operands, attrs, regions, results, label, after, origin, passes = data
        op = lookup(name)
        inputs = tuple(self.values[i] for i in operands)
        given = MappingProxyType(dict(zip(op.attrs, map(self.attr, attrs), strict=True)))
        inner = tuple(self.graph(r, graph) for r in regions)
        made = tuple(self.value(v, graph, None, i) for i, v in enumerate(results))
        node = Node(op, inputs, given, inner, made, graph, label, tuple(self.nodes[i] for i in after),
                    self.origin(origin, passes))
        for value in made:
            value.node = node
        self.nodes.append(node)
        return node

    def origin(self, number: int, passes: tuple[str, ...]) -> Origin:
        """Where a node comes from."""
        found = self.origins.get((number, passes))
        if found is None:
            found = self.origins[number, passes] = replace(self.pool.origins[number], passes=passes)
        return found

    def attr(self, data: Any) -> Any:
        """An attribute."""
        if not isinstance(data, tuple):
            return data
        kind, first, *rest = data
        if kind == "tuple":
            return tuple(map(self.attr, first))
        if kind == "pooled":
            return self.pool.arrays[first]
        if kind == "array":
            return Array(np.frombuffer(rest[1], np.dtype(first)).reshape(rest[0]))
        return self.dim(first) if kind == "dim" else self.type(first) if kind == "type" else BY_SHORT[first]

    def type(self, data: Any) -> Type:
        """A type."""
        if data not in self.types:
            self.types[data] = self._type(data)
        return self.types[data]

    def _type(self, data: Any) -> Type:
        if data[0] == "ref":
            inner = self.type(data[1])
            assert isinstance(inner, TensorType)
            return RefType(inner)
        if data[0] == "list":
            return ListType(self.type(data[1]), self.dim(data[2]), data[3])
        return TensorType(BY_SHORT[data[0]], None if data[1] is None else tuple(map(self.dim, data[1])))

    def content(self, data: Any) -> Content:
        """What is known of a value's elements."""
        return None if data is None else tuple(map(self.dim, data))

    def dim(self, data: Any) -> Dim:
        """A size."""
        if not isinstance(data, tuple):
            return data  # type: ignore[no-any-return]
        if data not in self.dims:
            total: Dim = 0
            for monomial, c in data:
                value: Dim = c
                for atom in monomial:
                    value = mul(value, self.atom(atom))
                total = add(total, value)
            self.dims[data] = total
        return self.dims[data]

    def atom(self, data: Any) -> Dim:
        """A factor of a size."""
        if isinstance(data, int):
            return self.symbols[data].dim
        kind, first, second = data
        return FUNCTIONS[kind](self.dim(first), self.dim(second))


__all__: Sequence[str] = ["Pool", "Unencodable", "decode", "encode"]
