"""Tensor's operators: the other operand is converted to the tensor's dtype. Importing this module fills them in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import OVERLOADS, Tensor, emit
from rnngraph.frontend.math.elementwise import (
    BY_DTYPE,
    divided,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_not,
    negative,
    power,
    python2_div,
)
from rnngraph.frontend.math.elementwise import abs as abs_
from rnngraph.ir.types import DType, bool_

Maker = Callable[[Tensor, Tensor, str], Tensor]
_PLAIN: Final = (bool, int, float, complex, str, bytes, list, tuple, type(None), np.ndarray, np.generic)


def _maker(op: str, kind: str, dtype: DType | None = None) -> Maker:
    def make(x: Tensor, y: Tensor, scope: str) -> Tensor:
        if dtype is not None and x.dtype != dtype:
            raise TypeError(f"Input 'x' of '{kind}' Op has type {x.dtype.name} that does not match expected type of "
                            f"{dtype.name}.")
        return emit(op, [x, y], name=scope, type=kind)
    return make


def _floor_maker(kind: str) -> Maker:
    def make(x: Tensor, y: Tensor, scope: str) -> Tensor:
        return emit(BY_DTYPE[kind][x.dtype.is_integer], [x, y], name=scope, type=kind)
    return make


def _other(value: Any, tensor: Tensor, label: str) -> Any:
    """The other operand in the tensor's dtype; NotImplemented for types that may know better themselves."""
    try:
        return convert_to_tensor(value, tensor.dtype, name=label)
    except TypeError:
        if isinstance(value, (*_PLAIN, Tensor)):
            raise
        return NotImplemented


def _operator(word: str, name: str, make: Maker) -> None:
    """Define `x <op> y` and `y <op> x` for a tensor x."""
    def forward(x: Tensor, y: Any) -> Any:
        if isinstance(y, Tensor) and y.dtype == x.dtype:
            return make(x, y, name)
        with op_scope(name, (x, y)) as scope:
            second = _other(y, x, "y")
            return NotImplemented if second is NotImplemented else make(x, second, scope)

    def reflected(y: Tensor, x: Any) -> Any:
        with op_scope(name, (x, y)) as scope:
            first = _other(x, y, "x")
            return NotImplemented if first is NotImplemented else make(first, y, scope)

    OVERLOADS[f"__{word}__"] = forward
    OVERLOADS[f"__r{word}__"] = reflected


def _scoped_divide(x: Tensor, y: Tensor, scope: str) -> Tensor:
    """Casts of integers lie in the scope of the quotient."""
    if scope.endswith("/"):
        return divided(x, y, scope)
    with op_scope(scope, (x, y)) as inner:
        return divided(x, y, inner)


_operator("add", "add", _maker("add", "Add"))
_operator("sub", "sub", _maker("sub", "Sub"))
_operator("mul", "mul", _maker("mul", "Mul"))
_operator("truediv", "truediv", _scoped_divide)
_operator("div", "div", python2_div)
_operator("floordiv", "floordiv", _floor_maker("FloorDiv"))
_operator("mod", "mod", _floor_maker("FloorMod"))
_operator("pow", "pow", power)
_operator("and", "and", _maker("logical_and", "LogicalAnd", bool_))
_operator("or", "or", _maker("logical_or", "LogicalOr", bool_))
_operator("xor", "xor", _maker("logical_xor", "LogicalAnd", bool_))
OVERLOADS["__neg__"] = negative
OVERLOADS["__abs__"] = abs_
OVERLOADS["__invert__"] = logical_not
OVERLOADS["__lt__"] = less
OVERLOADS["__le__"] = less_equal
OVERLOADS["__gt__"] = greater
OVERLOADS["__ge__"] = greater_equal
