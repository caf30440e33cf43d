"""Assertions: Assert, and the assert_* functions, which check at once what is static and else make an op.

An assertion has effect only where something runs after it: use it in tf.control_dependencies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rnngraph.frontend.array.reshape import identity, rank, shape
from rnngraph.frontend.framework.convert import constant_value, convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Operation, Tensor, emit, emit_op
from rnngraph.frontend.framework.make import argument, hidden, hidden_constant
from rnngraph.frontend.math.elementwise import equal, greater, greater_equal, less, less_equal, logical_or, not_equal
from rnngraph.frontend.math.reduce import reduce_all
from rnngraph.ir.types import as_dtype, bool_, float32, int32


def Assert(condition: Any, data: Any, summarize: int | None = None, name: str | None = None) -> Operation:
    """An op that fails unless the bool scalar holds, and then shows `summarize` (3) elements of each entry of data.

    At run time InvalidArgumentError (phrase: `assertion failed`). Raises TypeError, ValueError. Source: tf.Assert.
    """
    if not isinstance(data, list | tuple):
        raise TypeError(f"values must be a list: data of Assert, got {data!r}.")
    with op_scope("Assert" if name is None else name, (condition, data)):
        holds = argument(condition, "Assert", "condition", bool_)
        if holds.shape.ndims not in (None, 0):
            raise ValueError(f"Shape must be rank 0 but is rank {holds.shape.ndims} for 'Assert': the condition must "
                             "be a scalar; use tf.reduce_all.")
        # Words before the first tensor are part of the message; the op need not carry them as data.
        lead = 0
        while lead < len(data) and isinstance(data[lead], str | bytes):
            lead += 1
        words = [each.decode() if isinstance(each, bytes) else each for each in data[:lead]]
        shown = [convert_to_tensor(each, name=f"data_{i}") for i, each in enumerate(data[lead:], lead)]
        attrs = {"message": " ".join(f"[{each}]" for each in words), "summarize": 3 if summarize is None else summarize}
        return emit_op("assert", [holds, *shown], attrs, name="Assert", type="Assert")


def _no_op(name: str) -> Operation:
    return emit_op("no_op", (), name=name, type="NoOp")


# --- comparisons ------------------------------------------------------------------------------------------------------

def _compared(word: str, sign: str, x: Any, y: Any, data: Any, summarize: int | None, message: str | None,
              name: str | None, compare: Callable[..., Tensor]) -> Operation:
    note = message or ""
    with op_scope(word if name is None else name, (x, y, data)):
        first = convert_to_tensor(x, name="x")
        second = convert_to_tensor(y, None if isinstance(y, Tensor) else first.dtype, name="y")
        known = constant_value(first), constant_value(second)
        if known[0] is not None and known[1] is not None:
            _check_now(word, sign, known, note, (first, second))
        if data is None:
            data = [note, f"Condition x {sign} y did not hold element-wise:", f"x ({first.name}) = ", first,
                    f"y ({second.name}) = ", second]
        return Assert(reduce_all(compare(first, second)), data, summarize)


_NUMPY: dict[str, Callable[..., Any]] = {"==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal,
                                         ">": np.greater, ">=": np.greater_equal}


def _check_now(word: str, sign: str, known: tuple[Any, Any], note: str, tensors: tuple[Tensor, Tensor]) -> None:
    """assert_equal alone refuses constants at once in r1.4; the others wait for the run."""
    if word == "assert_equal" and not np.all(_NUMPY[sign](*known)):
        raise ValueError(f"{note}\nCondition x {sign} y did not hold element-wise:\nx ({tensors[0].name}) = "
                         f"{known[0]}\ny ({tensors[1].name}) = {known[1]}")


def _comparison(word: str, sign: str, compare: Callable[..., Tensor], what: str) -> Callable[..., Operation]:
    def function(x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
                 name: str | None = None) -> Operation:
        return _compared(word, sign, x, y, data, summarize, message, name, compare)
    function.__doc__ = f"An op that fails unless {what} for all elements; x and y broadcast. Source: tf.{word}."
    return function


assert_equal = _comparison("assert_equal", "==", equal, "x == y")
assert_none_equal = _comparison("assert_none_equal", "!=", not_equal, "x != y")
assert_less = _comparison("assert_less", "<", less, "x < y")
assert_less_equal = _comparison("assert_less_equal", "<=", less_equal, "x <= y")
assert_greater = _comparison("assert_greater", ">", greater, "x > y")
assert_greater_equal = _comparison("assert_greater_equal", ">=", greater_equal, "x >= y")


def _signed(word: str, what: str, check: Callable[..., Operation], zero_first: bool) -> Callable[..., Operation]:
    def function(x: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
                 name: str | None = None) -> Operation:
        with op_scope(word if name is None else name, (x, data)):
            tensor = convert_to_tensor(x, name="x")
            zero = convert_to_tensor(0, tensor.dtype)
            if data is None:
                text = f"Condition x {what} did not hold element-wise:"
                data = [message or "", text, f"x ({tensor.name}) = ", tensor]
            return check(zero, tensor, data, summarize) if zero_first else check(tensor, zero, data, summarize)
    function.__doc__ = f"An op that fails unless x {what} for all elements. Source: tf.{word}."
    return function


assert_positive = _signed("assert_positive", "> 0", assert_less, True)
assert_negative = _signed("assert_negative", "< 0", assert_less, False)
assert_non_negative = _signed("assert_non_negative", ">= 0", assert_less_equal, True)
assert_non_positive = _signed("assert_non_positive", "<= 0", assert_less_equal, False)

# --- ranks ------------------------------------------------------------------------------------------------------------


def _rank_of(value: Any) -> tuple[Tensor, int | None]:
    """A rank as an int32 scalar, and as a number where that is static. Raises TypeError, ValueError."""
    wanted = convert_to_tensor(value, name="rank")
    if wanted.dtype != int32:
        raise TypeError(f"rank must be of type int32, got {wanted.dtype.name}")
    if wanted.shape.ndims not in (None, 0):
        raise ValueError(f"Rank must be a scalar, got a tensor of shape {wanted.shape}")
    known = constant_value(wanted)
    return wanted, None if known is None else int(known)


def _ranked(word: str, x: Any, ranks: Any, data: Any, summarize: int | None, message: str | None, name: str | None,
            text: str, holds: Callable[[int, list[int]], bool], compare: Callable[..., Tensor]) -> Operation:
    note = message or ""
    with op_scope(word if name is None else name, (x, ranks, data)):
        tensor = convert_to_tensor(x, name="x")
        wanted = [_rank_of(each) for each in ranks]
        static = [each for _, each in wanted if each is not None]
        ndims = tensor.shape.ndims
        if ndims is not None and len(static) == len(wanted):
            if not holds(ndims, static):
                shown = static[0] if len(static) == 1 else tuple(static)
                raise ValueError(f"{note}.  Tensor {tensor.name} must have rank {text}{shown}.  Received rank "
                                 f"{ndims}, shape {tensor.shape}")
            return _no_op("static_checks_determined_all_ok")
        have = rank(tensor)
        condition = compare(have, wanted[0][0])
        for each, _ in wanted[1:]:
            condition = logical_or(condition, compare(have, each))
        if data is None:
            data = [note, f"Tensor {tensor.name} must have rank {text}", *(each for each, _ in wanted),
                    "Received shape: ", shape(tensor)]
        return Assert(condition, data, summarize)


def assert_rank(x: Any, rank: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
                name: str | None = None) -> Operation:
    """An op that fails unless x has that rank. Raises ValueError (phrase: `must have rank`) if static.

    Source: tf.assert_rank.
    """
    return _ranked("assert_rank", x, [rank], data, summarize, message, name, "", lambda n, want: n == want[0], equal)


def assert_rank_at_least(x: Any, rank: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
                         name: str | None = None) -> Operation:
    """The same for that rank or a larger one. Source: tf.assert_rank_at_least."""
    return _ranked("assert_rank_at_least", x, [rank], data, summarize, message, name, "at least ",
                   lambda n, want: n >= want[0], greater_equal)


def assert_rank_in(x: Any, ranks: Any, data: Any = None, summarize: int | None = None, message: str | None = None,
                   name: str | None = None) -> Operation:
    """The same for any of several ranks. Source: tf.assert_rank_in."""
    return _ranked("assert_rank_in", x, list(ranks), data, summarize, message, name, "in ",
                   lambda n, want: n in want, equal)


def assert_scalar(tensor: Any, name: str | None = None) -> Tensor:
    """The tensor, which must be a scalar. Raises ValueError (phrase: `Expected scalar shape`).

    Source: tf.assert_scalar.
    """
    with op_scope("assert_scalar" if name is None else name, (tensor,)):
        made = convert_to_tensor(tensor, name="tensor")
        if made.shape.ndims != 0:
            raise ValueError(f"Expected scalar shape for {made.name}, saw shape: {made.shape}.")
        return made


# --- types ------------------------------------------------------------------------------------------------------------

def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Operation:
    """A NoOp. Raises TypeError unless x is of an integer type. Source: tf.assert_integer."""
    with op_scope("assert_integer" if name is None else name, (x,)):
        tensor = convert_to_tensor(x, name="x")
        if not tensor.dtype.is_integer:
            raise TypeError(f"{message or ''}  Expected \"x\" to be integer type.  Found: {tensor.name} of dtype "
                            f"{tensor.dtype}")
        return _no_op("statically_determined_was_integer")


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None) -> Operation:
    """A NoOp. Raises TypeError unless the tensor is of that type. Source: tf.assert_type."""
    with op_scope("assert_type" if name is None else name, (tensor,)):
        made = convert_to_tensor(tensor, name="tensor")
        if made.dtype != as_dtype(tf_type):
            raise TypeError(f"{message or ''}  {made.name} must be of type {as_dtype(tf_type)}")
        return _no_op("statically_determined_correct_type")


def assert_proper_iterable(values: Any) -> None:
    """Raises TypeError unless values is iterable and no tensor, array or string. Source: tf.assert_proper_iterable."""
    if isinstance(values, Tensor | np.ndarray | str | bytes):
        raise TypeError(f"Expected argument \"values\" to be a \"proper\" iterable.  Found: {type(values)}")
    if not isinstance(values, Iterable):
        raise TypeError(f"Expected argument \"values\" to be iterable.  Found: {type(values)}")


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> Any:
    """The common floating dtype of tensors (float32 if there is none). Raises ValueError.

    Source: tf.assert_same_float_dtype.
    """
    first: Any = None
    wanted = None if dtype is None else as_dtype(dtype)
    for each in tensors or ():
        if each is None:
            continue
        if wanted is not None and each.dtype != wanted:
            like = f" as {first.name}" if first is not None else ""
            raise ValueError(f"{each.name}, type={each.dtype}, must be of the same type ({wanted}){like}.")
        if first is None:
            first, wanted = each, each.dtype
    wanted = wanted or float32
    if not wanted.is_floating:
        raise ValueError(f"Expected floating point type, got {wanted}.")
    return wanted


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether it is a tensor of numbers. Source: tf.is_numeric_tensor."""
    return isinstance(tensor, Tensor) and tensor.dtype.kind in "fiuc"


