"""How often native code looks up: a count of the work that a function did, and a call of `guard`'s `ask` per grain.

The count lives in a register. Work is in units of about a nanosecond, at least of its order of magnitude: `ask` costs 50
of them, and a stop may come a grain late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rnngraph.backends.llvm.text import Function, Index, Loop
from rnngraph.ir.sizes import Dim, add, floordiv, mul, product
from rnngraph.lowering.plan import Arg, Check, CheckRange, Draw, Gemm, Nest, Pack, Put, Step, Take

GRAIN = 1 << 20
"""Work between two questions. The slowest scalar functions take some 30 units an element."""
PRODUCTS = 16
"""Multiplications of a matrix product in one unit of work."""
CACHE_LINE = 16
"""Elements in a cache line: the least work of reaching one somewhere."""
STATE = ("ptr", "state")
"""The parameter of every function that counts: what `ask` is called with."""


class Pulse:
    """Counts the work of one function with a parameter `STATE`, which returns `leaving` when it is told to stop."""

    def __init__(self, function: Function, leaving: Index | None = None) -> None:
        self.f, self.leaving = function, leaving
        self.left = function.alloca("i64", align=8)
        function.store_raw("i64", str(GRAIN), self.left, 8)

    def spend(self, work: Index) -> None:
        """Count work; after a grain of it, ask."""
        f = self.f
        left = f.sub(f.load_raw("i64", self.left, 8), work)
        f.store_raw("i64", str(left), self.left, 8)
        with f.if_(f.compare("slt", left, 0)):
            f.store_raw("i64", str(GRAIN), self.left, 8)
            ask = f.load_raw("ptr", "%state", 8)
            with f.if_(f.value(f"call i1 {ask}(ptr %state) cold")):
                f.ret(self.leaving)

    @contextmanager
    def loop(self, end: Index, work: Index = 1, carried: Sequence[tuple[str, str]] = (), step: int = 1) -> Iterator[Loop]:
        """A loop over [0, end) in steps, each element of which is so much work; `end` is a multiple of `step`.

        If the work is known, it is counted by strips, so that nothing is counted inside.
        """
        f = self.f
        strip = GRAIN // work // step * step if isinstance(work, int) else step
        if strip <= step or (isinstance(end, int) and end <= strip):
            with f.loop_carrying(0, end, step, carried) as loop:
                self.spend(f.mul(work, step))
                yield loop
            return
        with f.loop_carrying(0, end, strip, carried) as outer:
            stop = f.minimum(f.add(outer.index, strip), end)
            self.spend(f.mul(f.sub(stop, outer.index), work))
            inside = [(kind, value) for (kind, _), value in zip(carried, outer.values, strict=True)]
            with f.loop_carrying(outer.index, stop, step, inside) as loop:
                yield loop
            outer.carry(loop.results)
        loop.results = outer.results


def short(work: Dim) -> bool:
    """Whether so much work is known to be too little for asking."""
    return isinstance(work, int) and work <= GRAIN


def weight(nest: Nest) -> int:
    """The work of one element of a nest."""
    return max(1, len(nest.terms) // 2)


def work(step: Step) -> Dim:
    """About how much a step does. Loops and branches count for themselves, step by step."""
    if isinstance(step, Nest):
        return product([*step.sizes, weight(step)])
    if isinstance(step, Gemm):
        return floordiv(product([*step.a.shape, step.c.shape[1]]), PRODUCTS)
    if isinstance(step, Pack):
        return product(step.matrix.shape)
    if isinstance(step, Draw):
        return mul(2, product(step.out.shape))
    if isinstance(step, Take):
        return add(product(step.out.shape), mul(CACHE_LINE, product(step.out.shape[:2])))
    if isinstance(step, Put):
        return add(product(step.updates.shape), mul(CACHE_LINE, product(step.index.shape)))
    if isinstance(step, (Arg, CheckRange)):
        return product(step.x.shape)
    return product(step.condition.shape) if isinstance(step, Check) else 1
