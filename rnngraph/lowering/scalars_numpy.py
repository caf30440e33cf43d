"""The scalar protocol on NumPy arrays: the slow interpreter of loop nests computes with it, tests compare by it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Scalar = Any
"""A NumPy array or scalar; its dtype is the protocol's. Many elements are computed at once."""


def _quietly(f: Callable[..., Any]) -> Callable[..., Any]:
    """A method that never warns: overflow, NaN and division by zero are ordinary results here."""
    def run(self: Any, *operands: Any) -> Any:
        with np.errstate(all="ignore"):
            return f(*operands)
    return run


def _fma(x: Any, y: Any, z: Any) -> Any:
    """Rounded once where a wider type exists; float64 goes through NumPy's long double."""
    wide = {2: np.float32, 4: np.float64, 8: np.longdouble}[x.dtype.itemsize]
    return (x.astype(wide) * y.astype(wide) + z.astype(wide)).astype(x.dtype)


def _divided(x: Any, y: Any) -> Any:
    """Rounded towards zero; 0 for a divisor of 0."""
    safe = np.where(y == 0, y.dtype.type(1), y)
    return np.where(y == 0, x.dtype.type(0), (x - np.fmod(x, safe)) // safe)


def _remainder(x: Any, y: Any) -> Any:
    return np.where(y == 0, x.dtype.type(0), np.fmod(x, np.where(y == 0, y.dtype.type(1), y)))


def _erf(x: Any) -> Any:
    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    one = x.dtype.type(1)
    return np.where(x < 0, e, one) / (one + e)


def _from_float(x: Any, target: np.dtype[Any]) -> Any:
    """Truncated; NaN and what is out of range become the smallest integer."""
    info = np.iinfo(target)
    whole = np.trunc(x.astype(np.longdouble))
    inside = (whole >= info.min) & (whole <= info.max)
    return np.where(inside, np.where(inside, whole, 0).astype(target), target.type(info.min))


class NumpyScalars:
    """`rnngraph.ops.scalar.Scalars` with S = arrays. `indices` are the positions of the elements, an array an axis."""

    def __init__(self, indices: Sequence[Any] = ()) -> None:
        self.indices = indices

    def const(self, value: float, like: Scalar) -> Scalar:
        """A constant of `like`'s dtype."""
        return like.dtype.type(value)

    def typed(self, value: float, dtype: str) -> Scalar:
        """A constant of the named dtype."""
        return np.dtype(dtype).type(value)

    def index(self, axis: int) -> Scalar:
        """The positions along `axis`, int64."""
        return np.asarray(self.indices[axis], np.int64)

    def cast(self, x: Scalar, dtype: str) -> Scalar:
        """TensorFlow's cast."""
        target = np.dtype(dtype)
        with np.errstate(all="ignore"):
            return _from_float(x, target) if x.dtype.kind == "f" and target.kind in "iu" else x.astype(target)

    def bitcast(self, x: Scalar, dtype: str) -> Scalar:
        """The same bits as another dtype of that size."""
        return x.view(dtype)

    def shl(self, x: Scalar, bits: int) -> Scalar:
        """Shift left."""
        return x << x.dtype.type(bits)

    def shr(self, x: Scalar, bits: int) -> Scalar:
        """Logical shift right."""
        unsigned = x.view(f"u{x.dtype.itemsize}")
        return (unsigned >> unsigned.dtype.type(bits)).view(x.dtype)

    add = _quietly(np.add)
    sub = _quietly(np.subtract)
    mul = _quietly(np.multiply)
    div = _quietly(np.true_divide)
    fma = _quietly(_fma)
    idiv = _quietly(_divided)
    imod = _quietly(_remainder)
    neg = _quietly(np.negative)
    abs = _quietly(np.abs)
    min = _quietly(np.minimum)
    max = _quietly(np.maximum)
    exp = _quietly(np.exp)
    expm1 = _quietly(np.expm1)
    log = _quietly(np.log)
    log1p = _quietly(np.log1p)
    sqrt = _quietly(np.sqrt)
    tanh = _quietly(np.tanh)
    sigmoid = _quietly(_sigmoid)
    sin = _quietly(np.sin)
    cos = _quietly(np.cos)
    erf = _quietly(_erf)
    floor = _quietly(np.floor)
    ceil = _quietly(np.ceil)
    rint = _quietly(np.rint)
    eq = _quietly(np.equal)
    ne = _quietly(np.not_equal)
    lt = _quietly(np.less)
    le = _quietly(np.less_equal)
    select = _quietly(np.where)
    bit_and = _quietly(np.bitwise_and)
    bit_or = _quietly(np.bitwise_or)
    bit_xor = _quietly(np.bitwise_xor)
    bit_not = _quietly(np.invert)
