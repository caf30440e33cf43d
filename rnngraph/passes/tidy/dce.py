"""dce: what no result and no effect needs goes, slots of loops and branches included.

    %a = exp %x                                          %c = loop ... carry(%s=%s0) ...
    %c, %d = loop ... carry(%s=%s0, %u=%u0) ...    ->    return %c
    return %c

A node whose results nobody reads stays if it binds a size that others mention.
"""

from __future__ import annotations

from rnngraph.ir.graph import Graph
from rnngraph.ir.walk import all_nodes
from rnngraph.passes.tools.control_edges import loosen
from rnngraph.passes.tools.prune import prune


def _slots(graph: Graph) -> tuple[int, int, int]:
    """How many nodes, operands and control edges, and results a program has."""
    nodes = list(all_nodes(graph))
    return len(nodes), sum(len(n.operands) + len(n.after) for n in nodes), sum(len(n.results) for n in nodes)


def dce(graph: Graph) -> Graph:
    """`graph` without what is dead; the same object if nothing is."""
    pruned = loosen(prune(graph, keep_effects=True, closed=True))
    return graph if _slots(pruned) == _slots(graph) else pruned
