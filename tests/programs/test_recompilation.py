"""How many executables a fetch set gets: sizes are symbols, so another batch or length compiles nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnngraph as tf


def executables(sess: Any) -> int:
    """How many executables the session has made."""
    return sum(len(p.variants) for p in sess._programs.prepared.values())


def model(shape: list[int | None], lengths: bool = False) -> tuple[Any, Any, Any, Any]:
    """A training step of a small recurrent network: (x, lengths, loss, step)."""
    x = tf.placeholder(tf.float32, shape)
    n = tf.placeholder(tf.int32, [shape[0]]) if lengths else None
    out, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(3), x, n, dtype=tf.float32)
    loss = tf.reduce_mean(tf.square(out - 0.1))
    return x, n, loss, tf.train.GradientDescentOptimizer(0.1).minimize(loss)


@pytest.mark.parametrize("shape", [[None, 4, 2], [5, None, 2], [None, None, 2]])
def test_batches_and_lengths(sess: Any, shape: list[int | None]) -> None:
    x, _, loss, step = model(shape)
    sess.run(tf.global_variables_initializer())
    before = executables(sess)
    for batch, time in ((1, 4), (64, 4), (5, 7), (2, 1), (3, 9)):
        size = [batch if shape[0] is None else 5, time if shape[1] is None else 4, 2]
        assert np.isfinite(sess.run([loss, step], {x: np.ones(size)})[0])
    assert executables(sess) - before == 1


def test_lengths_are_data(sess: Any) -> None:
    x, n, loss, step = model([None, None, 2], lengths=True)
    sess.run(tf.global_variables_initializer())
    before = executables(sess)
    for batch, time in ((1, 4), (6, 3), (2, 8)):
        sess.run([loss, step], {x: np.ones([batch, time, 2]), n: np.arange(batch) % (time + 1)})
    assert executables(sess) - before == 1


def test_values_do_not_depend_on_what_ran_before(engine: str, graph: Any) -> None:
    x, _, loss, _ = model([None, None, 2])
    init = tf.global_variables_initializer()
    data = [np.random.RandomState(i).randn(b, t, 2) for i, (b, t) in enumerate([(1, 3), (4, 1), (2, 5), (1, 1)])]
    used = tf.Session(graph=graph, engine=engine)
    used.run(init)
    values = {v: used.run(v) for v in tf.global_variables()}
    for d in [*data, *reversed(data)]:
        fresh = tf.Session(graph=graph, engine="reference")
        fresh.run(init, {v.initial_value: a for v, a in values.items()})
        np.testing.assert_allclose(used.run(loss, {x: d}), fresh.run(loss, {x: d}), rtol=1e-5)


def test_broadcasting_makes_a_second_executable(sess: Any) -> None:
    x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    z = x * y + 1.0
    for n in (3, 5, 1, 2):
        assert sess.run(z, {x: np.ones(n), y: np.ones(n)}).tolist() == [2.0] * n
    assert executables(sess) == 1
    assert sess.run(z, {x: np.ones(3), y: [4.0]}).tolist() == [5.0] * 3
    assert sess.run(z, {x: [4.0], y: np.ones(7)}).tolist() == [5.0] * 7
    assert executables(sess) == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        sess.run(z, {x: np.ones(3), y: np.ones(2)})
    assert sess.run(z, {x: np.ones(4), y: np.ones(4)}).tolist() == [2.0] * 4
    assert executables(sess) <= 4


def test_one_first_then_many(sess: Any) -> None:
    x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    z = x * y
    assert sess.run(z, {x: [2.0], y: [3.0]}).tolist() == [6.0]
    assert sess.run(z, {x: [2.0, 1.0], y: [3.0, 1.0]}).tolist() == [6.0, 1.0]
    assert executables(sess) == 1
    w = tf.placeholder(tf.float32, [None, 4])
    sums = w + tf.ones([4])
    for n in (1, 64):
        assert sess.run(sums, {w: np.zeros([n, 4])}).shape == (n, 4)
    assert executables(sess) == 2


def test_scalars_that_are_sizes(sess: Any) -> None:
    n, x = tf.placeholder(tf.int32, []), tf.placeholder(tf.float32, [None, 2])
    cell = tf.nn.rnn_cell.GRUCell(2)
    out, _ = tf.nn.dynamic_rnn(cell, tf.expand_dims(x, 1), initial_state=cell.zero_state(n, tf.float32))
    sess.run(tf.global_variables_initializer())
    before = executables(sess)
    for k in (1, 3, 8):
        assert sess.run(out, {n: k, x: np.ones([k, 2])}).shape == (k, 1, 2)
    assert executables(sess) - before == 1


def test_numbers_of_steps_are_data(sess: Any) -> None:
    n, x = tf.placeholder(tf.int32, []), tf.placeholder(tf.float32, [])
    y = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * x), [0, 1.0])[1]
    g = tf.gradients(y, x)[0]
    assert [float(sess.run(g, {n: k, x: 2.0})) for k in (0, 1, 3, 10)] == [0.0, 1.0, 12.0, 5120.0]
    assert executables(sess) == 1


def test_data_dependent_sizes_compile_once(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.reduce_sum(tf.boolean_mask(x, x > 0.0) * 2.0)
    for values in ([1.0, -1.0], [1.0, 2.0, 3.0], [-1.0], []):
        assert sess.run(y, {x: values}) == 2 * sum(v for v in values if v > 0)
    assert executables(sess) == 1


def test_other_fetches_and_first_initialisation(sess: Any) -> None:
    v = tf.Variable(1.0)
    started, read = tf.is_variable_initialized(v), v + 1.0
    assert not sess.run(started)
    sess.run(v.initializer)
    assert sess.run(started)
    assert executables(sess) == 3  # `started` without and with a value, and the initialiser
    for _ in range(3):
        assert sess.run(read) == 2.0
    assert executables(sess) == 4


def test_variables_of_unknown_shape(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    v = tf.Variable(tf.zeros([1]), validate_shape=False)
    total, put = tf.reduce_sum(v), tf.assign(v, x, validate_shape=False)
    for n in (1, 3, 2):
        sess.run(put, {x: np.ones(n)})
        assert sess.run(total) == n
    assert executables(sess) <= 3


def test_order_makes_no_other_program(sess: Any) -> None:
    a, b = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    x, y, v = a - b, a / b, tf.Variable(0.0)
    count = tf.assign_add(v, 1.0)
    sess.run(v.initializer)
    before = executables(sess)
    found = [sess.run([x, count, y], {a: [6.0], b: [3.0]}), sess.run([y, x, count], {b: [3.0], a: [6.0]}),
             sess.run({"x": [x, x], "y": y, "count": count}, {b: [3.0], a: [6.0]})]
    assert found == [[[3.0], 1.0, [2.0]], [[2.0], [3.0], 2.0], {"x": [[3.0], [3.0]], "y": [2.0], "count": 3.0}]
    assert executables(sess) == before + 1


def test_sessions_on_one_graph_compile_once(graph: Any, engine: str) -> None:
    x, v = tf.placeholder(tf.float32, []), tf.Variable(2.0)
    step = tf.assign_add(v, x)
    for place in range(3):
        with tf.Session(engine=engine) as sess:
            sess.run(v.initializer)
            assert [sess.run(step, {x: 1.0 + place}) for _ in range(2)] == [3.0 + place, 4.0 + 2 * place]
            assert executables(sess) == 2
    first, second = tf.Session(engine=engine), tf.Session(engine=engine)
    for sess in (first, second):
        sess.run(v.initializer)
    first.run(step, {x: 5.0})
    assert (first.run(v), second.run(v)) == (7.0, 2.0), "values stay each session's own"
    other = tf.Session(engine="reference" if engine == "llvm" else "llvm")
    assert not executables(other)
