"""forced: what an edge or a target names runs, though nobody reads it, where it may fail.

    %g = take %x, %i                          %g = take %x, %i
    %y = mul %x, %x after(%g)       -->       force %g
    return %y                                 %y = mul %x, %x
                                              return %y

`force` asks for all that is named while the graph is open, where any op may yet turn out to fail; `relieve` keeps of it
what may fail once sizes are settled. What has an effect runs by itself. Of a loop or branch the result that is named is
wanted, as in TensorFlow, where each is an op of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.types import TensorType
from rnngraph.ir.walk import Rebuilder, all_nodes
from rnngraph.passes.tools.prune import has_effect

SAFE = frozenset({"constant", "seeds", "sizes", "placeholder", "variable", "no_op", "history", "force"})


def _asked(node: Node) -> bool:
    return node.op.name not in SAFE and (bool(node.regions) or not has_effect(node)) and any(_results(node))


def _results(node: Node) -> list[Value]:
    return [v for v in node.results if isinstance(v.type, TensorType)]


def force(graph: Graph, targets: Sequence[Node]) -> tuple[Graph, list[Node]]:
    """`graph` with a `force` of each node that `targets` or control edges name; and the targets in it."""
    named = {m for m in (*targets, *(m for n in all_nodes(graph) for m in n.after)) if _asked(m)}
    if not named:
        return graph, list(targets)

    def rule(rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        if node not in named:
            return None
        copy = rb.copy(node)
        rb.builder.node("force", _results(copy), name=node.name, origin=copy.origin)
        return copy.results
    rb = Rebuilder(rule)
    return rb.graph(graph), [m for t in targets for m in rb.nodes[t]]


def relieve(graph: Graph) -> Graph:
    """`graph` in which each `force` asks for what may fail only."""
    if not any(n.op.name == "force" for n in all_nodes(graph)):
        return graph
    known: dict[Node, bool] = {}

    def may_fail(node: Node) -> bool:
        if node not in known:
            known[node] = node.op.fails or any(may_fail(n) for r in node.regions for n in r.nodes)
        return known[node]

    def failing(values: Iterable[Value]) -> Iterator[Value]:
        stack, seen = list(values), set[Value]()
        while stack:
            value = stack.pop()
            if value.node is None or value in seen:
                continue
            seen.add(value)
            if may_fail(value.node):
                yield value
            else:
                stack.extend(value.node.operands)

    def rule(rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        if node.op.name != "force":
            return None
        wanted = [rb.value(v) for v in failing(node.operands)]
        return rb.copy(node, wanted).results if wanted else ()
    return Rebuilder(rule).graph(graph)
