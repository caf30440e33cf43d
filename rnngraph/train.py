"""tf.train: re-exports."""

from rnngraph.frontend.train.adaptive import (
    AdadeltaOptimizer as AdadeltaOptimizer,
)
from rnngraph.frontend.train.adaptive import (
    AdagradOptimizer as AdagradOptimizer,
)
from rnngraph.frontend.train.adaptive import (
    AdamOptimizer as AdamOptimizer,
)
from rnngraph.frontend.train.adaptive import (
    FtrlOptimizer as FtrlOptimizer,
)
from rnngraph.frontend.train.adaptive import (
    RMSPropOptimizer as RMSPropOptimizer,
)
from rnngraph.frontend.train.averages import ExponentialMovingAverage as ExponentialMovingAverage
from rnngraph.frontend.train.checkpoint import (
    CheckpointReader as CheckpointReader,
)
from rnngraph.frontend.train.checkpoint import (
    CheckpointState as CheckpointState,
)
from rnngraph.frontend.train.checkpoint import (
    NewCheckpointReader as NewCheckpointReader,
)
from rnngraph.frontend.train.checkpoint import (
    checkpoint_exists as checkpoint_exists,
)
from rnngraph.frontend.train.checkpoint import (
    generate_checkpoint_state_proto as generate_checkpoint_state_proto,
)
from rnngraph.frontend.train.checkpoint import (
    get_checkpoint_mtimes as get_checkpoint_mtimes,
)
from rnngraph.frontend.train.checkpoint import (
    get_checkpoint_state as get_checkpoint_state,
)
from rnngraph.frontend.train.checkpoint import (
    latest_checkpoint as latest_checkpoint,
)
from rnngraph.frontend.train.checkpoint import (
    list_variables as list_variables,
)
from rnngraph.frontend.train.checkpoint import (
    load_checkpoint as load_checkpoint,
)
from rnngraph.frontend.train.checkpoint import (
    load_variable as load_variable,
)
from rnngraph.frontend.train.checkpoint import (
    update_checkpoint_state as update_checkpoint_state,
)
from rnngraph.frontend.train.momentum import (
    GradientDescentOptimizer as GradientDescentOptimizer,
)
from rnngraph.frontend.train.momentum import (
    MomentumOptimizer as MomentumOptimizer,
)
from rnngraph.frontend.train.optimizer import Optimizer as Optimizer
from rnngraph.frontend.train.saver import (
    Saver as Saver,
)
from rnngraph.frontend.train.saver import (
    export_meta_graph as export_meta_graph,
)
from rnngraph.frontend.train.saver import (
    import_meta_graph as import_meta_graph,
)
from rnngraph.frontend.train.schedules import (
    assert_global_step as assert_global_step,
)
from rnngraph.frontend.train.schedules import (
    create_global_step as create_global_step,
)
from rnngraph.frontend.train.schedules import (
    exponential_decay as exponential_decay,
)
from rnngraph.frontend.train.schedules import (
    get_global_step as get_global_step,
)
from rnngraph.frontend.train.schedules import (
    get_or_create_global_step as get_or_create_global_step,
)
from rnngraph.frontend.train.schedules import (
    global_step as global_step,
)
from rnngraph.frontend.train.schedules import (
    inverse_time_decay as inverse_time_decay,
)
from rnngraph.frontend.train.schedules import (
    natural_exp_decay as natural_exp_decay,
)
from rnngraph.frontend.train.schedules import (
    piecewise_constant as piecewise_constant,
)
from rnngraph.frontend.train.schedules import (
    polynomial_decay as polynomial_decay,
)
