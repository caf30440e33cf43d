"""Cross-entropies of logits (tf.nn): sparse and dense softmax, sigmoid, weighted."""

from __future__ import annotations

from typing import Any

from rnngraph.frontend.framework.casts import cast
from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit
from rnngraph.frontend.framework.make import argument, checked_axis, hidden, int_argument, known_int, unary
from rnngraph.frontend.math.elementwise import abs as abs_
from rnngraph.frontend.math.elementwise import add, exp, log1p, negative
from rnngraph.ir.types import float16, float32, float64


def _ensure_named(name: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise ValueError(f"Only call `{name}` with named arguments (labels=..., logits=..., ...)")
    if labels is None or logits is None:
        raise ValueError("Both labels and logits must be provided.")


def _checked_logits(logits: Tensor) -> Tensor:
    if logits.dtype not in (float16, float32, float64):
        raise TypeError(f"Value passed to parameter 'features' has DataType {logits.dtype.name} not in list of allowed "
                        "values: float16, float32, float64")
    return logits


def _wide(logits: Tensor) -> Tensor:
    """float16 is computed in float32."""
    return cast(logits, float32) if logits.dtype == float16 else logits


def sparse_softmax_cross_entropy_with_logits(_sentinel: Any = None, labels: Any = None, logits: Any = None,
                                             name: str | None = None) -> Tensor:
    """-log softmax(logits) at the label. logits: [..., classes]; labels: int [...]; [...].

    Raises ValueError (phrases: `Only call`, `Rank mismatch`, `Dimensions must be equal`), TypeError; at run time
    InvalidArgumentError (phrase: `outside the valid range`). Source: tf.nn.sparse_softmax_cross_entropy_with_logits.
    """
    _ensure_named("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    kind = "SparseSoftmaxCrossEntropyWithLogits"
    with op_scope(kind if name is None else name, (labels, logits)):
        places = convert_to_tensor(labels)
        x = _wide(_checked_logits(convert_to_tensor(logits)))
        ranks = places.shape.ndims, x.shape.ndims
        if ranks[1] == 0:
            raise ValueError(f"Logits cannot be scalars - received shape {x.shape}.")
        if ranks[1] is not None and ranks[0] not in (None, ranks[1] - 1):
            raise ValueError(f"Rank mismatch: Rank of labels (received {ranks[0]}) should equal rank of logits minus 1 "
                             f"(received {ranks[1]}).")
        places = int_argument(places, kind, "labels")
        _check_rows(places, x)
        # The inner op has the scope's own word, as in r1.4.
        word = (kind if name is None else name).rstrip("/").rpartition("/")[2]
        cost = emit("sparse_softmax_cross_entropy", [x, places], name=word, type=kind)
        return cast(cost, float16) if convert_to_tensor(logits).dtype == float16 else cost


def _check_rows(labels: Tensor, logits: Tensor) -> None:
    if labels.shape.ndims is None or logits.shape.ndims is None:
        return
    for a, b in zip(logits.shape[:-1], labels.shape, strict=True):
        if a.value is not None and b.value is not None and a.value != b.value:
            raise ValueError(f"Dimensions must be equal, but are {a} and {b} for "
                             f"'SparseSoftmaxCrossEntropyWithLogits' with input shapes: {logits.shape}, "
                             f"{labels.shape}.")


def softmax_cross_entropy_with_logits(_sentinel: Any = None, labels: Any = None, logits: Any = None, dim: Any = -1,
                                      name: str | None = None) -> Tensor:
    """-sum(labels * log softmax(logits)) along `dim`, which goes. The gradient does not reach the labels.

    Raises ValueError (phrase: `Only call`, `must be equal`). Source: tf.nn.softmax_cross_entropy_with_logits.
    """
    _ensure_named("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    kind = "SoftmaxCrossEntropyWithLogits"
    given = _checked_logits(convert_to_tensor(logits))
    x = _wide(given)
    wanted = cast(convert_to_tensor(labels), x.dtype)
    if not x.shape.is_compatible_with(wanted.shape):
        raise ValueError(f"Dimensions must be equal: logits and labels of '{kind}' must be same size, but have shapes "
                         f"{x.shape} and {wanted.shape}.")
    rank = x.shape.ndims if x.shape.ndims is not None else wanted.shape.ndims
    place = checked_axis(known_int(dim, "dim"), rank, "dim")
    values = [x.value, wanted.value]
    if rank is not None and place != rank - 1:
        perm = (*(i for i in range(rank) if i != place), place)
        values = [hidden(each, "transpose", each, perm=perm) for each in (x, wanted)]
    elif rank is None and place != -1:
        raise NotImplementedError("dim other than -1 needs the rank of the logits; use set_shape.")
    cost = x.graph.emit("softmax_cross_entropy", values, name=name or kind, type=kind).outputs[0]
    cost.op.inputs = [x, wanted]
    return cast(cost, float16) if given.dtype == float16 else cost


def sigmoid_cross_entropy_with_logits(_sentinel: Any = None, labels: Any = None, logits: Any = None,
                                      name: str | None = None) -> Tensor:
    """-(labels log sigmoid(logits) + (1 - labels) log(1 - sigmoid(logits))), element by element, without overflow.

    Raises ValueError (phrases: `Only call`, `must have the same shape`). Source:
    tf.nn.sigmoid_cross_entropy_with_logits.
    """
    _ensure_named("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    with op_scope("logistic_loss" if name is None else name, (logits, labels)) as scope:
        x, z = _same_shapes(logits, labels, "labels")
        # max(x, 0) - x z + log(1 + exp(-|x|)). The selections give 0 the derivative of the logits' side, as in r1.4.
        positive = hidden(x, "greater_equal", x, hidden(x, "zeros_like", x))
        rest = emit("select", [positive, x, hidden(x, "zeros_like", x)], type="Select")
        below = emit("select", [positive, negative(x), x], type="Select")
        return add(rest - x * z, log1p(exp(below)), name=scope)


def _same_shapes(logits: Any, labels: Any, label: str) -> tuple[Tensor, Tensor]:
    x = convert_to_tensor(logits, name="logits")
    z = argument(labels, "Mul", label, x.dtype, "logits")
    if not x.shape.is_compatible_with(z.shape):
        raise ValueError(f"logits and {label} must have the same shape ({x.shape} vs {z.shape})")
    return x, z


def weighted_cross_entropy_with_logits(targets: Any, logits: Any, pos_weight: Any, name: str | None = None) -> Tensor:
    """The same with positive targets weighted by pos_weight. Source: tf.nn.weighted_cross_entropy_with_logits."""
    with op_scope("logistic_loss" if name is None else name, (logits, targets)) as scope:
        x, z = _same_shapes(logits, targets, "targets")
        weight = 1 + (pos_weight - 1) * z
        tail = log1p(exp(negative(abs_(x)))) + unary("relu", "Relu", negative(x), None, label="features")
        return add((1 - z) * x, weight * tail, name=scope)
