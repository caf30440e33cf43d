"""Text: every program survives printing and parsing, canonical text survives parsing and printing."""

from __future__ import annotations

import numpy as np
import pytest

import rnngraph.ops as ops
import rnngraph.ops.state as state
from rnngraph.backends.reference import ReferenceExecutable
from rnngraph.ir.compare import difference, same_graph
from rnngraph.ir.graph import Array, Builder, Frame, Graph, Origin, building, call
from rnngraph.ir.parser import ParseError, parse
from rnngraph.ir.printer import canonical, print_graph, write
from rnngraph.ir.sizes import Symbol, floordiv, minimum, mod, mul
from rnngraph.ir.types import ListType, RefType, TensorType, Type, float32, int32, tensor
from rnngraph.ir.walk import needed
from tests.support.random_graphs import random_graph, random_open_graph

assert ops and state

EXAMPLE = """\
graph @tanh_rnn(%x: f32[T,B,8], %w: f32[8,16], %u: f32[16,16], %h0: f32[B,16], %n: i32[] = T) {
  %h, %ys, %k = loop %n captures(%W=%w, %U=%u) carry(%s=%h0) rows(%xt=%x) {parallel_iterations=8} do(%t) {
    %a = contract %xt, %W {spec="bi,ih->bh"} : f32[B,16]
    %b = contract %s, %U {spec="bh,hk->bk"} : f32[B,16]
    %c = add %a, %b : f32[B,16]
    %y = tanh %c : f32[B,16]
    yield carry(%y) stacks(%y)
  } : f32[B,16], f32[T,B,16], i32[] = T
  return %h, %ys
}
"""

CANONICAL = [
    EXAMPLE,
    "graph @empty() {\n  return\n}\n",
    "graph @f(%x: f32[2*B*T + 1,B,T,min(B, T),max(B, 3),(B // 2),(T % 3)]) {\n  return %x\n}\n",
    "graph @f(%p: bool[], %x: f32[3], %2: i32[]) {\n  %y = if %p captures(%a=%x) then {\n    %b = neg %a : f32[3]\n"
    "    yield %b\n  } else {\n    yield %a\n  } : f32[3]\n  return %y, %y\n}\n",
    "graph @f(%x: f32[3]) {\n  %y, %z = fused captures(%a=%x) {\n    %b = neg %a : f32[3]\n    yield %b, %a\n"
    "  } : f32[3], f32[3]\n  return %y, %z\n}\n",
    "graph @f(%x: bool[]) {\n  !1: assert %x\n  !2: assert %x after(!1)\n  assert %x after(!1,!2)\n  return\n}\n",
    "graph @f(%s: f32[d,4]) {\n  %g, %v = loop carry(%q: f32[d.1,4] = %s) while(%t) {\n"
    "    %l = constant {value=i32(3)} : i32[]\n    %m = less %t, %l : bool[]\n    yield %m\n  } do(%t) {\n"
    "    %o = concat %q, %q {axis=0} : f32[2*d.1,4]\n    yield carry(%o)\n  } : f32[d.2,4], i32[] = trips\n"
    "  return %g, %v\n}\n",
    "graph @f(%x: f32[B], %n: i32[] = B) {\n  %y, %k = loop %n captures(%a=%x) carry(%s: i32[] = B = %n) do(%t) {\n"
    "    %b = add %s, %t : i32[]\n    yield carry(%b)\n  } : i32[], i32[] = B\n  return %y\n}\n",
    "graph @f(%a: f32[?], %b: f32[*], %c: list[?]<f32[?,4]>, %d: ref f32[3], %e: list[T]<list[2]<i32[T]>>) {\n"
    "  return %a\n}\n",
    "graph @f(%y: f32[], %y.1: f32[], %x: i64[2] = [B,3]) {\n  %z = add %y, %y.1 : f32[]\n  return %z\n}\n",
]


@pytest.mark.parametrize("text", CANONICAL)
def test_canonical_text_is_stable(text: str) -> None:
    assert print_graph(parse(text)) == text


def test_random_programs_survive(graphs: int) -> None:
    for seed in range(graphs):
        closed, _ = random_graph(np.random.default_rng(seed))
        builder, results, _ = random_open_graph(np.random.default_rng(seed))
        for graph in (closed, builder.graph.seal(results)):
            for hints in (True, False):
                written = write(graph, hints=hints)
                back = parse(written.text, written.constants)
                assert difference(graph, back) is None, seed
                assert difference(back, graph) is None, seed
                assert write(back, hints=hints).text == written.text
                assert canonical(back) == canonical(graph)


