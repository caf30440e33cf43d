"""Native code that checks where it reads and writes: `RNNGRAPH_CHECK=1`.

A `CheckedEmitter` writes, in front of each step, whether every place that the step's views and accesses reach lies in
the memory behind them: the caller's arrays, the piece of the arena, the row or half that a loop's pointer stands for.
Code that would leave it returns the number of the place instead, and the engine raises InternalError. Slower code for
finding faults of the compiler; without it nothing is checked twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import NamedTuple

from rnngraph.backends.llvm.emit import Emitter
from rnngraph.backends.llvm.text import Index
from rnngraph.ir.sizes import Dim, mul, product
from rnngraph.lowering.plan import Branch, Input, Loop, Nest, Output, Plan, Pointer, Step, View, Work
from rnngraph.lowering.target import Target

FIRST = -2
"""The status of the first place; the others count down from here."""


def wanted() -> bool:
    """Whether the environment asks for checked code."""
    return os.environ.get("RNNGRAPH_CHECK") == "1"


class Span(NamedTuple):
    """Elements from `low` to `high` (not included), counted from a pointer."""

    low: Index
    high: Index


class CheckedEmitter(Emitter):
    """Writes a plan's function with checks. `places` says what each status from `FIRST` on stands for."""

    def __init__(self, plan: Plan, target: Target) -> None:
        super().__init__(plan, target)
        self.places: list[str] = []
        self.spans: dict[Pointer, Span] = {}

    def steps(self, steps: Sequence[Step]) -> None:
        """Write steps in order, each behind its checks."""
        for step in steps:
            if isinstance(step, Nest):
                for access in (*step.accesses, *(s.access for s in step.stores)):
                    reach = self.reach(access.offset, access.coefficients, step.sizes)
                    self.inside(access.view, reach, step.sizes, f"a kernel ({step.label})")
            elif not isinstance(step, (Loop, Branch)):
                self.views([getattr(step, f.name) for f in fields(step)], type(step).__name__)
            super().steps([step])

    def loop(self, step: Loop) -> None:
        """The memory behind the pointers that a loop moves."""
        self.views([step.limit, step.step, step.trips, step.more], "a loop")
        self.views([c.start for c in step.carries], "the start of a carry")
        self.views([r.whole for r in step.rows], "the rows of a loop")
        for carry in step.carries:
            self.spans[carry.pointer] = Span(0, self.dim(product(carry.start.shape)))
        for row in step.rows:
            self.spans[row.pointer] = self.reach(0, row.whole.strides[1:], row.whole.shape[1:])
        for pong in step.pongs:
            self.spans[pong.pointer] = Span(0, self.dim(pong.half))
            self.require(Span(0, self.dim(mul(2, pong.half))), Span(0, self.dim(pong.work.count)), (), "a buffer of a loop")
        super().loop(step)

    def rows(self, step: Loop, index: str, limit: str | None, wholes: Sequence[str]) -> None:
        """The row of this step must be one of the rows."""
        for row in step.rows:
            at: Index = self.f.sub(self.f.sub(limit, 1), index) if step.reverse and limit is not None else index
            self.require(Span(at, self.f.add(at, 1)), Span(0, self.dim(row.whole.shape[0])), (), "a row of a loop")
        super().rows(step, index, limit, wholes)

    def branch(self, step: Branch) -> None:
        """The predicate."""
        self.views([step.condition], "a branch")
        super().branch(step)

    # --- what is reached, and what is there ---------------------------------------------------------------------------

    def views(self, items: Iterable[object], what: str) -> None:
        """Check the whole of each view among `items`."""
        for view in items:
            if isinstance(view, View):
                self.inside(view, self.reach(view.offset, view.strides, view.shape), view.shape, what)

    def reach(self, offset: Dim, strides: Sequence[Dim], sizes: Sequence[Dim]) -> Span:
        """The places offset + sum of stride * index, for indices below the sizes."""
        f = self.f
        low = high = self.dim(offset)
        for stride, size in zip(strides, sizes, strict=True):
            far = f.mul(self.dim(stride), f.sub(self.dim(size), 1))
            low, high = f.add(low, f.minimum(far, 0)), f.add(high, f.maximum(far, 0))
        return Span(low, f.add(high, 1))

    def memory(self, view: View) -> Span:
        """What is there at a view's base."""
        base = view.base
        if isinstance(base, Pointer):
            return self.spans[base]
        if isinstance(base, Work):
            return Span(0, self.dim(base.count))
        inputs = self.plan.inputs
        if isinstance(base, Input) and base.index >= len(inputs):
            return Span(0, int(self.plan.constants[base.index - len(inputs)].size))
        ports = self.plan.outputs if isinstance(base, Output) else inputs
        return Span(0, self.dim(product(ports[base.index].shape)))

    def inside(self, view: View, reach: Span, sizes: Sequence[Dim], what: str) -> None:
        """Check that what is reached is there."""
        self.require(reach, self.memory(view), sizes, what)

    def require(self, reach: Span, memory: Span, sizes: Sequence[Dim], what: str) -> None:
        """Leave with the number of this place unless `reach` lies in `memory`; with a size 0 nothing is reached."""
        f = self.f
        below, beyond = f.compare("slt", reach.low, memory.low), f.compare("sgt", reach.high, memory.high)
        wrong = f.value(f"or i1 {below}, {beyond}")
        for size in sizes:
            wrong = f.value(f"and i1 {wrong}, {f.compare('sgt', self.dim(size), 0)}")
        self.places.append(what)
        with f.if_(wrong):
            f.ret(FIRST + 1 - len(self.places))
