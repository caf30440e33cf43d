"""Variables: an op for the reference, one that initialises it, one that reads it (variables-and-scopes, section 5).

`<n>` is the reference, whose tensor `<n>:0` stands for the variable itself; sessions fetch and feed it as its value.
`<n>/Assign` is the initializer and `<n>/read` the value that every use as a tensor takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnngraph.frontend.flow.control import cond
from rnngraph.frontend.framework.convert import convert_to_tensor, register_tensor_conversion_function
from rnngraph.frontend.framework.graph import (
    OVERLOADS,
    Graph,
    Operation,
    Tensor,
    emit,
    evaluate,
    get_default_graph,
    get_default_session,
    graph_of,
)
from rnngraph.frontend.framework.indexed_slices import IndexedSlices
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.framework.scope import name_scope
from rnngraph.frontend.framework.shapes import TensorShape, as_shape
from rnngraph.frontend.variables.state_ops import (
    assign,
    assign_add,
    assign_sub,
    count_up_to,
    is_variable_initialized,
    scatter_add,
    scatter_div,
    scatter_mul,
    scatter_nd_add,
    scatter_nd_sub,
    scatter_nd_update,
    scatter_sub,
    scatter_update,
    written_keys,
)
from rnngraph.frontend.variables.variable_sets import (
    all_variables,
    assert_variables_initialized,
    global_variables,
    global_variables_initializer,
    initialize_all_variables,
    initialize_local_variables,
    initialize_variables,
    local_variables,
    local_variables_initializer,
    model_variables,
    moving_average_variables,
    report_uninitialized_variables,
    trainable_variables,
    variables_initializer,
)
from rnngraph.ir.graph import Value
from rnngraph.ir.types import DType, TensorType, as_dtype
from rnngraph.ops.state import ASSIGN, READ, VARIABLE

__all__ = [
    "Variable", "all_variables", "assert_variables_initialized", "assign", "assign_add", "assign_sub", "count_up_to",
    "global_variables", "global_variables_initializer", "initialize_all_variables", "initialize_local_variables",
    "initialize_variables", "is_variable_initialized", "local_variables", "local_variables_initializer",
    "model_variables", "moving_average_variables", "report_uninitialized_variables", "scatter_add", "scatter_div",
    "scatter_mul", "scatter_nd_add", "scatter_nd_sub", "scatter_nd_update", "scatter_sub", "scatter_update",
    "trainable_variables", "variables_by_key", "variables_initializer"]


def variables_by_key(graph: Graph) -> dict[str, Variable]:
    """All variables of a graph by key, the name of their op."""
    found: dict[str, Variable] = graph.states.setdefault("variables_by_key", {})
    return found


class Variable:
    """State that lives in a session. Its initial value is a tensor, something convertible, or a function giving one.

    Raises ValueError (phrases: `initial_value must be specified`, `inside a control-flow`, `must have a shape
    specified`). Source: tf.Variable.
    """

    __array_priority__ = 100

    def __init__(self, initial_value: Any = None, trainable: bool = True, collections: Any = None,
                 validate_shape: bool = True, caching_device: Any = None, name: str | None = None,
                 variable_def: Any = None, dtype: Any = None, expected_shape: Any = None,
                 import_scope: str | None = None, constraint: Callable[[Any], Any] | None = None) -> None:
        if variable_def is not None or import_scope is not None:
            raise NotImplementedError("Variable(variable_def=..., import_scope=...): variables from protocol buffers")
        if initial_value is None:
            raise ValueError("initial_value must be specified: a tensor, a value or a function without arguments.")
        keys = _checked(collections, trainable)
        if constraint is not None and not callable(constraint):
            raise ValueError(f"The `constraint` argument must be a callable, not {constraint!r}.")
        self.constraint = constraint
        """The function whose result replaces the value after each step of an optimizer, or None."""
        graph = graph_of([initial_value]) if isinstance(initial_value, Tensor | Variable) else get_default_graph()
        wanted = None if dtype is None else as_dtype(dtype)
        with graph.as_default(), graph.outermost(), name_scope(name, "Variable") as scope:
            if not scope:
                raise ValueError("'' is not a valid node name: a variable needs a name, or None for the default one.")
            self._initial_value = _initial(initial_value, wanted, scope)
            self._check_initial(scope, validate_shape, expected_shape)
            shape = tuple(self._initial_value.shape.as_list()) if validate_shape else None
            kind = TensorType(self._initial_value.dtype, shape)
            self._variable = graph.emit(VARIABLE, attrs={"key": scope[:-1], "type": kind}, name=scope,
                                        type="VariableV2").outputs[0]
            self._variable.set_shape(TensorShape(shape))
            self._start = graph.tensor_of(_without_reads(graph, self._initial_value.value))
            self._initializer = graph.emit(ASSIGN, [self._variable, self._start], {"validate_shape": validate_shape},
                                           name="Assign", type="Assign")
            self._snapshot = emit(READ, [self._variable], {"cached": caching_device is not None}, name="read",
                                  type="Identity")
        variables_by_key(graph)[self.key] = self
        graph.add_to_collections(keys, self)

    def _check_initial(self, scope: str, validate_shape: bool, expected_shape: Any) -> None:
        value = self._initial_value
        if value.value.graph is not value.graph.ir:
            raise ValueError(f"Initializer for variable {scope} is from inside a control-flow construct, such as a "
                             "loop or conditional. When creating a variable inside a loop or conditional, use a lambda "
                             "as the initializer.")
        if validate_shape and not value.shape.is_fully_defined():
            raise ValueError(f"initial_value must have a shape specified: {value}; or pass validate_shape=False.")
        if expected_shape is not None:
            as_shape(expected_shape).assert_is_compatible_with(value.shape)

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the reference's tensor, `w:0`."""
        return self._variable.name

    @property
    def key(self) -> str:
        """What sessions and checkpoints call the variable: the name of its op."""
        return self._variable.op.name

    @property
    def op(self) -> Operation:
        """The op of the reference."""
        return self._variable.op

    @property
    def graph(self) -> Graph:
        """The graph that holds the variable."""
        graph: Graph = self._variable.graph
        return graph

    @property
    def device(self) -> str:
        """The recorded device string."""
        return self._variable.device

    @property
    def dtype(self) -> DType:
        """The dtype of the value."""
        return self._variable.dtype

    @property
    def shape(self) -> TensorShape:
        """The static shape."""
        return self._variable.shape

    def get_shape(self) -> TensorShape:
        """The static shape."""
        return self._variable.shape

    def set_shape(self, shape: Any) -> None:
        """Merge `shape` into the static shape. Raises ValueError (phrase: `are not compatible`)."""
        self._variable.set_shape(shape)
        self._snapshot.set_shape(shape)

    @property
    def initial_value(self) -> Tensor:
        """The initial value as it was given, as a tensor."""
        return self._initial_value

    @property
    def initializer(self) -> Operation:
        """The op that initialises the variable."""
        return self._initializer

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"

    def __deepcopy__(self, memo: object) -> Variable:
        return self

    # --- reading -----------------------------------------------------------------------------------------------------

    def value(self) -> Tensor:
        """The value as the graph's other ops use it: one read per run, before the run's writes."""
        return self._snapshot

    def read_value(self) -> Tensor:
        """A new read, ordered by the control dependencies that hold here."""
        return self._read("read")

    def _read(self, name: str) -> Tensor:
        read = emit(READ, [self._variable], name=name, type="Identity")
        read.set_shape(self.shape)
        return read

    def _as_tensor(self) -> Tensor:
        """The value for a use here. Under control dependencies that may hold a write, it is read anew."""
        graph = self.graph
        before = graph.control_dependencies_here()
        if before and (self.key in written_keys(graph) or self._initializer.node in before):
            with graph.name_scope(None):
                return self._read(f"{self.key}/read")
        return self._snapshot

    def _ref(self) -> Tensor:
        """The tensor that stands for the variable itself."""
        return self._variable

    _as_graph_element = _ref

    @property
    def _ref_value(self) -> Value:
        """What gradients for the variable are taken for: so that all reads count."""
        return self._variable.value

    def initialized_value(self) -> Tensor:
        """The value, or the initial value as long as there is none."""
        graph = self.graph
        with graph.as_default(), graph.outermost():
            chosen: Tensor = cond(is_variable_initialized(self), self.read_value, lambda: self._start)
        chosen.set_shape(self.shape)
        return chosen

    def eval(self, session: Any = None) -> Any:
        """The value in the session given or the default one."""
        return evaluate(self._variable, None, session)

    # --- writing -----------------------------------------------------------------------------------------------------

    def assign(self, value: Any, use_locking: bool = False) -> Tensor:
        """Writes `value`; gives the new value."""
        return assign(self, value, use_locking=use_locking)

    def assign_add(self, delta: Any, use_locking: bool = False) -> Tensor:
        """Adds `delta`; gives the new value."""
        return assign_add(self, delta, use_locking=use_locking)

    def assign_sub(self, delta: Any, use_locking: bool = False) -> Tensor:
        """Subtracts `delta`; gives the new value."""
        return assign_sub(self, delta, use_locking=use_locking)

    def scatter_sub(self, sparse_delta: IndexedSlices, use_locking: bool = False) -> Tensor:
        """Subtracts the rows of an IndexedSlices (ValueError for anything else); gives the new value."""
        if not isinstance(sparse_delta, IndexedSlices):
            raise ValueError(f"sparse_delta is not IndexedSlices: {sparse_delta!r}; use assign_sub for dense values.")
        return scatter_sub(self, sparse_delta.indices, sparse_delta.values, use_locking=use_locking)

    def count_up_to(self, limit: int) -> Tensor:
        """Not implemented."""
        return count_up_to(self, limit)

    def load(self, value: Any, session: Any = None) -> None:
        """Puts an array into the session given or the default one. Raises ValueError if there is none."""
        session = session if session is not None else get_default_session()
        if session is None:
            raise ValueError("Either session argument should be provided or default session should be established")
        if not hasattr(session, "load_variable"):
            raise TypeError(f"session must be a tf.Session, but it is {session!r}.")
        array = np.asarray(value, self.dtype.numpy)
        if not self.shape.is_compatible_with(array.shape):
            raise ValueError(f"Cannot feed value of shape {array.shape} for Tensor '{self.name}', which has shape "
                             f"'{self.shape}'")
        session.load_variable(self.key, array)

    def __iter__(self) -> Any:
        raise TypeError(f"'Variable' object is not iterable: {self!r}; tf.unstack gives a list of its slices.")


