"""substitute_sizes: sizes written in other sizes, everywhere in a program. A tool of passes that find two sizes to be one.

    %m = as_size %n : i32[] = k                      %m = as_size %n : i32[] = k
    %p = as_size %n : i32[] = j         {j: k}       %p = as_size %n : i32[] = k
    %z = broadcast %x, %s : f32[j]      ----->       %z = broadcast %x, %s : f32[k]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from rnngraph.ir.graph import Builder, Graph, Node, Value
from rnngraph.ir.sizes import Dim, Expr, Symbol, substitute
from rnngraph.ir.types import ListType, TensorType
from rnngraph.ir.walk import Rebuilder, map_dims


def renamed_attr(value: Any, sizes: Mapping[Symbol, Dim]) -> Any:
    """An attribute in other sizes."""
    if isinstance(value, Expr):
        return substitute(value, sizes)
    if isinstance(value, (TensorType, ListType)):
        return map_dims(value, lambda d: substitute(d, sizes))
    if isinstance(value, tuple):
        return tuple(renamed_attr(v, sizes) for v in value)
    return value


def renamed_attrs(attrs: Mapping[str, Any], sizes: Mapping[Symbol, Dim]) -> Mapping[str, Any]:
    """All attributes in other sizes; the same object if none changes."""
    found = {k: renamed_attr(v, sizes) for k, v in attrs.items()} if sizes else attrs
    return attrs if all(found[k] is attrs[k] for k in attrs) else MappingProxyType(found)


class _Renamer(Rebuilder):
    def __init__(self, sizes: Mapping[Symbol, Dim]) -> None:
        super().__init__(lambda rb, node: None)
        self.sizes = sizes
        self.written: dict[Dim, Dim] = {}
        """Sizes in other sizes: most of a program's are a few."""

    def graph(self, old: Graph, parent: Builder | None = None, roots: set[Node] | None = None,
              params: Sequence[Value] | None = None) -> Graph:
        """A copy in other sizes; what is written otherwise is not bound any more."""
        new = super().graph(old, parent, roots, params)
        new.binds = {s for s in old.binds if s not in self.sizes}
        for value in new.params:
            self.value_in_place(value)
        return new

    def copy(self, node: Node, operands: Sequence[Value] | None = None,
             regions: Sequence[Graph] | None = None) -> Node:
        """A copy in other sizes."""
        attrs = renamed_attrs(node.attrs, self.sizes)
        new = super().copy(node if attrs is node.attrs else replace(node, attrs=attrs), operands, regions)
        for value in new.results:
            self.value_in_place(value)
        return new

    def value_in_place(self, value: Value) -> None:
        """Write a new value's type and content in other sizes."""
        value.type = map_dims(value.type, self.dim)
        value.content = value.content and tuple(map(self.dim, value.content))

    def dim(self, dim: Dim) -> Dim:
        """A size in other sizes."""
        if dim not in self.written:
            self.written[dim] = substitute(dim, self.sizes)
        return self.written[dim]


def rename(graph: Graph, sizes: Mapping[Symbol, Dim]) -> Graph:
    """`graph` with sizes replaced, by sizes that stay. Each new one must be visible wherever the old one is. No sizes: the
    same object."""
    return _Renamer(sizes).graph(graph) if sizes else graph
