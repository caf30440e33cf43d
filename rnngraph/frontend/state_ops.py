"""Ops that change variables: assign, assign_add, scatter_... on a Variable or on the tensor of its reference."""

from __future__ import annotations

from typing import Any

from rnngraph.frontend import array, math
from rnngraph.frontend.convert import convert_to_tensor
from rnngraph.frontend.graph import Graph, Tensor, emit
from rnngraph.frontend.shapes import TensorShape
from rnngraph.ir.types import DType, RefType, int32, int64


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


def as_value(value: Any, dtype: DType, what: str) -> Tensor:
    """`value` as a tensor of a variable's dtype. Python numbers and arrays convert; tensors must have it (TypeError)."""
    if isinstance(value, Tensor) or hasattr(value, "_as_graph_element"):
        tensor = convert_to_tensor(value)
        if tensor.dtype != dtype:
            raise TypeError(f"Input 'value' of {what} has type {tensor.dtype.name} that does not match type "
                            f"{dtype.name} of argument 'ref'; write tf.cast(value, tf.{dtype.name}).")
        return tensor
    return convert_to_tensor(value, dtype=dtype, name="value")


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
    tensor = as_value(value, variable.dtype, "'Assign' Op")
    validate = validate_shape is None or bool(validate_shape)
    if validate:
        _check_shape(variable, tensor.shape, "assign")
    note_write(variable)
    return emit("assign", [variable, tensor], {"validate_shape": validate}, name=name, type="Assign")


def _update(ref: Any, value: Any, with_: str, kind: str, name: str | None) -> Tensor:
    variable = reference(ref, kind)
    tensor = as_value(value, variable.dtype, f"'{kind}' Op")
    _check_shape(variable, tensor.shape, kind)
    note_write(variable)
    return emit("update", [variable, tensor], {"with_": with_}, name=name, type=kind)


def assign_add(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """Adds `value`; gives the new value. Source: tf.assign_add."""
    return _update(ref, value, "add", "AssignAdd", name)


def assign_sub(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """Subtracts `value`; gives the new value. Source: tf.assign_sub."""
    return _update(ref, value, "sub", "AssignSub", name)


def _scatter_inputs(ref: Any, indices: Any, updates: Any, kind: str) -> tuple[Tensor, Tensor, Tensor]:
    variable = reference(ref, kind)
    places = convert_to_tensor(indices, name="indices")
    if places.dtype not in (int32, int64):
        raise TypeError(f"Value passed to parameter 'indices' of {kind} has DataType {places.dtype.name} not in list of "
                        "allowed values: int32, int64")
    rows = as_value(updates, variable.dtype, f"'{kind}' Op")
    if variable.shape.ndims is not None:
        wanted = places.shape.concatenate(variable.shape[1:])
        if variable.shape.ndims == 0 or not wanted.is_compatible_with(rows.shape):
            raise ValueError(f"Shapes must be equal for {kind}: updates must have the shape of indices followed by that "
                             f"of a row of the variable, {wanted}, but have shape {rows.shape}.")
    note_write(variable)
    return variable, places, rows


def _scatter(ref: Any, indices: Any, updates: Any, with_: str, kind: str, name: str | None) -> Tensor:
    variable, places, rows = _scatter_inputs(ref, indices, updates, kind)
    return emit("update", [variable, places, rows], {"with_": with_}, name=name, type=kind)


def scatter_update(ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None) -> Tensor:
    """Writes rows `updates` at `indices` of axis 0; gives the new value. Source: tf.scatter_update."""
    return _scatter(ref, indices, updates, "put", "ScatterUpdate", name)


def scatter_add(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Adds rows at `indices` of axis 0, duplicates too; gives the new value. Source: tf.scatter_add."""
    return _scatter(ref, indices, updates, "put_add", "ScatterAdd", name)


def scatter_sub(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Subtracts rows at `indices` of axis 0, duplicates too; gives the new value. Source: tf.scatter_sub."""
    variable, places, rows = _scatter_inputs(ref, indices, updates, "ScatterSub")
    return emit("update", [variable, places, math.negative(rows)], {"with_": "put_add"}, name=name, type="ScatterSub")


def _factors(variable: Tensor, places: Tensor, rows: Tensor) -> Tensor:
    """Per row of the variable the product of the updates that name it, else ones: [n] + a row's shape."""
    if variable.shape.ndims is None or rows.shape.ndims is None or places.shape.ndims is None:
        raise NotImplementedError("scatter_mul and scatter_div of a variable, indices or updates of unknown rank")
    inner = variable.shape.ndims - 1
    flat = array.reshape(places, [-1])
    row_shape = array.shape(rows)[places.shape.ndims:]
    listed = array.reshape(rows, array.concat([[-1], row_shape], 0))
    count = convert_to_tensor(variable.shape[0].value) if variable.shape[0].value is not None else \
        array.shape(emit("read", [variable], type="Identity"))[0]
    hit = math.equal(array.expand_dims(flat, 1), array.expand_dims(math.cast(math.range(count), flat.dtype), 0))
    hit = array.reshape(hit, array.concat([array.shape(hit), [1] * inner], 0))
    spread = array.expand_dims(listed, 1)
    ones = array.ones_like(spread)
    # Written with the IR op, which broadcasts; tf.where does not.
    return math.reduce_prod(emit("select", [hit, spread, ones], type="Select"), 0)


def scatter_mul(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Multiplies rows at `indices` of axis 0, duplicates too; gives the new value. Source: tf.scatter_mul."""
    variable, places, rows = _scatter_inputs(ref, indices, updates, "ScatterMul")
    return emit("update", [variable, _factors(variable, places, rows)], {"with_": "mul"}, name=name, type="ScatterMul")


def scatter_div(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Divides rows at `indices` of axis 0, duplicates too; gives the new value. Source: tf.scatter_div."""
    variable, places, rows = _scatter_inputs(ref, indices, updates, "ScatterDiv")
    with_ = "div" if variable.dtype.is_floating else "int_truncdiv"
    return emit("update", [variable, _factors(variable, places, rows)], {"with_": with_}, name=name, type="ScatterDiv")


def is_variable_initialized(variable: Any, name: str | None = None) -> Tensor:
    """Whether the variable has a value: a bool scalar. Source: tf.is_variable_initialized."""
    ref = reference(variable, "is_variable_initialized")
    return emit("is_initialized", [ref], name=name, type="IsVariableInitialized")


def count_up_to(ref: Any, limit: int, name: str | None = None) -> Tensor:
    """Not implemented. Source: tf.count_up_to."""
    raise NotImplementedError("count_up_to; use tf.assign_add and tf.less")


def scatter_nd_update(ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None) -> Tensor:
    """Not implemented. Source: tf.scatter_nd_update."""
    raise NotImplementedError("scatter_nd_update; use tf.scatter_update on axis 0")


scatter_nd_add = scatter_nd_sub = scatter_nd_update
