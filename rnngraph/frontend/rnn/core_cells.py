"""The core cells: BasicRNNCell, GRUCell, BasicLSTMCell, LSTMCell, MultiRNNCell (cells.md, 2).

Source: tf.nn.rnn_cell (tensorflow/python/ops/rnn_cell_impl.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import compat, nest
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import get_variable, get_variable_scope, name_scope, variable_scope
from rnngraph.frontend.math import clip
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.rnn.cell import LSTMStateTuple, RNNCell, check_cell
from rnngraph.frontend.rnn.linear import Linear, as_tensor, depth_of
from rnngraph.frontend.variables import initializers

Activation = Callable[[Any], Any]


class BasicRNNCell(RNNCell):
    """`h' = act(linear([x, h]))`, also the output. Variables `kernel [D+n, n]`, `bias [n]`.

    Source: tf.nn.rnn_cell.BasicRNNCell.
    """

    def __init__(self, num_units: int, activation: Activation | None = None, reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        self._num_units = num_units
        self._activation = activation or math.tanh

    @property
    def state_size(self) -> int:
        """num_units."""
        return self._num_units

    @property
    def output_size(self) -> int:
        """num_units."""
        return self._num_units

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Any, Any]:
        """One step: `[B, D]`, `[B, n]` -> output and state `[B, n]`."""
        args = [inputs, state]
        output = self._activation(self._made_once("linear", lambda: Linear(args, self._num_units, True))(args))
        return output, output


class GRUCell(RNNCell):
    """`h' = u*h + (1-u)*act(linear([x, r*h]))` with gates r, u. Source: tf.nn.rnn_cell.GRUCell.

    Variables `gates/kernel [D+n, 2n]`, `gates/bias` (ones), `candidate/kernel [D+n, n]`, `candidate/bias` (zeros).
    """

    def __init__(self, num_units: int, activation: Activation | None = None, reuse: Any = None,
                 kernel_initializer: Any = None, bias_initializer: Any = None) -> None:
        super().__init__(_reuse=reuse)
        self._num_units = num_units
        self._activation = activation or math.tanh
        self._kernel_initializer = kernel_initializer
        self._bias_initializer = bias_initializer

    @property
    def state_size(self) -> int:
        """num_units."""
        return self._num_units

    @property
    def output_size(self) -> int:
        """num_units."""
        return self._num_units

    def _make(self, part: str, args: Sequence[Any], size: int, bias: Any) -> Linear:
        with variable_scope(part):
            return Linear(args, size, True, bias_initializer=bias, kernel_initializer=self._kernel_initializer)

    def call(self, inputs: Tensor, state: Tensor) -> tuple[Any, Any]:
        """One step: `[B, D]`, `[B, n]` -> output and state `[B, n]`."""
        n, given = self._num_units, self._bias_initializer
        args = [inputs, state]
        ones = given if given is not None else initializers.constant_initializer(1.0, dtype=as_tensor(inputs).dtype)
        gates = self._made_once("gates", lambda: self._make("gates", args, 2 * n, ones))
        r, u = array.split(math.sigmoid(gates(args)), 2, axis=1)
        args = [inputs, r * state]
        candidate = self._made_once("candidate", lambda: self._make("candidate", args, n, given))
        c = self._activation(candidate(args))
        new = u * state + (1 - u) * c
        return new, new


def _tuple_warning(cell: RNNCell) -> None:
    compat.logging.warning("%s: Using a concatenated state is slower and will soon be deprecated. "
                           "Use state_is_tuple=True.", cell)


def pair_of(state: Any, what: str) -> tuple[Any, Any]:
    """The two members of an LSTM's state. Raises TypeError or ValueError if it has not two."""
    if not nest.is_sequence(state):
        raise TypeError(f"{what} expects state to be a tuple (c, h) as zero_state gives it, got {state!r}; "
                        "with a concatenated state make the cell with state_is_tuple=False")
    if len(state) != 2:
        raise ValueError(f"{what} expects state to be a tuple (c, h) of length 2, got {len(state)} members: {state!r}")
    c, h = state
    return c, h


