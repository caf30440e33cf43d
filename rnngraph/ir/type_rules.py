"""When two types agree: exactly up to sizes bound here (closed graphs), or as far as anyone knows (open ones)."""

from __future__ import annotations

from collections.abc import Container, Mapping

from rnngraph.ir.op import Content
from rnngraph.ir.sizes import Dim, Expr, Symbol, substitute
from rnngraph.ir.types import ListType, RefType, TensorType, Type
from rnngraph.ir.walk import dims


class Mismatch(ValueError):
    """Two types or contents that must agree do not."""


def show(t: Type) -> str:
    """A type for a message: `f32[B,4]`."""
    if isinstance(t, RefType):
        return "ref " + show(t.tensor)
    if isinstance(t, ListType):
        return f"list[{_dim(t.length)}]<{'' if t.written else 'new '}{show(t.element)}>"
    return f"{t.dtype.short}[{'*' if t.shape is None else ','.join(map(_dim, t.shape))}]"


def _dim(d: Dim) -> str:
    return "?" if d is None else repr(d)


def agree(pattern: Type, concrete: Type, mapping: dict[Symbol, Dim], free: Container[Symbol]) -> bool:
    """Whether `pattern` is `concrete` once its free symbols are replaced, one size each; `mapping` grows.

    A free symbol may also stand for a size that is not known.
    """
    if isinstance(pattern, ListType) and isinstance(concrete, ListType):
        return _holds(pattern, concrete, mapping, free)
    if not same_frame(pattern, concrete):
        return False
    pairs = list(zip(dims(pattern), dims(concrete), strict=True))
    match(pairs, mapping, free)
    return all(substitute(d, mapping) == e or (e is None and isinstance(d, Expr) and d.symbol in free) for d, e in pairs)


def _holds(pattern: ListType, concrete: ListType, mapping: dict[Symbol, Dim], free: Container[Symbol]) -> bool:
    """Whether a list of type `concrete` is one of type `pattern`, of whose elements no more may be known."""
    match([(pattern.length, concrete.length)], mapping, free)
    if pattern.length is not None and substitute(pattern.length, mapping) != concrete.length:
        return False
    if not concrete.written:
        return pattern.dtype == concrete.dtype
    return pattern.written and _covers(pattern.element, concrete.element)


def _covers(general: Type, special: Type) -> bool:
    """Whether an element of type `special` is one of type `general`."""
    if isinstance(general, ListType) and isinstance(special, ListType):
        return _holds(general, special, {}, ())
    if not isinstance(general, TensorType) or not isinstance(special, TensorType) or general.dtype != special.dtype:
        return False
    if general.shape is None or special.shape is None:
        return general.shape is None
    return len(general.shape) == len(special.shape) and all(
        d is None or d == e for d, e in zip(general.shape, special.shape, strict=True))


def match(pairs: list[tuple[Dim, Dim]], mapping: dict[Symbol, Dim], free: Container[Symbol]) -> None:
    """Let each free symbol that stands alone on the left be the size on the right, the first one found."""
    for d, e in pairs:
        symbol = d.symbol if isinstance(d, Expr) else None
        if symbol is not None and symbol in free and symbol not in mapping and e is not None:
            mapping[symbol] = e


def same_frame(a: Type, b: Type) -> bool:
    """Whether two types, not of lists, are of one form, dtype and rank."""
    if isinstance(a, RefType) and isinstance(b, RefType):
        return same_frame(a.tensor, b.tensor)
    if isinstance(a, TensorType) and isinstance(b, TensorType):
        return a.dtype == b.dtype and a.rank == b.rank
    return False


def compatible(a: Type, b: Type) -> bool:
    """Whether two types may be of one value: no two known numbers differ."""
    if isinstance(a, ListType) and isinstance(b, ListType):
        return compatible(a.element, b.element) and not _differ(a.length, b.length)
    if isinstance(a, RefType) and isinstance(b, RefType):
        return compatible(a.tensor, b.tensor)
    if not isinstance(a, TensorType) or not isinstance(b, TensorType) or a.dtype != b.dtype:
        return False
    if a.shape is None or b.shape is None:
        return True
    return len(a.shape) == len(b.shape) and not any(map(_differ, a.shape, b.shape))


def _differ(d: Dim, e: Dim) -> bool:
    return isinstance(d, int) and isinstance(e, int) and d != e


def contents_agree(pattern: Content, concrete: Content, mapping: Mapping[Symbol, Dim],
                   free: Container[Symbol]) -> bool:
    """Whether what the pattern claims to know is what the other one knows, its free symbols replaced.

    A free symbol that the mapping does not settle is bound by the content itself.
    """
    if pattern is None:
        return True
    pairs = zip(pattern, concrete or (None,) * len(pattern), strict=False)
    return (concrete is None or len(pattern) == len(concrete)) and all(
        d is None or substitute(d, mapping) == e or _open(d, mapping, free) for d, e in pairs)


def _open(d: Dim, mapping: Mapping[Symbol, Dim], free: Container[Symbol]) -> bool:
    return isinstance(d, Expr) and d.symbol is not None and d.symbol in free and d.symbol not in mapping