# --- making ----------------------------------------------------------------------------------------------------------

def _checked(collections: Any, trainable: bool) -> list[Any]:
    if collections is None:
        collections = [GraphKeys.GLOBAL_VARIABLES]
    if not isinstance(collections, list | tuple | set):
        raise ValueError("collections argument to Variable constructor must be a list, tuple, or set. "
                         f"Got {collections!r} of type {type(collections).__name__}")
    keys = list(collections)
    if trainable and GraphKeys.TRAINABLE_VARIABLES not in keys:
        keys.append(GraphKeys.TRAINABLE_VARIABLES)
    return keys


def _initial(given: Any, dtype: DType | None, scope: str) -> Tensor:
    if not callable(given):
        return convert_to_tensor(given, dtype=dtype, name="initial_value")
    with name_scope("Initializer"):
        return convert_to_tensor(given(), dtype=dtype, name="initial_value")


def _without_reads(graph: Graph, value: Value) -> Value:
    """`value` with each variable that it reads replaced by that variable's initialised value.

    Only what lies between is made again; loops and branches are left as they are.
    """
    below = _ancestors(graph, value)
    if not below:
        return value
    variables = variables_by_key(graph)
    replaced: dict[Value, Value] = {}
    for node in [n for n in graph.ir.nodes if n.results and n.results[0] in below]:
        if node.op.name == "read":
            source = node.operands[0].node
            if source is not None and source.attrs.get("key") in variables:
                replaced[node.results[0]] = variables[source.attrs["key"]].initialized_value().value
        elif any(v in replaced for v in node.operands) and not node.regions:
            again = graph.builder.node(node.op, [replaced.get(v, v) for v in node.operands], node.attrs)
            replaced.update(zip(node.results, again.results, strict=True))
    return replaced.get(value, value)


