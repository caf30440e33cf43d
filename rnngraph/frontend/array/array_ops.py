"""The functions of tf.* that make, slice and rearrange tensors: one name for several modules."""

from __future__ import annotations

from rnngraph.frontend.array.creation import (
    fill,
    lin_space,
    linspace,
    one_hot,
    ones,
    ones_like,
    placeholder,
    placeholder_with_default,
    range,
    sequence_mask,
    zeros,
    zeros_like,
)
from rnngraph.frontend.array.gathering import (
    Unique,
    UniqueWithCounts,
    boolean_mask,
    dynamic_partition,
    dynamic_stitch,
    gather,
    gather_nd,
    scatter_nd,
    sparse_to_dense,
    unique,
    unique_with_counts,
    where,
)
from rnngraph.frontend.array.reorder import (
    invert_permutation,
    meshgrid,
    pad,
    reverse,
    reverse_sequence,
    reverse_v2,
    tile,
)
from rnngraph.frontend.array.reshape import (
    broadcast_dynamic_shape,
    broadcast_static_shape,
    concat,
    expand_dims,
    identity,
    identity_n,
    parallel_stack,
    rank,
    reshape,
    shape,
    shape_internal,
    shape_n,
    size,
    split,
    squeeze,
    stack,
    stop_gradient,
    transpose,
    unstack,
)
from rnngraph.frontend.array.slicing import (
    slice,
    strided_slice,
)

__all__ = [
    "Unique", "UniqueWithCounts", "boolean_mask", "broadcast_dynamic_shape", "broadcast_static_shape", "concat",
    "dynamic_partition", "dynamic_stitch", "expand_dims", "fill", "gather", "gather_nd", "identity", "identity_n",
    "invert_permutation", "lin_space", "linspace", "meshgrid", "one_hot", "ones", "ones_like", "pad",
    "parallel_stack", "placeholder", "placeholder_with_default", "range", "rank", "reshape", "reverse",
    "reverse_sequence", "reverse_v2", "scatter_nd", "sequence_mask", "shape", "shape_internal", "shape_n", "size",
    "slice", "sparse_to_dense", "split", "squeeze", "stack", "stop_gradient", "strided_slice", "tile", "transpose",
    "unique", "unique_with_counts", "unstack", "where", "zeros", "zeros_like",
]
