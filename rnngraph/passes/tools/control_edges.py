"""Control edges kept right while nodes come and go.

    !1: assert %ok                                   !1: assert %ok
    !2: %y = refine %x after(!1)      --bridge-->    !2: %y = refine %x after(!1)       then `refine` may go,
    print %z after(!2)                               print %z after(!2, !1)             and `loosen` drops !2

`bridge` before a pass that drops nodes, `loosen` after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnngraph.ir.graph import Graph, Node
from rnngraph.ir.walk import Rebuilder, all_nodes, is_ordered


def _effects(node: Node) -> bool:
    return node.op.effects != "pure" or any(_effects(n) for r in node.regions for n in r.nodes)


def _through(node: Node, seen: set[Node]) -> Iterator[Node]:
    for before in node.after:
        if before not in seen:
            seen.add(before)
            yield before
            if not _effects(before):
                yield from _through(before, seen)


class _Edges(Rebuilder):
    def __init__(self, far: bool) -> None:
        super().__init__(lambda rb, node: None)
        self.far = far

    def after(self, node: Node) -> tuple[Node, ...]:
        """The new control edges of an old node."""
        before: Sequence[Node] = tuple(_through(node, set())) if self.far else node.after
        if not is_ordered(node):
            return ()
        return tuple(dict.fromkeys(n for old in before if is_ordered(old) for n in self.nodes.get(old, ())))


def bridge(graph: Graph) -> Graph:
    """`graph`, where what is ordered through a node that may go is ordered without it as well."""
    if any(set(_through(n, set())) - set(n.after) for n in all_nodes(graph) if n.after):
        return _Edges(True).graph(graph)
    return graph


def loosen(graph: Graph) -> Graph:
    """`graph` without the control edges that mean nothing."""
    if any(not is_ordered(n) or not all(map(is_ordered, n.after)) for n in all_nodes(graph) if n.after):
        return _Edges(False).graph(graph)
    return graph