def _ancestors(graph: Graph, value: Value) -> set[Value]:
    """All values that `value` is computed from, those of loops and branches left out; empty if no variable is read."""
    found, reads, todo = {value}, False, [value]
    while todo:
        node = todo.pop().node
        if node is None or node.regions:
            continue
        reads = reads or node.op.name == "read"
        # Another result of a node stands for its first one, by which nodes are looked up.
        for operand in (*node.operands, node.results[0]):
            if operand not in found:
                found.add(operand)
                todo.append(operand)
    return found if reads else set()


def _to_tensor(value: Variable, dtype: DType | None = None, name: str | None = None, as_ref: bool = False) -> Any:
    if dtype is not None and as_dtype(dtype) != value.dtype:
        raise ValueError(f"Incompatible type conversion requested to type '{as_dtype(dtype).name}' for variable of "
                         f"type '{value.dtype.name}'; write tf.cast(v, tf.{as_dtype(dtype).name}).")
    return value._ref() if as_ref else value._as_tensor()


register_tensor_conversion_function(Variable, _to_tensor)


def _operator(name: str) -> Callable[..., Any]:
    def method(self: Variable, *args: Any) -> Any:
        return OVERLOADS[name](self._as_tensor(), *args)
    method.__name__ = name
    return method


for _name in [f"__{r}{n}__" for n in ("add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "matmul", "and",
                                      "or", "xor") for r in ("", "r")] + [
        "__neg__", "__abs__", "__invert__", "__lt__", "__le__", "__gt__", "__ge__", "__getitem__"]:
    setattr(Variable, _name, _operator(_name))
