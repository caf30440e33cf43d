"""Movement inside kernels is an index map: what is read where, for each op that moves elements, alone and composed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rnngraph.ops
from rnngraph.backends.llvm.engine import LLVMEngine
from rnngraph.backends.reference import ENGINE
from rnngraph.ir.parser import parse
from rnngraph.ir.verify import verify
from rnngraph.passes.fuse import fuse
from rnngraph.runtime.interface import Options

assert rnngraph.ops, "importing it fills the table of ops"

MOVES = {
    # Of f32[a,b] or what another one made of it: the node, and the shape that it gives.
    "reverse rows": ("reverse {x} {{axes=[0]}}", lambda s: s), "reverse columns": ("reverse {x} {{axes=[-1]}}", lambda s: s),
    "reverse both": ("reverse {x} {{axes=[0,1]}}", lambda s: s),
    "transpose": ("transpose {x} {{perm=[1,0]}}", lambda s: s[::-1]),
    "every other": ("slice {x} {{starts=[0,1], strides=[2,1], sizes=[2,2]}}", lambda s: ("2", "2")),
    "backwards": ("slice {x} {{starts=[2,0], strides=[-1,1], sizes=[2,2]}}", lambda s: ("2", "2")),
}
INPUTS = "graph @main(%x: f32[4,3], %y: f32[3]) {\n"


def check(body: str, fused: int = 1) -> None:
    """A program of x and y means the same in kernels, of which it has so many."""
    graph = parse(INPUTS + body + "}")
    verify(graph, closed=True)
    after = fuse(graph)
    assert [n.op.name for n in after.nodes].count("fused") == fused
    inputs: list[object] = [np.arange(12, dtype=np.float32).reshape(4, 3) / 7, np.array([0.5, -2, 3], np.float32)]
    wanted = ENGINE.compile(graph, Options())(inputs)
    for run in (ENGINE.compile(after, Options()), LLVMEngine().compile(graph, Options())):
        for a, b in zip(run(inputs), wanted, strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, 1e-6)


@pytest.mark.parametrize("first, second", list(itertools.product(MOVES, ["", *MOVES])))
def test_one_after_another(first: str, second: str) -> None:
    shape: tuple[str, ...] = ("4", "3")
    body, at = "", "%x"
    for i, name in enumerate(n for n in (first, second) if n):
        text, gives = MOVES[name]
        if "slice" in text and min(map(int, shape)) < 3:
            text = text.replace("starts=[0,1], strides=[2,1]", "starts=[1,0], strides=[-1,1]").replace("[2,0]", "[1,0]")
        shape = gives(shape)
        body += f"  %{i} = {text.format(x=at)} : f32[{','.join(shape)}]\n"
        at = f"%{i}"
    check(f"{body}  %r = sin {at} : f32[{','.join(shape)}]\n  return %r\n")


def test_axes_of_size_1_and_broadcasts() -> None:
    check("""  %e = expand_dims %y {axis=1} : f32[3,1]
  %n = sizes {dims=[2,3,4]} : i32[3]
  %b = broadcast %e, %n : f32[2,3,4]
  %t = transpose %x {perm=[1,0]} : f32[3,4]
  %s = expand_dims %t {axis=0} : f32[1,3,4]
  %c = broadcast %s, %n : f32[2,3,4]
  %q = reverse %c {axes=[2,0]} : f32[2,3,4]
  %m = mul %b, %q : f32[2,3,4]
  %k = iota %n {axis=1, dtype=f32} : f32[2,3,4]
  %l = reverse %k {axes=[1]} : f32[2,3,4]
  %a = add %m, %l : f32[2,3,4]
  %r = reduce_sum %a {axes=[0,2], keep=false} : f32[3]
  return %a, %r
""", fused=2)


def test_a_squeezed_axis() -> None:
    check("""  %e = slice %x {starts=[2,0], strides=[1,1], sizes=[1,3]} : f32[1,3]
  %s = squeeze %e {axes=[0]} : f32[3]
  %d = squeeze %e {axes=[-2]} : f32[3]
  %a = mul %s, %y : f32[3]
  %b = sub %a, %d : f32[3]
  return %b
""")


PARTS = {
    "take": "  %i = constant {value=i32([2,0,3,1])} : i32[4]\n  %p = take %x, %i : f32[4,3]\n",
    "take columns": "  %i = constant {value=i32([2,0,1])} : i32[3]\n  %p = take %x, %i {axis=1} : f32[4,3]\n",
    "put": "  %i = constant {value=i32([2])} : i32[1]\n  %u = expand_dims %y {axis=0} : f32[1,3]\n"
           "  %p = put %x, %i, %u : f32[4,3]\n",
    "put_add": "  %i = constant {value=i32([2,2])} : i32[2]\n"
               "  %u = slice %x {starts=[1,0], strides=[1,1], sizes=[2,3]} : f32[2,3]\n"
               "  %p = put_add %x, %i, %u : f32[4,3]\n",
    "unslice": "  %u = slice %x {starts=[1,0], strides=[1,1], sizes=[2,3]} : f32[2,3]\n  %n = sizes {dims=[4,3]} : i32[2]\n"
               "  %p = unslice %u, %n {starts=[1,0], strides=[1,1], value=0.5} : f32[4,3]\n",
    "contract": "  %w = slice %x {starts=[0,0], strides=[1,1], sizes=[3,3]} : f32[3,3]\n"
                "  %p = contract %x, %w {spec=\"ij,jk->ik\"} : f32[4,3]\n",
    "argmax": "  %e = expand_dims %x {axis=2} : f32[4,3,1]\n  %a = argmax %e {axis=2, dtype=i32} : i32[4,3]\n"
              "  %p = cast %a {dtype=f32} : f32[4,3]\n",
    "kernel": "  %p = sin %x : f32[4,3]\n",
}


@pytest.mark.parametrize("what", PARTS)
@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_made_as_a_part_of_something_larger(what: str, axis: int) -> None:
    """Parts along the last axis do not lie together in memory."""
    shape = "8,3" if axis == 0 else "4,6"
    graph = parse(f"{INPUTS}{PARTS[what]}  %q = tanh %x : f32[4,3]\n  %c = concat %q, %p {{axis={axis}}} : f32[{shape}]\n"
                  f"  %d = concat %p, %q {{axis={axis}}} : f32[{shape}]\n  return %c, %d\n}}")
    verify(graph, closed=True)
    inputs: list[object] = [np.arange(12, dtype=np.float32).reshape(4, 3) / 7, np.array([0.5, -2, 3], np.float32)]
    for a, b in zip(LLVMEngine().compile(graph, Options())(inputs), ENGINE.compile(graph, Options())(inputs), strict=True):
        np.testing.assert_allclose(a, b, 1e-6)


def test_a_position_of_no_axis() -> None:
    """A kernel of a single element, which is the position along an axis of size 1."""
    check("%s = sizes {dims=[1], dtype=i32, scalar=false} : i32[1]\n%i = iota %s {axis=0, dtype=f32} : f32[1]\n"
          "%j = squeeze %i {axes=[0]} : f32[]\n%k = exp %j : f32[]\nreturn %k\n")
