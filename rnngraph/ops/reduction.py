"""Reductions along axes, and the sum that undoes broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call
from rnngraph.ir.op import Call, Site
from rnngraph.ir.sizes import add, maximum, minimum, mul, product
from rnngraph.ir.types import TensorType, int64
from rnngraph.ops import known_elements
from rnngraph.ops.build import (
    cast,
    flat,
    ints,
    masked,
    number,
    reduced_like,
    shape_of,
    size_scalar,
)
from rnngraph.ops.declare import AXES, BOOLS, REALS, composite, reduction, reduction_type
from rnngraph.ops.shapes import axes_of, broadcast_shapes, vector_shape


def _accumulated(ufunc: Any) -> Callable[..., Any]:
    """Reduce with a ufunc; float16 is accumulated in float32."""
    def run(x: Any, axes: Sequence[int] | None, keep: bool) -> Any:
        wide = np.float32 if x.dtype == np.float16 else x.dtype
        return ufunc.reduce(x, axis=axes, keepdims=keep, dtype=wide)
    return run


def _extreme(ufunc: Any, unit: Callable[[Any], Any]) -> Callable[..., Any]:
    """Reduce with np.maximum or np.minimum; nothing at all gives `unit(dtype)`."""
    def run(x: Any, axes: Sequence[int] | None, keep: bool) -> Any:
        return ufunc.reduce(x, axis=axes, keepdims=keep, initial=unit(x.dtype))
    return run


def lowest(dtype: Any) -> Any:
    """The unit of maximum."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def highest(dtype: Any) -> Any:
    """The unit of minimum."""
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


# --- gradients ---------------------------------------------------------------------------------------------------

def _sum_rule(g: Any, c: Value) -> list[Value]:
    (x,) = g.operands
    return [call("broadcast", reduced_like(c, x, g.attrs), shape_of(x))]


def _extreme_rule(g: Any, c: Value) -> list[Value]:
    """Elements that tie share the cotangent equally."""
    (x,), (y,) = g.operands, g.results
    winners = call("equal", x, reduced_like(y, x, g.attrs))
    ones = cast(winners, x.type.dtype)
    among = call("reduce_sum", ones, axes=g.attrs["axes"], keep=True)
    return [masked(winners, ones * reduced_like(c, x, g.attrs) / among)]


def _prod_rule(g: Any, c: Value) -> list[Value]:
    """The product of the others, by running products from both ends: right where elements are 0."""
    (x,), axes = g.operands, g.attrs["axes"]
    if axes is None:
        return [reduced_like(c, x, g.attrs) * call("reshape", _others(flat(x), (0,)), shape_of(x))]
    rank = x.tensor.rank
    return [reduced_like(c, x, g.attrs) * _others(x, axes if rank is None else axes_of(axes, rank))]


def _others(x: Value, axes: Sequence[int]) -> Value:
    """The product of all other elements along `axes`: the others of its row, times the products of the other rows."""
    if not axes:
        return call("ones_like", x)
    first, *rest = axes
    before = call("cumprod", x, axis=first, exclusive=True)
    after = call("cumprod", x, axis=first, exclusive=True, reverse=True)
    if not rest:
        return before * after
    return before * after * _others(call("reduce_prod", x, axes=(first,), keep=True), rest)


def _mean_rule(g: Any, c: Value) -> list[Value]:
    (x,), axes = g.operands, g.attrs["axes"]
    if axes is None:
        size = call("size", x)
    elif x.tensor.rank is None:
        results = call("size", c)
        size = call("int_truncdiv", call("size", x), call("maximum", results, number(1, results)))
    else:
        size = call("reduce_prod", call("take", shape_of(x), ints(axes_of(axes, len(x.shape)))), axes=(0,))
    shared = c / cast(size, c.type.dtype)
    return [call("broadcast", reduced_like(shared, x, g.attrs), shape_of(x))]


# --- the ops -----------------------------------------------------------------------------------------------------

reduction("reduce_sum", "The sum along `axes`.", "add", _accumulated(np.add), REALS, gradient=_sum_rule,
          content=known_elements.folded(add, 0))
reduction("reduce_prod", "The product along `axes`.", "mul", _accumulated(np.multiply), REALS, gradient=_prod_rule,
          content=known_elements.folded(mul, 1))
