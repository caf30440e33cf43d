"""Each rule of the verifier broken once, in text where text can say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

import rnngraph.ops as ops
import rnngraph.ops.control as control
import rnngraph.ops.state as state
from rnngraph.ir.graph import Builder, Graph, Node, Value, building, call
from rnngraph.ir.layout import LayoutError, slots
from rnngraph.ir.op import OpDef
from rnngraph.ir.parser import ParseError, parse
from rnngraph.ir.sizes import Symbol, mul
from rnngraph.ir.types import RefType, tensor
from rnngraph.ir.verify import VerifyError, verify
from rnngraph.ir.walk import rebuild
from tests.support.random_graphs import random_graph, random_open_graph

assert ops and state

GOOD = """
graph @m(%x: f32[T,B,4], %h: f32[B,4], %w: f32[4,4], %n: i32[] = T, %p: bool[]) {
  %f, %s, %k = loop %n captures(%u=%w) carry(%c=%h) rows(%r=%x) do(%t) {
    %a = contract %c, %u {spec="bi,ij->bj"} : f32[B,4]
    %b = add %a, %r : f32[B,4]
    yield carry(%b) stacks(%b)
  } : f32[B,4], f32[T,B,4], i32[] = T
  %i = if %p captures(%y=%f) then {
    %z = tanh %y : f32[B,4]
    yield %z
  } else {
    yield %y
  } : f32[B,4]
  %g, %v = loop carry(%q: f32[d,4]=%h) while(%t) {
    %l = constant {value=i32(3)} : i32[]
    %m = less %t, %l : bool[]
    yield %m
  } do(%t) {
    %o = concat %q, %q {axis=0} : f32[2*d,4]
    yield carry(%o)
  } : f32[d.1,4], i32[] = trips
  return %i, %s, %g, %v
}
"""


def test_a_good_program_passes() -> None:
    verify(parse(GOOD), closed=True)
    verify(parse(GOOD), closed=False)


def test_random_programs_pass(graphs: int) -> None:
    for seed in range(graphs):
        graph, _ = random_graph(np.random.default_rng(seed))
        verify(graph, closed=True)
        verify(rebuild(graph, lambda r, n: None), closed=True)
        builder, results, _ = random_open_graph(np.random.default_rng(seed))
        verify(builder.graph.seal(results), closed=False)


# One edit of GOOD, and what the message must say.
EDITS = [
    ("recorded type", ("add %a, %r : f32[B,4]", "add %a, %r : f32[B,5]"), "recorded as"),
    ("operand count", ("tanh %y :", "tanh %y, %y :"), "takes 1 operands"),
    ("equal shapes", ("add %a, %r", "add %a, %u"), "elementwise operands must have equal shapes"),
    ("type rule", ('spec="bi,ij->bj"', 'spec="bi,jj->bj"'), "is not a contraction"),
    ("attribute kind", ("{axis=0}", '{axis="0"}'), "attribute 'axis' must be of kind int"),
    ("limit", ("loop %n captures", "loop %w captures"), "the limit must be i32[]"),
    ("row", ("rows(%r=%x)", "rows(%r: f32[B,3]=%x)"), "row 0"),
    ("carry against body", ("yield carry(%b)", "yield carry(%u)"), "carry 0 of the do region"),
    ("carry against start", ("carry(%c=%h)", "carry(%c: f32[B,5]=%h)"), "but the initial value is"),
    ("capture", ("captures(%u=%w)", "captures(%u: f32[4,5]=%w)"), "capture 0 of the do region"),
    ("while gives a bool", ("    %m = less %t, %l : bool[]\n    yield %m", "    yield %l"), "the while region yields"),
    ("while gives one", ("yield %m", "yield %m, %m"), "must yield one bool"),
    ("reverse", ("do(%t) {\n    %a", "{reverse=true} while(%t) {\n yield %t }\n do(%t) {\n    %a"), "reverse loop"),
    ("parallel", ("do(%t) {\n    %a", "{parallel_iterations=0} do(%t) {\n    %a"), "parallel_iterations"),
    ("predicate", ("= if %p", "= if %n"), "the predicate must be bool[]"),
    ("branches", ("    %z = tanh %y : f32[B,4]\n    yield %z", "    %z = cast %y {dtype=f64} : f64[B,4]\n    yield %z"),
     "both branches must give the same dtype"),
    ("hidden size", ("f32[d.1,4], i32[] = trips", "f32[B,4], i32[] = trips"), "recorded as"),
    ("content", ("f32[T,B,4], i32[] = T", "f32[T,B,4], i32[] = B"), "recorded to hold"),
    ("capture's content", ("captures(%u=%w)", "captures(%u=%w, %j: i32[] = B = %n)"), "claims to know"),
    ("row of a scalar", ("rows(%r=%x)", "rows(%r=%x, %j: f32[]=%p)"), "read row by row"),
]


@pytest.mark.parametrize("edit, message", [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_one_edit_is_found(edit: tuple[str, str], message: str) -> None:
    assert GOOD.count(edit[0]) == 1
    with pytest.raises(VerifyError) as caught:
        verify(parse(GOOD.replace(*edit)), closed=True)
    assert message in str(caught.value)
    assert "\n> " in str(caught.value), "the place is marked"


@pytest.mark.parametrize("count", [0, 3])
def test_a_loop_has_one_region_or_two(count: int) -> None:
    node = next(n for n in parse(GOOD).nodes if n.op.name == "loop")
    with pytest.raises(LayoutError, match=f"one region or two, but this one has {count}"):
        slots(replace(node, regions=(node.regions * 3)[:count]))


PROGRAMS = [
    ("fixed size changes", "graph @m(%h: f32[B,4], %n: i32[]) { %g, %v = loop %n carry(%q=%h) do(%t) {\n"
     " %o = concat %q, %q {axis=0} : f32[2*B,4]\n yield carry(%o) } : f32[B,4], i32[] = trips\n return %g }",
     "a size that changes must be bound"),
    ("no end", "graph @m() { %v = loop do(%t) { yield } : i32[] = trips\n return %v }", "never ends"),
    ("control edge without order", "graph @m(%x: f32[]) { !1: %a = tanh %x : f32[]\n %b = tanh %x after(!1) : f32[]\n"
     " return %b }", "which has no effects and cannot fail"),
    ("unknown size of a parameter", "graph @m(%x: f32[?]) { return %x }", "has unknown sizes"),
    ("unknown size of a result", "graph @m(%x: f32[3]) { %y = tanh %x : f32[?]\n return %y }", "recorded as"),
    ("unknown rank of a parameter", "graph @m(%x: f32[*]) { return %x }", "has unknown sizes"),
    ("composite", "graph @m(%x: f32[3]) { %y = softmax %x : f32[3]\n return %y }", "composites are expanded"),
    ("variable", 'graph @m() { %v = variable {key="v", type=f32[3]} : ref f32[3]\n return }', "variables and"),
    ("history", "graph @m(%p: bool[], %x: f32[]) {\n"
     " %a = if %p captures(%c=%x) then { yield %c } else { yield %c } : f32[]\n"
     " %b = history %a {path=[0,0]} : f32[1]\n return %b }", "histories"),
    ("hidden attribute size", "graph @m(%x: f32[3]) { %y = sizes {dims=[K]} : i32[1] = [K]\n return %y }",
     "not visible"),
    ("one element of a content", "graph @m(%x: f32[A,B], %p: bool[]) { %n = sizes {dims=[A,B]} : i32[2] = [A,B]\n"
     " %i = if %p captures(%j: i32[2] = [A,A] = %n) then { yield %j } else { yield %j } : i32[2]\n return %i }",
     "claims to know"),
    ("operand dtype", "graph @m(%x: f32[n]) { %y = take %x, %x : f32[n]\n return %y }", "the type rule of op 'take'"),
]


@pytest.mark.parametrize("text, message", [p[1:] for p in PROGRAMS], ids=[p[0] for p in PROGRAMS])
def test_one_program_is_refused(text: str, message: str) -> None:
    with pytest.raises(VerifyError) as caught:
        verify(parse(text), closed=True)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", [
    "graph @m(%x: f32[?,3], %y: f32[*]) { %z = add %x, %y : f32[*]\n return %z }",
    "graph @m(%x: f32[3], %y: f32[2,1]) { %z = add %x, %y : f32[2,3]\n %s = softmax %z : f32[?,3]\n return %s }",
    'graph @m() { %v = variable {key="v", type=f32[3]} : ref f32[3]\n %r = read %v : f32[3]\n return %r }'])
def test_open_graphs_may(text: str) -> None:
    verify(parse(text), closed=False)


def test_host_steps_may_have_unknown_sizes() -> None:
    verify(parse("graph @m(%x: bool[3]) { %w = where_indices %x : i64[n,1]\n return %w }"), closed=True)


def test_open_graphs_refuse_numbers_that_differ() -> None:
    with pytest.raises(VerifyError, match="recorded as"):
        verify(parse("graph @m(%x: f32[2]) { %y = tanh %x : f32[3]\n return %y }"), closed=False)


# --- what text cannot say ----------------------------------------------------------------------------------------

def small() -> tuple[Builder, Value, Node]:
    """x: f32[3], y = tanh(x)."""
    builder = Builder(Graph())
    x = builder.param(tensor("float32", (3,)), None, "x")
    return builder, x, builder.node("tanh", [x])


def refuse(graph: Graph, message: str, closed: bool = True) -> None:
    with pytest.raises(VerifyError, match=message):
        verify(graph, closed=closed)


def edited(node: Node, **changes: object) -> Node:
    """A node with fields changed behind its back."""
    names = ("op", "operands", "attrs", "regions", "results", "graph", "name", "after", "origin")
    fields = {k: changes.get(k, getattr(node, k)) for k in names}
    return Node(**fields)  # type: ignore[arg-type]


def test_sealed() -> None:
    builder, _, node = small()
    builder.graph.results = node.results
    refuse(builder.graph, "not sealed")


def test_results_belong_to_the_graph() -> None:
    builder, _, _ = small()
    refuse(builder.graph.seal([small()[1]]), "result 0 of the graph .* does not belong")


def test_parameters_belong_to_the_graph() -> None:
    builder, x, node = small()
    x.index = 1
    refuse(builder.graph.seal(node.results), "parameter 0 .* does not belong")


def test_a_region_is_no_program() -> None:
    builder, _, _ = small()
    refuse(builder.region().graph.seal(), "is a region")


def put(builder: Builder, *nodes: Node) -> Graph:
    """The builder's graph with these nodes instead."""
    builder.graph.nodes[:] = nodes
    for node in nodes:
        for value in node.results:
            value.node = node
    return builder.graph.seal(nodes[-1].results)


