"""Loops and branches as Python has them; TensorArrays; checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tests.support.eager.core import Bad, Skip, T, as_tensor, fixed, leaves, loose, op, sized, whole

STEPS = 60
"""More steps than a program is meant to have."""


def _flag(x: Any) -> bool:
    t = as_tensor(x)
    if t.loose or t.a.ndim or t.dtype != np.bool_:
        raise Skip("a truth value is wanted that is known")
    return bool(t.a)


def packed(structure: Any, flat: Iterator[Any]) -> Any:
    """The leaves in that structure."""
    if isinstance(structure, (list, tuple)):
        return type(structure)(packed(i, flat) for i in structure)
    return next(flat)


def _entered(x: Any, invariants: bool) -> Any:
    if isinstance(x, TensorArray):
        return x
    t = as_tensor(x)
    return T(t.a, t.loose, t.fixed and not invariants)


def while_loop(cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, shape_invariants: Any = None,
               **settings: Any) -> Any:
    """tf.while_loop."""
    free = shape_invariants is not None
    values = packed(loop_vars, iter([_entered(v, free) for v in leaves(list(loop_vars))]))
    limit = settings.get("maximum_iterations")
    for step in range(STEPS + 1):
        if (limit is not None and step >= whole(limit)) or not _flag(cond(*values)):
            break
        new = body(*values)
        new = list(new) if isinstance(new, (list, tuple)) else [new]
        old, found = list(leaves(list(values))), [_entered(v, free) for v in leaves(new)]
        if len(old) != len(found) or not all(_kept(a, b, free) for a, b in zip(old, found, strict=True)):
            raise Skip("a loop variable changes its type")
        values = packed(list(values), iter(found))
    else:
        raise Skip("too many steps")
    return values if len(list(leaves(list(values)))) > 1 else values[0]


def _kept(a: Any, b: Any, free: bool) -> bool:
    if isinstance(a, TensorArray) or isinstance(b, TensorArray):
        return type(a) is type(b)
    return bool(a.dtype == b.dtype and a.a.ndim == b.a.ndim and (free or (a.shape == b.shape and b.fixed >= a.fixed)))


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """tf.cond."""
    return _joined((true_fn if _flag(pred) else false_fn)())


def _joined(found: Any) -> Any:
    if isinstance(found, (list, tuple)):
        out = [v if isinstance(v, TensorArray) else sized(T(as_tensor(v).a, as_tensor(v).loose)) for v in found]
        return out if len(out) > 1 else out[0]
    return found if isinstance(found, TensorArray) else sized(T(as_tensor(found).a, as_tensor(found).loose))


def case(pairs: Any, default: Callable[[], Any]) -> Any:
    """tf.case."""
    for pred, fn in pairs:
        if _flag(pred):
            return _joined(fn())
    return _joined(default())


def _rows(elems: Any) -> tuple[int, Callable[[int], Any]]:
    parts = [as_tensor(e) for e in leaves(elems)]
    if len({p.shape[0] for p in parts}) != 1:
        raise Bad("rows")
    return parts[0].shape[0], lambda i: packed(elems, iter([T(p.a[i], p.loose, p.fixed) for p in parts]))


def _stacked(found: list[Any], also: Any) -> list[T]:
    """Lists of leaves, a step each, as tensors."""
    if not found:
        raise Skip("no step tells the shape")
    columns = zip(*found, strict=True)
    try:
        return [T(np.stack([v.a for v in column]), loose(column), fixed(column, also)) for column in columns]
    except ValueError as error:
        raise Bad(str(error)) from None


def scan(fn: Callable[..., Any], elems: Any, initializer: Any = None) -> Any:
    """tf.scan."""
    n, row = _rows(elems)
    structure = elems if initializer is None else initializer
    state = row(0) if initializer is None else packed(initializer, iter([as_tensor(v) for v in leaves(initializer)]))
    found = [] if initializer is not None else [list(leaves(state))]
    for i in range(0 if initializer is not None else 1, n):
        new = fn(state, row(i))
        for a, b in zip(leaves(state), leaves(new), strict=True):
            if a.shape != b.shape or a.dtype != b.dtype or b.fixed < a.fixed:
                raise Skip("a state changes its type")
        state = new
        found.append(list(leaves(state)))
    return packed(structure, iter(_stacked(found, elems)))


def _fold(back: bool) -> Callable[..., Any]:
    def made(fn: Callable[..., Any], elems: Any, initializer: Any = None) -> Any:
        n, row = _rows(elems)
        order = list(range(n))[::-1] if back else list(range(n))
        if initializer is None and not order:
            raise Bad("nothing to fold")
        state = row(order.pop(0)) if initializer is None else as_tensor(initializer)
        for i in order:
            new = fn(state, row(i))
            if new.shape != state.shape or new.dtype != state.dtype or new.fixed < state.fixed:
                raise Skip("a state changes its type")
            state = new
        return state
    return made


def map_fn(fn: Callable[..., Any], elems: Any, dtype: Any = None) -> Any:
    """tf.map_fn."""
    n, row = _rows(elems)
    results = [fn(row(i)) for i in range(n)]
    return packed(elems if dtype is None else dtype, iter(_stacked([list(leaves(r)) for r in results], elems)))


class TensorArray:
    """tf.TensorArray; views share nothing, a write makes a copy."""

    def __init__(self, dtype: Any, size: Any, dynamic_size: bool = False, clear_after_read: bool = True,
                 infer_shape: bool = True, element_shape: Any = None) -> None:
        self.dtype = np.dtype(dtype)
        self.elements: list[T | None] = [None] * whole(size)
        if whole(size) < 0:
            raise Bad("size")
        self.dynamic = dynamic_size
        self.clear = clear_after_read
        self.read_already: set[int] = set()

    def _copy(self) -> TensorArray:
        new = object.__new__(TensorArray)
        new.__dict__.update(self.__dict__)
        new.elements = list(self.elements)
        return new

    def write(self, index: Any, value: Any) -> TensorArray:
        """The array with one element more."""
        i, new = whole(index), self._copy()
        if i < 0 or (i >= len(self.elements) and not self.dynamic):
            raise Bad("write outside")
        new.elements += [None] * (i + 1 - len(new.elements))
        if new.elements[i] is not None or i in self.read_already:
            raise Bad("written twice")
        new.elements[i] = as_tensor(value, self.dtype)
        return new

    def read(self, index: Any) -> T:
        """An element."""
        i = whole(index)
        if not 0 <= i < len(self.elements):
            raise Bad("read outside")
        found = self.elements[i]
        if found is None or (self.clear and i in self.read_already):
            raise Bad("not written, or cleared")
        self.read_already.add(i)
        return T(found.a, found.loose, False)

    def gather(self, indices: Any) -> T:
        """Elements on a new axis."""
        found = [self.read(int(i)) for i in as_tensor(indices).a]
        if not found:
            raise Skip("no element tells the shape")
        if len({f.shape for f in found}) > 1:
            raise Bad("shapes")
        return sized(T(np.stack([f.a for f in found]), loose(found)))

    def stack(self) -> T:
        """All elements."""
        return self.gather(np.arange(len(self.elements)))

    def concat(self) -> T:
        """All elements joined."""
        found = [self.read(i) for i in range(len(self.elements))]
        if not found or len({f.shape[1:] for f in found}) > 1 or not found[0].shape:
            raise Skip("no element tells the shape")
        return sized(T(np.concatenate([f.a for f in found]), loose(found)))

    def scatter(self, indices: Any, value: Any) -> TensorArray:
        """Rows of a value where the indices say."""
        t, new = as_tensor(value), self
        if len(as_tensor(indices).a) != len(t.a):
            raise Bad("scatter")
        for i, row in zip(as_tensor(indices).a, t.a, strict=True):
            new = new.write(int(i), T(row, t.loose))
        return new

    def unstack(self, value: Any) -> TensorArray:
        """Rows of a value from 0 on."""
        return self.scatter(np.arange(as_tensor(value).shape[0]), value)

    def split(self, value: Any, lengths: Any) -> TensorArray:
        """Blocks of rows."""
        t, cuts = as_tensor(value), [int(n) for n in as_tensor(lengths).a]
        if sum(cuts) != t.shape[0] or (len(cuts) != len(self.elements) and not self.dynamic):
            raise Bad("split")
        new = self
        for i, part in enumerate(np.split(t.a, np.cumsum(cuts)[:-1])):
            new = new.write(i, T(part, t.loose))
        return new

    def size(self) -> T:
        """How many elements."""
        return T(np.int32(len(self.elements)))


@contextmanager
def _nothing(*args: Any, **kwargs: Any) -> Iterator[None]:
    yield


def _check(test: Callable[..., Any]) -> Callable[..., Any]:
    def made(*args: Any, **kwargs: Any) -> T:
        if loose(args):
            raise Skip("a check of something unknown")
        if not np.all(test(*args)):
            raise Bad("a check")
        return T(np.int32(0))
    return op(made)


EXPORTS: dict[str, Any] = {
    "while_loop": while_loop, "cond": cond, "case": case, "scan": scan, "foldl": _fold(False), "foldr": _fold(True),
    "map_fn": map_fn, "TensorArray": TensorArray, "control_dependencies": _nothing, "name_scope": _nothing,
    "group": lambda *ops, name=None: T(np.int32(0)), "no_op": lambda name=None: T(np.int32(0)),
    "tuple": lambda ts: [T(as_tensor(t).a, as_tensor(t).loose, as_tensor(t).fixed) for t in ts],
    "Assert": _check(lambda c, data: c), "assert_equal": _check(lambda a, b: a == b),
    "assert_less": _check(lambda a, b: a < b), "assert_greater_equal": _check(lambda a, b: a >= b),
    "assert_positive": _check(lambda a: a > 0), "check_numerics": op(lambda x, message: _numbers(x)),
}


def _numbers(x: Any) -> Any:
    if not np.isfinite(x).all():
        raise Bad("no number")
    return x
