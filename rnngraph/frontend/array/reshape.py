"""Shapes and rearrangement: shape, reshape, transpose, concat, split, stack, tile, pad, reverse and their kin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnngraph.frontend.framework.convert import constant_of, convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit, emit_op
from rnngraph.frontend.framework.make import (
    argument,
    arguments,
    checked_axis,
    hidden,
    hidden_constant,
    int_argument,
    is_constant,
    known_int,
    known_ints,
    static_ints,
    unary,
)
from rnngraph.frontend.framework.make import reserve as reserve_names
from rnngraph.frontend.framework.shapes import TensorShape, as_shape
from rnngraph.ir.types import as_dtype, int32

# --- what the shape is ------------------------------------------------------------------------------------------------


def _static(array: Any, out_type: Any, scope: str) -> Tensor:
    return constant_of(np.asarray(array, as_dtype(out_type).numpy), scope)


def shape(input: Any, name: str | None = None, out_type: Any = int32) -> Tensor:
    """The sizes of a tensor, a vector; a constant where all are static. Source: tf.shape."""
    with op_scope("Shape" if name is None else name, (input,)) as scope:
        x = convert_to_tensor(input)
        if x.shape.is_fully_defined():
            return _static(x.shape.as_list(), out_type, scope)
        return emit("shape", [x], {"dtype": as_dtype(out_type)}, name=scope, type="Shape")


def shape_internal(input: Any, name: str | None = None, optimize: bool = True, out_type: Any = int32) -> Tensor:
    """`shape`; without `optimize` never a constant."""
    if optimize:
        return shape(input, name, out_type)
    return unary("shape", "Shape", input, name, label="input", attrs={"dtype": as_dtype(out_type)})


def shape_n(input: Sequence[Any], out_type: Any = int32, name: str | None = None) -> list[Tensor]:
    """The shapes of several tensors. Source: tf.shape_n."""
    return [shape_internal(each, name or "ShapeN", False, out_type) for each in input]


def size(input: Any, name: str | None = None, out_type: Any = int32) -> Tensor:
    """The number of elements; a constant where it is static. Source: tf.size."""
    with op_scope("Size" if name is None else name, (input,)) as scope:
        x = convert_to_tensor(input)
        if x.shape.is_fully_defined():
            return _static(x.shape.num_elements(), out_type, scope)
        return emit("size", [x], {"dtype": as_dtype(out_type)}, name=scope, type="Size")


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of axes, int32; a constant where it is static. Source: tf.rank."""
    with op_scope("Rank" if name is None else name, (input,)) as scope:
        x = convert_to_tensor(input)
        if x.shape.ndims is not None:
            return _static(x.shape.ndims, int32, scope)
        return emit("rank", [x], name=scope, type="Rank")


def broadcast_static_shape(shape_x: TensorShape, shape_y: TensorShape) -> TensorShape:
    """The shape that two shapes broadcast to. Raises ValueError if they do not. Source: tf.broadcast_static_shape."""
    x, y = as_shape(shape_x), as_shape(shape_y)
    if x.ndims is None or y.ndims is None:
        return TensorShape(None)
    longest = max(x.ndims, y.ndims)
    sizes: list[int | None] = []
    for a, b in zip([1] * (longest - x.ndims) + x.as_list(), [1] * (longest - y.ndims) + y.as_list(), strict=True):
        if a is not None and b is not None and a != b and 1 not in (a, b):
            raise ValueError(f"Incompatible shapes for broadcasting: {x} and {y}")
        big = [each for each in (a, b) if each not in (None, 1)]
        sizes.append(big[0] if big else (None if None in (a, b) else 1))
    return TensorShape(sizes)


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """The same of shapes that are int vectors. Source: tf.broadcast_dynamic_shape."""
    with op_scope("BroadcastArgs", (shape_x, shape_y)) as scope:
        x = int_argument(shape_x, "BroadcastArgs", "s0")
        y = int_argument(shape_y, "BroadcastArgs", "s1")
        one = hidden_constant(1, x.dtype, x)
        sum_of = hidden(x, "add", hidden(x, "broadcast", one, x), hidden(x, "broadcast", one, y))
        return emit("shape", [sum_of], {"dtype": x.dtype}, name=scope, type="BroadcastArgs")


# --- the same elements ------------------------------------------------------------------------------------------------

def identity(input: Any, name: str | None = None) -> Tensor:
    """The same value as another tensor. Source: tf.identity."""
    return unary("identity", "Identity", input, name, label="input")


