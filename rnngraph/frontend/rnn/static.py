"""Drivers that unroll the time steps in the graph (dynamic_rnn.md, 4 to 7).

Source: tf.nn.static_rnn, static_state_saving_rnn, static_bidirectional_rnn, tf.contrib.rnn.stack_bidirectional_rnn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.expect import shown
from rnngraph.frontend.framework.graph import Tensor, get_default_graph
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import VariableScope, variable_scope
from rnngraph.frontend.framework.shapes import Dimension
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.rnn.bidirectional import check_layers
from rnngraph.frontend.rnn.cell import check_cell
from rnngraph.frontend.rnn.linear import as_tensor
from rnngraph.frontend.rnn.steps import (
    branch_results,
    check_depth,
    common_dtype,
    copy_through,
    flat_outputs,
    lengths_of,
    rank_of,
    same_state,
    state_tensors,
    zero_outputs,
)
from rnngraph.ir.types import int32


def _check_inputs(inputs: Any) -> None:
    if not nest.is_sequence(inputs) or isinstance(inputs, dict):
        raise TypeError("inputs must be a sequence: a list of one tensor [batch, depth] per time step, as tf.unstack "
                        f"makes it; got {inputs!r}")
    if not inputs:
        raise ValueError("inputs must not be empty: expected at least one time step")


def _batch_size(inputs: Sequence[Any]) -> Any:
    """The batch size as an int, or a tensor where it is not known."""
    first = as_tensor(nest.flatten(inputs[0])[0])
    rank_of(first, 1)
    static: Dimension = first.shape[0]
    if first.shape.ndims != 1:
        for leaf in nest.flatten(inputs):
            x = as_tensor(leaf)
            rank_of(x, 2)
            static = static.merge_with(x.shape[0])
            check_depth(list(x.shape[1:]), x, "dimensions after the first of inputs")
    return array.shape(first)[0] if static.value is None else static.value


class _LengthStep:
    """A step of `static_rnn` with lengths: skips the cell where all rows are finished."""

    def __init__(self, cell: Any, sequence_length: Any, batch_size: Any, dtype: Any) -> None:
        self.cell = cell
        self.lengths = sequence_length
        self.zeros = zero_outputs(nest.flatten(cell.output_size), batch_size, dtype)
        self.least = math.reduce_min(self.lengths)
        self.most = math.reduce_max(self.lengths)

    def __call__(self, time: int, x: Nest, state: Nest) -> tuple[Nest, Nest]:
        """Output and state at `time`; what comes out is zeros and the old state where a row is finished."""
        old = nest.flatten(state)

        def some_rows() -> list[Any]:
            output, new_state = self.cell(x, state)
            same_state(state, new_state)
            new = [*flat_outputs(output, self.cell), *nest.flatten(new_state)]
            return branch_results(time < self.least, lambda: new, lambda: self._selected(time, old, new))

        results = branch_results(time >= self.most, lambda: [*self.zeros, *old], some_rows)
        outputs, states = results[:len(self.zeros)], results[len(self.zeros):]
        for out, zero in zip(outputs, self.zeros, strict=True):
            out.set_shape(zero.shape)
        for new, before in zip(states, old, strict=True):
            if isinstance(new, Tensor):
                new.set_shape(before.shape)
        return nest.pack_sequence_as(self.cell.output_size, outputs), nest.pack_sequence_as(state, states)

    def _selected(self, time: int, old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
        finished = math.greater_equal(time, self.lengths)
        return [copy_through(finished, a, b) for a, b in zip([*self.zeros, *old], new, strict=True)]


def static_rnn(cell: Any, inputs: Sequence[Any], initial_state: Nest = None, dtype: Any = None,
               sequence_length: Any = None, scope: str | VariableScope | None = None) -> tuple[list[Nest], Nest]:
    """Run `cell` over a list of inputs, one for each time step; (list of outputs, final state).

    inputs: T >= 1 tensors `[B, ...]` or nests of them. With sequence_length `[B]` a row's outputs past its length are
    zeros, its state is copied through, and no cell runs past the longest length. Outputs are like `cell.output_size`.
    Raises TypeError (phrases: `must be an instance of RNNCell`, `inputs must be a sequence`) and ValueError (phrases:
    `inputs must not be empty`, `must be accessible via shape inference`, `dtype must be specified`, `must be a
    vector`). Source: tf.nn.static_rnn.
    """
    check_cell(cell)
    _check_inputs(inputs)
    with variable_scope(scope or "rnn") as entered:
        if entered.caching_device is None:
            entered.set_caching_device(lambda op: op.device)
        batch_size = _batch_size(inputs)
        if initial_state is not None:
            state = state_tensors(initial_state)
        elif dtype is None:
            raise ValueError("If no initial_state is provided, dtype must be specified: "
                             "static_rnn(..., dtype=tf.float32)")
        else:
            state = cell.zero_state(batch_size, dtype)
        step = cell
        if sequence_length is not None:
            lengths = lengths_of(convert.convert_to_tensor(sequence_length, name="sequence_length"))
            masked = _LengthStep(cell, lengths, batch_size, common_dtype(state, dtype))
        outputs = []
        for time, x in enumerate(inputs):
            if time > 0:
                entered.reuse_variables()
            output, state = step(x, state) if sequence_length is None else masked(time, x, state)
            outputs.append(output)
        return outputs, state


def static_state_saving_rnn(cell: Any, inputs: Sequence[Any], state_saver: Any, state_name: Nest,
                            sequence_length: Any = None,
                            scope: str | VariableScope | None = None) -> tuple[list[Nest], Nest]:
    """`static_rnn` whose initial state comes from `state_saver.state(name)` and whose final state goes to it.

    `state_saver.save_state(name, value)` is run before the last output is given. `state_name`: a string, or a nest of
    them like `cell.state_size`. Raises ValueError (phrases: `state_name should be the same type`, `#elems(state_name)`)
    and as `static_rnn`. Source: tf.nn.static_state_saving_rnn.
    """
    check_cell(cell)
    sizes = cell.state_size
    if nest.is_sequence(sizes) != nest.is_sequence(state_name):
        raise ValueError("state_name should be the same type as cell.state_size: one string for a single state, a nest "
                         f"of strings for a nest; got state_name={state_name!r}, cell.state_size={sizes!r}")
    names = nest.flatten(state_name)
    if len(names) != len(nest.flatten(sizes)):
        raise ValueError(f"#elems(state_name) != #elems(state_size): {len(names)} vs. {len(nest.flatten(sizes))}")
    if not hasattr(state_saver, "state") or not hasattr(state_saver, "save_state"):
        raise TypeError(f"state_saver must have methods state and save_state, but it is {shown(state_saver)}.")
    initial = nest.pack_sequence_as(sizes, [state_saver.state(name) for name in names])
    outputs, state = static_rnn(cell, inputs, initial, sequence_length=sequence_length, scope=scope)
    saves = [state_saver.save_state(name, leaf) for name, leaf in zip(names, nest.flatten(state), strict=True)]
    with get_default_graph().control_dependencies(saves):
        outputs[-1] = nest.map_structure(array.identity, outputs[-1])
    return outputs, state


def _reversed(steps: Sequence[Nest], lengths: Any) -> list[Nest]:
    """The list reversed, with lengths only each row's own part."""
    if lengths is None:
        return list(reversed(steps))
    flat = [nest.flatten(step) for step in steps]
    leaves = []
    for sequence in zip(*flat, strict=True):
        stacked = array.stack([as_tensor(x) for x in sequence])
        turned = array.reverse_sequence(stacked, lengths, seq_axis=0, batch_axis=1)
        leaves.append(array.unstack(turned, num=len(steps)))
    return [nest.pack_sequence_as(steps[0], list(step)) for step in zip(*leaves, strict=True)]


