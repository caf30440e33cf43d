"""Reductions, running sums, places of extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support.eager.core import Bad, Skip, near, op, sized


def _axes(x: Any, axis: Any) -> Any:
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(int(a) for a in np.atleast_1d(axis))


def reduction(f: Callable[[Any, Any, bool], Any]) -> Callable[..., Any]:
    """An op of a function of array, axes, keep."""
    def made(x: Any, axis: Any = None, keep_dims: bool = False, name: Any = None) -> Any:
        return np.asarray(f(x, _axes(x, axis), keep_dims)).astype(np.asarray(x).dtype)
    return op(made)


def _gaps(x: Any, axes: Any, sign: int) -> None:
    """Notes how near the second of an extreme is."""
    if x.dtype.kind != "f" or not axes:
        return
    rest = [a for a in range(x.ndim) if a not in {b % x.ndim for b in axes}]
    flat = np.transpose(x, rest + [b % x.ndim for b in axes])
    flat = flat.reshape(int(np.prod(flat.shape[:len(rest)])), -1)
    if flat.shape[1] > 1:
        top = np.sort(sign * flat, axis=1)
        near(top[:, -1] - top[:, -2])


def _extreme(f: Any, sign: int) -> Callable[[Any, Any, bool], Any]:
    def made(x: Any, axes: Any, keep: bool) -> Any:
        if x.dtype.kind not in "fi":
            raise Skip("no order")
        _gaps(x, axes, sign)
        if x.dtype.kind == "f":
            worst = -sign * np.inf
        else:
            worst = np.iinfo(x.dtype).min if sign > 0 else np.iinfo(x.dtype).max
        return f(x, axis=axes, keepdims=keep, initial=worst)
    return made


def _mean(x: Any, axes: Any, keep: bool) -> Any:
    total = np.sum(x, axis=axes, keepdims=keep)
    count = int(np.prod([x.shape[a] for a in axes]))
    if x.dtype.kind == "i":
        if not count:
            raise Skip("a mean of no whole numbers")
        return np.trunc(total / count)
    return total / np.asarray(count, x.dtype)


def _logsumexp(x: Any, axes: Any, keep: bool) -> Any:
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    found = np.log(np.sum(np.exp(x - top), axis=axes, keepdims=True)) + top
    return found if keep else np.squeeze(found, axes)


def _place(sign: int) -> Callable[..., Any]:
    def made(x: Any, axis: int = 0, output_type: Any = np.int64) -> Any:
        if not x.shape[axis]:
            raise Bad("no place in an empty axis")
        _gaps(x, (axis,), sign)
        return (np.argmax if sign > 0 else np.argmin)(x, axis).astype(output_type)
    return op(made)


def _running(f: Any, start: int) -> Callable[..., Any]:
    def made(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
        found = np.flip(x, axis) if reverse else x
        done = f(found, axis=axis)
        if exclusive:
            first = np.full_like(np.take(done, [], axis=axis), start, shape=[1 if a == axis % x.ndim else d
                                                                             for a, d in enumerate(x.shape)])
            done = np.concatenate([first, done], axis)
            done = np.take(done, range(x.shape[axis]), axis)
        return (np.flip(done, axis) if reverse else done).astype(x.dtype)
    return op(made)


@op
def count_nonzero(x: Any, axis: Any = None) -> Any:
    """tf.count_nonzero."""
    return np.asarray(np.sum(x != 0, axis=_axes(x, axis)), np.int64)


def segment_sum(data: Any, ids: Any) -> Any:
    """tf.segment_sum: the ids decide how many there are."""
    return sized(_segment_sum(data, ids))


@op
def _segment_sum(data: Any, ids: Any) -> Any:
    if ids.shape != data.shape[:1] or (np.diff(ids) < 0).any() or (ids < 0).any():
        raise Bad("segment ids")
    found = np.zeros((int(ids[-1]) + 1 if ids.size else 0, *data.shape[1:]), data.dtype)
    np.add.at(found, ids, data)
    return found


@op
def unsorted_segment_sum(data: Any, ids: Any, num: Any) -> Any:
    """tf.unsorted_segment_sum."""
    if ids.shape != data.shape[:ids.ndim] or (ids >= num).any():
        raise Bad("segment ids")
    if (ids < 0).any():
        raise Skip("releases differ")
    found = np.zeros((int(num), *data.shape[ids.ndim:]), data.dtype)
    np.add.at(found, ids, data)
    return found


EXPORTS: dict[str, Any] = {
    "reduce_sum": reduction(lambda x, a, k: np.sum(x, axis=a, keepdims=k)),
    "reduce_mean": reduction(_mean), "reduce_prod": reduction(lambda x, a, k: np.prod(x, axis=a, keepdims=k)),
    "reduce_max": reduction(_extreme(np.max, 1)), "reduce_min": reduction(_extreme(np.min, -1)),
    "reduce_all": reduction(lambda x, a, k: np.all(x, axis=a, keepdims=k)),
    "reduce_any": reduction(lambda x, a, k: np.any(x, axis=a, keepdims=k)),
    "reduce_logsumexp": reduction(_logsumexp), "argmax": _place(1), "argmin": _place(-1),
    "cumsum": _running(np.cumsum, 0), "cumprod": _running(np.cumprod, 1), "count_nonzero": count_nonzero,
    "segment_sum": segment_sum, "unsorted_segment_sum": unsorted_segment_sum,
    "nn.l2_loss": op(lambda x: np.asarray((x ** 2).sum() / 2, x.dtype)),
    "norm": reduction(lambda x, a, k: np.sqrt(np.sum(x ** 2, axis=a, keepdims=k))),
}
