"""Collections of variables, and ops over many variables: initialising them, asking which have no value yet."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from rnngraph.frontend.array.array_ops import boolean_mask, identity, stack
from rnngraph.frontend.flow.control import group, no_op
from rnngraph.frontend.framework.convert import constant
from rnngraph.frontend.framework.expect import expect_all
from rnngraph.frontend.framework.graph import Operation, Tensor, emit, get_default_graph
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.framework.scope import name_scope
from rnngraph.frontend.math.math_ops import logical_not
from rnngraph.frontend.variables.state_ops import is_variable_initialized
from rnngraph.ir.types import string
from rnngraph.ops.state import READ


def global_variables(scope: str | None = None) -> list[Any]:
    """The variables that sessions keep and checkpoints hold. Source: tf.global_variables."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Any]:
    """The variables of the collection `local_variables`. Source: tf.local_variables."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """The variables that optimizers train by default. Source: tf.trainable_variables."""
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Any]:
    """The variables of the collection `model_variables`. Source: tf.model_variables."""
    return get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Any]:
    """The variables that moving averages are kept of. Source: tf.moving_average_variables."""
    return get_default_graph().get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def variables_initializer(var_list: Sequence[Any], name: str = "init") -> Operation:
    """An op that initialises the variables listed. Source: tf.variables_initializer."""
    if not var_list:
        return no_op(name=name)
    variables = expect_all(var_list, "initializer", "var_list", "variables")
    return group(*[v.initializer for v in variables], name=name)


def global_variables_initializer() -> Operation:
    """An op that initialises the global variables made so far. Source: tf.global_variables_initializer."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """An op that initialises the local variables made so far. Source: tf.local_variables_initializer."""
    return variables_initializer(local_variables())


def report_uninitialized_variables(var_list: Sequence[Any] | None = None,
                                   name: str = "report_uninitialized_variables") -> Tensor:
    """The names of the variables that have no value yet: a string vector.

    By default of all global and local variables. Source: tf.report_uninitialized_variables.
    """
    if var_list is None:
        var_list = global_variables() + local_variables()
    var_list = expect_all(var_list, "initializer", "var_list", "variables")
    with name_scope(name):
        names = constant([v.op.name for v in var_list], dtype=string, shape=[len(var_list)])
        if not var_list:
            return names
        missing = logical_not(stack([is_variable_initialized(v) for v in var_list]))
        result: Tensor = boolean_mask(names, missing)
        return result


def assert_variables_initialized(var_list: Sequence[Any] | None = None) -> Tensor | None:
    """A tensor [number of variables] whose evaluation raises FailedPreconditionError if a variable has no value.

    None if there are no variables. Source: tf.assert_variables_initialized.
    """
    if var_list is None:
        var_list = global_variables() + local_variables()
    var_list = expect_all(var_list, "initializer", "var_list", "variables")
    if not var_list:
        return None
    with name_scope("assert_variables_initialized"):
        graph = var_list[0].graph
        with graph.control_dependencies([emit(READ, [v._ref()], type="Identity") for v in var_list]):
            return identity(constant([0] * len(var_list)))


def _old(name: str, new: Callable[..., Any]) -> Callable[..., Any]:
    def renamed(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"tf.{name} is deprecated, use tf.{new.__name__}", DeprecationWarning, stacklevel=2)
        return new(*args, **kwargs)
    renamed.__name__ = renamed.__qualname__ = name
    renamed.__doc__ = f"The old name of `{new.__name__}`; warns. Source: tf.{name}."
    return renamed


all_variables = _old("all_variables", global_variables)
initialize_all_variables = _old("initialize_all_variables", global_variables_initializer)
initialize_local_variables = _old("initialize_local_variables", local_variables_initializer)
initialize_variables = _old("initialize_variables", variables_initializer)
