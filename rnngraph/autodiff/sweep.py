"""Reverse mode over one graph: a sweep from the last node to the first that sums cotangents.

A cotangent is a value, or a pair (rows, indices) that stands for a tensor of zeros with rows added to it (`Rows`).
Backward nodes are appended to the builder that is current where gradients were asked for; the forward graph is neither
edited nor copied. What the caller wants to decide, it passes as `Hooks`, so this room knows no scopes and no names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Union

from rnngraph.autodiff.activity import Activity
from rnngraph.ir.graph import Builder, Graph, Node, Value, building, call
from rnngraph.ir.types import ListType, RefType, TensorType
from rnngraph.ops.indexed import Rows

Cotangent = Union[Value, Rows]
Rule = Callable[..., Sequence[Any]]
RegionRule = Callable[["Sweep", Node, Sequence[Union[Cotangent, None]], Sequence[Any]],
                      Sequence[Union[Cotangent, None]]]
"""How `loop` and `if` are reversed: (sweep, node, cotangents of results, cotangents of histories) -> of operands."""


@dataclass(frozen=True)
class Grad:
    """What a gradient rule sees of its forward node. Its values may be used directly; loops save what is used."""

    node: Node

    @property
    def operands(self) -> tuple[Value, ...]:
        """The forward operands."""
        return self.node.operands

    @property
    def results(self) -> tuple[Value, ...]:
        """The forward results."""
        return self.node.results

    @property
    def attrs(self) -> Any:
        """The forward attributes."""
        return self.node.attrs


def _default_rule(node: Node) -> Rule | None:
    return node.op.gradient


def _no_scope(node: Node) -> AbstractContextManager[Any]:
    return nullcontext()


@dataclass(frozen=True)
class Hooks:
    """The caller's say: the gradient rule of a node (None: no cotangents pass through it), and a context around building
    it (names, provenance)."""

    rule: Callable[[Node], Rule | None] = _default_rule
    around: Callable[[Node], AbstractContextManager[Any]] = _no_scope
    stop: frozenset[Value] = frozenset()

    @property
    def activity(self) -> Activity:
        """What depends on what by these rules."""
        return Activity(self.rule)


def zeros_like(value: Value) -> Value:
    """Zeros of a value's type and run-time shape; a variable's for a reference."""
    if isinstance(value.type, RefType):
        value = call("read", value)
    return call("list_zeros_like" if isinstance(value.type, ListType) else "zeros_like", value)


def dense(cotangent: Cotangent) -> Value:
    """The cotangent as one tensor."""
    return cotangent.dense() if isinstance(cotangent, Rows) else cotangent


def summed(parts: Sequence[Cotangent]) -> Cotangent:
    """The sum of one or more; pairs concatenate, a mixture becomes dense."""
    if len(parts) == 1:
        return parts[0]
    pairs = [p for p in parts if isinstance(p, Rows)]
    if len(pairs) == len(parts):
        return Rows.joined(pairs)
    total = dense(parts[0])
    for part in parts[1:]:
        total = call("list_sum" if isinstance(total.type, ListType) else "cotangent_sum", total, dense(part))
    return total


def _unbroadcast(cotangent: Any, operand: Value) -> Any:
    """Sum a cotangent down to the operand's shape, unless that is provably its shape already."""
    if not isinstance(cotangent, Value) or isinstance(operand.type, (ListType, RefType)):
        return cotangent
    shape, wanted = cotangent.tensor.shape, operand.tensor.shape
    if shape is not None and shape == wanted and None not in shape:
        return cotangent
    return call("unbroadcast", cotangent, call("shape", operand))


def _looser(cotangent: Any, operand: Value) -> bool:
    """Whether the operand's type says a size that the cotangent's does not: steps that never ran cannot tell it."""
    if not isinstance(cotangent, Value):
        return False
    a, b = cotangent.type, operand.type
    if not isinstance(a, TensorType) or not isinstance(b, TensorType) or b.shape is None:
        return False
    return a.shape is None or any(d is None and w is not None for d, w in zip(a.shape, b.shape, strict=True))


class Sweep:
    """One backward walk over `graph`, appending to `builder`."""

    def __init__(self, builder: Builder, graph: Graph, hooks: Hooks, regions: RegionRule) -> None:
        self.builder = builder
        self.graph = graph
        self.hooks = hooks
        self.regions = regions
        self.parts: dict[Value, list[Cotangent]] = {}
        self.inner: dict[Node, list[tuple[tuple[int, ...], Cotangent]]] = {}
        self.active: set[Value] = set()

    def add(self, value: Value, cotangent: Cotangent | None) -> None:
        """A contribution to the cotangent of `value`."""
        if cotangent is not None:
            self.parts.setdefault(value, []).append(cotangent)

    def add_inside(self, node: Node, path: tuple[int, ...], cotangent: Cotangent) -> None:
        """A contribution to the values at `path` in a region of `node`, a row for each step."""
        self.inner.setdefault(node, []).append((path, cotangent))

    def total(self, value: Value) -> Cotangent | None:
        """The cotangent of `value` so far; the sum replaces its parts."""
        parts = self.parts.get(value)
        if parts is None:
            return None
        parts[:] = [summed(parts)]
        return parts[0]

    def run(self, targets: Iterable[Value]) -> None:
        """Walk back from the seeds given by `add`; only what depends on `targets` is visited."""
        targets = list(targets)
        self.active = self.hooks.activity.values(self.graph, targets)
        # Gradients are often taken of a part of a large graph: look at nothing made after the seeds.
        for node in reversed(list(self.graph.nodes)):
            live = any(v in self.parts for v in node.results) or node in self.inner
            if live and any(v in self.active for v in node.operands):
                self.visit(node)
            elif live and node.op.name == "history":
                self.visit(node)

    def visit(self, node: Node) -> None:
        """Turn the cotangents of a node's results into contributions to its operands."""
        cotangents = [None if v in self.hooks.stop else self.total(v) for v in node.results]
        if all(c is None for c in cotangents) and node not in self.inner:
            return
        if node.op.name == "history":
            owner = node.operands[0].node
            if owner is not None and cotangents[0] is not None:
                self.add_inside(owner, node.attrs["path"], cotangents[0])
            return
        with self.hooks.around(node), building(self.builder):
            for operand, c in zip(node.operands, self.apply(node, cotangents), strict=True):
                self.add(operand, c)

    def apply(self, node: Node, cotangents: Sequence[Cotangent | None]) -> Sequence[Cotangent | None]:
        """The contributions of one node to those operands that depend on the targets."""
        if node.op.name in ("loop", "if"):
            made = self.regions(self, node, cotangents, self.inner.get(node, []))
            return [_unbroadcast(c, v) if _looser(c, v) else c for c, v in zip(made, node.operands, strict=True)]
        rule = self.hooks.rule(node)
        if rule is None:
            return [None] * len(node.operands)
        # A variable's read and an identity hand rows on as they are: optimizers differ on untouched rows.
        passing = node.op.name in ("read", "identity")
        given = [c if c is None or passing else dense(c) for c in cotangents]
        found = list(rule(Grad(node), *given))
        if len(found) != len(node.operands):
            raise ValueError(f"Num gradients {len(found)} generated for op {node.name or node.op.name} do not match "
                             f"num inputs {len(node.operands)}")
        return [_unbroadcast(c, v) if v in self.active else None for c, v in zip(found, node.operands, strict=True)]
