"""How ops are declared: one call a op, of the helper of its family, which fills the frozen OpDef and registers it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.errors import InvalidArgumentError
from rnngraph.ir.graph import Value
from rnngraph.ir.kinds import Composite, Elementwise, Host, Kind, Reduction
from rnngraph.ir.op import Attr, Call, Content, OpDef, Site, register
from rnngraph.ir.types import DTYPES, DType, TensorType, Type, as_dtype, bool_
from rnngraph.ops.shapes import Shape, broadcast_shapes, reduced, same_dtype

FLOATS, INTS, REALS, BOOLS, ANY = "f", "iu", "fiu", "b", "fiubsc"
"""Kinds of dtypes (`DType.kind`) that an op takes."""

Rule = Callable[..., Sequence[Any]]
Infer = Callable[[Site], Any]


def invalid(message: str) -> InvalidArgumentError:
    """The error of a kernel that was given bad data; the engine adds where it happened."""
    return InvalidArgumentError(None, None, message)


def checked_shape(shape: Sequence[Any]) -> tuple[int, ...]:
    """A shape that data spell, as ints. Raises InvalidArgumentError (phrase: `must be >= 0`) for a negative size."""
    found = tuple(int(n) for n in shape)
    for n in found:
        if n < 0:
            raise invalid(f"Dimension {n} must be >= 0")
    return found


def checked_size(size: Any, what: str) -> int:
    """A size that data spell. Raises InvalidArgumentError (phrase: `must be >= 0`) if it is negative."""
    if size < 0:
        raise invalid(f"{what} must be >= 0, but is {int(size)}")
    return int(size)


def declare(name: str, operands: str, doc: str, kind: Kind, infer: Infer, reference: Callable[..., Any], *,
            attrs: Mapping[str, Attr] | None = None, content: Callable[[Site], Content] | None = None,
            contents: Callable[[Site], tuple[Content, ...] | None] | None = None, gradient: Rule | None = None,
            effects: str = "pure", fails: bool = False) -> OpDef:
    """Register an op. `operands` are names in order, the last one starred if there may be any number.

    `infer` may return one type for an op of one result, and `content` is the rule of such an op's only result.
    """
    names = operands.split()
    least = len(names) - any(n.startswith("*") for n in names)
    schema = dict(attrs or {})
    signature = f"{name}({', '.join(names)})" + (f" {{{', '.join(schema)}}}" if schema else "")

    def typed(site: Site) -> tuple[Type, ...]:
        if len(site.types) != least and not (len(site.types) > least < len(names)):
            raise TypeError(f"op {name!r} takes {least} operands ({', '.join(names)}), but {len(site.types)} were given")
        found = infer(site)
        return found if isinstance(found, tuple) else (found,)

    def only(site: Site) -> tuple[Content, ...]:
        assert content is not None
        return (content(site),)

    return register(OpDef(name, f"{signature}: {doc}", typed, reference, kind, schema,
                          contents if content is None else only, gradient, effects, fails))


def check_kind(dtype: DType, kinds: str, what: str = "") -> None:
    """Raise TypeError (phrase: `not in list of allowed values`) unless the dtype is of one of these kinds."""
    if dtype.kind not in kinds:
        allowed = ", ".join(d.name for d in DTYPES.values() if d.kind in kinds)
        raise TypeError(f"Value passed{' as ' * bool(what)}{what} has DataType {dtype.name} not in list of allowed values: "
                        f"{allowed}")


def result_dtype(call: Call, i: int = 0) -> np.dtype[Any]:
    """The NumPy dtype that the type of result i promises."""
    return as_dtype(call.node.results[i].type.dtype).numpy


# --- elementwise -------------------------------------------------------------------------------------------------

def elementwise(name: str, doc: str, reference: Callable[..., Any], scalar: Callable[..., Any] | None, kinds: str, *,
                grad: Callable[..., Any] | None = None, result: DType | str | None = None,
                attrs: Mapping[str, Attr] | None = None, content: Callable[[Site], Content] | None = None,
                gradient: Rule | None = None, operands: str | None = None, mask: bool = False,
                nonzero: int | None = None) -> OpDef:
    """Declare an op on elements; operands broadcast and have one dtype.

    `scalar(s, *elements, **attrs)` is the body, None for ops that only the reference computes. `grad(g, *operands,
    result)` gives the cotangent of each operand, ignoring broadcasting. `result` is the dtype of the result if that is
    not the operands': a DType, or the name of the attribute that holds it. `mask`: operand 0 is bool, the rest of one
    dtype. `nonzero`: the operand whose elements must not be 0.
    """
    names = operands or _operand_names(scalar, attrs or {})
    first = 1 if mask else 0

    def infer(site: Site) -> Type:
        dtype = same_dtype(site, range(first, len(site.types)))
        check_kind(dtype, kinds)
        if mask:
            check_kind(site.tensor(0).dtype, BOOLS, "the condition")
        shape: Shape = ()
        for i in range(len(site.types)):
            shape = broadcast_shapes(shape, site.tensor(i).shape)
        if result is not None:
            dtype = as_dtype(site.attrs[result]) if isinstance(result, str) else result
        return TensorType(dtype, shape)

    def run(call: Call, *arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.asarray(reference(*arrays, **call.attrs)).astype(result_dtype(call), copy=False)

    def rule(g: Any, cotangent: Value) -> Sequence[Any]:
        assert grad is not None
        made = grad(cotangent, *g.operands, g.results[0])
        return made if isinstance(made, tuple) else (made,)

    return declare(name, names, doc, Host() if scalar is None else Elementwise(scalar, nonzero), infer, run, attrs=attrs,
                   content=content, gradient=gradient if grad is None else rule, fails=nonzero is not None)


def _operand_names(scalar: Callable[..., Any] | None, attrs: Mapping[str, Attr]) -> str:
    """The names of a body's elements are those of the operands."""
    if scalar is None:
        return "x"
    return " ".join(p for p in list(inspect.signature(scalar).parameters)[1:] if p not in attrs)


