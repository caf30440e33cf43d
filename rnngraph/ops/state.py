"""Variables: references, reads, writes. The close step turns them into parameters and results of the graph.

`scatter` writes carry the pure op that makes the new value in attribute `with_`, so state adds no arithmetic of its own.
"""

from __future__ import annotations

from typing import Any

from rnngraph.ir.kinds import State
from rnngraph.ir.op import Attr, OpDef, Site, register
from rnngraph.ir.types import RefType, TensorType, Type, bool_


def _engine(*_: Any) -> Any:
    raise NotImplementedError("state is gone before an engine runs a graph")


def _referenced(site: Site) -> TensorType:
    ref = site.types[0]
    if not isinstance(ref, RefType):
        raise TypeError(f"a variable is wanted, but this is a {ref}")
    return ref.tensor


VARIABLE = register(OpDef(
    name="variable", doc="A reference to the variable called `key` in the session's store. Source: tf.Variable.",
    infer=lambda site: (RefType(site.attrs["type"]),), reference=_engine, kind=State(), effects="reads",
    attrs={"key": Attr("str"), "type": Attr("type")}))


def _read_gradient(g: Any, cotangent: Any) -> tuple[Any]:
    return (cotangent,)


READ = register(OpDef(
    name="read", doc="The variable's value: before the run's writes, or after those that the read is ordered after.",
    infer=lambda site: (_referenced(site),), reference=_engine, kind=State(), effects="reads",
    gradient=_read_gradient, fails=True, attrs={"cached": Attr("bool", False)}))
"""`cached`: one value for the whole run, also in loops that write the variable (a caching device)."""


def _infer_assign(site: Site) -> tuple[Type, ...]:
    old, new = _referenced(site), site.tensor(1)
    if old.dtype != new.dtype:
        raise TypeError(f"the variable holds {old.dtype.name}, but the value is {new.dtype.name}")
    if not site.attrs["validate_shape"]:
        return (new,)
    if old.shape is None or new.shape is None:
        return (old if new.shape is None else new,)
    if len(old.shape) != len(new.shape):
        raise ValueError(f"Dimensions must be equal: the variable has shape {old.shape}, the value {new.shape}")
    return (old.with_shape(tuple(site.sizes.same(a, b, "the assignment")
                                 for a, b in zip(old.shape, new.shape, strict=True))),)


ASSIGN = register(OpDef(
    name="assign", doc="Writes the variable; gives the new value. Source: tf.assign.", infer=_infer_assign,
    reference=_engine, kind=State(), effects="writes", attrs={"validate_shape": Attr("bool", True)}))

UPDATE = register(OpDef(
    name="update",
    doc="value = with_(value, *operands): assign_add, assign_sub, scatter_*; gives the new value.",
    infer=lambda site: (_referenced(site),), reference=_engine, kind=State(), effects="writes", fails=True,
    attrs={"with_": Attr("str")}))

INITIALIZED = register(OpDef(
    name="is_initialized", doc="Whether the variable has a value. Source: tf.is_variable_initialized.",
    infer=lambda site: (TensorType(bool_, ()),), reference=_engine, kind=State(), effects="reads"))

PLACEHOLDER = register(OpDef(
    name="placeholder", doc="A value that must be fed; a parameter once it is. Source: tf.placeholder.",
    infer=lambda site: (site.attrs["type"],), reference=_engine, kind=State(), fails=True,
    attrs={"type": Attr("type")}))
