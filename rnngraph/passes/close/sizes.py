"""sizes: every size an int or a bound symbol, every broadcast explicit, composites expanded, size arithmetic gone.

The graph is typed again from its parameters on, in execution order. Where an op demands something of sizes that is not
provable, the first feeds' sizes decide: the fact is noted as a guard, the parameters' symbols are rewritten with it, and
the typing starts again (`Learned`). So one rule serves merging, broadcasting and conflicts:

    a = b wanted, true of the first feeds        merge, guard a = b
    one side broadcast, 1 in the first feeds     guard that it is 1
    neither                                      the node becomes `fail`, guard on the opposite
    a size bound inside the graph                a run-time `check_sizes`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnngraph.errors import with_inputs
from rnngraph.ir.graph import Array, Builder, Graph, Node, Origin, Value, building
from rnngraph.ir.op import Composite, Elementwise, OpDef, Site, lookup
from rnngraph.ir.sizes import Dim, Expr, Symbol, maximum, sub, substitute, symbols
from rnngraph.ir.types import ListType, RefType, TensorType, Type
from rnngraph.ir.walk import map_dims
from rnngraph.ops.control import FILLER, make_if, make_loop, parts, region_symbols, row_type
from rnngraph.ops.shapes import nonnegative
from rnngraph.passes.close.facts import Conflict, Facts, Learned
from rnngraph.passes.close.failures import failing_like, quoted, runtime_words, shape_text


class Made(NamedTuple):
    """What `ClosingBuilder.node` gives: the values that stand for the node's results."""

    results: Sequence[Value]


class ClosingSizes:
    """How `infer` settles sizes while a graph is closed."""

    def __init__(self, builder: ClosingBuilder) -> None:
        self.builder = builder
        self.pending: set[Symbol] = set()
        """Sizes of the node being typed that it will bind itself: its own kernel looks at them."""

    def same(self, a: Dim, b: Dim, what: str) -> Dim:
        """See the module's table."""
        if a == b:
            return a
        if a is None or b is None:
            return b if a is None else a
        facts = self.builder.facts
        x, y = facts.value(a), facts.value(b)
        if x is None or y is None:
            if self.pending.isdisjoint((*symbols(a), *symbols(b))):
                self.builder.check(a, b, f"Incompatible shapes: {{0}} and {{1}} must be equal for {quoted(what)}")
            return a if isinstance(a, int) else b
        if x == y:
            facts.learn(a, b)
        facts.note("!=", a, b)
        raise Conflict(f"Incompatible shapes: {x} and {y} must be equal for {what}")

    def at_least(self, size: Dim, low: Dim, message: str) -> None:
        """A guard by the first feeds, or a run-time check."""
        if size is None or low is None or nonnegative(sub(size, low)):
            return
        facts = self.builder.facts
        x, y = facts.value(size), facts.value(low)
        if x is None or y is None:
            if self.pending.isdisjoint((*symbols(size), *symbols(low))):
                self.builder.check(size, low, message, ">=")
        elif x >= y:
            facts.note(">=", size, low)
        else:
            facts.note("<", size, low)
            raise Conflict(message.format(x, y))

    def holds(self, relation: str, a: Dim, b: Dim) -> bool | None:
        """What the first feeds say, noted as a guard."""
        if a is None or b is None:
            return None
        if a == b or (relation == ">=" and nonnegative(sub(a, b))):
            return True
        facts = self.builder.facts
        x, y = facts.value(a), facts.value(b)
        if x is None or y is None:
            return None
        if relation == "==":
            if x == y:
                facts.learn(a, b)
            facts.note("!=", a, b)
            return False
        facts.note(">=" if x >= y else "<", a, b)
        return x >= y

    def fresh(self, hint: str) -> Dim:
        """A symbol bound at the result."""
        symbol = Symbol(hint)
        self.builder.graph.binds.add(symbol)
        self.pending.add(symbol)
        return symbol.dim


class Demands(ClosingSizes):
    """What a composite demands of sizes; its own results bind nothing."""

    def fresh(self, hint: str) -> Dim:
        """A symbol that stands for nothing."""
        symbol = Symbol(hint)
        self.pending.add(symbol)
        return symbol.dim


