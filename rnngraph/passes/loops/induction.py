"""Which values of a loop say where it is: integers that are +-t plus a size, vectors whose row r is +-r plus a size.

    %i = sub %last, %t      (last = n - 1)          Position(-1, n - 1) of the step
    %v = iota %s                                    Position(1, 0) of the row

Row r is met at step r, or at step n - 1 - r by a reverse loop of n steps: `at_row` and `at_step` translate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnngraph.ir.graph import Node, Value, call, constant
from rnngraph.ir.kinds import Movement
from rnngraph.ir.sizes import Dim, add, mul, sub
from rnngraph.ir.types import DType, TensorType
from rnngraph.passes.tools.value_facts import is_op, size_of


class Position(NamedTuple):
    """slope * (step or row) + start, with slope -1, 0 or 1."""

    slope: int
    start: Dim


def counts(value: Value) -> bool:
    """Whether a value is of a dtype that can count every step."""
    return isinstance(value.type, TensorType) and value.type.dtype.name in ("int32", "int64")


def of_step(value: Value, step: Value) -> Position | None:
    """A scalar of a loop's region as a position, given the region's step number; None if it is none."""
    if value is step:
        return Position(1, 0)
    if not counts(value) or value.type != value.tensor.with_shape(()):
        return None
    size = size_of(value)
    if size is not None:
        return Position(0, size)
    node = value.node
    return None if node is None else _combined(node, [of_step(v, step) for v in _read(node)])


def of_row(value: Value) -> Position | None:
    """A vector whose elements are positions of their rows; None if it is none."""
    if not counts(value) or value.tensor.rank != 1:
        return None
    node = value.node
    if node is None:
        return None
    if is_op(value, "iota"):
        return Position(1, 0)
    if isinstance(node.op.kind, Movement):
        size = _spread(value)
        return None if size is None else Position(0, size)
    return _combined(node, [of_row(v) for v in _read(node)])


def _read(node: Node) -> tuple[Value, ...]:
    return node.operands if node.op.name in ("add", "sub", "neg", "cast", "identity") else ()


def _spread(value: Value) -> Dim:
    """The size that all elements of a vector are."""
    while value.node is not None and isinstance(value.node.op.kind, Movement):
        value = value.node.operands[0]
    return size_of(value)


def _combined(node: Node, given: list[Position | None]) -> Position | None:
    known = [p for p in given if p is not None]
    if not known or len(known) < len(given):
        return None
    if node.op.name in ("cast", "identity"):
        return known[0] if counts(node.operands[0]) else None
    if node.op.name == "neg":
        return Position(-known[0].slope, mul(known[0].start, -1))
    a, b = known
    sign = 1 if node.op.name == "add" else -1
    slope = a.slope + sign * b.slope
    return Position(slope, add(a.start, b.start) if sign == 1 else sub(a.start, b.start)) if abs(slope) <= 1 else None


def flipped(p: Position, length: Dim) -> Position | None:
    """The same place counted from the other end."""
    if length is None:
        return None
    return Position(-p.slope, add(p.start, mul(sub(length, 1), p.slope)))


def at_row(p: Position, reverse: bool, length: Dim) -> Position | None:
    """A position of the step as one of the row met at that step; and the other way round."""
    return flipped(p, length) if reverse else p


def number(size: Dim, dtype: DType) -> Value:
    """A size as a scalar of the graph being built."""
    if isinstance(size, int):
        return constant(size, dtype.numpy)
    return call("sizes", dims=(size,), dtype=dtype, scalar=True)


def step_value(p: Position, step: Value, dtype: DType) -> Value:
    """The scalar at a position of the step."""
    if step.type.dtype != dtype:
        step = call("cast", step, dtype=dtype)
    return _placed(p, step, number(p.start, dtype))


def row_values(p: Position, length: Dim, dtype: DType) -> Value:
    """The vector of `length` rows that are positions of themselves."""
    shape = call("sizes", dims=(length,), dtype=constant(0, np.int32).type.dtype, scalar=False)
    return _placed(p, call("iota", shape, axis=0, dtype=dtype), call("broadcast", number(p.start, dtype), shape))


def _placed(p: Position, counted: Value, start: Value) -> Value:
    if p.slope == 0:
        return start
    if p.slope < 0:
        return call("sub", start, counted)
    return counted if p.start == 0 else call("add", counted, start)
