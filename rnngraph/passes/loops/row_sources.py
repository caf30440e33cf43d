"""Values that are rows of something, as programs write it: what an unrolled loop reads step by step, and gives.

    x[:, t, :]    unstack(x, axis)[t]    split(x, n, axis)[t]       row t of x with that axis in front
    stack(h0, h1, ...)    concat(h0, h1, ...)                       all rows, with the axis somewhere else
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnngraph.ir.graph import Node, Value, call, constant
from rnngraph.ir.sizes import Dim, mul
from rnngraph.ops.build import size_vector
from rnngraph.passes.tools.value_facts import array_of, fixed


class Axis(NamedTuple):
    """An axis of a value, as what rows are taken from: elements of it without the axis, or pieces of a width with it."""

    source: Value
    axis: int
    width: int = 0

    def rows(self, x: Value) -> Value:
        """The rows of x, which stands for the source now, on axis 0."""
        axis, shape = self.axis, x.shape
        if self.width:
            count = shape[axis]
            assert isinstance(count, int)
            x = _shaped(x, (*shape[:axis], count // self.width, self.width, *shape[axis + 1:]))
        return _moved(x, axis, 0)


def row_of(value: Value) -> tuple[Axis, int] | None:
    """Which row of what a value is, if its node says so."""
    node = value.node
    if node is None or not node.operands or not fixed(value) or not fixed(node.operands[0]):
        return None
    attrs = node.attrs
    if node.op.name == "unstack":
        return Axis(node.operands[0], attrs["axis"] % len(node.operands[0].shape)), value.index
    if node.op.name in ("split", "split_v") and all(v.type == value.type for v in node.results):
        return _piece(node.operands[0], attrs["axis"] % len(value.shape), value, None)
    if node.op.name == "slice":
        return _sliced(value, node)
    if node.op.name == "squeeze" and len(attrs["axes"]) == 1:
        inner = node.operands[0].node
        found = _sliced(node.operands[0], inner) if inner is not None and inner.op.name == "slice" else None
        axis = attrs["axes"][0] % len(node.operands[0].shape)
        return (Axis(found[0].source, axis), found[1]) if found is not None and found[0].axis == axis else None
    return _strided(node) if node.op.name == "strided_slice" else None


def _piece(source: Value, axis: int, value: Value, start: Dim) -> tuple[Axis, int] | None:
    """The part of an axis that begins at `start`, or is result number so and so, as one of equal pieces."""
    width, size = value.shape[axis], source.shape[axis]
    if not isinstance(width, int) or not isinstance(size, int) or width == 0 or size % width:
        return None
    if start is None:
        return Axis(source, axis, width), value.index
    return (Axis(source, axis, width), start // width) if isinstance(start, int) and start % width == 0 else None


def _sliced(value: Value, node: Node) -> tuple[Axis, int] | None:
    source, starts = node.operands[0], node.attrs["starts"]
    if not fixed(source) or any(stride != 1 for stride in node.attrs["strides"]):
        return None
    cut = [i for i, (d, e, start) in enumerate(zip(value.shape, source.shape, starts, strict=True)) if d != e or start != 0]
    return _piece(source, cut[0], value, starts[cut[0]]) if len(cut) == 1 else None


def _strided(node: Node) -> tuple[Axis, int] | None:
    """A row by the brackets of Python: one axis has an index, all others are whole."""
    source, attrs = node.operands[0], node.attrs
    arrays = [array_of(v) for v in node.operands[1:]]
    shrink, whole = attrs["shrink_mask"], attrs["begin_mask"] & attrs["end_mask"]
    if any(a is None for a in arrays) or shrink.bit_count() != 1:
        return None
    axis = shrink.bit_length() - 1
    begin, _, strides = ([int(n) for n in a] for a in arrays)
    size = source.shape[axis] if axis < len(source.shape) else None
    others = all(i == axis or (whole >> i & 1 and s == 1) for i, s in enumerate(strides))
    inside = isinstance(size, int) and 0 <= begin[axis] < size
    return (Axis(source, axis), begin[axis]) if others and inside else None


def stacked(rows: Value, axis: int) -> Value:
    """What `stack` gives of the rows of a tensor."""
    return _moved(rows, 0, axis)


def concatenated(rows: Value, axis: int) -> Value:
    """What `concat` gives of the rows of a tensor."""
    moved = _moved(rows, 0, axis)
    shape = moved.shape
    return _shaped(moved, (*shape[:axis], mul(shape[axis], shape[axis + 1]), *shape[axis + 2:]))


def part(x: Value, low: int, count: int) -> Value:
    """`count` rows of x from `low` on."""
    if low == 0 and x.shape[0] == count:
        return x
    rest = len(x.shape) - 1
    return call("slice", x, starts=(low,) + (0,) * rest, strides=(1,) * (rest + 1), sizes=(count,) + (None,) * rest)


def row(x: Value, number: int) -> Value:
    """One row of x."""
    return call("squeeze", part(x, number, 1), axes=(0,))


def _moved(x: Value, start: int, to: int) -> Value:
    """x with an axis moved."""
    order = [i for i in range(len(x.shape)) if i != start]
    order.insert(to, start)
    return x if start == to else call("transpose", x, perm=tuple(order))


def _shaped(x: Value, shape: Sequence[Dim]) -> Value:
    ints = all(isinstance(d, int) for d in shape)
    return call("reshape", x, constant(tuple(shape), "int32") if ints else size_vector(shape))
