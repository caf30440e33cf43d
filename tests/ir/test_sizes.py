"""The algebra of sizes against brute force: what it calls equal is equal, and it computes what integers do."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest

from rnngraph.ir import sizes
from rnngraph.ir.sizes import Dim, Symbol, evaluate, substitute

A, B, C = Symbol("A"), Symbol("B"), Symbol("C")
POINTS = [dict(zip((A, B, C), p, strict=True)) for p in itertools.product((0, 1, 2, 3, 5, 7), repeat=3)]
Meaning = Callable[[dict[Symbol, int]], int | None]

BINARY: list[tuple[Callable[[Dim, Dim], Dim], Callable[[int, int], int | None]]] = [
    (sizes.add, lambda a, b: a + b), (sizes.sub, lambda a, b: a - b), (sizes.mul, lambda a, b: a * b),
    (sizes.minimum, min), (sizes.maximum, max),
    (sizes.floordiv, lambda a, b: a // b if b else None), (sizes.mod, lambda a, b: a % b if b else None)]


def grow(rng: random.Random, depth: int) -> tuple[Dim, Meaning]:
    """A random dim and what it means."""
    if depth == 0 or rng.random() < 0.2:
        if rng.random() < 0.4:
            n = rng.randint(-3, 6)
            return n, lambda _: n
        s = rng.choice((A, B, C))
        return s.dim, lambda at: at[s]
    combine, mean = rng.choice(BINARY)
    (a, f), (b, g) = grow(rng, depth - 1), grow(rng, depth - 1)

    def meaning(at: dict[Symbol, int]) -> int | None:
        x, y = f(at), g(at)
        return None if x is None or y is None else mean(x, y)
    return combine(a, b), meaning


def value(dim: Dim, at: dict[Symbol, int]) -> int | None:
    """A dim's number, None where it has none."""
    try:
        return evaluate(dim, at)
    except ValueError:
        return None


@pytest.mark.parametrize("seed", range(400))
def test_dims_compute_what_integers_do(seed: int) -> None:
    dim, meaning = grow(random.Random(seed), 3)
    for at in POINTS[seed % 7::7]:
        expected = meaning(at)
        if expected is not None and dim is not None:
            assert value(dim, at) == expected, (dim, at)


@pytest.mark.parametrize("seed", range(200))
def test_equal_dims_are_equal_everywhere(seed: int) -> None:
    rng = random.Random(seed)
    made = [grow(rng, 2)[0] for _ in range(40)]
    for a, b in itertools.combinations([d for d in made if d is not None], 2):
        if a == b:
            assert hash(a) == hash(b)
            assert all(value(a, at) == value(b, at) for at in POINTS[::11])


@pytest.mark.parametrize("seed", range(200))
def test_substitution_commutes_with_evaluation(seed: int) -> None:
    rng = random.Random(seed)
    dim, inner = grow(rng, 3)[0], sizes.add(sizes.mul(2, B.dim), 1)
    replaced = substitute(dim, {A: inner, B: C.dim})
    for at in POINTS[::13]:
        there = {A: evaluate(inner, at), B: at[C], C: at[C]}
        expected = value(dim, there)
        if expected is not None and replaced is not None:
            assert value(replaced, at) == expected


def test_polynomials_have_one_normal_form() -> None:
    a, b = A.dim, B.dim
    left = sizes.mul(sizes.add(a, b), sizes.sub(a, b))
    right = sizes.sub(sizes.mul(a, a), sizes.mul(b, b))
    assert left == right
    assert sizes.sub(a, a) == 0 and sizes.mul(a, 0) == 0 and sizes.add(sizes.sub(3, a), a) == 3


def test_division_cancels() -> None:
    a, b = A.dim, B.dim
    assert sizes.floordiv(sizes.mul(sizes.mul(6, a), b), sizes.mul(2, b)) == sizes.mul(3, a)
    assert sizes.mod(sizes.mul(4, a), 2) == 0
    assert sizes.floordiv(a, 0) is None and sizes.mod(a, 0) is None


@pytest.mark.parametrize("by", [1, 2, 64, -3])
def test_division_by_a_number_takes_out_what_it_divides(by: int) -> None:
    a, b = A.dim, B.dim
    total = sizes.add(sizes.add(sizes.mul(by, a), b), 2 * by + 1)
    assert sizes.floordiv(total, by) == sizes.add(sizes.add(a, 2), sizes.floordiv(sizes.add(b, 1), by))
    assert sizes.mod(total, by) == sizes.mod(sizes.add(b, 1), by)
    assert sizes.floordiv(sizes.add(sizes.mul(64, a), 63), 64) == a, "memory rounded up to lines that it fills"
    assert sizes.mod(sizes.add(sizes.mul(64, a), 63), 64) == 63


def test_extremes_of_provable_order() -> None:
    a = A.dim
    assert sizes.maximum(a, 0) == a and sizes.minimum(0, a) == 0
    assert sizes.maximum(sizes.add(a, 2), a) == sizes.add(a, 2)
    assert sizes.minimum(a, B.dim) == sizes.minimum(B.dim, a)


def test_unknown_stays_unknown() -> None:
    for combine, _ in BINARY:
        assert combine(None, A.dim) is None
    assert sizes.mul(None, 0) == 0
    with pytest.raises(ValueError, match="has no value"):
        evaluate(None, {})


def test_a_symbol_without_a_number_is_an_error() -> None:
    with pytest.raises(KeyError):
        evaluate(sizes.add(A.dim, 1), {})


def test_sizes_read_as_they_are_written_by_hand() -> None:
    b, t = Symbol("B"), Symbol("T")
    def shown(dim: Dim) -> str:
        return sizes.text(dim, lambda s: s.hint, [t, b].index)
    assert shown(sizes.add(sizes.mul(2, b.dim), 1)) == "2*B + 1" and shown(b.dim) == "B" and shown(3) == "3"
    assert shown(sizes.mul(b.dim, sizes.minimum(t.dim, 4))) == "B*min(T, 4)" and shown(None) == "?"
    assert shown(sizes.add(b.dim, sizes.mul(t.dim, b.dim))) == "T*B + B", "in the order that is asked for"
    assert shown(sizes.mod(sizes.floordiv(b.dim, t.dim), 3)) == "((B // T) % 3)"
