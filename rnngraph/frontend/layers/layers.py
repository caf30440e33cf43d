"""The layers of `tf.layers` that RNN models use: dense, dropout, flatten, batch normalization."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.flow import control
from rnngraph.frontend.framework.convert import constant_value, convert_to_tensor
from rnngraph.frontend.framework.expect import expect
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.shapes import TensorShape, as_shape
from rnngraph.frontend.layers.layers_base import InputSpec, Layer
from rnngraph.frontend.math import linalg
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.nn import nn_ops
from rnngraph.frontend.variables.initializers import ones_initializer, zeros_initializer
from rnngraph.frontend.variables.variable import assign_sub
from rnngraph.ir.types import float32

_ZEROS = zeros_initializer()
_ONES = ones_initializer()


def smart_cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """`true_fn()` or `false_fn()`, chosen now where `pred` is known now."""
    known = known_bool(pred)
    if known is None:
        return control.cond(pred, true_fn, false_fn)
    return true_fn() if known else false_fn()


class Dense(Layer):
    """activation(inputs . kernel + bias) over the last axis, which must be known. Source: tf.layers.Dense."""

    def __init__(self, units: int, activation: Callable[[Any], Any] | None = None, use_bias: bool = True,
                 kernel_initializer: Any = None, bias_initializer: Any = _ZEROS, kernel_regularizer: Any = None,
                 bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
                 bias_constraint: Any = None, trainable: bool = True, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(trainable=trainable, name=name, activity_regularizer=activity_regularizer, **kwargs)
        self.units = units
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer = kernel_regularizer
        self.bias_regularizer = bias_regularizer
        self.kernel_constraint = kernel_constraint
        self.bias_constraint = bias_constraint
        self.kernel: Any = None
        self.bias: Any = None
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        """Make `kernel` [depth, units] and `bias` [units]. Raises ValueError for an unknown depth."""
        depth = as_shape(input_shape)[-1].value
        if depth is None:
            raise ValueError("The last dimension of the inputs to `Dense` should be defined. Found `None`.")
        self.input_spec = InputSpec(min_ndim=2, axes={-1: depth})
        self.kernel = self.add_variable("kernel", [depth, self.units], initializer=self.kernel_initializer,
                                        regularizer=self.kernel_regularizer, constraint=self.kernel_constraint)
        if self.use_bias:
            self.bias = self.add_variable("bias", [self.units], initializer=self.bias_initializer,
                                          regularizer=self.bias_regularizer, constraint=self.bias_constraint)
        self.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Tensor:
        """`inputs` [..., depth] -> [..., units]."""
        x = convert_to_tensor(inputs, dtype=self.dtype)
        rank = x.shape.ndims
        if rank is not None and rank > 2:
            outputs = linalg.tensordot(x, self.kernel, [[rank - 1], [0]])
            outputs.set_shape([*x.shape.as_list()[:-1], self.units])
        else:
            outputs = math.matmul(x, self.kernel)
        if self.use_bias:
            outputs = nn_ops.bias_add(outputs, self.bias)
        result: Tensor = outputs if self.activation is None else self.activation(outputs)
        return result

    def _compute_output_shape(self, input_shape: Any) -> TensorShape:
        """The shape of the outputs. Raises ValueError for an unknown depth."""
        shape = as_shape(input_shape).with_rank_at_least(2)
        if shape[-1].value is None:
            raise ValueError(f"The innermost dimension of input_shape must be defined, but saw: {shape}")
        return shape[:-1].concatenate(self.units)


def dense(inputs: Any, units: int, activation: Callable[[Any], Any] | None = None, use_bias: bool = True,
          kernel_initializer: Any = None, bias_initializer: Any = _ZEROS, kernel_regularizer: Any = None,
          bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
          bias_constraint: Any = None, trainable: bool = True, name: str | None = None,
          reuse: Any = None) -> Any:
    """A Dense layer called once; with `name`, in that variable scope. Source: tf.layers.dense."""
    inputs = convert_to_tensor(inputs)
    layer = Dense(units, activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer,
                  bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, trainable, name,
                  dtype=inputs.dtype, _scope=name, _reuse=reuse)
    return layer(inputs)


class Dropout(Layer):
    """Drops elements with probability `rate` while training, scaling the rest up. Source: tf.layers.Dropout."""

    def __init__(self, rate: Any = 0.5, noise_shape: Any = None, seed: int | None = None, name: str | None = None,
                 **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed

    def call(self, inputs: Any, training: Any = False, *args: Any, **kwargs: Any) -> Any:
        """The inputs with elements dropped if `training`, a bool or a bool tensor."""
        def dropped() -> Any:
            return nn_ops.dropout(inputs, 1 - self.rate, noise_shape=self.noise_shape, seed=self.seed)
        return smart_cond(training, dropped, lambda: array.identity(inputs))


def dropout(inputs: Any, rate: Any = 0.5, noise_shape: Any = None, seed: int | None = None, training: Any = False,
            name: str | None = None) -> Any:
    """A Dropout layer called once. Source: tf.layers.dropout."""
    return Dropout(rate, noise_shape, seed, name)(inputs, training=training)


class Flatten(Layer):
    """[batch, ...] -> [batch, the rest in one axis]. Source: tf.layers.Flatten."""

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Tensor:
        """The inputs with all axes but the first made one."""
        inputs = convert_to_tensor(inputs)
        sizes = inputs.shape.with_rank_at_least(1).as_list()
        known = TensorShape(sizes[1:]).num_elements()
        # One -1 at most: where the rest is not known, the batch must be computed.
        first = array.shape(inputs)[0] if known is None else -1
        outputs: Tensor = array.reshape(inputs, array.stack([first, -1 if known is None else known]))
        outputs.set_shape([sizes[0], known])
        return outputs


def flatten(inputs: Any, name: str | None = None) -> Any:
    """A Flatten layer called once. Source: tf.layers.flatten."""
    return Flatten(name=name)(convert_to_tensor(inputs))


class BatchNormalization(Layer):
    """Normalises over all axes but `axis`, by the batch while training, else by moving averages.

    The averages' updates are in `updates` and the collection `update_ops`. Renormalisation is not implemented. Source:
    tf.layers.BatchNormalization.
    """

    def __init__(self, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True,
                 scale: bool = True, beta_initializer: Any = _ZEROS, gamma_initializer: Any = _ONES,
                 moving_mean_initializer: Any = _ZEROS, moving_variance_initializer: Any = _ONES,
                 beta_regularizer: Any = None, gamma_regularizer: Any = None, beta_constraint: Any = None,
                 gamma_constraint: Any = None, renorm: bool = False, renorm_clipping: Any = None,
                 renorm_momentum: float = 0.99, fused: Any = None, trainable: bool = True, name: str | None = None,
                 **kwargs: Any) -> None:
        if renorm:
            raise NotImplementedError("BatchNormalization(renorm=True)")
        super().__init__(trainable=trainable, name=name, **kwargs)
        self.axis = axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self._makers = {"gamma": (gamma_initializer, gamma_regularizer, gamma_constraint),
                        "beta": (beta_initializer, beta_regularizer, beta_constraint),
                        "moving_mean": (moving_mean_initializer, None, None),
                        "moving_variance": (moving_variance_initializer, None, None)}
        self.gamma: Any = None
        self.beta: Any = None
        self.moving_mean: Any = None
        self.moving_variance: Any = None

    def build(self, input_shape: Any) -> None:
        """Make `gamma`, `beta`, `moving_mean` and `moving_variance`, each of the size of `axis`."""
        given = as_shape(input_shape)
        rank = given.ndims
        if rank is not None and not -rank <= expect(self.axis, Integral, "axis", "an int") < rank:
            raise ValueError(f"axis {self.axis} of BatchNormalization is out of range for inputs of shape {given}.")
        size = given[self.axis].value
        if size is None:
            raise ValueError(f"Axis {self.axis} of the inputs to BatchNormalization must be known, but the shape is "
                             f"{input_shape}.")
        if self.scale:
            self.gamma = self._make("gamma", size, True)
        if self.center:
            self.beta = self._make("beta", size, True)
        self.moving_mean = self._make("moving_mean", size, False)
        self.moving_variance = self._make("moving_variance", size, False)
        self.built = True

    def _make(self, name: str, size: int, trainable: bool) -> Any:
        initializer, regularizer, constraint = self._makers[name]
        return self.add_variable(name, [size], dtype=self.dtype or float32, initializer=initializer,
                                 regularizer=regularizer, trainable=trainable, constraint=constraint)

    def call(self, inputs: Any, training: Any = False, *args: Any, **kwargs: Any) -> Any:
        """The inputs normalised, scaled and shifted."""
        inputs = convert_to_tensor(inputs)
        rank = inputs.shape.with_rank_at_least(1).ndims
        axis = self.axis % rank
        others = [i for i in range(rank) if i != axis]
        shape = [1] * rank
        shape[axis] = inputs.shape[axis].value
        mean, variance = nn_ops.moments(inputs, others)
        if known_bool(training) is not False:
            self._update(self.moving_mean, mean, training)
            self._update(self.moving_variance, variance, training)
        mean = self._chosen(training, mean, self.moving_mean)
        variance = self._chosen(training, variance, self.moving_variance)

        def spread(value: Any) -> Any:
            return None if value is None else array.reshape(value, shape)
        return nn_ops.batch_normalization(inputs, spread(mean), spread(variance), spread(self.beta),
                                          spread(self.gamma), self.epsilon)

    def _chosen(self, training: Any, batch: Tensor, average: Any) -> Any:
        return smart_cond(training, lambda: array.identity(batch), lambda: average.read_value())

    def _update(self, average: Any, value: Tensor, training: Any) -> None:
        """Note the op that moves an average towards the batch's value, by nothing where `training` is False."""
        rate = smart_cond(training, lambda: convert_to_tensor(1.0 - self.momentum, dtype=value.dtype),
                          lambda: convert_to_tensor(0.0, dtype=value.dtype))
        self.add_update(assign_sub(average, math.multiply(math.subtract(average, value), rate)).op)


