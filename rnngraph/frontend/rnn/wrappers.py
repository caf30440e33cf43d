"""Wrappers of nn.rnn_cell: DropoutWrapper, ResidualWrapper, DeviceWrapper (cells.md, 2).

Source: tf.nn.rnn_cell (tensorflow/python/ops/rnn_cell_impl.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from rnngraph.frontend.flow.tensor_array import TensorArray
from rnngraph.frontend.framework import convert, nest
from rnngraph.frontend.framework.graph import Tensor, get_default_graph
from rnngraph.frontend.framework.nest import Nest
from rnngraph.frontend.framework.scope import name_scope
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.math import random_ops
from rnngraph.frontend.nn import nn_ops
from rnngraph.frontend.rnn.cell import LSTMStateTuple, WrapperCell, check_wrapped, size_shape
from rnngraph.ir.types import as_dtype


def _probability(value: Any, name: str) -> Any:
    """A keep probability as a float where it is constant, else as the tensor. Raises ValueError outside [0, 1]."""
    tensor = value if isinstance(value, int | float | np.generic) else convert.convert_to_tensor(value)
    known = convert.constant_value(tensor) if isinstance(tensor, Tensor) else tensor
    if known is None:
        return tensor
    number = float(known)
    if not 0 <= number <= 1:
        raise ValueError(f"Parameter {name} must be between 0 and 1: got {number}")
    return number


def _drops(keep_prob: Any) -> bool:
    return not isinstance(keep_prob, float) or keep_prob < 1


def _all_but_memory(substate: Any) -> Any:
    """Which parts of a state are dropped by default: of an LSTM's only h, and no TensorArray."""
    if isinstance(substate, LSTMStateTuple):
        return LSTMStateTuple(c=False, h=True)
    return not isinstance(substate, TensorArray)


class DropoutWrapper(WrapperCell):
    """Dropout on the inputs, the state handed to the next step, and the outputs. Source: tf.nn.rnn_cell.DropoutWrapper.

    Keep probabilities are floats or scalar tensors; exactly 1.0 makes no op. A mask is drawn anew in every step, or
    with variational_recurrent once per run, the same for all steps and rows (this needs `dtype`, and `input_size`
    where inputs are dropped). `dropout_state_filter_visitor(substate)` says with a bool, or one bool for each member,
    what of the state is dropped; by default of an LSTMStateTuple only h. Raises TypeError (phrases: `is not`,
    `dropout_state_filter_visitor must be callable`) and ValueError (phrase: `must be between 0 and 1`).
    """

    def __init__(self, cell: Any, input_keep_prob: Any = 1.0, output_keep_prob: Any = 1.0, state_keep_prob: Any = 1.0,
                 variational_recurrent: bool = False, input_size: Nest = None, dtype: Any = None, seed: Any = None,
                 dropout_state_filter_visitor: Callable[[Any], Any] | None = None) -> None:
        check_wrapped(cell, "DropoutWrapper")
        if dropout_state_filter_visitor is not None and not callable(dropout_state_filter_visitor):
            raise TypeError("dropout_state_filter_visitor must be callable: a function of a substate that gives a bool "
                            f"or one bool for each member, got {dropout_state_filter_visitor!r}")
        super().__init__(cell)
        self._dropout_state_filter = dropout_state_filter_visitor or _all_but_memory
        self._input_keep_prob = _probability(input_keep_prob, "input_keep_prob")
        self._state_keep_prob = _probability(state_keep_prob, "state_keep_prob")
        self._output_keep_prob = _probability(output_keep_prob, "output_keep_prob")
        self._seed = seed
        self._variational_recurrent = variational_recurrent
        self._noise: dict[str, Nest] = {}
        if variational_recurrent:
            self._make_noise(input_size, dtype)

    def _make_noise(self, input_size: Nest, dtype: Any) -> None:
        if dtype is None:
            raise ValueError("When variational_recurrent=True, dtype must be provided: the noise is made here, once")
        if _drops(self._input_keep_prob):
            if input_size is None:
                raise ValueError("When variational_recurrent=True and input_keep_prob < 1.0 or is unknown, input_size "
                                 "must be provided: the depth of the inputs, without batch and time")
            self._noise["input"] = self._uniform("input", input_size, dtype)
        self._noise["state"] = self._uniform("state", self._cell.state_size, dtype)
        self._noise["output"] = self._uniform("output", self._cell.output_size, dtype)

    def _uniform(self, kind: str, sizes: Nest, dtype: Any) -> Nest:
        leaves = [
            random_ops.random_uniform([1, *size_shape(size, f"{kind} size")], dtype=as_dtype(dtype),
                                      seed=self._leaf_seed(kind, i))
            for i, size in enumerate(nest.flatten(sizes))
        ]
        return nest.pack_sequence_as(sizes, leaves)

    def _leaf_seed(self, kind: str, index: int) -> int | None:
        """A seed for each leaf and kind, such that no two masks are alike."""
        if self._seed is None:
            return None
        text = f"{self._seed}{kind}_{index}".encode()
        return int(hashlib.md5(text, usedforsecurity=False).hexdigest()[:8], 16) & 0x7FFFFFFF

    def _drop_leaf(self, kind: str, index: int, value: Any, noise: Any, keep_prob: Any) -> Any:
        if noise is None:
            return nn_ops.dropout(value, keep_prob, seed=self._leaf_seed(kind, index))
        kept = math.floor(keep_prob + noise)
        scaled: Any = math.div(value, keep_prob)
        return scaled * kept

    def _dropped(self, kind: str, values: Nest, keep_prob: Any, wanted: Nest) -> Nest:
        """`values` with dropout where `wanted` (bools, down to any depth of `values`) says so."""
        noise = self._noise.get(kind)
        flags = nest.flatten(wanted)
        pieces = nest.flatten_up_to(wanted, values)
        noises = [None] * len(flags) if noise is None else nest.flatten_up_to(wanted, noise)
        results = [
            self._drop_leaf(kind, i, piece, each, keep_prob) if flag else piece
            for i, (flag, piece, each) in enumerate(zip(flags, pieces, noises, strict=True))
        ]
        return nest.pack_sequence_as(wanted, results)

    def _everywhere(self, values: Nest) -> Nest:
        return nest.map_structure(lambda _: True, values)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:  # type: ignore[override]
        """Run the inner cell with dropout around it."""
        if _drops(self._input_keep_prob):
            inputs = self._dropped("input", inputs, self._input_keep_prob, self._everywhere(inputs))
        output, new_state = self._cell(inputs, state, scope)
        if _drops(self._state_keep_prob):
            wanted = nest.get_traverse_shallow_structure(self._dropout_state_filter, new_state)
            new_state = self._dropped("state", new_state, self._state_keep_prob, wanted)
        if _drops(self._output_keep_prob):
            output = self._dropped("output", output, self._output_keep_prob, self._everywhere(output))
        return output, new_state


