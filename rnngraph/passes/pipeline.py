"""The lists: which passes, in which order. Nothing else decides an order.

    STEPS     steps that a program spells out become loops
    TIDY      reference, dataflow: what makes a program shorter and changes nothing else
    LOOPS     canonical loops: what the loop does not change in front, what repeats as rows and stacks
    KERNELS   what becomes one kernel

    closed --STEPS--> --TIDY--> --LOOPS--> --KERNELS--> what lowering reads
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence

from rnngraph.ir.graph import Graph
from rnngraph.ir.rewrite import Pass, run_pipeline
from rnngraph.passes.fuse import fuse
from rnngraph.passes.loops.hoist import hoist
from rnngraph.passes.loops.raise_loops import raise_loops
from rnngraph.passes.loops.reroll import rerolled
from rnngraph.passes.tidy.cleanup import cse, dce, fold, localize

Step = tuple[str, Callable[[Graph], Graph]]

STEPS: tuple[Step, ...] = (
    ("reroll", rerolled),
)
"""What was unrolled becomes a loop. The close step did so where sizes were known; here they have names."""

TIDY: tuple[Step, ...] = (
    ("localize", localize),
    ("fold", fold),
    ("cse", cse),
    ("dce", dce),
)
"""For every engine."""

LOOPS: tuple[Step, ...] = (
    ("raise_loops", raise_loops),
    ("hoist", hoist),
    ("localize", localize),
    ("cse", cse),
    # accumulate: carry a' = a + f -> stack of f, then a sum (reassociates)
    # fission: what does not depend on the carry, batched, before and after the recurrence
)
"""Loops in canonical form. `accumulate`, which reassociates sums, is not here yet; nor is fission."""

KERNELS: tuple[Step, ...] = (
    # contract: a sum over an axis of a contraction drops the letter
    # siblings: products that share an operand become one
    ("fuse", fuse),
)
"""Nodes into kernels."""


_compilations = itertools.count()


def optimise(graph: Graph, passes: Sequence[Step]) -> Graph:
    """A closed graph through passes, in order; the same object if none changed it.

    RNNGRAPH_DUMP names a folder in which each compilation gets one of its own, with the program after each pass that
    changed it: 000/00-closed.rn, 000/01-localize.rn, ...
    RNNGRAPH_VERIFY=1 checks each; then a broken graph raises VerifyError, which names the pass.
    """
    folder = os.environ.get("RNNGRAPH_DUMP")
    dump = os.path.join(folder, f"{next(_compilations):03d}") if folder else None
    return run_pipeline(graph, [Pass(name, function) for name, function in passes], dump,
                        verify=os.environ.get("RNNGRAPH_VERIFY") == "1")
