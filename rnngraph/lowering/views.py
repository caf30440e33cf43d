"""Movement as views: what a slice, transpose, broadcast or reshape makes of a tensor in memory, without moving it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rnngraph.ir.graph import Node
from rnngraph.ir.sizes import Dim, add, minimum, mul, sub
from rnngraph.lowering.plan import View, row_major


def _broadcast(view: View, node: Node) -> View:
    shape = node.results[0].shape
    missing = len(shape) - len(view.shape)
    strides: list[Dim] = [0] * missing
    for d, s, wanted in zip(view.shape, view.strides, shape[missing:], strict=True):
        if d == 1 or d == wanted or isinstance(d, int):
            strides.append(0 if d == 1 and wanted != 1 else s)
        else:
            strides.append(mul(s, minimum(sub(d, 1), 1)))  # 0 where the size turns out to be 1
    return View(view.base, view.dtype, shape, tuple(strides), view.offset)


def _expand(view: View, node: Node) -> View:
    shape = node.results[0].shape
    axis = node.attrs["axis"] % len(shape)
    strides = [*view.strides]
    strides.insert(axis, 0)
    return View(view.base, view.dtype, shape, tuple(strides), view.offset)


def _squeeze(view: View, node: Node) -> View:
    gone = {a % len(view.shape) for a in node.attrs["axes"]}
    strides = tuple(s for i, s in enumerate(view.strides) if i not in gone)
    return View(view.base, view.dtype, node.results[0].shape, strides, view.offset)


def _transpose(view: View, node: Node) -> View:
    perm = [p % len(view.shape) for p in node.attrs["perm"]]
    return View(view.base, view.dtype, node.results[0].shape, tuple(view.strides[p] for p in perm), view.offset)


def _slice(view: View, node: Node) -> View:
    offset, strides = view.offset, []
    for s, start, step in zip(view.strides, node.attrs["starts"], node.attrs["strides"], strict=True):
        offset = add(offset, mul(start, s))
        strides.append(mul(s, step))
    return View(view.base, view.dtype, node.results[0].shape, tuple(strides), offset)


def _reverse(view: View, node: Node) -> View:
    axes = {a % len(view.shape) for a in node.attrs["axes"]}
    offset, strides = view.offset, []
    for i, (d, s) in enumerate(zip(view.shape, view.strides, strict=True)):
        strides.append(mul(s, -1) if i in axes else s)
        if i in axes:
            offset = add(offset, mul(sub(d, 1), s))
    return View(view.base, view.dtype, view.shape, tuple(strides), offset)


MAPS: dict[str, Callable[[View, Node], View]] = {
    "broadcast": _broadcast, "expand_dims": _expand, "squeeze": _squeeze, "transpose": _transpose, "slice": _slice,
    "reverse": _reverse, "identity": lambda view, node: view, "stop_gradient": lambda view, node: view,
    "refine": lambda view, node: view}


def reshaped(view: View, shape: Sequence[Dim]) -> View | None:
    """The view with another shape, if its elements lie so that no copy is needed."""
    if not view.contiguous:
        return None
    return View(view.base, view.dtype, tuple(shape), row_major(shape), view.offset)
