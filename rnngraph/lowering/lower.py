"""Regions to steps. Each node of a closed, fused graph says where its results are (a view) and what must run for that.

Results are written where they are wanted: a `place` is known beforehand for the caller's outputs, pieces of a concat,
rows of a stack, the next value of a carry. Movement is a view and costs nothing until something needs it elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Node, Value
from rnngraph.ir.kinds import (
    Contraction,
    Elementwise,
    Extreme,
    Gather,
    Index,
    Letters,
    Literal,
    Movement,
    Placement,
    Random,
    Scatter,
)
from rnngraph.ir.op import OpDef
from rnngraph.ir.sizes import Dim, Expr, Symbol, add, mul, product
from rnngraph.ir.types import DType, bool_
from rnngraph.lowering import nests, products
from rnngraph.lowering.assemble import Lowered, assemble, port
from rnngraph.lowering.plan import (
    Arg,
    Bind,
    Branch,
    Check,
    CheckRange,
    CheckSizes,
    Draw,
    Fail,
    Gemm,
    Input,
    Output,
    Pack,
    Pointer,
    Put,
    Step,
    Take,
    View,
    Work,
    row_major,
    whole,
)
from rnngraph.lowering.target import PLAIN, Target
from rnngraph.lowering.views import reshaped, seen


class Lowering:
    """What all regions of one plan share: numbering, constants, nodes that may fail."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.works = 0
        self.pointers = 0
        self.nodes: list[Node] = []
        self.inputs: dict[Any, int] = {}
        self.constants: dict[int, Any] = {}

    def work(self, dtype: DType, count: Dim) -> Work:
        """A new piece of the arena."""
        self.works += 1
        return Work(self.works - 1, dtype, count)

    def tensor(self, dtype: DType, shape: Sequence[Dim]) -> View:
        """A new contiguous tensor in the arena."""
        return whole(self.work(dtype, product(shape)), dtype, shape)

    def pointer(self, dtype: DType) -> Pointer:
        """A new moving pointer."""
        self.pointers += 1
        return Pointer(self.pointers - 1, dtype)

    def node(self, node: Node) -> int:
        """The number by which a failing step names its node."""
        if node not in self.nodes:
            self.nodes.append(node)
        return self.nodes.index(node)

    def constant(self, key: Any, array: Any) -> Input:
        """An input that holds a fixed array."""
        if key not in self.inputs:
            self.inputs[key] = len(self.inputs)
            self.constants[self.inputs[key]] = array
        return Input(self.inputs[key])

    def arrays(self) -> list[Any]:
        """The fixed arrays, in the order of their inputs."""
        return [self.constants[i] for i in sorted(self.constants)]

    def scalar(self, number: float, dtype: DType) -> View:
        """A number among the data, so that programs that differ in it alone share their code."""
        pool = self.constant(dtype, np.empty(0, dtype.numpy))
        known = self.constants[pool.index].tolist()
        if number not in known:
            known.append(number)
            self.constants[pool.index] = np.array(known, dtype.numpy)
        return View(pool, dtype, (), (), known.index(number))


def _simplifies(number: Any) -> bool:
    """Whether the compiler should see a number: it makes less of sums with 0 and of factors that are powers of two."""
    return not isinstance(number, float) or not math.isfinite(number) or math.frexp(number)[0] in (0.0, 0.5, -0.5)


