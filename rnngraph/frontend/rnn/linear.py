"""The linear map of cells and decoders: concatenate on axis 1, times `kernel`, plus `bias` (legacy_seq2seq.md, 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.scope import get_variable, get_variable_scope, variable_scope
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.nn import nn_ops
from rnngraph.frontend.variables import initializers
from rnngraph.ir.types import DType


def as_tensor(x: Any) -> Tensor:
    """`x` if it is a tensor, else what it converts to."""
    return x if isinstance(x, Tensor) else convert.convert_to_tensor(x)


def depth_of(x: Tensor, what: str = "inputs") -> int:
    """The last size of `[B, D]`. Raises ValueError (phrase: `Could not infer input size`) where it is not known."""
    depth = x.shape.with_rank(2)[1].value
    if depth is None:
        raise ValueError(f"Could not infer input size from {what}.get_shape()[-1]: {what} is {x}, but its depth "
                         f"must be known when the graph is built; use {what}.set_shape([None, depth])")
    return depth


def _columns(args: Sequence[Tensor]) -> int:
    total = 0
    for x in args:
        if x.shape.ndims != 2:
            raise ValueError("linear is expecting 2D arguments [batch, depth], got shapes "
                             f"{[str(a.shape) for a in args]}")
        depth = x.shape[1].value
        if depth is None:
            raise ValueError(f"linear expects shape[1] to be provided for every argument, but shape {x.shape} of {x} "
                             "has an unknown depth; give it with set_shape")
        total += depth
    return total


def _listed(args: Any) -> list[Tensor]:
    if args is None or (nest.is_sequence(args) and not args):
        raise ValueError("`args` must be specified: linear needs at least one tensor, got none")
    return [as_tensor(x) for x in args] if nest.is_sequence(args) else [as_tensor(args)]


def cut(size: int, parts: int) -> list[int]:
    """`size` as a sum of `parts` numbers that differ by at most one, the larger ones first."""
    least, more = divmod(size, parts)
    return [least + 1] * more + [least] * (parts - more)


def _parts(rows: int, shards: int) -> tuple[list[int], list[str]]:
    sizes = cut(rows, min(shards, rows))
    return sizes, [f"kernel/part_{i}" for i in range(len(sizes))]


class Linear:
    """Variables `kernel [sum of depths, output_size]` and `bias [output_size]` of the current scope, and their map.

    Called with tensors of the same depths it gives `[B, output_size]`. Raises ValueError (phrases: `must be specified`,
    `linear is expecting 2D arguments`, `linear expects shape[1]`). The variables' dtype is that of the first tensor;
    the bias is zeros unless `bias_initializer` says otherwise, whatever the scope's initializer is.
    `shards` cuts the kernel by rows into at most that many variables `kernel/part_<i>`.
    """

    def __init__(self, args: Any, output_size: int, build_bias: bool, bias_initializer: Any = None,
                 kernel_initializer: Any = None, shards: int | None = None) -> None:
        tensors = _listed(args)
        total = _columns(tensors)
        dtype = tensors[0].dtype
        rows, names = ([total], ["kernel"]) if shards is None else _parts(total, shards)
        with variable_scope(get_variable_scope()):
            self.kernels = [get_variable(name, [size, output_size], dtype=dtype, initializer=kernel_initializer)
                            for name, size in zip(names, rows, strict=True)]
            self.bias = self._make_bias(output_size, dtype, bias_initializer) if build_bias else None

    @staticmethod
    def _make_bias(output_size: int, dtype: DType, initializer: Any) -> Any:
        if initializer is None:
            initializer = initializers.zeros_initializer(dtype=dtype)
        with variable_scope(get_variable_scope()) as own:
            own.set_partitioner(None)
            return get_variable("bias", [output_size], dtype=dtype, initializer=initializer)

    def __call__(self, args: Any) -> Tensor:
        """`concat(args, 1) * kernel + bias`."""
        tensors = _listed(args)
        x = tensors[0] if len(tensors) == 1 else array.concat(tensors, 1)
        # Parts are joined here, not kept joined: each loop body or branch needs a tensor of its own.
        kernel = self.kernels[0] if len(self.kernels) == 1 else array.concat(self.kernels, 0)
        product: Tensor = math.matmul(x, kernel)
        return product if self.bias is None else nn_ops.bias_add(product, self.bias)


def linear(args: Any, output_size: int, bias: bool, bias_initializer: Any = None,
           kernel_initializer: Any = None) -> Tensor:
    """The map with variables of the current scope, made or shared as its `reuse` says: `[B, output_size]`.

    Source: `_linear` of tensorflow/python/ops/rnn_cell_impl.py. Raises as `Linear`.
    """
    return Linear(args, output_size, bias, bias_initializer, kernel_initializer)(args)
