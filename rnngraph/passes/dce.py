"""dce: what no result and no effect needs goes, slots of loops and branches included.

    %a = exp %x                                          %c = loop ... carry(%s=%s0) ...
    %c, %d = loop ... carry(%s=%s0, %u=%u0) ...    ->    return %c
    return %c

A node whose results nobody reads stays if it binds a size that others mention.
"""

from __future__ import annotations

from collections.abc import Iterable

from rnngraph.ir.binders import unbound
from rnngraph.ir.graph import Graph, Node
from rnngraph.ir.sizes import Symbol, symbols
from rnngraph.ir.walk import all_nodes, type_symbols
from rnngraph.passes.close.prune import prune
from rnngraph.passes.known import named


def _slots(graph: Graph) -> tuple[int, int, int]:
    """How many nodes, operands and results a program has."""
    nodes = list(all_nodes(graph))
    return len(nodes), sum(len(n.operands) for n in nodes), sum(len(n.results) for n in nodes)


def _missing(graph: Graph, visible: set[Symbol]) -> set[Symbol]:
    """Sizes that a program mentions where they are not bound. `visible` grows by those that this region binds."""
    missing: set[Symbol] = set()

    def bind(values: Iterable[object]) -> None:
        for symbol, alone in unbound(values, visible).items():  # type: ignore[arg-type]
            if alone and symbol in graph.binds:
                visible.add(symbol)
            else:
                missing.add(symbol)
    bind(graph.params)
    for node in graph.nodes:
        missing |= named(node) - visible
        for region in node.regions:
            missing |= _missing(region, set(visible))
        bind(node.results)
    return missing


def _binders(graph: Graph, wanted: set[Symbol]) -> dict[Symbol, Node]:
    """The first node of a program, regions excluded, whose results mention each size."""
    found: dict[Symbol, Node] = {}
    for node in graph.nodes:
        for value in node.results:
            for s in {*type_symbols(value.type), *(s for d in value.content or () for s in symbols(d))}:
                if s in wanted:
                    found.setdefault(s, node)
    return found


def dce(graph: Graph) -> Graph:
    """`graph` without what is dead; the same object if nothing is."""
    targets: set[Node] = set()
    known = _missing(graph, set())
    while True:
        pruned = prune(graph, keep_effects=True, targets=targets, closed=True)
        missing = _missing(pruned, set()) - known
        if not missing:
            return graph if _slots(pruned) == _slots(graph) else pruned
        found = _binders(graph, missing)
        if len(found) < len(missing) or targets.issuperset(found.values()):
            return graph
        targets |= set(found.values())
