"""Which parts of a program are the steps of a loop that somebody unrolled: what `reroll` makes loops of.

A `Roll` is the same nodes step after step, wired alike: what a node reads is made in its own step, or in the step before,
or is the same for all steps, or is a row of something, the rows following one another. Nodes that may stand anywhere
before what they are for (constants, slices of what is there once) do not count as nodes of a step.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence

from rnngraph.ir.binders import binds, names
from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.kinds import Control, Elementwise, Random
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.types import TensorType
from rnngraph.ir.walk import all_nodes
from rnngraph.ops.control import numbered
from rnngraph.passes.loops.join_rolls import Joiner
from rnngraph.passes.loops.repeats import Repeat, repeats
from rnngraph.passes.loops.roll import Roll, Row, StepResult, Where, families, inputs, same, varies
from rnngraph.passes.tools.value_facts import attributes, fixed

LEAST = 4
"""Steps that a loop must have."""
GAIN = 60
"""Nodes that a loop must save."""

PARTING = ("slice", "squeeze", "unstack", "split", "split_v", "strided_slice")
"""Ops that take rows of something, which may be done before a loop."""
SEPARATE = "separate"
"""How a family moves whose values were made one by one."""


class Rolls:
    """Finds the rolls of a graph. `kept` nodes stay as they are.

    `nodes` is the sequence that is searched: without those that `float`. `since` says of each node of the graph, from which
    place in the sequence on its results can be read.
    """

    def __init__(self, graph: Graph, kept: Collection[Node]) -> None:
        self.graph = graph
        self.kept = {*kept, *(n for node in graph.nodes for n in node.after)}
        self.numbers: dict[Hashable, int] = {}
        self.signs = {node: self.sign(node) for node in graph.nodes}
        self.often = Counter(self.signs.values())
        self.floating: set[Node] = set()
        for node in graph.nodes:
            if self.floats(node):
                self.floating.add(node)
        self.nodes = [n for n in graph.nodes if n not in self.floating]
        self.at = {n: i for i, n in enumerate(self.nodes)}
        self.weights = [0, *itertools.accumulate(1 + sum(1 for r in n.regions for _ in all_nodes(r)) for n in self.nodes)]
        """How many nodes there are in front of each place, those inside others included."""
        self.since: dict[Node, int] = {}
        self.place()
        self.where = Where()
        self.found: list[Roll] = []
        self.parts: dict[Repeat, Repeat | None] = {}
        """What `wired` found."""

    # --- the sequence ---------------------------------------------------------------------------------------------------

    def place(self) -> None:
        """Find `since`. Nothing moves in front of what tells a size that it names."""
        teller: dict[Symbol, Node] = {}
        for node in self.graph.nodes:
            needs = [v.node for v in node.operands if v.node is not None]
            if self.graph.binds:
                needs += [teller[s] for s in names(node) if s in teller]
                teller.update((s, node) for s in binds(node) if s not in teller)
            self.since[node] = self.at[node] + 1 if node in self.at else max((self.since[n] for n in needs), default=0)

    def sign(self, node: Node) -> int:
        """A number that nodes share which can be one node of a loop's body; one that cannot be has one of its own."""
        alone = node.after or node in self.kept or not node.results or binds(node)
        key = None if alone else _text(node, {})
        try:
            return self.numbers.setdefault(node if key is None else key, len(self.numbers))
        except TypeError:
            return self.numbers.setdefault(node, len(self.numbers))

    def floats(self, node: Node) -> bool:
        """Whether a node may be made anywhere before it is read, and is not one that steps have in common."""
        if node.after or node in self.kept:
            return False
        if node.op.name in ("constant", "seeds", "sizes", "variable", "read"):
            return True
        if node.op.name in PARTING or (isinstance(node.op.kind, Random) and not node.op.fails):
            return all(v.node is None or v.node in self.floating or self.often[self.signs[v.node]] < LEAST
                       for v in node.operands)
        return False

    # --- finding --------------------------------------------------------------------------------------------------------

    def find(self) -> list[Roll]:
        """All rolls, in the order of the program."""
        refused: set[tuple[int, int]] = set()
        while windows := self.windows(GAIN, refused):
            for window in windows:
                roll = self.rolled(window, GAIN)
                if roll is None:
                    refused.add((window.start, window.period))
                else:
                    self.found.append(roll)
        self.found.sort(key=lambda roll: roll.first)
        joiner = Joiner(self.where, {node: i for i, node in enumerate(self.graph.nodes)}, self.since)
        self.found = [roll for roll in self.found if not joiner.join(roll, self.found)]
        # What is too short for a loop of its own may still be the end of another.
        for window in self.windows(LEAST - 1, refused) if self.found else ():
            roll = self.rolled(window, LEAST - 1)
            if roll is not None and not joiner.join(roll, self.found):
                self.where.leave(roll.steps)
        return self.found

    def windows(self, gain: int, refused: set[tuple[int, int]]) -> list[Repeat]:
        """Repeats that save so many nodes and do not overlap, in order."""
        used = len(self.numbers)
        signs = [used + i if n in self.where else self.signs[n] for i, n in enumerate(self.nodes)]
        taken, found = bytearray(len(signs)), []
        for repeat in repeats(signs, LEAST):
            start, period, length = repeat
            if self.weights[start + length] - self.weights[start + period] < gain:
                continue
            if length - taken.count(1, start, start + length) < LEAST * period:
                continue
            if repeat not in self.parts:
                self.parts[repeat] = self.wired(repeat)
            wired = self.parts[repeat]
            if wired is not None and (wired.start, period) not in refused:
                stop = wired.start + wired.length
                if not taken.count(1, wired.start, stop):
                    taken[wired.start:stop] = b"\1" * wired.length
                    found.append(wired)
        return sorted(found)

    def wiring(self, start: int, period: int) -> list[StepResult | None]:
        """Where one step's inputs are made: (node, result) counted from the step's start; None: somewhere else."""
        at, found = self.at, []
        for node in self.nodes[start:start + period]:
            for v in inputs(node) if node.regions else node.operands:
                place = at.get(v.node) if v.node is not None else None
                found.append(None if place is None or place < start - period else (place - start, v.index))
        return found

    def wired(self, repeat: Repeat) -> Repeat | None:
        """The longest part of a repeat whose steps are wired alike, cut into steps where the fewest values are handed on."""
        start, period, length = repeat
        spare = length % period
        _, start = min((len({w for w in self.wiring(s + period, period) if w is not None and w[0] < 0}), s)
                       for s in range(start, start + spare + 1))
        steps = (length - (start - repeat.start)) // period
        wires = [self.wiring(start + i * period, period) for i in range(steps)]
        low, high = _longest(wires)
        if low > 0 and self.begins(wires[low - 1], wires[low], start + (low - 1) * period, period):
            low -= 1
        return Repeat(start + low * period, period, (high - low) * period) if high - low >= LEAST else None

    def begins(self, first: Sequence[StepResult | None], others: Sequence[StepResult | None], start: int, period: int) -> bool:
        """Whether a step wired differently can be the first: what the others get from the step before, it may get from
        anywhere, if it is of the same type."""
        nodes = self.nodes[start:start + period]
        given = [v for node in nodes for v in inputs(node)]
        for a, b, v in zip(first, others, given, strict=True):
            if b is None or b[0] >= 0:
                if a != b:
                    return False
            elif (a is not None and a[0] >= 0) or v.type != nodes[period + b[0]].results[b[1]].type:
                return False
        return True

    # --- what a roll reads ----------------------------------------------------------------------------------------------

    def rolled(self, window: Repeat, gain: int) -> Roll | None:
        """The roll of a window, or of the most steps of it whose rows follow one another; None if it cannot be one."""
        start, period, length = window
        steps = [self.nodes[i:i + period] for i in range(start, start + length, period)]
        wires = self.wiring(start + period, period)
        rows = [values for wire, values in zip(wires, families(steps), strict=True) if wire is None and varies(values)]
        if rows:
            moves = [self.moves(values) for values in rows]
            low, high = _longest([None if None in now else now for now in zip(*moves, strict=True)])
            steps, start = steps[low:high + 1], start + low * period
        if len(steps) < LEAST or self.weights[start + len(steps) * period] - self.weights[start + period] < gain:
            return None
        roll = Roll(steps, start)
        if not self.possible(roll, wires):
            return None
        self.where.enter(roll)
        return roll

    def moves(self, values: Sequence[Value]) -> list[Hashable]:
        """How a family goes from each step to the next: by which row of what. None where it jumps."""
        rows = [self.where.row(v) for v in values]
        return [_move(a, b) for a, b in zip(rows, rows[1:], strict=False)]

    def before(self, value: Value, roll: Roll) -> bool:
        """Whether a value can be there before a roll."""
        return value.node is None or self.since.get(value.node, 0) <= roll.first

    def possible(self, roll: Roll, wires: Sequence[StepResult | None]) -> bool:
        """Whether everything that a roll reads is there before it, and can be handed on or be rows; says its direction."""
        steps, backwards = roll.steps, 0
        readers = [nodes for nodes in zip(*steps, strict=True) for _ in inputs(nodes[0])]
        for wire, values, nodes in zip(wires, families(steps), readers, strict=True):
            if wire is not None and wire[0] >= 0:
                continue
            if not all(self.before(v, roll) for v in (values if wire is None else values[:1])):
                return False
            if wire is not None:
                handed = steps[0][len(steps[0]) + wire[0]].results[wire[1]]
                if values[0].type != handed.type:
                    return False
            elif varies(values):
                move = self.moves(values)[0]
                backwards -= move[1] if isinstance(move, tuple) else 0
                if move == SEPARATE and not _separate(values, nodes):
                    return False
            else:
                continue
            if not fixed(values[0]) or any(map(_counts, values[:2], nodes)):
                return False
        roll.reverse = backwards > 0
        return True


