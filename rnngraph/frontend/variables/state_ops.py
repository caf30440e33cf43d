"""Ops that change variables: assign, assign_add, scatter_... on a Variable or on the tensor of its reference."""

from __future__ import annotations

from typing import Any

from rnngraph.frontend.framework.convert import op_scope
from rnngraph.frontend.framework.graph import Graph, Tensor, emit
from rnngraph.frontend.framework.make import argument
from rnngraph.frontend.framework.shapes import TensorShape
from rnngraph.frontend.math import math_ops as math
from rnngraph.ir.types import RefType, int32, int64
from rnngraph.ops.state import ASSIGN, INITIALIZED, UPDATE


def reference(ref: Any, what: str) -> Tensor:
    """The tensor that stands for a variable itself. Raises TypeError if `ref` is no variable."""
    get = getattr(ref, "_ref", None)
    tensor = get() if callable(get) else ref
    if not isinstance(tensor, Tensor) or not isinstance(tensor.value.type, RefType):
        raise TypeError(f"{what} needs a variable as `ref`, but got {ref!r}; make one with tf.Variable or "
                        "tf.get_variable.")
    return tensor


def written_keys(graph: Graph) -> set[str]:
    """The keys of the variables that some op other than their initializer writes."""
    keys: set[str] = graph.states.setdefault("written_variables", set())
    return keys


def note_write(ref: Tensor) -> None:
    """Remember that an op writes the variable: reads under control dependencies must then be made anew."""
    node = ref.value.node
    if node is not None:
        written_keys(ref.graph).add(node.attrs["key"])


def _check_shape(ref: Tensor, shape: TensorShape, what: str) -> None:
    if not ref.shape.is_compatible_with(shape):
        raise ValueError(f"Dimensions must be equal for {what}: the variable {ref.op.name!r} has shape {ref.shape}, "
                         f"but the value has shape {shape}.")


def assign(ref: Any, value: Any, validate_shape: bool | None = None, use_locking: bool | None = None,
           name: str | None = None) -> Tensor:
    """Writes `value`; gives the new value. `validate_shape=False` lets the shape at run time change.

    Raises ValueError for a shape and TypeError for a dtype that differs. Source: tf.assign.
    """
    variable = reference(ref, "assign")
    validate = validate_shape is None or bool(validate_shape)
    with op_scope("Assign" if name is None else name, (variable, value)) as scope:
        tensor = argument(value, "Assign", "value", variable.dtype, "ref")
        if validate:
            _check_shape(variable, tensor.shape, "Assign")
        note_write(variable)
        return emit(ASSIGN, [variable, tensor], {"validate_shape": validate}, name=scope, type="Assign")


def _update(ref: Any, value: Any, with_: str, kind: str, name: str | None) -> Tensor:
    variable = reference(ref, kind)
    with op_scope(kind if name is None else name, (variable, value)) as scope:
        tensor = argument(value, kind, "value", variable.dtype, "ref")
        _check_shape(variable, tensor.shape, kind)
        note_write(variable)
        return emit(UPDATE, [variable, tensor], {"with_": with_}, name=scope, type=kind)


def assign_add(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """Adds `value`; gives the new value. Source: tf.assign_add."""
    return _update(ref, value, "add", "AssignAdd", name)


def assign_sub(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """Subtracts `value`; gives the new value. Source: tf.assign_sub."""
    return _update(ref, value, "sub", "AssignSub", name)


def _scatter(ref: Any, indices: Any, updates: Any, with_: str, kind: str, name: str | None) -> Tensor:
    variable = reference(ref, kind)
    with op_scope(kind if name is None else name, (variable, indices, updates)) as scope:
        places = argument(indices, kind, "indices")
        if places.dtype not in (int32, int64):
            raise TypeError(f"Value passed to parameter 'indices' of {kind} has DataType {places.dtype.name} not in "
                            "list of allowed values: int32, int64")
        rows = argument(updates, kind, "updates", variable.dtype, "ref")
        if variable.shape.ndims is not None:
            _check_rows(variable, places, rows, kind)
        if kind == "ScatterSub":
            rows = math.negative(rows)
        note_write(variable)
        return emit(UPDATE, [variable, places, rows], {"with_": with_}, name=scope, type=kind)


def _check_rows(variable: Tensor, places: Tensor, rows: Tensor, kind: str) -> None:
    if variable.shape.ndims == 0:
        raise ValueError(f"Shape must be at least rank 1 but is rank 0 for {kind} of variable {variable.op.name!r}.")
    wanted = places.shape.concatenate(variable.shape[1:])
    if not wanted.is_compatible_with(rows.shape):
        raise ValueError(f"Shapes must be equal for {kind}: updates must have the shape of indices followed by that of "
                         f"a row of the variable, {wanted}, but have shape {rows.shape}.")


def scatter_update(ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None) -> Tensor:
    """Writes rows `updates` at `indices` of axis 0; gives the new value. Source: tf.scatter_update."""
    return _scatter(ref, indices, updates, "put", "ScatterUpdate", name)


def scatter_add(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Adds rows at `indices` of axis 0, duplicates too; gives the new value. Source: tf.scatter_add."""
    return _scatter(ref, indices, updates, "put_add", "ScatterAdd", name)


def scatter_sub(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Subtracts rows at `indices` of axis 0, duplicates too; gives the new value. Source: tf.scatter_sub."""
    return _scatter(ref, indices, updates, "put_add", "ScatterSub", name)


def scatter_mul(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Multiplies rows at `indices` of axis 0, duplicates too; gives the new value. Source: tf.scatter_mul."""
    return _scatter(ref, indices, updates, "put_mul", "ScatterMul", name)


def scatter_div(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Divides rows at `indices` of axis 0, duplicates too; gives the new value. Source: tf.scatter_div."""
    if not reference(ref, "ScatterDiv").dtype.is_floating:
        raise NotImplementedError("scatter_div of integer variables; use tf.assign with tf.div")
    return _scatter(ref, indices, updates, "put_div", "ScatterDiv", name)


def is_variable_initialized(variable: Any, name: str | None = None) -> Tensor:
    """Whether the variable has a value: a bool scalar. Source: tf.is_variable_initialized."""
    ref = reference(variable, "is_variable_initialized")
    return emit(INITIALIZED, [ref], name=name, type="IsVariableInitialized")


def count_up_to(ref: Any, limit: int, name: str | None = None) -> Tensor:
    """Not implemented. Source: tf.count_up_to."""
    raise NotImplementedError("count_up_to; use tf.assign_add and tf.less")


def scatter_nd_update(ref: Any, indices: Any, updates: Any, use_locking: bool = True,
                      name: str | None = None) -> Tensor:
    """Not implemented. Source: tf.scatter_nd_update."""
    raise NotImplementedError("scatter_nd_update; use tf.scatter_update on axis 0")


scatter_nd_add = scatter_nd_sub = scatter_nd_update
