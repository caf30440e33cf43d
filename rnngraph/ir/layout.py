"""Where the slots of a control node lie: the one place that decodes `loop`, `if` and `fused`.

    loop     operands [limit] carry... rows... captures...    while (t, carry..., captures...) -> bool
             results  carry... stacks... trips                do (t, carry..., rows..., captures...) -> carry...
                                                              stacks...
    if       operands pred captures...                        then, else (captures...) -> results...
    fused    operands captures...                             block (captures...) -> results...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from rnngraph.ir.binders import plain_content
from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.op import Content
from rnngraph.ir.types import ListType, TensorType, Type

Group = tuple[str, tuple[Value, ...]]
T = TypeVar("T")


class Counts(NamedTuple):
    """How many operands of a control node are its head (the limit or the predicate), its carries and its rows; the others
    are captures."""

    head: int
    carry: int
    rows: int

    @property
    def captures(self) -> int:
        """The first operand that is captured."""
        return sum(self)

    def groups(self, operands: Sequence[T]) -> tuple[Sequence[T], Sequence[T], Sequence[T], Sequence[T]]:
        """Head, carries, rows and captures of a node's operands, or of what they are in a run."""
        rows = self.head + self.carry
        return operands[:self.head], operands[self.head:rows], operands[rows:self.captures], operands[self.captures:]


def counts(node: Node) -> Counts:
    """How a control node's operands are grouped; of another node all are captures."""
    if node.op.name == "loop":
        return Counts(int(node.attrs["limited"]), node.attrs["carry"], node.attrs["rows"])
    return Counts(int(node.op.name == "if"), 0, 0)


class Params(NamedTuple):
    """The parameters of one of a loop's regions by group."""

    step: Value
    carry: tuple[Value, ...]
    rows: tuple[Value, ...]
    captures: tuple[Value, ...]


class LoopParts(NamedTuple):
    """A loop's operands, the parameters of its body, and its results by group; `cond` is None without a while region."""

    limit: Value | None
    carry: tuple[Value, ...]
    rows: tuple[Value, ...]
    captures: tuple[Value, ...]
    cond: Graph | None
    body: Graph
    body_carry: tuple[Value, ...]
    body_rows: tuple[Value, ...]
    body_captures: tuple[Value, ...]
    final: tuple[Value, ...]
    stacks: tuple[Value, ...]
    trips: Value

    def params(self, region: Graph) -> Params:
        """The parameters of one of the regions; only the body has rows."""
        found, n = tuple(region.params), 1 + len(self.carry)
        m = n + len(self.rows) if region is self.body else n
        return Params(found[0], found[1:n], found[n:m], found[m:])


def parts(node: Node) -> LoopParts:
    """The groups of a loop node that is well formed."""
    count, regions, body = counts(node), node.regions, node.regions[-1]
    head, carry, rows, captures = map(tuple, count.groups(node.operands))
    params = tuple(body.params)
    n, m = 1 + count.carry, 1 + count.carry + count.rows
    return LoopParts(
        limit=head[0] if head else None, carry=carry, rows=rows, captures=captures,
        cond=regions[0] if len(regions) == 2 else None, body=body,
        body_carry=params[1:n], body_rows=params[n:m], body_captures=params[m:],
        final=node.results[:n - 1], stacks=node.results[n - 1:-1], trips=node.results[-1])


class LayoutError(ValueError):
    """The numbers of operands, parameters and results of a control node do not fit together."""


@dataclass(frozen=True)
class Block:
    """A region: the word in front of it, its parameters by group, and what it yields by group."""

    word: str
    graph: Graph
    step: Value | None
    carry: tuple[Value, ...]
    rows: tuple[Value, ...]
    captures: tuple[Value, ...]
    yields: tuple[Group, ...]


