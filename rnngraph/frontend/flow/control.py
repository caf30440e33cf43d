"""Control flow: while_loop, cond, case, grouping and dependencies. Source: tf.* of the same names (control-flow page)."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any

from rnngraph.frontend.array.array_ops import stack as stack_tensors
from rnngraph.frontend.flow.bodies import (
    as_leaf,
    branch,
    check_kept,
    counted_loop,
    entry_type,
    joined,
    kept,
    region,
    reserve,
    shape_text,
    shown,
    values_of,
)
from rnngraph.frontend.flow.tensor_array import TensorArray
from rnngraph.frontend.framework import nest
from rnngraph.frontend.framework.compat import logging
from rnngraph.frontend.framework.convert import convert_to_tensor
from rnngraph.frontend.framework.graph import Graph, Operation, Tensor, emit, emit_op, get_default_graph, graph_of
from rnngraph.frontend.framework.indexed_slices import IndexedSlices
from rnngraph.frontend.framework.shapes import TensorShape
from rnngraph.frontend.math.math_ops import add_n, cast, logical_and, logical_not, reduce_any
from rnngraph.frontend.math.verify_ops import Assert
from rnngraph.ir.types import ListType, TensorType, Type, bool_, int32, tensor
from rnngraph.ops.control import INDEX, make_loop


def while_loop(cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, shape_invariants: Any = None,
               parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False,
               name: str | None = None, maximum_iterations: Any = None) -> Any:
    """Repeat `body` while `cond` holds. Source: tf.while_loop.

    loop_vars: non-empty list or tuple, nests inside, of tensors, convertibles, TensorArrays, IndexedSlices. Both functions
    are called once, when the loop is built. Raises ValueError (phrases: `No loop variables provided`, `not an invariant
    for`, `the same number of elements`), TypeError (phrases: `must be callable`, `must be a positive integer`).
    """
    if not isinstance(loop_vars, (list, tuple)):
        raise TypeError(f"loop_vars must be a list or tuple, but it is {loop_vars!r}, which is not iterable as one; write "
                        "[x] for a single variable.")
    graph = graph_of([v for v in nest.flatten(loop_vars) if isinstance(v, Tensor)])
    with graph.name_scope(name or "while"):
        if not loop_vars:
            raise ValueError("No loop variables provided; give at least one in loop_vars.")
        _check_loop(cond, body, parallel_iterations)
        return _While(graph, list(loop_vars), shape_invariants).build(cond, body, maximum_iterations, {
            "parallel_iterations": parallel_iterations, "back_prop": bool(back_prop), "swap_memory": bool(swap_memory)})


def _check_loop(cond: Any, body: Any, parallel_iterations: Any) -> None:
    for what, f in (("cond", cond), ("body", body)):
        if not callable(f):
            raise TypeError(f"{what} must be callable, but it is {f!r}.")
    if isinstance(parallel_iterations, bool) or not isinstance(parallel_iterations, int) or parallel_iterations < 1:
        raise TypeError(f"parallel_iterations must be a positive integer, but it is {parallel_iterations!r}.")


class _While:
    """One while_loop under construction."""

    def __init__(self, graph: Graph, loop_vars: list[Any], shape_invariants: Any) -> None:
        self.graph = graph
        self.structure = loop_vars
        self.leaves = [as_leaf(v) for v in nest.flatten(loop_vars)]
        self.initial = [v for leaf in self.leaves for v in values_of(leaf)]
        self.types = [entry_type(v.type) for v in self.initial]
        if shape_invariants is not None:
            self._loosen(shape_invariants)

    def _loosen(self, shape_invariants: Any) -> None:
        nest.assert_same_structure(self.structure, list(shape_invariants))
        at = 0
        for leaf, shape in zip(self.leaves, nest.flatten(shape_invariants), strict=True):
            if not isinstance(shape, TensorShape):
                raise ValueError(f"shape_invariants must hold TensorShapes, but it has {shape!r}; write "
                                 "tf.TensorShape(...).")
            t = self.types[at]
            if isinstance(t, TensorType):
                self.types[at] = _invariant(leaf, t, shape)
            at += len(values_of(leaf))

    def params(self, builder: Any) -> list[Any]:
        """The parameters of a region: the step number and the loop variables."""
        builder.param(tensor(INDEX, ()), None, "t")
        return [builder.param(t, None, "v") for t in self.types]

    def show(self, values: Sequence[Any], name: str) -> list[Any]:
        """Loop variables' values as leaves."""
        shown_leaves, at = [], 0
        for leaf in self.leaves:
            n = len(values_of(leaf))
            shown_leaves.append(shown(self.graph, leaf, values[at:at + n], name))
            at += n
        return shown_leaves

    def build(self, cond: Any, body: Any, maximum_iterations: Any, attrs: dict[str, Any]) -> Any:
        """The loop's results, packed like the body's return value."""
        graph, count = self.graph, len(self.initial)
        limit = None if maximum_iterations is None else convert_to_tensor(maximum_iterations, int32)
        machinery = reserve(graph, ("Enter",), count)
        test = region(graph, "cond")
        params = self.params(test)
        with graph.region(test):
            args = nest.pack_sequence_as(self.structure, self.show(params, "Merge"))
            test.graph.seal([test.local(_predicate(cond(*args)).value)])
        machinery += reserve(graph, ("LoopCond",)) + reserve(graph, ("Switch",), count)
        inner = region(graph, "body")
        params = self.params(inner)
        with graph.region(inner):
            args = nest.pack_sequence_as(self.structure, self.show(params, "Identity"))
            result = body(*args)
            packed, leaves = self._checked(result, nest.flatten(args))
            inner.graph.seal([inner.local(v) for leaf in leaves for v in values_of(leaf)])
        machinery += reserve(graph, ("NextIteration",), count)
        with graph.standing_for(machinery):
            node = make_loop(graph.builder, cond=test, body=inner, limit=None if limit is None else limit.value,
                             carry=self.initial, name=graph.get_name_scope(), **attrs)
        self.leaves = leaves
        exits = self.show(node.results[:count], "Exit")
        final = nest.pack_sequence_as(packed, exits)
        return final if len(nest.flatten(packed)) > 1 else final[0]

    def _checked(self, result: Any, args: list[Any]) -> tuple[Any, list[Any]]:
        """The body's result as a sequence, and its leaves, converted and compared with the loop variables."""
        if result is None:
            raise ValueError("None values not supported: the body must return the new loop variables.")
        packed = result if nest.is_sequence(result) and not isinstance(result, dict) else [result]
        nest.assert_same_structure(list(self.structure), list(packed))
        leaves, at = [], 0
        for item, old, arg in zip(nest.flatten(packed), self.leaves, args, strict=True):
            hint = old.dtype if isinstance(old, Tensor) and not isinstance(item, (Tensor, TensorArray)) else None
            leaf = as_leaf(item, hint)
            if isinstance(old, TensorArray) != isinstance(leaf, TensorArray):
                raise TypeError(f"The loop variable {arg} must stay a {type(old).__name__}, but the body returns a "
                                f"{type(leaf).__name__} for it.")
            for value in values_of(leaf):
                if isinstance(self.types[at], TensorType):
                    refined = arg.value.type if isinstance(arg, Tensor) else self.types[at]
                    check_kept(getattr(arg, "name", "loop variable"),
                               self.types[at] if kept(refined, value.type) else refined, value.type)
                at += 1
            leaves.append(leaf)
        return packed, leaves


