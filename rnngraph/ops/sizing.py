"""Constants, sizes as data, counting: constant, sizes, shape, size, rank, iota, range, one_hot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Array, Value, call, current
from rnngraph.ir.kinds import Host, Iota, Literal
from rnngraph.ir.op import Attr, Call, Content, Site
from rnngraph.ir.sizes import Dim, sub
from rnngraph.ir.types import TensorType, as_dtype, int32
from rnngraph.ops import known_elements
from rnngraph.ops.build import cast, expand_axes, select, size_scalar, size_vector, sizes_in
from rnngraph.ops.declare import (
    ANY,
    INTS,
    REALS,
    check_kind,
    checked_shape,
    checked_size,
    composite,
    declare,
    invalid,
)
from rnngraph.ops.shapes import (
    at_least_zero,
    axis_of,
    ceil_div,
    count,
    ranked,
    same_dtype,
    scalar_size,
    sure,
    vector,
    vector_shape,
)

DTYPE = {"dtype": Attr("dtype", int32)}

# --- constants ---------------------------------------------------------------------------------------------------


def _array(attrs: Mapping[str, Any]) -> Any:
    value = attrs["value"]
    return value.array if isinstance(value, Array) else np.asarray(value)


def _constant_type(site: Site) -> TensorType:
    array = _array(site.attrs)
    return TensorType(as_dtype(array.dtype), tuple(int(d) for d in array.shape))


def _constant_content(site: Site) -> Content:
    array = _array(site.attrs)
    if array.ndim > 1 or array.dtype.kind not in "iu" or array.size > known_elements.LIMIT:
        return None
    return tuple(int(v) for v in array.ravel())


def _sizes(call: Call) -> Any:
    values = [call.size(d) for d in call.attrs["dims"]]
    return np.asarray(values[0] if call.attrs["scalar"] else values, as_dtype(call.attrs["dtype"]).numpy)


declare("constant", "", "A fixed array.", Literal(lambda attrs: attrs["value"]), _constant_type,
        lambda call: _array(call.attrs), attrs={"value": Attr("array")}, content=_constant_content)
declare("seeds", "", "Numbers that the system drew when the graph was built: a constant of which nothing is known, so that "
        "programs that differ in it alone are one to the compiler.", Literal(lambda attrs: attrs["value"]), _constant_type,
        lambda call: _array(call.attrs), attrs={"value": Attr("data")})
declare("sizes", "", "Known sizes as a vector, or as a scalar: how closed graphs spell size arithmetic.",
        Literal(lambda attrs: tuple(attrs["dims"])), lambda site: TensorType(as_dtype(site.attrs["dtype"]),
                                                                  () if site.attrs["scalar"] else (len(site.attrs["dims"]),)),
        _sizes, attrs={"dims": Attr("dims"), **DTYPE, "scalar": Attr("bool", False)},
        content=lambda site: known_elements.fit(site.attrs["dims"], as_dtype(site.attrs["dtype"])))

def _joint_size(call: Call) -> Any:
    a, b = (call.size(d) for d in call.attrs["dims"])
    return np.int32(b if a == 1 else a)


declare("joint_size", "", "The size that two sizes `dims` have together where they broadcast: that which is not 1. Close "
        "makes it where only running tells which one that is.", Host(), lambda site: TensorType(int32, ()), _joint_size,
        attrs={"dims": Attr("dims")}, content=lambda site: (site.sizes.fresh("n"),))

# --- sizes of operands -------------------------------------------------------------------------------------------


def _shape_type(site: Site) -> TensorType:
    rank = site.tensor(0).rank
    return vector(as_dtype(site.attrs["dtype"]), site.sizes.fresh("rank") if rank is None else rank)


def _scalar_type(site: Site) -> TensorType:
    site.tensor(0)
    return TensorType(as_dtype(site.attrs["dtype"]), ())


def _content_of(site: Site, dims: Sequence[Dim] | None) -> Content:
    return known_elements.fit(dims, as_dtype(site.attrs["dtype"]))


def _expand_shape(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    shape = operands[0].tensor.shape
    return None if shape is None or None in shape else size_vector(shape, attrs["dtype"])


def _expand_size(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    total = count(operands[0].tensor.shape)
    return None if total is None else size_scalar(total, attrs["dtype"])


def _expand_rank(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    rank = operands[0].tensor.rank
    return None if rank is None else size_scalar(rank, attrs["dtype"])


composite("shape", "x", "The sizes of x, a vector.", _shape_type, _expand_shape,
          lambda call, x: np.asarray(x.shape, as_dtype(call.attrs["dtype"]).numpy), attrs=DTYPE,
          content=lambda site: _content_of(site, site.tensor(0).shape))
composite("size", "x", "The number of elements of x.", _scalar_type, _expand_size,
          lambda call, x: np.asarray(x.size, as_dtype(call.attrs["dtype"]).numpy), attrs=DTYPE,
          content=lambda site: _content_of(site, (count(site.tensor(0).shape),)))
composite("rank", "x", "The number of axes of x.", _scalar_type, _expand_rank,
          lambda call, x: np.asarray(x.ndim, as_dtype(call.attrs["dtype"]).numpy), attrs=DTYPE,
          content=lambda site: _content_of(site, (site.tensor(0).rank,)))

# --- counting ----------------------------------------------------------------------------------------------------


def _iota_type(site: Site) -> TensorType:
    shape = vector_shape(site, 0, "the shape")
    dtype = as_dtype(site.attrs["dtype"])
    check_kind(dtype, REALS)
    if shape is not None:
        axis_of(site.attrs["axis"], len(shape))
    return TensorType(dtype, shape)


def _iota(call: Call, shape: Any) -> Any:
    shape = checked_shape(shape)
    axis = call.attrs["axis"] % len(shape)
    row = np.arange(shape[axis], dtype=as_dtype(call.attrs["dtype"]).numpy)
    return np.broadcast_to(row.reshape([-1 if i == axis else 1 for i in range(len(shape))]), tuple(shape)).copy()


def _iota_content(site: Site) -> Content:
    content = site.contents[0]
    length = content[0] if content and len(content) == 1 else None
    return _content_of(site, range(length) if isinstance(length, int) and length <= known_elements.LIMIT else None)


def _range_length(site: Site) -> Dim:
    """The number of elements, unknown where operands are."""
    start, limit, step = (c[0] if c else None for c in site.contents)
    if not isinstance(step, int) or step == 0:
        return None
    distance = sub(limit, start) if step > 0 else sub(start, limit)
    if isinstance(distance, int) and distance < 0:
        raise ValueError(f"Requires start <= limit when delta > 0 (and >= when delta < 0): {start}, {limit}, {step}")
    if distance is None or sure(site.sizes, distance) is None:
        return None
    return at_least_zero(ceil_div(distance, abs(step)))


def _range_type(site: Site) -> TensorType:
    dtype = same_dtype(site, (0, 1, 2))
    check_kind(dtype, REALS)
    for i in range(3):
        ranked(site, i, 0, "start, limit and delta")
    length = _range_length(site)
    return vector(dtype, site.sizes.fresh("n") if length is None else length)


def _range_content(site: Site) -> Content:
    given = [known_elements.numbers(c) for c in site.contents]
    if None in given or not given[2] or given[2][0] == 0:
        return None
    values = range(*(c[0] for c in given if c))
    return known_elements.fit(values, site.tensor(0).dtype) if len(values) <= known_elements.LIMIT else None


def _range(call: Call, start: Any, limit: Any, delta: Any) -> Any:
    if delta == 0:
        raise invalid("Requires delta != 0: 0")
    if (limit - start) * np.sign(delta) < 0:
        sign = "delta > 0: start <= limit" if delta > 0 else "delta < 0: start >= limit"
        raise invalid(f"Requires {sign}, but they are {start} and {limit}")
    if start.dtype.kind != "f":
        return np.arange(start, limit, delta, dtype=start.dtype)
    length = int(np.ceil(abs((float(limit) - float(start)) / float(delta))))
    return (start + np.arange(length).astype(start.dtype) * delta).astype(start.dtype)


def _expand_range(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    """Only where sizes say all; otherwise the length is decided when it runs."""
    start, _, delta = operands
    if any(v.content is None or None in v.content for v in operands):
        return None
    low, high, step = (v.content[0] for v in operands if v.content)
    if not isinstance(step, int) or step == 0:
        return None
    distance = sub(high, low) if step > 0 else sub(low, high)
    if distance is None or sure(current().sizes, distance) is None:
        return None
    length = at_least_zero(ceil_div(distance, abs(step)))
    counted = call("iota", size_vector((length,)), axis=0, dtype=start.type.dtype)
    scaled = counted if step == 1 else counted * delta
    return scaled if low == 0 else scaled + start


declare("iota", "shape", "The position along `axis`, for every element of an array of that shape.", Iota(),
        _iota_type, _iota, attrs={"axis": Attr("int", 0), **DTYPE}, content=_iota_content)
composite("range", "start limit delta", "start, start + delta, ... as long as limit is not reached. Fails if delta is "
          "0 or leads away from limit.", _range_type, _expand_range, _range, content=_range_content, fails=True)

# --- one_hot -----------------------------------------------------------------------------------------------------


def _one_hot_type(site: Site) -> TensorType:
    indices = site.tensor(0)
    check_kind(indices.dtype, INTS, "the indices")
    dtype = same_dtype(site, (2, 3))
    check_kind(dtype, ANY)
    depth = scalar_size(site, 1, "depth", "depth")
    if indices.shape is None:
        return TensorType(dtype, None)
    axis = axis_of(site.attrs["axis"], len(indices.shape) + 1)
    return TensorType(dtype, (*indices.shape[:axis], depth, *indices.shape[axis:]))


def _one_hot(call: Call, indices: Any, depth: Any, on: Any, off: Any) -> Any:
    axis = call.attrs["axis"] % (indices.ndim + 1)
    places = np.arange(checked_size(depth, "depth")).reshape([-1 if i == axis else 1 for i in range(indices.ndim + 1)])
    return np.where(np.expand_dims(indices, axis) == places, on, off).astype(on.dtype)


def _expand_one_hot(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    indices, depth, on, off = operands
    known = sizes_in(depth)
    if known is None or indices.tensor.rank is None:
        return None
    axis = attrs["axis"] % (indices.tensor.rank + 1)
    shape = size_vector((*indices.shape[:axis], known[0], *indices.shape[axis:]))
    dtype = indices.type.dtype
    # Small unsigned types cannot count to every depth.
    wide = dtype if dtype.size >= 4 else int32
    places = call("iota", shape, axis=axis, dtype=wide)
    return select(call("equal", places, expand_axes(cast(indices, wide), [axis])), on, off)


composite("one_hot", "indices depth on off", "`on` at the index along a new axis of size `depth`, else `off`; an index "
          "outside gives no `on`.", _one_hot_type, _expand_one_hot, _one_hot, attrs={"axis": Attr("int", -1)})
