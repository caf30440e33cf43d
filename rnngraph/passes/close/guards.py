"""What the first feeds decide about sizes: equalities that rewrite symbols, and guards that later feeds must keep.

Equal sizes are found as in a union-find: each symbol that was written by others points to them, and whoever asks follows
the pointers to sizes that stay and shortens the way. So a fact holds at once everywhere, and nothing is typed again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rnngraph.ir.graph import Value
from rnngraph.ir.op import Content
from rnngraph.ir.sizes import Dim, Expr, Symbol, evaluate, sub, substitute, symbols
from rnngraph.ir.types import Type
from rnngraph.ir.walk import map_dims

RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq, "!=": operator.ne, ">=": operator.ge, "<": operator.lt}


class Guard(NamedTuple):
    """A condition on the feeds' sizes: `left relation right`, with relation one of "==", "!=", ">=", "<"."""

    relation: str
    left: Dim
    right: Dim

    def holds(self, values: Mapping[Symbol, int]) -> bool:
        """Whether the guard holds for these sizes; not if they make one of its sides undefined (a division by 0)."""
        try:
            return RELATIONS[self.relation](evaluate(self.left, values), evaluate(self.right, values))
        except ValueError:
            return False


class Conflict(Exception):
    """The first feeds' sizes make this node fail."""


@dataclass
class Facts:
    """What the first feeds decided about the parameters' sizes."""

    samples: Mapping[Symbol, int]
    guards: dict[Guard, None] = field(default_factory=dict)
    """In the order in which they were learned."""
    _known: dict[Symbol, Dim] = field(default_factory=dict)

    def value(self, dim: Dim) -> int | None:
        """The size in the first feeds; None if it is bound inside the graph, or undefined (a division by 0)."""
        if dim is None or any(s not in self.samples for s in symbols(dim)):
            return None
        try:
            return evaluate(dim, self.samples)
        except ValueError:
            return None

    def current(self, dim: Dim) -> Dim:
        """A size in sizes that stay."""
        if isinstance(dim, int) or not self._known or not any(s in self._known for s in symbols(dim)):
            return dim
        return substitute(dim, {s: self._found(s) for s in symbols(dim)})

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
        """What became of symbols that did not stay."""
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

    def learn(self, a: Dim, b: Dim) -> Dim:
        """Note that a = b, two different sizes that stay, and write one by the other; what both are now."""
        difference = sub(a, b)
        assert isinstance(difference, Expr)
        solved = _solve(difference)
        if solved is not None:
            self.guards[Guard("==", a, b)] = None
            self._known[solved[0]] = solved[1]
        elif (pair := self.paired(a, b)) is not None:
            # B*T = C*S follows from B = C and T = S, which holds of other sizes too.
            self.guards[Guard("==", pair[0].dim, pair[1].dim)] = None
            self._known[pair[0]] = pair[1].dim
            a, b = self.current(a), self.current(b)
            return a if a == b else self.learn(a, b)
        else:
            for s in dict.fromkeys(symbols(difference)):
                self.guards[Guard("==", s.dim, self.samples[s])] = None
                self._known[s] = self.samples[s]
        return self.current(a)

    def paired(self, a: Dim, b: Dim) -> tuple[Symbol, Symbol] | None:
        """A symbol that only one side has and one that only the other has, equal in the first feeds; newer first."""
        left, right = dict.fromkeys(symbols(a)), dict.fromkeys(symbols(b))
        for s in left:
            for t in right:
                if s not in right and t not in left and self.samples[s] == self.samples[t]:
                    return (s, t) if s.serial > t.serial else (t, s)
        return None

    def note(self, relation: str, a: Dim, b: Dim) -> None:
        """Note how a and b compare; nothing is rewritten by it."""
        self.guards[Guard(relation, a, b)] = None


def _solve(difference: Expr) -> tuple[Symbol, Dim] | None:
    """A symbol of `difference` = 0 that can be written by the others: the newest that stands alone once."""
    best: tuple[Symbol, int] | None = None
    for monomial, c in difference.terms:
        if len(monomial) == 1 and isinstance(monomial[0], Symbol) and c in (1, -1):
            symbol = monomial[0]
            if sum(s is symbol for s in symbols(difference)) == 1 and (best is None or symbol.serial > best[0].serial):
                best = symbol, c
    if best is None:
        return None
    symbol, c = best
    rest = sub(symbol.dim, difference) if c == 1 else _plus(symbol.dim, difference)
    return symbol, rest


def _plus(a: Dim, b: Dim) -> Dim:
    return sub(a, sub(0, b))
