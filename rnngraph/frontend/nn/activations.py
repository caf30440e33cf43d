"""Functions on activations: relu and its kin, softmax, bias addition, dropout, top_k (tf.nn)."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any, NamedTuple

from rnngraph.frontend.array.reshape import concat, shape
from rnngraph.frontend.framework.convert import constant_value, convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit, emit_op
from rnngraph.frontend.framework.make import argument, checked_axis, hidden, int_argument, known_int, unary
from rnngraph.frontend.math.elementwise import equal, floor, maximum, multiply, negative
from rnngraph.frontend.math.linalg import matmul
from rnngraph.frontend.math.random_ops import random_uniform
from rnngraph.frontend.math.reduce import reduce_mean
from rnngraph.ir.types import float32, int32


def _activation(op: str, kind: str, doc: str) -> Callable[..., Tensor]:
    def function(features: Any, name: str | None = None) -> Tensor:
        return unary(op, kind, features, name, label="features")
    function.__doc__ = doc
    return function


relu = _activation("relu", "Relu", "max(features, 0). Source: tf.nn.relu.")
relu6 = _activation("relu6", "Relu6", "features clipped to [0, 6]. Source: tf.nn.relu6.")
elu = _activation("elu", "Elu", "exp(features) - 1 below 0, features above. Source: tf.nn.elu.")
selu = _activation("selu", "Selu", "The scaled elu of self-normalising networks. Source: tf.nn.selu.")
softplus = _activation("softplus", "Softplus", "log(exp(features) + 1). Source: tf.nn.softplus.")
softsign = _activation("softsign", "Softsign", "features / (1 + |features|). Source: tf.nn.softsign.")


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Tensor:
    """max(alpha * features, features). Source: tf.nn.leaky_relu."""
    with op_scope("LeakyRelu" if name is None else name, (features, alpha)):
        x = convert_to_tensor(features, name="features")
        return maximum(multiply(convert_to_tensor(alpha, x.dtype, name="alpha"), x, name="mul"), x)


def crelu(features: Any, name: str | None = None) -> Tensor:
    """relu of features and of -features, joined along the last axis. Source: tf.nn.crelu."""
    with op_scope("CRelu" if name is None else name, (features,)):
        x = convert_to_tensor(features, name="features")
        return relu(concat([x, negative(x)], -1))


# --- softmax ----------------------------------------------------------------------------------------------------------

def _along(op: str, kind: str, logits: Any, dim: Any, name: str | None) -> Tensor:
    with op_scope(kind if name is None else name, (logits,)) as scope:
        x = argument(logits, kind, "logits")
        if x.shape.ndims == 0:
            raise ValueError(f"Shape must be at least rank 1 but is rank 0 for '{kind}': logits must not be a scalar.")
        return emit(op, [x], {"axis": checked_axis(known_int(dim, f"dim of {kind}"), x.shape.ndims, "dim")}, name=scope,
                    type=kind)


def softmax(logits: Any, dim: Any = -1, name: str | None = None) -> Tensor:
    """exp(logits) over its sum along `dim`, of any rank. Raises ValueError for a dim out of range.

    Source: tf.nn.softmax.
    """
    return _along("softmax", "Softmax", logits, dim, name)


def log_softmax(logits: Any, dim: Any = -1, name: str | None = None) -> Tensor:
    """log(softmax(logits)), without the loss of digits. Source: tf.nn.log_softmax."""
    return _along("log_softmax", "LogSoftmax", logits, dim, name)


# --- affine -----------------------------------------------------------------------------------------------------------

def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Tensor:
    """value plus a vector along the last axis (axis 1 for data_format "NCHW").

    Raises ValueError (phrases: `Dimensions must be equal`, `Shape must be rank 1`), TypeError. Source: tf.nn.bias_add.
    """
    if data_format not in (None, "NHWC", "NCHW"):
        raise ValueError(f"Attr 'data_format' of 'BiasAdd' Op passed string {data_format!r} not in: \"NHWC\", "
                         "\"NCHW\".")
    if isinstance(value, Tensor) and isinstance(bias, Tensor) and data_format != "NCHW":
        argument(bias, "BiasAdd", "bias", value.dtype, "value")
        value.shape.with_rank_at_least(2)
        return emit("bias_add", [value, bias], name=name, type="BiasAdd")
    with op_scope("BiasAdd" if name is None else name, (value, bias)) as scope:
        x = convert_to_tensor(value, name="input")
        b = convert_to_tensor(bias, None if isinstance(bias, Tensor) else x.dtype, name="bias")
        argument(b, "BiasAdd", "bias", x.dtype, "value")
        x.shape.with_rank_at_least(2)
        if data_format != "NCHW":
            return emit("bias_add", [x, b], name=scope, type="BiasAdd")
        rank = x.shape.with_rank_at_least(3).ndims
        if rank is None:
            raise NotImplementedError("bias_add in format NCHW needs the rank of value; use set_shape.")
        last = [0, *range(2, rank), 1]
        moved = hidden(x, "bias_add", hidden(x, "transpose", x, perm=tuple(last)), b)
        return emit("transpose", [moved], {"perm": (0, rank - 1, *range(1, rank - 1))}, name=scope, type="BiasAdd")


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """matmul(x, weights) + biases. Source: tf.nn.xw_plus_b."""
    with op_scope("xw_plus_b" if name is None else name, (x, weights, biases)) as scope:
        product = matmul(convert_to_tensor(x, name="x"), convert_to_tensor(weights, name="weights"))
        return bias_add(product, convert_to_tensor(biases, name="biases"), name=scope)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """relu(matmul(x, weights) + biases). Source: tf.nn.relu_layer."""
    with op_scope("relu_layer" if name is None else name, (x, weights, biases)) as scope:
        product = matmul(convert_to_tensor(x, name="x"), convert_to_tensor(weights, name="weights"))
        return relu(bias_add(product, convert_to_tensor(biases, name="biases")), name=scope)


# --- dropout ----------------------------------------------------------------------------------------------------------

def dropout(x: Any, keep_prob: Any, noise_shape: Any = None, seed: Any = None, name: str | None = None) -> Tensor:
    """x with elements set to 0 at random, each kept with probability keep_prob, and what is kept over keep_prob.

    noise_shape: where it has size 1, elements are kept or dropped together. keep_prob 1 gives x itself. Raises
    ValueError (phrase: `keep_prob must be a scalar tensor or a float in the`) and for x that is not floating. Source:
    tf.nn.dropout.
    """
    with op_scope("dropout" if name is None else name, (x, keep_prob, noise_shape)):
        given = convert_to_tensor(x, name="x")
        if not given.dtype.is_floating:
            raise ValueError("x has to be a floating point tensor since it's going to be scaled. Got a "
                             f"{given.dtype} tensor instead.")
        if isinstance(keep_prob, numbers.Real) and not 0 < float(keep_prob) <= 1:
            raise ValueError(f"keep_prob must be a scalar tensor or a float in the range (0, 1], got {keep_prob:g}")
        kept = convert_to_tensor(keep_prob, given.dtype, name="keep_prob")
        kept.shape.assert_is_compatible_with([])
        known = constant_value(kept)
        if known is not None and known == 1:
            return given
        noise = shape(given) if noise_shape is None else int_argument(noise_shape, "dropout", "noise_shape")
        mask = floor(kept + random_uniform(noise, seed=seed, dtype=given.dtype))
        result = multiply(emit("div", [given, kept], name="div", type="RealDiv"), mask, name="mul")
        if not result.shape.is_fully_defined():
            result.set_shape(given.shape)
        return result


# --- ranking ----------------------------------------------------------------------------------------------------------

class TopKV2(NamedTuple):
    """What top_k gives: values [..., k], largest first, and their places, int32 [..., k]."""

    values: Tensor
    indices: Tensor


def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """The k largest elements along the last axis, and where they are; the first of equal ones first.

    Raises ValueError (phrase: `must have last dimension >= k`). Source: tf.nn.top_k.
    """
    with op_scope("TopKV2" if name is None else name, (input, k)) as scope:
        x = convert_to_tensor(input, name="input")
        count = argument(k, "TopKV2", "k", int32)
        most, last = constant_value(count), x.shape[-1].value if x.shape.ndims else None
        if x.shape.ndims == 0:
            raise ValueError("Shape must be at least rank 1 but is rank 0 for 'TopKV2': input must not be a scalar.")
        if most is not None and last is not None and most > last:
            raise ValueError(f"input must have last dimension >= k = {int(most)} but is {last}")
        return TopKV2(*emit_op("top_k", [x, count], name=scope, type="TopKV2").outputs)


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether each row's target is among its k largest predictions; bool [batch]. Source: tf.nn.in_top_k."""
    with op_scope("in_top_k" if name is None else name, (predictions, targets)):
        x = argument(predictions, "InTopKV2", "predictions", float32)
        return emit("in_top_k", [x, int_argument(targets, "InTopKV2", "targets")], {"k": known_int(k, "k of in_top_k")},
                    name="InTopKV2", type="InTopKV2")


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The fraction of elements that are 0, float32. Source: tf.nn.zero_fraction."""
    with op_scope("zero_fraction" if name is None else name, (value,)):
        x = convert_to_tensor(value, name="value")
        zero = convert_to_tensor(0, x.dtype, name="zero")
        return reduce_mean(emit("cast", [equal(x, zero)], {"dtype": float32}, type="Cast"))


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """Half the sum of the squares of all elements. Source: tf.nn.l2_loss."""
    return unary("l2_loss", "L2Loss", t, name, label="t")

