"""Moments and normalisation (tf.nn)."""

from __future__ import annotations

from typing import Any

from rnngraph.frontend.array.reshape import squeeze, stop_gradient
from rnngraph.frontend.framework.casts import cast
from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.math.elementwise import maximum, multiply, rsqrt, square, squared_difference
from rnngraph.frontend.math.reduce import reduce_mean, reduce_sum
from rnngraph.ir.types import float16, float32


def moments(x: Any, axes: Any, shift: Any = None, name: str | None = None,
            keep_dims: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance along axes (a list). float16 is computed in float32. `shift` is not used.

    Source: tf.nn.moments.
    """
    with op_scope("moments" if name is None else name, (x, axes)):
        given = convert_to_tensor(x, name="x")
        y = cast(given, float32) if given.dtype == float16 else given
        mean = reduce_mean(y, axes, True, name="mean")
        variance = reduce_mean(squared_difference(y, stop_gradient(mean)), axes, True, name="variance")
        if not keep_dims:
            mean, variance = squeeze(mean, axes), squeeze(variance, axes)
        if given.dtype == float16:
            return cast(mean, float16), cast(variance, float16)
        return mean, variance


def weighted_moments(x: Any, axes: Any, frequency_weights: Any, name: str | None = None,
                     keep_dims: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance along axes, each element as often as its weight says. Source: tf.nn.weighted_moments."""
    with op_scope("weighted_moments" if name is None else name, (x, frequency_weights, axes)):
        y = convert_to_tensor(x, name="x")
        weights = cast(convert_to_tensor(frequency_weights, name="weights"), y.dtype)
        # Weights of size 1 along an axis still count once an element.
        spread = weights + y * 0
        total = reduce_sum(spread, axes, True)
        mean = reduce_sum(spread * y, axes, True) / total
        variance = reduce_sum(spread * squared_difference(y, mean), axes, True) / total
        return (mean, variance) if keep_dims else (squeeze(mean, axes), squeeze(variance, axes))


def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any,
                        name: str | None = None) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset; offset and scale may be None. All broadcast.

    Source: tf.nn.batch_normalization.
    """
    with op_scope("batchnorm" if name is None else name, (x, mean, variance, scale, offset)):
        x = convert_to_tensor(x)
        factor = rsqrt(convert_to_tensor(variance, x.dtype) + variance_epsilon)
        if scale is not None:
            factor = factor * scale
        shifted = -mean * factor if offset is None else offset - mean * factor
        result: Tensor = x * factor + shifted
        return result


def l2_normalize(x: Any, dim: Any, epsilon: float = 1e-12, name: str | None = None) -> Tensor:
    """x / sqrt(max(sum of squares along dim, epsilon)). Source: tf.nn.l2_normalize."""
    with op_scope("l2_normalize" if name is None else name, (x,)) as scope:
        x = convert_to_tensor(x, name="x")
        total = reduce_sum(square(x), dim, True)
        return multiply(x, rsqrt(maximum(total, epsilon)), name=scope)
