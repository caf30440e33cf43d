"""What lowering and emission ask of a machine."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from rnngraph.ir.sizes import Symbol, evaluate
from rnngraph.lowering.target import PLAIN, Target

WIDE = Target("x86_64", "", "", 512, 32, 48 << 10, 1280 << 10)
NARROW = Target("x86_64", "", "", 256, 16, 32 << 10, 512 << 10)


def test_a_target_is_frozen_and_compares_by_value() -> None:
    assert replace(WIDE) == WIDE and hash(replace(WIDE)) == hash(WIDE) and WIDE != NARROW
    with pytest.raises(FrozenInstanceError):
        WIDE.l2 = 0  # type: ignore[misc]


@pytest.mark.parametrize(("target", "item", "columns"), [(WIDE, 4, 64), (WIDE, 8, 32), (NARROW, 4, 16), (NARROW, 8, 8),
                                                         (PLAIN, 4, 4)])
def test_panels(target: Target, item: int, columns: int) -> None:
    """Packed matrices are whole panels, of known and of unknown width."""
    n = Symbol("n")
    for width in (0, 1, columns - 1, columns, columns + 1, 5 * columns):
        whole = -(-width // columns) * columns * 7
        assert target.packed(item, 7, width) == whole
        assert evaluate(target.packed(item, 7, n.dim), {n: width}) == whole


def test_depth_by_the_second_level_cache() -> None:
    """A panel takes a quarter of it, if that is no more than what gains something, and no less than a few rounds."""
    assert WIDE.depth(4) == NARROW.depth(4) == NARROW.depth(8) == 512
    assert replace(WIDE, l2=256 << 10).depth(4) == 256 == replace(WIDE, l2=256 << 10).depth(8)
    assert replace(WIDE, l2=1 << 10).depth(4) == 64
