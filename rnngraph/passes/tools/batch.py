"""A node for many rows at once, by its kind: what a loop does step by step, as one node over one more axis.

`batched(node, operands, rows, size)` builds what the node gives for each of `size` rows, stacked along a new first axis:
operand i is a stack of rows where `rows[i]`, and else the same for all. No op has a rule here. Elements and sums are
taken over one more axis, a movement's index map has one more place, a product one more letter, indices count through all
rows; what is of no such kind, or binds sizes of its own, runs in a loop.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rnngraph.ir.binders import binds
from rnngraph.ir.graph import Builder, Graph, Node, Value, call, current
from rnngraph.ir.kinds import (
    FIRST,
    Affine,
    Contraction,
    Elementwise,
    Extreme,
    Gather,
    Index,
    Movement,
    Placement,
    Reduction,
    Scatter,
)
from rnngraph.ir.layout import row_type
from rnngraph.ir.sizes import Dim, mul, sub
from rnngraph.ir.types import TensorType, int64
from rnngraph.ir.walk import Rebuilder
from rnngraph.ops.build import cast, size_scalar, size_vector, transpose
from rnngraph.ops.control import INDEX, make_loop, stack_type
from rnngraph.ops.shapes import nonnegative
from rnngraph.passes.tools.value_facts import fixed, lists_in

Shape = tuple[Dim, ...]


def batched(node: Node, operands: Sequence[Value], rows: Sequence[bool], size: Dim) -> list[Value]:
    """The stacks of the node's results, built into the current graph. Operands and results of the node are tensors whose
    sizes all have a name; draws from one key, and effects, happen once a row, in order."""
    rule = _RULES.get(type(node.op.kind))
    named = all(fixed(v) for v in (*node.operands, *node.results)) and not binds(node)
    # What may fail fails for a row: where there may be no rows, it may not be executed for all.
    sure = named and (not node.op.fails or nonnegative(sub(size, 1)))
    if sure and not any(rows) and node.op.effects == "pure" and not node.regions and not lists_in(node):
        made = current().node(node.op, operands, node.attrs, (), node.name, [v.type for v in node.results], (), node.origin)
        return [stacked(v, size) for v in made.results]
    if rule is None or not sure or not any(rows):
        return _looped(node, operands, rows, size)
    return [rule(_Batch(node, operands, rows, size))]


def moved(x: Value, index: Index, shape: Shape) -> Value | None:
    """The value of `shape` whose elements are those of x where `index` says, as slices, transposes and broadcasts. None if
    two axes of x run along one axis of the result."""
    axes = [p.axis for p in index if p.axis >= 0]
    if len(set(axes)) < len(axes):
        return None
    x = _sliced(x, index, shape)
    gone = tuple(i for i, p in enumerate(index) if p.axis < 0)
    if gone:
        x = call("squeeze", x, axes=gone)
    x = transpose(x, sorted(range(len(axes)), key=axes.__getitem__))
    for axis in range(len(shape)):
        if axis not in axes:
            x = call("expand_dims", x, axis=axis)
    return x if x.shape == shape else call("broadcast", x, size_vector(shape))


def _sliced(x: Value, index: Index, shape: Shape) -> Value:
    """What `index` reads of each axis, in the axis's place; an axis that may stretch stays whole."""
    read = [(0, 1, d) if not isinstance(p.multiplier, int) else
            (p.offset, p.multiplier, shape[p.axis]) if p.axis >= 0 else (p.offset, 1, 1)
            for p, d in zip(index, x.shape, strict=True)]
    if all((start, step, count) == (0, 1, d) for (start, step, count), d in zip(read, x.shape, strict=True)):
        return x
    starts, strides, sizes = zip(*read, strict=True)
    return call("slice", x, starts=starts, strides=strides, sizes=sizes)


def stacked(x: Value, size: Dim) -> Value:
    """`size` rows that are all x."""
    return call("broadcast", x, size_vector((size, *x.shape)))


