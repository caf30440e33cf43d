"""Reading and writing at places that are data: take, put_add, put, and the ops made of them; `Rows`.

`put` writes rows along axis 0. What reads along another axis transposes for its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call
from rnngraph.ir.kinds import Extreme, Gather, Host, Kind, Scatter
from rnngraph.ir.op import Attr, Call, Content, Site
from rnngraph.ir.types import TensorType, as_dtype, int64
from rnngraph.ops import known_elements
from rnngraph.ops.build import (
    expand_axes,
    flat,
    inverse,
    number,
    shape_of,
    size_vector,
    sizes_in,
    transpose,
    zeros_like,
)
from rnngraph.ops.declare import INTS, REALS, check_kind, checked_shape, checked_size, composite, declare, invalid
from rnngraph.ops.shapes import Shape, axis_of, merged, ranked, same_dtype, scalar_size, text, vector_shape


@dataclass(frozen=True)
class Rows:
    """A sparse cotangent: zeros of `shape` with values[i] added to row indices[i]; what `take` gives back."""

    values: Value
    indices: Value
    shape: Value

    def dense(self) -> Value:
        """The same as one tensor; duplicates add."""
        return call("put_add", call("broadcast", number(0, self.values), self.shape), self.indices, self.values)

    @staticmethod
    def joined(pairs: Sequence[Rows]) -> Rows:
        """The sum of several: one after the other, duplicates kept."""
        first = pairs[0]
        dtype = first.indices.type.dtype
        same = [p.indices if p.indices.type.dtype == dtype else call("cast", p.indices, dtype=dtype) for p in pairs]
        return Rows(call("concat", *(p.values for p in pairs), axis=0), call("concat", *same, axis=0), first.shape)


def check_indices(indices: Any, limit: int) -> None:
    """Raise InvalidArgumentError unless all are in [0, limit)."""
    bad = np.argwhere((indices < 0) | (indices >= limit))
    if len(bad):
        where = tuple(bad[0])
        place = "".join(f"[{i}]" for i in where)
        raise invalid(f"indices{place} = {indices[where]} is not in [0, {limit})")


# --- take --------------------------------------------------------------------------------------------------------


def _take_type(site: Site) -> TensorType:
    x, indices = site.tensor(0), site.tensor(1)
    check_kind(indices.dtype, INTS, "the indices")
    if x.shape is None or indices.shape is None:
        return x.with_shape(None)
    axis = axis_of(site.attrs["axis"], len(x.shape))
    return x.with_shape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1:]))


def _take_content(site: Site) -> Content:
    content, places = site.contents[0], known_elements.numbers(site.contents[1])
    if content is None or places is None or any(not 0 <= p < len(content) for p in places):
        return None
    return known_elements.fit([content[p] for p in places], site.tensor(0).dtype)


def _take(call: Call, x: Any, indices: Any) -> Any:
    check_indices(indices, x.shape[call.attrs["axis"]])
    return np.take(x, indices, call.attrs["axis"])


def _take_rule(g: Any, c: Value) -> list[Rows | Value | None]:
    """A pair for axis 0, as embeddings want it."""
    (x, indices), axis = g.operands, g.attrs["axis"]
    if axis == 0 or x.tensor.rank == -axis:
        rest = call("slice", shape_of(x), starts=(1,), strides=(1,), sizes=(None,))
        many = expand_axes(call("size", indices), (0,))  # not -1, which nobody can infer where rows are empty
        rows = c if indices.tensor.rank == 1 else call("reshape", c, call("concat", many, rest, axis=0))
        return [Rows(rows, flat(indices), shape_of(x)), None]
    return [call("untake", c, indices, shape_of(x), axis=axis), None]


def _untake_type(site: Site) -> TensorType:
    check_kind(site.tensor(1).dtype, INTS, "the indices")
    return site.tensor(0).with_shape(vector_shape(site, 2, "the shape of untake"))


def _untake(call: Call, c: Any, indices: Any, shape: Any) -> Any:
    axis = call.attrs["axis"] % len(shape)
    found = np.zeros(checked_shape(shape), c.dtype)
    check_indices(indices, found.shape[axis])
    rows = np.moveaxis(c, range(axis, axis + indices.ndim), range(indices.ndim))
    np.add.at(np.moveaxis(found, axis, 0), indices, rows)
    return found


def _expand_untake(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    """Rows added to transposed zeros."""
    c, indices, shape = operands
    whole = sizes_in(shape)
    if whole is None or c.tensor.rank is None or indices.tensor.rank is None:
        return None
    axis, count = attrs["axis"] % len(whole), len(indices.shape)
    first = [axis, *(i for i in range(len(whole)) if i != axis)]
    moved = transpose(c, [*range(axis, axis + count), *range(axis), *range(axis + count, len(c.shape))])
    zeros = call("broadcast", number(0, c), size_vector([whole[i] for i in first]))
    return transpose(call("put_add", zeros, indices, moved), inverse(first))


declare("take", "x indices", "Elements of x along `axis` at these places, whose shape replaces the axis. Fails for an "
        "index outside.", Gather(), _take_type, _take, attrs={"axis": Attr("int", 0)}, content=_take_content,
        gradient=_take_rule, fails=True)
composite("untake", "c indices shape", "Zeros of `shape` with c added at these places along `axis`: take's gradient.",
          _untake_type, _expand_untake, _untake, attrs={"axis": Attr("int", 0)},
          gradient=lambda g, c: [call("take", c, g.operands[1], axis=g.attrs["axis"]), None, None], fails=True)

# --- put ---------------------------------------------------------------------------------------------------------


def _put_type(site: Site) -> TensorType:
    x, indices, updates = (site.tensor(i) for i in range(3))
    same_dtype(site, (0, 2))
    check_kind(indices.dtype, INTS, "the indices")
    if x.shape is not None and indices.shape is not None:
        if not x.shape:
            raise ValueError("Shape must be at least rank 1 but is rank 0 for a scattered update.")
        merged(site, updates.shape, (*indices.shape, *x.shape[1:]), "the updates")
    return x


def _putting(update: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """The reference of an op that updates rows of a copy of x."""
    def run(call: Call, x: Any, indices: Any, updates: Any) -> Any:
        check_indices(indices, x.shape[0])
        found = x.copy()
        with np.errstate(all="ignore"):
            update(found, indices, updates)
        return found
    return run


def _write(found: Any, indices: Any, updates: Any) -> None:
    found[indices] = updates


def _put_rule(g: Any, c: Value) -> list[Value | None]:
    _, indices, updates = g.operands
    return [call("put", c, indices, zeros_like(updates)), None, call("take", c, indices)]


def put_op(name: str, doc: str, kind: Kind, update: Callable[[Any, Any, Any], Any], gradient: Any = None) -> None:
    """Declare an op that updates rows of x at `indices`, of any shape, by `updates`."""
    declare(name, "x indices updates", doc + " Fails for an index outside.", kind, _put_type, _putting(update),
            gradient=gradient, fails=True)


put_op("put_add", "x with updates added to the rows at these places; duplicates add.", Scatter(add=True), np.add.at,
       lambda g, c: [c, None, call("take", c, g.operands[1])])
put_op("put", "x with the rows at these places replaced; of duplicates the last counts.", Scatter(add=False), _write,
       _put_rule)
put_op("put_mul", "x with the rows at these places multiplied; duplicates too.", Host(), np.multiply.at)
put_op("put_div", "x with the rows at these places divided; duplicates too.", Host(), np.true_divide.at)

# --- places of several axes --------------------------------------------------------------------------------------


def _nd_depth(indices: TensorType) -> int | None:
    """How many axes each row of indices addresses."""
    if indices.shape is None:
        return None
    if not indices.shape:
        raise ValueError("Shape must be at least rank 1 but is rank 0 for indices of several axes.")
    return indices.shape[-1] if isinstance(indices.shape[-1], int) else None


def _nd_shape(site: Site) -> Shape:
    """The shape of what is read or written."""
    x, indices = site.tensor(0), site.tensor(1)
    check_kind(indices.dtype, INTS, "the indices")
    depth = _nd_depth(indices)
    if x.shape is None or indices.shape is None or depth is None:
        return None
    if depth > len(x.shape):
        raise ValueError(f"indices address {depth} axes, but shape {text(x.shape)} has {len(x.shape)}.")
    return (*indices.shape[:-1], *x.shape[depth:])


def _put_nd_type(site: Site) -> TensorType:
    same_dtype(site, (0, 2))
    merged(site, site.tensor(2).shape, _nd_shape(site), "the updates")
    return site.tensor(0)


def _nd_key(x: Any, indices: Any) -> tuple[Any, ...]:
    for axis in range(indices.shape[-1]):
        check_indices(indices[..., axis], x.shape[axis])
    return tuple(np.moveaxis(indices, -1, 0))


def _put_nd_add(call: Call, x: Any, indices: Any, updates: Any) -> Any:
    found = x.copy()
    np.add.at(found, _nd_key(x, indices), updates)
    return found


declare("take_nd", "x indices", "The parts of x that the rows of indices address (tf.gather_nd). Fails for an index "
        "outside.", Host(), lambda site: site.tensor(0).with_shape(_nd_shape(site)),
        lambda call, x, indices: np.array(x[_nd_key(x, indices)]), fails=True,
        gradient=lambda g, c: [call("put_nd_add", zeros_like(g.operands[0]), g.operands[1], c), None])
declare("put_nd_add", "x indices updates", "x with updates added where the rows of indices say (tf.scatter_nd on "
        "zeros); duplicates add. Fails for an index outside.", Host(), _put_nd_type, _put_nd_add, fails=True,
        gradient=lambda g, c: [c, None, call("take_nd", c, g.operands[1])])

# --- segments ----------------------------------------------------------------------------------------------------


def _rows_left(site: Site) -> tuple[Shape, Shape]:
    """The shape of the ids, and of one row of the data that they sort."""
    data, ids = site.tensor(0), site.tensor(1)
    check_kind(ids.dtype, INTS, "the segment ids")
    if data.shape is None or ids.shape is None:
        return ids.shape, None
    lead = merged(site, data.shape[:len(ids.shape)], ids.shape, "the segment ids")
    return lead, data.shape[len(ids.shape):]


def _unsorted_type(site: Site) -> TensorType:
    size, (_, rest) = scalar_size(site, 2, "num_segments"), _rows_left(site)
    return site.tensor(0).with_shape(None if rest is None else (size, *rest))


def _unsorted(call: Call, data: Any, ids: Any, num: Any) -> Any:
    check_indices(ids, checked_size(num, "num_segments"))
    found = np.zeros((int(num), *data.shape[ids.ndim:]), data.dtype)
    np.add.at(found, ids, data)
    return found


def _expand_unsorted(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    data, ids, num = operands
    known = sizes_in(num)
    if data.tensor.shape is None or ids.tensor.shape is None or known is None:
        return None
    shape = size_vector((known[0], *data.shape[len(ids.shape):]))
    return call("put_add", call("broadcast", number(0, data), shape), ids, data)


def _segment_type(site: Site) -> TensorType:
    ranked(site, 1, 1, "the segment ids")
    _, rest = _rows_left(site)
    return site.tensor(0).with_shape(None if rest is None else (site.sizes.fresh("segments"), *rest))


def _segment(call: Call, data: Any, ids: Any) -> Any:
    if (np.diff(ids) < 0).any():
        raise invalid("segment ids are not increasing")
    num = int(ids[-1]) + 1 if len(ids) else 0
    return _unsorted(call, data, ids, num)


composite("unsorted_segment_sum", "data ids num", "Row i of `num` rows: the sum of the data whose id is i. Fails for "
          "an id outside.", _unsorted_type, _expand_unsorted, _unsorted, fails=True,
          gradient=lambda g, c: [call("take", c, g.operands[1]), None, None])
declare("segment_sum", "data ids", "The same for sorted ids; the last says how many rows there are. Fails for "
        "ids that fall.", Host(), _segment_type, _segment, fails=True,
        gradient=lambda g, c: [call("take", c, g.operands[1]), None])

# --- which is largest --------------------------------------------------------------------------------------------

ARG = {"axis": Attr("int", 0), "dtype": Attr("dtype", int64)}


def _inverse_type(site: Site) -> TensorType:
    (length,) = ranked(site, 0, 1, "op 'invert_permutation'")
    check_kind(site.tensor(0).dtype, INTS, "op 'invert_permutation'")
    return site.tensor(0).with_shape((length,))


def _inverse(call: Call, x: Any) -> Any:
    check_indices(x, len(x))
    found = np.full_like(x, -1)
    for place, i in enumerate(x):
        if found[i] != -1:
            raise invalid(f"{i} is duplicated in the input.")
        found[i] = place
    return found


declare("invert_permutation", "x", "The permutation that undoes x. Fails if x is none.", Host(), _inverse_type, _inverse,
        fails=True)


def _arg_type(site: Site) -> TensorType:
    x, dtype = site.tensor(0), as_dtype(site.attrs["dtype"])
    check_kind(x.dtype, REALS)
    if x.shape is None:
        return TensorType(dtype, None)
    axis = axis_of(site.attrs["axis"], len(x.shape))
    return TensorType(dtype, x.shape[:axis] + x.shape[axis + 1:])


def _arg(find: Any, worst: float) -> Callable[..., Any]:
    def run(call: Call, x: Any) -> Any:
        if x.dtype.kind == "f":
            # No comparison holds of NaN, so TensorFlow never finds one better.
            x = np.where(np.isnan(x), np.asarray(worst, x.dtype), x)
        if not x.shape[call.attrs["axis"]]:
            raise invalid(f"Reduction axis {call.attrs['axis']} is empty in shape {list(x.shape)}")
        return np.asarray(find(x, axis=call.attrs["axis"])).astype(as_dtype(call.attrs["dtype"]).numpy)
    return run


declare("argmax", "x", "The first place of the maximum along `axis`; NaN is none. Fails for an empty axis.",
        Extreme(largest=True), _arg_type, _arg(np.argmax, -np.inf), attrs=ARG, fails=True)
declare("argmin", "x", "The first place of the minimum along `axis`; NaN is none. Fails for an empty axis.",
        Extreme(largest=False), _arg_type, _arg(np.argmin, np.inf), attrs=ARG, fails=True)

