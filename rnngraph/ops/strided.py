"""TensorFlow's slicing ops, whose bounds are data: strided_slice, dynamic_slice, and their gradients.

Where contents tell the bounds, these become `slice` and `unslice`. A position that only data tells (`x[i]` in a loop)
becomes `take`; a *size* that only data tells stays a host step with a size of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call, current
from rnngraph.ir.op import Attr, Call, Content, Site, SizeRules
from rnngraph.ir.sizes import Dim, add, maximum, minimum, sub
from rnngraph.ir.types import TensorType
from rnngraph.ops import known_elements
from rnngraph.ops.build import expand_axes, inverse, number, select, shape_of, size_vector, sizes_in, transpose
from rnngraph.ops.declare import checked_shape, composite, invalid
from rnngraph.ops.shapes import (
    Shape,
    at_least_zero,
    ceil_div,
    nonnegative,
    spelled,
    sure,
    text,
    vector_length,
    vector_shape,
)


@dataclass(frozen=True)
class Cut:
    """What a slicing op takes of one axis. `start` and `size` are None where only data tells; `drop`: the axis goes."""

    start: Dim
    stride: int | None
    size: Dim
    drop: bool = False


MASKS = {"begin_mask": Attr("int", 0), "end_mask": Attr("int", 0), "shrink_mask": Attr("int", 0)}
"""Bit i of a mask: axis i has no begin (no end); it is an index, whose axis is dropped."""


def _from_front(place: Dim, size: Dim) -> Dim:
    """A bound counted from the front; None if its sign is not known."""
    if isinstance(place, int) and place < 0:
        return add(place, size)
    return place if nonnegative(place) else None


def _forward(begin: Dim, end: Dim, size: Dim, stride: int, masks: tuple[bool, bool]) -> Cut:
    """The cut of a positive stride. Bounds are clipped to [0, size]."""
    if isinstance(begin, int) and begin < 0 and masks[1] and stride == 1 and not masks[0]:
        count = minimum(size, -begin)
        return Cut(sub(size, count), 1, count)
    low, high = (0, size) if masks[0] else (_from_front(begin, size), size)
    if not (isinstance(begin, int) and begin >= 0) and not masks[0]:
        low = None if low is None else at_least_zero(low)
    if not masks[1]:
        high = _from_front(end, size)
        # What was negative needs no limit above, the other no limit below.
        high = at_least_zero(high) if isinstance(end, int) and end < 0 else minimum(high, size)
    if high is None or low is None:
        return Cut(low, stride, None)
    return Cut(low, stride, at_least_zero(ceil_div(sub(high, low), stride)))


def _backward(begin: Dim, end: Dim, size: Dim, stride: int, masks: tuple[bool, bool]) -> Cut:
    """The cut of a negative stride. Bounds are clipped to [-1, size - 1]."""
    last = sub(size, 1)
    high = last if masks[0] else _from_front(begin, size)
    if not masks[0]:
        high = maximum(high, -1) if isinstance(begin, int) and begin < 0 else minimum(high, last)
    low: Dim = -1 if masks[1] else _from_front(end, size)
    if not masks[1]:
        low = maximum(low, -1) if isinstance(end, int) and end < 0 else minimum(low, last)
    if high is None or low is None:
        return Cut(high, stride, None)
    return Cut(high, stride, at_least_zero(ceil_div(sub(high, low), -stride)))


def _index(place: Dim, size: Dim) -> Cut:
    """The cut of an index. Raises ValueError if it is known to be outside."""
    if isinstance(place, int) and isinstance(size, int) and not -size <= place < size:
        raise ValueError(f"slice index {place} of dimension {size} out of bounds.")
    return Cut(_from_front(place, size), 1, 1, True)


def cuts(shape: Sequence[Dim], spec: Sequence[Sequence[Dim]], attrs: Mapping[str, Any]) -> list[Cut]:
    """What strided_slice takes of each axis, as far as begin, end and strides are known."""
    begin, end, strides = spec
    if len(begin) > len(shape):
        raise ValueError(f"Index out of range using input dim {len(begin) - 1}; input has only {len(shape)} dims.")
    found = []
    for i, size in enumerate(shape):
        if i >= len(begin):
            found.append(Cut(0, 1, size))
            continue
        masks = bool(attrs["begin_mask"] >> i & 1), bool(attrs["end_mask"] >> i & 1)
        stride = strides[i]
        if stride == 0:
            raise ValueError(f"strides[{i}] must be non-zero")
        if attrs["shrink_mask"] >> i & 1:
            found.append(_index(begin[i], size))
        elif not isinstance(stride, int):
            found.append(Cut(None, None, None))
        else:
            found.append((_forward if stride > 0 else _backward)(begin[i], end[i], size, stride, masks))
    return found


# --- strided_slice -----------------------------------------------------------------------------------------------


def _spec(site: Site, first: int, what: str) -> list[tuple[Dim, ...]] | None:
    """Begin, end and strides as far as known; None if not even their length is known."""
    found = [spelled(site, i, f"the bounds of {what}") for i in range(first, first + 3)]
    lengths = {vector_length(site, i, what) for i in range(first, first + 3)} - {None}
    if len(lengths) > 1:
        raise ValueError(f"begin, end and strides of {what} must have one length, but have {sorted(lengths, key=str)}.")
    if not lengths:
        return None
    (length,) = lengths
    return [(None,) * (length or 0) if s is None else s for s in found]


def _check_indices(site: Site, shape: Sequence[Dim], found: Sequence[Cut]) -> None:
    """An index must be there; other bounds are clipped. Also for gradients, whose forward op may not run."""
    for i, (d, cut) in enumerate(zip(shape, found, strict=True)):
        if cut.drop and cut.start is not None:
            site.sizes.at_least(sub(d, 1), cut.start, f"slice index {{1}} of dimension {i} out of bounds.")
            site.sizes.at_least(cut.start, 0, "slice index {0} out of bounds")


def _result_shape(site: Site, shape: Sequence[Dim], found: Sequence[Cut]) -> Shape:
    sizes: list[Dim] = []
    _check_indices(site, shape, found)
    for d, cut in zip(shape, found, strict=True):
        if cut.drop:
            continue
        if cut.size is None and d is not None:
            sizes.append(site.sizes.fresh("n"))
        else:
            sizes.append(cut.size)
    return tuple(sizes)


def _strided_type(site: Site) -> TensorType:
    x, spec = site.tensor(0), _spec(site, 1, "strided_slice")
    if x.shape is None or spec is None:
        return x.with_shape(None)
    return x.with_shape(_result_shape(site, x.shape, cuts(x.shape, spec, site.attrs)))


def _keys(attrs: Mapping[str, Any], shape: Sequence[int], begin: Any, end: Any, strides: Any) -> tuple[Any, ...]:
    """The NumPy index that says the same."""
    found: list[Any] = []
    for i, (b, e, s) in enumerate(zip(begin.tolist(), end.tolist(), strides.tolist(), strict=True)):
        if attrs["shrink_mask"] >> i & 1:
            if not -shape[i] <= b < shape[i]:
                raise invalid(f"slice index {b} of dimension {i} out of bounds.")
            found.append(b)
        else:
            low, high = (None if attrs[mask] >> i & 1 else v for mask, v in (("begin_mask", b), ("end_mask", e)))
            found.append(slice(low, high, s))
    return tuple(found)


def _strided(call: Call, x: Any, begin: Any, end: Any, strides: Any) -> Any:
    if not strides.all():
        raise invalid("strides must be non-zero")
    return np.array(x[_keys(call.attrs, x.shape, begin, end, strides)])


def _strided_content(site: Site) -> Content:
    content, spec = site.contents[0], _spec(site, 1, "strided_slice")
    given = [known_elements.numbers(s) for s in spec or []]
    if content is None or site.tensor(0).rank != 1 or not given or None in given:
        return content if site.tensor(0).rank == 0 else None
    if not given[0]:
        return content
    keys = _keys(site.attrs, (len(content),), *(np.asarray(v) for v in given))
    picked = content[keys[0]]
    return known_elements.fit(picked if isinstance(keys[0], slice) else (picked,), site.tensor(0).dtype)


def _known(values: Sequence[Value]) -> list[tuple[Dim, ...]]:
    """The contents of vectors of known length, unknown elements as None."""
    return [v.content if v.content is not None else (None,) * int(v.shape[0]) for v in values]  # type: ignore[arg-type]


def _data_places(found: Sequence[Cut]) -> list[int] | None:
    """The axes indexed by data; None if sizes depend on data too."""
    if any(c.size is None or (c.start is None and not c.drop) for c in found):
        return None
    return [i for i, c in enumerate(found) if c.start is None]


def _position(begin: Value, axis: int, size: Value) -> Value:
    """Element `axis` of a begin vector as a scalar, counted from the front."""
    place = call("squeeze", call("slice", begin, starts=(axis,), strides=(1,), sizes=(1,)), axes=(0,))
    return select(call("less", place, number(0, place)), place + size, place)


def _expand_strided(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    x, begin, *rest = operands
    if x.tensor.shape is None or not isinstance(begin.shape[0], int):
        return None
    found = cuts(x.shape, _known((begin, *rest)), attrs)
    by_data = _data_places(found)
    if by_data is None:
        return None
    for axis in reversed(by_data):
        size = call("sizes", dims=(x.shape[axis],), dtype=begin.type.dtype, scalar=True)
        x = call("take", x, _position(begin, axis, size), axis=axis)
    kept = [c for i, c in enumerate(found) if i not in by_data]
    x = call("slice", x, starts=tuple(c.start for c in kept), strides=tuple(c.stride for c in kept),
             sizes=tuple(c.size for c in kept))
    dropped = tuple(i for i, c in enumerate(kept) if c.drop)
    return call("squeeze", x, axes=dropped) if dropped else x


def _strided_rule(g: Any, c: Value) -> list[Value | None]:
    x, *bounds = g.operands
    return [call("strided_slice_grad", c, shape_of(x), *bounds, **g.attrs), None, None, None]


composite("strided_slice", "x begin end strides", "x[begin:end:strides], an axis each, with NumPy's clipping; see "
          "MASKS. Fails for an index outside.", _strided_type, _expand_strided, _strided, attrs=MASKS,
          content=_strided_content, gradient=_strided_rule, fails=True)

# --- its gradient ------------------------------------------------------------------------------------------------


def _grad_type(site: Site) -> TensorType:
    spec, shape = _spec(site, 2, "strided_slice_grad"), vector_shape(site, 1, "the shape of strided_slice_grad")
    if spec is not None and shape is not None:
        _check_indices(site, shape, cuts(shape, spec, site.attrs))
    return site.tensor(0).with_shape(shape)


def _grad(call: Call, c: Any, shape: Any, begin: Any, end: Any, strides: Any) -> Any:
    found = np.zeros(tuple(shape), c.dtype)
    found[_keys(call.attrs, found.shape, begin, end, strides)] = c
    return found


def _expand_grad(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    c, shape, begin, *rest = operands
    whole = sizes_in(shape)
    if whole is None or not isinstance(begin.shape[0], int):
        return None
    found = cuts(whole, _known((begin, *rest)), attrs)
    by_data = _data_places(found)
    if by_data is None:
        return None
    kept = [cut for i, cut in enumerate(found) if i not in by_data]
    sizes = [d for i, d in enumerate(whole) if i not in by_data]
    c = expand_axes(c, [i for i, cut in enumerate(kept) if cut.drop])
    c = call("unslice", c, size_vector(sizes), starts=tuple(cut.start for cut in kept),
             strides=tuple(cut.stride for cut in kept))
    for axis in by_data:
        sizes.insert(axis, whole[axis])
        size = call("sizes", dims=(sizes[axis],), dtype=begin.type.dtype, scalar=True)
        c = put_along(c, axis, _position(begin, axis, size), sizes)
    return c


def put_along(c: Value, axis: int, place: Value, sizes: Sequence[Dim]) -> Value:
    """Zeros of these sizes with c, which lacks the axis, at one place of it."""
    order = [axis, *(i for i in range(len(sizes)) if i != axis)]
    zeros = call("broadcast", number(0, c), size_vector([sizes[i] for i in order]))
    return transpose(call("put_add", zeros, place, c), inverse(order))


composite("strided_slice_grad", "c shape begin end strides", "Zeros of `shape` with c where strided_slice reads.",
          _grad_type, _expand_grad, _grad, attrs=MASKS, fails=True,
          gradient=lambda g, c: [call("strided_slice", c, *g.operands[2:], **g.attrs), None, None, None, None])

# --- dynamic_slice -----------------------------------------------------------------------------------------------


def _dynamic_cuts(site: Site) -> list[Cut] | None:
    x, begin, sizes = site.tensor(0), *(spelled(site, i, "begin and size") for i in (1, 2))
    rank = next((len(v) for v in (x.shape, begin, sizes) if v is not None), None)
    if rank is None:
        return None
    shape, begin, sizes = (v if v is not None else (None,) * rank for v in (x.shape, begin, sizes))
    if not len(shape) == len(begin) == len(sizes):
        raise ValueError(f"a slice of a value of shape {text(shape)} needs {len(shape)} begins and sizes.")
    return [_dynamic_cut(site.sizes, *each) for each in zip(shape, begin, sizes, strict=True)]


def _dynamic_cut(rules: SizeRules, d: Dim, begin: Dim, size: Dim) -> Cut:
    """The cut of one axis; size -1 is the rest. Raises ValueError if it is known to lead outside."""
    size = sub(d, begin) if size == -1 else sure(rules, size)
    numbers = isinstance(begin, int) and isinstance(size, int)
    if numbers and (min(begin, size) < 0 or (isinstance(d, int) and begin + size > d)):  # type: ignore
        raise ValueError(f"Expected begin and size in [0, {d}], but they are {begin} and {size} for slice.")
    return Cut(begin, 1, size)


def _dynamic_type(site: Site) -> TensorType:
    x, found = site.tensor(0), _dynamic_cuts(site)
    if found is None:
        return x.with_shape(None)
    sizes = []
    for d, cut in zip(x.shape or (None,) * len(found), found, strict=True):
        for place in (cut.start, cut.size):
            site.sizes.at_least(place, 0, "Expected begin and size of slice within the value, but got {0}")
        site.sizes.at_least(d, add(cut.start, cut.size), "Expected begin and size of slice within {0} elements, but they "
                                                         "end at {1}")
        sizes.append(site.sizes.fresh("n") if cut.size is None else cut.size)
    return x.with_shape(tuple(sizes))


def _dynamic(call: Call, x: Any, begin: Any, size: Any) -> Any:
    size = np.where(size == -1, np.asarray(x.shape) - begin, size)
    if (begin < 0).any() or (size < 0).any() or (begin + size > x.shape).any():
        raise invalid(f"Expected begin and size within {list(x.shape)}, but got {begin.tolist()} and {size.tolist()}")
    return x[tuple(slice(b, b + n) for b, n in zip(begin, size, strict=True))].copy()


def _dynamic_content(site: Site) -> Content:
    content, begin, size = site.contents[0], *(known_elements.numbers(c) for c in site.contents[1:])
    if content is None or site.tensor(0).rank != 1 or begin is None or size is None:
        return None
    end = len(content) if size[0] == -1 else begin[0] + size[0]
    return known_elements.fit(content[begin[0]:end], site.tensor(0).dtype)


def _expand_dynamic(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    """A slice along the axes whose begin is known, rows taken by data along the others."""
    x, begin, size = operands
    if x.tensor.shape is None:
        return None
    known = [v.content or (None,) * len(x.shape) for v in (begin, size)]
    found = [_dynamic_cut(current().sizes, *each) for each in zip(x.shape, *known, strict=True)]
    if any(cut.size is None for cut in found):
        return None
    for axis, cut in enumerate(found):
        if cut.start is None:
            first = call("slice", begin, starts=(axis,), strides=(1,), sizes=(1,))
            places = first + call("iota", size_vector((cut.size,)), axis=0, dtype=begin.type.dtype)
            x = call("take", x, places, axis=axis)
    return call("slice", x, starts=tuple(0 if c.start is None else c.start for c in found), strides=(1,) * len(found),
                sizes=tuple(c.size for c in found))


def _dynamic_unslice_type(site: Site) -> TensorType:
    c, shape = site.tensor(0), vector_shape(site, 1, "the shape of dynamic_unslice")
    begin = spelled(site, 2, "the begin of dynamic_unslice")
    for d, start, size in zip(shape or (), begin or (), c.shape or (), strict=False):
        site.sizes.at_least(start, 0, "Expected begin of slice within the value, but got {0}")
        site.sizes.at_least(d, add(start, size), "Expected begin and size of slice within {0} elements, but they end at {1}")
    return c.with_shape(shape)


def _dynamic_unslice(call: Call, c: Any, shape: Any, begin: Any) -> Any:
    found = np.zeros(checked_shape(shape), c.dtype)
    if (begin < 0).any() or (begin + c.shape > shape).any():
        raise invalid(f"Expected begin and size within {shape.tolist()}, but got {begin.tolist()} and {list(c.shape)}")
    found[tuple(slice(b, b + n) for b, n in zip(begin, c.shape, strict=True))] = c
    return found


def _expand_dynamic_unslice(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    c, shape, begin = operands
    if begin.content is None or None in begin.content:
        return None
    return call("unslice", c, shape, starts=begin.content, strides=(1,) * len(begin.content))


composite("dynamic_slice", "x begin size", "`size` elements from `begin` on, along each axis; size -1: the rest. Fails "
          "for bounds outside.", _dynamic_type, _expand_dynamic, _dynamic, content=_dynamic_content, fails=True,
          gradient=lambda g, c: [call("dynamic_unslice", c, shape_of(g.operands[0]), g.operands[1]), None, None])
composite("dynamic_unslice", "c shape begin", "Zeros of `shape` with c from `begin` on: dynamic_slice's gradient.",
          _dynamic_unslice_type, _expand_dynamic_unslice, _dynamic_unslice,
          gradient=lambda g, c: [call("dynamic_slice", c, g.operands[2], shape_of(g.operands[0])), None, None])
