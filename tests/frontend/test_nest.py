"""Nested structures: spec/nest.md, checked against what release 1.4.0 answers."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict, UserList, defaultdict, deque, namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnngraph.frontend.framework import nest, shapes

Pair = namedtuple("Pair", "a b")
Twin = namedtuple("Twin", "a b")


class MyList(list[Any]):
    """A subclass, which type checks tell from list."""


class MyTuple(tuple[Any, ...]):
    """A subclass of tuple that is no namedtuple."""


class LooksIndexable:
    """Like a Tensor: it has __getitem__ and __iter__ but is no Sequence."""

    def __getitem__(self, key: object) -> LooksIndexable:
        return self

    def __iter__(self) -> Any:
        raise TypeError("not iterable")


def raises(error: type[Exception], phrase: str) -> Any:
    return pytest.raises(error, match=re.escape(phrase))


@pytest.mark.parametrize(
    "value", [[], (), {}, OrderedDict(), defaultdict(int), range(3), Pair(1, 2), deque(), UserList(), MyList()]
)
def test_sequences(value: Any) -> None:
    assert nest.is_sequence(value)


@pytest.mark.parametrize(
    "value",
    [
        "a",
        b"a",
        None,
        3,
        np.zeros(2),
        (i for i in ()),
        frozenset(),
        {}.keys(),
        shapes.TensorShape([1, 2]),
        LooksIndexable(),
    ],
)
def test_leaves(value: Any) -> None:
    assert not nest.is_sequence(value)
    flat = nest.flatten(value)
    assert len(flat) == 1
    assert flat[0] is value


def test_a_set_is_a_leaf_and_warns_once() -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("tensorflow")
    logger.addHandler(handler)
    nest._warn_of_sets.cache_clear()
    nest._answers.clear()
    try:
        assert not nest.is_sequence({1})
        assert not nest.is_sequence({2})
    finally:
        logger.removeHandler(handler)
    assert len(records) == 1


def test_flatten_order() -> None:
    assert nest.flatten([1, [2, (3,)], Pair(4, 5), {"b": 7, "a": 6}]) == [1, 2, 3, 4, 5, 6, 7]
    assert nest.flatten(OrderedDict([("b", 1), ("a", 2)])) == [2, 1]
    assert nest.flatten({"b": {"z": 1, "y": 2}, "a": []}) == [2, 1]
    assert nest.flatten(range(3)) == [0, 1, 2]
    assert nest.flatten([None, "ab"]) == [None, "ab"]


def test_empty_containers_vanish() -> None:
    assert nest.flatten([]) == nest.flatten([[], ()]) == nest.flatten({}) == []


def test_unsortable_keys() -> None:
    for call in (nest.flatten, lambda d: nest.pack_sequence_as(d, [1, 2])):
        with raises(TypeError, "nest only supports dicts with sortable keys"):
            call({1: 2, "a": 3})


STRUCTURES: list[Any] = [
    5,
    None,
    [],
    [[], ()],
    [1, (2, Pair(3, [4])), {"b": 1, "a": (2,)}],
    OrderedDict([("b", [1]), ("a", 2)]),
    MyList([1, MyTuple([2])]),
    deque([1, 2]),
]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_pack_undoes_flatten(structure: Any) -> None:
    again = nest.pack_sequence_as(structure, nest.flatten(structure))
    assert again == structure
    assert type(again) is type(structure)
    nest.assert_same_structure(structure, again)


def test_pack_keeps_the_key_order_and_fills_by_sorted_key() -> None:
    packed = nest.pack_sequence_as(OrderedDict([("b", 0), ("a", 0)]), [1, 2])
    assert type(packed) is OrderedDict
    assert list(packed.items()) == [("b", 2), ("a", 1)]
    assert list(nest.pack_sequence_as({"b": 0, "a": 0}, (1, 2)).items()) == [("b", 2), ("a", 1)]


def test_pack_types_that_need_care() -> None:
    packed = nest.pack_sequence_as(defaultdict(int, {"a": 1}), [5])
    assert type(packed) is defaultdict
    assert packed == {"a": 5}
    assert packed["missing"] == 0
    assert nest.pack_sequence_as(range(2), ["x", "y"]) == ["x", "y"]
    assert nest.pack_sequence_as(Pair(1, 2), [3, 4]) == Pair(3, 4)


def test_pack_errors() -> None:
    for flat in (1, "ab", np.zeros(1), None, {"a": 1}):
        with raises(TypeError, "flat_sequence must be a sequence"):
            nest.pack_sequence_as([1], flat)
    for flat in ([], [1, 2]):
        with raises(ValueError, "Structure is a scalar"):
            nest.pack_sequence_as(1, flat)
    with raises(ValueError, "Structure had 2 elements, but flat_sequence had 1 elements"):
        nest.pack_sequence_as([1, (2,)], [1])
    with raises(ValueError, "Structure had 0 elements, but flat_sequence had 1 elements"):
        nest.pack_sequence_as([], [1])


@pytest.mark.parametrize(
    ("first", "second"),
    [(1, 2), ([1, (2,)], [3, (4,)]), ({"a": 1, "b": 2}, {"b": 3, "a": 4}), ([], []), (Pair(1, 2), Pair(3, 4))],
)
def test_same_structure(first: Any, second: Any) -> None:
    nest.assert_same_structure(first, second)


COUNT, NESTING = "don't have the same number of elements", "don't have the same nested structure"
TYPE, KEYS = "don't have the same sequence type", "don't have the same set of keys"


@pytest.mark.parametrize(
    ("first", "second", "error", "phrase"),
    [
        ([1, 2], [1], ValueError, COUNT),
        ([1, 2], (1,), ValueError, COUNT),  # the count comes before the type
        ([1, [2]], [[1], 2], ValueError, NESTING),
        (1, [1], ValueError, NESTING),
        ([1], 1, ValueError, NESTING),
        ([[], 1], [1, []], ValueError, NESTING),
        ([1, []], [1], ValueError, NESTING),  # better than r1.4
        ([1], [1, ()], ValueError, NESTING),
        ([1, 2], (1, 2), TypeError, TYPE),
        (Pair(1, 2), (1, 2), TypeError, TYPE),
        (Pair(1, 2), Twin(1, 2), TypeError, TYPE),
        ([], {}, TypeError, TYPE),
        ([[]], [()], TypeError, TYPE),
        ([MyList([1])], [[1]], TypeError, TYPE),
        ({"a": 1}, OrderedDict(a=1), TypeError, TYPE),
        ({"a": 1}, {"b": 1}, ValueError, KEYS),
    ],
)
def test_not_the_same_structure(first: Any, second: Any, error: type[Exception], phrase: str) -> None:
    with raises(error, phrase):
        nest.assert_same_structure(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [(Pair(1, 2), [1, 2]), ({"a": 1}, {"b": 1}), ({"a": 1}, [1]), ([1], OrderedDict(a=1)), ([(1,)], ([1],))],
)
def test_types_may_be_ignored(first: Any, second: Any) -> None:
    nest.assert_same_structure(first, second, check_types=False)


def test_ignoring_types_still_compares_nesting() -> None:
    with raises(ValueError, NESTING):
        nest.assert_same_structure([1, (2,)], [[1], 2], check_types=False)
    with raises(ValueError, NESTING):
        nest.assert_same_structure([1, ()], (1,), check_types=False)


def test_long_structures_are_cut_in_messages() -> None:
    with pytest.raises(ValueError, match=r"\.\.\.") as caught:
        nest.assert_same_structure(list(range(10_000)), [1])
    assert len(str(caught.value)) < 1000


def test_map_structure() -> None:
    assert nest.map_structure(lambda x, y: x + y, [1, (2,), {"k": 3}], [4, (5,), {"k": 6}]) == [5, (7,), {"k": 9}]
    assert nest.map_structure(lambda x: x + 1, 4) == 5
    assert nest.map_structure(lambda x: x, [(), {}]) == [(), {}]
    mapped = nest.map_structure(lambda x, y: (x, y), Pair(1, 2), [3, 4], check_types=False)
    assert mapped == Pair((1, 3), (2, 4))
    assert type(mapped) is Pair


def test_map_structure_errors() -> None:
    with raises(TypeError, "func must be callable"):
        nest.map_structure(1, [1])
    with raises(ValueError, "Must provide at least one structure"):
        nest.map_structure(abs)
    with raises(ValueError, "Only valid keyword argument"):
        nest.map_structure(abs, [1], check_types=True, other=1)
    with raises(TypeError, TYPE):
        nest.map_structure(max, [1], (1,))
    with raises(ValueError, COUNT):
        nest.map_structure(max, [1], [1], [1, 2])


@pytest.mark.parametrize(
    ("shallow", "deep"),
    [
        (1, 2),
        ([1], [[2]]),
        ((1, 2), Pair(1, 2)),  # an instance of a subclass will do
        ({"a": 1, "b": (1,)}, {"b": (1,), "a": 3}),
        ({"a": 1}, OrderedDict(a=[1])),
        ([], []),
    ],
)
def test_shallow_structure(shallow: Any, deep: Any) -> None:
    nest.assert_shallow_structure(shallow, deep)


def test_shallow_structure_errors() -> None:
    for deep in (2, "a"):
        with raises(TypeError, "input must also be a sequence"):
            nest.assert_shallow_structure([1], deep)
    for shallow, other in (([1], (2,)), (Pair(1, 2), (1, 2))):
        with raises(TypeError, TYPE):
            nest.assert_shallow_structure(shallow, other)
        nest.assert_shallow_structure(shallow, other, check_types=False)
    with raises(ValueError, "don't have the same sequence length"):
        nest.assert_shallow_structure([1], [2, 3])
    with raises(TypeError, "input must also be a sequence"):
        nest.assert_shallow_structure([[1]], [2])


def test_flatten_up_to() -> None:
    deep = ((1, 1), ((1, 2), [3]))
    assert nest.flatten_up_to((0, (0, 0)), deep) == [(1, 1), (1, 2), [3]]
    assert nest.flatten_up_to(((0, 0), 0), deep) == [1, 1, ((1, 2), [3])]
    assert nest.flatten_up_to((0, 0), deep) == [(1, 1), ((1, 2), [3])]
    assert nest.flatten_up_to(0, [[1]]) == [[[1]]]
    assert nest.flatten_up_to({"a": 0, "b": 0}, {"b": [3], "a": [4]}) == [[4], [3]]
    with raises(TypeError, "input must also be a sequence"):
        nest.flatten_up_to([1], 1)


def test_map_structure_up_to() -> None:
    assert nest.map_structure_up_to([0, 0], lambda x, y: (x, y), [[1], 2], [3, [4, 5]]) == [([1], 3), (2, [4, 5])]
    assert nest.map_structure_up_to((0, 0), lambda x: x, Pair(1, 2)) == (1, 2)
    assert nest.map_structure_up_to(0, lambda x: x, [1]) == [1]
    with pytest.raises(ValueError, match="Cannot map over no sequences"):
        nest.map_structure_up_to([0], lambda x: x)
    with raises(TypeError, "func must be callable"):
        nest.map_structure_up_to([0], 3, [1])
    with raises(ValueError, "don't have the same sequence length"):
        nest.map_structure_up_to([0, 0], lambda x: x, [1])


@pytest.mark.parametrize(
    ("function", "structure", "expected"),
    [
        (lambda s: True, [1, (2, {"a": 3})], [True, (True, {"a": True})]),
        (lambda s: False, [1, (2,)], False),
        (lambda s: not isinstance(s, tuple), [1, (2,)], [True, False]),
        (lambda s: [True, False] if isinstance(s, list) else True, [(1, 2), (2,)], [(True, True), False]),
        (
            lambda s: {"a": True, "b": False} if isinstance(s, dict) else True,
            {"b": 1, "a": (2,)},
            {"b": False, "a": (True,)},
        ),
        (lambda s: True, [], []),
        (lambda s: True, 1, True),
        (lambda s: False, 1, False),
    ],
)
def test_traverse(function: Callable[[Any], Any], structure: Any, expected: Any) -> None:
    assert nest.get_traverse_shallow_structure(function, structure) == expected


@pytest.mark.parametrize(
    ("answer", "structure", "phrase"),
    [
        ([True], 1, "returned structure"),
        (1, [1], "returned a non-bool scalar"),
        (None, [1], "returned a non-bool scalar"),
        ("yes", 1, "returned a non-bool scalar"),
        (np.bool_(True), [1], "returned a non-bool scalar"),
        ([[True]], [[1]], "depth=1"),
        ([1], [[1]], "depth=1"),
        ((True,), [1], TYPE),
    ],
)
def test_traverse_type_errors(answer: Any, structure: Any, phrase: str) -> None:
    with raises(TypeError, phrase):
        nest.get_traverse_shallow_structure(lambda s: answer, structure)


def test_flatten_dict_items() -> None:
    assert nest.flatten_dict_items({("a", "b"): (1, 2), "c": 3}) == {"a": 1, "b": 2, "c": 3}
    assert nest.flatten_dict_items({(4, 5, (6, 8)): ("a", "b", ("c", "d"))}) == {4: "a", 5: "b", 6: "c", 8: "d"}
    assert nest.flatten_dict_items({"a": (1, 2)}) == {"a": (1, 2)}
    assert nest.flatten_dict_items({}) == {}


def test_flatten_dict_items_errors() -> None:
    with pytest.raises(TypeError, match="must be a dictionary"):
        nest.flatten_dict_items([1])
    for repeated in ({("a", "a"): (1, 2)}, {("a",): (1,), "a": 3}):
        with raises(ValueError, "not unique"):
            nest.flatten_dict_items(repeated)
    with raises(ValueError, "Key had 2 elements, but value had 3 elements"):
        nest.flatten_dict_items({("a", "b"): (1, 2, 3)})
    with raises(ValueError, "Key had 2 elements, but value had 1 elements"):
        nest.flatten_dict_items({("a", "b"): 3})
