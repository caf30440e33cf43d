"""The door of this room: cotangents of values, built where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from rnngraph.autodiff.regions import reverse as reverse_region
from rnngraph.autodiff.sweep import Cotangent, Grad, Hooks, Sweep, dense
from rnngraph.ir.graph import Builder, Value, building
from rnngraph.ops.indexed import Rows


def reverse(builder: Builder, ys: Sequence[Value], cotangents: Sequence[Cotangent], xs: Sequence[Value],
            hooks: Hooks | None = None) -> list[Cotangent | None]:
    """Cotangents of `xs` given those of `ys`, built into `builder`; None where nothing connects them."""
    sweep = Sweep(builder, builder.graph, hooks or Hooks(), reverse_region)
    with building(builder):
        inside = [builder.local(x) for x in xs]
        for y, c in zip(ys, cotangents, strict=True):
            sweep.add(builder.local(y), c)
        sweep.run(inside)
        return [sweep.total(x) for x in inside]


__all__ = ["Cotangent", "Grad", "Hooks", "Rows", "dense", "reverse"]