class _Batch:
    """One node for `size` rows."""

    def __init__(self, node: Node, operands: Sequence[Value], rows: Sequence[bool], size: Dim) -> None:
        self.node, self.operands, self.rows, self.size = node, list(operands), list(rows), size
        self.shape: Shape = (size, *node.results[0].shape)
        self.kind: Any = node.op.kind

    def all_rows(self, i: int, rank: int | None = None) -> Value:
        """Operand i for every row, with axes of size 1 behind the first up to `rank`."""
        x = self.operands[i] if self.rows[i] else stacked(self.operands[i], self.size)
        missing = 0 if rank is None else rank - len(self.node.operands[i].shape)
        return call("reshape", x, size_vector((self.size, *(1,) * missing, *x.shape[1:]))) if missing else x

    def like(self, *operands: Value, **attrs: Any) -> Value:
        """A node of the same op."""
        node = self.node
        made = current().node(node.op, operands, {**node.attrs, **attrs}, (), node.name, None, (), node.origin)
        return made.results[0]

    def elements(self) -> Value:
        """The same body for more elements."""
        rank = len(self.node.results[0].shape)
        whole = [self.all_rows(i, rank) for i in range(len(self.operands))]
        return self.like(*(x if x.shape == self.shape else call("broadcast", x, size_vector(self.shape)) for x in whole))

    def fold(self) -> Value:
        """Axes lie one further."""
        return self.like(self.all_rows(0), axes=tuple(a + 1 for a in Reduction.axes(self.node)))

    def contraction(self) -> Value:
        """One more letter; of a matrix that all rows share none is added to."""
        found = self.kind.letters(self.node.attrs)
        free = next(c for c in string.ascii_letters if c not in found.a + found.b)
        a, b = (free * on + text for on, text in zip(self.rows, (found.a, found.b), strict=True))
        return self.like(*self.operands, **self.kind.spelled(replace(found, a=a, b=b, out=free + found.out)))

    def movement(self) -> Value:
        """One more place."""
        x = self.all_rows(0)
        if self.kind.source is None:
            return call("reshape", x, size_vector(self.shape))
        found = moved(x, _more(self.kind.source(self.node)), self.shape)
        assert found is not None, "the index map of a movement op runs along each axis once"
        return found

    def placement(self) -> Value:
        """Pieces of a concat, or one piece in a filled whole."""
        if self.kind.fill is not None:
            (target,) = map(_more, self.kind.targets(self.node))
            return call("unslice", self.all_rows(0), size_vector(self.shape), starts=tuple(p.offset for p in target),
                        strides=tuple(p.multiplier for p in target), value=self.kind.fill(self.node.attrs))
        parts = [self.all_rows(i) for i in range(len(self.operands))]
        return call("concat", *parts, axis=_joined_axis(self.shape, [v.shape for v in parts]))

    def gather(self) -> Value:
        """Rows share the data, or the indices, or neither: then indices count through the rows of all."""
        x, index = self.operands
        rank = len(self.node.operands[0].shape)
        axis = self.node.attrs["axis"] % rank
        if not self.rows[1]:
            return self.like(x, index, axis=axis + 1)
        if not self.rows[0]:
            return transpose(self.like(x, index, axis=axis), _front(axis, len(self.shape)))
        data = transpose(x, [0, axis + 1, *(i + 1 for i in range(rank) if i != axis)])
        taken = call("take", self.flat(data), self.counted(data.shape[1], 1), axis=0)
        many = len(index.shape) - 1
        # Behind the rows come the axes of the indices, which belong behind those in front of `axis`.
        order = [0, *range(1 + many, 1 + many + axis), *range(1, 1 + many), *range(1 + many + axis, len(self.shape))]
        return transpose(taken, order)

    def scatter(self) -> Value:
        """Indices count through the rows of all."""
        data = self.all_rows(0)
        made = self.like(self.flat(data), self.counted(data.shape[1], 1), self.all_rows(2))
        return call("reshape", made, size_vector(self.shape))

    def extreme(self) -> Value:
        """The axis lies one further."""
        rank = len(self.node.operands[0].shape)
        return self.like(self.all_rows(0), axis=self.node.attrs["axis"] % rank + 1)

    def flat(self, x: Value) -> Value:
        """The first two axes as one."""
        return call("reshape", x, size_vector((mul(x.shape[0], x.shape[1]), *x.shape[2:])))

    def counted(self, length: Dim, i: int) -> Value:
        """The indices of operand i into rows of `length`, as indices into all rows. They are looked at first: one that is
        outside of its row may be inside of the next."""
        index = cast(self.all_rows(i), int64)
        index = call("check_range", index, size_scalar(length, int64), what="index")
        numbers = call("iota", size_vector(index.shape), axis=0, dtype=int64)
        return numbers * call("broadcast", size_scalar(length, int64), size_vector(index.shape)) + index


def _more(index: Index) -> Index:
    """An index map over one more axis in front."""
    return (replace(FIRST, axis=0, multiplier=1), *(Affine(p.axis + (p.axis >= 0), p.multiplier, p.offset) for p in index))


def _front(axis: int, rank: int) -> list[int]:
    """The permutation that brings an axis to the front."""
    return [axis, *(i for i in range(rank) if i != axis)]


def _joined_axis(whole: Shape, parts: Sequence[Shape]) -> int:
    """The axis along which pieces make up a whole."""
    differs = [i for i, d in enumerate(whole) if any(p[i] != d for p in parts)]
    return differs[0] if differs else 1


def _looped(node: Node, operands: Sequence[Value], rows: Sequence[bool], size: Dim) -> list[Value]:
    """A loop whose step is the node."""
    outer = current()
    body = Builder(Graph("rows", outer.graph), outer)
    body.param(TensorType(INDEX, ()))
    copier = Rebuilder(lambda rb, n: None)
    copier.builder = body
    inner = [body.param(row_type(x.type), old.content) if on else x
             for x, old, on in zip(operands, node.operands, rows, strict=True)]
    copier.values.update(zip(node.operands, inner, strict=True))
    body.graph.binds = binds(node)
    body.graph.results = copier.copy(node, inner).results
    limit, stacks = size_scalar(size), [stack_type(v.type, size, body.graph.binds) for v in body.graph.results]
    made = make_loop(outer, body=body, limit=limit, rows=[x for x, on in zip(operands, rows, strict=True) if on],
                     name=node.name, types=(*stacks, limit.type))
    made.results[-1].content = limit.content
    return list(made.results[:-1])


_RULES: dict[type, Callable[[_Batch], Value]] = {
    Elementwise: _Batch.elements, Reduction: _Batch.fold, Contraction: _Batch.contraction, Movement: _Batch.movement,
    Placement: _Batch.placement, Gather: _Batch.gather, Scatter: _Batch.scatter, Extreme: _Batch.extreme}
"""Of each kind that has one way to take one more axis."""

__all__ = ["batched", "moved", "stacked"]