class Region:
    """Lowers one region. `outer` says which value of the region around a captured parameter is."""

    def __init__(self, shared: Lowering, parent: Region | None = None,
                 outer: Mapping[Value, Value] | None = None) -> None:
        self.shared = shared
        self.parent = parent
        self.outer = dict(outer or {})
        self.steps: list[Step] = []
        self.bound: set[Symbol] = set()
        self.views: dict[Value, View] = {}
        self.places: dict[Value, View] = {}
        self.packs: dict[tuple[Value, str], Work] = {}
        self.starts: dict[int, View] = {}
        """Where a loop's carries start, if not where its operands are (see `grown`)."""

    # --- values -----------------------------------------------------------------------------------------------------

    def place(self, value: Value) -> View:
        """Where to write a value: where it is wanted, or a new tensor."""
        found = self.places.get(value)
        return found if found is not None else self.shared.tensor(value.type.dtype, value.shape)

    def settle(self, value: Value, wanted: View) -> None:
        """Make sure that a value is at a place: copy it unless it was written there."""
        view = self.views[value]
        if view != wanted:
            self.steps.append(nests.copy(view, wanted))

    def contiguous(self, view: View) -> View:
        """The view, or a contiguous copy."""
        if view.contiguous:
            return view
        made = self.shared.tensor(view.dtype, view.shape)
        self.steps.append(nests.copy(view, made))
        return made

    # --- nodes ------------------------------------------------------------------------------------------------------

    def nodes(self, nodes: Sequence[Node]) -> None:
        """Lower nodes in order."""
        self.plan_concats(nodes)
        for node in nodes:
            self.nodes_one(node)

    def nodes_one(self, node: Node) -> None:
        """Lower one node. In a region, the numbers that it makes may be sizes that later nodes name."""
        rule(node.op)(self, node)
        if self.parent is not None and node.graph.binds:
            for value in node.results:
                self.bind(value)

    def bind(self, value: Value) -> None:
        """Bind the sizes that a value's elements are, where this region binds them."""
        for i, d in enumerate(value.content or ()):
            symbol = d.symbol if isinstance(d, Expr) else None
            if symbol is not None and symbol in value.graph.binds and symbol not in self.bound:
                self.bound.add(symbol)
                view = self.views[value]
                place = add(view.offset, mul(i, view.strides[0])) if view.shape else view.offset
                self.steps.append(Bind(symbol, View(view.base, view.dtype, (), (), place)))

    def plan_concats(self, nodes: Sequence[Node]) -> None:
        """Let what a concat joins be written into it directly. Only kernels and products can write to places that are not
        contiguous, and get such; `place` gives every other op one block of memory."""
        made = {v for n in nodes for v in n.results if n.op.name == "fused" or isinstance(n.op.kind, Contraction)}
        for node in reversed(nodes):
            kind = node.op.kind
            if not isinstance(kind, Placement) or kind.fill is not None:
                continue
            out = self.place(node.results[0])
            self.places[node.results[0]] = out
            for operand, piece in _pieces(kind, node, out):
                if operand in made and operand not in self.places and node.operands.count(operand) == 1:
                    self.places[operand] = piece

    def fused(self, node: Node) -> None:
        """One nest."""
        region = node.regions[0]
        views = {p: self.views[v] for p, v in zip(region.params, node.operands, strict=True)}
        for inner in region.nodes:
            kind, scalar = inner.op.kind, not inner.results[0].shape
            if isinstance(kind, Literal) and scalar and not _simplifies(number := kind.number(inner.attrs)):
                views[inner.results[0]] = self.shared.scalar(number, inner.results[0].type.dtype)
        out = [self.place(v) for v in node.results]
        self.steps.append(nests.nest(node, views, out))
        self.views.update(zip(node.results, out, strict=True))

    def alone(self, node: Node) -> None:
        """An elementwise op outside kernels: it may fail, or `fuse` left it for a loop to do in place."""
        kind = node.op.kind
        assert isinstance(kind, Elementwise)
        if kind.nonzero is not None:
            y = self.views[node.operands[kind.nonzero]]
            sound = self.shared.tensor(bool_, y.shape)
            self.steps += [nests.nonzero(y, sound), Check(whole_at(sound, (product(y.shape),)), self.shared.node(node))]
        out = self.place(node.results[0])
        self.steps.append(nests.single(node, [self.views[v] for v in node.operands], out))
        self.views[node.results[0]] = out

    def movement(self, node: Node) -> None:
        """A view; where the order of elements is all that stays, of contiguous memory."""
        kind, view, shape = node.op.kind, self.views[node.operands[0]], node.results[0].shape
        assert isinstance(kind, Movement)
        made = reshaped(self.contiguous(view), shape) if kind.source is None else seen(view, kind.source(node), shape)
        assert made is not None
        self.views[node.results[0]] = made

    def literal(self, node: Node) -> None:
        """An array of the plan, or sizes written as numbers."""
        kind, value = node.op.kind, node.results[0]
        assert isinstance(kind, Literal)
        found = kind.elements(node.attrs)
        if isinstance(found, tuple):
            out = self.place(value)
            self.steps += nests.numbers(found, out)
            self.views[value] = out
        else:
            self.views[value] = whole(self.shared.constant(found, found.array), value.type.dtype, value.shape)

    def placement(self, node: Node) -> None:
        """What no operand fills, and copies of what was not written in place."""
        kind, out = node.op.kind, self.place(node.results[0])
        assert isinstance(kind, Placement)
        if kind.fill is not None:
            value = kind.fill(node.attrs)
            self.steps.append(nests.fill(value if out.dtype.is_floating else int(value), out))
        for operand, piece in _pieces(kind, node, out):
            self.settle(operand, piece)
        self.views[node.results[0]] = out

    # --- products -----------------------------------------------------------------------------------------------------

    def contract(self, node: Node) -> None:
        """A packed product, or a nest."""
        out = self.place(node.results[0])
        self.multiply(node, out, False)
        self.views[node.results[0]] = out

    def multiply(self, node: Node, out: View, accumulate: bool) -> None:
        """out = or += the contraction."""
        kind = node.op.kind
        assert isinstance(kind, Contraction)
        found = kind.letters(node.attrs)
        a, b = node.operands
        if not found.is_product or node.results[0].type.dtype.name not in ("float32", "float64"):
            self.steps.append(products.naive(found, self.views[a], self.views[b], out))
            return
        if found.out != found.m + found.n and found.out == found.n + found.m:
            a, b = b, a
            found = Letters(found.b, found.a, found.out)
        target = products.grouped(out, found.out, found.m, found.n) if found.out == found.m + found.n else None
        if target is None or target.strides[1] != 1:
            made = self.shared.tensor(out.dtype, [_size(found, a, b, c) for c in found.m + found.n])
            target = products.grouped(made, found.m + found.n, found.m, found.n)
            assert target is not None
            self.product(found, a, b, target, False)
            order = [(found.m + found.n).index(c) for c in found.out]
            moved = View(made.base, made.dtype, out.shape, tuple(made.strides[i] for i in order), made.offset)
            self.steps.append(nests.copy(moved, out))
            return
        self.product(found, a, b, target, accumulate)

    def product(self, found: Letters, a: Value, b: Value, target: View, accumulate: bool) -> None:
        """One packed product."""
        left = products.grouped(self.views[a], found.a, found.m, found.k)
        if left is None:
            left = products.grouped(self.contiguous_as(self.views[a], found.a, found.m + found.k), found.m + found.k,
                                    found.m, found.k)
        assert left is not None
        self.steps.append(Gemm(left, self.plain(left, b, found) or self.packed(b, found.b, found.k, found.n), target,
                               accumulate))

    def plain(self, left: View, b: Value, found: Letters) -> View | None:
        """The right matrix as it lies in memory, where packing does not pay."""
        rows = left.shape[0]
        if not isinstance(rows, int) or rows > FEW or (self.parent is not None and self.invariant(b)[0] is not None):
            return None
        matrix = products.grouped(self.views[b], found.b, found.k, found.n)
        return matrix if matrix is not None and matrix.strides[1] == 1 else None

    def contiguous_as(self, view: View, order: str, wanted: str) -> View:
        """A contiguous copy with the axes in another order."""
        at = [order.index(c) for c in wanted]
        moved = View(view.base, view.dtype, tuple(view.shape[i] for i in at), tuple(view.strides[i] for i in at),
                     view.offset)
        return self.contiguous(moved)

    def packed(self, b: Value, text: str, k: str, n: str) -> Work:
        """The panels of a matrix, packed where the matrix is made: once in front of a loop that does not change it."""
        key = b, f"{text},{k},{n}"
        if key not in self.packs:
            origin, moves = self.invariant(b)
            if origin is not None and self.parent is not None:
                self.packs[key] = self.parent.packed_as(origin, moves, text, k, n)
            else:
                self.packs[key] = self.pack(self.views[b], text, k, n)
        return self.packs[key]

    def invariant(self, value: Value) -> tuple[Value | None, list[Node]]:
        """The outer value that `value` is a view of, and the movement between; None if it is made here."""
        moves: list[Node] = []
        while value.node is not None and mapped(value.node) is not None:
            moves.append(value.node)
            value = value.node.operands[0]
        return self.outer.get(value), moves[::-1]

    def packed_as(self, value: Value, moves: Sequence[Node], text: str, k: str, n: str) -> Work:
        """The panels of what `moves` make of a value of this region."""
        key = value, f"{[id(m) for m in moves]},{text},{k},{n}"
        if key not in self.packs:
            origin, before = self.invariant(value)
            if origin is not None and self.parent is not None:
                self.packs[key] = self.parent.packed_as(origin, [*before, *moves], text, k, n)
            else:
                view = self.views[value]
                for move in moves:
                    view = seen(view, mapped(move) or (), move.results[0].shape)
                self.packs[key] = self.pack(view, text, k, n)
        return self.packs[key]

    def pack(self, view: View, text: str, k: str, n: str) -> Work:
        """A pack step."""
        matrix = products.grouped(view, text, k, n)
        if matrix is None:
            matrix = products.grouped(self.contiguous_as(view, text, k + n), k + n, k, n)
        assert matrix is not None
        work = self.shared.work(view.dtype, self.shared.target.packed(view.dtype.size, *matrix.shape))
        self.steps.append(Pack(matrix, work))
        return work

    # --- indexed, checks ----------------------------------------------------------------------------------------------

    def take(self, node: Node) -> None:
        """Rows by index, along one axis."""
        x, index = self.contiguous(self.views[node.operands[0]]), self.contiguous(self.views[node.operands[1]])
        out = self.place(node.results[0])
        axis = node.attrs["axis"] % len(x.shape)
        sizes = (product(x.shape[:axis]), x.shape[axis], product(x.shape[axis + 1:]))
        count = product(index.shape)
        self.steps.append(Take(whole_at(x, sizes), whole_at(index, (count,)), whole_at(out, (sizes[0], count, sizes[2])),
                               self.shared.node(node)))
        self.views[node.results[0]] = out

    def draw(self, node: Node) -> None:
        """Random numbers."""
        key = self.contiguous(self.views[node.operands[0]])
        out = self.place(node.results[0])
        self.steps.append(Draw(node.op.name, key, whole_at(out, (product(out.shape),))))
        self.views[node.results[0]] = out

    def put(self, node: Node) -> None:
        """A copy of x with rows replaced or added to."""
        kind, out = node.op.kind, self.place(node.results[0])
        assert isinstance(kind, Scatter)
        self.steps.append(nests.copy(self.views[node.operands[0]], out))
        index, updates = (self.contiguous(self.views[v]) for v in node.operands[1:])
        row = product(out.shape[1:])
        count = product(index.shape)
        self.steps.append(Put(whole_at(out, (out.shape[0], row)), whole_at(index, (count,)),
                              whole_at(updates, (count, row)), kind.add, self.shared.node(node)))
        self.views[node.results[0]] = out

    def arg(self, node: Node) -> None:
        """The place of an extreme element."""
        x = self.contiguous(self.views[node.operands[0]])
        kind, axis = node.op.kind, node.attrs["axis"] % len(x.shape)
        assert isinstance(kind, Extreme)
        out = self.place(node.results[0])
        outer, inner = product(x.shape[:axis]), product(x.shape[axis + 1:])
        self.steps.append(Arg(whole_at(x, (outer, x.shape[axis], inner)), whole_at(out, (outer, inner)),
                              kind.largest, self.shared.node(node)))
        self.views[node.results[0]] = out

    def check_range(self, node: Node) -> None:
        """The operand, checked."""
        x, limit = (self.contiguous(self.views[v]) for v in node.operands)
        self.steps.append(CheckRange(whole_at(x, (product(x.shape),)), limit, self.shared.node(node)))
        self.views[node.results[0]] = self.views[node.operands[0]]

    def check(self, node: Node) -> None:
        """An assertion."""
        x = self.contiguous(self.views[node.operands[0]])
        self.steps.append(Check(whole_at(x, (product(x.shape),)), self.shared.node(node)))

    def check_sizes(self, node: Node) -> None:
        """Two sizes that must compare as they say."""
        content = node.operands[0].content
        assert content is not None
        self.steps.append(CheckSizes(node.attrs["relation"], content[0], content[1], self.shared.node(node)))

    def fail(self, node: Node) -> None:
        """Always fails; its results have a place nobody reads."""
        self.steps.append(Fail(self.shared.node(node)))
        for v in node.results:
            self.views[v] = self.place(v)

    def nothing(self, node: Node) -> None:
        """No step."""

    # --- regions ------------------------------------------------------------------------------------------------------

    def branch(self, node: Node) -> None:
        """Both regions write the results to the same places."""
        out = [self.place(v) for v in node.results]
        sides = []
        for region in node.regions:
            inner = Region(self.shared, self, dict(zip(region.params, node.operands[1:], strict=True)))
            inner.views.update(zip(region.params, (self.views[v] for v in node.operands[1:]), strict=True))
            for value, view in zip(region.results, out, strict=True):
                if value.node is not None:
                    inner.places.setdefault(value, view)
            inner.nodes(region.nodes)
            for value, view in zip(region.results, out, strict=True):
                inner.settle(value, view)
            sides.append(tuple(inner.steps))
        self.steps.append(Branch(self.views[node.operands[0]], sides[0], sides[1]))
        self.views.update(zip(node.results, out, strict=True))


