"""Learning rates that follow the step, and the step itself (gradients-and-training, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework.convert import convert_to_tensor
from rnngraph.frontend.framework.expect import expect, shown
from rnngraph.frontend.framework.graph import Graph, Tensor, get_default_graph
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.framework.scope import get_variable, name_scope
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.variables.initializers import zeros_initializer
from rnngraph.frontend.variables.variable import Variable
from rnngraph.ir.types import DType, int32, int64

# --- decay -----------------------------------------------------------------------------------------------------------


def _needed(global_step: Any, what: str) -> None:
    if global_step is None:
        raise ValueError(f"global_step is required for {what}; pass a step variable or tf.train.get_global_step().")


def _progress(step: Any, decay_steps: Any, dtype: DType, staircase: bool) -> Tensor:
    """step / decay_steps, floored if `staircase`."""
    p = math.divide(math.cast(step, dtype), math.cast(decay_steps, dtype))
    done: Tensor = math.floor(p) if staircase else p
    return done


def exponential_decay(learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False,
                      name: str | None = None) -> Tensor:
    """learning_rate * decay_rate^(global_step / decay_steps). Source: tf.train.exponential_decay.

    Raises ValueError (phrase: `global_step is required`).
    """
    _needed(global_step, "exponential_decay")
    with name_scope(name, "ExponentialDecay", [learning_rate, global_step, decay_steps, decay_rate]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        p = _progress(global_step, decay_steps, rate.dtype, staircase)
        found: Tensor = math.multiply(rate, math.pow(math.cast(decay_rate, rate.dtype), p), name=scope)
    return found


def natural_exp_decay(learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any,
                      staircase: bool = False, name: str | None = None) -> Tensor:
    """learning_rate * exp(-decay_rate * global_step / decay_steps). Source: tf.train.natural_exp_decay."""
    _needed(global_step, "natural_exp_decay")
    with name_scope(name, "NaturalExpDecay", [learning_rate, global_step, decay_rate]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        p = _progress(global_step, decay_steps, rate.dtype, staircase)
        exponent = math.exp(math.multiply(math.negative(math.cast(decay_rate, rate.dtype)), p))
        found: Tensor = math.multiply(rate, exponent, name=scope)
    return found


def inverse_time_decay(learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any,
                       staircase: bool = False, name: str | None = None) -> Tensor:
    """learning_rate / (1 + decay_rate * global_step / decay_steps). Source: tf.train.inverse_time_decay."""
    _needed(global_step, "inverse_time_decay")
    with name_scope(name, "InverseTimeDecay", [learning_rate, global_step, decay_rate]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        p = _progress(global_step, decay_steps, rate.dtype, staircase)
        grown = math.add(convert_to_tensor(1, dtype=rate.dtype), math.multiply(math.cast(decay_rate, rate.dtype), p))
        found: Tensor = math.divide(rate, grown, name=scope)
    return found


def polynomial_decay(learning_rate: Any, global_step: Any, decay_steps: Any, end_learning_rate: Any = 0.0001,
                     power: Any = 1.0, cycle: bool = False, name: str | None = None) -> Tensor:
    """From learning_rate to end_learning_rate in decay_steps; with `cycle` again and again, over ever longer times.

    (learning_rate - end) * (1 - min(step, decay_steps) / decay_steps)^power + end. Source: tf.train.polynomial_decay.
    """
    _needed(global_step, "polynomial_decay")
    values = [learning_rate, global_step, decay_steps, end_learning_rate, power]
    with name_scope(name, "PolynomialDecay", values) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step, steps = math.cast(global_step, rate.dtype), math.cast(decay_steps, rate.dtype)
        end = math.cast(end_learning_rate, rate.dtype)
        if cycle:
            one = convert_to_tensor(1, dtype=rate.dtype)
            # At step 0 the first cycle has begun already.
            steps = math.multiply(steps, math.maximum(one, math.ceil(math.divide(step, steps))))
        else:
            step = math.minimum(step, steps)
        left = math.subtract(convert_to_tensor(1, dtype=rate.dtype), math.divide(step, steps))
        scaled = math.multiply(math.subtract(rate, end), math.pow(left, math.cast(power, rate.dtype)))
        found: Tensor = math.add(scaled, end, name=scope)
    return found


def piecewise_constant(x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None) -> Tensor:
    """values[0] up to and with boundaries[0], values[k] up to and with boundaries[k], then the last.

    Raises ValueError if the dtypes of `x` and the boundaries, or of the values, differ, or there is not one value more
    than boundaries. Source: tf.train.piecewise_constant.
    """
    if len(values) != len(boundaries) + 1:
        raise ValueError(f"values must be one more than boundaries: {len(boundaries) + 1}, not "
                         f"{len(values)}.")
    with name_scope(name, "PiecewiseConstant", [x, *boundaries, *values]):
        x = convert_to_tensor(x)
        limits = [_boundary(b, x) for b in boundaries]
        found = [convert_to_tensor(v) for v in values]
        for v in found:
            if v.dtype != found[0].dtype:
                raise ValueError("Values must have elements all with the same dtype "
                                 f"({found[0].dtype.name} vs. {v.dtype.name}).")
        result = found[-1]
        for limit, value in zip(reversed(limits), reversed(found[:-1]), strict=True):
            result = array.where(math.less_equal(x, limit), value, result)
    return result


def _boundary(boundary: Any, x: Tensor) -> Tensor:
    limit: Tensor = convert_to_tensor(boundary)
    if limit.dtype == x.dtype:
        return limit
    if limit.dtype == int32 and x.dtype == int64:
        wider: Tensor = math.cast(limit, int64)
        return wider
    raise ValueError(f"Boundaries ({limit.dtype.name}) must have the same dtype as x ({x.dtype.name}).")


# --- the global step -------------------------------------------------------------------------------------------------

def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The step's value in a session. Source: tf.train.global_step."""
    if not hasattr(sess, "run"):
        raise TypeError(f"sess must be a session, but it is {shown(sess)}.")
    return int(sess.run(global_step_tensor))