def _text(node: Node, numbers: Mapping[Value, int]) -> Hashable:
    """What nodes that do the same have in common; None for one that does more than compute tensors. `numbers` are those of
    the values of a region that the node is in."""
    regions = tuple(map(_block, node.regions))
    tensors = all(isinstance(v.type, TensorType) for v in (*node.operands, *node.results))
    control = isinstance(node.op.kind, Control) and node.op.name not in ("if", "filler")
    if node.op.effects != "pure" or control or None in regions or not tensors:
        return None
    return (node.op.name, attributes(node), tuple((v.type, numbers.get(v)) for v in node.operands), regions,
            tuple((v.type, v.content) for v in node.results))


def _block(region: Graph) -> Hashable:
    """What regions that do the same have in common; their constants may be others."""
    numbers = {v: i for i, v in enumerate(numbered(region))}
    nodes = [n.results[0].type if n.op.name == "constant" else _text(n, numbers) for n in region.nodes]
    if None in nodes or region.binds or any(n.after for n in region.nodes):
        return None
    return tuple((p.type, p.content) for p in region.params), tuple(nodes), tuple(numbers[v] for v in region.results)


def _move(a: Row | None, b: Row | None) -> Hashable:
    if a is None and b is None:
        return SEPARATE
    if a is None or b is None or a.base != b.base or abs(b.number - a.number) != 1:
        return None
    return a.base, b.number - a.number