reduction("reduce_max", "The maximum along `axes`; of nothing: the lowest number. Ties share the gradient.", "max",
          _extreme(np.maximum, lowest), REALS, gradient=_extreme_rule, content=known_elements.folded(maximum, None))
reduction("reduce_min", "The minimum along `axes`; of nothing: the highest number. Ties share the gradient.", "min",
          _extreme(np.minimum, highest), REALS, gradient=_extreme_rule, content=known_elements.folded(minimum, None))
reduction("reduce_all", "Whether all elements along `axes` are true.", "and",
          lambda x, axes, keep: np.logical_and.reduce(x, axis=axes, keepdims=keep), BOOLS)
reduction("reduce_any", "Whether any element along `axes` is true.", "or",
          lambda x, axes, keep: np.logical_or.reduce(x, axis=axes, keepdims=keep), BOOLS)

# --- mean --------------------------------------------------------------------------------------------------------


def _mean(call: Call, x: Any) -> Any:
    axes, keep = call.attrs["axes"], call.attrs["keep"]
    with np.errstate(all="ignore"):
        total = np.asarray(_accumulated(np.add)(x, axes, keep))
        count = x.size // max(total.size, 1) if total.size else 1
        if x.dtype.kind == "f":
            return np.asarray(total / total.dtype.type(count)).astype(x.dtype)
        return np.trunc(total / max(count, 1)).astype(x.dtype)


def _expand_mean(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
    (x,) = operands
    dtype = x.type.dtype
    size = product(x.shape[a] for a in axes_of(attrs["axes"], len(x.shape)))
    total = call("reduce_sum", x, axes=attrs["axes"], keep=attrs["keep"])
    if dtype.is_floating:
        return total / cast(size_scalar(size, int64), dtype)
    # The mean of nothing is 0 / 0 for floats; integers have no such thing, and must not fail.
    return call("int_truncdiv", total, cast(size_scalar(maximum(size, 1), int64), dtype))


composite("reduce_mean", "x", "The mean along `axes`; of integers truncated.", reduction_type("reduce_mean", REALS),
          _expand_mean, _mean, attrs=AXES, gradient=_mean_rule)

# --- unbroadcast -------------------------------------------------------------------------------------------------


def _unbroadcast_type(site: Site) -> TensorType:
    target = vector_shape(site, 1, "the shape that unbroadcast gives")
    broadcast_shapes(site.tensor(0).shape, target)
    return site.tensor(0).with_shape(target)


def _unbroadcast(call: Call, g: Any, shape: Any) -> Any:
    if g.size == 0 and 0 in shape:
        return np.zeros(tuple(shape), g.dtype)  # rows of a list that has none do not know their sizes
    lead = g.ndim - len(shape)
    if lead < 0 or any(d not in (1, n) for d, n in zip(shape, g.shape[lead:], strict=True)):
        return np.broadcast_to(g, np.broadcast_shapes(g.shape, tuple(shape)))
    axes = tuple(i for i in range(g.ndim) if i < lead or (shape[i - lead] == 1 and g.shape[i] != 1))
    return _accumulated(np.add)(g, axes, True).astype(g.dtype).reshape(tuple(shape))


def _expand_unbroadcast(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    """A sum over the axes whose target is 1 or absent; None where that cannot be told."""
    g, wanted = operands
    have, target = g.tensor.shape, wanted.content
    if wanted.shape == (0,):
        target = ()
    if have is None or target is None or None in target or len(target) > len(have):
        return None
    lead = len(have) - len(target)
    axes = list(range(lead))
    for i, (h, t) in enumerate(zip(have[lead:], target, strict=True), lead):
        if t == 1 and h != 1:
            axes.append(i)
        elif h != t:
            return None
    summed = call("reduce_sum", g, axes=tuple(axes), keep=True) if len(axes) > lead else g
    if lead:
        return call("reduce_sum", summed, axes=tuple(range(lead)), keep=False)
    return summed


composite("unbroadcast", "g shape", "The sum of g down to `shape`, from which it was broadcast.", _unbroadcast_type,
          _expand_unbroadcast, _unbroadcast,
          gradient=lambda g, c: [call("broadcast", c, shape_of(g.operands[0])), None])
