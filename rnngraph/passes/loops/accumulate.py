"""accumulate: sums over the steps, taken after the loop. Reassociates: float sums are rounded otherwise.

    loop %n carry(%a=%a0) ... do(%t) {          %final, %fs = loop %n ... do(%t) {
        %f = contract ...                 ->        %f = contract ...
        %b = add %a, %f                             yield stacks(%f)
        yield carry(%b) }                       }
                                                %s = reduce_sum %fs {axes=[0]};  %b = add %a0, %s

The terms of one accumulator are added first, so that one stack is kept. The sum of an all-step contraction then drops
its letter (`contract`). Not in the default pipeline until that pass and chunks are: a stack costs memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnngraph.ir.binders import bound_inside
from rnngraph.ir.graph import Graph, Node, Value, call
from rnngraph.ir.layout import LoopParts, parts
from rnngraph.ir.sizes import symbols
from rnngraph.ir.types import TensorType
from rnngraph.ir.walk import Rebuilder
from rnngraph.passes.loops.loop_pass import LoopPass
from rnngraph.passes.tidy.folding import terms
from rnngraph.passes.tools.region_edits import Edit
from rnngraph.passes.tools.value_facts import fixed


class _Sum(NamedTuple):
    carry: int
    terms: list[Value]


class _Accumulate(LoopPass):
    name = "accumulate"

    def loop(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """A loop without accumulators."""
        p = parts(node)
        sums = [s for i in range(len(p.carry)) if (s := self.sum(p, i))]
        if not sums:
            return None
        gone = [s.carry for s in sums]

        def leave(which: int) -> tuple[Sequence[Value], Sequence[Value]]:
            if node.regions[which] is not p.body:
                return (), ()
            with self.at(rb, node):
                return (), [rb.builder.local(_added([rb.value(v) for v in s.terms])) for s in sums]

        def enter(which: int, params: Sequence[Value]) -> None:
            old = p.params(node.regions[which])
            for i in gone:
                rb.values[old.carry[i]] = rb.value(p.carry[i])

        done = self.edit(rb, node, Edit(keep_carry=[i for i in range(len(p.carry)) if i not in gone], enter=enter,
                                        leave=leave))
        with self.at(rb, node):
            for s, stack in zip(sums, done.stacks, strict=True):
                total = call("reduce_sum", stack, axes=(0,), keep=False)
                done.old[s.carry] = call("add", rb.value(p.carry[s.carry]), total)
        return [v for v in done.old if v is not None]

    def sum(self, p: LoopParts, i: int) -> _Sum | None:
        """What carry i adds up, if it is an accumulator."""
        param, result = p.body_carry[i], p.body.results[i]
        if not isinstance(param.type, TensorType) or not fixed(param) or result.type != param.type:
            return None
        if any(s in bound_inside(p.body) for d in param.shape for s in symbols(d)):
            return None
        found = terms(result)
        rest = [v for v in found if v is not param]
        if len(rest) != len(found) - 1 or not rest or len(self.uses.all(param)) != 1:
            return None
        if p.cond is not None and self.uses.read(p.params(p.cond).carry[i]):
            return None
        chain = [v for v in _chain(result, param)]
        return _Sum(i, rest) if all(len(self.uses.here(v)) == 1 for v in chain) else None


def _chain(value: Value, param: Value) -> list[Value]:
    """The partial sums between an accumulator and its new value."""
    if value is param or value.node is None or value.node.op.name != "add":
        return []
    for v in value.node.operands:
        if v is param or _chain(v, param):
            return [value, *_chain(v, param)]
    return []


def _added(values: Sequence[Value]) -> Value:
    total = values[0]
    for v in values[1:]:
        total = call("add", total, v)
    return total


def accumulate(graph: Graph) -> Graph:
    """`graph` with sums over the steps of loops taken after them."""
    return _Accumulate().run(graph)
