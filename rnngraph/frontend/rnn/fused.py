"""Cells that take a whole sequence: FusedRNNCell, FusedRNNCellAdaptor, TimeReversedFusedRNN (cells.md, 5).

Source: tf.contrib.rnn (contrib/rnn/python/ops/fused_rnn_cell.py).
"""

from __future__ import annotations

from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import VariableScope
from rnngraph.frontend.rnn.cell import check_cell
from rnngraph.frontend.rnn.dynamic import dynamic_rnn
from rnngraph.frontend.rnn.linear import as_tensor
from rnngraph.frontend.rnn.static import static_rnn


class FusedRNNCell:
    """Abstract: `cell(inputs, initial_state, dtype, sequence_length, scope)` gives (outputs, final state).

    `inputs` are time-major, a tensor `[T, B, D]` or a list of T tensors; outputs are of the same kind.
    Source: tf.contrib.rnn.FusedRNNCell.
    """

    def __call__(self, inputs: Any, initial_state: Nest = None, dtype: Any = None, sequence_length: Any = None,
                 scope: str | VariableScope | None = None) -> tuple[Any, Any]:
        """Run over the whole sequence. Abstract: NotImplementedError."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__")


class FusedRNNCellAdaptor(FusedRNNCell):
    """An ordinary cell as a FusedRNNCell, by `dynamic_rnn` or `static_rnn`.

    Source: tf.contrib.rnn.FusedRNNCellAdaptor.
    """

    def __init__(self, cell: Any, use_dynamic_rnn: bool = False) -> None:
        check_cell(cell)
        self._cell = cell
        self._use_dynamic_rnn = use_dynamic_rnn

    def __call__(self, inputs: Any, initial_state: Nest = None, dtype: Any = None, sequence_length: Any = None,
                 scope: str | VariableScope | None = None) -> tuple[Any, Any]:
        """Run over the whole sequence; variables are in `scope` (default `rnn`)."""
        is_list = isinstance(inputs, list | tuple)
        if self._use_dynamic_rnn:
            x = array.stack([as_tensor(each) for each in inputs]) if is_list else as_tensor(inputs)
            outputs, state = dynamic_rnn(self._cell, x, sequence_length, initial_state, dtype, time_major=True,
                                         scope=scope)
            return array.unstack(outputs, num=len(inputs)) if is_list else outputs, state
        steps = list(inputs) if is_list else array.unstack(as_tensor(inputs))
        stepped, state = static_rnn(self._cell, steps, initial_state, dtype, sequence_length, scope)
        return stepped if is_list else array.stack(stepped), state


class TimeReversedFusedRNN(FusedRNNCell):
    """A FusedRNNCell run backwards in time. Source: tf.contrib.rnn.TimeReversedFusedRNN.

    A tensor is reversed within each row's length if lengths are given; a list is reversed as a whole.
    """

    def __init__(self, cell: FusedRNNCell) -> None:
        self._cell = cell

    @staticmethod
    def _reversed(x: Any, lengths: Any) -> Any:
        if isinstance(x, list | tuple):
            return list(reversed(x))
        if lengths is None:
            return array.reverse(x, axis=[0])
        return array.reverse_sequence(x, lengths, seq_axis=0, batch_axis=1)

    def __call__(self, inputs: Any, initial_state: Nest = None, dtype: Any = None, sequence_length: Any = None,
                 scope: str | VariableScope | None = None) -> tuple[Any, Any]:
        """Run over the whole sequence."""
        turned = self._reversed(inputs, sequence_length)
        outputs, state = self._cell(turned, initial_state, dtype, sequence_length, scope)
        return self._reversed(outputs, sequence_length), state
