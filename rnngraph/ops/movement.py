"""Ops on one value that only move elements: broadcast, reshape and its kin, transpose, reverse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Node, Value, call, current
from rnngraph.ir.kinds import FIRST, Affine, Index, Movement
from rnngraph.ir.op import Attr, Call, Content, Site, SizeRules
from rnngraph.ir.sizes import Dim, floordiv, minimum, mul, product, sub
from rnngraph.ir.types import TensorType
from rnngraph.ops import known_elements
from rnngraph.ops.build import inverse, shape_of, transpose
from rnngraph.ops.declare import checked_shape, composite, declare, invalid
from rnngraph.ops.shapes import (
    Shape,
    axes_of,
    axis_of,
    count,
    spelled,
    sure,
    text,
    vector_shape,
)

# --- broadcast ---------------------------------------------------------------------------------------------------


def _broadcast_type(site: Site) -> TensorType:
    x, wanted = site.tensor(0), vector_shape(site, 1, "the shape to broadcast to")
    if x.shape is not None and wanted is not None:
        if len(x.shape) > len(wanted):
            raise ValueError(f"Incompatible shapes: {text(x.shape)} cannot be broadcast to {text(wanted)}.")
        for have, want in zip(reversed(x.shape), reversed(wanted), strict=False):
            if isinstance(have, int) and isinstance(want, int) and have not in (1, want):
                raise ValueError(f"Incompatible shapes: {text(x.shape)} cannot be broadcast to {text(wanted)}.")
    return x.with_shape(wanted)


def _broadcast(call: Call, x: Any, shape: Any) -> Any:
    try:
        return np.broadcast_to(x, checked_shape(shape)).copy()
    except ValueError:
        raise invalid(f"Incompatible shapes: {list(x.shape)} cannot be broadcast to {list(shape)}") from None


def _broadcast_content(site: Site) -> Content:
    content, wanted = site.contents[0], site.contents[1]
    if content is None or wanted is None or len(wanted) > 1:
        return None
    length = wanted[0] if wanted else 1
    if not isinstance(length, int) or length > known_elements.LIMIT or len(content) not in (1, length):
        return None
    return known_elements.fit(content if len(content) == length else content * length, site.tensor(0).dtype)


def _broadcast_source(node: Node) -> Index:
    """An axis of size 1 is read at 0 throughout: where only running tells, by a multiplier that is 0 then."""
    x, shape = node.operands[0].shape, node.results[0].shape
    lead = len(shape) - len(x)

    def place(axis: int, have: Dim, wanted: Dim) -> Affine:
        if have == 1 and wanted != 1:
            return FIRST
        sure = have == wanted or isinstance(have, int)
        return Affine(axis, 1 if sure else minimum(sub(have, 1), 1), 0)
    return tuple(place(i, d, wanted) for i, (d, wanted) in enumerate(zip(x, shape[lead:], strict=True), lead))


declare("broadcast", "x shape", "x repeated along new leading axes and axes of size 1, to that shape.",
        Movement(_broadcast_source), _broadcast_type, _broadcast, content=_broadcast_content,
        gradient=lambda g, c: [call("unbroadcast", c, shape_of(g.operands[0])), None])

# --- the same elements in the same order -------------------------------------------------------------------------


def reshaped(site: Site, x: Shape, wanted: Shape) -> Shape:
    """The shape that `wanted` says, -1 standing for what the rest leaves. Raises ValueError if sizes cannot agree."""
    if wanted is None:
        return None
    holes = [i for i, d in enumerate(wanted) if d == -1]
    if len(holes) > 1:
        raise ValueError(f"Only one size may be -1, but the new shape is {list(wanted)}.")
    negative = [d for d in wanted if isinstance(d, int) and d < -1]
    if negative:
        raise ValueError(f"Dimension {negative[0]} must be >= 0 in the new shape {list(wanted)}.")
    wanted = tuple(d if d == -1 else sure(site.sizes, d) for d in wanted)
    total, rest = count(x), product(d for i, d in enumerate(wanted) if i not in holes)
    found = [site.sizes.fresh("n") if d is None else d for d in wanted]
    if holes:
        found[holes[0]] = _hole(site, total, rest)
    elif isinstance(total, int) and isinstance(rest, int) and total != rest:
        raise ValueError(f"Cannot reshape a tensor with {total} elements to shape {text(wanted)} ({rest} elements).")
    elif total is not None and rest is not None:
        site.sizes.same(total, rest, "the number of elements")
    return tuple(found)


def _hole(site: Site, total: Dim, rest: Dim) -> Dim:
    """The size that -1 stands for."""
    if isinstance(total, int) and isinstance(rest, int) and (rest == 0 or total % rest):
        raise ValueError(f"Dimension size must be evenly divisible by {rest} but is {total} for reshape.")
    if rest is None or total is None or rest == 0:
        return site.sizes.fresh("n")
    site.sizes.at_least(rest, 1, "reshape cannot infer the missing input size for an empty tensor unless all specified "
                                 "input sizes are non-zero")
    size = floordiv(total, rest)
    site.sizes.same(mul(size, rest), total, "the number of elements")
    return size


def _reshape_type(site: Site) -> TensorType:
    x = site.tensor(0)
    return x.with_shape(reshaped(site, x.shape, spelled(site, 1, "the new shape")))


def _reshape(call: Call, x: Any, shape: Any) -> Any:
    for i, n in enumerate(shape):
        if n < -1:  # NumPy takes any negative number for "the rest"
            raise invalid(f"size {i} must be non-negative, not {n}")
    try:
        return x.reshape(tuple(shape))
    except ValueError:
        raise invalid(f"Input to reshape is a tensor with {x.size} values, but the requested shape is "
                      f"{list(shape)}") from None


def _kept_content(site: Site, result: Shape) -> Content:
    """The operand's content, if the result is a scalar or vector."""
    return site.contents[0] if result is not None and len(result) <= 1 else None


