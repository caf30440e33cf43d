"""What `tests/test_mutate.py` changes to see that changes are tried as they should be."""

from __future__ import annotations

LARGEST = 4


def half(n: int) -> int:
    """Half of `n`, at most LARGEST."""
    if n > 2 * LARGEST:
        return LARGEST
    return n // 2


def counted(n: int) -> int:
    """`n`, one by one."""
    count = 0
    while count < n:
        count += 1
    return count


def untold() -> str:
    """What no test runs."""
    return "nothing"
