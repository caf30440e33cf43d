"""tf.contrib.legacy_seq2seq: re-exports."""

from rnngraph.frontend.rnn.legacy_attention import (
    attention_decoder as attention_decoder,
)
from rnngraph.frontend.rnn.legacy_attention import (
    embedding_attention_decoder as embedding_attention_decoder,
)
from rnngraph.frontend.rnn.legacy_attention import (
    embedding_attention_seq2seq as embedding_attention_seq2seq,
)
from rnngraph.frontend.rnn.legacy_attention import (
    model_with_buckets as model_with_buckets,
)
from rnngraph.frontend.rnn.legacy_decoders import (
    basic_rnn_seq2seq as basic_rnn_seq2seq,
)
from rnngraph.frontend.rnn.legacy_decoders import (
    rnn_decoder as rnn_decoder,
)
from rnngraph.frontend.rnn.legacy_decoders import (
    tied_rnn_seq2seq as tied_rnn_seq2seq,
)
from rnngraph.frontend.rnn.legacy_embedding import (
    embedding_rnn_decoder as embedding_rnn_decoder,
)
from rnngraph.frontend.rnn.legacy_embedding import (
    embedding_rnn_seq2seq as embedding_rnn_seq2seq,
)
from rnngraph.frontend.rnn.legacy_embedding import (
    embedding_tied_rnn_seq2seq as embedding_tied_rnn_seq2seq,
)
from rnngraph.frontend.rnn.legacy_embedding import (
    one2many_rnn_seq2seq as one2many_rnn_seq2seq,
)
from rnngraph.frontend.rnn.losses import (
    sequence_loss as sequence_loss,
)
from rnngraph.frontend.rnn.losses import (
    sequence_loss_by_example as sequence_loss_by_example,
)