class ClosingBuilder(Builder):
    """A builder that makes closed nodes of whatever it is asked for."""

    def __init__(self, graph: Graph, parent: ClosingBuilder | None, facts: Facts) -> None:
        super().__init__(graph, parent)
        self.facts = facts
        self.sizes = ClosingSizes(self)
        self.origin: Origin = parent.origin if parent else Origin()
        self.checked: set[tuple[Dim, Dim, str]] = set()

    def region(self, name: str = "") -> ClosingBuilder:
        """A builder for a region."""
        return ClosingBuilder(Graph(name, self.graph), self, self.facts)

    def describe(self, op: OpDef, name: str, operands: Sequence[Value]) -> tuple[str, tuple[Node, ...], Origin]:
        """Nodes made on the way belong to the node being closed."""
        return name, (), self.origin

    def plain(self, *args: Any, **kwargs: Any) -> Node:
        """A node as it is asked for."""
        return super().node(*args, **kwargs)

    def check(self, a: Dim, b: Dim, message: str, relation: str = "==") -> None:
        """A run-time check of how two sizes compare."""
        if (a, b, relation) not in self.checked:
            self.checked.add((a, b, relation))
            pair = self.plain("sizes", (), {"dims": (a, b)}).results[0]
            self.plain("check_sizes", [pair], {"message": message, "relation": relation})

    def node(self, op: OpDef | str, operands: Sequence[Value] = (), attrs: Mapping[str, Any] | None = None,
             regions: Sequence[Graph] = (), name: str = "", types: Sequence[Type] | None = None,
             after: Sequence[Node] = (), origin: Origin | None = None, hints: Sequence[str] = ()) -> Any:
        """The closed form of a node: expanded, broadcast, or folded to sizes."""
        definition = lookup(op) if isinstance(op, str) else op
        if origin is not None:
            self.origin = origin
        inputs = [self.local(v) for v in operands]
        kind = definition.kind
        if isinstance(kind, Composite):
            # Its type rule is asked for what it demands of sizes; the expansion has types of its own.
            given = _full(definition, attrs)
            definition.infer(Site(tuple(v.type for v in inputs), tuple(v.content for v in inputs), given, Demands(self)))
            with building(self):
                made = kind.expand(inputs, given)
            if made is not None:
                return Made([self.local(v) for v in made])
        if isinstance(kind, Elementwise):
            inputs = self.aligned(inputs)
        self.sizes.pending.clear()
        new = self.plain(definition, inputs, attrs, regions, name, types, after, self.origin, hints)
        for v in new.results:
            v.type = self.sized(v.type)
        self.sizes.pending.clear()
        plain = definition.effects == "pure" and not definition.fails and not regions
        if plain and definition.name not in ("sizes", "constant"):
            return Made([self.folded(v) for v in new.results]) if new.results else new
        return new

    def sized(self, t: Type) -> Type:
        """A tensor type with a symbol, bound here, for every size that nothing says."""
        if not isinstance(t, TensorType) or t.shape is None or None not in t.shape:
            return t
        return t.with_shape(tuple(self.sizes.fresh("n") if d is None else d for d in t.shape))

    def folded(self, value: Value) -> Value:
        """An integer value whose content is known is spelled as sizes."""
        content, t = value.content, value.type
        if content is None or any(d is None for d in content) or not isinstance(t, TensorType):
            return value
        if value.node is not None and value.node.op.name == "as_size" or t.shape is None:
            return value
        return self.plain("sizes", (), {"dims": content, "dtype": t.dtype, "scalar": not t.shape}).results[0]

    def aligned(self, inputs: Sequence[Value]) -> list[Value]:
        """Operands of an elementwise op with explicit broadcasts."""
        shapes = [v.tensor.shape for v in inputs]
        if len(inputs) < 2 or any(s is None for s in shapes) or all(s == shapes[0] for s in shapes):
            return list(inputs)
        rank = max(len(s) for s in shapes if s is not None)
        padded = [((1,) * (rank - len(s)) + s) for s in shapes if s is not None]
        target = tuple(self.joined([p[i] for p in padded]) for i in range(rank))
        return [v if v.tensor.shape == target else self.stretched(v, target) for v in inputs]

    def stretched(self, value: Value, target: tuple[Dim, ...]) -> Value:
        """An explicit broadcast."""
        shape = self.plain("sizes", (), {"dims": target}).results[0]
        return self.plain("broadcast", [value, shape], {}, types=[value.tensor.with_shape(target)]).results[0]

    def joined(self, dims: Iterable[Dim]) -> Dim:
        """The common size of broadcast axes."""
        result: Dim = 1
        for d in dims:
            if d == result or d == 1:
                continue
            if result == 1:
                result = d
                continue
            result = self.decided(result, d)
        return result

    def decided(self, a: Dim, b: Dim) -> Dim:
        """Two different sizes, neither of them 1 as far as is known."""
        facts = self.facts
        x, y = facts.value(a), facts.value(b)
        if x is not None and y is not None and x != y:
            if x == 1 or y == 1:
                facts.learn(a if x == 1 else b, 1)
            facts.note("!=", a, b)
            raise Conflict(f"Incompatible shapes: {x} vs. {y} cannot be broadcast")
        common: Dim = self.sizes.same(a, b, "broadcasting")
        return common