@dataclass(frozen=True)
class Slots:
    """A control node's operands by group (`head` is the limit or the predicate), and its regions."""

    head: Value | None
    carry: tuple[Value, ...]
    rows: tuple[Value, ...]
    captures: tuple[Value, ...]
    blocks: tuple[Block, ...]


def slots(node: Node) -> Slots | None:
    """The slots of a loop, `if` or fused node; None for other ops. Raises LayoutError if the counts do not fit."""
    make = {"loop": _loop, "if": _if, "fused": _fused}.get(node.op.name)
    return make(node) if make else None


def row_type(t: Type) -> Type:
    """The type of one row of a value that is read row by row. Raises LayoutError for scalars and references."""
    if isinstance(t, ListType):
        return t.element
    if not isinstance(t, TensorType) or t.shape == ():
        raise LayoutError("a value read row by row must be a list or a tensor with at least one axis")
    return t.with_shape(None if t.shape is None else t.shape[1:])


def inherited(group: str, outer: Value) -> tuple[Type, Content]:
    """The type and content of a region's parameter of this group that the outer value says. Raises LayoutError for what
    has no rows. Only a capture knows what the outer value knows: rows and carries change from step to step."""
    if group == "rows":
        return row_type(outer.type), None
    return outer.type, plain_content(outer.content) if group == "captures" else None


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise LayoutError(message)


def _loop(node: Node) -> Slots:
    first, n, m = counts(node)
    operands = node.operands
    spare = len(operands) - counts(node).captures
    _require(spare >= 0, f"a loop with {n} carries and {m} rows needs at least {first + n + m} operands, "
                         f"but has {len(operands)}")
    _require(len(node.regions) in (1, 2), f"a loop has one region or two, but this one has {len(node.regions)}")
    *conds, body = node.regions
    _require(len(body.params) == 1 + n + m + spare,
             f"the loop's body must take {1 + n + m + spare} parameters (t, {n} carries, {m} rows, {spare} captures), "
             f"but takes {len(body.params)}")
    _require(len(body.results) >= n,
             f"the loop's body must yield its {n} carries, but yields {len(body.results)} values")
    _require(len(node.results) == len(body.results) + 1,
             f"the loop must have {len(body.results) + 1} results (carries, stacks, trips), not {len(node.results)}")
    p, blocks = parts(node), []
    for cond in conds:
        _require(len(cond.params) == 1 + n + spare,
                 f"the loop's while region must take {1 + n + spare} parameters (t, {n} carries, {spare} captures), "
                 f"but takes {len(cond.params)}")
        blocks.append(Block("while", cond, *p.params(cond), (("", cond.results),)))
    blocks.append(Block("do", body, *p.params(body), (("carry", body.results[:n]), ("stacks", body.results[n:]))))
    return Slots(p.limit, p.carry, p.rows, p.captures, tuple(blocks))


def _if(node: Node) -> Slots:
    _require(len(node.operands) >= 1, "an `if` needs a predicate")
    _require(len(node.regions) == 2, f"an `if` has two regions, but this one has {len(node.regions)}")
    captures = node.operands[1:]
    return Slots(node.operands[0], (), (), captures,
                 tuple(_branch(word, region, captures, node) for word, region in zip(("then", "else"), node.regions,
                                                                                     strict=True)))


def _fused(node: Node) -> Slots:
    _require(len(node.regions) == 1, f"a fused node has one region, but this one has {len(node.regions)}")
    return Slots(None, (), (), node.operands, (_branch("", node.regions[0], node.operands, node),))


def _branch(word: str, region: Graph, captures: tuple[Value, ...], node: Node) -> Block:
    what = f"the {word} region of the {node.op.name!r} node" if word else "the region of the fused node"
    _require(len(region.params) == len(captures),
             f"{what} must take {len(captures)} captures, but takes {len(region.params)} parameters")
    _require(len(region.results) == len(node.results),
             f"{what} must yield {len(node.results)} values, but yields {len(region.results)}")
    return Block(word, region, None, (), (), tuple(region.params), (("", region.results),))