def _reshape_content(site: Site) -> Content:
    length = site.tensor(1).shape
    return site.contents[0] if length in ((0,), (1,)) else None


def expanded(shape: Shape, axis: int) -> Shape:
    """The shape with an axis of size 1 put in."""
    if shape is None:
        return None
    axis = axis_of(axis, len(shape) + 1)
    return (*shape[:axis], 1, *shape[axis:])


def squeezed(shape: Shape, axes: Sequence[int]) -> Shape:
    """The shape without these axes. Raises ValueError for a size other than 1."""
    if shape is None:
        return None
    gone = axes_of(axes, len(shape))
    for i in gone:
        if isinstance(shape[i], int) and shape[i] != 1:
            raise ValueError(f"Can not squeeze dim[{i}], expected a dimension of 1, got {shape[i]}.")
    return tuple(d for i, d in enumerate(shape) if i not in gone)


def _expand_dims_type(site: Site) -> TensorType:
    x = site.tensor(0)
    return x.with_shape(expanded(x.shape, site.attrs["axis"]))


def _squeeze_type(site: Site) -> TensorType:
    x, axes = site.tensor(0), site.attrs["axes"]
    if x.shape is not None:
        for i in axes_of(axes, len(x.shape)):
            if x.shape[i] is not None and not isinstance(x.shape[i], int):
                site.sizes.same(x.shape[i], 1, "the axis to squeeze")
    return x.with_shape(squeezed(x.shape, axes))


def _expand_dims_source(node: Node) -> Index:
    rank = len(node.results[0].shape)
    return tuple(Affine(i, 1, 0) for i in range(rank) if i != node.attrs["axis"] % rank)


def _squeeze_source(node: Node) -> Index:
    rank = len(node.operands[0].shape)
    gone = axes_of(node.attrs["axes"], rank)
    kept = iter(range(rank))
    return tuple(FIRST if i in gone else Affine(next(kept), 1, 0) for i in range(rank))


def _squeeze(call: Call, x: Any) -> Any:
    try:
        return np.squeeze(x, call.attrs["axes"])
    except ValueError:
        raise invalid(f"Can not squeeze the axes {call.attrs['axes']} of shape {list(x.shape)}") from None


def _ones(sizes: SizeRules, shape: Shape) -> tuple[int, ...] | None:
    """The axes of size 1; None where only running tells."""
    known = None if shape is None else [sizes.holds("==", d, 1) for d in shape]
    return None if known is None or None in known else tuple(i for i, one in enumerate(known) if one)


