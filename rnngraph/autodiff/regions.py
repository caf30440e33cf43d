"""Reverse mode of `loop` and `if`: the backward node is an ordinary loop or `if`, so any order of derivative follows.

    forward    carry, rows, captures                         -> carry, stacks, trips
    backward   limit = trips, rows the other way round
               carry  = cotangents of carry, one accumulator a capture
               rows   = cotangents of stacks, original rows, histories
               stacks = cotangents of rows
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.autodiff.activity import Activity, differentiable
from rnngraph.autodiff.mirror import BranchMirror, LoopMirror
from rnngraph.autodiff.sweep import Cotangent, Sweep, dense, zeros_like
from rnngraph.ir.graph import Graph, Node, Value, building, call
from rnngraph.ir.layout import parts
from rnngraph.ir.types import ListType, RefType, Type
from rnngraph.ops.control import make_if, make_loop, numbered

Inner = Sequence[tuple[tuple[int, ...], Cotangent]]


def reverse(sweep: Sweep, node: Node, cotangents: Sequence[Cotangent | None],
            inner: Inner) -> list[Cotangent | None]:
    """The contributions of a loop or `if` to its operands; `inner` holds cotangents of its histories."""
    given = [None if c is None else dense(c) for c in cotangents]
    if node.op.name == "loop":
        return _loop(sweep, node, given, inner)
    return _branch(sweep, node, given, inner)


def _seed(sweep: Sweep, region: Graph, path: tuple[int, ...], cotangent: Cotangent) -> None:
    """Put a history's cotangent where its path leads: a value of the region, or deeper."""
    if len(path) == 1:
        sweep.add(numbered(region)[path[0]], cotangent)
    else:
        sweep.add_inside(region.nodes[path[0]], path[1:], cotangent)


def _touched(region: Graph, path: tuple[int, ...]) -> Sequence[Value]:
    return [numbered(region)[path[0]]] if len(path) == 1 else region.nodes[path[0]].results


def _value_type(t: Type) -> Type:
    return t.tensor if isinstance(t, RefType) else t


def _add(a: Value, b: Value) -> Value:
    return call("list_sum" if isinstance(a.type, ListType) else "cotangent_sum", a, b)


class _Reversed:
    """Which slots of a loop take part in its reverse: the fixpoint over the carries."""

    def __init__(self, node: Node, cotangents: Sequence[Value | None], inner: Inner, active: set[Value],
                 activity: Activity) -> None:
        p = parts(node)
        on = activity.params(node, active)
        n = len(p.carry)
        self.stacks = [j for j in range(len(p.stacks)) if cotangents[n + j] is not None]
        seeds = [p.body.results[n + j] for j in self.stacks]
        for path, _ in inner:
            seeds += _touched(p.body, path[1:])
        carries = {i for i in range(n) if cotangents[i] is not None and p.body_carry[i] in on}
        while True:
            found = activity.reached(p.body, [*seeds, *(p.body.results[i] for i in carries)])
            more = {i for i in range(n) if p.body_carry[i] in found and p.body_carry[i] in on} - carries
            if not more:
                break
            carries |= more
        self.carry = sorted(carries)
        self.captures = [i for i, v in enumerate(p.body_captures) if v in on and v in found]
        self.rows = [i for i, v in enumerate(p.body_rows) if v in on and v in found]


def _loop(sweep: Sweep, node: Node, cotangents: Sequence[Value | None], inner: Inner) -> list[Cotangent | None]:
    p, outer = parts(node), sweep.builder
    if not node.attrs["back_prop"]:
        return [None] * len(node.operands)
    slots = _Reversed(node, cotangents, inner, sweep.active, sweep.hooks.activity)
    n = len(p.carry)
    mirror = LoopMirror(outer, node)
    start = []
    for i in slots.carry:
        given = cotangents[i]
        start.append(given if given is not None else zeros_like(outer.local(p.final[i])))
    start += [zeros_like(outer.local(p.captures[i])) for i in slots.captures]
    carried = [mirror.param(_value_type(v.type), None, "d") for v in start]
    results, stacks = _body(sweep, mirror, slots, cotangents[n:], inner, carried)
    mirror.place_rows()
    mirror.graph.seal([*results, *stacks])
    back = make_loop(outer, body=mirror, limit=outer.local(p.trips), carry=start, rows=mirror.row_operands,
                     reverse=not node.attrs["reverse"], parallel_iterations=node.attrs["parallel_iterations"],
                     swap_memory=node.attrs["swap_memory"])
    return _by_operand(p, slots, parts(back).final, parts(back).stacks)


