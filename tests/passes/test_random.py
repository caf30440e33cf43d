"""Random programs mean the same after the passes, and every pass leaves a well-formed program."""

from __future__ import annotations

import numpy as np
import pytest

from rnngraph.backends.reference import ENGINE
from rnngraph.ir.graph import Graph
from rnngraph.ir.rewrite import Pass, run_pipeline
from rnngraph.ir.walk import all_nodes
from rnngraph.passes.loops.accumulate import accumulate
from rnngraph.passes.pipeline import LOOPS, TIDY
from rnngraph.runtime.interface import Options
from tests.support.random_graphs import random_graph

PASSES = [Pass(name, function) for name, function in (*TIDY, *LOOPS, ("accumulate", accumulate))]


def values(graph: Graph, inputs: list[object]) -> list[np.ndarray]:
    """The results on the reference engine."""
    return [np.asarray(v) for v in ENGINE.compile(graph, Options())(inputs)]


@pytest.mark.parametrize("part", range(4))
def test_same_results(part: int, graphs: int) -> None:
    for seed in range(part * graphs // 4, (part + 1) * graphs // 4):
        rng = np.random.default_rng(seed)
        graph, inputs = random_graph(rng, steps=int(rng.integers(4, 25)), depth=int(rng.integers(0, 4)))
        after = run_pipeline(graph, PASSES, verify=True)
        assert len(list(all_nodes(after))) <= 2 * len(list(all_nodes(graph))) + 20
        for x, y in zip(values(graph, inputs), values(after, inputs), strict=True):
            assert x.dtype == y.dtype and x.shape == y.shape, f"seed {seed}"
            np.testing.assert_allclose(x.astype(float), y.astype(float), 2e-4, 1e-4, err_msg=f"seed {seed}")
