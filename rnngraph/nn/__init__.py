"""tf.nn: re-exports."""

from rnngraph.frontend.activations import (
    bias_add as bias_add, crelu as crelu, dropout as dropout, elu as elu, in_top_k as in_top_k, l2_loss as l2_loss,
    leaky_relu as leaky_relu, log_softmax as log_softmax, relu as relu, relu6 as relu6, relu_layer as relu_layer,
    selu as selu, softmax as softmax, softplus as softplus, softsign as softsign, top_k as top_k,
    xw_plus_b as xw_plus_b, zero_fraction as zero_fraction,
)
from rnngraph.frontend.cross_entropy import (
    sigmoid_cross_entropy_with_logits as sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits as softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits as sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits as weighted_cross_entropy_with_logits,
)
from rnngraph.frontend.normalization import (
    batch_normalization as batch_normalization, l2_normalize as l2_normalize, moments as moments,
    weighted_moments as weighted_moments,
)
from rnngraph.frontend.embedding import (
    embedding_lookup as embedding_lookup, embedding_lookup_sparse as embedding_lookup_sparse,
)
from rnngraph.frontend.conv import (
    avg_pool as avg_pool, conv1d as conv1d, conv2d as conv2d, conv2d_transpose as conv2d_transpose, conv3d as conv3d,
    ctc_loss as ctc_loss, depthwise_conv2d as depthwise_conv2d, max_pool as max_pool, nce_loss as nce_loss,
    sampled_softmax_loss as sampled_softmax_loss, separable_conv2d as separable_conv2d,
)
from rnngraph.frontend.elementwise import sigmoid as sigmoid, tanh as tanh
from rnngraph.nn import rnn_cell as rnn_cell
from rnngraph.frontend.rnn.dynamic import dynamic_rnn as dynamic_rnn
from rnngraph.frontend.rnn.bidirectional import bidirectional_dynamic_rnn as bidirectional_dynamic_rnn
from rnngraph.frontend.rnn.raw import raw_rnn as raw_rnn
from rnngraph.frontend.rnn.static import (
    static_bidirectional_rnn as static_bidirectional_rnn, static_rnn as static_rnn,
    static_state_saving_rnn as static_state_saving_rnn,
)
