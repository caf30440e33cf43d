"""twins: a loop or `if` whose histories are wanted is rebuilt once, with a stack (or result) for each.

    %y = loop ...;  %r = history %trips {path="0,7"}      ->      %y, %r = loop ... stacks(value 7)

A body's assignments, draws and host calls then happen once, however many gradients are taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.types import Type
from rnngraph.ir.walk import Rebuilder
from rnngraph.ops.control import FILLER, history_type, numbered
from rnngraph.passes.tools.region_edits import Edit, edit_if, edit_loop

Path = tuple[int, ...]


class _Twins:
    def __init__(self) -> None:
        self.asked: dict[Node, list[Path]] = {}
        self.found: dict[tuple[Node, Path], Value] = {}

    def ask(self, node: Node, path: Path) -> None:
        """Note that the history at `path` of `node` is wanted, and what that asks of nodes inside."""
        paths = self.asked.setdefault(node, [])
        if path in paths:
            return
        paths.append(path)
        if len(path) > 2:
            self.ask(node.regions[path[0]].nodes[path[1]], path[2:])

    def collect(self, graph: Graph) -> None:
        """Find every history in a graph and its regions."""
        for node in graph.nodes:
            if node.op.name == "history":
                owner = node.operands[0].node
                assert owner is not None
                self.ask(owner, node.attrs["path"])
            for region in node.regions:
                self.collect(region)

    def rule(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        if node.op.name == "history":
            owner = node.operands[0].node
            assert owner is not None
            return [self.found[owner, node.attrs["path"]]]
        if node.op.name not in ("loop", "if"):
            return None
        paths = self.asked.get(node, [])

        def leave(which: int) -> tuple[Sequence[Value], Sequence[Value]]:
            return (), [self.value(rb, node, which, path) for path in paths]

        edit = Edit(leave=leave)
        done = edit_if(rb, node, edit) if node.op.name == "if" else edit_loop(rb, node, edit)
        for path, value in zip(paths, done.stacks, strict=True):
            self.found[node, path] = value
        return [v for v in done.old if v is not None]

    def value(self, rb: Rebuilder, node: Node, which: int, path: Path) -> Value:
        """What a region adds to its results for `path`."""
        if path[0] != which:
            return self.filler(rb, node, path)
        region = node.regions[which]
        if len(path) == 2:
            return rb.value(numbered(region)[path[1]])
        return self.found[region.nodes[path[1]], path[2:]]

    def filler(self, rb: Rebuilder, node: Node, path: Path) -> Value:
        """What the other branch gives in place of a value that it does not have; nothing reads it."""
        return rb.builder.node(FILLER, (), {"type": _type_at(node, path)}, origin=node.origin).results[0]


def _type_at(node: Node, path: Path) -> Type:
    """The type of the value (or history) at `path` in its own region."""
    region = node.regions[path[0]]
    if len(path) > 2:
        owner = region.nodes[path[1]]
        return history_type(owner, _type_at(owner, path[2:]))
    return numbered(region)[path[1]].type


def twins(graph: Graph) -> Graph:
    """`graph` with every history as a stack or result of its owner."""
    work = _Twins()
    work.collect(graph)
    if not work.asked:
        return graph
    return Rebuilder(work.rule, "twins").graph(graph)