def _longest(things: Sequence[object]) -> tuple[int, int]:
    """Where the longest run of equal things begins and ends; None is like nothing."""
    best, low = (0, 0), 0
    for i, thing in enumerate(things):
        if thing is None or i == low or thing != things[i - 1]:
            low = i
        if thing is not None:
            best = max(best, (low, i + 1), key=lambda r: r[1] - r[0])
    return best


def _separate(values: Sequence[Value], steps: Sequence[Node]) -> bool:
    """Whether values that were made one by one, and are read by these nodes, may become rows. Weights that differ make
    layers, not steps; values that come again and again are those of a longer step."""
    weights = any(v.node is not None and v.node.op.name in ("read", "variable") for v in values)
    if steps[0].op.name == "contract":
        others = [n.operands[0] if n.operands[1] is v else n.operands[1] for n, v in zip(steps, values, strict=True)]
        weights = weights or varies(others)
    return not weights and len(set(map(same, values))) == len(values)


def _counts(value: Value, node: Node) -> bool:
    """Whether what is known of the elements of an input matters to the node: sizes may come of it."""
    if value.content is None:
        return False
    if value not in node.operands:
        assert value.node is not None
        return any(_counts(value, n) for n in value.graph.nodes if value in n.operands) or value in value.graph.results
    return not isinstance(node.op.kind, Elementwise) or any(v.content is not None for v in node.results)
