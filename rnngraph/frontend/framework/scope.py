"""Name scopes and variable scopes: how names of ops and of shared variables come about (variables-and-scopes, 2 to 4).

A graph keeps its variable scope state in `graph.states["variable_scope"]`: the current scope, the store of variables by
full name, and how often each scope name was opened. Making the variable itself is the business of `variable_store.py`,
which enters its function in `GETTER`, so that this module stays below tensors and arithmetic.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ContextDecorator, ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from types import TracebackType
from typing import Any

from rnngraph.frontend.framework.graph import Graph, get_default_graph, graph_of
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.ir.types import float32

GETTER: dict[str, Callable[..., Any]] = {}
"""Under "get_variable": function(scope, name, **arguments) that finds or makes a variable."""


class _Reuse(Enum):
    AUTO_REUSE = 1

    def __repr__(self) -> str:
        return "AUTO_REUSE"


AUTO_REUSE = _Reuse.AUTO_REUSE
"""As `reuse`: variables that exist are shared, others are made. Source: tf.AUTO_REUSE."""


def no_regularizer(_: Any) -> None:
    """A regularizer that stands for none, where None would mean the scope's. Source: tf.no_regularizer."""


# --- name scopes -----------------------------------------------------------------------------------------------------

class name_scope:
    """Opens a name scope, with `default_name` where `name` is None, in the graph of `values`; yields `full/`.

    Raises ValueError if `values` are of two graphs (phrase: `must be from the same graph`) or are given without any
    name (phrase: `must be provided`). Source: tf.name_scope.
    """

    def __init__(self, name: str | None, default_name: str | None = None, values: Sequence[Any] | None = None) -> None:
        self._given = name
        self._name = default_name if name is None else name
        self._values = values
        self._stack = ExitStack()

    @property
    def name(self) -> str | None:
        """The name that is opened."""
        return self._name

    def __enter__(self) -> str:
        if self._name is None and self._values is not None:
            raise ValueError(f"At least one of name ({self._given}) and default_name ({self._name}) must be provided.")
        graph = graph_of(list(self._values or ()))
        with ExitStack() as stack:
            if self._values is not None:
                stack.enter_context(graph.as_default())
            scope: str = stack.enter_context(graph.name_scope(self._name))
            self._stack = stack.pop_all()
        return scope

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)


def op_scope(values: Sequence[Any], name: str | None, default_name: str | None = None) -> name_scope:
    """`name_scope` with its arguments in the old order; warns. Source: tf.op_scope."""
    warnings.warn("tf.op_scope(values, name, default_name) is deprecated, use "
                  "tf.name_scope(name, default_name, values)", DeprecationWarning, stacklevel=2)
    return name_scope(name, default_name, values)


# --- variable scopes -------------------------------------------------------------------------------------------------