class BasicLSTMCell(RNNCell):
    """LSTM with gates i, j, f, o of one linear map; `forget_bias` is added to f at run time.

    Variables `kernel [D+n, 4n]`, `bias [4n]`. State `LSTMStateTuple(c, h)`, or with state_is_tuple=False one tensor
    `[B, 2n]`. Source: tf.nn.rnn_cell.BasicLSTMCell.
    """

    def __init__(self, num_units: int, forget_bias: float = 1.0, state_is_tuple: bool = True,
                 activation: Activation | None = None, reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        if not state_is_tuple:
            _tuple_warning(self)
        self._num_units = num_units
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = activation or math.tanh

    @property
    def state_size(self) -> Nest:
        """`LSTMStateTuple(n, n)`, or 2n."""
        return LSTMStateTuple(self._num_units, self._num_units) if self._state_is_tuple else 2 * self._num_units

    @property
    def output_size(self) -> int:
        """num_units."""
        return self._num_units

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        """One step: `[B, D]`, state -> output `[B, n]`, state."""
        if self._state_is_tuple:
            c, h = pair_of(state, type(self).__name__)
        else:
            c, h = array.split(state, 2, axis=1)
        args = [inputs, h]
        gates = self._made_once("linear", lambda: Linear(args, 4 * self._num_units, True))
        i, j, f, o = array.split(gates(args), 4, axis=1)
        new_c = c * math.sigmoid(f + self._forget_bias) + math.sigmoid(i) * self._activation(j)
        new_h = self._activation(new_c) * math.sigmoid(o)
        return new_h, LSTMStateTuple(new_c, new_h) if self._state_is_tuple else array.concat([new_c, new_h], 1)


class LSTMCell(RNNCell):
    """LSTM with optional peepholes, cell clipping and projection. Source: tf.nn.rnn_cell.LSTMCell.

    Variables `kernel [D+m, 4n]`, `bias [4n]`, `w_f_diag`, `w_i_diag`, `w_o_diag` `[n]`, `projection/kernel [n, m]`
    where m = num_proj or n. State `LSTMStateTuple(c [B, n], m [B, m])` or their concatenation. Raises ValueError for
    a num_proj of 0 or less (r1.4 projects to nothing). Shards cut a kernel into variables `kernel/part_<i>`.
    """

    def __init__(self, num_units: int, use_peepholes: bool = False, cell_clip: float | None = None,
                 initializer: Any = None, num_proj: int | None = None, proj_clip: float | None = None,
                 num_unit_shards: int | None = None, num_proj_shards: int | None = None, forget_bias: float = 1.0,
                 state_is_tuple: bool = True, activation: Activation | None = None, reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        if not state_is_tuple:
            _tuple_warning(self)
        check_projection(num_proj)
        self._num_unit_shards = num_unit_shards
        self._num_proj_shards = num_proj_shards
        self._num_units = num_units
        self._use_peepholes = use_peepholes
        self._cell_clip = cell_clip
        self._initializer = initializer
        self._num_proj = num_proj
        self._proj_clip = proj_clip
        self._forget_bias = forget_bias
        self._state_is_tuple = state_is_tuple
        self._activation = activation or math.tanh

    @property
    def state_size(self) -> Nest:
        """`LSTMStateTuple(n, num_proj or n)`, or the sum."""
        sizes = LSTMStateTuple(self._num_units, self.output_size)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        """num_proj or num_units."""
        return self._num_units if self._num_proj is None else self._num_proj

    def _split_state(self, state: Any) -> tuple[Any, Any]:
        if self._state_is_tuple:
            return pair_of(state, type(self).__name__)
        n = self._num_units
        return array.slice(state, [0, 0], [-1, n]), array.slice(state, [0, n], [-1, self.output_size])

    def _make_gates(self, args: Sequence[Any]) -> Linear:
        with variable_scope(get_variable_scope(), initializer=self._initializer):
            return Linear(args, 4 * self._num_units, True, shards=self._num_unit_shards)

    def _make_peepholes(self, dtype: Any) -> list[Any]:
        with variable_scope(get_variable_scope(), initializer=self._initializer):
            return [get_variable(f"w_{gate}_diag", [self._num_units], dtype=dtype) for gate in "fio"]

    def _make_projection(self, m: Any, size: int) -> Linear:
        with variable_scope(get_variable_scope(), initializer=self._initializer), variable_scope("projection"):
            return Linear(m, size, False, shards=self._num_proj_shards)

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        """One step: `[B, D]`, state -> output `[B, num_proj or n]`, state."""
        c, m = self._split_state(state)
        inputs = as_tensor(inputs)
        depth_of(inputs)
        args = [inputs, m]
        i, j, f, o = array.split(self._made_once("linear", lambda: self._make_gates(args))(args), 4, axis=1)
        new_c, new_m = self._gated(i, j, f, o, c, inputs.dtype)
        if self._num_proj is not None:
            size = self._num_proj
            new_m = self._made_once("projection", lambda: self._make_projection(new_m, size))(new_m)
            if self._proj_clip is not None:
                new_m = clip.clip_by_value(new_m, -self._proj_clip, self._proj_clip)
        return new_m, LSTMStateTuple(new_c, new_m) if self._state_is_tuple else array.concat([new_c, new_m], 1)

    def _gated(self, i: Any, j: Any, f: Any, o: Any, c: Any, dtype: Any) -> tuple[Any, Any]:
        act, sigmoid, bias, limit = self._activation, math.sigmoid, self._forget_bias, self._cell_clip
        if not self._use_peepholes:
            new_c = sigmoid(f + bias) * c + sigmoid(i) * act(j)
            new_c = new_c if limit is None else clip.clip_by_value(new_c, -limit, limit)
            return new_c, sigmoid(o) * act(new_c)
        w_f, w_i, w_o = self._made_once("peepholes", lambda: self._make_peepholes(dtype))
        new_c = sigmoid(f + bias + w_f * c) * c + sigmoid(i + w_i * c) * act(j)
        new_c = new_c if limit is None else clip.clip_by_value(new_c, -limit, limit)
        return new_c, sigmoid(o + w_o * new_c) * act(new_c)


def check_projection(num_proj: int | None) -> None:
    """Raise ValueError unless `num_proj` is None or positive."""
    if num_proj is not None and num_proj <= 0:
        raise ValueError(f"num_proj must be None or positive, got {num_proj}; None means no projection")


class MultiRNNCell(RNNCell):
    """Cells on top of each other; layer k has the scope `cell_<k>`. Source: tf.nn.rnn_cell.MultiRNNCell.

    State: the tuple of the cells' states, or with state_is_tuple=False their concatenation. Raises ValueError (phrases:
    `Must specify at least one cell`, `Some cells return tuples of states`, `Expected state`) and TypeError (phrase:
    `cells must be a list or tuple`).
    """

    def __init__(self, cells: Sequence[Any], state_is_tuple: bool = True) -> None:
        super().__init__()
        if not cells:
            raise ValueError("Must specify at least one cell for MultiRNNCell, got none")
        if not nest.is_sequence(cells) or isinstance(cells, dict):
            raise TypeError(f"cells must be a list or tuple, but saw {type(cells).__name__}: {cells!r}")
        for k, cell in enumerate(cells):
            check_cell(cell, f"cells[{k}]")
        self._cells = list(cells)
        self._state_is_tuple = state_is_tuple
        if not state_is_tuple and any(nest.is_sequence(cell.state_size) for cell in cells):
            raise ValueError("Some cells return tuples of states, but the flag state_is_tuple is not set. State sizes "
                             f"are: {[cell.state_size for cell in cells]}")

    @property
    def state_size(self) -> Nest:
        """The tuple of the cells' state sizes, or their sum."""
        sizes = tuple(cell.state_size for cell in self._cells)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> Nest:
        """The last cell's."""
        return self._cells[-1].output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Nest:
        """The tuple of the cells' zero states, or zeros `[batch_size, sum]`."""
        with name_scope(f"{type(self).__name__}ZeroState", values=[batch_size]):
            if self._state_is_tuple:
                return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)
            return super().zero_state(batch_size, dtype)

    def _check_state(self, state: Any) -> None:
        if self._state_is_tuple and (not nest.is_sequence(state) or len(state) != len(self._cells)):
            raise ValueError(f"Expected state to be a tuple of length {len(self._cells)}, one state for each cell, "
                             f"but received: {state!r}")

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step through all cells."""
        self._check_state(state)
        position, states, x = 0, [], inputs
        for k, cell in enumerate(self._cells):
            with variable_scope(f"cell_{k}"):
                if self._state_is_tuple:
                    own = state[k]
                else:
                    own = array.slice(state, [0, position], [-1, cell.state_size])
                    position += cell.state_size
                x, new = cell(x, own)
                states.append(new)
        return x, tuple(states) if self._state_is_tuple else array.concat(states, 1)