def whole_at(view: View, shape: Sequence[Dim]) -> View:
    """A contiguous view with another shape."""
    assert view.contiguous, view
    return View(view.base, view.dtype, tuple(shape), row_major(shape), view.offset)


def _size(found: Letters, a: Value, b: Value, letter: str) -> Dim:
    return a.shape[found.a.index(letter)] if letter in found.a else b.shape[found.b.index(letter)]


def _pieces(kind: Placement, node: Node, out: View) -> list[tuple[Value, View]]:
    """The part of the result that each operand fills."""
    return [(v, seen(out, target, v.shape)) for v, target in zip(node.operands, kind.targets(node), strict=False)]


def mapped(node: Node) -> Index | None:
    """Where the elements of a node's result are in its operand, if it only moves them and says so by an index map."""
    kind = node.op.kind
    return kind.source(node) if isinstance(kind, Movement) and kind.source is not None else None


FEW = 4
"""With at most this many rows a product reads its right matrix in place."""
Rule = Callable[[Region, Node], None]
KINDS: dict[type, Rule] = {
    Elementwise: Region.alone, Movement: Region.movement, Placement: Region.placement, Literal: Region.literal,
    Contraction: Region.contract, Gather: Region.take, Scatter: Region.put, Extreme: Region.arg, Random: Region.draw}
