"""Ops with regions: `loop`, `if`, `fused`; and `history`, the values that a region had, step by step.

    operands   [limit]  carry...  rows...  captures...            (loop)          pred  captures...        (if)
    while      (t, carry..., captures...) -> bool                 optional
    body       (t, carry..., rows..., captures...) -> carry'..., row'...
    results    carry...  stacks...  trips

`t` counts from 0; the loop stops when t = limit or the while region gives False. Row t is read (from the end if
`reverse`), the stack row is written at the same place. Engines implement this; there is no reference kernel here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rnngraph.errors import InvalidArgumentError
from rnngraph.ir.binders import bound_inside
from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.kinds import Control, Effect, Elementwise
from rnngraph.ir.op import Attr, Call, Content, OpDef, Site, register
from rnngraph.ir.sizes import Dim, Symbol, maximum, substitute, symbols
from rnngraph.ir.types import ListType, RefType, TensorType, Type, int32
from rnngraph.ir.walk import map_dims, type_symbols

INDEX = int32
"""Element type of the step counter and of the number of trips."""


def stack_type(t: Type, length: Dim, bound: set[Symbol], is_open: bool = False) -> Type:
    """The type of the stack of rows of type `t`; a list if the row's sizes are bound inside the loop, or its rank unknown.

    In an open graph sizes are not settled yet: there, such sizes are unknown, and close makes the list.
    """
    if isinstance(t, TensorType) and (is_open or (t.shape is not None and not type_symbols(t) & bound)):
        shape = None if t.shape is None else (length, *(None if set(symbols(d)) & bound else d for d in t.shape))
        return t.with_shape(shape)
    return ListType(hidden(t, bound), length)


def hidden(t: Type, bound: set[Symbol]) -> Type:
    """`t` without the sizes that name what is `bound` where they cannot be seen."""
    return map_dims(t, lambda d: None if set(symbols(d)) & bound else d)


def history_type(node: Node, t: Type) -> Type:
    """The type in an open graph of the history of a value of type `t` in a region of `node`, a loop or an `if`."""
    bound = set().union(*(bound_inside(r) for r in node.regions))
    if node.op is not LOOP:
        return hidden(t, bound)
    content = node.results[-1].content
    return stack_type(t, content[0] if content else None, bound, is_open=True)


def _outside(t: Type, bound: set[Symbol], site: Site) -> Type:
    """`t` with sizes that the region binds replaced by fresh ones; a list's are unknown, since it may have no element."""
    if isinstance(t, ListType):
        return hidden(t, bound)
    fresh: dict[Symbol, Dim] = {}

    def change(d: Dim) -> Dim:
        for s in symbols(d):
            if s in bound and s not in fresh:
                fresh[s] = site.sizes.fresh(s.hint)
        return substitute(d, fresh)
    return map_dims(t, change)


def _infer_loop(site: Site) -> tuple[Type, ...]:
    a, body = site.attrs, site.regions[-1]
    n = a["carry"]
    content = site.contents[0] if a["limited"] else None
    exact = a["limited"] and len(site.regions) == 1 and content is not None and content[0] is not None
    trips: Dim = maximum(content[0], 0) if exact and content is not None else None
    bound = bound_inside(body)
    carries = [_outside(p.type, bound, site) for p in body.params[1:1 + n]]
    if trips is None and not exact:
        trips = site.sizes.fresh("trips")
    site.notes["trips"] = trips
    stacks = [stack_type(v.type, trips, bound, site.sizes.is_open) for v in body.results[n:]]
    return (*carries, *stacks, TensorType(INDEX, ()))


def _loop_content(site: Site) -> tuple[Content, ...] | None:
    trips = site.notes.get("trips")
    n = len(site.regions[-1].results)
    return (*((None,) * n), (trips,) if trips is not None else None)


def _engine(*_: Any) -> Any:
    raise NotImplementedError("control ops are run by the engines")


LOOP = register(OpDef(
    name="loop", doc="A structured loop with captures, carry, rows and stacks. Source: tf.while_loop, and scans.",
    infer=_infer_loop, content=_loop_content, reference=_engine, kind=Control(),
    attrs={"carry": Attr("int"), "rows": Attr("int", 0), "limited": Attr("bool", False), "reverse": Attr("bool", False),
           "parallel_iterations": Attr("int", 32), "back_prop": Attr("bool", True), "swap_memory": Attr("bool", False)}))


def merge_types(a: Type, b: Type, told: Callable[[], Dim], bound: set[Symbol]) -> Type:
    """The type of a value that comes from either branch. Sizes that differ, or are of `bound`, which the branches bind,
    are decided when the `if` runs: `told` gives a symbol for each. No symbol stands for a size of a list's elements: an
    empty list could not tell it."""
    if isinstance(a, ListType) and isinstance(b, ListType):
        length = a.length if a.length == b.length else None
        if not (a.written and b.written):
            return hidden(replace(a if a.written else b, length=length), bound)
        return hidden(ListType(merge_types(a.element, b.element, lambda: None, bound), length), bound)
    if isinstance(a, RefType) or isinstance(b, RefType) or isinstance(a, ListType) or isinstance(b, ListType):
        if a != b:
            raise TypeError(f"both branches must give the same type, but they give {a} and {b}")
        return a
    if a.dtype != b.dtype:
        raise TypeError(f"both branches must give the same dtype, but they give {a.dtype.name} and {b.dtype.name}")
    if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
        return a.with_shape(None)
    return a.with_shape(tuple(d if d == e and not set(symbols(d)) & bound else told()
                              for d, e in zip(a.shape, b.shape, strict=True)))


