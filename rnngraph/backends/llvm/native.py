"""Loaded machine code as something to call with arrays."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.backends.llvm.target import Library
from rnngraph.ir.sizes import Dim, Symbol, evaluate
from rnngraph.ir.types import TensorType
from rnngraph.lowering.plan import Plan
from rnngraph.runtime import interrupts

_RUN = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
                        ctypes.c_void_p)
ALIGNMENT = 64
"""Vector loads and stores that cross cache lines cost up to three times as much."""


def aligned(shape: Sequence[int], dtype: Any) -> Any:
    """An uninitialised array whose data start at a cache line."""
    count = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    raw = np.empty(count + ALIGNMENT, np.uint8)
    start = -raw.__array_interface__["data"][0] % ALIGNMENT
    return raw[start:start + count].view(dtype).reshape(shape)


def _address(array: Any) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


class Segment:
    """A stretch of native code: arrays in, arrays out. `bins` are the sizes of the arena's parts."""

    def __init__(self, plan: Plan, library: Library, bins: Sequence[Dim]) -> None:
        self.plan = plan
        self.library = library
        self.bins = tuple(bins)
        self.run: Callable[..., int] = _RUN(library.address("run"))
        self.constants = [np.ascontiguousarray(plan.constants[i]) for i in sorted(plan.constants)]
        self.arena_sizes: dict[tuple[int, ...], int] = {}
        self.arenas: list[Any] = []
        self.lock = threading.Lock()

    def __call__(self, inputs: Sequence[Any], sizes: Mapping[Symbol, int]) -> tuple[int, list[Any]]:
        """Status (see `emit`) and outputs."""
        plan = self.plan
        values = tuple(sizes.get(s, 0) for s in plan.symbols)
        arrays = [np.ascontiguousarray(a) for a in inputs]
        outputs = [aligned(_shape(v.type, sizes), v.type.dtype.numpy) for v in plan.outputs]
        addresses = [_address(a) for a in (*arrays, *self.constants)]
        pointers = (ctypes.c_void_p * max(1, len(addresses)))(*addresses)
        targets = (ctypes.c_void_p * max(1, len(outputs)))(*[_address(a) for a in outputs])
        numbers = (ctypes.c_int64 * max(1, len(values)))(*values)
        arena = self.arena(values, sizes)
        interrupts.watch()
        interrupts.FLAG.value = 0
        status = self.run(pointers, targets, numbers, _address(arena), ctypes.addressof(interrupts.FLAG))
        with self.lock:
            self.arenas.append(arena)
        if status == -1:
            interrupts.FLAG.value = 0
            raise KeyboardInterrupt
        return status, outputs

    def arena(self, values: tuple[int, ...], sizes: Mapping[Symbol, int]) -> Any:
        """Working memory of the right size, not used by another thread now."""
        need = self.arena_sizes.get(values)
        if need is None:
            known = {s: sizes.get(s, 0) for s in self.plan.symbols}
            need = sum(evaluate(b, known) for b in self.bins) + ALIGNMENT
            self.arena_sizes[values] = need
        with self.lock:
            found = self.arenas.pop() if self.arenas else None
        return found if found is not None and found.nbytes >= need else aligned((need,), np.uint8)


def _shape(t: Any, sizes: Mapping[Symbol, int]) -> tuple[int, ...]:
    assert isinstance(t, TensorType) and t.shape is not None
    return tuple(evaluate(d, sizes) for d in t.shape)
