"""make_template: a function whose variables are made at its first call and shared at all later ones."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any

from rnngraph.frontend.framework.graph import get_default_graph
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.framework.scope import VariableScope, variable_scope


def make_template(name_: str, func_: Callable[..., Any], create_scope_now_: bool = False,
                  unique_name_: str | None = None, custom_getter_: Callable[..., Any] | None = None,
                  **kwargs: Any) -> Template:
    """`func_` with `kwargs` bound, in a variable scope of its own whose variables every call shares.

    The scope is `name_` made unique below the scope of the first call (or of this call, with `create_scope_now_`), or
    exactly `unique_name_`. Raises ValueError if the name is None, or if a later call makes variables that are trained.
    Source: tf.make_template.
    """
    function = functools.partial(func_, **kwargs) if kwargs else func_
    return Template(name_, function, create_scope_now_, unique_name_, custom_getter_)


class Template:
    """What `make_template` gives: call it."""

    def __init__(self, name: str, func: Callable[..., Any], create_scope_now: bool = False,
                 unique_name: str | None = None, custom_getter: Callable[..., Any] | None = None) -> None:
        if name is None:
            raise ValueError("name cannot be None: a template needs a name for its variable scope.")
        self._func = func
        self._name = name
        self._unique_name = unique_name
        self._custom_getter = custom_getter
        self._scope: VariableScope | None = None
        self._made = False
        self._line = traceback.format_stack(limit=3)
        if create_scope_now:
            with self._opened() as scope:
                self._scope = scope

    def _opened(self) -> variable_scope:
        if self._unique_name is not None:
            return variable_scope(self._unique_name, custom_getter=self._custom_getter)
        return variable_scope(None, default_name=self._name, custom_getter=self._custom_getter)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's result."""
        if self._scope is not None:
            with variable_scope(self._scope, reuse=self._made):
                return self._called(args, kwargs)
        with self._opened() as self._scope:
            return self._called(args, kwargs)

    def _called(self, args: Any, kwargs: Any) -> Any:
        trained = get_default_graph().get_collection_ref(GraphKeys.TRAINABLE_VARIABLES)
        before = len(trained)
        try:
            result = self._func(*args, **kwargs)
        except Exception as error:
            error.add_note(f"  template: {self._name!r}, made at\n{''.join(self._line[:1])}")
            raise
        if self._made and len(trained) != before:
            raise ValueError("Trainable variable created when calling a template after the first time, perhaps you "
                             f"used tf.Variable when you meant tf.get_variable: {trained[before:]}")
        self._made = True
        return result

    @property
    def name(self) -> str:
        """The name given."""
        return self._name

    @property
    def variable_scope(self) -> VariableScope | None:
        """The variable scope; None before the first call unless made at once."""
        return self._scope

    @property
    def var_scope(self) -> VariableScope | None:
        """The old name of `variable_scope`."""
        return self._scope

    @property
    def variable_scope_name(self) -> str | None:
        """The variable scope's name."""
        return None if self._scope is None else self._scope.name

    def _below(self, key: str) -> list[Any]:
        if self._scope is None:
            raise ValueError(f"The template {self._name!r} has no variables before its first call.")
        return get_default_graph().get_collection(key, self._scope.name + "/")

    @property
    def variables(self) -> list[Any]:
        """The global and local variables of the template."""
        return self._below(GraphKeys.GLOBAL_VARIABLES) + self._below(GraphKeys.LOCAL_VARIABLES)

    @property
    def trainable_variables(self) -> list[Any]:
        """Those that are trained."""
        return self._below(GraphKeys.TRAINABLE_VARIABLES)

    @property
    def global_variables(self) -> list[Any]:
        """The global variables of the template."""
        return self._below(GraphKeys.GLOBAL_VARIABLES)

    @property
    def local_variables(self) -> list[Any]:
        """The local variables of the template."""
        return self._below(GraphKeys.LOCAL_VARIABLES)
