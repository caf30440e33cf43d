"""tf.contrib.rnn: re-exports."""

from rnngraph.frontend.rnn.attention import AttentionCellWrapper as AttentionCellWrapper
from rnngraph.frontend.rnn.bidirectional import stack_bidirectional_dynamic_rnn as stack_bidirectional_dynamic_rnn
from rnngraph.frontend.rnn.block_cells import (
    GRUBlockCell as GRUBlockCell,
)
from rnngraph.frontend.rnn.block_cells import (
    GRUBlockCellV2 as GRUBlockCellV2,
)
from rnngraph.frontend.rnn.block_cells import (
    LSTMBlockCell as LSTMBlockCell,
)
from rnngraph.frontend.rnn.block_cells import (
    LSTMBlockFusedCell as LSTMBlockFusedCell,
)
from rnngraph.frontend.rnn.block_cells import (
    LSTMBlockWrapper as LSTMBlockWrapper,
)
from rnngraph.frontend.rnn.cell import LSTMStateTuple as LSTMStateTuple
from rnngraph.frontend.rnn.cell import RNNCell as RNNCell
from rnngraph.frontend.rnn.contrib_cells import (
    BidirectionalGridLSTMCell as BidirectionalGridLSTMCell,
)
from rnngraph.frontend.rnn.contrib_cells import (
    GridLSTMCell as GridLSTMCell,
)
from rnngraph.frontend.rnn.contrib_cells import (
    IntersectionRNNCell as IntersectionRNNCell,
)
from rnngraph.frontend.rnn.contrib_cells import (
    NASCell as NASCell,
)
from rnngraph.frontend.rnn.contrib_cells import (
    TimeFreqLSTMCell as TimeFreqLSTMCell,
)
from rnngraph.frontend.rnn.contrib_cells import (
    UGRNNCell as UGRNNCell,
)
from rnngraph.frontend.rnn.contrib_lstm import (
    CoupledInputForgetGateLSTMCell as CoupledInputForgetGateLSTMCell,
)
from rnngraph.frontend.rnn.contrib_lstm import (
    GLSTMCell as GLSTMCell,
)
from rnngraph.frontend.rnn.contrib_lstm import (
    LayerNormBasicLSTMCell as LayerNormBasicLSTMCell,
)
from rnngraph.frontend.rnn.contrib_lstm import (
    PhasedLSTMCell as PhasedLSTMCell,
)
from rnngraph.frontend.rnn.contrib_wrappers import (
    CompiledWrapper as CompiledWrapper,
)
from rnngraph.frontend.rnn.contrib_wrappers import (
    EmbeddingWrapper as EmbeddingWrapper,
)
from rnngraph.frontend.rnn.contrib_wrappers import (
    HighwayWrapper as HighwayWrapper,
)
from rnngraph.frontend.rnn.contrib_wrappers import (
    InputProjectionWrapper as InputProjectionWrapper,
)
from rnngraph.frontend.rnn.contrib_wrappers import (
    OutputProjectionWrapper as OutputProjectionWrapper,
)
from rnngraph.frontend.rnn.conv_cells import (
    Conv1DLSTMCell as Conv1DLSTMCell,
)
from rnngraph.frontend.rnn.conv_cells import (
    Conv2DLSTMCell as Conv2DLSTMCell,
)
from rnngraph.frontend.rnn.conv_cells import (
    Conv3DLSTMCell as Conv3DLSTMCell,
)
from rnngraph.frontend.rnn.conv_cells import (
    ConvLSTMCell as ConvLSTMCell,
)
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
from rnngraph.frontend.rnn.fused import (
    FusedRNNCell as FusedRNNCell,
)
from rnngraph.frontend.rnn.fused import (
    FusedRNNCellAdaptor as FusedRNNCellAdaptor,
)
from rnngraph.frontend.rnn.fused import (
    TimeReversedFusedRNN as TimeReversedFusedRNN,
)
from rnngraph.frontend.rnn.static import (
    stack_bidirectional_rnn as stack_bidirectional_rnn,
)
from rnngraph.frontend.rnn.static import (
    static_bidirectional_rnn as static_bidirectional_rnn,
)
from rnngraph.frontend.rnn.static import (
    static_rnn as static_rnn,
)
from rnngraph.frontend.rnn.static import (
    static_state_saving_rnn as static_state_saving_rnn,
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