def _squeeze_ones_type(site: Site) -> TensorType:
    x = site.tensor(0)
    axes = _ones(site.sizes, x.shape)
    return x.with_shape(None if axes is None else squeezed(x.shape, axes))


def _expand_squeeze_ones(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    (x,) = operands
    axes = _ones(current().sizes, x.tensor.shape)
    return None if axes is None else call("squeeze", x, axes=axes)


def _reverse_axes_type(site: Site) -> TensorType:
    x = site.tensor(0)
    return x.with_shape(None if x.shape is None else x.shape[::-1])


def _expand_reverse_axes(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    (x,) = operands
    rank = x.tensor.rank
    return None if rank is None else transpose(x, range(rank)[::-1])


declare("reshape", "x shape", "The same elements in the same order with another shape; one size may be -1: the rest.",
        Movement(None), _reshape_type, _reshape, content=_reshape_content,
        gradient=lambda g, c: [call("reshape", c, shape_of(g.operands[0])), None])
declare("expand_dims", "x", "x with a new axis of size 1 at `axis` of the result.", Movement(_expand_dims_source),
        _expand_dims_type, lambda call, x: np.expand_dims(x, call.attrs["axis"]), attrs={"axis": Attr("int")},
        content=lambda site: _kept_content(site, expanded(site.tensor(0).shape, site.attrs["axis"])),
        gradient=lambda g, c: [call("squeeze", c, axes=(g.attrs["axis"],))])
declare("squeeze", "x", "x without `axes`, all of size 1.", Movement(_squeeze_source), _squeeze_type, _squeeze,
        attrs={"axes": Attr("ints")}, content=lambda site: site.contents[0],
        gradient=lambda g, c: [call("reshape", c, shape_of(g.operands[0]))])
composite("squeeze_ones", "x", "x without every axis that is of size 1 when it runs.", _squeeze_ones_type,
          _expand_squeeze_ones, lambda call, x: np.squeeze(x), content=lambda site: site.contents[0],
          gradient=lambda g, c: [call("reshape", c, shape_of(g.operands[0]))])

# --- transpose, reverse ------------------------------------------------------------------------------------------


def _transpose_type(site: Site) -> TensorType:
    x, perm = site.tensor(0), site.attrs["perm"]
    if sorted(perm) != list(range(len(perm))) or (x.shape is not None and len(x.shape) != len(perm)):
        raise ValueError(f"perm {tuple(perm)} is not a permutation of the axes of shape {text(x.shape)}.")
    return x.with_shape((None,) * len(perm) if x.shape is None else tuple(x.shape[p] for p in perm))


def _transpose_source(node: Node) -> Index:
    return tuple(Affine(i, 1, 0) for i in inverse(node.attrs["perm"]))


def _reverse_type(site: Site) -> TensorType:
    x = site.tensor(0)
    if x.shape is not None:
        axes_of(site.attrs["axes"], len(x.shape))
    return x


def _reverse_source(node: Node) -> Index:
    shape = node.operands[0].shape
    axes = axes_of(node.attrs["axes"], len(shape))
    return tuple(Affine(i, -1, sub(d, 1)) if i in axes else Affine(i, 1, 0) for i, d in enumerate(shape))


def _reverse_content(site: Site) -> Content:
    content = site.contents[0]
    return content if content is None or not site.attrs["axes"] else content[::-1]


declare("transpose", "x", "x with axis perm[i] at place i.", Movement(_transpose_source), _transpose_type,
        lambda call, x: np.transpose(x, call.attrs["perm"]).copy("C"), attrs={"perm": Attr("ints")},
        content=known_elements.of_operand,
        gradient=lambda g, c: [call("transpose", c, perm=inverse(g.attrs["perm"]))])
composite("reverse_axes", "x", "x with its axes in reverse, of any rank.", _reverse_axes_type, _expand_reverse_axes,
          lambda call, x: x.T.copy("C"), content=known_elements.of_operand,
          gradient=lambda g, c: [call("reverse_axes", c)])
declare("reverse", "x", "x with `axes` read backwards.", Movement(_reverse_source), _reverse_type,
        lambda call, x: np.flip(x, call.attrs["axes"]).copy(), attrs={"axes": Attr("ints")}, content=_reverse_content,
        gradient=lambda g, c: [call("reverse", c, axes=g.attrs["axes"])])
