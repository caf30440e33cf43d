"""Elementwise ops on numbers: unary functions, arithmetic, activations, selection and casts.

A gradient rule `grad(g, *operands, result)` ignores broadcasting: the reverse walk sums where an operand was smaller.
The scalar body repeats the NumPy reference on purpose (see `scalar`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call
from rnngraph.ir.op import Attr, Content, Site
from rnngraph.ir.sizes import add, maximum, minimum, mul, sub
from rnngraph.ir.types import DType, as_dtype, bool_
from rnngraph.ops import known_elements
from rnngraph.ops.build import cast, masked, number, select, zeros_like
from rnngraph.ops.declare import ANY, BOOLS, FLOATS, REALS, elementwise

# --- bodies and rules that need more than a line ----------------------------------------------------------------


def sign_body(s: Any, x: Any) -> Any:
    """-1, 0 or 1; NaN for NaN."""
    zero, one = s.const(0, x), s.const(1, x)
    return s.select(s.lt(zero, x), one, s.select(s.lt(x, zero), s.neg(one), s.mul(x, zero)))


def relu_rule(g: Value, x: Value, y: Value) -> Value:
    """The result is kept rather than the operand: it is needed by what follows anyway."""
    return masked(call("greater", y, number(0, y)), g)


def _relu6_rule(g: Value, x: Value, y: Value) -> Value:
    return masked(call("logical_and", call("greater", y, number(0, y)), call("less", y, number(6, y))), g)


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _selu_body(s: Any, x: Any) -> Any:
    below = s.mul(s.expm1(x), s.const(SELU_SCALE * SELU_ALPHA, x))
    return s.select(s.lt(s.const(0, x), x), s.mul(x, s.const(SELU_SCALE, x)), below)


def _selu_rule(g: Value, x: Value, y: Value) -> Value:
    return g * select(call("less", y, number(0, y)), y + SELU_SCALE * SELU_ALPHA, SELU_SCALE)


def _softplus_body(s: Any, x: Any) -> Any:
    return s.add(s.max(x, s.const(0, x)), s.log1p(s.exp(s.neg(s.abs(x)))))


def _pow_body(s: Any, x: Any, y: Any) -> Any:
    """exp(y log|x|); where the logarithm is large its rounding error is found and put back."""
    zero, one, size = s.const(0, x), s.const(1, x), s.abs(x)
    log = s.log(size)
    # exp(-log) is off by what log is off. Below 1 the error of log is smaller than that of this correction; the
    # other limit keeps exp from overflowing.
    worth = s.bit_and(s.lt(one, s.abs(log)), s.lt(s.abs(log), s.const(80, x)))
    rest = s.select(worth, s.fma(size, s.exp(s.neg(s.select(worth, log, zero))), s.const(-1, x)), zero)
    product = s.mul(y, log)
    correction = s.fma(y, rest, s.fma(y, log, s.neg(product)))
    found = s.exp(product)
    found = s.select(s.lt(s.abs(correction), one), s.fma(found, correction, found), found)
    half = s.mul(y, s.const(0.5, y))
    whole, odd = s.eq(s.floor(y), y), s.ne(s.floor(half), half)
    negative = s.select(whole, s.select(odd, s.neg(found), found), s.const(math.nan, x))
    found = s.select(s.lt(x, zero), negative, found)
    general = s.select(s.bit_or(s.eq(y, zero), s.eq(x, one)), one, found)
    # The powers that losses are made of are exact.
    return s.select(s.eq(y, one), x, s.select(s.eq(y, s.const(2, y)), s.mul(x, x), general))


def _pow_rule(g: Value, x: Value, y: Value, z: Value) -> tuple[Value, Value]:
    # The logarithm of what is not positive counts as 0; the inner selection keeps NaN out of higher derivatives.
    positive = call("greater", x, number(0, x))
    log = masked(positive, call("log", select(positive, x, 1)))
    return g * y * call("pow", x, y - 1), g * z * log


def _floormod_body(s: Any, x: Any, y: Any) -> Any:
    """The remainder is exact for a quotient that is; the quotient may be one off, which the selections repair."""
    zero = s.const(0, x)
    rest = s.fma(s.neg(s.floor(s.div(x, y))), y, x)
    wrong = s.bit_and(s.ne(rest, zero), s.bit_xor(s.lt(rest, zero), s.lt(y, zero)))
    rest = s.select(wrong, s.add(rest, y), rest)
    return s.select(s.le(s.abs(y), s.abs(rest)), s.sub(rest, y), rest)


def _maximum_rule(compare: str) -> Any:
    def rule(g: Value, x: Value, y: Value, z: Value) -> tuple[Value, Value]:
        first = call(compare, x, y)
        return masked(first, g), select(first, zeros_like(g), g)
    return rule


def _select_rule(g: Value, condition: Value, x: Value, y: Value, z: Value) -> tuple[None, Value, Value]:
    return None, masked(condition, g), select(condition, zeros_like(g), g)


def _select_content(site: Site) -> Content:
    shifted = Site(site.types[1:], site.contents[1:], site.attrs, site.sizes)
    return known_elements.binary(known_elements.equal_or_unknown)(shifted)


# --- unary -------------------------------------------------------------------------------------------------------

elementwise("neg", "-x.", np.negative, lambda s, x: s.neg(x), REALS, grad=lambda g, x, y: -g,
            content=known_elements.unary(known_elements.negative))
elementwise("abs", "Absolute value; its derivative at 0 is 0.", np.abs, lambda s, x: s.abs(x), REALS,
            grad=lambda g, x, y: g * call("sign", x), content=known_elements.unary(known_elements.absolute))
elementwise("sign", "-1, 0 or 1; the gradient is zeros.", np.sign, sign_body, REALS,
            grad=lambda g, x, y: zeros_like(g))
elementwise("exp", "e to the x.", np.exp, lambda s, x: s.exp(x), FLOATS, grad=lambda g, x, y: g * y)
elementwise("expm1", "e to the x, minus 1, exact near 0.", np.expm1, lambda s, x: s.expm1(x), FLOATS,
            grad=lambda g, x, y: g * call("exp", x))
elementwise("log", "Natural logarithm.", np.log, lambda s, x: s.log(x), FLOATS, grad=lambda g, x, y: g / x)
elementwise("log1p", "log(1 + x), exact near 0.", np.log1p, lambda s, x: s.log1p(x), FLOATS,
            grad=lambda g, x, y: g / (1.0 + x))
elementwise("sqrt", "Square root; its derivative at 0 is infinite.", np.sqrt, lambda s, x: s.sqrt(x), FLOATS,
            grad=lambda g, x, y: g * 0.5 / y)
elementwise("rsqrt", "1 / sqrt(x).", lambda x: 1 / np.sqrt(x), lambda s, x: s.div(s.const(1, x), s.sqrt(x)), FLOATS,
            grad=lambda g, x, y: g * -0.5 * (y * y * y))
elementwise("square", "x * x.", np.square, lambda s, x: s.mul(x, x), REALS, grad=lambda g, x, y: g * (x * 2),
            content=known_elements.unary(lambda d: mul(d, d)))
elementwise("reciprocal", "1 / x.", lambda x: 1 / x, lambda s, x: s.div(s.const(1, x), x), FLOATS,
            grad=lambda g, x, y: -g * (y * y))
elementwise("tanh", "Hyperbolic tangent.", np.tanh, lambda s, x: s.tanh(x), FLOATS,
            grad=lambda g, x, y: g * (1.0 - y * y))
elementwise("sigmoid", "1 / (1 + exp(-x)).", lambda x: 1 / (1 + np.exp(-x)), lambda s, x: s.sigmoid(x), FLOATS,
            grad=lambda g, x, y: g * (y * (1.0 - y)))
elementwise("sin", "Sine.", np.sin, lambda s, x: s.sin(x), FLOATS, grad=lambda g, x, y: g * call("cos", x))
elementwise("cos", "Cosine.", np.cos, lambda s, x: s.cos(x), FLOATS, grad=lambda g, x, y: -g * call("sin", x))
elementwise("complex_abs", "The absolute value of a complex number, a float.", lambda x, dtype: np.abs(x), None, "c",
            result="dtype", attrs={"dtype": Attr("dtype")})
elementwise("tan", "Tangent.", np.tan, lambda s, x: s.div(s.sin(x), s.cos(x)), FLOATS,
            grad=lambda g, x, y: g * (1.0 + y * y))
elementwise("asin", "Inverse sine.", np.arcsin, None, FLOATS,
            grad=lambda g, x, y: g * call("rsqrt", 1.0 - x * x))
elementwise("acos", "Inverse cosine.", np.arccos, None, FLOATS,
            grad=lambda g, x, y: -g * call("rsqrt", 1.0 - x * x))
elementwise("atan", "Inverse tangent.", np.arctan, None, FLOATS, grad=lambda g, x, y: g / (1.0 + x * x))
elementwise("erf", "The error function.", np.vectorize(math.erf, otypes=[np.float64]), lambda s, x: s.erf(x), FLOATS,
            grad=lambda g, x, y: g * (2 / math.sqrt(math.pi)) * call("exp", -(x * x)))
elementwise("floor", "The largest integer <= x.", np.floor, lambda s, x: s.floor(x), FLOATS)
elementwise("ceil", "The smallest integer >= x.", np.ceil, lambda s, x: s.ceil(x), FLOATS)
elementwise("round", "The nearest integer, ties to even (as `rint`).", np.rint, lambda s, x: s.rint(x), FLOATS)
elementwise("rint", "The nearest integer, ties to even.", np.rint, lambda s, x: s.rint(x), FLOATS)
elementwise("relu", "max(x, 0); its derivative at 0 is 0.", lambda x: np.maximum(x, 0),
            lambda s, x: s.max(x, s.const(0, x)), REALS, grad=relu_rule)
elementwise("relu6", "x clipped to [0, 6].", lambda x: np.clip(x, 0, 6),
            lambda s, x: s.min(s.max(x, s.const(0, x)), s.const(6, x)), REALS, grad=_relu6_rule)
elementwise("elu", "x, or exp(x) - 1 below 0.", lambda x: np.where(x < 0, np.expm1(x), x),
            lambda s, x: s.select(s.lt(x, s.const(0, x)), s.expm1(x), x), FLOATS,
            grad=lambda g, x, y: g * select(call("less", y, number(0, y)), y + 1, 1))
elementwise("selu", "The scaled `elu` of self-normalising networks (Klambauer et al. 2017).",
            lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x)), _selu_body, FLOATS, grad=_selu_rule)
elementwise("softplus", "log(1 + exp(x)).", lambda x: np.logaddexp(x, np.zeros_like(x)), _softplus_body, FLOATS,
            grad=lambda g, x, y: g * call("sigmoid", x))
elementwise("softsign", "x / (1 + |x|).", lambda x: x / (1 + np.abs(x)),
            lambda s, x: s.div(x, s.add(s.const(1, x), s.abs(x))), FLOATS,
            grad=lambda g, x, y: g / call("square", 1.0 + call("abs", x)))

# --- binary ------------------------------------------------------------------------------------------------------

elementwise("add", "x + y.", np.add, lambda s, x, y: s.add(x, y), REALS, grad=lambda g, x, y, z: (g, g),
            content=known_elements.binary(add))
elementwise("sub", "x - y.", np.subtract, lambda s, x, y: s.sub(x, y), REALS, grad=lambda g, x, y, z: (g, -g),
            content=known_elements.binary(sub))
elementwise("mul", "x * y.", np.multiply, lambda s, x, y: s.mul(x, y), REALS,
            grad=lambda g, x, y, z: (g * y, g * x), content=known_elements.binary(mul))
elementwise("div", "x / y of floats; by 0 gives inf or NaN.", np.true_divide, lambda s, x, y: s.div(x, y), FLOATS,
            grad=lambda g, x, y, z: (g / y, -g * (z / y)))
elementwise("floordiv", "floor(x / y) of floats.", lambda x, y: np.floor(x / y),
            lambda s, x, y: s.floor(s.div(x, y)), FLOATS)
elementwise("floormod", "x - floor(x / y) * y of floats: the sign is y's.", np.mod, _floormod_body, FLOATS,
            grad=lambda g, x, y, z: (g, -g * call("floordiv", x, y)))
elementwise("pow", "x to the y. The derivative by y takes log(x) as 0 where x <= 0.", np.power, _pow_body, FLOATS,
            grad=_pow_rule)
elementwise("maximum", "The larger of two; the first operand has the gradient of a tie.", np.maximum,
            lambda s, x, y: s.max(x, y), REALS, grad=_maximum_rule("greater_equal"), content=known_elements.binary(maximum))
elementwise("minimum", "The smaller of two; the first operand has the gradient of a tie.", np.minimum,
            lambda s, x, y: s.min(x, y), REALS, grad=_maximum_rule("less_equal"), content=known_elements.binary(minimum))
elementwise("squared_difference", "(x - y) squared.", lambda x, y: np.square(x - y),
            lambda s, x, y: s.mul(s.sub(x, y), s.sub(x, y)), REALS,
            grad=lambda g, x, y, z: (g * (x - y) * 2, g * (y - x) * 2))

# --- selection, casts, copies ------------------------------------------------------------------------------------

elementwise("select", "x where the condition holds, else y, element by element.", np.where,
            lambda s, condition, x, y: s.select(condition, x, y), ANY, mask=True, grad=_select_rule,
            content=_select_content)


def _to_integer(x: Any, dtype: np.dtype[Any]) -> Any:
    """Truncated; NaN and what is out of range become the smallest integer."""
    info = np.iinfo(dtype)
    whole = np.trunc(x.astype(np.float64))
    # float(info.max) may round up to a number that is out of range, hence >=.
    good = (whole >= float(info.min)) & (whole < float(info.max) + (1 if info.bits < 64 else 0))
    return np.where(good, np.where(good, whole, 0).astype(dtype), info.min)


def converted(x: Any, dtype: DType) -> Any:
    """TensorFlow's cast, on arrays."""
    if x.dtype.kind == "f" and dtype.is_integer:
        return _to_integer(x, dtype.numpy)
    return x != 0 if dtype.is_bool else x.astype(dtype.numpy)


def _cast_rule(g: Any, cotangent: Value) -> list[Value | None]:
    source, target = g.operands[0].type.dtype, g.results[0].type.dtype
    return [cast(cotangent, source) if source.is_floating and target.is_floating else None]


def _cast_content(site: Site) -> Content:
    return known_elements.fit(site.contents[0], as_dtype(site.attrs["dtype"]))


elementwise("cast", "x in another dtype. Float to integer truncates; NaN and out of range give the smallest integer.",
            lambda x, dtype: converted(x, as_dtype(dtype)), lambda s, x, dtype: s.cast(x, as_dtype(dtype).name),
            REALS + BOOLS, attrs={"dtype": Attr("dtype")}, result="dtype", gradient=_cast_rule, content=_cast_content)
elementwise("is_nan", "Whether x is not a number.", np.isnan, lambda s, x: s.ne(x, x), FLOATS, result=bool_)
elementwise("is_inf", "Whether x is infinite.", np.isinf, lambda s, x: s.eq(s.abs(x), s.const(math.inf, x)), FLOATS,
            result=bool_)
elementwise("is_finite", "Whether x is a finite number.", np.isfinite,
            lambda s, x: s.lt(s.abs(x), s.const(math.inf, x)), FLOATS, result=bool_)
