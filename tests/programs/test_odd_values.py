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


@pytest.mark.parametrize("dtype", ["int32", "int64", "int8", "int16", "uint8", "float32"])
def test_extremes_of_extremes(sess: Any, dtype: str) -> None:
    limits = np.finfo(dtype) if dtype.startswith("float") else np.iinfo(dtype)
    x = tf.placeholder(dtype, [None])
    fetches = [tf.reduce_min(x), tf.reduce_max(x)]
    for value in (limits.min, limits.max):
        assert sess.run(fetches, {x: np.array([value, value], dtype)}) == [value, value]


def test_constants_divided_by_sizes(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    n = tf.shape(x)[0]
    fetches = [tf.zeros([7 // n]), tf.zeros([n // 2]), tf.zeros([7 % n])]
    for size in (1, 2, 3, 9):
        found = sess.run(fetches, {x: np.zeros(size)})
        assert [v.shape for v in found] == [(7 // size,), (size // 2,), (7 % size,)]


def test_fetched_arrays_are_the_callers(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [3])
    given = np.ones(3, np.float32)
    for found in sess.run([tf.identity(x), tf.reshape(x, [3, 1]), tf.transpose(tf.reshape(x, [3, 1]))], {x: given}):
        assert not np.shares_memory(found, given)


@pytest.mark.parametrize("one", [list, tuple])
def test_a_py_func_may_give_its_one_value_in_a_list(sess: Any, one: Any) -> None:
    y = tf.py_func(lambda: one([np.float32(3)]), [], tf.float32)
    found = sess.run(y)
    assert found.shape == () and found == 3


def test_the_largest_of_what_has_no_order_is_refused(sess: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        tf.nn.top_k(tf.constant([True, False]))
    with pytest.raises((TypeError, ValueError)):
        tf.nn.top_k(tf.constant([1j, 2j]))


@pytest.mark.parametrize("draw", [tf.random_normal, tf.random_uniform, tf.truncated_normal])
def test_doubles_are_drawn_as_doubles(sess: Any, draw: Any) -> None:
    found = sess.run(draw([50], dtype=tf.float64, seed=1))
    assert (found.astype(np.float32) != found).any(), "more digits than a float32 has"


def test_sums_of_two_rows_are_carried(sess: Any) -> None:
    a, b = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.float32, [None, 2])
    last = tf.scan(lambda h, row: row[0] + row[1], (a, b), initializer=tf.zeros([2]))
    given: dict[Any, Any] = {a: [[1.0, 2], [3, 4]], b: [[10.0, 20], [30, 40]]}
    np.testing.assert_array_equal(sess.run(last, given), [[11, 22], [33, 44]])


def test_products_in_any_order_of_axes(sess: Any) -> None:
    a, b = np.random.RandomState(0).randn(2, 3, 4), np.random.RandomState(1).randn(4, 5)
    x, y = tf.placeholder(tf.float64, [None, 3, 4]), tf.placeholder(tf.float64, [4, None])
    made = tf.tensordot(x, y, [[2], [0]])
    for perm in ([0, 2, 1], [2, 0, 1], [1, 2, 0], [2, 1, 0]):
        wanted = (a @ b).transpose(perm)
        np.testing.assert_allclose(sess.run(tf.transpose(made, perm), {x: a, y: b}), wanted, rtol=1e-12)


def test_gathered_columns_beside_others(sess: Any) -> None:
    x, y, i = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [None])
    a, b = np.arange(6, dtype=np.float32).reshape(3, 2), -np.arange(6, dtype=np.float32).reshape(2, 3)
    found = sess.run(tf.concat([tf.tanh(y), tf.gather(x, i), y], 1), {x: a, y: b, i: [2, 0]})
    np.testing.assert_allclose(found, np.concatenate([np.tanh(b), a[[2, 0]], b], 1), rtol=1e-6)


def test_rows_of_a_gather_go_on_as_rows(sess: Any) -> None:
    v = tf.Variable(np.ones((4, 2), np.float32))
    for source in (v, tf.identity(v), tf.identity(tf.identity(v))):
        (g,) = tf.gradients(tf.gather(source, [1, 1]), v)
        assert isinstance(g, tf.IndexedSlices)
    (g,) = tf.gradients(tf.gather(v * 1.0, [1, 1]), v)
    assert not isinstance(g, tf.IndexedSlices)
