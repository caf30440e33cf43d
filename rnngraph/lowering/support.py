"""Which nodes become native steps, and the reason where one does not: what `explain` says."""

from __future__ import annotations

from rnngraph.ir.binders import bound_inside
from rnngraph.ir.graph import Graph, Node
from rnngraph.ir.kinds import Composite, Host, Random
from rnngraph.ir.layout import parts
from rnngraph.ir.op import OpDef
from rnngraph.ir.types import KERNEL_DTYPES, ListType, TensorType
from rnngraph.ir.walk import type_symbols
from rnngraph.lowering.lower import KINDS, RULES


def native(op: OpDef) -> bool:
    """Whether an op has a native step. Of draws have one those of a key alone, which cannot fail."""
    return op.name in RULES or (type(op.kind) in KINDS and not (isinstance(op.kind, Random) and op.fails))


def why_host(node: Node, inside: bool = False) -> str | None:
    """Why a node runs on the host; None if it is native. `inside`: within the region of another node."""
    if not native(node.op):
        if isinstance(node.op.kind, Host):
            return f"{node.op.name} has only a host kernel"
        if isinstance(node.op.kind, Composite):  # which close left whole
            return _types(node) or "the sizes that it depends on are not known"
        return f"no native kernel for {node.op.name} yet"
    reason = _types(node)
    if reason is not None:
        return reason
    if node.op.name == "loop":
        return _loop(node, inside)
    if node.op.name == "if":
        return _branches(node)
    if node.op.name == "check_sizes" and None in (node.operands[0].content or (None,)):
        return "the sizes that it compares have no names"
    return None


def _types(node: Node) -> str | None:
    values = node.operands[:1] if node.op.name == "assert" else (*node.operands, *node.results)
    for v in values:
        t = v.type
        if isinstance(t, ListType):
            return "it handles a list (an irregular TensorArray)"
        if not isinstance(t, TensorType) or t.shape is None or None in t.shape:
            return "its rank or sizes are not known"
        if t.dtype.name not in KERNEL_DTYPES:
            return f"{t.dtype.name} has no native kernels"
    return None


def _loop(node: Node, inside: bool) -> str | None:
    p = parts(node)
    if p.cond is not None and p.stacks and inside:
        return "it keeps rows, and its number of steps is decided anew in each step around it"
    if p.limit is not None and p.stacks and p.trips.content is None:
        return "its number of steps has no name"
    return _regions(node)


def _branches(node: Node) -> str | None:
    for i, v in enumerate(node.results):
        if any(region.results[i].type != v.type for region in node.regions):
            return "its branches give different sizes"
    return _regions(node)


def _regions(node: Node) -> str | None:
    for region in node.regions:
        reason = _region(region)
        if reason is not None:
            return reason
    return None


def _region(region: Graph) -> str | None:
    bound = bound_inside(region)
    values = [*region.params, *(v for n in region.nodes for v in n.results)]
    if bound and any(isinstance(v.type, TensorType) and type_symbols(v.type) & bound for v in values):
        return "sizes inside are decided step by step"
    for inner in region.nodes:
        reason = why_host(inner, inside=True)
        if reason is not None:
            where = f" ({inner.origin.line})" if inner.origin.line else ""
            return f"{inner.name or inner.op.name}{where}: {reason}"
    return None
