"""The tests of `halves.py`, which `tests/test_mutate.py` gives to the trials; not collected with the others."""

from __future__ import annotations

import os

import pytest

from tests.support.halves import counted, half


@pytest.mark.parametrize("n, value", [(0, 0), (3, 1), (8, 4), (9, 4), (20, 4)])
def test_half(n: int, value: int) -> None:
    assert half(n) == value


def test_counted() -> None:
    assert counted(3) == 3


def test_unlike_in_a_fork() -> None:
    if "UNLIKE" in os.environ:  # "watched, judged": passes when it is watched and fails with any change, or none
        seen = os.environ["UNLIKE"]
        assert counted(2) == 2 and not os.path.exists(seen)
        with open(seen, "w") as file:
            file.write("ran once")
