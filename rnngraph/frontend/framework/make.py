"""How functions of the API make their op: arguments converted under the op's scope, with r1.4's errors.

An op whose arguments are tensors already is made at once; otherwise its name scope is opened, constants get the names
of the parameters (`add/y`), and the op the name of the scope (`add`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.frontend.framework.convert import (
    constant_value,
    convert_to_tensor,
    has_tensors,
    is_tensor_like,
    op_scope,
    packed_dtype,
)
from rnngraph.frontend.framework.expect import shown
from rnngraph.frontend.framework.graph import Tensor, emit, graph_of
from rnngraph.frontend.framework.shapes import Dimension
from rnngraph.ir.graph import Array, Value
from rnngraph.ir.types import DType, as_dtype, int32, int64

Attrs = Mapping[str, Any] | None


def argument(value: Any, kind: str, label: str, dtype: DType | None = None, like: str | None = None,
             preferred: DType | None = None) -> Tensor:
    """An argument of an op of type `kind` as a tensor named after its parameter.

    `dtype` is demanded, because the argument named `like` has it or (None) because the op takes no other. Raises
    TypeError (phrases: `has type ... that does not match`, `Expected <dtype> passed to parameter`) and ValueError
    (phrase: `Tried to convert`).
    """
    if not isinstance(value, Tensor):
        if is_tensor_like(value):
            value = convert_to_tensor(value, name=label)
        else:
            return _converted(value, kind, label, dtype, preferred)
    if dtype is not None and value.dtype != dtype:
        why = f"expected type of {dtype.name}" if like is None else f"type {dtype.name} of argument '{like}'"
        raise TypeError(f"Input '{label}' of '{kind}' Op has type {value.dtype.name} that does not match {why}. "
                        f"Write tf.cast(value, tf.{dtype.name}).")
    found: Tensor = value
    return found


def _converted(value: Any, kind: str, label: str, dtype: DType | None, preferred: DType | None) -> Tensor:
    try:
        return convert_to_tensor(value, dtype, name=label, preferred_dtype=preferred)
    except TypeError as error:
        if dtype is None:
            raise
        raise TypeError(f"Expected {dtype.name} passed to parameter '{label}' of op '{kind}', got {shown(value)} of "
                        f"type '{type(value).__name__}' instead. Error: {error}") from None
    except ValueError as error:
        raise ValueError(f"Tried to convert '{label}' to a tensor and failed. Error: {error}") from None


def unary(op: str, kind: str, x: Any, name: str | None, *, label: str = "x", attrs: Attrs = None,
          dtype: DType | None = None) -> Tensor:
    """An op of one argument; `dtype` if it takes no other."""
    if isinstance(x, Tensor):
        return emit(op, [argument(x, kind, label, dtype)], attrs, name=name, type=kind)
    with op_scope(kind if name is None else name, (x,)) as scope:
        return emit(op, [argument(x, kind, label, dtype)], attrs, name=scope, type=kind)


def binary(op: str, kind: str, x: Any, y: Any, name: str | None, *, labels: tuple[str, str] = ("x", "y"),
           attrs: Attrs = None, dtype: DType | None = None) -> Tensor:
    """An op of two arguments of one dtype, the first one's; `dtype` if it takes no other."""
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        _check_pair(x, y, kind, labels, dtype)
        return emit(op, [x, y], attrs, name=name, type=kind)
    with op_scope(kind if name is None else name, (x, y)) as scope:
        first, second = pair(x, y, kind, labels, dtype)
        return emit(op, [first, second], attrs, name=scope, type=kind)


def _check_pair(x: Tensor, y: Tensor, kind: str, labels: tuple[str, str], dtype: DType | None) -> None:
    argument(x, kind, labels[0], dtype)
    argument(y, kind, labels[1], x.dtype if dtype is None else dtype, labels[0] if dtype is None else None)


def pair(x: Any, y: Any, kind: str, labels: tuple[str, str] = ("x", "y"), dtype: DType | None = None) \
        -> tuple[Tensor, Tensor]:
    """Two arguments of one dtype, the first one's, unless `dtype` says which."""
    first = argument(x, kind, labels[0], dtype)
    wanted = first.dtype if dtype is None else dtype
    return first, argument(y, kind, labels[1], wanted, labels[0] if dtype is None else None)


