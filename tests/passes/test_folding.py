"""Folding, rule by rule: what each makes of what, and what stays; every rule is needed by a case here."""

from __future__ import annotations

import pytest

import rnngraph.ops
from rnngraph.ir.graph import Builder, Graph, building, call
from rnngraph.ir.parser import parse
from rnngraph.ir.printer import canonical, print_graph
from rnngraph.ir.rewrite import apply_rules
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.types import float32, int32, tensor
from rnngraph.ir.verify import verify
from rnngraph.passes.tidy.dce import dce
from rnngraph.passes.tidy.folding import RULES, _stands_for

assert rnngraph.ops, "importing it fills the table of ops"

GIVEN = """
  %s = sizes {dims=[n]} : i32[1]
  %f0 = constant {value=f32(0.0)} : f32[]
  %f1 = constant {value=f32(1.0)} : f32[]
  %i0 = constant {value=i32(0)} : i32[]
  %true = constant {value=bool(true)} : bool[]
  %false = constant {value=bool(false)} : bool[]
  %zeros = broadcast %f0, %s : f32[n]
  %ones = broadcast %f1, %s : f32[n]
  %none = broadcast %i0, %s : i32[n]
  %yes = broadcast %true, %s : bool[n]
  %no = broadcast %false, %s : bool[n]
  %nx = neg %x : f32[n]
  %ny = neg %y : f32[n]
  %np = logical_not %p : bool[n]
  %xx = concat %x, %y {axis=0} : f32[2*n]
  %m32 = sizes {dims=[n,3]} : i32[2]
  %n13 = sizes {dims=[n,1,3]} : i32[3]
  %mt = transpose %m {perm=[1,0]} : f32[3,n]
  %mr = reverse %m {axes=[1]} : f32[n,3]
  %me = expand_dims %m {axis=1} : f32[n,1,3]
"""
CASES = {
    # What is computed -> what it becomes; nothing: it stays.
    "x + 0": ("add %x, %zeros : f32[n]", "%x"),
    "0 + x": ("add %zeros, %x : f32[n]", "%x"),
    "x + 1": ("add %x, %ones : f32[n]", ""),
    "x - 0": ("sub %x, %zeros : f32[n]", "%x"),
    "0 - i": ("sub %none, %i : i32[n]", "neg %i : i32[n]"),
    "0.0 - x": ("sub %zeros, %x : f32[n]", ""),
    "x - -y": ("sub %x, %ny : f32[n]", "add %x, %y : f32[n]"),
    "x - y": ("sub %x, %y : f32[n]", ""),
    "x * 1": ("mul %x, %ones : f32[n]", "%x"),
    "1 * x": ("mul %ones, %x : f32[n]", "%x"),
    "v + [0, 1]": ("add %v, %c01 : f32[2]", ""),
    "v * [1, 1]": ("mul %v, %c11 : f32[2]", "%v"),
    "x * 0": ("mul %x, %zeros : f32[n]", ""),
    "x / 1": ("div %x, %ones : f32[n]", "%x"),
    "1 / x": ("div %ones, %x : f32[n]", ""),
    "x / 0": ("div %x, %zeros : f32[n]", ""),
    "--x": ("neg %nx : f32[n]", "%x"),
    "not not p": ("logical_not %np : bool[n]", "%p"),
    "p and true": ("logical_and %p, %yes : bool[n]", "%p"),
    "true and p": ("logical_and %yes, %p : bool[n]", "%p"),
    "p and false": ("logical_and %p, %no : bool[n]", "%no"),
    "p or true": ("logical_or %p, %yes : bool[n]", "%yes"),
    "false or p": ("logical_or %no, %p : bool[n]", "%p"),
    "p and p": ("logical_and %p, %p : bool[n]", "%p"),
    "p and q": ("logical_and %p, %q : bool[n]", ""),
    "true ? x : y": ("select %yes, %x, %y : f32[n]", "%x"),
    "false ? x : y": ("select %no, %x, %y : f32[n]", "%y"),
    "p ? x : x": ("select %p, %x, %x : f32[n]", "%x"),
    "p ? x : y": ("select %p, %x, %y : f32[n]", ""),
    "identity": ("identity %x : f32[n]", "%x"),
    "cast to the same": ("cast %x {dtype=f32} : f32[n]", "%x"),
    "cast": ("cast %x {dtype=f64} : f64[n]", ""),
    "size": ("as_size %k : i32[] = k", "%k"),
    "transpose twice": ("transpose %mt {perm=[1,0]} : f32[n,3]", "%m"),
    "transpose once": ("transpose %m {perm=[1,0]} : f32[3,n]", ""),
    "no transpose": ("transpose %m {perm=[0,1]} : f32[n,3]", "%m"),
    "transpose, both": ("transpose %c2 {perm=[2,0,1]} : f32[3,4,2]", "transpose %c {perm=[2,1,0]} : f32[3,4,2]"),
    "reverse twice": ("reverse %mr {axes=[1]} : f32[n,3]", "%m"),
    "reverse both": ("reverse %mr {axes=[0]} : f32[n,3]", ""),
    "reverse nothing": ("reverse %m {axes=[]} : f32[n,3]", "%m"),
    "there and back": ("squeeze %me {axes=[1]} : f32[n,3]", "%m"),
    "reshape to the same": ("reshape %m, %m32 : f32[n,3]", "%m"),
    "reshape twice": ("reshape %mf, %n13 : f32[n,1,3]", "reshape %m, %n13 : f32[n,1,3]"),
    "broadcast to the same": ("broadcast %x, %s : f32[n]", "%x"),
    "broadcast twice": ("broadcast %xb, %b3 : f32[5,2,n]", "broadcast %x, %b3 : f32[5,2,n]"),
    "slice of all": ("slice %m {starts=[0,0], strides=[1,1], sizes=[n,3]} : f32[n,3]", "%m"),
    "slice of a part": ("slice %m {starts=[0,1], strides=[1,1], sizes=[n,2]} : f32[n,2]", ""),
    "slice of every other": ("slice %c {starts=[0,0,0], strides=[2,1,1], sizes=[1,4,3]} : f32[1,4,3]", ""),
    "first of two": ("slice %xx {starts=[0], strides=[1], sizes=[n]} : f32[n]", "%x"),
    "second of two": ("slice %xx {starts=[n], strides=[1], sizes=[n]} : f32[n]", "%y"),
    "of both": ("slice %xx {starts=[1], strides=[1], sizes=[n]} : f32[n]", ""),
    "concat of one": ("concat %x {axis=0} : f32[n]", "%x"),
    "concat of a concat": ("concat %xx, %x {axis=0} : f32[3*n]", "concat %x, %y, %x {axis=0} : f32[3*n]"),
    "concat along another axis": ("concat %mm, %mm {axis=1} : f32[2*n,6]", ""),
    "unslice of all": ("unslice %m, %m32 {starts=[0,0], strides=[1,1]} : f32[n,3]", "%m"),
    "sum of parts": ("add %u0, %u1 : f32[4]", "concat %v, %v {axis=0} : f32[4]"),
    "sum of one part": ("add %u0, %w : f32[4]", ""),
    "sum of parts that meet": ("add %u0, %u2 : f32[4]", ""),
}
MORE = """
  %c2 = transpose %c {perm=[1,0,2]} : f32[4,2,3]
  %l = sizes {dims=[3*n]} : i32[1]
  %mf = reshape %m, %l : f32[3*n]
  %b2 = sizes {dims=[2,n]} : i32[2]
  %b3 = sizes {dims=[5,2,n]} : i32[3]
  %xb = broadcast %x, %b2 : f32[2,n]
  %mm = concat %m, %m {axis=0} : f32[2*n,3]
  %four = sizes {dims=[4]} : i32[1]
  %c01 = constant {value=f32([0.0,1.0])} : f32[2]
  %c11 = constant {value=f32([1.0,1.0])} : f32[2]
  %u0 = unslice %v, %four {starts=[0], strides=[1]} : f32[4]
  %u1 = unslice %v, %four {starts=[2], strides=[1]} : f32[4]
  %u2 = unslice %v, %four {starts=[1], strides=[1]} : f32[4]
"""
PARAMETERS = ("%x: f32[n], %y: f32[n], %i: i32[n], %p: bool[n], %q: bool[n], %m: f32[n,3], %k: i32[] = k, %c: f32[2,4,3], "
              "%v: f32[2], %w: f32[4]")


def program(made: str) -> Graph:
    """A program whose result is this."""
    last, result = (f"  %result = {made}\n", "%result") if not made.startswith("%") else ("", made)
    graph = parse(f"graph @main({PARAMETERS}) {{{GIVEN}{MORE}{last}  return {result}\n}}")
    verify(graph, closed=True)
    return graph


@pytest.mark.parametrize("what", CASES)
def test_what_a_rule_makes(what: str) -> None:
    made, wanted = CASES[what]
    after = dce(apply_rules(program(made), RULES))
    verify(after, closed=True)
    assert canonical(after) == canonical(dce(program(wanted or made))), print_graph(after)


@pytest.mark.parametrize("name", [r.name for r in RULES if r.name not in ("check_sizes",)])
def test_every_rule_is_needed(name: str) -> None:
    """`check_sizes` has a case of its own: it has no result."""
    rest = [r for r in RULES if r.name != name]
    assert any(canonical(dce(apply_rules(program(made), rest))) != canonical(dce(program(wanted or made)))
               for made, wanted in CASES.values())


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
