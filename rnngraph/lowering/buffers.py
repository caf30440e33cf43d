"""Places in the arena: pieces whose lifetimes do not meet share a bin.

Lifetimes are taken along the list of steps, a loop or branch counting as one step; pieces that are used only inside one
get places of their own within it. Two pieces share a bin only if their sizes are the same dim, so that a bin's size is
known without comparing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.ir.sizes import Dim, add, floordiv, mul
from rnngraph.lowering.plan import Arena, Branch, Loop, Nest, Pointer, Step, Work, members

ALIGNMENT = 64


def size_of(work: Work) -> Dim:
    """Bytes of a piece, rounded up to the alignment."""
    count = mul(work.count, work.dtype.size)
    return mul(floordiv(add(count, ALIGNMENT - 1), ALIGNMENT), ALIGNMENT)


class _Placer:
    def __init__(self, steps: Sequence[Step]) -> None:
        self.bins: list[Dim] = []
        self.bin_of: dict[Work, int] = {}
        self.behind: dict[Pointer, set[Work]] = {}
        self.free: dict[Dim, list[int]] = {}
        self.cache: dict[int, set[Work]] = {}
        self.resolve(steps)

    def resolve(self, steps: Sequence[Step]) -> None:
        """Find the pieces that each moving pointer may point into."""
        before = -1
        while (known := sum(map(len, self.behind.values()))) != before:
            before = known
            for step in steps:
                self.pointers(step)

    def pointers(self, step: Step) -> None:
        """The pieces behind the pointers of one step."""
        if isinstance(step, Loop):
            for row in step.rows:
                self.behind.setdefault(row.pointer, set()).update(self.bases(row.whole))
            for pong in step.pongs:
                self.behind.setdefault(pong.pointer, set()).add(pong.work)
            for inner in step.body:
                self.pointers(inner)
            for carry in step.carries:
                self.behind.setdefault(carry.pointer, set()).update(self.bases(carry.start), self.bases(carry.next))
        elif isinstance(step, Branch):
            for inner in (*step.then, *step.other):
                self.pointers(inner)

    def bases(self, item: Any) -> set[Work]:
        """Every piece that something mentions, pointers resolved."""
        if isinstance(item, Nest):
            item = tuple([a.view.base for a in item.accesses] + [s.access.view.base for s in item.stores])
        found: set[Work] = set()
        stack = [item]
        while stack:
            at = stack.pop()
            if isinstance(at, Work):
                found.add(at)
            elif isinstance(at, Pointer):
                found |= self.behind.get(at, set())
            else:
                stack.extend(members(at))
        return found

    def used(self, step: Step) -> set[Work]:
        """The pieces of one step, those inside included."""
        if id(step) not in self.cache:
            self.cache[id(step)] = self.bases(step)
        return self.cache[id(step)]

    def place(self, steps: Sequence[Step]) -> None:
        """Give the pieces of a list of steps their bins; those that lists around it hold have one already."""
        first: dict[Work, int] = {}
        last: dict[Work, int] = {}
        for i, step in enumerate(steps):
            for work in self.used(step):
                if work not in self.bin_of:
                    first.setdefault(work, i)
                    last[work] = i
        begins: dict[int, list[Work]] = {}
        ends: dict[int, list[Work]] = {}
        for work in sorted(first, key=lambda w: w.index):
            begins.setdefault(first[work], []).append(work)
            ends.setdefault(last[work], []).append(work)
        for i, step in enumerate(steps):
            private = self.private(step, {w for w in begins.get(i, ()) if last[w] == i})
            for work in begins.get(i, ()):
                if work not in private:
                    self.take(work)
            self.inside(step)
            for work in ends.get(i, ()):
                if work not in private:
                    self.give_back(work)

    def private(self, step: Step, candidates: set[Work]) -> set[Work]:
        """Of the pieces used in this step only, those that no iteration hands to the next."""
        if isinstance(step, Loop):
            header = self.bases((step.limit, step.condition, step.step, step.trips, step.carries, step.rows, step.pongs))
            return candidates - header
        return candidates - self.bases(step.condition) if isinstance(step, Branch) else set()

    def inside(self, step: Step) -> None:
        """Places of what is private to a loop or branch."""
        if isinstance(step, Loop):
            # One list: what the test makes may be read by the body's steps only through the condition.
            self.place((*step.test, *step.body))
        elif isinstance(step, Branch):
            self.place((*step.then, *step.other))

    def take(self, work: Work) -> None:
        """A free bin of the right size, or a new one."""
        size = size_of(work)
        waiting = self.free.get(size)
        if waiting:
            self.bin_of[work] = waiting.pop()
            return
        self.bin_of[work] = len(self.bins)
        self.bins.append(size)

    def give_back(self, work: Work) -> None:
        """The piece's bin may be used again."""
        self.free.setdefault(size_of(work), []).append(self.bin_of[work])


def arrange(steps: Sequence[Step]) -> Arena:
    """The arena of a plan."""
    placer = _Placer(steps)
    placer.place(steps)
    return Arena(tuple(placer.bins), placer.bin_of)