def get_global_step(graph: Graph | None = None) -> Any:
    """The step of the graph: of the collection `global_step`, or the tensor `global_step:0`; None if there is none.

    Raises TypeError if it is not an integer scalar. Source: tf.train.get_global_step.
    """
    graph = get_default_graph() if graph is None else expect(graph, Graph, "graph", "a tf.Graph")
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) == 1:
        step = found[0]
    elif not found:
        try:
            step = graph.get_tensor_by_name("global_step:0")
        except KeyError:
            return None
    else:
        raise ValueError(f"Multiple tensors in the global_step collection: {found}; there must be one.")
    assert_global_step(step)
    return step


def create_global_step(graph: Graph | None = None) -> Variable:
    """A new int64 variable `global_step` that is not trained. Raises ValueError if there is a step already.

    Source: tf.train.create_global_step.
    """
    graph = get_default_graph() if graph is None else expect(graph, Graph, "graph", "a tf.Graph")
    if get_global_step(graph) is not None:
        raise ValueError("\"global_step\" already exists; use tf.train.get_or_create_global_step().")
    with graph.as_default(), graph.name_scope(None):
        step: Variable = get_variable("global_step", shape=[], dtype=int64, initializer=zeros_initializer(),
                                      trainable=False,
                                      collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP])
    return step


def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """The step of the graph, made if there is none. Source: tf.train.get_or_create_global_step."""
    graph = get_default_graph() if graph is None else expect(graph, Graph, "graph", "a tf.Graph")
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def assert_global_step(global_step_tensor: Any) -> None:
    """Raise TypeError unless it is an integer scalar, or may be one. Source: tf.train.assert_global_step."""
    if not isinstance(global_step_tensor, Tensor | Variable):
        raise TypeError(f"Existing \"global_step\" must be a Variable or Tensor: {global_step_tensor!r}.")
    if not global_step_tensor.dtype.is_integer:
        raise TypeError(f"Existing \"global_step\" does not have integer type: {global_step_tensor.dtype.name}")
    if global_step_tensor.shape.ndims not in (None, 0):
        raise TypeError(f"Existing \"global_step\" is not scalar: {global_step_tensor.shape}")


__all__ = ["assert_global_step", "create_global_step", "exponential_decay", "get_global_step",
           "get_or_create_global_step", "global_step", "inverse_time_decay", "natural_exp_decay",
           "piecewise_constant", "polynomial_decay"]
