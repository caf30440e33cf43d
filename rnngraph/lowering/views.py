"""Movement as views: what a slice, transpose, broadcast or reshape makes of a tensor in memory, without moving it."""

from __future__ import annotations

from collections.abc import Sequence

from rnngraph.ir.kinds import Index
from rnngraph.ir.sizes import Dim, add, mul
from rnngraph.lowering.plan import View, row_major


def seen(view: View, index: Index, shape: Sequence[Dim]) -> View:
    """The view of `shape` whose elements are those of `view` at the places that `index` says."""
    offset = view.offset
    strides: list[Dim] = [0] * len(shape)
    for place, stride in zip(index, view.strides, strict=True):
        offset = add(offset, mul(place.offset, stride))
        if place.axis >= 0:
            strides[place.axis] = add(strides[place.axis], mul(place.multiplier, stride))
    return View(view.base, view.dtype, tuple(shape), tuple(strides), offset)


def reshaped(view: View, shape: Sequence[Dim]) -> View | None:
    """The view with another shape, if its elements lie so that no copy is needed."""
    if not view.contiguous:
        return None
    return View(view.base, view.dtype, tuple(shape), row_major(shape), view.offset)