def _full(op: OpDef, attrs: Mapping[str, Any] | None) -> Mapping[str, Any]:
    given = attrs or {}
    return {k: given.get(k, a.default) for k, a in op.attrs.items()}


class Closer:
    """Rebuilds a graph with closing builders."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.values: dict[Value, Value] = {}
        self.nodes: dict[Node, tuple[Node, ...]] = {}
        self.waits: dict[Node, tuple[Node, ...]] = {}
        """What a node that needs no order comes after: what reads it does so as well."""
        self.never: dict[Value, Node] = {}
        """Values that no run gets to: made by a node that fails, or from such; and the `fail` that is to blame."""

    def body(self, builder: ClosingBuilder, old: Graph, params: Sequence[Value], new: Sequence[Value]) -> None:
        """Close the nodes of one region into `builder`."""
        self.values.update(zip(params, new, strict=True))
        for node in old.nodes:
            start = len(builder.graph.nodes)
            new_values = self.results(builder, node)
            own = (v.node for v in new_values if v.node is not None and v.node.op.name == "fail")
            blamed = next(own, None) or self.blamed(node)
            if blamed is not None:
                self.never.update(dict.fromkeys(new_values, blamed))
            self.values.update(zip(node.results, new_values, strict=True))
            made = tuple(n for n in builder.graph.nodes[start:] if n.op.effects != "pure" or n.op.fails)
            before = [m for v in (*node.operands,) if v.node is not None for m in self.nodes.get(v.node, ())]
            self.nodes[node] = made or tuple(dict.fromkeys(
                [*before, *(m for n in node.after for m in self.nodes.get(n, ()))]))
            self.waits[node] = () if made else self.edges(builder, node)
        results = [builder.local(self.values[v]) for v in old.results]
        if builder.parent is None:
            results = [self.dense(builder, new, v) for new, v in zip(results, old.results, strict=True)]
        builder.graph.results = tuple(results)

    def results(self, builder: ClosingBuilder, node: Node) -> Sequence[Value]:
        """The closed values of a node's results."""
        builder.origin = node.origin
        operands = [builder.local(self.values[v]) for v in node.operands]
        if node.op.name in ("loop", "if"):
            try:
                return (self.loop if node.op.name == "loop" else self.branch)(builder, node, operands)
            except Conflict as conflict:
                return self.failing(builder, node, str(conflict)).results
        listed = self.listed(builder, node, operands)
        if listed is not None:
            return listed
        operands = [self.dense(builder, new, old) for new, old in zip(operands, node.operands, strict=True)]
        after: tuple[Node, ...] = ()
        if node.op.effects != "pure" or node.op.fails:
            after = self.edges(builder, node)
        try:
            made = builder.node(node.op, operands, self.attrs(node), (), node.name, None, after, node.origin,
                                [v.hint for v in node.results])
        except Conflict as conflict:
            made = self.failing(builder, node, str(conflict))
        except ValueError as error:
            made = self.failing(builder, node, runtime_words(str(error)))
        found: Sequence[Value] = made.results
        return found

    def listed(self, builder: ClosingBuilder, node: Node, operands: Sequence[Value]) -> Sequence[Value] | None:
        """Cotangents of histories whose rows turned out uneven are lists; the open graph took them for tensors."""
        if not any(isinstance(v.type, ListType) for v in operands):
            # What was a list when the node was made may have become rows of a tensor.
            if node.op.name == "list_dense":
                return operands
            name = {"list_sum": "cotangent_sum", "list_zeros_like": "zeros_like"}.get(node.op.name)
            made: Sequence[Value] | None = None if name is None else builder.node(name, operands, name=node.name,
                                                                                  origin=node.origin).results
            return made
        if node.op.name in ("unbroadcast", "identity", "stop_gradient", "refine"):
            return operands[:1]
        name = {"cotangent_sum": "list_sum", "zeros_like": "list_zeros_like"}.get(node.op.name)
        return None if name is None else builder.plain(name, operands, name=node.name, origin=node.origin).results

    def dense(self, builder: ClosingBuilder, new: Value, old: Value) -> Value:
        """A value that the program takes for a tensor as one: rows of a loop whose sizes its steps decide are a list."""
        if not isinstance(new.type, ListType) or not isinstance(old.type, TensorType):
            return new
        return builder.plain("list_dense", [new], origin=builder.origin).results[0]

    def attrs(self, node: Node) -> Mapping[str, Any]:
        """The attributes, with what is known of the parameters' sizes."""
        names = [k for k, a in node.op.attrs.items() if a.kind == "dims" and node.attrs[k] is not None]
        if not names or not self.facts.known:
            return node.attrs
        return {**node.attrs, **{k: tuple(substitute(d, self.facts.known) for d in node.attrs[k]) for k in names}}

    def blamed(self, node: Node) -> Node | None:
        """The `fail` that an operand of a node comes from, if one does."""
        return next((self.never[self.values[v]] for v in node.operands if self.values[v] in self.never), None)

    def failing(self, builder: ClosingBuilder, node: Node, message: str) -> Node:
        """A node that raises when it is executed. What is wrong with a value that no run gets to is not its reader's."""
        types = tuple(map_dims(v.type, lambda d: d if isinstance(d, int) else 0) for v in node.results)
        blamed = self.blamed(node)
        if blamed is not None:
            return failing_like(builder, blamed, types)
        shapes = [shape_text(self.values[v].type, self.facts) for v in node.operands]
        attrs = {"message": with_inputs(message, shapes), "types": types}
        return builder.plain("fail", [], attrs, name=node.name, origin=node.origin, types=types)

    # --- regions --------------------------------------------------------------------------------------------------

    def branch(self, builder: ClosingBuilder, node: Node, operands: Sequence[Value]) -> Sequence[Value]:
        """Close both regions of an `if`."""
        builders = []
        for region in node.regions:
            inner = builder.region(region.name)
            self.body(inner, region, region.params, [inner.local(v) for v in operands[1:]])
            builders.append(inner)
        self.fill(*builders)
        for b in builders:
            b.graph.sealed = True
        made = make_if(_Plain(builder, self.edges(builder, node), node), operands[0], builders[0], builders[1], node.name)
        return made.results

    def fill(self, then: ClosingBuilder, other: ClosingBuilder) -> None:
        """Give fillers the type of the value that they stand for; size 0 where a size is known in the other branch only."""
        for mine, theirs in ((then, other), (other, then)):
            inside = region_symbols(theirs.graph)
            results = list(mine.graph.results)
            for i, value in enumerate(results):
                if value.node is not None and value.node.op is FILLER:
                    results[i] = _filled(mine, theirs.graph.results[i].type, inside)
            mine.graph.results = tuple(results)
            mine.graph.nodes = [n for n in mine.graph.nodes if n.op is not FILLER]

    def edges(self, builder: ClosingBuilder, node: Node) -> tuple[Node, ...]:
        """The control edges of a node: its own, and those of the nodes without order that it reads."""
        own = [m for n in node.after for m in self.nodes.get(n, ())]
        read = [m for v in node.operands if v.node is not None for m in self.waits.get(v.node, ())]
        return tuple(dict.fromkeys(m for m in (*own, *read) if m.graph is builder.graph))

    def loop(self, builder: ClosingBuilder, node: Node, operands: Sequence[Value]) -> Sequence[Value]:
        """Close a loop: carries whose sizes change get a symbol bound at the region's parameter."""
        p = parts(node)
        new = dict(zip(node.operands, operands, strict=True))
        limit = self.limit(builder, new.get(p.limit) if p.limit is not None else None, p.cond is None)
        self.same_rows(builder, p, new, limit)
        types = [new[v].type for v in p.carry]
        for _ in range(2 + 2 * sum(_rank(t) + 1 for t in types)):
            regions, changed = self.attempt(builder, node, p, new, types)
            if not changed:
                break
            types = changed
        after = self.edges(builder, node)
        attrs = {k: node.attrs[k] for k in ("reverse", "parallel_iterations", "back_prop", "swap_memory")}
        made = make_loop(_Plain(builder, after, node), cond=regions[0] if p.cond is not None else None, body=regions[-1],
                         limit=limit, carry=[new[v] for v in p.carry], rows=[new[v] for v in p.rows], name=node.name,
                         **attrs)
        return made.results

    def same_rows(self, builder: ClosingBuilder, p: Any, new: Mapping[Value, Value], limit: Value | None) -> None:
        """There are as many rows as steps at least: native code reads them without looking."""
        if limit is None or limit.content is None or limit.content[0] is None:
            return
        steps = maximum(limit.content[0], 0)
        for v in p.rows:
            t = new[v].type
            length: Dim = None
            if isinstance(t, ListType):
                length = t.length
            elif isinstance(t, TensorType) and t.shape:
                length = t.shape[0]
            # What a region decides step by step is run by the host, which looks at every row.
            if builder.parent is None or None not in (self.facts.value(length), self.facts.value(steps)):
                builder.sizes.at_least(length, steps, "a loop of {1} steps reads a row in each, but there are only {0}")

    def limit(self, builder: ClosingBuilder, limit: Value | None, exact: bool) -> Value | None:
        """A limit whose size has a name."""
        if limit is None or not exact or (limit.content is not None and limit.content[0] is not None):
            return limit
        return builder.plain("as_size", [limit]).results[0]

    def attempt(self, builder: ClosingBuilder, node: Node, p: Any, new: Mapping[Value, Value],
                types: Sequence[Type]) -> tuple[list[ClosingBuilder], list[Type] | None]:
        """Close a loop's regions with these carry types; the types to try next, if these do not hold."""
        regions = []
        bound: list[Symbol] = []
        for which, region in enumerate(node.regions):
            inner = builder.region(region.name)
            fresh: dict[Symbol, Symbol] = {}
            params = [inner.param(region.params[0].type, None, "t")]
            for old, t in zip(region.params[1:], types, strict=False):
                params.append(inner.param(_own(t, fresh, inner), None, old.hint))
            body = which == len(node.regions) - 1
            if body:
                for old, outer in zip(p.body_rows, p.rows, strict=True):
                    params.append(inner.param(inner.sized(row_type(new[outer].type)), None, old.hint))
            captured = [inner.local(new[v]) for v in p.captures]
            self.body(inner, region, region.params, [*params, *captured])
            regions.append(inner)
            bound = [*fresh.values()]
        final = regions[-1]
        given = [v.type for v in final.graph.params[1:1 + len(types)]]
        results = final.graph.results = self.reached(final, given)
        changed, again = [], False
        for t, had, result in zip(types, given, results, strict=False):
            better = _join(t, had, result.type, bound)
            again = again or better != t
            changed.append(better)
        return regions, changed if again else None


    def reached(self, body: ClosingBuilder, carried: Sequence[Type]) -> tuple[Value, ...]:
        """A body's results; a carry that no run gets to has the type that the loop wants."""
        found = list(body.graph.results)
        for i, (value, t) in enumerate(zip(found, carried, strict=False)):
            if value in self.never and value.type != t:
                found[i] = failing_like(body, self.never[value], (t,)).results[0]
        return tuple(found)


