"""loop_limits: loops that count by themselves, and the limit in their condition.

    loop captures(%N=%n) carry(%i=%zero) while(%t) {          loop %n ... do(%t) {
        %c = less %i, %N;  yield %c                  --->         ... (%t where %i was, + the start if it is not 0)
    } do(%t) { ... %j = add %i, 1; yield carry(%j) }          }

A carry that grows by 1 a step is the step number plus where it started. Then a condition `t + c < n`, alone or joined
to others by `logical_and`, is a limit n - c; the others stay. n may be anything that does not change.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnngraph.ir.graph import Graph, Node, Value, call, constant, current
from rnngraph.ir.layout import LoopParts, parts
from rnngraph.ir.sizes import maximum
from rnngraph.ir.types import DType, int32
from rnngraph.ir.walk import Rebuilder, all_nodes
from rnngraph.passes.loops.induction import Position, counts, number, of_step
from rnngraph.passes.loops.loop_pass import LoopPass
from rnngraph.passes.tools.region_edits import Edit
from rnngraph.passes.tools.value_facts import is_op, is_uniform, plain, size_of

# --- counters ----------------------------------------------------------------------------------------------------


def _counts_up(p: LoopParts, i: int) -> bool:
    """Whether carry i grows by 1 a step."""
    param, result = p.body_carry[i], p.body.results[i]
    node = result.node
    if node is None or not is_op(result, "add") or not counts(param) or param.tensor.rank != 0:
        return False
    x, y = node.operands
    return (x is param and is_uniform(y, 1)) or (y is param and is_uniform(x, 1))


def _offset(steps: Value, start: Value, dtype: DType) -> Value:
    """Where a counter is after `steps` steps."""
    if steps.type.dtype != dtype:
        steps = call("cast", steps, dtype=dtype)
    return steps if is_uniform(start, 0) or size_of(start) == 0 else call("add", steps, start)


class _Counters(LoopPass):
    name = "loop_limits"

    def loop(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """A loop without counters of its own."""
        p = parts(node)
        found = [i for i in range(len(p.carry)) if _counts_up(p, i)]
        if not found:
            return None

        def enter(which: int, params: Sequence[Value]) -> None:
            old = p.params(node.regions[which])
            with self.at(rb, node):
                for i in found:
                    start = _local_start(rb, p.carry[i])
                    rb.values[old.carry[i]] = _offset(rb.values[old.step], start, start.type.dtype)

        done = self.edit(rb, node, Edit(keep_carry=[i for i in range(len(p.carry)) if i not in found], enter=enter))
        trips = done.old[-1]
        assert trips is not None
        with self.at(rb, node):
            for i in found:
                start = rb.value(p.carry[i])
                done.old[i] = _offset(trips, start, start.type.dtype)
        return [v for v in done.old if v is not None]


def _local_start(rb: Rebuilder, start: Value) -> Value:
    """A counter's start inside the region: made there if its size has a name."""
    size = size_of(start)
    return rb.value(start) if size is None else number(size, start.type.dtype)


# --- limits ------------------------------------------------------------------------------------------------------

_LESS = {"less": (0, 1, 0), "greater": (1, 0, 0), "less_equal": (0, 1, 1), "greater_equal": (1, 0, 1)}
"""Which operand counts, which one is the bound, and what to add to the bound."""


def _conditions(value: Value) -> list[Value]:
    """What a condition joins by `logical_and`."""
    if value.node is not None and is_op(value, "logical_and"):
        return [c for v in value.node.operands for c in _conditions(v)]
    return [value]


def _invariant(value: Value, fixed: Sequence[Value]) -> bool:
    """Whether a value of a region is computed from captures alone, by nodes that cannot fail."""
    if value.node is None:
        return value in fixed
    return plain(value.node) and all(_invariant(v, fixed) for v in value.node.operands)


class _Limits(LoopPass):
    name = "loop_limits"

    def loop(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """A loop with its limit in its place."""
        p = parts(node)
        found = self.bound(p)
        if found is None or p.cond is None:
            return None
        term, position, bound, more = found
        only = len(_conditions(p.cond.results[0])) == 1
        limit = self.limit(rb, node, position, bound, more, only)
        if not only:
            assert term.node is not None
            self.instead[term.node] = lambda: [constant(True)]
        return list(v for v in self.edit(rb, node, Edit(limit=limit, drop_cond=only)).old if v is not None)

    def bound(self, p: LoopParts) -> tuple[Value, Position, Value, int] | None:
        """The condition that bounds the steps: itself, what counts, the bound, and what to add to it."""
        if p.cond is None or any(n.op.effects not in ("pure", "reads") for n in all_nodes(p.cond)):
            return None
        step, _, _, fixed = p.params(p.cond)
        for term in _conditions(p.cond.results[0]):
            if term.node is None or term.node.op.name not in _LESS:
                continue
            i, j, more = _LESS[term.node.op.name]
            position = of_step(term.node.operands[i], step)
            bound = term.node.operands[j]
            counted = counts(bound) and bound.tensor.rank == 0
            if position is not None and position.slope == 1 and counted and _invariant(bound, fixed):
                return term, position, bound, more
        return None

    def limit(self, rb: Rebuilder, node: Node, position: Position, bound: Value, more: int, only: bool) -> Value:
        """The limit, in front of the loop. If it alone ends the loop its size has a name: the trips'."""
        p = parts(node)
        with self.at(rb, node):
            value = self.lifted(rb, p, bound)
            dtype = value.type.dtype
            if more:
                value = call("add", value, constant(more, dtype.numpy))
            if position.start != 0:
                value = call("sub", value, number(position.start, dtype))
            if dtype != int32:
                if size_of(value) is None:
                    value = call("minimum", value, constant(np.iinfo(np.int32).max, dtype.numpy))
                value = call("cast", value, dtype=int32)
            if p.limit is not None:
                value = call("minimum", value, rb.value(p.limit))
            return self.named(p, value) if only else value

    def named(self, p: LoopParts, value: Value) -> Value:
        """The limit with a size, which the trips' size then is."""
        trips = p.trips.content[0] if p.trips.content else None
        symbol = getattr(trips, "symbol", None)
        size = size_of(value)
        if size is not None and symbol is not None:
            self.sizes.become(symbol, maximum(size, 0))
        elif size is None:
            value = current().node("as_size", [value], types=[value.type]).results[0]
            value.content = (trips,)
        return value

    def lifted(self, rb: Rebuilder, p: LoopParts, value: Value) -> Value:
        """An invariant value of the condition, made in front of the loop."""
        assert p.cond is not None
        if value.node is None:
            return rb.value(p.captures[value.index - 1 - len(p.carry)])
        node = value.node
        made = rb.builder.node(node.op, [self.lifted(rb, p, v) for v in node.operands], node.attrs, (), node.name,
                               [v.type for v in node.results], (), node.origin, [v.hint for v in node.results])
        made.results[value.index].content = value.content
        return made.results[value.index]


def loop_limits(graph: Graph) -> Graph:
    """`graph` with the step number for every counter, and limits for conditions on it."""
    return _Limits().run(_Counters().run(graph))
