"""What passes know about values of a closed graph: constants, values that are one number all over, cheap values."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from rnngraph.ir.binders import named
from rnngraph.ir.graph import Array, Builder, Node, Value
from rnngraph.ir.kinds import Movement
from rnngraph.ir.op import OpDef
from rnngraph.ir.sizes import Dim, Symbol
from rnngraph.ir.types import ListType, TensorType
from rnngraph.ir.walk import type_symbols

SMALL = 16
"""Constants of at most this many elements are computed with, and copied, freely."""


def array_of(value: Value) -> Any:
    """The array of a value made by a `constant` of its graph; None for any other."""
    node = value.node
    if node is None or node.op.name != "constant":
        return None
    found = node.attrs["value"]
    return found.array if isinstance(found, Array) else found


def uniform(value: Value) -> Any:
    """The one number that every element of a value is, as a NumPy scalar; None if that is not known.

    Where a shape is computed, computing it may fail: that must not be lost.
    """
    node: Node | None = value.node
    while node is not None and isinstance(node.op.kind, Movement) and fixed(value):
        value = node.operands[0]
        node = value.node
    array = array_of(value)
    if array is None or array.size == 0 or array.dtype.kind in "OSU":
        return None
    first = array.flat[0]
    return first if array.size == 1 or bool((array == first).all()) else None


def is_uniform(value: Value, number: float) -> bool:
    """Whether every element is provably this number."""
    found = uniform(value)
    return found is not None and bool(found == number)


def size_of(value: Value) -> Dim:
    """The size that an integer scalar is, None if it has no name."""
    if value.content is not None and len(value.content) == 1:
        return value.content[0]
    return None


def cheap(value: Value) -> bool:
    """Whether a value is better made again than handed in: small constants, sizes, numbers spread, positions,
    lists of cotangents without elements."""
    node = value.node
    if node is None:
        return False
    if node.op.name == "constant":
        return bool(array_of(value).size <= SMALL)
    if node.op.name == "list_zeros_like":
        new = node.operands[0].node
        return new is not None and new.op.name == "list_new" and not new.attrs["dynamic"] and cheap(new.operands[0])
    return node.op.name == "sizes" or (node.op.name in ("broadcast", "iota") and all(map(cheap, node.operands)))


def sizes_of_clone(value: Value) -> set[Symbol]:
    """The sizes that making a `cheap` value again names."""
    node = value.node
    assert node is not None
    found = type_symbols(value.type) | named(node)
    return found.union(*map(sizes_of_clone, node.operands))


def lists_in(node: Node) -> bool:
    """Whether a node reads or makes lists, whose marks make each execution count."""
    return any(isinstance(v.type, ListType) for v in (*node.operands, *node.results))


def plain(node: Node) -> bool:
    """Whether a node only computes: no effects, no failing, no regions, no lists."""
    return node.op.effects == "pure" and not node.op.fails and not node.regions and not lists_in(node)


def clone(builder: Builder, value: Value) -> Value:
    """A `cheap` value made again by `builder`."""
    node = value.node
    assert node is not None
    operands = [clone(builder, v) for v in node.operands]
    made = builder.node(node.op, operands, node.attrs, (), node.name, [v.type for v in node.results], (), node.origin,
                        [v.hint for v in node.results])
    made.results[0].content = value.content
    return made.results[0]


def attributes(node: Node) -> tuple[Hashable, ...]:
    """A node's attributes as a key: those of nodes of one op are equal only if they print the same."""
    return tuple(map(_key, node.attrs.values()))


def _key(value: Any) -> Hashable:
    if isinstance(value, (tuple, list)):
        return tuple(map(_key, value))
    return (type(value).__name__, repr(value)) if isinstance(value, (float, int)) else value


def fixed(value: Value) -> bool:
    """Whether a tensor's rank and sizes all have names."""
    return isinstance(value.type, TensorType) and value.type.shape is not None and None not in value.type.shape


def is_op(value: Value, op: str) -> bool:
    """Whether a node of that op makes the value."""
    return value.node is not None and value.node.op.name == op


def pure(op: OpDef) -> bool:
    """Whether executing the op can be noticed by its results only."""
    return op.effects == "pure" and not op.fails
