"""Convolutions (tf.nn.conv1d, conv2d), as one product of slices with a slice of the filter for each filter position."""

from __future__ import annotations

from typing import Any

from rnngraph.frontend.array.reshape import expand_dims, squeeze
from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit
from rnngraph.frontend.framework.make import argument, hidden, known_int, known_ints
from rnngraph.ir.graph import Value


def conv2d(input: Any, filter: Any, strides: Any, padding: str, use_cudnn_on_gpu: bool = True,
           data_format: str | None = "NHWC", name: str | None = None) -> Tensor:
    """The 2-D convolution (cross-correlation). input: [batch, h, w, in]; filter: [kh, kw, in, out].

    strides: four ints, the first and last 1; padding: "SAME" or "VALID". Heights and widths must be static. Raises
    ValueError, NotImplementedError for other formats. Source: tf.nn.conv2d.
    """
    if data_format not in (None, "NHWC"):
        raise NotImplementedError(f"conv2d in format {data_format!r} is not supported; transpose to NHWC.")
    with op_scope("Conv2D" if name is None else name, (input, filter)) as scope:
        x = convert_to_tensor(input, name="input")
        kernel = argument(filter, "Conv2D", "filter", x.dtype, "input")
        steps = known_ints(strides, "strides")
        if len(steps) != 4 or steps[0] != 1 or steps[3] != 1:
            raise ValueError(f"strides must be four ints, the first and the last 1, got {strides}.")
        return _convolved(x, kernel, steps[1:3], padding, scope)


def _convolved(x: Tensor, kernel: Tensor, steps: list[int], padding: str, scope: str) -> Tensor:
    shape, window = x.shape.with_rank(4).as_list(), kernel.shape.with_rank(4).as_list()
    height, width = shape[1], shape[2]
    kh, kw = window[0], window[1]
    if height is None or width is None or kh is None or kw is None:
        raise NotImplementedError(f"conv2d needs static heights and widths, got {x.shape} and {kernel.shape}.")
    if shape[3] is not None and window[2] is not None and shape[3] != window[2]:
        raise ValueError(f"Dimensions must be equal, but are {shape[3]} and {window[2]} for 'Conv2D' with input "
                         f"shapes: {x.shape}, {kernel.shape}.")
    rows, columns = _extent(height, kh, steps[0], padding), _extent(width, kw, steps[1], padding)
    value: Value = x.value
    before, after = (0, rows[1], columns[1], 0), (0, rows[2], columns[2], 0)
    if any(before) or any(after):
        value = hidden(x, "pad", x, before=before, after=after)
    parts = [(i, j) for i in range(kh) for j in range(kw)]
    total: Value | None = None
    for i, j in parts:
        patch = hidden(x, "slice", value, starts=(0, i, j, 0), strides=(1, steps[0], steps[1], 1),
                       sizes=(None, rows[0], columns[0], None))
        weights = hidden(x, "squeeze", hidden(x, "slice", kernel, starts=(i, j, 0, 0), strides=(1, 1, 1, 1),
                                              sizes=(1, 1, None, None)), axes=(0, 1))
        term = hidden(x, "contract", patch, weights, spec="nhwc,cd->nhwd")
        total = term if total is None else hidden(x, "add", total, term)
    assert total is not None
    made = emit("identity", [total], name=scope, type="Conv2D")
    made.op.inputs = [x, kernel]
    return made


def _extent(size: int, window: int, step: int, padding: str) -> tuple[int, int, int]:
    """The size of the result, and how much padding comes before and after."""
    if step < 1:
        raise ValueError(f"strides of a convolution must be positive, but one is {step}.")
    if padding == "VALID":
        return max(0, -(-(size - window + 1) // step)), 0, 0
    if padding != "SAME":
        raise ValueError(f"padding must be \"SAME\" or \"VALID\", got {padding!r}.")
    out = -(-size // step)
    missing = max(0, (out - 1) * step + window - size)
    return out, missing // 2, missing - missing // 2


def conv1d(value: Any, filters: Any, stride: Any, padding: str, use_cudnn_on_gpu: bool | None = None,
           data_format: str | None = None, name: str | None = None) -> Tensor:
    """The 1-D convolution. value: [batch, width, in]; filters: [kw, in, out]. As conv2d. Source: tf.nn.conv1d."""
    if data_format not in (None, "NHWC"):
        raise NotImplementedError(f"conv1d in format {data_format!r} is not supported; transpose to NHWC.")
    with op_scope("conv1d" if name is None else name, (value, filters)):
        x = expand_dims(convert_to_tensor(value), 1)
        made = conv2d(x, expand_dims(filters, 0), [1, 1, known_int(stride, "stride"), 1], padding)
        return squeeze(made, [1])


def _unsupported(name: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> Tensor:
        raise NotImplementedError(f"tf.nn.{name} is not supported.")
    function.__doc__ = f"Not supported: raises NotImplementedError. Source: tf.nn.{name}."
    return function


conv3d = _unsupported("conv3d")
max_pool = _unsupported("max_pool")
avg_pool = _unsupported("avg_pool")
depthwise_conv2d = _unsupported("depthwise_conv2d")
separable_conv2d = _unsupported("separable_conv2d")
conv2d_transpose = _unsupported("conv2d_transpose")
ctc_loss = _unsupported("ctc_loss")
nce_loss = _unsupported("nce_loss")
sampled_softmax_loss = _unsupported("sampled_softmax_loss")
