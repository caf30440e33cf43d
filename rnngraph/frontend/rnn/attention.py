"""AttentionCellWrapper: attention over a cell's own last outputs (cells.md, 4).

Source: tf.contrib.rnn.AttentionCellWrapper (contrib/rnn/python/ops/rnn_cell.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import compat, nest
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import get_variable, variable_scope
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.nn import nn_ops
from rnngraph.frontend.rnn.cell import RNNCell, like_cell
from rnngraph.frontend.rnn.linear import Linear, as_tensor, depth_of


def attend(memory: Tensor, features: Any, query: Any, v: Any) -> Any:
    """The rows of `memory [B, L, A]` weighted by softmax over L of `sum_k v[k] * tanh(features + query)`: `[B, A]`.

    `features [B, L, V]`, `query [B, V]`, `v [V]`.
    """
    score = math.reduce_sum(v * math.tanh(features + array.expand_dims(query, 1)), 2)
    weights = array.expand_dims(nn_ops.softmax(score), 2)
    return math.reduce_sum(weights * memory, 1)


def project_rows(memory: Tensor, kernel: Any, length: Any) -> Any:
    """`memory [B, L, A]` times `kernel [1, 1, A, V]`: a convolution of width 1, `[B, L, V]`."""
    _, _, depth, width = kernel.shape.as_list()
    rows = math.matmul(array.reshape(memory, [-1, depth]), array.reshape(kernel, [depth, width]))
    return array.reshape(rows, array.stack([-1, length, width]) if isinstance(length, Tensor) else [-1, length, width])


class AttentionCellWrapper(RNNCell):
    """A cell whose input is mixed with what attention reads from its last `attn_length` outputs.

    State `(cell state, attns [B, A], attn_states [B, A * L])` or their concatenation; output `[B, A]`, A = attn_size or
    the cell's output size. Raises TypeError (phrase: `The parameter cell is not RNNCell`) and ValueError (phrases:
    `attn_length should be greater than zero`, `Cell returns tuple of states, but the flag`).
    """

    def __init__(self, cell: Any, attn_length: int, attn_size: int | None = None, attn_vec_size: int | None = None,
                 input_size: int | None = None, state_is_tuple: bool = True, reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        if not like_cell(cell):
            raise TypeError(f"The parameter cell is not RNNCell: got {type(cell).__name__}: {cell!r}")
        if nest.is_sequence(cell.state_size) and not state_is_tuple:
            raise ValueError("Cell returns tuple of states, but the flag state_is_tuple is not set. State size is: "
                             f"{cell.state_size}")
        if attn_length <= 0:
            raise ValueError(f"attn_length should be greater than zero, got {attn_length}")
        if not state_is_tuple:
            compat.logging.warning("%s: Using a concatenated state is slower and will soon be deprecated. "
                                   "Use state_is_tuple=True.", self)
        self._state_is_tuple = state_is_tuple
        self._cell = cell
        self._attn_size: int = cell.output_size if attn_size is None else attn_size
        self._attn_vec_size: int = self._attn_size if attn_vec_size is None else attn_vec_size
        self._input_size = input_size
        self._attn_length = attn_length

    @property
    def state_size(self) -> Nest:
        """The cell's, A and A * L as a tuple, or their sum."""
        sizes = (self._cell.state_size, self._attn_size, self._attn_size * self._attn_length)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        """A."""
        return self._attn_size

    def _split_state(self, state: Any) -> Sequence[Any]:
        if self._state_is_tuple:
            if not nest.is_sequence(state) or len(state) != 3:
                raise ValueError(f"Expected state to be a tuple (cell state, attns, attn_states), got {state!r}")
            return tuple(state)
        n, a = self._cell.state_size, self._attn_size
        return [array.slice(state, [0, begin], [-1, size])
                for begin, size in ((0, n), (n, a), (n + a, a * self._attn_length))]

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step: `[B, D]`, state -> output `[B, A]`, state."""
        cell_state, attns, flat_memory = self._split_state(state)
        memory = array.reshape(flat_memory, [-1, self._attn_length, self._attn_size])
        inputs = as_tensor(inputs)
        size = self._input_size if self._input_size is not None else depth_of(inputs)
        args = [inputs, attns]
        cell_inputs = self._made_once("inputs", lambda: Linear(args, size, True))(args)
        cell_output, new_state = self._cell(cell_inputs, cell_state)
        query = array.concat(nest.flatten(new_state), 1) if self._state_is_tuple else new_state
        new_attns, kept = self._attention(query, memory)
        args = [cell_output, new_attns]
        with variable_scope("attn_output_projection"):
            output = self._made_once("output", lambda: Linear(args, self._attn_size, True))(args)
        memory = array.concat([kept, array.expand_dims(output, 1)], 1)
        flat_memory = array.reshape(memory, [-1, self._attn_length * self._attn_size])
        parts = (new_state, new_attns, flat_memory)
        return output, parts if self._state_is_tuple else array.concat(parts, 1)

    def _attention(self, query: Any, memory: Tensor) -> tuple[Any, Any]:
        """What is read, and the memory without its oldest row."""
        with variable_scope("attention"):
            width = self._attn_vec_size
            kernel = get_variable("attn_w", [1, 1, self._attn_size, width], dtype=memory.dtype)
            v = get_variable("attn_v", [width], dtype=memory.dtype)
            features = project_rows(memory, kernel, self._attn_length)
            y = self._made_once("query", lambda: Linear(query, width, True))(query)
            read = array.reshape(attend(memory, features, y, v), [-1, self._attn_size])
            return read, array.slice(memory, [0, 1, 0], [-1, -1, -1])
