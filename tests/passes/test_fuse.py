"""Kernels: what is fused, what comes between, and that programs mean the same."""

from __future__ import annotations

import numpy as np
import pytest

from rnngraph.backends.llvm.engine import LLVMEngine
from rnngraph.backends.reference import ENGINE
from rnngraph.ir.graph import Graph
from rnngraph.ir.parser import parse
from rnngraph.ir.verify import verify
from rnngraph.passes.fuse import fuse
from rnngraph.passes.pipeline import LOOPS, TIDY, optimise
from rnngraph.runtime.interface import Options
from tests.support.random_graphs import random_graph

BETWEEN = {
    "an operand": """
  %p = int_floordiv %a, %k : i32[2]
  %q = mul %p, %c : i32[2]""",
    "an edge": """
  !1: %p = int_floordiv %a, %k : i32[2]
  %r = int_floordiv %k, %x after(!1) : i32[2]
  %q = mul %r, %c : i32[2]""",
    "edges": """
  !1: %p = int_floordiv %a, %k : i32[2]
  !2: %r = int_floordiv %k, %x after(!1) : i32[2]
  %s = int_floordiv %c, %x after(!2) : i32[2]
  %q = mul %s, %c : i32[2]""",
}
"""How `mul %x, %c` and another product with %c are ordered; what is between cannot be part of a kernel."""


def values(graph: Graph, inputs: list[object]) -> list[np.ndarray]:
    """The results on the reference engine."""
    return [np.asarray(v) for v in ENGINE.compile(graph, Options())(inputs)]


@pytest.mark.parametrize("between", BETWEEN)
def test_what_comes_between_stays_between(between: str) -> None:
    graph = parse("graph @main(%x: i32[2], %k: i32[2], %c: i32[2]) {\n  %a = mul %x, %c : i32[2]"
                  f"{BETWEEN[between]}\n  return %p, %q\n}}")
    verify(graph, closed=True)
    after = fuse(graph)
    verify(after, closed=True)
    assert [n.op.name for n in after.nodes].count("fused") == 2
    inputs: list[object] = [np.array(a, np.int32) for a in ([3, 4], [2, 7], [5, 6])]
    for x, y in zip(values(graph, inputs), values(after, inputs), strict=True):
        assert x.tolist() == y.tolist()


def test_neighbours_that_nothing_separates_are_one_kernel() -> None:
    graph = parse("graph @main(%x: i32[2], %k: i32[2], %c: i32[2]) {\n  %a = mul %x, %c : i32[2]\n"
                  "  %b = mul %k, %c : i32[2]\n  return %a, %b\n}")
    assert [n.op.name for n in fuse(graph).nodes] == ["fused"]


def test_a_number_that_is_a_size_is_no_part_of_a_larger_kernel() -> None:
    graph = parse("""graph @main(%x: i32[4], %n: i32[]) {
  %u, %i = unique %x : i32[d], i32[4]
  %k = as_size %n : i32[] = k
  %s = sizes {dims=[d]} : i32[1]
  %b = broadcast %k, %s : i32[d]
  %a = add %u, %b : i32[d]
  return %a
}""")
    verify(graph, closed=True)
    inputs: list[object] = [np.array([3, 1, 3, 2], np.int32), np.array(-2, np.int32)]
    for run in (ENGINE, LLVMEngine()):
        assert run.compile(graph, Options())(inputs)[0].tolist() == [3, 1, 2]


def test_sizes_as_numbers_are_operands_of_a_kernel() -> None:
    """Only a movement's shape is known to its index map: sizes that are computed with are read like any vector."""
    graph = parse("""graph @main(%x: f32[n,m], %i: i32[2]) {
  %s = sizes {dims=[n,m]} : i32[2]
  %a = mul %i, %s : i32[2]
  %b = add %a, %s : i32[2]
  %c = broadcast %b, %w : i32[3,2]
  %d = neg %c : i32[3,2]
  return %b, %d
}""".replace("  %a", "  %w = sizes {dims=[3,2]} : i32[2]\n  %a"))
    verify(graph, closed=True)
    inputs: list[object] = [np.zeros((2, 5), np.float32), np.array([3, 4], np.int32)]
    for run in (ENGINE, LLVMEngine()):
        b, d = run.compile(graph, Options())(inputs)
        assert b.tolist() == [8, 25] and d.tolist() == [[-8, -25]] * 3


@pytest.mark.parametrize("part", range(4))
def test_random_programs_mean_the_same_in_kernels(part: int, graphs: int) -> None:
    for seed in range(5000 + part * graphs // 12, 5000 + (part + 1) * graphs // 12):
        rng = np.random.default_rng(seed)
        graph, inputs = random_graph(rng, steps=int(rng.integers(8, 40)), depth=int(rng.integers(0, 3)))
        after = fuse(optimise(graph, (*TIDY, *LOOPS)))
        verify(after, closed=True)
        for x, y in zip(values(graph, inputs), values(after, inputs), strict=True):
            assert x.dtype == y.dtype and x.shape == y.shape, f"seed {seed}"
            np.testing.assert_allclose(x.astype(float), y.astype(float), 2e-4, 1e-4, err_msg=f"seed {seed}")
