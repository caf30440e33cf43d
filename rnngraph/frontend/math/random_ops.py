"""Random tensors and seeds (gradients-and-training, section 7).

Every random op has a key, the vector of its graph and op seed; close adds the number of the run and the iterations of
the loops around it. So a stream belongs to a session and an op, and each run and iteration draws anew.
"""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np

from rnngraph.frontend.framework.convert import constant_of, convert_to_tensor, has_tensors, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit, get_default_graph
from rnngraph.frontend.framework.make import argument, hidden_constant, int_argument
from rnngraph.frontend.framework.shapes import TensorShape, as_shape
from rnngraph.frontend.math.elementwise import add, multiply
from rnngraph.ir.types import DType, as_dtype, float16, float32, float64, int32, int64

DEFAULT_GRAPH_SEED: Final = 87654321
_MOST: Final = 2**31 - 1


def set_random_seed(seed: Any) -> None:
    """Set the seed of the default graph. Source: tf.set_random_seed."""
    get_default_graph().seed = seed


def get_seed(op_seed: Any) -> tuple[int | None, int | None]:
    """The pair of seeds of an op made now: of the graph and of the op; (None, None) where neither is set.

    Only the graph's: (graph, number of the last op). Only the op's: (87654321, op). (0, 0) becomes (0, 2**31 - 1).
    Source: tf.get_seed.
    """
    graph = get_default_graph()
    if op_seed is not None and not isinstance(op_seed, int | np.integer):
        raise TypeError(f"Expected int for argument 'seed' not {op_seed!r}.")
    if graph.seed is not None:
        pair = graph.seed, graph.version if op_seed is None else op_seed
    elif op_seed is not None:
        pair = DEFAULT_GRAPH_SEED, op_seed
    else:
        return None, None
    first, second = (int(each) % _MOST for each in pair)
    return (0, _MOST) if not first and not second else (first, second)


def _key(seed: Any) -> Any:
    """The key of an op as a value: its seeds, or nobody's numbers."""
    pair = get_seed(seed)
    if pair[0] is None:
        return hidden_constant(np.frombuffer(os.urandom(16), np.int64), int64, op="seeds")
    return hidden_constant(pair, int64)


def _sizes(shape: Any) -> Tensor:
    """A shape argument as an int vector, named `shape`."""
    if isinstance(shape, TensorShape) or not has_tensors(shape):
        if isinstance(shape, int | np.integer):
            raise ValueError(f"Shape must be rank 1 but is rank 0: the shape of random numbers must be a list, got "
                             f"{shape}; write [{shape}].")
        static = as_shape(shape)
        if not static.is_fully_defined():
            raise TypeError(f"Failed to convert object of type {type(shape)} to Tensor: a shape with sizes that are "
                            f"not known, {static}. Use tf.shape(tensor).")
        return constant_of(np.asarray([int(each) for each in static], np.int32), "shape")
    return int_argument(shape, "random", "shape")


def _floating(dtype: Any) -> DType:
    wanted = as_dtype(dtype)
    if wanted not in (float16, float32, float64):
        raise TypeError(f"Value passed to parameter 'dtype' has DataType {wanted.name} not in list of allowed values: "
                        "float16, float32, float64")
    return wanted


def random_uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, seed: Any = None,
                   name: str | None = None) -> Tensor:
    """Numbers in [minval, maxval), evenly distributed; maxval is 1 for floats and must be given for integers.

    Raises ValueError (phrases: `Must specify maxval`, `Invalid dtype`). Source: tf.random_uniform.
    """
    wanted = as_dtype(dtype)
    if wanted not in (float16, float32, float64, int32, int64):
        raise ValueError(f"Invalid dtype {wanted!r}; expected float16, float32, float64, int32 or int64.")
    if maxval is None:
        if wanted.is_integer:
            raise ValueError(f"Must specify maxval for integer dtype {wanted!r}")
        maxval = 1
    with op_scope("random_uniform" if name is None else name, (shape, minval, maxval)) as scope:
        sizes = _sizes(shape)
        low = convert_to_tensor(minval, wanted, name="min")
        high = convert_to_tensor(maxval, wanted, name="max")
        if wanted.is_integer:
            return emit("random_int", [_key(seed), low, high, sizes], {"dtype": wanted}, name=scope,
                        type="RandomUniformInt")
        drawn = emit("random_uniform", [_key(seed), sizes], {"dtype": wanted}, type="RandomUniform")
        return add(drawn * (high - low), low, name=scope)


