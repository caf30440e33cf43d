"""What native steps are, and why a kernel ends where it does: the data behind `Session.explain`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnngraph.ir.graph import Node, Value
from rnngraph.ir.op import Reduction
from rnngraph.ir.walk import users
from rnngraph.lowering.support import DRAWS
from rnngraph.lowering.views import MAPS
from rnngraph.runtime.interface import StepReport

SILENT = frozenset({"constant", "sizes", "reshape", *MAPS})
"""Nodes that are no step of their own: views, and numbers that other steps read."""
WHOLE = {"contract": "a product is a kernel of its own", "concat": "its parts are written in place where they are made",
         "take": "rows are chosen by data", "put": "rows are chosen by data", "put_add": "rows are chosen by data",
         **dict.fromkeys(DRAWS, "a routine that all draws of a kind share"),
         "argmax": "a scan over an axis", "argmin": "a scan over an axis", "unslice": "a copy into zeros",
         "add": "a product is added in place"}
"""Why a native node that is not a fused kernel stands alone."""


def native_steps(nodes: Sequence[Node], readers: Mapping[Value, list[Node]], results: set[Value],
                 loop: str) -> list[StepReport]:
    """The reports of native nodes of one region."""
    return [_step(n, readers, results, loop) for n in nodes if n.op.name not in SILENT]


def _step(node: Node, readers: Mapping[Value, list[Node]], results: set[Value], loop: str) -> StepReport:
    line = node.origin.line or ""
    if node.op.name == "fused":
        ops = tuple(n.op.name for n in node.regions[0].nodes if n.op.name not in ("constant", "sizes"))
        name = f"kernel {' '.join(dict.fromkeys(ops))} {node.name}".strip()
        return StepReport(name, "native", ops, _end_of(node, readers, results), line, loop)
    inner: list[StepReport] = []
    if node.op.name in ("loop", "if"):
        inside = (node.name or "loop") if node.op.name == "loop" else loop
        for region in node.regions:
            inner += native_steps(region.nodes, users(region), set(region.results), inside)
    why = WHOLE.get(node.op.name, "")
    return StepReport(f"{node.op.name} {node.name}".strip(), "native", (node.op.name,), why, line, loop, tuple(inner))


def _end_of(node: Node, readers: Mapping[Value, list[Node]], results: set[Value]) -> str:
    """Why a kernel is not larger: what stands at its end."""
    if any(isinstance(n.op.kind, Reduction) for n in node.regions[0].nodes):
        return "ends with a reduction"
    after = [n for v in node.results for n in readers.get(v, ())]
    if not after:
        return "ends with results"
    kinds = {n.op.name for n in after} - SILENT
    if "contract" in kinds:
        return "a product reads it"
    if kinds == {"concat"}:
        return "a concat reads it"
    if any(v in results for v in node.results):
        return "its result is wanted outside too"
    return f"{len(set(after))} steps read it" if len(set(after)) > 1 else ""
