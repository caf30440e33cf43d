"""The functions of tf.nn that are no RNN: activations, cross-entropies, normalisation, embeddings, convolution."""

from __future__ import annotations

from rnngraph.frontend.math.elementwise import sigmoid, tanh
from rnngraph.frontend.nn.activations import (
    TopKV2,
    bias_add,
    crelu,
    dropout,
    elu,
    in_top_k,
    l2_loss,
    leaky_relu,
    log_softmax,
    relu,
    relu6,
    relu_layer,
    selu,
    softmax,
    softplus,
    softsign,
    top_k,
    xw_plus_b,
    zero_fraction,
)
from rnngraph.frontend.nn.conv import (
    avg_pool,
    conv1d,
    conv2d,
    conv2d_transpose,
    conv3d,
    ctc_loss,
    depthwise_conv2d,
    max_pool,
    nce_loss,
    sampled_softmax_loss,
    separable_conv2d,
)
from rnngraph.frontend.nn.cross_entropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits,
)
from rnngraph.frontend.nn.embedding import (
    embedding_lookup,
    embedding_lookup_sparse,
)
from rnngraph.frontend.nn.normalization import (
    batch_normalization,
    l2_normalize,
    moments,
    weighted_moments,
)

__all__ = [
    "TopKV2", "avg_pool", "batch_normalization", "bias_add", "conv1d", "conv2d", "conv2d_transpose", "conv3d",
    "crelu", "ctc_loss", "depthwise_conv2d", "dropout", "elu", "embedding_lookup", "embedding_lookup_sparse",
    "in_top_k", "l2_loss", "l2_normalize", "leaky_relu", "log_softmax", "max_pool", "moments", "nce_loss", "relu",
    "relu6", "relu_layer", "sampled_softmax_loss", "selu", "separable_conv2d", "sigmoid",
    "sigmoid_cross_entropy_with_logits", "softmax", "softmax_cross_entropy_with_logits", "softplus", "softsign",
    "sparse_softmax_cross_entropy_with_logits", "tanh", "top_k", "weighted_cross_entropy_with_logits",
    "weighted_moments", "xw_plus_b", "zero_fraction",
]
