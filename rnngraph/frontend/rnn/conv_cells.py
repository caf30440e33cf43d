"""ConvLSTMCell and Conv1DLSTMCell: LSTMs whose linear map is a convolution (cells.md, 7).

Source: tf.contrib.rnn.ConvLSTMCell (contrib/rnn/python/ops/rnn_cell.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework.graph import Tensor
from rnngraph.frontend.framework.scope import get_variable
from rnngraph.frontend.framework.shapes import TensorShape
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.rnn.cell import LSTMStateTuple, RNNCell
from rnngraph.frontend.rnn.core_cells import pair_of
from rnngraph.frontend.rnn.linear import as_tensor
from rnngraph.frontend.variables import initializers


def same_convolution(x: Tensor, kernel: Any) -> Any:
    """The SAME convolution with stride 1 of `x [B, L, C]` and `kernel [K, C, N]`: `[B, L, N]`."""
    width, channels, columns = kernel.shape.as_list()
    before = (width - 1) // 2
    padded = array.pad(x, [[0, 0], [before, width - 1 - before], [0, 0]])
    length = x.shape[1].value
    windows = [array.slice(padded, [0, k, 0], [-1, length, -1]) for k in range(width)]
    rows = array.reshape(array.concat(windows, 2), [-1, width * channels])
    out = math.matmul(rows, array.reshape(kernel, [width * channels, columns]))
    return array.reshape(out, [-1, length, columns])


class ConvLSTMCell(RNNCell):
    """LSTM over images: input `[B] + input_shape`, gates by one SAME convolution of input and state.

    Variables `kernel [k..., C_in + C, 4C]`, `biases [4C]`. State `LSTMStateTuple` of `[B, space..., C]`. With
    skip_connection the output (not the state, as r1.4 has it) is joined with the input. Only conv_ndims=1 is
    implemented: NotImplementedError for 2 and 3. Raises ValueError for an input_shape of another rank. Source:
    tf.contrib.rnn.ConvLSTMCell.
    """

    def __init__(self, conv_ndims: int, input_shape: Sequence[int], output_channels: int, kernel_shape: Sequence[int],
                 use_bias: bool = True, skip_connection: bool = False, forget_bias: float = 1.0,
                 initializers: Any = None, name: str = "conv_lstm_cell") -> None:
        super().__init__(name=name)
        if conv_ndims != len(input_shape) - 1:
            raise ValueError(f"Invalid input_shape {list(input_shape)} for conv_ndims={conv_ndims}: expected "
                             f"{conv_ndims} sizes and the channels")
        if conv_ndims != 1:
            raise NotImplementedError(f"ConvLSTMCell with conv_ndims={conv_ndims} is not implemented, only 1")
        self._input_shape = list(input_shape)
        self._output_channels = output_channels
        self._kernel_shape = list(kernel_shape)
        self._use_bias = use_bias
        self._skip_connection = skip_connection
        self._forget_bias = forget_bias

    @property
    def state_size(self) -> LSTMStateTuple:
        """Two TensorShapes: space and channels."""
        shape = TensorShape([*self._input_shape[:-1], self._output_channels])
        return LSTMStateTuple(shape, shape)

    @property
    def output_size(self) -> TensorShape:
        """Space and channels (with those of the input, if skip_connection)."""
        channels = self._output_channels + (self._input_shape[-1] if self._skip_connection else 0)
        return TensorShape([*self._input_shape[:-1], channels])

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step: `[B] + input_shape`, state -> output, state."""
        c, h = pair_of(state, type(self).__name__)
        x, n = as_tensor(inputs), 4 * self._output_channels
        channels = self._input_shape[-1] + self._output_channels
        kernel = get_variable("kernel", [*self._kernel_shape, channels, n], dtype=x.dtype)
        gates = same_convolution(array.concat([x, h], 2), kernel)
        if self._use_bias:
            gates = gates + get_variable("biases", [n], dtype=x.dtype,
                                         initializer=initializers.zeros_initializer(dtype=x.dtype))
        i, g, f, o = array.split(gates, 4, axis=2)
        new_c = math.sigmoid(f + self._forget_bias) * c + math.sigmoid(i) * math.tanh(g)
        new_h = math.tanh(new_c) * math.sigmoid(o)
        output = array.concat([new_h, x], 2) if self._skip_connection else new_h
        return output, LSTMStateTuple(new_c, new_h)


class Conv1DLSTMCell(ConvLSTMCell):
    """ConvLSTMCell over one dimension; the scope is `conv_lstm_cell` whatever `name` is. Source: tf.contrib.rnn."""

    def __init__(self, name: str = "conv_1d_lstm_cell", **kwargs: Any) -> None:
        super().__init__(conv_ndims=1, **kwargs)


class Conv2DLSTMCell(ConvLSTMCell):
    """Not implemented: NotImplementedError. Source: tf.contrib.rnn.Conv2DLSTMCell."""

    def __init__(self, name: str = "conv_2d_lstm_cell", **kwargs: Any) -> None:
        super().__init__(conv_ndims=2, **kwargs)


class Conv3DLSTMCell(ConvLSTMCell):
    """Not implemented: NotImplementedError. Source: tf.contrib.rnn.Conv3DLSTMCell."""

    def __init__(self, name: str = "conv_3d_lstm_cell", **kwargs: Any) -> None:
        super().__init__(conv_ndims=3, **kwargs)
