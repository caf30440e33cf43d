"""Python data as NumPy arrays of TensorFlow's types: what may become what, and what the error says.

Nothing here knows tensors; `convert.py` does. Strings are arrays of `bytes` objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from rnngraph.frontend.framework.compat import as_bytes
from rnngraph.frontend.framework.shapes import Dimension, TensorShape
from rnngraph.ir.types import DType, as_dtype, bool_, complex128, float32, int32, int64, string

_SCALARS: Final[dict[type, DType]] = {bool: bool_, float: float32, complex: complex128}
_INT32: Final = np.iinfo(np.int32)
# Kinds of NumPy dtypes whose Python values may stand for a dtype of the kind: bool is an int to Python.
_MAY_BECOME: Final = {"i": "biu", "u": "biu", "f": "biuf", "c": "biufc", "b": "b", "s": ""}


def from_python(value: Any, dtype: DType | None, has_tensors: Callable[[Any], bool]) -> Any:
    """`value` as an array, of `dtype` if given. `has_tensors` says whether a list holds what this cannot convert.

    Raises ValueError (phrases: `None values not supported`, `must be a dense tensor`) and TypeError (phrases: `Expected
    <dtype>, got`, `Failed to convert object`).
    """
    kind = type(value)
    if kind is int:
        return _integer(value, dtype)
    if kind in _SCALARS and (dtype is None or dtype == _SCALARS[kind]):
        with np.errstate(over="ignore"):
            return np.asarray(value, _SCALARS[kind].numpy)
    if value is None:
        raise ValueError("None values not supported.")
    if isinstance(value, np.ndarray | np.generic) and not isinstance(value, np.str_ | np.bytes_):
        return _from_numpy(value, dtype)
    if isinstance(value, str | bytes):
        if dtype not in (None, string):
            raise _unexpected(value, dtype)
        return np.array(as_bytes(value), object)
    if isinstance(value, TensorShape | Dimension):
        value = _plain(value)
    elif not isinstance(value, bool | int | float | complex | Sequence):
        return _from_object(value, dtype)
    return _from_sequence(value, dtype, has_tensors)


def _integer(value: int, dtype: DType | None) -> Any:
    if dtype is None:
        small = _INT32.min <= value <= _INT32.max
        try:
            return np.asarray(value, np.int32 if small else np.int64)
        except OverflowError:
            raise _failed(value) from None
    if dtype.kind not in "iufc":
        raise _unexpected(value, dtype)
    return _exactly(value, np.asarray(value), dtype)


def _exactly(value: Any, array: Any, dtype: DType) -> Any:
    """Python numbers in a dtype; integers that do not fit are refused rather than wrapped."""
    if dtype.is_integer and array.size and array.dtype.kind != "b":
        low, high = int(dtype.min), int(dtype.max)
        if min(array.ravel()) < low or max(array.ravel()) > high:
            bad = next(each for each in array.ravel() if not low <= each <= high)
            raise TypeError(f"Expected {dtype.name}, got {bad}, which is not in [{low}, {high}].")
    with np.errstate(all="ignore"):
        return array.astype(dtype.numpy)


def _from_numpy(value: Any, dtype: DType | None) -> Any:
    array = np.asarray(value)
    if array.dtype.kind in "SUO":
        if dtype not in (None, string):
            raise _unexpected(array.ravel()[0] if array.size else value, dtype)
        return _strings(array, value)
    own = as_dtype(array.dtype)
    if dtype is None or dtype == own:
        return array.astype(own.numpy, copy=False)
    if dtype == string:
        raise _unexpected(array.ravel()[0] if array.size else value, dtype)
    with np.errstate(all="ignore"):
        return (array.real if own.is_complex and not dtype.is_complex else array).astype(dtype.numpy)


def _strings(array: Any, value: Any) -> Any:
    made = np.empty(array.shape, object)
    flat = made.reshape(-1)
    for i, each in enumerate(array.ravel().tolist()):
        if not isinstance(each, str | bytes):
            raise _failed(value)
        flat[i] = as_bytes(each)
    return flat.reshape(array.shape)


def _from_object(value: Any, dtype: DType | None) -> Any:
    """Of something that is neither number nor sequence: only what offers an array."""
    if not hasattr(value, "__array__"):
        raise _failed(value)
    return _from_numpy(np.asarray(value), dtype)


def _plain(value: Any) -> Any:
    """Nested lists with whole numbers for Dimensions."""
    if isinstance(value, Dimension):
        if value.value is None:
            raise TypeError(f"Failed to convert object of type {type(value)} to Tensor: the size is not known. Use "
                            "tf.shape(tensor)[axis].")
        return value.value
    return [_plain(each) for each in value] if isinstance(value, list | tuple | TensorShape) else value


def _leaf_values(value: Any) -> Iterator[Any]:
    if isinstance(value, np.ndarray):
        yield from value.ravel()
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for each in value:
            yield from _leaf_values(each)
    else:
        yield value


def _leaf_types(value: Any, found: set[type]) -> None:
    for each in value:
        if isinstance(each, list | tuple):
            _leaf_types(each, found)
        else:
            found.add(type(each))


def _from_sequence(value: Any, dtype: DType | None, has_tensors: Callable[[Any], bool]) -> Any:
    if isinstance(value, Sequence):
        found: set[type] = set()
        _leaf_types(value, found)
        if has_tensors(value):
            if dtype is not None:
                raise TypeError(f"Expected {dtype.name}, got list containing Tensors. Convert or cast the tensors "
                                "first.")
            raise TypeError("List of Tensors when single Tensor expected; use tf.stack.")
        if found & {Dimension, TensorShape}:
            value = _plain(value)
        if any(issubclass(each, str | bytes) for each in found):
            return _from_strings(value, dtype, found)
        if type(None) in found:
            raise _failed(value)
    return _from_numbers(value, dtype)


def _from_strings(value: Any, dtype: DType | None, found: set[type]) -> Any:
    if not all(issubclass(each, str | bytes | np.ndarray) for each in found):
        if dtype is not None:
            raise _unexpected(_first_bad(value, dtype), dtype)
        raise _failed(value)
    if dtype not in (None, string):
        raise _unexpected(_first_bad(value, dtype), dtype)
    return _strings(_dense(value, object), value)


def _dense(value: Any, dtype: Any = None) -> Any:
    try:
        array = np.array(value, dtype)
    except ValueError:
        raise ValueError(f"Argument must be a dense tensor: {value!r} - its rows differ in length or depth.") from None
    if dtype is object and any(isinstance(each, list | tuple) for each in array.ravel()):
        raise ValueError(f"Argument must be a dense tensor: {value!r} - its rows differ in length or depth.")
    return array


def _from_numbers(value: Any, dtype: DType | None) -> Any:
    try:
        array = _dense(value)
    except TypeError:
        raise _failed(value) from None
    if array.dtype.kind == "O" and array.size and all(type(each) is int for each in array.ravel()):
        if dtype is None or dtype.is_integer:
            raise _failed(value)
    elif dtype is not None and array.size and array.dtype.kind not in _MAY_BECOME[dtype.kind]:
        raise _unexpected(_first_bad(value, dtype), dtype)
    elif array.dtype.kind not in "biufc":
        raise _failed(value)
    if dtype is None:
        return _narrowed(array, value)
    if dtype == string:
        return np.empty(array.shape, object)
    return _exactly(value, array, dtype)


def _narrowed(array: Any, value: Any) -> Any:
    """Python's numbers are double and long; graphs want float32, and int32 where it fits."""
    if array.dtype == np.float64:
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    if array.dtype == np.int64 and (not array.size or (_INT32.min <= array.min() and array.max() <= _INT32.max)):
        return array.astype(np.int32)
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise _failed(value)
    return array


def _first_bad(value: Any, dtype: DType) -> Any:
    """The first leaf that may not become `dtype`."""
    for leaf in _leaf_values(value):
        if isinstance(leaf, str | bytes):
            if dtype != string:
                return leaf
        elif np.asarray(leaf).dtype.kind not in _MAY_BECOME[dtype.kind]:
            return leaf
    return value


def _unexpected(value: Any, dtype: DType | None) -> TypeError:
    assert dtype is not None
    return TypeError(f"Expected {dtype.name}, got {value!r} of type '{type(value).__name__}' instead.")


def _failed(value: Any) -> TypeError:
    shown = repr(value)
    shown = shown if len(shown) <= 200 else shown[:200] + "..."
    return TypeError(f"Failed to convert object of type {type(value)} to Tensor. Contents: {shown}. Consider casting "
                     "elements to a supported type.")


__all__ = ["from_python", "int32", "int64"]
