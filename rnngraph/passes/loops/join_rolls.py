"""Two rolls that can be one loop, since the second reads, step by step, what the first makes: sums over the steps.

    %d1, %w1 = f ...     %d2, %w2 = f ...     ...              one loop with %d and %s carried, in which
    %s2 = add %w1, %w2   %s3 = add %s2, %w3   ...      ->      %d, %w = f ...;  %s = add %s, %w

A sum begins with what the first step gives, mostly; that step is left out of the loop then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rnngraph.ir.graph import Node
from rnngraph.passes.loops.roll import Roll, Where, families, inputs, varies

SPARE = 1
"""Steps that may be left out at each end."""


class Joiner:
    """Joins rolls. `position` is the place of each node in the program, `since` says from where in the searched sequence on a
    value can be read."""

    def __init__(self, where: Where, position: Mapping[Node, int], ready: Mapping[Node, int]) -> None:
        self.where = where
        self.position = position
        self.ready = ready

    def join(self, roll: Roll, others: Iterable[Roll]) -> bool:
        """Make a roll the end of the one that it reads, if it can be."""
        into, lag = self.source(roll)
        if into is None or not 0 <= lag <= SPARE:
            return False
        low, high = lag, lag + len(roll.steps)
        if not 0 <= len(into.steps) - high <= SPARE or not self.follows(roll, into, lag):
            return False
        if high - low < len(into.steps) and any(self.needs(o, into, low, high) for o in others if o not in (roll, into)):
            return False
        self.where.leave([*into.steps[:low], *into.steps[high:]])
        into.first += low * len(into.steps[0])
        into.steps = [[*step, *more] for step, more in zip(into.steps[low:high], roll.steps, strict=True)]
        self.where.enter(into)
        return True

    def source(self, roll: Roll) -> tuple[Roll | None, int]:
        """The only other roll that a roll reads row by row, and how many steps that is ahead."""
        found = set()
        for values in families(roll.steps):
            made = [self.where.made(v) for v in values]
            if varies(values) and all(m is not None and m.roll is not roll for m in made[1:]):
                found |= {(m.roll, m.step - i) for i, m in enumerate(made) if m is not None}
        return found.pop() if len(found) == 1 else (None, 0)

    def needs(self, reader: Roll, roll: Roll, low: int, high: int) -> bool:
        """Whether a roll reads row by row what steps of another out of a range make."""
        for values in families(reader.steps):
            made = [self.where.made(v) for v in values[1:]]
            if varies(values) and any(m is not None and m.roll is roll and not low <= m.step < high for m in made):
                return True
        return False

    def follows(self, roll: Roll, into: Roll, lag: int) -> bool:
        """Whether each step of a roll can be the end of a step of another: whatever else it reads is there before that."""
        begin, first = self.position[into.steps[lag][0]], into.first + lag * len(into.steps[0])
        for step, nodes in enumerate(roll.steps):
            for v in (v for node in nodes for v in inputs(node)):
                made = self.where.made(v)
                if made is not None and (made[:2] == (into, step + lag) or made.roll is roll):
                    continue
                if v.node is None or v.node not in self.position:
                    continue  # a parameter, or a constant in a branch
                moves = v.node.op.name in ("constant", "seeds", "sizes")
                if self.ready[v.node] > first or not (moves or self.position[v.node] < begin):
                    return False
        return True