def test_parsed_programs_mean_the_same(graphs: int) -> None:
    for seed in range(graphs // 6):
        graph, inputs = random_graph(np.random.default_rng(seed))
        written = write(graph)
        back = parse(written.text, written.constants)
        for a, b in zip(ReferenceExecutable(graph)(inputs), ReferenceExecutable(back)(inputs), strict=True):
            np.testing.assert_array_equal(a, b)


def test_names_make_no_difference() -> None:
    other = EXAMPLE.replace("%h", "%hh").replace("%W", "%wide").replace("T", "Time").replace("tanh_rnn", "rnn")
    assert canonical(parse(other)) == canonical(parse(EXAMPLE)) and same_graph(parse(other), parse(EXAMPLE))


def test_numbers_of_nodes_and_parameters_make_a_difference() -> None:
    text = "graph @f(%x: f32[3]) {\n  %y = neg %x : f32[3]\n  return %x\n}\n"
    for other in (text.replace("(%x: f32[3])", "(%x: f32[3], %z: f32[3])"), text.replace("  %y = neg %x : f32[3]\n", "")):
        assert "parameters and" in (difference(parse(text), parse(other)) or "")


@pytest.mark.parametrize("old, new", [
    ("add %a, %b", "add %b, %a"), ("add %a", "sub %a"), ("parallel_iterations=8", "parallel_iterations=9"),
    ("yield carry(%y) stacks(%y)", "yield carry(%y) stacks(%c)"), ("return %h, %ys", "return %ys, %h"),
    ("return %h, %ys", "return %h"), ("%n: i32[] = T", "%n: i32[]"), ("i32[] = T\n  return", "i32[]\n  return")])
def test_meaning_makes_a_difference(old: str, new: str) -> None:
    changed = parse(EXAMPLE.replace(old, new))
    assert canonical(changed) != canonical(parse(EXAMPLE))
    assert not same_graph(changed, parse(EXAMPLE)) and not same_graph(parse(EXAMPLE), changed)


# --- constants and attributes ------------------------------------------------------------------------------------

ARRAYS = [
    np.float32(0.1), np.array([1e-45, -0.0, np.inf, -np.inf, np.nan], np.float32), np.array([0.1, 1e300, 5e-324]),
    np.array([1.5, 65504, np.nan], np.float16), np.array([[1, 2], [3, 4]], np.int8), np.array([2**64 - 1], np.uint64),
    np.array([-2**63], np.int64), np.array([True, False]), np.zeros((0, 3), np.float32), np.zeros((2, 0), np.int32),
    np.arange(17, dtype=np.float32), np.array([1 + 2j], np.complex64), np.array(["a\n\"é", "b"], object),
    np.array([b"\xff\x00", b""], object), np.array([np.float32(-np.nan)]).view(np.float32),
    np.array([0x7fc00001], np.uint32).view(np.float32), np.array("word")]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{list(a.shape)}")
def test_constants_come_back_bit_by_bit(array: np.ndarray) -> None:
    builder = Builder(Graph())
    with building(builder):
        graph = builder.graph.seal([call("constant", value=Array(array))])
    written = write(graph)
    back = parse(written.text, written.constants)
    assert same_graph(graph, back) and print_graph(back) == written.text
    found = back.nodes[0].attrs["value"].array
    assert found.shape == array.shape and found.tolist().__repr__() == array.tolist().__repr__()


def test_random_floats_come_back_bit_by_bit() -> None:
    rng = np.random.default_rng(0)
    for dtype, bits in ((np.float16, np.uint16), (np.float32, np.uint32), (np.float64, np.uint64)):
        for _ in range(100):
            array = rng.integers(0, np.iinfo(bits).max, 16, dtype=bits).view(dtype)
            builder = Builder(Graph())
            with building(builder):
                graph = builder.graph.seal([call("constant", value=Array(array))])
            written = write(graph)
            found = parse(written.text, written.constants).nodes[0].attrs["value"].array
            assert found.tobytes() == array.tobytes()


def test_large_constants_stand_by_their_content() -> None:
    def text(array: np.ndarray) -> str:
        builder = Builder(Graph())
        with building(builder):
            return canonical(builder.graph.seal([call("constant", value=Array(array))]))
    big = np.arange(100.0)
    assert text(big) == text(big.copy()) != text(big + 1)
    assert text(big) != text(big.reshape(10, 10)) and len(text(big)) < 200
    with pytest.raises(ParseError, match="side table"):
        parse(text(big))


def test_python_objects_stand_by_number() -> None:
    builder = Builder(Graph())
    x = builder.param(tensor("float32"))
    marks = [len, len, max]
    for mark in marks:
        builder.node("py_func", [x], {"func": mark, "types": (float32,)})
    graph = builder.graph.seal()
    written = write(graph)
    back = parse(written.text, written.constants)
    assert same_graph(graph, back) and len(written.constants) == 2


def test_defaults_are_left_out() -> None:
    text = "graph @f(%x: f32[2]) {\n  %y = reduce_sum %x {axes=[0], keep=false} : f32[]\n  return %y\n}\n"
    assert "{axes=[0]} :" in print_graph(parse(text))


def test_types_come_back() -> None:
    b, t = Symbol("B"), Symbol("T")
    types: list[Type] = [
        tensor("float64", [b.dim, t.dim]), tensor("int8", None), TensorType(int32, (None, mul(b.dim, t.dim))),
        ListType(ListType(tensor("bool", [None]), None), b.dim), RefType(tensor("string", [3])),
        tensor("uint8", [minimum(b.dim, mul(2, t.dim)), floordiv(b.dim, t.dim), mod(mul(3, b.dim), 5)])]
    builder = Builder(Graph())
    builder.graph.binds.update((b, t))
    for each in types:
        builder.param(each)
    graph = builder.graph.seal()
    assert same_graph(graph, parse(print_graph(graph)))


def test_sizes_are_written_in_one_order() -> None:
    def text(first: Symbol, second: Symbol) -> str:
        builder = Builder(Graph())
        builder.graph.binds.update((first, second))
        for dim in (first.dim, second.dim, mul(first.dim, second.dim), minimum(first.dim, second.dim)):
            builder.param(tensor("float32", [dim]))
        return canonical(builder.graph.seal())
    a, b = Symbol("n"), Symbol("n")
    assert text(a, b) == text(b, a)


def test_hints_cannot_break_the_text() -> None:
    builder = Builder(Graph("strange name/1"))
    builder.param(tensor("float32", [Symbol("min").dim, Symbol("f32").dim, Symbol("a b").dim]), None, "rnn/while:0")
    builder.param(tensor("float32"), None, "12")
    builder.param(tensor("float32"), None, "größe")
    graph = builder.graph.seal()
    text = print_graph(graph)
    assert same_graph(graph, parse(text)) and print_graph(parse(text)) == text


def test_provenance_is_a_comment() -> None:
    builder = Builder(Graph())
    x = builder.param(tensor("float32"), None, "x")
    node = builder.node("tanh", [x], name="rnn/while/Tanh", origin=Origin((Frame("/a/model.py", 41, "build"),)))
    graph = builder.graph.seal(node.results)
    assert "%1 = tanh %x : f32[]  # rnn/while/Tanh  model.py:41 in build\n" in print_graph(graph, provenance=True)
    assert "#" not in print_graph(graph)
    assert same_graph(graph, parse(print_graph(graph, provenance=True)))


def test_long_programs_do_not_recurse() -> None:
    builder = Builder(Graph())
    x = builder.param(tensor("float32"))
    for _ in range(20000):
        (x,) = builder.node("neg", [x]).results
    graph = builder.graph.seal([x])
    assert same_graph(graph, parse(print_graph(graph)))


# --- errors ------------------------------------------------------------------------------------------------------

ERRORS = [
    ("", 1, 1, "expected `graph`, but the text ends"),
    ("graph f() { return }", 1, 7, "a graph name"),
    ("graph @f() { return } x", 1, 23, "the end of the text"),
    ("graph @f(%x: f31[]) { return }", 1, 14, "a dtype"),
    ("graph @f(%x f32[]) { return }", 1, 13, "expected `:`"),
    ("graph @f(%x: f32[-]) { return }", 1, 18, "a token"),
    ("graph @f(%x: f32[2*B]) { return }", 1, 20, "B must stand alone"),
    ("graph @f(%x: f32[], %x: f32[]) { return }", 1, 21, "%x is defined already"),
    ("graph @f() {\n  %a = tan\n  return\n}", 3, 3, "expected `:`"),
    ("graph @f() {\n  %a = tanhh : f32[]\n  return\n}", 2, 8, "no op is named 'tanhh'"),
    ("graph @f(%x: f32[]) {\n  %a = neg %y : f32[]\n  return\n}", 2, 12, "%y is not defined here"),
    ("graph @f(%x: f32[]) {\n  %a = neg %x {axis=1} : f32[]\n  return\n}", 2, 8, "has no attribute 'axis'"),
    ("graph @f(%x: f32[]) {\n  %a = concat %x : f32[]\n  return\n}", 2, 8, "needs the attribute 'axis'"),
    ("graph @f(%x: f32[]) {\n  assert %x after(!3)\n  return\n}", 2, 19, "!3 is none"),
    ("graph @f(%p: bool[], %x: f32[]) {\n  %a = if %p then {\n    yield %x\n  } else {\n    yield %x\n  }", 3, 11,
     "hand it in with captures"),
    ("graph @f(%p: bool[]) {\n  %a = if then {", 2, 11, "the predicate"),
    ("graph @f(%x: f32[]) {\n  %v = loop %x rows(%r=%x) do(%t) { yield } : i32[]\n}", 2, 24, "has rows"),
    ("graph @f(%x: i32[]) {\n  %v = loop %x do(%t) { yield %t } : i32[]\n}", 2, 34, "carry(...) and stacks(...)"),
    ("graph @f() {\n  %v = constant {value=i32([1,[2]])} : i32[2]\n}", 2, 28, "elements of a int32 array"),
    ("graph @f() {\n  %v = constant {value=u8(300)} : u8[]\n}", 2, 27, "elements of a uint8 array"),
    ('graph @f() {\n  %v = constant {value="\\x"} : u8[]\n}', 2, 24, "JSON's escapes"),
    ("graph @f(%x: f32[" + "(" * 200 + "B", 1, 118, "nested brackets"),
]


@pytest.mark.parametrize("text, line, column, message", ERRORS, ids=range(len(ERRORS)))
def test_errors_say_where_and_what(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column), str(caught.value)
    assert f"line {line}, column {column}: expected" in str(caught.value)


def test_spoiled_text_is_refused_politely() -> None:
    rng = np.random.default_rng(0)
    texts = [*CANONICAL, *(print_graph(random_graph(np.random.default_rng(s))[0]) for s in range(5))]
    for text in texts:
        for _ in range(60):
            at, length = int(rng.integers(len(text))), int(rng.integers(1, 4))
            spoiled = text[:at] + str(rng.choice(["", "%", "]", "B", " ", "1", '"', "yield"])) + text[at + length:]
            try:
                print_graph(parse(spoiled))
            except ParseError as error:
                assert error.line >= 1 and error.column >= 1


def test_names_of_sizes_come_in_the_order_of_what_binds_them() -> None:
    """Whichever symbol is older: where a product of sizes stands first, the places that bind them decide."""
    texts = []
    for first, second in (("k", "m"), ("m", "k")):
        texts.append(canonical(parse(f"""
graph @main(%n: i32[], %x: f32[6], %y: f32[2], %z: f32[3]) {{
  %a, %b, %c, %t = loop %n carry(%p: f32[k*m] = %x, %q: f32[{first}] = %y, %r: f32[{second}] = %z) do(%i) {{
    %s = tanh %p : f32[k*m]
    yield carry(%s, %q, %r)
  }} : f32[d], f32[e], f32[g], i32[] = trips
  return %a, %b, %c
}}""")))
    assert texts[0] == texts[1]


def test_two_sizes_are_not_one() -> None:
    two, one = (parse(f"graph @f(%x: f32[{a}], %y: f32[{b}]) {{\n  return %x, %y\n}}\n") for a, b in (("n", "m"), ("n", "n")))
    assert difference(two, one) is not None and difference(one, two) is not None


def test_sums_are_written_in_the_order_of_the_sizes() -> None:
    text = "graph @f(%x: f32[z], %y: f32[a], %v: f32[z + a]) {\n  return %v\n}\n"
    assert print_graph(parse(text)) == text and "%2: f32[s0 + s1]" in canonical(parse(text))


def test_what_is_needed() -> None:
    graph = parse("graph @f(%x: f32[3]) {\n  %a = neg %x : f32[3]\n  %b = neg %a : f32[3]\n  %c = add %a, %b : f32[3]\n"
                  "  %d = neg %x : f32[3]\n  return %c\n}\n")
    a, b, c, d = graph.nodes
    assert needed(graph, [c]) == {a, b, c} and needed(graph, [graph.params[0]]) == set() and needed(graph, [d, a]) == {d, a}


def test_a_loop_with_a_condition_is_not_one_without() -> None:
    text = ("graph @f(%x: f32[], %n: i32[]) {\n  %y, %k = loop %n carry(%s=%x) COND do(%t) {\n    %b = neg %s : f32[]\n"
            "    yield carry(%b)\n  } : f32[], i32[] = T\n  return %y\n}\n")
    cond = "while(%t) {\n    %p = constant {value=bool(true)} : bool[]\n    yield %p\n  }"
    one, other = parse(text.replace("COND", cond)), parse(text.replace("COND ", ""))
    assert "regions" in (difference(one, other) or "") and "regions" in (difference(other, one) or "")
