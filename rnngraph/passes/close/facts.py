"""What the first feeds decide about sizes: equalities that rewrite symbols, and guards that later feeds must keep."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rnngraph.ir.sizes import Dim, Expr, Symbol, evaluate, sub, substitute, symbols

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


class Learned(Exception):
    """A fact about the parameters' sizes was learned; type the graph again."""


class Conflict(Exception):
    """The first feeds' sizes make this node fail."""


@dataclass
class Facts:
    """What the first feeds decided about the parameters' sizes."""

    samples: Mapping[Symbol, int]
    known: dict[Symbol, Dim] = field(default_factory=dict)
    guards: list[Guard] = field(default_factory=list)
    hopeful: bool = True
    """Whether sizes that broadcast and that nobody knows are taken to be equal, for the check of it to go once they are
    known. Elements of TensorArrays have no sizes before their loops are raised; then they mostly do."""

    def value(self, dim: Dim) -> int | None:
        """The size in the first feeds; None if it is bound inside the graph, or undefined (a division by 0)."""
        if dim is None or any(s not in self.samples for s in symbols(dim)):
            return None
        try:
            return evaluate(dim, self.samples)
        except ValueError:
            return None

    def learn(self, a: Dim, b: Dim) -> None:
        """Note a = b, rewrite by it and start again. Raises Learned."""
        difference = sub(a, b)
        assert isinstance(difference, Expr)
        new: dict[Symbol, Dim] = {}
        solved = _solve(difference)
        if solved is not None:
            self.guards.append(Guard("==", a, b))
            new[solved[0]] = solved[1]
        elif (pair := self.paired(a, b)) is not None:
            # B*T = C*S follows from B = C and T = S, which holds of other sizes too.
            self.guards.append(Guard("==", pair[0].dim, pair[1].dim))
            new[pair[0]] = pair[1].dim
        else:
            for s in dict.fromkeys(symbols(difference)):
                self.guards.append(Guard("==", s.dim, self.samples[s]))
                new[s] = self.samples[s]
        self.known = {s: substitute(d, new) for s, d in self.known.items()} | new
        raise Learned

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
        guard = Guard(relation, a, b)
        if guard not in self.guards:
            self.guards.append(guard)


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
