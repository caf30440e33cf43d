"""Checked native code: what would leave its memory is refused with the place; what does not computes the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnngraph.backends.llvm.engine import LLVMEngine
from rnngraph.errors import InternalError
from rnngraph.ir.parser import parse
from rnngraph.runtime.interface import Options

SLICED = """
graph @main(%x: f32[n], %y: f32[m,2]) {{
  %a = slice %x {{starts=[{start}], strides=[{stride}], sizes=[m]}} : f32[m]
  %b = tanh %a : f32[m]
  %i = sizes {{dims=[m], scalar=true}} : i32[]
  %z = constant {{value=f32([0.0,0.0])}} : f32[2]
  %c, %k = loop %i carry(%s=%z) rows(%row=%y) do(%t) {{
    %h = add %s, %row : f32[2]
    yield carry(%h)
  }} : f32[2], i32[] = m
  return %b, %c
}}
"""


def run(start: str, stride: int, arrays: list[Any]) -> list[Any]:
    graph = parse(SLICED.format(start=start, stride=stride))
    return LLVMEngine().compile(graph, Options())(arrays)


ROWS = np.arange(8, dtype=np.float32).reshape(4, 2)


@pytest.mark.parametrize(("start", "stride", "first"), [("0", 1, 0), ("n + -4", 1, 6), ("n + -1", -3, 9), ("3", 2, 3)])
def test_what_stays_inside_computes(monkeypatch: pytest.MonkeyPatch, start: str, stride: int, first: int) -> None:
    monkeypatch.setenv("RNNGRAPH_CHECK", "1")
    x = np.linspace(-1, 1, 10).astype(np.float32)
    sliced, total = run(start, stride, [x, ROWS])
    np.testing.assert_allclose(sliced, np.tanh(x[[first + stride * i for i in range(4)]]), rtol=1e-6)
    np.testing.assert_array_equal(total, ROWS.sum(0))


@pytest.mark.parametrize(("start", "stride"), [("n + -3", 1), ("n", 1), ("n + -100", 1), ("-1", 1), ("2", -1), ("4", 2)])
def test_what_would_leave_is_refused(monkeypatch: pytest.MonkeyPatch, start: str, stride: int) -> None:
    monkeypatch.setenv("RNNGRAPH_CHECK", "1")
    with pytest.raises(InternalError, match="left its memory"):
        run(start, stride, [np.ones(10, np.float32), ROWS])


@pytest.mark.parametrize("start", ["n + -1", "n", "n + 2", "n + 3"])
def test_a_constant_has_bounds_too(monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    monkeypatch.setenv("RNNGRAPH_CHECK", "1")
    numbers = [float(i) for i in range(20)]
    graph = parse(f"graph @main(%x: f32[n], %y: f32[m]) {{\n  %c = constant {{value=f32({numbers})}} : f32[20]\n"
                  f"  %a = slice %c {{starts=[{start}], strides=[1], sizes=[m]}} : f32[m]\n"
                  "  %b = add %a, %y : f32[m]\n  return %b\n}")
    run = LLVMEngine().compile(graph, Options())
    for n, m in ((0, 1), (1, 1), (5, 12), (5, 13), (5, 14), (17, 1), (18, 1)):
        first = n + int(start[4:] or 0)
        arrays: list[Any] = [np.zeros(n, np.float32), np.ones(m, np.float32)]
        if 0 <= first and first + m <= 20:
            assert run(arrays)[0].tolist() == [i + 1.0 for i in numbers[first:first + m]]
        else:
            with pytest.raises(InternalError, match="left its memory"):
                run(arrays)


def test_nothing_is_reached_where_a_size_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNGRAPH_CHECK", "1")
    sliced, total = run("n", 1, [np.ones(10, np.float32), ROWS[:0]])
    assert sliced.shape == (0,)
    np.testing.assert_array_equal(total, [0, 0])
