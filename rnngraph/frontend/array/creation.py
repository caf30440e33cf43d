"""Tensors from nothing: zeros, ones, fill, range, one_hot, masks, placeholders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnngraph.frontend.framework.casts import cast
from rnngraph.frontend.framework.convert import constant_of, constant_value, convert_to_tensor, has_tensors, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit, get_default_graph
from rnngraph.frontend.framework.make import argument, hidden, hidden_constant, int_argument, known_int
from rnngraph.frontend.framework.shapes import TensorShape, as_shape
from rnngraph.ir.sizes import Dim, Symbol
from rnngraph.ir.types import DType, TensorType, as_dtype, bool_, float32, float64, int32, int64

_SMALL = 1000
"""A filled constant with more elements is kept as one element and a shape."""

# --- one value everywhere ---------------------------------------------------------------------------------------------


def _unit(value: int, dtype: DType) -> Any:
    if dtype.kind == "s":
        return np.array(b"", object)
    return np.asarray(value, dtype.numpy)


def _filled(value: int, shape: Any, dtype: Any, name: str | None, word: str) -> Tensor:
    wanted = as_dtype(dtype)
    with op_scope(word if name is None else name, (shape,)) as scope:
        if isinstance(shape, TensorShape | int | np.integer) or not has_tensors(shape):
            static = as_shape(_whole(shape))
            if not static.is_fully_defined():
                raise ValueError(f"Cannot convert a partially known TensorShape to a Tensor: {static}. Use "
                                 "tf.shape(tensor) for sizes that are known only at run time.")
            return filled_constant(_unit(value, wanted), [int(each) for each in static], scope)
        sizes = int_argument(shape, "Fill", "shape")
        unit = constant_of(_unit(value, wanted))
        return emit("broadcast", [unit, sizes], name=scope, type="Fill")


def _whole(shape: Any) -> Any:
    """Sizes as what a TensorShape is made of. Raises TypeError (phrase: `Expected int32`), ValueError for several axes."""
    if np.ndim(shape) > 1:
        raise ValueError(f"Shape must be rank 1 but is rank {np.ndim(shape)}: a shape is a list of sizes, not {shape!r}.")
    for each in shape if isinstance(shape, list | tuple | np.ndarray) else [shape]:
        if isinstance(each, float | np.floating | str | bool):
            raise TypeError(f"Expected int32, got {each!r} of type '{type(each).__name__}' instead.")
    return [int(each) for each in shape] if isinstance(shape, np.ndarray) else shape


def filled_constant(unit: Any, sizes: Sequence[int], scope: str) -> Tensor:
    """A Const op full of one value."""
    if math.prod(sizes) <= _SMALL:
        return constant_of(np.broadcast_to(unit, tuple(sizes)), scope)
    one = hidden_constant(unit, as_dtype(unit.dtype))
    return emit("broadcast", [one, hidden_constant(sizes, int64)], name=scope, type="Const")


def zeros(shape: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """Zeros (False, "") of a shape: ints, a TensorShape, or a list or vector with tensors. Source: tf.zeros."""
    return _filled(0, shape, dtype, name, "zeros")


def ones(shape: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """Ones of a shape, as in zeros. Source: tf.ones."""
    return _filled(1, shape, dtype, name, "ones")


def _like(value: int, tensor: Any, dtype: Any, name: str | None, optimize: bool, word: str) -> Tensor:
    op = f"{word}"
    with op_scope(word if name is None else name, (tensor,)) as scope:
        x = convert_to_tensor(tensor, name="tensor")
        wanted = x.dtype if dtype is None else as_dtype(dtype)
        if optimize and x.shape.is_fully_defined():
            return filled_constant(_unit(value, wanted), [int(each) for each in x.shape], scope)
        if wanted == x.dtype:
            return emit(op, [x], name=scope, type="ZerosLike" if not value else "Fill")
        unit = hidden_constant(_unit(value, wanted), wanted, x)
        return emit("broadcast", [unit, hidden(x, "shape", x)], name=scope, type="Fill")


def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Zeros of the tensor's shape, and dtype unless given. Source: tf.zeros_like."""
    return _like(0, tensor, dtype, name, optimize, "zeros_like")


