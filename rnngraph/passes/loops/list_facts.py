"""What is known about a list: where it was made, which rows it holds, who reads it.

    %l = list_new %n; %m = list_unstack %l, %x       %m holds the rows of %x       (forward: marks, write once)
    %c = list_from %l, %g                            %c holds the rows of %g       (cotangent: no marks)
"""

from __future__ import annotations

from rnngraph.ir.graph import Node, Value
from rnngraph.ir.sizes import Dim
from rnngraph.ir.types import TensorType
from rnngraph.passes.loops.induction import Position, of_row
from rnngraph.passes.tools.readers import Use, Uses
from rnngraph.passes.tools.value_facts import is_op, size_of

LIKE = {"list_zeros_like": 0, "list_single": 0, "list_from": 0, "list_place": 0}
"""Ops that look at the length of a list only, and the operand that it is."""


def operand(value: Value, op: str, index: int) -> Value | None:
    """Operand `index` of the node of that op that makes the value."""
    return value.node.operands[index] if value.node is not None and is_op(value, op) else None


def made_by(value: Value) -> Node | None:
    """The `list_new` that makes the value; None for any other."""
    return value.node if is_op(value, "list_new") else None


def length_of(new: Node) -> Dim:
    """The size that a list is made with, if it cannot grow and the size has a name."""
    return None if new.attrs["dynamic"] else size_of(new.operands[0])


def grows(new: Node) -> bool:
    """Whether a list is made empty and grows as it is written."""
    return bool(new.attrs["dynamic"]) and size_of(new.operands[0]) == 0


def takes(new: Node, row: TensorType) -> bool:
    """Whether rows of that type are provably of the shape that the list asks for."""
    wanted = new.attrs["element"]
    if not isinstance(wanted, TensorType) or wanted.dtype != row.dtype:
        return False
    if wanted.shape is None or all(d is None for d in wanted.shape) and row.rank == len(wanted.shape):
        return True
    return row.shape is not None and len(row.shape) == len(wanted.shape) and all(
        not isinstance(w, int) or w == d for w, d in zip(wanted.shape, row.shape, strict=True))


def _only_writer(new: Node, writer: Node, uses: Uses) -> bool:
    """Whether nothing but `writer` and ops that ask for the length see the list as it was made."""
    return all(is_like(u) or u.node is writer for u in uses.all(new.results[0]))


def is_like(use: Use) -> bool:
    """Whether a use looks at the length of a list only."""
    return use.node is not None and LIKE.get(use.node.op.name) == use.place


def rows_of(value: Value, uses: Uses) -> tuple[Value, Node] | None:
    """The tensor whose rows, in order, are all elements of a list, and the `list_new` behind it.

    Reading an element cannot fail then, unless it was read before (`readable` says whether it may have been).
    """
    node = value.node
    if node is None or node.op.name not in ("list_unstack", "list_scatter"):
        return None
    new, x = made_by(node.operands[0]), node.operands[-1]
    if new is None or not isinstance(x.type, TensorType) or not x.type.shape or not _only_writer(new, node, uses):
        return None
    if node.op.name == "list_scatter" and of_row(node.operands[1]) != Position(1, 0):
        return None
    if node.op.name == "list_scatter" and node.operands[1].tensor.shape != x.type.shape[:1]:
        return None
    fits = length_of(new) == x.type.shape[0] or grows(new)
    row = x.type.with_shape(x.type.shape[1:])
    return (x, new) if fits and x.type.shape[0] is not None and takes(new, row) else None


def readable(value: Value, new: Node, uses: Uses) -> bool:
    """Whether each element may be read now: nothing else writes, and if reading clears, nothing else reads."""
    reads = [u for u in uses.all(value) if not is_like(u) and (u.node is None or u.node.op.name != "list_size")]
    if any(u.node is None or u.node.op.name not in ("list_read", "list_stack", "list_gather") for u in reads):
        return False
    return not new.attrs["clear"] or len(reads) <= 1


def cotangent_rows(value: Value) -> Value | None:
    """The tensor whose rows, in order, a cotangent list was made of."""
    return operand(value, "list_from", 1)
