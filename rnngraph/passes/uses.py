"""Who reads a value, through the captures of loops and branches.

    %l = list_new %n                                                    uses of %l: list_unstack 0
    %m = list_unstack %l, %x                                            uses of %m: list_read 0 (in the body)
    loop %n captures(%M=%m) ... do(%t) { %x = list_read %M, %t ... }
"""

from __future__ import annotations

from typing import NamedTuple

from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.walk import users
from rnngraph.ops.control import parts


class Use(NamedTuple):
    """Operand `index` of `node`; a result of `graph` if there is no node."""

    node: Node | None
    index: int
    graph: Graph


class Uses:
    """The uses of values of one program, found when asked for."""

    def __init__(self) -> None:
        self.users: dict[Graph, dict[Value, list[Node]]] = {}

    def here(self, value: Value) -> list[Use]:
        """Uses in the value's own graph."""
        graph = value.graph
        if graph not in self.users:
            self.users[graph] = users(graph)
        found = [Use(n, i, graph) for n in dict.fromkeys(self.users[graph].get(value, ()))
                 for i, v in enumerate(n.operands) if v is value]
        return found + [Use(None, i, graph) for i, v in enumerate(graph.results) if v is value]

    def read(self, value: Value) -> bool:
        """Whether anything in its own graph reads the value."""
        return bool(self.here(value))

    def all(self, value: Value) -> list[Use]:
        """Uses in the value's graph and, where it is captured, in regions."""
        found = []
        for use in self.here(value):
            inner = captured(use)
            if inner is None:
                found.append(use)
            for param in inner or ():
                found += self.all(param)
        return found


def captured(use: Use) -> list[Value] | None:
    """The parameters that hand an operand into regions unchanged; None if that is not what the use does."""
    node, i = use.node, use.index
    if node is None or not node.regions:
        return None
    if node.op.name == "loop":
        first = len(node.operands) - len(parts(node).captures)
    else:
        first = 1 if node.op.name == "if" else 0
    behind = len(node.operands) - i
    return [r.params[len(r.params) - behind] for r in node.regions] if i >= first else None
