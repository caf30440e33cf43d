"""Gradient descent and momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.flow.control import group
from rnngraph.frontend.framework.convert import convert_to_tensor
from rnngraph.frontend.framework.graph import Operation, Tensor
from rnngraph.frontend.framework.indexed_slices import IndexedSlices
from rnngraph.frontend.train.optimizer import Optimizer, as_dtype_of, rows_of, summed_rows
from rnngraph.frontend.variables.variable import Variable, assign, assign_sub, scatter_sub, scatter_update


class GradientDescentOptimizer(Optimizer):
    """v -= learning_rate * g. Source: tf.train.GradientDescentOptimizer."""

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _prepare(self) -> None:
        self._learning_rate_tensor = convert_to_tensor(self._learning_rate, name="learning_rate")

    def _apply_dense(self, grad: Tensor, var: Variable) -> Tensor:
        return assign_sub(var, as_dtype_of(self._learning_rate_tensor, var) * grad)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Tensor:
        # Linear in g: rows of the same index may be subtracted one by one.
        return scatter_sub(var, grad.indices, as_dtype_of(self._learning_rate_tensor, var) * grad.values)


class MomentumOptimizer(Optimizer):
    """a = momentum*a + g; v -= learning_rate*a, with `use_nesterov` v -= learning_rate*(g + momentum*a).

    Source: tf.train.MomentumOptimizer.
    """

    def __init__(self, learning_rate: Any, momentum: Any, use_locking: bool = False, name: str = "Momentum",
                 use_nesterov: bool = False) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._use_nesterov = use_nesterov

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for v in var_list:
            self._zeros_slot(v, "momentum", self._name)

    def _prepare(self) -> None:
        rate = self._learning_rate() if callable(self._learning_rate) else self._learning_rate
        momentum = self._momentum() if callable(self._momentum) else self._momentum
        self._learning_rate_tensor = convert_to_tensor(rate, name="learning_rate")
        self._momentum_tensor = convert_to_tensor(momentum, name="momentum")

    def _step(self, grad: Tensor, accumulated: Any, var: Variable) -> tuple[Tensor, Tensor]:
        """The new accumulator, and what to subtract."""
        rate, momentum = as_dtype_of(self._learning_rate_tensor, var), as_dtype_of(self._momentum_tensor, var)
        new = momentum * accumulated + grad
        return new, rate * grad + rate * momentum * new if self._use_nesterov else rate * new

    def _apply_dense(self, grad: Tensor, var: Variable) -> Operation:
        slot = self._made_slot(var, "momentum")
        new, step = self._step(grad, slot, var)
        return group(assign(slot, new), assign_sub(var, step))

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Operation:
        slot = self._made_slot(var, "momentum")
        new, step = self._step(summed_rows(grad, var), rows_of(slot, grad), var)
        return group(scatter_update(slot, grad.indices, new),
                     scatter_update(var, grad.indices, rows_of(var, grad) - step))
