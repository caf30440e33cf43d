"""raw_rnn: a loop whose inputs, emissions and end a function decides (dynamic_rnn.md, 3).

Source: tf.nn.raw_rnn (tensorflow/python/ops/rnn.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.flow import control
from rnngraph.frontend.flow.tensor_array import TensorArray
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import VariableScope, variable_scope
from rnngraph.frontend.framework.shapes import Dimension, TensorShape
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.rnn.cell import check_cell, zeros_of
from rnngraph.frontend.rnn.steps import common_dtype, scalar_int, state_tensors

LoopFunction = Callable[[Any, Any, Any, Any], tuple[Any, Any, Any, Any, Any]]


def raw_rnn(cell: Any, loop_fn: LoopFunction, parallel_iterations: int | None = None, swap_memory: bool = False,
            scope: str | VariableScope | None = None) -> tuple[Nest, Nest, Nest]:
    """Run `cell` until `loop_fn` says that all rows are finished; (emit arrays, final state, final loop state).

    `loop_fn(time, output, state, loop_state)` gives `(finished [B], next input, next state, emission, loop state)`.
    It is called twice, when the graph is built: with (0, None, None, None) for the initial values, then inside the
    loop. The emit arrays are TensorArrays packed like the first emission (or `cell.output_size`). Raises TypeError
    (phrases: `must be an instance of RNNCell`, `loop_fn must be a callable`), ValueError or TypeError for structures
    that change. Source: tf.nn.raw_rnn.
    """
    check_cell(cell)
    if not callable(loop_fn):
        raise TypeError(f"loop_fn must be a callable of (time, cell_output, cell_state, loop_state), got {loop_fn!r}")
    with variable_scope(scope or "rnn") as entered:
        if entered.caching_device is None:
            entered.set_caching_device(lambda op: op.device)
        return _RawLoop(cell, loop_fn).build(parallel_iterations or 32, bool(swap_memory))


class _RawLoop:
    """One raw_rnn under construction."""

    def __init__(self, cell: Any, loop_fn: LoopFunction) -> None:
        self.cell = cell
        self.loop_fn = loop_fn
        self.time = scalar_int(0, "time")
        finished, first_input, state, emit, loop_state = loop_fn(self.time, None, None, None)
        self.finished = convert.convert_to_tensor(finished)
        self.input = nest.map_structure(convert.convert_to_tensor, first_input)
        nest.assert_same_structure(state, cell.state_size)
        self.state = state_tensors(state)
        self.has_loop_state = loop_state is not None
        # A loop variable must be something: an int stands in for no loop state.
        self.loop_state = loop_state if self.has_loop_state else scalar_int(0, "Const")
        batch_size = self._batch_size()
        self.structure: Nest
        self._zeros: list[Tensor]
        if emit is None:
            self.structure = cell.output_size
            dtype = common_dtype(nest.flatten(self.state)[:1], None)
            sizes, dtypes = nest.flatten(self.structure), [dtype] * len(nest.flatten(self.structure))
            self._zeros = [zeros_of(size, batch_size, dtype, "cell.output_size") for size in sizes]
        else:
            self.structure = emit
            leaves = [convert.convert_to_tensor(x) for x in nest.flatten(emit)]
            dtypes = [x.dtype for x in leaves]
            self._zeros = [_zero_rows(x, batch_size) for x in leaves]
        self.arrays = [TensorArray(dtype, size=0, dynamic_size=True, element_shape=zero.shape,
                                   tensor_array_name=f"rnn_output_{i}")
                       for i, (dtype, zero) in enumerate(zip(dtypes, self._zeros, strict=True))]

    def _batch_size(self) -> Any:
        static = Dimension(None)
        leaves = nest.flatten(self.input)
        for x in leaves:
            if x.shape.ndims is not None:
                static = static.merge_with(x.shape[0])
        sizes: Any = array.shape(leaves[0])
        return sizes[0] if static.value is None else static.value

    def build(self, parallel_iterations: int, swap_memory: bool) -> tuple[Nest, Nest, Nest]:
        """Make the loop."""
        emit_ta = nest.pack_sequence_as(self.structure, self.arrays)
        final = control.while_loop(
            lambda time, finished, *_: math.logical_not(math.reduce_all(finished)), self._body,
            [self.time, self.finished, self.input, emit_ta, self.state, self.loop_state],
            parallel_iterations=parallel_iterations, swap_memory=swap_memory)
        emitted, state, loop_state = final[3:]
        return emitted, state, loop_state if self.has_loop_state else None

    def _body(self, time: Any, finished: Tensor, current: Nest, emit_ta: Nest, state: Nest,
              loop_state: Nest) -> tuple[Any, ...]:
        output, cell_state = self.cell(current, state)
        nest.assert_same_structure(state, cell_state)
        nest.assert_same_structure(self.cell.output_size, output)
        next_time = time + 1
        next_finished, next_input, next_state, emit, next_loop_state = self.loop_fn(
            next_time, output, cell_state, loop_state)
        nest.assert_same_structure(state, next_state)
        nest.assert_same_structure(current, next_input)
        nest.assert_same_structure(emit_ta, emit)
        kept = self._rows(finished, nest.flatten(state), nest.flatten(next_state))
        emitted = self._rows(finished, self._zeros, nest.flatten(emit))
        written = [ta.write(time, x) for ta, x in zip(nest.flatten(emit_ta), emitted, strict=True)]
        return (next_time, math.logical_or(finished, next_finished), next_input,
                nest.pack_sequence_as(emit_ta, written), nest.pack_sequence_as(state, kept),
                loop_state if next_loop_state is None else next_loop_state)

    @staticmethod
    def _rows(finished: Tensor, old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
        """`old` in the rows that were finished before this step, else `new`."""
        return [b if isinstance(a, TensorArray) else array.where(finished, a, b)
                for a, b in zip(old, new, strict=True)]


def _zero_rows(row: Tensor, batch_size: Any) -> Tensor:
    """Zeros with a row like `row`, whose shape lacks the batch, for each of the batch."""
    if row.shape.is_fully_defined():
        return zeros_of(TensorShape(row.shape), batch_size, row.dtype, "emit_output")
    shape = array.concat([array.expand_dims(batch_size, 0), array.shape(row)], 0)
    zeros: Tensor = array.zeros(shape, dtype=row.dtype)
    static = TensorShape([None if isinstance(batch_size, Tensor) else batch_size]).concatenate(row.shape)
    zeros.set_shape(static)
    return zeros
