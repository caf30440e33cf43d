"""Builders of backward regions: they see the forward region's values.

A backward rule may use any forward value. Where the rule builds into the backward region of a loop or branch, a value of
the forward region is not visible; the builder finds what stands for it there:

    a parameter that captures   the captured value        a row parameter   the same row, of the original rows
    the step number             trips - 1 - t             a constant        a copy of the constant
    anything else               its history: one row a step of a loop, the value itself of a branch
"""

from __future__ import annotations

from rnngraph.ir.binders import bound_inside
from rnngraph.ir.graph import Builder, Graph, Node, Value, building, call
from rnngraph.ir.layout import parts, row_type
from rnngraph.ir.types import Type, tensor
from rnngraph.ops.control import HISTORY, INDEX, hidden, history_type, numbered


class Mirror(Builder):
    """Builds the backward region of `node`'s region number `which`."""

    def __init__(self, parent: Builder, node: Node, which: int) -> None:
        super().__init__(Graph(f"{node.regions[which].name}_grad", parent.graph), parent)
        self.node_ = node
        self.which = which
        self.forward = node.regions[which]
        self.found: dict[Value, Value] = {}
        self.by_path: dict[tuple[int, ...], Value] = {}

    def region(self, name: str = "") -> Builder:
        """A plain region inside this one."""
        return Builder(Graph(name, self.graph), self)

    def local(self, value: Value) -> Value:
        """`value` or what stands for it in this region."""
        if value.graph is self.forward:
            if value not in self.found:
                self.found[value] = self.stand_in(value)
            return self.found[value]
        return super().local(value)

    def stand_in(self, value: Value) -> Value:
        """What stands for a value of the forward region."""
        node = value.node
        if node is None:
            return self.parameter(value)
        if node.op.name == "constant":
            return self.node(node.op, (), node.attrs, origin=node.origin).results[0]
        return self.past((self.which, numbered(self.forward).index(value)), value.type)

    def parameter(self, value: Value) -> Value:
        """What stands for a parameter of the forward region."""
        raise NotImplementedError

    def past(self, path: tuple[int, ...], t: Type) -> Value:
        """The value at `path` inside `node_`, whose type in its own region is `t`, as it was at this step."""
        raise NotImplementedError


def history(builder: Builder, node: Node, path: tuple[int, ...], t: Type) -> Value:
    """The history of what is at `path` in `node`, whose type is `t` there, as `builder` may use it."""
    if isinstance(builder, Mirror) and node.graph is builder.forward:
        inner = history_type(node, t)
        index = builder.forward.nodes.index(node)
        return builder.past((builder.which, index, *path), inner)
    if node.graph is not builder.graph:
        assert builder.parent is not None
        return builder.local(history(builder.parent, node, path, t))
    if (node, path) not in builder.histories:
        made = builder.node(HISTORY, [node.results[-1]], {"path": path}, types=[history_type(node, t)])
        builder.histories[node, path] = made.results[0]
    return builder.histories[node, path]


class LoopMirror(Mirror):
    """Builds the body of a loop's backward loop; rows are added as rules ask for them."""

    def __init__(self, parent: Builder, node: Node) -> None:
        super().__init__(parent, node, len(node.regions) - 1)
        self.p = parts(node)
        self.step = self.param(tensor(INDEX, ()), None, "t")
        self.row_params: list[Value] = []
        self.row_operands: list[Value] = []

    def row(self, outer: Value, hint: str = "") -> Value:
        """A parameter that reads one row a step of `outer`, a value of the graph around the loop."""
        bound = bound_inside(self.forward)
        param = Value(hidden(row_type(outer.type), bound), None, self.graph, None, -1, hint)
        self.row_params.append(param)
        self.row_operands.append(outer)
        return param

    def place_rows(self) -> None:
        """Append the row parameters; carries come before, captures after."""
        for param in self.row_params:
            param.index = len(self.graph.params)
            self.graph.params.append(param)

    def parameter(self, value: Value) -> Value:
        """See the module's table."""
        p, i = self.p, value.index
        assert self.parent is not None
        if i == 0:
            with building(self):
                one = call("ones_like", self.step)
                return call("sub", call("sub", self.local(p.trips), one), self.step)
        if i > len(p.carry) + len(p.rows):
            return self.local(p.captures[i - 1 - len(p.carry) - len(p.rows)])
        if i > len(p.carry):
            return self.row(self.parent.local(p.rows[i - 1 - len(p.carry)]), value.hint)
        return self.past((self.which, i), value.type)

    def past(self, path: tuple[int, ...], t: Type) -> Value:
        """One row of the history."""
        if path not in self.by_path:
            assert self.parent is not None
            self.by_path[path] = self.row(history(self.parent, self.node_, path, t))
        return self.by_path[path]


class BranchMirror(Mirror):
    """Builds a branch of an `if`'s backward `if`."""

    def parameter(self, value: Value) -> Value:
        """What the branch captured."""
        return self.local(self.node_.operands[1 + value.index])

    def past(self, path: tuple[int, ...], t: Type) -> Value:
        """The value, which exists since the same branch ran."""
        if path not in self.by_path:
            assert self.parent is not None
            self.by_path[path] = super(Mirror, self).local(history(self.parent, self.node_, path, t))
        return self.by_path[path]
