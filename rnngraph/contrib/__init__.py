"""tf.contrib: what of it recurrent programs use."""

from rnngraph.contrib import legacy_seq2seq as legacy_seq2seq, rnn as rnn, seq2seq as seq2seq