class VariableScope:
    """The defaults that `get_variable` uses, and the prefix of its names. Source: tf.VariableScope."""

    def __init__(self, reuse: Any, name: str = "", initializer: Any = None, regularizer: Any = None,
                 caching_device: Any = None, partitioner: Any = None, custom_getter: Any = None, name_scope: str = "",
                 dtype: Any = float32, use_resource: bool | None = None, constraint: Any = None) -> None:
        self._reuse = reuse
        self._name = name
        self._initializer = initializer
        self._regularizer = regularizer
        self._caching_device = caching_device
        self._partitioner = partitioner
        self._custom_getter = custom_getter
        self._name_scope = name_scope
        self._dtype = dtype
        self._use_resource = use_resource
        self._constraint = constraint

    @property
    def name(self) -> str:
        """The full name, without a slash at the end; "" for the root."""
        return self._name

    @property
    def original_name_scope(self) -> str:
        """The name scope that was opened when this scope was first entered, with a slash at the end."""
        return self._name_scope

    @property
    def reuse(self) -> Any:
        """True, False or AUTO_REUSE."""
        return self._reuse

    @property
    def initializer(self) -> Any:
        """The default initializer, or None."""
        return self._initializer

    @property
    def regularizer(self) -> Any:
        """The default regularizer, or None."""
        return self._regularizer

    @property
    def caching_device(self) -> Any:
        """Recorded, without effect."""
        return self._caching_device

    @property
    def partitioner(self) -> Any:
        """The partitioner; `get_variable` refuses any but None."""
        return self._partitioner

    @property
    def custom_getter(self) -> Any:
        """The function that `get_variable` calls in its place, or None."""
        return self._custom_getter

    @property
    def dtype(self) -> Any:
        """The default dtype."""
        return self._dtype

    @property
    def use_resource(self) -> bool | None:
        """Recorded, without effect: all variables behave like resource variables."""
        return self._use_resource

    @property
    def constraint(self) -> Any:
        """The default constraint, or None."""
        return self._constraint

    def reuse_variables(self) -> None:
        """Share existing variables from here on."""
        self._reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """Set the default initializer."""
        self._initializer = initializer

    def set_regularizer(self, regularizer: Any) -> None:
        """Set the default regularizer."""
        self._regularizer = regularizer

    def set_caching_device(self, caching_device: Any) -> None:
        """Set the caching device, which has no effect."""
        self._caching_device = caching_device

    def set_partitioner(self, partitioner: Any) -> None:
        """Set the partitioner; `get_variable` refuses any but None."""
        self._partitioner = partitioner

    def set_custom_getter(self, custom_getter: Any) -> None:
        """Set the custom getter."""
        self._custom_getter = custom_getter

    def set_dtype(self, dtype: Any) -> None:
        """Set the default dtype."""
        self._dtype = dtype

    def set_use_resource(self, use_resource: bool | None) -> None:
        """Set `use_resource`, which has no effect."""
        self._use_resource = use_resource

    def get_collection(self, name: Any) -> list[Any]:
        """The items of a collection whose names begin with this scope's name and a slash."""
        return get_default_graph().get_collection(name, self._name + "/" if self._name else "")

    def trainable_variables(self) -> list[Any]:
        """The trainable variables below this scope."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Any]:
        """The global variables below this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        """The local variables below this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def _arguments(self) -> dict[str, Any]:
        return {"reuse": self._reuse, "initializer": self._initializer, "regularizer": self._regularizer,
                "caching_device": self._caching_device, "partitioner": self._partitioner,
                "custom_getter": self._custom_getter, "dtype": self._dtype, "use_resource": self._use_resource,
                "constraint": self._constraint}


@dataclass
class ScopeState:
    """What a graph knows of variable scopes: the current one, the variables made, how often scopes were opened."""

    current: VariableScope = field(default_factory=lambda: VariableScope(False))
    variables: dict[str, Any] = field(default_factory=dict)
    opened: dict[str, int] = field(default_factory=dict)

    def open(self, name: str) -> None:
        """Count one more opening."""
        self.opened[name] = self.opened.get(name, 0) + 1

    def forget_below(self, name: str) -> None:
        """Numbering below `name` starts again at its next opening."""
        for key in self.opened:
            if not name or key.startswith(name + "/"):
                self.opened[key] = 0

    def unique(self, prefix: str) -> str:
        """`prefix`, or `prefix_1`, ..., such that no scope of that name is open or was opened below the current one."""
        base = f"{self.current.name}/{prefix}" if self.current.name else prefix
        if not self.opened.get(base):
            return prefix
        k = 1
        while self.opened.get(f"{base}_{k}"):
            k += 1
        return f"{prefix}_{k}"


def scope_state(graph: Graph | None = None) -> ScopeState:
    """The state of `graph`, or of the default graph."""
    state: ScopeState = (graph or get_default_graph()).states.setdefault("variable_scope", ScopeState())
    return state


def get_variable_scope() -> VariableScope:
    """The current variable scope of the default graph. Source: tf.get_variable_scope."""
    return scope_state().current


class variable_scope(ContextDecorator):
    """Enters a variable scope by name, by an object got earlier, or by a default name made unique; yields the scope.

    Raises TypeError (phrases: `name_or_scope is required`, `must be a string or VariableScope`) or ValueError (phrases:
    `The reuse parameter must be`, `reuse=True cannot be used without a name_or_scope`). Source: tf.variable_scope.
    """

    def __init__(self, name_or_scope: str | VariableScope | None, default_name: str | None = None,
                 values: Sequence[Any] | None = None, initializer: Any = None, regularizer: Any = None,
                 caching_device: Any = None, partitioner: Any = None, custom_getter: Any = None, reuse: Any = None,
                 dtype: Any = None, use_resource: bool | None = None, constraint: Any = None) -> None:
        self._target = name_or_scope
        self._default_name = default_name
        self._values = values
        self._given = {"initializer": initializer, "regularizer": regularizer, "caching_device": caching_device,
                       "partitioner": partitioner, "custom_getter": custom_getter, "reuse": reuse, "dtype": dtype,
                       "use_resource": use_resource, "constraint": constraint}
        self._stack = ExitStack()

    def _recreate_cm(self) -> variable_scope:
        return variable_scope(self._target, self._default_name, self._values, **self._given)

    def _check(self) -> None:
        target, reuse = self._target, self._given["reuse"]
        if target is None and self._default_name is None:
            raise TypeError("If default_name is None then name_or_scope is required: write variable_scope(\"name\")")
        if target is not None and not isinstance(target, str | VariableScope):
            raise TypeError("VariableScope: name_or_scope must be a string or VariableScope, got "
                            f"{target!r} of {type(target).__name__}")
        if reuse not in (True, False, None, AUTO_REUSE):
            raise ValueError(f"The reuse parameter must be True or False or None or AUTO_REUSE, got {reuse!r}")
        if target is None and reuse:
            raise ValueError("reuse=True cannot be used without a name_or_scope: a default name is always a new one")

    def __enter__(self) -> VariableScope:
        self._check()
        with ExitStack() as stack:
            graph = graph_of(list(self._values or ()))
            if self._values is not None:
                stack.enter_context(graph.as_default())
            scope = stack.enter_context(self._opened(graph))
            self._stack = stack.pop_all()
        return scope

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    @contextmanager
    def _opened(self, graph: Graph) -> Iterator[VariableScope]:
        state, target = scope_state(graph), self._target
        if isinstance(target, VariableScope):
            opened: str | None = target.name.rpartition("/")[2]
        else:
            opened = self._default_name if target is None else target
        with ExitStack() as stack:
            # The root object and the empty string open no name scope; a default name that is empty goes to the root.
            in_graph = stack.enter_context(graph.name_scope(opened)) if opened or target is None else ""
            if isinstance(target, VariableScope):
                scope = _entered(target, target.name, target.original_name_scope, self._given)
            else:
                word = state.unique(str(self._default_name)) if target is None else target
                outer = state.current
                name = f"{outer.name}/{word}" if outer.name else word
                scope = _entered(outer, name, in_graph, self._given)
            with _as_current(state, scope, isinstance(target, VariableScope)):
                yield scope


def _entered(base: VariableScope, name: str, in_graph: str, given: dict[str, Any]) -> VariableScope:
    """A new scope with `base`'s properties where `given` has none."""
    merged = base._arguments()
    # As in r1.4: a constraint holds for the one scope that it is given to.
    merged["constraint"] = None
    for key, value in given.items():
        if key == "custom_getter" and value is not None and merged[key] is not None:
            merged[key] = _compose(value, merged[key])
        elif key == "reuse":
            merged[key] = value or merged[key]
        elif value is not None:
            merged[key] = value
    return VariableScope(name=name, name_scope=in_graph, **merged)


