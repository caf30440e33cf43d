"""fuse: connected elementwise, reduction and movement nodes become `fused` nodes, each of which is one loop nest.

    %a = mul %x, %y;  %b = tanh %a;  %c = reduce_sum %b          ->     %c = fused (%x, %y) { ... }

A group has one domain: the shape of its results, or the shape that its reductions run over. A node joins the group of
its users if that executes it once an element (or it is cheap), and if the group stays convex. What moves elements only
(broadcasts, slices, transposes) is an index map inside a group and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Union

from rnngraph.ir.binders import binds, names, standing
from rnngraph.ir.graph import Builder, Graph, Node, Value
from rnngraph.ir.kinds import Contraction, Elementwise, Iota, Literal, Movement, Reduction
from rnngraph.ir.layout import parts
from rnngraph.ir.op import OpDef
from rnngraph.ir.sizes import Dim, Symbol
from rnngraph.ir.types import KERNEL_DTYPES, TensorType
from rnngraph.ir.walk import Rebuilder, order, type_symbols
from rnngraph.ops.control import FUSED
from rnngraph.ops.scalar import cost
from rnngraph.passes.tools.prune import prune

LARGEST = 150
"""Nodes a kernel has at most: LLVM's time grows faster than a kernel."""
Shape = tuple[Dim, ...]


def native_type(value: Value) -> bool:
    """Whether kernels handle a value's type."""
    t = value.type
    return isinstance(t, TensorType) and t.dtype.name in KERNEL_DTYPES and t.shape is not None and None not in t.shape


def literal(node: Node) -> bool:
    """Whether a node is a scalar that a kernel can spell: copied into each group."""
    return isinstance(node.op.kind, Literal) and not node.results[0].shape


def fits_kernels(op: OpDef) -> bool:
    """Whether nodes of an op may be part of a group, if their types allow."""
    mapped = isinstance(op.kind, Movement) and op.kind.source is not None
    return mapped or (isinstance(op.kind, (Reduction, Elementwise, Iota)) and not op.fails)


def fusible(node: Node) -> bool:
    """Whether a node may be part of a group."""
    if not all(native_type(v) for v in (*node.operands, *node.results)):
        return False
    if any(not type_symbols(v.type).isdisjoint(binds(node)) for v in node.results):
        return False  # data say how large its result is
    kind = node.op.kind
    if isinstance(kind, Movement) and kind.source is not None:
        # Where only running tells whether an axis stretches, there is no index map: a view whose stride is computed.
        return all(isinstance(p.multiplier, int) for p in kind.source(node))
    return fits_kernels(node.op)


def moves(node: Node) -> bool:
    """Whether a node only says where elements are."""
    return isinstance(node.op.kind, Movement)


def cheap(node: Node) -> bool:
    """Whether a node is better executed again for each element that reads it than kept."""
    return moves(node) or isinstance(node.op.kind, Iota) or (isinstance(node.op.kind, Elementwise) and cost(node) <= 1)


def folds(node: Node) -> tuple[int, ...] | None:
    """The axes that a reduction folds; None for any other node."""
    return Reduction.axes(node) if isinstance(node.op.kind, Reduction) else None


def later(graph: Graph) -> dict[Node, list[Node]]:
    """Which nodes of a region come after another without reading it: an edge says so, or they name a size that it tells."""
    teller: dict[Symbol, Node] = {}
    found: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        for before in node.after:
            found.setdefault(before, []).append(node)
        if not graph.binds:
            continue
        for s in names(node) & graph.binds:
            if s in teller:
                found.setdefault(teller[s], []).append(node)
        for s in binds(node):
            teller.setdefault(s, node)
    return found


def summed_products(loop: Node) -> set[Node]:
    """Nodes `a + product` that give a loop's carry a its next value: the product is added in place, so they stay alone."""
    if loop.op.name != "loop":
        return set()
    p = parts(loop)
    users: dict[Value, int] = {}
    for node in p.body.nodes:
        for v in node.operands:
            users[v] = users.get(v, 0) + 1
    found = set()
    for param, result in zip(p.body_carry, p.body.results, strict=False):
        made = result.node
        if made is None or made.op.name != "add" or param not in made.operands or p.body.results.count(result) != 1:
            continue
        other = made.operands[1 - made.operands.index(param)]
        alone = users[param] == 1 and users[other] == 1 and result not in users and other not in p.body.results
        if alone and other.node is not None and _added_in_place(other.node):
            found.add(made)
    return found


def _added_in_place(contraction: Node) -> bool:
    """Whether a node is one matrix product whose kernel can add to its result."""
    kind = contraction.op.kind
    if not isinstance(kind, Contraction):
        return False
    found = kind.letters(contraction.attrs)
    ordered = found.out in (found.m + found.n, found.n + found.m)
    return found.is_product and ordered and contraction.results[0].type.dtype.name in ("float32", "float64")


