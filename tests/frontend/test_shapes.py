"""TensorShape and Dimension: spec/session-and-graph.md section 9, checked against what release 1.4.0 answers."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnngraph.frontend.framework.shapes import (
    Dimension,
    TensorShape,
    as_dimension,
    as_shape,
    matrix,
    scalar,
    unknown_shape,
    vector,
)

D, T = Dimension, TensorShape


def raises(error: type[Exception], phrase: str) -> Any:
    return pytest.raises(error, match=re.escape(phrase))


class Reflects:
    """Like a Tensor: not a number, with reflected operators of its own."""

    def __int__(self) -> int:
        raise TypeError("int() of a tensor")

    def __radd__(self, other: object) -> str:
        return "mine"

    def __rmul__(self, other: object) -> str:
        return "mine"


# --- Dimension


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), np.array(3), D(3), "3"])
def test_dimension_of_whole_numbers(value: Any) -> None:
    dim = D(value)
    assert dim.value == 3
    assert type(dim.value) is int
    assert (int(dim), str(dim), repr(dim)) == (3, "3", "Dimension(3)")


def test_unknown_dimension() -> None:
    for dim in (D(None), D(D(None))):
        assert (dim.value, str(dim), repr(dim)) == (None, "?", "Dimension(None)")
        for use in (int, lambda d: [1, 2][d], range):
            with raises(TypeError, "Expected a known Dimension"):
                use(dim)


def test_dimension_errors() -> None:
    with raises(ValueError, "must be >= 0"):
        D(-1)
    for value in (1.5, np.float32(2.5), float("nan"), float("inf"), "a"):
        with raises(ValueError, "Ambiguous dimension"):
            D(value)
    for wrong in ([1], object(), Reflects()):
        with pytest.raises(TypeError):
            D(wrong)


def test_dimension_equality() -> None:
    assert (D(3) == 3) is True
    assert (D(3) == D(4)) is False
    assert (D(3) != 4) is True
    three = 3
    assert (three == D(3)) is True
    for left, right in ((D(3), None), (D(None), 3), (D(None), D(None)), (D(3), D(None))):
        assert (left == right) is None
        assert (left != right) is None
    assert (D(3) == "a") is False
    assert (D(3) == 1.5) is False
    assert (D(3) != object()) is True


def test_dimension_order() -> None:
    three = 3
    answers = [D(3) < 4, D(3) <= 3, D(3) > 2, D(3) >= 4, three < D(4)]
    assert answers == [True, True, True, False, True]
    for answer in (D(3) < None, D(None) <= 1, D(None) > D(None), D(3) >= D(None)):
        assert answer is None
    assert max(D(3), D(4)).value == 4


def test_dimension_arithmetic() -> None:
    results = [D(7) + 2, D(7) - 2, D(7) * 2, D(7) // 2, D(7) % 2, D(7) + np.int32(1), D(7) * D(2)]
    assert [each.value for each in results] == [9, 5, 14, 3, 1, 8, 14]
    reflected = [9 + D(2), 9 - D(2), 9 * D(2), 9 // D(2), 9 % D(2), sum([D(1), D(2)], D(0)), sum([D(1), D(2)])]
    assert [int(each) for each in reflected] == [11, 7, 18, 4, 1, 3, 3]
    for unknown in (D(3) + None, D(None) - 1, D(None) * D(2), D(7) // None, D(7) % None, 1 + D(None)):
        assert type(unknown) is Dimension
        assert unknown.value is None


def test_dimension_arithmetic_errors() -> None:
    with raises(ValueError, "must be >= 0"):
        D(3) - 4
    with raises(ValueError, "Ambiguous dimension"):
        D(3) + 1.5
    for divide in (lambda: D(4) / 2, lambda: 4 / D(2)):
        with raises(TypeError, "`//`"):
            divide()
    with pytest.raises(ZeroDivisionError):
        D(3) // 0
    with pytest.raises(TypeError):
        D(3) + object()


def test_dimension_leaves_other_operands_their_turn() -> None:
    assert D(3) + Reflects() == "mine"
    assert D(3) * Reflects() == "mine"


def test_dimension_as_index() -> None:
    assert [10, 11, 12][D(2)] == 12
    assert list(range(D(3))) == [0, 1, 2]
    assert np.zeros([D(2), D(3)]).shape == (2, 3)
    assert f"{D(3)}" == "3"
    assert bool(D(0)) is True  # as in r1.4: a Dimension has no truth of its own


def test_neither_is_hashable() -> None:
    for value in (D(3), T([3])):
        with pytest.raises(TypeError, match="unhashable"):
            hash(value)


def test_dimension_compatibility() -> None:
    assert D(3).is_compatible_with(3)
    assert not D(3).is_compatible_with(4)
    assert D(3).is_compatible_with(None)
    assert D(None).is_compatible_with(4)
    D(3).assert_is_compatible_with(None)
    assert [D(3).merge_with(None).value, D(None).merge_with(4).value, D(None).merge_with(None).value] == [3, 4, None]
    for contradict in (D(3).merge_with, D(3).assert_is_compatible_with):
        with raises(ValueError, "are not compatible"):
            contradict(4)


# --- TensorShape


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (3, [3]),
        (2.0, [2]),
        (D(3), [3]),
        (D(None), [None]),
        ([], []),
        ((), []),
        ([3, None], [3, None]),
        ((D(3), D(None)), [3, None]),
        ((each for each in (1, 2)), [1, 2]),
        (np.array([2, 3]), [2, 3]),
        (np.array(3), [3]),
        (np.int32(3), [3]),
        (range(3), [0, 1, 2]),
        (T([1, None]), [1, None]),
    ],
)
def test_shape_of(given: Any, expected: list[int | None]) -> None:
    shape = T(given)
    assert shape.as_list() == expected
    assert shape.ndims == len(shape) == len(expected)
    assert [dim.value for dim in shape] == expected
    assert bool(shape) is True


@pytest.mark.parametrize("shape", [T(None), T(T(None)), as_shape(None), unknown_shape(), unknown_shape(ndims=None)])
def test_unknown_rank(shape: TensorShape) -> None:
    assert (shape.ndims, shape.dims, shape.num_elements()) == (None, None, None)
    assert bool(shape) is False
    assert (str(shape), repr(shape)) == ("<unknown>", "TensorShape(None)")
    for use in (len, list, tuple):
        with raises(ValueError, "unknown rank"):
            use(shape)
    with raises(ValueError, "not defined on an unknown TensorShape"):
        shape.as_list()


def test_shape_errors() -> None:
    for text in ("ab", "3", b"3"):
        with raises(TypeError, "A string has ambiguous TensorShape"):
            T(text)
    for negative in (-1, [2, -1]):
        with raises(ValueError, "must be >= 0"):
            T(negative)
    for fraction in (1.5, [1.5]):
        with raises(ValueError, "Ambiguous dimension"):
            T(fraction)
    for wrong in ([[1]], object()):
        with pytest.raises(TypeError):
            T(wrong)


@pytest.mark.parametrize(
    ("dims", "text"),
    [([], "()"), ([3], "(3,)"), ([2, None], "(2, ?)"), ([None], "(?,)"), (None, "<unknown>"), ([1, 2, 3], "(1, 2, 3)")],
)
def test_shape_text(dims: Any, text: str) -> None:
    assert str(T(dims)) == text


def test_shape_repr() -> None:
    assert repr(T([2, None])) == "TensorShape([Dimension(2), Dimension(None)])"
    assert repr(T([])) == "TensorShape([])"


def test_num_elements_and_definedness() -> None:
    sizes: list[Any] = [[2, 3], [], [0, 3], [2, None], [0, None], None]
    assert [T(size).num_elements() for size in sizes] == [6, 1, 0, None, None, None]
    assert [T(size).is_fully_defined() for size in sizes] == [True, True, True, False, False, False]
    T([2]).assert_is_fully_defined()
    for partial in ([2, None], None):
        with raises(ValueError, "is not fully defined"):
            T(partial).assert_is_fully_defined()


def test_dims_is_the_callers_own_list() -> None:
    shape = T([2, None])
    dims = shape.dims
    assert dims is not None
    dims.append(D(5))
    assert shape.as_list() == [2, None]


def test_index() -> None:
    shape = T([2, None, 4])
    assert type(shape[0]) is Dimension
    assert [shape[0].value, shape[1].value, shape[-1].value, shape[D(2)].value] == [2, None, 4, 4]
    for position in (3, -4):
        with raises(IndexError, "has 3 dimensions"):
            shape[position]
    assert T(None)[5].value is None
    for key in ("a", 1.5):
        for any_shape in (shape, T(None)):
            with pytest.raises(TypeError):
                any_shape[key]


def test_slice() -> None:
    shape = T([1, 2, None])
    slices = [shape[:1], shape[1:], shape[::-1], shape[::2], shape[5:]]
    assert [each.as_list() for each in slices] == [[1], [2, None], [None, 2, 1], [1, None], []]


@pytest.mark.parametrize(
    ("key", "ndims"),
    [
        (slice(1, None), None),
        (slice(None), None),
        (slice(None, -1), None),
        (slice(-2, None), None),
        (slice(-3, -1), None),
        (slice(None, 2), 2),
        (slice(1, 3), 2),
        (slice(0, 0), 0),
        (slice(3, 1), 0),
        (slice(1, 5, 2), 2),
        (slice(None, None, -1), None),
    ],
)
def test_slice_of_unknown_rank(key: slice, ndims: int | None) -> None:
    part = T(None)[key]
    assert type(part) is TensorShape
    assert part.ndims == ndims


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        ([2, None], [None, 3], [2, 3]),
        (None, [3], [3]),
        ([3], None, [3]),
        ([3], 3, [3]),
        ([], [], []),
        ([None], [None], [None]),
    ],
)
def test_compatible(one: Any, other: Any, merged: Any) -> None:
    assert T(one).is_compatible_with(other)
    T(one).assert_is_compatible_with(other)
    T(one).assert_same_rank(other)
    assert T(one).merge_with(other).as_list() == merged


def test_two_unknown_ranks_merge() -> None:
    assert T(None).is_compatible_with(None)
    assert T(None).merge_with(None).ndims is None


@pytest.mark.parametrize(("one", "other"), [([2], [3]), ([2, None], [3, 3]), ([2], [2, 3]), ([], [1])])
def test_incompatible(one: Any, other: Any) -> None:
    assert not T(one).is_compatible_with(other)
    with raises(ValueError, "are not compatible"):
        T(one).merge_with(other)
    with raises(ValueError, "are incompatible"):
        T(one).assert_is_compatible_with(other)


def test_concatenate() -> None:
    assert T([2, None]).concatenate([3]).as_list() == [2, None, 3]
    assert T([2]).concatenate(4).as_list() == [2, 4]
    assert T([2]).concatenate(D(None)).as_list() == [2, None]
    assert T([2]).concatenate(None).ndims is None
    assert T(None).concatenate([2]).ndims is None


def test_most_specific_compatible_shape() -> None:
    assert T([2, 3]).most_specific_compatible_shape([2, 4]).as_list() == [2, None]
    assert T([2, None]).most_specific_compatible_shape([2, 3]).as_list() == [2, None]
    assert T([2, None]).most_specific_compatible_shape([2, None]).as_list() == [2, None]
    unlike: list[tuple[Any, Any]] = [([2, 3], [2]), ([2], None), (None, None)]
    for one, other in unlike:
        assert T(one).most_specific_compatible_shape(other).ndims is None


def test_ranks() -> None:
    shape = T([2, 2])
    assert shape.with_rank(2) == shape
    assert shape.with_rank_at_least(2) == shape
    assert shape.with_rank_at_most(2) == shape
    assert T(None).with_rank(2).as_list() == [None, None]
    assert T(None).with_rank(0).as_list() == []
    assert T(None).with_rank_at_least(3).ndims is None
    assert T(None).with_rank_at_most(3).ndims is None
    shape.assert_has_rank(2)
    T(None).assert_has_rank(2)
    T([2]).assert_same_rank(None)
    T([2]).assert_same_rank([3])


@pytest.mark.parametrize(
    ("use", "phrase"),
    [
        (lambda s: s.with_rank(3), "must have rank 3"),
        (lambda s: s.assert_has_rank(1), "must have rank 1"),
        (lambda s: s.with_rank_at_least(3), "must have rank at least 3"),
        (lambda s: s.with_rank_at_most(1), "must have rank at most 1"),
        (lambda s: s.assert_same_rank([1]), "must have the same rank"),
    ],
)
def test_rank_errors(use: Callable[[TensorShape], object], phrase: str) -> None:
    with raises(ValueError, phrase):
        use(T([2, 2]))


def test_equality_quirks() -> None:
    assert T([2, 3]) == T([2, 3])
    assert T([2, 3]) == [2, 3] == T([2, 3])
    assert T([2]) == 2
    assert (T([2, 3]) == [2, 4]) is False
    assert (T([2, None]) == T([2, None])) is False
    assert (T([2]) == T(None)) is False
    assert T(None) == T(None)
    assert T([2, 3]) != [2, 4]
    assert (T([2, 3]) != [2, 3]) is False
    assert T([2, 3]) != [2]
    assert T([2, None]) != T([2, None])
    for foreign in ("a", object()):
        assert (T([2]) == foreign) is False
        assert T([2]) != foreign


def test_inequality_with_unknown_rank() -> None:
    pairs: list[tuple[Any, Any]] = [(T([2]), T(None)), (T(None), T([2])), (T(None), T(None)), (T([2]), None)]
    for one, other in pairs:
        with raises(ValueError, "inequality of unknown TensorShapes is undefined"):
            one != other  # noqa: B015


def test_membership_and_numpy() -> None:
    assert 2 in T([2, 3])
    assert 5 not in T([2, 3])
    assert np.zeros(T([2, 3])).shape == (2, 3)


def test_copies() -> None:
    shape = T([2, 3])
    for again in (copy.copy(shape), copy.deepcopy(shape), pickle.loads(pickle.dumps(shape))):
        assert again == shape


def test_makers() -> None:
    shape = T([1])
    assert as_shape(shape) is shape
    assert as_shape([1, 2]).as_list() == [1, 2]
    dim = D(4)
    assert as_dimension(dim) is dim
    assert as_dimension(None).value is None
    assert scalar().as_list() == []
    assert vector(3).as_list() == [3]
    assert matrix(2, None).as_list() == [2, None]
    assert unknown_shape(2).as_list() == [None, None]
    assert unknown_shape(0).as_list() == []
