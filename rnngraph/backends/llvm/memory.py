"""Memory for results: aligned to cache lines, and used again once nobody holds it.

A training step makes each variable anew, so fresh pages would be faulted in and cleared on every run. Blocks that this
module gave out are kept here; one that only this module still refers to is free, whatever views were made of it, since
NumPy's views refer to the block that owns the memory.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

ALIGNMENT = 64
"""Vector loads and stores that cross cache lines cost up to three times as much."""
SMALLEST = 1 << 16
"""Blocks below this many bytes are not kept: the allocator is fast for them."""
MOST = 1 << 29
"""At most this many bytes are kept."""
_FREE = 3
"""References to a block that nobody else holds: the list of blocks, a local name, the argument of getrefcount."""


def address(array: Any) -> int:
    """Where an array's data are; `array.ctypes` would cost more than a short run."""
    found: int = array.__array_interface__["data"][0]
    return found


class Blocks:
    """The blocks kept, by size."""

    def __init__(self) -> None:
        self.kept: dict[int, list[Any]] = {}
        self.total = 0
        self.lock = threading.Lock()

    def block(self, size: int) -> Any:
        """A block of `size` bytes that nobody uses."""
        if size < SMALLEST:
            return np.empty(size, np.uint8)
        with self.lock:
            for found in self.kept.get(size, ()):
                if sys.getrefcount(found) == _FREE:
                    return found
            made = np.empty(size, np.uint8)
            if self.total + size > MOST:
                self.kept.clear()
                self.total = 0
            self.kept.setdefault(size, []).append(made)
            self.total += size
            return made


_blocks = Blocks()


def aligned(shape: Sequence[int], dtype: np.dtype[Any]) -> Any:
    """An uninitialised array whose data start at a cache line."""
    raw = _blocks.block(math.prod(shape) * dtype.itemsize + ALIGNMENT)
    return np.ndarray(shape, dtype, raw, -address(raw) % ALIGNMENT)
