"""What native steps are, and why a kernel ends where it does: the data behind `Session.explain`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rnngraph.ir.graph import Node, Value
from rnngraph.ir.kinds import (
    Contraction,
    Elementwise,
    Extreme,
    Gather,
    Literal,
    Movement,
    Placement,
    Random,
    Reduction,
    Scatter,
)
from rnngraph.ir.walk import users
from rnngraph.runtime.interface import StepReport

SILENT = (Literal, Movement)
"""Kinds of nodes that are no step of their own: numbers that other steps read, and views."""
ALONE: tuple[tuple[Any, str], ...] = (
    (Contraction, "a product is a kernel of its own"), ((Gather, Scatter), "rows are chosen by data"),
    (Extreme, "a scan over an axis"), (Random, "a routine that all draws of a kind share"))


def _why_alone(node: Node) -> str:
    """Why a native node that is not a fused kernel stands alone."""
    kind = node.op.kind
    if isinstance(kind, Placement):
        return "its parts are written in place where they are made" if kind.fill is None else "a copy into zeros"
    if isinstance(kind, Elementwise):
        return "a product is added in place" if kind.nonzero is None else "its divisors are looked at first"
    return next((why for kinds, why in ALONE if isinstance(kind, kinds)), "")


def native_steps(nodes: Sequence[Node], readers: Mapping[Value, list[Node]], results: set[Value],
                 loop: str) -> list[StepReport]:
    """The reports of native nodes of one region."""
    return [_step(n, readers, results, loop) for n in nodes if not isinstance(n.op.kind, SILENT)]


def _step(node: Node, readers: Mapping[Value, list[Node]], results: set[Value], loop: str) -> StepReport:
    line = node.origin.line or ""
    if node.op.name == "fused":
        ops = tuple(n.op.name for n in node.regions[0].nodes if not isinstance(n.op.kind, Literal))
        name = f"kernel {' '.join(dict.fromkeys(ops))} {node.name}".strip()
        return StepReport(name, "native", ops, _end_of(node, readers, results), line, loop)
    inner: list[StepReport] = []
    if node.op.name in ("loop", "if"):
        inside = (node.name or "loop") if node.op.name == "loop" else loop
        for region in node.regions:
            inner += native_steps(region.nodes, users(region), set(region.results), inside)
    name = f"{node.op.name} {node.name}".strip()
    return StepReport(name, "native", (node.op.name,), _why_alone(node), line, loop, tuple(inner))


def _end_of(node: Node, readers: Mapping[Value, list[Node]], results: set[Value]) -> str:
    """Why a kernel is not larger: what stands at its end."""
    if any(isinstance(n.op.kind, Reduction) for n in node.regions[0].nodes):
        return "ends with a reduction"
    after = [n for v in node.results for n in readers.get(v, ())]
    if not after:
        return "ends with results"
    kinds = {type(n.op.kind) for n in after}.difference(SILENT)
    if Contraction in kinds:
        return "a product reads it"
    if kinds == {Placement}:
        return "a concat reads it"
    if any(v in results for v in node.results):
        return "its result is wanted outside too"
    return f"{len(set(after))} steps read it" if len(set(after)) > 1 else ""
