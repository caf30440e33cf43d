"""Nested structures: lists, tuples, namedtuples and dicts of leaves, flattened and rebuilt in one fixed order.

A *sequence* is any `collections.abc.Sequence` but str and bytes, or a dict; everything else is a leaf: tensors, arrays,
TensorShapes, sets, None. Sequences go by position, dicts by sorted key whatever their own order, so that two dicts with
the same keys always match leaf by leaf. Nothing here knows what a tensor is; recursion is as deep as the structure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, TypeAlias

from rnngraph.frontend.framework import compat

# A structure: a leaf or a sequence of structures. Python's types cannot say more about it.
Nest: TypeAlias = Any

# Sequences that cannot be made from their elements; a list takes their place when a structure is rebuilt.
_NOT_CONSTRUCTIBLE = (range, memoryview)

# What is_sequence answers by type: graph building asks of every leaf many times, and abstract classes answer slowly.
_answers: dict[type, bool] = {}


def is_sequence(seq: Nest) -> bool:
    """Whether `seq` is a container to look into (True) or a leaf (False)."""
    kind = type(seq)
    known = _answers.get(kind)
    if known is None:
        known = _answers[kind] = _is_sequence_type(kind)
    return known


def _is_sequence_type(kind: type) -> bool:
    if issubclass(kind, set):
        _warn_of_sets()
    return issubclass(kind, dict) or (issubclass(kind, Sequence) and not issubclass(kind, str | bytes))


@cache  # so that a process is told once
def _warn_of_sets() -> None:
    compat.logging.warning(
        "A set is a leaf, not a sequence: it has no order. Write a list or a tuple to have its elements looked at."
    )


def _sorted_keys(dictionary: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(dictionary)
    except TypeError:
        kinds = sorted({type(key).__name__ for key in dictionary})
        raise TypeError(
            f"nest only supports dicts with sortable keys, got keys of types {', '.join(kinds)}: "
            f"{_shown(list(dictionary))}. Use keys of one type, such as strings."
        ) from None


def _children(seq: Nest) -> Iterable[Any]:
    """The elements of a sequence in nest's order."""
    if isinstance(seq, dict):
        return [seq[key] for key in _sorted_keys(seq)]
    elements: Iterable[Any] = seq
    return elements


def _is_namedtuple(value: object) -> bool:
    fields = getattr(value, "_fields", None)
    return isinstance(value, tuple) and isinstance(fields, tuple) and all(isinstance(field, str) for field in fields)


def _like(instance: Nest, elements: list[Any]) -> Nest:
    """A sequence of `instance`'s type holding `elements`, which are in nest's order."""
    if isinstance(instance, dict):
        by_key = dict(zip(_sorted_keys(instance), elements, strict=True))
        pairs = [(key, by_key[key]) for key in instance]  # the order in which the dict itself shows its keys
        if isinstance(instance, defaultdict):
            return type(instance)(instance.default_factory, pairs)
        return type(instance)(pairs)
    if _is_namedtuple(instance):
        return type(instance)(*elements)
    if isinstance(instance, _NOT_CONSTRUCTIBLE):
        return elements
    return type(instance)(elements)


def _shown(value: object, limit: int = 200) -> str:
    """repr for a message: structures of many tensors would hide the message."""
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


def flatten(nest: Nest) -> list[Any]:
    """The leaves of `nest` in order; a leaf gives a list of one, empty containers give nothing."""
    leaves: list[Any] = []
    _collect(nest, leaves)
    return leaves


def _collect(nest: Nest, leaves: list[Any]) -> None:
    if is_sequence(nest):
        for child in _children(nest):
            _collect(child, leaves)
    else:
        leaves.append(nest)


def pack_sequence_as(structure: Nest, flat_sequence: Sequence[Any]) -> Nest:
    """The inverse of `flatten`: a structure of the same types as `structure` with the leaves of `flat_sequence`."""
    if not is_sequence(flat_sequence) or isinstance(flat_sequence, dict):
        raise TypeError(
            f"flat_sequence must be a sequence such as a list, got {type(flat_sequence).__name__}: "
            f"{_shown(flat_sequence)}. Wrap a single leaf: [leaf]."
        )
    given = len(flat_sequence)
    if not is_sequence(structure):
        if given != 1:
            raise ValueError(
                f"Structure is a scalar, which takes exactly 1 element, but len(flat_sequence) == {given}: "
                f"{_shown(flat_sequence)}"
            )
        return flat_sequence[0]
    wanted = len(flatten(structure))
    if wanted != given:
        raise ValueError(
            f"Could not pack sequence. Structure had {wanted} elements, but flat_sequence had {given} elements. "
            f"Structure: {_shown(structure)}, flat_sequence: {_shown(flat_sequence)}."
        )
    return _rebuild(structure, iter(flat_sequence))


