"""A program that knows no rank before it is fed gives what it gives where ranks are known: values, gradients, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf

X = np.array([[0.1, 0.7, 0.3], [0.4, 0.2, 0.6]])
EXPRESSIONS: dict[str, Callable[[Any], Any]] = {
    "sum over 0": lambda x: tf.reduce_sum(x * x, 0), "sum over both ends": lambda x: tf.reduce_sum(x * x, [0, -1]),
    "mean": lambda x: tf.reduce_mean(x * x, 1), "mean, kept": lambda x: tf.reduce_mean(x * x, [-1], keep_dims=True),
    "mean of all, kept": lambda x: tf.reduce_mean(x * x, keep_dims=True), "max": lambda x: tf.reduce_max(x * x, 0),
    "prod": lambda x: tf.reduce_prod(x, -1), "prod of all": lambda x: tf.reduce_prod(x),
    "prod of two axes": lambda x: tf.reduce_prod(x, [0, 1]), "logsumexp": lambda x: tf.reduce_logsumexp(x, -1),
    "norm": lambda x: tf.norm(x, axis=1), "moments": lambda x: tf.nn.moments(x, [0])[1],
    "clip_by_norm": lambda x: tf.clip_by_norm(x, 0.5), "softmax": lambda x: tf.nn.softmax(x) ** 2,
    "cross entropy": lambda x: tf.nn.softmax_cross_entropy_with_logits(labels=[[0.2, 0.3, 0.5]] * 2, logits=x),
    "sparse cross entropy": lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 2], logits=x),
    "concat": lambda x: tf.concat([x, x * x], 0), "concat, from the end": lambda x: tf.concat([x * x, x], -1),
    "split": lambda x: tf.split(x * x, 3, 1)[1], "gather": lambda x: tf.gather(x * x, [1, 1]),
    "gather along 1": lambda x: tf.gather(x * x, [[2, 2], [0, 2]], axis=1), "top_k": lambda x: tf.nn.top_k(x * x, 2)[0],
    "boolean_mask": lambda x: tf.boolean_mask(x * x, [True, False]), "scan": lambda x: tf.scan(lambda a, r: a * r, x),
    "transpose": lambda x: tf.transpose(x * x), "broadcast": lambda x: tf.reduce_sum(tf.constant([1.0, 2.0, 3.0]) * x * x, -1),
}


def results(make: Callable[[Any], Any], shape: list[int | None] | None, engine: str) -> list[Any]:
    """The value, its gradient and the gradient of that, as lists; None where there is none."""
    with tf.Graph().as_default(), tf.Session(engine=engine) as sess:
        x = tf.placeholder(tf.float32, shape)
        y = make(x)
        [first] = tf.gradients(y, [x])
        first = tf.convert_to_tensor(first)
        second = tf.gradients(first * first, [x])[0]
        wanted = [y, first, *([] if second is None else [second])]
        return [a.tolist() for a in sess.run(wanted, {x: X})]


@pytest.mark.parametrize("what", EXPRESSIONS)
def test_the_same_as_where_ranks_are_known(engine: str, what: str) -> None:
    make = EXPRESSIONS[what]
    unknown, known = results(make, None, engine), results(make, [None, None], engine)
    assert len(unknown) >= len(known)
    for a, b in zip(unknown, known, strict=False):
        np.testing.assert_allclose(a, b, 1e-5, 1e-6)
    for extra in unknown[len(known):]:  # connected as far as is known, by a gradient that is 0
        assert not np.any(extra)


def test_a_rank_that_does_not_fit_is_refused_when_it_is_fed(sess: Any) -> None:
    x = tf.placeholder(tf.float32)
    [g] = tf.gradients(tf.reduce_sum(x * x, 1), [x])
    for _ in range(2):
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
            sess.run(g, {x: [1.0, 2.0]})
        assert sess.run(g, {x: [[1.0, 2.0]]}).tolist() == [[2.0, 4.0]]


def test_sizes_of_a_split_that_are_data(sess: Any) -> None:
    x, n = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.int32, [None])
    a, b = tf.split(x, n, axis=1, num=2)
    [g] = tf.gradients(tf.reduce_sum(a * a) + 3 * tf.reduce_sum(b), [x])
    given = np.arange(8.0).reshape(2, 4)
    for sizes in ([0, 4], [1, 3], [4, 0], [3, -1], [-1, 0]):
        cut = sizes[0] if sizes[0] >= 0 else 4 - sizes[1]
        first, second, slope = sess.run([a, b, g], {x: given, n: sizes})
        assert first.tolist() == given[:, :cut].tolist() and second.tolist() == given[:, cut:].tolist()
        assert slope.tolist() == np.where(np.arange(4) < cut, 2 * given, 3.0).tolist()
    for sizes in ([5, -1], [2, 3], [-1, -1], [-2, 6], [1, 2, 1]):
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=r"add up|sizes|parts"):
            sess.run([a, b], {x: given, n: sizes})
    with pytest.raises(ValueError, match="Cannot infer num"):
        tf.split(x, n)


def test_a_carry_that_a_step_stretches(sess: Any) -> None:
    """Sizes of rows that the loop's gradient meets in each step: no hope about them outlives closing."""
    x, y = tf.placeholder(tf.float64, [2, None, 3]), tf.placeholder(tf.float64, [None, 3])
    end = tf.while_loop(lambda t, c: t < 2, lambda t, c: (t + 1, c * y), [0, x],
                        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None, None])])[1]
    [g] = tf.gradients(end, [y])
    for rows in (1, 2):
        assert sess.run(g, {x: np.ones([2, rows, 3]), y: np.ones([2, 3])}).tolist() == [[4.0] * 3] * 2
    assert sess.run(g, {x: np.ones([2, 2, 3]), y: np.ones([1, 3])}).tolist() == [[8.0] * 3]
