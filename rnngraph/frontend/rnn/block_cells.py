"""The cells that r1.4 has as fused kernels: LSTMBlockCell, GRUBlockCell, LSTMBlockFusedCell (cells.md, 5).

Here they are compositions of ordinary ops, with r1.4's variable names, and with its gradients: clipping is ignored in
the backward pass, and LSTMBlockCell (not the fused cell) takes the peepholes of f and o for each other there, which
golden.json holds fast. float64 works as well as float32. Source: tf.contrib.rnn
(contrib/rnn/python/ops/{lstm_ops,gru_ops}.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.expect import expect
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import VariableScope, get_variable, variable_scope
from rnngraph.frontend.math import clip
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.nn import nn_ops
from rnngraph.frontend.rnn.cell import LSTMStateTuple, RNNCell
from rnngraph.frontend.rnn.dynamic import dynamic_rnn
from rnngraph.frontend.rnn.fused import FusedRNNCell
from rnngraph.frontend.rnn.linear import as_tensor, depth_of
from rnngraph.frontend.variables import initializers


def _clipped(x: Any, limit: float) -> Any:
    """`x` clipped to +-limit, with the gradient of `x` itself."""
    # The second term is zero; only it has a gradient.
    return array.stop_gradient(clip.clip_by_value(x, -limit, limit)) + (x - array.stop_gradient(x))


def _peephole(w: Any, w_back: Any, c: Any) -> Any:
    """`w * c`, with `w_back` in place of `w` in the gradient of c."""
    if w_back is w:
        return w * c
    held = array.stop_gradient(c)
    return w * held + array.stop_gradient(w_back) * (c - held)


def _zeros(shape: Sequence[int], name: str, dtype: Any) -> Any:
    return get_variable(name, list(shape), dtype=dtype, initializer=initializers.zeros_initializer(dtype=dtype))


class _BlockMath:
    """The variables and the step that LSTMBlockCell and LSTMBlockFusedCell share."""

    def __init__(self, num_units: int, forget_bias: float, cell_clip: float | None, use_peephole: bool,
                 swapped: bool = False) -> None:
        self.swapped = swapped
        self.num_units = num_units
        self.forget_bias = forget_bias
        self.cell_clip = cell_clip if cell_clip is not None and cell_clip > 0 else None
        self.use_peephole = use_peephole

    def variables(self, depth: int, dtype: Any) -> list[Any]:
        """kernel, bias and the three peepholes (in the order i, o, f) if any."""
        n = self.num_units
        made = [get_variable("kernel", [depth + n, 4 * n], dtype=dtype), _zeros([4 * n], "bias", dtype)]
        if self.use_peephole:
            made += [get_variable(f"w_{gate}_diag", [n], dtype=dtype) for gate in "iof"]
        return made

    def step(self, x: Any, c: Any, h: Any, variables: Sequence[Any]) -> tuple[Any, Any]:
        """New c and h `[B, n]`."""
        kernel, bias, *diagonals = variables
        gates = nn_ops.bias_add(math.matmul(array.concat([x, h], 1), kernel), bias)
        i, j, f, o = array.split(gates, 4, axis=1)
        f = f + self.forget_bias
        if diagonals:
            w_i, w_o, w_f = diagonals
            i, f = i + w_i * c, f + _peephole(w_f, w_o if self.swapped else w_f, c)
        new_c = math.sigmoid(f) * c + math.sigmoid(i) * math.tanh(j)
        if self.cell_clip is not None:
            new_c = _clipped(new_c, self.cell_clip)
        if diagonals:
            o = o + _peephole(w_o, w_f if self.swapped else w_o, new_c)
        return new_c, math.sigmoid(o) * math.tanh(new_c)


class _OwnScopeCell(RNNCell):
    """A cell that opens a fixed scope at every call, so that a second call needs `reuse` of the scope around it."""

    def _open(self, scope: str | VariableScope | None, default: str) -> variable_scope:
        return variable_scope(scope or default, reuse=self._reuse, custom_getter=self.record_variable)


class LSTMBlockCell(_OwnScopeCell):
    """LSTMCell's mathematics with optional peepholes and clipping. Source: tf.contrib.rnn.LSTMBlockCell.

    Variables `lstm_cell/kernel [D+n, 4n]`, `bias [4n]`, `w_i_diag`, `w_o_diag`, `w_f_diag` `[n]`. State
    `LSTMStateTuple`. Raises ValueError for an unknown depth and for a state that has not two members.
    """

    def __init__(self, num_units: int, forget_bias: float = 1.0, cell_clip: float | None = None,
                 use_peephole: bool = False, reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        self._num_units = num_units
        self._math = _BlockMath(num_units, forget_bias, cell_clip, use_peephole, swapped=True)

    @property
    def state_size(self) -> LSTMStateTuple:
        """`LSTMStateTuple(n, n)`."""
        return LSTMStateTuple(self._num_units, self._num_units)

    @property
    def output_size(self) -> int:
        """num_units."""
        return self._num_units

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:  # type: ignore[override]
        """One step: `[B, D]`, `(c, h)` -> output `[B, n]`, state."""
        if not nest.is_sequence(state) or len(state) != 2:
            raise ValueError(f"Expecting state to be a tuple with length 2: (c, h), got {state!r}")
        x, (c, h) = as_tensor(inputs), state
        with self._open(scope, "lstm_cell"):
            variables = self._math.variables(depth_of(x), x.dtype)
            new_c, new_h = self._math.step(x, c, h, variables)
        self.built = True
        return new_h, LSTMStateTuple(new_c, new_h)


def _one_size(num_units: int | None, cell_size: int | None) -> int:
    if (num_units is None) == (cell_size is None):
        raise ValueError("Exactly one of num_units or cell_size must be provided; write num_units (cell_size is its "
                         f"deprecated name), got num_units={num_units}, cell_size={cell_size}")
    size = num_units if num_units is not None else cell_size
    return int(expect(size, Integral, "num_units", "an int"))


class GRUBlockCell(_OwnScopeCell):
    """GRUCell's mathematics. Source: tf.contrib.rnn.GRUBlockCell.

    Variables `GRUBlockCell/w_ru [D+n, 2n]`, `b_ru` (ones), `w_c [D+n, n]`, `b_c` (zeros). Raises ValueError unless
    exactly one of num_units and cell_size is given, and for unknown depths or a state of another width.
    """

    def __init__(self, num_units: int | None = None, cell_size: int | None = None) -> None:
        super().__init__()
        self._cell_size = _one_size(num_units, cell_size)

    @property
    def state_size(self) -> int:
        """num_units."""
        return self._cell_size

    @property
    def output_size(self) -> int:
        """num_units."""
        return self._cell_size

    def _variables(self, rows: int, dtype: Any) -> tuple[Any, Any, Any, Any]:
        n = self._cell_size
        ones = initializers.constant_initializer(1.0, dtype=dtype)
        w_ru = get_variable("w_ru", [rows, 2 * n], dtype=dtype)
        b_ru = get_variable("b_ru", [2 * n], dtype=dtype, initializer=ones)
        w_c = get_variable("w_c", [rows, n], dtype=dtype)
        return w_ru, b_ru, w_c, _zeros([n], "b_c", dtype)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:  # type: ignore[override]
        """One step: `[B, D]`, `[B, n]` -> output and state `[B, n]`."""
        x, h = as_tensor(inputs), as_tensor(state)
        depth, n = depth_of(x), depth_of(h, "state")
        if n != self._cell_size:
            raise ValueError(f"Shape of the state is wrong: cell_size is {self._cell_size}, but h has {n} columns: {h}")
        with self._open(scope, type(self).__name__):
            w_ru, b_ru, w_c, b_c = self._variables(depth + n, x.dtype)
            gates = math.sigmoid(nn_ops.bias_add(math.matmul(array.concat([x, h], 1), w_ru), b_ru))
            r, u = array.split(gates, 2, axis=1)
            c = math.tanh(nn_ops.bias_add(math.matmul(array.concat([x, r * h], 1), w_c), b_c))
            new = u * h + (1 - u) * c
        self.built = True
        return new, new


class GRUBlockCellV2(GRUBlockCell):
    """GRUBlockCell with GRUCell's names: `GRUBlockCellV2/gates/kernel|bias`, `candidate/kernel|bias`.

    Source: tf.contrib.rnn.GRUBlockCellV2.
    """

    def _variables(self, rows: int, dtype: Any) -> tuple[Any, Any, Any, Any]:
        n = self._cell_size
        with variable_scope("gates"):
            w_ru = get_variable("kernel", [rows, 2 * n], dtype=dtype)
            b_ru = get_variable("bias", [2 * n], dtype=dtype,
                                initializer=initializers.constant_initializer(1.0, dtype=dtype))
        with variable_scope("candidate"):
            w_c = get_variable("kernel", [rows, n], dtype=dtype)
            return w_ru, b_ru, w_c, _zeros([n], "bias", dtype)


class _BlockStep(RNNCell):
    """One step of LSTMBlockFusedCell with its variables made before."""

    def __init__(self, block: _BlockMath, variables: Sequence[Any]) -> None:
        super().__init__()
        self._block = block
        self._variables = variables

    @property
    def state_size(self) -> LSTMStateTuple:
        """`LSTMStateTuple(n, n)`."""
        return LSTMStateTuple(self._block.num_units, self._block.num_units)

    @property
    def output_size(self) -> int:
        """n."""
        return self._block.num_units

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:  # type: ignore[override]
        """One step."""
        old_c, old_h = state
        c, h = self._block.step(inputs, old_c, old_h, self._variables)
        return h, LSTMStateTuple(c, h)


class LSTMBlockWrapper(FusedRNNCell):
    """The base of LSTMs that take a whole sequence. Source: tf.contrib.rnn.LSTMBlockWrapper.

    Subclasses have `num_units` and `_run(inputs, initial_state, sequence_length)`.
    """

    @property
    def num_units(self) -> int:
        """Width of the state. Abstract: NotImplementedError."""
        raise NotImplementedError(f"{type(self).__name__} must define the property num_units")

    def _run(self, inputs: Tensor, state: LSTMStateTuple, sequence_length: Any) -> tuple[Any, LSTMStateTuple]:
        raise NotImplementedError(f"{type(self).__name__} must define _run(inputs, state, sequence_length)")

    def __call__(self, inputs: Any, initial_state: Nest = None, dtype: Any = None, sequence_length: Any = None,
                 scope: str | VariableScope | None = None) -> tuple[Any, LSTMStateTuple]:
        """Run over `inputs [T, B, D]` or a list of T tensors; (outputs of the same kind, final state).

        Outputs are zeros past each row's length, and the final state is the one there. Raises ValueError (phrase:
        `Either initial_state or dtype`), also for a state that has not two members.
        """
        with variable_scope(scope or "lstm_block_wrapper"):
            is_list = isinstance(inputs, list | tuple)
            x: Tensor = array.stack([as_tensor(each) for each in inputs]) if is_list else as_tensor(inputs)
            if x.shape.ndims != 3:
                raise ValueError(f"inputs must be [time, batch, depth] or a list of [batch, depth], got {x}")
            state = self._initial_state(x, initial_state, dtype)
            outputs, final = self._run(x, state, sequence_length)
            if is_list:
                return array.unstack(outputs, num=len(inputs)), final
            return outputs, final

    def _initial_state(self, x: Tensor, initial_state: Nest, dtype: Any) -> LSTMStateTuple:
        if initial_state is None:
            if dtype is None:
                raise ValueError("Either initial_state or dtype needs to be specified")
            batch = x.shape[1].value if x.shape[1].value is not None else array.shape(x)[1]
            zeros = array.zeros(array.stack([batch, self.num_units]), dtype=dtype)
            zeros.set_shape([x.shape[1].value, self.num_units])
            return LSTMStateTuple(zeros, zeros)
        if not nest.is_sequence(initial_state) or len(initial_state) != 2:
            raise ValueError("Expecting initial_state to be a tuple with length 2: (c, h), or None; "
                             f"got {initial_state!r}")
        return LSTMStateTuple(*(convert.convert_to_tensor(leaf) for leaf in initial_state))


class LSTMBlockFusedCell(LSTMBlockWrapper):
    """An LSTM that takes a whole time-major sequence at once. Source: tf.contrib.rnn.LSTMBlockFusedCell.

    Variables `lstm_block_wrapper/kernel [D+n, 4n]`, `bias`, `w_i_diag`, `w_o_diag`, `w_f_diag`. Equal to dynamic_rnn of
    LSTMBlockCell.
    """

    def __init__(self, num_units: int, forget_bias: float = 1.0, cell_clip: float | None = None,
                 use_peephole: bool = False) -> None:
        self._block = _BlockMath(num_units, forget_bias, cell_clip, use_peephole)

    @property
    def num_units(self) -> int:
        """Width of the state."""
        return self._block.num_units

    def _run(self, inputs: Tensor, state: LSTMStateTuple, sequence_length: Any) -> tuple[Any, LSTMStateTuple]:
        depth = inputs.shape[2].value
        if depth is None:
            raise ValueError(f"The depth of the inputs must be known when the graph is built, got {inputs}")
        step = _BlockStep(self._block, self._block.variables(depth, inputs.dtype))
        outputs, final = dynamic_rnn(step, inputs, sequence_length, state, time_major=True, scope="BlockLSTM")
        return outputs, LSTMStateTuple(*final)
