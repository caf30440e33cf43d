"""Structural equality of graphs: the same nodes in the same order, whatever values, sizes and nodes are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnngraph.ir.binders import plain_content, standing
from rnngraph.ir.graph import Array, Graph, Node, Value
from rnngraph.ir.op import Content
from rnngraph.ir.sizes import Dim, Expr, Symbol, substitute
from rnngraph.ir.types import ListType, RefType, TensorType, Type, as_dtype
from rnngraph.ir.walk import map_dims


def same_graph(a: Graph, b: Graph) -> bool:
    """Whether two graphs have the same structure: names, hints and provenance aside."""
    return difference(a, b) is None


def difference(a: Graph, b: Graph) -> str | None:
    """The first place where two graphs differ, in words; None if they are the same."""
    return _Comparison().graphs(a, b, "graph")


class _Comparison:
    def __init__(self) -> None:
        self.values: dict[Value, Value] = {}
        self.nodes: dict[Node, Node] = {}
        self.symbols: dict[Symbol, Dim] = {}
        self.taken: set[Symbol] = set()

    def graphs(self, a: Graph, b: Graph, where: str) -> str | None:
        """Compare two graphs whose surroundings are the same."""
        if len(a.params) != len(b.params) or len(a.nodes) != len(b.nodes):
            return (f"{where}: {len(a.params)} parameters and {len(a.nodes)} nodes against "
                    f"{len(b.params)} and {len(b.nodes)}")
        found = self.define(a.params, b.params, f"{where}, parameters")
        for i, (m, n) in enumerate(zip(a.nodes, b.nodes, strict=True)):
            found = found or self.pair(m, n, f"{where}, node {i} ({m.op.name})")
            if found:
                return found
        return found or (None if self.read(a.results, b.results) else f"{where}: other results")

    def read(self, a: Sequence[Value], b: Sequence[Value]) -> bool:
        """Whether b's values stand for a's."""
        return [self.values.get(v) for v in a] == list(b)

    def pair(self, m: Node, n: Node, where: str) -> str | None:
        """Compare two nodes."""
        if m.op is not n.op:
            return f"{where}: the other is {n.op.name}"
        if not self.read(m.operands, n.operands):
            return f"{where}: other operands"
        if {self.nodes.get(k) for k in m.after} != set(n.after):
            return f"{where}: other control edges"
        if list(m.attrs) != list(n.attrs) or not all(self.equal(m.attrs[k], n.attrs[k]) for k in m.attrs):
            return f"{where}: attributes {dict(m.attrs)} against {dict(n.attrs)}"
        if len(m.regions) != len(n.regions):
            return f"{where}: {len(m.regions)} regions against {len(n.regions)}"
        for i, (r, s) in enumerate(zip(m.regions, n.regions, strict=True)):
            found = self.graphs(r, s, f"{where}, region {i}")
            if found:
                return found
        self.nodes[m] = n
        return self.define(m.results, n.results, where)

    def define(self, a: Sequence[Value], b: Sequence[Value], where: str) -> str | None:
        """Compare types and contents of values that are defined together; afterwards they stand for each other."""
        if len(a) != len(b):
            return f"{where}: {len(a)} values against {len(b)}"
        for v, w in zip(a, b, strict=True):
            for s, t in zip(standing(v), standing(w), strict=False):
                if s not in self.symbols and t not in self.taken:
                    self.symbols[s] = t.dim
                    self.taken.add(t)
        for v, w in zip(a, b, strict=True):
            if not self.types(v.type, w.type) or not self.contents(v.content, w.content):
                return f"{where}: {v.type} = {v.content} against {w.type} = {w.content}"
            self.values[v] = w
        return None

    def dim(self, d: Dim) -> Dim:
        """A dim of the first graph in the second's symbols."""
        return substitute(d, self.symbols)

    def types(self, a: Type, b: Type) -> bool:
        """Whether two types are the same."""
        return map_dims(a, self.dim) == b

    def contents(self, a: Content, b: Content) -> bool:
        """Whether two contents are the same."""
        first = plain_content(a)
        return (first and tuple(map(self.dim, first))) == plain_content(b)

    def equal(self, a: Any, b: Any) -> bool:
        """Whether two attribute values are the same."""
        if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
            return len(a) == len(b) and all(map(self.equal, a, b))
        if isinstance(a, Array) and isinstance(b, Array):
            return same_array(a.array, b.array)
        if isinstance(a, Expr):
            return bool(self.dim(a) == b)
        if isinstance(a, (TensorType, ListType, RefType)) and isinstance(b, (TensorType, ListType, RefType)):
            return self.types(a, b)
        if isinstance(a, float) and isinstance(b, float):
            return str(a) == str(b)
        return bool(type(a) is type(b) and a == b) or a is b


def same_array(a: Any, b: Any) -> bool:
    """Whether two arrays hold the same bits; string arrays the same strings."""
    if a.shape != b.shape or as_dtype(a.dtype) != as_dtype(b.dtype):
        return False
    if a.dtype.kind in "OSU":
        return bool(a.tolist() == b.tolist())
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
