"""The local rules of `fold`: what can be said more simply, node by node.

    %z = broadcast %zero, %s            %a = identity %x
    %y = add %x, %z                     %b = transpose %a {perm=[1,0]}
    %u = unslice %p, %s {starts=[0]}    %c = transpose %b {perm=[1,0]}
    %v = unslice %q, %s {starts=[2]}
    %w = add %u, %v                     (p and q are of size 2, s says 4)

        %x for %y        concat(p, q) for %w         %x for %c
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rnngraph.errors import OpError
from rnngraph.ir.binders import binds, mentioned
from rnngraph.ir.graph import Array, Node, Value, call, call_node, current
from rnngraph.ir.kinds import Iota
from rnngraph.ir.op import Call
from rnngraph.ir.rewrite import Rewriting, Rule
from rnngraph.ir.sizes import Dim, sub
from rnngraph.ops.shapes import nonnegative
from rnngraph.passes.tools.trace import tracing
from rnngraph.passes.tools.value_facts import SMALL, array_of, fixed, is_op, is_uniform, plain, uniform

Result = Value | Sequence[Value] | None


# --- what every rule keeps: types, contents, provenance ----------------------------------------------------------

def _binds(node: Node, old: Value) -> bool:
    """Whether sizes may be bound at this result: those that nothing the node reads mentions."""
    return not binds(node).isdisjoint(mentioned(old))


def _stands_for(node: Node, old: Value, new: Value, made: Sequence[Node]) -> bool:
    """Whether `new` may take the place of `old`; a content that only `old` had is noted."""
    if new.type != old.type:
        return False
    if old.content == new.content:
        return new in node.operands or not _binds(node, old)
    if old.content is None or all(d is None for d in old.content):
        return not _binds(node, old)
    if new.content is not None or new.node not in made or _binds(node, old):
        return False
    new.content = old.content
    return True


def kept(function: Callable[[Node], Result]) -> Rewriting:
    """The rule, which does not apply where the new value would not be exactly of the old one's type."""
    def apply(node: Node) -> Result:
        builder = current()
        start = len(builder.graph.nodes)
        with tracing(builder, node, "fold"):
            made = function(node)
        if made is None:
            return None
        values = (made,) if isinstance(made, Value) else tuple(made)
        new = builder.graph.nodes[start:]
        fits = all(_stands_for(node, o, v, new) for o, v in zip(node.results, values, strict=True))
        return values if fits else None
    return apply


def _shape(value: Value) -> tuple[Dim, ...] | None:
    """The sizes, if all have names."""
    shape = value.tensor.shape
    return None if shape is None or None in shape else shape


# --- arithmetic --------------------------------------------------------------------------------------------------

def _number(size: Dim) -> int:
    if not isinstance(size, int):
        raise ValueError("not a number")
    return size


def constants(node: Node) -> Result:
    """A node of small constants, computed."""
    arrays = [array_of(v) for v in node.operands]
    if not arrays or any(a is None or a.size > SMALL or a.dtype.kind == "O" for a in arrays):
        return None
    if not plain(node) or node.op.name == "broadcast" or isinstance(node.op.kind, Iota) or len(node.results) != 1:
        return None
    t = node.results[0].tensor
    try:
        made = np.asarray(node.op.reference(Call(node, _number), *arrays))
    except (ValueError, TypeError, IndexError, ZeroDivisionError, OpError):
        return None
    if made.size > SMALL or made.shape != t.shape or made.dtype != t.dtype.numpy:
        return None
    return call("constant", value=Array(made))


def add(node: Node) -> Result:
    """x + 0, 0 + x."""
    x, y = node.operands
    return x if is_uniform(y, 0) else y if is_uniform(x, 0) else None


def subtract(node: Node) -> Result:
    """x - 0, 0 - x, x - (-y)."""
    x, y = node.operands
    if is_uniform(y, 0):
        return x
    if is_uniform(x, 0) and x.type.dtype.is_integer:
        return call("neg", y)
    return call("add", x, y.node.operands[0]) if y.node is not None and is_op(y, "neg") else None


def multiply(node: Node) -> Result:
    """x * 1, 1 * x."""
    x, y = node.operands
    return x if is_uniform(y, 1) else y if is_uniform(x, 1) else None


def divide(node: Node) -> Result:
    """x / 1."""
    x, y = node.operands
    return x if is_uniform(y, 1) else None


def undone(node: Node) -> Result:
    """neg neg x, not not x."""
    inner = node.operands[0].node
    return inner.operands[0] if inner is not None and inner.op is node.op else None


