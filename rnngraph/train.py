"""tf.train: re-exports."""

from rnngraph.frontend.train.adaptive import (
    AdadeltaOptimizer as AdadeltaOptimizer, AdagradOptimizer as AdagradOptimizer, AdamOptimizer as AdamOptimizer,
    FtrlOptimizer as FtrlOptimizer, RMSPropOptimizer as RMSPropOptimizer,
)
from rnngraph.frontend.train.averages import ExponentialMovingAverage as ExponentialMovingAverage
from rnngraph.frontend.train.momentum import (
    GradientDescentOptimizer as GradientDescentOptimizer, MomentumOptimizer as MomentumOptimizer,
)
from rnngraph.frontend.train.schedules import (
    assert_global_step as assert_global_step, create_global_step as create_global_step,
    exponential_decay as exponential_decay, get_global_step as get_global_step,
    get_or_create_global_step as get_or_create_global_step, global_step as global_step,
    inverse_time_decay as inverse_time_decay, natural_exp_decay as natural_exp_decay,
    piecewise_constant as piecewise_constant, polynomial_decay as polynomial_decay,
)
from rnngraph.frontend.train.optimizer import Optimizer as Optimizer
from rnngraph.frontend.train.saver import (
    Saver as Saver, export_meta_graph as export_meta_graph, import_meta_graph as import_meta_graph,
)
from rnngraph.frontend.train.checkpoint import (
    CheckpointReader as CheckpointReader, CheckpointState as CheckpointState,
    NewCheckpointReader as NewCheckpointReader, checkpoint_exists as checkpoint_exists,
    generate_checkpoint_state_proto as generate_checkpoint_state_proto,
    get_checkpoint_mtimes as get_checkpoint_mtimes, get_checkpoint_state as get_checkpoint_state,
    latest_checkpoint as latest_checkpoint, list_variables as list_variables, load_checkpoint as load_checkpoint,
    load_variable as load_variable, update_checkpoint_state as update_checkpoint_state,
)
