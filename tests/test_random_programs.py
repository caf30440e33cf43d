"""Random programs: the reference engine, machine code and plans in NumPy give the same; so do gradients of order 1 and 2.

`--graphs N` sets how many programs of each kind are tried in one test; CI's default makes more than 2,000 in all.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from rnngraph.autodiff.reverse import dense, reverse
from rnngraph.backends import load
from rnngraph.errors import InvalidArgumentError
from rnngraph.ir.graph import building, call
from rnngraph.passes.close.driver import close, open_part
from rnngraph.runtime.interface import Options
from tests.support.plan_engine import PlanEngine
from tests.support.random_graphs import random_graph, random_open_graph

PARTS = 8


def close_enough(a: Any, b: Any, tolerance: float, exact: bool) -> bool:
    """Whether two results agree: integers and truth values exactly, unless floats decided them."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind == "f":
        return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))
    return bool((a == b).all()) if exact else True


def differences(graph: Any, inputs: Any, tolerance: float, engine: Any = None) -> list[int]:
    """The numbers of the results on which an engine, "llvm" if none is given, differs from the reference."""
    engine = engine or load("llvm")
    try:
        wanted = load("reference").compile(graph, Options())(inputs)
    except InvalidArgumentError:
        # Rows whose sizes differ from step to step may not stack; compiled, they may turn out not to differ.
        with suppress(InvalidArgumentError):
            engine.compile(graph, Options())(inputs)
        return []
    found = engine.compile(graph, Options())(inputs)
    return [i for i, (a, b) in enumerate(zip(wanted, found, strict=True)) if not close_enough(a, b, tolerance, True)]


@pytest.mark.parametrize("part", range(PARTS))
def test_machine_code_means_what_the_program_means(part: int, graphs: int) -> None:
    """1,600 closed programs: loops to depth 2, branches, failing ops that are not reached, zero steps."""
    count = max(1, graphs * 16 // (3 * PARTS))
    for seed in range(part * count, (part + 1) * count):
        graph, inputs = random_graph(np.random.default_rng(seed), steps=8)
        assert not differences(graph, inputs, 2e-4), f"seed {seed}"


def second_order(seed: int) -> tuple[Any, list[Any]]:
    """A closed graph of a random smooth program with its gradients of order 1 and 2."""
    builder, results, inputs = random_open_graph(np.random.default_rng(seed), steps=5)
    params = list(builder.graph.params)
    floats = [p for p in params if p.type.dtype.name == "float64"]
    with building(builder):
        first = reverse(builder, results, [call("ones_like", v) for v in results], floats)
        squares = [call("mul", dense(g), dense(g)) for g in first if g is not None]
        second = reverse(builder, squares, [call("ones_like", v) for v in squares], floats) if squares else []
    values = [*results, *(dense(g) for g in (*first, *second) if g is not None)]
    opened = open_part(builder.graph, values, [], params)
    arrays = [np.asarray(a) for a in inputs]
    return close(opened, arrays, {}).graph, [*arrays, np.int64(0)]


@pytest.mark.parametrize("part", range(PARTS))
def test_plans_mean_what_the_program_means(part: int, graphs: int) -> None:
    """Plans, interpreted in NumPy, of programs like those of the other two tests."""
    count = max(1, graphs // (5 * PARTS))
    engine = PlanEngine()
    for seed in range(part * count, (part + 1) * count):
        graph, inputs = random_graph(np.random.default_rng(seed), steps=8)
        assert not differences(graph, inputs, 2e-4, engine), f"seed {seed}"
        graph, inputs = second_order(seed)
        with np.errstate(all="ignore"):
            assert not differences(graph, inputs, 1e-6, engine), f"seed {seed} to order two"


@pytest.mark.parametrize("part", range(PARTS))
def test_gradients_to_order_two(part: int, graphs: int) -> None:
    """400 open programs, differentiated twice, closed, and run on both engines."""
    count = max(1, graphs * 4 // (3 * PARTS))
    for seed in range(part * count, (part + 1) * count):
        graph, inputs = second_order(seed)
        with np.errstate(all="ignore"):
            assert not differences(graph, inputs, 1e-6), f"seed {seed}"
