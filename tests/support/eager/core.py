"""Eager tensors, the current run, and the decorator that makes NumPy functions into ops."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np


class Bad(Exception):
    """The program asks for something that fails when it runs."""


class Skip(Exception):
    """What is asked for has a result that nothing promises, or is not modelled."""


@dataclass
class Run:
    """What one execution of a program reads and leaves."""

    feeds: dict[str, Any]
    initial: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    margin: float = np.inf
    """How near a float came to a place where a whole number or a truth value that is made of it jumps."""
    wrote: bool = False
    stopped: bool = False
    """Whether a gradient was stopped, so that differences do not tell it."""


_current: list[Run] = []


def run() -> Run:
    """The execution that is going on."""
    return _current[-1]


@contextmanager
def running(r: Run) -> Iterator[Run]:
    """Ops belong to `r` inside."""
    _current.append(r)
    try:
        with np.errstate(all="ignore"):
            yield r
    finally:
        _current.pop()


def near(distance: Any) -> None:
    """Note distances from a jump."""
    found = np.asarray(distance, np.float64)
    if found.size:
        run().margin = min(run().margin, float(np.nanmin(np.abs(found), initial=np.inf)))


class Sizes(tuple[int, ...]):
    """A shape, and whether a graph surely knows it."""

    fixed: bool

    def __new__(cls, shape: tuple[int, ...], known: bool) -> Sizes:
        """Sizes of a tensor."""
        made = super().__new__(cls, shape)
        made.fixed = known
        return made


class T:
    """An eager tensor. `loose`: only its shape and dtype are known. `fixed`: its shape is known when a graph is built."""

    __array_priority__ = 1000

    def __init__(self, a: Any, loose: bool = False, fixed: bool = True) -> None:
        self.a = np.asarray(a)
        self.loose = loose
        self.fixed = fixed

    @property
    def dtype(self) -> Any:
        """The NumPy type."""
        return self.a.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of this execution."""
        return self.a.shape

    def get_shape(self) -> Sizes:
        """What a graph knows of the sizes: here all."""
        return Sizes(self.a.shape, self.fixed)

    def set_shape(self, shape: Any) -> None:
        """Must agree, if the graph knows what it is told."""
        if len(shape) != self.a.ndim or any(d is not None and d != n for d, n in zip(shape, self.a.shape, strict=True)):
            raise Bad("set_shape") if getattr(shape, "fixed", True) else Skip("sizes that a graph may know or not")

    def __repr__(self) -> str:
        return f"T({self.a!r}{', loose' if self.loose else ''})"

    def __bool__(self) -> bool:
        raise TypeError("a tensor is no Python bool")

    def __iter__(self) -> Any:
        raise TypeError("a tensor cannot be iterated")


def leaves(x: Any) -> Iterator[Any]:
    """The parts of nested lists, tuples and dicts."""
    if isinstance(x, (list, tuple)):
        for item in x:
            yield from leaves(item)
    elif isinstance(x, dict):
        for key in sorted(x):
            yield from leaves(x[key])
    else:
        yield x


def loose(*xs: Any) -> bool:
    """Whether any part is."""
    return any(x.loose for x in leaves(xs) if isinstance(x, T))


def fixed(*xs: Any) -> bool:
    """Whether all parts are."""
    return all(x.fixed for x in leaves(xs) if isinstance(x, T))


def raw(x: Any) -> Any:
    """The arrays of nested structures, Python numbers as they are."""
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)(raw(i) for i in x)
    return as_tensor(x).a if isinstance(x, T) or hasattr(x, "value_now") else x


def as_tensor(x: Any, dtype: Any = None) -> T:
    """A tensor of a number, list, variable or tensor, of the dtype that TensorFlow gives."""
    if isinstance(x, T):
        return x
    if hasattr(x, "value_now"):
        return x.value_now()
    if isinstance(x, (list, tuple)) and any(isinstance(i, T) for i in leaves(x)):
        parts = [as_tensor(i, dtype) for i in x]
        first = next(i.dtype for i in x if isinstance(i, T))
        return T(np.stack([p.a.astype(first) if not isinstance(i, T) else p.a for p, i in zip(parts, x, strict=True)]),
                 loose(parts), True)
    a = np.asarray(x)
    if dtype is not None:
        a = a.astype(dtype)
    elif not isinstance(x, (np.ndarray, np.generic)):
        a = a.astype({"f": np.float32, "i": np.int32}.get(a.dtype.kind, a.dtype))
    return T(a)


def whole(x: Any) -> int:
    """An int of a number or scalar tensor."""
    a = np.asarray(raw(x))
    if a.ndim or a.dtype.kind not in "iu":
        raise Skip("a whole scalar is wanted")
    return int(a)


def sizes(x: Any) -> tuple[int, ...]:
    """A shape: numbers, tensors, or a vector."""
    found = tuple(whole(i) for i in x) if isinstance(x, (list, tuple)) else tuple(int(i) for i in np.asarray(raw(x)))
    return found


def op(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` of arrays as an op of tensors; the results are loose if an operand is, fixed if all are."""
    @functools.wraps(f)
    def made(*args: Any, **kwargs: Any) -> Any:
        args = tuple(as_tensor(a) if hasattr(a, "value_now") else a for a in args)
        try:
            result = f(*(raw(a) for a in args), **{k: raw(v) for k, v in kwargs.items()})
        except (ValueError, IndexError) as error:
            raise Bad(f"{f.__name__}: {error}") from None
        return wrapped(result, loose(args, list(kwargs.values())), fixed(args, list(kwargs.values())))
    return made


def wrapped(x: Any, is_loose: bool, is_fixed: bool) -> Any:
    """Tensors of arrays."""
    if isinstance(x, (list, tuple)):
        return [wrapped(i, is_loose, is_fixed) for i in x]
    return T(x, is_loose, is_fixed)


def sized(x: Any) -> Any:
    """The same tensors, of sizes that only a run knows."""
    for t in leaves(x):
        t.fixed = False
    return x


def like(x: Any, y: Any) -> tuple[Any, Any]:
    """Two operands of one dtype, a Python number or list taking that of the other."""
    for v in (x, y):
        if isinstance(v, (np.ndarray, np.generic)):
            dtype = np.asarray(v).dtype
            break
    else:
        dtype = as_tensor(x).dtype
    a, b = (np.asarray(v) if isinstance(v, (np.ndarray, np.generic)) else np.asarray(v).astype(dtype) for v in (x, y))
    if a.dtype != b.dtype:
        raise Skip(f"dtypes {a.dtype} and {b.dtype}")
    return a, b


def same(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` of two operands of one dtype; the result has it too."""
    @functools.wraps(f)
    def made(x: Any, y: Any, **kwargs: Any) -> Any:
        a, b = like(x, y)
        return np.asarray(f(a, b, **kwargs)).astype(a.dtype)
    made.__name__ = getattr(f, "__name__", "binary")
    return made


EXPORTS: dict[str, Any] = {
    "float32": np.float32, "float64": np.float64, "int32": np.int32, "int64": np.int64, "bool": np.bool_,
    "TensorShape": lambda dims: dims, "newaxis": None, "convert_to_tensor": as_tensor,
    "constant": lambda value, dtype=None, shape=None, name=None: as_tensor(
        np.broadcast_to(np.asarray(value, dtype), shape) if shape is not None else value, dtype),
}