@dataclass(eq=False)
class Group:
    """Nodes that will be one kernel."""

    domain: Shape
    reduces: tuple[int, ...] | None
    nodes: set[Node] = field(default_factory=set)
    reads: set[Value] = field(default_factory=set)
    readers: set[Unit] = field(default_factory=set)
    """What is executed after this group because it reads its results."""


Unit = Union[Group, Node]
"""What is executed as one."""


class _Fuser:
    """Groups the nodes of one region, from the last to the first."""

    def __init__(self, graph: Graph, owner: Node | None = None) -> None:
        self.graph = graph
        self.alone = summed_products(owner) if owner is not None and graph is owner.regions[-1] else set()
        self.index = {n: i for i, n in enumerate(graph.nodes)}
        self.users: dict[Node, list[Node]] = {}
        for node in graph.nodes:
            for v in node.operands:
                if v.node is not None:
                    self.users.setdefault(v.node, []).append(node)
        self.later = later(graph)
        self.wanted = {*graph.results, *(v for n in graph.nodes for v in n.results if self.tells(v))}
        """What must come out of a kernel though no node reads it: results, and numbers that sizes of the graph are."""
        self.escaping = {v.node for v in self.wanted if v.node is not None}
        self.group: dict[Node, Group] = {}
        self.groups: list[Group] = []

    def tells(self, value: Value) -> bool:
        """Whether a value is the number that a size of the graph stands for."""
        return value.content is not None and not self.graph.binds.isdisjoint(standing(value))

    def run(self) -> list[Group]:
        """All groups; movement alone is not worth a kernel and stays outside."""
        for node in reversed(self.graph.nodes):
            if fusible(node) and not literal(node) and node not in self.alone:
                self.place(node)
        return self.groups

    def place(self, node: Node) -> None:
        """Put a node into a group, or start one."""
        users = self.users.get(node, [])
        groups = {id(self.group[u]): self.group[u] for u in users if u in self.group}
        inside = len(groups) == 1 and node not in self.escaping and all(u in self.group for u in users)
        if inside:
            only = next(iter(groups.values()))
            if self.joins(node, only):
                self.add(node, only)
                return
        if moves(node):
            return
        shape = self.domain(node)
        if not isinstance(node.op.kind, Reduction):
            for found in sorted(groups.values(), key=lambda g: min(self.index[n] for n in g.nodes)):
                fits = found.domain == shape and found.reduces is None and len(found.nodes) < LARGEST
                if fits and self.convex(node, found):
                    self.add(node, found)
                    return
        for found in self.neighbours(node, shape):
            self.add(node, found)
            return
        group = Group(shape, folds(node))
        self.groups.append(group)
        self.add(node, group)

    def neighbours(self, node: Node, shape: Shape) -> Iterable[Group]:
        """Groups with the same domain that read what this node reads, and are independent of it."""
        reduces = folds(node)
        sources, readers = set(node.operands), self.readers(node)
        for group in self.groups[-12:]:
            if group in readers:
                continue
            if group.domain == shape and group.reduces == reduces and len(group.nodes) < 60:
                if not sources.isdisjoint(group.reads) and self.convex(node, group):
                    yield group

    def domain(self, node: Node) -> Shape:
        """What a group rooted in this node runs over."""
        return node.operands[0].shape if isinstance(node.op.kind, Reduction) else node.results[0].shape

    def joins(self, node: Node, group: Group) -> bool:
        """Whether a node whose users are all in one group may be executed there."""
        if isinstance(node.op.kind, Reduction) or len(group.nodes) >= LARGEST:
            return False
        if moves(node) or isinstance(node.op.kind, Iota) or node.results[0].shape == group.domain:
            return True
        return cheap(node) and all(map(cheap, self.users.get(node, [])))

    def add(self, node: Node, group: Group) -> None:
        """Put a node into a group."""
        group.nodes.add(node)
        group.reads.update(node.operands)
        self.group[node] = group
        group.readers |= self.readers(node)
        group.readers.discard(group)

    def unit(self, node: Node) -> Unit:
        """What a node is executed with."""
        return self.group.get(node, node)

    def readers(self, node: Node) -> set[Unit]:
        """The units that read a node's results, or come after it without."""
        return {self.unit(u) for u in (*self.users.get(node, ()), *self.later.get(node, ()))}

    def convex(self, node: Node, group: Group) -> bool:
        """Whether no path leaves `node`, passes outside the group and comes back to it.

        Groups are made from the last node to the first, so nothing in the group can come before `node`. A kernel takes
        sizes as arguments, so a node that tells one cannot be in the kernel that names it.
        """
        if any(u in group.nodes for u in self.later.get(node, ())):
            return False
        stack = [u for u in self.readers(node) if u is not group]
        seen: set[Unit] = set(stack)
        while stack:
            at = stack.pop()
            after = at.readers if isinstance(at, Group) else self.readers(at)
            if group in after:
                return False
            new = after - seen
            seen |= new
            stack.extend(new)
        return True


