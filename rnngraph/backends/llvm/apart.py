"""Where LLVM works: one thread at a time, never the one in which signal handlers run, and not while the process forks.

Python's signal handlers run in the main thread, between any two steps of Python code. One that raises in the middle of
llvmlite leaves objects that belong to two owners, or none, and the process crashes when they are disposed of. What it
raises in Python code that runs when something dies is lost. So neither happens in the main thread.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

LOCK = threading.RLock()
"""Held around every use of LLVM: object destruction and parsing in llvmlite are not safe to interleave.

A fork waits for it, so that the child finds no half-done work in LLVM, and so does the end of the process, which takes
LLVM's own data away.
"""

_leaving = False
"""Whether the process ends; the main thread then holds the lock."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)


@atexit.register
def _leave() -> None:
    global _leaving
    LOCK.acquire()
    _leaving = True


def handlers_run_here() -> bool:
    """Whether this is the thread in which Python's signal handlers run."""
    return threading.get_ident() == threading.main_thread().ident


def apart(work: Callable[[], T]) -> T:
    """What `work` gives, done where no signal handler can interrupt it.

    The main thread only waits; if that is interrupted, the work ends all the same, and nobody looks at its result. If
    the system gives no thread, the work is done here.
    """
    if _leaving or not handlers_run_here():
        return work()
    found: list[T] = []
    failed: list[BaseException] = []
    done = threading.Lock()
    done.acquire()

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            failed.append(error)
        finally:
            done.release()
    try:
        threading.Thread(target=run, daemon=True, name="rnngraph-llvm").start()
    except RuntimeError:
        return work()
    done.acquire()
    if failed:
        raise failed[0]
    return found[0]


# --- the end of what LLVM made -----------------------------------------------------------------------------------------

class _Ticket(weakref.ref):  # type: ignore[type-arg]
    """What hands on something to be closed. Its callback is a C function."""

    __slots__ = ("resource",)
    resource: Any


_tickets: set[_Ticket] = set()
"""Of what lives: a weak reference calls back only while it lives itself."""
_dead: SimpleQueue[_Ticket] = SimpleQueue()
_sweeper: threading.Thread | None = None


def _sweep() -> None:
    while True:
        ticket = _dead.get()
        _tickets.discard(ticket)
        with LOCK:
            ticket.resource.close()
            del ticket


def close_after(user: object, resource: Any) -> None:
    """Close a resource, on a thread that does nothing else, when `user` dies."""
    global _sweeper
    ticket = _Ticket(user, _dead.put)
    ticket.resource = resource
    _tickets.add(ticket)
    if _sweeper is None or not _sweeper.is_alive():  # a fork leaves it behind
        _sweeper = threading.Thread(target=_sweep, daemon=True, name="rnngraph-sweeper")
        with suppress(RuntimeError):  # no thread to be had: the next call tries again
            _sweeper.start()
