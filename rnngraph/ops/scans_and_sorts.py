"""Ops on the order of elements along an axis: running sums and products, top_k, reverse_sequence, diagonals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call
from rnngraph.ir.kinds import Host
from rnngraph.ir.op import Attr, Call, Site
from rnngraph.ir.types import TensorType, bool_, int32
from rnngraph.ops.build import expand_axes, masked, number, size_along, size_vector
from rnngraph.ops.declare import INTS, REALS, check_kind, composite, declare, invalid
from rnngraph.ops.shapes import axis_of, ranked, scalar_size

# --- running sums and products -----------------------------------------------------------------------------------

SCAN = {"axis": Attr("int", 0), "exclusive": Attr("bool", False), "reverse": Attr("bool", False)}


def _scan_type(site: Site) -> TensorType:
    x = site.tensor(0)
    check_kind(x.dtype, REALS)
    if x.shape is not None:
        axis_of(site.attrs["axis"], len(x.shape))
    return x


def _scan(ufunc: Any, unit: int) -> Any:
    """The reference of a running sum or product."""
    def run(call: Call, x: Any) -> Any:
        axis, attrs = call.attrs["axis"], call.attrs
        x = np.moveaxis(x, axis, 0)
        x = x[::-1] if attrs["reverse"] else x
        if attrs["exclusive"]:
            x = np.concatenate([np.full_like(x[:1], unit), x[:-1]])
        with np.errstate(all="ignore"):
            found = ufunc.accumulate(x, axis=0, dtype=x.dtype) if len(x) else x
        return np.ascontiguousarray(np.moveaxis(found[::-1] if attrs["reverse"] else found, 0, axis))
    return run


def _turned(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {**attrs, "reverse": not attrs["reverse"]}


def _cumprod_rule(g: Any, c: Value) -> list[Value]:
    """Right where no element is 0, as TensorFlow's."""
    (x,), (y,) = g.operands, g.results
    return [call("cumsum", c * y, **_turned(g.attrs)) / x]


declare("cumsum", "x", "Running sums along `axis`; exclusive: without the element itself; reverse: from the end.",
        Host(), _scan_type, _scan(np.add, 0), attrs=SCAN, gradient=lambda g, c: [call("cumsum", c, **_turned(g.attrs))])
declare("cumprod", "x", "Running products along `axis`; see cumsum. The gradient is right where no element is 0.",
        Host(), _scan_type, _scan(np.multiply, 1), attrs=SCAN, gradient=_cumprod_rule)

# --- the largest -------------------------------------------------------------------------------------------------


def _top_k_type(site: Site) -> tuple[TensorType, TensorType]:
    x, k = site.tensor(0), scalar_size(site, 1, "k", "k")
    check_kind(x.dtype, REALS)
    if x.shape is None:
        return x, TensorType(int32, None)
    if not x.shape:
        raise ValueError("Shape must be at least rank 1 but is rank 0 for top_k.")
    last = x.shape[-1]
    if isinstance(k, int) and isinstance(last, int) and k > last:
        raise ValueError(f"input must have last dimension >= k = {k} but is {last}.")
    site.sizes.at_least(last, k, "input must have at least k columns. Had {0}, needed {1}")
    shape = (*x.shape[:-1], k)
    return x.with_shape(shape), TensorType(int32, shape)


def _top_k(call: Call, x: Any, k: Any) -> tuple[Any, Any]:
    if not 0 <= k <= x.shape[-1]:
        raise invalid(f"input must have at least k columns. Had {x.shape[-1]}, needed {k}")
    # From the end and stable: of equal elements the first comes first.
    order = x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    places = order[..., :int(k)]
    return np.take_along_axis(x, places, -1), places.astype(np.int32)


def _top_k_rule(g: Any, values: Value | None, _: Value | None) -> list[Value | None]:
    """The cotangent of each value goes to its place."""
    x = g.operands[0]
    if values is None:
        return [None, None]
    places = call("one_hot", g.results[1], size_along(x, -1), number(1, values), number(0, values))
    return [call("reduce_sum", places * expand_axes(values, [-1]), axes=(-2,)), None]


def _in_top_k(call: Call, predictions: Any, targets: Any) -> Any:
    rows, classes = predictions.shape
    inside = (targets >= 0) & (targets < classes)
    score = predictions[np.arange(rows), np.where(inside, targets, 0)]
    larger = (predictions > score[:, None]).sum(1)
    return inside & np.isfinite(score) & (larger < call.attrs["k"])


declare("top_k", "x k", "The k largest along the last axis, largest first, and their places (int32). Of equal ones the "
        "first comes first.", Host(), _top_k_type, _top_k, gradient=_top_k_rule, fails=True)
