"""Functions on single elements: arithmetic, comparison, logic, casts (ops catalogue, tiers A and B).

Functions take the dtype of their first argument and cast nothing. Python's operators are in `operators`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from rnngraph.frontend.framework.casts import cast
from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit
from rnngraph.frontend.framework.indexed_slices import IndexedSlices, convert_to_tensor_or_indexed_slices
from rnngraph.frontend.framework.make import binary, hidden, pair, unary
from rnngraph.frontend.framework.shapes import TensorShape
from rnngraph.ir.types import DType, as_dtype, bool_, complex64, float32, float64

Unary = Callable[..., Tensor]


def _function(op: str, kind: str, doc: str, label: str = "x") -> Unary:
    """A public function of one tensor: `(x, name=None)`."""
    if label == "features":
        def function(features: Any, name: str | None = None) -> Tensor:
            return unary(op, kind, features, name, label="features")
    else:
        def function(x: Any, name: str | None = None) -> Tensor:  # type: ignore[misc]
            return unary(op, kind, x, name)
    function.__doc__ = doc + " Raises TypeError for a dtype that it does not take."
    return function


def _binary(op: str, kind: str, doc: str, dtype: DType | None = None) -> Callable[..., Tensor]:
    """A public function of two tensors: `(x, y, name=None)`."""
    def function(x: Any, y: Any, name: str | None = None) -> Tensor:
        return binary(op, kind, x, y, name, dtype=dtype)
    function.__doc__ = f"{doc} Operands broadcast and have one dtype. Raises TypeError, ValueError (`must be equal`)."
    return function


# --- one tensor -------------------------------------------------------------------------------------------------------

tanh = _function("tanh", "Tanh", "Hyperbolic tangent. Source: tf.tanh.")
exp = _function("exp", "Exp", "e to the x. Source: tf.exp.")
expm1 = _function("expm1", "Expm1", "exp(x) - 1, exact near 0. Source: tf.expm1.")
log = _function("log", "Log", "Natural logarithm. Source: tf.log.")
log1p = _function("log1p", "Log1p", "log(1 + x), exact near 0. Source: tf.log1p.")
sqrt = _function("sqrt", "Sqrt", "Square root. Source: tf.sqrt.")
rsqrt = _function("rsqrt", "Rsqrt", "1 / sqrt(x). Source: tf.rsqrt.")
square = _function("square", "Square", "x * x. Source: tf.square.")
negative = _function("neg", "Neg", "-x. Source: tf.negative.")
sign = _function("sign", "Sign", "-1, 0 or 1. Source: tf.sign.")
floor = _function("floor", "Floor", "The largest integer <= x. Source: tf.floor.")
ceil = _function("ceil", "Ceil", "The smallest integer >= x. Source: tf.ceil.")
rint = _function("rint", "Rint", "The nearest integer, ties to even. Source: tf.rint.")
reciprocal = _function("reciprocal", "Reciprocal", "1 / x. Source: tf.reciprocal.")
sigmoid = _function("sigmoid", "Sigmoid", "1 / (1 + exp(-x)). Source: tf.sigmoid.")
sin = _function("sin", "Sin", "Sine. Source: tf.sin.")
cos = _function("cos", "Cos", "Cosine. Source: tf.cos.")
tan = _function("tan", "Tan", "Tangent. Source: tf.tan.")
asin = _function("asin", "Asin", "Inverse sine. Source: tf.asin.")
acos = _function("acos", "Acos", "Inverse cosine. Source: tf.acos.")
atan = _function("atan", "Atan", "Inverse tangent. Source: tf.atan.")
erf = _function("erf", "Erf", "The error function. Source: tf.erf.")
is_nan = _function("is_nan", "IsNan", "Whether x is not a number; bool. Source: tf.is_nan.")
is_inf = _function("is_inf", "IsInf", "Whether x is infinite; bool. Source: tf.is_inf.")
is_finite = _function("is_finite", "IsFinite", "Whether x is a finite number; bool. Source: tf.is_finite.")


def abs(x: Any, name: str | None = None) -> Tensor:
    """Absolute value, of floats, integers and complex numbers (a float then). Source: tf.abs."""
    if isinstance(x, Tensor) and x.dtype.is_complex:
        real = float32 if x.dtype == complex64 else float64
        return unary("complex_abs", "ComplexAbs", x, name, attrs={"dtype": real})
    return unary("abs", "Abs", x, name)


def round(x: Any, name: str | None = None) -> Tensor:
    """The nearest integer, ties to even; integers as they are. Source: tf.round."""
    tensor = convert_to_tensor(x, name="x")
    return tensor if tensor.dtype.is_integer else unary("round", "Round", tensor, name)


def logical_not(x: Any, name: str | None = None) -> Tensor:
    """not x, of bools. Raises TypeError for other dtypes. Source: tf.logical_not."""
    return unary("logical_not", "LogicalNot", x, name, dtype=bool_)


def conj(x: Any, name: str | None = None) -> Tensor:
    """x itself: real numbers are their own conjugates. Raises TypeError for others. Source: tf.conj."""
    tensor = convert_to_tensor(x, name="x")
    if tensor.dtype.kind not in "fiu":
        raise TypeError(f"Expected numeric tensor, got dtype {tensor.dtype.name}; complex tensors are not supported.")
    return tensor


def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """log(sigmoid(x)), as -softplus(-x). Source: tf.log_sigmoid."""
    with op_scope("LogSigmoid" if name is None else name, (x,)) as scope:
        inner = unary("softplus", "Softplus", negative(convert_to_tensor(x, name="x")), None)
        return emit("neg", [inner], name=scope, type="Neg")


def sinh(x: Any, name: str | None = None) -> Tensor:
    """Hyperbolic sine. Source: tf.sinh."""
    with op_scope("Sinh" if name is None else name, (x,)) as scope:
        grown = expm1(convert_to_tensor(x, name="x"))
        return multiply(grown + grown / (grown + 1), hidden_tensor(0.5, grown), name=scope)


def cosh(x: Any, name: str | None = None) -> Tensor:
    """Hyperbolic cosine. Source: tf.cosh."""
    with op_scope("Cosh" if name is None else name, (x,)) as scope:
        grown = exp(convert_to_tensor(x, name="x"))
        return multiply(grown + 1 / grown, hidden_tensor(0.5, grown), name=scope)


def erfc(x: Any, name: str | None = None) -> Tensor:
    """1 - erf(x). Source: tf.erfc."""
    with op_scope("Erfc" if name is None else name, (x,)) as scope:
        inner = erf(convert_to_tensor(x, name="x"))
        return subtract(hidden_tensor(1, inner), inner, name=scope)


def hidden_tensor(value: Any, like: Tensor) -> Tensor:
    """A scalar constant of the dtype of `like`."""
    return convert_to_tensor(value, like.dtype)


# --- two tensors ------------------------------------------------------------------------------------------------------

add = _binary("add", "Add", "x + y. Source: tf.add.")
subtract = _binary("sub", "Sub", "x - y. Source: tf.subtract.")
multiply = _binary("mul", "Mul", "x * y. Source: tf.multiply.")
realdiv = _binary("div", "RealDiv", "x / y of floats. Source: tf.realdiv.")
maximum = _binary("maximum", "Maximum", "The larger of two. Source: tf.maximum.")
minimum = _binary("minimum", "Minimum", "The smaller of two. Source: tf.minimum.")
squared_difference = _binary("squared_difference", "SquaredDifference",
                             "(x - y) squared. Source: tf.squared_difference.")
less = _binary("less", "Less", "x < y; bool. Source: tf.less.")
less_equal = _binary("less_equal", "LessEqual", "x <= y; bool. Source: tf.less_equal.")
greater = _binary("greater", "Greater", "x > y; bool. Source: tf.greater.")
greater_equal = _binary("greater_equal", "GreaterEqual", "x >= y; bool. Source: tf.greater_equal.")
equal = _binary("equal", "Equal", "x == y; bool. Source: tf.equal.")
not_equal = _binary("not_equal", "NotEqual", "x != y; bool. Source: tf.not_equal.")
logical_and = _binary("logical_and", "LogicalAnd", "x and y, of bools. Source: tf.logical_and.", bool_)
logical_or = _binary("logical_or", "LogicalOr", "x or y, of bools. Source: tf.logical_or.", bool_)


def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Tensor:
    """Whether exactly one of x and y holds; bools. Source: tf.logical_xor."""
    return binary("logical_xor", "LogicalXor", x, y, name, dtype=bool_)


def pow(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x to the y; integers by way of float64, exact up to 2**53. Source: tf.pow."""
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        first, second = pair(x, y, "Pow")
        return power(first, second, "Pow" if name is None else name)
    with op_scope("Pow" if name is None else name, (x, y)) as scope:
        first, second = pair(x, y, "Pow")
        return power(first, second, scope)


