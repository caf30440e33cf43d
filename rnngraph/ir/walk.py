"""Walking graphs: users, reachability, rebuilding, dependence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from graphlib import TopologicalSorter
from heapq import heapify, heappop, heappush

from rnngraph.ir.graph import Builder, Graph, Node, Value
from rnngraph.ir.sizes import Dim, Symbol, symbols
from rnngraph.ir.types import ListType, RefType, TensorType, Type


def dims(t: Type) -> Iterator[Dim]:
    """Every dim in a type."""
    if isinstance(t, RefType):
        t = t.tensor
    if isinstance(t, ListType):
        yield t.length
        yield from dims(t.element)
    else:
        yield from t.shape or ()


def type_symbols(t: Type) -> set[Symbol]:
    """The symbols in a type."""
    return {s for d in dims(t) for s in symbols(d)}


def map_dims(t: Type, change: Callable[[Dim], Dim]) -> Type:
    """The type with every dim replaced; the same object if none changes."""
    if isinstance(t, RefType):
        inner = map_dims(t.tensor, change)
        assert isinstance(inner, TensorType)
        return RefType(inner)
    if isinstance(t, ListType):
        return replace(t, element=map_dims(t.element, change), length=change(t.length))
    if t.shape is None:
        return t
    changed = tuple([change(d) for d in t.shape])
    return t if all([d is e for d, e in zip(changed, t.shape, strict=True)]) else t.with_shape(changed)


def all_nodes(graph: Graph) -> Iterator[Node]:
    """Every node, regions included; a node before those of its regions."""
    for node in graph.nodes:
        yield node
        for region in node.regions:
            yield from all_nodes(region)


def is_ordered(node: Node) -> bool:
    """Whether a control edge on the node can mean something: it has an effect or may fail."""
    return node.op.effects != "pure" or node.op.fails or any(is_ordered(n) for r in node.regions for n in r.nodes)


def users(graph: Graph) -> dict[Value, list[Node]]:
    """Which nodes of this graph read a value (a node once an operand). Results of the graph are not users."""
    found: dict[Value, list[Node]] = {}
    for node in graph.nodes:
        for value in node.operands:
            found.setdefault(value, []).append(node)
    return found


def needed(graph: Graph, roots: Iterable[Value | Node]) -> set[Node]:
    """The nodes of this graph that `roots` depend on through data and control edges."""
    seen: set[Node] = set()
    stack: list[Node] = []
    for root in roots:
        node = root.node if isinstance(root, Value) else root
        if node is not None:
            stack.append(node)
    while stack:
        node = stack.pop()
        if node in seen or node.graph is not graph:
            continue
        seen.add(node)
        stack.extend(v.node for v in node.operands if v.node is not None)
        stack.extend(node.after)
    return seen


def order(needs: Mapping[int, Iterable[int]]) -> list[int]:
    """Numbers in an order in which each comes after those it needs, smaller ones first where that leaves a choice.

    Raises graphlib.CycleError if they need one another in a circle.
    """
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    ready, found = list(sorter.get_ready()), []
    heapify(ready)
    while ready:
        found.append(heappop(ready))
        sorter.done(found[-1])
        for number in sorter.get_ready():
            heappush(ready, number)
    return found


class Rebuilder:
    """Copies a graph node by node into a builder, with a substitution from old values to new ones.

    `rule(rebuilder, node)` returns the new values of a node's results, or None for a plain copy.
    """

    def __init__(self, rule: Callable[[Rebuilder, Node], Sequence[Value] | None], mark: str = "") -> None:
        self.rule = rule
        self.mark = mark
        self.builder = Builder(Graph())
        self.values: dict[Value, Value] = {}
        self.nodes: dict[Node, tuple[Node, ...]] = {}

    def value(self, old: Value) -> Value:
        """The new value that stands for an old one."""
        return self.values.get(old, old)

    def graph(self, old: Graph, parent: Builder | None = None, roots: set[Node] | None = None,
              params: Sequence[Value] | None = None) -> Graph:
        """A rebuilt copy of `old`; with `roots`, only those nodes; with `params`, only those parameters."""
        with self.opened(old, parent, params) as builder:
            for node in old.nodes:
                if roots is None or node in roots:
                    self.step(node)
            return builder.graph.seal([self.value(v) for v in old.results])

    @contextmanager
    def opened(self, old: Graph, parent: Builder | None, params: Sequence[Value] | None = None) -> Iterator[Builder]:
        """The builder of a copy of `old` with its parameters, or these of them; what is rebuilt meanwhile goes there."""
        outer = self.builder
        self.builder = builder = Builder(Graph(old.name, parent.graph if parent else None), parent)
        builder.graph.binds = set(old.binds)
        for param in old.params if params is None else params:
            self.values[param] = builder.param(param.type, param.content, param.hint)
        try:
            yield builder
        finally:
            self.builder = outer

    def step(self, node: Node) -> None:
        """Rebuild one node."""
        start = len(self.builder.graph.nodes)
        new = self.rule(self, node)
        if new is None:
            new = self.copy(node).results
        self.values.update(zip(node.results, new, strict=True))
        made = tuple(self.builder.graph.nodes[start:])
        self.nodes[node] = made or tuple(v.node for v in new if v.node is not None)[:1]

    def after(self, node: Node) -> tuple[Node, ...]:
        """The new control edges of an old node."""
        if not node.after:
            return ()
        return tuple(dict.fromkeys(n for old in node.after for n in self.nodes.get(old, ())))

    def copy(self, node: Node, operands: Sequence[Value] | None = None, regions: Sequence[Graph] | None = None) -> Node:
        """A copy of `node` with its operands and regions rebuilt; types stay as they are."""
        if operands is None:
            operands = [self.value(v) for v in node.operands]
        if regions is None:
            regions = [self.graph(r, self.builder) for r in node.regions]
        origin = replace(node.origin, passes=(*node.origin.passes, self.mark)) if self.mark else node.origin
        return self.builder.copy(node, operands, regions, self.after(node), origin)


def rebuild(graph: Graph, rule: Callable[[Rebuilder, Node], Sequence[Value] | None], mark: str = "") -> Graph:
    """A copy of `graph` in which `rule` decided what becomes of each node."""
    return Rebuilder(rule, mark).graph(graph)
