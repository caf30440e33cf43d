"""Elementwise ops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support.eager.core import Bad, Skip, T, as_tensor, like, near, op, run, same


def _sigmoid(x: Any) -> Any:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


_ERF = np.vectorize(math.erf, otypes=[np.float64])
SELU = (1.0507009873554804934193349852946, 1.6732632423543772848170429916717)


def kinked(f: Callable[[Any], Any], at: tuple[float, ...]) -> Callable[[Any], Any]:
    """`f`, whose value or derivative jumps at these places."""
    def made(x: Any) -> Any:
        for place in at:
            near(np.asarray(x) - place)
        return f(x)
    return made


def _stepped(f: Callable[[Any], Any], shift: float) -> Callable[[Any], Any]:
    def made(x: Any) -> Any:
        near(x + shift - np.rint(x + shift))
        return f(x)
    return made


UNARY: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh, "sigmoid": _sigmoid, "negative": np.negative, "square": np.square, "sin": np.sin, "cos": np.cos,
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x, "erf": _ERF, "erfc": lambda x: 1 - _ERF(x), "atan": np.arctan, "asin": np.arcsin,
    "acos": np.arccos, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh,
    "log_sigmoid": lambda x: -_softplus(-x), "abs": kinked(np.abs, (0,)), "sign": kinked(np.sign, (0,)),
    "floor": _stepped(np.floor, 0), "ceil": _stepped(np.ceil, 0), "round": _stepped(np.rint, 0.5),
    "rint": _stepped(np.rint, 0.5), "nn.softplus": _softplus, "nn.relu": kinked(lambda x: np.maximum(x, 0), (0,)),
    "nn.relu6": kinked(lambda x: np.clip(x, 0, 6), (0, 6)),
    "nn.elu": kinked(lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), (0,)),
    "nn.selu": kinked(lambda x: SELU[0] * np.where(x > 0, x, SELU[1] * np.expm1(np.minimum(x, 0))), (0,)),
    "nn.softsign": lambda x: x / (1 + np.abs(x)), "nn.leaky_relu": kinked(lambda x: np.where(x > 0, x, 0.2 * x), (0,)),
}


def _unary(f: Callable[[Any], Any]) -> Callable[..., Any]:
    def made(x: Any, name: Any = None) -> Any:
        return np.asarray(f(x)).astype(np.asarray(x).dtype)
    return op(made)


def _extreme(f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def made(a: Any, b: Any) -> Any:
        if a.dtype.kind == "f":
            near(a - b)
        return f(a, b)
    return made


def _whole(f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def made(a: Any, b: Any) -> Any:
        if a.dtype.kind == "f":
            near(a / b - np.rint(a / b))
        elif (np.broadcast_arrays(a, b)[1] == 0).any():
            raise Bad("division by zero")
        return f(a, b)
    return made


def _divide(a: Any, b: Any) -> Any:
    if a.dtype.kind != "f":
        raise Skip("divisions of whole numbers have other names")
    return a / b


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": _divide, "realdiv": _divide,
    "pow": np.power, "squared_difference": lambda a, b: (a - b) ** 2, "maximum": _extreme(np.maximum),
    "minimum": _extreme(np.minimum), "floordiv": _whole(np.floor_divide), "floormod": _whole(np.mod),
    "truncatediv": _whole(lambda a, b: np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))),
    "truncatemod": _whole(lambda a, b: np.fmod(a, b)),
}


def _compare(f: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def made(x: Any, y: Any, name: Any = None) -> Any:
        a, b = like(x, y)
        if a.dtype.kind == "f":
            near(a - b)
        return f(a, b)
    return op(made)


COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "less": np.less, "less_equal": np.less_equal, "greater": np.greater, "greater_equal": np.greater_equal,
    "equal": np.equal, "not_equal": np.not_equal,
}
LOGIC: dict[str, Callable[..., Any]] = {
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
    "logical_not": np.logical_not, "is_nan": np.isnan, "is_inf": np.isinf, "is_finite": np.isfinite,
}


@op
def cast(x: Any, dtype: Any, name: Any = None) -> Any:
    """tf.cast."""
    x, dtype = np.asarray(x), np.dtype(dtype)
    if x.dtype.kind == "f" and dtype.kind in "ib":
        near(x - np.trunc(x) if dtype.kind == "i" else x)
        near(1 - np.abs(x - np.trunc(x)))
    return x.astype(dtype)


@op
def where3(condition: Any, x: Any, y: Any) -> Any:
    """tf.where of three: the condition has x's shape, or is a vector that chooses rows."""
    if x.shape != y.shape or (condition.shape != x.shape and condition.shape not in ((), x.shape[:1])):
        raise Bad("where")
    return np.where(condition.reshape(condition.shape + (1,) * (x.ndim - condition.ndim)), x, y)


@op
def add_n(inputs: Any, name: Any = None) -> Any:
    """tf.add_n."""
    if len({i.shape for i in inputs}) > 1:
        raise Bad("add_n")
    return sum(inputs[1:], inputs[0]).astype(inputs[0].dtype)


@op
def clip_by_value(x: Any, low: Any, high: Any) -> Any:
    """tf.clip_by_value."""
    near(x - low)
    near(x - high)
    return np.minimum(np.maximum(x, np.asarray(low, x.dtype)), np.asarray(high, x.dtype))


def stop_gradient(x: Any) -> T:
    """tf.stop_gradient."""
    run().stopped = True
    return as_tensor(x)


def identity(x: Any, name: Any = None) -> T:
    """tf.identity."""
    t = as_tensor(x)
    return T(t.a, t.loose, t.fixed)


def _operators() -> None:
    pairs = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floordiv",
             "mod": "floormod", "pow": "pow"}
    for method, name in pairs.items():
        f = EXPORTS[name]
        setattr(T, f"__{method}__", lambda a, b, f=f: f(a, b))
        setattr(T, f"__r{method}__", lambda a, b, f=f: f(b, a))
    for method, name in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}.items():
        setattr(T, f"__{method}__", EXPORTS[name])
    T.__neg__ = lambda a: EXPORTS["negative"](a)  # type: ignore[attr-defined]
    T.__abs__ = lambda a: EXPORTS["abs"](a)  # type: ignore[attr-defined]
    T.__invert__ = lambda a: EXPORTS["logical_not"](a)  # type: ignore[attr-defined]


EXPORTS: dict[str, Any] = {
    **{name: _unary(f) for name, f in UNARY.items()}, **{name: op(same(f)) for name, f in BINARY.items()},
    **{name: _compare(f) for name, f in COMPARE.items()}, **{name: op(f) for name, f in LOGIC.items()},
    "cast": cast, "to_float": lambda x: cast(x, np.float32), "to_int32": lambda x: cast(x, np.int32), "add_n": add_n,
    "clip_by_value": clip_by_value, "stop_gradient": stop_gradient, "identity": identity,
}
_operators()
