"""One op for all products of tensors: a contraction with axis letters; and bias addition."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnngraph.ir.graph import Value, call
from rnngraph.ir.kinds import Contraction, Letters
from rnngraph.ir.op import Attr, Call, Site
from rnngraph.ir.sizes import Dim
from rnngraph.ir.types import TensorType
from rnngraph.ops.build import expand_axes, shape_of
from rnngraph.ops.declare import REALS, check_kind, composite, declare, invalid
from rnngraph.ops.shapes import ranked, same_dtype


def letters(spec: str) -> tuple[str, str, str]:
    """The letters of a, of b and of the result. Raises ValueError for a spec that is not well formed."""
    inputs, arrow, out = spec.partition("->")
    a, comma, b = inputs.partition(",")
    parts = (a, b, out)
    if not arrow or not comma or any(len(set(p)) != len(p) for p in parts) or set(out) - set(a) - set(b):
        raise ValueError(f"{spec!r} is not a contraction: it must read like 'bi,ih->bh', each letter once an operand.")
    return parts


def _contract_type(site: Site) -> TensorType:
    a, b, out = letters(site.attrs["spec"])
    dtype = same_dtype(site, (0, 1))
    check_kind(dtype, REALS)
    sizes: dict[str, Dim] = dict(zip(a, ranked(site, 0, len(a), "the first input"), strict=True))
    for i, (letter, d) in enumerate(zip(b, ranked(site, 1, len(b), "the second input"), strict=True)):
        sizes[letter] = d if letter not in sizes else site.sizes.same(
            sizes[letter], d, f"axis {a.index(letter)} of the first input and axis {i} of the second")
    return TensorType(dtype, tuple(sizes[letter] for letter in out))


def _contract(call: Call, a: Any, b: Any) -> Any:
    """As one stacked matrix product, after summing what only one operand has: NumPy's fastest way."""
    x, y, out = letters(call.attrs["spec"])
    for i, (value, axes) in enumerate(((a, x), (b, y))):
        if value.ndim != len(axes):
            raise invalid(f"Shape must be rank {len(axes)} but is rank {value.ndim} for input {i}")
    dtype = a.dtype
    if dtype == np.float16:
        a, b = a.astype(np.float32), b.astype(np.float32)
    a, x = _without(a, x, set(y) | set(out))
    b, y = _without(b, y, set(x) | set(out))
    batch = [c for c in out if c in x and c in y]
    inner = [c for c in x if c in y and c not in out]
    left, right = [c for c in x if c not in y], [c for c in y if c not in x]
    size = dict(zip(x + y, a.shape + b.shape, strict=True))
    lead = tuple(size[c] for c in batch)
    m, k, n = (int(np.prod([size[c] for c in part], dtype=np.int64)) for part in (left, inner, right))
    a = a.transpose([x.index(c) for c in batch + left + inner]).reshape((*lead, m, k))
    b = b.transpose([y.index(c) for c in batch + inner + right]).reshape((*lead, k, n))
    found = np.matmul(a, b).reshape(lead + tuple(size[c] for c in left + right))
    return found.transpose([(batch + left + right).index(c) for c in out]).astype(dtype, copy=False)


def _without(a: Any, names: str, kept: set[str]) -> tuple[Any, str]:
    """Sum over the letters that are not kept."""
    gone = tuple(i for i, c in enumerate(names) if c not in kept)
    return (a.sum(axis=gone, dtype=a.dtype), "".join(c for c in names if c in kept)) if gone else (a, names)


def _cotangent(c: Value, out: str, other: Value, theirs: str, operand: Value, ours: str) -> Value:
    """Contract the cotangent with the other operand; a letter summed within the operand alone is spread again."""
    spread = [i for i, letter in enumerate(ours) if letter not in out and letter not in theirs]
    found = "".join(letter for i, letter in enumerate(ours) if i not in spread)
    value = call("contract", c, other, spec=f"{out},{theirs}->{found}")
    return call("broadcast", expand_axes(value, spread), shape_of(operand)) if spread else value


def _contract_rule(g: Any, c: Value) -> list[Value]:
    a, b = g.operands
    x, y, out = letters(g.attrs["spec"])
    return [_cotangent(c, out, b, y, a, x), _cotangent(c, out, a, x, b, y)]


def _spelled(found: Letters) -> dict[str, Any]:
    return {"spec": f"{found.a},{found.b}->{found.out}"}


declare("contract", "a b", "The sum of products over the letters of `spec` that the result lacks: `bi,ih->bh`.",
        Contraction(lambda attrs: Letters(*letters(attrs["spec"])), _spelled), _contract_type, _contract,
        attrs={"spec": Attr("str")}, gradient=_contract_rule)

# --- bias --------------------------------------------------------------------------------------------------------


def _bias_type(site: Site) -> TensorType:
    x = site.tensor(0)
    same_dtype(site, (0, 1))
    (size,) = ranked(site, 1, 1, "the bias")
    if x.shape is None:
        return x
    if not x.shape:
        raise ValueError("Shape must be at least rank 1 but is rank 0 for the value that the bias is added to.")
    return x.with_shape((*x.shape[:-1], site.sizes.same(x.shape[-1], size, "the bias")))


composite("bias_add", "x b", "x plus a vector along the last axis.", _bias_type, lambda operands, attrs:
          operands[0] + operands[1], lambda call, x, b: x + b,
          gradient=lambda g, c: [c, call("unbroadcast", c, shape_of(g.operands[1]))])