def test_operands_belong_to_the_graph() -> None:
    builder, _, node = small()
    refuse(put(builder, edited(node, operands=(small()[1],))), "a region sees outer values only through its parameters")


def test_operands_are_defined_before_use() -> None:
    builder, _, node = small()
    later = builder.node("neg", node.results)
    refuse(put(builder, later, node), "used before it is defined")


def test_results_belong_to_the_node() -> None:
    builder, _, node = small()
    graph = put(builder, node)
    node.results[0].index = 1
    refuse(graph, "does not belong to the node")


def test_nodes_know_their_graph() -> None:
    builder, _, node = small()
    refuse(put(builder, edited(node, graph=Graph())), "belongs to")


def test_ops_come_from_the_table() -> None:
    builder, _, node = small()
    op = node.op
    fake = OpDef(op.name, op.doc, op.infer, op.reference, op.kind)
    refuse(put(builder, edited(node, op=fake)), "not in the table")


def test_attributes_are_the_schema_s() -> None:
    builder, _, node = small()
    refuse(put(builder, edited(node, attrs=MappingProxyType({"axis": 1}))), "has the attributes")


def test_control_edges_stay_in_the_graph_and_go_backwards() -> None:
    builder, _, node = small()
    refuse(put(builder, edited(node, after=(small()[2],))), "crosses a region's border")
    builder, _, node = small()
    later = builder.node("neg", node.results)
    first = edited(node, after=(later,))
    refuse(put(builder, first, later), "which comes later")


