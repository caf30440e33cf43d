"""From Python values to tensors: constants, packing of lists, and conversions that other types register.

Python numbers are narrowed (float64 to float32, int64 to int32 where it fits), NumPy's keep their type; nothing else is
ever cast unless a dtype is asked for. `constant_value` is the way back, as far as it goes without running the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from rnngraph.frontend.framework import python_values as arrays
from rnngraph.frontend.framework.graph import Graph, Operation, Tensor, emit, get_default_graph, graph_of
from rnngraph.frontend.framework.shapes import Dimension, TensorShape, as_shape
from rnngraph.ir.graph import Array, Value
from rnngraph.ir.types import DType, TensorType, as_dtype, int32, int64

Conversion = Callable[..., Any]

# --- the table of conversions ----------------------------------------------------------------------------------------

_table: dict[int, list[tuple[Any, Conversion]]] = {}
_found: dict[type, list[tuple[type, Conversion]]] = {}
_tensor_like: dict[type, bool] = {Tensor: True}


def register_tensor_conversion_function(base_type: Any, conversion_func: Conversion, priority: int = 100) -> None:
    """Use `conversion_func(value, dtype, name, as_ref)` for values of `base_type` (a type or a tuple of types).

    It gives a Tensor or NotImplemented; functions of lower priority are asked first. Raises TypeError for what is not a
    type or not callable. Source: tf.register_tensor_conversion_function.
    """
    bases = base_type if isinstance(base_type, tuple) else (base_type,)
    if not bases or not all(isinstance(each, type) for each in bases):
        raise TypeError(f"base_type must be a type or a tuple of types, got {base_type!r}.")
    if not callable(conversion_func):
        raise TypeError(f"conversion_func must be callable, got {conversion_func!r}.")
    _table.setdefault(priority, []).append((base_type, conversion_func))
    _found.clear()
    _tensor_like.clear()
    _tensor_like[Tensor] = True


def _conversions(kind: type) -> list[tuple[type, Conversion]]:
    known = _found.get(kind)
    if known is None:
        known = _found[kind] = [(base, function) for priority in sorted(_table) for base, function in _table[priority]
                                if issubclass(kind, base)]
    return known


def is_tensor_like(value: Any) -> bool:
    """Whether `value` is a tensor or of a type (Variable, ...) that was registered to become one."""
    kind = type(value)
    known = _tensor_like.get(kind)
    if known is None:
        known = _tensor_like[kind] = issubclass(kind, Tensor) or any(
            function not in _PLAIN for _, function in _conversions(kind))
    return known


# --- conversion -------------------------------------------------------------------------------------------------------

def convert_to_tensor(value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None,
                      as_ref: bool = False) -> Tensor:
    """`value` as a tensor: tensors as they are, Python and NumPy data as constants, lists with tensors stacked.

    `dtype` is demanded, `preferred_dtype` only tried. Raises ValueError (phrases: `None values not supported`, `Tensor
    conversion requested dtype`, `must be a dense tensor`) and TypeError (phrases: `Expected <dtype>, got`, `Failed to
    convert object`, `Can't convert Operation`). Source: tf.convert_to_tensor.
    """
    if isinstance(value, Tensor):
        if dtype is not None and as_dtype(dtype) != value.dtype:
            raise ValueError(f"Tensor conversion requested dtype {as_dtype(dtype).name} for Tensor with dtype "
                             f"{value.dtype.name}: {str(value)!r}. Write tf.cast(tensor, {as_dtype(dtype)!r}).")
        return value
    wanted = None if dtype is None else as_dtype(dtype)
    if value is None:
        raise ValueError("None values not supported.")
    preferred = None if preferred_dtype is None or wanted is not None else as_dtype(preferred_dtype)
    for base, function in _conversions(type(value)):
        made: Any = NotImplemented
        if preferred is not None:
            try:
                made = function(value, dtype=preferred, name=name, as_ref=as_ref)
            except (TypeError, ValueError):
                made = NotImplemented
        if made is NotImplemented:
            made = function(value, dtype=wanted, name=name, as_ref=as_ref)
        if made is not NotImplemented:
            return _checked(made, wanted, function, base)
    raise TypeError(f"Cannot convert {value!r} with type {type(value)} to Tensor: no conversion function registered.")


def _checked(made: Any, wanted: DType | None, function: Conversion, base: Any) -> Tensor:
    if not isinstance(made, Tensor):
        raise RuntimeError(f"Conversion function {function!r} for type {base} returned non-Tensor: {made!r}")
    if wanted is not None and wanted != made.dtype:
        raise RuntimeError(f"Conversion function {function!r} for type {base} returned incompatible dtype: requested = "
                           f"{wanted.name}, actual = {made.dtype.name}")
    return made


internal_convert_to_tensor = convert_to_tensor


def convert_n_to_tensor(values: Iterable[Any], dtype: Any = None, name: str | None = None,
                        preferred_dtype: Any = None) -> list[Tensor]:
    """Each of `values` as a tensor, named `<name>_<i>`. Raises TypeError for what is not a list."""
    if not isinstance(values, Iterable) or isinstance(values, Tensor):
        raise TypeError("values must be a list.")
    return [convert_to_tensor(each, dtype, None if name is None else f"{name}_{i}", preferred_dtype)
            for i, each in enumerate(values)]


# --- constants --------------------------------------------------------------------------------------------------------

def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const",
             verify_shape: bool = False) -> Tensor:
    """A constant tensor. With `shape`, values that are too few are filled up with the last one.

    Raises ValueError (phrases: `Too many elements`, `must be a dense tensor`), TypeError (phrases: `Expected`, `Failed
    to convert object`). Source: tf.constant.
    """
    array = arrays.from_python(value, None if dtype is None else as_dtype(dtype), has_tensors)
    if shape is not None:
        array = _reshaped(array, as_shape(shape), verify_shape)
    return constant_of(array, name)


def constant_of(array: Any, name: str | None = None) -> Tensor:
    """A Const op that holds an array as it is."""
    return emit("constant", (), {"value": Array(array)}, name=name or "Const", type="Const")


def _reshaped(array: Any, shape: TensorShape, verify: bool) -> Any:
    sizes = [int(size) for size in shape]
    if verify and tuple(sizes) != array.shape:
        raise TypeError(f"Expected Tensor's shape: {tuple(sizes)}, got {array.shape}.")
    count = int(np.prod(sizes, dtype=np.int64))
    if array.size > count:
        raise ValueError(f"Too many elements provided. Needed at most {count}, but received {array.size}")
    if array.size == count:
        return array.reshape(sizes)
    if not array.size:
        return np.zeros(sizes, array.dtype)
    flat = array.ravel()
    return np.concatenate([flat, np.full(count - flat.size, flat[-1], array.dtype)]).reshape(sizes)


def has_tensors(value: Any) -> bool:
    """Whether a list or tuple (nested or not) contains a tensor or what becomes one."""
    if isinstance(value, list | tuple):
        return any(has_tensors(each) for each in value)
    return is_tensor_like(value)


def _constant_conversion(value: Any, dtype: DType | None = None, name: str | None = None, as_ref: bool = False) -> Any:
    return constant_of(arrays.from_python(value, dtype, has_tensors), name)


def _operation_conversion(value: Operation, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Any:
    raise TypeError(f"Can't convert Operation '{value.name}' to Tensor (target dtype={dtype!r}, name={name!r}, "
                    f"as_ref={as_ref}); take one of its outputs: op.outputs[0].")


def _shape_conversion(value: TensorShape, dtype: DType | None = None, name: str | None = None,
                      as_ref: bool = False) -> Any:
    if not value.is_fully_defined():
        raise ValueError(f"Cannot convert a partially known TensorShape to a Tensor: {value}. Use tf.shape(tensor).")
    sizes = [int(size) for size in value]
    return constant_of(np.asarray(sizes, _size_dtype(sizes, dtype, "a TensorShape").numpy), name or "shape_as_tensor")


def _dimension_conversion(value: Dimension, dtype: DType | None = None, name: str | None = None,
                          as_ref: bool = False) -> Any:
    if value.value is None:
        raise ValueError(f"Cannot convert an unknown Dimension to a Tensor: {value}. Use tf.shape(tensor)[axis].")
    return constant_of(np.asarray(value.value, _size_dtype([value.value], dtype, "a Dimension").numpy),
                       name or "shape_as_tensor")


def _size_dtype(sizes: Sequence[int], dtype: DType | None, what: str) -> DType:
    if dtype is None:
        return int64 if any(size > np.iinfo(np.int32).max for size in sizes) else int32
    if dtype not in (int32, int64):
        raise TypeError(f"Cannot convert {what} to dtype: {dtype.name}; expected int32 or int64.")
    return dtype


# --- lists that contain tensors -------------------------------------------------------------------------------------

def packed_dtype(values: Any) -> DType | None:
    """The dtype of the first tensor in a nested list, None if there is none."""
    if isinstance(values, list | tuple):
        return next((found for each in values if (found := packed_dtype(each)) is not None), None)
    return as_dtype(values.dtype) if is_tensor_like(values) and hasattr(values, "dtype") else None


def _list_conversion(value: Any, dtype: DType | None = None, name: str | None = None, as_ref: bool = False) -> Any:
    """Stack a list that contains tensors: the op `packed`; other elements get the first tensor's dtype."""
    if not has_tensors(value):
        return NotImplemented
    inferred = packed_dtype(value)
    if inferred is None or (dtype is not None and dtype != inferred):
        return NotImplemented
    with op_scope(name or "packed", (value,)) as scope:
        return _packed(value, inferred, scope)


