"""dce: what no result and no effect needs goes, slots of loops and branches included.

    %a = exp %x                                          %c = loop ... carry(%s=%s0) ...
    %c, %d = loop ... carry(%s=%s0, %u=%u0) ...    ->    return %c
    return %c

A node whose results nobody reads stays if it binds a size that others mention.
"""

from __future__ import annotations

from rnngraph.ir.graph import Graph
from rnngraph.passes.tools.control_edges import loosen
from rnngraph.passes.tools.prune import analyse, entire, prune


def dce(graph: Graph) -> Graph:
    """`graph` without what is dead, and without control edges that mean nothing; the same object if nothing is."""
    if entire(graph, analyse(graph, graph.results, (), keep_effects=True)):
        return loosen(graph)
    return loosen(prune(graph, keep_effects=True, closed=True))