class ResidualWrapper(WrapperCell):
    """Adds the inputs to the outputs, or gives `residual_fn(inputs, outputs)`. Source: tf.nn.rnn_cell.ResidualWrapper.

    Without `residual_fn` structures must be equal and shapes compatible (ValueError, phrase: `incompatible`).
    """

    def __init__(self, cell: Any, residual_fn: Callable[[Any, Any], Any] | None = None) -> None:
        check_wrapped(cell, "ResidualWrapper")
        super().__init__(cell)
        self._residual_fn = residual_fn

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:  # type: ignore[override]
        """Run the inner cell and add its inputs to its outputs."""
        outputs, new_state = self._cell(inputs, state, scope)
        return (self._residual_fn or _added)(inputs, outputs), new_state


def _added(inputs: Nest, outputs: Nest) -> Nest:
    nest.assert_same_structure(inputs, outputs)
    for x, y in zip(nest.flatten(inputs), nest.flatten(outputs), strict=True):
        convert.convert_to_tensor(x).shape.assert_is_compatible_with(y.shape)
    return nest.map_structure(lambda x, y: x + y, inputs, outputs)


class DeviceWrapper(WrapperCell):
    """Runs the cell under a device scope, which is recorded and has no effect. Source: tf.nn.rnn_cell.DeviceWrapper."""

    def __init__(self, cell: Any, device: Any) -> None:
        check_wrapped(cell, "DeviceWrapper")
        super().__init__(cell)
        self._device = device

    def zero_state(self, batch_size: Any, dtype: Any) -> Nest:
        """The inner cell's."""
        with name_scope(f"{type(self).__name__}ZeroState", values=[batch_size]), \
                get_default_graph().device(self._device):
            return self._cell.zero_state(batch_size, dtype)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:  # type: ignore[override]
        """Run the inner cell."""
        with get_default_graph().device(self._device):
            result: tuple[Any, Any] = self._cell(inputs, state, scope)
            return result