def _packed(values: Any, dtype: DType, scope: str) -> Tensor:
    parts = []
    for i, each in enumerate(values):
        if isinstance(each, list | tuple) and has_tensors(each):
            with op_scope(str(i), ()) as inner:
                parts.append(_packed(each, dtype, inner))
        elif is_tensor_like(each):
            part = convert_to_tensor(each)
            if part.dtype != dtype:
                raise TypeError(f"Cannot convert a list containing a tensor of dtype {part.dtype.name} to {dtype.name} "
                                f"(Tensor is: {part!r}). Cast it first.")
            parts.append(part)
        else:
            parts.append(convert_to_tensor(each, dtype, name=str(i)))
    return emit("stack", parts, {"axis": 0}, name=scope, type="Pack")


@contextmanager
def op_scope(name: str, values: Sequence[Any]) -> Iterator[str]:
    """The name scope of an op that is about to be made, in the graph of `values`; yields `name/`, to be its name."""
    graph = graph_of(list(_leaves(values)))
    if graph is get_default_graph():
        with graph.name_scope(name) as scope:
            yield scope
    else:
        with graph.as_default(), graph.name_scope(name) as scope:
            yield scope


def _leaves(values: Sequence[Any]) -> Iterator[Any]:
    for each in values:
        if isinstance(each, list | tuple):
            yield from _leaves(each)
        elif isinstance(getattr(each, "graph", None), Graph):
            yield each


