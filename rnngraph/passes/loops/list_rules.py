"""list_rules: lists outside loops that are tensors.

    %m = list_unstack %l, %x; %y = list_stack %m         ->  %x
    %c = list_from %l, %g;    %y = list_rows %c, %like   ->  %g
    %c = list_zeros_like %l;  %s = list_sum %c, %d       ->  %d        ;  list_rows of %c  ->  zeros
    list_sum of two list_from                            ->  list_from of the sum
    list_zeros_like of a list that was written           ->  of the list as it was made, so that writing may go
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnngraph.ir.binders import visible
from rnngraph.ir.graph import Graph, Node, Value, call, constant
from rnngraph.ir.layout import parts
from rnngraph.ir.sizes import symbols
from rnngraph.ir.types import ListType, TensorType, int32
from rnngraph.ir.walk import Rebuilder
from rnngraph.passes.loops.induction import Position, number, of_row
from rnngraph.passes.loops.list_facts import LIKE, cotangent_rows, operand, readable, rows_of
from rnngraph.passes.loops.loop_pass import LoopPass
from rnngraph.passes.tools.readers import source
from rnngraph.passes.tools.value_facts import fixed, is_op, size_of

WRITING = ("list_write", "list_unstack", "list_scatter")
"""Ops that give a list of the length of operand 0, if that cannot grow."""


def origin_of(value: Value, owners: Mapping[Graph, Node]) -> Value | None:
    """The list as it was made, of the same length as `value`, in whatever region; None if that is not known."""
    at: Value | None = value
    while at is not None:
        node = at.node
        if node is None:
            at = source(at, owners)
        elif node.op.name == "list_new":
            return None if node.attrs["dynamic"] else at
        elif node.op.name == "loop":
            at = _start(node, at)
        else:
            at = node.operands[0] if node.op.name in WRITING + tuple(LIKE) else None
    return None


def _start(node: Node, final: Value) -> Value | None:
    """The start of a carried list that keeps its length."""
    p = parts(node)
    if final.index >= len(p.carry):
        return None
    at, param = p.body.results[final.index], p.body_carry[final.index]
    while at is not param and at.node is not None and at.node.op.name in WRITING:
        at = at.node.operands[0]
    return p.carry[final.index] if at is param else None


class _ListRules(LoopPass):
    name = "list_rules"

    def loop(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """Loops are copied."""
        return None

    def other(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """What a list op outside lists means."""
        rule = RULES.get(node.op.name)
        made = None
        if rule is not None:
            with self.at(rb, node):
                made = rule(self, rb, node)
        if made is None and node.op.name in LIKE:
            made = self.like(rb, node)
        if made is not None:
            self.changed = True
            return [made]
        return None

    def like(self, rb: Rebuilder, node: Node) -> Value | None:
        """The same op, asking the list as it was made for its length."""
        i = LIKE[node.op.name]
        old = node.operands[i]
        new = origin_of(old, self.uses.owners)
        if new is None or new is old or new.node is None:
            return None
        if new.graph is node.graph:
            made = rb.value(new)
        else:
            size = size_of(new.node.operands[0])
            if old.node is not None or size is None or not visible(node.graph, symbols(size)):
                return None
            with self.at(rb, node):
                made = call("list_new", number(size, int32), **new.node.attrs)
        return rb.copy(node, [made if k == i else rb.value(v) for k, v in enumerate(node.operands)]).results[0]

    def stack(self, rb: Rebuilder, node: Node) -> Value | None:
        """All elements of a list of known rows."""
        source = node.operands[0]
        found = rows_of(source, self.uses)
        if found is None or not readable(source, found[1], self.uses):
            return None
        if node.op.name == "list_gather":
            indices = node.operands[1]
            if of_row(indices) != Position(1, 0) or indices.shape[0] != found[0].shape[0]:
                return None
        return rb.value(found[0])

    def rows(self, rb: Rebuilder, node: Node) -> Value | None:
        """The rows of a cotangent list."""
        source, like = node.operands[0], node.operands[-1]
        if node.op.name == "list_pick":
            indices = node.operands[1]
            if of_row(indices) != Position(1, 0) or indices.tensor.shape != (like.tensor.shape or ())[:1]:
                return None
        if is_op(source, "list_zeros_like"):
            return _zeros(like)
        held = cotangent_rows(source)
        if held is None or not fixed(held) or held.shape[:1] != (like.tensor.shape or ())[:1]:
            return None
        return rb.value(held)

    def place(self, rb: Rebuilder, node: Node) -> Value | None:
        """Rows placed at 0, 1, ..."""
        like, indices, rows = node.operands
        if of_row(indices) != Position(1, 0) or indices.tensor.shape != (rows.tensor.shape or ())[:1]:
            return None
        return call("list_from", rb.value(like), rb.value(rows))

    def get(self, rb: Rebuilder, node: Node) -> Value | None:
        """An element of a cotangent list without elements."""
        return _zeros(node.operands[2]) if is_op(node.operands[0], "list_zeros_like") else None

    def total(self, rb: Rebuilder, node: Node) -> Value | None:
        """A sum with a list without elements; of two lists of rows."""
        a, b = node.operands
        for x, y in ((a, b), (b, a)):
            if is_op(x, "list_zeros_like"):
                return rb.value(y)
        first, second = cotangent_rows(a), cotangent_rows(b)
        if first is not None and second is not None and first.type == second.type and fixed(first):
            like = operand(a, "list_from", 0)
            assert like is not None
            return call("list_from", rb.value(like), call("add", rb.value(first), rb.value(second)))
        return None


def _zeros(like: Value) -> Value | None:
    t = like.type
    if not isinstance(t, TensorType) or not fixed(like) or isinstance(t, ListType):
        return None
    zero = constant(0, t.dtype.numpy)
    return call("broadcast", zero, call("sizes", dims=t.shape)) if t.shape else zero


RULES = {"list_stack": _ListRules.stack, "list_gather": _ListRules.stack, "list_rows": _ListRules.rows,
         "list_pick": _ListRules.rows, "list_sum": _ListRules.total, "list_get": _ListRules.get,
         "list_place": _ListRules.place}


def list_rules(graph: Graph) -> Graph:
    """`graph` with lists of known rows as tensors, where no loop is between."""
    while True:
        before, graph = graph, _ListRules().run(graph)
        if graph is before:
            return graph
