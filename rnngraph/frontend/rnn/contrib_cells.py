"""Other cells of contrib.rnn: NASCell, UGRNNCell, IntersectionRNNCell; Grid and TimeFreq LSTMs are left out.

Source: tf.contrib.rnn (contrib/rnn/python/ops/rnn_cell.py); cells.md, 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.scope import get_variable, get_variable_scope, variable_scope
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.nn import nn_ops
from rnngraph.frontend.rnn.cell import LSTMStateTuple, RNNCell
from rnngraph.frontend.rnn.core_cells import check_projection, pair_of
from rnngraph.frontend.rnn.linear import Linear, as_tensor, depth_of
from rnngraph.frontend.variables.initializers import zeros_initializer

Activation = Callable[[Any], Any]


class NASCell(RNNCell):
    """The cell found by neural architecture search. Source: tf.contrib.rnn.NASCell.

    Variables `recurrent_kernel [m, 8n]`, `kernel [D, 8n]`, `bias [8n]` (with use_biases), `projection_weights [n, m]`;
    m = num_proj or n. State `LSTMStateTuple(c [B, n], m)`.
    """

    def __init__(self, num_units: int, num_proj: int | None = None, use_biases: bool = False,
                 reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        check_projection(num_proj)
        self._num_units = num_units
        self._num_proj = num_proj
        self._use_biases = use_biases

    @property
    def state_size(self) -> LSTMStateTuple:
        """`LSTMStateTuple(n, num_proj or n)`."""
        return LSTMStateTuple(self._num_units, self.output_size)

    @property
    def output_size(self) -> int:
        """num_proj or num_units."""
        return self._num_units if self._num_proj is None else self._num_proj

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        """One step: `[B, D]`, state -> output `[B, num_proj or n]`, state."""
        c, m = pair_of(state, type(self).__name__)
        x = as_tensor(inputs)
        n, sigmoid, tanh, relu = self._num_units, math.sigmoid, math.tanh, nn_ops.relu
        recurrent = get_variable("recurrent_kernel", [self.output_size, 8 * n], dtype=x.dtype)
        kernel = get_variable("kernel", [depth_of(x), 8 * n], dtype=x.dtype)
        from_m, from_x = math.matmul(m, recurrent), math.matmul(x, kernel)
        if self._use_biases:
            from_m = nn_ops.bias_add(from_m, get_variable("bias", [8 * n], dtype=x.dtype,
                                                          initializer=zeros_initializer(dtype=x.dtype)))
        ms, xs = array.split(from_m, 8, axis=1), array.split(from_x, 8, axis=1)
        # Part 3 multiplies where all others add: that is how the cell was found.
        sums = [a * b if k == 3 else a + b for k, (a, b) in enumerate(zip(xs, ms, strict=True))]
        acts = (sigmoid, relu, sigmoid, relu, tanh, sigmoid, tanh, sigmoid)
        u = [act(s) for act, s in zip(acts, sums, strict=True)]
        first = tanh(tanh(u[0] * u[1]) + c)
        new_c = first * tanh(u[2] + u[3])
        new_m: Any = tanh(new_c * tanh(tanh(u[4] * u[5]) + sigmoid(u[6] + u[7])))
        if self._num_proj is not None:
            new_m = math.matmul(new_m, get_variable("projection_weights", [n, self._num_proj], dtype=x.dtype))
        return new_m, LSTMStateTuple(new_c, new_m)


class UGRNNCell(RNNCell):
    """`h' = sigma(g+fb)*h + (1 - sigma(g+fb))*act(c)`. Source: tf.contrib.rnn.UGRNNCell.

    Variables `kernel [D+n, 2n]`, `bias [2n]`.
    """

    def __init__(self, num_units: int, initializer: Any = None, forget_bias: float = 1.0,
                 activation: Activation = math.tanh, reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        self._num_units = num_units
        self._initializer = initializer
        self._forget_bias = forget_bias
        self._activation = activation

    @property
    def state_size(self) -> int:
        """num_units."""
        return self._num_units

    @property
    def output_size(self) -> int:
        """num_units."""
        return self._num_units

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        """One step: `[B, D]`, `[B, n]` -> output and state `[B, n]`."""
        inputs = as_tensor(inputs)
        depth_of(inputs)
        args = [inputs, state]

        def make() -> Linear:
            with variable_scope(get_variable_scope(), initializer=self._initializer):
                return Linear(args, 2 * self._num_units, True)
        g_act, c_act = array.split(self._made_once("linear", make)(args), 2, axis=1)
        c = self._activation(c_act)
        g = math.sigmoid(g_act + self._forget_bias)
        new = g * state + (1 - g) * c
        return new, new


class IntersectionRNNCell(RNNCell):
    """A cell with gates for depth and for time. Source: tf.contrib.rnn.IntersectionRNNCell.

    Variables `kernel [n+n, 4n]`, `bias [4n]`, and `in_projection/kernel|bias` where the depth is not n; without
    num_in_proj that is a ValueError (phrase: `Must have input size == output size`).
    """

    def __init__(self, num_units: int, num_in_proj: int | None = None, initializer: Any = None,
                 forget_bias: float = 1.0, y_activation: Activation = nn_ops.relu, reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        self._num_units = num_units
        self._num_in_proj = num_in_proj
        self._initializer = initializer
        self._forget_bias = forget_bias
        self._y_activation = y_activation

    @property
    def state_size(self) -> int:
        """num_units."""
        return self._num_units

    @property
    def output_size(self) -> int:
        """num_units."""
        return self._num_units

    def _linear(self, key: str, args: Any, size: int, scope: str | None = None) -> Any:
        def make() -> Linear:
            with variable_scope(scope or get_variable_scope(), initializer=self._initializer):
                return Linear(args, size, True)
        return self._made_once(key, make)(args)

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        """One step: `[B, D]`, `[B, n]` -> output, state `[B, n]`."""
        n, sigmoid = self._num_units, math.sigmoid
        x: Any = as_tensor(inputs)
        if depth_of(x) != n:
            if not self._num_in_proj:
                raise ValueError("Must have input size == output size for Intersection RNN, got depth "
                                 f"{depth_of(x)} and num_units={n}. To fix, num_in_proj should be set to num_units.")
            x = self._linear("in_projection", x, self._num_in_proj, "in_projection")
        parts = array.split(self._linear("linear", [x, state], 4 * n), 4, axis=1)
        gh, h, gy, y = parts
        gate_h, gate_y = sigmoid(gh + self._forget_bias), sigmoid(gy + self._forget_bias)
        new_state = gate_h * state + (1 - gate_h) * math.tanh(h)
        return gate_y * x + (1 - gate_y) * self._y_activation(y), new_state


class _LeftOut(RNNCell):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(f"contrib.rnn.{type(self).__name__} is not implemented; use LSTMCell or a cell of "
                                  "your own")


class TimeFreqLSTMCell(_LeftOut):
    """Not implemented: NotImplementedError. Source: tf.contrib.rnn.TimeFreqLSTMCell."""


class GridLSTMCell(_LeftOut):
    """Not implemented: NotImplementedError. Source: tf.contrib.rnn.GridLSTMCell."""


class BidirectionalGridLSTMCell(_LeftOut):
    """Not implemented: NotImplementedError. Source: tf.contrib.rnn.BidirectionalGridLSTMCell."""
