"""Initializers: objects `init(shape, dtype=None, partition_info=None)` that give a variable its first value.

The module is also the namespace `tf.initializers`.
"""

from __future__ import annotations

import math as stdlib_math
from collections.abc import Sequence
from typing import Any

import numpy as np

import rnngraph.ops.linalg  # noqa: F401 - declares qr
from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.array.creation import filled_constant
from rnngraph.frontend.framework import convert
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.python_values import from_python
from rnngraph.frontend.framework.scope import name_scope
from rnngraph.frontend.framework.shapes import as_shape
from rnngraph.frontend.math import linalg, random_ops
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.variables.variable_sets import (
    global_variables_initializer,
    local_variables_initializer,
    variables_initializer,
)
from rnngraph.ir.types import DType, as_dtype, float32


class Initializer:
    """The base of initializers: a callable with a configuration. Source: init_ops.Initializer."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """The initial value of that shape. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__}.__call__: an initializer defines how it makes values")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, dtype as its name."""
        return {k.lstrip("_"): v.name if isinstance(v, DType) else v for k, v in self.__dict__.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An initializer with the configuration that `get_config` gave."""
        return cls(**config)


def _sizes(shape: Any) -> list[int]:
    """The shape as ints. Raises ValueError if it is not fully known."""
    found = as_shape(shape)
    found.assert_is_fully_defined()
    return [int(d) for d in found]


def _floating(dtype: Any) -> DType:
    found = as_dtype(dtype)
    if not found.is_floating:
        raise ValueError(f"Expected floating point type, got {found}.")
    return found


class zeros_initializer(Initializer):
    """All zeros (False, empty strings). Source: tf.zeros_initializer."""

    def __init__(self, dtype: Any = float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Zeros of that shape."""
        return array.zeros(shape, self.dtype if dtype is None else dtype)


class ones_initializer(Initializer):
    """All ones. Source: tf.ones_initializer."""

    def __init__(self, dtype: Any = float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Ones of that shape."""
        return array.ones(shape, self.dtype if dtype is None else dtype)


class constant_initializer(Initializer):
    """`value`, a number or a list that is filled in in order, its last element repeated.

    With `verify_shape`, a list must have the variable's shape (TypeError). Source: tf.constant_initializer.
    """

    def __init__(self, value: Any = 0, dtype: Any = float32, verify_shape: bool = False) -> None:
        self.value = value
        self.dtype = as_dtype(dtype)
        self._verify_shape = verify_shape

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None,
                 verify_shape: bool | None = None) -> Tensor:
        """The value as a constant of that shape."""
        verify = self._verify_shape if verify_shape is None else verify_shape
        wanted, sizes = self.dtype if dtype is None else as_dtype(dtype), _sizes(shape)
        if isinstance(self.value, int | float) and not verify:
            # A large constant of one number is kept as that number.
            with name_scope("Const") as scope:
                return filled_constant(from_python(self.value, wanted, convert.has_tensors), sizes, scope)
        return convert.constant(self.value, dtype=wanted, shape=sizes, verify_shape=verify)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments but `verify_shape`."""
        return {"value": self.value, "dtype": self.dtype.name}


class random_uniform_initializer(Initializer):
    """Uniform in [minval, maxval); maxval is 1 for floats and required for ints (ValueError: `Must specify maxval`).

    Source: tf.random_uniform_initializer.
    """

    def __init__(self, minval: Any = 0, maxval: Any = None, seed: int | None = None, dtype: Any = float32) -> None:
        self.minval = minval
        self.maxval = maxval
        self.seed = seed
        self.dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Random values of that shape."""
        return random_ops.random_uniform(shape, self.minval, self.maxval, self.dtype if dtype is None else dtype,
                                         seed=self.seed)


class random_normal_initializer(Initializer):
    """Normal. Raises ValueError for a dtype that is not floating. Source: tf.random_normal_initializer."""

    def __init__(self, mean: Any = 0.0, stddev: Any = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.mean = mean
        self.stddev = stddev
        self.seed = seed
        self.dtype = _floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Random values of that shape."""
        return random_ops.random_normal(shape, self.mean, self.stddev, self.dtype if dtype is None else dtype,
                                        seed=self.seed)


class truncated_normal_initializer(Initializer):
    """Normal, drawn again beyond two standard deviations. Source: tf.truncated_normal_initializer."""

    def __init__(self, mean: Any = 0.0, stddev: Any = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.mean = mean
        self.stddev = stddev
        self.seed = seed
        self.dtype = _floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Random values of that shape."""
        return random_ops.truncated_normal(shape, self.mean, self.stddev, self.dtype if dtype is None else dtype,
                                           seed=self.seed)


class uniform_unit_scaling_initializer(Initializer):
    """Uniform in +-factor*sqrt(3/n), n the product of all sizes but the last.

    Source: tf.uniform_unit_scaling_initializer.
    """

    def __init__(self, factor: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.factor = factor
        self.seed = seed
        self.dtype = _floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Random values of that shape."""
        limit = stdlib_math.sqrt(3.0 / max(1.0, stdlib_math.prod(_sizes(shape)[:-1]))) * self.factor
        return random_ops.random_uniform(shape, -limit, limit, self.dtype if dtype is None else dtype, seed=self.seed)


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Fan in and fan out of a weight shape: rows and columns, times the product of leading sizes."""
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return n, n
    window = stdlib_math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


class variance_scaling_initializer(Initializer):
    """Variance scale/n, n the fan in, the fan out or their mean (`mode`). Source: tf.variance_scaling_initializer.

    `distribution` "normal" is truncated at two standard deviations, without correction; "uniform" has limits
    +-sqrt(3*scale/n). Raises ValueError for a bad scale, mode or distribution.
    """

    def __init__(self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal",
                 seed: int | None = None, dtype: Any = float32) -> None:
        if scale <= 0:
            raise ValueError(f"`scale` must be positive float, got {scale!r}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"Invalid `mode` argument: {mode!r}; expected fan_in, fan_out or fan_avg")
        if str(distribution).lower() not in ("normal", "uniform"):
            raise ValueError(f"Invalid `distribution` argument: {distribution!r}; expected normal or uniform")
        self.scale = scale
        self.mode = mode
        self.distribution = str(distribution).lower()
        self.seed = seed
        self.dtype = _floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Random values of that shape."""
        wanted = self.dtype if dtype is None else dtype
        fan_in, fan_out = fans(_sizes(shape))
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "normal":
            return random_ops.truncated_normal(shape, 0.0, stdlib_math.sqrt(variance), wanted, seed=self.seed)
        limit = stdlib_math.sqrt(3.0 * variance)
        return random_ops.random_uniform(shape, -limit, limit, wanted, seed=self.seed)


class orthogonal_initializer(Initializer):
    """`gain` times an orthogonal matrix; sizes before the last are taken together. Source: tf.orthogonal_initializer.

    Raises ValueError for fewer than two axes.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self.gain = gain
        self.seed = seed
        self.dtype = _floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """A random matrix of that shape with orthogonal rows or columns."""
        sizes, wanted = _sizes(shape), self.dtype if dtype is None else as_dtype(dtype)
        if len(sizes) < 2:
            raise ValueError(f"The tensor to initialize must be at least two-dimensional, but its shape is {sizes}.")
        rows, columns = stdlib_math.prod(sizes[:-1]), sizes[-1]
        flat = (max(rows, columns), min(rows, columns))
        normal = random_ops.random_normal(flat, dtype=wanted, seed=self.seed)
        q, r = linalg.qr(normal)
        diagonal = linalg.diag_part(r)
        # The one factorisation whose R has a positive diagonal: then the result is uniform over orthogonal matrices.
        q = q * (diagonal / math.abs(diagonal))
        if rows < columns:
            q = array.transpose(q)
        return self.gain * array.reshape(q, sizes)


class identity_initializer(Initializer):
    """`gain` times the identity matrix; two axes only (ValueError). Source: tf.initializers.identity."""

    def __init__(self, gain: float = 1.0, dtype: Any = float32) -> None:
        self.gain = gain
        self.dtype = _floating(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """The matrix of that shape."""
        sizes = _sizes(shape)
        if len(sizes) != 2:
            raise ValueError(f"Identity matrix initializer can only be used for 2D matrices, not for shape {sizes}.")
        wanted = self.dtype if dtype is None else as_dtype(dtype)
        return convert.constant(np.eye(sizes[0], sizes[1]) * self.gain, dtype=wanted)


def glorot_uniform_initializer(seed: int | None = None, dtype: Any = float32) -> variance_scaling_initializer:
    """Uniform in +-sqrt(6/(fan in + fan out)). Source: tf.glorot_uniform_initializer."""
    return variance_scaling_initializer(1.0, "fan_avg", "uniform", seed, dtype)


def glorot_normal_initializer(seed: int | None = None, dtype: Any = float32) -> variance_scaling_initializer:
    """Truncated normal of variance 2/(fan in + fan out). Source: tf.glorot_normal_initializer."""
    return variance_scaling_initializer(1.0, "fan_avg", "normal", seed, dtype)


# The names of `tf.initializers`, which is this module.
zeros = zeros_initializer
ones = ones_initializer
constant = constant_initializer
random_uniform = random_uniform_initializer
random_normal = random_normal_initializer
truncated_normal = truncated_normal_initializer
uniform_unit_scaling = uniform_unit_scaling_initializer
variance_scaling = variance_scaling_initializer
orthogonal = orthogonal_initializer
identity = identity_initializer
variables = variables_initializer
global_variables = global_variables_initializer
local_variables = local_variables_initializer
