"""Composites of neural networks whose gradient or numerics must be fused: softmax and its losses, sums of squares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call
from rnngraph.ir.op import Attr, Call, Site
from rnngraph.ir.types import TensorType
from rnngraph.ops.build import expand_axes, masked, number, reduced_like, select, size_along, size_scalar, size_vector
from rnngraph.ops.declare import AXES, FLOATS, INTS, check_kind, composite, invalid, reduction_type
from rnngraph.ops.shapes import Shape, axis_of, merged, same_dtype, text

AXIS = {"axis": Attr("int", -1)}


def _along(name: str, x: Value, axis: int) -> Value:
    """A reduction along one axis, which stays with size 1."""
    return call(name, x, axes=(axis,), keep=True)


def _shifted(x: Value, axis: int) -> Value:
    """x minus its maximum, so that no exponential overflows."""
    return x - _along("reduce_max", x, axis)


def _log_normaliser(z: Value, axis: int) -> Value:
    return call("log", _along("reduce_sum", call("exp", z), axis))


# --- sums of cotangents ------------------------------------------------------------------------------------------

def _sum_type(site: Site) -> TensorType:
    dtype = same_dtype(site, (0, 1))
    return TensorType(dtype, merged(site, site.tensor(0).shape, site.tensor(1).shape, "the gradients to be added"))


composite("cotangent_sum", "x y", "The sum of two contributions to one cotangent; close makes `list_sum` of it where they "
          "turn out to be lists. Source: AddN of tf.gradients.", _sum_type,
          lambda operands, attrs: call("add", *operands), lambda call, x, y: x + y, gradient=lambda g, c: [c, c])

# --- softmax -----------------------------------------------------------------------------------------------------

def _axis_type(site: Site) -> TensorType:
    x = site.tensor(0)
    check_kind(x.dtype, FLOATS)
    if x.shape is not None:
        axis_of(site.attrs["axis"], len(x.shape))
    return x


def _on_axis(build: Callable[[Value, int], Value]) -> Callable[..., Value | None]:
    """An expansion that needs the axis counted from the front."""
    def expand(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
        x = operands[0]
        return None if x.tensor.rank is None else build(x, attrs["axis"] % len(x.shape))
    return expand


def _build_softmax(x: Value, axis: int) -> Value:
    e = call("exp", _shifted(x, axis))
    return e / _along("reduce_sum", e, axis)


def _build_log_softmax(x: Value, axis: int) -> Value:
    z = _shifted(x, axis)
    return z - _log_normaliser(z, axis)


def _softmax(x: Any, axis: int) -> Any:
    """On arrays."""
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
        return (e / e.sum(axis, keepdims=True)).astype(x.dtype)


def _log_softmax(x: Any, axis: int) -> Any:
    """On arrays."""
    with np.errstate(all="ignore"):
        z = x - x.max(axis, keepdims=True, initial=-np.inf)
        return (z - np.log(np.exp(z).sum(axis, keepdims=True))).astype(x.dtype)


def _softmax_rule(g: Any, c: Value) -> list[Value]:
    y, axis = g.results[0], g.attrs["axis"]
    return [y * (c - _along("reduce_sum", c * y, axis))]


def _log_softmax_rule(g: Any, c: Value) -> list[Value]:
    y, axis = g.results[0], g.attrs["axis"]
    return [c - call("exp", y) * _along("reduce_sum", c, axis)]


composite("softmax", "x", "exp(x) over its sum along `axis`.", _axis_type, _on_axis(_build_softmax),
          lambda call, x: _softmax(x, call.attrs["axis"]), attrs=AXIS, gradient=_softmax_rule)
composite("log_softmax", "x", "log(softmax(x)), without the loss of digits.", _axis_type, _on_axis(_build_log_softmax),
          lambda call, x: _log_softmax(x, call.attrs["axis"]), attrs=AXIS, gradient=_log_softmax_rule)

# --- cross entropy -----------------------------------------------------------------------------------------------


def _sparse_type(site: Site) -> TensorType:
    logits, labels = site.tensor(0), site.tensor(1)
    check_kind(logits.dtype, FLOATS, "the logits")
    check_kind(labels.dtype, INTS, "the labels")
    if logits.shape is None:
        return TensorType(logits.dtype, labels.shape)
    if not logits.shape:
        raise ValueError("Logits cannot be scalars - received shape [].")
    if labels.shape is not None and len(labels.shape) != len(logits.shape) - 1:
        raise ValueError(f"Rank mismatch: Rank of labels (received {len(labels.shape)}) should equal rank of logits "
                         f"minus 1 (received {len(logits.shape)}).")
    return TensorType(logits.dtype, merged(site, logits.shape[:-1], labels.shape, "the labels"))


def _sparse(call: Call, logits: Any, labels: Any) -> Any:
    classes = logits.shape[-1]
    for bad in labels[(labels < 0) | (labels >= classes)].ravel():
        raise invalid(f"Received a label value of {bad} which is outside the valid range of [0, {classes}).  Label "
                      f"values: {' '.join(map(str, labels.ravel()[:16]))}")
    return -np.take_along_axis(_log_softmax(logits, -1), labels[..., None].astype(np.int64), -1)[..., 0]


def _expand_sparse(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    logits, labels = operands
    if logits.tensor.rank is None:
        return None
    last, dtype = len(logits.shape) - 1, labels.type.dtype
    labels = call("check_range", labels, size_scalar(logits.shape[last], dtype))
    z = _shifted(logits, last)
    places = call("iota", size_vector(logits.shape), axis=last, dtype=dtype)
    chosen = masked(call("equal", places, expand_axes(labels, [last])), z)
    return (call("squeeze", _log_normaliser(z, last), axes=(last,))
            - call("reduce_sum", chosen, axes=(last,)))


def _sparse_rule(g: Any, c: Value) -> list[Value | None]:
    logits, labels = g.operands
    right = call("one_hot", labels, size_along(logits, -1), number(1, logits), number(0, logits))
    return [(call("softmax", logits) - right) * expand_axes(c, [-1]), None]


def _dense_shape(site: Site) -> Shape:
    same_dtype(site, (0, 1))
    check_kind(site.tensor(0).dtype, FLOATS)
    shape = merged(site, site.tensor(0).shape, site.tensor(1).shape, "the labels (logits and labels must be same size)")
    if shape == ():
        raise ValueError(f"Logits cannot be scalars - received shape {text(shape)}.")
    return shape


def _dense_type(site: Site) -> TensorType:
    shape = _dense_shape(site)
    return site.tensor(0).with_shape(None if shape is None else shape[:-1])


def _expand_dense(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    logits, labels = operands
    if logits.tensor.rank is None:
        return None
    last = len(logits.shape) - 1
    z = _shifted(logits, last)
    return call("reduce_sum", labels * (_log_normaliser(z, last) - z), axes=(last,))


def _dense_rule(g: Any, c: Value) -> list[Value | None]:
    """TensorFlow's: right for labels that sum to 1; the labels have no gradient."""
    logits, labels = g.operands
    return [(call("softmax", logits) - labels) * expand_axes(c, [-1]), None]