def _rebuild(structure: Nest, leaves: Iterator[Any]) -> Nest:
    if not is_sequence(structure):
        return next(leaves)
    return _like(structure, [_rebuild(child, leaves) for child in _children(structure)])


def assert_same_structure(nest1: Nest, nest2: Nest, check_types: bool = True) -> None:
    """ValueError or TypeError unless both nest alike; with `check_types`, sequences must also be of the same types."""
    count1, count2 = len(flatten(nest1)), len(flatten(nest2))
    if count1 != count2:
        raise ValueError(
            "The two structures don't have the same number of elements.\n"
            f"First structure ({count1} elements): {_shown(nest1)}\n"
            f"Second structure ({count2} elements): {_shown(nest2)}"
        )
    _assert_same(nest1, nest2, check_types)


def _assert_same(nest1: Nest, nest2: Nest, check_types: bool) -> None:
    inner1, inner2 = is_sequence(nest1), is_sequence(nest2)
    if inner1 != inner2:
        raise ValueError(_different_nesting(nest1, nest2, "one is a sequence, the other is a leaf"))
    if not inner1:
        return
    if check_types:
        _assert_same_types(nest1, nest2)
    # r1.4 stops at the shorter one, so that [1, []] passes for [1]; the rebuilt structure would lose the rest.
    if len(nest1) != len(nest2):
        raise ValueError(_different_nesting(nest1, nest2, f"one has length {len(nest1)}, the other {len(nest2)}"))
    for child1, child2 in zip(_children(nest1), _children(nest2), strict=True):
        _assert_same(child1, child2, check_types)


def _assert_same_types(nest1: Nest, nest2: Nest) -> None:
    type1, type2 = type(nest1), type(nest2)
    if type1 is not type2:
        raise TypeError(
            "The two structures don't have the same sequence type. First structure has type "
            f"{type1}, while second structure has type {type2}.\n"
            f"First structure: {_shown(nest1)}\nSecond structure: {_shown(nest2)}\n"
            f"Make the second one a {type1.__name__} as well."
        )
    if isinstance(nest1, dict) and set(nest1) != set(nest2):
        raise ValueError(
            "The two dictionaries don't have the same set of keys. First structure has keys "
            f"{_shown(list(nest1))}, while second structure has keys {_shown(list(nest2))}."
        )


def _different_nesting(nest1: Nest, nest2: Nest, how: str) -> str:
    return (
        f"The two structures don't have the same nested structure: {how}.\n"
        f"First structure: {_shown(nest1)}\nSecond structure: {_shown(nest2)}"
    )


def map_structure(func: Callable[..., Any], *structure: Nest, **check_types_dict: Any) -> Nest:
    """`func` applied leaf by leaf to structures that nest alike; the result is like the first.

    The only keyword is `check_types` (default True), with the meaning it has in `assert_same_structure`.
    """
    _assert_callable(func)
    if not structure:
        raise ValueError("Must provide at least one structure, got none: write map_structure(func, structure)")
    check_types = check_types_dict.pop("check_types", True)
    if check_types_dict:
        raise ValueError(f"Only valid keyword argument is check_types, got also {sorted(check_types_dict)}")
    first = structure[0]
    for other in structure[1:]:
        assert_same_structure(first, other, check_types=check_types)
    leaves = zip(*(flatten(each) for each in structure), strict=True)
    return pack_sequence_as(first, [func(*each) for each in leaves])


def _assert_callable(func: object) -> None:
    if not callable(func):
        raise TypeError(f"func must be callable, got: {_shown(func)} (the function comes before the structures)")


def assert_shallow_structure(shallow_tree: Nest, input_tree: Nest, check_types: bool = True) -> None:
    """ValueError or TypeError unless `input_tree` has the structure of `shallow_tree` or more below its leaves."""
    if not is_sequence(shallow_tree):
        return
    if not is_sequence(input_tree):
        raise TypeError(
            "If shallow structure is a sequence, input must also be a sequence. "
            f"Input has type: {type(input_tree)}, shallow structure: {_shown(shallow_tree)}."
        )
    if check_types and not isinstance(input_tree, type(shallow_tree)):
        raise TypeError(
            "The two structures don't have the same sequence type. Input structure has type "
            f"{type(input_tree)}, while shallow structure has type {type(shallow_tree)}."
        )
    if len(input_tree) != len(shallow_tree):
        raise ValueError(
            "The two structures don't have the same sequence length. Input structure has length "
            f"{len(input_tree)}, while shallow structure has length {len(shallow_tree)}."
        )
    for shallow, deep in zip(_children(shallow_tree), _children(input_tree), strict=True):
        assert_shallow_structure(shallow, deep, check_types=check_types)