# --- order, numbers ---------------------------------------------------------------------------------------------------

def _in_order(word: str, x: Any, name: str | None, compare: Callable[..., Tensor]) -> Tensor:
    with op_scope(word if name is None else name, (x,)):
        tensor = convert_to_tensor(x, name="x")
        flat = emit("reshape", [tensor, hidden_constant([-1], int32, tensor)], type="Reshape")
        before = hidden(flat, "strided_slice", flat, *(hidden_constant([k], int32, flat) for k in (0, -1, 1)))
        after = hidden(flat, "strided_slice", flat, *(hidden_constant([k], int32, flat) for k in (1, 0, 1)), end_mask=1)
        views = [emit("identity", [each], type="StridedSlice") for each in (before, after)]
        return reduce_all(compare(*views))


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Whether no element is less than the one before it; bool scalar. Source: tf.is_non_decreasing."""
    return _in_order("is_non_decreasing", x, name, less_equal)


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Whether every element is greater than the one before it; bool scalar. Source: tf.is_strictly_increasing."""
    return _in_order("is_strictly_increasing", x, name, less)


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """The tensor, which must be finite: else InvalidArgumentError with `message` at run time.

    Source: tf.check_numerics.
    """
    with op_scope("CheckNumerics" if name is None else name, (tensor,)) as scope:
        x = convert_to_tensor(tensor, name="tensor")
        finite = hidden(x, "reduce_all", hidden(x, "is_finite", x))
        text = f"{message} : Tensor had Inf or NaN values"
        checked = x.graph.builder.node("assert", [finite, x.value], {"message": text})
        made = x.graph.builder.node("identity", [x.value], {}, name=scope[:-1], after=[checked])
        shown: Tensor = x.graph.view(made.results[0], scope, "CheckNumerics", [x])
        return shown


def verify_tensor_all_finite(t: Any, msg: str, name: str | None = None) -> Tensor:
    """The tensor, which must be finite. Source: tf.verify_tensor_all_finite."""
    with op_scope("VerifyFinite" if name is None else name, (t,)):
        return identity(check_numerics(convert_to_tensor(t, name="t"), msg), name="control_dependency")