composite("sparse_softmax_cross_entropy", "logits labels", "-log softmax(logits) at the label, along the last axis. "
          "Fails for a label outside.", _sparse_type, _expand_sparse, _sparse, gradient=_sparse_rule, fails=True)
composite("softmax_cross_entropy", "logits labels", "-sum(labels * log softmax(logits)) along the last axis.",
          _dense_type, _expand_dense, lambda call, logits, labels: -(labels * _log_softmax(logits, -1)).sum(-1),
          gradient=_dense_rule)

# --- sums --------------------------------------------------------------------------------------------------------


def _expand_log_sum_exp(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    (x,), axes = operands, attrs["axes"]
    if x.tensor.rank is None:
        return None
    most = call("reduce_max", x, axes=axes, keep=True)
    # An infinite maximum would give inf - inf.
    most = select(call("is_finite", most), most, 0)
    found = call("log", call("reduce_sum", call("exp", x - most), axes=axes, keep=True)) + most
    return found if attrs["keep"] else call("reduce_sum", found, axes=axes)


def _log_sum_exp(call: Call, x: Any) -> Any:
    axes, keep = call.attrs["axes"], call.attrs["keep"]
    with np.errstate(all="ignore"):
        return np.asarray(np.logaddexp.reduce(x, axis=axes, keepdims=keep)).astype(x.dtype)


def _log_sum_exp_rule(g: Any, c: Value) -> list[Value]:
    (x,), (y,) = g.operands, g.results
    return [reduced_like(c, x, g.attrs) * call("exp", x - reduced_like(y, x, g.attrs))]


def _l2_type(site: Site) -> TensorType:
    check_kind(site.tensor(0).dtype, FLOATS)
    return site.tensor(0).with_shape(())


composite("l2_loss", "x", "Half the sum of the squares of all elements.", _l2_type,
          lambda operands, attrs: call("reduce_sum", operands[0] * operands[0]) * 0.5,
          lambda call, x: (np.square(x).sum(dtype=x.dtype) / 2).astype(x.dtype),
          gradient=lambda g, c: [g.operands[0] * c])
composite("log_sum_exp", "x", "log of the sum of exp along `axes`, without overflow.",
          reduction_type("log_sum_exp", FLOATS), _expand_log_sum_exp, _log_sum_exp, attrs=AXES,
          gradient=_log_sum_exp_rule)