def _compose(new: Callable[..., Any], old: Callable[..., Any]) -> Callable[..., Any]:
    def getter_of_both(getter: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return new(partial(old, getter), *args, **kwargs)
    return getter_of_both


@contextmanager
def _as_current(state: ScopeState, scope: VariableScope, by_object: bool) -> Iterator[None]:
    previous = state.current
    state.open(scope.name)
    entered_with = dict(state.opened) if by_object else None
    state.current = scope
    try:
        yield
    finally:
        state.current = previous
        if entered_with is not None:
            state.opened = entered_with
        else:
            state.forget_below(scope.name)


def variable_op_scope(values: Sequence[Any] | None, name_or_scope: Any, default_name: str | None = None,
                      **arguments: Any) -> variable_scope:
    """`variable_scope` with its arguments in the old order; warns. Source: tf.variable_op_scope."""
    warnings.warn("tf.variable_op_scope(values, name, default_name) is deprecated, use "
                  "tf.variable_scope(name, default_name, values)", DeprecationWarning, stacklevel=2)
    return variable_scope(name_or_scope, default_name, values, **arguments)


# --- variables by name -----------------------------------------------------------------------------------------------

def get_variable(name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
                 trainable: bool = True, collections: Any = None, caching_device: Any = None, partitioner: Any = None,
                 validate_shape: bool = True, use_resource: bool | None = None, custom_getter: Any = None,
                 constraint: Any = None) -> Any:
    """The variable `<scope>/<name>` of the default graph: the one that exists if the scope reuses, else a new one.

    None arguments come from the current scope. Raises ValueError (phrases: `already exists`, `does not exist, or was
    not created with`, `must be fully defined`, `but specified shape`, `but specified dtype`, `don't match`, `do not
    specify shape`, `is required`). Source: tf.get_variable.
    """
    return GETTER["get_variable"](
        get_variable_scope(), name, shape=shape, dtype=dtype, initializer=initializer, regularizer=regularizer,
        trainable=trainable, collections=collections, caching_device=caching_device, partitioner=partitioner,
        validate_shape=validate_shape, use_resource=use_resource, custom_getter=custom_getter, constraint=constraint)


def get_local_variable(name: str, shape: Any = None, dtype: Any = None, initializer: Any = None,
                       regularizer: Any = None, trainable: bool = False, collections: Any = None,
                       **arguments: Any) -> Any:
    """`get_variable` of a variable that is not trained and lies in `local_variables` only, besides `collections`.

    Source: tf.get_local_variable.
    """
    keys = [*(collections or []), GraphKeys.LOCAL_VARIABLES]
    return get_variable(name, shape, dtype, initializer, regularizer, False, keys, **arguments)