def branches(make: Callable[[Builder], Graph]) -> Graph:
    """A program with an `if` whose second branch is what `make` says."""
    builder = Builder(Graph())
    p, x = builder.param(tensor("bool")), builder.param(tensor("float32"))
    then = builder.region()
    with building(then):
        then.graph.seal([call("neg", x)])
    then.finish_captures()
    node = builder.node("if", [p, x], {}, [then.graph, make(then)], types=[x.type])
    return builder.graph.seal(node.results)


def test_a_region_has_one_owner() -> None:
    refuse(branches(lambda then: then.graph), "owned by two nodes")


def test_a_region_knows_its_parent() -> None:
    def foreign(then: Builder) -> Graph:
        other = Builder(Graph("", Graph()))
        return other.graph.seal([other.param(tensor("float32"))])
    refuse(branches(foreign), "is not a region of this graph")


def test_a_region_is_sealed() -> None:
    def unsealed(then: Builder) -> Graph:
        assert then.parent is not None
        other = then.parent.region()
        other.graph.results = (other.param(tensor("float32")),)
        return other.graph
    refuse(branches(unsealed), "not sealed")


def test_slot_counts() -> None:
    def short(then: Builder) -> Graph:
        assert then.parent is not None
        other = then.parent.region()
        return other.graph.seal([other.param(tensor("float32")), other.param(tensor("float32"))][:1])
    refuse(branches(short), "must take 1 captures, but takes 2")


