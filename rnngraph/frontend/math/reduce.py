"""Reductions, running sums, argmax, norms and segments (ops catalogue, tiers A and B)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnngraph.frontend.framework.casts import cast, to_int64
from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit
from rnngraph.frontend.framework.make import (
    argument,
    checked_axis,
    hidden,
    hidden_constant,
    int_argument,
    known_int,
    known_ints,
)
from rnngraph.frontend.framework.make import reserve as reserve_names
from rnngraph.frontend.math.elementwise import (
    abs as abs_,
)
from rnngraph.frontend.math.elementwise import (
    multiply,
    not_equal,
    sqrt,
)
from rnngraph.frontend.math.elementwise import pow as pow_
from rnngraph.ir.types import DType, as_dtype, bool_, int32, int64

# --- reductions -------------------------------------------------------------------------------------------------------

_DOC = """{what} along `axis`: an int, a list of ints (negative ones count from the end) or None for all axes.

    keep_dims keeps the axes, with size 1. `reduction_indices` is the old name of `axis`. Raises ValueError for an axis
    out of range (phrase: `Invalid reduction dimension`) or both names, TypeError for a dtype it does not take. Source:
    tf.{name}.
    """


def reduction_axes(x: Tensor, axis: Any, reduction_indices: Any) -> tuple[int, ...] | None:
    """The axes as an attribute: None for all. Raises ValueError; NotImplementedError if only a run tells them."""
    if reduction_indices is not None:
        if axis is not None:
            raise ValueError("Can't specify both axis' and 'reduction_indices'.")
        axis = reduction_indices
    if axis is None:
        return None
    rank = x.shape.ndims
    found = known_ints(axis, "axis of a reduction")
    for each in found:
        if rank is not None and not -rank <= each < rank:
            raise ValueError(f"Invalid reduction dimension {each} for input with {rank} dimensions; expected an axis "
                             f"in [{-rank}, {rank}).")
    return tuple(dict.fromkeys(each % rank if rank is not None else each for each in found))


def reduce_op(op: str, kind: str, x: Any, axis: Any, keep: bool, name: str | None, indices: Any,
              dtype: DType | None = None) -> Tensor:
    """Make a reduction; `dtype` if it takes no other."""
    if isinstance(x, Tensor):
        return _reduced(op, kind, x, axis, keep, name, indices, dtype)
    with op_scope(kind if name is None else name, (x,)) as scope:
        return _reduced(op, kind, convert_to_tensor(x, name="input"), axis, keep, scope, indices, dtype)


def _reduced(op: str, kind: str, x: Tensor, axis: Any, keep: bool, name: str | None, indices: Any,
             dtype: DType | None) -> Tensor:
    argument(x, kind, "input", dtype)
    axes = reduction_axes(x, axis, indices)
    if axes is None and x.shape.ndims is not None:
        # r1.4 makes a constant of all axes here; a later constant of the user has the next name.
        reserve_names([x], "Const")
    return emit(op, [x], {"axes": axes, "keep": bool(keep)}, name=name, type=kind)


def _reduction(op: str, kind: str, name: str, what: str, dtype: DType | None = None) -> Callable[..., Tensor]:
    def function(input_tensor: Any, axis: Any = None, keep_dims: bool = False, name: str | None = None,
                 reduction_indices: Any = None) -> Tensor:
        return reduce_op(op, kind, input_tensor, axis, keep_dims, name, reduction_indices, dtype)
    function.__doc__ = _DOC.format(what=what, name=name)
    function.__name__ = name
    return function


reduce_sum = _reduction("reduce_sum", "Sum", "reduce_sum", "The sum of elements")
reduce_mean = _reduction("reduce_mean", "Mean", "reduce_mean", "The mean of elements, of integers truncated,")
reduce_prod = _reduction("reduce_prod", "Prod", "reduce_prod", "The product of elements")
reduce_max = _reduction("reduce_max", "Max", "reduce_max", "The largest element")
reduce_min = _reduction("reduce_min", "Min", "reduce_min", "The smallest element")
reduce_all = _reduction("reduce_all", "All", "reduce_all", "Whether all elements hold", bool_)
reduce_any = _reduction("reduce_any", "Any", "reduce_any", "Whether any element holds", bool_)


def reduce_logsumexp(input_tensor: Any, axis: Any = None, keep_dims: bool = False, name: str | None = None,
                     reduction_indices: Any = None) -> Tensor:
    """log of the sum of exp along axes, without overflow. Axes as in reduce_sum. Source: tf.reduce_logsumexp."""
    with op_scope("ReduceLogSumExp" if name is None else name, (input_tensor,)) as scope:
        x = convert_to_tensor(input_tensor, name="input")
        return _reduced("log_sum_exp", "ReduceLogSumExp", x, axis, keep_dims, scope, reduction_indices, None)


def count_nonzero(input_tensor: Any, axis: Any = None, keep_dims: bool = False, dtype: Any = int64,
                  name: str | None = None, reduction_indices: Any = None) -> Tensor:
    """The number of elements that are not 0, of type `dtype`. Axes as in reduce_sum. Source: tf.count_nonzero."""
    with op_scope("count_nonzero" if name is None else name, (input_tensor,)):
        x = convert_to_tensor(input_tensor, name="input_tensor")
        held = to_int64(x if x.dtype.is_bool else not_equal(x, x.dtype.as_numpy_dtype(0)))
        counted = reduce_sum(held, axis, keep_dims, reduction_indices=reduction_indices)
        return cast(counted, dtype)


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keep_dims: bool = False,
         name: str | None = None) -> Tensor:
    """The norm of vectors along `axis` (one axis, or None: of all elements as one vector).

    ord: "euclidean" (for matrices, two axes: Frobenius), 1, 2, inf or any p > 0; for two axes "euclidean", 1, inf.
    Raises ValueError for other orders or axes. Source: tf.norm.
    """
    axes = None if axis is None else known_ints(axis, "axis of norm")
    is_matrix = axes is not None and len(axes) == 2
    _check_order(ord, axes, is_matrix)
    with op_scope("norm" if name is None else name, (tensor,)):
        x = convert_to_tensor(tensor)
        if ord in ("fro", "euclidean", 2, 2.0):
            return sqrt(reduce_sum(multiply(x, x), axes, keep_dims))
        if ord == np.inf:
            return reduce_max(abs_(x), axes, keep_dims) if not is_matrix else _matrix_norm(x, axes, 1, keep_dims)
        if is_matrix:
            return _matrix_norm(x, axes, 0, keep_dims)
        if ord == 1:
            return reduce_sum(abs_(x), axes, keep_dims)
        return pow_(reduce_sum(pow_(abs_(x), float(ord)), axes, keep_dims), 1.0 / ord)


def _check_order(order: Any, axes: list[int] | None, is_matrix: bool) -> None:
    if axes is not None and (len(axes) not in (1, 2) or len(set(axes)) != len(axes)):
        raise ValueError(f"'axis' must be None, an integer, or a tuple of 2 unique integers, got {axes}")
    allowed: tuple[Any, ...] = ("euclidean", "fro", 1, np.inf) if is_matrix else ("euclidean", 1, 2, np.inf)
    if order in allowed:
        return
    if is_matrix or isinstance(order, str) or not isinstance(order, int | float) or order <= 0:
        raise ValueError(f"'ord' must be a supported {'matrix' if is_matrix else 'vector'} norm in "
                         f"{[str(each) for each in allowed]}, got {order!r}")


def _matrix_norm(x: Tensor, axes: Any, which: int, keep: bool) -> Tensor:
    """The largest absolute column sum (which = 0) or row sum (1)."""
    sums = reduce_sum(abs_(x), [axes[which]], True)
    return reduce_max(sums, axes, keep)


# --- along one axis ---------------------------------------------------------------------------------------------------

def _arg(op: str, kind: str, x: Any, axis: Any, name: str | None, dimension: Any, output_type: Any) -> Tensor:
    if dimension is not None:
        if axis is not None:
            raise ValueError("Cannot specify both 'axis' and 'dimension'")
        axis = dimension
    with op_scope(kind if name is None else name, (x,)) as scope:
        x = convert_to_tensor(x, name="input")
        place = checked_axis(known_int(0 if axis is None else axis, f"axis of {kind}"), x.shape.ndims, "Dimension")
        dtype = as_dtype(output_type)
        if dtype not in (int32, int64):
            raise TypeError(f"output_type must be int32 or int64, got {dtype.name}.")
        return emit(op, [x], {"axis": place, "dtype": dtype}, name=scope, type=kind)


def argmax(input: Any, axis: Any = None, name: str | None = None, dimension: Any = None,
           output_type: Any = int64) -> Tensor:
    """The first place of the maximum along `axis` (default 0; old name: dimension). Source: tf.argmax."""
    return _arg("argmax", "ArgMax", input, axis, name, dimension, output_type)


def argmin(input: Any, axis: Any = None, name: str | None = None, dimension: Any = None,
           output_type: Any = int64) -> Tensor:
    """The first place of the minimum along `axis` (default 0; old name: dimension). Source: tf.argmin."""
    return _arg("argmin", "ArgMin", input, axis, name, dimension, output_type)


def arg_max(input: Any, dimension: Any, output_type: Any = int64, name: str | None = None) -> Tensor:
    """`argmax` with its arguments in the old order. Source: tf.arg_max."""
    return argmax(input, dimension, name, None, output_type)


def arg_min(input: Any, dimension: Any, output_type: Any = int64, name: str | None = None) -> Tensor:
    """`argmin` with its arguments in the old order. Source: tf.arg_min."""
    return argmin(input, dimension, name, None, output_type)


def _running(op: str, kind: str, x: Any, axis: Any, exclusive: bool, reverse: bool, name: str | None) -> Tensor:
    with op_scope(kind if name is None else name, (x,)) as scope:
        x = convert_to_tensor(x, name="x")
        place = checked_axis(known_int(axis, f"axis of {kind}"), x.shape.ndims, "Expected scan axis; axis")
        attrs = {"axis": place, "exclusive": bool(exclusive), "reverse": bool(reverse)}
        return emit(op, [x], attrs, name=scope, type=kind)


def cumsum(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """Running sums along `axis`; exclusive: without the element itself; reverse: from the end. Source: tf.cumsum."""
    return _running("cumsum", "Cumsum", x, axis, exclusive, reverse, name)


def cumprod(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """Running products along `axis`; see cumsum. Source: tf.cumprod."""
    return _running("cumprod", "Cumprod", x, axis, exclusive, reverse, name)


# --- segments ---------------------------------------------------------------------------------------------------------

def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Sums of rows that have one id; ids are a sorted int vector from 0. Source: tf.segment_sum."""
    with op_scope("SegmentSum" if name is None else name, (data, segment_ids)) as scope:
        rows = convert_to_tensor(data, name="data")
        return emit("segment_sum", [rows, int_argument(segment_ids, "SegmentSum", "segment_ids")], name=scope,
                    type="SegmentSum")


