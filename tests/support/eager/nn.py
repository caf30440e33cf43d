"""Softmax, losses, normalisation; and what draws, whose numbers are loose."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.eager.core import Bad, T, as_tensor, fixed, leaves, loose, op, sizes


def _log_softmax(x: Any, dim: int = -1) -> Any:
    moved = x - np.max(x, dim, keepdims=True, initial=-np.inf)
    return moved - np.log(np.sum(np.exp(moved), dim, keepdims=True))


@op
def softmax_cross_entropy(labels: Any, logits: Any) -> Any:
    """tf.nn.softmax_cross_entropy_with_logits."""
    if labels.shape != logits.shape:
        raise Bad("labels")
    return -(labels * _log_softmax(logits)).sum(-1)


@op
def sparse_cross_entropy(labels: Any, logits: Any) -> Any:
    """tf.nn.sparse_softmax_cross_entropy_with_logits."""
    if labels.shape != logits.shape[:-1]:
        raise Bad("labels")
    if labels.size and (labels.min() < 0 or labels.max() >= logits.shape[-1]):
        raise Bad("labels")
    return -np.take_along_axis(_log_softmax(logits), labels[..., None], -1)[..., 0]


@op
def sigmoid_cross_entropy(labels: Any, logits: Any) -> Any:
    """tf.nn.sigmoid_cross_entropy_with_logits."""
    return np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))


@op
def moments(x: Any, axes: Any) -> Any:
    """tf.nn.moments."""
    return [np.mean(x, tuple(axes)).astype(x.dtype), np.var(x, tuple(axes)).astype(x.dtype)]


@op
def l2_normalize(x: Any, dim: int, epsilon: float = 1e-12) -> Any:
    """tf.nn.l2_normalize."""
    return x / np.sqrt(np.maximum((x ** 2).sum(dim, keepdims=True), epsilon))


@op
def clip_by_norm(x: Any, norm: float) -> Any:
    """tf.clip_by_norm."""
    found = np.sqrt((x ** 2).sum())
    return (x * norm / np.maximum(found, norm)).astype(x.dtype)


def clip_by_global_norm(xs: Any, norm: float) -> Any:
    """tf.clip_by_global_norm."""
    total = np.sqrt(sum(((x.a ** 2).sum() for x in xs), np.zeros((), xs[0].dtype)))
    found = [T((x.a * norm / max(total, norm)).astype(x.dtype), loose(xs), x.fixed) for x in xs]
    return found, T(total, loose(xs))


def _drawn(shape: Any, *parameters: Any, dtype: Any = np.float32, seed: Any = None, **named: Any) -> T:
    static = not any(isinstance(i, T) for i in leaves(shape))
    return T(np.zeros(sizes(shape), dtype), loose=True, fixed=static)


def _dropout(x: Any, keep_prob: float, seed: Any = None, noise_shape: Any = None) -> T:
    t = as_tensor(x)
    return T(t.a, loose=t.loose or keep_prob < 1, fixed=t.fixed)


def _shuffled(x: Any, seed: Any = None) -> T:
    t = as_tensor(x)
    return T(t.a, loose=True, fixed=t.fixed)


def _multinomial(logits: Any, num_samples: int, seed: Any = None) -> T:
    t = as_tensor(logits)
    return T(np.zeros((t.shape[0], num_samples), np.int64), loose=True, fixed=fixed(t))


@op
def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float) -> Any:
    """tf.nn.batch_normalization."""
    return ((x - mean) / np.sqrt(variance + variance_epsilon) * scale + offset).astype(x.dtype)


EXPORTS: dict[str, Any] = {
    "nn.softmax": op(lambda x, dim=-1: np.exp(_log_softmax(x, dim))), "nn.log_softmax": op(_log_softmax),
    "nn.softmax_cross_entropy_with_logits": softmax_cross_entropy,
    "nn.sparse_softmax_cross_entropy_with_logits": sparse_cross_entropy,
    "nn.sigmoid_cross_entropy_with_logits": sigmoid_cross_entropy, "nn.moments": moments,
    "nn.l2_normalize": l2_normalize, "nn.bias_add": op(lambda x, b: x + b), "clip_by_norm": clip_by_norm,
    "nn.batch_normalization": batch_normalization,
    "clip_by_global_norm": clip_by_global_norm,
    "global_norm": op(lambda xs: np.sqrt(sum((x ** 2).sum() for x in xs)).astype(xs[0].dtype)),
    "random_uniform": _drawn, "random_normal": _drawn, "truncated_normal": _drawn, "random_shuffle": _shuffled,
    "multinomial": _multinomial, "nn.dropout": _dropout,
}
