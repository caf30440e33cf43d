"""Drivers that run one cell forwards and one backwards, with dynamic loops (dynamic_rnn.md, 2 and 7).

Source: tf.nn.bidirectional_dynamic_rnn, tf.contrib.rnn.stack_bidirectional_dynamic_rnn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import VariableScope, variable_scope
from rnngraph.frontend.rnn.cell import check_cell
from rnngraph.frontend.rnn.dynamic import dynamic_rnn, input_leaves


def _reversed(tree: Nest, lengths: Tensor | None, time_major: bool) -> Nest:
    """Every leaf reversed in time, with lengths only each row's own part."""
    time, batch = (0, 1) if time_major else (1, 0)

    def back(x: Any) -> Any:
        if lengths is None:
            return array.reverse(x, axis=[time])
        return array.reverse_sequence(x, lengths, seq_axis=time, batch_axis=batch)

    return nest.map_structure(back, tree)


def bidirectional_dynamic_rnn(
        cell_fw: Any, cell_bw: Any, inputs: Nest, sequence_length: Any = None, initial_state_fw: Nest = None,
        initial_state_bw: Nest = None, dtype: Any = None, parallel_iterations: int | None = None,
        swap_memory: bool = False, time_major: bool = False, scope: str | VariableScope | None = None,
) -> tuple[tuple[Nest, Nest], tuple[Nest, Nest]]:
    """`dynamic_rnn` of `cell_fw` over the inputs and of `cell_bw` over them reversed in time, its outputs turned back.

    Returns `((output_fw, output_bw), (state_fw, state_bw))`; outputs are not concatenated. Lengths must lie in 0 .. T
    (InvalidArgumentError when run). Variables are in the scopes `fw` and `bw` below `scope` (default
    `bidirectional_rnn`). Raises as `dynamic_rnn`. Source: tf.nn.bidirectional_dynamic_rnn.
    """
    check_cell(cell_fw, "cell_fw")
    check_cell(cell_bw, "cell_bw")
    lengths = None if sequence_length is None else convert.convert_to_tensor(sequence_length)
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as forward:
            output_fw, state_fw = dynamic_rnn(cell_fw, inputs, lengths, initial_state_fw, dtype, parallel_iterations,
                                              swap_memory, time_major, forward)
        with variable_scope("bw") as backward:
            tensors = nest.pack_sequence_as(inputs, input_leaves(inputs))
            turned, state_bw = dynamic_rnn(cell_bw, _reversed(tensors, lengths, time_major), lengths, initial_state_bw,
                                           dtype, parallel_iterations, swap_memory, time_major, backward)
    return (output_fw, _reversed(turned, lengths, time_major)), (state_fw, state_bw)


def check_layers(cells_fw: Any, cells_bw: Any, initial_states_fw: Any, initial_states_bw: Any) -> None:
    """Raise ValueError unless both lists of cells, and the states if given, are non-empty lists of one length."""
    for name, cells in (("cells_fw", cells_fw), ("cells_bw", cells_bw)):
        if not isinstance(cells, list) or not cells:
            raise ValueError(f"{name} must be a list of RNNCells (one per layer), not empty: got {cells!r}")
    if len(cells_fw) != len(cells_bw):
        raise ValueError("Forward and Backward cells must have the same depth: "
                         f"got {len(cells_fw)} in cells_fw and {len(cells_bw)} in cells_bw")
    for name, states in (("initial_states_fw", initial_states_fw), ("initial_states_bw", initial_states_bw)):
        if states is not None and (not isinstance(states, list) or len(states) != len(cells_fw)):
            raise ValueError(f"{name} must be a list of state tensors (one per layer): expected None or a list of "
                             f"{len(cells_fw)}, got {states!r}")


def stack_bidirectional_dynamic_rnn(
        cells_fw: Sequence[Any], cells_bw: Sequence[Any], inputs: Nest, initial_states_fw: Any = None,
        initial_states_bw: Any = None, dtype: Any = None, sequence_length: Any = None,
        parallel_iterations: int | None = None, time_major: bool = False, scope: str | VariableScope | None = None,
) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """Bidirectional layers on top of each other, each fed with both directions of the last, concatenated on axis 2.

    Returns `(outputs, forward states, backward states)`, a state for each layer. Raises ValueError unless the cells are
    non-empty lists of one length, and as `bidirectional_dynamic_rnn`.
    Source: tf.contrib.rnn.stack_bidirectional_dynamic_rnn.
    """
    check_layers(cells_fw, cells_bw, initial_states_fw, initial_states_bw)
    states_fw, states_bw, layer = [], [], inputs
    with variable_scope(scope or "stack_bidirectional_rnn"):
        for i, (cell_fw, cell_bw) in enumerate(zip(cells_fw, cells_bw, strict=True)):
            with variable_scope(f"cell_{i}"):
                outputs, (state_fw, state_bw) = bidirectional_dynamic_rnn(
                    cell_fw, cell_bw, layer, sequence_length,
                    initial_states_fw[i] if initial_states_fw else None,
                    initial_states_bw[i] if initial_states_bw else None,
                    dtype, parallel_iterations, time_major=time_major)
                layer = array.concat(list(outputs), 2)
                states_fw.append(state_fw)
                states_bw.append(state_bw)
    return layer, tuple(states_fw), tuple(states_bw)
