"""Sizes that feeds decide: what one feed teaches must not be taken for granted with the next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.ir.printer import print_graph
from rnngraph.passes.close.builder import ClosingBuilder


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


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "from the end"])
def test_facts_about_sizes_cost_what_the_graph_is_long(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each placeholder has a batch of its own, and each step says that two are one: no node is typed again for it."""
    made: list[int] = []
    node = ClosingBuilder.node

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        made[-1] += 1
        return node(self, *args, **kwargs)
    monkeypatch.setattr(ClosingBuilder, "node", counted)
    for steps in (100, 400):
        with tf.Graph().as_default():
            given = [tf.placeholder(tf.float32, [None, 2]) for _ in range(steps)]
            total = given[-1] if turned else given[0]
            for x in given[-2::-1] if turned else given[1:]:
                total = total * 0.5 + x
            made.append(0)
            sess = tf.Session(engine="reference")
            found = sess.run(total, {x: np.ones((3, 2), np.float32) for x in given})
            np.testing.assert_allclose(found, 2.0 * np.ones((3, 2)), rtol=1e-5)
            (prepared,) = sess._programs.prepared.values()
            (variant,) = prepared.variants
            assert len(variant.closed.guards) == steps - 1
            with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
                sess.run(total, {**{x: np.ones((3, 2)) for x in given}, given[7]: np.ones((2, 2))})
    assert made[1] < 5 * made[0]


WRITTEN = {"one size": ([2], "list[2]<f32[2]>", "list[2]<f32[2]>"), "two sizes": ([3], "list[2]<f32[?]>", "list[2]<f32[?]>"),
           "two ranks": ([2, 1], "list[2]<f32[*]>", "list[2]<f32[*]>")}


@pytest.mark.parametrize("what", list(WRITTEN))
def test_elements_of_a_list_are_what_is_written(what: str) -> None:
    """In a row, and in a loop, whose first step finds the list new."""
    shape, in_a_row, in_a_loop = WRITTEN[what]
    with tf.Graph().as_default():
        def array() -> Any:
            return tf.TensorArray(tf.float32, 2, infer_shape=False, clear_after_read=False)
        row = array().write(0, tf.zeros([2])).write(1, tf.ones(shape)).read(1)

        def body(i: Any, ta: Any) -> Any:
            return i + 1, ta.write(i, tf.cond(i < 1, lambda: tf.zeros([2]), lambda: tf.ones(shape)))
        looped = tf.while_loop(lambda i, ta: i < 2, body, [0, array()])[1].read(1)
        for fetch, text in ((row, in_a_row), (looped, in_a_loop)):
            sess = tf.Session(engine="reference")
            np.testing.assert_array_equal(sess.run(fetch), np.ones(shape))
            assert f": {text}" in print_graph(sess.closed_graph(fetch)), print_graph(sess.closed_graph(fetch))
