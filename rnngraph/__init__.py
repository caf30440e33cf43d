"""rnngraph: a graph compiler for recurrent networks with TensorFlow r1.4's API. `import rnngraph as tf`.

This module only re-exports; what a name means is said where it is defined."""

from rnngraph import contrib as contrib
from rnngraph import errors as errors
from rnngraph import nn as nn
from rnngraph import train as train
from rnngraph.frontend import flags as flags
from rnngraph.frontend import initializers as initializers
from rnngraph.frontend import layers as layers
from rnngraph.frontend import losses as losses
from rnngraph.frontend import operators as _operators  # noqa: F401 - fills the operators of tensors
from rnngraph.frontend import summary as summary
from rnngraph.frontend import variable_store as _store  # noqa: F401 - fills get_variable
from rnngraph.frontend.arranging import (
    invert_permutation as invert_permutation,
)
from rnngraph.frontend.arranging import (
    meshgrid as meshgrid,
)
from rnngraph.frontend.arranging import (
    pad as pad,
)
from rnngraph.frontend.arranging import (
    reverse as reverse,
)
from rnngraph.frontend.arranging import (
    reverse_sequence as reverse_sequence,
)
from rnngraph.frontend.arranging import (
    reverse_v2 as reverse_v2,
)
from rnngraph.frontend.arranging import (
    tile as tile,
)
from rnngraph.frontend.clip import (
    clip_by_average_norm as clip_by_average_norm,
)
from rnngraph.frontend.clip import (
    clip_by_global_norm as clip_by_global_norm,
)
from rnngraph.frontend.clip import (
    clip_by_norm as clip_by_norm,
)
from rnngraph.frontend.clip import (
    clip_by_value as clip_by_value,
)
from rnngraph.frontend.clip import (
    global_norm as global_norm,
)
from rnngraph.frontend.compat import compat as compat
from rnngraph.frontend.compat import gfile as gfile
from rnngraph.frontend.compat import logging as logging
from rnngraph.frontend.control import (
    case as case,
)
from rnngraph.frontend.control import (
    cond as cond,
)
from rnngraph.frontend.control import (
    control_dependencies as control_dependencies,
)
from rnngraph.frontend.control import (
    group as group,
)
from rnngraph.frontend.control import (
    no_op as no_op,
)
from rnngraph.frontend.control import (
    tuple_ as tuple,
)
from rnngraph.frontend.control import (
    while_loop as while_loop,
)
from rnngraph.frontend.convert import (
    constant as constant,
)
from rnngraph.frontend.convert import (
    convert_to_tensor as convert_to_tensor,
)
from rnngraph.frontend.convert import (
    register_tensor_conversion_function as register_tensor_conversion_function,
)
from rnngraph.frontend.creation import (
    fill as fill,
)
from rnngraph.frontend.creation import (
    lin_space as lin_space,
)
from rnngraph.frontend.creation import (
    linspace as linspace,
)
from rnngraph.frontend.creation import (
    one_hot as one_hot,
)
from rnngraph.frontend.creation import (
    ones as ones,
)
from rnngraph.frontend.creation import (
    ones_like as ones_like,
)
from rnngraph.frontend.creation import (
    placeholder as placeholder,
)
from rnngraph.frontend.creation import (
    placeholder_with_default as placeholder_with_default,
)
from rnngraph.frontend.creation import (
    range as range,
)
from rnngraph.frontend.creation import (
    sequence_mask as sequence_mask,
)
from rnngraph.frontend.creation import (
    zeros as zeros,
)
from rnngraph.frontend.creation import (
    zeros_like as zeros_like,
)
from rnngraph.frontend.elementwise import (
    abs as abs,
)
from rnngraph.frontend.elementwise import (
    accumulate_n as accumulate_n,
)
from rnngraph.frontend.elementwise import (
    acos as acos,
)
from rnngraph.frontend.elementwise import (
    add as add,
)
from rnngraph.frontend.elementwise import (
    add_n as add_n,
)
from rnngraph.frontend.elementwise import (
    asin as asin,
)
from rnngraph.frontend.elementwise import (
    atan as atan,
)
from rnngraph.frontend.elementwise import (
    cast as cast,
)
from rnngraph.frontend.elementwise import (
    ceil as ceil,
)
from rnngraph.frontend.elementwise import (
    cos as cos,
)
from rnngraph.frontend.elementwise import (
    cosh as cosh,
)
from rnngraph.frontend.elementwise import (
    div as div,
)
from rnngraph.frontend.elementwise import (
    divide as divide,
)
from rnngraph.frontend.elementwise import (
    equal as equal,
)
from rnngraph.frontend.elementwise import (
    erf as erf,
)
from rnngraph.frontend.elementwise import (
    erfc as erfc,
)
from rnngraph.frontend.elementwise import (
    exp as exp,
)
from rnngraph.frontend.elementwise import (
    expm1 as expm1,
)
from rnngraph.frontend.elementwise import (
    floor as floor,
)
from rnngraph.frontend.elementwise import (
    floor_div as floor_div,
)
from rnngraph.frontend.elementwise import (
    floordiv as floordiv,
)
from rnngraph.frontend.elementwise import (
    floormod as floormod,
)
from rnngraph.frontend.elementwise import (
    greater as greater,
)
from rnngraph.frontend.elementwise import (
    greater_equal as greater_equal,
)
from rnngraph.frontend.elementwise import (
    is_finite as is_finite,
)
from rnngraph.frontend.elementwise import (
    is_inf as is_inf,
)
from rnngraph.frontend.elementwise import (
    is_nan as is_nan,
)
from rnngraph.frontend.elementwise import (
    less as less,
)
from rnngraph.frontend.elementwise import (
    less_equal as less_equal,
)
from rnngraph.frontend.elementwise import (
    log as log,
)
from rnngraph.frontend.elementwise import (
    log1p as log1p,
)
from rnngraph.frontend.elementwise import (
    log_sigmoid as log_sigmoid,
)
from rnngraph.frontend.elementwise import (
    logical_and as logical_and,
)
from rnngraph.frontend.elementwise import (
    logical_not as logical_not,
)
from rnngraph.frontend.elementwise import (
    logical_or as logical_or,
)
from rnngraph.frontend.elementwise import (
    logical_xor as logical_xor,
)
from rnngraph.frontend.elementwise import (
    maximum as maximum,
)
from rnngraph.frontend.elementwise import (
    minimum as minimum,
)
from rnngraph.frontend.elementwise import (
    mod as mod,
)
from rnngraph.frontend.elementwise import (
    multiply as multiply,
)
from rnngraph.frontend.elementwise import (
    negative as negative,
)
from rnngraph.frontend.elementwise import (
    not_equal as not_equal,
)
from rnngraph.frontend.elementwise import (
    pow as pow,
)
from rnngraph.frontend.elementwise import (
    realdiv as realdiv,
)
from rnngraph.frontend.elementwise import (
    reciprocal as reciprocal,
)
from rnngraph.frontend.elementwise import (
    rint as rint,
)
from rnngraph.frontend.elementwise import (
    round as round,
)
from rnngraph.frontend.elementwise import (
    rsqrt as rsqrt,
)
from rnngraph.frontend.elementwise import (
    saturate_cast as saturate_cast,
)
from rnngraph.frontend.elementwise import (
    scalar_mul as scalar_mul,
)
from rnngraph.frontend.elementwise import (
    sigmoid as sigmoid,
)
from rnngraph.frontend.elementwise import (
    sign as sign,
)
from rnngraph.frontend.elementwise import (
    sin as sin,
)
from rnngraph.frontend.elementwise import (
    sinh as sinh,
)
from rnngraph.frontend.elementwise import (
    sqrt as sqrt,
)
from rnngraph.frontend.elementwise import (
    square as square,
)
from rnngraph.frontend.elementwise import (
    squared_difference as squared_difference,
)
from rnngraph.frontend.elementwise import (
    subtract as subtract,
)
from rnngraph.frontend.elementwise import (
    tan as tan,
)
from rnngraph.frontend.elementwise import (
    tanh as tanh,
)
from rnngraph.frontend.elementwise import (
    to_double as to_double,
)
from rnngraph.frontend.elementwise import (
    to_float as to_float,
)
from rnngraph.frontend.elementwise import (
    to_int32 as to_int32,
)
from rnngraph.frontend.elementwise import (
    to_int64 as to_int64,
)
from rnngraph.frontend.elementwise import (
    truediv as truediv,
)
from rnngraph.frontend.elementwise import (
    truncatediv as truncatediv,
)
from rnngraph.frontend.elementwise import (
    truncatemod as truncatemod,
)
from rnngraph.frontend.flags import app as app
from rnngraph.frontend.default_graph import add_to_collection as add_to_collection
from rnngraph.frontend.default_graph import add_to_collections as add_to_collections
from rnngraph.frontend.default_graph import colocate_with as colocate_with
from rnngraph.frontend.default_graph import container as container
from rnngraph.frontend.default_graph import device as device
from rnngraph.frontend.default_graph import get_collection as get_collection
from rnngraph.frontend.default_graph import get_collection_ref as get_collection_ref
from rnngraph.frontend.functional import foldl as foldl
from rnngraph.frontend.functional import foldr as foldr
from rnngraph.frontend.functional import map_fn as map_fn
from rnngraph.frontend.functional import scan as scan
from rnngraph.frontend.gathering import (
    boolean_mask as boolean_mask,
)
from rnngraph.frontend.gathering import (
    dynamic_partition as dynamic_partition,
)
from rnngraph.frontend.gathering import (
    dynamic_stitch as dynamic_stitch,
)
from rnngraph.frontend.gathering import (
    gather as gather,
)
from rnngraph.frontend.gathering import (
    gather_nd as gather_nd,
)
from rnngraph.frontend.gathering import (
    scatter_nd as scatter_nd,
)
from rnngraph.frontend.gathering import (
    sparse_to_dense as sparse_to_dense,
)
from rnngraph.frontend.gathering import (
    unique as unique,
)
from rnngraph.frontend.gathering import (
    unique_with_counts as unique_with_counts,
)
from rnngraph.frontend.gathering import (
    where as where,
)
from rnngraph.frontend.gradients import (
    AggregationMethod as AggregationMethod,
)
from rnngraph.frontend.gradients import (
    NoGradient as NoGradient,
)
from rnngraph.frontend.gradients import (
    NotDifferentiable as NotDifferentiable,
)
from rnngraph.frontend.gradients import (
    RegisterGradient as RegisterGradient,
)
from rnngraph.frontend.gradients import (
    gradients as gradients,
)
from rnngraph.frontend.gradients import (
    hessians as hessians,
)
from rnngraph.frontend.graph import (
    Graph as Graph,
)
from rnngraph.frontend.graph import (
    Operation as Operation,
)
from rnngraph.frontend.graph import (
    Tensor as Tensor,
)
from rnngraph.frontend.graph import (
    get_default_graph as get_default_graph,
)
from rnngraph.frontend.graph import (
    get_default_session as get_default_session,
)
from rnngraph.frontend.graph import (
    reset_default_graph as reset_default_graph,
)
from rnngraph.frontend.indexed_slices import IndexedSlices as IndexedSlices
from rnngraph.frontend.indexed_slices import IndexedSlicesValue as IndexedSlicesValue
from rnngraph.frontend.initializers import (
    constant_initializer as constant_initializer,
)
from rnngraph.frontend.initializers import (
    glorot_normal_initializer as glorot_normal_initializer,
)
from rnngraph.frontend.initializers import (
    glorot_uniform_initializer as glorot_uniform_initializer,
)
from rnngraph.frontend.initializers import (
    ones_initializer as ones_initializer,
)
from rnngraph.frontend.initializers import (
    orthogonal_initializer as orthogonal_initializer,
)
from rnngraph.frontend.initializers import (
    random_normal_initializer as random_normal_initializer,
)
from rnngraph.frontend.initializers import (
    random_uniform_initializer as random_uniform_initializer,
)
from rnngraph.frontend.initializers import (
    truncated_normal_initializer as truncated_normal_initializer,
)
from rnngraph.frontend.initializers import (
    uniform_unit_scaling_initializer as uniform_unit_scaling_initializer,
)
from rnngraph.frontend.initializers import (
    variance_scaling_initializer as variance_scaling_initializer,
)
from rnngraph.frontend.initializers import (
    zeros_initializer as zeros_initializer,
)
from rnngraph.frontend.keys import GraphKeys as GraphKeys
from rnngraph.frontend.linalg import (
    diag as diag,
)
from rnngraph.frontend.linalg import (
    diag_part as diag_part,
)
from rnngraph.frontend.linalg import (
    einsum as einsum,
)
from rnngraph.frontend.linalg import (
    eye as eye,
)
from rnngraph.frontend.linalg import (
    matmul as matmul,
)
from rnngraph.frontend.linalg import (
    matrix_band_part as matrix_band_part,
)
from rnngraph.frontend.linalg import (
    matrix_diag as matrix_diag,
)
from rnngraph.frontend.linalg import (
    matrix_diag_part as matrix_diag_part,
)
from rnngraph.frontend.linalg import (
    matrix_set_diag as matrix_set_diag,
)
from rnngraph.frontend.linalg import (
    matrix_transpose as matrix_transpose,
)
from rnngraph.frontend.linalg import (
    qr as qr,
)
from rnngraph.frontend.linalg import (
    tensordot as tensordot,
)
from rnngraph.frontend.linalg import (
    trace as trace,
)
from rnngraph.frontend.random_ops import (
    multinomial as multinomial,
)
from rnngraph.frontend.random_ops import (
    random_crop as random_crop,
)
from rnngraph.frontend.random_ops import (
    random_normal as random_normal,
)
from rnngraph.frontend.random_ops import (
    random_shuffle as random_shuffle,
)
from rnngraph.frontend.random_ops import (
    random_uniform as random_uniform,
)
from rnngraph.frontend.random_ops import (
    set_random_seed as set_random_seed,
)
from rnngraph.frontend.random_ops import (
    truncated_normal as truncated_normal,
)
from rnngraph.frontend.reduce import (
    arg_max as arg_max,
)
from rnngraph.frontend.reduce import (
    arg_min as arg_min,
)
from rnngraph.frontend.reduce import (
    argmax as argmax,
)
from rnngraph.frontend.reduce import (
    argmin as argmin,
)
from rnngraph.frontend.reduce import (
    count_nonzero as count_nonzero,
)
from rnngraph.frontend.reduce import (
    cumprod as cumprod,
)
from rnngraph.frontend.reduce import (
    cumsum as cumsum,
)
from rnngraph.frontend.reduce import (
    norm as norm,
)
from rnngraph.frontend.reduce import (
    reduce_all as reduce_all,
)
from rnngraph.frontend.reduce import (
    reduce_any as reduce_any,
)
from rnngraph.frontend.reduce import (
    reduce_logsumexp as reduce_logsumexp,
)
from rnngraph.frontend.reduce import (
    reduce_max as reduce_max,
)
from rnngraph.frontend.reduce import (
    reduce_mean as reduce_mean,
)
from rnngraph.frontend.reduce import (
    reduce_min as reduce_min,
)
from rnngraph.frontend.reduce import (
    reduce_prod as reduce_prod,
)
from rnngraph.frontend.reduce import (
    reduce_sum as reduce_sum,
)
from rnngraph.frontend.reduce import (
    segment_sum as segment_sum,
)
from rnngraph.frontend.reduce import (
    unsorted_segment_sum as unsorted_segment_sum,
)
from rnngraph.frontend.scope import (
    AUTO_REUSE as AUTO_REUSE,
)
from rnngraph.frontend.scope import (
    VariableScope as VariableScope,
)
from rnngraph.frontend.scope import (
    get_local_variable as get_local_variable,
)
from rnngraph.frontend.scope import (
    get_variable as get_variable,
)
from rnngraph.frontend.scope import (
    get_variable_scope as get_variable_scope,
)
from rnngraph.frontend.scope import (
    name_scope as name_scope,
)
from rnngraph.frontend.scope import (
    no_regularizer as no_regularizer,
)
from rnngraph.frontend.scope import (
    op_scope as op_scope,
)
from rnngraph.frontend.scope import (
    variable_op_scope as variable_op_scope,
)
from rnngraph.frontend.scope import (
    variable_scope as variable_scope,
)
from rnngraph.frontend.script_ops import Print as Print
from rnngraph.frontend.script_ops import py_func as py_func
from rnngraph.frontend.shapes import Dimension as Dimension
from rnngraph.frontend.shapes import TensorShape as TensorShape
from rnngraph.frontend.shaping import (
    broadcast_dynamic_shape as broadcast_dynamic_shape,
)
from rnngraph.frontend.shaping import (
    broadcast_static_shape as broadcast_static_shape,
)
from rnngraph.frontend.shaping import (
    concat as concat,
)
from rnngraph.frontend.shaping import (
    expand_dims as expand_dims,
)
from rnngraph.frontend.shaping import (
    identity as identity,
)
from rnngraph.frontend.shaping import (
    identity_n as identity_n,
)
from rnngraph.frontend.shaping import (
    parallel_stack as parallel_stack,
)
from rnngraph.frontend.shaping import (
    rank as rank,
)
from rnngraph.frontend.shaping import (
    reshape as reshape,
)
from rnngraph.frontend.shaping import (
    shape as shape,
)
from rnngraph.frontend.shaping import (
    shape_n as shape_n,
)
from rnngraph.frontend.shaping import (
    size as size,
)
from rnngraph.frontend.shaping import (
    split as split,
)
from rnngraph.frontend.shaping import (
    squeeze as squeeze,
)
from rnngraph.frontend.shaping import (
    stack as stack,
)
from rnngraph.frontend.shaping import (
    stop_gradient as stop_gradient,
)
from rnngraph.frontend.shaping import (
    transpose as transpose,
)
from rnngraph.frontend.shaping import (
    unstack as unstack,
)
from rnngraph.frontend.slicing import slice as slice
from rnngraph.frontend.slicing import strided_slice as strided_slice
from rnngraph.frontend.state_ops import (
    assign as assign,
)
from rnngraph.frontend.state_ops import (
    assign_add as assign_add,
)
from rnngraph.frontend.state_ops import (
    assign_sub as assign_sub,
)
from rnngraph.frontend.state_ops import (
    count_up_to as count_up_to,
)
from rnngraph.frontend.state_ops import (
    is_variable_initialized as is_variable_initialized,
)
from rnngraph.frontend.state_ops import (
    scatter_add as scatter_add,
)
from rnngraph.frontend.state_ops import (
    scatter_div as scatter_div,
)
from rnngraph.frontend.state_ops import (
    scatter_mul as scatter_mul,
)
from rnngraph.frontend.state_ops import (
    scatter_nd_add as scatter_nd_add,
)
from rnngraph.frontend.state_ops import (
    scatter_nd_sub as scatter_nd_sub,
)
from rnngraph.frontend.state_ops import (
    scatter_nd_update as scatter_nd_update,
)
from rnngraph.frontend.state_ops import (
    scatter_sub as scatter_sub,
)
from rnngraph.frontend.state_ops import (
    scatter_update as scatter_update,
)
from rnngraph.frontend.template import make_template as make_template
from rnngraph.frontend.tensor_array import TensorArray as TensorArray
from rnngraph.frontend.variable import Variable as Variable
from rnngraph.frontend.variable_sets import (
    all_variables as all_variables,
)
from rnngraph.frontend.variable_sets import (
    assert_variables_initialized as assert_variables_initialized,
)
from rnngraph.frontend.variable_sets import (
    global_variables as global_variables,
)
from rnngraph.frontend.variable_sets import (
    global_variables_initializer as global_variables_initializer,
)
from rnngraph.frontend.variable_sets import (
    initialize_all_variables as initialize_all_variables,
)
from rnngraph.frontend.variable_sets import (
    initialize_local_variables as initialize_local_variables,
)
from rnngraph.frontend.variable_sets import (
    initialize_variables as initialize_variables,
)
from rnngraph.frontend.variable_sets import (
    local_variables as local_variables,
)
from rnngraph.frontend.variable_sets import (
    local_variables_initializer as local_variables_initializer,
)
from rnngraph.frontend.variable_sets import (
    model_variables as model_variables,
)
from rnngraph.frontend.variable_sets import (
    moving_average_variables as moving_average_variables,
)
from rnngraph.frontend.variable_sets import (
    report_uninitialized_variables as report_uninitialized_variables,
)
from rnngraph.frontend.variable_sets import (
    trainable_variables as trainable_variables,
)
from rnngraph.frontend.variable_sets import (
    variables_initializer as variables_initializer,
)
from rnngraph.frontend.verify_ops import (
    Assert as Assert,
)
from rnngraph.frontend.verify_ops import (
    assert_equal as assert_equal,
)
from rnngraph.frontend.verify_ops import (
    assert_greater as assert_greater,
)
from rnngraph.frontend.verify_ops import (
    assert_greater_equal as assert_greater_equal,
)
from rnngraph.frontend.verify_ops import (
    assert_integer as assert_integer,
)
from rnngraph.frontend.verify_ops import (
    assert_less as assert_less,
)
from rnngraph.frontend.verify_ops import (
    assert_less_equal as assert_less_equal,
)
from rnngraph.frontend.verify_ops import (
    assert_negative as assert_negative,
)
from rnngraph.frontend.verify_ops import (
    assert_non_negative as assert_non_negative,
)
from rnngraph.frontend.verify_ops import (
    assert_non_positive as assert_non_positive,
)
from rnngraph.frontend.verify_ops import (
    assert_positive as assert_positive,
)
from rnngraph.frontend.verify_ops import (
    assert_rank as assert_rank,
)
from rnngraph.frontend.verify_ops import (
    assert_rank_at_least as assert_rank_at_least,
)
from rnngraph.frontend.verify_ops import (
    assert_type as assert_type,
)
from rnngraph.frontend.verify_ops import (
    check_numerics as check_numerics,
)
from rnngraph.frontend.verify_ops import (
    is_non_decreasing as is_non_decreasing,
)
from rnngraph.frontend.verify_ops import (
    is_numeric_tensor as is_numeric_tensor,
)
from rnngraph.frontend.verify_ops import (
    is_strictly_increasing as is_strictly_increasing,
)
from rnngraph.frontend.verify_ops import (
    verify_tensor_all_finite as verify_tensor_all_finite,
)
from rnngraph.ir.types import (
    DType as DType,
)
from rnngraph.ir.types import (
    as_dtype as as_dtype,
)
from rnngraph.ir.types import (
    bool_ as bool,
)
from rnngraph.ir.types import (
    complex64 as complex64,
)
from rnngraph.ir.types import (
    complex128 as complex128,
)
from rnngraph.ir.types import (
    float16 as float16,
)
from rnngraph.ir.types import (
    float32 as float32,
)
from rnngraph.ir.types import (
    float64 as float64,
)
from rnngraph.ir.types import (
    int8 as int8,
)
from rnngraph.ir.types import (
    int16 as int16,
)
from rnngraph.ir.types import (
    int32 as int32,
)
from rnngraph.ir.types import (
    int64 as int64,
)
from rnngraph.ir.types import (
    string as string,
)
from rnngraph.ir.types import (
    uint8 as uint8,
)
from rnngraph.ir.types import (
    uint16 as uint16,
)
from rnngraph.ops import control as _ops  # noqa: F401 - fills the table of ops
from rnngraph.session import (
    ConfigProto as ConfigProto,
)
from rnngraph.session import (
    GPUOptions as GPUOptions,
)
from rnngraph.session import (
    InteractiveSession as InteractiveSession,
)
from rnngraph.session import (
    Session as Session,
)

newaxis = None
"""Stands for a new axis in tf.Tensor slices."""
__version__ = VERSION = "1.4.0"
"""The TensorFlow release whose API this is; programs compare it as text."""
