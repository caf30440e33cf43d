"""The namespace `tf.train`: optimizers, schedules, the global step, checkpoints."""

from rnngraph.frontend.train.adaptive import (
    AdadeltaOptimizer,
    AdagradOptimizer,
    AdamOptimizer,
    FtrlOptimizer,
    RMSPropOptimizer,
)
from rnngraph.frontend.train.averages import ExponentialMovingAverage
from rnngraph.frontend.train.checkpoint import (
    CheckpointReader,
    CheckpointState,
    NewCheckpointReader,
    checkpoint_exists,
    generate_checkpoint_state_proto,
    get_checkpoint_mtimes,
    get_checkpoint_state,
    latest_checkpoint,
    list_variables,
    load_checkpoint,
    load_variable,
    update_checkpoint_state,
)
from rnngraph.frontend.train.momentum import GradientDescentOptimizer, MomentumOptimizer
from rnngraph.frontend.train.optimizer import Optimizer
from rnngraph.frontend.train.saver import Saver, export_meta_graph, import_meta_graph
from rnngraph.frontend.train.schedules import (
    assert_global_step,
    create_global_step,
    exponential_decay,
    get_global_step,
    get_or_create_global_step,
    global_step,
    inverse_time_decay,
    natural_exp_decay,
    piecewise_constant,
    polynomial_decay,
)

__all__ = [
    "AdadeltaOptimizer", "AdagradOptimizer", "AdamOptimizer", "CheckpointReader", "CheckpointState",
    "ExponentialMovingAverage", "FtrlOptimizer", "GradientDescentOptimizer", "MomentumOptimizer",
    "NewCheckpointReader", "Optimizer", "RMSPropOptimizer", "Saver", "assert_global_step", "checkpoint_exists",
    "create_global_step", "exponential_decay", "export_meta_graph", "generate_checkpoint_state_proto",
    "get_checkpoint_mtimes", "get_checkpoint_state", "get_global_step", "get_or_create_global_step", "global_step",
    "import_meta_graph", "inverse_time_decay", "latest_checkpoint", "list_variables", "load_checkpoint",
    "load_variable", "natural_exp_decay", "piecewise_constant", "polynomial_decay", "update_checkpoint_state"]
