"""What becomes of a node that the first feeds make fail: a `fail` in its place, and the words of its message."""

from __future__ import annotations

from rnngraph.ir.graph import Builder, Node
from rnngraph.ir.types import ListType, TensorType, Type
from rnngraph.ops.shapes import text
from rnngraph.passes.close.facts import Facts


def failing_like(builder: Builder, fail: Node, types: tuple[Type, ...]) -> Node:
    """What raises the error of `fail` where values of these types are wanted."""
    return Builder.node(builder, "fail", [], {**fail.attrs, "types": types}, name=fail.name, origin=fail.origin, types=types)


def shape_text(t: Type, facts: Facts) -> str:
    """A type with the first feeds' sizes, for a message."""
    if not isinstance(t, TensorType) or t.shape is None:
        return "TensorArray" if isinstance(t, ListType) else f"{t.dtype.name} of unknown rank"
    return f"{t.dtype.name} {text(tuple(facts.value(d) for d in t.shape))}"


def runtime_words(message: str) -> str:
    """What a type rule said, in the words of a run."""
    return message if "Incompatible shapes" in message else f"Incompatible shapes: {message}"


def quoted(text: str) -> str:
    """Text that `str.format` gives back as it is."""
    return text.replace("{", "{{").replace("}", "}}")