@pytest.mark.parametrize("count", [1, 3])
def test_a_loop_s_body_takes_the_step_and_what_the_loop_hands_it(count: int) -> None:
    builder = Builder(Graph())
    n, x = builder.param(tensor("int32")), builder.param(tensor("float32"))
    body = builder.region()
    for t in ("int32", "float32", "float32")[:count]:
        body.param(tensor(t))
    last = body.graph.params[-1:]
    body.graph.seal(last)
    wrong = builder.node("loop", [n, x], {"carry": 1, "limited": True}, [body.graph], types=[x.type, n.type])
    refuse(builder.graph.seal([wrong.results[0]]), "the loop.s body must take 2 parameters .*, but takes " + str(count))


def test_sizes_are_bound_here() -> None:
    builder = Builder(Graph())
    x = builder.param(tensor("bool", (Symbol("B").dim,)))
    node = builder.node("where_indices", [x], types=[tensor("int64", (Symbol("C").dim, 1))])
    refuse(builder.graph.seal(node.results), "the size C is used, but bound neither before nor here")


def test_sizes_stand_alone_where_they_are_bound() -> None:
    builder, b = Builder(Graph()), Symbol("B")
    builder.graph.binds.add(b)
    x = builder.param(tensor("float32", (mul(2, b.dim),)))
    refuse(builder.graph.seal([x]), "must stand alone")


def test_sizes_stay_in_their_region() -> None:
    builder = Builder(Graph())
    n, x = builder.param(tensor("int32")), builder.param(tensor("bool", (3,)))
    body = builder.region()
    body.param(tensor("int32"))
    with building(body):
        places = call("where_indices", x)
    (inner,) = body.graph.binds
    body.graph.seal([])
    control.make_loop(builder, body=body, limit=n)
    assert places.shape[0] == inner.dim
    with building(builder):
        made = call("where_indices", x)
    made.type = tensor("int64", (inner.dim, 1))
    builder.graph.binds.add(inner)
    refuse(builder.graph.seal([made]), "is bound in another region and not visible here|claims to bind")


