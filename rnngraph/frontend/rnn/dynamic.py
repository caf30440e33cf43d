"""dynamic_rnn: one loop over the time steps of a batch (dynamic_rnn.md, 1).

The loop is structured from birth: inputs are the loop's rows, outputs its stacks, the state is what it carries; there
are no TensorArrays. A state that holds TensorArrays takes the general `while_loop` instead. Source: tf.nn.dynamic_rnn
(tensorflow/python/ops/rnn.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.flow import control
from rnngraph.frontend.flow.tensor_array import TensorArray
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import VariableScope, variable_scope
from rnngraph.frontend.framework.shapes import TensorShape
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.rnn.cell import check_cell, size_shape
from rnngraph.frontend.rnn.steps import (
    check_depth,
    checked_lengths,
    common_dtype,
    copy_through,
    flat_outputs,
    lengths_of,
    rank_of,
    same_dtypes,
    same_state,
    scalar_int,
    state_tensors,
    zero_outputs,
)
from rnngraph.ir.types import DType


def swap_batch_and_time(x: Tensor) -> Tensor:
    """`x` with its first two dimensions exchanged. Raises ValueError (phrase: `to have rank at least 2`)."""
    rank = x.shape.ndims
    if rank is not None and rank < 2:
        raise ValueError(f"Expected input tensor {x} to have rank at least 2, but saw shape: {x.shape}")
    swapped: Tensor = array.transpose(x, [1, 0, *range(2, rank_of(x, 2))])
    return swapped


def input_leaves(inputs: Nest) -> list[Tensor]:
    """The leaves of `inputs` as tensors. Raises ValueError for None and for an empty nest."""
    leaves = nest.flatten(inputs)
    if not leaves:
        raise ValueError(f"inputs must not be empty: expected a tensor [batch, time, depth] or a nest of them, "
                         f"got {inputs!r}")
    if any(x is None for x in leaves):
        raise ValueError(f"None values not supported: inputs must be a tensor or a nest of tensors, got {inputs!r}")
    return [x if isinstance(x, Tensor) else convert.convert_to_tensor(x) for x in leaves]


def _iterations(parallel_iterations: Any) -> int:
    count = parallel_iterations or 32
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"parallel_iterations must be a positive integer or None, got {parallel_iterations!r}")
    if count < 1:
        raise ValueError(f"parallel_iterations must be a positive integer or None, got {parallel_iterations}")
    return count


def _sizes(leaves: Sequence[Tensor]) -> tuple[int | None, int | None]:
    """The static T and B of time-major leaves. Raises ValueError for what `dynamic_rnn` cannot run over."""
    for x in leaves:
        rank_of(x, 3)
    steps, batch = leaves[0].shape[0].value, leaves[0].shape[1].value
    for x in leaves:
        check_depth(list(x.shape[2:]), x, "depth of inputs")
        if x.shape[0].value != steps:
            raise ValueError("Time steps is not the same for all the elements in the input in a batch: "
                             f"{[str(each.shape) for each in leaves]} (time first)")
        if x.shape[1].value != batch:
            raise ValueError("Batch_size is not the same for all the elements in the input: "
                             f"{[str(each.shape) for each in leaves]} (time first)")
    return steps, batch


def _best_batch_size(leaves: Sequence[Tensor]) -> Any:
    for x in leaves:
        rank = x.shape.ndims
        if rank is not None and rank >= 2 and x.shape[1].value is not None:
            return x.shape[1].value
    rank_of(leaves[0], 3)
    sizes: Any = array.shape(leaves[0])
    return sizes[1]


@dataclass
class _Run:
    """One dynamic_rnn under construction: what its steps need."""

    cell: Any
    inputs: Nest
    leaves: list[Tensor]
    state: Nest
    dtype: DType
    lengths: Tensor | None
    batch_size: Any
    parallel_iterations: int
    swap_memory: bool

    def step(self, time: Tensor, x: Sequence[Any], state: Nest, zeros: Sequence[Tensor]) -> tuple[list[Any], Nest]:
        """The outputs' leaves and the new state of one step."""
        output, new_state = self.cell(nest.pack_sequence_as(self.inputs, list(x)), state)
        same_state(state, new_state)
        same_dtypes(state, new_state)
        outputs = flat_outputs(output, self.cell)
        for leaf in outputs:
            if leaf.dtype != self.dtype:
                raise TypeError(f"The cell's output {leaf} has dtype {leaf.dtype.name}, but outputs were asked to be "
                                f"{self.dtype.name} (dtype, or else the state's dtype): cast the cell's output, or "
                                f"give dtype=tf.{leaf.dtype.name}")
        if self.lengths is not None:
            finished = math.greater_equal(time, self.lengths)
            outputs = [copy_through(finished, zero, new) for zero, new in zip(zeros, outputs, strict=True)]
            chosen = [copy_through(finished, old, new)
                      for old, new in zip(nest.flatten(state), nest.flatten(new_state), strict=True)]
            new_state = nest.pack_sequence_as(state, chosen)
        return outputs, new_state

    def build(self) -> tuple[list[Tensor], Nest]:
        """The outputs' leaves, time-major, and the final state."""
        steps, batch = _sizes(self.leaves)
        sizes = nest.flatten(self.cell.output_size)
        shapes = [size_shape(size, "The output size (cell.output_size)") for size in sizes]
        zeros = [] if self.lengths is None else zero_outputs(sizes, self.batch_size, self.dtype)
        dynamic_shape: Any = array.shape(self.leaves[0])
        limit = dynamic_shape[0] if steps is None else scalar_int(steps, "strided_slice")
        if any(isinstance(leaf, TensorArray) for leaf in nest.flatten(self.state)):
            outputs, state = self._general(limit, zeros, [TensorShape([batch, *shape]) for shape in shapes])
        else:
            outputs, state = self._structured(limit, zeros)
        for out, shape in zip(outputs, shapes, strict=True):
            out.set_shape([steps, batch, *shape])
        return outputs, state

    def _structured(self, limit: Tensor, zeros: Sequence[Tensor]) -> tuple[list[Tensor], Nest]:
        def body(time: Tensor, carry: Sequence[Any], row: Sequence[Any]) -> tuple[list[Any], list[Any]]:
            outputs, state = self.step(time, row, nest.pack_sequence_as(self.state, list(carry)), zeros)
            return nest.flatten(state), outputs

        final, stacks = control.counted_loop(
            body, limit, nest.flatten(self.state), self.leaves, name="while",
            parallel_iterations=self.parallel_iterations, swap_memory=self.swap_memory)
        return list(stacks), nest.pack_sequence_as(self.state, list(final))

    def _general(self, limit: Tensor, zeros: Sequence[Tensor],
                 shapes: Sequence[TensorShape]) -> tuple[list[Tensor], Nest]:
        def array_of(i: int, shape: TensorShape) -> TensorArray:
            return TensorArray(self.dtype, size=limit, tensor_array_name=f"dynamic_rnn_output_{i}", element_shape=shape)

        rows: list[Any] = list(self.leaves)

        def body(time: Any, arrays: Sequence[Any], state: Nest) -> tuple[Any, list[Any], Nest]:
            outputs, new_state = self.step(time, [x[time] for x in rows], state, zeros)
            written = [ta.write(time, out) for ta, out in zip(arrays, outputs, strict=True)]
            return time + 1, written, new_state

        arrays = [array_of(i, shape) for i, shape in enumerate(shapes)]
        _, written, state = control.while_loop(
            lambda time, *_: math.less(time, limit), body, (scalar_int(0, "time"), arrays, self.state),
            parallel_iterations=self.parallel_iterations, swap_memory=self.swap_memory)
        return [ta.stack() for ta in written], state


