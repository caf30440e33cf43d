"""tf.nn without RNNs, and tf.losses: values against NumPy, names, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph.ops  # noqa: F401  (fills the op table)
from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework.convert import constant
from rnngraph.frontend.framework.graph import Graph, Tensor
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.nn import losses, nn_ops
from rnngraph.ir.types import float16, float32, int32, int64
from rnngraph.session import Session

P = np.array([[0.1, 0.7, -0.4], [0.9, -0.2, 0.55]], np.float32)
W = np.arange(12, dtype=np.float32).reshape(3, 4) / 10


def run(fetches: Any, feed: Any = None) -> Any:
    with Session(engine="reference") as session:
        return session.run(fetches, feed)


def soft(x: Any, axis: int = -1) -> Any:
    grown = np.exp(x - x.max(axis, keepdims=True))
    return grown / grown.sum(axis, keepdims=True)


@pytest.mark.parametrize(("function", "reference", "kind"), [
    (nn_ops.relu, lambda x: np.maximum(x, 0), "Relu"), (nn_ops.relu6, lambda x: np.clip(x, 0, 6), "Relu6"),
    (nn_ops.elu, lambda x: np.where(x < 0, np.expm1(x), x), "Elu"),
    (nn_ops.softplus, lambda x: np.log1p(np.exp(x)), "Softplus"),
    (nn_ops.softsign, lambda x: x / (1 + abs(x)), "Softsign"), (nn_ops.softmax, soft, "Softmax"),
    (nn_ops.leaky_relu, lambda x: np.maximum(0.2 * x, x), "Maximum"),
    (nn_ops.log_softmax, lambda x: np.log(soft(x)), "LogSoftmax"),
    (lambda x: nn_ops.softmax(x, 0), lambda x: soft(x, 0), "Softmax"),
    (nn_ops.l2_loss, lambda x: (x * x).sum() / 2, "L2Loss"),
    (lambda x: nn_ops.l2_normalize(x, 1), lambda x: x / np.linalg.norm(x, axis=1, keepdims=True), "Mul"),
    (nn_ops.crelu, lambda x: np.maximum(np.c_[x, -x], 0), "Relu"),
    (nn_ops.zero_fraction, lambda x: (x == 0).mean(), "Mean"),
])
def test_activations(function: Callable[[Any], Tensor], reference: Callable[[Any], Any], kind: str) -> None:
    p = array.placeholder(float32, [None, 3])
    made = function(p)
    assert made.op.type == kind
    np.testing.assert_allclose(run(made, {p: P}), reference(P.astype(np.float64)), rtol=1e-5, atol=1e-7)


def test_softmax_of_any_rank() -> None:
    x = np.random.RandomState(0).rand(2, 3, 4).astype("f")
    np.testing.assert_allclose(run(nn_ops.softmax(constant(x), 1)), soft(x, 1), rtol=1e-6)
    np.testing.assert_allclose(run(nn_ops.softmax(constant(x[0, 0]))), soft(x[0, 0]), rtol=1e-6)
    with pytest.raises(ValueError, match="at least rank 1"):
        nn_ops.softmax(1.0)
    with pytest.raises(ValueError, match="must be in the range"):
        nn_ops.softmax(constant(x), 3)


def test_affine() -> None:
    p, b = constant(P), constant(np.ones(4, "f"))
    made = nn_ops.xw_plus_b(p, W, b)
    assert (made.op.name, made.op.type) == ("xw_plus_b", "BiasAdd")
    np.testing.assert_allclose(run(made), P @ W + 1, rtol=1e-6)
    np.testing.assert_allclose(run(nn_ops.relu_layer(p, W, b)), np.maximum(P @ W + 1, 0), rtol=1e-6)
    x = np.random.RandomState(0).rand(1, 3, 2, 2).astype("f")
    np.testing.assert_allclose(run(nn_ops.bias_add(x, [1.0, 2.0, 3.0], "NCHW")),
                               x + np.array([1, 2, 3])[:, None, None], rtol=1e-6)
    for bad, phrase in ((constant([1.0]), "Dimensions must be equal"), (p, "must be rank 1")):
        with pytest.raises(ValueError, match=phrase):
            nn_ops.bias_add(p, bad)
    with pytest.raises(ValueError, match="data_format"):
        nn_ops.bias_add(p, [1.0, 2.0, 3.0], "foo")


# --- cross-entropies --------------------------------------------------------------------------------------------------

def test_sparse_cross_entropy() -> None:
    p, labels = array.placeholder(float32, [None, 3]), array.placeholder(int64, [None])
    made = nn_ops.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=p, name="x")
    assert made.op.name == "x/x"
    np.testing.assert_allclose(run(made, {p: P, labels: [2, 0]}), -np.log(soft(P)[[0, 1], [2, 0]]), rtol=1e-6)
    three = nn_ops.sparse_softmax_cross_entropy_with_logits(labels=[[0, 1]], logits=constant(P[None]))
    np.testing.assert_allclose(run(three), -np.log(soft(P)[[0, 1], [0, 1]])[None], rtol=1e-6)


@pytest.mark.parametrize(("arguments", "error", "phrase"), [
    ({"_sentinel": 1}, ValueError, "Only call `sparse_softmax_cross_entropy_with_logits` with named arguments"),
    ({"labels": [0, 1]}, ValueError, "Both labels and logits"),
    ({"labels": [0, 1, 2], "logits": P}, ValueError, "Dimensions must be equal, but are 2 and 3"),
    ({"labels": [[0, 1, 2]] * 2, "logits": P}, ValueError, "Rank mismatch"),
    ({"labels": 1, "logits": 1.0}, ValueError, "Logits cannot be scalars"),
    ({"labels": [0, 1], "logits": P.astype(np.int32)}, TypeError, "features"),
    ({"labels": [0.0, 1.0], "logits": P}, TypeError, "labels"),
])
def test_sparse_cross_entropy_refuses(arguments: dict[str, Any], error: type[Exception], phrase: str) -> None:
    with pytest.raises(error, match=phrase):
        nn_ops.sparse_softmax_cross_entropy_with_logits(**arguments)


def test_dense_cross_entropies() -> None:
    p, target = constant(P), soft(P + 1, 1)
    made = [nn_ops.softmax_cross_entropy_with_logits(labels=target, logits=p),
            nn_ops.softmax_cross_entropy_with_logits(labels=target, logits=p, dim=0),
            nn_ops.sigmoid_cross_entropy_with_logits(labels=target, logits=p * 40),
            nn_ops.weighted_cross_entropy_with_logits(target, p, 2.0)]
    probable, x = 1 / (1 + np.exp(-P.astype(np.float64))), P.astype(np.float64) * 40
    expected = [-(target * np.log(soft(P))).sum(1), -(target * np.log(soft(P, 0))).sum(0),
                np.logaddexp(0, x) - x * target, -2 * target * np.log(probable) - (1 - target) * np.log(1 - probable)]
    for a, b in zip(run(made), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    for function in (nn_ops.softmax_cross_entropy_with_logits, nn_ops.sigmoid_cross_entropy_with_logits):
        with pytest.raises(ValueError, match="with named arguments"):
            function(p, p)
    with pytest.raises(ValueError, match="must have the same shape"):
        nn_ops.sigmoid_cross_entropy_with_logits(labels=W, logits=p)
    with pytest.raises(ValueError, match="must be equal"):
        nn_ops.softmax_cross_entropy_with_logits(labels=W, logits=p)


# --- dropout, ranking, embeddings ------------------------------------------------------------------------------------

def test_dropout() -> None:
    x = constant(np.ones((100, 20), "f"))
    made = nn_ops.dropout(x, 0.5, seed=1)
    assert (made.op.name, made.shape.as_list()) == ("dropout/mul", [100, 20])
    found = run(made)
    assert set(np.unique(found)) == {0, 2} and abs(found.mean() - 1) < 0.1
    rows = run(nn_ops.dropout(x, 0.5, noise_shape=[100, 1]))
    assert (rows == rows[:, :1]).all()
    assert nn_ops.dropout(x, 1.0) is x
    assert nn_ops.dropout(x, constant(1.0)) is x
    for bad in (0, 1.5, -1):
        with pytest.raises(ValueError, match="keep_prob must be a scalar tensor or a float in the"):
            nn_ops.dropout(x, bad)
    with pytest.raises(ValueError, match="floating point tensor"):
        nn_ops.dropout(constant([1]), 0.5)


def test_top_k() -> None:
    values, indices = nn_ops.top_k(constant(P), 2)
    assert [each.tolist() for each in run([indices, values > 0])] == [[[1, 0], [0, 2]], [[True, True], [True, True]]]
    assert nn_ops.top_k(P).values.shape.as_list() == [2, 1]
    assert run(nn_ops.in_top_k(P, [0, 0], 1)).tolist() == [False, True]
    with pytest.raises(ValueError, match="must have last dimension >= k = 4 but is 3"):
        nn_ops.top_k(P, 4)


@pytest.mark.parametrize("strategy", ["mod", "div"])
@pytest.mark.parametrize("split", [[6], [3, 3], [2, 2, 2], [2, 2, 1]])
def test_embedding_lookup(strategy: str, split: list[int]) -> None:
    count = sum(split)
    whole = np.arange(count * 2, dtype="f").reshape(count, 2)
    if strategy == "mod":
        tables = [whole[i::len(split)] for i in range(len(split))]
    else:
        tables = np.split(whole, np.cumsum(split)[:-1])
    ids = [[0, count - 1], [2, 1]]
    made = nn_ops.embedding_lookup([constant(each) for each in tables], ids, strategy)
    assert made.shape.as_list() == [2, 2, 2]
    np.testing.assert_array_equal(run(made), whole[np.array(ids)])


def test_embedding_lookup_of_one_table() -> None:
    w = constant(W)
    assert nn_ops.embedding_lookup(w, [0]).op.name == "embedding_lookup"
    clipped = run(nn_ops.embedding_lookup(w, [0, 2], max_norm=1.0))
    np.testing.assert_allclose(np.linalg.norm(clipped, axis=1), [float(np.linalg.norm(W[0])), 1.0], rtol=1e-6)
    bads: tuple[Any, ...] = ([], None)
    for bad in bads:
        with pytest.raises(ValueError, match="Need at least one param"):
            nn_ops.embedding_lookup(bad, [0])
    with pytest.raises(ValueError, match="Unrecognized partition strategy"):
        nn_ops.embedding_lookup([w, w], [0], "foo")


# --- normalisation, convolution --------------------------------------------------------------------------------------

def test_moments_and_batch_normalization() -> None:
    p = constant(P)
    mean, variance = nn_ops.moments(p, [0])
    np.testing.assert_allclose(run([mean, variance]), [P.mean(0), P.var(0)], rtol=1e-5)
    kept = nn_ops.moments(p, [0, 1], keep_dims=True)
    assert [each.shape.as_list() for each in kept] == [[1, 1], [1, 1]]
    weighted = run(nn_ops.weighted_moments(p, [0], [[1.0], [3.0]]))
    np.testing.assert_allclose(weighted[0], np.average(P, 0, [1, 3]), rtol=1e-6)
    made = nn_ops.batch_normalization(p, mean, variance, 0.5, 2.0, 1e-3)
    np.testing.assert_allclose(run(made), (P - P.mean(0)) / np.sqrt(P.var(0) + 1e-3) * 2 + 0.5, rtol=1e-4)
    assert nn_ops.moments(math.cast(p, float16), [0])[0].dtype == float16


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_conv1d(padding: str, stride: int) -> None:
    random = np.random.RandomState(0)
    x, kernel = random.rand(2, 7, 3).astype("f"), random.rand(3, 3, 4).astype("f")
    made = nn_ops.conv1d(x, kernel, stride, padding)
    out = -(-7 // stride) if padding == "SAME" else (7 - 3) // stride + 1
    missing = max(0, (out - 1) * stride + 3 - 7) if padding == "SAME" else 0
    padded = np.pad(x, [(0, 0), (missing // 2, missing - missing // 2), (0, 0)])
    expected = np.stack([np.einsum("bkc,kco->bo", padded[:, t * stride:t * stride + 3], kernel) for t in range(out)], 1)
    assert made.shape.as_list() == [2, out, 4]
    np.testing.assert_allclose(run(made), expected, rtol=1e-5)


def test_convolutions_refuse() -> None:
    x, kernel = array.zeros([1, 5, 5, 2]), array.zeros([3, 3, 2, 1])
    assert nn_ops.conv2d(x, kernel, [1, 2, 2, 1], "SAME").shape.as_list() == [1, 3, 3, 1]
    with pytest.raises(ValueError, match="SAME"):
        nn_ops.conv2d(x, kernel, [1, 1, 1, 1], "FOO")
    with pytest.raises(ValueError, match="strides"):
        nn_ops.conv2d(x, kernel, [2, 1, 1, 1], "SAME")
    with pytest.raises(ValueError, match="Dimensions must be equal"):
        nn_ops.conv2d(x, array.zeros([3, 3, 4, 1]), [1, 1, 1, 1], "SAME")
    for function in (nn_ops.max_pool, nn_ops.conv3d, nn_ops.embedding_lookup_sparse):
        with pytest.raises(NotImplementedError):
            function(x)


# --- losses -----------------------------------------------------------------------------------------------------------

def test_losses_are_weighted_and_collected(graph: Graph) -> None:
    p, y = constant(P), constant(P * 3)
    squared = (2 * P) ** 2
    made = [losses.mean_squared_error(y, p), losses.mean_squared_error(y, p, [[1.0], [0.0]]),
            losses.mean_squared_error(y, p, 0.0), losses.mean_squared_error(y, p, 2.0, reduction=losses.Reduction.SUM),
            losses.mean_squared_error(y, p, [[1.0], [3.0]], reduction=losses.Reduction.MEAN),
            losses.absolute_difference(y, p), losses.mean_squared_error(y, p, reduction="none")]
    expected = [squared.mean(), squared[0].mean(), 0, 2 * squared.sum(), (squared[0].sum() + 3 * squared[1].sum()) / 12,
                abs(2 * P).mean(), squared]
    for a, b in zip(run(made), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    assert made[0].op.name == "mean_squared_error/value"
    assert losses.get_losses() == made
    assert losses.get_losses("absolute_difference") == [made[5]]
    graph.clear_collection(GraphKeys.LOSSES)
    losses.add_loss(constant(1.0))
    graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, constant(2.0))
    assert run([losses.get_total_loss(), losses.get_total_loss(False), losses.get_regularization_loss()]) == [3, 1, 2]


def test_losses_of_logits() -> None:
    p, target = constant(P), soft(P + 1)
    made = [losses.softmax_cross_entropy(target, p), losses.softmax_cross_entropy(target, p, label_smoothing=0.1),
            losses.sparse_softmax_cross_entropy([2, 0], p), losses.sparse_softmax_cross_entropy([[2], [0]], p),
            losses.sigmoid_cross_entropy(target, p), losses.huber_loss(p * 0, p * 4), losses.hinge_loss(p * 0, p)]
    logs, x = np.log(soft(P)), P.astype(np.float64)
    smooth = target * 0.9 + 0.1 / 3
    big = abs(4 * x)
    expected = [-(target * logs).sum(1).mean(), -(smooth * logs).sum(1).mean(), -logs[[0, 1], [2, 0]].mean(),
                -logs[[0, 1], [2, 0]].mean(), (np.logaddexp(0, x) - x * target).mean(),
                np.where(big < 1, big**2 / 2, big - 0.5).mean(), np.maximum(0, 1 + x).mean()]
    np.testing.assert_allclose(run(made), expected, rtol=1e-5)


def test_losses_refuse() -> None:
    p = constant(P)
    with pytest.raises(ValueError, match="can not be broadcast"):
        losses.mean_squared_error(p, p, [1.0, 2.0])
    with pytest.raises(ValueError, match="incompatible"):
        losses.mean_squared_error(p, W)
    with pytest.raises(ValueError, match="Invalid ReductionKey"):
        losses.mean_squared_error(p, p, reduction="foo")
    with pytest.raises(ValueError, match="must not be None"):
        losses.mean_squared_error(None, p)
    with pytest.raises(ValueError, match="at least one"):
        losses.get_total_loss()


def test_labels_may_be_of_other_types() -> None:
    made = nn_ops.softmax_cross_entropy_with_logits(labels=constant([[1, 0, 0]], int32), logits=constant(P[:1]))
    np.testing.assert_allclose(run(made), [-np.log(soft(P)[0, 0])], rtol=1e-6)
