"""What all drivers share: checks of arguments, batch sizes, and the row-wise selection past a sequence's end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.flow import control
from rnngraph.frontend.flow.tensor_array import TensorArray
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.graph import Tensor, get_default_graph
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.shapes import Dimension
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.math import verify_ops
from rnngraph.frontend.rnn.cell import zeros_of
from rnngraph.ir.types import DType, as_dtype, int32


def lengths_of(sequence_length: Any, name: str | None = None) -> Tensor:
    """`sequence_length` as an int32 vector, behind an identity of that name. Raises ValueError (`must be a vector`)."""
    lengths: Tensor = math.to_int32(sequence_length)
    if lengths.shape.ndims not in (None, 1):
        raise ValueError(f"sequence_length must be a vector of length batch_size, but saw shape: {lengths.shape}")
    if name is not None or lengths.shape.ndims is None:
        lengths = array.identity(lengths, name=name)
    if lengths.shape.ndims is None:
        # Rows are selected by a vector; the identity keeps this from the user's own tensor.
        lengths.set_shape([None])
    return lengths


def rank_of(x: Tensor, least: int) -> int:
    """The rank, which must be known and at least `least`. Raises ValueError."""
    if x.shape.ndims is None:
        raise ValueError(f"The rank of the input tensor {x} must be known, and at least {least}; "
                         "give the tensor a shape with set_shape")
    if x.shape.ndims < least:
        raise ValueError(f"Shape {x.shape} must have rank at least {least}, but {x} has rank {x.shape.ndims}")
    return x.shape.ndims


def check_depth(sizes: Sequence[Dimension], x: Tensor, what: str) -> None:
    """Raise ValueError (phrase: `must be accessible via shape inference`) unless all `sizes` of `x` are known."""
    for size in sizes:
        if size.value is None:
            raise ValueError(f"Input size ({what}) must be accessible via shape inference, but saw value None in {x}; "
                             "only the batch size and the number of steps may be unknown")


def common_dtype(state: Nest, dtype: Any) -> DType:
    """The dtype of outputs: the one given, else the one of all state leaves.

    Raises ValueError (phrases: `Unable to infer dtype from empty state`, `Unable to infer a single representative
    dtype`).
    """
    if dtype is not None:
        return as_dtype(dtype)
    found = {leaf.dtype for leaf in nest.flatten(state)}
    if not found:
        raise ValueError("Unable to infer dtype from empty state: give dtype as well")
    if len(found) > 1:
        raise ValueError("State has tensors of different inferred_dtypes. Unable to infer a single representative "
                         f"dtype of {sorted(d.name for d in found)}: give dtype as well")
    only: DType = next(iter(found))
    return only


def state_tensors(state: Nest) -> Nest:
    """The initial state with its leaves converted to tensors; TensorArrays stay."""
    return nest.map_structure(
        lambda x: x if isinstance(x, Tensor | TensorArray) else convert.convert_to_tensor(x), state)


def zero_outputs(sizes: Sequence[Any], batch_size: Any, dtype: Any) -> list[Tensor]:
    """Zeros `[batch_size] + size` for each leaf of an output size. Raises ValueError unless fully defined."""
    return [zeros_of(size, batch_size, dtype, "The output size (cell.output_size)") for size in sizes]


def is_selected(old: Any) -> bool:
    """Whether finished rows keep `old`: scalars and TensorArrays have no rows and take the new value always."""
    return not isinstance(old, TensorArray) and old.shape.ndims != 0


def copy_through(finished: Tensor, old: Any, new: Any) -> Any:
    """`old` in the rows that are finished, else `new`."""
    return array.where(finished, old, new) if is_selected(old) else new


def same_state(old: Nest, new: Nest) -> None:
    """Raise ValueError or TypeError unless the cell's new state is built like the one given."""
    nest.assert_same_structure(old, new)


def same_dtypes(old: Nest, new: Nest) -> None:
    """Raise TypeError where the cell's new state is of another dtype than the one given."""
    for before, after in zip(nest.flatten(old), nest.flatten(new), strict=True):
        if isinstance(after, Tensor) and after.dtype != before.dtype:
            raise TypeError(f"The cell was given a state of dtype {before.dtype.name}, but returned {after} of dtype "
                            f"{after.dtype.name}; it must stay the same in a loop: cast what the cell returns")


def flat_outputs(output: Nest, cell: Any) -> list[Any]:
    """The leaves of a cell's output. Raises ValueError unless they are as many as `cell.output_size` has."""
    flat, wanted = nest.flatten(output), nest.flatten(cell.output_size)
    if len(flat) != len(wanted):
        raise ValueError(f"The cell gave {len(flat)} outputs, but its output_size has {len(wanted)}: "
                         f"{cell.output_size}")
    return [convert.convert_to_tensor(x) for x in flat]


def checked_lengths(lengths: Tensor, batch_size: Any) -> Tensor:
    """The lengths after a run-time assertion of their number (phrase: `Expected shape for Tensor`).

    Raises ValueError where the numbers are known statically and differ.
    """
    static = lengths.shape[0].value if lengths.shape.ndims is not None else None
    if static is not None and not isinstance(batch_size, Tensor) and static != batch_size:
        raise ValueError(f"sequence_length must be a vector of length batch_size={batch_size}, but it has {static} "
                         f"elements: {lengths}")
    seen = array.shape(lengths)
    wanted = array.stack([batch_size])
    fits = math.reduce_all(math.equal(seen, wanted))
    check = verify_ops.Assert(
        fits, [f"Expected shape for Tensor {lengths.name} is ", wanted, " but saw shape: ", seen])
    with get_default_graph().control_dependencies([check]):
        checked: Tensor = array.identity(lengths, name="CheckSeqLen")
        return checked


def branch_results(pred: Any, then: Any, other: Any) -> list[Any]:
    """`cond` of two functions that give lists of equal length; always a list."""
    return list(control.cond(pred, then, other, strict=True))


def scalar_int(value: int, name: str) -> Tensor:
    """An int32 constant."""
    constant: Tensor = convert.constant(value, dtype=int32, name=name)
    return constant
