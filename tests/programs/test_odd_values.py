"""NaN, None and complex numbers, as TensorFlow 1.4.0 answers where its answer does not depend on the machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnngraph as tf

N, I = np.nan, np.inf


@pytest.mark.parametrize("axis", [0, 1])
def test_the_places_of_extremes_among_nan(sess: Any, axis: int) -> None:
    x = tf.placeholder(tf.float32, [None, None])
    rows = np.array([[1, N, 3], [N, 1, 3], [N, N, N], [-I, N, -I], [N, -I, N], [I, N, -I]], np.float32)
    given = rows if axis == 1 else rows.T
    largest, smallest = sess.run([tf.argmax(x, axis), tf.argmin(x, axis)], {x: given})
    np.testing.assert_array_equal(largest, [2, 2, 0, 0, 0, 0])
    np.testing.assert_array_equal(smallest, [0, 1, 0, 0, 1, 2])


def test_norms_of_nan(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    fetches = [tf.clip_by_norm(x, 1.0), tf.clip_by_average_norm(x, 1.0), tf.clip_by_global_norm([x], 1.0)[0][0]]
    assert np.isnan(sess.run(fetches, {x: [N, 1.0, 2.0]})).all()
    for clipped in sess.run(fetches, {x: [0.0, 0.0]}):
        np.testing.assert_array_equal(clipped, [0, 0])


def test_a_python_function_that_returns_nothing(sess: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="returns 0 values"):
        sess.run(tf.py_func(lambda: None, [], tf.float32))
    sess.run(tf.py_func(lambda: None, [], []))


@pytest.mark.parametrize(("dtype", "real"), [(tf.complex64, np.float32), (tf.complex128, np.float64)])
def test_the_absolute_value_of_complex_numbers(sess: Any, dtype: Any, real: Any) -> None:
    z = tf.placeholder(dtype, [None])
    found = sess.run(tf.abs(z), {z: [3 + 4j, -2j]})
    assert found.dtype == real
    np.testing.assert_allclose(found, [5, 2])


def test_reductions_of_what_reductions_made(sess: Any) -> None:
    """A kernel must not fold what it reads: softmax below a maximum, an entropy, a sum of shifted exponentials."""
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 3])
    given = np.random.RandomState(0).randn(4, 3).astype(np.float32)
    e = np.exp(given - given.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    soft = tf.nn.softmax(x)
    for fetch, wanted in (
            (tf.reduce_max(soft, 1), p.max(1)), (tf.reduce_sum(soft, 1), np.ones(4)),
            (-tf.reduce_mean(tf.reduce_sum(y * tf.log(soft), 1)), -(p * np.log(p)).sum(1).mean()),
            (-tf.reduce_sum(soft * tf.log(soft), 1), -(p * np.log(p)).sum(1)),
            (tf.reduce_sum(tf.exp(x - tf.reduce_max(x))), np.exp(given - given.max()).sum()),
            (tf.reduce_max(x - tf.reduce_mean(x, 0), 0) - tf.reduce_min(x, 0),
             (given - given.mean(0)).max(0) - given.min(0))):
        np.testing.assert_allclose(sess.run(fetch, {x: given, y: p}), wanted, rtol=1e-5)


def test_padding_is_the_zero_of_any_type(sess: Any) -> None:
    x = tf.placeholder(tf.bool, [None])
    bools, ints = sess.run([tf.pad(x, [[1, 1]]), tf.pad(tf.to_int32(x), [[0, 1]])], {x: [True]})
    np.testing.assert_array_equal(bools, [False, True, False])
    np.testing.assert_array_equal(ints, [1, 0])


def test_only_permutations_are_inverted(sess: Any) -> None:
    x = tf.placeholder(tf.int32, [None])
    inverse = tf.invert_permutation(x)
    np.testing.assert_array_equal(sess.run(inverse * 2, {x: [2, 0, 1]}), [2, 4, 0])
    for bad in ([1, 1], [0, 2], [-1, 0]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(inverse * 2, {x: bad})
