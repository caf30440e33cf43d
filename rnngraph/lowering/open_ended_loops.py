"""Loops that keep rows and whose number of steps nobody knows beforehand: one plan, entered again when its room is full.

Generated code never allocates. The caller gives room for `capacity` rows; if the loop needs more, it leaves at the border
of a step, and the caller enlarges the stacks and enters again with the saved carries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rnngraph.ir.graph import Node
from rnngraph.ir.layout import counts, parts
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.types import bool_
from rnngraph.lowering import nests
from rnngraph.lowering.assemble import Lowered, assemble, port
from rnngraph.lowering.loops import lower_loop
from rnngraph.lowering.lower import Lowering, Region
from rnngraph.lowering.plan import Input, Loop, Output, Port, whole
from rnngraph.lowering.target import PLAIN, Target


@dataclass(frozen=True)
class Grown:
    """The plan of one loop. Inputs: its operands. Outputs: carries, stacks with `capacity` rows, trips, and whether it wants
    more room."""

    node: Node
    lowered: Lowered
    begin: Symbol
    capacity: Symbol


def grows(node: Node) -> bool:
    """Whether a loop keeps rows without knowing how many."""
    return node.op.name == "loop" and parts(node).cond is not None and bool(parts(node).stacks)


def lower_grown(node: Node, target: Target = PLAIN) -> Grown:
    """Lower one such loop."""
    p = parts(node)
    begin, capacity = Symbol("begin"), Symbol("capacity")
    shared = Lowering(target)
    top = Region(shared)
    # One input an operand, though operands may be one value: when the loop is entered again, its carries differ.
    inputs = node.operands
    for i, value in enumerate(inputs):
        shared.inputs[i] = i
        top.views[value] = whole(Input(i), value.type.dtype, value.shape)
    first = counts(node).head
    top.starts = {i: whole(Input(first + i), v.type.dtype, v.shape) for i, v in enumerate(p.carry)}
    outputs = [port(v) for v in p.final]
    outputs += [Port(port(v).name, v.type.dtype, (capacity.dim, *v.shape[1:])) for v in p.stacks]
    outputs += [port(p.trips, "trips"), Port("more", bool_, ())]
    views = [whole(Output(i), v.dtype, v.shape) for i, v in enumerate(outputs)]
    for value, view in zip(p.stacks, views[len(p.final):], strict=False):
        top.places[value] = view
    lower_loop(top, node)
    last = max(i for i, step in enumerate(top.steps) if isinstance(step, Loop))
    loop = top.steps[last]
    assert isinstance(loop, Loop)
    top.steps.insert(last, nests.fill(False, views[-1]))
    top.steps[last + 1] = replace(loop, begin=begin.dim, capacity=capacity.dim, more=views[-1])
    for value, view in zip((*p.final, *p.stacks, p.trips), views, strict=False):
        top.settle(value, view)
    lowered = assemble(list(map(port, inputs)), outputs, top.steps, shared.nodes, shared.arrays(), (begin, capacity))
    return Grown(node, lowered, begin, capacity)
