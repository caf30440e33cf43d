"""Sizes that turned out to be others: what every pass that writes one size by another keeps.

    become(n, m)     n -> m                    become(m, k)     n -> m -> k          become(k, n)     nothing: both are k

As in a union-find, each symbol that was written otherwise points to what it is, and whoever asks follows the pointers to
sizes that stay and shortens the way. So a fact holds at once everywhere, and no two sizes are written in each other.
"""

from __future__ import annotations

from collections.abc import Iterable

from rnngraph.ir.graph import Value
from rnngraph.ir.op import Content
from rnngraph.ir.sizes import Dim, Expr, Symbol, substitute, symbols
from rnngraph.ir.types import Type
from rnngraph.ir.walk import map_dims


class EqualSizes:
    """What became of symbols that did not stay."""

    def __init__(self) -> None:
        self._known: dict[Symbol, Dim] = {}
        self._written: dict[Dim, Dim] = {}
        """What `current` found since the last symbol went: most sizes of a program are a few."""

    def __bool__(self) -> bool:
        return bool(self._known)

    def become(self, symbol: Symbol, dim: Dim) -> None:
        """Note that a symbol is `dim`. Nothing is noted if it is that already, by what is known."""
        dim = self.current(dim)
        if symbol not in symbols(dim):
            self._known[symbol] = dim
            self._written.clear()

    def pairs(self, binds: set[Symbol], old: Iterable[Dim], new: Iterable[Dim]) -> None:
        """Note what the symbols of `binds` that stand alone among `old` sizes became, side by side with `new` ones."""
        for d, e in zip(old, new, strict=True):
            symbol = d.symbol if isinstance(d, Expr) else None
            if symbol is not None and symbol in binds and e is not None:
                self.become(symbol, e)

    def current(self, dim: Dim) -> Dim:
        """A size in sizes that stay."""
        if not isinstance(dim, Expr) or not self._known:
            return dim
        if dim not in self._written:
            gone = any(s in self._known for s in symbols(dim))
            self._written[dim] = substitute(dim, {s: self._found(s) for s in symbols(dim)}) if gone else dim
        return self._written[dim]

    def _found(self, symbol: Symbol) -> Dim:
        passed = []
        dim: Dim = symbol.dim
        while isinstance(dim, Expr) and dim.symbol in self._known:
            passed.append(dim.symbol)
            dim = self._known[dim.symbol]
        dim = self.current(dim)
        self._known.update(dict.fromkeys(passed, dim))
        return dim

    def found(self) -> dict[Symbol, Dim]:
        """What became of each symbol that did not stay, in sizes that do."""
        return {s: self._found(s) for s in self._known}

    def type(self, t: Type) -> Type:
        """A type in sizes that stay."""
        return map_dims(t, self.current) if self._known else t

    def content(self, content: Content) -> Content:
        """A content in sizes that stay."""
        return content if content is None else tuple(map(self.current, content))

    def write(self, value: Value) -> Value:
        """The value, whose type and content are written in sizes that stay."""
        if self._known:
            value.type, value.content = self.type(value.type), self.content(value.content)
        return value
