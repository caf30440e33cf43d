"""Reading and writing at places that are data: gather, where, boolean_mask, unique, partition, stitch, scatter_nd."""

from __future__ import annotations

from typing import Any, NamedTuple

from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit, emit_op
from rnngraph.frontend.framework.make import argument, arguments, hidden, hidden_constant, int_argument, known_int, pair, unary
from rnngraph.frontend.framework.shapes import TensorShape
from rnngraph.ir.types import as_dtype, bool_, int32


def gather(params: Any, indices: Any, validate_indices: bool | None = None, name: str | None = None,
           axis: Any = 0) -> Tensor:
    """Rows of params along `axis` at these places: [*params.shape[:axis], *indices.shape, *params.shape[axis + 1:]].

    An index outside fails at run time (phrase: `is not in [0,`). Raises ValueError, TypeError. Source: tf.gather.
    """
    place = known_int(axis, "axis of gather")
    kind = "GatherV2" if place else "Gather"
    with op_scope(kind if name is None else name, (params, indices)) as scope:
        x = argument(params, kind, "params")
        places = int_argument(indices, kind, "indices")
        rank = x.shape.ndims
        if rank is not None and not -rank <= place < rank:
            raise ValueError(f"Shape must be at least rank {place + 1 if place >= 0 else -place} but is rank {rank} "
                             f"for '{kind}' along axis {place}.")
        return emit("take", [x, places], {"axis": place}, name=scope, type=kind)


def gather_nd(params: Any, indices: Any, name: str | None = None) -> Tensor:
    """The parts of params that the rows of indices address: [*indices.shape[:-1], *params.shape[indices.shape[-1]:]].

    Raises ValueError (phrase: `must be <= params.rank`). Source: tf.gather_nd.
    """
    with op_scope("GatherNd" if name is None else name, (params, indices)) as scope:
        x = argument(params, "GatherNd", "params")
        places = int_argument(indices, "GatherNd", "indices")
        depth = places.shape[-1].value if places.shape.ndims else None
        if depth is not None and x.shape.ndims is not None and depth > x.shape.ndims:
            raise ValueError(f"indices.shape[-1] must be <= params.rank, but saw indices shape: {places.shape} and "
                             f"params shape: {x.shape}.")
        return emit("take_nd", [x, places], name=scope, type="GatherNd")


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Zeros of `shape` with updates added where the rows of indices say. Source: tf.scatter_nd."""
    with op_scope("ScatterNd" if name is None else name, (indices, updates, shape)) as scope:
        places = int_argument(indices, "ScatterNd", "indices")
        rows = argument(updates, "ScatterNd", "updates")
        sizes = int_argument(shape, "ScatterNd", "shape")
        zeros = hidden(rows, "broadcast", hidden_constant(0, rows.dtype, rows), sizes)
        return emit("put_nd_add", [zeros, places, rows], name=scope, type="ScatterNd")


# --- selection --------------------------------------------------------------------------------------------------------

def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """x where the condition holds, else y; without them the places where it holds, int64 [n, rank].

    x and y: one shape and dtype. condition: bool of that shape, a scalar, or a vector that selects whole rows. Raises
    ValueError (phrases: `must both be non-None`, `must be equal`), TypeError. Source: tf.where.
    """
    if (x is None) != (y is None):
        raise ValueError("x and y must both be non-None or both be None.")
    if x is None:
        return unary("where_indices", "Where", condition, name, label="input", dtype=bool_)
    with op_scope("Select" if name is None else name, (condition, x, y)) as scope:
        chosen = argument(condition, "Select", "condition", bool_)
        then, other = pair(x, y, "Select", ("t", "e"))
        shape = _same_shape(then, other)
        by_row = _check_condition(chosen.shape, shape)
        test: Any = chosen
        rank = shape.ndims
        if by_row:
            if rank is None:
                raise NotImplementedError("where with a vector condition needs the rank of x and y; use set_shape.")
            test = hidden(chosen, "reshape", chosen, hidden_constant([-1] + [1] * (rank - 1), int32, chosen))
        made = emit("select", [test, then, other], name=scope, type="Select")
        made.op.inputs = [chosen, then, other]
        # A condition of unknown rank must not widen the result: nothing is broadcast but the condition.
        made.set_shape(shape)
        return made


def _same_shape(x: Tensor, y: Tensor) -> TensorShape:
    if not x.shape.is_compatible_with(y.shape):
        raise ValueError(f"Dimensions must be equal: x and y of 'Select' must have one shape, but have {x.shape} and "
                         f"{y.shape}; nothing is broadcast here.")
    return x.shape.merge_with(y.shape)


def _check_condition(condition: TensorShape, shape: TensorShape) -> bool:
    """Whether the condition selects rows. Raises ValueError for one that does not fit."""
    if condition.ndims in (None, 0):
        return False
    if shape.ndims is None:
        return condition.ndims == 1
    if condition.ndims == 1 and shape.ndims > 0:
        if not shape[0].is_compatible_with(condition[0]):
            raise ValueError(f"Dimension 0 in both shapes must be equal, but are {condition[0]} and {shape[0]} for "
                             f"'Select' with input shapes: {condition}, {shape}: Dimensions must be equal.")
        return shape.ndims > 1
    if condition.ndims != shape.ndims:
        raise ValueError(f"Shapes must be equal rank, but are {condition.ndims} and {shape.ndims} for 'Select' with "
                         f"input shapes: {condition}, {shape}; a condition has the shape of x and y, or is a vector "
                         "or scalar.")
    if not condition.is_compatible_with(shape):
        raise ValueError(f"Dimensions must be equal: the condition of 'Select' has shape {condition}, x and y {shape}.")
    return False


def boolean_mask(tensor: Any, mask: Any, name: str = "boolean_mask") -> Tensor:
    """The elements of the first axes of tensor where a bool mask, which covers these axes, holds: [n, *rest].

    Raises ValueError (phrases: `mask cannot be scalar`, `must be specified`, `are incompatible`). Source:
    tf.boolean_mask.
    """
    with op_scope(name, (tensor, mask)):
        x = convert_to_tensor(tensor, name="tensor")
        chosen = argument(mask, "boolean_mask", "mask", bool_)
        rank = chosen.shape.ndims
        if rank == 0:
            raise ValueError("mask cannot be scalar.")
        if rank is None:
            raise ValueError("Number of mask dimensions must be specified, even if some dimensions are None.  E.g. "
                             "shape=[None] is ok, but shape=None is not.")
        x.shape[:rank].assert_is_compatible_with(chosen.shape)
        flat = hidden(chosen, "reshape", chosen, hidden_constant([-1], int32, chosen))
        places = hidden(chosen, "squeeze", hidden(chosen, "where_indices", flat), axes=(1,))
        shape = hidden(x, "shape", x)
        zero, border, one = (hidden_constant([each], int32, x) for each in (0, rank, 1))
        covered = hidden(x, "strided_slice", shape, zero, border, one)
        rest = hidden(x, "strided_slice", shape, border, zero, one, end_mask=1)
        # No -1: what is empty has no rest that could be told.
        count = hidden(x, "reduce_prod", covered, axes=(0,), keep=True)
        rows = hidden(x, "reshape", x, hidden(x, "concat", count, rest, axis=0))
        made = emit("take", [rows, places], {"axis": 0}, name="Gather", type="Gather")
        made.op.inputs = [x, chosen]
        return made


# --- what is different ------------------------------------------------------------------------------------------------

class Unique(NamedTuple):
    """What tf.unique gives: the different elements, and each element's place among them."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """What tf.unique_with_counts gives: as Unique, and how often each occurs."""

    y: Tensor
    idx: Tensor
    count: Tensor  # type: ignore[assignment]


