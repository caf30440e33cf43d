"""Types of values: dtypes, tensors, lists and references to variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from rnngraph.ir.sizes import Dim


@dataclass(frozen=True)
class DType:
    """An element type. `name` is TensorFlow's, `short` the one in IR text, `kind` one of "f", "i", "u", "b", "s", "c".

    Source: tf.DType (r1.4). Reference dtypes do not exist here, so `base_dtype` is the dtype itself.
    """

    name: str
    short: str
    kind: str
    size: int

    @property
    def as_numpy_dtype(self) -> Any:
        """The NumPy scalar type (`object` for strings)."""
        return np.object_ if self.kind == "s" else (np.bool_ if self.kind == "b" else np.dtype(self.name).type)

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype of arrays of this type."""
        made: np.dtype[Any] = np.dtype(self.as_numpy_dtype)
        return made

    @property
    def base_dtype(self) -> DType:
        """The dtype itself; r1.4 strips `_ref` here."""
        return self

    real_dtype = base_dtype

    @property
    def is_floating(self) -> bool:
        """Whether this is a real floating-point type."""
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether this is a signed or unsigned integer type."""
        return self.kind in "iu"

    @property
    def is_bool(self) -> bool:
        """Whether this is the boolean type."""
        return self.kind == "b"

    @property
    def is_complex(self) -> bool:
        """Whether this is a complex type."""
        return self.kind == "c"

    @property
    def is_unsigned(self) -> bool:
        """Whether this is an unsigned integer type."""
        return self.kind == "u"

    @property
    def is_numpy_compatible(self) -> bool:
        """Always true; kept for r1.4's callers."""
        return True

    @property
    def min(self) -> Any:
        """The smallest finite value. Raises TypeError for types without an order."""
        return self._limit("min")

    @property
    def max(self) -> Any:
        """The largest finite value. Raises TypeError for types without an order."""
        return self._limit("max")

    def _limit(self, which: str) -> Any:
        if self.kind == "b":
            return which == "max"
        if self.kind not in "fiu":
            raise TypeError(f"Cannot find the {which}imum value of {self.name}.")
        info: Any = np.finfo(self.numpy) if self.kind == "f" else np.iinfo(self.numpy)
        return getattr(info, which)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether values of `other` may stand where this type is wanted (equality: nothing is promoted)."""
        return self == as_dtype(other)

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __int__(self) -> int:
        return list(DTYPES).index(self.name) + 1

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self.name == other.name
        if other is None:
            return False
        try:
            return self.name == as_dtype(other).name
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)


def _table() -> dict[str, DType]:
    rows = [("float32", "f32", "f", 4), ("float64", "f64", "f", 8), ("int32", "i32", "i", 4), ("uint8", "u8", "u", 1),
            ("int16", "i16", "i", 2), ("int8", "i8", "i", 1), ("string", "str", "s", 8), ("complex64", "c64", "c", 8),
            ("int64", "i64", "i", 8), ("bool", "bool", "b", 1), ("uint16", "u16", "u", 2), ("float16", "f16", "f", 2),
            ("uint32", "u32", "u", 4), ("uint64", "u64", "u", 8), ("complex128", "c128", "c", 16)]
    return {name: DType(name, short, kind, size) for name, short, kind, size in rows}


DTYPES = _table()
BY_SHORT = {d.short: d for d in DTYPES.values()}
float16, float32, float64 = DTYPES["float16"], DTYPES["float32"], DTYPES["float64"]
int8, int16, int32, int64 = DTYPES["int8"], DTYPES["int16"], DTYPES["int32"], DTYPES["int64"]
uint8, uint16, uint32, uint64 = DTYPES["uint8"], DTYPES["uint16"], DTYPES["uint32"], DTYPES["uint64"]
bool_, string = DTYPES["bool"], DTYPES["string"]
complex64, complex128 = DTYPES["complex64"], DTYPES["complex128"]
_PYTHON = {float: float32, int: int32, bool: bool_, str: string, bytes: string, object: string, complex: complex128}
_BY_NUMPY = {d.numpy: d for d in DTYPES.values()}


def as_dtype(value: Any) -> DType:
    """The DType that a DType, NumPy dtype or type, name or Python type stands for.

    Raises TypeError if there is none. Source: tf.as_dtype.
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, str):
        name = value.removesuffix("_ref")
        if name in DTYPES:
            return DTYPES[name]
    elif isinstance(value, type) and value in _PYTHON:
        return _PYTHON[value]
    try:
        # NumPy takes None for its float64.
        dtype = None if value is None else np.dtype(value)
    except (TypeError, ValueError):
        dtype = None
    if dtype is not None:
        if dtype in _BY_NUMPY:
            return _BY_NUMPY[dtype]
        if dtype.kind in "SUO":
            return string
    raise TypeError(f"Cannot convert value {value!r} to a TensorFlow DType; expected one of {', '.join(DTYPES)}.")

KERNEL_DTYPES = frozenset({"float32", "float64", "int32", "int64", "bool", "int8", "int16", "uint8", "uint16", "uint32",
                           "uint64"})
"""Element types that compiled kernels handle; others are handled by reference kernels."""


@dataclass(frozen=True)
class TensorType:
    """A tensor: element type and shape. `shape` is None when the rank is unknown (open graphs and host steps only)."""

    dtype: DType
    shape: tuple[Dim, ...] | None

    @property
    def rank(self) -> int | None:
        """Number of axes, None if unknown."""
        return None if self.shape is None else len(self.shape)

    def with_shape(self, shape: tuple[Dim, ...] | None) -> TensorType:
        """The same element type with another shape."""
        return TensorType(self.dtype, shape)


@dataclass(frozen=True)
class ListType:
    """A list of tensors (or lists): TensorArrays and stacks of uneven rows.

    `element` is the type of every element that is there; a size that they do not share is None. In a closed graph a list
    that was not `written` yet has no element: `element` is what it asks for, and the first write says what it is.
    """

    element: Type
    length: Dim
    written: bool = True

    @property
    def dtype(self) -> DType:
        """Element type of the tensors at the bottom."""
        return self.element.dtype


@dataclass(frozen=True)
class RefType:
    """A reference to a variable holding `tensor`; open graphs only."""

    tensor: TensorType

    @property
    def dtype(self) -> DType:
        """Element type of the variable."""
        return self.tensor.dtype


Type = Union[TensorType, ListType, RefType]


def tensor(dtype: Any, shape: tuple[Dim, ...] | list[Dim] | None = ()) -> TensorType:
    """Shorthand for a tensor type."""
    return TensorType(as_dtype(dtype), None if shape is None else tuple(shape))
