"""Parts of a value at regular places: slice and its reverse `unslice`.

`slice` is the canonical form: sizes known, nothing clipped, nothing dropped. Its attributes are ints in open graphs
(None in `sizes`: to the end) and may be dims in closed ones. What TensorFlow has is in `strided`, in terms of this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Node, Value, call
from rnngraph.ir.kinds import Affine, Index, Movement, Placement
from rnngraph.ir.op import Attr, Call, Content, Site
from rnngraph.ir.sizes import Dim, add, sub
from rnngraph.ir.types import TensorType
from rnngraph.ops import known_elements
from rnngraph.ops.build import shape_of, sizes_in
from rnngraph.ops.declare import checked_shape, composite, declare
from rnngraph.ops.shapes import ceil_div, text, vector_shape

# --- the canonical form ------------------------------------------------------------------------------------------


def slice_sizes(shape: Sequence[Dim], attrs: Mapping[str, Any]) -> tuple[Dim, ...]:
    """The result's sizes; None stands for all elements up to the border that the stride leads to."""
    found = []
    for d, start, stride, size in zip(shape, attrs["starts"], attrs["strides"], attrs["sizes"], strict=True):
        if size is None:
            size = ceil_div(sub(d, start), stride) if stride > 0 else ceil_div(add(start, 1), -stride)
        found.append(size)
    return tuple(found)


def _slice_type(site: Site) -> TensorType:
    x, starts, strides = site.tensor(0), site.attrs["starts"], site.attrs["strides"]
    if x.shape is None:
        return x.with_shape(site.attrs["sizes"])
    if not len(x.shape) == len(starts) == len(strides) == len(site.attrs["sizes"]):
        raise ValueError(f"a slice of a value of shape {text(x.shape)} needs {len(x.shape)} starts, strides and sizes")
    sizes = slice_sizes(x.shape, site.attrs)
    for d, start, stride, size in zip(x.shape, starts, strides, sizes, strict=True):
        if isinstance(start, int) and isinstance(size, int) and size:
            last = start + (size - 1) * stride
            if min(start, last, size) < 0 or (isinstance(d, int) and max(start, last) >= d):
                raise ValueError(f"slice index {max(start, last)} of dimension {d} out of bounds.")
    return x.with_shape(sizes)


def _places(starts: Sequence[int], strides: Sequence[int], sizes: Sequence[int]) -> tuple[slice, ...]:
    """Python's slices for `sizes` elements from each start on."""
    found = []
    for start, stride, size in zip(starts, strides, sizes, strict=True):
        end = start + size * stride
        found.append(slice(start, end if end >= 0 else None, stride) if size > 0 else slice(0, 0))
    return tuple(found)


def _slice(call: Call, x: Any) -> Any:
    starts = [call.size(d) for d in call.attrs["starts"]]
    sizes = [None if d is None else call.size(d) for d in call.attrs["sizes"]]
    strides = call.attrs["strides"]
    counts = slice_sizes(x.shape, {"starts": starts, "strides": strides, "sizes": sizes})
    return x[_places(starts, strides, [int(n) for n in counts if isinstance(n, int)])].copy()


def _slice_content(site: Site) -> Content:
    content = site.contents[0]
    starts, sizes = known_elements.numbers(site.attrs["starts"]), known_elements.numbers(site.attrs["sizes"])
    if content is None or site.tensor(0).rank != 1 or starts is None:
        return content if site.tensor(0).rank == 0 else None
    stride = site.attrs["strides"][0]
    counts = sizes or known_elements.numbers(slice_sizes((len(content),), site.attrs))
    if counts is None:
        return None
    return known_elements.fit(content[_places(starts, (stride,), counts)[0]], site.tensor(0).dtype)


def _slice_source(node: Node) -> Index:
    starts = zip(node.attrs["starts"], node.attrs["strides"], strict=True)
    return tuple(Affine(i, stride, start) for i, (start, stride) in enumerate(starts))


def _slice_rule(g: Any, c: Value) -> list[Value]:
    return [call("unslice", c, shape_of(g.operands[0]), starts=g.attrs["starts"], strides=g.attrs["strides"])]


def _unslice_type(site: Site) -> TensorType:
    x, wanted = site.tensor(0), vector_shape(site, 1, "the shape of unslice")
    if x.shape is not None and wanted is not None and len(wanted) != len(x.shape):
        raise ValueError(f"Shape must be rank {len(wanted)} but is rank {len(x.shape)} for unslice.")
    return x.with_shape(wanted)


def _unslice(call: Call, x: Any, shape: Any) -> Any:
    found = np.full(checked_shape(shape), call.attrs["value"], x.dtype)
    starts = [call.size(d) for d in call.attrs["starts"]]
    found[_places(starts, call.attrs["strides"], x.shape)] = x
    return found


def _sized(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    x, sizes = operands
    known = sizes_in(sizes)
    if known is None:
        return None
    return call("slice", x, starts=attrs["starts"], strides=attrs["strides"], sizes=known)


BOUNDS = {"starts": Attr("dims"), "strides": Attr("ints")}

declare("slice", "x", "Elements starts[i] + k * strides[i], k < sizes[i] (None: to the end), along each axis i.",
        Movement(_slice_source), _slice_type, _slice, attrs={**BOUNDS, "sizes": Attr("dims")}, content=_slice_content,
        gradient=_slice_rule)
declare("unslice", "x shape", "`value` everywhere, with x written at starts[i] + k * strides[i]: slice's reverse.",
        Placement(lambda node: [_slice_source(node)], lambda attrs: attrs["value"]), _unslice_type, _unslice,
        attrs={**BOUNDS, "value": Attr("float", 0.0)},
        gradient=lambda g, c: [call("slice_sized", c, shape_of(g.operands[0]), starts=g.attrs["starts"],
                                    strides=g.attrs["strides"]), None])
composite("slice_sized", "x sizes", "`slice` with sizes that are data.", _unslice_type, _sized,
          lambda call, x, sizes: x[_places([call.size(d) for d in call.attrs["starts"]], call.attrs["strides"],
                                           sizes)].copy(), attrs=BOUNDS,
          gradient=lambda g, c: [call("unslice", c, shape_of(g.operands[0]), starts=g.attrs["starts"],
                                      strides=g.attrs["strides"]), None])
