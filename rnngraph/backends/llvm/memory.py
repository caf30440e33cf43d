"""Memory for results: aligned to cache lines, and used again once nobody holds it.

A training step makes each variable anew, so fresh pages would be faulted in and cleared on every run. A block is lent: a
result's base is a *loan*, an array over the block that every view of the result keeps alive, and when the loan dies its
block goes back to the free ones. That is a weak reference's callback, a C function: no reference is counted, and no
Python code runs that a signal or another thread could split.
"""

from __future__ import annotations

import math
import weakref
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnngraph.locks import ForkLock

ALIGNMENT = 64
"""Vector loads and stores that cross cache lines cost up to three times as much."""
SMALLEST = 1 << 16
"""Blocks below this many bytes are not kept: the allocator is fast for them."""
MOST = 1 << 29
"""At most this many bytes are kept."""


def address(array: Any) -> int:
    """Where an array's data are; `array.ctypes` would cost more than a short run."""
    found: int = array.__array_interface__["data"][0]
    return found


class _Block(np.ndarray):
    """Memory that is lent. A class of its own, since NumPy looks through plain arrays for the base of a view, and would
    look through the loan."""


class _Ticket(weakref.ref):  # type: ignore[type-arg]
    """What brings a block back when its loan dies."""

    __slots__ = ("block",)
    block: _Block


class Blocks:
    """The blocks kept, by size."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.free: defaultdict[int, list[_Ticket]] = defaultdict(list)
        self.tickets: dict[int, _Ticket] = {}
        """By the id of their block: a weak reference calls back only while it lives itself."""
        self.total = 0
        self.latch = ForkLock()

    def block(self, size: int) -> Any:
        """A block of `size` bytes that nobody uses."""
        if size < SMALLEST:
            return np.empty(size, np.uint8)
        free = self.free[size]
        try:
            old = free.pop()
        except IndexError:
            return self.lend(self.made(size), free)
        return self.lend(old.block, free)

    def lend(self, block: _Block, free: list[_Ticket]) -> Any:
        """A loan of the block, which goes to `free` when it ends."""
        loan = np.ndarray(block.shape, np.uint8, block)
        ticket = _Ticket(loan, free.append)
        ticket.block = block
        self.tickets[id(block)] = ticket
        return loan

    def made(self, size: int) -> _Block:
        """A new block. Where too much is kept, all others are forgotten: their users keep them as long as they need."""
        with self.latch.lock:
            if self.total + size > self.most:
                self.free, self.tickets, self.total = defaultdict(list), {}, 0
            self.total += size
        return _Block(size, np.uint8)


_blocks = Blocks()


def aligned(shape: Sequence[int], dtype: np.dtype[Any]) -> Any:
    """An uninitialised array whose data start at a cache line."""
    raw = _blocks.block(math.prod(shape) * dtype.itemsize + ALIGNMENT)
    return np.ndarray(shape, dtype, raw, -address(raw) % ALIGNMENT)