def _infer_if(site: Site) -> tuple[Type, ...]:
    then, other = site.regions
    if len(then.results) != len(other.results):
        raise ValueError(f"the branches give {len(then.results)} and {len(other.results)} values; they must match")
    bound = bound_inside(then) | bound_inside(other)
    return tuple(merge_types(a.type, b.type, lambda: site.sizes.fresh("either"), bound)
                 for a, b in zip(then.results, other.results, strict=True))


IF = register(OpDef(
    name="if", doc="One of two regions, by a bool scalar. Source: tf.cond.", infer=_infer_if, reference=_engine,
    kind=Control()))

FUSED = register(OpDef(
    name="fused", doc="A group of nodes that becomes one kernel; means what its region means.",
    infer=lambda site: tuple(v.type for v in site.regions[0].results), reference=_engine, kind=Control()))


def _needs_type(site: Site) -> tuple[Type, ...]:
    raise TypeError("a history's type comes from the region it looks into; make it with `control.history_node`")


HISTORY = register(OpDef(
    name="history", doc="A value of a region of the node that made the operand, one row a step. Open graphs only.",
    infer=_needs_type, reference=_engine, kind=Control(), attrs={"path": Attr("ints")}))
"""`path` alternates region and node indices and ends with region and value number (parameters count first)."""


FILLER = register(OpDef(
    name="filler", doc="Stands, in one branch, for a value that only the other has; close gives it that value's type.",
    infer=lambda site: (site.attrs["type"],), reference=_engine, kind=Control(), attrs={"type": Attr("type")}))


def numbered(region: Graph) -> list[Value]:
    """A region's values in numbering order: parameters, then results node by node."""
    return [*region.params, *(v for node in region.nodes for v in node.results)]


def make_loop(builder: Any, *, cond: Any = None, body: Any, limit: Value | None = None, carry: Sequence[Value] = (),
              rows: Sequence[Value] = (), name: str = "", types: Sequence[Type] | None = None, **attrs: Any) -> Node:
    """A loop from finished region builders.

    `cond` and `body` are builders whose graphs have their own parameters (t, carry[, rows]) and results; their captures
    become the trailing parameters here, in one common order. `types`: of the results, if they are not to be inferred.
    """
    builders = [b for b in (cond, body) if b is not None]
    outer = body.finish_captures([b for b in builders if b is not body])
    for b in builders:
        b.graph.sealed = True
    operands = [*([limit] if limit is not None else []), *carry, *rows, *outer]
    node: Node = builder.node(LOOP, operands, {"carry": len(carry), "rows": len(rows), "limited": limit is not None,
                                               **attrs}, [b.graph for b in builders], name, types)
    return node


def make_if(builder: Any, pred: Value, then: Any, other: Any, name: str = "") -> Node:
    """An `if` from two finished branch builders."""
    outer = then.finish_captures([other])
    node: Node = builder.node(IF, [pred, *outer], {}, [then.graph, other.graph], name)
    return node


def _as_size_content(site: Site) -> tuple[Content, ...]:
    content = site.contents[0]
    known = None if content is None else maximum(content[0], 0)
    return ((site.sizes.fresh("n") if known is None else known,),)


AS_SIZE = register(OpDef(
    name="as_size", doc="max(x, 0) of an integer scalar, as a size: binds a symbol, so that other sizes can name it.",
    infer=lambda site: (site.tensor(0),), content=_as_size_content, kind=Elementwise(lambda s, x: s.max(x, s.const(0, x))),
    reference=lambda call, x: np.maximum(x, 0).astype(x.dtype)))
CHECK_SIZES = register(OpDef(
    name="check_sizes", doc="Raises InvalidArgumentError with `message` (which has places {0} and {1} for them) unless two "
    "sizes, given as a vector of two, compare as `relation` says: ==, >=, or \"broadcasts\" (equal, or one is 1).",
    infer=lambda site: (), reference=lambda call, pair: _check_sizes(call, pair), kind=Effect(), effects="host", fails=True,
    attrs={"message": Attr("str"), "relation": Attr("str", "==")}))


RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq, ">=": operator.ge, "broadcasts": lambda a, b: a == b or 1 in (a, b)}


def _check_sizes(call: Call, pair: Any) -> tuple[()]:
    left, right = (int(n) for n in pair)
    if not RELATIONS[call.attrs["relation"]](left, right):
        raise InvalidArgumentError(None, call.node, call.attrs["message"].format(left, right))
    return ()
