"""What folding keeps: a value of another type, or one that knows less, stands for none."""

from __future__ import annotations

from rnngraph.ir.graph import Builder, Graph, building, call
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.types import float32, int32, tensor
from rnngraph.passes.folding import _stands_for


def test_what_stands_for_what() -> None:
    n = Symbol("n").dim
    builder = Builder(Graph())
    x, y = builder.param(tensor(float32, [n])), builder.param(tensor(float32, [3]))
    size, other = builder.param(tensor(int32), (n,)), builder.param(tensor(int32), None)
    with building(builder):
        found, counted = call("identity", x), call("identity", size)
    for node, old in ((found.node, found), (counted.node, counted)):
        assert node is not None and _stands_for(node, old, node.operands[0], ())
    assert found.node is not None and not _stands_for(found.node, found, y, ()), "another type"
    assert counted.node is not None and not _stands_for(counted.node, counted, other, ()), "a size that it does not tell"