class _Plain:
    """Lets `make_loop` and `make_if` append through a closing builder with given edges and provenance."""

    def __init__(self, builder: ClosingBuilder, after: Sequence[Node], node: Node) -> None:
        self.builder, self.after, self.old = builder, after, node

    def node(self, op: OpDef, operands: Sequence[Value], attrs: Mapping[str, Any], regions: Sequence[Graph],
             name: str) -> Node:
        """Append the node."""
        return self.builder.plain(op, operands, attrs, regions, name, None, self.after, self.old.origin,
                                  [v.hint for v in self.old.results])


def _filled(builder: ClosingBuilder, t: Type, inside: set[Symbol]) -> Value:
    """Something of type `t` that nothing reads."""
    if isinstance(t, ListType):
        none = builder.plain("constant", (), {"value": Array(np.int32(0))}).results[0]
        made = builder.plain("list_new", [none], {"element": map_dims(t.element, lambda d: None)}).results[0]
        return made
    assert isinstance(t, TensorType)
    zero = builder.plain("constant", (), {"value": Array(np.zeros((), t.dtype.numpy))}).results[0]
    if not t.shape:
        return zero
    return builder.stretched(zero, tuple(0 if set(symbols(d)) & inside else d for d in t.shape))


def _rank(t: Type) -> int:
    return len(t.shape) if isinstance(t, TensorType) and t.shape is not None else 1


