"""Clipping of values and norms (gradients-and-training, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.array.reshape import identity, size, stack
from rnngraph.frontend.framework.casts import cast
from rnngraph.frontend.framework.convert import constant, convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit
from rnngraph.frontend.framework.indexed_slices import IndexedSlices, convert_to_tensor_or_indexed_slices
from rnngraph.frontend.framework.make import hidden, hidden_constant
from rnngraph.frontend.math.elementwise import maximum, minimum, rsqrt, sqrt
from rnngraph.frontend.math.reduce import reduce_sum
from rnngraph.ir.types import float32


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Tensor:
    """max(min(t, clip_value_max), clip_value_min). Raises ValueError if the bounds broadcast t to a larger shape.

    Source: tf.clip_by_value.
    """
    with op_scope("clip_by_value" if name is None else name, (t, clip_value_min, clip_value_max)) as scope:
        x = convert_to_tensor(t, name="t")
        low = minimum(x, clip_value_max)
        x.shape.merge_with(low.shape)
        made = maximum(low, clip_value_min, name=scope)
        x.shape.merge_with(made.shape)
        return made


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """t scaled down to a norm of clip_norm along axes (None: all) where it is larger. The gradient at 0 is finite.

    Source: tf.clip_by_norm.
    """
    with op_scope("clip_by_norm" if name is None else name, (t, clip_norm)) as scope:
        x = convert_to_tensor(t, name="t")
        return identity(x * _scale(x, clip_norm, reduce_sum(x * x, axes, True), None), name=scope)


def _scale(x: Tensor, clip_norm: Any, squares: Tensor, factor: Any) -> Tensor:
    """clip_norm * min(factor / norm, 1 / clip_norm), where 0 has norm 1 inside: its derivative is no NaN."""
    zero, one = (hidden_constant(each, x.dtype, x) for each in (0, 1))
    safe = emit("select", [hidden(x, "not_equal", squares, zero), squares, one], type="Select")
    inverse = rsqrt(safe) if factor is None else factor * rsqrt(safe)
    limit = convert_to_tensor(clip_norm, x.dtype, name="clip_norm")
    # 1 / norm of 0 counts as infinite: the other bound then says that nothing is scaled.
    infinite = hidden(x, "broadcast", hidden_constant(float("inf"), x.dtype, x), hidden(x, "shape", squares))
    bound = emit("select", [hidden(x, "not_equal", squares, zero), inverse, infinite], type="Select")
    return limit * minimum(bound, constant(1.0, x.dtype) / limit)


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """t * clip_norm * min(n / norm, 1 / clip_norm), n elements, as r1.4 has it. Source: tf.clip_by_average_norm."""
    with op_scope("clip_by_average_norm" if name is None else name, (t, clip_norm)) as scope:
        x = convert_to_tensor(t, name="t")
        scale = _scale(x, clip_norm, reduce_sum(x * x), cast(size(x), float32 if x.dtype == float32 else x.dtype))
        return identity(x * scale, name=scope)


def _is_list(t_list: Any) -> bool:
    return isinstance(t_list, Sequence) and not isinstance(t_list, str | bytes) and not isinstance(t_list, Tensor)


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The norm of all tensors of a list as one vector; None is skipped, IndexedSlices count by their values.

    Raises TypeError (phrase: `t_list should be a sequence`). Source: tf.global_norm.
    """
    if not _is_list(t_list):
        raise TypeError(f"t_list should be a sequence, got {t_list!r}")
    values = list(t_list)
    with op_scope("global_norm" if name is None else name, (_parts(values),)):
        items = [_values(each, i) for i, each in enumerate(values) if each is not None]
        halves = [emit("l2_loss", [each], type="L2Loss") for each in items]
        total = reduce_sum(stack(halves))
        return sqrt(total * constant(2.0, total.dtype), name="global_norm")


def _parts(values: list[Any]) -> list[Any]:
    return [each.values if isinstance(each, IndexedSlices) else each for each in values if each is not None]


def _values(item: Any, i: int) -> Tensor:
    found = convert_to_tensor_or_indexed_slices(item, name=f"t_{i}")
    return found.values if isinstance(found, IndexedSlices) else found


def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None,
                        name: str | None = None) -> tuple[list[Any], Tensor]:
    """(the tensors of a list scaled together so that their global norm is at most clip_norm, that norm).

    None stays None, IndexedSlices keep their indices; an infinite norm gives NaN for infinite entries and 0 for others.
    `use_norm` is the norm if it is known. Raises TypeError. Source: tf.clip_by_global_norm.
    """
    if not _is_list(t_list):
        raise TypeError(f"t_list should be a sequence, got {t_list!r}")
    values = list(t_list)
    norm = global_norm(values, name) if use_norm is None else convert_to_tensor(use_norm)
    word = "clip_by_global_norm" if name is None else name
    with op_scope(word, (_parts(values), clip_norm)):
        limit = convert_to_tensor(clip_norm, norm.dtype, name="clip_norm")
        scale = limit * minimum(1.0 / norm, constant(1.0, norm.dtype) / limit)
        made: list[Any] = []
        for i, each in enumerate(values):
            if each is None:
                made.append(None)
                continue
            item = convert_to_tensor_or_indexed_slices(each, name=f"t_{i}")
            inner = item.values if isinstance(item, IndexedSlices) else item
            clipped = identity(inner * (scale if inner.dtype == scale.dtype else cast(scale, inner.dtype)),
                               name=f"{word.rstrip('/').rpartition('/')[2]}/_{i}")
            sparse = isinstance(item, IndexedSlices)
            made.append(IndexedSlices(clipped, item.indices, item.dense_shape) if sparse else clipped)
    return made, norm
