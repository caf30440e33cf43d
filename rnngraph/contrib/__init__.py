"""tf.contrib: what of it recurrent programs use."""

from rnngraph.contrib import legacy_seq2seq as legacy_seq2seq
from rnngraph.contrib import rnn as rnn
from rnngraph.contrib import seq2seq as seq2seq
