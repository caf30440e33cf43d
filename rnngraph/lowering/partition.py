"""A closed graph cut into stretches of native nodes, loops that grow, and host steps between them.

    %a = mul ..    |  stretch             native as one plan
    %i = where ..  |  host step           the size of its result is decided by data
    %b = take ..   |  stretch

A loop or branch without host steps inside is native as a whole; one with host steps is driven by the host, and its regions
are cut in their turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Union

from rnngraph.ir.binders import binds, mentioned, names
from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.walk import type_symbols
from rnngraph.lowering.open_ended_loops import grows
from rnngraph.lowering.support import why_host


@dataclass(eq=False)
class Stretch:
    """Consecutive native nodes, what they read and what of theirs is wanted."""

    nodes: list[Node]
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)


@dataclass(eq=False)
class OpenEnded:
    """A native loop that keeps rows without knowing how many."""

    node: Node

    @property
    def nodes(self) -> list[Node]:
        """The loop."""
        return [self.node]


@dataclass(eq=False)
class HostNode:
    """A node that runs on the host, and why; the regions of a loop or branch are parts of their own."""

    node: Node
    why: str
    regions: list[Parts]

    @property
    def nodes(self) -> list[Node]:
        """The node."""
        return [self.node]


Piece = Union[Stretch, OpenEnded, HostNode]


@dataclass(eq=False)
class Parts:
    """A graph or region in pieces, in order. `own` are the sizes that it mentions."""

    graph: Graph
    own: set[Symbol]
    pieces: list[Piece]


def _of(values: Iterable[Value]) -> set[Symbol]:
    return {s for v in values for s in mentioned(v)}


def _used(node: Node) -> set[Symbol]:
    """The sizes that running a node takes."""
    return names(node) | _of(node.operands)


def partition(graph: Graph) -> Parts:
    """The graph in pieces."""
    parts = Parts(graph, _of((*graph.params, *(v for n in graph.nodes for v in n.results))), [])
    known = _of(graph.params)
    told: set[Symbol] = set()
    """Sizes that the open stretch tells: what uses them begins another."""
    for node in graph.nodes:
        new = binds(node) - known
        why = why_host(node) or _decided_by_data(node, new)
        last = parts.pieces[-1] if parts.pieces else None
        if why is not None:
            parts.pieces.append(HostNode(node, why, [partition(r) for r in node.regions]))
        elif grows(node):
            parts.pieces.append(OpenEnded(node))
        elif isinstance(last, Stretch) and told.isdisjoint(_used(node)):
            last.nodes.append(node)
        else:
            parts.pieces.append(Stretch([node]))
            told = set()
        known |= new
        told |= new
    _ports(parts)
    return parts


def _decided_by_data(node: Node, new: set[Symbol]) -> str | None:
    """Why room for a node's results cannot be made before it runs, which tells `new` sizes; None if it can."""
    if grows(node):
        return None
    decided = any(not new.isdisjoint(type_symbols(v.type)) for v in node.results)
    return "the size of its result is decided by data" if decided else None


def _ports(parts: Parts) -> None:
    """What each stretch reads and gives: what is read later, and numbers that are sizes which are used later."""
    wanted: set[Value] = set(parts.graph.results)
    needed = _of(parts.graph.results)
    for piece in reversed(parts.pieces):
        if isinstance(piece, Stretch):
            made = [v for n in piece.nodes for v in n.results]
            piece.outputs = [v for v in made if v in wanted or (
                v.content is not None and not needed.isdisjoint(parts.own.intersection(mentioned(v))))]
            inside = set(made)
            piece.inputs = list(dict.fromkeys(v for n in piece.nodes for v in n.operands if v not in inside))
        for n in piece.nodes:
            wanted.update(n.operands)
            needed |= _used(n)