def _body(sweep: Sweep, mirror: LoopMirror, slots: _Reversed, stack_cotangents: Sequence[Value | None], inner: Inner,
          carried: list[Value]) -> tuple[list[Value], list[Value]]:
    """Build the backward body; its carry results and its stack results."""
    p, outer = mirror.p, sweep.builder
    n = len(p.carry)
    inside = Sweep(mirror, p.body, sweep.hooks, sweep.regions)
    for i, d in zip(slots.carry, carried, strict=False):
        inside.add(p.body.results[i], d)
    for j in slots.stacks:
        c = stack_cotangents[j]
        assert c is not None
        inside.add(p.body.results[n + j], mirror.row(outer.local(c), "g"))
    for path, kept in inner:
        _seed(inside, p.body, path[1:], mirror.row(outer.local(dense(kept)), "g"))
    wanted = [*(p.body_carry[i] for i in slots.carry), *(p.body_captures[i] for i in slots.captures),
              *(p.body_rows[i] for i in slots.rows)]
    with building(mirror):
        inside.run(wanted)
        totals = [inside.total(v) for v in wanted]
        m = len(slots.carry)
        results = [zeros_like(v) if t is None else dense(t) for v, t in zip(wanted[:m], totals[:m], strict=True)]
        for d, more in zip(carried[m:], totals[m:], strict=False):
            results.append(d if more is None else _add(d, dense(more)))
        stacks = [zeros_like(v) if t is None else dense(t)
                  for v, t in zip(wanted[len(carried):], totals[len(carried):], strict=True)]
        return [mirror.local(v) for v in results], [mirror.local(v) for v in stacks]


def _by_operand(p: Any, slots: _Reversed, final: Sequence[Value], stacks: Sequence[Value]) -> list[Cotangent | None]:
    """The backward loop's results in the order of the forward loop's operands."""
    found: list[Cotangent | None] = [None] * (len(p.carry) + len(p.rows) + len(p.captures))
    for i, v in zip(slots.carry, final, strict=False):
        found[i] = v
    for i, v in zip(slots.captures, final[len(slots.carry):], strict=True):
        found[len(p.carry) + len(p.rows) + i] = v
    for i, v in zip(slots.rows, stacks, strict=True):
        found[len(p.carry) + i] = v
    return [*([None] if p.limit is not None else []), *found]


def _branch(sweep: Sweep, node: Node, cotangents: Sequence[Value | None], inner: Inner) -> list[Cotangent | None]:
    outer = sweep.builder
    captures = node.operands[1:]
    wanted = [i for i, v in enumerate(captures) if v in sweep.active and differentiable(v.type)]
    mirrors = [BranchMirror(outer, node, r) for r in range(2)]
    results: list[list[Cotangent | None]] = []
    for r, mirror in enumerate(mirrors):
        inside = Sweep(mirror, mirror.forward, sweep.hooks, sweep.regions)
        for v, c in zip(mirror.forward.results, cotangents, strict=True):
            inside.add(v, None if c is None else mirror.local(outer.local(c)))
        for path, kept in inner:
            if path[0] == r:
                _seed(inside, mirror.forward, path[1:], mirror.local(outer.local(dense(kept))))
        params = [mirror.forward.params[i] for i in wanted]
        with building(mirror):
            inside.run(params)
            results.append([inside.total(q) for q in params])
    some = [k for k in range(len(wanted)) if any(found[k] is not None for found in results)]
    if not some:
        return [None] * len(node.operands)
    for mirror, found in zip(mirrors, results, strict=True):
        with building(mirror):
            values = []
            for k in some:
                t = found[k]
                values.append(mirror.local(zeros_like(mirror.forward.params[wanted[k]]) if t is None else dense(t)))
        mirror.graph.seal(values)
    back = make_if(outer, outer.local(node.operands[0]), mirrors[0], mirrors[1])
    out: list[Cotangent | None] = [None] * len(node.operands)
    for k, v in zip(some, back.results, strict=True):
        out[1 + wanted[k]] = v
    return out
