"""tf.nn.rnn_cell: re-exports."""

from rnngraph.frontend.rnn.cell import LSTMStateTuple as LSTMStateTuple, RNNCell as RNNCell
from rnngraph.frontend.rnn.core_cells import (
    BasicLSTMCell as BasicLSTMCell, BasicRNNCell as BasicRNNCell, GRUCell as GRUCell, LSTMCell as LSTMCell,
    MultiRNNCell as MultiRNNCell,
)
from rnngraph.frontend.rnn.wrappers import (
    DeviceWrapper as DeviceWrapper, DropoutWrapper as DropoutWrapper, ResidualWrapper as ResidualWrapper,
)