def power(x: Tensor, y: Tensor, scope: str) -> Tensor:
    """x to the y of two tensors of one dtype."""
    if not x.dtype.is_integer:
        return emit("pow", [x, y], name=scope, type="Pow")
    wide = hidden(x, "pow", *(hidden(x, "cast", each, dtype=float64) for each in (x, y)))
    made = emit("cast", [hidden(x, "rint", wide)], {"dtype": x.dtype}, name=scope, type="Pow")
    made.op.inputs = [x, y]
    return made


BY_DTYPE: Final = {"FloorDiv": ("floordiv", "int_floordiv"), "FloorMod": ("floormod", "int_floormod")}
"""The ops for floats and for integers behind one op type of TensorFlow's."""


def _floored(kind: str, x: Any, y: Any, name: str | None) -> Tensor:
    """FloorDiv or FloorMod: one op in TensorFlow, two here, for floats and for integers."""
    with op_scope(kind if name is None else name, (x, y)) as scope:
        first, second = pair(x, y, kind)
        return emit(BY_DTYPE[kind][first.dtype.is_integer], [first, second], name=scope, type=kind)


def floor_div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The quotient rounded down; integers by 0 fail at run time. Source: tf.floor_div."""
    return _floored("FloorDiv", x, y, name)


def floormod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The remainder that has y's sign; integers by 0 fail at run time. Source: tf.floormod, tf.mod."""
    return _floored("FloorMod", x, y, name)