def unique(x: Any, out_idx: Any = int32, name: str | None = None) -> Unique:
    """The different elements of a vector in order of appearance, and each element's place. Source: tf.unique."""
    with op_scope("Unique" if name is None else name, (x,)) as scope:
        vector = convert_to_tensor(x, name="x")
        return Unique(*emit_op("unique", [vector], {"dtype": as_dtype(out_idx)}, name=scope, type="Unique").outputs)


def unique_with_counts(x: Any, out_idx: Any = int32, name: str | None = None) -> UniqueWithCounts:
    """As unique, and how often each element occurs. Source: tf.unique_with_counts."""
    with op_scope("UniqueWithCounts" if name is None else name, (x,)) as scope:
        vector = convert_to_tensor(x, name="x")
        y, idx = emit_op("unique", [vector], {"dtype": as_dtype(out_idx)}, name=scope, type="UniqueWithCounts").outputs
        count = emit("unsorted_segment_sum", [hidden(idx, "ones_like", idx), idx, hidden(y, "size", y)], name="count")
        return UniqueWithCounts(y, idx, count)


# --- partition and stitch ---------------------------------------------------------------------------------------------

def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list[Tensor]:
    """num_partitions tensors: the rows of data whose partition is 0, 1, ... Source: tf.dynamic_partition."""
    with op_scope("DynamicPartition" if name is None else name, (data, partitions)) as scope:
        rows = convert_to_tensor(data, name="data")
        ids = argument(partitions, "DynamicPartition", "partitions", int32)
        return list(emit_op("dynamic_partition", [rows, ids], {"num": known_int(num_partitions, "num_partitions")},
                            name=scope, type="DynamicPartition").outputs)


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """Rows of the tensors of data put where their indices say; of duplicates the last counts.

    Raises ValueError for lists of different lengths. Source: tf.dynamic_stitch.
    """
    if len(indices) != len(data):
        raise ValueError(f"List argument 'data' to 'DynamicStitch' Op with length {len(data)} must match length "
                         f"{len(indices)} of argument 'indices'.")
    with op_scope("DynamicStitch" if name is None else name, (indices, data)) as scope:
        places = [argument(each, "DynamicStitch", f"indices_{i}", int32) for i, each in enumerate(indices)]
        rows = arguments(list(data), "DynamicStitch", "data")
        return emit("dynamic_stitch", [*places, *rows], {"num": len(places)}, name=scope, type="DynamicStitch")


def sparse_to_dense(sparse_indices: Any, output_shape: Any, sparse_values: Any, default_value: Any = 0,
                    validate_indices: bool = True, name: str | None = None) -> Tensor:
    """`default_value` everywhere but at the indices. Indices: [n] or [n, rank]. Source: tf.sparse_to_dense."""
    with op_scope("SparseToDense" if name is None else name, (sparse_indices, output_shape, sparse_values)) as scope:
        values = argument(sparse_values, "SparseToDense", "sparse_values")
        places = int_argument(sparse_indices, "SparseToDense", "sparse_indices")
        default = argument(default_value, "SparseToDense", "default_value", values.dtype, "sparse_values")
        sizes = int_argument(output_shape, "SparseToDense", "output_shape")
        at: Any = places
        if places.shape.ndims is None or places.shape.ndims < 2:
            at = hidden(places, "reshape", places, hidden_constant([-1, 1], int32, places))
        full = hidden(values, "broadcast", default, sizes)
        missing = hidden(values, "sub", values, default)
        if values.shape.ndims == 0:
            count = hidden(places, "slice", hidden(places, "shape", at), starts=(0,), strides=(1,), sizes=(1,))
            missing = hidden(values, "broadcast", missing, count)
        return emit("put_nd_add", [full, at, missing], name=scope, type="SparseToDense")