def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Means of rows that have one id; ids as in segment_sum. Source: tf.segment_mean."""
    with op_scope("SegmentMean" if name is None else name, (data, segment_ids)) as scope:
        rows = convert_to_tensor(data, name="data")
        ids = int_argument(segment_ids, "SegmentMean", "segment_ids")
        counts = hidden(rows, "segment_sum", hidden(rows, "ones_like", rows), ids)
        one = hidden_constant(1, rows.dtype, rows)
        total = hidden(rows, "segment_sum", rows, ids)
        # An id that is skipped has no rows: its mean is 0, not 0 / 0.
        return emit("div" if rows.dtype.is_floating else "int_floordiv",
                    [total, hidden(rows, "maximum", counts, one)], name=scope, type="SegmentMean")


def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """Row i of `num_segments`: the sum of the data whose id is i. ids have the shape of data's first axes.

    Fails at run time for an id outside. Source: tf.unsorted_segment_sum.
    """
    kind = "UnsortedSegmentSum"
    with op_scope(kind if name is None else name, (data, segment_ids, num_segments)) as scope:
        rows = convert_to_tensor(data, name="data")
        ids = int_argument(segment_ids, kind, "segment_ids")
        return emit("unsorted_segment_sum", [rows, ids, int_argument(num_segments, kind, "num_segments")], name=scope,
                    type=kind)


def _unsupported_segment(name: str) -> Callable[..., Tensor]:
    def function(*args: Any, **kwargs: Any) -> Tensor:
        raise NotImplementedError(f"tf.{name} is not supported; tf.segment_sum, tf.segment_mean and "
                                  "tf.unsorted_segment_sum are.")
    function.__doc__ = f"Not supported: raises NotImplementedError. Source: tf.{name}."
    return function


segment_max = _unsupported_segment("segment_max")
segment_min = _unsupported_segment("segment_min")
segment_prod = _unsupported_segment("segment_prod")
unsorted_segment_max = _unsupported_segment("unsorted_segment_max")


def bincount(arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = int32) -> Tensor:
    """How often each number occurs in an int tensor, or the sum of `weights` there, from 0 to the largest.

    minlength and maxlength bound the length of the result; numbers beyond are left out. Source: tf.bincount.
    """
    ids = cast(convert_to_tensor(arr, name="arr"), int32)
    values = hidden(ids, "ones_like", ids)
    if weights is not None:
        counted = convert_to_tensor(weights, name="weights")
    else:
        counted = emit("cast", [values], {"dtype": as_dtype(dtype)}, type="Cast")
    length = reduce_max(ids) + 1
    zero = hidden_constant(0, int32, ids)
    size = emit("maximum", [zero, length], type="Maximum")
    if minlength is not None:
        size = emit("maximum", [convert_to_tensor(minlength, int32), size], type="Maximum")
    if maxlength is not None:
        size = emit("minimum", [convert_to_tensor(maxlength, int32), size], type="Minimum")
        inside = hidden(ids, "less", ids, size)
        counted = emit("select", [inside, counted, hidden(ids, "zeros_like", counted)], type="Select")
        ids = emit("select", [inside, ids, hidden(ids, "zeros_like", ids)], type="Select")
    return emit("unsorted_segment_sum", [counted, ids, size], type="Bincount")