def static_bidirectional_rnn(cell_fw: Any, cell_bw: Any, inputs: Sequence[Any], initial_state_fw: Nest = None,
                             initial_state_bw: Nest = None, dtype: Any = None, sequence_length: Any = None,
                             scope: str | VariableScope | None = None) -> tuple[list[Nest], Nest, Nest]:
    """`static_rnn` in both directions; (outputs concatenated on axis 1, forward state, backward state).

    Variables are in the scopes `fw` and `bw` below `scope` (default `bidirectional_rnn`). Raises as `static_rnn`; the
    two cells' outputs must have the same structure. Source: tf.nn.static_bidirectional_rnn.
    """
    check_cell(cell_fw, "cell_fw")
    check_cell(cell_bw, "cell_bw")
    _check_inputs(inputs)
    lengths = None
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as forward:
            output_fw, state_fw = static_rnn(cell_fw, inputs, initial_state_fw, dtype, sequence_length, forward)
        with variable_scope("bw") as backward:
            if sequence_length is not None:
                lengths = math.cast(sequence_length, int32)
            turned, state_bw = static_rnn(cell_bw, _reversed(inputs, lengths), initial_state_bw, dtype, sequence_length,
                                          backward)
    output_bw = _reversed(turned, lengths)
    outputs = []
    for forward_step, backward_step in zip(output_fw, output_bw, strict=True):
        nest.assert_same_structure(forward_step, backward_step)
        joined = [array.concat([a, b], 1)
                  for a, b in zip(nest.flatten(forward_step), nest.flatten(backward_step), strict=True)]
        outputs.append(nest.pack_sequence_as(forward_step, joined))
    return outputs, state_fw, state_bw


def stack_bidirectional_rnn(cells_fw: Sequence[Any], cells_bw: Sequence[Any], inputs: Sequence[Any],
                            initial_states_fw: Any = None, initial_states_bw: Any = None, dtype: Any = None,
                            sequence_length: Any = None,
                            scope: str | VariableScope | None = None) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """Static bidirectional layers on top of each other; (outputs, forward states, backward states).

    Raises ValueError unless the cells are non-empty lists of one length, and as `static_bidirectional_rnn`.
    Source: tf.contrib.rnn.stack_bidirectional_rnn.
    """
    check_layers(cells_fw, cells_bw, initial_states_fw, initial_states_bw)
    states_fw, states_bw, layer = [], [], inputs
    with variable_scope(scope or "stack_bidirectional_rnn"):
        for i, (cell_fw, cell_bw) in enumerate(zip(cells_fw, cells_bw, strict=True)):
            with variable_scope(f"cell_{i}") as entered:
                layer, state_fw, state_bw = static_bidirectional_rnn(
                    cell_fw, cell_bw, layer,
                    initial_states_fw[i] if initial_states_fw else None,
                    initial_states_bw[i] if initial_states_bw else None,
                    dtype, sequence_length, entered)
                states_fw.append(state_fw)
                states_bw.append(state_bw)
    return layer, tuple(states_fw), tuple(states_bw)
