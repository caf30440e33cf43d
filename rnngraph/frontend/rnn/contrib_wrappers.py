"""Wrappers of contrib.rnn: embeddings, projections, highway connections (cells.md, 3 and 7).

Source: tf.contrib.rnn (core_rnn_cell.py, rnn_cell.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import compat, nest
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import get_variable, get_variable_scope, name_scope
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.nn import nn_ops
from rnngraph.frontend.rnn.cell import RNNCell, WrapperCell, check_wrapped
from rnngraph.frontend.rnn.linear import Linear, as_tensor, depth_of
from rnngraph.frontend.variables import initializers

Activation = Callable[[Any], Any]


class _ScopedWrapper(RNNCell):
    """A wrapper with variables and a scope of its own: the inner cell's variables lie below it."""

    def __init__(self, cell: Any, reuse: Any) -> None:
        super().__init__(_reuse=reuse)
        check_wrapped(cell, type(self).__name__)
        self._cell = cell

    @property
    def state_size(self) -> Nest:
        """The inner cell's."""
        return self._cell.state_size

    @property
    def output_size(self) -> Nest:
        """The inner cell's."""
        return self._cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Nest:
        """The inner cell's."""
        with name_scope(f"{type(self).__name__}ZeroState", values=[batch_size]):
            return self._cell.zero_state(batch_size, dtype)


class EmbeddingWrapper(_ScopedWrapper):
    """Looks integer inputs `[B]` or `[B, 1]` up in `embedding [embedding_classes, embedding_size]`.

    The initializer is the one given, else the scope's, else uniform(-sqrt(3), sqrt(3)). Raises ValueError unless both
    sizes are positive. Source: tf.contrib.rnn.EmbeddingWrapper.
    """

    def __init__(self, cell: Any, embedding_classes: int, embedding_size: int, initializer: Any = None,
                 reuse: Any = None) -> None:
        super().__init__(cell, reuse)
        if embedding_classes <= 0 or embedding_size <= 0:
            raise ValueError(f"Both embedding_classes and embedding_size must be > 0: got {embedding_classes}, "
                             f"{embedding_size}")
        self._embedding_classes = embedding_classes
        self._embedding_size = embedding_size
        self._initializer = initializer

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step of the inner cell on the embedded inputs."""
        initializer = self._initializer or get_variable_scope().initializer
        if initializer is None:
            # The variance of uniform(-a, a) is a^2 / 3: this one is 1.
            limit = 3.0 ** 0.5
            initializer = initializers.random_uniform_initializer(-limit, limit)
        first = state[0] if isinstance(state, tuple) else state
        embedding = get_variable("embedding", [self._embedding_classes, self._embedding_size],
                                 initializer=initializer, dtype=first.dtype)
        embedded = nn_ops.embedding_lookup(embedding, array.reshape(as_tensor(inputs), [-1]))
        result: tuple[Any, Any] = self._cell(embedded, state)
        return result


class InputProjectionWrapper(_ScopedWrapper):
    """`cell(act(linear(x, num_proj)), s)`; variables `kernel`, `bias`.

    Source: tf.contrib.rnn.InputProjectionWrapper.
    """

    def __init__(self, cell: Any, num_proj: int, activation: Activation | None = None, input_size: Any = None,
                 reuse: Any = None) -> None:
        super().__init__(cell, reuse)
        if input_size is not None:
            compat.logging.warning("%s: The input_size parameter is deprecated.", self)
        self._num_proj = num_proj
        self._activation = activation

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step of the inner cell on the projected inputs."""
        projected = self._made_once("linear", lambda: Linear(inputs, self._num_proj, True))(inputs)
        if self._activation:
            projected = self._activation(projected)
        result: tuple[Any, Any] = self._cell(projected, state)
        return result


class OutputProjectionWrapper(_ScopedWrapper):
    """`act(linear(cell output, output_size))`; variables `kernel`, `bias`, made after the cell's.

    Raises ValueError if output_size is not positive. Source: tf.contrib.rnn.OutputProjectionWrapper.
    """

    def __init__(self, cell: Any, output_size: int, activation: Activation | None = None, reuse: Any = None) -> None:
        super().__init__(cell, reuse)
        if output_size < 1:
            raise ValueError(f"Parameter output_size must be > 0: {output_size}.")
        self._output_size = output_size
        self._activation = activation

    @property
    def output_size(self) -> int:
        """The size given."""
        return self._output_size

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step of the inner cell, then the projection of its output."""
        output, new_state = self._cell(inputs, state)
        projected: Any = self._made_once("linear", lambda: Linear(output, self._output_size, True))(output)
        return self._activation(projected) if self._activation else projected, new_state


class HighwayWrapper(WrapperCell):
    """`x*carry + out*transform`, carry = sigmoid(x*carry_w + carry_b), transform = 1 - carry or a gate of its own.

    Variables `carry_w [D, D]`, `carry_b [D]` (and `transform_w`, `transform_b`) in the *current* scope. Inputs and
    outputs must have the same structure and shapes (ValueError). Source: tf.contrib.rnn.HighwayWrapper.
    """

    def __init__(self, cell: Any, couple_carry_transform_gates: bool = True, carry_bias_init: float = 1.0) -> None:
        check_wrapped(cell, "HighwayWrapper")
        super().__init__(cell)
        self._coupled = couple_carry_transform_gates
        self._carry_bias_init = carry_bias_init

    def _gate(self, name: str, x: Tensor, bias_init: float) -> Any:
        size = depth_of(x)
        weight = get_variable(f"{name}_w", [size, size], dtype=x.dtype)
        bias = get_variable(f"{name}_b", [size], dtype=x.dtype,
                            initializer=initializers.constant_initializer(bias_init, dtype=x.dtype))
        for variable in (weight, bias):
            self._note(variable, True)
        return math.sigmoid(nn_ops.bias_add(math.matmul(x, weight), bias))

    def _highway(self, x: Any, out: Any) -> Any:
        x = as_tensor(x)
        carry = self._gate("carry", x, self._carry_bias_init)
        transform = 1 - carry if self._coupled else self._gate("transform", x, -self._carry_bias_init)
        return x * carry + out * transform

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:  # type: ignore[override]
        """Run the inner cell and mix its outputs with its inputs."""
        outputs, new_state = self._cell(inputs, state, scope)
        nest.assert_same_structure(inputs, outputs)
        for x, y in zip(nest.flatten(inputs), nest.flatten(outputs), strict=True):
            as_tensor(x).shape.assert_is_compatible_with(y.shape)
        return nest.map_structure(self._highway, inputs, outputs), new_state


class CompiledWrapper(WrapperCell):
    """The inner cell: whole graphs are compiled here, so there is nothing to ask for.

    Source: tf.contrib.rnn.CompiledWrapper.
    """

    def __init__(self, cell: Any, compile_stateful: bool = False) -> None:
        check_wrapped(cell, "CompiledWrapper")
        super().__init__(cell)
        self._compile_stateful = compile_stateful

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:  # type: ignore[override]
        """Run the inner cell."""
        result: tuple[Any, Any] = self._cell(inputs, state, scope)
        return result
