"""rnngraph: a graph compiler for recurrent networks with TensorFlow r1.4's API. `import rnngraph as tf`.

This module only re-exports; what a name means is said where it is defined."""

from rnngraph import contrib as contrib, errors as errors, nn as nn, train as train
from rnngraph.ir.types import (
    DType as DType, as_dtype as as_dtype, bool_ as bool, complex128 as complex128, complex64 as complex64,
    float16 as float16, float32 as float32, float64 as float64, int16 as int16, int32 as int32, int64 as int64,
    int8 as int8, string as string, uint16 as uint16, uint8 as uint8,
)
from rnngraph.frontend.graph import (
    Graph as Graph, Operation as Operation, Tensor as Tensor, get_default_graph as get_default_graph,
    get_default_session as get_default_session, reset_default_graph as reset_default_graph,
)
from rnngraph.frontend.shapes import Dimension as Dimension, TensorShape as TensorShape
from rnngraph.frontend.indexed_slices import IndexedSlices as IndexedSlices, IndexedSlicesValue as IndexedSlicesValue
from rnngraph.frontend.convert import (
    constant as constant, convert_to_tensor as convert_to_tensor,
    register_tensor_conversion_function as register_tensor_conversion_function,
)
from rnngraph.frontend.elementwise import (
    abs as abs, accumulate_n as accumulate_n, acos as acos, add as add, add_n as add_n, asin as asin, atan as atan,
    cast as cast, ceil as ceil, cos as cos, cosh as cosh, div as div, divide as divide, equal as equal, erf as erf,
    erfc as erfc, exp as exp, expm1 as expm1, floor as floor, floor_div as floor_div, floordiv as floordiv,
    floormod as floormod, greater as greater, greater_equal as greater_equal, is_finite as is_finite,
    is_inf as is_inf, is_nan as is_nan, less as less, less_equal as less_equal, log as log, log1p as log1p,
    log_sigmoid as log_sigmoid, logical_and as logical_and, logical_not as logical_not, logical_or as logical_or,
    logical_xor as logical_xor, maximum as maximum, minimum as minimum, mod as mod, multiply as multiply,
    negative as negative, not_equal as not_equal, pow as pow, realdiv as realdiv, reciprocal as reciprocal,
    rint as rint, round as round, rsqrt as rsqrt, saturate_cast as saturate_cast, scalar_mul as scalar_mul,
    sigmoid as sigmoid, sign as sign, sin as sin, sinh as sinh, sqrt as sqrt, square as square,
    squared_difference as squared_difference, subtract as subtract, tan as tan, tanh as tanh, to_double as to_double,
    to_float as to_float, to_int32 as to_int32, to_int64 as to_int64, truediv as truediv, truncatediv as truncatediv,
    truncatemod as truncatemod,
)
from rnngraph.frontend.reduce import (
    arg_max as arg_max, arg_min as arg_min, argmax as argmax, argmin as argmin, count_nonzero as count_nonzero,
    cumprod as cumprod, cumsum as cumsum, norm as norm, reduce_all as reduce_all, reduce_any as reduce_any,
    reduce_logsumexp as reduce_logsumexp, reduce_max as reduce_max, reduce_mean as reduce_mean,
    reduce_min as reduce_min, reduce_prod as reduce_prod, reduce_sum as reduce_sum, segment_sum as segment_sum,
    unsorted_segment_sum as unsorted_segment_sum,
)
from rnngraph.frontend.linalg import (
    diag as diag, diag_part as diag_part, einsum as einsum, eye as eye, matmul as matmul,
    matrix_band_part as matrix_band_part, matrix_diag as matrix_diag, matrix_diag_part as matrix_diag_part,
    matrix_set_diag as matrix_set_diag, matrix_transpose as matrix_transpose, qr as qr, tensordot as tensordot,
    trace as trace,
)
from rnngraph.frontend.creation import (
    fill as fill, lin_space as lin_space, linspace as linspace, one_hot as one_hot, ones as ones,
    ones_like as ones_like, placeholder as placeholder, placeholder_with_default as placeholder_with_default,
    range as range, sequence_mask as sequence_mask, zeros as zeros, zeros_like as zeros_like,
)
from rnngraph.frontend.shaping import (
    broadcast_dynamic_shape as broadcast_dynamic_shape, broadcast_static_shape as broadcast_static_shape,
    concat as concat, expand_dims as expand_dims, identity as identity, identity_n as identity_n,
    parallel_stack as parallel_stack, rank as rank, reshape as reshape, shape as shape, shape_n as shape_n,
    size as size, split as split, squeeze as squeeze, stack as stack, stop_gradient as stop_gradient,
    transpose as transpose, unstack as unstack,
)
from rnngraph.frontend.slicing import slice as slice, strided_slice as strided_slice
from rnngraph.frontend.arranging import (
    invert_permutation as invert_permutation, meshgrid as meshgrid, pad as pad, reverse as reverse,
    reverse_sequence as reverse_sequence, reverse_v2 as reverse_v2, tile as tile,
)
from rnngraph.frontend.gathering import (
    boolean_mask as boolean_mask, dynamic_partition as dynamic_partition, dynamic_stitch as dynamic_stitch,
    gather as gather, gather_nd as gather_nd, scatter_nd as scatter_nd, sparse_to_dense as sparse_to_dense,
    unique as unique, unique_with_counts as unique_with_counts, where as where,
)
from rnngraph.frontend.clip import (
    clip_by_average_norm as clip_by_average_norm, clip_by_global_norm as clip_by_global_norm,
    clip_by_norm as clip_by_norm, clip_by_value as clip_by_value, global_norm as global_norm,
)
from rnngraph.frontend.random_ops import (
    multinomial as multinomial, random_crop as random_crop, random_normal as random_normal,
    random_shuffle as random_shuffle, random_uniform as random_uniform, set_random_seed as set_random_seed,
    truncated_normal as truncated_normal,
)
from rnngraph.frontend.control import (
    case as case, cond as cond, control_dependencies as control_dependencies, group as group, no_op as no_op,
    tuple_ as tuple, while_loop as while_loop,
)
from rnngraph.frontend.functional import foldl as foldl, foldr as foldr, map_fn as map_fn, scan as scan
from rnngraph.frontend.tensor_array import TensorArray as TensorArray
from rnngraph.frontend.gradients import (
    AggregationMethod as AggregationMethod, NoGradient as NoGradient, NotDifferentiable as NotDifferentiable,
    RegisterGradient as RegisterGradient, gradients as gradients, hessians as hessians,
)
from rnngraph.frontend.script_ops import Print as Print, py_func as py_func
from rnngraph.frontend.verify_ops import (
    Assert as Assert, assert_equal as assert_equal, assert_greater as assert_greater,
    assert_greater_equal as assert_greater_equal, assert_integer as assert_integer, assert_less as assert_less,
    assert_less_equal as assert_less_equal, assert_negative as assert_negative,
    assert_non_negative as assert_non_negative, assert_non_positive as assert_non_positive,
    assert_positive as assert_positive, assert_rank as assert_rank, assert_rank_at_least as assert_rank_at_least,
    assert_type as assert_type, check_numerics as check_numerics, is_non_decreasing as is_non_decreasing,
    is_numeric_tensor as is_numeric_tensor, is_strictly_increasing as is_strictly_increasing,
    verify_tensor_all_finite as verify_tensor_all_finite,
)
from rnngraph.frontend.keys import GraphKeys as GraphKeys
from rnngraph.frontend.scope import (
    AUTO_REUSE as AUTO_REUSE, VariableScope as VariableScope, get_local_variable as get_local_variable,
    get_variable as get_variable, get_variable_scope as get_variable_scope, name_scope as name_scope,
    no_regularizer as no_regularizer, op_scope as op_scope, variable_op_scope as variable_op_scope,
    variable_scope as variable_scope,
)
from rnngraph.frontend.variable import Variable as Variable
from rnngraph.frontend.state_ops import (
    assign as assign, assign_add as assign_add, assign_sub as assign_sub, count_up_to as count_up_to,
    is_variable_initialized as is_variable_initialized, scatter_add as scatter_add, scatter_div as scatter_div,
    scatter_mul as scatter_mul, scatter_nd_add as scatter_nd_add, scatter_nd_sub as scatter_nd_sub,
    scatter_nd_update as scatter_nd_update, scatter_sub as scatter_sub, scatter_update as scatter_update,
)
from rnngraph.frontend.variable_sets import (
    all_variables as all_variables, assert_variables_initialized as assert_variables_initialized,
    global_variables as global_variables, global_variables_initializer as global_variables_initializer,
    initialize_all_variables as initialize_all_variables, initialize_local_variables as initialize_local_variables,
    initialize_variables as initialize_variables, local_variables as local_variables,
    local_variables_initializer as local_variables_initializer, model_variables as model_variables,
    moving_average_variables as moving_average_variables,
    report_uninitialized_variables as report_uninitialized_variables, trainable_variables as trainable_variables,
    variables_initializer as variables_initializer,
)
from rnngraph.frontend.initializers import (
    constant_initializer as constant_initializer, glorot_normal_initializer as glorot_normal_initializer,
    glorot_uniform_initializer as glorot_uniform_initializer, ones_initializer as ones_initializer,
    orthogonal_initializer as orthogonal_initializer, random_normal_initializer as random_normal_initializer,
    random_uniform_initializer as random_uniform_initializer,
    truncated_normal_initializer as truncated_normal_initializer,
    uniform_unit_scaling_initializer as uniform_unit_scaling_initializer,
    variance_scaling_initializer as variance_scaling_initializer, zeros_initializer as zeros_initializer,
)
from rnngraph.frontend.template import make_template as make_template
from rnngraph.frontend.compat import compat as compat, gfile as gfile, logging as logging
from rnngraph.frontend.flags import app as app
from rnngraph.frontend import flags as flags, layers as layers, losses as losses, summary as summary
from rnngraph.session import (
    ConfigProto as ConfigProto, GPUOptions as GPUOptions, InteractiveSession as InteractiveSession,
    Session as Session,
)

from rnngraph.frontend import initializers as initializers
from rnngraph.frontend import operators as _operators  # noqa: F401 - fills the operators of tensors
from rnngraph.frontend import variable_store as _store  # noqa: F401 - fills get_variable
from rnngraph.ops import control as _ops  # noqa: F401 - fills the table of ops

newaxis = None
"""Stands for a new axis in tf.Tensor slices."""
__version__ = VERSION = "1.4.0"
"""The TensorFlow release whose API this is; programs compare it as text."""
