"""Cells and their drivers, written as loops over rows and steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support.eager.control import TensorArray, packed
from tests.support.eager.core import Bad, Skip, T, as_tensor, leaves
from tests.support.eager.math import EXPORTS as M
from tests.support.eager.state import get_variable, variable_scope


class Cell:
    """What cells share: the scope of their variables."""

    label = ""

    def __init__(self, num_units: int) -> None:
        self.units = num_units
        self.state_size: Any = num_units
        self.output_size = num_units

    def __call__(self, x: Any, state: Any, scope: str | None = None) -> Any:
        with variable_scope(scope or self.label):
            return self.step(x, state)

    def step(self, x: Any, state: Any) -> Any:
        """Output and state."""
        raise NotImplementedError

    def zero_state(self, batch: Any, dtype: Any) -> Any:
        """Zeros like the state."""
        n = int(batch.a) if isinstance(batch, T) else batch
        still = not isinstance(batch, T)
        return packed(self.state_size, iter([T(np.zeros((n, s), dtype), fixed=still) for s in leaves(self.state_size)]))


def _linear(parts: list[Any], size: int, bias: bool = True) -> T:
    x = np.concatenate([p.a for p in parts], 1)
    kernel = get_variable("kernel", [x.shape[1], size], x.dtype).value_now()
    found = x @ kernel.a
    ends = [kernel]
    if bias:
        ends.append(get_variable("bias", [size], x.dtype).value_now())
        found = found + ends[1].a
    return T(found, any(p.loose for p in (*parts, *ends)), all(p.fixed for p in parts))


class BasicRNNCell(Cell):
    """tf.nn.rnn_cell.BasicRNNCell."""

    label = "basic_rnn_cell"

    def step(self, x: Any, state: Any) -> Any:
        """Output and state."""
        h = M["tanh"](_linear([x, state], self.units))
        return h, h


class GRUCell(Cell):
    """tf.nn.rnn_cell.GRUCell."""

    label = "gru_cell"

    def step(self, x: Any, state: Any) -> Any:
        """Output and state."""
        with variable_scope("gates"):
            gates = M["sigmoid"](_linear([x, state], 2 * self.units))
        r, u = gates[:, :self.units], gates[:, self.units:]
        with variable_scope("candidate"):
            c = M["tanh"](_linear([x, r * state], self.units))
        h = u * state + (1.0 - u) * c
        return h, h


class BasicLSTMCell(Cell):
    """tf.nn.rnn_cell.BasicLSTMCell."""

    label = "basic_lstm_cell"

    def __init__(self, num_units: int) -> None:
        super().__init__(num_units)
        self.state_size = (num_units, num_units)

    def step(self, x: Any, state: Any) -> Any:
        """Output and state."""
        c, h = state
        n, z = self.units, _linear([x, h], 4 * self.units)
        i, j, f, o = z[:, :n], z[:, n:2 * n], z[:, 2 * n:3 * n], z[:, 3 * n:]
        c = c * M["sigmoid"](f + 1.0) + M["sigmoid"](i) * M["tanh"](j)
        h = M["tanh"](c) * M["sigmoid"](o)
        return h, (c, h)


class MultiRNNCell(Cell):
    """tf.nn.rnn_cell.MultiRNNCell."""

    label = "multi_rnn_cell"

    def __init__(self, cells: list[Any]) -> None:
        super().__init__(cells[-1].units)
        self.cells = cells
        self.state_size = tuple(c.state_size for c in cells)

    def step(self, x: Any, state: Any) -> Any:
        """Output and state."""
        new = []
        for i, (cell, old) in enumerate(zip(self.cells, state, strict=True)):
            with variable_scope(f"cell_{i}"):
                x, found = cell(x, old)
            new.append(found)
        return x, tuple(new)


def _chosen(stop: Any, old: T, new: T) -> T:
    rows = stop.reshape((-1,) + (1,) * (new.a.ndim - 1))
    return T(np.where(rows, old.a, new.a), old.loose or new.loose, old.fixed and new.fixed)


def _unrolled(cell: Any, steps: list[T], lengths: Any, state: Any) -> tuple[list[T], Any]:
    """Outputs of each step and the final state; rows past their length give zeros and keep their state."""
    outputs = []
    for t, x in enumerate(steps):
        out, new = cell(x, state)
        if lengths is not None:
            stop = t >= lengths
            out = _chosen(stop, T(np.zeros_like(out.a)), out)
            new = packed(state, iter([_chosen(stop, a, b) for a, b in zip(leaves(state), leaves(new), strict=True)]))
        outputs.append(out)
        state = new
    return outputs, state


def _lengths(given: Any, batch: int) -> Any:
    if given is None:
        return None
    found = as_tensor(given).a
    if found.shape != (batch,):
        raise Bad("lengths")
    return found


def dynamic_rnn(cell: Any, inputs: Any, sequence_length: Any = None, initial_state: Any = None, dtype: Any = None,
                time_major: bool = False, scope: str = "rnn") -> Any:
    """tf.nn.dynamic_rnn."""
    x = inputs if time_major else T(np.swapaxes(inputs.a, 0, 1), inputs.loose, inputs.fixed)
    lengths = _lengths(sequence_length, x.shape[1])
    state = cell.zero_state(x.shape[1], dtype) if initial_state is None else initial_state
    with variable_scope(scope):
        if not x.shape[0]:
            raise Skip("variables are made by steps")
        outputs, state = _unrolled(cell, [T(row, x.loose, x.fixed) for row in x.a], lengths, state)
    found = np.stack([o.a for o in outputs], 0 if time_major else 1)
    return T(found, any(o.loose for o in outputs), x.fixed), state


def static_rnn(cell: Any, inputs: Any, initial_state: Any = None, dtype: Any = None, sequence_length: Any = None,
               scope: str = "rnn") -> Any:
    """tf.nn.static_rnn."""
    state = cell.zero_state(inputs[0].shape[0], dtype) if initial_state is None else initial_state
    with variable_scope(scope):
        return _unrolled(cell, inputs, _lengths(sequence_length, inputs[0].shape[0]), state)


def bidirectional(cell_fw: Any, cell_bw: Any, inputs: Any, sequence_length: Any = None, dtype: Any = None,
                  scope: str = "birnn") -> Any:
    """tf.nn.bidirectional_dynamic_rnn."""
    n = np.full(inputs.shape[0], inputs.shape[1]) if sequence_length is None else as_tensor(sequence_length).a

    def turned(x: T) -> T:
        a = x.a.copy()
        for row, length in zip(a, n, strict=True):
            row[:length] = row[:length][::-1].copy()
        return T(a, x.loose, x.fixed)
    with variable_scope(scope):
        out, state = dynamic_rnn(cell_fw, inputs, sequence_length, dtype=dtype, scope="fw")
        back, last = dynamic_rnn(cell_bw, turned(inputs), sequence_length, dtype=dtype, scope="bw")
    return (out, turned(back)), (state, last)


def raw_rnn(cell: Any, loop_fn: Callable[..., Any], scope: str = "rnn") -> Any:
    """tf.nn.raw_rnn."""
    time = np.int32(0)
    done, x, state, emit, loop_state = loop_fn(T(time), None, None, None)
    done = done.a
    first = None if emit is None else emit.a
    written = TensorArray(np.float32, 0, dynamic_size=True)
    while not done.all():
        if time > 60:
            raise Skip("too many steps")
        with variable_scope(scope):
            output, new = cell(x, state)
        zeros = np.zeros((len(done), cell.output_size), output.dtype) if first is None else np.zeros(
            (len(done), *first.shape), first.dtype)
        later, x, new, emit, new_loop = loop_fn(T(np.int32(time + 1)), output, new, loop_state)
        written = written.write(int(time), _chosen(done, T(zeros), emit))
        state = packed(state, iter([_chosen(done, a, b) for a, b in zip(leaves(state), leaves(new), strict=True)]))
        done = done | later.a
        loop_state = loop_state if new_loop is None else new_loop
        time += 1
    return written, state, loop_state


EXPORTS: dict[str, Any] = {
    **{f"nn.rnn_cell.{c.__name__}": c for c in (BasicRNNCell, GRUCell, BasicLSTMCell, MultiRNNCell)},
    "nn.dynamic_rnn": dynamic_rnn, "nn.static_rnn": static_rnn, "nn.bidirectional_dynamic_rnn": bidirectional,
    "nn.raw_rnn": raw_rnn,
}
