"""From steps to a plan: the sizes that they mention, their working memory, the caller's arrays, what may fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rnngraph.ir.graph import Node, Value
from rnngraph.ir.sizes import Dim, Expr, Symbol, product, symbols
from rnngraph.lowering.buffers import arrange
from rnngraph.lowering.plan import Bind, Failure, Nest, Plan, Port, Step, View, Work, members


@dataclass(frozen=True)
class Lowered:
    """A plan, and the nodes that `plan.failures` speaks of."""

    plan: Plan
    nodes: tuple[Node, ...]


class _Sizes:
    """The sizes that steps mention."""

    def __init__(self) -> None:
        self.all: dict[Dim, None] = {}
        self.counts: dict[Dim, None] = {}
        self.bound: set[Symbol] = set()

    def walk(self, item: Any) -> None:
        """Find them in anything that plans are made of."""
        stack, seen = [item], set()
        while stack:
            at = stack.pop()
            if isinstance(at, Expr):
                self.all[at] = None
            elif id(at) not in seen and (inside := members(at)):
                seen.add(id(at))
                self.note(at)
                stack.extend(inside)

    def note(self, item: Any) -> None:
        """What is a number of elements, and what a step binds."""
        if isinstance(item, (View, Port)):
            self.counts.update(dict.fromkeys((*item.shape, product(item.shape))))
        elif isinstance(item, Nest):
            self.counts.update(dict.fromkeys((*item.sizes, product(item.sizes))))
        elif isinstance(item, Work):
            self.counts[item.count] = None
        elif isinstance(item, Bind):
            self.bound.add(item.symbol)


def port(value: Value, name: str = "") -> Port:
    """The array that a caller gives or gets for a value."""
    made = "" if value.node is None else value.node.name or value.node.op.name
    return Port(name or value.hint or made or "value", value.type.dtype, value.shape)


def assemble(inputs: Sequence[Port], outputs: Sequence[Port], steps: Sequence[Step], nodes: Sequence[Node],
             constants: Sequence[Any], more: Sequence[Symbol] = ()) -> Lowered:
    """The plan of these steps. `more` symbols are wanted though no step may mention them."""
    found = _Sizes()
    found.walk(tuple(steps))
    found.walk((*inputs, *outputs))
    known = {d for d in (*found.all, *found.counts) if found.bound.isdisjoint(symbols(d))}
    used = {s for d in known for s in symbols(d)} | set(more)
    failures = tuple(Failure(n.op.name, n.name, n.origin.line or "") for n in nodes)
    plan = Plan(tuple(inputs), tuple(outputs), tuple(constants), tuple(steps), tuple(sorted(used, key=lambda s: s.serial)),
                failures, tuple(d for d in found.all if d in known), tuple(d for d in found.counts if d in known),
                arrange(steps))
    return Lowered(plan, tuple(nodes))
