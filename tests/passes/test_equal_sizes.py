"""Sizes that became others: chains, circles, sums of themselves, what is told twice."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from rnngraph.ir.sizes import Dim, Symbol, add, evaluate, mul, symbols
from rnngraph.passes.tools.equal_sizes import EqualSizes

N, M, K = (Symbol(hint) for hint in "nmk")


def test_chains_end_at_what_stays() -> None:
    """In whatever order a chain is told."""
    for told in permutations([(N, M.dim), (M, add(K.dim, 1)), (K, 4)]):
        sizes = EqualSizes()
        assert not sizes and sizes.current(N.dim) == N.dim
        for symbol, dim in told:
            sizes.become(symbol, dim)
        assert sizes and sizes.current(mul(N.dim, 2)) == 10 and sizes.found() == {N: 5, M: 5, K: 4}


def test_circles_are_one_size() -> None:
    sizes = EqualSizes()
    for symbol, dim in ((N, M.dim), (M, K.dim), (K, N.dim), (M, N.dim)):
        sizes.become(symbol, dim)
    assert sizes.found() == {N: K.dim, M: K.dim} and sizes.current(K.dim) == K.dim


def test_nothing_becomes_what_mentions_it() -> None:
    sizes = EqualSizes()
    sizes.become(N, add(N.dim, 0))
    sizes.become(N, add(N.dim, 1))
    assert not sizes and sizes.current(None) is None and sizes.current(7) == 7


def test_pairs_tell_symbols_of_the_graph_that_stand_alone() -> None:
    sizes = EqualSizes()
    sizes.pairs({N, M}, [N.dim, add(M.dim, 1), K.dim, M.dim], [3, 5, 6, None])
    assert sizes.found() == {N: 3}
    assert sizes.content((N.dim, None, 2)) == (3, None, 2) and sizes.content(None) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 2)), max_size=12))
def test_no_size_is_written_in_itself(facts: list[tuple[int, int, int]]) -> None:
    """Whatever is told: what stays is never written by others, and what did not stay is written in what does."""
    letters = [Symbol(f"s{i}") for i in range(6)]
    sizes = EqualSizes()
    for i, j, more in facts:
        size: Dim = add(letters[j].dim, more)
        sizes.become(letters[i], size)
    found = sizes.found()
    for symbol, dim in found.items():
        assert found.keys().isdisjoint(symbols(dim)), symbol
        assert sizes.current(dim) == dim
        assert isinstance(evaluate(dim, dict.fromkeys(letters, 1)), int)
