"""Who reads a value, through the captures of loops and branches.

    %l = list_new %n                                                    uses of %l: list_unstack 0
    %m = list_unstack %l, %x                                            uses of %m: list_read 0 (in the body)
    loop %n captures(%M=%m) ... do(%t) { %x = list_read %M, %t ... }
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.layout import counts, parts
from rnngraph.ir.walk import all_nodes, users


class Use(NamedTuple):
    """Operand `place` of `node`; a result of `graph` if there is no node."""

    node: Node | None
    place: int
    graph: Graph


class Uses:
    """The uses of values of one program, found when asked for. `owners` says whose region a graph is."""

    def __init__(self, program: Graph) -> None:
        self.users: dict[Graph, dict[Value, list[Node]]] = {}
        self.owners = {region: node for node in all_nodes(program) for region in node.regions}

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
    node, i = use.node, use.place
    if node is None or not node.regions:
        return None
    behind = len(node.operands) - i
    return [r.params[len(r.params) - behind] for r in node.regions] if i >= counts(node).captures else None


def source(value: Value, owners: Mapping[Graph, Node]) -> Value | None:
    """What a region's parameter is outside: what it captures, or the value in another loop that its rows stack."""
    node = owners.get(value.graph)
    if node is None or value.node is not None or node.op.name not in ("loop", "if"):
        return None
    behind = len(value.graph.params) - value.index
    if behind <= len(node.operands) - counts(node).captures:
        return node.operands[len(node.operands) - behind]
    p = parts(node)
    return stacked(p.rows[p.body_rows.index(value)]) if value in p.body_rows else None


def stacked(stack: Value) -> Value | None:
    """The value, in the body of the loop that made a stack, that each row is."""
    node = stack.node
    if node is None or node.op.name != "loop" or stack not in parts(node).stacks:
        return None
    return parts(node).body.results[stack.index]
