"""The door of this room: cotangents of values, built where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from rnngraph.autodiff.activity import Activity
from rnngraph.autodiff.regions import reverse as reverse_region
from rnngraph.autodiff.sweep import Cotangent, Grad, Hooks, Sweep, dense
from rnngraph.ir.graph import Builder, Graph, Value, building
from rnngraph.ops.indexed import Rows


def reverse(builder: Builder, ys: Sequence[Value], cotangents: Sequence[Cotangent], xs: Sequence[Value],
            hooks: Hooks | None = None) -> list[Cotangent | None]:
    """Cotangents of `xs` given those of `ys`, built into `builder`; None where nothing connects them.

    In a loop's body or a branch, the walk goes on through what is captured, into the graphs around it.
    """
    levels = [builder]
    while levels[-1].parent is not None:
        levels.append(levels[-1].parent)
    hooks = hooks or Hooks()
    targets = _targets(levels, xs, hooks.activity)
    pending = [(builder.local(y), c) for y, c in zip(ys, cotangents, strict=True)]
    found: dict[Value, Cotangent | None] = {}
    with building(builder):
        for level in levels:
            sweep = Sweep(builder, level.graph, hooks, reverse_region)
            for value, cotangent in pending:
                if value.graph is level.graph:
                    sweep.add(value, cotangent)
            wanted = targets[level.graph]
            sweep.run(wanted)
            found.update((x, sweep.total(x)) for x in xs if x.graph is level.graph)
            for outer, inner in list(level.captures.items()):
                total = sweep.total(inner) if inner in wanted else None
                if total is not None:
                    pending.append((outer, total))
    return [found.get(x) for x in xs]


def _targets(levels: Sequence[Builder], xs: Sequence[Value], activity: Activity) -> dict[Graph, list[Value]]:
    """For each graph, inner ones first: those of `xs` in it, and what it captures that depends on `xs`."""
    active: set[Value] = set()
    found: dict[Graph, list[Value]] = {}
    for level in reversed(levels):
        captured = [inner for outer, inner in level.captures.items() if outer in active]
        found[level.graph] = [*(x for x in xs if x.graph is level.graph), *captured]
        active |= activity.values(level.graph, found[level.graph])
    return found


__all__ = ["Cotangent", "Grad", "Hooks", "Rows", "dense", "reverse"]
