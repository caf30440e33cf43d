"""The frame of passes that rebuild loops: analyse the old loop, edit it, note what its sizes turned out to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from rnngraph.ir.graph import Builder, Graph, Node, Value
from rnngraph.ir.sizes import Dim
from rnngraph.ir.walk import Rebuilder, all_nodes, dims
from rnngraph.passes.tidy.dce import dce
from rnngraph.passes.tools.equal_sizes import EqualSizes
from rnngraph.passes.tools.readers import Uses
from rnngraph.passes.tools.region_edits import Edit, Edited, edit_loop
from rnngraph.passes.tools.trace import tracing
from rnngraph.passes.typing.substitute_sizes import rename

Maker = Callable[[], Sequence[Value]]


class _Change(Exception):
    """A pass that only looks would build something."""


class _Look(Builder):
    """Stands for the program that a pass would make: to build into it is to change something."""

    def local(self, value: Value) -> Value:
        """Nothing is built."""
        raise _Change

    def node(self, *args: Any, **more: Any) -> Node:
        """Nothing is built."""
        raise _Change


class LoopPass:
    """One sweep over a program, which looks before it builds. Subclasses define `loop`, and may define `other`.

    `name` marks what it makes. `instead` says, for old nodes not met yet, what to make in their place. `sizes` are
    written otherwise at the end.
    """

    name = ""

    def __init__(self) -> None:
        self.changed = self.looks = False
        self.sizes = EqualSizes()
        self.instead: dict[Node, Maker] = {}
        self.uses = Uses(Graph())

    def rule(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """What becomes of a node. What its results bound is what stands in their place now."""
        made = self.replaced(rb, node)
        for old, new in zip(node.results, made or (), strict=False):
            self.same(old, new)
        return made

    def replaced(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """The new values of a node's results."""
        make = self.instead.get(node)
        if make is not None:
            with self.at(rb, node):
                return make()
        return self.loop(rb, node) if node.op.name == "loop" else self.other(rb, node)

    def same(self, old: Value, new: Value) -> None:
        """Note that sizes which the old value binds in its graph are the new one's."""
        self.note(old.graph, list(dims(old.type)), list(dims(new.type)))
        self.note(old.graph, old.content or (), new.content or ())

    def note(self, graph: Graph, inner: Sequence[Dim], outer: Sequence[Dim]) -> None:
        """Note that sizes that `graph` binds are others, side by side."""
        if len(inner) == len(outer):
            self.sizes.pairs(graph.binds, inner, outer)

    def loop(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """What becomes of a loop; None: a copy."""
        raise NotImplementedError

    def other(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """What becomes of another node; None: a copy."""
        return None

    def at(self, rb: Rebuilder, node: Node) -> AbstractContextManager[Builder]:
        """Build what becomes of `node`."""
        return tracing(rb.builder, node, self.name)

    def run(self, graph: Graph) -> Graph:
        """The program after the sweep; the same object if it changed nothing."""
        if not any(n.op.name == "loop" or n.op.name.startswith("list_") for n in all_nodes(graph)):
            return graph
        self.uses = Uses(graph)
        if not self.fits(graph):
            return graph
        new = Rebuilder(self.rule).graph(graph)
        return dce(rename(new, self.sizes.found())) if self.changed else graph

    def fits(self, graph: Graph) -> bool:
        """Whether the sweep would change anything."""
        look = Rebuilder(lambda rb, node: None)
        look.builder = _Look(graph)
        self.looks = True
        try:
            return any(self.replaced(look, node) is not None for node in all_nodes(graph))
        except _Change:
            return True
        finally:
            self.looks = False
            self.instead.clear()
            self.sizes = EqualSizes()

    def edit(self, rb: Rebuilder, node: Node, edit: Edit) -> Edited:
        """Edit a loop, keeping types."""
        if self.looks:
            raise _Change
        self.changed = True
        edit.types = lambda new: ()
        return edit_loop(rb, node, edit)
