"""Rules between a control node's operands, its regions' parameters and results, group by group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rnngraph.ir.graph import Node, Value
from rnngraph.ir.layout import Block, Slots, row_type
from rnngraph.ir.sizes import Dim, Expr, Symbol
from rnngraph.ir.type_rules import Mismatch, agree, compatible, contents_agree, match, show
from rnngraph.ir.types import ListType, TensorType, Type, bool_, int32

STEP = TensorType(int32, ())
PREDICATE = TensorType(bool_, ())


def check_inputs(node: Node, found: Slots, closed: bool) -> None:
    """Check what a loop, `if` or fused node hands to its regions. Raises Mismatch naming the slot and both types."""
    rules = _Rules(closed)
    for block in found.blocks:
        what = f"the {block.word} region" if block.word else "the region"
        rules.passed(f"capture %i of {what}", found.captures, block.captures)
    if node.op.name == "if":
        assert found.head is not None
        rules.scalar("the predicate", found.head, PREDICATE)
    elif node.op.name == "loop":
        _check_attributes(node, found)
        if found.head is not None:
            rules.scalar("the limit", found.head, STEP)
        for block in found.blocks:
            assert block.step is not None
            rules.scalar(f"the step number of the {block.word} region", block.step, STEP)
            rules.carried(f"carry %i of the {block.word} region", "the initial value", block, found.carry)
        for i, (outer, inner) in enumerate(zip(found.rows, found.blocks[-1].rows, strict=True)):
            rules.row(f"row {i}", row_type(outer.type), inner.type, found.blocks[-1].graph.binds)


def check_outputs(node: Node, found: Slots, closed: bool) -> None:
    """Check what a loop's regions yield; the type rules of the other ops say all. Raises Mismatch."""
    if node.op.name != "loop":
        return
    rules, body = _Rules(closed), found.blocks[-1]
    rules.carried("carry %i of the do region", "the body's new value", body, body.graph.results[:len(body.carry)])
    if len(found.blocks) > 1:
        results = found.blocks[0].graph.results
        if len(results) != 1:
            raise Mismatch(f"the while region must yield one bool, but yields {len(results)} values")
        rules.scalar("what the while region yields", results[0], PREDICATE)


def _check_attributes(node: Node, found: Slots) -> None:
    """Which forms of loop there are."""
    if node.attrs["reverse"] and (found.head is None or len(found.blocks) > 1):
        raise Mismatch("a reverse loop needs a limit and no while region")
    if found.head is None and len(found.blocks) == 1:
        raise Mismatch("a loop needs a limit or a while region, else it never ends")
    if node.attrs["parallel_iterations"] < 1:
        raise Mismatch(f"parallel_iterations must be at least 1, but is {node.attrs['parallel_iterations']}")


def _ranks_change(param: Type, value: Type) -> bool:
    """Whether a carry's rank is not known, and so may differ from step to step: for the host."""
    return isinstance(param, TensorType) and param.shape is None and isinstance(value, TensorType) and (
        param.dtype == value.dtype)


def _list_of(param: Type, value: Type) -> bool:
    """Whether a list is one that a parameter takes."""
    return isinstance(param, ListType) and agree(param, value, {}, ())


class _Rules:
    def __init__(self, closed: bool) -> None:
        self.closed = closed

    def scalar(self, what: str, value: Value, wanted: TensorType) -> None:
        """A scalar of that dtype; in open graphs the rank may be unknown."""
        if not (value.type == wanted or (not self.closed and compatible(value.type, wanted))):
            raise Mismatch(f"{what} must be {show(wanted)}, but is {show(value.type)}")

    def same_type(self, what: str, outer: Type, inner: Type) -> None:
        """The type handed in is the parameter's."""
        if not ((outer == inner or _list_of(inner, outer)) if self.closed else compatible(outer, inner)):
            raise Mismatch(f"{what}: the region takes {show(inner)}, but is given {show(outer)}")

    def row(self, what: str, outer: Type, inner: Type, binds: set[Symbol]) -> None:
        """One row of what is handed in; a size that the rows of a list do not share is bound by the parameter."""
        if isinstance(outer, TensorType) and isinstance(inner, TensorType) and outer.shape and inner.shape:
            pairs = zip(outer.shape, inner.shape, strict=False)
            outer = outer.with_shape(tuple(
                e if d is None and isinstance(e, Expr) and e.symbol in binds else d for d, e in pairs))
        self.same_type(what, outer, inner)

    def passed(self, what: str, outer: Sequence[Value], inner: Sequence[Value]) -> None:
        """Captures: the same type; the parameter knows no more than the value outside."""
        for i, (a, b) in enumerate(zip(outer, inner, strict=True)):
            name = what.replace("%i", str(i))
            self.same_type(name, a.type, b.type)
            if self.closed and not contents_agree(b.content, a.content, {}, ()):
                raise Mismatch(f"{name}: the region claims to know {b.content}, but outside {a.content} is known")

    def carried(self, what: str, source: str, block: Block, given: Iterable[Value]) -> None:
        """Carries: the parameter's type, where sizes bound by the region's parameters may change from step to step."""
        pairs = list(zip(block.carry, given, strict=True))
        mapping: dict[Symbol, Dim] = {}
        free = block.graph.binds
        for i, (param, value) in enumerate(pairs):
            if self.closed:
                fits = _ranks_change(param.type, value.type) or agree(param.type, value.type, mapping, free)
                if fits and param.content is not None and value.content is not None:
                    match(list(zip(param.content, value.content, strict=False)), mapping, free)
            else:
                fits = compatible(param.type, value.type)
            if not fits:
                raise Mismatch(f"{what.replace('%i', str(i))} has type {show(param.type)}, but {source} is "
                               f"{show(value.type)}; a size that changes must be bound by the region's parameter")
        for i, (param, value) in enumerate(pairs):
            if self.closed and not contents_agree(param.content, value.content, mapping, free):
                raise Mismatch(f"{what.replace('%i', str(i))} claims to hold {param.content}, but {source} holds "
                               f"{value.content}")
