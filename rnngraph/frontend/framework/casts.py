"""Tensors in another dtype."""

from __future__ import annotations

from typing import Any

from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit
from rnngraph.ir.types import as_dtype, float32, float64, int32, int64


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """x in another dtype; x itself if it has it. Floats to ints truncate. Source: tf.cast."""
    wanted = as_dtype(dtype)
    if isinstance(x, Tensor):
        return x if x.dtype == wanted else emit("cast", [x], {"dtype": wanted}, name=name, type="Cast")
    with op_scope("Cast" if name is None else name, (x,)) as scope:
        tensor = convert_to_tensor(x, name="x")
        return tensor if tensor.dtype == wanted else emit("cast", [tensor], {"dtype": wanted}, name=scope, type="Cast")


def to_float(x: Any, name: str = "ToFloat") -> Tensor:
    """x as float32. Source: tf.to_float."""
    return cast(x, float32, name)


def to_double(x: Any, name: str = "ToDouble") -> Tensor:
    """x as float64. Source: tf.to_double."""
    return cast(x, float64, name)


def to_int32(x: Any, name: str = "ToInt32") -> Tensor:
    """x as int32. Source: tf.to_int32."""
    return cast(x, int32, name)


def to_int64(x: Any, name: str = "ToInt64") -> Tensor:
    """x as int64. Source: tf.to_int64."""
    return cast(x, int64, name)