_PLAIN: Final = (_constant_conversion, _list_conversion, _shape_conversion, _dimension_conversion)
register_tensor_conversion_function((list, tuple), _list_conversion, 99)
register_tensor_conversion_function(TensorShape, _shape_conversion)
register_tensor_conversion_function(Dimension, _dimension_conversion)
register_tensor_conversion_function(Operation, _operation_conversion)
register_tensor_conversion_function(object, _constant_conversion, 200)


# --- the way back -----------------------------------------------------------------------------------------------------

def constant_value(tensor: Any) -> Any:
    """The value of a tensor as a NumPy array, or None if only a run can tell.

    Sees through constants, sizes that are static, range, cast, concat, stack, fill and equal. A tensor that was looked
    at so may no longer be fed. Source: tf.contrib.util.constant_value.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"Expected a Tensor, got {tensor!r} of type {type(tensor).__name__}; constants are known "
                        "anyway")
    found = _known(tensor.value)
    if found is not None:
        tensor.graph.prevent_feeding(tensor)
    return found


def constant_value_as_shape(tensor: Tensor) -> TensorShape:
    """The shape that an integer vector spells, as far as it is known; -1 counts as unknown."""
    content = tensor.value.content
    if content is None:
        length = tensor.shape.with_rank(1)[0].value
        return TensorShape(None if length is None else [None] * length)
    return TensorShape([size if isinstance(size, int) and size >= 0 else None for size in content])


def _known(value: Value) -> Any:
    kind = value.type
    if not isinstance(kind, TensorType):
        return None
    content = value.content
    if content is not None and kind.shape is not None and all(isinstance(each, int) for each in content):
        found = np.asarray(content, kind.dtype.numpy)
        return found.reshape(()) if not kind.shape else found
    node = value.node
    rule = _RULES.get(node.op.name) if node is not None else None
    if node is None or rule is None:
        return None
    return rule(node, kind)


def _all_known(node: Any) -> list[Any] | None:
    found = [_known(each) for each in node.operands]
    return None if any(each is None for each in found) else found


def _known_cast(node: Any, kind: TensorType) -> Any:
    found = _known(node.operands[0])
    return None if found is None else found.astype(kind.dtype.numpy)


def _known_fill(node: Any, kind: TensorType) -> Any:
    found = _known(node.operands[0])
    sizes = [each for each in kind.shape or () if isinstance(each, int)]
    if found is None or kind.shape is None or len(sizes) != len(kind.shape):
        return None
    return np.broadcast_to(found, sizes).copy()


def _known_by(function: Callable[[Any, list[Any]], Any]) -> Callable[[Any, TensorType], Any]:
    def rule(node: Any, kind: TensorType) -> Any:
        found = _all_known(node)
        return None if found is None else np.asarray(function(node, found), kind.dtype.numpy)
    return rule


_RULES: Final[dict[str, Callable[[Any, TensorType], Any]]] = {
    "constant": lambda node, kind: node.attrs["value"].array,
    "refine": lambda node, kind: _known(node.operands[0]),
    "cast": _known_cast,
    "broadcast": _known_fill,
    "range": _known_by(lambda node, found: np.arange(*found)),
    "concat": _known_by(lambda node, found: np.concatenate(found, node.attrs["axis"])),
    "stack": _known_by(lambda node, found: np.stack(found, node.attrs["axis"])),
    "equal": _known_by(lambda node, found: np.equal(*found)),
    "not_equal": _known_by(lambda node, found: np.not_equal(*found)),
}
