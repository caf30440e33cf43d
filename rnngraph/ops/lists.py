"""Lists: TensorArrays, and the lists that are their cotangents.

A TensorArray's element is written once, so every version of a list shares one instance (`TensorList`) with its marks, and
a write copies nothing. Cotangent lists carry no marks: a missing element means zeros. The mirror of each reading op is an
op that makes a list, and the other way round, so gradients of any order stay within this module.
Source: tf.TensorArray (r1.4), tensor-array page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rnngraph.errors import InvalidArgumentError, UnimplementedError
from rnngraph.ir.graph import Value, call
from rnngraph.ir.kinds import Host
from rnngraph.ir.layout import row_type
from rnngraph.ir.op import Attr, Call, Content, OpDef, Site, register
from rnngraph.ir.sizes import Dim
from rnngraph.ir.types import ListType, TensorType, Type, float32, int32
from rnngraph.ops.control import merge_types


class Cleared:
    """Stands where an element is not: it was read and freed, or is missing in a cotangent list. Its shape is known."""

    __slots__ = ("shape",)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


class TensorList:
    """The run-time instance behind all versions of a list."""

    __slots__ = ("clear", "closed", "dynamic", "element", "items", "name", "read")

    def __init__(self, size: int, element: Sequence[int | None] | None = None, dynamic: bool = False,
                 clear: bool = False, name: str = "TensorArray") -> None:
        self.items: list[Any] = [None] * size
        self.read: set[int] = set()
        self.element = element
        self.dynamic, self.clear, self.closed, self.name = dynamic, clear, False, name

    def __len__(self) -> int:
        return len(self.items)

    def row(self, i: int, dtype: np.dtype[Any]) -> Any:
        """Element i as a row of a loop; what is missing in a cotangent list is zeros."""
        value = self.items[i]
        return np.zeros(value.shape, dtype) if isinstance(value, Cleared) else value

    def like(self) -> TensorList:
        """A cotangent list of the same length without elements."""
        made = TensorList(len(self.items), self.element)
        made.items = [None if v is None or isinstance(v, TensorList) else Cleared(np.shape(v)) for v in self.items]
        return made


def fail(node: Any, message: str) -> InvalidArgumentError:
    """The error of a list op, naming its node."""
    return InvalidArgumentError(None, node, message)


def _open(call_: Call, items: TensorList) -> TensorList:
    if items.closed:
        raise fail(call_.node, f"TensorArray {items.name} has already been closed.")
    return items


def write_one(call_: Call, items: TensorList, index: int, value: Any) -> None:
    """Write one element, keeping the marks. Raises InvalidArgumentError as the page's table says."""
    _open(call_, items)
    where = f"TensorArray {items.name}: "
    if index < 0 or (index >= len(items) and not items.dynamic):
        raise fail(call_.node, f"{where}Tried to write to index {index} but array is not resizeable and size is: "
                               f"{len(items)}")
    if index >= len(items):
        items.items.extend([None] * (index + 1 - len(items)))
    if index in items.read:
        raise fail(call_.node, f"{where}Could not write to index {index} because it has already been read.")
    if items.items[index] is not None:
        raise fail(call_.node, f"{where}Could not write to index {index} because it has already been written to.")
    value = np.asarray(value)
    if items.element is not None and not _fits(value.shape, items.element):
        raise fail(call_.node, f"{where}Could not write to index {index} because the value shape is {value.shape} which "
                               f"is incompatible with the TensorArray's inferred element shape: {items.element}.")
    items.items[index] = value


