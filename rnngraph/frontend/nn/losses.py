"""Losses that are weighted, reduced and collected (tf.losses, the part that recurrent programs use)."""

from __future__ import annotations

from typing import Any

from rnngraph.frontend.array.reshape import squeeze
from rnngraph.frontend.framework.casts import cast, to_float
from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit, get_default_graph
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.framework.make import hidden
from rnngraph.frontend.math.elementwise import abs as abs_
from rnngraph.frontend.math.elementwise import (
    add_n,
    greater,
    log,
    minimum,
    multiply,
    square,
    subtract,
)
from rnngraph.frontend.math.elementwise import squared_difference as squared
from rnngraph.frontend.math.reduce import reduce_sum
from rnngraph.frontend.nn.cross_entropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from rnngraph.ir.types import float32


class Reduction:
    """How a loss of each element becomes one number. Source: tf.losses.Reduction."""

    NONE = "none"
    SUM = "weighted_sum"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Every way."""
        return (cls.NONE, cls.SUM, cls.MEAN, cls.SUM_BY_NONZERO_WEIGHTS)

    @classmethod
    def validate(cls, key: str) -> None:
        """Raises ValueError unless `key` is one of them."""
        if key not in cls.all():
            raise ValueError(f"Invalid ReductionKey {key!r}; expected one of {', '.join(cls.all())}.")


_DEFAULT = Reduction.SUM_BY_NONZERO_WEIGHTS

# --- weighting --------------------------------------------------------------------------------------------------------


def _check_weights(weights: Tensor, values: Tensor) -> None:
    """A scalar, or the rank of the values with their sizes or 1."""
    w, v = weights.shape, values.shape
    text = f"values.rank={v.ndims}. weights.rank={w.ndims}. values.shape={v}. weights.shape={w}."
    if w.ndims in (None, 0) or v.ndims is None:
        return
    if w.ndims != v.ndims:
        raise ValueError(f"weights can not be broadcast to values. {text}")
    for a, b in zip(w.as_list(), v.as_list(), strict=True):
        if a not in (None, 1) and b is not None and a != b:
            raise ValueError(f"weights can not be broadcast to values. {text}")


def _safe_ratio(total: Tensor, count: Tensor) -> Tensor:
    """0 where nothing counts."""
    zero = hidden(total, "zeros_like", count)
    positive = greater(count, 0)
    safe = emit("select", [positive, count, hidden(total, "ones_like", count)], type="Select")
    return emit("select", [positive, emit("div", [total, safe], name="div", type="RealDiv"), zero], name="value",
                type="Select")


def compute_weighted_loss(losses: Any, weights: Any = 1.0, scope: str | None = None,
                          loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _DEFAULT) -> Tensor:
    """losses * weights, reduced and added to a collection. weights: scalar, or of the losses' rank with sizes or 1.

    Raises ValueError (phrase: `can not be broadcast`). Source: tf.losses.compute_weighted_loss.
    """
    Reduction.validate(reduction)
    with op_scope("weighted_loss" if scope is None else scope, (losses, weights)):
        given = convert_to_tensor(losses)
        values, factors = to_float(given), to_float(convert_to_tensor(weights))
        _check_weights(factors, values)
        weighted = multiply(values, factors)
        loss = weighted if reduction == Reduction.NONE else _reduced(weighted, factors, values, reduction)
        loss = cast(loss, given.dtype)
        add_loss(loss, loss_collection)
        return loss


def _reduced(weighted: Tensor, weights: Tensor, values: Tensor, reduction: str) -> Tensor:
    total = reduce_sum(weighted)
    if reduction == Reduction.SUM:
        return total
    ones = hidden(values, "ones_like", values)
    if reduction == Reduction.MEAN:
        spread = emit("mul", [ones, weights], type="Mul")
        return _safe_ratio(total, reduce_sum(spread))
    present = cast(_not_zero(weights), float32)
    return _safe_ratio(total, reduce_sum(emit("mul", [ones, present], type="Mul"), name="num_present"))


def _not_zero(weights: Tensor) -> Tensor:
    """Whether weights are not 0."""
    return emit("not_equal", [weights, hidden(weights, "zeros_like", weights)], type="NotEqual")


# --- losses -----------------------------------------------------------------------------------------------------------

def _pair(labels: Any, predictions: Any, what: str = "predictions") -> tuple[Tensor, Tensor]:
    if labels is None:
        raise ValueError("labels must not be None.")
    if predictions is None:
        raise ValueError(f"{what} must not be None.")
    y, x = to_float(convert_to_tensor(labels)), to_float(convert_to_tensor(predictions))
    x.shape.assert_is_compatible_with(y.shape)
    return y, x


def absolute_difference(labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
                        loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _DEFAULT) -> Tensor:
    """|predictions - labels|, weighted. Source: tf.losses.absolute_difference."""
    with op_scope("absolute_difference" if scope is None else scope, (predictions, labels, weights)) as name:
        y, x = _pair(labels, predictions)
        return compute_weighted_loss(abs_(subtract(x, y)), weights, name, loss_collection, reduction)


def mean_squared_error(labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
                       loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _DEFAULT) -> Tensor:
    """(predictions - labels) squared, weighted. Source: tf.losses.mean_squared_error."""
    with op_scope("mean_squared_error" if scope is None else scope, (predictions, labels, weights)) as name:
        y, x = _pair(labels, predictions)
        return compute_weighted_loss(squared(x, y), weights, name, loss_collection, reduction)


def log_loss(labels: Any, predictions: Any, weights: Any = 1.0, epsilon: float = 1e-7, scope: str | None = None,
             loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _DEFAULT) -> Tensor:
    """The cross-entropy of probabilities, weighted. Source: tf.losses.log_loss."""
    with op_scope("log_loss" if scope is None else scope, (predictions, labels, weights)) as name:
        y, x = _pair(labels, predictions)
        losses = -multiply(y, log(x + epsilon)) - multiply(1 - y, log(1 - x + epsilon))
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def huber_loss(labels: Any, predictions: Any, weights: Any = 1.0, delta: float = 1.0, scope: str | None = None,
               loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _DEFAULT) -> Tensor:
    """Half the squared error up to delta, linear beyond; weighted. Source: tf.losses.huber_loss."""
    with op_scope("huber_loss" if scope is None else scope, (predictions, labels, weights)) as name:
        y, x = _pair(labels, predictions)
        error = abs_(subtract(x, y))
        quadratic = minimum(error, delta)
        losses = 0.5 * square(quadratic) + delta * (error - quadratic)
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def hinge_loss(labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None,
               loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _DEFAULT) -> Tensor:
    """max(0, 1 - (2 labels - 1) logits), weighted; labels are 0 or 1. Source: tf.losses.hinge_loss."""
    with op_scope("hinge_loss" if scope is None else scope, (logits, labels, weights)) as name:
        y, x = _pair(labels, logits, "logits")
        losses = emit("relu", [1 - multiply(2 * y - 1, x)], type="Relu")
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def cosine_distance(labels: Any, predictions: Any, dim: Any = None, weights: Any = 1.0, scope: str | None = None,
                    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _DEFAULT) -> Tensor:
    """1 - the sum of products along dim, for vectors of norm 1; weighted. Source: tf.losses.cosine_distance."""
    if dim is None:
        raise ValueError("`dim` cannot be None.")
    with op_scope("cosine_distance_loss" if scope is None else scope, (predictions, labels, weights)) as name:
        y, x = _pair(labels, predictions)
        losses = 1 - reduce_sum(multiply(x, y), dim, True)
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def sigmoid_cross_entropy(multi_class_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0,
                          scope: str | None = None, loss_collection: str | None = GraphKeys.LOSSES,
                          reduction: str = _DEFAULT) -> Tensor:
    """tf.nn.sigmoid_cross_entropy_with_logits, labels moved towards 1/2, weighted.

    Source: tf.losses.sigmoid_cross_entropy.
    """
    word = "sigmoid_cross_entropy_loss" if scope is None else scope
    with op_scope(word, (logits, multi_class_labels, weights)) as name:
        x = convert_to_tensor(logits)
        y = cast(convert_to_tensor(multi_class_labels), x.dtype)
        x.shape.assert_is_compatible_with(y.shape)
        if label_smoothing > 0:
            y = y * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = sigmoid_cross_entropy_with_logits(labels=y, logits=x, name="xentropy")
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def softmax_cross_entropy(onehot_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0,
                          scope: str | None = None, loss_collection: str | None = GraphKeys.LOSSES,
                          reduction: str = _DEFAULT) -> Tensor:
    """tf.nn.softmax_cross_entropy_with_logits, labels spread evenly by label_smoothing, weighted.

    Source: tf.losses.softmax_cross_entropy.
    """
    with op_scope("softmax_cross_entropy_loss" if scope is None else scope, (logits, onehot_labels, weights)) as name:
        x = convert_to_tensor(logits)
        y = cast(convert_to_tensor(onehot_labels), x.dtype)
        x.shape.assert_is_compatible_with(y.shape)
        if label_smoothing > 0:
            classes = cast(emit("strided_slice", [hidden(y, "shape", y), *_one_from(y)], {"shrink_mask": 1},
                                type="StridedSlice"), x.dtype)
            y = y * (1.0 - label_smoothing) + label_smoothing / classes
        losses = softmax_cross_entropy_with_logits(labels=y, logits=x, name="xentropy")
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def _one_from(y: Tensor) -> list[Any]:
    """Bounds that index the last size of a shape vector."""
    return [convert_to_tensor([each]) for each in (-1, 0, 1)]


def sparse_softmax_cross_entropy(labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None,
                                 loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _DEFAULT) -> Tensor:
    """tf.nn.sparse_softmax_cross_entropy_with_logits, weighted; labels [batch] or [batch, 1].

    Source: tf.losses.sparse_softmax_cross_entropy.
    """
    with op_scope("sparse_softmax_cross_entropy_loss" if scope is None else scope, (logits, labels, weights)) as name:
        x, y = convert_to_tensor(logits), convert_to_tensor(labels)
        w = convert_to_tensor(weights)
        if y.shape.ndims is not None and y.shape.ndims == x.shape.ndims and y.shape[-1].value in (None, 1):
            y = squeeze(y, [-1])
        if w.shape.ndims and y.shape.ndims is not None and w.shape.ndims == y.shape.ndims + 1:
            w = squeeze(w, [-1])
        losses = sparse_softmax_cross_entropy_with_logits(labels=y, logits=x, name="xentropy")
        return compute_weighted_loss(losses, w, name, loss_collection, reduction)


# --- collections ------------------------------------------------------------------------------------------------------

def add_loss(loss: Tensor, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Add a loss to a collection (None: to none). Source: tf.losses.add_loss."""
    if loss_collection:
        get_default_graph().add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Tensor]:
    """The losses of a collection, those whose names begin with scope. Source: tf.losses.get_losses."""
    return get_default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Tensor]:
    """The losses that regularizers made. Source: tf.losses.get_regularization_losses."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Tensor:
    """Their sum, 0 if there are none. Source: tf.losses.get_regularization_loss."""
    losses = get_regularization_losses(scope)
    return add_n(losses, name=name) if losses else convert_to_tensor(0.0)


def get_total_loss(add_regularization_losses: bool = True, name: str = "total_loss") -> Tensor:
    """The sum of all losses. Raises ValueError if there are none. Source: tf.losses.get_total_loss."""
    losses = get_losses()
    if add_regularization_losses:
        losses = losses + get_regularization_losses()
    return add_n(losses, name=name)

