"""Loops to steps: carries, rows and stacks become pointers that move, so that nothing is copied from step to step.

    a carry that is also a stack's row      its pointer moves to that row
    any other carry                         two halves written in turn, the pointer moves between them
    a' = a + product, a used only there     one buffer, the product is added in place
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rnngraph.ir.graph import Node, Value
from rnngraph.ir.layout import LoopParts, parts
from rnngraph.ir.sizes import mul, product
from rnngraph.lowering import nests
from rnngraph.lowering.lower import RULES, Region
from rnngraph.lowering.plan import Carry, Loop, Pong, Row, View, whole
from rnngraph.ops.control import INDEX


def accumulations(node: Node) -> dict[Node, tuple[int, Node]]:
    """The number of the carry and the contraction's node of each product that is added to a carry in place."""
    p = parts(node)
    found = {}
    for i, (param, result) in enumerate(zip(p.body_carry, p.body.results, strict=False)):
        made = result.node
        if made is not None and made.op.name == "add":
            # `fuse` left just those adds outside kernels that may be done so.
            factor = made.operands[1 - made.operands.index(param)].node
            assert factor is not None
            found[made] = (i, factor)
    return found


@dataclass
class _Work:
    """A loop being lowered."""

    node: Node
    p: LoopParts
    region: Region
    body: Region
    step: View
    carries: list[Carry] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    pongs: list[Pong] = field(default_factory=list)
    pointers: list[View] = field(default_factory=list)
    placed: dict[Value, View] = field(default_factory=dict)
    held: dict[int, View] = field(default_factory=dict)


def lower_loop(region: Region, node: Node) -> None:
    """Lower one loop into `region`."""
    shared, p = region.shared, parts(node)
    outer = dict(zip(p.body_captures, p.captures, strict=True))
    work = _Work(node, p, region, Region(shared, region, outer), shared.tensor(INDEX, ()))
    sums = accumulations(node)
    _enter(work, {i for i, _ in sums.values()})
    stacks = _stacks(work)
    _places(work)
    _body(work, sums)
    _leave(work)
    test, condition = _test(work)
    trips = shared.tensor(INDEX, ())
    limit = None if p.limit is None else region.views[p.limit]
    region.steps.append(Loop(limit, test, condition, tuple(work.body.steps), work.step, trips, tuple(work.carries),
                             tuple(work.rows), tuple(work.pongs), node.attrs["reverse"], node.name or "loop"))
    for i, value in enumerate(p.final):
        region.views[value] = work.held.get(i, work.pointers[i])
    region.views.update(zip(p.stacks, stacks, strict=True))
    region.views[p.trips] = trips


def _enter(work: _Work, summed: set[int]) -> None:
    """Give the body's parameters views."""
    region, body, p = work.region, work.body, work.p
    body.views[p.body.params[0]] = work.step
    for i, (param, initial) in enumerate(zip(p.body_carry, p.carry, strict=True)):
        start = region.starts.get(i) or region.views[initial]
        if i in summed:
            held = region.place(p.final[i])
            region.steps.append(nests.copy(start, held))
            work.held[i] = held
            work.pointers.append(held)
            body.views[param] = held
            continue
        view = whole(region.shared.pointer(param.type.dtype), param.type.dtype, param.shape)
        work.pointers.append(view)
        body.views[param] = view
    for param, rows in zip(p.body_rows, p.rows, strict=True):
        body.views[param] = _row(work, region.views[rows])
    for param, value in zip(p.body_captures, p.captures, strict=True):
        body.views[param] = region.views[value]


def _row(work: _Work, rows: View) -> View:
    """A view of the current row of `rows`."""
    pointer = work.region.shared.pointer(rows.dtype)
    work.rows.append(Row(pointer, rows))
    return View(pointer, rows.dtype, rows.shape[1:], rows.strides[1:])


def _stacks(work: _Work) -> list[View]:
    """Where each stack is made; its rows are the places of what the body gives for it."""
    region, p = work.region, work.p
    found = []
    for value, row in zip(p.stacks, p.body.results[len(p.carry):], strict=True):
        out = region.place(value)
        found.append(out)
        pointer = _row(work, out)
        work.placed[value] = pointer
        if row.node is not None:
            work.body.places.setdefault(row, pointer)
    return found


def _pong(work: _Work, param: Value) -> View:
    """A place for the next value of a carry."""
    shared = work.region.shared
    count = product(param.shape)
    pong = Pong(shared.pointer(param.type.dtype), shared.work(param.type.dtype, mul(2, count)), count)
    work.pongs.append(pong)
    return whole(pong.pointer, param.type.dtype, param.shape)


def _places(work: _Work) -> None:
    """Where the body writes the next values of carries that are not rows of a stack."""
    for i, (param, result) in enumerate(zip(work.p.body_carry, work.p.body.results, strict=False)):
        if i not in work.held and result.node is not None and result not in work.body.places:
            work.body.places[result] = _pong(work, param)


def _body(work: _Work, sums: dict[Node, tuple[int, Node]]) -> None:
    """Lower the body's nodes; products that are summed are added in place."""
    body = work.body
    products: dict[Node, int] = {made: i for i, made in sums.values()}
    body.plan_concats(work.p.body.nodes)
    for node in work.p.body.nodes:
        if node in sums:
            continue
        if node in products:
            body.multiply(node, work.held[products[node]], True)
        else:
            body.nodes_one(node)


def _leave(work: _Work) -> None:
    """Move the body's results to the stacks' rows and the carries' next places."""
    body, p = work.body, work.p
    n = len(p.carry)
    for value, row in zip(p.stacks, p.body.results[n:], strict=True):
        body.settle(row, work.placed[value])
    for i, (param, result) in enumerate(zip(p.body_carry, p.body.results, strict=False)):
        if i in work.held:
            continue
        view = body.views[result]
        if view != body.places.get(result) or not view.contiguous:
            # Made elsewhere (another carry, a row, a capture): copied, since its memory changes with the next step.
            target = _pong(work, param)
            body.steps.append(nests.copy(view, target))
            view = target
        start = work.region.contiguous(work.region.starts.get(i) or work.region.views[p.carry[i]])
        pointer = work.pointers[i].base
        work.carries.append(Carry(pointer, start, view))  # type: ignore[arg-type]


def _test(work: _Work) -> tuple[tuple[Any, ...], View | None]:
    """The steps of the while region."""
    p, region = work.p, work.region
    if p.cond is None:
        return (), None
    params = p.params(p.cond)
    test = Region(region.shared, region, dict(zip(params.captures, p.captures, strict=True)))
    test.views[params.step] = work.step
    test.views.update(zip(params.carry, work.pointers, strict=True))
    test.views.update((q, region.views[v]) for q, v in zip(params.captures, p.captures, strict=True))
    test.nodes(p.cond.nodes)
    return tuple(test.steps), test.views[p.cond.results[0]]


RULES["loop"] = lower_loop
