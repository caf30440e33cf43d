"""The frame of passes that rebuild loops: analyse the old loop, edit it, note what its sizes turned out to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from rnngraph.ir.graph import Builder, Graph, Node, Value
from rnngraph.ir.sizes import Dim, Symbol
from rnngraph.ir.walk import Rebuilder, all_nodes
from rnngraph.passes.dce import dce
from rnngraph.passes.edges import loosen
from rnngraph.passes.regions import Edit, Edited, edit_loop
from rnngraph.passes.rename import rename
from rnngraph.passes.trace import tracing
from rnngraph.passes.uses import Uses

Maker = Callable[[], Sequence[Value]]


class LoopPass:
    """One sweep over a program. Subclasses define `loop`, and may define `other`.

    `name` marks what it makes. `instead` says, for old nodes not met yet, what to make in their place. `sizes` are
    written otherwise at the end.
    """

    name = ""

    def __init__(self) -> None:
        self.changed = False
        self.sizes: dict[Symbol, Dim] = {}
        self.instead: dict[Node, Maker] = {}
        self.uses = Uses(Graph())

    def rule(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """What becomes of a node."""
        make = self.instead.get(node)
        if make is not None:
            with self.at(rb, node):
                return make()
        return self.loop(rb, node) if node.op.name == "loop" else self.other(rb, node)

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
        new = Rebuilder(self.rule).graph(graph)
        return rename(dce(loosen(new)), self.sizes) if self.changed else graph

    def edit(self, rb: Rebuilder, node: Node, edit: Edit) -> Edited:
        """Edit a loop, keeping types."""
        self.changed = True
        edit.types = lambda new: ()
        return edit_loop(rb, node, edit)
