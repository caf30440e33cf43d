"""Losses of sequences: contrib.legacy_seq2seq's over lists, contrib.seq2seq's over tensors (legacy_seq2seq.md, 7).

Source: tensorflow/contrib/legacy_seq2seq/python/ops/seq2seq.py, tensorflow/contrib/seq2seq/python/ops/loss.py (r1.4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import convert
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.scope import name_scope
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.nn import nn_ops

LossFunction = Callable[..., Any] | None


def _crossent(labels: Any, logits: Any, softmax_loss_function: LossFunction) -> Any:
    if softmax_loss_function is None:
        return nn_ops.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    # The keywords are part of the interface: r1.4 calls with exactly these.
    return softmax_loss_function(labels=labels, logits=logits)


def sequence_loss_by_example(logits: Sequence[Any], targets: Sequence[Any], weights: Sequence[Any],
                             average_across_timesteps: bool = True, softmax_loss_function: LossFunction = None,
                             name: str | None = None) -> Any:
    """Weighted cross entropy of each row, summed over steps: `[B]`; averaged, divided by the row's weights + 1e-12.

    Lists of equal length: logits `[B, V]`, int targets `[B]`, float weights `[B]`. Raises ValueError (phrase:
    `Lengths of logits, weights, and targets must be the same`). Source:
    tf.contrib.legacy_seq2seq.sequence_loss_by_example.
    """
    if not len(targets) == len(logits) == len(weights):
        raise ValueError("Lengths of logits, weights, and targets must be the same: "
                         f"got {len(logits)}, {len(weights)}, {len(targets)}")
    with name_scope(name, "sequence_loss_by_example", [*logits, *targets, *weights]):
        losses = []
        for logit, target, weight in zip(logits, targets, weights, strict=True):
            if softmax_loss_function is None:
                target = array.reshape(convert.convert_to_tensor(target), [-1])
            losses.append(_crossent(target, logit, softmax_loss_function) * weight)
        total: Any = math.add_n(losses)
        if average_across_timesteps:
            total = _per_weight(total, math.add_n(list(weights)))
        return total


def sequence_loss(logits: Sequence[Any], targets: Sequence[Any], weights: Sequence[Any],
                  average_across_timesteps: bool = True, average_across_batch: bool = True,
                  softmax_loss_function: LossFunction = None, name: str | None = None) -> Any:
    """`sequence_loss_by_example` summed over the batch; averaged, divided by the batch size: a scalar.

    Source: tf.contrib.legacy_seq2seq.sequence_loss.
    """
    with name_scope(name, "sequence_loss", [*logits, *targets, *weights]):
        cost: Any = math.reduce_sum(sequence_loss_by_example(
            logits, targets, weights, average_across_timesteps=average_across_timesteps,
            softmax_loss_function=softmax_loss_function))
        if average_across_batch:
            sizes: Any = array.shape(targets[0])
            cost = cost / math.cast(sizes[0], cost.dtype)
        return cost


def _check_rank(x: Tensor, rank: int, message: str) -> None:
    if x.shape.ndims is None or x.shape.ndims != rank:
        raise ValueError(f"{message}, got {x}")


def tensor_sequence_loss(logits: Any, targets: Any, weights: Any, average_across_timesteps: bool = True,
                         average_across_batch: bool = True, softmax_loss_function: LossFunction = None,
                         name: str | None = None) -> Any:
    """Weighted cross entropy of a batch of sequences.

    logits `[B, T, V]`, int targets `[B, T]`, float weights `[B, T]`. Averaged over both: a scalar; over time only
    `[B]`; over the batch only `[T]`; over neither `[B, T]`. Raises ValueError (phrases: `Logits must be a`, `Targets
    must be a`, `Weights must be a`). Source: tf.contrib.seq2seq.sequence_loss.
    """
    logits, targets, weights = (convert.convert_to_tensor(x) for x in (logits, targets, weights))
    _check_rank(logits, 3, "Logits must be a [batch_size x sequence_length x logits] tensor")
    _check_rank(targets, 2, "Targets must be a [batch_size x sequence_length] tensor")
    _check_rank(weights, 2, "Weights must be a [batch_size x sequence_length] tensor")
    with name_scope(name, "sequence_loss", [logits, targets, weights]):
        sizes: Any = array.shape(logits)
        classes = sizes[2] if logits.shape[2].value is None else logits.shape[2].value
        flat = array.reshape(logits, array.stack([-1, classes]) if isinstance(classes, Tensor) else [-1, classes])
        loss: Any = _crossent(array.reshape(targets, [-1]), flat, softmax_loss_function) * array.reshape(weights, [-1])
        if average_across_timesteps and average_across_batch:
            return _per_weight(math.reduce_sum(loss), math.reduce_sum(weights))
        loss = array.reshape(loss, sizes[0:2])
        loss.set_shape(logits.shape[0:2])
        if not average_across_timesteps and not average_across_batch:
            return loss
        axis = 1 if average_across_timesteps else 0
        return _per_weight(math.reduce_sum(loss, axis), math.reduce_sum(weights, axis))


def _per_weight(loss: Any, weight: Any) -> Any:
    # Without any weight the loss is 0, not 0/0.
    return loss / (weight + 1e-12)
