"""Locks that neither a fork nor a signal handler that raises can leave held for ever."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import compress
from operator import methodcaller
from typing import Any


class ForkLock:
    """A reentrant lock that the child of a fork finds free, unless the thread that forked holds it.

    Use it as `with latch.lock:`. The lock itself is the interpreter's own, since a signal handler that raises may run
    between any two steps of Python code, so inside an `__enter__` written in Python too: with the lock taken and nobody
    to give it back.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        _all.add(weakref.ref(self, _all.discard))


_all: set[weakref.ref[ForkLock]] = set()
"""No WeakSet: that calls Python code when something dies, and what a signal handler raises there is lost."""


def _renew() -> None:
    """In the child: the threads that held locks do not exist here, so nobody would release them."""
    for latch in [found for ref in list(_all) if (found := ref()) is not None]:
        if latch.lock.acquire(blocking=False):
            latch.lock.release()
        else:
            latch.lock = threading.RLock()


class Several:
    """Locks to be held together, in the order given. Call `take` inside a `try`, whose `finally` begins with `give_back`.

    Both are single calls that run no Python code, so a signal handler cannot come between a lock and the note that it
    is held. It may run while `take` waits; `give_back` then releases what was taken so far.
    """

    def __init__(self, locks: Sequence[Any]) -> None:
        held: list[bool] = []
        self.take = partial(held.extend, map(methodcaller("acquire"), locks))
        self.give_back = partial(deque(maxlen=0).extend, map(methodcaller("release"), compress(locks, held)))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
