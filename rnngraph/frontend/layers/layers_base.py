"""The base of layers and RNN cells: names, the variable scope a layer is bound to, and the weights it collects.

A layer takes its scope at its first call and keeps it for ever; the first call makes the variables, later ones share
them. Cells that make variables with plain `get_variable` hand `record_variable` to the scope as custom getter.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from rnngraph.frontend.framework import nest
from rnngraph.frontend.framework.graph import Graph, Operation, Tensor, get_default_graph, graph_of
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.framework.scope import VariableScope, get_variable, get_variable_scope, name_scope, variable_scope
from rnngraph.ir.types import DType, as_dtype


def snake_case(name: str) -> str:
    """`BasicLSTMCell` -> `basic_lstm_cell`; a leading `_` gets the prefix `private`."""
    words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    lower = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
    return "private" + lower if lower.startswith("_") else lower


def _numbered(base: str, graph: Graph) -> str:
    counts: dict[str, int] = graph.states.setdefault("layer_names", {})
    counts[base] = counts.get(base, 0) + 1
    return f"{base}_{counts[base]}"


class InputSpec:
    """What a layer asks of an input: rank (exact, least, most), dtype, shape, sizes of axes.

    Source: tensorflow.python.layers.base.InputSpec.
    """

    def __init__(self, dtype: Any = None, shape: Any = None, ndim: int | None = None, max_ndim: int | None = None,
                 min_ndim: int | None = None, axes: Mapping[int, int | None] | None = None) -> None:
        self.dtype = dtype
        self.shape = shape
        self.ndim = ndim if shape is None else len(shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = dict(axes or {})

    def check(self, value: Tensor, layer: str) -> None:
        """Raise ValueError (phrase: `is incompatible with the layer`) if a tensor is not as asked."""
        rank, clash = value.shape.ndims, f"Input 0 of layer {layer} is incompatible with the layer"
        if rank is None:
            if self.ndim is not None or self.min_ndim is not None or self.max_ndim is not None:
                raise ValueError(f"{clash}: its rank is undefined, but the layer requires a defined rank.")
            return
        wrong = self._wrong_rank(rank)
        if wrong is not None:
            raise ValueError(f"{clash}: {wrong}, found ndim={rank}. Full shape received: {value.shape.as_list()}")
        if self.dtype is not None and value.dtype != as_dtype(self.dtype):
            raise ValueError(f"{clash}: expected dtype={as_dtype(self.dtype).name}, found dtype={value.dtype.name}.")
        sizes = value.shape.as_list()
        for axis, size in (*self.axes.items(), *enumerate(self.shape or ())):
            if size is not None and sizes[axis] not in (size, None):
                raise ValueError(f"{clash}: expected axis {axis} of input shape to have value {size} but received "
                                 f"input with shape {sizes}")

    def _wrong_rank(self, rank: int) -> str | None:
        """What was expected instead of this rank, or None."""
        if self.ndim is not None and rank != self.ndim:
            return f"expected ndim={self.ndim}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}"
        return None


class Layer:
    """Something callable that owns variables. Subclasses define `build(input_shape)` and `call(inputs, ...)`.

    `trainable`: whether its variables are trained; `name`: base of its variable scope, the class name in snake case by
    default; `dtype`: of its variables, the first input's by default; `activity_regularizer`: function of the output;
    `_reuse`: share variables that exist; `_scope`: the variable scope to bind to (a name or an object).
    Raises TypeError for any other keyword. Source: tf.layers.Layer (tensorflow.python.layers.base).
    """

    def __init__(self, trainable: bool = True, name: str | None = None, dtype: Any = None,
                 activity_regularizer: Callable[[Any], Any] | None = None, **kwargs: Any) -> None:
        for key in kwargs:
            if key not in ("_reuse", "_scope", "input_shape"):
                raise TypeError(f"Keyword argument not understood: {key!r}; expected trainable, name, dtype, "
                                "activity_regularizer, _reuse or _scope")
        self.trainable = trainable
        self.built = False
        self._trainable_weights: list[Any] = []
        self._non_trainable_weights: list[Any] = []
        self._losses: list[Any] = []
        self._updates: list[Any] = []
        self._reuse: Any = kwargs.get("_reuse")
        self._graph = get_default_graph()
        self._dtype: DType | None = None if dtype is None else as_dtype(dtype)
        self._activity_regularizer = activity_regularizer
        self._base_name = snake_case(type(self).__name__) if name is None else name
        self._name = _numbered(self._base_name, self._graph) if name is None else name
        self.input_spec: InputSpec | None = None
        self._scope: VariableScope | None = None
        self._unbuilt: dict[str, Any] | None = None
        if kwargs.get("_scope"):
            with variable_scope(kwargs["_scope"]) as captured:
                self._scope = captured

    # --- what a layer knows about itself -----------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name given, or the class name with a number. Has no influence on variables."""
        return self._name

    @property
    def dtype(self) -> DType | None:
        """The dtype of the variables; None before the first call unless given."""
        return self._dtype

    @property
    def graph(self) -> Graph:
        """The graph that the layer was made in."""
        return self._graph

    @property
    def scope_name(self) -> str:
        """The name of the variable scope. Raises ValueError before the first call."""
        if self._scope is None:
            raise ValueError(f"No name available for layer scope because the layer {self._name!r} has not been used "
                             "yet. The scope is bound at the first call; call the layer first.")
        return self._scope.name

    @property
    def activity_regularizer(self) -> Callable[[Any], Any] | None:
        """The function of the output that adds a loss at each call, or None."""
        return self._activity_regularizer

    @property
    def trainable_weights(self) -> list[Any]:
        """The trainable variables in creation order; none if the layer is not trainable."""
        return list(self._trainable_weights) if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The other variables; all of them if the layer is not trainable."""
        if self.trainable:
            return list(self._non_trainable_weights)
        return self._trainable_weights + self._non_trainable_weights

    @property
    def weights(self) -> list[Any]:
        """All variables."""
        return self.trainable_weights + self.non_trainable_weights

    @property
    def trainable_variables(self) -> list[Any]:
        """As `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Any]:
        """As `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def variables(self) -> list[Any]:
        """As `weights`."""
        return self.weights

    @property
    def losses(self) -> list[Any]:
        """What `add_loss` was given."""
        return list(self._losses)

    @property
    def updates(self) -> list[Any]:
        """What `add_update` was given."""
        return list(self._updates)

    def count_params(self) -> int:
        """The number of elements of all variables. Raises ValueError before the first call."""
        if not self.built:
            raise ValueError(f"You tried to call `count_params` on {self._name}, but the layer isn't built. Call it "
                             f"once, or write {self._name}.build(input_shape).")
        return sum(w.shape.num_elements() for w in self.weights)

    # --- for subclasses ----------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the variables; `input_shape` has the structure of the inputs. Called once, by the first call."""
        self.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs. Subclasses override it; this one gives the inputs back."""
        return inputs

    def add_variable(self, name: str, shape: Any, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
                     trainable: bool = True, constraint: Any = None) -> Any:
        """Get a variable in the layer's scope and note it as one of the layer's weights."""
        self._bind(None)
        wanted = dtype if dtype is not None else self._dtype
        known = set(map(id, get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES)))
        with self._in_scope() as scope, name_scope(scope.original_name_scope):
            # The layer's own regularizer only: what the scope has is applied by get_variable.
            variable = get_variable(name, shape=shape, dtype=None if wanted is None else as_dtype(wanted),
                                    initializer=initializer, trainable=trainable and self.trainable,
                                    constraint=constraint)
        self._note(variable, trainable)
        if regularizer is not None and id(variable) not in known:
            self._regularize(variable, regularizer)
        return variable

    def _regularize(self, variable: Any, regularizer: Callable[[Any], Any]) -> None:
        with name_scope(f"{variable.op.name}/Regularizer/"):
            loss = regularizer(variable)
        if loss is not None:
            self.add_loss(loss)

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Note losses; they go to the collection `regularization_losses`. `inputs` is accepted, without effect."""
        new = [loss for loss in _listed(losses) if loss is not None]
        self._losses += new
        for loss in new:
            self._graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Note ops to run beside training; they go to the collection `update_ops`. `inputs` has no effect."""
        new = _listed(updates)
        self._updates += new
        for update in new:
            self._graph.add_to_collection(GraphKeys.UPDATE_OPS, update)

    def record_variable(self, getter: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A custom getter that notes each variable as one of the layer's weights."""
        variable = getter(*args, **kwargs)
        trainable = variable in self._graph.get_collection_ref(GraphKeys.TRAINABLE_VARIABLES)
        self._note(variable, trainable)
        return variable

    def _note(self, variable: Any, trainable: bool) -> None:
        if not any(variable is w for w in self._trainable_weights + self._non_trainable_weights):
            (self._trainable_weights if trainable else self._non_trainable_weights).append(variable)

    # --- calling -----------------------------------------------------------------------------------------------------

    def _bind(self, scope: Any) -> None:
        """Take the variable scope, if there is none yet."""
        if self._scope is not None:
            return
        if self._unbuilt is None:
            # What a deep copy of a layer in use begins with.
            self._unbuilt = {k: v for k, v in self.__dict__.items() if k != "_unbuilt"}
        if scope is not None:
            target = variable_scope(scope)
        elif self._reuse:
            target = variable_scope(self._base_name)
        else:
            target = variable_scope(None, default_name=self._base_name)
        with target as captured:
            self._scope = captured

    @contextmanager
    def _in_scope(self) -> Iterator[VariableScope]:
        with variable_scope(self._scope, reuse=self.built or self._reuse) as scope:
            yield scope

    def __call__(self, inputs: Any, *args: Any, scope: Any = None, **kwargs: Any) -> Any:
        """Call the layer on a tensor or a nest of them; `scope` is where it binds at its first call.

        Raises ValueError if the inputs are of another graph than the layer's.
        """
        if self._unbuilt is None and not self.built:
            self._unbuilt = {k: v for k, v in self.__dict__.items() if k != "_unbuilt"}
        self._bind(scope)
        leaves = [x for x in nest.flatten(inputs) if isinstance(getattr(x, "graph", None), Graph)]
        if graph_of(leaves) is not self._graph and leaves:
            raise ValueError(f"Input graph and Layer graph are not the same: {leaves[0]} is not from the graph that "
                             f"layer {self._name!r} was made in; make the layer in the graph of its inputs.")
        if self.input_spec is not None and isinstance(inputs, Tensor):
            self.input_spec.check(inputs, self._name)
        with self._graph.as_default(), self._in_scope() as bound, name_scope(bound.original_name_scope):
            if not self.built:
                self._first_call(inputs)
                if self.input_spec is not None and isinstance(inputs, Tensor):
                    # build may have learned more: the sizes that the weights have.
                    self.input_spec.check(inputs, self._name)
            outputs = self.call(inputs, *args, **kwargs)
            if outputs is None:
                raise ValueError(f"A layer's `call` method should return a tensor or a nest of tensors, not None "
                                 f"(layer {self._name!r}).")
            self._regularize_activity(outputs)
        self.built = True
        return outputs

    def _first_call(self, inputs: Any) -> None:
        if self._dtype is None:
            first = next((x for x in nest.flatten(inputs) if hasattr(x, "dtype")), None)
            self._dtype = None if first is None else as_dtype(first.dtype)
        shapes = [x.shape if isinstance(x, Tensor) else getattr(x, "shape", None) for x in nest.flatten(inputs)]
        built = nest.pack_sequence_as(inputs, shapes) if nest.is_sequence(inputs) else shapes[0]
        self.build(built)

    def _regularize_activity(self, outputs: Any) -> None:
        if self._activity_regularizer is None:
            return
        for output in nest.flatten(outputs):
            with name_scope("ActivityRegularizer"):
                self.add_loss(self._activity_regularizer(output))

    def apply(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the layer."""
        return self(inputs, *args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """An unbuilt layer of the same configuration: the graph and tensors are shared, the scope is copied flatly."""
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        source = dict(self.__dict__ if self._unbuilt is None else self._unbuilt)
        for key, value in source.items():
            if isinstance(value, Graph | Tensor | Operation):
                setattr(new, key, value)
            elif key == "_scope":
                setattr(new, key, copy.copy(value))
            else:
                setattr(new, key, copy.deepcopy(value, memo))
        new._unbuilt = None
        new.built = False
        new._trainable_weights, new._non_trainable_weights, new._losses, new._updates = [], [], [], []
        return new


def _listed(items: Any) -> list[Any]:
    return list(items) if isinstance(items, list | tuple) else [items]


def current_scope_with(getter: Callable[..., Any]) -> variable_scope:
    """The current variable scope entered again with a custom getter (every call of an RNN cell does so)."""
    return variable_scope(get_variable_scope(), custom_getter=getter)
