"""sizes: every size an int or a bound symbol, every broadcast explicit, composites expanded, size arithmetic gone.

The graph is typed again from its parameters on, in execution order, once. Where an op demands something of sizes that is
not provable, the first feeds' sizes decide: the fact is noted as a guard, and from there on one of the sizes is written
by the other; at the end the whole program is. So one rule serves merging, broadcasting and conflicts; see `builder`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.errors import with_inputs
from rnngraph.ir.binders import bound_inside
from rnngraph.ir.graph import Array, Graph, Node, Value
from rnngraph.ir.layout import parts, row_type
from rnngraph.ir.op import OpDef, lookup
from rnngraph.ir.sizes import Dim, Expr, Symbol, maximum, symbols
from rnngraph.ir.types import ListType, RefType, TensorType, Type
from rnngraph.ir.walk import map_dims
from rnngraph.ops.control import FILLER, make_if, make_loop, merge_types
from rnngraph.ops.shapes import text
from rnngraph.passes.close.builder import ClosingBuilder
from rnngraph.passes.close.guards import Conflict, Facts
from rnngraph.passes.typing.substitute_sizes import rename

_FORMS = (("cotangent_sum", "list_sum"), ("zeros_like", "list_zeros_like"))
"""What is made of cotangents: the op for tensors, and the one for lists."""


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
        operands: Sequence[Value] = [builder.local(self.values[v]) for v in node.operands]
        if node.op.name in ("loop", "if"):
            try:
                return (self.loop if node.op.name == "loop" else self.branch)(builder, node, operands)
            except Conflict as conflict:
                return self.failing(builder, node, str(conflict)).results
        if _passes_on(node, operands):
            return operands[:1]
        op, operands = self.formed(builder, node, operands)
        after: tuple[Node, ...] = ()
        if node.op.effects != "pure" or node.op.fails:
            after = self.edges(builder, node)
        try:
            made = builder.node(op, operands, node.attrs, (), node.name, None, after, node.origin,
                                [v.hint for v in node.results])
        except Conflict as conflict:
            made = self.failing(builder, node, str(conflict))
        except ValueError as error:
            made = self.failing(builder, node, _runtime_words(str(error)))
        found: Sequence[Value] = made.results
        return found

    def formed(self, builder: ClosingBuilder, node: Node, operands: Sequence[Value]) -> tuple[OpDef, Sequence[Value]]:
        """The op of a node and what it is given: lists where they are all lists and it has such a form, else tensors.

        Only here is it known which values that a loop kept are rows of one tensor, so neither form is final before.
        """
        forms = next((f for f in _FORMS if node.op.name in f), None)
        if forms is None:
            return node.op, [self.dense(builder, new, old) for new, old in zip(operands, node.operands, strict=True)]
        of_tensors, of_lists = forms
        if all(isinstance(v.type, ListType) for v in operands):
            return lookup(of_lists), operands
        return lookup(of_tensors), [_dense(builder, v) for v in operands]

    def dense(self, builder: ClosingBuilder, new: Value, old: Value) -> Value:
        """A value that the program takes for a tensor as one: rows of a loop whose sizes its steps decide are a list."""
        return _dense(builder, new) if isinstance(old.type, TensorType) else new

    def blamed(self, node: Node) -> Node | None:
        """The `fail` that an operand of a node comes from, if one does."""
        return next((self.never[self.values[v]] for v in node.operands if self.values[v] in self.never), None)

    def failing(self, builder: ClosingBuilder, node: Node, message: str) -> Node:
        """A node that raises when it is executed. Its sizes are its own, so that whoever names one needs it.

        What is wrong with a value that no run gets to is not its reader's fault.
        """
        types = tuple(map_dims(v.type, lambda d: d if isinstance(d, int) else None) for v in node.results)
        blamed = self.blamed(node)
        if blamed is not None:
            made = _failing_like(builder, blamed, types)
        else:
            shapes = [_shape_text(self.values[v].type, self.facts) for v in node.operands]
            attrs = {"message": with_inputs(message, shapes), "types": types}
            made = builder.plain("fail", [], attrs, name=node.name, origin=node.origin)
        builder.sizes.pending.clear()
        return made

    # --- regions --------------------------------------------------------------------------------------------------

    def branch(self, builder: ClosingBuilder, node: Node, operands: Sequence[Value]) -> Sequence[Value]:
        """Close both regions of an `if`."""
        builders = []
        for region in node.regions:
            inner = builder.region(region.name)
            self.body(inner, region, region.params, [inner.local(v) for v in operands[1:]])
            builders.append(inner)
        for v in (v for b in builders for v in b.graph.results):
            self.facts.write(v)
        self.alike(builders)
        self.fill(*builders)
        for b in builders:
            b.graph.sealed = True
        made = make_if(_Plain(builder, self.edges(builder, node), node), operands[0], builders[0], builders[1], node.name)
        return made.results

    def alike(self, builders: Sequence[ClosingBuilder]) -> None:
        """Where one branch gives a list and the other a tensor, both give a tensor."""
        for i, results in enumerate(zip(*(builder.graph.results for builder in builders), strict=True)):
            lists = [isinstance(v.type, ListType) for v in results]
            if lists[0] != lists[1] and FILLER not in (v.node.op if v.node is not None else None for v in results):
                mine, theirs = builders if lists[0] else reversed(builders)
                # What was filled with a list when rows were one, which are a tensor now, is filled anew.
                t, empty = theirs.graph.results[i].type, _is_empty(mine.graph.results[i])
                made = _filled(mine, t, bound_inside(theirs.graph)) if empty else _dense(mine, mine.graph.results[i])
                mine.graph.results = (*mine.graph.results[:i], made, *mine.graph.results[i + 1:])

    def fill(self, then: ClosingBuilder, other: ClosingBuilder) -> None:
        """Give fillers the type of the value that they stand for; size 0 where a size is known in the other branch only."""
        for mine, theirs in ((then, other), (other, then)):
            inside = bound_inside(theirs.graph)
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
        regions: list[ClosingBuilder] = []
        for _ in range(2 + 2 * sum(_rank(t) + 1 for t in types)):
            regions, changed = self.attempt(builder, node, p, new, types)
            if not changed:
                break
            for i, v in enumerate(p.carry):
                if isinstance(types[i], ListType) and isinstance(changed[i], TensorType):
                    new[v] = self.dense(builder, new[v], v)
                    changed[i] = new[v].type
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
        for v in (v for r in regions for v in (*r.graph.params, *r.graph.results)):
            self.facts.write(v)
        given = [v.type for v in final.graph.params[1:1 + len(types)]]
        results = final.graph.results = self.as_carried(final, self.reached(final, given), given, p.body.results)
        changed, again = [], False
        inside = bound_inside(final.graph)
        for t, had, result in zip(map(self.facts.type, types), given, results, strict=False):
            better = _join(t, had, result.type, bound, inside)
            again = again or better != t
            changed.append(better)
        return regions, changed if again else None


    def as_carried(self, body: ClosingBuilder, results: Sequence[Value], carried: Sequence[Type],
                   old: Sequence[Value]) -> tuple[Value, ...]:
        """A body's results; where a tensor is carried, rows that turned out to be a list as a tensor."""
        return tuple(self.dense(body, v, old[i]) if i < len(carried) and isinstance(carried[i], TensorType) else v
                     for i, v in enumerate(results))

    def reached(self, body: ClosingBuilder, carried: Sequence[Type]) -> tuple[Value, ...]:
        """A body's results; a carry that no run gets to has the type that the loop wants."""
        found = list(body.graph.results)
        for i, (value, t) in enumerate(zip(found, carried, strict=False)):
            if value in self.never and value.type != t:
                found[i] = _failing_like(body, self.never[value], (t,)).results[0]
        return tuple(found)


