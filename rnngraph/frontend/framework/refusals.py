"""What is said of an op or scope that cannot be made: the error's own class, with the op and the user's line."""

from __future__ import annotations

from collections.abc import Sequence

from rnngraph.errors import located
from rnngraph.frontend.framework.places import user_line
from rnngraph.ir.graph import Value
from rnngraph.ir.types import ListType, RefType, Type
from rnngraph.ops.shapes import text


def note_scope(error: Exception, scope: str) -> None:
    """Say in a traceback which op or scope was being made, unless an inner scope has said so."""
    if scope and not any(note.startswith("  scope: ") for note in getattr(error, "__notes__", ())):
        error.add_note(f"  scope: {scope!r}")


def refused(error: Exception, name: str, kind: str, inputs: Sequence[Value]) -> Exception:
    """The same error class, in TensorFlow's words: the op's name and type, the inputs' shapes, and the user's line."""
    line = user_line()
    lines = [line] if line else []
    if not isinstance(error, ValueError):
        return type(error)(located(str(error), op=name, op_type=kind, lines=lines))
    shapes = ", ".join(_shape_text(v.type) for v in inputs)
    given = f" with input shapes: {shapes}" if inputs else ""
    return type(error)(located(f"{str(error).rstrip('.')} for {name!r} (op: {kind!r}){given}.", lines=lines))


def _shape_text(t: Type) -> str:
    if isinstance(t, ListType):
        return "TensorArray"
    return text((t.tensor if isinstance(t, RefType) else t).shape)
