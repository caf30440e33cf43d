"""The reference engine: the op table run in order, with NumPy. It is the meaning that other engines are compared with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnngraph.ir.binders import require_bound
from rnngraph.ir.graph import Graph
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.verify import verify
from rnngraph.ops.interpreter import Machine, bind, param_symbols
from rnngraph.runtime.interface import Options, Report, StepReport


class ReferenceExecutable:
    """A closed graph, interpreted."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.symbols = param_symbols(graph)

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run the graph on arrays."""
        sizes: dict[Symbol, int] = {}
        for param, array in zip(self.graph.params, inputs, strict=True):
            bind(param, array, sizes, self.symbols)
        results = Machine(sizes).region(self.graph, inputs)
        return [_own(r, inputs) for r in results]

    def explain(self) -> Report:
        """Every node is a host step."""
        steps = tuple(StepReport(f"{n.op.name} {n.name}".strip(), "host", (n.op.name,), line=n.origin.line or "")
                      for n in self.graph.nodes)
        return Report("reference", steps)


def _own(result: Any, inputs: Sequence[Any]) -> Any:
    """A result that shares no memory with what the caller keeps."""
    if isinstance(result, np.ndarray) and (not result.flags.owndata or any(result is i for i in inputs)):
        return result.copy()
    return result


class ReferenceEngine:
    """The engine called "reference"."""

    name = "reference"
    rerolls = False

    def compile(self, graph: Graph, options: Options) -> ReferenceExecutable:
        """An executable of a closed graph. Raises InternalError for one that uses a size that nothing binds."""
        if os.environ.get("RNNGRAPH_VERIFY") == "1":
            verify(graph, closed=True)
        require_bound(graph)
        return ReferenceExecutable(graph)


ENGINE = ReferenceEngine()
