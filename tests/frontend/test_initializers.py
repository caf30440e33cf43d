"""Initializers: variables-and-scopes, section 7."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnngraph as tf


@pytest.fixture(autouse=True)
def seeded(graph: Any) -> None:
    """Equal draws in every run."""
    tf.set_random_seed(1)


def value(tensor: Any) -> Any:
    """What a tensor evaluates to."""
    return tf.Session().run(tensor)


def test_constants() -> None:
    assert value(tf.zeros_initializer()([2])).tolist() == [0.0, 0.0]
    assert value(tf.zeros_initializer()([2], tf.bool)).tolist() == [False, False]
    assert value(tf.ones_initializer(tf.int32)([2])).tolist() == [1, 1]
    assert value(tf.constant_initializer([1, 2, 3])([2, 3])).tolist() == [[1.0, 2.0, 3.0], [3.0, 3.0, 3.0]]
    filled = value(tf.constant_initializer([1, 2, 3])([2, 2]))
    assert filled.tolist() == [[1.0, 2.0], [3.0, 3.0]]
    with pytest.raises(TypeError):
        tf.constant_initializer([1, 2, 3], verify_shape=True)([2, 2])
    with pytest.raises(TypeError):
        tf.constant_initializer(1.5)([2], dtype=tf.int32)
    large = tf.constant_initializer(3)([200, 300])
    assert (large.op.type, large.dtype) == ("Const", tf.float32)
    assert (value(large) == 3.0).all()
    with pytest.raises(ValueError, match="Too many elements"):
        tf.constant_initializer([1, 2, 3])([2])


def test_random_uniform() -> None:
    x = value(tf.random_uniform_initializer(-2, 3)([4000]))
    assert x.min() >= -2
    assert x.max() < 3
    assert abs(x.mean() - 0.5) < 0.1
    x = value(tf.random_uniform_initializer()([1000]))
    assert x.min() >= 0
    assert x.max() < 1
    x = value(tf.random_uniform_initializer(maxval=3, dtype=tf.int32)([1000]))
    assert sorted(set(x.tolist())) == [0, 1, 2]
    with pytest.raises(ValueError, match="Must specify maxval"):
        tf.random_uniform_initializer(dtype=tf.int32)([2])


def test_normals() -> None:
    x = value(tf.random_normal_initializer(2.0, 3.0)([8000]))
    assert abs(x.mean() - 2) < 0.15
    assert abs(x.std() - 3) < 0.15
    x = value(tf.truncated_normal_initializer(2.0, 3.0)([8000]))
    assert np.abs(x - 2).max() <= 6
    assert abs(x.std() - 3 * 0.88) < 0.15


@pytest.mark.parametrize("kwargs, shape, limit", [
    ({"mode": "fan_in"}, [30, 50], np.sqrt(3 / 30)), ({"mode": "fan_out"}, [30, 50], np.sqrt(3 / 50)),
    ({"mode": "fan_avg", "scale": 2.0}, [30, 50], np.sqrt(6 / 40)),
    ({"mode": "fan_out"}, [2, 5, 30, 50], np.sqrt(3 / 500)), ({"mode": "fan_in"}, [2000], np.sqrt(3 / 2000))])
def test_variance_scaling(kwargs: Any, shape: Any, limit: float) -> None:
    x = value(tf.variance_scaling_initializer(distribution="uniform", **kwargs)(shape))
    assert np.abs(x).max() <= limit
    assert np.abs(x).max() > 0.97 * limit
    x = value(tf.variance_scaling_initializer(**kwargs)(shape))
    sigma = limit / np.sqrt(3)
    assert np.abs(x).max() <= 2 * sigma * 1.0001
    assert abs(x.std() / (0.88 * sigma) - 1) < 0.1


def test_glorot_and_unit_scaling() -> None:
    assert np.abs(value(tf.glorot_uniform_initializer()([30, 50]))).max() <= np.sqrt(6 / 80)
    assert abs(value(tf.glorot_normal_initializer()([30, 50])).std() / (0.88 * np.sqrt(2 / 80)) - 1) < 0.1
    x = value(tf.uniform_unit_scaling_initializer(2.0)([30, 50]))
    assert 0.97 * 2 * np.sqrt(3 / 30) < np.abs(x).max() <= 2 * np.sqrt(3 / 30)


@pytest.mark.parametrize("bad", [{"scale": 0}, {"mode": "x"}, {"distribution": "x"}])
def test_variance_scaling_errors(bad: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        tf.variance_scaling_initializer(**bad)


@pytest.mark.parametrize("shape", [[5, 5], [5, 3], [3, 5], [2, 3, 4]])
def test_orthogonal(shape: list[int]) -> None:
    x = value(tf.orthogonal_initializer(gain=2.0)(shape)).reshape(-1, shape[-1])
    rows, columns = x.shape
    product = x.T @ x if rows >= columns else x @ x.T
    np.testing.assert_allclose(product, 4 * np.eye(min(rows, columns)), atol=1e-5)
    with pytest.raises(ValueError, match="at least two-dimensional"):
        tf.orthogonal_initializer()([3])


def test_identity() -> None:
    assert value(tf.initializers.identity(2.0)([2, 3])).tolist() == [[2, 0, 0], [0, 2, 0]]
    with pytest.raises(ValueError, match="2D"):
        tf.initializers.identity()([2])


@pytest.mark.parametrize("name", ["random_normal", "truncated_normal", "uniform_unit_scaling", "variance_scaling",
                                  "orthogonal", "identity"])
def test_floats_only(name: str) -> None:
    with pytest.raises(ValueError, match="Expected floating point type"):
        getattr(tf.initializers, name)(dtype=tf.int32)


def test_namespace_and_config() -> None:
    names = "zeros ones constant random_uniform random_normal truncated_normal uniform_unit_scaling variance_scaling"
    for name in (*names.split(), "orthogonal", "identity"):
        initializer = getattr(tf.initializers, name)()
        assert initializer.get_config()["dtype"] == "float32"
        assert type(initializer).from_config(initializer.get_config()).get_config() == initializer.get_config()


def test_seeds() -> None:
    same = [value(tf.random_normal_initializer(seed=3)([4])).tolist() for _ in range(2)]
    assert same[0] == same[1]
    assert value(tf.random_normal_initializer(seed=4)([4])).tolist() != same[0]


def test_variables_of_a_dtype() -> None:
    v = tf.get_variable("v", [3], dtype=tf.float64, initializer=tf.random_normal_initializer())
    assert v.initial_value.dtype == tf.float64