def ones_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Ones of the tensor's shape, and dtype unless given. Source: tf.ones_like."""
    return _like(1, tensor, dtype, name, optimize, "ones_like")


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A scalar everywhere. Raises ValueError (phrases: `must be rank 1`, `must be rank 0`). Source: tf.fill."""
    with op_scope("Fill" if name is None else name, (dims, value)) as scope:
        sizes = int_argument(dims, "Fill", "dims")
        unit = argument(value, "Fill", "value")
        if unit.shape.ndims not in (None, 0):
            raise ValueError(f"Shape must be rank 0 but is rank {unit.shape.ndims} for 'Fill': value must be a "
                             f"scalar, got shape {unit.shape}.")
        return emit("broadcast", [unit, sizes], name=scope, type="Fill")


# --- counting ---------------------------------------------------------------------------------------------------------

_WIDTH = (int32, int64, float32, float64)


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range") -> Tensor:
    """start, start + delta, ... before limit; `range(limit)` starts at 0. The widest dtype of the three scalars counts.

    Raises ValueError for static arguments that lead nowhere (phrase: `Requires`). Source: tf.range.
    """
    if limit is None:
        start, limit = 0, start
    with op_scope(name, (start, limit, delta)) as scope:
        wanted = None if dtype is None else as_dtype(dtype)
        parts = [convert_to_tensor(each, wanted, name=label)
                 for each, label in ((start, "start"), (limit, "limit"), (delta, "delta"))]
        if wanted is None:
            if any(each.dtype not in _WIDTH for each in parts):
                raise TypeError("start, limit and delta of range must be int32, int64, float32 or float64, got "
                                f"{', '.join(each.dtype.name for each in parts)}.")
            wanted = max((each.dtype for each in parts), key=_WIDTH.index)
            parts = [cast(each, wanted) for each in parts]
        return _counted(parts, scope)


def _counted(parts: list[Tensor], scope: str) -> Tensor:
    known = [constant_value(each) for each in parts]
    if known[2] is not None and known[2].ndim == 0 and not known[2]:
        raise ValueError("Requires delta != 0, got delta 0.")
    made = emit("range", parts, name=scope, type="Range")
    if parts[0].dtype.is_floating and all(each is not None for each in known):
        first, last, step = (float(each) for each in known)
        if not all(np.isfinite(each) for each in (first, last, step)):
            raise ValueError(f"start, limit and delta of range must be finite, but are {first}, {last}, {step}.")
        if (last - first) * step < 0:
            raise ValueError(f"Requires start <= limit when delta > 0 (and >= when delta < 0): {first}, {last}, {step}")
        made.set_shape([int(np.ceil(abs((last - first) / step)))])
    return made


def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """`num` evenly spaced floats from start to stop, both included. Source: tf.linspace, tf.lin_space."""
    with op_scope("LinSpace" if name is None else name, (start, stop, num)) as scope:
        first = argument(start, "LinSpace", "start")
        if not first.dtype.is_floating:
            raise TypeError(f"Value passed to parameter 'start' has DataType {first.dtype.name} not in list of allowed "
                            "values: float32, float64")
        last = argument(stop, "LinSpace", "stop", first.dtype, "start")
        count = int_argument(num, "LinSpace", "num")
        places = hidden(count, "cast", hidden(count, "iota", hidden(count, "expand_dims", count, axis=0), axis=0,
                                              dtype=int32), dtype=first.dtype)
        one = hidden_constant(1, first.dtype, first)
        wide = hidden(count, "cast", count, dtype=first.dtype)
        steps = hidden(count, "maximum", hidden(count, "sub", wide, one), one)
        step = hidden(count, "div", hidden(count, "sub", last, first), steps)
        return emit("add", [first, hidden(count, "mul", places, step)], name=scope, type="LinSpace")


lin_space = linspace


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = bool_, name: str | None = None) -> Tensor:
    """Whether a step is within its sequence: [*lengths.shape, maxlen]; maxlen defaults to the largest length.

    Raises ValueError (phrase: `maxlen must be scalar`). Source: tf.sequence_mask.
    """
    with op_scope("SequenceMask" if name is None else name, (lengths, maxlen)):
        counts = convert_to_tensor(lengths, name="lengths")
        if maxlen is None:
            none = hidden_constant(0, counts.dtype, counts)
            top = hidden(counts, "maximum", none, hidden(counts, "reduce_max", counts))
            longest = emit("identity", [top], type="Max")
        else:
            longest = convert_to_tensor(maxlen, name="maxlen")
        if longest.shape.ndims not in (None, 0):
            raise ValueError("maxlen must be scalar for sequence_mask")
        longest = cast(longest, counts.dtype)
        zero, one = (hidden_constant(each, counts.dtype, counts) for each in (0, 1))
        steps = emit("range", [zero, longest, one], type="Range")
        mask = emit("less", [steps, hidden(counts, "expand_dims", counts, axis=-1)], type="Less")
        return cast(mask, dtype)


def one_hot(indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: Any = None, dtype: Any = None,
            name: str | None = None) -> Tensor:
    """on_value (1) at the index along a new axis (default: the last) of size depth, off_value (0) elsewhere.

    The dtype is that of on_value or off_value, or float32. Raises TypeError if they differ. Source: tf.one_hot.
    """
    with op_scope("one_hot" if name is None else name, (indices, depth, on_value, off_value)) as scope:
        wanted = None if dtype is None else as_dtype(dtype)
        on, off = (None if each is None else convert_to_tensor(each, name=label)
                   for each, label in ((on_value, "on_value"), (off_value, "off_value")))
        wanted = _one_hot_dtype(on, off, wanted)
        on = convert_to_tensor(1, wanted, name="on_value") if on is None else on
        off = convert_to_tensor(0, wanted, name="off_value") if off is None else off
        places = argument(indices, "OneHot", "indices")
        if places.dtype.name not in ("uint8", "int32", "int64"):
            raise TypeError(f"Value passed to parameter 'indices' has DataType {places.dtype.name} not in list of "
                            "allowed values: uint8, int32, int64")
        place = -1 if axis is None else known_int(axis, "axis of one_hot")
        if place < -1:
            raise ValueError(f"axis must be >= -1 for 'one_hot', got {place}.")
        count = argument(depth, "OneHot", "depth", int32)
        return emit("one_hot", [places, count, on, off], {"axis": place}, name=scope, type="OneHot")


def _one_hot_dtype(on: Tensor | None, off: Tensor | None, wanted: DType | None) -> DType:
    for each, label in ((on, "on_value"), (off, "off_value")):
        if each is not None and wanted is not None and each.dtype != wanted:
            raise TypeError(f"dtype {each.dtype} of {label} does not match dtype parameter {wanted}")
    if on is not None and off is not None and on.dtype != off.dtype:
        raise TypeError(f"dtype {on.dtype} of on_value does not match dtype {off.dtype} of off_value")
    given = on if on is not None else off
    return wanted or (given.dtype if given is not None else float32)


# --- placeholders -----------------------------------------------------------------------------------------------------

def _fed_type(dtype: DType, shape: TensorShape, hint: str) -> TensorType:
    """The type of what is fed: every size that is not known gets a symbol of its own."""
    if shape.ndims is None:
        return TensorType(dtype, None)
    graph = get_default_graph()
    sizes: list[Dim] = []
    for each in shape.as_list():
        if each is None:
            symbol = Symbol(hint)
            graph.ir.binds.add(symbol)
            sizes.append(symbol.dim)
        else:
            sizes.append(each)
    return TensorType(dtype, tuple(sizes))


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor that must be fed. `shape`: TensorShape, list with None for sizes that vary, or None: any rank.

    Raises TypeError for an unknown dtype. Source: tf.placeholder.
    """
    kind = _fed_type(as_dtype(dtype), as_shape(shape), "n")
    with get_default_graph().outermost():
        return emit("placeholder", (), {"type": kind}, name=name, type="Placeholder")


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input` unless it is fed; a feed need only fit `shape`. Source: tf.placeholder_with_default."""
    wanted = as_shape(shape)
    with op_scope("PlaceholderWithDefault" if name is None else name, (input,)) as scope:
        x = convert_to_tensor(input, name="input")
        if not wanted.is_compatible_with(x.shape):
            raise ValueError(f"Dimensions must be equal: the default has shape {x.shape}, which does not fit the shape "
                             f"{wanted} of 'PlaceholderWithDefault'.")
        graph = x.graph
        kind = _fed_type(x.dtype, wanted, "n")
        # The type says less than that of the default, so that nothing is built on what a feed may change.
        value = graph.builder.node("identity", [x.value], {}, name=scope[:-1], types=[kind]).results[0]
        value.content = None
        shown: Tensor = graph.view(value, scope, "PlaceholderWithDefault", [x])
        return shown
