"""idle_slots: what a loop hands round for nothing.

    carry(%w=%w0) yield carry(%w)        ->  captures(%W=%w0)                an unchanged carry
    rows(%a=%x, %b=%x)                   ->  rows(%a=%x)                     a row twice; a stack twice
    rows(%a=%x) yield stacks(%a)         ->  %x                              a row handed through
    captures(%C=%c) yield stacks(%C)     ->  broadcast of %c outside         the same row at every step
    rows(%z=broadcast %c)                ->  captures(%C=%c)                 the same, also for lists
    rows(%i=iota)                        ->  %t, or n - 1 - %t in a reverse loop
    yield stacks(%t)                     ->  iota outside
    trips of a loop that only its limit ends  ->  the limit
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Union

from rnngraph.ir.binders import visible
from rnngraph.ir.graph import Graph, Node, Value, call
from rnngraph.ir.layout import LoopParts, parts
from rnngraph.ir.sizes import Dim
from rnngraph.ir.types import TensorType
from rnngraph.ir.walk import Rebuilder, dims
from rnngraph.passes.loops.induction import at_row, of_row, of_step, row_values, step_value
from rnngraph.passes.loops.loop_pass import LoopPass
from rnngraph.passes.tools.readers import stacked
from rnngraph.passes.tools.region_edits import Edit
from rnngraph.passes.tools.value_facts import cheap, clone, fixed, is_op, size_of, sizes_of_clone

Make = Callable[[], Value]
Stacked = Callable[[Sequence[Union[Value, None]]], Union[Value, None]]


def steps(p: LoopParts) -> Dim:
    """How many steps a loop takes, if nothing but its limit ends it and that has a name."""
    return p.trips.content[0] if p.cond is None and p.trips.content else None


class _IdleSlots(LoopPass):
    name = "idle_slots"

    def loop(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """A loop without idle slots."""
        p = parts(node)
        carries = self.unchanged(p)
        rows = self.rows(rb, node, p)
        stacks = self.stacks(rb, node, p)
        trips = self.limit(p)
        if not carries and not rows and not stacks and not trips:
            return None
        n = len(p.carry)

        def enter(which: int, params: Sequence[Value]) -> None:
            region = node.regions[which]
            for i in carries:
                rb.values[p.params(region).carry[i]] = rb.value(p.carry[i])
            if region is p.body:
                with self.at(rb, node):
                    for i, make in rows.items():
                        rb.values[p.body_rows[i]] = make()

        done = self.edit(rb, node, Edit(
            keep_carry=[i for i in range(n) if i not in carries],
            keep_rows=[i for i in range(len(p.rows)) if i not in rows],
            keep_stacks=[j for j in range(len(p.stacks)) if j not in stacks], enter=enter))
        for i in carries:
            done.old[i] = rb.value(p.carry[i])
        if trips and p.limit is not None:
            done.old[-1] = rb.value(p.limit)
        with self.at(rb, node):
            for j, stacked in stacks.items():
                done.old[n + j] = stacked(done.old[n:])
        return [v for v in done.old if v is not None]

    # what is idle

    def unchanged(self, p: LoopParts) -> list[int]:
        """Carries that the body hands on as they are; the sizes bound at their parameters are those outside."""
        found = []
        for i, (outer, param) in enumerate(zip(p.carry, p.body_carry, strict=True)):
            if p.body.results[i] is param:
                found.append(i)
                for region in (p.body, *([p.cond] if p.cond is not None else [])):
                    inner = p.params(region).carry[i]
                    if type(inner.type) is type(outer.type):
                        self.note(region, list(dims(inner.type)), list(dims(outer.type)))
                self.note(p.final[i].graph, list(dims(p.final[i].type)), list(dims(outer.type)))
        return found

    def limit(self, p: LoopParts) -> bool:
        """Whether the trips are read and are the limit."""
        size = None if p.limit is None else size_of(p.limit)
        return size is not None and steps(p) == size and self.uses.read(p.trips)

    def rows(self, rb: Rebuilder, node: Node, p: LoopParts) -> dict[int, Make]:
        """Rows that need not be read, and what they are."""
        found: dict[int, Make] = {}
        for i, outer in enumerate(p.rows):
            make = self.row(rb, node, p, i, outer)
            if make is not None:
                found[i] = make
        return found

    def row(self, rb: Rebuilder, node: Node, p: LoopParts, i: int, outer: Value) -> Make | None:
        """How to make row i without reading it."""
        param = p.body_rows[i]
        if outer in p.rows[:i]:
            first = p.body_rows[p.rows.index(outer)]
            self.note(p.body, list(dims(param.type)), list(dims(first.type)))
            return lambda: rb.values[first]
        position = of_row(outer)
        if position is not None:
            at = at_row(position, node.attrs["reverse"], size_of(p.limit) if p.limit is not None else None)
            if at is not None and at.start is not None:
                return lambda: step_value(at, rb.values[p.body.params[0]], param.type.dtype)
        same, inner = _captured(outer), stacked(outer)
        if same is not None:
            self.note(p.body, list(dims(param.type)), list(dims(same.type)))
            return lambda: rb.value(same)
        if inner is not None and cheap(inner) and visible(p.body, sizes_of_clone(inner)):
            return lambda: clone(rb.builder, inner)
        if is_op(outer, "broadcast") and outer.node is not None and fixed(outer) and outer.tensor.rank:
            source = outer.node.operands[0]
            if is_op(source, "expand_dims") and source.node is not None and source.node.attrs["axis"] == 0:
                source = source.node.operands[0]
            if source.tensor.rank is not None and source.tensor.rank < outer.tensor.rank:
                return lambda: _spread(rb, source, param)
        return None

    def stacks(self, rb: Rebuilder, node: Node, p: LoopParts) -> dict[int, Stacked]:
        """Stacks that need not be written, and what they are, given the new stacks so far."""
        found: dict[int, Stacked] = {}
        for j, outer in enumerate(p.stacks):
            make = self.stack(rb, node, p, j) if self.uses.read(outer) else None
            if make is not None:
                found[j] = make
        return found

    def stack(self, rb: Rebuilder, node: Node, p: LoopParts, j: int) -> Stacked | None:
        """How to make stack j without writing it."""
        n, outer = len(p.carry), p.stacks[j]
        value = p.body.results[n + j]
        before = p.body.results[n:n + j]
        if value in before:
            return lambda made: made[before.index(value)]
        if not isinstance(outer.type, TensorType) or not fixed(outer):
            return None
        length = outer.shape[0]
        if value in p.body_rows and steps(p) is not None:
            source = p.rows[p.body_rows.index(value)]
            if source.type == outer.type:
                return lambda made: rb.value(source)
        position = of_step(value, p.body.params[0])
        if position is not None and position.slope:
            at = at_row(position, node.attrs["reverse"], length)
            if at is not None and at.start is not None:
                return lambda made: row_values(at, length, value.type.dtype)
        if value in p.body_captures or (cheap(value) and visible(node.graph, sizes_of_clone(value))):
            return lambda made: _repeated(rb, p, value, outer)
        return None


def _captured(stack: Value) -> Value | None:
    """The value that each row of a loop's stack is, if that is what the loop captured."""
    value = stacked(stack)
    if value is None or stack.node is None:
        return None
    p = parts(stack.node)
    return p.captures[p.body_captures.index(value)] if value in p.body_captures else None


def _spread(rb: Rebuilder, source: Value, param: Value) -> Value:
    new = rb.value(source)
    new = clone(rb.builder, new) if cheap(new) else new
    if not param.shape:
        return new
    return call("broadcast", new, call("sizes", dims=param.shape))


def _repeated(rb: Rebuilder, p: LoopParts, value: Value, outer: Value) -> Value:
    if value in p.body_captures:
        new = rb.value(p.captures[p.body_captures.index(value)])
    else:
        new = clone(rb.builder, value)
    return call("broadcast", call("expand_dims", new, axis=0) if value.shape else new, call("sizes", dims=outer.shape))


def idle_slots(graph: Graph) -> Graph:
    """`graph` with every loop's idle slots gone."""
    return _IdleSlots().run(graph)
