"""Rows as vectors, under masks and one by one: sizes around every border, known and not, on wide and narrow machines."""

from __future__ import annotations

from functools import cache
from typing import Any
from zlib import crc32

import numpy as np
import pytest

import rnngraph.ops
from rnngraph.backends.llvm.elements import FEWEST, width
from rnngraph.backends.llvm.engine import LLVMEngine
from rnngraph.backends.llvm.nests import SETS
from rnngraph.backends.llvm.toolchain import machine
from rnngraph.backends.reference import ENGINE
from rnngraph.ir.parser import parse
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.types import as_dtype
from rnngraph.lowering.plan import Access, Input, Nest, Output, Store, Term, View
from rnngraph.lowering.target import Target
from rnngraph.runtime.interface import Options

assert rnngraph.ops, "importing it fills the table of ops"

PROGRAMS = {
    # Of x: T[a,b], y: T[b] and z: T[a]; T stands for the dtype.
    "each": "%p = broadcast %y, %s : T[a,b]\n%r = add %x, %p : T[a,b]",
    "along": "%e = expand_dims %z {axis=1} : T[a,1]\n%p = broadcast %e, %s : T[a,b]\n%q = mul %x, %p : T[a,b]\n"
             "%r = maximum %q, %p : T[a,b]",
    "backwards": "%p = reverse %x {axes=[1]} : T[a,b]\n%r = mul %p, %x : T[a,b]",
    "turned": "%r = neg %x : T[a,b]\n%t = transpose %r {perm=[1,0]} : T[b,a]",
    "places": "%i = iota %s {axis=1, dtype=T} : T[a,b]\n%j = iota %s {axis=0, dtype=T} : T[a,b]\n%q = mul %i, %x : T[a,b]\n"
              "%r = sub %q, %j : T[a,b]",
    "compared": "%p = broadcast %y, %s : T[a,b]\n%r = less %x, %p : bool[a,b]",
    "sum along": "%q = square %x : T[a,b]\n%r = reduce_sum %q {axes=[1], keep=false} : T[a]",
    "sum across": "%q = square %x : T[a,b]\n%r = reduce_sum %q {axes=[0], keep=false} : T[b]",
    "weighted across": "%e = expand_dims %z {axis=1} : T[a,1]\n%p = broadcast %e, %s : T[a,b]\n%q = mul %x, %p : T[a,b]\n"
                       "%r = reduce_sum %q {axes=[0], keep=false} : T[b]",
    "sum": "%q = square %x : T[a,b]\n%r = reduce_sum %q {axes=[0,1], keep=false} : T[]",
    "product": "%r = reduce_prod %x {axes=[1], keep=true} : T[a,1]",
    "largest": "%r = reduce_max %x {axes=[1], keep=false} : T[a]",
    "smallest": "%r = reduce_min %x {axes=[0,1], keep=false} : T[]",
    "any": "%p = broadcast %y, %s : T[a,b]\n%q = less %x, %p : bool[a,b]\n%r = reduce_any %q {axes=[1], keep=false} : bool[a]",
    "all": "%p = broadcast %y, %s : T[a,b]\n%q = less %x, %p : bool[a,b]\n%r = reduce_all %q {axes=[0], keep=false} : bool[b]",
}
SHORT = {"float32": "f32", "float64": "f64", "int64": "i64", "int32": "i32", "int16": "i16", "uint8": "u8"}


@cache
def engine(kind: str) -> LLVMEngine:
    here = machine()
    if kind == "this":
        return LLVMEngine(here)
    if not here.triple.startswith("x86_64") or here.vector_bits < 256:
        pytest.skip("the machine has no 256-bit vectors to fall back to")
    return LLVMEngine(machine(cpu="x86-64-v3"))


def program(name: str, dtype: str, a: int, b: int, known: bool) -> Any:
    text = PROGRAMS[name].replace("T", SHORT[dtype])
    last = "t" if name == "turned" else "r"
    body = "\n".join(["%s = sizes {dims=[a,b], dtype=i32, scalar=false} : i32[2]", text, f"return %{last}"])
    head = f"graph @main(%x: {SHORT[dtype]}[a,b], %y: {SHORT[dtype]}[b], %z: {SHORT[dtype]}[a]) {{\n"
    found = head + body + "\n}"
    if known:
        for letter, size in (("a", a), ("b", b)):
            for before in "[,":
                for after in "],":
                    found = found.replace(f"{before}{letter}{after}", f"{before}{size}{after}")
    return parse(found)


@pytest.mark.parametrize("kind", ["this", "narrow"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "int16", "uint8"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_borders(name: str, dtype: str, kind: str) -> None:
    """Sizes are drawn by the program, so that all of them are met among the cases."""
    ready, rng = engine(kind), np.random.default_rng(crc32(f"{name} {dtype}".encode()))
    lanes = ready.target.lanes(np.dtype(dtype).itemsize)
    borders = [0, 1, FEWEST - 1, FEWEST, lanes - 1, lanes, lanes + 1, 3 * lanes + 5, 2 * SETS * lanes - 1,
               2 * SETS * lanes + 1]
    for known in (True, False):
        picked = rng.choice(borders, 3, replace=False) if known else borders
        graph, run = None, None
        for b in map(int, picked):
            a = int(rng.integers(0, 4))
            if known or graph is None:
                graph = program(name, dtype, a, b, known)
                run = ready.compile(graph, Options())
            assert run is not None
            inputs = [(rng.standard_normal(shape) * 3).astype(dtype) for shape in ((a, b), (b,), (a,))]
            if dtype.startswith("float") and a * b > 2 and rng.random() < 0.3:
                inputs[0].flat[rng.integers(a * b)] = np.nan
            for got, want in zip(run(inputs), ENGINE.compile(graph, Options())(inputs), strict=True):
                assert got.dtype == want.dtype and got.shape == want.shape
                np.testing.assert_allclose(got, want, 1e-5 if dtype == "float32" else 1e-12, err_msg=f"{a} x {b}")


def nest(size: Any, dtype: str = "float32", along: Any = 1) -> Nest:
    """x[k * along] * 2 for each k."""
    x, out = (View(base, as_dtype(dtype), (size,), (1,)) for base in (Input(0), Output(0)))
    terms = (Term("load", (), 0), Term("const", (), (2, dtype)), Term("mul", (0, 1), ()))
    return Nest((size,), (False,), (Access(x, 0, (along,)),), terms, (Store(Access(out, 0, (1,)), 2),))


WIDE, OLD = Target("x86_64", "", "", 512, 32, 1, 1), Target("x86_64", "", "", 128, 16, 1, 1)


@pytest.mark.parametrize(("made", "target", "lanes"), [
    (nest(1000), WIDE, 16), (nest(1000, "float64"), WIDE, 8), (nest(1000, "uint8"), WIDE, 64), (nest(1000), OLD, 4),
    (nest(Symbol("n").dim), WIDE, 16), (nest(FEWEST - 1), WIDE, 1), (nest(FEWEST), WIDE, 4),
    (nest(10), WIDE, 16), (nest(10, "uint8"), WIDE, 8), (nest(10), OLD, 4), (nest(0), WIDE, 1),
    (nest(1000, along=2), WIDE, 1), (nest(1000, along=-1), WIDE, 1), (nest(1000, along=Symbol("s").dim), WIDE, 1)])
def test_width(made: Nest, target: Target, lanes: int) -> None:
    """A register's worth; a short row under a mask or what fits; no vectors where elements are apart."""
    assert width(made, target) == lanes
