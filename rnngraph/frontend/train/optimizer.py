"""What all optimizers share: gradients, slots, and the op that applies everything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.flow import control
from rnngraph.frontend.flow.gradients import gradients
from rnngraph.frontend.framework import nest
from rnngraph.frontend.framework.convert import convert_to_tensor
from rnngraph.frontend.framework.graph import Operation, Tensor, emit, emit_op
from rnngraph.frontend.framework.indexed_slices import IndexedSlices
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.framework.scope import get_variable, name_scope, no_regularizer, variable_scope
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.variables.initializers import constant_initializer, zeros_initializer
from rnngraph.frontend.variables.variable import Variable, assign_add, trainable_variables
from rnngraph.ir.types import DType, float16, float32, float64

Gradient = Tensor | IndexedSlices


class Optimizer:
    """The base of optimizers. Subclasses define `_apply_dense`, and what else they need of the methods with `_`.

    Raises ValueError for an empty name. Source: tf.train.Optimizer.
    """

    GATE_NONE = 0
    GATE_OP = 1
    GATE_GRAPH = 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[str, dict[Variable, Variable]] = {}

    def get_name(self) -> str:
        """The optimizer's name."""
        return self._name

    # --- the interface -----------------------------------------------------------------------------------------------

    def minimize(self, loss: Any, global_step: Any = None, var_list: Any = None, gate_gradients: int = GATE_OP,
                 aggregation_method: int | None = None, colocate_gradients_with_ops: bool = False,
                 name: str | None = None, grad_loss: Any = None) -> Operation:
        """An op that makes one step: `compute_gradients`, then `apply_gradients`.

        Raises ValueError (phrase: `No gradients provided for any variable`).
        """
        pairs = self.compute_gradients(loss, var_list, gate_gradients, aggregation_method,
                                       colocate_gradients_with_ops, grad_loss)
        if all(g is None for g, _ in pairs):
            raise ValueError("No gradients provided for any variable, check your graph for ops that do not support "
                             f"gradients, between variables {[str(v) for _, v in pairs]} and loss {loss}.")
        return self.apply_gradients(pairs, global_step=global_step, name=name)

    def compute_gradients(self, loss: Any, var_list: Any = None, gate_gradients: int = GATE_OP,
                          aggregation_method: int | None = None, colocate_gradients_with_ops: bool = False,
                          grad_loss: Any = None) -> list[tuple[Gradient | None, Variable]]:
        """Pairs (gradient or None, variable) for `var_list`, by default the trainable variables.

        Raises ValueError (phrases: `gate_gradients must be one of`, `Invalid type`, `No variables to optimize`).
        """
        if gate_gradients not in (self.GATE_NONE, self.GATE_OP, self.GATE_GRAPH):
            raise ValueError("gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                             f"Optimizer.GATE_GRAPH. Not {gate_gradients}")
        loss = convert_to_tensor(loss)
        self._assert_valid_dtypes([loss, *([] if grad_loss is None else [convert_to_tensor(grad_loss)])])
        variables = trainable_variables() if var_list is None else nest.flatten(var_list)
        if not variables:
            raise ValueError("No variables to optimize: there are no trainable variables, or var_list is empty.")
        for v in variables:
            _check_variable(v)
        grads = gradients(loss, variables, grad_ys=grad_loss, gate_gradients=gate_gradients == self.GATE_OP,
                          aggregation_method=aggregation_method,
                          colocate_gradients_with_ops=colocate_gradients_with_ops)
        if gate_gradients == self.GATE_GRAPH and any(g is not None for g in grads):
            grads = control.tuple_(grads)
        pairs = list(zip(grads, variables, strict=True))
        self._assert_valid_dtypes([v for g, v in pairs if g is not None])
        return pairs

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]], global_step: Any = None,
                        name: str | None = None) -> Operation:
        """An op that updates the variables by their gradients, then adds 1 to `global_step`; skips pairs with None.

        Raises ValueError (phrases: `No variables provided`, `No gradients provided`), NotImplementedError for what is
        no variable, TypeError for what is no gradient.
        """
        pairs = [(_as_gradient(g), v) for g, v in grads_and_vars]
        if not pairs:
            raise ValueError("No variables provided: grads_and_vars is empty.")
        for _, v in pairs:
            _check_variable(v)
        used = [(g, v) for g, v in pairs if g is not None]
        if not used:
            raise ValueError(f"No gradients provided for any variable: {[str(v) for _, v in pairs]}.")
        graph = used[0][1].graph
        with graph.as_default(), graph.control_dependencies(None):
            self._create_slots([v for _, v in used])
        with graph.as_default(), name_scope(name, self._name) as scope:
            self._prepare()
            updates = [self._update(g, v) for g, v in used]
            if global_step is None:
                applied = self._finish(updates, scope)
            else:
                with graph.control_dependencies([self._finish(updates, "update")]):
                    applied = assign_add(global_step, 1, name=scope).op
        graph.add_to_collection(GraphKeys.TRAIN_OP, applied)
        return applied

    def _update(self, grad: Gradient, variable: Variable) -> Operation:
        """The op that changes one variable, its constraint included."""
        with name_scope(f"update_{variable.op.name}"):
            if isinstance(grad, IndexedSlices):
                if variable.constraint is not None:
                    raise RuntimeError(f"Cannot use a constraint function on a sparse variable: {variable.name}")
                return _op(self._apply_sparse_duplicate_indices(grad, variable))
            update = _op(self._apply_dense(grad, variable))
            if variable.constraint is None:
                return update
            with update.graph.control_dependencies([update]):
                return variable.assign(variable.constraint(variable)).op

    def get_slot(self, var: Any, name: str) -> Variable | None:
        """The slot of that name, or None."""
        return self._slots.get(name, {}).get(var)

    def get_slot_names(self) -> list[str]:
        """The names of the slots, sorted."""
        return sorted(self._slots)

    # --- what subclasses define --------------------------------------------------------------------------------------

    def _valid_dtypes(self) -> set[DType]:
        return {float16, float32, float64}

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        """Make all slots."""

    def _prepare(self) -> None:
        """Make the tensors of the hyper-parameters."""

    def _apply_dense(self, grad: Tensor, var: Variable) -> Operation | Tensor:
        """The update by a dense gradient."""
        raise NotImplementedError(f"{type(self).__name__}._apply_dense: an optimizer defines its update")

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Operation | Tensor:
        """The update by rows without duplicates; by default that of the dense gradient."""
        return self._apply_dense(summed(grad, var), var)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Operation | Tensor:
        """The update by rows with duplicates, which are summed here."""
        unique, place = emit_op("unique", [grad.indices], type="Unique").outputs
        values = emit("unsorted_segment_sum", [grad.values, place, array.shape(unique)[0]], type="UnsortedSegmentSum")
        return self._apply_sparse(IndexedSlices(values, unique, grad.dense_shape), var)

    def _finish(self, update_ops: Sequence[Operation], name_scope: str) -> Operation:
        """The op that stands for all updates."""
        return control.group(*update_ops, name=name_scope)

    # --- for subclasses ----------------------------------------------------------------------------------------------

    def _assert_valid_dtypes(self, tensors: Iterable[Any]) -> None:
        valid = self._valid_dtypes()
        for t in tensors:
            if t.dtype not in valid:
                raise ValueError(f"Invalid type {t.dtype.name} for {t.name}, expected: "
                                 f"{sorted(d.name for d in valid)}.")

    def _slot_dict(self, slot_name: str) -> dict[Variable, Variable]:
        return self._slots.setdefault(slot_name, {})

    def _get_or_make_slot(self, var: Variable, val: Any, slot_name: str, op_name: str) -> Variable:
        """The slot with initial value `val`, a tensor."""
        slots = self._slot_dict(slot_name)
        if var not in slots:
            slots[var] = make_slot(var, op_name, val)
        return slots[var]

    def _get_or_make_slot_with_initializer(self, var: Variable, initializer: Callable[..., Any], shape: Any,
                                           dtype: Any, slot_name: str, op_name: str) -> Variable:
        slots = self._slot_dict(slot_name)
        if var not in slots:
            slots[var] = make_slot(var, op_name, initializer, shape, dtype)
        return slots[var]

    def _zeros_slot(self, var: Variable, slot_name: str, op_name: str) -> Variable:
        """The slot of zeros of the variable's shape and dtype."""
        return self._filled_slot(var, slot_name, op_name, 0.0)

    def _filled_slot(self, var: Variable, slot_name: str, op_name: str, value: float) -> Variable:
        if not var.shape.is_fully_defined():
            start = convert_to_tensor(value, dtype=var.dtype)
            return self._get_or_make_slot(var, array.fill(array.shape(var.initialized_value()), start), slot_name,
                                          op_name)
        initializer = constant_initializer(value) if value else zeros_initializer()
        return self._get_or_make_slot_with_initializer(var, initializer, var.shape, var.dtype, slot_name, op_name)

    def _made_slot(self, var: Variable, name: str) -> Variable:
        return self._slots[name][var]


