"""Ops that hand a value on, or make one like it: identity, stop_gradient, zeros_like, ones_like, refine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Node, Value, call, constant
from rnngraph.ir.kinds import Affine, Index, Movement
from rnngraph.ir.op import Attr, Call, Content, Site
from rnngraph.ir.types import TensorType, Type
from rnngraph.ops import known_elements
from rnngraph.ops.build import shape_of
from rnngraph.ops.declare import composite, declare, invalid
from rnngraph.ops.shapes import Shape, merged, text


def _same_type(site: Site) -> Type:
    return site.types[0]


def same_places(node: Node) -> Index:
    """Each element where it was."""
    return tuple(Affine(i, 1, 0) for i in range(len(node.results[0].shape)))


def _filler(value: int) -> Any:
    """The expansion of `zeros_like` and `ones_like`."""
    def expand(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
        (x,) = operands
        unit = constant(value, x.type.dtype.numpy)
        return unit if x.tensor.rank == 0 else call("broadcast", unit, shape_of(x))
    return expand


def _filled(value: int) -> Any:
    """The content of `zeros_like` and `ones_like`."""
    def content(site: Site) -> Content:
        length = known_elements.small_length(site.types[0])
        return None if length is None else known_elements.fit((value,) * length, site.tensor(0).dtype)
    return content


declare("identity", "x", "x itself, of any type.", Movement(same_places), _same_type, lambda call, x: x,
        content=known_elements.of_operand, gradient=lambda g, c: [c])
declare("stop_gradient", "x", "x itself; no gradient passes.", Movement(same_places), _same_type, lambda call, x: x,
        content=known_elements.of_operand)
composite("zeros_like", "x", "Zeros of x's shape and dtype.", lambda site: site.tensor(0), _filler(0),
          lambda call, x: np.zeros_like(x), content=_filled(0))
composite("ones_like", "x", "Ones of x's shape and dtype.", lambda site: site.tensor(0), _filler(1),
          lambda call, x: np.ones_like(x), content=_filled(1))

# --- refine ------------------------------------------------------------------------------------------------------


def _refined(site: Site) -> TensorType:
    x, wanted = site.tensor(0), site.attrs["shape"]
    if x.shape is None and wanted is not None:
        return x.with_shape(tuple(site.sizes.fresh("n") if d is None else d for d in wanted))
    try:
        return x.with_shape(merged(site, x.shape, wanted, "the shape that was set"))
    except ValueError:
        raise ValueError(f"Shapes {text(x.shape)} and {text(wanted)} are not compatible.") from None


def _check_shape(call: Call, x: Any) -> Any:
    wanted: Shape = call.attrs["shape"]
    if wanted is not None and (len(wanted) != x.ndim or any(
            d is not None and call.size(d) != n for d, n in zip(wanted, x.shape, strict=True))):
        raise invalid(f"Shapes {list(x.shape)} and {text(wanted)} are not compatible.")
    return x


def _expand_refine(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    """Nothing is left to check once the type says it."""
    (x,), wanted = operands, attrs["shape"]
    if wanted is None:
        return x
    shape = x.tensor.shape
    if shape is None or len(shape) != len(wanted):
        return None
    return x if all(d is None or d == e for d, e in zip(wanted, shape, strict=True)) else None


composite("refine", "x", "x, whose shape is known to agree with `shape` (dims: int or None; None: rank unknown too).",
          _refined, _expand_refine, _check_shape, attrs={"shape": Attr("dims")}, content=known_elements.of_operand,
          gradient=lambda g, c: [c], fails=True)
