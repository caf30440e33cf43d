"""Ops that reach outside the graph: Print and py_func."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.expect import expect
from rnngraph.frontend.framework.graph import Operation, Tensor, emit, emit_op
from rnngraph.ir.types import as_dtype
from rnngraph.ops.effects import Counter


def Print(input_: Any, data: Any, message: str | None = None, first_n: int | None = None, summarize: int | None = None,
          name: str | None = None) -> Tensor:
    """input_ itself; when it runs, message and data (a list) go to stderr, `summarize` (3) elements of each.

    first_n: only the first so many times. Raises TypeError if data is no list. Source: tf.Print.
    """
    if not isinstance(data, list | tuple):
        raise TypeError(f"Expected list for 'data' argument to 'Print' Op, not {data!r}.")
    with op_scope("Print" if name is None else name, (input_, data)) as scope:
        x = convert_to_tensor(input_, name="input")
        shown = [convert_to_tensor(each, name=f"data_{i}") for i, each in enumerate(data)]
        attrs = {"message": message or "",
                 "first_n": -1 if first_n is None else expect(first_n, Integral, "first_n", "an int"),
                 "summarize": 3 if summarize is None else expect(summarize, Integral, "summarize", "an int"),
                 "counter": Counter()}
        return emit("print", [x, *shown], attrs, name=scope, type="Print")


def py_func(func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: str | None = None) -> Any:
    """What a Python function makes of the arrays of `inp`; Tout says its dtypes: a list, or one dtype for one tensor.

    Without dtypes it gives the op. Shapes are not known; nothing has a gradient. Raises TypeError. Source: tf.py_func.
    """
    if not callable(func):
        raise TypeError(f"func must be callable, got {func!r}.")
    several = isinstance(Tout, list | tuple)
    types = tuple(as_dtype(each) for each in (Tout if several else [Tout]))
    kind = "PyFunc" if stateful else "PyFuncStateless"
    with op_scope(kind if name is None else name, (inp,)) as scope:
        inputs = [convert_to_tensor(each, name=f"input_{i}") for i, each in enumerate(inp)]
        made: Operation = emit_op("py_func", inputs, {"func": func, "types": types}, name=scope, type=kind)
    if not types:
        return made
    return list(made.outputs) if several else made.outputs[0]