def flatten_up_to(shallow_tree: Nest, input_tree: Nest) -> list[Any]:
    """The pieces of `input_tree`, leaves or structures, that stand where `shallow_tree` has its leaves."""
    assert_shallow_structure(shallow_tree, input_tree)
    pieces: list[Any] = []
    _collect_up_to(shallow_tree, input_tree, pieces)
    return pieces


def _collect_up_to(shallow_tree: Nest, input_tree: Nest, pieces: list[Any]) -> None:
    if not is_sequence(shallow_tree):
        pieces.append(input_tree)
        return
    for shallow, deep in zip(_children(shallow_tree), _children(input_tree), strict=True):
        _collect_up_to(shallow, deep, pieces)


def map_structure_up_to(shallow_tree: Nest, func: Callable[..., Any], *inputs: Nest) -> Nest:
    """`func` applied to the pieces of the inputs at `shallow_tree`'s leaves; the result is like `shallow_tree`."""
    if not inputs:
        raise ValueError(
            "Cannot map over no sequences: expected at least one input, got none; "
            "write map_structure_up_to(shallow_tree, func, input)"
        )
    _assert_callable(func)
    pieces = zip(*(flatten_up_to(shallow_tree, each) for each in inputs), strict=True)
    return pack_sequence_as(shallow_tree, [func(*each) for each in pieces])


def get_traverse_shallow_structure(traverse_fn: Callable[[Any], Any], structure: Nest) -> Nest:
    """A structure of bools that says down to where `traverse_fn` wants `structure` to be looked into.

    `traverse_fn(sub)` gives False (stop: `sub` becomes False), True (look into all of `sub`), or a sequence like `sub`,
    one level deep, of bools (look into those that are True).
    """
    wanted = traverse_fn(structure)
    if not is_sequence(structure):
        if is_sequence(wanted):
            raise TypeError(f"traverse_fn returned structure: {_shown(wanted)} for non-structure: {_shown(structure)}")
        return _checked_bool(wanted, structure)
    if not is_sequence(wanted):
        if not _checked_bool(wanted, structure):
            return False
        return _like(structure, [get_traverse_shallow_structure(traverse_fn, sub) for sub in _children(structure)])
    assert_shallow_structure(wanted, structure)
    choices = list(_children(wanted))
    if not all(isinstance(choice, bool) for choice in choices):
        raise TypeError(
            "traverse_fn didn't return a depth=1 structure of bools. "
            f"It returned: {_shown(wanted)} for structure: {_shown(structure)}"
        )
    level = [
        get_traverse_shallow_structure(traverse_fn, sub) if choice else False
        for choice, sub in zip(choices, _children(structure), strict=True)
    ]
    return _like(structure, level)


def _checked_bool(wanted: object, structure: Nest) -> bool:
    if not isinstance(wanted, bool):
        raise TypeError(
            f"traverse_fn returned a non-bool scalar: {_shown(wanted)} for input: {_shown(structure)}; "
            "return True, False or a structure of them"
        )
    return wanted


def flatten_dict_items(dictionary: dict[Any, Any]) -> dict[Any, Any]:
    """The dict with nested keys taken apart and paired with the leaves of their values.

    `{("a", "b"): (1, 2), "c": 3}` gives `{"a": 1, "b": 2, "c": 3}`. A key that is no sequence keeps its value whole.
    """
    if not isinstance(dictionary, dict):
        raise TypeError(f"input must be a dictionary, got {type(dictionary).__name__}: {_shown(dictionary)}")
    flat: dict[Any, Any] = {}
    for key, value in dictionary.items():
        for single, leaf in _items(key, value):
            if single in flat:
                raise ValueError(f"Could not flatten dictionary: key {single!r} is not unique, give each key once.")
            flat[single] = leaf
    return flat


def _items(key: Nest, value: Nest) -> Iterable[tuple[Any, Any]]:
    if not is_sequence(key):
        return [(key, value)]
    keys, leaves = flatten(key), flatten(value)
    if len(keys) != len(leaves):
        raise ValueError(
            f"Could not flatten dictionary. Key had {len(keys)} elements, but value had {len(leaves)} elements. "
            f"Key: {_shown(keys)}, value: {_shown(leaves)}."
        )
    return zip(keys, leaves, strict=True)