def comparison(name: str, doc: str, reference: Callable[..., Any], scalar: Callable[..., Any], kinds: str) -> OpDef:
    """Declare an elementwise op with a bool result and no gradient."""
    return elementwise(name, doc, reference, scalar, kinds, result=bool_)


# --- reductions --------------------------------------------------------------------------------------------------

AXES = {"axes": Attr("ints", None), "keep": Attr("bool", False)}
"""Attributes of a reduction: `axes` None means all, which is the only choice while the rank is unknown."""


def reduction_type(name: str, kinds: str) -> Infer:
    """The type rule of reductions."""
    def infer(site: Site) -> Type:
        x = site.tensor(0)
        check_kind(x.dtype, kinds)
        return x.with_shape(reduced(x.shape, site.attrs["axes"], site.attrs["keep"]))
    return infer


def reduction(name: str, doc: str, combine: str, reference: Callable[..., Any], kinds: str, *,
              content: Callable[[Site], Content] | None = None, gradient: Rule | None = None) -> OpDef:
    """Declare a reduction; `reference(x, axes, keep)`."""
    def run(call: Call, x: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.asarray(reference(x, call.attrs["axes"], call.attrs["keep"])).astype(x.dtype, copy=False)

    return declare(name, "x", doc, Reduction(combine), reduction_type(name, kinds), run, attrs=AXES, content=content,
                   gradient=gradient)


# --- composites --------------------------------------------------------------------------------------------------

def composite(name: str, operands: str, doc: str, infer: Infer, expand: Callable[..., Any],
              reference: Callable[..., Any], **more: Any) -> OpDef:
    """Declare an op that close replaces by others.

    `expand(operands, attrs)` gives one value or a sequence of them, or None: cannot be expanded, run the reference. It
    may broadcast implicitly and use other composites, `shape` included.
    """
    def expanded(operands: Sequence[Value], attrs: Mapping[str, Any]) -> Sequence[Value] | None:
        made = expand(operands, attrs)
        return (made,) if isinstance(made, Value) else made

    return declare(name, operands, doc, Composite(expanded), infer, reference, **more)


__all__ = ["ANY", "AXES", "BOOLS", "FLOATS", "INTS", "REALS", "check_kind", "comparison", "composite",
           "declare", "elementwise", "invalid", "reduction", "reduction_type", "result_dtype"]
