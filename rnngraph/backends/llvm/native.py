"""Loaded machine code as something to call with arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnngraph.backends.llvm.guard import Guard
from rnngraph.backends.llvm.memory import address, aligned
from rnngraph.backends.llvm.toolchain import Library
from rnngraph.errors import InternalError
from rnngraph.ir.sizes import Symbol, evaluate
from rnngraph.lowering.plan import Plan


class Segment:
    """A stretch of native code: arrays in, arrays out.

    `places` are what statuses below -1 stand for, in checked code (see `bounds`).
    """

    def __init__(self, plan: Plan, library: Library, guard: Guard, places: Sequence[str] = ()) -> None:
        self.plan = plan
        self.places = places
        self.library = library
        self.guard = guard
        self.code = library.address("run")
        self.constants = [np.ascontiguousarray(a) for a in plan.constants]
        self.fixed = [address(a) for a in self.constants]
        self.layouts: dict[tuple[int, ...], _Layout] = {}
        self.dtypes = [p.dtype.numpy for p in plan.outputs]
        self.arenas: list[Any] = []

    def __call__(self, inputs: Sequence[Any], sizes: Mapping[Symbol, int],
                 begun: Mapping[int, Any] | None = None) -> tuple[int, list[Any]]:
        """Status (see `emit`; never -1) and outputs. `begun`: rows that an output already has.

        Raises what a signal handler raises meanwhile.
        """
        values = tuple([sizes[s] for s in self.plan.symbols])
        layout = self.layouts.get(values) or self.layout(values)
        arrays = [a if type(a) is np.ndarray and a.flags.c_contiguous else np.ascontiguousarray(a) for a in inputs]
        outputs = [aligned(s, d) for s, d in zip(layout.shapes, self.dtypes, strict=True)]
        for i, rows in (begun or {}).items():
            if len(rows):
                outputs[i][:len(rows)] = rows
        pointers = layout.pointers(*[address(a) for a in arrays], *self.fixed)
        targets = layout.targets(*[address(a) for a in outputs])
        arena = self.arena(layout.arena)
        status = self.guard.run(self.code, pointers, targets, layout.numbers, address(arena))
        self.arenas.append(arena)
        if status < -1:
            raise InternalError(None, None, f"native code would have left its memory at {self.places[-2 - status]}; please "
                                            "report it with the program")
        return status, outputs

    def layout(self, values: tuple[int, ...]) -> _Layout:
        """What depends on the sizes alone, kept for the next call with the same ones."""
        known = dict(zip(self.plan.symbols, values, strict=True))
        check_sizes(self.plan, known)
        shapes = [tuple(evaluate(d, known) for d in p.shape) for p in self.plan.outputs]
        need = sum(evaluate(b, known) for b in self.plan.arena.bins)
        numbers = (ctypes.c_int64 * max(1, len(values)))(*values)
        made = _Layout(shapes, need, numbers,
                       ctypes.c_void_p * max(1, len(self.plan.inputs) + len(self.constants)),
                       ctypes.c_void_p * max(1, len(shapes)))
        if len(self.layouts) > 1000:
            self.layouts.clear()
        self.layouts[values] = made
        return made

    def arena(self, need: int) -> Any:
        """Working memory of the right size, not used by another thread now."""
        try:
            found = self.arenas.pop()
        except IndexError:
            found = None
        return found if found is not None and found.nbytes >= need else aligned((need,), np.dtype(np.uint8))


class SizeError(ValueError):
    """Sizes that no memory can have, or that are undefined: what checks them in the program fails for these inputs."""


LARGEST = 1 << 62
"""Numbers of elements stay below this, so that places and bytes fit into signed 64 bits."""


def check_sizes(plan: Plan, known: Mapping[Symbol, int]) -> None:
    """Raise SizeError unless every size of a plan is defined and fits, and numbers of elements are not negative.

    Native code computes with these sizes without looking.
    """
    for dims, low in ((plan.counts, 0), (plan.sizes, -LARGEST)):
        for d in dims:
            try:
                n = evaluate(d, known)
            except ValueError as error:
                raise SizeError(str(error)) from None
            if not low <= n < LARGEST:
                raise SizeError(f"a size is {n}, which is {'negative' if n < 0 else 'too large'}")


@dataclass(frozen=True)
class _Layout:
    """Shapes of the outputs, bytes of the arena, sizes and pointer arrays for one set of sizes."""

    shapes: list[tuple[int, ...]]
    arena: int
    numbers: Any
    pointers: Any
    targets: Any