def _own(t: Type, fresh: dict[Symbol, Symbol], inner: ClosingBuilder) -> Type:
    """A carry type whose changing sizes (marked symbols) are bound anew at this region's parameter."""
    def change(d: Dim) -> Dim:
        symbol = d.symbol if isinstance(d, Expr) else None
        if isinstance(symbol, Varying):
            if symbol not in fresh:
                fresh[symbol] = Symbol(symbol.hint)
                inner.graph.binds.add(fresh[symbol])
            return fresh[symbol].dim
        return d
    return map_dims(t, change)


class Varying(Symbol):
    """Marks, in a carry's type, a size that may differ from step to step."""

    __slots__ = ()


def _join(tried: Type, had: Type, got: Type, bound: Sequence[Symbol]) -> Type:
    """The carry type to try next, given the one tried, its form in the body, and the body's result type."""
    if isinstance(tried, ListType) or isinstance(got, ListType):
        return _join_lists(tried, got)
    if isinstance(tried, RefType) or isinstance(got, RefType):
        return tried
    assert isinstance(had, TensorType)
    if tried.shape is None:
        return tried
    if got.shape is None or had.shape is None or len(got.shape) != len(tried.shape):
        return tried.with_shape(None)
    dims: list[Dim] = []
    for t, h, g in zip(tried.shape, had.shape, got.shape, strict=True):
        varies = isinstance(t, Expr) and isinstance(t.symbol, Varying)
        dims.append(t if varies or h == g else Varying("k").dim)
    return tried.with_shape(tuple(dims))


def _join_lists(tried: Type, got: Type) -> Type:
    if not isinstance(tried, ListType) or not isinstance(got, ListType):
        return tried
    a, b = tried.element, got.element
    if isinstance(a, TensorType) and isinstance(b, TensorType) and a.shape is None and b.shape is not None:
        return ListType(b, tried.length)
    return tried


def settle(graph: Graph, params: Sequence[Type], contents: Sequence[Any], samples: Mapping[Symbol, int]) -> tuple[Graph, Facts]:
    """The closed graph for parameters of these types (sizes int or symbol), and the facts that it rests on."""
    facts = Facts(samples)
    for _ in range(200):
        closer = Closer(facts)
        builder = ClosingBuilder(Graph(graph.name), None, facts)
        new = []
        for old, t, content in zip(graph.params, params, contents, strict=True):
            typed = map_dims(t, lambda d: substitute(d, facts.known))
            known = None if content is None else tuple(substitute(d, facts.known) for d in content)
            new.append(builder.param(typed, known, old.hint))
        try:
            closer.body(builder, graph, graph.params, new)
        except Learned:
            continue
        builder.graph.sealed = True
        return builder.graph, facts
    raise RuntimeError("the sizes of this graph do not settle; please report it with the program")
