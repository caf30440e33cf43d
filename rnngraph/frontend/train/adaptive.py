"""Optimizers that scale each element's step by what its gradients were: Adam, RMSProp, Adagrad, Adadelta, Ftrl.

Each gives its rule once, on tensors, which is used on whole variables or on the rows that a sparse gradient touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.flow.control import group
from rnngraph.frontend.framework.convert import convert_to_tensor
from rnngraph.frontend.framework.graph import Graph, Operation, Tensor
from rnngraph.frontend.framework.indexed_slices import IndexedSlices
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.train.optimizer import Optimizer, as_dtype_of, rows_of, summed, summed_rows
from rnngraph.frontend.variables.initializers import ones_initializer
from rnngraph.frontend.variables.variable import Variable, assign, assign_sub, scatter_update


class _Elementwise(Optimizer):
    """An optimizer that is one rule on elements: (gradient, value, *slots) -> (what to subtract, *new slots)."""

    slots: tuple[str, ...] = ()
    """The slots that the rule takes, in order."""

    def _hyper(self, var: Variable, *names: str) -> list[Tensor]:
        return [as_dtype_of(self._tensors[name], var) for name in names]

    def _convert(self, **hyper: Any) -> None:
        """Make the tensors of the hyper-parameters."""
        self._tensors = {name: convert_to_tensor(value, name=name) for name, value in hyper.items()}

    def _rule(self, var: Variable, grad: Tensor, value: Tensor, *slots: Tensor) -> Sequence[Tensor]:
        raise NotImplementedError(f"{type(self).__name__}._rule")

    def _state(self, var: Variable) -> list[Variable]:
        return [var, *(self._made_slot(var, name) for name in self.slots)]

    def _apply_dense(self, grad: Tensor, var: Variable) -> Operation:
        state = self._state(var)
        step, *new = self._rule(var, grad, *(convert_to_tensor(s) for s in state))
        # Subtracted where the variable is, so that two optimizers run together both count.
        return group(*(assign(s, n) for s, n in zip(state[1:], new, strict=True)), assign_sub(var, step))

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Operation:
        state = self._state(var)
        values = [rows_of(s, grad) for s in state]
        step, *new = self._rule(var, summed_rows(grad, var), *values)
        return group(*(scatter_update(s, grad.indices, n) for s, n in zip(state[1:], new, strict=True)),
                     scatter_update(var, grad.indices, values[0] - step))


class AdamOptimizer(_Elementwise):
    """Adam; a sparse gradient moves all rows, as the moments of all rows decay. Source: tf.train.AdamOptimizer."""

    slots = ("m", "v")

    def __init__(self, learning_rate: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, epsilon: Any = 1e-8,
                 use_locking: bool = False, name: str = "Adam") -> None:
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._beta1 = beta1
        self._beta2 = beta2
        self._epsilon = epsilon
        self._powers: tuple[Variable, Variable] | None = None
        self._powers_graph: Graph | None = None

    def _get_beta_accumulators(self) -> tuple[Variable, Variable] | None:
        return self._powers

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        graph = var_list[0].graph
        if self._powers is None or self._powers_graph is not graph:
            self._powers = (Variable(self._beta1, name="beta1_power", trainable=False),
                            Variable(self._beta2, name="beta2_power", trainable=False))
            self._powers_graph = graph
        for v in var_list:
            self._zeros_slot(v, "m", self._name)
            self._zeros_slot(v, "v", self._name)

    def _prepare(self) -> None:
        self._convert(learning_rate=self._lr, beta1=self._beta1, beta2=self._beta2, epsilon=self._epsilon)

    def _rule(self, var: Variable, grad: Tensor, value: Tensor, *slots: Tensor) -> Sequence[Tensor]:
        rate, beta1, beta2, epsilon = self._hyper(var, "learning_rate", "beta1", "beta2", "epsilon")
        assert self._powers is not None
        power1, power2 = (as_dtype_of(convert_to_tensor(p), var) for p in self._powers)
        m, v = slots
        rate = rate * math.sqrt(1 - power2) / (1 - power1)
        m = m * beta1 + grad * (1 - beta1)
        v = v * beta2 + math.square(grad) * (1 - beta2)
        return rate * m / (math.sqrt(v) + epsilon), m, v

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Operation:
        return self._apply_dense(summed(grad, var), var)

    def _finish(self, update_ops: Sequence[Operation], name_scope: str) -> Operation:
        assert self._powers is not None
        with update_ops[0].graph.control_dependencies(update_ops):
            powers = [p.assign(convert_to_tensor(p) * as_dtype_of(self._tensors[b], p))
                      for p, b in zip(self._powers, ("beta1", "beta2"), strict=True)]
        return group(*update_ops, *powers, name=name_scope)


class RMSPropOptimizer(_Elementwise):
    """The gradient over the root of its mean square, or of its variance if `centered`; with momentum.

    Source: tf.train.RMSPropOptimizer.
    """

    def __init__(self, learning_rate: Any, decay: Any = 0.9, momentum: Any = 0.0, epsilon: Any = 1e-10,
                 use_locking: bool = False, centered: bool = False, name: str = "RMSProp") -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._decay = decay
        self._momentum = momentum
        self._epsilon = epsilon
        self._centered = centered
        self.slots = ("rms", "mg", "momentum") if centered else ("rms", "momentum")

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for v in var_list:
            if v.shape.is_fully_defined():
                self._get_or_make_slot_with_initializer(v, ones_initializer(), v.shape, v.dtype, "rms", self._name)
            else:
                self._get_or_make_slot(v, array.ones_like(v.initialized_value()), "rms", self._name)
            for name in self.slots[1:]:
                self._zeros_slot(v, name, self._name)

    def _prepare(self) -> None:
        self._convert(learning_rate=self._learning_rate, decay=self._decay, momentum=self._momentum,
                      epsilon=self._epsilon)

    def _rule(self, var: Variable, grad: Tensor, value: Tensor, *slots: Tensor) -> Sequence[Tensor]:
        rate, decay, momentum, epsilon = self._hyper(var, "learning_rate", "decay", "momentum", "epsilon")
        rms, step = slots[0], slots[-1]
        rms = rms + (math.square(grad) - rms) * (1 - decay)
        if not self._centered:
            step = momentum * step + rate * grad / math.sqrt(rms + epsilon)
            return step, rms, step
        mean = slots[1] + (grad - slots[1]) * (1 - decay)
        step = momentum * step + rate * grad / math.sqrt(rms - math.square(mean) + epsilon)
        return step, rms, mean, step


class AdagradOptimizer(_Elementwise):
    """The gradient over the root of the sum of its squares.

    Raises ValueError for an `initial_accumulator_value` that is not positive. Source: tf.train.AdagradOptimizer.
    """

    slots = ("accumulator",)

    def __init__(self, learning_rate: Any, initial_accumulator_value: float = 0.1, use_locking: bool = False,
                 name: str = "Adagrad") -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for v in var_list:
            self._filled_slot(v, "accumulator", self._name, self._initial_accumulator_value)

    def _prepare(self) -> None:
        self._convert(learning_rate=self._learning_rate)

    def _rule(self, var: Variable, grad: Tensor, value: Tensor, *slots: Tensor) -> Sequence[Tensor]:
        [rate] = self._hyper(var, "learning_rate")
        squares = slots[0] + math.square(grad)
        return rate * grad / math.sqrt(squares), squares


class AdadeltaOptimizer(_Elementwise):
    """The gradient scaled by the ratio of past steps to past gradients. Source: tf.train.AdadeltaOptimizer."""

    slots = ("accum", "accum_update")

    def __init__(self, learning_rate: Any = 0.001, rho: Any = 0.95, epsilon: Any = 1e-8, use_locking: bool = False,
                 name: str = "Adadelta") -> None:
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._rho = rho
        self._epsilon = epsilon

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for v in var_list:
            self._zeros_slot(v, "accum", self._name)
            self._zeros_slot(v, "accum_update", self._name)

    def _prepare(self) -> None:
        self._convert(lr=self._lr, rho=self._rho, epsilon=self._epsilon)

    def _rule(self, var: Variable, grad: Tensor, value: Tensor, *slots: Tensor) -> Sequence[Tensor]:
        rate, rho, epsilon = self._hyper(var, "lr", "rho", "epsilon")
        squares, steps = slots
        squares = squares * rho + math.square(grad) * (1 - rho)
        scaled = math.rsqrt(squares + epsilon) * grad
        steps = steps * rho + math.square(math.sqrt(steps + epsilon) * scaled) * (1 - rho)
        # As r1.4's kernels compute it (and its check values have it), the step is scaled by the average that it is in.
        return rate * (math.sqrt(steps + epsilon) * scaled), squares, steps


class FtrlOptimizer(_Elementwise):
    """FTRL-proximal with L1 and L2 regularization. Source: tf.train.FtrlOptimizer.

    Raises ValueError for a negative regularization strength, a positive `learning_rate_power`, or an
    `initial_accumulator_value` that is not positive.
    """

    slots = ("accum", "linear")

    def __init__(self, learning_rate: Any, learning_rate_power: float = -0.5, initial_accumulator_value: float = 0.1,
                 l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0,
                 use_locking: bool = False, name: str = "Ftrl", accum_name: str | None = None,
                 linear_name: str | None = None, l2_shrinkage_regularization_strength: float = 0.0) -> None:
        super().__init__(use_locking, name)
        if l2_shrinkage_regularization_strength:
            raise NotImplementedError("FtrlOptimizer(l2_shrinkage_regularization_strength=...)")
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value {initial_accumulator_value} needs to be positive")
        if learning_rate_power > 0.0:
            raise ValueError(f"learning_rate_power {learning_rate_power} needs to be negative or zero")
        if l1_regularization_strength < 0.0 or l2_regularization_strength < 0.0:
            raise ValueError("l1_regularization_strength and l2_regularization_strength need to be zero or positive, "
                             f"got {l1_regularization_strength} and {l2_regularization_strength}")
        self._learning_rate = learning_rate
        self._power = learning_rate_power
        self._initial_accumulator_value = initial_accumulator_value
        self._l1 = l1_regularization_strength
        self._l2 = l2_regularization_strength
        self._accum_name = accum_name
        self._linear_name = linear_name

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for v in var_list:
            self._filled_slot(v, "accum", self._accum_name or self._name, self._initial_accumulator_value)
            self._zeros_slot(v, "linear", self._linear_name or self._name)

    def _prepare(self) -> None:
        self._convert(learning_rate=self._learning_rate, l1=self._l1, l2=self._l2)

    def _rule(self, var: Variable, grad: Tensor, value: Tensor, *slots: Tensor) -> Sequence[Tensor]:
        rate, l1, l2 = self._hyper(var, "learning_rate", "l1", "l2")
        accum, linear = slots
        new = accum + math.square(grad)
        grown = math.pow(new, -self._power)
        linear = linear + grad - (grown - math.pow(accum, -self._power)) / rate * value
        shrunk = (math.sign(linear) * l1 - linear) / (grown / rate + 2 * l2)
        zero = array.zeros_like(linear)
        # value - (value - 0) is 0 exactly: what L1 shrinks away stays away.
        return value - array.where(math.greater(math.abs(linear), l1 + zero), shrunk, zero), new, linear
