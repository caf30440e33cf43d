"""Which sizes values bind and nodes mention. A symbol is bound where it first stands alone as a size or as a content.

What is mentioned must be bound: `first_unbound` finds a size that is not, and engines refuse such a program
(`require_bound`), since a size without a value would let native code read memory that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rnngraph import errors
from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.op import Content
from rnngraph.ir.sizes import Expr, Symbol, symbols
from rnngraph.ir.types import ListType, RefType, TensorType
from rnngraph.ir.walk import dims


def plain_content(content: Content) -> Content:
    """A content of which nothing is known is no content."""
    return None if content is None or all(d is None for d in content) else content


def standing(value: Value) -> list[Symbol]:
    """The symbols that stand alone as a size or an element of a value, in order: those that it can bind. A list binds its
    length, but no size of its elements, since it may have none."""
    t = value.type
    own = (t.length,) if isinstance(t, ListType) else dims(t)
    found = [d.symbol for d in (*own, *(value.content or ())) if isinstance(d, Expr)]
    return [s for s in found if s is not None]


def mentioned(value: Value) -> list[Symbol]:
    """Every symbol in a value's type and content, in order, with repetitions."""
    return [s for d in (*dims(value.type), *(value.content or ())) for s in symbols(d)]


def unbound(values: Iterable[Value], visible: set[Symbol]) -> dict[Symbol, bool]:
    """The symbols of these values that are not visible yet, in order, and whether each stands alone somewhere."""
    alone: set[Symbol] = set()
    found: list[Symbol] = []
    for value in values:
        alone.update(standing(value))
        found += [s for s in mentioned(value) if s not in visible]
    return {s: s in alone for s in dict.fromkeys(found)}


def _in_attr(value: Any) -> Iterator[Symbol]:
    if isinstance(value, Expr):
        yield from symbols(value)
    elif isinstance(value, (TensorType, ListType, RefType)):
        for d in dims(value):
            yield from symbols(d)
    elif isinstance(value, tuple):
        for each in value:
            yield from _in_attr(each)


def bound_inside(graph: Graph) -> set[Symbol]:
    """The sizes that a region binds, and the regions in it."""
    found = set(graph.binds)
    for node in graph.nodes:
        for region in node.regions:
            found |= bound_inside(region)
    return found


def visible(graph: Graph, sizes: Iterable[Symbol]) -> bool:
    """Whether sizes can be named in a region: whether it or a graph around it binds them."""
    hidden = set(sizes)
    at: Graph | None = graph
    while at is not None:
        hidden -= at.binds
        at = at.parent
    return not hidden


def named(node: Node) -> set[Symbol]:
    """The sizes that a node's attributes name."""
    return {s for value in node.attrs.values() for s in _in_attr(value)}


def binds(node: Node) -> set[Symbol]:
    """The sizes of its graph that only executing a node tells: those of its results that nothing it reads mentions."""
    if not node.graph.binds:
        return set()
    own = {s for v in node.results for s in mentioned(v)} & node.graph.binds
    return own - {s for v in node.operands for s in mentioned(v)} - named(node) if own else own


def names(node: Node) -> set[Symbol]:
    """The sizes that must have a value when a node has run: those of its attributes and results, and those of its
    regions that these do not bind themselves."""
    found = named(node)
    for value in node.results:
        found.update(mentioned(value))
    for region in node.regions:
        inside = {s for param in region.params for s in mentioned(param)}
        for inner in region.nodes:
            inside |= names(inner)
        found |= inside - region.binds
    return found


class Unbound(NamedTuple):
    """A size that is mentioned by a node (None: by the graph's parameters or results) and bound nowhere it can see."""

    symbol: Symbol
    node: Node | None


def first_unbound(graph: Graph) -> Unbound | None:
    """A size of a closed program that no visible parameter or node binds; None if there is none."""
    return next(_unbound_sizes(graph, set(), is_root=True), None)


def _unbound_sizes(graph: Graph, visible: set[Symbol], is_root: bool) -> Iterator[Unbound]:
    """`visible` grows by the sizes that this graph binds."""
    def bound(values: Iterable[Value], node: Node | None) -> Iterator[Unbound]:
        for symbol, alone in unbound(values, visible).items():
            # What a program's own parameters bind goes without saying; `binds` tells regions' sizes from outer ones.
            if alone and (symbol in graph.binds or (is_root and node is None)):
                visible.add(symbol)
            else:
                yield Unbound(symbol, node)
    yield from bound(graph.params, None)
    for node in graph.nodes:
        for symbol in named(node) - visible:
            yield Unbound(symbol, node)
        for region in node.regions:
            yield from _unbound_sizes(region, set(visible), is_root=False)
        yield from bound(node.results, node)


def require_bound(graph: Graph) -> None:
    """Raise InternalError, naming the op and its line, if a closed program mentions a size that nothing binds."""
    found = first_unbound(graph)
    if found is None:
        return
    message = (f"the size {found.symbol.hint!r} is used here, but nothing that the program keeps says what it is; "
               "please report it with the program")
    if found.node is None:
        raise errors.InternalError(None, None, f"parameters of {graph.name!r}: {message}")
    raise errors.at_node(errors.InternalError(None, found.node, message), found.node)
