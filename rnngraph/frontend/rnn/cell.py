"""RNNCell, the base of all cells, and LSTMStateTuple: names of cells.md section 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.make import known_int
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import get_variable_scope, name_scope, variable_scope
from rnngraph.frontend.framework.shapes import TensorShape, as_shape
from rnngraph.frontend.layers.layers_base import Layer
from rnngraph.ir.types import DType, as_dtype

_T = TypeVar("_T")


class _CellAndOutput(NamedTuple):
    c: Any
    h: Any


class LSTMStateTuple(_CellAndOutput):
    """The state of an LSTM: `c` the cell, `h` the output. Source: tf.nn.rnn_cell.LSTMStateTuple."""

    __slots__ = ()

    @property
    def dtype(self) -> DType:
        """The dtype of both. Raises TypeError if they differ."""
        c, h = self
        if c.dtype != h.dtype:
            raise TypeError(f"Inconsistent internal state: c is {c.dtype} but h is {h.dtype}; both must have one dtype")
        return as_dtype(c.dtype)


def like_cell(cell: object) -> bool:
    """Whether `cell` has what the drivers use: `output_size`, `state_size`, `zero_state`, and can be called."""
    return all(hasattr(cell, each) for each in ("output_size", "state_size", "zero_state")) and callable(cell)


def check_cell(cell: object, argument: str = "cell") -> None:
    """Raise TypeError (phrase: `must be an instance of RNNCell`) unless `cell` is like an RNNCell."""
    if not like_cell(cell):
        raise TypeError(
            f"{argument} must be an instance of RNNCell (or have output_size, state_size, zero_state and be callable), "
            f"got {type(cell).__name__}: {cell!r}")


def check_wrapped(cell: object, wrapper: str) -> None:
    """Raise TypeError (phrase: `The parameter cell is not`) unless `cell` can be wrapped."""
    if not like_cell(cell):
        raise TypeError(f"The parameter cell is not RNNCell: {wrapper} needs a cell to wrap, "
                        f"got {type(cell).__name__}: {cell!r}")


def size_shape(size: Any, what: str) -> list[int]:
    """The sizes that one leaf of `state_size` or `output_size` (int or TensorShape) stands for.

    Raises ValueError where a size is not known.
    """
    shape = as_shape(size if isinstance(size, TensorShape) else [size]).as_list()
    known = [d for d in shape if d is not None]
    if len(known) != len(shape):
        raise ValueError(f"{what} must be fully defined, got {size}: use an int, or a TensorShape without None")
    return known


def zeros_of(size: Any, batch_size: Any, dtype: Any, what: str = "state_size") -> Tensor:
    """Zeros `[batch_size] + size`; `batch_size` is an int or an int scalar tensor (then that size is not known)."""
    dims = size_shape(size, what)
    static = batch_size if not isinstance(batch_size, Tensor) else convert.constant_value(batch_size)
    if static is not None:
        return array.zeros([known_int(static, "batch_size"), *dims], dtype=dtype)
    zeros: Tensor = array.zeros(array.stack([batch_size, *dims], name="concat"), dtype=dtype)
    zeros.set_shape([None, *dims])
    return zeros


def zero_states(state_size: Nest, batch_size: Any, dtype: Any) -> Nest:
    """Zeros in the structure of `state_size`, whose leaves are ints or TensorShapes."""
    if batch_size is None:
        raise ValueError("zero_state: batch_size must be an int or an int scalar tensor, got None; "
                         "use tf.shape(inputs)[0] where the batch size is not known")
    return nest.map_structure(lambda size: zeros_of(size, batch_size, dtype), state_size)


class RNNCell(Layer):
    """The base of recurrent cells: subclasses have `call`, `state_size` and `output_size`.

    `cell(inputs, state, scope=None)` gives `(output, new_state)`; `inputs` is a tensor `[B, D]` or a nest, `state` has
    the structure of `state_size`. The variable scope of the first call is kept for ever, see Layer.
    Source: tf.nn.rnn_cell.RNNCell (tensorflow/python/ops/rnn_cell_impl.py).
    """

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:  # type: ignore[override]
        """Run one step. `scope` (string or VariableScope) matters only in the first call."""
        enter = scope if scope is not None else get_variable_scope()
        with variable_scope(enter, custom_getter=self.record_variable) as entered:
            if scope is not None:
                return super().__call__(inputs, state, scope=entered)
            return super().__call__(inputs, state)

    def _made_once(self, key: str, make: Callable[[], _T]) -> _T:
        """What `make` gave in the first call: variables, which later calls must not ask for again.

        Kept apart from the configuration because a copy of a called cell has none of it.
        """
        made: dict[str, Any] = self.__dict__.setdefault("_made", {})
        if key not in made:
            made[key] = make()
        found: _T = made[key]
        return found

    @property
    def state_size(self) -> Nest:
        """The sizes of the state: an int, a TensorShape or a nest of them. Abstract: NotImplementedError."""
        raise NotImplementedError(f"{type(self).__name__} must define the property state_size")

    @property
    def output_size(self) -> Nest:
        """The sizes of the output: an int, a TensorShape or a nest of them. Abstract: NotImplementedError."""
        raise NotImplementedError(f"{type(self).__name__} must define the property output_size")

    def build(self, _: Any) -> None:
        """Nothing: cells make their variables in `call`."""

    def zero_state(self, batch_size: Any, dtype: Any) -> Nest:
        """Zeros `[batch_size] + size` for every leaf of `state_size`; `batch_size` is an int or an int scalar tensor.

        Raises ValueError if it is None or a size is not known.
        """
        with name_scope(f"{type(self).__name__}ZeroState", values=[batch_size]):
            return zero_states(self.state_size, batch_size, dtype)


class WrapperCell(RNNCell):
    """A cell around `self._cell` without variables or a scope of its own: sizes, weights and zeros are the inner ones.

    Subclasses have `__call__`, so that the inner cell's variables keep the names they have without the wrapper.
    """

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self._cell = cell

    @property
    def state_size(self) -> Nest:
        """The inner cell's."""
        return self._cell.state_size

    @property
    def output_size(self) -> Nest:
        """The inner cell's."""
        return self._cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Nest:
        """The inner cell's."""
        with name_scope(f"{type(self).__name__}ZeroState", values=[batch_size]):
            return self._cell.zero_state(batch_size, dtype)

    @property
    def trainable_weights(self) -> list[Any]:
        """The inner cell's, and the wrapper's own if it has any."""
        return [*getattr(self._cell, "trainable_weights", ()), *super().trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The inner cell's, and the wrapper's own if it has any."""
        return [*getattr(self._cell, "non_trainable_weights", ()), *super().non_trainable_weights]