class _Plain:
    """Lets `make_loop` and `make_if` append through a closing builder with given edges and provenance."""

    def __init__(self, builder: ClosingBuilder, after: Sequence[Node], node: Node) -> None:
        self.builder, self.after, self.old = builder, after, node

    def node(self, op: OpDef, operands: Sequence[Value], attrs: Mapping[str, Any], regions: Sequence[Graph],
             name: str, types: Sequence[Type] | None = None) -> Node:
        """Append the node."""
        return self.builder.plain(op, operands, attrs, regions, name, types, self.after, self.old.origin,
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


def _is_empty(value: Value) -> bool:
    """Whether a list is new and has no element, as `_filled` makes it."""
    return value.node is not None and value.node.op.name == "list_new" and value.node.operands[0].content == (0,)


def _rank(t: Type) -> int:
    if isinstance(t, ListType):
        return 2 + _rank(t.element)
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


def _join(tried: Type, had: Type, got: Type, bound: Sequence[Symbol], inside: set[Symbol]) -> Type:
    """The carry type to try next, given the one tried, its form in the body, and the body's result type."""
    if isinstance(tried, ListType) and isinstance(got, ListType):
        return merge_types(tried, got, lambda: None, inside)
    if isinstance(tried, ListType) or isinstance(got, ListType):
        return got if isinstance(tried, ListType) else tried
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


def _passes_on(node: Node, operands: Sequence[Value]) -> bool:
    """Whether a node gives what it is given: a list has no shape to be changed, a tensor is dense."""
    if operands and isinstance(operands[0].type, ListType):
        return node.op.name in ("unbroadcast", "identity", "stop_gradient", "refine")
    return node.op.name == "list_dense"


def _dense(builder: ClosingBuilder, value: Value) -> Value:
    return builder.plain("list_dense", [value], origin=builder.origin).results[0] if isinstance(value.type, ListType) else value


def _failing_like(builder: ClosingBuilder, fail: Node, types: tuple[Type, ...]) -> Node:
    """What raises the error of `fail` where values of these types are wanted."""
    return builder.plain("fail", [], {**fail.attrs, "types": types}, name=fail.name, origin=fail.origin)


def _shape_text(t: Type, facts: Facts) -> str:
    """A type with the first feeds' sizes, for a message."""
    if not isinstance(t, TensorType) or t.shape is None:
        return "TensorArray" if isinstance(t, ListType) else f"{t.dtype.name} of unknown rank"
    return f"{t.dtype.name} {text(tuple(facts.value(d) for d in t.shape))}"


def _runtime_words(message: str) -> str:
    return message if "Incompatible shapes" in message else f"Incompatible shapes: {message}"


def settle(graph: Graph, params: Sequence[Type], contents: Sequence[Any], facts: Facts) -> Graph:
    """The closed graph for parameters of these types (sizes int or symbol). `facts` learns what it rests on."""
    closer = Closer(facts)
    builder = ClosingBuilder(Graph(graph.name), None, facts)
    new = [builder.param(t, content, old.hint) for old, t, content in zip(graph.params, params, contents, strict=True)]
    closer.body(builder, graph, graph.params, new)
    builder.graph.sealed = True
    return rename(builder.graph, facts.found())