mod = floormod


def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The quotient rounded down, named `floordiv`. Source: tf.floordiv."""
    return _floored("FloorDiv", x, y, "floordiv" if name is None else name)


def truncatediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The quotient of integers, rounded towards zero. Raises TypeError for floats. Source: tf.truncatediv."""
    return binary("int_truncdiv", "TruncateDiv", x, y, name)


def truncatemod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The remainder that has x's sign. Source: tf.truncatemod."""
    with op_scope("TruncateMod" if name is None else name, (x, y)) as scope:
        first, second = pair(x, y, "TruncateMod")
        if first.dtype.is_integer:
            return emit("int_truncmod", [first, second], name=scope, type="TruncateMod")
        size = hidden(first, "floormod", hidden(first, "abs", first), hidden(first, "abs", second))
        return emit("mul", [size, hidden(first, "sign", first)], name=scope, type="TruncateMod")


_QUOTIENT: Final[dict[str, DType]] = {"uint8": float32, "int8": float32, "uint16": float32, "int16": float32,
                                      "int32": float64, "int64": float64}


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y; small integers become float32, int32 and int64 float64. Raises TypeError. Source: tf.truediv."""
    with op_scope("truediv" if name is None else name, (x, y)) as scope:
        first = convert_to_tensor(x, name="x")
        second = convert_to_tensor(y, None if isinstance(y, Tensor) else first.dtype, name="y")
        return divided(first, second, scope)


def divided(x: Tensor, y: Tensor, scope: str) -> Tensor:
    """The true quotient of two tensors of one dtype, named `scope`; casts of integers lie in the current scope."""
    if x.dtype != y.dtype:
        raise TypeError(f"x and y must have the same dtype, got {x.dtype!r} != {y.dtype!r}")
    wanted = _QUOTIENT.get(x.dtype.name)
    if wanted is not None:
        x, y = cast(x, wanted), cast(y, wanted)
    elif not x.dtype.is_floating:
        raise TypeError(f"Invalid dtype {x.dtype!r} in __truediv__: expected numbers.")
    return emit("div", [x, y], name=scope, type="RealDiv")


def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y by Python's operator. Source: tf.divide."""
    if name is not None:
        return truediv(x, y, name)
    try:
        return x / y
    except ZeroDivisionError:
        raise ValueError(f"divide({x!r}, {y!r}) divides Python numbers, by zero; make one a tensor.") from None


