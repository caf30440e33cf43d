"""Arguments that must be of a kind, refused in one form: what it must be, and what it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def expect(value: Any, kinds: type | tuple[type, ...], what: str, words: str) -> Any:
    """The value, if it is of one of these kinds. Raises TypeError: `what` must be `words`, but it is this."""
    if not isinstance(value, kinds):
        raise TypeError(f"{what} must be {words}, but it is {shown(value)}.")
    return value


def expect_all(values: Any, attribute: str, what: str, words: str) -> list[Any]:
    """The values as a list, if there is something to go through and each has the attribute. Raises TypeError."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{what} must be a list of {words}, but it is {shown(values)}.")
    found = list(values)
    for value in found:
        if not hasattr(value, attribute):
            raise TypeError(f"{what} must be a list of {words}, but it has {shown(value)}.")
    return found


def shown(value: Any) -> str:
    """A value for a message, not too long."""
    text = repr(value)
    return text if len(text) <= 100 else text[:100] + "..."
