"""Products, sums and joins of what does not lie in memory as it is read: transposed, strided, in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf

X, W, V = (np.random.RandomState(i).rand(*shape).astype(np.float32) for i, shape in enumerate([(2, 3, 4), (4, 3, 5), (4, 6)]))
ODD = [
    ("the result is a part", lambda m, x, w, v: m.concat([m.tensordot(x, v, 1), m.tensordot(x, v * 2, 1)], 1)),
    ("the result is a part of rows", lambda m, x, w, v: m.concat([m.tensordot(x, v, 1), m.tensordot(x, v * 2, 1)], 2)),
    ("the result is turned", lambda m, x, w, v: m.transpose(m.tensordot(x, v, 1), [2, 0, 1])),
    ("its letters are mixed", lambda m, x, w, v: m.transpose(m.tensordot(x, v, 1), [0, 2, 1])),
    ("the right side is turned", lambda m, x, w, v: m.tensordot(x, w, [[1, 2], [1, 0]])),
    ("the right side has its sum in between", lambda m, x, w, v: m.tensordot(x, w, [[1], [1]])),
    ("the left side is turned", lambda m, x, w, v: m.tensordot(m.transpose(x, [2, 1, 0]), v, [[0], [0]])),
    ("the left side has gaps", lambda m, x, w, v: m.tensordot(x[:, ::2, 1:3], v[1:3], 1)),
    ("the right side has gaps", lambda m, x, w, v: m.tensordot(x, w[:, 1:, ::2], [[2], [0]])),
    ("the sum of what is turned", lambda m, x, w, v: m.sum(m.exp(m.transpose(v)) * m.transpose(v))),
    ("sums along the outer axis", lambda m, x, w, v: m.sum(m.exp(m.transpose(x, [2, 1, 0])), (0, 1))),
    ("the sum of one number often", lambda m, x, w, v: m.sum(m.exp(v[:1, :1] + v[:, :1] * 0), 0)),
    ("rows by index among parts", lambda m, x, w, v: m.concat([m.take(v, [2, 0], 0), m.exp(v)], 0)),
    ("columns by index among parts", lambda m, x, w, v: m.concat([m.take(v, [2, 0], 1), m.exp(v)], 1)),
    ("places among parts", lambda m, x, w, v: m.concat([m.argmax(v, 1)[:, None], m.argmax(v[:, ::2], 1)[:, None]], 1)),
]


class _TF:
    """The names of NumPy for what rnngraph has."""

    concat = staticmethod(tf.concat)
    exp, tensordot, transpose = staticmethod(tf.exp), staticmethod(tf.tensordot), staticmethod(tf.transpose)
    argmax, sum = staticmethod(tf.argmax), staticmethod(tf.reduce_sum)

    @staticmethod
    def take(x: Any, index: list[int], axis: int) -> Any:
        return tf.gather(x, index, axis=axis)


class _NumPy:
    concat = staticmethod(np.concatenate)
    exp, tensordot, transpose, argmax, sum, take = map(staticmethod, (
        np.exp, np.tensordot, np.transpose, np.argmax, np.sum, np.take))


@pytest.mark.parametrize("known", [True, False], ids=["known sizes", "fed sizes"])
@pytest.mark.parametrize("build", [b for _, b in ODD], ids=[name for name, _ in ODD])
def test_odd_layouts(sess: Any, build: Callable[..., Any], known: bool) -> None:
    """Once as it is, and once in each step of a loop, where the weights come from outside and the result is a row."""
    given = (X, W, V)
    x, w, v = (tf.placeholder(tf.float32, a.shape if known else [None] * a.ndim) for a in given)
    plain = build(_TF, x, w, v)
    steps = tf.map_fn(lambda t: build(_TF, x * t, w, v), tf.constant([1.0, 2.0]), dtype=plain.dtype)
    found, rows = sess.run([plain, steps], dict(zip((x, w, v), given, strict=True)))
    np.testing.assert_allclose(found, build(_NumPy, *given), rtol=1e-4)
    np.testing.assert_allclose(rows, [build(_NumPy, X * t, W, V) for t in (1, 2)], rtol=1e-4)
