"""LSTMs of contrib.rnn: layer normalisation, coupled gates, phased, grouped (cells.md, 6 and 7).

Source: tf.contrib.rnn (contrib/rnn/python/ops/rnn_cell.py).
"""

from __future__ import annotations

import math as numbers
from collections.abc import Callable, Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import compat
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import get_variable, get_variable_scope, name_scope, variable_scope
from rnngraph.frontend.math import clip
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.nn import nn_ops
from rnngraph.frontend.rnn.cell import LSTMStateTuple, RNNCell
from rnngraph.frontend.rnn.core_cells import check_projection, pair_of
from rnngraph.frontend.rnn.linear import Linear, as_tensor, cut, depth_of
from rnngraph.frontend.variables import initializers

Activation = Callable[[Any], Any]


class LayerNormBasicLSTMCell(RNNCell):
    """LSTM that normalises each gate and the new state over the units, with dropout on the new input only.

    Variables `kernel [D+n, 4n]` (and `bias [4n]` without layer_norm), `gamma` and `beta` `[n]` in the scopes `input,
    transform, forget, output, state`. State `LSTMStateTuple`; c is stored normalised.
    Source: tf.contrib.rnn.LayerNormBasicLSTMCell.
    """

    def __init__(self, num_units: int, forget_bias: float = 1.0, input_size: Any = None,
                 activation: Activation = math.tanh, layer_norm: bool = True, norm_gain: float = 1.0,
                 norm_shift: float = 0.0, dropout_keep_prob: Any = 1.0, dropout_prob_seed: Any = None,
                 reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        if input_size is not None:
            compat.logging.warning("%s: The input_size parameter is deprecated.", self)
        self._num_units = num_units
        self._activation = activation
        self._forget_bias = forget_bias
        self._keep_prob = dropout_keep_prob
        self._seed = dropout_prob_seed
        self._layer_norm = layer_norm
        self._norm_gain = norm_gain
        self._norm_shift = norm_shift

    @property
    def state_size(self) -> LSTMStateTuple:
        """`LSTMStateTuple(n, n)`."""
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> int:
        """num_units."""
        return self._num_units

    def _norm(self, x: Any, name: str, dtype: Any) -> Any:
        if not self._layer_norm:
            return x
        with variable_scope(name):
            gamma = get_variable("gamma", [self._num_units], dtype=dtype,
                                 initializer=initializers.constant_initializer(self._norm_gain, dtype=dtype))
            beta = get_variable("beta", [self._num_units], dtype=dtype,
                                initializer=initializers.constant_initializer(self._norm_shift, dtype=dtype))
        with name_scope(name):
            mean, variance = nn_ops.moments(x, [1], keep_dims=True)
            return nn_ops.batch_normalization(x, mean, variance, beta, gamma, 1e-12)

    def _linear(self, args: Sequence[Any], dtype: Any) -> Any:
        x = array.concat(args, 1)
        kernel = get_variable("kernel", [depth_of(x), 4 * self._num_units], dtype=dtype)
        out = math.matmul(x, kernel)
        return out if self._layer_norm else nn_ops.bias_add(
            out, get_variable("bias", [4 * self._num_units], dtype=dtype))

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        """One step: `[B, D]`, state -> output `[B, n]`, state."""
        c, h = pair_of(state, type(self).__name__)
        dtype = as_tensor(inputs).dtype
        parts = array.split(self._linear([inputs, h], dtype), 4, axis=1)
        i, j, f, o = (self._norm(part, name, dtype)
                      for part, name in zip(parts, ("input", "transform", "forget", "output"), strict=True))
        g = self._activation(j)
        if not isinstance(self._keep_prob, float) or self._keep_prob < 1:
            g = nn_ops.dropout(g, self._keep_prob, seed=self._seed)
        new_c = c * math.sigmoid(f + self._forget_bias) + math.sigmoid(i) * g
        new_c = self._norm(new_c, "state", dtype)
        new_h = self._activation(new_c) * math.sigmoid(o)
        return new_h, LSTMStateTuple(new_c, new_h)


class CoupledInputForgetGateLSTMCell(RNNCell):
    """LSTM whose input gate is one minus the forget gate. Source: tf.contrib.rnn.CoupledInputForgetGateLSTMCell.

    Variables `W_0 [D+m, 3n]`, `B [3n]`, `W_F_diag`, `W_O_diag` `[n]`, `W_P_0 [n, m]` (more of
    W and W_P with shards). r1.4 ignores `initializer`; here it
    applies to kernel, peepholes and projection. Raises as LSTMCell.
    """

    def __init__(self, num_units: int, use_peepholes: bool = False, initializer: Any = None,
                 num_proj: int | None = None, proj_clip: float | None = None, num_unit_shards: int = 1,
                 num_proj_shards: int = 1, forget_bias: float = 1.0, state_is_tuple: bool = True,
                 activation: Activation = math.tanh, reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        if not state_is_tuple:
            compat.logging.warning("%s: Using a concatenated state is slower and will soon be deprecated. "
                                   "Use state_is_tuple=True.", self)
        check_projection(num_proj)
        self._num_unit_shards = num_unit_shards
        self._num_proj_shards = num_proj_shards
        self._num_units = num_units
        self._use_peepholes = use_peepholes
        self._initializer = initializer
        self._num_proj = num_proj
        self._proj_clip = proj_clip
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = activation

    @property
    def state_size(self) -> Nest:
        """`LSTMStateTuple(n, num_proj or n)`, or the sum."""
        sizes = LSTMStateTuple(self._num_units, self.output_size)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        """num_proj or num_units."""
        return self._num_units if self._num_proj is None else self._num_proj

    def _variable(self, name: str, shape: Sequence[int], dtype: Any) -> Any:
        return get_variable(name, list(shape), dtype=dtype, initializer=self._initializer)

    def _sharded(self, name: str, rows: int, columns: int, shards: int, dtype: Any) -> Any:
        if shards > rows:
            raise ValueError(f"Too many shards: shape={[rows, columns]}, num_shards={shards}; use at most {rows}")
        parts = [self._variable(f"{name}_{i}", [size, columns], dtype) for i, size in enumerate(cut(rows, shards))]
        return parts[0] if shards == 1 else array.concat(parts, 0)

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        """One step: `[B, D]`, state -> output `[B, num_proj or n]`, state."""
        n, act, sigmoid = self._num_units, self._activation, math.sigmoid
        if self._state_is_tuple:
            c, m = pair_of(state, type(self).__name__)
        else:
            c, m = array.slice(state, [0, 0], [-1, n]), array.slice(state, [0, n], [-1, self.output_size])
        inputs = as_tensor(inputs)
        depth, dtype = depth_of(inputs), inputs.dtype
        kernel = self._sharded("W", depth + self.output_size, 3 * n, self._num_unit_shards, dtype)
        bias = get_variable("B", [3 * n], dtype=dtype, initializer=initializers.zeros_initializer(dtype=dtype))
        gates = nn_ops.bias_add(math.matmul(array.concat([inputs, m], 1), kernel), bias)
        j, f, o = array.split(gates, 3, axis=1)
        forget = f + self._forget_bias
        if self._use_peepholes:
            forget = forget + self._variable("W_F_diag", [n], dtype) * c
        forget = sigmoid(forget)
        new_c = forget * c + (1 - forget) * act(j)
        if self._use_peepholes:
            o = o + self._variable("W_O_diag", [n], dtype) * new_c
        new_m = sigmoid(o) * act(new_c)
        if self._num_proj is not None:
            new_m = math.matmul(new_m, self._sharded("W_P", n, self._num_proj, self._num_proj_shards, dtype))
            if self._proj_clip is not None:
                new_m = clip.clip_by_value(new_m, -self._proj_clip, self._proj_clip)
        return new_m, LSTMStateTuple(new_c, new_m) if self._state_is_tuple else array.concat([new_c, new_m], 1)


class PhasedLSTMCell(RNNCell):
    """LSTM whose memory opens in a learnt rhythm; inputs `(time [B, 1], x [B, D])`.

    Variables `kernel`, `bias` in the scopes `mask_gates`, `new_input`, `output_gate`; `period`, `phase`, `ratio_on`
    `[n]`. The cycle's mod is taken as the identity in the gradient. State `LSTMStateTuple(n, n)`.
    Source: tf.contrib.rnn.PhasedLSTMCell.
    """

    def __init__(self, num_units: int, use_peepholes: bool = False, leak: float = 0.001, ratio_on: float = 0.1,
                 trainable_ratio_on: bool = True, period_init_min: float = 1.0, period_init_max: float = 1000.0,
                 reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        self._num_units = num_units
        self._use_peepholes = use_peepholes
        self._leak = leak
        self._ratio_on = ratio_on
        self._trainable_ratio_on = trainable_ratio_on
        self._period_init_min = period_init_min
        self._period_init_max = period_init_max

    @property
    def state_size(self) -> LSTMStateTuple:
        """`LSTMStateTuple(n, n)`."""
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> int:
        """num_units."""
        return self._num_units

    def _mapped(self, name: str, args: Sequence[Any], size: int, act: Activation) -> Any:
        def make() -> Linear:
            with variable_scope(name):
                return Linear(args, size, True)
        return act(self._made_once(name, make)(args))

    def _rhythm(self, time: Any, dtype: Any) -> Any:
        n, low, high = self._num_units, numbers.log(self._period_init_min), numbers.log(self._period_init_max)

        def period_init(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
            return math.exp(initializers.random_uniform_initializer(low, high, dtype=dtype)(shape, dtype))

        period = get_variable("period", [n], initializer=period_init, dtype=dtype)
        phase = get_variable("phase", [n], dtype=dtype, initializer=initializers.random_uniform_initializer(
            0.0, period.initialized_value(), dtype=dtype))
        ratio = get_variable("ratio_on", [n], dtype=dtype, trainable=self._trainable_ratio_on,
                             initializer=initializers.constant_initializer(self._ratio_on, dtype=dtype))
        shifted = time - phase
        # Forward the remainder, backward the identity.
        cycle = shifted + array.stop_gradient(math.floormod(shifted, period) - shifted)
        position = cycle / period
        up = 2 * position / ratio
        down, closed = 2 - up, self._leak * position
        return array.where(math.less(position, 0.5 * ratio), up,
                           array.where(math.less(position, ratio), down, closed))

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step: `(time, x)`, state -> output `[B, n]`, state."""
        c, h = pair_of(state, type(self).__name__)
        time, x = (as_tensor(each) for each in inputs)
        args, n = [x, h], self._num_units
        gates = self._mapped("mask_gates", [*args, c] if self._use_peepholes else args, 2 * n, math.sigmoid)
        i, f = array.split(gates, 2, axis=1)
        candidate = c * f + i * self._mapped("new_input", args, n, math.tanh)
        out_args = [*args, candidate] if self._use_peepholes else args
        o = self._mapped("output_gate", out_args, n, math.sigmoid)
        open_ = self._rhythm(time, x.dtype)
        new_c = open_ * candidate + (1 - open_) * c
        new_h = open_ * (math.tanh(candidate) * o) + (1 - open_) * h
        return new_h, LSTMStateTuple(new_c, new_h)


class GLSTMCell(RNNCell):
    """LSTM whose linear map is cut into groups of columns. Source: tf.contrib.rnn.GLSTMCell.

    Variables `group<k>/kernel`, `bias_i`, `bias_j`, `bias_f`, `bias_o` `[n]`, `projection/kernel`. r1.4 gives all
    groups the kernel of group 0; here each has its own. Raises ValueError where a size is not divisible by the
    groups, or the depth of the inputs is not num_proj or n (r1.4 takes the first columns of more).
    """

    def __init__(self, num_units: int, initializer: Any = None, num_proj: int | None = None, number_of_groups: int = 1,
                 forget_bias: float = 1.0, activation: Activation = math.tanh, reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        check_projection(num_proj)
        self._num_units = num_units
        self._initializer = initializer
        self._num_proj = num_proj
        self._groups = number_of_groups
        self._forget_bias = forget_bias
        self._activation = activation
        for name, size in (("num_units", num_units), ("num_proj", self.output_size)):
            if size % number_of_groups != 0:
                raise ValueError(f"{name} must be divisible by number_of_groups, got {size} and {number_of_groups}")

    @property
    def state_size(self) -> LSTMStateTuple:
        """`LSTMStateTuple(n, num_proj or n)`."""
        return LSTMStateTuple(self._num_units, self.output_size)

    @property
    def output_size(self) -> int:
        """num_proj or num_units."""
        return self._num_units if self._num_proj is None else self._num_proj

    def _grouped(self, x: Tensor, m: Any) -> list[Any]:
        """The gates i, j, f, o `[B, n]`, each concatenated over the groups."""
        groups = self._groups
        gates = []
        for k, part in enumerate(zip(array.split(x, groups, axis=1), array.split(m, groups, axis=1), strict=True)):
            args = list(part)

            def make(args: list[Any] = args, k: int = k) -> Linear:
                with variable_scope(f"group{k}"):
                    return Linear(args, 4 * self._num_units // groups, False)
            gates.append(array.split(self._made_once(f"group{k}", make)(args), 4, axis=1))
        return [array.concat(list(parts), 1) for parts in zip(*gates, strict=True)]

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        """One step: `[B, D]`, state -> output `[B, num_proj or n]`, state."""
        c, m = pair_of(state, type(self).__name__)
        inputs = as_tensor(inputs)
        if depth_of(inputs) != self.output_size:
            raise ValueError("GLSTMCell: the depth of the inputs must equal the width of the state's m, "
                             f"{self.output_size}, got {inputs}; project the inputs first")
        with variable_scope(get_variable_scope(), initializer=self._initializer):
            i, j, f, o = (
                gate + get_variable(f"bias_{name}", [self._num_units], dtype=inputs.dtype,
                                    initializer=initializers.zeros_initializer(dtype=inputs.dtype))
                for gate, name in zip(self._grouped(inputs, m), "ijfo", strict=True))
            new_c = math.sigmoid(f + self._forget_bias) * c + math.sigmoid(i) * math.tanh(j)
            new_m: Any = math.sigmoid(o) * self._activation(new_c)
            if self._num_proj is not None:
                with variable_scope("projection"):
                    new_m = Linear(new_m, self._num_proj, False)(new_m)
        return new_m, LSTMStateTuple(new_c, new_m)