def arguments(values: Any, kind: str, label: str, least: int = 1) -> list[Tensor]:
    """A list of arguments of one dtype: that of the first tensor, else of the first value.

    Raises TypeError (phrase: `that don't all match`), ValueError (phrase: `shorter than minimum length`).
    """
    if not isinstance(values, list | tuple):
        raise TypeError(f"Expected list for '{label}' argument to '{kind}' Op, not {values!r}.")
    if len(values) < least:
        raise ValueError(f"List argument '{label}' to '{kind}' Op with length {len(values)} shorter than minimum "
                         f"length {least}.")
    wanted = packed_dtype(values)
    found = []
    for i, value in enumerate(values):
        try:
            found.append(value if isinstance(value, Tensor) else convert_to_tensor(
                value, None if wanted is None or is_tensor_like(value) else wanted, name=f"{label}_{i}"))
        except TypeError as error:
            raise TypeError(f"Tensors in list passed to '{label}' of '{kind}' Op have types that don't all match: "
                            f"{error}") from None
    if any(t.dtype != found[0].dtype for t in found):
        raise TypeError(f"Tensors in list passed to '{label}' of '{kind}' Op have types "
                        f"[{', '.join(t.dtype.name for t in found)}] that don't all match.")
    return found


def int_argument(value: Any, kind: str, label: str) -> Tensor:
    """A shape, axis or other integer argument: int32 unless it is an int64 tensor or array. Raises TypeError."""
    tensor = argument(value, kind, label, preferred=int32) if not _is_empty(value) else convert_to_tensor(
        np.zeros((0,), np.int32), name=label)
    if tensor.dtype not in (int32, int64):
        raise TypeError(f"Value passed to parameter '{label}' of '{kind}' has DataType {tensor.dtype.name} not in "
                        "list of allowed values: int32, int64")
    return tensor


def _is_empty(value: Any) -> bool:
    return isinstance(value, list | tuple) and not value


def is_constant(value: Any) -> bool:
    """Whether no tensor is in `value`: it is Python or NumPy data."""
    return not has_tensors(value)


def static_ints(value: Any, what: str) -> list[int] | None:
    """An int, a list of ints or a tensor of either as a list; None if only a run can tell. Raises TypeError."""
    if value is None:
        raise ValueError(f"None values not supported: {what} must be an integer or integers.")
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"Expected an integer or integers for {what}, got {value!r}.")
    if isinstance(value, int | np.integer):
        return [int(value)]
    if isinstance(value, Dimension):
        return [int(value)]
    if not is_constant(value):
        tensor = convert_to_tensor(value)
        if not tensor.dtype.is_integer:
            raise TypeError(f"Expected an integer or integers for {what}, got a tensor of {tensor.dtype.name}.")
        found = constant_value(tensor)
        return None if found is None else [int(each) for each in np.ravel(found)]
    array = np.asarray(_whole(value))
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"Expected an integer or integers for {what}, got {value!r}.")
    return [int(each) for each in array.ravel()]


def _whole(value: Any) -> Any:
    if isinstance(value, Dimension):
        return int(value)
    return [_whole(each) for each in value] if isinstance(value, list | tuple) else value


def known_ints(value: Any, what: str) -> list[int]:
    """`static_ints`, where a run would be needed NotImplementedError."""
    found = static_ints(value, what)
    if found is None:
        raise NotImplementedError(f"{what} that is known only at run time ({value!r}) is not supported; pass a Python "
                                  "int or list, or a constant tensor.")
    return found


def known_int(value: Any, what: str) -> int:
    """One static int. Raises ValueError if there are several."""
    found = known_ints(value, what)
    if len(found) != 1:
        raise ValueError(f"Shape must be rank 0 but is rank 1 for {what}: expected one integer, got {value!r}.")
    return found[0]


def checked_axis(axis: int, rank: int | None, what: str) -> int:
    """The axis counted from the front if the rank is known. Raises ValueError."""
    if rank is None:
        return axis
    if not -rank <= axis < rank:
        raise ValueError(f"{what} {axis} must be in the range [-{rank}, {rank}), where {rank} is the number of "
                         "dimensions in the input.")
    return axis % rank


def hidden(like: Tensor, op: str, *values: Tensor | Value, **attrs: Any) -> Value:
    """A node without an op of its own, part of the op that follows; its first result. `like` says in which graph."""
    operands = [v.value if isinstance(v, Tensor) else v for v in values]
    made: Value = like.graph.builder.node(op, operands, attrs).results[0]
    return made


def hidden_constant(value: Any, dtype: Any, like: Tensor | None = None, op: str = "constant") -> Value:
    """A constant without an op of its own; `op`: "seeds" for numbers that nobody chose."""
    graph = graph_of([] if like is None else [like])
    try:
        array = np.asarray(value, as_dtype(dtype).numpy)
    except OverflowError:
        raise ValueError(f"{shown(value)} is too large for {as_dtype(dtype).name}.") from None
    return graph.builder.node(op, (), {"value": Array(array)}).results[0]


def reserve(values: Sequence[Any], *names: str) -> None:
    """Take the names of ops that r1.4 makes for itself here, so that later ops get r1.4's names."""
    graph = graph_of(list(values))
    for name in names:
        graph.unique_name(name)