def make_slot(primary: Variable, name: str, initial: Any, shape: Any = None, dtype: Any = None) -> Variable:
    """A variable `<primary>/<name>`, made unique, that is not trained. `initial`: an initializer, or a tensor."""
    with variable_scope(None, default_name=f"{primary.op.name}/{name}") as scope:
        # Slots are always new; r1.4 fails here inside a scope that reuses.
        scope._reuse = False
        # The empty name ends the full name in a slash, which the name scope takes as it is.
        slot: Variable = get_variable("", shape=shape, dtype=dtype, initializer=initial, trainable=False,
                                      validate_shape=shape is not None or initial.shape.is_fully_defined(),
                                      regularizer=no_regularizer)
    return slot


def summed(grad: IndexedSlices, var: Variable) -> Tensor:
    """The dense gradient of a variable's shape: rows of the same index added."""
    return emit("put_add", [array.zeros_like(var), grad.indices, grad.values], type="ScatterAdd")


def summed_rows(grad: IndexedSlices, var: Variable) -> Tensor:
    """For each index of `grad` the sum of all rows of that index: duplicates all get the same, whole sum.

    Written back with `put`, duplicates then agree; so no step depends on how many different indices there are.
    """
    return array.gather(summed(grad, var), grad.indices)


def rows_of(variable: Variable, grad: IndexedSlices) -> Tensor:
    """The rows of a variable that `grad` touches."""
    return array.gather(variable, grad.indices)


def as_dtype_of(tensor: Tensor, var: Variable) -> Tensor:
    """A hyper-parameter in the dtype of a variable."""
    cast: Tensor = math.cast(tensor, var.dtype)
    return cast


def _op(made: Operation | Tensor) -> Operation:
    return made if isinstance(made, Operation) else made.op


def _check_variable(variable: Any) -> None:
    if not isinstance(variable, Variable):
        raise NotImplementedError(f"Trying to optimize unsupported type {type(variable).__name__}: {variable!r}; "
                                  "optimizers change variables only.")


def _as_gradient(gradient: Any) -> Gradient | None:
    if gradient is None or isinstance(gradient, IndexedSlices):
        return gradient
    try:
        converted: Tensor = convert_to_tensor(gradient)
    except (TypeError, ValueError) as error:
        raise TypeError("Gradient must be convertible to a Tensor or IndexedSlices, or None: "
                        f"{gradient!r}: {error}") from None
    return converted
