"""retype: types said again, from the parameters on, where a pass made some value better known than it was.

    %x = <row of f32[T,B,3]>                     (was: list_read, f32[*])
    %y = tanh %x : f32[*]                ->      %y = tanh %x : f32[B,3]

The close step's own machinery does it: composites that could not be expanded may be now, broadcasts become explicit,
sizes that the graph bound turn into others. What is demanded of sizes and cannot be proved is checked at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.sizes import Dim, Expr, Symbol
from rnngraph.ir.types import TensorType
from rnngraph.ir.walk import all_nodes, dims
from rnngraph.passes.cleanup import dce
from rnngraph.passes.close.sizes import ClosingBuilder, Facts, _Closer
from rnngraph.passes.edges import loosen
from rnngraph.passes.rename import renamed_attrs


class Unsettled(Exception):
    """Broadcasting that only the run can decide: the program stays as it was typed."""


class _Builder(ClosingBuilder):
    def region(self, name: str = "") -> ClosingBuilder:
        """A builder for a region."""
        return _Builder(Graph(name, self.graph), self, self.facts)

    def decided(self, a: Dim, b: Dim, what: str) -> Dim:
        """Two sizes that broadcast, not known to be equal."""
        raise Unsettled


class _Retyper(_Closer):
    """Closes a closed graph again. `sizes` says what the old graph's symbols are in the new one."""

    def __init__(self) -> None:
        super().__init__(Facts({}))
        self.sizes: dict[Symbol, Dim] = {}

    def body(self, builder: ClosingBuilder, old: Graph, params: Sequence[Value], new: Sequence[Value]) -> None:
        """One region; what its parameters bind is known by new names."""
        self.learn(old, params, new)
        super().body(builder, old, params, new)

    def results(self, builder: ClosingBuilder, node: Node) -> Sequence[Value]:
        """The new values of a node's results."""
        attrs = renamed_attrs(node.attrs, self.sizes)
        made = super().results(builder, node if attrs is node.attrs else replace(node, attrs=attrs))
        self.learn(node.graph, node.results, made)
        return made

    def learn(self, graph: Graph, old: Sequence[Value], new: Sequence[Value]) -> None:
        """What symbols bound by `old`, values of `graph`, are now."""
        for a, b in zip(old, new, strict=True):
            self.pairs(graph, list(dims(a.type)), list(dims(b.type)))
            self.pairs(graph, list(a.content or ()), list(b.content or ()))

    def pairs(self, graph: Graph, old: Sequence[Dim], new: Sequence[Dim]) -> None:
        """Note sizes side by side."""
        if len(old) == len(new):
            for d, e in zip(old, new, strict=True):
                symbol = d.symbol if isinstance(d, Expr) else None
                if symbol is not None and symbol in graph.binds and e is not None:
                    self.sizes[symbol] = e


def vague(graph: Graph) -> bool:
    """Whether any tensor of a program has a size without a name."""
    return any(isinstance(v.type, TensorType) and (v.type.shape is None or None in v.type.shape)
               for node in all_nodes(graph) for v in (*node.results, *(p for r in node.regions for p in r.params)))


def retype(graph: Graph) -> Graph:
    """`graph` with types as good as they can be said now; the same object where that cannot be decided."""
    if any(node.op.name == "fused" for node in all_nodes(graph)):
        return graph
    closer = _Retyper()
    builder = _Builder(Graph(graph.name), None, closer.facts)
    new = [builder.param(p.type, p.content, p.hint) for p in graph.params]
    builder.graph.binds = {s for p in graph.params for s in _own(p)}
    try:
        closer.body(builder, graph, graph.params, new)
    except Unsettled:
        return graph
    builder.graph.sealed = True
    return dce(loosen(builder.graph))


def _own(param: Value) -> list[Symbol]:
    found = [d.symbol for d in (*dims(param.type), *(param.content or ())) if isinstance(d, Expr)]
    return [s for s in found if s is not None]

