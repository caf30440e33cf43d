"""Which values depend differentiably on which: slots of loops and branches are told apart.

A slot (capture, carry, row) is the unit of differentiability: a gradient is None where no chain of active slots connects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.layout import parts
from rnngraph.ir.types import Type


def differentiable(t: Type) -> bool:
    """Whether a loop or branch slot of this type carries cotangents: floats, also in lists and variables."""
    return t.dtype.is_floating or t.dtype.is_complex


@dataclass(frozen=True)
class Activity:
    """Activity for one set of gradient rules: cotangents pass through a node that `rule` gives one."""

    rule: Callable[[Node], object | None]

    def values(self, graph: Graph, targets: Iterable[Value]) -> set[Value]:
        """The values of `graph` that depend differentiably on `targets`, which are included."""
        active = set(targets)
        for node in graph.nodes:
            if node.op.name == "history":
                owner = node.operands[0].node
                if owner is not None and any(v in active for v in owner.operands) and differentiable(node.results[0].type):
                    active.update(node.results)
            elif any(v in active for v in node.operands):
                active.update(v for v, on in zip(node.results, self.results(node, active), strict=True) if on)
        return active

    def results(self, node: Node, active: Collection[Value]) -> Sequence[bool]:
        """Which results of `node` depend differentiably on active operands."""
        if node.op.name == "loop":
            return self._loop_results(node, active)
        if node.op.name == "if":
            return self._if_results(node, active)
        return [self.rule(node) is not None] * len(node.results)

    def params(self, node: Node, active: Collection[Value]) -> set[Value]:
        """The active parameters of a loop's body: a fixpoint over the carries."""
        p = parts(node)
        on = {q for v, q in zip((*p.carry, *p.rows, *p.captures), p.body.params[1:], strict=True)
              if v in active and differentiable(q.type)}
        while True:
            inside = self.values(p.body, on)
            more = {q for q, r in zip(p.body_carry, p.body.results, strict=False)
                    if r in inside and differentiable(q.type)} - on
            if not more:
                return on
            on |= more

    def _loop_results(self, node: Node, active: Collection[Value]) -> Sequence[bool]:
        p = parts(node)
        if not node.attrs["back_prop"]:
            return [False] * len(node.results)
        params = self.params(node, active)
        inside = self.values(p.body, params)
        carries = [q in params for q in p.body_carry]
        stacks = [r in inside and differentiable(r.type) for r in p.body.results[len(p.carry):]]
        return [*carries, *stacks, False]

    def _if_results(self, node: Node, active: Collection[Value]) -> Sequence[bool]:
        on = [False] * len(node.results)
        for region in node.regions:
            params = {q for v, q in zip(node.operands[1:], region.params, strict=True) if v in active}
            inside = self.values(region, params)
            on = [a or (r in inside and differentiable(r.type)) for a, r in zip(on, region.results, strict=True)]
        return on

    def reached(self, graph: Graph, seeds: Iterable[Value]) -> set[Value]:
        """The values of `graph` that may get a cotangent when `seeds` have one."""
        found = set(seeds)
        for node in reversed(graph.nodes):
            if any(v in found for v in node.results) and (node.op.name in ("loop", "if") or self.rule(node) is not None):
                found.update(v for v in node.operands if differentiable(v.type))
        return found