def _worth(group: Group) -> bool:
    return not all(map(moves, group.nodes))


class _Builder:
    """Rebuilds a graph with each group as one node, placed where its last member stood."""

    def __init__(self) -> None:
        self.groups: dict[Node, Group] = {}
        self.todo: dict[int, int] = {}

    def graph(self, rb: Rebuilder, old: Graph, parent: Builder | None, owner: Node | None = None) -> Graph:
        """The fused copy of a region."""
        fuser = _Fuser(old, owner)
        for group in fuser.run():
            if _worth(group):
                for n in group.nodes:
                    self.groups[n] = group
        with rb.opened(old, parent) as builder:
            self.units(rb, old, fuser)
            return builder.graph.seal([rb.value(v) for v in old.results])

    def units(self, rb: Rebuilder, old: Graph, fuser: _Fuser) -> None:
        """Emit nodes and groups in an order that respects their dependences."""
        last = {id(g): max(fuser.index[m] for m in g.nodes) for g in fuser.groups}
        unit = {n: last[id(self.groups[n])] if n in self.groups else fuser.index[n] for n in old.nodes}
        needs: dict[int, set[int]] = {u: set() for u in unit.values()}
        for n in old.nodes:
            before = [v.node for v in n.operands if v.node is not None]
            needs[unit[n]].update(unit[m] for m in before if unit[m] != unit[n])
        for n, after in fuser.later.items():
            for m in after:
                needs[unit[m]].add(unit[n])
        for number in order(needs):
            node = old.nodes[number]
            self.emit(rb, node, self.groups.get(node), fuser)

    def emit(self, rb: Rebuilder, node: Node, group: Group | None, fuser: _Fuser) -> None:
        """One node, or one group as a `fused` node."""
        if group is None:
            regions = [self.graph(rb, r, rb.builder, node) for r in node.regions]
            new = rb.copy(node, regions=regions)
            rb.values.update(zip(node.results, new.results, strict=True))
            rb.nodes[node] = (new,)
            return
        inner = Builder(Graph("kernel", rb.builder.graph), rb.builder)
        members = sorted(group.nodes, key=fuser.index.__getitem__)
        local: dict[Value, Value] = {}
        for n in members:
            # What comes after the first operand of a movement is a shape, which its index map knows from the types.
            first = 0 if isinstance(n.op.kind, Iota) else 1 if moves(n) else len(n.operands)
            operands = [self.inside(rb, inner, local, v, i >= first) for i, v in enumerate(n.operands)]
            copy = inner.node(n.op, operands, n.attrs, (), n.name,
                              [v.type for v in n.results], (), n.origin, [v.hint for v in n.results])
            local.update(zip(n.results, copy.results, strict=True))
        out = [v for n in members for v in n.results if self.escapes(v, group, fuser)]
        inner.graph.results = tuple(local[v] for v in out)
        outer = inner.finish_captures()
        inner.graph.sealed = True
        last = members[-1]
        new = rb.builder.node(FUSED, outer, {}, [inner.graph], last.name, [v.type for v in out], (), last.origin,
                              [v.hint for v in out])
        for v, made in zip(out, new.results, strict=True):
            made.content = v.content
            rb.values[v] = made

    def inside(self, rb: Rebuilder, inner: Builder, local: dict[Value, Value], value: Value, shape: bool) -> Value:
        """A member's operand: made in the group, copied into it, or captured."""
        if value in local:
            return local[value]
        if value.node is not None and (literal(value.node) or (shape and isinstance(value.node.op.kind, Literal))):
            copy = inner.node(value.node.op, (), value.node.attrs, types=[value.type], origin=value.node.origin)
            local[value] = copy.results[0]
            local[value].content = value.content
            return local[value]
        return inner.local(rb.value(value))

    def escapes(self, value: Value, group: Group, fuser: _Fuser) -> bool:
        """Whether a member's result is wanted outside."""
        assert value.node is not None
        return value in fuser.wanted or any(
            u not in group.nodes for u in fuser.users.get(value.node, []) if value in u.operands)


def fuse(graph: Graph) -> Graph:
    """See the module."""
    rb = Rebuilder(lambda r, n: None)
    return prune(_Builder().graph(rb, graph, None), keep_effects=True, closed=True)
