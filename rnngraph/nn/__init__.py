"""tf.nn: re-exports."""

from rnngraph.frontend.math.elementwise import sigmoid as sigmoid
from rnngraph.frontend.math.elementwise import tanh as tanh
from rnngraph.frontend.nn.activations import (
    bias_add as bias_add,
)
from rnngraph.frontend.nn.activations import (
    crelu as crelu,
)
from rnngraph.frontend.nn.activations import (
    dropout as dropout,
)
from rnngraph.frontend.nn.activations import (
    elu as elu,
)
from rnngraph.frontend.nn.activations import (
    in_top_k as in_top_k,
)
from rnngraph.frontend.nn.activations import (
    l2_loss as l2_loss,
)
from rnngraph.frontend.nn.activations import (
    leaky_relu as leaky_relu,
)
from rnngraph.frontend.nn.activations import (
    log_softmax as log_softmax,
)
from rnngraph.frontend.nn.activations import (
    relu as relu,
)
from rnngraph.frontend.nn.activations import (
    relu6 as relu6,
)
from rnngraph.frontend.nn.activations import (
    relu_layer as relu_layer,
)
from rnngraph.frontend.nn.activations import (
    selu as selu,
)
from rnngraph.frontend.nn.activations import (
    softmax as softmax,
)
from rnngraph.frontend.nn.activations import (
    softplus as softplus,
)
from rnngraph.frontend.nn.activations import (
    softsign as softsign,
)
from rnngraph.frontend.nn.activations import (
    top_k as top_k,
)
from rnngraph.frontend.nn.activations import (
    xw_plus_b as xw_plus_b,
)
from rnngraph.frontend.nn.activations import (
    zero_fraction as zero_fraction,
)
from rnngraph.frontend.nn.conv import (
    avg_pool as avg_pool,
)
from rnngraph.frontend.nn.conv import (
    conv1d as conv1d,
)
from rnngraph.frontend.nn.conv import (
    conv2d as conv2d,
)
from rnngraph.frontend.nn.conv import (
    conv2d_transpose as conv2d_transpose,
)
from rnngraph.frontend.nn.conv import (
    conv3d as conv3d,
)
from rnngraph.frontend.nn.conv import (
    ctc_loss as ctc_loss,
)
from rnngraph.frontend.nn.conv import (
    depthwise_conv2d as depthwise_conv2d,
)
from rnngraph.frontend.nn.conv import (
    max_pool as max_pool,
)
from rnngraph.frontend.nn.conv import (
    nce_loss as nce_loss,
)
from rnngraph.frontend.nn.conv import (
    sampled_softmax_loss as sampled_softmax_loss,
)
from rnngraph.frontend.nn.conv import (
    separable_conv2d as separable_conv2d,
)
from rnngraph.frontend.nn.cross_entropy import (
    sigmoid_cross_entropy_with_logits as sigmoid_cross_entropy_with_logits,
)
from rnngraph.frontend.nn.cross_entropy import (
    softmax_cross_entropy_with_logits as softmax_cross_entropy_with_logits,
)
from rnngraph.frontend.nn.cross_entropy import (
    sparse_softmax_cross_entropy_with_logits as sparse_softmax_cross_entropy_with_logits,
)
from rnngraph.frontend.nn.cross_entropy import (
    weighted_cross_entropy_with_logits as weighted_cross_entropy_with_logits,
)
from rnngraph.frontend.nn.embedding import (
    embedding_lookup as embedding_lookup,
)
from rnngraph.frontend.nn.embedding import (
    embedding_lookup_sparse as embedding_lookup_sparse,
)
from rnngraph.frontend.nn.normalization import (
    batch_normalization as batch_normalization,
)
from rnngraph.frontend.nn.normalization import (
    l2_normalize as l2_normalize,
)
from rnngraph.frontend.nn.normalization import (
    moments as moments,
)
from rnngraph.frontend.nn.normalization import (
    weighted_moments as weighted_moments,
)
from rnngraph.frontend.rnn.bidirectional import bidirectional_dynamic_rnn as bidirectional_dynamic_rnn
from rnngraph.frontend.rnn.dynamic import dynamic_rnn as dynamic_rnn
from rnngraph.frontend.rnn.raw import raw_rnn as raw_rnn
from rnngraph.frontend.rnn.static import (
    static_bidirectional_rnn as static_bidirectional_rnn,
)
from rnngraph.frontend.rnn.static import (
    static_rnn as static_rnn,
)
from rnngraph.frontend.rnn.static import (
    static_state_saving_rnn as static_state_saving_rnn,
)
from rnngraph.nn import rnn_cell as rnn_cell
