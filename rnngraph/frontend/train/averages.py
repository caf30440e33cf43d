"""Moving averages of variables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.flow.control import group
from rnngraph.frontend.framework.convert import convert_to_tensor
from rnngraph.frontend.framework.expect import expect_all
from rnngraph.frontend.framework.graph import Operation, get_default_graph
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.framework.scope import name_scope
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.train.optimizer import make_slot
from rnngraph.frontend.variables.initializers import zeros_initializer
from rnngraph.frontend.variables.variable import Variable, assign_sub, moving_average_variables, trainable_variables
from rnngraph.ir.types import float16, float32, float64


class ExponentialMovingAverage:
    """Keeps average = decay*average + (1-decay)*value of variables or tensors.

    With `num_updates` the decay is at most (1 + num_updates) / (10 + num_updates). Source:
    tf.train.ExponentialMovingAverage.
    """

    def __init__(self, decay: Any, num_updates: Any = None, zero_debias: bool = False,
                 name: str = "ExponentialMovingAverage") -> None:
        if zero_debias:
            raise NotImplementedError("ExponentialMovingAverage(zero_debias=True)")
        self._decay = decay
        self._num_updates = num_updates
        self._name = name
        self._averages: dict[Any, Variable] = {}

    def apply(self, var_list: Sequence[Any] | None = None) -> Operation:
        """An op that moves the averages; makes them, beginning at a variable's initial value or at zeros.

        Raises TypeError for values that are not floating, ValueError (phrase: `Moving average already computed`).
        """
        wanted = trainable_variables() if var_list is None else expect_all(var_list, "dtype", "var_list", "variables")
        for v in wanted:
            if v.dtype not in (float16, float32, float64):
                raise TypeError(f"The variables must be half, float, or double: {v.name}")
            if v in self._averages:
                raise ValueError(f"Moving average already computed for: {v.name}")
        graph = get_default_graph()
        for v in wanted:
            with graph.control_dependencies(None):
                self._averages[v] = self._made(v)
            if isinstance(v, Variable):
                graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, v)
        with name_scope(self._name) as scope:
            decay = convert_to_tensor(self._decay, name="decay")
            if self._num_updates is not None:
                n = math.cast(self._num_updates, float32, name="num_updates")
                decay = math.minimum(decay, (1.0 + n) / (10.0 + n))
            updates = [_moved(self._averages[v], v, decay) for v in wanted]
            return group(*updates, name=scope)

    def _made(self, value: Any) -> Variable:
        if isinstance(value, Variable):
            return make_slot(value, self._name, value.initialized_value())
        return make_slot(value, self._name, zeros_initializer(), value.shape, value.dtype)

    def average(self, var: Any) -> Variable | None:
        """The variable that holds the average, or None."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """The name that the average has or would have."""
        if var in self._averages:
            return self._averages[var].op.name
        return get_default_graph().unique_name(f"{var.op.name}/{self._name}", mark_as_used=False)

    def variables_to_restore(self, moving_avg_variables: Sequence[Any] | None = None) -> dict[str, Any]:
        """Name -> variable for a Saver that restores averages into the variables themselves."""
        graph = get_default_graph()
        if moving_avg_variables is None:
            moving_avg_variables = trainable_variables() + moving_average_variables()
        found = {self.average_name(v): v for v in dict.fromkeys(moving_avg_variables)}
        taken = {v.op.name for v in moving_avg_variables}
        averages = {a for v, a in self._averages.items() if v in set(moving_avg_variables)}
        for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES):
            name = re.sub(r":0$", "", v.name)
            if name not in taken and v not in averages and name not in found:
                found[name] = v
        return found


def _moved(average: Variable, value: Any, decay: Any) -> Any:
    with name_scope("AssignMovingAvg") as scope:
        rate = math.cast(1.0 - decay, average.dtype)
        step = (convert_to_tensor(average) - convert_to_tensor(value)) * rate
        return assign_sub(average, step, name=scope)
