"""retype: types said again, from the parameters on, where a pass made some value better known than it was.

    %x = <row of f32[T,B,3]>                     (was: list_read, f32[*])
    %y = tanh %x : f32[*]                ->      %y = tanh %x : f32[B,3]

The close step's own machinery does it: composites that could not be expanded may be now, broadcasts become explicit,
sizes that the graph bound turn into others. Without the first feeds' sizes no guard is learned: what is demanded of sizes
and cannot be proved is checked at run time, and two sizes of parameters that broadcast give their maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnngraph.ir.binders import mentioned, standing
from rnngraph.ir.graph import Graph, Node, Value, expands
from rnngraph.ir.sizes import Dim, Expr, Symbol, maximum, symbols
from rnngraph.ir.walk import all_nodes, dims
from rnngraph.passes.close.builder import ClosingBuilder, ClosingSizes
from rnngraph.passes.close.guards import Conflict, Facts
from rnngraph.passes.close.sizes import Closer
from rnngraph.passes.tidy.dce import dce
from rnngraph.passes.tools.value_facts import fixed
from rnngraph.passes.typing.substitute_sizes import renamed_attrs


class _Sizes(ClosingSizes):
    """Demands on sizes of nodes whose types were settled before are met by guards and checks that are there."""

    settled = False

    def at_least(self, size: Dim, low: Dim, message: str) -> None:
        """See `ClosingSizes`."""
        if not self.settled:
            super().at_least(size, low, message)

    def holds(self, relation: str, a: Dim, b: Dim) -> bool | None:
        """See `ClosingSizes`."""
        if self.settled:
            return True if relation == ">=" or a == b else None
        return super().holds(relation, a, b)


class _Builder(ClosingBuilder):
    def __init__(self, graph: Graph, parent: _Builder | None, facts: Facts, given: set[Symbol]) -> None:
        super().__init__(graph, parent, facts)
        self.sizes: _Sizes = _Sizes(self)
        self.demands = True
        self.given = given
        """The sizes of the parameters."""

    def region(self, name: str = "") -> ClosingBuilder:
        """A builder for a region."""
        return _Builder(Graph(name, self.graph), self, self.facts, self.given)

    def decided(self, a: Dim, b: Dim) -> Dim:
        """Two sizes that broadcast, not known to be equal."""
        if all(s in self.given for d in (a, b) for s in symbols(d)):
            return a if isinstance(a, int) else b if isinstance(b, int) else maximum(a, b)
        return super().decided(a, b)

    def rejoined(self, a: Dim, b: Dim) -> Dim:
        """What a `joint_size` tells, by what is known now; if that isn't enough, it is told once more.

        It tells a size and demands nothing: whether the two broadcast is checked where they do, which may be in a branch
        that isn't taken.
        """
        self.demands = False
        try:
            return self.joined((a, b))
        except Conflict:
            return self.joint(a, b)
        finally:
            self.demands = True

    def check(self, a: Dim, b: Dim, message: str, relation: str = "==") -> None:
        """See `ClosingBuilder`."""
        if self.demands:
            super().check(a, b, message, relation)


class _Retyper(Closer):
    """Closes a closed graph again."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self.sizes: dict[Symbol, Dim] = {}
        """What the old graph's symbols are in the new one."""

    def body(self, builder: ClosingBuilder, old: Graph, params: Sequence[Value], new: Sequence[Value]) -> None:
        """One region; what its parameters bind is known by new names."""
        self.learn(old, params, new)
        super().body(builder, old, params, new)

    def results(self, builder: ClosingBuilder, node: Node) -> Sequence[Value]:
        """The new values of a node's results."""
        attrs = renamed_attrs(node.attrs, self.sizes)
        assert isinstance(builder, _Builder)
        if node.op.name == "joint_size":
            builder.origin = node.origin
            size = builder.rejoined(*attrs["dims"])
            told = builder.plain("sizes", (), {"dims": (size,), "scalar": True}).results
            self.learn(node.graph, node.results, told)
            return told
        builder.sizes.settled = all(map(fixed, node.results))
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


def retype(graph: Graph) -> Graph:
    """`graph` with types as good as they can be said now."""
    if any(node.op.name == "fused" for node in all_nodes(graph)):
        raise ValueError("types can be said again before kernels are made only: this graph has fused nodes")
    nothing = Facts({})  # there are no feeds to learn from
    builder = _Builder(Graph(graph.name), None, nothing, {s for p in graph.params for s in mentioned(p)})
    new = [builder.param(p.type, p.content, p.hint) for p in graph.params]
    builder.graph.binds.update(s for p in new for s in standing(p))
    _Retyper(nothing).body(builder, graph, graph.params, new)
    builder.graph.sealed = True
    return dce(builder.graph)


def settled(graph: Graph) -> Graph:
    """`graph`, typed again if a composite in it can be expanded: what a pass found out may have made that possible."""
    return retype(graph) if any(map(expands, all_nodes(graph))) else graph
