"""What the first feeds decide about sizes: equalities that rewrite symbols, and guards that later feeds must keep.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import NamedTuple

from rnngraph.ir.sizes import Dim, Expr, Symbol, evaluate, sub, symbols
from rnngraph.passes.tools.equal_sizes import EqualSizes

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


class Facts(EqualSizes):
    """What the first feeds, whose sizes are `samples`, decided about the parameters' sizes; so nothing is typed again."""

    def __init__(self, samples: Mapping[Symbol, int]) -> None:
        super().__init__()
        self.samples = samples
        self.guards: dict[Guard, None] = {}
        """In the order in which they were learned."""

    def value(self, dim: Dim) -> int | None:
        """The size in the first feeds; None if it is bound inside the graph, or undefined (a division by 0)."""
        if dim is None or any(s not in self.samples for s in symbols(dim)):
            return None
        try:
            return evaluate(dim, self.samples)
        except ValueError:
            return None

    def learn(self, a: Dim, b: Dim) -> Dim:
        """Note that a = b, two different sizes that stay, and write one by the other; what both are now."""
        difference = sub(a, b)
        assert isinstance(difference, Expr)
        solved = _solve(difference)
        if solved is not None:
            self.guards[Guard("==", a, b)] = None
            self.become(*solved)
        elif (pair := self.paired(a, b)) is not None:
            # B*T = C*S follows from B = C and T = S, which holds of other sizes too.
            self.guards[Guard("==", pair[0].dim, pair[1].dim)] = None
            self.become(pair[0], pair[1].dim)
            a, b = self.current(a), self.current(b)
            return a if a == b else self.learn(a, b)
        else:
            for s in dict.fromkeys(symbols(difference)):
                self.guards[Guard("==", s.dim, self.samples[s])] = None
                self.become(s, self.samples[s])
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
