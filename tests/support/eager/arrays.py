"""Making, shaping, cutting, joining and indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.eager.core import (
    Bad,
    Skip,
    T,
    as_tensor,
    leaves,
    loose,
    near,
    op,
    raw,
    run,
    sized,
    sizes,
    whole,
)
from tests.support.eager.math import where3


def placeholder(dtype: Any, shape: Any = None, name: str = "") -> T:
    """What is fed under that name."""
    a = np.asarray(run().feeds[name], dtype)
    return T(a, fixed=shape is not None and None not in shape)


def _static(x: Any) -> bool:
    return not any(isinstance(i, T) for i in leaves(x))


def _made(a: Any, *parts: Any) -> T:
    return T(a, loose(parts), _static(parts))


def fill(dims: Any, value: Any) -> T:
    """tf.fill."""
    v = as_tensor(value)
    return T(np.full(_size(dims), v.a, v.dtype), v.loose, _static(dims))


def _size(dims: Any) -> tuple[int, ...]:
    found = sizes(dims)
    if min(found, default=0) < 0:
        raise Bad("a negative size")
    return found


def _filled(value: int) -> Any:
    def made(shape: Any, dtype: Any = np.float32) -> T:
        return _made(np.full(_size(shape), value, dtype), shape)
    return made


def range_(start: Any, limit: Any = None, delta: Any = 1) -> T:
    """tf.range of int32."""
    first, last = (0, start) if limit is None else (start, limit)
    step = whole(delta)
    if step == 0 or (step > 0 and whole(first) > whole(last)) or (step < 0 and whole(first) < whole(last)):
        raise Bad("range")
    return _made(np.arange(whole(first), whole(last), step, np.int32), start, limit, delta)


@op
def one_hot(indices: Any, depth: Any, on_value: Any = 1.0, off_value: Any = 0.0, axis: int = -1,
            dtype: Any = np.float32) -> Any:
    """tf.one_hot."""
    shape = [1] * (indices.ndim + 1)
    axis = axis % len(shape)
    shape[axis] = int(depth)
    hit = np.expand_dims(indices, axis) == np.arange(int(depth)).reshape(shape)
    return np.where(hit, on_value, off_value).astype(dtype)


@op
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = np.bool_) -> Any:
    """tf.sequence_mask."""
    n = int(lengths.max()) if maxlen is None else int(maxlen)
    return (np.arange(n) < lengths[..., None]).astype(dtype)


def shape(x: Any, out_type: Any = np.int32) -> T:
    """tf.shape."""
    return T(np.asarray(as_tensor(x).shape, out_type))


def size(x: Any) -> T:
    """tf.size."""
    return T(np.int32(as_tensor(x).a.size))


def reshape(x: Any, shape: Any) -> T:
    """tf.reshape."""
    t = as_tensor(x)
    try:
        return T(t.a.reshape(sizes(shape)), t.loose, t.fixed and _static(shape))
    except ValueError as error:
        raise Bad(str(error)) from None


@op
def transpose(x: Any, perm: Any = None) -> Any:
    """tf.transpose."""
    return np.transpose(x, perm)


@op
def concat(values: Any, axis: Any) -> Any:
    """tf.concat."""
    if len({v.dtype for v in values}) > 1:
        raise Skip("dtypes")
    return np.concatenate(values, axis)


@op
def unstack(x: Any, num: Any = None, axis: int = 0) -> Any:
    """tf.unstack."""
    return list(np.moveaxis(x, axis, 0))


@op
def split(value: Any, num_or_size_splits: Any, axis: int = 0) -> Any:
    """tf.split."""
    given, total = num_or_size_splits, value.shape[axis]
    if isinstance(given, int):
        if total % given:
            raise Bad("split")
        return list(np.split(value, given, axis))
    parts = [int(n) for n in np.asarray(given)]
    if -1 in parts:
        parts[parts.index(-1)] = total - sum(parts) - 1
    if sum(parts) != total or min(parts) < 0:
        raise Bad("split")
    return list(np.split(value, np.cumsum(parts)[:-1], axis))


def tile(x: Any, multiples: Any) -> T:
    """tf.tile."""
    t = as_tensor(x)
    return T(np.tile(t.a, _size(multiples)), t.loose, t.fixed and _static(multiples))


@op
def pad(x: Any, paddings: Any, mode: str = "CONSTANT") -> Any:
    """tf.pad."""
    how = {"CONSTANT": "constant", "REFLECT": "reflect", "SYMMETRIC": "symmetric"}[mode]
    for (a, b), n in zip(np.asarray(paddings), x.shape, strict=True):
        if how != "constant" and max(a, b) > n - (how == "reflect"):
            raise Bad("pad")
    return np.pad(x, paddings, how)  # type: ignore[call-overload]


@op
def reverse_sequence(x: Any, lengths: Any, seq_axis: int = 1, batch_axis: int = 0) -> Any:
    """tf.reverse_sequence."""
    if lengths.shape != (x.shape[batch_axis],) or (lengths > x.shape[seq_axis]).any() or (lengths < 0).any():
        raise Bad("lengths")
    rows = np.moveaxis(x, (batch_axis, seq_axis), (0, 1)).copy()
    for row, n in zip(rows, lengths, strict=True):
        row[:n] = row[:n][::-1].copy()
    return np.moveaxis(rows, (0, 1), (batch_axis, seq_axis))


def _getitem(x: T, key: Any) -> T:
    parts = key if isinstance(key, tuple) else (key,)
    found = []
    for part in parts:
        if isinstance(part, slice):
            found.append(slice(*(None if v is None else whole(v) for v in (part.start, part.stop, part.step))))
        else:
            found.append(part if part is None or part is Ellipsis else whole(part))
    ends = [v for p in parts for v in ((p.start, p.stop) if isinstance(p, slice) else ()) if isinstance(v, T)]
    try:
        return T(x.a[tuple(found)], x.loose, x.fixed and not ends)
    except IndexError as error:
        raise Bad(str(error)) from None


def slice_(x: Any, begin: Any, size: Any) -> T:
    """tf.slice."""
    t = as_tensor(x)
    index = []
    for b, s, n in zip(sizes(begin), sizes(size), t.shape, strict=True):
        s = n - b if s == -1 else s
        if not 0 <= b <= b + s <= n:
            raise Bad("slice")
        index.append(slice(b, b + s))
    return T(t.a[tuple(index)], t.loose, t.fixed and _static((begin, size)))


def _in_range(indices: Any, n: int) -> None:
    if indices.size and (indices.min() < 0 or indices.max() >= n):
        raise Bad(f"indices[...] is not in [0, {n})")


@op
def gather(x: Any, indices: Any, axis: int = 0) -> Any:
    """tf.gather."""
    _in_range(np.asarray(indices), x.shape[axis])
    return np.take(x, np.asarray(indices, np.int64), axis)


@op
def gather_nd(x: Any, indices: Any) -> Any:
    """tf.gather_nd."""
    for i in range(indices.shape[-1]):
        _in_range(indices[..., i], x.shape[i])
    return x[tuple(np.moveaxis(indices, -1, 0))]


@op
def scatter_nd(indices: Any, updates: Any, shape: Any) -> Any:
    """tf.scatter_nd."""
    found = np.zeros(tuple(int(n) for n in np.asarray(shape)), updates.dtype)
    for i in range(indices.shape[-1]):
        _in_range(indices[..., i], found.shape[i])
    np.add.at(found, tuple(np.moveaxis(indices, -1, 0)), updates)
    return found


@op
def _boolean_mask(x: Any, mask: Any) -> Any:
    rows = x.reshape(int(np.prod(x.shape[:mask.ndim])), *x.shape[mask.ndim:])
    [places] = np.nonzero(mask.ravel())
    # TensorFlow does not ask whether a mask covers the rows: it fails where it picks one that is not there.
    if len(places) and places[-1] >= len(rows):
        raise Bad("mask")
    return rows[places]


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """tf.where."""
    if x is not None:
        return where3(condition, x, y)
    t = as_tensor(condition)
    return sized(T(np.argwhere(t.a).astype(np.int64), t.loose))


def _unique(x: Any) -> tuple[T, T, T]:
    t = as_tensor(x)
    _, first, inverse, count = np.unique(t.a, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return (sized(T(t.a[first[order]])), T(place[inverse.reshape(-1)].astype(np.int32), fixed=t.fixed),
            sized(T(count[order].astype(np.int32))))


@op
def dynamic_partition(data: Any, partitions: Any, num_partitions: int) -> Any:
    """tf.dynamic_partition."""
    _in_range(partitions, num_partitions)
    return [data[partitions == i] for i in range(num_partitions)]


def dynamic_stitch(indices: Any, data: Any) -> T:
    """tf.dynamic_stitch, of indices that name every place."""
    rows = np.concatenate([np.asarray(i.a).reshape(-1) for i in indices])
    values = [d.a.reshape(-1, *d.shape[i.a.ndim:]) for i, d in zip(indices, data, strict=True)]
    n = int(rows.max(initial=-1)) + 1
    if set(rows.tolist()) != set(range(n)):
        raise Skip("a place without data")
    found = np.zeros((n, *values[0].shape[1:]), values[0].dtype)
    for row, value in zip(rows, np.concatenate(values), strict=True):
        found[row] = value
    return sized(T(found, loose(data)))


@op
def invert_permutation(x: Any) -> Any:
    """tf.invert_permutation."""
    if sorted(x.tolist()) != list(range(len(x))):
        raise Bad("no permutation")
    return np.argsort(x).astype(x.dtype)


@op
def top_k(x: Any, k: Any = 1) -> Any:
    """tf.nn.top_k."""
    if k > x.shape[-1]:
        raise Bad("top_k")
    if x.dtype.kind == "f":
        near(np.diff(np.sort(x, -1)))
    order = np.argsort(-x, -1, kind="stable")[..., :int(k)]
    return [np.take_along_axis(x, order, -1), order.astype(np.int32)]


def _simple() -> dict[str, Any]:
    return {
        "expand_dims": op(lambda x, axis: np.expand_dims(x, axis)),
        "squeeze": op(lambda x, axis=None: np.squeeze(x, None if axis is None else tuple(axis))),
        "stack": op(lambda values, axis=0: np.stack(values, axis)),
        "reverse": op(lambda x, axis: np.flip(x, tuple(axis))),
        "zeros_like": op(np.zeros_like), "ones_like": op(np.ones_like),
        "rank": lambda x: T(np.int32(as_tensor(x).a.ndim)),
        "linspace": lambda a, b, n: _made(np.linspace(raw(a), raw(b), whole(n)).astype(np.float32), n),
    }


T.__getitem__ = _getitem  # type: ignore[attr-defined]
EXPORTS: dict[str, Any] = {
    **_simple(), "placeholder": placeholder, "fill": fill, "zeros": _filled(0), "ones": _filled(1), "range": range_,
    "one_hot": lambda *a, **k: one_hot(*a, **k) if _static(a[1]) else sized(one_hot(*a, **k)),
    "sequence_mask": lambda x, n=None, dtype=np.bool_: (
        sequence_mask(x, n, dtype) if isinstance(n, int) else sized(sequence_mask(x, n, dtype))),
    "shape": shape, "size": size, "reshape": reshape, "transpose": transpose, "concat": concat, "unstack": unstack,
    "split": lambda x, n, axis=0: split(x, n, axis) if _static(n) else sized(split(x, n, axis)),
    "tile": tile, "pad": lambda x, p, mode="CONSTANT": pad(x, p, mode) if _static(p) else sized(pad(x, p, mode)),
    "reverse_sequence": reverse_sequence, "slice": slice_, "gather": gather, "nn.embedding_lookup": gather,
    "gather_nd": gather_nd, "scatter_nd": lambda i, u, s: scatter_nd(i, u, s) if _static(s) else sized(scatter_nd(i, u, s)),
    "boolean_mask": lambda x, m: sized(_boolean_mask(x, m)), "where": where, "unique": lambda x: _unique(x)[:2],
    "unique_with_counts": _unique, "dynamic_partition": lambda d, p, n: sized(dynamic_partition(d, p, n)),
    "dynamic_stitch": dynamic_stitch, "invert_permutation": invert_permutation,
    "nn.top_k": lambda x, k=1: top_k(x, k) if isinstance(k, int) else sized(top_k(x, k)),
}
