"""TensorArray: a per-run, write-once array of tensors. Source: tf.TensorArray (r1.4), tensor-array page.

The Python object is a view; writing gives a new view. Views made from one another share the record of the element shape.
"""

from __future__ import annotations

from typing import Any

from rnngraph.frontend.framework.convert import constant_value, convert_to_tensor
from rnngraph.frontend.framework.graph import Graph, Operation, Tensor, get_default_graph
from rnngraph.frontend.framework.shapes import TensorShape, as_shape
from rnngraph.ir.graph import Value
from rnngraph.ir.types import DType, TensorType, as_dtype, int32, int64


class _Record:
    """What views share: the element shape as far as it is known."""

    def __init__(self, shape: TensorShape | None, infer: bool) -> None:
        self.shape = shape
        self.infer = infer


class TensorArray:
    """See the module. Raises ValueError (phrases: `Size must be provided`, `Inconsistent shapes`), TypeError."""

    def __repr__(self) -> str:
        return f"<tf.TensorArray of {self._dtype.name}>"

    def __init__(self, dtype: Any, size: Any = None, dynamic_size: bool | None = None,
                 clear_after_read: bool | None = None, tensor_array_name: str | None = None, handle: Any = None,
                 flow: Any = None, infer_shape: bool = True, element_shape: Any = None,
                 colocate_with_first_write_call: bool = True, name: str | None = None) -> None:
        self._dtype: DType = as_dtype(dtype)
        if handle is not None:
            raise NotImplementedError("TensorArray(handle=...): arrays are values here; pass the TensorArray object itself")
        if size is None:
            raise ValueError("Size must be provided if handle is not provided")
        if flow is not None:
            raise ValueError("Cannot provide a flow tensor without a handle")
        shape = None if element_shape is None else as_shape(element_shape)
        self._record = _Record(shape, infer_shape or shape is not None)
        self._graph: Graph = size.graph if isinstance(size, Tensor) else get_default_graph()
        with self._graph.name_scope(name or "TensorArray"):
            count = convert_to_tensor(size, int32, name="size")
            if count.shape.ndims not in (None, 0):
                raise ValueError(f"size must be a scalar, but its shape is {count.shape}.")
            fixed = TensorType(self._dtype, None if shape is None or shape.ndims is None else tuple(shape.as_list()))
            op = self._graph.emit("list_new", [count], {
                "element": fixed, "dynamic": bool(dynamic_size), "clear": clear_after_read is not False,
                "label": tensor_array_name or self._graph.get_name_scope()}, name="TensorArrayV3", type="TensorArrayV3")
            self.value: Value = op.outputs[0].value
        self._used = False

    def over(self, value: Value) -> TensorArray:
        """A view of the same array at another point of the program."""
        view = object.__new__(TensorArray)
        view._dtype, view._record, view._graph, view.value, view._used = (
            self._dtype, self._record, self._graph, value, False)
        return view

    def __deepcopy__(self, memo: object) -> TensorArray:
        return self

    # --- properties -------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._dtype

    @property
    def graph(self) -> Graph:
        """The graph that the array belongs to."""
        return self._graph

    @property
    def flow(self) -> Tensor:
        """A float32 scalar that is computed after what this view's writes are."""
        return self._graph.emit("list_flow", [self.value], name="flow").outputs[0]

    @property
    def handle(self) -> Value:
        """Opaque: the array itself."""
        return self.value

    # --- reading ----------------------------------------------------------------------------------------------

    def _emit(self, op: str, operands: list[Any], name: str | None, default: str, kind: str) -> Operation:
        return self._graph.emit(op, [self.value, *operands], name=name or default, type=kind)

    def _read(self, op: str, operands: list[Any], name: str | None, default: str, kind: str,
              lead: list[int | None]) -> Tensor:
        self._used = True
        t: Tensor = self._emit(op, operands, name, default, kind).outputs[0]
        shape = self._record.shape
        if shape is not None and shape.ndims is not None:
            rest = shape.as_list()
            static = TensorShape(lead + (rest[1:] if op == "list_concat" else rest))
        else:
            static = TensorShape(None)
        t.set_shape(static)
        t._shape = static
        return t

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """Element `index`."""
        return self._read("list_read", [convert_to_tensor(index, int32)], name, "TensorArrayReadV3", "TensorArrayReadV3",
                          [])

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """The elements at the int32 vector `indices`, on a new axis 0."""
        return self._read("list_gather", [convert_to_tensor(indices, int32)], name, "TensorArrayGatherV3",
                          "TensorArrayGatherV3", [None])

    def stack(self, name: str | None = None) -> Tensor:
        """All elements on a new axis 0, whose static size is unknown."""
        with self._graph.name_scope(name or "TensorArrayStack"):
            return self._read("list_stack", [], None, "TensorArrayGatherV3", "TensorArrayGatherV3", [None])

    def concat(self, name: str | None = None) -> Tensor:
        """All elements joined on axis 0."""
        return self._read("list_concat", [], name, "TensorArrayConcatV3", "TensorArrayConcatV3", [None])

    def size(self, name: str | None = None) -> Tensor:
        """The number of elements, int32."""
        return self._emit("list_size", [], name, "TensorArraySizeV3", "TensorArraySizeV3").outputs[0]

    # --- writing ----------------------------------------------------------------------------------------------

    def _learn(self, shape: TensorShape) -> None:
        record = self._record
        if not record.infer:
            return
        if record.shape is None:
            record.shape = shape
            return
        if not record.shape.is_compatible_with(shape):
            raise ValueError(f"Inconsistent shapes: saw {shape} but expected {record.shape} (and infer_shape=True)")
        record.shape = record.shape.merge_with(shape)

    def _written(self, op: str, operands: list[Any], name: str | None, default: str, kind: str) -> TensorArray:
        self._used = True
        return self.over(self._emit(op, operands, name, default, kind).outputs[0].value)

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with `value` at `index`."""
        value = self._value(value)
        self._learn(value.shape)
        with self._graph.name_scope(name or "TensorArrayWrite"):
            return self._written("list_write", [convert_to_tensor(index, int32), value], None, "TensorArrayWriteV3",
                                 "TensorArrayWriteV3")

    def _value(self, value: Any) -> Tensor:
        if isinstance(value, Tensor) and value.dtype != self._dtype:
            raise TypeError(f"TensorArray dtype is {self._dtype.name} but Op is trying to write dtype {value.dtype.name}; "
                            "cast the value with tf.cast.")
        return convert_to_tensor(value, self._dtype, name="value")

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with row k of `value` at indices[k]."""
        with self._graph.name_scope(name or "TensorArrayScatter"):
            value = self._rows(value)
            return self._written("list_scatter", [convert_to_tensor(indices, int32), value], None, "TensorArrayScatterV3",
                                 "TensorArrayScatterV3")

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """The array with row k of `value` at k."""
        with self._graph.name_scope(name or "TensorArrayUnstack"):
            value = self._rows(value)
            return self._written("list_unstack", [value], None, "TensorArrayScatter/TensorArrayScatterV3",
                                 "TensorArrayScatterV3")

    def _rows(self, value: Any) -> Tensor:
        rows = self._value(value)
        if rows.shape.ndims == 0:
            raise ValueError(f"The value must be at least a vector, but it is the scalar {rows}.")
        self._learn(rows.shape[1:] if rows.shape.ndims is not None else TensorShape(None))
        return rows

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """The array with consecutive blocks of `lengths` rows of `value` as elements."""
        with self._graph.name_scope(name or "TensorArraySplit"):
            value, lengths = self._value(value), convert_to_tensor(lengths)
            if value.shape.ndims == 0:
                raise ValueError(f"The value must be at least a vector, but it is the scalar {value}.")
            lengths.shape.assert_has_rank(1)
            known = constant_value(lengths)
            if value.shape.ndims is not None and known is not None and len(set(known.tolist())) == 1:
                self._learn(TensorShape([int(known[0]), *value.shape.as_list()[1:]]))
            elif self._record.infer and self._record.shape is None:
                self._record.shape = TensorShape(None)
            if lengths.dtype != int64:
                lengths = self._graph.emit("cast", [lengths], {"dtype": int64}, type="Cast").outputs[0]
            return self._written("list_split", [value, lengths], None, "TensorArraySplitV3", "TensorArraySplitV3")

    def identity(self) -> TensorArray:
        """A view of the same array."""
        return self.over(self.value)

    def close(self, name: str | None = None) -> Operation:
        """An op that frees the array; later use is an error."""
        return self._emit("list_close", [], name, "TensorArrayCloseV3", "TensorArrayCloseV3")

    def grad(self, source: Any, flow: Any = None, name: str | None = None) -> TensorArray:
        """Not offered: gradients of TensorArrays are made by tf.gradients."""
        raise NotImplementedError("TensorArray.grad: tf.gradients differentiates through arrays itself")
