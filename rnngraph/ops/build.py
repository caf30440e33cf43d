"""Small phrases for gradient rules and expansions: they build into the current graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call, constant, current
from rnngraph.ir.sizes import Dim
from rnngraph.ir.types import DType, TensorType, as_dtype, int32
from rnngraph.ops.shapes import sure


def shape_of(x: Value) -> Value:
    """The run-time shape, an int32 vector."""
    return call("shape", x)


def size_along(x: Value, axis: int) -> Value:
    """The size of one axis, an int32 scalar; the rank need not be known."""
    known = known_size(x, axis)
    if known is not None:
        return index(known)
    bounds = (ints([n]) for n in (axis, 0, 1))
    return call("strided_slice", shape_of(x), *bounds, shrink_mask=1)


def known_size(x: Value, axis: int) -> int | None:
    """The size of one axis, if it is a number."""
    t = x.type
    size = t.shape[axis] if isinstance(t, TensorType) and t.shape is not None else None
    return size if isinstance(size, int) else None


def zeros_like(x: Value) -> Value:
    """Zeros of x's type."""
    return call("zeros_like", x)


def number(value: float, like: Value) -> Value:
    """A scalar constant of the dtype of `like`."""
    return constant(value, like.type.dtype.numpy)


def ints(values: Sequence[int]) -> Value:
    """A constant int32 vector."""
    return constant(np.asarray(values, np.int32))


def index(value: int) -> Value:
    """A constant int32 scalar."""
    return constant(np.int32(value))


def size_vector(dims: Sequence[Dim], dtype: Any = int32) -> Value:
    """An int vector of known sizes; for expansions, where sizes have symbols."""
    return call("sizes", dims=tuple(dims), dtype=as_dtype(dtype), scalar=False)


def sizes_in(x: Value) -> tuple[Dim, ...] | None:
    """The sizes that an integer value spells, for expansions; None unless all are known to be sizes (>= 0)."""
    content = x.content
    if content is None or not all(d is not None and sure(current().sizes, d) is not None for d in content):
        return None
    return content if all(not isinstance(d, int) or d >= 0 for d in content) else None


def size_scalar(dim: Dim, dtype: Any = int32) -> Value:
    """A known size as a scalar; for expansions."""
    return call("sizes", dims=(dim,), dtype=as_dtype(dtype), scalar=True)


def cast(x: Value, dtype: DType) -> Value:
    """x in another dtype."""
    return x if x.type.dtype == dtype else call("cast", x, dtype=dtype)


def select(condition: Value, x: Value, y: Value | float) -> Value:
    """x where the condition holds, else y."""
    return call("select", condition, x, y if isinstance(y, Value) else number(y, x))


def masked(condition: Value, x: Value) -> Value:
    """x where the condition holds, else 0."""
    return select(condition, x, 0)


def expand_axes(x: Value, axes: Sequence[int]) -> Value:
    """x with axes of size 1 put in at these places of the result, which are sorted."""
    for axis in axes:
        x = call("expand_dims", x, axis=axis)
    return x


def reduced_like(g: Value, x: Value, attrs: Any) -> Value:
    """The cotangent (or result) of a reduction of x, with the reduced axes back as axes of size 1."""
    axes, rank = attrs["axes"], x.tensor.rank
    if attrs["keep"] or (axes is None and rank is None):
        return g
    if rank is None:
        return call("reshape", g, shape_of(call("reduce_sum", x, axes=axes, keep=True)))
    return expand_axes(g, range(rank) if axes is None else sorted(a % rank for a in axes))


def transpose(x: Value, perm: Sequence[int]) -> Value:
    """x with axis perm[i] at place i."""
    return x if list(perm) == list(range(len(perm))) else call("transpose", x, perm=tuple(perm))


def inverse(perm: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes `perm`."""
    return tuple(int(i) for i in np.argsort(perm))


def flat(x: Value) -> Value:
    """x as a vector."""
    return x if x.tensor.rank == 1 else call("reshape", x, ints([-1]))