def known_bool(value: Any) -> bool | None:
    """The bool that `value` is known to be, or None."""
    known = value if isinstance(value, bool | int) else constant_value(value)
    return None if known is None else bool(known)


def batch_normalization(inputs: Any, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True,
                        scale: bool = True, beta_initializer: Any = _ZEROS, gamma_initializer: Any = _ONES,
                        moving_mean_initializer: Any = _ZEROS, moving_variance_initializer: Any = _ONES,
                        beta_regularizer: Any = None, gamma_regularizer: Any = None, beta_constraint: Any = None,
                        gamma_constraint: Any = None, training: Any = False, trainable: bool = True,
                        name: str | None = None, reuse: Any = None, renorm: bool = False, renorm_clipping: Any = None,
                        renorm_momentum: float = 0.99, fused: Any = None) -> Any:
    """A BatchNormalization layer called once. Source: tf.layers.batch_normalization."""
    layer = BatchNormalization(axis, momentum, epsilon, center, scale, beta_initializer, gamma_initializer,
                               moving_mean_initializer, moving_variance_initializer, beta_regularizer,
                               gamma_regularizer, beta_constraint, gamma_constraint, renorm, renorm_clipping,
                               renorm_momentum, fused, trainable, name, _scope=name, _reuse=reuse)
    return layer(inputs, training=training)


__all__ = ["BatchNormalization", "Dense", "Dropout", "Flatten", "InputSpec", "Layer", "batch_normalization", "dense",
           "dropout", "flatten", "known_bool", "smart_cond"]
