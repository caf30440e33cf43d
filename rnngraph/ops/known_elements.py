"""Contents: what small integer vectors hold, as dims. The counterpart of `shapes` for values instead of types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from rnngraph.ir.op import Content, Site
from rnngraph.ir.sizes import Dim, floordiv, mod, sub
from rnngraph.ir.types import DType, TensorType, Type
from rnngraph.ops.shapes import nonnegative

LIMIT = 64
"""Longer vectors carry no content."""


def fit(content: Sequence[Dim] | None, dtype: DType) -> Content:
    """`content` as a value of that type may carry it: short, and no element wraps around."""
    if content is None or len(content) > LIMIT or not dtype.is_integer or (content and all(d is None for d in content)):
        return None
    low, high = int(dtype.min), int(dtype.max)
    return tuple(None if isinstance(d, int) and not low <= d <= high else d for d in content)


def small_length(t: Type) -> int | None:
    """The number of elements of a value that may carry content: rank 0 or 1, known, short."""
    if not isinstance(t, TensorType) or t.shape is None or len(t.shape) > 1:
        return None
    length = t.shape[0] if t.shape else 1
    return length if isinstance(length, int) and length <= LIMIT else None


def known(site: Site, i: int) -> tuple[Dim, ...] | None:
    """Operand i's content; all unknown if only its length is known, None if not even that."""
    content = site.contents[i]
    if content is not None:
        return content
    length = small_length(site.types[i])
    return None if length is None else (None,) * length


def numbers(content: Sequence[Dim] | None) -> tuple[int, ...] | None:
    """The content as ints, None unless all are known ints."""
    if content is None:
        return None
    found = tuple(d for d in content if isinstance(d, int))
    return found if len(found) == len(content) else None


def of_operand(site: Site) -> Content:
    """For ops that pass operand 0 on."""
    return site.contents[0]


def binary(combine: Callable[[Dim, Dim], Dim]) -> Callable[[Site], Content]:
    """The rule of an elementwise op of two operands; a single element goes with every element of the other."""
    def rule(site: Site) -> Content:
        a, b = known(site, 0), known(site, 1)
        if a is None or b is None:
            return None
        length = max(len(a), len(b)) if a and b else 0
        if {len(a), len(b)} - {1, length}:
            return None
        pairs = zip(a if len(a) == length else a * length, b if len(b) == length else b * length, strict=True)
        return fit([combine(x, y) for x, y in pairs], site.tensor(0).dtype)
    return rule


def unary(change: Callable[[Dim], Dim]) -> Callable[[Site], Content]:
    """The rule of an elementwise op of one operand."""
    def rule(site: Site) -> Content:
        content = site.contents[0]
        return None if content is None else fit([change(d) for d in content], site.tensor(0).dtype)
    return rule


def folded(combine: Callable[[Dim, Dim], Dim], unit: Dim) -> Callable[[Site], Content]:
    """The rule of a reduction of a vector to one element."""
    def rule(site: Site) -> Content:
        content = site.contents[0]
        if content is None:
            return None
        if site.tensor(0).rank == 0 or site.attrs["axes"] == ():
            return content
        if not content and unit is None:
            return None
        return fit([reduce(combine, content[1:], content[0]) if content else unit], site.tensor(0).dtype)
    return rule


def truncdiv(a: Dim, b: Dim) -> Dim:
    """a / b rounded towards zero, where that is provably the floor or both are numbers."""
    if isinstance(a, int) and isinstance(b, int):
        return None if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return floordiv(a, b) if nonnegative(a) and nonnegative(b) else None


def truncmod(a: Dim, b: Dim) -> Dim:
    """The remainder of `truncdiv`."""
    if isinstance(a, int) and isinstance(b, int):
        quotient = truncdiv(a, b)
        return None if quotient is None or not isinstance(quotient, int) else a - quotient * b
    return mod(a, b) if nonnegative(a) and nonnegative(b) else None


def absolute(a: Dim) -> Dim:
    """abs(a), where the sign is known."""
    if isinstance(a, int):
        return abs(a)
    return a if nonnegative(a) else None


def equal_or_unknown(a: Dim, b: Dim) -> Dim:
    """The common value of two possible ones, unknown if they may differ."""
    return a if a == b else None


def negative(a: Dim) -> Dim:
    """-a."""
    return sub(0, a)
