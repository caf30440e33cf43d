"""The layer base, tf.layers, templates' neighbours: cells, section 1, as far as it is about layers."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.frontend.layers.layers_base import InputSpec, Layer, snake_case


class Scale(Layer):
    """A layer with one weight, made in build."""

    def build(self, input_shape: Any) -> None:
        """Make `k`."""
        self.k = self.add_variable("k", [input_shape[-1].value], initializer=tf.ones_initializer())
        self.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Multiply by it."""
        return inputs * self.k


def names() -> list[str]:
    """The names of all variables."""
    return [v.op.name for v in tf.global_variables()]


def run(fetch: Any) -> Any:
    """What something is in a new session."""
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    return sess.run(fetch)


@pytest.mark.parametrize("name, expected", [
    ("BasicLSTMCell", "basic_lstm_cell"), ("GRUCell", "gru_cell"), ("NASCell", "nas_cell"), ("UGRNNCell", "ugrnn_cell"),
    ("GLSTMCell", "glstm_cell"), ("Conv1DLSTMCell", "conv1dlstm_cell"), ("_Foo", "private__foo")])
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


def test_names_and_scopes() -> None:
    x = tf.ones([4, 3])
    first, second = Scale(), Scale()
    assert [first.name, second.name] == ["scale_1", "scale_2"]
    assert not first.built
    with pytest.raises(ValueError, match="No name available"):
        _ = first.scope_name
    assert first(x).op.name == "scale/mul"
    assert first(x).op.name == "scale/mul_1"
    second(x)
    with tf.variable_scope("o"):
        first(x)
        Scale()(x)
        Scale(name="nn")(x)
    assert names() == ["scale/k", "scale_1/k", "o/scale/k", "o/nn/k"]
    assert (first.scope_name, first.built, first.dtype) == ("scale", True, tf.float32)


def test_reuse() -> None:
    x = tf.ones([4, 3])
    first = Scale(name="a")
    first(x)
    again = Scale(name="a", _reuse=True)
    again(x)
    assert again.weights == first.weights == tf.global_variables()
    with pytest.raises(ValueError, match="does not exist"):
        Scale(name="b", _reuse=True)(x)
    bound = Scale(_scope="a", _reuse=True)
    bound(x)
    assert bound.weights == first.weights


def test_weights_losses_updates() -> None:
    layer = Scale()
    with pytest.raises(ValueError, match="count_params"):
        layer.count_params()
    layer(tf.ones([4, 3]))
    assert layer.trainable_weights == layer.variables == layer.trainable_variables == tf.global_variables()
    assert layer.non_trainable_weights == []
    assert layer.count_params() == 3
    loss = tf.constant(1.0)
    layer.add_loss(loss)
    layer.add_update([loss.op])
    assert layer.losses == [loss] == tf.get_collection("regularization_losses")
    assert layer.updates == [loss.op] == tf.get_collection("update_ops")
    frozen = Scale(trainable=False)
    frozen(tf.ones([4, 3]))
    assert frozen.trainable_weights == []
    assert len(frozen.non_trainable_weights) == 1


def test_errors() -> None:
    with pytest.raises(TypeError, match="Keyword argument not understood"):
        Layer(foo=1)

    class Nothing(Layer):
        def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            return None

    with pytest.raises(ValueError, match="not None"):
        Nothing()(tf.ones([1]))
    layer = Scale()
    with tf.Graph().as_default(), pytest.raises(ValueError, match="not the same"):
        layer(tf.ones([1, 2]))


def test_deep_copies_are_unbuilt() -> None:
    layer = Scale(name="a")
    fresh = copy.deepcopy(layer)
    layer(tf.ones([2, 3]))
    copied = copy.deepcopy(layer)
    for other in (fresh, copied):
        assert (other.built, other.weights, other.graph) == (False, [], layer.graph)
        with tf.variable_scope("o", reuse=tf.AUTO_REUSE):
            other(tf.ones([2, 3]))
    assert names() == ["a/k", "o/a/k"]


