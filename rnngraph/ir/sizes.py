"""Sizes: a small algebra of dimensions.

A `Dim` is an int, an `Expr` (sum of products of symbols, or of min, max, // and % of dims), or None: unknown, which
only open graphs may hold. Normal forms make equality structural: two dims are provably equal iff they compare equal.
A symbol stands for a non-negative integer that is bound once, when its binder is executed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Union

_serials = itertools.count()


class Symbol:
    """A size known only at run time. Identity is its name; `hint` is for people."""

    __slots__ = ("hint", "serial")

    def __init__(self, hint: str = "n") -> None:
        self.hint = hint
        self.serial = next(_serials)

    def __repr__(self) -> str:
        return f"{self.hint}#{self.serial}"

    def __deepcopy__(self, memo: object) -> Symbol:
        return self

    @property
    def dim(self) -> Expr:
        """The symbol as a dim."""
        return Expr((((self,), 1),))


@dataclass(frozen=True)
class Apply:
    """An integer expression that does not distribute: kind is "min", "max", "floordiv" or "mod"."""

    kind: str
    args: tuple[Dim, ...]

    @cached_property
    def key(self) -> str:
        """Text that orders atoms within a product."""
        return repr((self.kind, self.args))


Atom = Union[Symbol, Apply]
Monomial = tuple[Atom, ...]


@dataclass(frozen=True)
class Expr:
    """A polynomial in normal form: ((atoms sorted, non-zero coefficient), ...) sorted."""

    terms: tuple[tuple[Monomial, int], ...]

    @cached_property
    def _hashed(self) -> int:
        return hash(self.terms)

    def __hash__(self) -> int:
        # Sizes are in every type and view, so they are hashed all the time.
        return self._hashed

    def __repr__(self) -> str:
        return text(self, repr, lambda s: s.serial)

    def __deepcopy__(self, memo: object) -> Expr:
        return self

    @property
    def symbol(self) -> Symbol | None:
        """The symbol, if this dim is just one."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            atom = self.terms[0][0][0]
            return atom if isinstance(atom, Symbol) else None
        return None


Dim = Union[int, Expr, None]


def _order(atom: Atom) -> tuple[int, int, str]:
    return (0, atom.serial, "") if isinstance(atom, Symbol) else (1, 0, atom.key)


def _terms(dim: int | Expr) -> dict[Monomial, int]:
    if isinstance(dim, Expr):
        return dict(dim.terms)
    return {(): int(dim)} if dim else {}


