"""The order of what depends on one another."""

from __future__ import annotations

import random
from graphlib import CycleError

import pytest

from rnngraph.ir.walk import order


def test_the_smallest_that_can_comes_first() -> None:
    assert order({}) == [] and order({4: []}) == [4]
    assert order({3: [1], 1: [], 2: [3], 0: [2], 5: []}) == [1, 3, 2, 0, 5]
    draw = random.Random(1)
    for _ in range(50):
        n = draw.randrange(1, 12)
        needs = {i: [j for j in range(i + 1, n) if draw.random() < 0.3] for i in range(n)}
        done: list[int] = []
        for _ in range(n):
            done.append(min(i for i in needs if i not in done and set(needs[i]) <= set(done)))
        assert order(needs) == done


def test_circles_are_refused() -> None:
    with pytest.raises(CycleError):
        order({0: [1], 1: [0]})
    with pytest.raises(CycleError):
        order({0: [0]})