def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """The same values as other tensors. Source: tf.identity_n."""
    return [identity(each, name or "IdentityN") for each in input]


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """The same value, through which no gradient passes. Source: tf.stop_gradient."""
    return unary("stop_gradient", "StopGradient", input, name, label="input")


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements in the same order; one size may be -1: what the rest leaves.

    Raises ValueError (phrases: `Cannot reshape a tensor`, `must be evenly divisible`), TypeError. Source: tf.reshape.
    """
    if isinstance(tensor, Tensor) and isinstance(shape, Tensor):
        return emit("reshape", [tensor, int_argument(shape, "Reshape", "shape")], name=name, type="Reshape")
    with op_scope("Reshape" if name is None else name, (tensor, shape)) as scope:
        x = argument(tensor, "Reshape", "tensor")
        return emit("reshape", [x, int_argument(shape, "Reshape", "shape")], name=scope, type="Reshape")


def transpose(a: Any, perm: Any = None, name: str = "transpose") -> Tensor:
    """a with axis perm[i] at place i; without perm the axes in reverse. perm must be static.

    Raises ValueError for what is no permutation of the axes. Source: tf.transpose.
    """
    with op_scope(name, (a, perm)) as scope:
        x = convert_to_tensor(a, name="a")
        ndims = x.shape.ndims
        if perm is None:
            if ndims is None:
                return emit("reverse_axes", [x], name=scope, type="Transpose")
            order = list(range(ndims))[::-1]
        else:
            order = known_ints(perm, "perm of transpose")
            _check_perm(order, ndims)
        return emit("transpose", [x], {"perm": tuple(each % max(len(order), 1) for each in order)}, name=scope,
                    type="Transpose")


def _check_perm(order: Sequence[int], ndims: int | None) -> None:
    if ndims is not None and len(order) != ndims:
        raise ValueError(f"Dimension must be {ndims} but is {len(order)} for 'transpose': perm is {list(order)}.")
    for each in order:
        if not -len(order) <= each < len(order):
            raise ValueError(f"perm dim {each} is out of range of input rank {len(order)}: perm is {list(order)}.")


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """A new axis of size 1 at `axis` of the result (old name: dim). Raises ValueError. Source: tf.expand_dims."""
    if dim is not None:
        if axis is not None:
            raise ValueError("can't specify both 'dim' and 'axis'")
        axis = dim
    if axis is None:
        raise ValueError("Tried to convert 'dim' to a tensor and failed. Error: None values not supported. Pass axis.")
    with op_scope("ExpandDims" if name is None else name, (input, axis)) as scope:
        x = convert_to_tensor(input, name="input")
        place, ndims = known_int(axis, "axis of expand_dims"), x.shape.ndims
        if ndims is not None and not -ndims - 1 <= place <= ndims:
            raise ValueError(f"dim {place} not in the interval [{-ndims - 1}, {ndims}].")
        return emit("expand_dims", [x], {"axis": place}, name=scope, type="ExpandDims")


def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:
    """Without `axis`, or without every axis of size 1 (old name: squeeze_dims).

    Raises ValueError (phrase: `Can not squeeze dim`) for an axis of another size. Source: tf.squeeze.
    """
    if squeeze_dims is not None:
        if axis is not None:
            raise ValueError("Cannot specify both 'squeeze_dims' and 'axis'")
        axis = squeeze_dims
    axes = None if axis is None else known_ints(axis, "axis of squeeze")
    with op_scope("Squeeze" if name is None else name, (input,)) as scope:
        x = convert_to_tensor(input, name="input")
        ndims = x.shape.ndims
        for each in axes or ():
            if ndims is not None and not -ndims <= each < ndims:
                raise ValueError(f"squeeze_dims {each} not in [{-ndims},{ndims}).")
        # An empty list says the same as None, as in TensorFlow.
        if not axes:
            return emit("squeeze_ones", [x], name=scope, type="Squeeze")
        return emit("squeeze", [x], {"axes": tuple(axes)}, name=scope, type="Squeeze")


# --- joining and parting ----------------------------------------------------------------------------------------------

def concat(values: Any, axis: Any, name: str = "concat") -> Tensor:
    """Tensors of one dtype joined along `axis`; their other sizes agree. One value: its identity.

    Raises ValueError (phrases: `Dimensions must be equal`, `Can't concatenate scalars`), TypeError (phrase: `that don't
    all match`). Source: tf.concat.
    """
    items = values if isinstance(values, list | tuple) else [values]
    if not is_constant(axis) and not isinstance(axis, Tensor) and isinstance(axis, list | tuple):
        raise TypeError("Expected int32, got list containing Tensors: the order is tf.concat(values, axis).")
    with op_scope(name, (items, axis)) as scope:
        if len(items) == 1:
            static_ints(axis, "axis of concat")
            return identity(items[0], name=scope)
        tensors = arguments(items, "ConcatV2", "values", 2)
        if (axis.shape.ndims if isinstance(axis, Tensor) else np.ndim(axis)) not in (None, 0):
            raise ValueError(f"Shape must be rank 0 but is rank 1 for 'ConcatV2': axis must be an int, got {axis!r}.")
        place = known_int(axis, "axis of concat")
        for each in tensors:
            ndims = each.shape.ndims
            if ndims == 0:
                raise ValueError("Can't concatenate scalars (use tf.stack instead).")
            if ndims is not None and not -ndims <= place < ndims:
                raise ValueError(f"Shape must be at least rank {place + 1 if place >= 0 else -place} but is rank "
                                 f"{ndims} for 'concat' along axis {place}.")
        return emit("concat", tensors, {"axis": place}, name=scope, type="ConcatV2")


def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None,
          name: str = "split") -> list[Tensor]:
    """Parts along `axis`: an int says how many equal ones, a list or vector their sizes (one may be -1: the rest).

    `num`: how many sizes, where the vector's length is not known. Raises ValueError (phrase: `must be evenly divisible`)
    if that does not come out even, InvalidArgumentError if only running tells. Source: tf.split.
    """
    with op_scope(name, (value, num_or_size_splits, axis)) as scope:
        x = convert_to_tensor(value, name="value")
        place = checked_axis(known_int(axis, "axis of split"), x.shape.ndims, "Dimension size, given by scalar input")
        reserve_names([x], "Const")
        if isinstance(num_or_size_splits, Tensor) and num_or_size_splits.shape.ndims == 0:
            raise TypeError(f"Expected int for argument 'num_split' not {num_or_size_splits!r}.")
        parts = static_ints(num_or_size_splits, "num_or_size_splits")
        if parts is not None:
            return list(emit_op("split", [x], {"axis": place, **_split_attrs(num_or_size_splits, parts, num)}, name=scope,
                                type="Split").outputs)
        sizes = int_argument(num_or_size_splits, "SplitV", "size_splits")
        sizes.shape.assert_has_rank(1)
        count = num if num is not None else sizes.shape[0].value
        if count is None:
            raise ValueError(f"Cannot infer num from shape {sizes.shape} of {sizes!r}; pass num.")
        return list(emit_op("split_v", [x, sizes], {"axis": place, "num": count}, name=scope, type="SplitV").outputs)


def _split_attrs(wanted: Any, parts: list[int], num: int | None) -> dict[str, Any]:
    if np.ndim(wanted) == 0 and not isinstance(wanted, Tensor):
        if parts[0] < 1:
            raise ValueError(f"Attr 'num_split' of 'Split' Op passed {parts[0]} less than minimum 1.")
        return {"num": parts[0]}
    if num is not None and num != len(parts):
        raise ValueError(f"num is {num}, but num_or_size_splits has {len(parts)} sizes: {parts}.")
    return {"sizes": tuple(parts)}


def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape and dtype joined along a new axis; constants make a constant.

    Raises ValueError (phrase: `axis = ... not in`), TypeError. Source: tf.stack.
    """
    if not isinstance(values, list | tuple):
        found = convert_to_tensor(values, name=name)
        return found if axis == 0 else stack(unstack(found), axis, name)
    place = known_int(axis, "axis of stack")
    if is_constant(values) and place == 0:
        return convert_to_tensor(values, name=name)
    with op_scope(name, (values,)) as scope:
        tensors = arguments(values, "Pack", "values")
        ndims = next((each.shape.ndims for each in tensors if each.shape.ndims is not None), None)
        if ndims is not None and not -ndims - 1 <= place <= ndims:
            raise ValueError(f"axis = {place} not in [{-ndims - 1}, {ndims + 1})")
        return emit("stack", tensors, {"axis": place}, name=scope, type="Pack")


def parallel_stack(values: Any, name: str = "parallel_stack") -> Tensor:
    """`stack` along axis 0. Source: tf.parallel_stack."""
    return stack(values, 0, name)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Tensor]:
    """The slices along `axis`, without that axis; `num` of them.

    Raises ValueError (phrases: `Cannot infer num`, `axis = ... not in`). Source: tf.unstack.
    """
    x = convert_to_tensor(value)
    ndims = x.shape.ndims
    place = known_int(axis, "axis of unstack")
    if ndims is not None and not -ndims <= place < ndims:
        raise ValueError(f"axis = {place} not in [{-ndims}, {ndims})")
    if num is None:
        num = x.shape[place].value if ndims is not None else None
        if num is None:
            raise ValueError(f"Cannot infer num from shape {x.shape}; pass num, or give the axis a static size.")
    elif ndims is not None and x.shape[place].value not in (None, num):
        raise ValueError(f"Dimension must be {num} but is {x.shape[place].value} for 'unstack' along axis {place}.")
    if not num:
        return []
    return list(emit_op("unstack", [x], {"axis": place, "num": int(num)}, name=name, type="Unpack").outputs)