def _normal(terms: Mapping[Monomial, int]) -> int | Expr:
    kept = {m: c for m, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Expr(tuple(sorted(kept.items(), key=lambda mc: [_order(a) for a in mc[0]])))


def add(a: Dim, b: Dim) -> Dim:
    """a + b; unknown if either is."""
    if a is None or b is None:
        return None
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if a.__class__ is int and not a:
        return b
    if b.__class__ is int and not b:
        return a
    total = _terms(a)
    for monomial, c in _terms(b).items():
        total[monomial] = total.get(monomial, 0) + c
    return _normal(total)


def mul(a: Dim, b: Dim) -> Dim:
    """a * b; 0 if either is 0, else unknown if either is."""
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    for factor, other in ((a, b), (b, a)):
        if isinstance(factor, int) and factor in (0, 1):
            return other if factor else 0
    if a is None or b is None:
        return None
    total: dict[Monomial, int] = {}
    for (m, c), (n, d) in itertools.product(_terms(a).items(), _terms(b).items()):
        monomial = tuple(sorted(m + n, key=_order))
        total[monomial] = total.get(monomial, 0) + c * d
    return _normal(total)


def sub(a: Dim, b: Dim) -> Dim:
    """a - b."""
    return add(a, mul(b, -1))


def product(dims: Iterable[Dim]) -> Dim:
    """The product of all dims; 1 if there are none."""
    total: Dim = 1
    for d in dims:
        total = mul(total, d)
    return total


def _divided(m: Monomial, n: Monomial) -> Monomial | None:
    rest = list(m)
    for atom in n:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def _exact(a: int | Expr, b: int | Expr) -> Dim:
    """a / b if b is one product that divides every term of a, else None."""
    divisor = _terms(b)
    if len(divisor) != 1:
        return 1 if a == b else None
    (n, d), total = next(iter(divisor.items())), {}
    for m, c in _terms(a).items():
        rest = _divided(m, n)
        if rest is None or c % d:
            return None
        total[rest] = c // d
    return _normal(total)


def _split(a: int | Expr, b: int) -> tuple[Dim, Dim]:
    """q and r with a = q * b + r, and in r no term that b divides."""
    whole, rest = {}, {}
    for m, c in _terms(a).items():
        whole[m], rest[m] = divmod(c, b) if not m or not c % b else (0, c)
    return _normal(whole), _normal(rest)


def floordiv(a: Dim, b: Dim) -> Dim:
    """a // b, cancelled where b divides every term, and of a number b in the terms that it divides; unknown if b is 0."""
    if a is None or b is None or b == 0:
        return None
    if isinstance(b, int):
        whole, rest = _split(a, b)
        return whole if rest == 0 else add(whole, rest // b if isinstance(rest, int) else _applied("floordiv", rest, b))
    exact = _exact(a, b)
    return _applied("floordiv", a, b) if exact is None else exact


def _applied(kind: str, a: Dim, b: Dim) -> Expr:
    return Expr((((Apply(kind, (a, b)),), 1),))


def mod(a: Dim, b: Dim) -> Dim:
    """a % b with the sign of b; unknown if b is 0."""
    if a is None or b is None or b == 0:
        return None
    if isinstance(b, int):
        rest = _split(a, b)[1]
        return rest % b if isinstance(rest, int) else _applied("mod", rest, b)
    return 0 if _exact(a, b) is not None else _applied("mod", a, b)


def _extreme(kind: str, pick: Callable[[int, int], int], a: Dim, b: Dim) -> Dim:
    if a is None or b is None:
        return None
    difference = sub(a, b)
    if isinstance(difference, int):
        return a if pick(difference, 0) == difference else b
    for x, y in ((a, b), (b, a)):
        if _among(kind, x, y):
            return y
    first, second = sorted((a, b), key=repr)
    return _applied(kind, first, second)


def _among(kind: str, a: Dim, b: Dim) -> bool:
    """Whether b is the same extreme of a and something else."""
    if not isinstance(b, Expr) or len(b.terms) != 1 or b.terms[0][1] != 1 or len(b.terms[0][0]) != 1:
        return False
    atom = b.terms[0][0][0]
    return isinstance(atom, Apply) and atom.kind == kind and a in atom.args


def minimum(a: Dim, b: Dim) -> Dim:
    """min(a, b)."""
    if a == 0 and isinstance(b, Expr) and b.symbol or b == 0 and isinstance(a, Expr) and a.symbol:
        return 0
    return _extreme("min", min, a, b)


def maximum(a: Dim, b: Dim) -> Dim:
    """max(a, b); a symbol is never negative."""
    if a == 0 and isinstance(b, Expr) and b.symbol:
        return b
    if b == 0 and isinstance(a, Expr) and a.symbol:
        return a
    return _extreme("max", max, a, b)


FUNCTIONS: dict[str, Callable[[Dim, Dim], Dim]] = {
    "min": minimum, "max": maximum, "floordiv": floordiv, "mod": mod}


def _fold(dim: Dim, leaf: Callable[[Symbol], Dim]) -> Dim:
    """`dim` with each symbol replaced by what `leaf` says."""
    if not isinstance(dim, Expr):
        return dim
    total: Dim = 0
    for monomial, c in dim.terms:
        value: Dim = c
        for atom in monomial:
            if isinstance(atom, Symbol):
                value = mul(value, leaf(atom))
            else:
                first, second = (_fold(d, leaf) for d in atom.args)
                value = mul(value, FUNCTIONS[atom.kind](first, second))
        total = add(total, value)
    return total


def substitute(dim: Dim, mapping: Mapping[Symbol, Dim]) -> Dim:
    """`dim` with symbols replaced; those not in `mapping` stay."""
    if not mapping or not isinstance(dim, Expr):
        return dim
    return _fold(dim, lambda s: mapping.get(s, s.dim) if s in mapping else s.dim)


def evaluate(dim: Dim, values: Mapping[Symbol, int]) -> int:
    """The number a dim stands for. Raises KeyError for an unbound symbol, ValueError for an unknown or undefined dim."""
    if isinstance(dim, int):
        return dim
    result = _fold(dim, lambda s: values[s])
    if not isinstance(result, int):
        raise ValueError(f"the size {dim!r} has no value (unknown, or a division by zero)")
    return result


def symbols(dim: Dim) -> Iterator[Symbol]:
    """Every symbol in `dim`, with repetitions."""
    if isinstance(dim, Expr):
        for monomial, _ in dim.terms:
            for atom in monomial:
                if isinstance(atom, Symbol):
                    yield atom
                else:
                    for arg in atom.args:
                        yield from symbols(arg)


def text(dim: Dim, name: Callable[[Symbol], str], order: Callable[[Symbol], int]) -> str:
    """`dim` for people: `2*B*T + 1`, `min(B, 4)`, `?` for unknown. Symbols stand in their `order`, numbers last."""
    def applied(apply: Apply) -> str:
        first, second = args = [text(d, name, order) for d in apply.args]
        if apply.kind in ("min", "max"):
            first, second = (arg for _, arg in sorted(zip((isinstance(d, int) for d in apply.args), args, strict=True)))
            return f"{apply.kind}({first}, {second})"
        return f"({first} {'//' if apply.kind == 'floordiv' else '%'} {second})"

    def placed(atom: Atom) -> tuple[tuple[int, int, str], str]:
        if isinstance(atom, Symbol):
            return (0, order(atom), ""), name(atom)
        shown = applied(atom)
        return (1, 0, shown), shown

    if not isinstance(dim, Expr):
        return "?" if dim is None else str(dim)
    terms = []
    for monomial, c in dim.terms:
        atoms = sorted((placed(a) for a in monomial), key=lambda a: a[0])
        head = [str(c)] if c != 1 or not atoms else []
        terms.append((not atoms, [a[0] for a in atoms], "*".join(head + [a[1] for a in atoms])))
    return " + ".join(t[2] for t in sorted(terms))