def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Division as in Python 2: rounded down for integers. Source: tf.div."""
    with op_scope("div" if name is None else name, (x, y)) as scope:
        first = convert_to_tensor(x, name="x")
        return python2_div(first, convert_to_tensor(y, first.dtype, name="y"), scope)


def python2_div(x: Tensor, y: Tensor, scope: str) -> Tensor:
    """The quotient of two tensors of one dtype, rounded down for integers."""
    if x.dtype.is_floating:
        return emit("div", [x, y], name=scope, type="RealDiv")
    return emit("int_floordiv", [x, y], name=scope, type="FloorDiv")


def scalar_mul(scalar: Any, x: Any) -> Any:
    """`scalar * x` for a scalar; x may be IndexedSlices. Raises ValueError (phrase: `Only scalar multiply works`)."""
    x = x if isinstance(x, IndexedSlices) else convert_to_tensor(x, name="x")
    scalar = convert_to_tensor(scalar, x.dtype, name="scalar")
    if scalar.shape.ndims != 0:
        raise ValueError(f"Only scalar multiply works, got shape {scalar.shape}")
    if isinstance(x, IndexedSlices):
        return IndexedSlices(scalar * x.values, x.indices, x.dense_shape)
    return scalar * x


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of tensors of one dtype and shape. Raises ValueError for none or for shapes that differ.

    One input is given back as it is, unless there is a name. Source: tf.add_n.
    """
    message = "inputs must be a list of at least one Tensor with the same dtype and shape"
    if isinstance(inputs, Tensor):
        raise TypeError(f"{message}, got {inputs!r}; write tf.add_n([tensor]).")
    if not inputs or not isinstance(inputs, list | tuple):
        raise ValueError(f"{message}, got {inputs!r}")
    items = [convert_to_tensor_or_indexed_slices(each) for each in inputs]
    if not all(isinstance(each, Tensor) for each in items):
        raise ValueError(f"{message}, got {inputs!r}; convert IndexedSlices with tf.convert_to_tensor")
    if len(items) == 1:
        return items[0] if not name else emit("identity", items, name=name, type="Identity")
    _check_same(items)
    total = items[0].value
    for each in items[1:-1]:
        total = hidden(each, "add", total, each)
    made = emit("add", [total, items[-1]], name=name, type="AddN")
    made.op.inputs = list(items)
    return made


def _check_same(items: list[Tensor]) -> None:
    if any(each.dtype != items[0].dtype for each in items):
        raise TypeError("Tensors in list passed to 'inputs' of 'AddN' Op have types "
                        f"[{', '.join(each.dtype.name for each in items)}] that don't all match.")
    shape = TensorShape(None)
    for each in items:
        if not shape.is_compatible_with(each.shape):
            raise ValueError("Dimensions must be equal: inputs of 'AddN' must have one shape, but have "
                             f"{', '.join(str(each.shape) for each in items)}.")
        shape = shape.merge_with(each.shape)


def accumulate_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Tensor:
    """The sum of tensors of one dtype and shape, both of which may be demanded. Source: tf.accumulate_n."""
    if not inputs or not isinstance(inputs, list | tuple):
        raise ValueError("inputs must be a list of at least one Tensor with the same dtype and shape")
    with op_scope("AccumulateN" if name is None else name, (inputs,)) as scope:
        items = [convert_to_tensor(each) for each in inputs]
        if any(each.dtype != items[0].dtype for each in items):
            raise ValueError("inputs must be a list of at least one Tensor with the same dtype and shape")
        if tensor_dtype is not None and as_dtype(tensor_dtype) != items[0].dtype:
            raise TypeError(f"tensor_dtype is {tensor_dtype}, but input is of type {items[0].dtype}")
        merged = TensorShape(shape)
        for each in items:
            merged = merged.merge_with(each.shape)
        return items[0] if len(items) == 1 and name is None else add_n(items, name=scope)


# --- casts ------------------------------------------------------------------------------------------------------------


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """A cast in which what does not fit becomes the nearest value that does. Source: tf.saturate_cast."""
    wanted = as_dtype(dtype)
    with op_scope("saturate_cast" if name is None else name, (value,)) as scope:
        value = convert_to_tensor(value, name="value")
        if value.dtype.min < wanted.min:
            value = maximum(value, convert_to_tensor(np.asarray(wanted.min), value.dtype, name="min"))
        if value.dtype.max > wanted.max:
            value = minimum(value, convert_to_tensor(np.asarray(wanted.max), value.dtype, name="max"))
        return cast(value, wanted, name=scope)
