"""tf.nn.rnn_cell: re-exports."""

from rnngraph.frontend.rnn.cell import LSTMStateTuple as LSTMStateTuple
from rnngraph.frontend.rnn.cell import RNNCell as RNNCell
from rnngraph.frontend.rnn.core_cells import (
    BasicLSTMCell as BasicLSTMCell,
)
from rnngraph.frontend.rnn.core_cells import (
    BasicRNNCell as BasicRNNCell,
)
from rnngraph.frontend.rnn.core_cells import (
    GRUCell as GRUCell,
)
from rnngraph.frontend.rnn.core_cells import (
    LSTMCell as LSTMCell,
)
from rnngraph.frontend.rnn.core_cells import (
    MultiRNNCell as MultiRNNCell,
)
from rnngraph.frontend.rnn.wrappers import (
    DeviceWrapper as DeviceWrapper,
)
from rnngraph.frontend.rnn.wrappers import (
    DropoutWrapper as DropoutWrapper,
)
from rnngraph.frontend.rnn.wrappers import (
    ResidualWrapper as ResidualWrapper,
)