def _normal(op: str, kind: str, word: str, shape: Any, mean: Any, stddev: Any, dtype: Any, seed: Any,
            name: str | None) -> Tensor:
    with op_scope(word if name is None else name, (shape, mean, stddev)) as scope:
        wanted = _floating(dtype)
        sizes = _sizes(shape)
        centre = convert_to_tensor(mean, wanted, name="mean")
        width = convert_to_tensor(stddev, wanted, name="stddev")
        drawn = emit(op, [_key(seed), sizes], {"dtype": wanted}, type=kind)
        return add(multiply(drawn, width, name="mul"), centre, name=scope)


def random_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: Any = None,
                  name: str | None = None) -> Tensor:
    """Normally distributed numbers. Source: tf.random_normal."""
    return _normal("random_normal", "RandomStandardNormal", "random_normal", shape, mean, stddev, dtype, seed, name)


def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: Any = None,
                     name: str | None = None) -> Tensor:
    """Normally distributed numbers within two standard deviations of the mean. Source: tf.truncated_normal."""
    return _normal("truncated_normal", "TruncatedNormal", "truncated_normal", shape, mean, stddev, dtype, seed, name)


def random_shuffle(value: Any, seed: Any = None, name: str | None = None) -> Tensor:
    """The rows of a tensor in random order. Source: tf.random_shuffle."""
    with op_scope("RandomShuffle" if name is None else name, (value,)) as scope:
        x = convert_to_tensor(value, name="value")
        return emit("random_shuffle", [_key(seed), x], name=scope, type="RandomShuffle")


def multinomial(logits: Any, num_samples: Any, seed: Any = None, name: str | None = None) -> Tensor:
    """num_samples classes a row of logits [batch, classes], drawn by softmax(logits); int64. Source: tf.multinomial."""
    with op_scope("multinomial" if name is None else name, (logits,)):
        x = convert_to_tensor(logits, name="logits")
        count = argument(num_samples, "Multinomial", "num_samples", int32)
        return emit("multinomial", [_key(seed), x, count], {"dtype": int64}, type="Multinomial")


def random_crop(value: Any, size: Any, seed: Any = None, name: str | None = None) -> Tensor:
    """A part of the tensor of that size, at a random place. Raises ValueError if it is too large.

    Source: tf.random_crop.
    """
    with op_scope("random_crop" if name is None else name, (value, size)) as scope:
        x = convert_to_tensor(value, name="value")
        wanted = int_argument(size, "random_crop", "size")
        whole = emit("shape", [x], {"dtype": wanted.dtype}, type="Shape")
        room = whole - wanted + 1
        high = constant_of(np.asarray(wanted.dtype.max, wanted.dtype.numpy), "max")
        low = constant_of(np.asarray(0, wanted.dtype.numpy), "min")
        rank = emit("shape", [wanted], {"dtype": int32}, type="Shape")
        drawn = emit("random_int", [_key(seed), low, high, rank], {"dtype": wanted.dtype}, type="RandomUniformInt")
        return emit("dynamic_slice", [x, drawn % room, wanted], name=scope, type="Slice")


def random_gamma(*args: Any, **kwargs: Any) -> Tensor:
    """Not supported: raises NotImplementedError. Source: tf.random_gamma."""
    raise NotImplementedError("tf.random_gamma is not supported; tf.random_uniform and tf.random_normal are.")


def random_poisson(*args: Any, **kwargs: Any) -> Tensor:
    """Not supported: raises NotImplementedError. Source: tf.random_poisson."""
    raise NotImplementedError("tf.random_poisson is not supported; tf.random_uniform and tf.random_normal are.")
