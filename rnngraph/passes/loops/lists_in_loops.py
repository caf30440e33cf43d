"""lists_in_loops: lists that a loop reads or writes once a step, in order, as rows and stacks.

    captures(%L=%l) ... %x = list_read %L, %t                rows(%x=%rows)           (%l holds %rows)
    captures(%C=%c) ... %g = list_get %C, %t, %like          rows(%g=%rows)           (%c = list_from of %rows)
    carry(%a=%new) ... %b = list_write %a, %t, %v            yield stacks(%v)
        yield carry(%b)                                      %final = list_unstack %new, %stack      outside
    carry(%a=%c0) ... %s = list_single %l, %t, %g            yield stacks(%g)
        %b = list_sum %a, %s; yield carry(%b)                %final = list_sum %c0, list_from(%c0, %stack)

where %t is the step number, or n - 1 - %t: the order of rows in a reverse loop, rows read backwards in another.
`list_rules` then makes tensors of what is left outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnngraph.ir.graph import Graph, Node, Value, call
from rnngraph.ir.layout import LoopParts, parts
from rnngraph.ir.sizes import symbols
from rnngraph.ir.types import ListType, TensorType
from rnngraph.ir.walk import Rebuilder
from rnngraph.passes.loops.idle_slots import steps
from rnngraph.passes.loops.induction import Position, flipped, of_step
from rnngraph.passes.loops.list_facts import LIKE, cotangent_rows, grows, length_of, made_by, readable, rows_of, takes
from rnngraph.passes.loops.loop_pass import LoopPass
from rnngraph.passes.tools.region_edits import Edit
from rnngraph.passes.tools.value_facts import fixed, is_op, size_of

FORWARD = Position(1, 0)


class Read(NamedTuple):
    """A node of the body that reads a row of an outer tensor; from the other end if `flip`."""

    node: Node
    rows: Value
    flip: bool


class Write(NamedTuple):
    """A list, or a list of cotangents, that is carried and written once a step."""

    carry: int
    value: Value
    flip: bool
    cotangent: bool


def order(index: Value, node: Node) -> bool | None:
    """False if an index is the row that the loop meets at this step, True if it is that row from the other end."""
    p = parts(node)
    position = of_step(index, p.body.params[0])
    if position is None:
        return None
    if not node.attrs["reverse"] and position == FORWARD:
        return False
    length = steps(p)
    back = flipped(FORWARD, length)
    if back is None or position not in (FORWARD, back):
        return None
    return (position == FORWARD) == bool(node.attrs["reverse"])


class _Lists(LoopPass):
    name = "lists_in_loops"

    def loop(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """A loop with rows and stacks for lists."""
        p = parts(node)
        reads = self.reads(node, p)
        writes = [w for i in range(len(p.carry)) if (w := self.written(node, p, i) or self.gathered(node, p, i))]
        if not reads and not writes:
            return None
        with self.at(rb, node):
            rows = [_ordered(rb.value(r.rows), r.flip) for r in reads]
        gone = [w.carry for w in writes]

        def enter(which: int, params: Sequence[Value]) -> None:
            region = node.regions[which]
            for i in gone:
                rb.values[p.params(region).carry[i]] = rb.value(p.carry[i])
            if region is p.body:
                for read, row in zip(reads, params, strict=True):
                    self.instead[read.node] = lambda row=row: [row]  # type: ignore[misc]

        def leave(which: int) -> tuple[Sequence[Value], Sequence[Value]]:
            return (), [rb.builder.local(rb.value(w.value)) for w in writes] if node.regions[which] is p.body else []

        done = self.edit(rb, node, Edit(keep_carry=[i for i in range(len(p.carry)) if i not in gone], extra_rows=rows,
                                        enter=enter, leave=leave))
        with self.at(rb, node):
            for w, stack in zip(writes, done.stacks, strict=True):
                done.old[w.carry] = self.final(rb, p, w, _ordered(stack, w.flip))
        return [v for v in done.old if v is not None]

    def final(self, rb: Rebuilder, p: LoopParts, write: Write, stack: Value) -> Value:
        """The list after the loop."""
        start = rb.value(p.carry[write.carry])
        if not write.cotangent:
            return call("list_unstack", start, stack)
        return call("list_sum", start, call("list_from", start, stack))

    # --- reading --------------------------------------------------------------------------------------------------

    def reads(self, node: Node, p: LoopParts) -> list[Read]:
        """Reads of captured lists, one row a step."""
        found = []
        for inner in p.body.nodes:
            if inner.op.name in ("list_read", "list_get") and inner.operands[0] in p.body_captures:
                outer = p.captures[p.body_captures.index(inner.operands[0])]
                flip = order(inner.operands[1], node)
                rows = None if flip is None else self.source(inner, outer)
                if flip is not None and rows is not None and self.covered(p, rows, flip):
                    found.append(Read(inner, rows, flip))
        return found

    def source(self, inner: Node, outer: Value) -> Value | None:
        """The tensor whose rows a list holds, if reading them one by one cannot fail."""
        if inner.op.name == "list_get":
            rows = cotangent_rows(outer)
            like = inner.operands[2].type
            fits = rows is not None and isinstance(like, TensorType) and isinstance(rows.type, TensorType) \
                and like.rank in (None, (rows.tensor.rank or 0) - 1)
            return rows if fits else None
        known = rows_of(outer, self.uses)
        return known[0] if known is not None and readable(outer, known[1], self.uses) else None

    def covered(self, p: LoopParts, rows: Value, flip: bool) -> bool:
        """Whether there is a row for every step; read from the end, not one more."""
        if p.limit is None or not fixed(rows):
            return False
        length, limit = rows.shape[0], size_of(p.limit)
        if isinstance(length, int) and isinstance(limit, int) and not flip:
            return limit <= length
        return length == limit or length == steps(p)

    # --- writing --------------------------------------------------------------------------------------------------

    def written(self, node: Node, p: LoopParts, i: int) -> Write | None:
        """A carried TensorArray that is written once a step, each index once, and read nowhere in the loop."""
        result, param, new = p.body.results[i], p.body_carry[i], made_by(p.carry[i])
        write = result.node
        if new is None or write is None or not is_op(result, "list_write") or write.operands[0] is not param:
            return None
        index, value = write.operands[1:]
        flip = order(index, node)
        if flip is None or not self.alone(p, i, write) or not isinstance(value.type, TensorType):
            return None
        length = steps(p)
        whole = length is not None and length == length_of(new)
        if not (whole or (grows(new) and not flip and not node.attrs["reverse"])) or not takes(new, value.type):
            return None
        return Write(i, value, flip, False) if _fits_stack(p, value) else None

    def alone(self, p: LoopParts, i: int, write: Node) -> bool:
        """Whether nothing else sees the list in the loop, nor sees it outside as it was before."""
        inside = self.uses.all(p.body_carry[i]) + self.uses.all(write.results[0])
        if p.cond is not None:
            inside += self.uses.all(p.params(p.cond).carry[i])
        if any(u.node is not write and u != (None, i, p.body) for u in inside):
            return False
        outside = self.uses.all(p.carry[i])
        return sum(u.node is None or LIKE.get(u.node.op.name) != u.place for u in outside) == 1

    def gathered(self, node: Node, p: LoopParts, i: int) -> Write | None:
        """A carried cotangent list to which one element is added a step."""
        param = p.body_carry[i]
        if not isinstance(param.type, ListType) or not is_op(p.body.results[i], "list_sum"):
            return None
        terms = _terms(p.body.results[i], param)
        single = next((t for t in terms if t is not param), None)
        if len(terms) != 2 or param not in terms or single is None or single.node is None:
            return None
        if not is_op(single, "list_single") or len(self.uses.all(param)) != 1:
            return None
        index, value = single.node.operands[1:]
        flip = order(index, node)
        readers = self.uses.all(p.body.results[i])
        if flip is None or len(readers) != 1 or (p.cond is not None and (flip or node.attrs["reverse"])):
            return None
        return Write(i, value, flip, True) if _fits_stack(p, value) else None


def _terms(value: Value, param: Value) -> list[Value]:
    if value is not param and value.node is not None and is_op(value, "list_sum"):
        return [t for v in value.node.operands for t in _terms(v, param)]
    return [value]


def _fits_stack(p: LoopParts, value: Value) -> bool:
    """Whether rows of this value make a dense stack: no size of it is decided in the loop."""
    if not isinstance(value.type, TensorType) or value.type.shape is None:
        return False
    bound = p.body.binds
    return all(d is not None and not any(s in bound for s in symbols(d)) for d in value.type.shape)


def _ordered(rows: Value, flip: bool) -> Value:
    return call("reverse", rows, axes=(0,)) if flip else rows


def lists_in_loops(graph: Graph) -> Graph:
    """`graph` with rows and stacks for the lists that loops read and write in order."""
    return _Lists().run(graph)