def logic(node: Node) -> Result:
    """x and true, x and false, x or true, x or false."""
    unit = node.op.name == "logical_and"
    for x, y in (node.operands, node.operands[::-1]):
        found = uniform(y)
        if found is not None:
            return x if bool(found) == unit else y
    x, y = node.operands
    return x if x is y else None


def select(node: Node) -> Result:
    """A condition that is known, or two equal choices."""
    condition, x, y = node.operands
    found = uniform(condition)
    if found is not None:
        return x if found else y
    return x if x is y else None


def handed_on(node: Node) -> Result:
    """identity and stop_gradient of x."""
    return node.operands[0]


def cast(node: Node) -> Result:
    """A cast to the dtype that x has."""
    (x,) = node.operands
    return x if x.type.dtype == node.results[0].type.dtype else None


def as_size(node: Node) -> Result:
    """A size that has a name already."""
    (x,) = node.operands
    size = node.results[0].content
    return x if x.content is not None and None not in x.content and x.content == size else None


def check_sizes(node: Node) -> Result:
    """A check of two sizes that compare as it says."""
    pair, relation = node.operands[0].content, node.attrs["relation"]
    if pair is None or None in pair:
        return None
    # Of two sizes that broadcast the second may have been taken for the result's: only the first may be 1.
    holds = pair[0] == pair[1] or (relation == "broadcasts" and pair[0] == 1) or (
        relation == ">=" and nonnegative(sub(*pair)))
    return () if holds else None


# --- movement ----------------------------------------------------------------------------------------------------

def transpose(node: Node) -> Result:
    """Transposes composed; the identity dropped."""
    (x,), perm = node.operands, node.attrs["perm"]
    if list(perm) == list(range(len(perm))):
        return x
    if x.node is not None and is_op(x, "transpose"):
        return call("transpose", x.node.operands[0], perm=tuple(x.node.attrs["perm"][p] for p in perm))
    return None


def reverse(node: Node) -> Result:
    """reverse reverse x; nothing reversed."""
    (x,), axes = node.operands, node.attrs["axes"]
    if not axes:
        return x
    inner = x.node
    same = inner is not None and is_op(x, "reverse") and sorted(inner.attrs["axes"]) == sorted(axes)
    return inner.operands[0] if same and inner is not None else None


def reshape(node: Node) -> Result:
    """A reshape, expand_dims or squeeze of another one that leads back; a reshape to the same shape."""
    x, shape = node.operands[0], _shape(node.results[0])
    if shape is None:
        return None
    if _shape(x) == shape:
        return x
    inner = x.node
    if inner is None or inner.op.name not in ("reshape", "expand_dims", "squeeze"):
        return None
    if _shape(inner.operands[0]) == shape:
        return inner.operands[0]
    if node.op.name == "reshape":
        return call_node("reshape", inner.operands[0], node.operands[1]).results
    return None


def broadcast(node: Node) -> Result:
    """A broadcast to the same shape; of another broadcast."""
    x, shape = node.operands
    if _shape(x) is not None and _shape(x) == _shape(node.results[0]):
        return x
    if x.node is not None and is_op(x, "broadcast") and fixed(x):
        return call("broadcast", x.node.operands[0], shape)
    return None


def slice_(node: Node) -> Result:
    """A slice that takes everything; a slice of one operand of a concat."""
    (x,), result = node.operands, _shape(node.results[0])
    if result is None or any(s != 1 for s in node.attrs["strides"]):
        return None
    if _shape(x) == result and all(s == 0 for s in node.attrs["starts"]):
        return x
    return _of_concat(node, x, result) if is_op(x, "concat") else None


def _of_concat(node: Node, x: Value, result: Sequence[Dim]) -> Result:
    joined = x.node
    assert joined is not None
    axis = joined.attrs["axis"] % len(result)
    starts = list(node.attrs["starts"])
    for part in joined.operands:
        shape = _shape(part)
        if shape is None:
            return None
        left = sub(shape[axis], result[axis])
        behind = sub(left, starts[axis])
        inside = isinstance(starts[axis], int) and starts[axis] >= 0
        if inside and isinstance(behind, int) and behind >= 0:
            return call("slice", part, starts=tuple(starts), strides=node.attrs["strides"], sizes=tuple(result))
        starts[axis] = sub(starts[axis], shape[axis])
    return None


def concat(node: Node) -> Result:
    """A concat of one; of concats along the same axis."""
    if len(node.operands) == 1:
        return node.operands[0]
    rank = node.results[0].tensor.rank
    if not rank or any(v.tensor.rank != rank for v in node.operands):
        return None
    flat = pieces(node.operands, node.attrs["axis"] % rank)
    return None if len(flat) == len(node.operands) else call("concat", *flat, axis=node.attrs["axis"])