def _invariant(leaf: Any, t: TensorType, shape: TensorShape) -> Type:
    """`t` with the shape that the user says is invariant. Raises ValueError (phrase: `is not compatible with`)."""
    if shape.ndims is None:
        return t.with_shape(None)
    wanted = shape.as_list()
    fits = t.shape is not None and len(t.shape) == len(wanted) and all(
        w is None or w == d for w, d in zip(wanted, t.shape, strict=True))
    if not fits:
        raise ValueError(f"The shape invariant specified for {getattr(leaf, 'name', leaf)} is not compatible with the "
                         f"initial shape of the loop variable. It enters the loop with shape {shape_text(t)}, but the "
                         f"specified shape invariant is {shape}.")
    return t.with_shape(tuple(wanted))


def _predicate(value: Any) -> Tensor:
    t = convert_to_tensor(value)
    if t.dtype != bool_:
        raise TypeError(f"The condition of a loop must give a bool scalar, but it gives {t}.")
    if t.shape.ndims not in (None, 0):
        raise ValueError(f"The condition of a loop must give a scalar, but its shape is {t.shape}; use tf.reduce_all or "
                         "tf.reduce_any.")
    return _scalar(t)


def _scalar(t: Tensor) -> Tensor:
    """A predicate whose rank only a run can tell, checked there."""
    return t if t.shape.ndims == 0 else emit("refine", [t], {"shape": ()}, name="predicate", type="Identity")


