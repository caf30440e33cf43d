"""tf.contrib.rnn: re-exports."""

from rnngraph.frontend.rnn.cell import LSTMStateTuple as LSTMStateTuple, RNNCell as RNNCell
from rnngraph.frontend.rnn.core_cells import (
    BasicLSTMCell as BasicLSTMCell, BasicRNNCell as BasicRNNCell, GRUCell as GRUCell, LSTMCell as LSTMCell,
    MultiRNNCell as MultiRNNCell,
)
from rnngraph.frontend.rnn.wrappers import (
    DeviceWrapper as DeviceWrapper, DropoutWrapper as DropoutWrapper, ResidualWrapper as ResidualWrapper,
)
from rnngraph.frontend.rnn.attention import AttentionCellWrapper as AttentionCellWrapper
from rnngraph.frontend.rnn.block_cells import (
    GRUBlockCell as GRUBlockCell, GRUBlockCellV2 as GRUBlockCellV2, LSTMBlockCell as LSTMBlockCell,
    LSTMBlockFusedCell as LSTMBlockFusedCell, LSTMBlockWrapper as LSTMBlockWrapper,
)
from rnngraph.frontend.rnn.contrib_cells import (
    BidirectionalGridLSTMCell as BidirectionalGridLSTMCell, GridLSTMCell as GridLSTMCell,
    IntersectionRNNCell as IntersectionRNNCell, NASCell as NASCell, TimeFreqLSTMCell as TimeFreqLSTMCell,
    UGRNNCell as UGRNNCell,
)
from rnngraph.frontend.rnn.contrib_lstm import (
    CoupledInputForgetGateLSTMCell as CoupledInputForgetGateLSTMCell, GLSTMCell as GLSTMCell,
    LayerNormBasicLSTMCell as LayerNormBasicLSTMCell, PhasedLSTMCell as PhasedLSTMCell,
)
from rnngraph.frontend.rnn.contrib_wrappers import (
    CompiledWrapper as CompiledWrapper, EmbeddingWrapper as EmbeddingWrapper, HighwayWrapper as HighwayWrapper,
    InputProjectionWrapper as InputProjectionWrapper, OutputProjectionWrapper as OutputProjectionWrapper,
)
from rnngraph.frontend.rnn.conv_cells import (
    Conv1DLSTMCell as Conv1DLSTMCell, Conv2DLSTMCell as Conv2DLSTMCell, Conv3DLSTMCell as Conv3DLSTMCell,
    ConvLSTMCell as ConvLSTMCell,
)
from rnngraph.frontend.rnn.fused import (
    FusedRNNCell as FusedRNNCell, FusedRNNCellAdaptor as FusedRNNCellAdaptor,
    TimeReversedFusedRNN as TimeReversedFusedRNN,
)
from rnngraph.frontend.rnn.static import (
    stack_bidirectional_rnn as stack_bidirectional_rnn, static_bidirectional_rnn as static_bidirectional_rnn,
    static_rnn as static_rnn, static_state_saving_rnn as static_state_saving_rnn,
)
from rnngraph.frontend.rnn.bidirectional import stack_bidirectional_dynamic_rnn as stack_bidirectional_dynamic_rnn