"""How the nodes of each kind are lowered."""
RULES: dict[str, Rule] = {
    "fused": Region.fused, "check_range": Region.check_range, "check_sizes": Region.check_sizes, "assert": Region.check,
    "fail": Region.fail, "no_op": Region.nothing, "force": Region.nothing, "if": Region.branch}
"""How effects and ops with regions are; `loops`, which stands on this module, adds its own."""


def rule(op: OpDef) -> Rule:
    """How an op's nodes are lowered."""
    return RULES[op.name] if op.name in RULES else KINDS[type(op.kind)]


def lower(nodes: Sequence[Node], inputs: Sequence[Value], outputs: Sequence[Value],
          target: Target = PLAIN) -> Lowered:
    """The plan of a stretch of nodes that reads `inputs` and gives `outputs`, for a machine."""
    shared = Lowering(target)
    top = Region(shared)
    for i, value in enumerate(inputs):
        shared.inputs[value] = i
        top.views[value] = whole(Input(i), value.type.dtype, value.shape)
    targets = [whole(Output(i), v.type.dtype, v.shape) for i, v in enumerate(outputs)]
    for value, view in zip(outputs, targets, strict=True):
        if value.node is not None:
            top.places.setdefault(value, view)
    top.nodes(nodes)
    for value, view in zip(outputs, targets, strict=True):
        top.settle(value, view)
    return assemble(list(map(port, inputs)), list(map(port, outputs)), top.steps, shared.nodes, shared.arrays())


__all__ = ["RULES", "Lowering", "Region", "lower"]
