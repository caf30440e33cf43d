"""Elementwise ops with a bool result, logic on bools, and division of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call
from rnngraph.ir.sizes import floordiv, mod
from rnngraph.ops import known_elements
from rnngraph.ops.declare import ANY, BOOLS, INTS, REALS, comparison, elementwise, invalid

comparison("less", "x < y.", np.less, lambda s, x, y: s.lt(x, y), REALS)
comparison("less_equal", "x <= y.", np.less_equal, lambda s, x, y: s.le(x, y), REALS)
comparison("greater", "x > y.", np.greater, lambda s, x, y: s.lt(y, x), REALS)
comparison("greater_equal", "x >= y.", np.greater_equal, lambda s, x, y: s.le(y, x), REALS)
comparison("equal", "x == y.", np.equal, lambda s, x, y: s.eq(x, y), ANY)
comparison("not_equal", "x != y.", np.not_equal, lambda s, x, y: s.ne(x, y), ANY)
comparison("logical_and", "x and y.", np.logical_and, lambda s, x, y: s.bit_and(x, y), BOOLS)
comparison("logical_or", "x or y.", np.logical_or, lambda s, x, y: s.bit_or(x, y), BOOLS)
comparison("logical_xor", "Exactly one of x and y.", np.logical_xor, lambda s, x, y: s.bit_xor(x, y), BOOLS)
comparison("logical_not", "not x.", np.logical_not, lambda s, x: s.bit_not(x), BOOLS)

# --- division of integers ----------------------------------------------------------------------------------------


def _divisor(y: Any) -> Any:
    """y, which must not hold 0."""
    if np.any(y == 0):
        raise invalid("Integer division by zero")
    return y


def _uneven(s: Any, x: Any, y: Any) -> Any:
    """Whether rounding towards zero is not rounding down."""
    zero = s.const(0, x)
    return s.bit_and(s.ne(s.imod(x, y), zero), s.bit_xor(s.lt(x, zero), s.lt(y, zero)))


def _floordiv_body(s: Any, x: Any, y: Any) -> Any:
    quotient = s.idiv(x, y)
    return s.select(_uneven(s, x, y), s.sub(quotient, s.const(1, x)), quotient)


def _floormod_body(s: Any, x: Any, y: Any) -> Any:
    rest = s.imod(x, y)
    return s.select(_uneven(s, x, y), s.add(rest, y), rest)


def _floormod_rule(g: Value, x: Value, y: Value, z: Value) -> tuple[Value, Value]:
    return g, -g * call("int_floordiv", x, y)


elementwise("int_floordiv", "x / y of integers, rounded down. Fails for y = 0.",
            lambda x, y: np.floor_divide(x, _divisor(y)), _floordiv_body, INTS, nonzero=1,
            content=known_elements.binary(floordiv))
elementwise("int_floormod", "x - floor(x / y) * y of integers: the sign is y's. Fails for y = 0.",
            lambda x, y: np.mod(x, _divisor(y)), _floormod_body, INTS, nonzero=1, grad=_floormod_rule,
            content=known_elements.binary(mod))
elementwise("int_truncdiv", "x / y of integers, rounded towards zero. Fails for y = 0.",
            lambda x, y: (x - np.fmod(x, _divisor(y))) // y, lambda s, x, y: s.idiv(x, y), INTS, nonzero=1,
            content=known_elements.binary(known_elements.truncdiv))
elementwise("int_truncmod", "The remainder of `int_truncdiv`: the sign is x's. Fails for y = 0.",
            lambda x, y: np.fmod(x, _divisor(y)), lambda s, x, y: s.imod(x, y), INTS, nonzero=1,
            content=known_elements.binary(known_elements.truncmod))
