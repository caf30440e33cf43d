"""Locks after forks and after signal handlers that raise."""

from __future__ import annotations

import os
import threading

import pytest

from rnngraph.locks import ForkLock, Several


def free(lock: threading.RLock) -> bool:
    """Whether another thread could take a lock."""
    found: list[bool] = []

    def ask() -> None:
        found.append(lock.acquire(blocking=False))
        if found[0]:
            lock.release()
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return found[0]


def test_several_locks_are_taken_and_given_back_together() -> None:
    locks = [threading.RLock() for _ in range(3)]
    several = Several(locks)
    with locks[1]:
        try:
            several.take()
            assert [free(lock) for lock in locks] == [False] * 3
        finally:
            several.give_back()
        assert [free(lock) for lock in locks] == [True, False, True]  # the outer hold stays
    assert free(locks[1])


def test_what_was_taken_before_a_failure_is_given_back() -> None:
    class Interrupted:
        def acquire(self) -> bool:
            raise KeyboardInterrupt

        def release(self) -> None:
            pytest.fail("it was never taken")
    locks = [threading.RLock(), Interrupted(), threading.RLock()]
    several = Several(locks)
    with pytest.raises(KeyboardInterrupt):
        try:
            several.take()
        finally:
            several.give_back()
    assert free(locks[0]) and free(locks[2])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fork_frees_what_other_threads_hold() -> None:
    theirs, mine, held, leave = ForkLock(), ForkLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with theirs.lock:
            held.set()
            leave.wait(10)
    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    with mine.lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if theirs.lock.acquire(blocking=False) and not free(mine.lock) else 1)
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
