"""rnngraph: a graph compiler for recurrent networks with TensorFlow r1.4's API. `import rnngraph as tf`.

This module only re-exports, from a table; what a name means is said where it is defined. `a=b` exports a as b.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

_importlib.import_module("rnngraph.release")  # before all else: it notes when

_TABLE = {
    "rnngraph": "contrib errors nn train",
    "rnngraph.frontend.scripts": "flags summary",
    "rnngraph.frontend.variables": "initializers",
    "rnngraph.frontend.layers": "layers",
    "rnngraph.frontend.nn": "losses",
    "rnngraph.frontend.array.reorder": "invert_permutation meshgrid pad reverse reverse_sequence reverse_v2 tile",
    "rnngraph.frontend.math.clip": "clip_by_average_norm clip_by_global_norm clip_by_norm clip_by_value global_norm",
    "rnngraph.frontend.framework.compat": "compat gfile logging",
    "rnngraph.frontend.flow.control": "case cond control_dependencies group no_op tuple_=tuple while_loop",
    "rnngraph.frontend.framework.convert": "constant convert_to_tensor register_tensor_conversion_function",
    "rnngraph.frontend.array.creation": (
        "fill lin_space linspace one_hot ones ones_like placeholder placeholder_with_default range sequence_mask "
        "zeros zeros_like"
    ),
    "rnngraph.frontend.framework.default_graph":
        "add_to_collection add_to_collections colocate_with container device get_collection get_collection_ref",
    "rnngraph.frontend.framework.casts": "cast to_double to_float to_int32 to_int64",
    "rnngraph.frontend.math.elementwise": (
        "abs accumulate_n acos add add_n asin atan ceil cos cosh div divide equal erf erfc exp expm1 floor "
        "floor_div floordiv floormod greater greater_equal is_finite is_inf is_nan less less_equal log log1p "
        "log_sigmoid logical_and logical_not logical_or logical_xor maximum minimum mod multiply negative "
        "not_equal pow realdiv reciprocal rint round rsqrt saturate_cast scalar_mul sigmoid sign sin sinh sqrt "
        "square squared_difference subtract tan tanh truediv truncatediv "
        "truncatemod"
    ),
    "rnngraph.frontend.scripts.flags": "app",
    "rnngraph.frontend.flow.functional": "foldl foldr map_fn scan",
    "rnngraph.frontend.array.gathering": (
        "boolean_mask dynamic_partition dynamic_stitch gather gather_nd scatter_nd sparse_to_dense unique "
        "unique_with_counts where"
    ),
    "rnngraph.frontend.flow.gradients": "AggregationMethod NoGradient NotDifferentiable RegisterGradient gradients hessians",
    "rnngraph.frontend.framework.graph": "Graph Operation Tensor get_default_graph get_default_session reset_default_graph",
    "rnngraph.frontend.framework.indexed_slices": "IndexedSlices IndexedSlicesValue",
    "rnngraph.frontend.variables.initializers": (
        "constant_initializer glorot_normal_initializer glorot_uniform_initializer ones_initializer "
        "orthogonal_initializer random_normal_initializer random_uniform_initializer truncated_normal_initializer "
        "uniform_unit_scaling_initializer variance_scaling_initializer zeros_initializer"
    ),
    "rnngraph.frontend.framework.keys": "GraphKeys",
    "rnngraph.frontend.math.linalg": (
        "diag diag_part einsum eye matmul matrix_band_part matrix_diag matrix_diag_part matrix_set_diag "
        "matrix_transpose qr tensordot trace"
    ),
    "rnngraph.frontend.math.random_ops":
        "multinomial random_crop random_normal random_shuffle random_uniform set_random_seed truncated_normal",
    "rnngraph.frontend.math.reduce": (
        "arg_max arg_min argmax argmin count_nonzero cumprod cumsum norm reduce_all reduce_any reduce_logsumexp "
        "reduce_max reduce_mean reduce_min reduce_prod reduce_sum segment_sum unsorted_segment_sum"
    ),
    "rnngraph.frontend.framework.scope": (
        "AUTO_REUSE VariableScope get_local_variable get_variable get_variable_scope name_scope no_regularizer "
        "op_scope variable_op_scope variable_scope"
    ),
    "rnngraph.frontend.scripts.script_ops": "Print py_func",
    "rnngraph.frontend.framework.shapes": "Dimension TensorShape",
    "rnngraph.frontend.array.reshape": (
        "broadcast_dynamic_shape broadcast_static_shape concat expand_dims identity identity_n parallel_stack "
        "rank reshape shape shape_n size split squeeze stack stop_gradient transpose unstack"
    ),
    "rnngraph.frontend.array.slicing": "slice strided_slice",
    "rnngraph.frontend.variables.state_ops": (
        "assign assign_add assign_sub count_up_to is_variable_initialized scatter_add scatter_div scatter_mul "
        "scatter_nd_add scatter_nd_sub scatter_nd_update scatter_sub scatter_update"
    ),
    "rnngraph.frontend.framework.template": "make_template",
    "rnngraph.frontend.flow.tensor_array": "TensorArray",
    "rnngraph.frontend.variables.variable": "Variable",
    "rnngraph.frontend.variables.variable_sets": (
        "all_variables assert_variables_initialized global_variables global_variables_initializer "
        "initialize_all_variables initialize_local_variables initialize_variables local_variables "
        "local_variables_initializer model_variables moving_average_variables report_uninitialized_variables "
        "trainable_variables variables_initializer"
    ),
    "rnngraph.frontend.math.verify_ops": (
        "Assert assert_equal assert_greater assert_greater_equal assert_integer assert_less assert_less_equal "
        "assert_negative assert_non_negative assert_non_positive assert_positive assert_rank assert_rank_at_least "
        "assert_type check_numerics is_non_decreasing is_numeric_tensor is_strictly_increasing "
        "verify_tensor_all_finite"
    ),
    "rnngraph.ir.types": (
        "DType as_dtype bool_=bool complex128 complex64 float16 float32 float64 int16 int32 int64 int8 string "
        "uint16 uint8"
    ),
    "rnngraph.session": "ConfigProto GPUOptions InteractiveSession Session",
}
"""Module -> the names it gives."""
_FILLERS = (
    "rnngraph.ops", "rnngraph.frontend.math.operators",
    "rnngraph.frontend.array.slicing", "rnngraph.frontend.variables.variable_store",
)
"""Modules that fill tables when they are imported: the ops, tensors' operators, get_variable."""

for _module in _FILLERS:
    _importlib.import_module(_module)
for _module, _names in _TABLE.items():
    for _name in _names.split():
        _source, _, _public = _name.partition("=")
        _found = _importlib.import_module(_module)
        if not hasattr(_found, _source):
            _importlib.import_module(f"{_module}.{_source}")
        globals()[_public or _source] = getattr(_found, _source)

newaxis = None
"""Stands for a new axis in slices of tensors."""
__version__ = VERSION = "1.4.0"
"""The TensorFlow release whose API this is; programs compare it as text."""
__all__ = [name for name in globals() if not name.startswith("_")]

if _TYPE_CHECKING:
    def __getattr__(name: str) -> _Any: ...
