"""Padding: with a constant, by reflection, and with amounts that are data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call
from rnngraph.ir.kinds import Host
from rnngraph.ir.op import Attr, Call, Site
from rnngraph.ir.sizes import add
from rnngraph.ir.types import TensorType
from rnngraph.ops.build import shape_of, size_vector
from rnngraph.ops.declare import composite, declare, invalid
from rnngraph.ops.shapes import Shape, ranked

PADS = {"before": Attr("ints"), "after": Attr("ints")}
MIRROR = {**PADS, "mode": Attr("str")}


def _padded(shape: Shape, attrs: Mapping[str, Any], sign: int = 1) -> Shape:
    before, after = attrs["before"], attrs["after"]
    if shape is None:
        return (None,) * len(before)
    if not len(shape) == len(before) == len(after):
        raise ValueError(f"a value of rank {len(shape)} needs {len(shape)} paddings, but {len(before)} are given.")
    return tuple(add(d, sign * (b + a)) for d, b, a in zip(shape, before, after, strict=True))


def _pad_type(site: Site) -> TensorType:
    return site.tensor(0).with_shape(_padded(site.tensor(0).shape, site.attrs))


def _pad(call: Call, x: Any) -> Any:
    widths = list(zip(call.attrs["before"], call.attrs["after"], strict=True))
    return np.pad(x, widths, constant_values=np.asarray(call.attrs["value"]).astype(x.dtype))


def _expand_pad(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    (x,) = operands
    shape = _padded(x.tensor.shape, attrs)
    if shape is None or None in shape:
        return None
    return call("unslice", x, size_vector(shape), starts=attrs["before"], strides=(1,) * len(shape),
                value=attrs["value"])


def _pad_rule(g: Any, c: Value) -> list[Value]:
    before = g.attrs["before"]
    return [call("slice_sized", c, shape_of(g.operands[0]), starts=before, strides=(1,) * len(before))]


composite("pad", "x", "x with before[i] and after[i] elements of `value` around it along each axis i.", _pad_type,
          _expand_pad, _pad, attrs={**PADS, "value": Attr("float", 0.0)}, gradient=_pad_rule)

# --- mirrors -----------------------------------------------------------------------------------------------------


def _places(size: int, before: int, after: int, mode: str) -> Any:
    """Which element stands where after mirroring an axis."""
    most = size - 1 if mode == "reflect" else size
    if max(before, after) > most:
        raise invalid(f"paddings must be no greater than {most} for an axis of size {size}, but are {before}, {after}")
    return np.pad(np.arange(size), (before, after), mode=mode)  # type: ignore[call-overload]


def _axes(call: Call, shape: Sequence[int]) -> list[Any]:
    attrs = call.attrs
    return [_places(d, b, a, attrs["mode"].lower())
            for d, b, a in zip(shape, attrs["before"], attrs["after"], strict=True)]


def _mirror(call: Call, x: Any) -> Any:
    return np.ascontiguousarray(x[np.ix_(*_axes(call, x.shape))])


def _unmirror(call: Call, c: Any) -> Any:
    """Every element's copies, summed."""
    shape = [n - b - a for n, b, a in zip(c.shape, call.attrs["before"], call.attrs["after"], strict=True)]
    found = np.zeros(shape, c.dtype)
    np.add.at(found, np.ix_(*_axes(call, shape)), c)
    return found


declare("pad_mirror", "x", "x continued on both sides of each axis by its mirror image: `mode` REFLECT (without the "
        "border element) or SYMMETRIC (with it). Fails if there is not enough of x.", Host(), _pad_type, _mirror,
        attrs=MIRROR, fails=True, gradient=lambda g, c: [call("unpad_mirror", c, **g.attrs)])
declare("unpad_mirror", "c", "The sums over the copies that pad_mirror makes: its gradient.", Host(),
        lambda site: site.tensor(0).with_shape(_padded(site.tensor(0).shape, site.attrs, -1)), _unmirror,
        attrs=MIRROR, fails=True, gradient=lambda g, c: [call("pad_mirror", c, **g.attrs)])

# --- amounts that are data ---------------------------------------------------------------------------------------


def _pad_dynamic_type(site: Site) -> TensorType:
    x = site.tensor(0)
    rows, _ = ranked(site, 1, 2, "paddings")
    rank = len(x.shape) if x.shape is not None else rows
    return x.with_shape(tuple(site.sizes.fresh("n") for _ in range(rank)) if isinstance(rank, int) else None)


def _pad_dynamic(call: Call, x: Any, paddings: Any, value: Any) -> Any:
    if paddings.shape != (x.ndim, 2) or (paddings < 0).any():
        raise invalid(f"Paddings must be {x.ndim} pairs of numbers >= 0, but are {paddings.tolist()}")
    return np.pad(x, paddings, constant_values=value)


def _pad_dynamic_rule(g: Any, c: Value) -> list[Value | None]:
    x, paddings, _ = g.operands
    begin = call("squeeze", call("slice", paddings, starts=(0, 0), strides=(1, 1), sizes=(None, 1)), axes=(1,))
    return [call("dynamic_slice", c, begin, call("shape", x, dtype=begin.type.dtype)), None, None]


declare("pad_dynamic", "x paddings value", "`pad` by a matrix of pairs that is data, with a scalar that is data.",
        Host(), _pad_dynamic_type, _pad_dynamic, fails=True, gradient=_pad_dynamic_rule)
