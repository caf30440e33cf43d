"""Provenance of what passes make: a new node comes from where the node that it replaces came from.

    with tracing(builder, node, "fold"):
        call("neg", x)                     # has the line and scope of `node`, and "fold" among its passes
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from rnngraph.ir.graph import Builder, Node, building


class _Traced(Builder):
    """Appends through another builder, with the provenance of the node being rewritten."""

    def __init__(self, inner: Builder, node: Node, mark: str) -> None:
        super().__init__(inner.graph, inner.parent)
        self.inner, self.old, self.mark = inner, node, mark

    def node(self, *args: Any, **kwargs: Any) -> Node:
        """Append one node."""
        # Made here, since most rules that are asked make nothing.
        origin = replace(self.old.origin, passes=(*self.old.origin.passes, self.mark))
        return self.inner.node(*args, **{**kwargs, "name": kwargs.get("name") or self.old.name, "origin": origin})


def tracing(builder: Builder, node: Node, mark: str) -> AbstractContextManager[Builder]:
    """Make `builder` the one that `call` appends to, for nodes that `node` becomes in the pass `mark`."""
    return building(_Traced(builder, node, mark))
