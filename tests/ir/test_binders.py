"""A size that nothing binds: engines refuse the program, and passes keep what binds."""

from __future__ import annotations

import numpy as np
import pytest

from rnngraph.backends import load
from rnngraph.errors import InternalError
from rnngraph.ir.binders import binds, first_unbound, named, names
from rnngraph.ir.graph import Array, Builder, Graph
from rnngraph.ir.literals import ParseError
from rnngraph.ir.parser import parse
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.types import ListType, bool_, float32, tensor
from rnngraph.ir.verify import VerifyError, verify
from rnngraph.ir.walk import Rebuilder
from rnngraph.passes.fuse import fuse
from rnngraph.passes.tools.prune import prune
from rnngraph.runtime.interface import Options

COUNTED = """
graph @main(%x: bool[n]) {
  %i = where_indices %x : i64[k,1]
  %s = sizes {dims=[k], scalar=true} : i32[]
  %y = cast %s {dtype=f32} : f32[]
  return %y
}
"""


def without(graph: Graph, op: str) -> Graph:
    """The program without the nodes of an op, whose results must not be read."""
    return Rebuilder(lambda rb, node: None).graph(graph, roots={n for n in graph.nodes if n.op.name != op})


def test_what_binds_is_found() -> None:
    graph = parse(COUNTED)
    assert first_unbound(graph) is None
    [k] = binds(graph.nodes[0])
    assert named(graph.nodes[1]) == {k} and names(graph.nodes[1]) == {k}
    missing = first_unbound(without(graph, "where_indices"))
    assert missing is not None and missing.symbol is k and missing.node is not None and missing.node.op.name == "sizes"


def test_a_list_binds_its_length_only() -> None:
    rows = parse("graph @f(%l: list[n]<f32[?,2]>) {\n  %s = sizes {dims=[n], scalar=true} : i32[]\n  return %s\n}\n")
    assert first_unbound(rows) is None
    with pytest.raises(ParseError, match="a bound size: k must stand alone"):
        parse("graph @f(%l: list[n]<f32[k,2]>) {\n  return %l\n}\n")
    builder = Builder(Graph())
    builder.graph.seal([builder.param(ListType(tensor(float32, (Symbol("k").dim, 2)), 3))])
    missing = first_unbound(builder.graph)
    assert missing is not None and missing.symbol.hint == "k"


@pytest.mark.parametrize("own", [2, None])
def test_lists_of_either_branch_have_no_size_of_their_own_to_tell(own: int | None) -> None:
    """Whatever the branches' elements have in common is known of the result's; nothing stands for what differs."""
    builder = Builder(Graph())
    flag, x = builder.param(tensor(bool_, ())), builder.param(tensor(float32, (Symbol("n").dim, 3)))
    regions = []
    for element in (x.type, tensor(float32, (own, 3))):
        inner = builder.region("branch")
        none = inner.node("constant", [], {"value": Array(np.int32(0))}).results[0]
        inner.graph.seal(inner.node("list_new", [none], {"element": element}).results)
        regions.append(inner.graph)
    [made] = builder.node("if", [flag], {}, regions).results
    assert made.type == ListType(tensor(float32, (None, 3)), 0)


@pytest.mark.parametrize("engine", ["reference", "llvm"])
def test_engines_refuse_a_size_that_nothing_binds(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNNGRAPH_VERIFY", raising=False)  # the rule holds without the verifier
    broken = without(parse(COUNTED), "where_indices")
    with pytest.raises(InternalError, match="the size 'k' is used here"):
        load(engine).compile(broken, Options())


def test_a_size_of_a_region_is_not_visible_outside() -> None:
    symbol = Symbol("k")
    builder = Builder(Graph())
    inner = builder.region("branch")
    inner.graph.binds.add(symbol)
    made = builder.node("sizes", [], {"dims": (symbol.dim,)})
    builder.graph.seal(made.results)
    assert first_unbound(builder.graph) is not None


def test_pruning_and_fusing_keep_what_binds() -> None:
    graph = parse(COUNTED)
    for step in (lambda g: prune(g, keep_effects=True, closed=True), fuse):
        graph = step(graph)
        assert first_unbound(graph) is None
        assert [n.op.name for n in graph.nodes][0] == "where_indices"


def test_a_kernel_does_not_read_its_reduction() -> None:
    graph = parse("""
graph @main(%x: f32[3]) {
  %y = fused captures(%z=%x) {
    %e = exp %z : f32[3]
    %r = reduce_sum %e {keep=true} : f32[1]
    %s = sizes {dims=[3]} : i32[1]
    %b = broadcast %r, %s : f32[3]
    %d = div %e, %b : f32[3]
    yield %d
  } : f32[3]
  return %y
}
""")
    with pytest.raises(VerifyError, match="nothing in it can read"):
        verify(graph, closed=True)
