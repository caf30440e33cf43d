"""RegisterGradient and gradient_override_map inside loops, branches and cells; numbers are TensorFlow 1.4.0's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf


@tf.RegisterGradient("TestThree")
def _three(op: Any, g: Any) -> Any:
    return g * 3.0


@tf.RegisterGradient("TestOdd")
def _odd(op: Any, g: Any) -> Any:
    return g * (op.inputs[0] + 2.0 * op.outputs[0]) + tf.zeros_like(op.inputs[0])


def rounded(v: Any) -> Any:
    with tf.get_default_graph().gradient_override_map({"Round": "TestThree"}):
        return tf.round(v)


def odd(v: Any) -> Any:
    with tf.get_default_graph().gradient_override_map({"Tanh": "TestOdd"}):
        return tf.tanh(v)


X = np.array([1.2, 2.7, -0.4])
STRAIGHT: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "plain": (lambda x, c: rounded(x), [3, 3, 3]), "times x": (lambda x, c: rounded(x) * x, np.round(X) + 3 * X),
    "map_fn": (lambda x, c: tf.map_fn(rounded, x), [3, 3, 3]),
    "scan": (lambda x, c: tf.scan(lambda a, v: a + rounded(v), x, 0.0)[-1], [3, 3, 3]),
    "while": (lambda x, c: tf.while_loop(lambda i, v: i < 2, lambda i, v: (i + 1, rounded(v)), (0, x))[1], [9, 9, 9]),
    "cond": (lambda x, c: tf.cond(c, lambda: rounded(x), lambda: x), [3, 3, 3])}


@pytest.mark.parametrize("what", list(STRAIGHT))
def test_an_op_without_a_gradient_gets_one(sess: Any, what: str) -> None:
    x, c = tf.placeholder(tf.float32, [3]), tf.placeholder(tf.bool, [])
    make, wanted = STRAIGHT[what]
    [found] = tf.gradients(make(x, c), [x])
    np.testing.assert_allclose(sess.run(found, {x: X, c: True}), wanted, rtol=1e-6)


def test_second_order(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [3])
    for y in (rounded(x) * x, tf.map_fn(lambda v: rounded(v) * v, x)):
        [first] = tf.gradients(y, [x])
        [second] = tf.gradients(first, [x])
        np.testing.assert_allclose(sess.run(second, {x: X}), [6, 6, 6], rtol=1e-6)


class OddCell(tf.nn.rnn_cell.RNNCell):
    state_size = output_size = 3

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        found = odd(inputs + state)
        return found, found


GIVEN = [0.5, -1.0, 2.0]
ODD: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "map_fn": (lambda x: tf.map_fn(lambda v: odd(v) * v, x), [1.1742, 1.7616, 8.8201]),
    "scan": (lambda x: tf.scan(lambda a, v: odd(a + v), x, 0.0)[-1], [-7.1947, -5.0516, 3.3220]),
    "while": (lambda x: tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, odd(v)), (0, x))[1],
              [2.3516, -9.1594, 19.4084]),
    "cond in scan": (lambda x: tf.scan(lambda a, v: tf.cond(v > 0, lambda: odd(a + v), lambda: a * v), x, 0.0)[-1],
                     [-4.7874, 1.5534, 3.3614]),
    "cell": (lambda x: tf.nn.dynamic_rnn(OddCell(), tf.reshape(x, [1, 1, 3]), dtype=tf.float32)[0],
             [1.4242, -2.5232, 3.9281])}


@pytest.mark.parametrize("what", list(ODD))
def test_a_function_of_inputs_and_outputs(sess: Any, what: str) -> None:
    x = tf.placeholder(tf.float32, [3])
    make, wanted = ODD[what]
    [found] = tf.gradients(tf.reduce_sum(make(x)), [x])
    np.testing.assert_allclose(sess.run(found, {x: GIVEN}), wanted, atol=2e-4)


@pytest.mark.parametrize("registry", ["others", "none"])
def test_a_name_that_nothing_is_registered_under(sess: Any, registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if registry == "none":
        monkeypatch.setattr("rnngraph.frontend.flow.gradients._registry", {})
    x = tf.placeholder(tf.float32, [3])
    with tf.get_default_graph().gradient_override_map({"Tanh": "TestNobody"}):
        y = tf.map_fn(tf.tanh, x)
        z = tf.tanh(x)
    for target in (y, z):
        with pytest.raises(LookupError, match="TestNobody"):
            tf.gradients(target, [x])
    assert tf.gradients(y, [tf.constant(1.0)]) == [None], "no cotangent arrives"
