"""prune: keep what the results need, slot by slot through loops and branches.

`cut` takes what is needed of the user's graph, down to the feeds. `prune` then works through regions: a loop's or `if`'s
unused results go, and with them what only they need. With `keep_effects` every node with an effect is a root as well. In a
closed graph a value that binds a size stays as long as a living node names that size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rnngraph.ir.binders import mentioned, names, standing
from rnngraph.ir.graph import Graph, Node, Target, Value
from rnngraph.ir.layout import counts, parts
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.walk import Rebuilder
from rnngraph.passes.tools.region_edits import Edit, edit_if, edit_loop


def cut(graph: Graph, values: Sequence[Value], targets: Sequence[Target], feeds: Sequence[Value]) -> tuple[Graph, list[Node]]:
    """A copy of what `values` and `targets` need, with `feeds` as parameters, and the nodes that stand for `targets`."""
    fed = set(feeds)
    wanted: set[Node] = set()
    stack = [t for t in targets if isinstance(t, Node) and t.graph is graph]
    stack += [v.node for v in (*values, *targets) if isinstance(v, Value) and v not in fed and v.node is not None]
    while stack:
        node = stack.pop()
        # To wait for a placeholder that is fed is to wait for nothing.
        if node in wanted or (node.op.name == "placeholder" and not fed.isdisjoint(node.results)):
            continue
        wanted.add(node)
        history = node.op.name == "history"
        stack += [v.node for v in node.operands if v.node is not None and (history or v not in fed)]
        stack += node.after
    rb = Rebuilder(lambda r, n: None)
    with rb.opened(graph, None, ()) as builder:
        for value in feeds:
            name = value.node.name if value.node is not None else "feed"
            rb.values[value] = builder.param(value.type, value.content, value.hint or name)
        for node in graph.nodes:
            if node in wanted:
                before = {v: rb.values[v] for v in node.results if v in fed}
                rb.step(node)
                rb.values.update(before)
        made: list[Node] = []
        for t in targets:
            if isinstance(t, Node):
                made += rb.nodes.get(t, ())
            elif t not in fed:
                made.append(builder.node("identity", [rb.value(t)], origin=t.node.origin if t.node is not None else None))
        return builder.graph.seal([rb.value(v) for v in values]), made


@dataclass
class Live:
    """What is alive in one region: its values, its nodes, and the slots of its loops and branches."""

    values: set[Value] = field(default_factory=set)
    nodes: set[Node] = field(default_factory=set)
    slots: dict[Node, LiveSlots] = field(default_factory=dict)
    sizes: set[Symbol] = field(default_factory=set)
    binders: dict[Symbol, Value] = field(default_factory=dict)

    def name(self, sizes: Iterable[Symbol]) -> None:
        """Note that sizes are named: what binds them here is alive."""
        for s in sizes:
            if s not in self.sizes:
                self.sizes.add(s)
                if s in self.binders:
                    self.values.add(self.binders[s])


@dataclass
class LiveSlots:
    """The living slots of a loop or `if` (`carry` counts an `if`'s results) and what is alive inside."""

    carry: list[int]
    rows: list[int]
    stacks: list[int]
    captures: list[int]
    inner: list[Live]


def has_effect(node: Node) -> bool:
    """Whether running the node can be noticed other than through its results."""
    if node.op.name == "fail" and not node.results:
        return True
    return node.op.effects in ("writes", "host") or any(has_effect(n) for r in node.regions for n in r.nodes)


def _binders(graph: Graph) -> dict[Symbol, Value]:
    """The first value of a region that binds each of its sizes; of the values made together, one that is the size."""
    found: dict[Symbol, Value] = {}
    if graph.binds:
        for together in (graph.params, *(n.results for n in graph.nodes)):
            for value in sorted(together, key=lambda v: v.content is None):
                for s in standing(value):
                    if s in graph.binds:
                        found.setdefault(s, value)
    return found


def _sizes(node: Node, live: Live) -> Iterable[Symbol]:
    """The sizes that a living node needs. A loop or `if` without its dead slots needs fewer; see its inner `Live`."""
    if node not in live.slots:
        return names(node)
    return (s for v in node.results if v in live.values for s in mentioned(v))


def analyse(graph: Graph, roots: Iterable[Value], nodes: Iterable[Node], keep_effects: bool) -> Live:
    """One backward sweep over a region."""
    live = Live(set(roots), set(nodes), binders=_binders(graph))
    for value in list(live.values):
        live.name(mentioned(value))
    for node in reversed(graph.nodes):
        if not (node in live.nodes or any(v in live.values for v in node.results)
                or (keep_effects and has_effect(node))):
            continue
        live.nodes.add(node)
        live.nodes.update(node.after)
        if node.op.name == "loop":
            live.slots[node] = slots = _loop_slots(node, live, keep_effects)
            p = parts(node)
            live.values.update([] if p.limit is None else [p.limit], (p.carry[i] for i in slots.carry),
                               (p.rows[i] for i in slots.rows), (p.captures[i] for i in slots.captures))
        elif node.op.name == "if":
            live.slots[node] = slots = _if_slots(node, live, keep_effects)
            live.values.update([node.operands[0]], (node.operands[1 + i] for i in slots.captures))
        else:
            live.values.update(node.operands)
        live.name(_sizes(node, live))
        for inner in live.slots[node].inner if node in live.slots else ():
            live.name(inner.sizes)
    return live


def _loop_slots(node: Node, outside: Live, keep_effects: bool) -> LiveSlots:
    p = parts(node)
    n = len(p.carry)
    stacks = [j for j, v in enumerate(p.stacks) if v in outside.values]
    carry = {i for i, v in enumerate(p.final) if v in outside.values}
    while True:
        inner = [analyse(p.cond, p.cond.results, (), keep_effects)] if p.cond is not None else []
        body = analyse(p.body, [p.body.results[i] for i in (*carry, *(n + j for j in stacks))], (), keep_effects)
        inner.append(body)
        more = {i for i in range(n) if any(p.params(g).carry[i] in live.values
                                           for g, live in zip(node.regions, inner, strict=True))} - carry
        if not more:
            break
        carry |= more
    rows = [i for i, v in enumerate(p.body_rows) if v in body.values]
    offsets = [len(g.params) - len(p.captures) for g in node.regions]
    captures = [i for i in range(len(p.captures))
                if any(g.params[o + i] in live.values for g, o, live in zip(node.regions, offsets, inner, strict=True))]
    return LiveSlots(sorted(carry), rows, stacks, captures, inner)


def _if_slots(node: Node, outside: Live, keep_effects: bool) -> LiveSlots:
    results = [i for i, v in enumerate(node.results) if v in outside.values]
    inner = [analyse(g, [g.results[i] for i in results], (), keep_effects) for g in node.regions]
    captures = [i for i in range(len(node.operands) - 1)
                if any(g.params[i] in live.values for g, live in zip(node.regions, inner, strict=True))]
    return LiveSlots(results, [], [], captures, inner)


class _Pruner:
    def __init__(self, closed: bool) -> None:
        self.closed = closed
        self.lives: list[Live] = []

    def rule(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        slots = self.lives[-1].slots.get(node)
        if slots is None:
            return None
        edit = Edit(keep_carry=slots.carry, keep_rows=slots.rows, keep_stacks=slots.stacks,
                    keep_captures=slots.captures, roots=[live.nodes for live in slots.inner])

        def enter(which: int, params: Sequence[Value]) -> None:
            self.lives.append(slots.inner[which])

        edit.enter = enter
        if self.closed:
            edit.types = lambda new: ()
        depth = len(self.lives)
        # `enter` pushes one level a region; each is popped when its region's results are asked for.
        edit.leave = self._leave
        edited = self._edit(rb, node, edit, slots)
        del self.lives[depth:]
        return edited

    def _leave(self, which: int) -> tuple[Sequence[Value], Sequence[Value]]:
        return (), ()

    def _edit(self, rb: Rebuilder, node: Node, edit: Edit, slots: LiveSlots) -> Sequence[Value]:
        if node.op.name == "if":
            done = edit_if(rb, node, edit, slots.carry)
        else:
            done = edit_loop(rb, node, edit)
        # A dropped result has no reader left; its place needs some value only for the bookkeeping of the rebuild.
        return [v if v is not None else old for v, old in zip(done.old, node.results, strict=True)]


def _pruned(graph: Graph, targets: Iterable[Node], keep_effects: bool, closed: bool) -> tuple[Graph, Rebuilder]:
    live = analyse(graph, graph.results, targets, keep_effects)
    pruner = _Pruner(closed)
    pruner.lives.append(live)
    rb = Rebuilder(pruner.rule)
    return rb.graph(graph, roots=live.nodes), rb


def entire(graph: Graph, live: Live) -> bool:
    """Whether everything in a region is alive: every node, every slot of its loops and branches, and all inside."""
    if len(live.nodes) < len(graph.nodes):
        return False
    for node, slots in live.slots.items():
        n = len(slots.carry) + len(slots.stacks) + (node.op.name == "loop")
        if n < len(node.results) or len(slots.rows) < counts(node).rows or \
                len(slots.captures) < len(node.operands) - counts(node).captures:
            return False
        if not all(entire(region, inner) for region, inner in zip(node.regions, slots.inner, strict=True)):
            return False
    return True


def prune(graph: Graph, keep_effects: bool = False, targets: Iterable[Node] = (), closed: bool = False) -> Graph:
    """A copy of `graph` without what is dead."""
    return _pruned(graph, targets, keep_effects, closed)[0]


def prune_targets(graph: Graph, targets: Sequence[Node]) -> tuple[Graph, list[Node]]:
    """Prune an open graph for its results and target nodes; also the copies of the targets."""
    pruned, rb = _pruned(graph, targets, False, False)
    return pruned, [n for t in targets for n in rb.nodes[t]]
