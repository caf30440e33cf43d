"""Ops that check, print, fail or call Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnngraph import errors
from rnngraph.ir.kinds import Effect, Host
from rnngraph.ir.op import Attr, Call, Site
from rnngraph.ir.types import TensorType, Type, as_dtype
from rnngraph.ir.walk import map_dims
from rnngraph.ops import known_elements
from rnngraph.ops.declare import BOOLS, INTS, check_kind, declare, invalid
from rnngraph.ops.shapes import ranked

# --- assertions --------------------------------------------------------------------------------------------------


def summary(x: Any, most: int) -> str:
    """The first elements of an array as TensorFlow prints them: `[1 2 3...]`."""
    flat = np.asarray(x).ravel()
    shown = flat if most < 0 else flat[:most]
    body = " ".join(v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in shown.tolist())
    return f"[{body}{'...' if len(shown) < len(flat) else ''}]"


def _assert_type(site: Site) -> tuple[Type, ...]:
    check_kind(site.tensor(0).dtype, BOOLS, "the condition")
    ranked(site, 0, 0, "the condition")
    return ()


def _assert(call: Call, condition: Any, *data: Any) -> tuple[()]:
    if not condition:
        parts = ([call.attrs["message"]] if call.attrs["message"] else []) + [summary(x, call.attrs["summarize"])
                                                                            for x in data]
        raise invalid(f"assertion failed: {' '.join(parts)}")
    return ()


def _check_range_type(site: Site) -> TensorType:
    check_kind(site.tensor(0).dtype, INTS)
    ranked(site, 1, 0, "the limit")
    return site.tensor(0)


def _check_range(call: Call, x: Any, limit: Any) -> Any:
    bad = x[(x < 0) | (x >= limit)]
    if bad.size:
        raise invalid(f"Received a {call.attrs['what']} value of {bad[0]} which is outside the valid range of "
                      f"[0, {limit}).  {call.attrs['what'].capitalize()} values: {summary(x, 16)[1:-1]}")
    return x


def _fail(call: Call) -> Any:
    make: Callable[[None, None, str], errors.OpError] = errors.exception_for(call.attrs["error"])
    raise make(None, None, call.attrs["message"])


def _fail_types(site: Site) -> tuple[Type, ...]:
    """The types in the attribute; a size that is unknown there is one that running would tell."""
    return tuple(map_dims(t, lambda d: site.sizes.fresh("n") if d is None else d) for t in site.attrs["types"])


declare("assert", "condition *data", "Nothing if the condition holds; else fails, showing the data.", Effect(),
        _assert_type, _assert, attrs={"message": Attr("str", ""), "summarize": Attr("int", 3)}, effects="host",
        fails=True)
declare("check_range", "x limit", "x, whose elements must be in [0, limit).", Effect(), _check_range_type, _check_range,
        attrs={"what": Attr("str", "label")}, content=known_elements.of_operand, gradient=lambda g, c: [c, None], fails=True)
declare("fail", "", "Fails when executed, with an error named as in `errors`; what a node known to fail becomes. What "
        "names a size of its results waits for it.",
        Effect(), _fail_types, _fail,
        attrs={"error": Attr("str", "InvalidArgumentError"), "message": Attr("str"), "types": Attr("any", ())},
        fails=True)
declare("force", "*values", "Nothing; what computes the values runs, since it may fail.", Effect(), lambda site: (),
        lambda call, *values: (), effects="host")
declare("no_op", "", "Nothing; a node for control edges to meet.", Effect(), lambda site: (), lambda call: ())

# --- print -------------------------------------------------------------------------------------------------------


class Counter:
    """How often a print has printed: shared by all copies of its node, which passes make."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def __deepcopy__(self, memo: object) -> Counter:
        return self


def _print(call: Call, x: Any, *data: Any) -> Any:
    attrs = call.attrs
    counter = attrs["counter"]
    if counter is not None and attrs["first_n"] >= 0:
        counter.count += 1
        if counter.count > attrs["first_n"]:
            return x
    print(attrs["message"] + "".join(summary(d, attrs["summarize"]) for d in data), file=sys.stderr, flush=True)
    return x


declare("print", "x *data", "x; writes the data to stderr when executed, the first `first_n` times (< 0: always).",
        Effect(), lambda site: site.types[0], _print, content=known_elements.of_operand, effects="host",
        attrs={"message": Attr("str", ""), "first_n": Attr("int", -1), "summarize": Attr("int", 3),
               "counter": Attr("any", None)}, gradient=lambda g, c: [c] + [None] * (len(g.operands) - 1))

# --- Python ------------------------------------------------------------------------------------------------------

_RAISED = ((StopIteration, errors.OutOfRangeError), (NotImplementedError, errors.UnimplementedError),
           (MemoryError, errors.ResourceExhaustedError), ((ValueError, TypeError), errors.InvalidArgumentError),
           (Exception, errors.UnknownError))
"""Which error an exception of the user's function becomes: the first row that fits."""


def _py_func(call: Call, *arrays: Any) -> tuple[Any, ...]:
    types = [as_dtype(t) for t in call.attrs["types"]]
    try:
        # Scalars arrive as NumPy scalars, and nobody else sees what the function does to its arrays.
        found = call.attrs["func"](*(np.array(a)[()] for a in arrays))
    except errors.OpError:
        raise
    except Exception as error:
        named = next(target for source, target in _RAISED if isinstance(error, source))
        raise named(None, None, f"{type(error).__name__}: {error}") from error
    if found is None:
        found = ()  # a function that returns nothing returns no values
    results = found if isinstance(found, (tuple, list)) and (len(types) != 1 or not found) else [found]
    if len(types) == 1 and isinstance(found, (tuple, list)) and len(found) == 1:
        results = found
    if not types:
        return ()
    if len(results) != len(types):
        raise invalid(f"the function of py_func returns {len(results)} values, but {len(types)} are expected")
    return tuple(_returned(i, value, dtype) for i, (value, dtype) in enumerate(zip(results, types, strict=True)))


def _returned(i: int, value: Any, dtype: Any) -> Any:
    """A result as an array of its type. Python's numbers fit any; arrays must have the type."""
    array = np.asarray(value)
    if dtype.kind == "s":
        return _bytes(array)
    if array.dtype == object:
        raise errors.UnimplementedError(None, None, f"Unsupported object type {type(value).__name__}")
    if isinstance(value, (np.ndarray, np.generic)) and array.dtype != dtype.numpy:
        raise invalid(f"{i}-th value returned by the function of py_func is {array.dtype}, but expects {dtype.name}")
    return array.astype(dtype.numpy)


def _bytes(array: Any) -> Any:
    """Text as an array of bytes objects."""
    flat: Sequence[Any] = array.astype(object).ravel()
    found = np.empty(len(flat), object)
    found[:] = [v.encode() if isinstance(v, str) else v for v in flat]
    return found.reshape(array.shape)


def _py_func_type(site: Site) -> tuple[TensorType, ...]:
    return tuple(TensorType(as_dtype(t), None) for t in site.attrs["types"])


declare("py_func", "*args", "The results of a Python function of arrays, of these dtypes and unknown shapes. What it "
        "raises becomes a TensorFlow error.", Host(), _py_func_type, _py_func,
        attrs={"func": Attr("any"), "types": Attr("any")}, effects="host", fails=True)