def dynamic_rnn(cell: Any, inputs: Nest, sequence_length: Any = None, initial_state: Nest = None, dtype: Any = None,
                parallel_iterations: int | None = None, swap_memory: bool = False, time_major: bool = False,
                scope: str | VariableScope | None = None) -> tuple[Nest, Nest]:
    """Run `cell` over the time steps of `inputs` in a loop; (outputs, final state).

    inputs: a tensor `[B, T, ...]` (`[T, B, ...]` if time_major) or a nest of them; B and T may be unknown, others not.
    sequence_length: int vector `[B]`; past a row's length outputs are zeros and the state is copied through.
    initial_state: in the structure of `cell.state_size`, else zeros of `dtype`.
    swap_memory: keep what the gradient needs outside memory.
    outputs: like `cell.output_size`, each `[B, T] + size`, of `dtype` or else the state's dtype.

    Raises TypeError (phrases: `must be an instance of RNNCell`, `parallel_iterations`; a state built otherwise than the
    cell's; outputs not of the dtype wanted) and ValueError (phrases: `to have rank at least 2`, `must have rank at
    least 3`, `must be accessible via shape inference`, `you must give a dtype`, `must be a vector`, `Unable to infer`,
    `not an invariant for`, and for inputs that are None, empty or of differing sizes). Source: tf.nn.dynamic_rnn.
    """
    check_cell(cell)
    leaves = input_leaves(inputs)
    if not time_major:
        leaves = [swap_batch_and_time(x) for x in leaves]
    iterations = _iterations(parallel_iterations)
    lengths = None if sequence_length is None else lengths_of(sequence_length, "sequence_length")
    with variable_scope(scope or "rnn") as entered:
        if entered.caching_device is None:
            entered.set_caching_device(lambda op: op.device)
        batch_size = _best_batch_size(leaves)
        state = _initial_state(cell, initial_state, batch_size, dtype)
        if lengths is not None:
            lengths = checked_lengths(lengths, batch_size)
        outputs, final = _Run(cell, inputs, leaves, state, common_dtype(state, dtype), lengths, batch_size, iterations,
                              bool(swap_memory)).build()
        if not time_major:
            outputs = [swap_batch_and_time(x) for x in outputs]
        return nest.pack_sequence_as(cell.output_size, outputs), final


def _initial_state(cell: Any, initial_state: Nest, batch_size: Any, dtype: Any) -> Nest:
    if initial_state is not None:
        return state_tensors(initial_state)
    if dtype is None:
        raise ValueError("If there is no initial_state, you must give a dtype: dynamic_rnn(..., dtype=tf.float32)")
    return cell.zero_state(batch_size, dtype)