def pieces(values: Sequence[Value], axis: int) -> list[Value]:
    """What values are joined of along an axis, however deep."""
    found: list[Value] = []
    stack = list(reversed(values))
    while stack:
        v = stack.pop()
        if v.node is not None and is_op(v, "concat") and v.node.attrs["axis"] % (v.tensor.rank or 1) == axis:
            stack += reversed(v.node.operands)
        else:
            found.append(v)
    return found


# --- sums of parts -----------------------------------------------------------------------------------------------

def unslice(node: Node) -> Result:
    """An unslice that covers everything."""
    x = node.operands[0]
    plain_ = all(s == 1 for s in node.attrs["strides"]) and all(s == 0 for s in node.attrs["starts"])
    return x if plain_ and _shape(x) is not None and _shape(x) == _shape(node.results[0]) else None


LONGEST = 64
"""Terms of a sum that are looked at together."""


def terms(value: Value) -> list[Value]:
    """The terms of a sum, left to right; the value itself if it is none, or too long a one."""
    found: list[Value] = []
    stack = [value]
    while stack:
        v = stack.pop()
        if v.node is not None and is_op(v, "add") and len(found) + len(stack) < LONGEST:
            stack += v.node.operands[::-1]
        else:
            found.append(v)
    return found


def adjacent(first: Value, second: Value) -> int | None:
    """The axis along which two parts of one shape stand side by side, `first` in front."""
    a, b = first.node, second.node
    if a is None or b is None or first.type != second.type or not {a.op.name, b.op.name} == {"unslice"}:
        return None
    x, y = _shape(a.operands[0]), _shape(b.operands[0])
    if x is None or y is None or a.attrs["value"] != 0 or b.attrs["value"] != 0:
        return None
    if any(s != 1 for s in (*a.attrs["strides"], *b.attrs["strides"])):
        return None
    differ = [i for i, (s, e) in enumerate(zip(a.attrs["starts"], b.attrs["starts"], strict=True)) if s != e]
    if len(differ) != 1 or any(x[i] != y[i] for i in range(len(x)) if i != differ[0]):
        return None
    axis = differ[0]
    return axis if sub(b.attrs["starts"][axis], a.attrs["starts"][axis]) == x[axis] else None


def _beside(parts: Sequence[Value]) -> tuple[int, int, int] | None:
    for i, first in enumerate(parts):
        for j, second in enumerate(parts):
            axis = adjacent(first, second) if i != j else None
            if axis is not None:
                return i, j, axis
    return None


def parts(node: Node) -> Result:
    """A sum in which parts of one value stand side by side: they are joined, not added."""
    found = terms(node.results[0])
    if sum(is_op(v, "unslice") for v in found) < 2:
        return None
    pair = _beside(found)
    if pair is None:
        return None
    while pair is not None:
        i, j, axis = pair
        a, b = found[i].node, found[j].node
        assert a is not None and b is not None
        joined = call("concat", *pieces((a.operands[0], b.operands[0]), axis), axis=axis)
        part = call_node("unslice", joined, a.operands[1], starts=a.attrs["starts"], strides=a.attrs["strides"])
        whole = unslice(part)
        found[i] = whole if isinstance(whole, Value) else part.results[0]
        del found[j]
        pair = _beside(found)
    total = found[0]
    for v in found[1:]:
        total = call("add", total, v)
    return total


def _rule(name: str, ops: str, function: Callable[[Node], Result]) -> Rule:
    return Rule(name, tuple(ops.split()), kept(function))


RULES = (
    _rule("add_zero", "add", add), _rule("add_parts", "add", parts), _rule("sub_zero", "sub", subtract),
    _rule("mul_one", "mul", multiply), _rule("div_one", "div", divide), _rule("twice", "neg logical_not", undone),
    _rule("logic", "logical_and logical_or", logic), _rule("select", "select", select),
    _rule("identity", "identity stop_gradient", handed_on), _rule("cast", "cast", cast),
    _rule("as_size", "as_size", as_size),
    Rule("check_sizes", ("check_sizes",), check_sizes),
    _rule("transpose", "transpose", transpose), _rule("reverse", "reverse", reverse),
    _rule("reshape", "reshape expand_dims squeeze", reshape), _rule("broadcast", "broadcast", broadcast),
    _rule("slice", "slice", slice_), _rule("concat", "concat", concat), _rule("unslice", "unslice", unslice))
"""The rules by op; `constants` is offered every op."""
