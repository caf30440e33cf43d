"""Random programs of the tf API: both engines and NumPy give the same values, variables, gradients and errors.

`--graphs N` sets how many are tried; `python -m tests.support.random_programs --help` is the long hunt, in processes of
their own. A failure prints a small script that shows it.
"""

from __future__ import annotations

import pytest

from tests.support.random_programs.generate import generate
from tests.support.random_programs.run import faults
from tests.support.random_programs.shrink import shrunk

PARTS = 16


def check(seed: int, compiled: bool) -> None:
    """Fails with a script if the program of a seed is treated wrongly."""
    program = generate(seed)
    found = faults(program, compiled)
    if found:
        pytest.fail("\n".join([f"seed {seed}", *found, shrunk(program, 20).script()]), pytrace=False)


@pytest.mark.parametrize("part", range(PARTS))
def test_machine_code(part: int, graphs: int) -> None:
    """Forty programs on both engines and in NumPy."""
    for seed in range(part, max(1, graphs // 8), PARTS):
        check(seed, True)


@pytest.mark.parametrize("part", range(PARTS))
def test_reference(part: int, graphs: int) -> None:
    """Two hundred more on the reference engine and in NumPy."""
    for seed in range(10_000 + part, 10_000 + graphs * 2 // 3, PARTS):
        check(seed, False)
