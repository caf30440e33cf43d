"""A roll: the steps of a loop that a program spelled out, and where its nodes are."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rnngraph.ir.graph import Node, Value
from rnngraph.ir.walk import all_nodes
from rnngraph.passes.loops.row_sources import Axis, row_of
from rnngraph.passes.tools.value_facts import attributes

StepResult = tuple[int, int]
"""A result of a node of a step: the node's number and the result's."""


@dataclass(eq=False)
class Roll:
    """`steps[i][j]` is node j in step i. `first` is where its first step begins in the sequence that was searched.
    `reverse`: the loop reads its rows from the last to the first."""

    steps: list[list[Node]]
    first: int
    reverse: bool = False

    def row(self, step: int) -> int:
        """The row of its stacks that a step writes, which is the row of its rows that it reads."""
        return len(self.steps) - 1 - step if self.reverse else step


class Kept(NamedTuple):
    """What a roll keeps, step by step, of one place, as what rows are taken from."""

    roll: Roll
    place: StepResult


class Row(NamedTuple):
    """A value as row `number` of something."""

    base: Axis | Kept
    number: int


class Made(NamedTuple):
    """Where a value comes from: node `j` of a step of a roll."""

    roll: Roll
    step: int
    j: int


class Where:
    """Which nodes of a program belong to which step of which roll."""

    def __init__(self) -> None:
        self.nodes: dict[Node, Made] = {}

    def __contains__(self, node: Node) -> bool:
        return node in self.nodes

    def made(self, value: Value) -> Made | None:
        """The roll, the step and the node of the step that make a value."""
        return self.nodes.get(value.node) if value.node is not None else None

    def enter(self, roll: Roll) -> None:
        """Note the nodes of a roll."""
        for i, step in enumerate(roll.steps):
            self.nodes.update((node, Made(roll, i, j)) for j, node in enumerate(step))

    def leave(self, steps: Sequence[Sequence[Node]]) -> None:
        """Forget the nodes of some steps."""
        for step in steps:
            for node in step:
                del self.nodes[node]

    def row(self, value: Value) -> Row | None:
        """Which row of what a value is."""
        found = self.made(value)
        if found is not None:
            return Row(Kept(found.roll, (found.j, value.index)), found.roll.row(found.step))
        known = row_of(value)
        return None if known is None else Row(*known)


def same(value: Value) -> Hashable:
    """A key that is equal for values that are one: equal constants are, and sizes."""
    node = value.node
    return (node.op.name, attributes(node)) if node is not None and node.op.name in ("constant", "sizes") else value


def inputs(node: Node) -> list[Value]:
    """What a node reads: its operands, and the constants in its branches, which may be others in another step."""
    if not node.regions:
        return list(node.operands)
    inner = [n for region in node.regions for n in all_nodes(region)]
    return [*node.operands, *(n.results[0] for n in inner if n.op.name == "constant")]


def families(steps: Sequence[Sequence[Node]]) -> Iterator[list[Value]]:
    """For each input of each node of a step: the values that it is, step by step."""
    for nodes in zip(*steps, strict=True):
        yield from (list(values) for values in zip(*map(inputs, nodes), strict=True))


def varies(values: Sequence[Value]) -> bool:
    """Whether a family is not one value in all steps."""
    first = same(values[0])
    return any(same(v) != first for v in values)