# --- cond and case ----------------------------------------------------------------------------------------------------

def cond(pred: Any, true_fn: Any = None, false_fn: Any = None, strict: bool = False, name: str | None = None,
         fn1: Any = None, fn2: Any = None) -> Any:
    """true_fn() if pred else false_fn(); only the ops made in the chosen one run. Source: tf.cond.

    Raises TypeError (phrases: `argument required`, `must be callable`, `must not be a Python bool`), ValueError (phrases:
    `must have a return value`, `must return at least one result`, `Incompatible return`, `must have the same type`).
    """
    true_fn, false_fn = _renamed("true_fn", true_fn, "fn1", fn1), _renamed("false_fn", false_fn, "fn2", fn2)
    if isinstance(pred, bool):
        raise TypeError("pred must not be a Python bool; use a Python if, or tf.constant(...).")
    pred = convert_to_tensor(pred)
    graph = pred.graph
    with graph.name_scope(name or "cond"):
        if pred.dtype != bool_:
            raise TypeError(f"pred must be a bool scalar, but it is {pred}.")
        if pred.shape.ndims not in (None, 0):
            raise ValueError(f"pred must be a scalar, but its shape is {pred.shape}.")
        pred = _scalar(pred)
        machinery = reserve(graph, ("Switch", "switch_t", "switch_f", "pred_id"))
        then, structure, leaves = branch(graph, true_fn, pred, strict)
        other, structure2, leaves2 = branch(graph, false_fn, pred, strict)
        _check_branches(structure, structure2, leaves, leaves2)
        results = joined(graph, pred, then, other, graph.unique_name("If"), machinery)
        merged, at = [], 0
        for leaf in leaves:
            n = len(values_of(leaf))
            merged.append(shown(graph, leaf, results[at:at + n], "Merge"))
            at += n
        return nest.pack_sequence_as(structure, merged)


def _renamed(new: str, value: Any, old: str, deprecated: Any) -> Any:
    if deprecated is not None:
        if value is not None:
            raise TypeError(f"cond(): {new} and {old} may not be set simultaneously; {old} is deprecated.")
        value = deprecated
    if value is None:
        raise TypeError(f"cond(): {new} argument required")
    if not callable(value):
        raise TypeError(f"{new} must be callable, but it is {value!r}.")
    return value


def _check_branches(a: Any, b: Any, leaves: Sequence[Any], leaves2: Sequence[Any]) -> None:
    try:
        nest.assert_same_structure(a, b)
    except (ValueError, TypeError) as error:
        raise type(error)(f"Incompatible return values of true_fn and false_fn: {error}") from None
    for x, y in zip(leaves, leaves2, strict=True):
        if isinstance(x, IndexedSlices) != isinstance(y, IndexedSlices) or x.dtype != y.dtype:
            raise ValueError("Outputs of true_fn and false_fn must have the same type, but they are "
                             f"{x.dtype.name} ({x}) and {y.dtype.name} ({y}).")


def case(pred_fn_pairs: Any, default: Any = None, exclusive: bool = False, strict: bool = False,
         name: str = "case") -> Any:
    """The result of the first function whose predicate holds, else of `default`. Source: tf.case.

    Raises TypeError for other than (bool scalar, callable) pairs; InvalidArgumentError at run time (phrases: `None of the
    conditions evaluated as True`, `More than one condition evaluated as True`).
    """
    pairs = _case_pairs(pred_fn_pairs, exclusive)
    if default is not None and not callable(default):
        raise TypeError(f"default must be callable, but it is {default!r}.")
    graph = graph_of([p for p, _ in pairs])
    with graph.name_scope(name):
        checks = []
        if exclusive:
            count = add_n([cast(p, int32) for p, _ in pairs])
            checks.append(Assert(count <= 1, [f"Input error: exclusive=True: More than one condition evaluated as True but "
                                              f"`exclusive=True`. Conditions: {', '.join(p.name for p, _ in pairs)}",
                                              count], name="AssertExclusive"))
        with graph.control_dependencies(checks):
            if default is None:
                return _without_default(graph, pairs, strict)
            return _chain(pairs, default, strict)


