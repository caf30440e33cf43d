"""What `get_variable` does: the variables of a graph by full name, found again or made.

Importing this module enters its function in `scope.GETTER`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from rnngraph.frontend.framework.convert import convert_to_tensor
from rnngraph.frontend.framework.graph import get_default_graph
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.framework.places import user_line
from rnngraph.frontend.framework.scope import AUTO_REUSE, GETTER, VariableScope, name_scope, scope_state
from rnngraph.frontend.framework.shapes import TensorShape, as_shape
from rnngraph.frontend.variables.initializers import glorot_uniform_initializer, zeros_initializer
from rnngraph.frontend.variables.variable import Variable
from rnngraph.ir.types import DType, as_dtype, float32


def _parameters(function: Callable[..., Any]) -> tuple[set[str], bool]:
    """The names that a callable takes, and whether it takes any keyword."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return set(), True
    return {p.name for p in parameters}, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _get_variable(scope: VariableScope, name: str, **given: Any) -> Any:
    """`get_variable` in `scope`: fills in what the scope has and asks the custom getter, if there is one."""
    initializer = given["initializer"] if given["initializer"] is not None else scope.initializer
    regularizer = given["regularizer"] if given["regularizer"] is not None else scope.regularizer
    dtype = given["dtype"] if given["dtype"] is not None else scope.dtype if scope.dtype is not None else float32
    getter = given["custom_getter"] if given["custom_getter"] is not None else scope.custom_getter
    constraint = given["constraint"] if given["constraint"] is not None else scope.constraint
    arguments = {
        "name": f"{scope.name}/{name}" if scope.name else name, "shape": given["shape"], "dtype": as_dtype(dtype),
        "initializer": initializer, "regularizer": regularizer, "reuse": scope.reuse, "trainable": given["trainable"],
        "collections": given["collections"],
        "caching_device": given["caching_device"] if given["caching_device"] is not None else scope.caching_device,
        "partitioner": given["partitioner"] if given["partitioner"] is not None else scope.partitioner,
        "validate_shape": given["validate_shape"],
        "use_resource": given["use_resource"] if given["use_resource"] is not None else scope.use_resource}
    # Variables ignore name scopes; their names are full already.
    with name_scope(None):
        _check_constant(initializer, given["dtype"])
        if getter is None:
            return make_or_find(**arguments, constraint=constraint)
        if not callable(getter):
            raise ValueError(f"Passed a custom_getter which is not callable: {getter!r}")
        if "constraint" in _parameters(getter)[0]:
            arguments["constraint"] = constraint
        # A getter that does not know of constraints hands none on; the call's own one then holds.
        return getter(getter=partial(make_or_find, constraint=constraint), **arguments)


def _check_constant(initializer: Any, dtype: Any) -> None:
    """Raise ValueError (phrase: `don't match`) if a constant initializer is not of the dtype asked for."""
    if initializer is None or callable(initializer) or dtype is None:
        return
    own: DType = as_dtype(initializer.dtype if hasattr(initializer, "dtype") else convert_to_tensor(initializer).dtype)
    if as_dtype(dtype) != own:
        raise ValueError(f"Initializer type '{own.name}' and explicit dtype '{as_dtype(dtype).name}' don't match: "
                         "convert the initial value, or leave out dtype.")


def make_or_find(name: str, shape: Any = None, dtype: Any = float32, initializer: Any = None, regularizer: Any = None,
                 reuse: Any = None, trainable: bool = True, collections: Any = None, caching_device: Any = None,
                 partitioner: Any = None, validate_shape: bool = True, use_resource: bool | None = None,
                 constraint: Any = None, custom_getter: Any = None) -> Any:
    """The variable of that full name, if `reuse` allows it, else a new one. A custom getter gets this as `getter`.

    `reuse`: True (must exist), False (must not), None or AUTO_REUSE. Raises ValueError as `get_variable` does.
    """
    if partitioner is not None:
        raise NotImplementedError(f"partitioned variables: variable {name!r} has a partitioner")
    constant = initializer is not None and not callable(initializer)
    if constant and shape is not None:
        raise ValueError(f"If initializer is a constant, do not specify shape: variable {name!r}, shape {shape}")
    variables = scope_state().variables
    wanted = as_shape(shape)
    kind = as_dtype(dtype if dtype is not None else float32)
    if name in variables:
        # What dtype a constant brings is not what the caller asked for.
        return _found(variables[name], name, wanted, None if constant else kind, reuse)
    if reuse is True:
        raise ValueError(f"Variable {name} does not exist, or was not created with tf.get_variable(). Did you mean to "
                         "set reuse=None or reuse=tf.AUTO_REUSE in the variable scope?")
    if not constant and not wanted.is_fully_defined():
        raise ValueError(f"Shape of a new variable ({name}) must be fully defined, but instead was {wanted}.")
    variable = Variable(_initial(name, initializer, wanted, kind, constant), trainable=trainable,
                        collections=collections, caching_device=caching_device, validate_shape=validate_shape,
                        name=name, dtype=None if constant else kind, constraint=constraint)
    variables[name] = variable
    _created(name)
    if regularizer is not None:
        with name_scope(name + "/Regularizer/"):
            loss = regularizer(variable)
        if loss is not None:
            get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return variable


def _created(name: str) -> None:
    places: dict[str, str] = get_default_graph().states.setdefault("variables_made_at", {})
    places[name] = user_line()


def _found(variable: Any, name: str, shape: TensorShape, dtype: DType | None, reuse: Any) -> Any:
    if reuse is False:
        place = get_default_graph().states.get("variables_made_at", {}).get(name, "an unknown place")
        raise ValueError(f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or "
                         f"reuse=tf.AUTO_REUSE in the variable scope? Originally defined at: {place}")
    if not shape.is_compatible_with(variable.shape):
        raise ValueError(f"Trying to share variable {name}, but specified shape {shape} and found shape "
                         f"{variable.shape}.")
    if dtype is not None and variable.dtype != dtype:
        raise ValueError(f"Trying to share variable {name}, but specified dtype {dtype.name} and found dtype "
                         f"{variable.dtype.name}.")
    return variable


def _initial(name: str, initializer: Any, shape: TensorShape, dtype: DType, constant: bool) -> Any:
    """What `Variable` takes as initial value: the constant itself, or a function that calls the initializer."""
    if constant:
        return initializer
    if initializer is None:
        initializer = _default_initializer(name, dtype)
    if isinstance(initializer, type):
        initializer = initializer(dtype=dtype)
    names, any_keyword = _parameters(initializer)
    arguments = {"dtype": dtype, "partition_info": None}
    # r1.4 passes both to everything; plain functions of the shape alone are welcome here.
    accepted = {k: v for k, v in arguments.items() if any_keyword or k in names}
    return partial(initializer, shape.as_list(), **accepted)


def _default_initializer(name: str, dtype: DType) -> Any:
    if dtype.is_floating:
        return glorot_uniform_initializer()
    if dtype.is_integer or dtype.is_bool:
        return zeros_initializer()
    raise ValueError(f"An initializer for variable {name} of {dtype.name} is required: there is no default for it.")


class VariableStore:
    """The variables by full name of the graph that is the default one at each call."""

    def get_variable(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """As `make_or_find`; `reuse` None finds or makes."""
        return make_or_find(name, *args, **kwargs)


def _get_default_variable_store() -> VariableStore:
    return VariableStore()


GETTER["get_variable"] = _get_variable

__all__ = ["AUTO_REUSE", "VariableStore", "make_or_find"]
