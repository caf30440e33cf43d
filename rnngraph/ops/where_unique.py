"""Ops whose results' sizes only data tells: host steps for good. Each binds a fresh size at its results."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call, call_node
from rnngraph.ir.kinds import Host
from rnngraph.ir.op import Attr, Call, Site
from rnngraph.ir.sizes import Dim
from rnngraph.ir.types import TensorType, as_dtype, int32, int64
from rnngraph.ops.build import index, shape_of, zeros_like
from rnngraph.ops.declare import BOOLS, check_kind, declare, invalid
from rnngraph.ops.indexed import check_indices
from rnngraph.ops.shapes import merged, ranked, same_dtype, vector

# --- where, unique -----------------------------------------------------------------------------------------------


def _where_type(site: Site) -> TensorType:
    check_kind(site.tensor(0).dtype, BOOLS)
    rank: Dim = site.tensor(0).rank
    return TensorType(int64, (site.sizes.fresh("n"), site.sizes.fresh("rank") if rank is None else rank))


def _unique_type(site: Site) -> tuple[TensorType, TensorType]:
    x, shape = site.tensor(0), ranked(site, 0, 1, "the input")
    return vector(x.dtype, site.sizes.fresh("n")), TensorType(as_dtype(site.attrs["dtype"]), shape)


def _unique(call: Call, x: Any) -> tuple[Any, Any]:
    """In order of first appearance."""
    values, first, places = np.unique(x, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return values[order], rank[places.reshape(-1)].astype(as_dtype(call.attrs["dtype"]).numpy)


declare("where_indices", "condition", "The places where the condition holds, a row each, in order (int64).", Host(),
        _where_type, lambda call, condition: np.argwhere(condition).astype(np.int64))
declare("unique", "x", "The different elements of a vector in order of appearance, and each element's place in them.",
        Host(), _unique_type, _unique, attrs={"dtype": Attr("dtype", int32)})

# --- partition and stitch ----------------------------------------------------------------------------------------


def _partition_type(site: Site) -> tuple[TensorType, ...]:
    data, ids = site.tensor(0), site.tensor(1)
    if data.shape is None or ids.shape is None:
        return tuple(data.with_shape(None) for _ in range(site.attrs["num"]))
    merged(site, data.shape[:len(ids.shape)], ids.shape, "the partitions")
    rest = data.shape[len(ids.shape):]
    return tuple(data.with_shape((site.sizes.fresh("n"), *rest)) for _ in range(site.attrs["num"]))


def _partition(call: Call, data: Any, ids: Any) -> tuple[Any, ...]:
    check_indices(ids, call.attrs["num"])
    return tuple(data[ids == i] for i in range(call.attrs["num"]))


def _partition_rule(g: Any, *cotangents: Value | None) -> list[Value | None]:
    """Number the rows, send the numbers the way the rows went, and stitch the cotangents by them."""
    data, ids = g.operands
    size = call("size", ids)
    rows = call("reshape", call("range", index(0), size, index(1)), shape_of(ids))
    places = call_node("dynamic_partition", rows, ids, **g.attrs).results
    given = [zeros_like(r) if c is None else c for r, c in zip(g.results, cotangents, strict=True)]
    return [call("reshape", call("dynamic_stitch", *places, *given, num=len(given)), shape_of(data)), None]


def _stitch_type(site: Site) -> TensorType:
    num, count = site.attrs["num"], len(site.types)
    if count != 2 * num:
        raise TypeError(f"dynamic_stitch of {num} parts takes {2 * num} operands, but {count} were given")
    dtype = same_dtype(site, range(num, count))
    rest = None
    for i in range(num):
        places, data = site.tensor(i).shape, site.tensor(num + i).shape
        if places is not None and data is not None:
            merged(site, data[:len(places)], places, "the indices")
            rest = merged(site, rest, data[len(places):], "the rows of the data")
    return TensorType(dtype, None if rest is None else (site.sizes.fresh("n"), *rest))


def _stitch(call: Call, *operands: Any) -> Any:
    num = call.attrs["num"]
    places, data = operands[:num], operands[num:]
    if any((p < 0).any() for p in places):
        raise invalid("indices of dynamic_stitch must be >= 0")
    size = 1 + max((int(p.max()) for p in places if p.size), default=-1)
    found = np.zeros((size, *data[0].shape[places[0].ndim:]), data[0].dtype)
    for where, rows in zip(places, data, strict=True):
        found[where] = rows
    return found


def _stitch_rule(g: Any, c: Value) -> list[Value | None]:
    num = g.attrs["num"]
    return [None] * num + [call("take", c, v) for v in g.operands[:num]]


declare("dynamic_partition", "data ids", "`num` values: the rows of data whose id is 0, 1, ... Fails for an id "
        "outside.", Host(), _partition_type, _partition, attrs={"num": Attr("int")}, gradient=_partition_rule,
        fails=True)
declare("dynamic_stitch", "*indices_then_data", "Rows put where their index says; `num` operands of indices, then "
        "as many of data. Of duplicates the last counts.", Host(), _stitch_type, _stitch, attrs={"num": Attr("int")},
        gradient=_stitch_rule, fails=True)
