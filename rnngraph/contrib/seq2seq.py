"""tf.contrib.seq2seq: the archived page's spelling of tied_rnn_seq2seq, and the loss of its day."""

from rnngraph.frontend.rnn.legacy_decoders import tied_rnn_seq2seq as tied_rnn_seq2seq
from rnngraph.frontend.rnn.losses import tensor_sequence_loss as sequence_loss

__all__ = ["sequence_loss", "tied_rnn_seq2seq"]