def test_sizes_are_bound_once() -> None:
    builder, b = Builder(Graph()), Symbol("B")
    builder.graph.binds.add(b)
    p, x = builder.param(tensor("bool")), builder.param(tensor("float32", (b.dim,)))
    then, other = builder.region(), builder.region()
    for region in (then, other):
        with building(region):
            region.graph.seal([call("neg", x)])
    then.graph.binds.add(b)
    node = control.make_if(builder, p, then, other)
    refuse(builder.graph.seal(node.results), "a size is bound once")


def test_the_message_shows_the_program_with_a_mark() -> None:
    with pytest.raises(VerifyError) as caught:
        verify(parse(GOOD.replace("add %a, %r : f32[B,4]", "add %a, %r : f32[B,5]")), closed=True)
    lines = str(caught.value).splitlines()
    assert "closed graph 'm'" in lines[0]
    (marked,) = [line for line in lines if line.startswith(">")]
    assert "%b = add %a, %r : f32[B,5]" in marked


def test_broken_slots_can_be_shown() -> None:
    def short(then: Builder) -> Graph:
        assert then.parent is not None
        other = then.parent.region()
        return other.graph.seal([])
    refuse(branches(short), "must take 1 captures, but takes 0")


def test_references_have_no_place_in_closed_graphs() -> None:
    builder = Builder(Graph())
    builder.param(RefType(tensor("float32")))
    refuse(builder.graph.seal(), "reference")


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("limit", ["f32[]", "i32[2]", "i32[*]"])
def test_limits_of_open_graphs_may_have_no_rank_yet(closed: bool, limit: str) -> None:
    graph = parse(f"graph @f(%n: {limit}) {{\n  %k = loop %n do(%t) {{\n    yield\n  }} : i32[] = trips\n  return %k\n}}\n")
    if limit == "i32[*]" and not closed:
        verify(graph, closed=False)
    else:
        refuse(graph, "the limit must be i32|unknown sizes", closed)


def test_a_shape_is_asked_of_a_tensor_of_known_rank() -> None:
    graph = parse("graph @f(%x: f32[*], %l: list[2]<f32[]>) {\n  return %x\n}\n")
    with pytest.raises(ValueError, match="rank .* must be known"):
        _ = graph.params[0].shape
    with pytest.raises(TypeError, match="a tensor is wanted"):
        _ = graph.params[1].shape


@pytest.mark.parametrize("start, stride", [(-1, 1), (0, -1), (2, 1), (3, -2)])
def test_slices_stay_inside(start: int, stride: int) -> None:
    taken = f"slice %x {{starts=[{start}], strides=[{stride}], sizes=[2]}}"
    refuse(parse(f"graph @f(%x: f32[3]) {{\n  %y = {taken} : f32[2]\n  return %y\n}}\n"), "out of bounds")


def test_carries_of_an_open_graph_need_not_be_known_as_well_inside() -> None:
    text = """
graph @m(%x: f32[3], %n: i32[]) {
  %g, %k = loop %n carry(%q: f32[?] = %x) do(%t) {
    %o = tanh %q : f32[?]
    yield carry(%o)
  } : f32[?], i32[] = trips
  return %g
}"""
    verify(parse(text), closed=False)
    with pytest.raises(VerifyError):
        verify(parse(text), closed=True)
    for wrong in ("f32[4]", "f32[?,?]", "i32[3]"):
        with pytest.raises((VerifyError, ParseError)):
            verify(parse(text.replace("%x: f32[3]", f"%x: {wrong}").replace("%q: f32[?]", "%q: f32[3]")), closed=False)
