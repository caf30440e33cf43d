"""Ops that join values and part them again: concat, stack, unstack, split, tile."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rnngraph.ir.graph import Node, Value, call, call_node, current
from rnngraph.ir.kinds import Affine, Index, Placement
from rnngraph.ir.op import Attr, Call, Content, Site
from rnngraph.ir.sizes import Dim, add, floordiv, mul, sub
from rnngraph.ir.types import TensorType
from rnngraph.ops import known_elements
from rnngraph.ops.build import expand_axes, ints, known_size, shape_of, size_along, size_vector, sizes_in, zeros_like
from rnngraph.ops.declare import INTS, check_kind, checked_shape, composite, declare, invalid
from rnngraph.ops.shapes import Shape, axis_of, merged, ranked, same_dtype, spelled, sure, text, vector_shape

# --- joining and parting -----------------------------------------------------------------------------------------


def _joined_shape(site: Site, axis: int, which: range, what: str) -> Shape:
    """The common shape of operands that may differ along one axis; there the sizes add up."""
    shapes = [site.tensor(i).shape for i in which]
    known = [s for s in shapes if s is not None]
    if not known:
        return None
    rank = len(known[0])
    if any(len(s) != rank for s in known):
        raise ValueError(f"Shapes must have the same rank, but are {', '.join(text(s) for s in known)}.")
    axis = axis_of(axis, rank)
    found = list(known[0])
    for s in known[1:]:
        found = [add(d, e) if i == axis else site.sizes.same(d, e, what)
                 for i, (d, e) in enumerate(zip(found, s, strict=True))]
    if len(known) < len(shapes):
        found[axis] = None
    return tuple(found)


def _concat_type(site: Site) -> TensorType:
    everything = range(len(site.types))
    dtype = same_dtype(site, everything)
    return TensorType(dtype, _joined_shape(site, site.attrs["axis"], everything,
                                           "the axes that stay (ConcatOp : Dimensions of inputs should match)"))


def _concat_content(site: Site) -> Content:
    parts = [known_elements.known(site, i) for i in range(len(site.types))]
    if site.tensor(0).rank != 1 or None in parts:
        return None
    return known_elements.fit([d for part in parts if part is not None for d in part], site.tensor(0).dtype)


def _concat(call: Call, *xs: Any) -> Any:
    try:
        return np.concatenate(xs, call.attrs["axis"])
    except ValueError:
        shapes = ", ".join(str(list(x.shape)) for x in xs)
        raise invalid(f"ConcatOp : Dimensions of inputs should match, but the shapes are {shapes}") from None


def _concat_targets(node: Node) -> list[Index]:
    rank = len(node.results[0].shape)
    axis = node.attrs["axis"] % rank
    before: Dim = 0
    found = []
    for v in node.operands:
        found.append(tuple(Affine(i, 1, before if i == axis else 0) for i in range(rank)))
        before = add(before, v.shape[axis])
    return found


def _concat_rule(g: Any, c: Value) -> list[Value]:
    """Each operand takes its part."""
    axis = g.attrs["axis"]
    known = [n for v in g.operands if (n := known_size(v, axis)) is not None]
    every = len(known) == len(g.operands)
    sizes = ints(known) if every else call("stack", *(size_along(v, axis) for v in g.operands))
    return list(call_node("split_v", c, sizes, axis=axis, num=len(g.operands)).results)


def _parts(x: Value, axis: int, sizes: Sequence[Dim]) -> list[Value]:
    """Slices of these sizes along an axis, one after the other."""
    rank, made = len(x.shape), []
    at: Dim = 0
    for size in sizes:
        made.append(call("slice", x, starts=tuple(at if i == axis else 0 for i in range(rank)), strides=(1,) * rank,
                         sizes=tuple(size if i == axis else None for i in range(rank))))
        at = add(at, size)
    return made


def _stack_type(site: Site) -> TensorType:
    dtype = same_dtype(site, range(len(site.types)))
    shape = site.tensor(0).shape
    for i in range(1, len(site.types)):
        shape = merged(site, shape, site.tensor(i).shape, "all inputs (Shapes of all inputs must match)")
    if shape is None:
        return TensorType(dtype, None)
    axis = axis_of(site.attrs["axis"], len(shape) + 1)
    return TensorType(dtype, (*shape[:axis], len(site.types), *shape[axis:]))


def _stack_content(site: Site) -> Content:
    if site.tensor(0).rank != 0:
        return None
    return known_elements.fit([c[0] if c else None for c in site.contents], site.tensor(0).dtype)


def _stack(call: Call, *xs: Any) -> Any:
    try:
        return np.stack(xs, call.attrs["axis"])
    except ValueError:
        shapes = ", ".join(str(list(x.shape)) for x in xs)
        raise invalid(f"Shapes of all inputs must match, but are {shapes}") from None


def _expand_stack(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    if operands[0].tensor.rank is None:
        return None
    axis = attrs["axis"] % (operands[0].tensor.rank + 1)
    return call("concat", *(expand_axes(v, [axis]) for v in operands), axis=axis)


def _stack_rule(g: Any, c: Value) -> list[Value]:
    return list(call_node("unstack", c, axis=g.attrs["axis"], num=len(g.operands)).results)


def _unstack_type(site: Site) -> tuple[TensorType, ...]:
    x, num = site.tensor(0), site.attrs["num"]
    if x.shape is None:
        return tuple(x for _ in range(num))
    axis = axis_of(site.attrs["axis"], len(x.shape))
    site.sizes.same(x.shape[axis], num, "the axis to unstack and the number of tensors")
    return tuple(x.with_shape(x.shape[:axis] + x.shape[axis + 1:]) for _ in range(num))


def _unstack_contents(site: Site) -> tuple[Content, ...] | None:
    content = site.contents[0]
    if content is None or site.tensor(0).rank != 1 or len(content) != site.attrs["num"]:
        return None
    return tuple(known_elements.fit((d,), site.tensor(0).dtype) for d in content)


def _unstack(call: Call, x: Any) -> tuple[Any, ...]:
    axis, num = call.attrs["axis"], call.attrs["num"]
    if x.shape[axis] != num:
        raise invalid(f"Input shape axis {axis} must equal {num}, got shape {list(x.shape)}")
    return tuple(np.moveaxis(x, axis, 0).copy())


def _expand_unstack(operands: Sequence[Value], attrs: Mapping[str, Any]) -> list[Value] | None:
    (x,) = operands
    if x.tensor.rank is None:
        return None
    axis = attrs["axis"] % x.tensor.rank
    return [call("squeeze", part, axes=(axis,)) for part in _parts(x, axis, [1] * attrs["num"])]


def _parting_rule(op: str) -> Any:
    """The gradient of an op of many results: join the cotangents, zeros for results that have none."""
    def rule(g: Any, *cotangents: Value | None) -> list[Value | None]:
        given = [zeros_like(r) if c is None else c for r, c in zip(g.results, cotangents, strict=True)]
        return [call(op, *given, axis=g.attrs["axis"]), *(None for _ in g.operands[1:])]
    return rule


def _split_sizes(attrs: Mapping[str, Any], size: Dim) -> tuple[Dim, ...]:
    """The sizes of the parts; -1 in `sizes` is what the others leave. Raises ValueError if they cannot add up."""
    sizes, num = attrs["sizes"], attrs["num"]
    if sizes is None:
        if isinstance(size, int) and size % num:
            raise ValueError(f"Dimension size must be evenly divisible by {num} but is {size} for split.")
        return tuple(floordiv(size, num) for _ in range(num))
    rest = functools.reduce(sub, (s for s in sizes if s != -1), size)
    if sum(s == -1 for s in sizes) > 1 or (isinstance(rest, int) and (rest < 0 or (rest and -1 not in sizes))):
        raise ValueError(f"The sizes {tuple(sizes)} do not add up to {size} for split.")
    return tuple(rest if s == -1 else s for s in sizes)


def _split_type(site: Site) -> tuple[TensorType, ...]:
    x = site.tensor(0)
    if x.shape is None:
        return (x,) * (site.attrs["num"] if site.attrs["sizes"] is None else len(site.attrs["sizes"]))
    axis = axis_of(site.attrs["axis"], len(x.shape))
    sizes = _split_sizes(site.attrs, x.shape[axis])
    if None not in sizes:
        total: Dim = 0
        for size in sizes:
            site.sizes.at_least(size, 0, f"The sizes {tuple(site.attrs['sizes'] or ())} do not fit into the axis that is "
                                         "split: {0} would be left")
            total = add(total, size)
        site.sizes.same(total, x.shape[axis], "the sum of the parts and the axis to split")
    return tuple(x.with_shape((*x.shape[:axis], size, *x.shape[axis + 1:])) for size in sizes)


def _split(call: Call, x: Any) -> tuple[Any, ...]:
    axis = call.attrs["axis"]
    try:
        sizes = [int(s) for s in _split_sizes(call.attrs, x.shape[axis]) if isinstance(s, int)]
    except ValueError as error:
        raise invalid(str(error)) from None
    return tuple(part.copy() for part in np.split(x, np.cumsum(sizes)[:-1], axis))


def _split_contents(site: Site) -> tuple[Content, ...] | None:
    content = site.contents[0]
    sizes = known_elements.numbers(_split_sizes(site.attrs, len(content))) if content is not None else None
    if content is None or sizes is None or site.tensor(0).rank != 1:
        return None
    ends = np.cumsum(sizes)
    return tuple(known_elements.fit(content[end - size:end], site.tensor(0).dtype)
                 for size, end in zip(sizes, ends, strict=True))


def _expand_split(operands: Sequence[Value], attrs: Mapping[str, Any]) -> list[Value] | None:
    (x,) = operands
    if x.tensor.rank is None:
        return None
    axis = attrs["axis"] % x.tensor.rank
    return _parts(x, axis, _split_sizes(attrs, x.shape[axis]))


def _split_v_type(site: Site) -> tuple[TensorType, ...]:
    x, (length,), wanted = site.tensor(0), ranked(site, 1, 1, "the sizes"), spelled(site, 1, "the sizes")
    num: int = site.attrs["num"]
    check_kind(site.tensor(1).dtype, INTS, "the sizes")
    site.sizes.same(length, num, "the number of sizes and of parts")
    if x.shape is None:
        return (x,) * num
    axis = axis_of(site.attrs["axis"], len(x.shape))
    sizes = tuple(sure(site.sizes, d) for d in wanted) if wanted is not None else (None,) * num
    if None not in sizes:
        return _split_type(replace(site, attrs={**site.attrs, "sizes": sizes}))
    return tuple(x.with_shape((*x.shape[:axis], site.sizes.fresh("n") if size is None else size, *x.shape[axis + 1:]))
                 for size in sizes)


def _split_v(call: Call, x: Any, sizes: Any) -> tuple[Any, ...]:
    axis, total = call.attrs["axis"], x.shape[call.attrs["axis"]]
    rest = total - sizes[sizes != -1].sum()
    found = np.where(sizes == -1, rest, sizes)
    if len(sizes) != call.attrs["num"] or (sizes < -1).any() or (sizes == -1).sum() > 1 or found.sum() != total or rest < 0:
        raise invalid(f"The sizes {sizes.tolist()} do not add up to {total} for split.")
    return tuple(part.copy() for part in np.split(x, np.cumsum(found)[:-1], axis))


def _expand_split_v(operands: Sequence[Value], attrs: Mapping[str, Any]) -> list[Value] | None:
    x, sizes = operands
    known = sizes_in(sizes)
    if x.tensor.rank is None or known is None:
        return None
    return _parts(x, attrs["axis"] % x.tensor.rank, known)


declare("concat", "x *xs", "Operands joined along `axis`.", Placement(_concat_targets), _concat_type, _concat,
        attrs={"axis": Attr("int")}, content=_concat_content, gradient=_concat_rule)
composite("stack", "x *xs", "Operands of one shape joined along a new axis.", _stack_type, _expand_stack, _stack,
          attrs={"axis": Attr("int", 0)}, content=_stack_content, gradient=_stack_rule)
composite("unstack", "x", "The `num` slices along `axis`, without that axis.", _unstack_type, _expand_unstack, _unstack,
          attrs={"axis": Attr("int", 0), "num": Attr("int")}, contents=_unstack_contents,
          gradient=_parting_rule("stack"))
composite("split", "x", "Parts along `axis`: `num` equal ones, or of these `sizes` (one may be -1: the rest).",
          _split_type, _expand_split, _split,
          attrs={"axis": Attr("int", 0), "sizes": Attr("ints", None), "num": Attr("int", None)},
          contents=_split_contents, gradient=_parting_rule("concat"))
composite("split_v", "x sizes", "`num` parts along `axis`, of sizes that are data (one may be -1: the rest). Fails if they "
          "do not add up.", _split_v_type, _expand_split_v, _split_v,
          attrs={"axis": Attr("int", 0), "num": Attr("int")}, gradient=_parting_rule("concat"), fails=True)

# --- a row before others -----------------------------------------------------------------------------------------


def _prepend_type(site: Site) -> TensorType:
    first, rows = site.tensor(0), site.tensor(1)
    dtype = same_dtype(site, (0, 1))
    if first.shape is None or rows.shape is None:
        return TensorType(dtype, None)
    if len(rows.shape) != len(first.shape) + 1:
        raise ValueError(f"Shapes must have the same rank, but a row of {text(rows.shape)} is not like {text(first.shape)}.")
    length, *sizes = rows.shape
    return TensorType(dtype, (add(length, 1), *(e if d is None else d for d, e in zip(first.shape, sizes, strict=True))))


def _prepend(call: Call, first: Any, rows: Any) -> Any:
    if not len(rows):
        return first[None]  # rows that there are not have no sizes
    if rows.shape[1:] != first.shape:
        raise invalid(f"ConcatOp : Dimensions of inputs should match, but a row has shape {list(rows.shape[1:])} and the "
                      f"first {list(first.shape)}")
    return np.concatenate([first[None], rows])


def _expand_prepend(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    """A concat, unless data say how large rows are, if there are any."""
    first, rows = operands
    if first.tensor.shape is None or rows.tensor.shape is None:
        return None
    pairs = zip(first.shape, rows.shape[1:], strict=True)
    if any(d != e and current().sizes.holds("==", d, e) is None for d, e in pairs):
        return None
    return call("concat", expand_axes(first, (0,)), rows, axis=0)


def _prepend_rule(g: Any, c: Value) -> list[Value]:
    first = call("strided_slice", c, ints([0]), ints([0]), ints([1]), shrink_mask=1)
    rest = call("strided_slice", c, ints([1]), ints([0]), ints([1]), end_mask=1)
    return [first, call("reshape", rest, shape_of(g.operands[1]))]


composite("prepend", "first rows", "`first` as a row before `rows`, which may be none, of whatever size.", _prepend_type,
          _expand_prepend, _prepend, gradient=_prepend_rule)

# --- tile --------------------------------------------------------------------------------------------------------


def _multiples(site: Site) -> Shape:
    x, times = site.tensor(0), spelled(site, 1, "the multiples")
    if x.shape is not None and times is not None and len(x.shape) != len(times):
        raise ValueError(f"Shape must be rank {len(times)} but is rank {len(x.shape)}.")
    for i, m in enumerate(times or ()):
        if isinstance(m, int) and m < 0:
            raise ValueError(f"Expected multiples[{i}] >= 0, but got {m}.")
    return times


def _tile_type(site: Site) -> TensorType:
    x, times = site.tensor(0), _multiples(site)
    if times is None:
        return x if x.shape is None else x.with_shape(tuple(site.sizes.fresh("n") for _ in x.shape))
    known = [sure(site.sizes, m) for m in times]
    sizes = [mul(d, m) for d, m in zip(x.shape or (None,) * len(known), known, strict=True)]
    return x.with_shape(tuple(site.sizes.fresh("n") if d is None else d for d in sizes))


def _untile_type(site: Site) -> TensorType:
    _multiples(site)
    return site.tensor(0).with_shape(vector_shape(site, 2, "the shape of untile"))


def _interleaved(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    return [d for pair in zip(first, second, strict=True) for d in pair]


def _expand_tile(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    x, multiples = operands
    times = sizes_in(multiples)
    if x.tensor.shape is None or times is None:
        return None
    ones = [1] * len(x.shape)
    apart = call("reshape", x, size_vector(_interleaved(ones, x.shape)))
    spread = call("broadcast", apart, size_vector(_interleaved(times, x.shape)))
    return call("reshape", spread, size_vector([mul(d, m) for d, m in zip(x.shape, times, strict=True)]))


def _expand_untile(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value | None:
    x, multiples, shape = operands
    times, sizes = sizes_in(multiples), sizes_in(shape)
    if times is None or sizes is None:
        return None
    apart = call("reshape", x, size_vector(_interleaved(times, sizes)))
    return call("reduce_sum", apart, axes=tuple(range(0, 2 * len(sizes), 2)))


composite("tile", "x multiples", "x repeated multiples[i] times along axis i.", _tile_type, _expand_tile,
          lambda call, x, multiples: np.tile(x, checked_shape(multiples)),
          gradient=lambda g, c: [call("untile", c, g.operands[1], shape_of(g.operands[0])), None])
composite("untile", "x multiples shape", "The sum of the copies that `tile` made of a value of that shape.",
          _untile_type, _expand_untile,
          lambda call, x, multiples, shape: x.reshape(_interleaved(multiples, shape)).sum(
              tuple(range(0, 2 * x.ndim, 2)), dtype=x.dtype),
          gradient=lambda g, c: [call("tile", c, g.operands[1]), None, None])
