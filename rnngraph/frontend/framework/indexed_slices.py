"""IndexedSlices: a tensor most of whose rows are zero, as the gradient of gather gives it (gradients-and-training)."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

from rnngraph.frontend.framework.convert import (
    constant_value,
    convert_to_tensor,
    op_scope,
    register_tensor_conversion_function,
)
from rnngraph.frontend.framework.graph import Graph, Operation, Tensor, emit
from rnngraph.ir.graph import Array
from rnngraph.ir.types import DType, as_dtype

_LARGE = 100_000_000
"""More elements than this make a dense copy worth a warning."""


class IndexedSlicesValue(NamedTuple):
    """What a session gives for IndexedSlices: arrays, `dense_shape` maybe None. Source: tf.IndexedSlicesValue."""

    values: Any
    indices: Any
    dense_shape: Any


class IndexedSlices:
    """Rows `values[i]` that belong to row `indices[i]` of a tensor of `dense_shape`; duplicates add.

    values: [n, ...]; indices: int [n]; dense_shape: int vector or None if not known. Source: tf.IndexedSlices.
    """

    def __init__(self, values: Tensor, indices: Tensor, dense_shape: Tensor | None = None) -> None:
        """Of tensors of one graph. Raises ValueError (phrase: `must be from the same graph`)."""
        values, indices = (x if isinstance(x, Tensor) else convert_to_tensor(x) for x in (values, indices))
        if dense_shape is not None and not isinstance(dense_shape, Tensor):
            dense_shape = convert_to_tensor(dense_shape)
        for each in (indices, dense_shape):
            if isinstance(each, Tensor) and isinstance(values, Tensor) and each.graph is not values.graph:
                raise ValueError(f"{each} must be from the same graph as {values}.")
        self._values = values
        self._indices = indices
        self._dense_shape = dense_shape

    @property
    def values(self) -> Tensor:
        """The rows."""
        return self._values

    @property
    def indices(self) -> Tensor:
        """Which rows they are."""
        return self._indices

    @property
    def dense_shape(self) -> Tensor | None:
        """The shape of the whole tensor, a vector, or None."""
        return self._dense_shape

    @property
    def name(self) -> str:
        """The name of `values`."""
        return self._values.name

    @property
    def device(self) -> str:
        """The device of `values`."""
        return self._values.device

    @property
    def op(self) -> Operation:
        """The op of `values`."""
        return self._values.op

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._values.dtype

    @property
    def graph(self) -> Graph:
        """The graph."""
        graph: Graph = self._values.graph
        return graph

    def _as_control_inputs(self) -> list[Any]:
        return [each for each in (self._values, self._indices, self._dense_shape) if each is not None]

    def __str__(self) -> str:
        """All parts, for people."""
        shape = "" if self._dense_shape is None else f", dense_shape={self._dense_shape}"
        return f"IndexedSlices(indices={self._indices}, values={self._values}{shape})"

    __repr__ = __str__

    def __neg__(self) -> IndexedSlices:
        """The same rows with their signs changed."""
        return IndexedSlices(-self._values, self._indices, self._dense_shape)


def convert_to_tensor_or_indexed_slices(value: Any, dtype: Any = None, name: str | None = None) -> Any:
    """`value` itself if it is IndexedSlices (of that dtype, else ValueError), else as a tensor.

    Source: tf.convert_to_tensor_or_indexed_slices.
    """
    if not isinstance(value, IndexedSlices):
        return convert_to_tensor(value, dtype, name)
    if dtype is not None and as_dtype(dtype) != value.dtype:
        raise ValueError(f"Tensor conversion requested dtype {as_dtype(dtype).name} for Tensor with dtype "
                         f"{value.dtype.name}: {value}")
    return value


def _dense(value: IndexedSlices, dtype: DType | None = None, name: str | None = None, as_ref: bool = False) -> Any:
    """Sum duplicates into zeros of the dense shape."""
    if dtype is not None and dtype != value.dtype:
        raise ValueError(f"Tensor conversion requested dtype {dtype.name} for IndexedSlices with dtype "
                         f"{value.dtype.name}")
    if value.dense_shape is None:
        raise ValueError(f"Tensor conversion requested for IndexedSlices without dense_shape: {value}. Make it with "
                         "tf.IndexedSlices(values, indices, dense_shape).")
    shape = convert_to_tensor(value.dense_shape)
    _warn(constant_value(shape))
    with op_scope(name or "IndexedSlicesToTensor", (value,)) as scope:
        graph = value.graph
        zero = graph.builder.node("constant", (), {"value": Array(value.dtype.as_numpy_dtype(0))}).results[0]
        zeros = graph.builder.node("broadcast", [zero, shape.value], {}).results[0]
        return emit("put_add", [zeros, value.indices, value.values], name=scope, type="UnsortedSegmentSum")


def _warn(shape: Any) -> None:
    if shape is None:
        warnings.warn("Converting sparse IndexedSlices to a dense Tensor of unknown shape. This may consume a large "
                      "amount of memory.", stacklevel=2)
    elif _LARGE < shape.prod(dtype=float) < math.inf:
        warnings.warn(f"Converting sparse IndexedSlices to a dense Tensor with {int(shape.prod(dtype=float))} "
                      "elements. This may consume a large amount of memory.", stacklevel=2)


register_tensor_conversion_function(IndexedSlices, _dense)
