"""Slices: `t[...]`, tf.slice and tf.strided_slice (session-and-graph, section 8). Importing fills `t[...]`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnngraph.frontend.framework.convert import convert_to_tensor, is_tensor_like, op_scope
from rnngraph.frontend.framework.graph import OVERLOADS, Tensor, emit
from rnngraph.frontend.framework.make import hidden, hidden_constant, int_argument, known_ints
from rnngraph.frontend.framework.make import reserve as reserve_names
from rnngraph.frontend.framework.shapes import Dimension
from rnngraph.ir.graph import Value
from rnngraph.ir.types import int32, int64


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """`size` elements from `begin` on, along each axis; size -1: the rest. Int vectors, one entry an axis.

    Raises ValueError for static bounds outside; at run time InvalidArgumentError. Source: tf.slice.
    """
    with op_scope("Slice" if name is None else name, (input_, begin, size)) as scope:
        x = convert_to_tensor(input_, name="input")
        first = int_argument(begin, "Slice", "begin")
        count = int_argument(size, "Slice", "size")
        if first.dtype != count.dtype:
            raise TypeError(f"Input 'size' of 'Slice' Op has type {count.dtype.name} that does not match type "
                            f"{first.dtype.name} of argument 'begin'.")
        return emit("dynamic_slice", [x, first, count], name=scope, type="Slice")


@dataclass
class _Bounds:
    """Bounds of the axes that exist, and what happens to axes besides."""

    begin: list[Any] = field(default_factory=list)
    end: list[Any] = field(default_factory=list)
    strides: list[Any] = field(default_factory=list)
    begin_mask: int = 0
    end_mask: int = 0
    shrink_mask: int = 0
    new: list[int] = field(default_factory=list)
    """Places of new axes in the result."""
    place: int = 0
    """How many axes the result has so far."""

    def add(self, begin: Any, end: Any, stride: Any) -> None:
        """A slice; None where there is no bound."""
        bit = 1 << len(self.begin)
        self.begin_mask |= bit if begin is None else 0
        self.end_mask |= bit if end is None else 0
        self.begin.append(0 if begin is None else begin)
        self.end.append(0 if end is None else end)
        self.strides.append(1 if stride is None else stride)
        self.place += 1

    def index(self, place: Any) -> None:
        """One position, whose axis is dropped."""
        self.add(place, _next(place), 1)
        self.shrink_mask |= 1 << (len(self.begin) - 1)
        self.place -= 1

    def new_axis(self) -> None:
        """An axis of size 1."""
        self.new.append(self.place)
        self.place += 1

    def skip(self, axes: int) -> None:
        """Axes that an ellipsis stands for."""
        for _ in range(axes):
            self.add(None, None, None)


def _next(place: Any) -> Any:
    # The end of an index has no meaning; a tensor would only make more nodes.
    return place if isinstance(place, Tensor) else place + 1


def _getitem(tensor: Tensor, key: Any) -> Tensor:
    """`tensor[key]`. Raises TypeError and ValueError (phrases: `out of bounds`, `Multiple ellipses`, `Index out of
    range`).
    """
    keys = list(key) if isinstance(key, list | tuple) else [key]
    bounds = _Bounds()
    _read_keys(bounds, keys, tensor)
    for i, place in enumerate(bounds.begin):
        # r1.4 adds 1 to an index that is a tensor, by an op of its own.
        if isinstance(place, Tensor) and bounds.shrink_mask >> i & 1:
            reserve_names([tensor], "add")
    return _strided(tensor, bounds, tensor.graph, "strided_slice")


def _read_keys(bounds: _Bounds, keys: Sequence[Any], tensor: Tensor) -> None:
    ellipses = [i for i, each in enumerate(keys) if each is Ellipsis]
    if len(ellipses) > 1:
        raise ValueError("Multiple ellipses in slice spec not allowed: write `...` once.")
    used = sum(each is not None and each is not Ellipsis for each in keys)
    rank = tensor.shape.ndims
    if rank is not None and used > rank:
        raise ValueError(f"Index out of range using input dim {rank}; input has only {rank} dims, got {used} indices.")
    for i, each in enumerate(keys):
        if each is None:
            bounds.new_axis()
        elif each is Ellipsis:
            if rank is not None:
                bounds.skip(rank - used)
            elif any(later is not Ellipsis for later in keys[i + 1:]):
                raise NotImplementedError(f"indices after `...` need the rank of {tensor!r}; use set_shape.")
        elif isinstance(each, _SLICE):
            bounds.add(*(_bound(part) for part in (each.start, each.stop, each.step)))
        else:
            bounds.index(_position(each))


_SLICE = type(np.s_[:])


def _bound(part: Any) -> Any:
    return None if part is None else _position(part)


def _position(value: Any) -> Any:
    """An index as an int or an int scalar tensor. Raises TypeError for anything else."""
    if isinstance(value, Dimension):
        return int(value)
    if isinstance(value, bool | np.bool_ | float | np.floating | str | bytes):
        raise TypeError(f"Value passed to parameter 'begin' has DataType {type(value).__name__} not in list of allowed "
                        f"values: int32, int64; a tensor is indexed with ints, slices, `...` and None, got {value!r}.")
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iu":
        return int(value)
    if is_tensor_like(value):
        tensor = convert_to_tensor(value)
        if tensor.dtype not in (int32, int64):
            raise TypeError(f"Value passed to parameter 'begin' has DataType {tensor.dtype.name} not in list of "
                            "allowed values: int32, int64; use tf.boolean_mask for masks and tf.gather for several "
                            "indices.")
        if tensor.shape.ndims not in (None, 0):
            raise ValueError(f"Shape must be rank 1 but is rank {tensor.shape.ndims + 1} for 'strided_slice': an "
                             f"index must be a scalar, got shape {tensor.shape}; use tf.gather for several indices.")
        return tensor
    if isinstance(value, np.ndarray | list | tuple):
        raise ValueError(f"Shape must be rank 1 but is rank 2 for 'strided_slice': an index must be a scalar, got "
                         f"{value!r}; use tf.gather or tf.boolean_mask.")
    raise TypeError(f"Bad slice index {value!r} of type {type(value)}; expected an int, a slice, `...`, None or an int "
                    "scalar tensor.")


def _vector(x: Tensor, parts: Sequence[Any], dtype: Any) -> Value:
    """Bounds as an int vector, without ops of their own."""
    if not any(isinstance(each, Tensor) for each in parts):
        return hidden_constant(parts, dtype, x)
    items = []
    for each in parts:
        if not isinstance(each, Tensor):
            items.append(hidden_constant(each, dtype, x))
        else:
            items.append(each.value if each.dtype == dtype else hidden(x, "cast", each, dtype=dtype))
    return hidden(x, "stack", *items, axis=0)


def _strided(x: Tensor, bounds: _Bounds, graph: Any, name: str) -> Tensor:
    """One op StridedSlice: the slice, then new axes."""
    parts = (*bounds.begin, *bounds.end, *bounds.strides)
    dtype = int64 if any(isinstance(each, Tensor) and each.dtype == int64 for each in parts) else int32
    steps: list[tuple[str, list[Value], dict[str, Any]]] = []
    if bounds.begin:
        vectors = [_vector(x, each, dtype) for each in (bounds.begin, bounds.end, bounds.strides)]
        steps.append(("strided_slice", vectors, {"begin_mask": bounds.begin_mask, "end_mask": bounds.end_mask,
                                                 "shrink_mask": bounds.shrink_mask}))
    steps += [("expand_dims", [], {"axis": axis}) for axis in bounds.new]
    if not steps:
        steps.append(("identity", [], {}))
    value: Tensor | Value = x
    for op, operands, attrs in steps[:-1]:
        value = hidden(x, op, value, *operands, **attrs)
    op, operands, attrs = steps[-1]
    made: Tensor = graph.emit(op, [value, *operands], attrs, name=name, type="StridedSlice").outputs[0]
    if value is not x:
        made.op.inputs = [x]
    return made


OVERLOADS["__getitem__"] = _getitem


def strided_slice(input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
                  ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None,
                  name: str | None = None) -> Tensor:
    """x[begin:end:strides], an axis each; bit i of a mask says what entry i is besides a plain slice.

    begin_mask, end_mask: no bound; ellipsis_mask: as many axes as are left; new_axis_mask: a new axis;
    shrink_axis_mask: an index, whose axis is dropped. Raises ValueError, NotImplementedError for `var`. Source:
    tf.strided_slice.
    """
    if var is not None:
        raise NotImplementedError("assignment to slices of variables (var=...) is not supported; assign the whole "
                                  "variable.")
    with op_scope("StridedSlice" if name is None else name, (input_, begin, end, strides)) as scope:
        x = convert_to_tensor(input_, name="input")
        if not ellipsis_mask and not new_axis_mask:
            vectors = [int_argument(each, "StridedSlice", label) for each, label in
                       ((begin, "begin"), (end, "end"))]
            ones = hidden(x, "ones_like", vectors[0])
            step = ones if strides is None else int_argument(strides, "StridedSlice", "strides").value
            return emit("strided_slice", [x, *vectors, step], {"begin_mask": begin_mask, "end_mask": end_mask,
                                                               "shrink_mask": shrink_axis_mask}, name=scope,
                        type="StridedSlice")
        masks = (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
        lows, highs = known_ints(begin, "begin"), known_ints(end, "end")
        steps = [1] * len(lows) if strides is None else known_ints(strides, "strides")
        bounds = _Bounds()
        _read_keys(bounds, [_key(i, *each, masks) for i, each in enumerate(zip(lows, highs, steps, strict=True))], x)
        return _strided(x, bounds, x.graph, scope)


def _key(i: int, begin: int, end: int, step: int, masks: tuple[int, int, int, int, int]) -> Any:
    no_begin, no_end, ellipsis, new_axis, shrink = (bool(mask >> i & 1) for mask in masks)
    if ellipsis:
        return Ellipsis
    if new_axis:
        return None
    return begin if shrink else _SLICE(None if no_begin else begin, None if no_end else end, step)
