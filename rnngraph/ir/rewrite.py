"""Passes and local rules: graph in, graph out.

A rule gets a node of its ops, whose operands are rewritten already, and gives the values that stand for its results, or
None. The driver sweeps the program until no rule applies; what a rule makes is offered to the rules again.

    sweep:  %y = mul %x, %one   --rule "mul_by_one"-->   %x          users of %y read %x
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnngraph.ir.graph import Builder, Graph, Node, Value, building
from rnngraph.ir.printer import excerpt, write
from rnngraph.ir.verify import VerifyError
from rnngraph.ir.verify import verify as check
from rnngraph.ir.walk import Rebuilder, all_nodes, is_ordered

CHAIN = 50
"""Rewrites of what came from one node before rules are taken to undo one another."""

SWEEPS = 100
"""Sweeps over the program before rules are taken to undo one another."""

Rewriting = Callable[[Node], Sequence[Value] | Value | None]


class RewriteError(RuntimeError):
    """Rules that never come to an end."""


@dataclass(frozen=True)
class Rule:
    """A local rewrite of nodes of these ops. `function(node)` builds into the current graph; None: does not apply."""

    name: str
    ops: tuple[str, ...]
    function: Rewriting


@dataclass(frozen=True)
class Pass:
    """A named function from graph to graph. One that changes nothing returns the graph that it was given."""

    name: str
    function: Callable[[Graph], Graph]

    def __call__(self, graph: Graph) -> Graph:
        return self.function(graph)


def rules_pass(name: str, rules: Sequence[Rule]) -> Pass:
    """The pass that applies these rules until none fits."""
    return Pass(name, lambda graph: apply_rules(graph, rules, mark=name))


def apply_rules(graph: Graph, rules: Sequence[Rule], mark: str = "") -> Graph:
    """The graph with the rules applied until none fits; the same object if none ever did.

    Raises RewriteError, naming the rules and the node, if they undo one another.
    """
    table: dict[str, list[Rule]] = {}
    for rule in rules:
        for op in rule.ops:
            table.setdefault(op, []).append(rule)
    before: list[str] = []
    for _ in range(SWEEPS):
        if not _fit(table, graph):
            return graph
        sweep = _Sweep(table, mark)
        rewritten = sweep.rebuilder.graph(graph)
        if not sweep.fired:
            return graph
        graph, fired, before = rewritten, before + sweep.fired, sweep.fired
    raise _endless(fired, sweep.last)


class _Scratch(Builder):
    """What a rule builds to be thrown away: a rule is only asked whether it fits."""

    def local(self, value: Value) -> Value:
        """Values stay where they are."""
        return value


def _fit(table: Mapping[str, Sequence[Rule]], graph: Graph) -> bool:
    """Whether a rule makes something of a node."""
    with building(_Scratch(Graph())):
        return any(rule.function(node) is not None for node in all_nodes(graph) for rule in table.get(node.op.name, ()))


class _Orderer(Rebuilder):
    """A rebuilder whose control edges join only nodes that need an order, through those that no longer do."""

    def after(self, node: Node) -> tuple[Node, ...]:
        """The new control edges of an old node."""
        found: dict[Node, None] = {}
        stack = list(reversed(node.after))
        while stack:
            old = stack.pop()
            ordered = [n for n in self.nodes.get(old, ()) if is_ordered(n)]
            found.update(dict.fromkeys(ordered))
            stack.extend([] if ordered else reversed(old.after))
        return tuple(found)


class _Sweep:
    """One rebuild of the program in which each node is offered to the rules, then what they make of it."""

    def __init__(self, table: Mapping[str, Sequence[Rule]], mark: str) -> None:
        self.table = table
        self.rebuilder = _Orderer(self.rewrite, mark)
        self.fired: list[str] = []
        self.last: Node | None = None

    def rewrite(self, rebuilder: Rebuilder, old: Node) -> Sequence[Value] | None:
        """Copy a node; rewrite the copy, then the node that gives its new values, until no rule fits."""
        nodes = rebuilder.builder.graph.nodes
        start = len(nodes)
        node: Node | None = rebuilder.copy(old)
        values: Sequence[Value] = nodes[start].results
        chain = 0
        while node is not None:
            found = self.offer(node)
            if found is None:
                break
            chain += 1
            if chain > CHAIN:
                raise _endless(self.fired[-CHAIN:], node)
            values = found
            _drop(nodes, start, values, node)
            node = _giver(values, nodes[start:])
        return values

    def offer(self, node: Node) -> Sequence[Value] | None:
        """What the first rule that fits makes of a node."""
        builder = self.rebuilder.builder
        for rule in self.table.get(node.op.name, ()):
            start = len(builder.graph.nodes)
            with building(builder):
                made = rule.function(node)
            if made is None:
                del builder.graph.nodes[start:]
                continue
            values = (made,) if isinstance(made, Value) else tuple(made)
            if len(values) != len(node.results):
                raise RewriteError(f"the rule {rule.name!r} gives {len(values)} values for {len(node.results)} results "
                                   f"of:\n{excerpt(node.graph, node)}")
            self.fired.append(rule.name)
            self.last = node
            return values
        return None


def _drop(nodes: list[Node], start: int, values: Sequence[Value], replaced: Node) -> None:
    """Remove the replaced node and other new ones that nothing reads; effects that a rule made stay."""
    read: set[Value | Node] = set(values)
    kept = []
    for node in reversed(nodes[start:]):
        own = node is not replaced and (node.op.effects != "pure" or not node.results)
        if own or not read.isdisjoint((node, *node.results)):
            kept.append(node)
            read.update(node.operands, node.after)
    nodes[start:] = reversed(kept)


def _giver(values: Sequence[Value], among: Iterable[Node]) -> Node | None:
    """The new node whose results are exactly these values."""
    return next((n for n in among if n.results == tuple(values)), None)


def _endless(fired: Sequence[str], node: Node | None) -> RewriteError:
    names = " and ".join(repr(name) for name in dict.fromkeys(reversed(fired)))
    where = excerpt(node.graph, node) if node else ""
    return RewriteError(f"the rules {names} do not come to an end; they may undo one another, last at:\n{where}")


# --- pipelines ---------------------------------------------------------------------------------------------------

def run_pipeline(graph: Graph, passes: Iterable[Pass], dump_dir: str | os.PathLike[str] | None = None,
                 verify: bool = False) -> Graph:
    """Run closed graphs through passes in order.

    With `dump_dir`, or the environment variable RNNGRAPH_DUMP, the program is written there as it comes and after each
    pass that changed it: 00-closed.rn, 01-fold.rn, ... With `verify` each is checked; a VerifyError names the pass.
    """
    folder = dump_dir if dump_dir is not None else os.environ.get("RNNGRAPH_DUMP")
    _inspect(graph, "closed", 0, folder, verify)
    for number, each in enumerate(passes, 1):
        changed = each(graph)
        if changed is not graph:
            graph = changed
            _inspect(graph, each.name, number, folder, verify)
    return graph


def _inspect(graph: Graph, name: str, number: int, folder: str | os.PathLike[str] | None, verify: bool) -> None:
    """Write and check what a pass made."""
    if folder:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        written = write(graph, provenance=True)
        (path / f"{number:02d}-{name}.rn").write_text(written.text)
        arrays = {k: v for k, v in written.constants.items() if isinstance(v, np.ndarray) and v.dtype.kind != "O"}
        for key, array in arrays.items():
            np.save(path / f"{key}.npy", array)
    if verify:
        try:
            check(graph, closed=True)
        except VerifyError as error:
            raise VerifyError(f"after pass {name!r}: {error}") from None
