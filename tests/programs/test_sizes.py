"""Sizes that feeds decide: what one feed teaches must not be taken for granted with the next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnngraph as tf


@pytest.mark.parametrize("engine", ["reference", "llvm"])
def test_flattened_logits_and_labels_of_any_length(engine: str) -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, None, 2])
        y = tf.placeholder(tf.int32, [None, None])
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.reshape(y, [-1]), logits=tf.reshape(x, [-1, 2]))
        sess = tf.Session(engine=engine)
        for batch, length in ((1, 6), (1, 7), (1, 4), (3, 5)):
            logits = np.random.RandomState(0).randn(batch, length, 2).astype(np.float32)
            labels = np.random.RandomState(1).randint(2, size=(batch, length))
            wanted = np.log(np.exp(logits).sum(-1)) - np.take_along_axis(logits, labels[..., None], -1)[..., 0]
            np.testing.assert_allclose(sess.run(loss, {x: logits, y: labels}), wanted.ravel(), rtol=1e-5)
        (prepared,) = sess._programs.prepared.values()
        assert len(prepared.variants) == 1, "B*T = B'*T' is taken factor by factor, so other sizes compile nothing new"


@pytest.mark.parametrize("engine", ["reference", "llvm"])
def test_rows_must_be_as_many_as_steps(engine: str) -> None:
    with tf.Graph().as_default():
        a, b = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
        y = tf.map_fn(lambda pair: pair[0] * pair[1], (a, b), dtype=tf.float32)
        picked = tf.map_fn(lambda pair: pair[0] * pair[1], (tf.boolean_mask(a, a > 0), b), dtype=tf.float32)
        sess = tf.Session(engine=engine)
        feed: dict[Any, Any] = {a: [1.0, 2.0, 3.0], b: [4.0, 5.0]}
        for fetch in (y, picked):
            with pytest.raises(tf.errors.InvalidArgumentError):
                sess.run(fetch, feed)
        np.testing.assert_array_equal(sess.run(y, {a: [1.0, 2.0], b: [4.0, 5.0]}), [4, 10])
        np.testing.assert_array_equal(sess.run(picked, {a: [1.0, -1.0, 2.0], b: [4.0, 5.0]}), [4, 10])


@pytest.mark.parametrize("engine", ["reference", "llvm"])
def test_an_index_beyond_the_end(engine: str) -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None])
        sess = tf.Session(engine=engine)
        assert sess.run(x[1], {x: [1.0, 2.0]}) == 2.0
        with pytest.raises(tf.errors.InvalidArgumentError, match="out of bounds"):
            sess.run(x[1], {x: [1.0]})
        assert sess.run(x[1], {x: [3.0, 4.0, 5.0]}) == 4.0


@pytest.mark.parametrize("engine", ["reference", "llvm"])
def test_a_conflict_of_sizes_says_nothing_of_a_size_that_broadcasts(engine: str) -> None:
    with tf.Graph().as_default():
        x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
        z = x + y
        sess = tf.Session(engine=engine)
        for _ in range(2):
            for a, b in ((3, 2), (3, 1), (1, 2), (2, 2), (0, 2), (0, 1)):
                feeds = {x: np.ones(a), y: np.ones(b)}
                if a == b or 1 in (a, b):
                    assert sess.run(z, feeds).shape == np.broadcast_shapes((a,), (b,))
                else:
                    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
                        sess.run(z, feeds)


@pytest.mark.parametrize("engine", ["reference", "llvm"])
def test_a_product_of_sizes_equals_one_size(engine: str) -> None:
    with tf.Graph().as_default():
        x, y = tf.placeholder(tf.float32, [None, None]), tf.placeholder(tf.float32, [None])
        z = tf.reshape(x, [-1]) * y + tf.reshape(tf.transpose(x), [-1])
        sess = tf.Session(engine=engine)
        for a, b, c in ((2, 3, 6), (3, 2, 6), (2, 2, 4), (0, 3, 0), (2, 3, 5), (4, 1, 4)):
            feeds = {x: np.arange(a * b).reshape(a, b), y: np.arange(c)}
            if a * b == c:
                assert sess.run(z, feeds).tolist() == (np.arange(c) ** 2 + feeds[x].T.ravel()).tolist()
            else:
                with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
                    sess.run(z, feeds)
