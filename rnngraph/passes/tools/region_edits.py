"""Rebuilding loops and branches with slots dropped or added: what every pass that touches regions shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rnngraph.ir.binders import bound_inside
from rnngraph.ir.graph import Builder, Graph, Node, Value
from rnngraph.ir.layout import parts, row_type
from rnngraph.ir.types import Type
from rnngraph.ir.walk import Rebuilder
from rnngraph.ops.control import stack_type


@dataclass
class Edit:
    """What becomes of a region node's slots.

    keep_*: indices of slots that stay (None: all).  extra_carry: initial values of carries to add.  extra_rows: rows
    operands to add to a loop.  limit: a loop's new limit (None: as it was).  drop_cond: the while region goes.
    enter(added parameters) and leave() -> (added carry results, added stacks or branch results) are called, region by
    region, with the new region's builder as `rebuilder.builder`; both get the region's index. The added parameters are
    carries, and in a loop's body rows after them.  types: if given, results keep their types instead of being inferred.
    """

    keep_carry: Sequence[int] | None = None
    keep_rows: Sequence[int] | None = None
    keep_stacks: Sequence[int] | None = None
    keep_captures: Sequence[int] | None = None
    extra_carry: Sequence[Value] = ()
    extra_rows: Sequence[Value] = ()
    limit: Value | None = None
    drop_cond: bool = False
    enter: Callable[[int, Sequence[Value]], None] = lambda region, params: None
    leave: Callable[[int], tuple[Sequence[Value], Sequence[Value]]] = lambda region: ((), ())
    roots: Sequence[set[Node] | None] = (None, None)
    types: Callable[[Node], Sequence[Type]] | None = None


@dataclass
class Edited:
    """The new node, and the values of its old results (None for those dropped) and of what was added."""

    node: Node
    old: list[Value | None]
    carry: Sequence[Value] = ()
    stacks: Sequence[Value] = ()
    made: list[Value] = field(default_factory=list)


def kept(indices: Sequence[int] | None, count: int) -> list[int]:
    """`indices`, or all."""
    return list(range(count)) if indices is None else sorted(indices)


def _region(rb: Rebuilder, old: Graph, edit: Edit, which: int, params: Sequence[Value],
            extra: Sequence[tuple[Type, str]], results: Callable[[], Sequence[Value]]) -> Builder:
    """Rebuild one region with the given old parameters and `extra` ones, type and hint, at the end."""
    with rb.opened(old, rb.builder, params) as builder:
        edit.enter(which, [builder.param(t, None, hint) for t, hint in extra])
        roots = edit.roots[which]
        for node in old.nodes:
            if roots is None or node in roots:
                rb.step(node)
        builder.graph.results = tuple(results())
    return builder


def edit_loop(rb: Rebuilder, node: Node, edit: Edit) -> Edited:
    """A copy of a loop with slots dropped and added."""
    p = parts(node)
    n = len(p.carry)
    carry, rows = kept(edit.keep_carry, n), kept(edit.keep_rows, len(p.rows))
    stacks, captures = kept(edit.keep_stacks, len(p.stacks)), kept(edit.keep_captures, len(p.captures))
    builders = []
    for which, region in enumerate(node.regions):
        body = region is p.body
        if edit.drop_cond and not body:
            continue
        row_count = len(p.rows) if body else 0
        at = 1 + n + row_count
        builders.append(_loop_region(rb, edit, which, region, [1 + i for i in carry],
                                     [1 + n + i for i in rows] if body else [], [at + i for i in captures],
                                     None if not body else [*carry, *(n + j for j in stacks)], len(carry)))
    outer = _finish(builders)
    limit = edit.limit if edit.limit is not None else rb.value(p.limit) if p.limit is not None else None
    operands = [*([limit] if limit is not None else []), *(rb.value(p.carry[i]) for i in carry), *edit.extra_carry,
                *(rb.value(p.rows[i]) for i in rows), *edit.extra_rows, *(rb.value(p.captures[i]) for i in captures),
                *outer]
    attrs = {**node.attrs, "carry": len(carry) + len(edit.extra_carry), "rows": len(rows) + len(edit.extra_rows),
             "limited": limit is not None}
    kept_types = None
    if edit.types is not None:
        length, body_graph = p.trips.content[0] if p.trips.content else None, builders[-1].graph
        more = body_graph.results[len(carry) + len(edit.extra_carry) + len(stacks):]
        kept_types = [*(p.final[i].type for i in carry), *(v.type for v in edit.extra_carry),
                      *(p.stacks[j].type for j in stacks),
                      *(stack_type(v.type, length, bound_inside(body_graph)) for v in more), p.trips.type]
    hints = [v.hint for v in (*(p.final[i] for i in carry), *edit.extra_carry, *(p.stacks[j] for j in stacks))]
    new = rb.builder.node(node.op, operands, attrs, [b.graph for b in builders], node.name, kept_types, rb.after(node),
                          node.origin, hints)
    old: list[Value | None] = [None] * len(node.results)
    for k, i in enumerate(carry):
        old[i] = new.results[k]
    first = len(carry) + len(edit.extra_carry)
    for k, j in enumerate(stacks):
        old[n + j] = new.results[first + k]
    old[-1] = new.results[-1]
    if kept_types is not None:
        _keep_contents(node, old)
    return Edited(new, old, new.results[len(carry):first], new.results[first + len(stacks):-1])


def _keep_contents(node: Node, new: Sequence[Value | None]) -> None:
    for before, after in zip(node.results, new, strict=True):
        if after is not None:
            after.content = before.content


def _loop_region(rb: Rebuilder, edit: Edit, which: int, region: Graph, carry: list[int], rows: list[int],
                 captures: list[int], results: list[int] | None, n: int) -> Builder:
    params = region.params
    first = [params[0], *(params[i] for i in carry)]
    rest = [params[i] for i in (*rows, *captures)]

    def make_results() -> Sequence[Value]:
        if results is None:
            return [rb.builder.local(rb.value(region.results[0]))]
        carries, stacks = edit.leave(which)
        values = [rb.value(region.results[i]) for i in results]
        builder = rb.builder
        return [builder.local(v) for v in (*values[:n], *carries, *values[n:], *stacks)]

    extra = [(v.type, v.hint) for v in edit.extra_carry]
    if results is not None:
        extra += [(row_type(v.type), v.hint) for v in edit.extra_rows]
    # Added parameters stand behind the carries and behind the rows: build with all, then put them in order.
    builder = _region(rb, region, edit, which, [*first, *rest], extra, make_results)
    if extra:
        made = builder.graph.params
        old, new, m = made[:len(made) - len(extra)], made[len(made) - len(extra):], len(edit.extra_carry)
        k, r = len(first), len(first) + len(rows)
        builder.graph.params = [*old[:k], *new[:m], *old[k:r], *new[m:], *old[r:]]
        for i, value in enumerate(builder.graph.params):
            value.index = i
    return builder


def _finish(builders: Sequence[Builder]) -> list[Value]:
    """Append captures that were made on the way; their outer values."""
    outer = builders[-1].finish_captures(builders[:-1])
    for b in builders:
        b.graph.sealed = True
    return outer


def edit_if(rb: Rebuilder, node: Node, edit: Edit, keep: Sequence[int] | None = None) -> Edited:
    """A copy of an `if` with results dropped (`keep`) or added (`leave`'s second part)."""
    results, captures = kept(keep, len(node.results)), kept(edit.keep_captures, len(node.operands) - 1)
    builders = []
    for which, region in enumerate(node.regions):
        def make_results(region: Graph = region, which: int = which) -> Sequence[Value]:
            values = [rb.value(region.results[i]) for i in results]
            return [rb.builder.local(v) for v in (*values, *edit.leave(which)[1])]

        builders.append(_region(rb, region, edit, which, [region.params[i] for i in captures], (), make_results))
    outer = _finish(builders)
    operands = [rb.value(node.operands[0]), *(rb.value(node.operands[1 + i]) for i in captures), *outer]
    types = None if edit.types is None else [node.results[i].type for i in results]
    new = rb.builder.node(node.op, operands, node.attrs, [b.graph for b in builders], node.name, types,
                          rb.after(node), node.origin, [node.results[i].hint for i in results])
    old: list[Value | None] = [None] * len(node.results)
    for k, i in enumerate(results):
        old[i] = new.results[k]
    if types is not None:
        _keep_contents(node, old)
    return Edited(new, old, (), new.results[len(results):])
