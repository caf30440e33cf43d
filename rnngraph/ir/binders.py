"""Which sizes a group of values binds: a symbol is bound where it first stands alone as a size or as a content."""

from __future__ import annotations

from collections.abc import Iterable

from rnngraph.ir.graph import Value
from rnngraph.ir.op import Content
from rnngraph.ir.sizes import Expr, Symbol, symbols
from rnngraph.ir.walk import dims


def plain_content(content: Content) -> Content:
    """A content of which nothing is known is no content."""
    return None if content is None or all(d is None for d in content) else content


def standing(value: Value) -> list[Symbol]:
    """The symbols that stand alone as a size or an element of a value, in order: those that it can bind."""
    found = [d.symbol for d in (*dims(value.type), *(value.content or ())) if isinstance(d, Expr)]
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