def test_input_spec() -> None:
    class Picky(Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__()
            self.input_spec = InputSpec(**kwargs)

    x = tf.ones([2, 3])
    for bad in ({"ndim": 3}, {"min_ndim": 3}, {"max_ndim": 1}, {"axes": {-1: 4}}, {"shape": (2, 4)},
                {"dtype": tf.int32}):
        with pytest.raises(ValueError, match="is incompatible with the layer"):
            Picky(**bad)(x)
    for good in ({"ndim": 2}, {"axes": {-1: 3}}, {"shape": (None, 3)}, {"dtype": tf.float32}):
        assert Picky(**good)(x) is x
    with pytest.raises(ValueError, match="rank is undefined"):
        Picky(ndim=2)(tf.placeholder(tf.float32))


def test_dense() -> None:
    x = tf.constant(np.arange(6, dtype=np.float32).reshape(2, 3))
    y = tf.layers.dense(x, 2, kernel_initializer=tf.ones_initializer(), bias_initializer=tf.ones_initializer(),
                        activation=tf.nn.relu, name="fc")
    assert y.op.name == "fc/Relu"
    assert run(y).tolist() == [[4, 4], [13, 13]]
    with pytest.raises(ValueError, match="already exists"):
        tf.layers.dense(x, 2, name="fc")
    tf.layers.dense(x, 2, name="fc", reuse=True)
    tf.layers.dense(x, 2)
    tf.layers.dense(x, 2, use_bias=False)
    assert names() == ["fc/kernel", "fc/bias", "dense/kernel", "dense/bias", "dense_1/kernel"]
    deep = tf.layers.dense(tf.ones([2, 4, 3]), 5)
    assert deep.shape.as_list() == [2, 4, 5]


def test_dense_errors() -> None:
    with pytest.raises(ValueError, match="should be defined"):
        tf.layers.dense(tf.placeholder(tf.float32, [2, None]), 5)
    with pytest.raises(ValueError, match="rank is undefined"):
        tf.layers.dense(tf.placeholder(tf.float32), 5)
    layer = tf.layers.Dense(2)
    layer(tf.ones([1, 3]))
    with pytest.raises(ValueError, match="to have value 3"):
        layer(tf.ones([1, 4]))


def test_dense_regularizers() -> None:
    layer = tf.layers.Dense(2, kernel_regularizer=lambda k: tf.reduce_sum(k * k), activity_regularizer=tf.reduce_sum)
    layer(tf.ones([1, 3]))
    assert len(layer.losses) == 2
    assert tf.get_collection("regularization_losses") == layer.losses


def test_dropout_and_flatten() -> None:
    x = tf.ones([100, 20])
    assert (run(tf.layers.dropout(x)) == 1).all()
    assert set(np.unique(run(tf.layers.dropout(x, training=True)))) == {0.0, 2.0}
    training = tf.placeholder_with_default(False, [])
    y = tf.layers.dropout(x, 0.5, training=training)
    assert (run(y) == 1).all()
    assert tf.layers.flatten(tf.ones([2, 3, 4])).shape.as_list() == [2, 12]
    batch = tf.placeholder(tf.float32, [None, 3, 4])
    flat = tf.layers.flatten(batch)
    assert flat.shape.as_list() == [None, 12]
    assert tf.Session().run(flat, {batch: np.ones((5, 3, 4))}).shape == (5, 12)


def test_batch_normalization() -> None:
    x = tf.constant(np.float32([[1, 2], [3, 6]]))
    layer = tf.layers.BatchNormalization(momentum=0.5)
    trained = layer(x, training=True)
    assert [v.op.name.rpartition("/")[2] for v in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert layer.updates == tf.get_collection("update_ops")
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    got, _ = sess.run([trained, layer.updates])
    np.testing.assert_allclose(got, [[-1, -1], [1, 1]], atol=1e-3)
    np.testing.assert_allclose(sess.run(layer.moving_mean), [1, 2])
    np.testing.assert_allclose(sess.run(layer.moving_variance), [1, 2.5])
    plain = layer(x, training=False)
    expected = (np.array([[1, 2], [3, 6]]) - [1, 2]) / np.sqrt(np.array([1, 2.5]) + 1e-3)
    np.testing.assert_allclose(sess.run(plain), expected, rtol=1e-5)
    with pytest.raises(NotImplementedError):
        tf.layers.batch_normalization(x, renorm=True)