def _case_pairs(pred_fn_pairs: Any, exclusive: bool) -> list[tuple[Tensor, Any]]:
    if isinstance(pred_fn_pairs, dict):
        pairs = list(pred_fn_pairs.items())
        if not isinstance(pred_fn_pairs, collections.OrderedDict):
            pairs.sort(key=lambda kv: str(getattr(kv[0], "name", kv[0])))
            if not exclusive:
                logging.warn("case: an unordered dictionary of predicate/fn pairs was provided, but exclusive=False. The "
                             "order of conditional tests is deterministic but not guaranteed.")
    elif isinstance(pred_fn_pairs, (list, tuple)):
        pairs = list(pred_fn_pairs)
    else:
        raise TypeError(f"pred_fn_pairs must be a list, tuple, or dict, but it is {pred_fn_pairs!r}.")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(f"Each entry in pred_fn_pairs must be a 2-tuple (pred, fn), but one is {pair!r}.")
        pred, fn = pair
        if not isinstance(pred, Tensor) or pred.dtype != bool_:
            raise TypeError(f"pred must be Tensor of type bool, but it is {pred!r}.")
        if not callable(fn):
            raise TypeError(f"fn for pred {pred.name} must be callable, but it is {fn!r}.")
    return pairs


def _chain(pairs: Sequence[tuple[Tensor, Any]], last: Any, strict: bool) -> Any:
    if not pairs:
        return last()
    (pred, fn), rest = pairs[0], pairs[1:]
    return cond(pred, fn, (lambda: _chain(rest, last, strict)) if rest else last, strict, name="cond")


def _without_default(graph: Graph, pairs: Sequence[tuple[Tensor, Any]], strict: bool) -> Any:
    any_true = reduce_any(stack_tensors([p for p, _ in pairs]))
    none = Assert(any_true, ["None of the conditions evaluated as True. Conditions: "
                             + ", ".join(p.name for p, _ in pairs)], name="AssertAny")
    with graph.control_dependencies([none]):
        return _chain(pairs[:-1], pairs[-1][1], strict)


# --- dependencies -----------------------------------------------------------------------------------------------------

def no_op(name: str | None = None) -> Operation:
    """An op that does nothing. Source: tf.no_op."""
    return emit_op("no_op", name=name, type="NoOp")


def group(*inputs: Any, **kwargs: Any) -> Operation:
    """An op that is done when all inputs are. Source: tf.group. Raises ValueError (phrase: `Unknown keyword arguments`)."""
    name = kwargs.pop("name", None)
    if kwargs:
        raise ValueError(f"Unknown keyword arguments: {', '.join(kwargs)}; group takes only `name`.")
    flat = [i for i in nest.flatten(list(inputs)) if i is not None]
    if not flat:
        return no_op(name or "group_deps")
    graph = next((i.graph for i in flat if hasattr(i, "graph")), get_default_graph())
    with graph.control_dependencies(flat):
        return graph.emit("no_op", name=name or "group_deps", type="NoOp")


def tuple_(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Any]:
    """Each tensor, once all of them and `control_inputs` are computed. Source: tf.tuple.

    Raises ValueError (phrase: `Must have at least one Tensor`), TypeError for a bad control input.
    """
    given = list(tensors)
    if all(t is None for t in given):
        raise ValueError("Must have at least one Tensor: all entries are None.")
    graph = graph_of([t for t in given if t is not None])
    with graph.name_scope(name or "tuple"):
        gate = [t for t in given if t is not None]
        for c in control_inputs or []:
            if not isinstance(c, (Operation, Tensor)) and not hasattr(c, "_as_graph_element"):
                raise TypeError(f"Control input must be Operation or Tensor: {c!r}")
            gate.append(c)
        gated = group(*gate, name="group_deps")
        return [None if t is None else with_dependencies([gated], t, "control_dependency") for t in given]


def with_dependencies(dependencies: Sequence[Any], output_tensor: Any, name: str | None = None) -> Any:
    """The identity of a tensor, after dependencies. Source: control_flow_ops.with_dependencies."""
    if isinstance(output_tensor, IndexedSlices):
        values = with_dependencies(dependencies, output_tensor.values, name)
        return IndexedSlices(values, output_tensor.indices, output_tensor.dense_shape)
    t = convert_to_tensor(output_tensor)
    with t.graph.control_dependencies(dependencies):
        return emit("identity", [t], name=name or "control_dependency", type="Identity")


def control_dependencies(control_inputs: Any) -> Any:
    """Ops made inside run after `control_inputs`; None clears. Source: tf.control_dependencies."""
    return get_default_graph().control_dependencies(control_inputs)


__all__ = ["ListType", "case", "cond", "control_dependencies", "counted_loop", "group", "logical_and", "logical_not",
           "no_op", "tuple_", "while_loop", "with_dependencies"]
