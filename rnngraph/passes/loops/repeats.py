"""What comes again and again in a sequence, without a break: `a b c b c b c b d` repeats `b c` three times.

Source: tandem repeats (Main and Lorentz, 1984); here by the distances between equal runs, of a few candidates only, so
that the time is linear in the sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

RUNS = 7
"""Distances are taken between equal runs of 1, 2, 4, ... elements: this many lengths."""
CANDIDATES = 48
"""Periods tried for each length of run, the most frequent first."""
MULTIPLES = 6
"""A repeat of a period is also one of so many multiples of it."""


class Repeat(NamedTuple):
    """sequence[i] == sequence[i + period] for start <= i < start + length - period."""

    start: int
    period: int
    length: int


def repeats(sequence: Sequence[int], least: int) -> list[Repeat]:
    """Where something of any length comes at least `least` times in a row; what leaves the fewest elements first."""
    signs = np.asarray(sequence, np.int64)
    found = {Repeat(start, period * m, stop - start + period)
             for period in _periods(signs, least) for start, stop in _stretches(signs, period)
             for m in range(1, MULTIPLES + 1) if stop - start + period >= period * m * least}
    return sorted(found, key=lambda r: (r.period - r.length, r.period, r.start))


def _periods(signs: Any, least: int) -> list[int]:
    """Distances that occur often between a run and the next one that is equal."""
    found: dict[int, None] = {}
    ids, size = signs, 1
    for _ in range(RUNS):
        if len(ids) <= max(size, least - 1):
            break
        order = np.argsort(ids, kind="stable")
        same = ids[order[1:]] == ids[order[:-1]]
        distances, counts = np.unique((order[1:] - order[:-1])[same], return_counts=True)
        often = distances[counts >= least - 1]
        best = often[np.argsort(-counts[counts >= least - 1], kind="stable")][:CANDIDATES]
        found.update(dict.fromkeys(int(d) for d in best))
        ids = _paired(ids, size)
        size *= 2
    return sorted(found)


def _paired(ids: Any, size: int) -> Any:
    """Numbers for runs twice as long, equal for equal runs."""
    left, right = ids[:len(ids) - size], ids[size:]
    return np.unique(left * (int(ids.max(initial=0)) + 1) + right, return_inverse=True)[1]


def _stretches(signs: Any, period: int) -> Iterator[tuple[int, int]]:
    """The longest ranges of places whose element is that one period later."""
    same = signs[:-period] == signs[period:]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