def _fits(shape: tuple[int, ...], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(w is None or w == d for d, w in zip(shape, wanted, strict=True))


def read_one(call_: Call, items: TensorList, index: int) -> Any:
    """Read one element, keeping the marks. Raises InvalidArgumentError as the page's table says."""
    _open(call_, items)
    where = f"TensorArray {items.name}: "
    if not 0 <= index < len(items):
        raise fail(call_.node, f"{where}Tried to read from index {index} but array size is: {len(items)}")
    value = items.items[index]
    if isinstance(value, Cleared):
        raise fail(call_.node, f"{where}Could not read index {index} twice because it was cleared after a previous read "
                               "(perhaps try setting clear_after_read = false?).")
    if value is None:
        raise fail(call_.node, f"{where}Could not read from TensorArray index {index} because it has not yet been "
                               "written to.")
    items.read.add(index)
    if items.clear:
        items.items[index] = Cleared(value.shape)
    return value


def _known_element(call_: Call, items: TensorList) -> Sequence[int]:
    """The element shape: that of what was written, else given at construction, else the one that every write that the
    program has would write. Raises UnimplementedError."""
    seen = next((v.shape for v in items.items if v is not None), items.element)
    t = call_.node.operands[0].type
    element = t.element if isinstance(t, ListType) else t
    if (seen is None or None in seen) and isinstance(element, TensorType) and element.shape and None not in element.shape:
        seen = [call_.size(d) for d in element.shape]
    if seen is None or None in seen:
        raise UnimplementedError(None, call_.node, f"TensorArray has size zero, but element shape {items.element} is not "
                                 "fully defined. Currently only static shapes are supported when packing zero-size "
                                 "TensorArrays.")
    return [n for n in seen if n is not None]


def _stacked(call_: Call, items: TensorList, indices: Sequence[int], dtype: Any) -> Any:
    if not len(indices):
        return np.zeros((0, *_known_element(call_, items)), dtype)
    values = [read_one(call_, items, int(i)) for i in indices]
    for value in values:
        if value.shape != values[0].shape:
            raise fail(call_.node, f"TensorArray has inconsistent shapes. Index 0 has shape: {values[0].shape} but another "
                                   f"index has shape: {value.shape}")
    return np.stack(values)


# --- type rules --------------------------------------------------------------------------------------------------------

def _list(site: Site, i: int = 0) -> ListType:
    t = site.types[i]
    if not isinstance(t, ListType):
        raise TypeError(f"operand {i} must be a TensorArray, but it is {t}")
    return t


def _element(site: Site) -> TensorType:
    return _tensor(_list(site).element)


def _tensor(t: Type) -> TensorType:
    if not isinstance(t, TensorType):
        raise TypeError("a TensorArray of tensors is wanted")
    return t


def _same_list(site: Site) -> tuple[Type, ...]:
    return (_list(site),)


def _check_value(site: Site, i: int) -> None:
    if site.tensor(i).dtype != _list(site).dtype:
        raise TypeError(f"TensorArray dtype is {_list(site).dtype.name} but Op is trying to write dtype "
                        f"{site.tensor(i).dtype.name}.")


def _holding(site: Site, element: TensorType) -> tuple[Type, ...]:
    """The list with elements of that type besides those that it has. In an open graph a list is what it asks for."""
    had = _list(site)
    if site.sizes.is_open:
        return (had,)
    if not had.written and isinstance(had.element, TensorType) and had.element.rank == element.rank is not None:
        # What does not fit fails when it is written.
        wanted = zip(had.element.shape or (), element.shape or (), strict=True)
        element = element.with_shape(tuple(d if site.sizes.holds("==", d, e) else e for d, e in wanted))
    return (merge_types(had, ListType(element, had.length), lambda: None, set()),)


def _infer_write(site: Site) -> tuple[Type, ...]:
    _check_value(site, 2)
    return _holding(site, site.tensor(2))


def _infer_scatter(site: Site) -> tuple[Type, ...]:
    _check_value(site, 2)
    return _holding(site, _tensor(row_type(site.tensor(2))))


def _infer_unstack(site: Site) -> tuple[Type, ...]:
    _check_value(site, 1)
    return _holding(site, _tensor(row_type(site.tensor(1))))


def _infer_split(site: Site) -> tuple[Type, ...]:
    _check_value(site, 1)
    t = site.tensor(1)
    return _holding(site, t.with_shape(t.shape and (None, *t.shape[1:])))


def _rows(length: Dim, t: TensorType) -> TensorType:
    return t.with_shape(None if t.shape is None else (length, *t.shape))


def _infer_stack(site: Site) -> tuple[Type, ...]:
    return (_rows(_list(site).length, _element(site)),)


def _infer_gather(site: Site) -> tuple[Type, ...]:
    shape = site.tensor(1).shape
    return (_rows(shape[0] if shape else None, _element(site)),)


def _infer_concat(site: Site) -> tuple[Type, ...]:
    t = _element(site)
    return (t.with_shape(None if t.shape is None else (site.sizes.fresh("rows"), *t.shape[1:])),)


def _size_content(site: Site) -> tuple[Content, ...] | None:
    length = _list(site).length
    return ((length,),)


def _op(name: str, doc: str, infer: Any, reference: Any, gradient: Any = None, **more: Any) -> OpDef:
    return register(OpDef(name=name, doc=doc, infer=infer, reference=reference, gradient=gradient, kind=Host(),
                          fails=True, **more))


# --- TensorArray's ops ---------------------------------------------------------------------------------------------------

def _new(call_: Call, size: Any) -> TensorList:
    a, t = call_.attrs, call_.attrs["element"]
    if size < 0:
        raise fail(call_.node, f"Size should be >= 0, but received size: {int(size)}")
    element = None if isinstance(t, ListType) or t.shape is None else [d if isinstance(d, int) else None for d in t.shape]
    return TensorList(int(size), element, a["dynamic"], a["clear"], a["label"])


def _infer_new(site: Site) -> tuple[Type, ...]:
    content = site.contents[0]
    length = None if content is None or site.attrs["dynamic"] else content[0]
    return (ListType(site.attrs["element"], length, written=site.sizes.is_open),)


_op("list_new", "An unwritten list. Source: TensorArrayV3.", _infer_new, _new,
    attrs={"element": Attr("type"), "dynamic": Attr("bool", False), "clear": Attr("bool", True),
           "label": Attr("str", "TensorArray")})


def _write(call_: Call, items: TensorList, index: Any, value: Any) -> TensorList:
    write_one(call_, items, int(index), value)
    return items


def _unstack(call_: Call, items: TensorList, value: Any) -> TensorList:
    if len(value) > len(items) and not items.dynamic:
        raise fail(call_.node, f"Max scatter index must be < array size ({len(value) - 1} vs. {len(items)})")
    for i, row in enumerate(value):
        write_one(call_, items, i, row)
    if not len(value) and items.element is None:
        items.element = value.shape[1:]
    return items


def _scatter(call_: Call, items: TensorList, indices: Any, value: Any) -> TensorList:
    if len(indices) != len(value):
        raise fail(call_.node, f"Expected len(indices) == values.shape[0], but saw: {len(indices)} vs. {len(value)}")
    if len(indices) and max(indices) >= len(items) and not items.dynamic:
        raise fail(call_.node, f"Max scatter index must be < array size ({max(indices)} vs. {len(items)})")
    for i, row in zip(indices, value, strict=True):
        write_one(call_, items, int(i), row)
    return items


def _concat(call_: Call, items: TensorList) -> Any:
    values = [read_one(call_, items, i) for i in range(len(items))]
    for v in values:
        if not v.ndim:
            raise fail(call_.node, "Concat saw a scalar shape at index 0 but requires at least vectors.")
        if v.shape[1:] != values[0].shape[1:]:
            raise fail(call_.node, "TensorArray has inconsistent shapes. Index 0 has (excepting dimension 0) shape: "
                                   f"{values[0].shape[1:]} but another has: {v.shape[1:]}")
    if not values:
        shape = _known_element(call_, items)
        return np.zeros((0, *shape[1:]), call_.node.results[0].type.dtype.numpy)
    return np.concatenate(values)


def _split(call_: Call, items: TensorList, value: Any, lengths: Any) -> TensorList:
    if sum(lengths) != len(value):
        raise fail(call_.node, "Expected sum of lengths to be equal to values.shape[0], but sum of lengths is "
                               f"{sum(lengths)} and value's shape is: {list(value.shape)}")
    if len(lengths) != len(items) and not items.dynamic:
        raise fail(call_.node, "TensorArray's size is not equal to the size of lengths "
                               f"({len(items)} vs. {len(lengths)}), and the TensorArray is not marked as dynamically "
                               "resizeable")
    for i, piece in enumerate(np.split(value, np.cumsum(lengths)[:-1]) if len(lengths) else []):
        write_one(call_, items, i, piece)
    return items


def _close(call_: Call, items: TensorList) -> TensorList:
    items.closed = True
    return items


_op("list_write", "The list with element i written.", _infer_write, _write,
    lambda g, c: (c, None, call("list_get", c, g.operands[1], g.operands[2])))
_op("list_read", "Element i.", lambda site: (_element(site),), lambda c, items, i: read_one(c, items, int(i)),
    lambda g, c: (call("list_single", g.operands[0], g.operands[1], c), None))
_op("list_stack", "All elements on a new axis 0.", _infer_stack,
    lambda c, items: _stacked(c, items, range(len(items)), c.node.results[0].type.dtype.numpy),
    lambda g, c: (call("list_from", g.operands[0], c),))
_op("list_gather", "The elements at indices on a new axis 0.", _infer_gather,
    lambda c, items, indices: _stacked(c, items, indices, c.node.results[0].type.dtype.numpy),
    lambda g, c: (call("list_place", g.operands[0], g.operands[1], c), None))
_op("list_unstack", "The list with row i of value written to element i.", _infer_unstack, _unstack,
    lambda g, c: (c, call("list_rows", c, g.operands[1])))
_op("list_scatter", "The list with row k of value written to element indices[k].",
    _infer_scatter, _scatter,
    lambda g, c: (c, None, call("list_pick", c, g.operands[1], g.operands[2])))
_op("list_concat", "All elements joined on axis 0.", _infer_concat, _concat,
    lambda g, c: (call("list_pieces", g.operands[0], c),))
_op("list_split", "The list with consecutive row blocks of value as elements.", _infer_split, _split,
    lambda g, c: (c, call("list_join", c, g.results[0], g.operands[1]), None))
_op("list_size", "The number of elements.", lambda site: (TensorType(int32, ()),),
    lambda c, items: np.int32(len(_open(c, items))), content=_size_content)
_op("list_flow", "A scalar that is there once the list's writes are done. Source: the flow of a TensorArray.",
    lambda site: (TensorType(float32, ()),), lambda c, items: np.float32(0.0))
_op("list_close", "The list, no longer usable.", _same_list, _close)


# --- cotangent lists: no marks, missing means zeros -------------------------------------------------------------------

def _peek(items: TensorList, i: int, like: Any) -> Any:
    value = items.items[i] if 0 <= i < len(items) else None
    return np.zeros_like(like) if value is None or isinstance(value, Cleared) else value


def _place(items: TensorList, pairs: Any) -> TensorList:
    made = items.like()
    for i, value in pairs:
        i = int(i)
        if i >= len(made):
            made.items.extend([None] * (i + 1 - len(made)))
        old = made.items[i]
        made.items[i] = value if old is None or isinstance(old, Cleared) else old + value
    return made


def _list_sum(call_: Call, a: TensorList, b: TensorList) -> TensorList:
    size = max(len(a), len(b))
    made = TensorList(size, a.element)
    for i in range(size):
        there = [x.items[i] for x in (a, b) if i < len(x)]
        found = [v for v in there if v is not None and not isinstance(v, Cleared)]
        if found:
            made.items[i] = found[0] if len(found) == 1 else _list_sum_item(call_, found)
        else:
            made.items[i] = next((v for v in there if v is not None), None)
    return made


def _list_sum_item(call_: Call, found: list[Any]) -> Any:
    if isinstance(found[0], TensorList):
        return _list_sum(call_, found[0], found[1])
    return found[0] + found[1]


def _pieces(call_: Call, like: TensorList, value: Any) -> TensorList:
    made, at = like.like(), 0
    sizes = _sizes_of(like)
    for i, n in enumerate(sizes):
        made.items[i] = value[at:at + n]
        at += n
    return made


def _sizes_of(like: TensorList) -> list[int]:
    known = getattr(like, "element", None)
    return [v.shape[0] if v is not None else int((known or [0])[0] or 0) for v in like.items]


def _join(call_: Call, items: TensorList, like: TensorList, value: Any) -> Any:
    sizes, parts = _sizes_of(like), []
    for i, n in enumerate(sizes):
        at = sum(sizes[:i])
        parts.append(_peek(items, i, value[at:at + n]))
    return np.concatenate(parts) if parts else np.zeros_like(value)


def _like_operand(k: int) -> Any:
    return lambda site: (site.tensor(k),)


def _sum_type(site: Site) -> tuple[Type, ...]:
    """A list as long as the first, with elements of both."""
    if site.sizes.is_open:
        return (_list(site),)
    b = replace(_list(site, 1), length=_list(site).length)
    return (merge_types(_list(site), b, lambda: None, set()),)


def _values(*values: Value | None) -> Sequence[Value | None]:
    return values


def _infer_dense(site: Site) -> tuple[Type, ...]:
    def rows(t: ListType) -> TensorType:
        return _rows(t.length, rows(t.element) if isinstance(t.element, ListType) else _tensor(t.element))
    t = rows(_list(site))
    return (t.with_shape(None if t.shape is None else tuple(site.sizes.fresh("n") if d is None else d for d in t.shape)),)


def _dense(call_: Call, items: TensorList) -> Any:
    t = call_.node.results[0].type
    assert isinstance(t, TensorType)

    def joined(items: TensorList, sizes: Sequence[Dim]) -> Any:
        rows = [items.row(i, t.dtype.numpy) for i in range(len(items))]
        rows = [joined(r, sizes[1:]) if isinstance(r, TensorList) else np.asarray(r) for r in rows]
        for row in rows:
            if row.shape != rows[0].shape:
                raise fail(call_.node, "TensorArray has inconsistent shapes: the rows of this loop have shapes "
                                       f"{rows[0].shape} and {row.shape}, so they cannot be stacked.")
        none = np.zeros((0, *(d if isinstance(d, int) else 0 for d in sizes[1:])), t.dtype.numpy)
        return np.stack(rows) if rows else none
    return joined(items, t.shape or ())


_op("list_dense", "The rows that a loop kept, whose sizes are decided step by step, as one tensor; close makes it.",
    _infer_dense, _dense)
_op("list_get", "Element i of a cotangent list; zeros like `like` if missing.", _like_operand(2),
    lambda c, items, i, like: _peek(items, int(i), like),
    lambda g, c: _values(call("list_single", g.operands[0], g.operands[1], c), None, None))
_op("list_single", "A cotangent list as long as the operand with one element set.",
    lambda site: _holding(site, site.tensor(2)),
    lambda c, items, i, v: _place(items, [(i, v)]),
    lambda g, c: _values(None, None, call("list_get", c, g.operands[1], g.operands[2])))
_op("list_from", "A cotangent list of the rows of a tensor.", lambda site: _holding(site, _tensor(row_type(site.tensor(1)))),
    lambda c, items, v: _place(items, enumerate(v)),
    lambda g, c: _values(None, call("list_rows", c, g.operands[1])))
_op("list_rows", "The elements of a cotangent list as rows; zeros like `like` where missing.", _like_operand(1),
    lambda c, items, like: np.stack([_peek(items, i, row) for i, row in enumerate(like)]) if len(like) else like,
    lambda g, c: _values(call("list_from", g.operands[0], c), None))
_op("list_pick", "Elements at indices of a cotangent list as rows; zeros where missing.", _like_operand(2),
    lambda c, items, idx, like: (np.stack([_peek(items, int(i), r) for i, r in zip(idx, like, strict=True)])
                                 if len(idx) else like),
    lambda g, c: _values(call("list_place", g.operands[0], g.operands[1], c), None, None))
_op("list_place", "A cotangent list with rows added at indices.",
    lambda site: _holding(site, _tensor(row_type(site.tensor(2)))),
    lambda c, items, idx, v: _place(items, zip(idx, v, strict=True)),
    lambda g, c: _values(None, None, call("list_pick", c, g.operands[1], g.operands[2])))
_op("list_pieces", "A tensor cut into pieces as long as the elements of a list.", _infer_split, _pieces,
    lambda g, c: _values(None, call("list_join", c, g.operands[0], g.operands[1])))
_op("list_join", "The pieces of a cotangent list joined, zeros where missing.", _like_operand(2), _join,
    lambda g, c: _values(call("list_pieces", g.operands[1], c), None, None))
_op("list_sum", "Element by element sum of cotangent lists.", _sum_type, _list_sum,
    lambda g, c: _values(c, c))
_op("list_zeros_like", "A cotangent list without elements.", _same_list, lambda c, items: items.like(),
    lambda g, c: _values(None))
