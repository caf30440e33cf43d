"""hoist: work that is the same at every step is done once, in front of the loop.

    loop %n captures(%W=%w, %V=%v) ... do(%t) {          %u = mul %w, %v
        %u = mul %W, %V                           ->     loop %n captures(%U=%u) ... do(%t) {
        %y = contract %x, %u ... }                           %y = contract %x, %U ... }

Only nodes that cannot fail move: a loop of no steps runs none of its nodes. Draws move if their key is the same at
every step. Constants, sizes, broadcasts and views of what is captured stay: they cost nothing inside, an array outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnngraph.ir.binders import mentioned, names
from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.layout import LoopParts, parts
from rnngraph.ir.sizes import Symbol, symbols
from rnngraph.ir.walk import Rebuilder
from rnngraph.passes.loops.idle_slots import idle_slots
from rnngraph.passes.loops.loop_pass import LoopPass
from rnngraph.passes.tools.region_edits import Edit
from rnngraph.passes.tools.value_facts import plain

FREE = ("constant", "seeds", "sizes", "broadcast", "iota", "expand_dims", "squeeze", "reshape", "identity", "slice")
"""Ops that are no work: what they give is read from where it is."""


def steady(region: Graph, captures: Sequence[Value]) -> list[Node]:
    """The nodes of a region that compute the same at every step and could run in front of it. What reads values of sizes that
    the region has checked may rest on that check, so it stays behind it."""
    same: set[Value] = set(captures)
    checked: set[Symbol] = set()
    found = []
    for node in region.nodes:
        if node.op.name == "check_sizes":
            checked.update(s for v in node.operands for d in v.content or () for s in symbols(d))
        if checked and not checked.isdisjoint(s for v in node.operands for s in mentioned(v)):
            continue
        if plain(node) and all(v in same for v in node.operands) and not names(node) & region.binds:
            found.append(node)
            same.update(node.results)
    return found


class _Hoist(LoopPass):
    name = "hoist"

    def loop(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """A loop without steady work."""
        p = parts(node)
        moved = [n for n in steady(p.body, p.body_captures) if n.op.name not in FREE]
        if not moved:
            return None
        outside = _Outside(rb, p)
        for inner in moved:
            values = [outside.value(v) for v in inner.results]
            self.instead[inner] = lambda values=values: values  # type: ignore[misc]
        return [v for v in self.edit(rb, node, Edit()).old if v is not None]


class _Outside:
    """Steady values of a body, made in front of the loop."""

    def __init__(self, rb: Rebuilder, p: LoopParts) -> None:
        self.rb = rb
        self.made = {inner: rb.value(outer) for inner, outer in zip(p.body_captures, p.captures, strict=True)}

    def value(self, value: Value) -> Value:
        """The value in front of the loop."""
        if value not in self.made:
            node = value.node
            assert node is not None
            new = self.rb.builder.node(node.op, [self.value(v) for v in node.operands], node.attrs, (), node.name,
                                       [v.type for v in node.results], (), node.origin, [v.hint for v in node.results])
            for old, made in zip(node.results, new.results, strict=True):
                made.content = old.content
                self.made[old] = made
        return self.made[value]


def hoist(graph: Graph) -> Graph:
    """`graph` with steady work in front of loops, as far out as it can go; `idle_slots` then hand it on as captures."""
    while True:
        before, graph = graph, idle_slots(_Hoist().run(graph))
        if graph is before:
            return graph