declare("in_top_k", "predictions targets", "Whether fewer than k predictions in a row exceed that of the row's target.",
        Host(), lambda site: TensorType(bool_, (site.sizes.same(ranked(site, 0, 2, "predictions")[0],
                                                                ranked(site, 1, 1, "targets")[0], "predictions and targets"),)),
        _in_top_k, attrs={"k": Attr("int")})

# --- reverse_sequence --------------------------------------------------------------------------------------------

SEQUENCE = {"seq_axis": Attr("int"), "batch_axis": Attr("int", 0)}


def _reverse_sequence_type(site: Site) -> TensorType:
    x, (rows,) = site.tensor(0), ranked(site, 1, 1, "the lengths")
    check_kind(site.tensor(1).dtype, INTS, "the lengths")
    if x.shape is None:
        return x
    seq, batch = (axis_of(site.attrs[a], len(x.shape), a) for a in ("seq_axis", "batch_axis"))
    if seq == batch:
        raise ValueError(f"batch_axis == seq_axis == {seq} for reverse_sequence.")
    size = site.sizes.same(x.shape[batch], rows, "the lengths")
    return x.with_shape(tuple(size if i == batch else d for i, d in enumerate(x.shape)))


def _reverse_sequence(call: Call, x: Any, lengths: Any) -> Any:
    seq, batch = call.attrs["seq_axis"] % x.ndim, call.attrs["batch_axis"] % x.ndim
    if len(lengths) != x.shape[batch]:
        raise invalid(f"Length of seq_lens != input.dims({batch}), ({len(lengths)} vs. {x.shape[batch]})")
    for b in np.flatnonzero((lengths < 0) | (lengths > x.shape[seq])):
        sign = "< 0" if lengths[b] < 0 else f"> input.dims({seq})"
        raise invalid(f"seq_lens({b}) {sign}")
    rows = np.moveaxis(x, (batch, seq), (0, 1))
    step = np.arange(x.shape[seq])[None, :]
    ends = lengths[:, None].astype(np.int64)
    places = np.where(step < ends, ends - 1 - step, step)
    found = rows[np.arange(len(rows))[:, None], places]
    return np.ascontiguousarray(np.moveaxis(found, (0, 1), (batch, seq)))


declare("reverse_sequence", "x lengths", "The first lengths[b] steps along seq_axis of row b (batch_axis) read "
        "backwards, the rest as it is. Fails for a length outside.", Host(),
        _reverse_sequence_type, _reverse_sequence, attrs=SEQUENCE, fails=True,
        gradient=lambda g, c: [call("reverse_sequence", c, g.operands[1], **g.attrs), None])

# --- diagonals ---------------------------------------------------------------------------------------------------


def _diag_type(site: Site) -> TensorType:
    x = site.tensor(0)
    if x.shape == ():
        raise ValueError("Shape must be at least rank 1 but is rank 0 for diag.")
    return x if x.shape is None else x.with_shape((*x.shape, x.shape[-1]))


def _diag_part_type(site: Site) -> TensorType:
    x = site.tensor(0)
    if x.shape is None:
        return x
    if len(x.shape) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(x.shape)} for diag_part.")
    return x.with_shape((*x.shape[:-2], site.sizes.same(x.shape[-2], x.shape[-1], "the last two axes")))


def _on_diagonal(x: Value) -> Value:
    """Where the last two axes of a value of x's shape agree."""
    rank = len(x.shape)
    rows, columns = (call("iota", size_vector(x.shape), axis=rank - i, dtype=int32) for i in (2, 1))
    return call("equal", rows, columns)


def _expand_diag(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    (x,) = operands
    if x.tensor.rank is None:
        return None
    spread = call("broadcast", expand_axes(x, [len(x.shape)]), size_vector((*x.shape, x.shape[-1])))
    return masked(_on_diagonal(spread), spread)


def _expand_diag_part(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    (x,) = operands
    if x.tensor.rank is None:
        return None
    return call("reduce_sum", masked(_on_diagonal(x), x), axes=(len(x.shape) - 1,))


composite("diag", "x", "Square matrices, in the last two axes, with x on their diagonals.", _diag_type,
          _expand_diag, lambda call, x: x[..., None] * np.eye(x.shape[-1], dtype=x.dtype),
          gradient=lambda g, c: [call("diag_part", c)])
composite("diag_part", "x", "The diagonals of square matrices in the last two axes.", _diag_part_type,
          _expand_diag_part, lambda call, x: np.diagonal(x, axis1=-2, axis2=-1).copy(),
          gradient=lambda g, c: [call("diag", c)])
