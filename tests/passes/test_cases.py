"""Before and after, in text: each `cases/PASS.WHAT.before.rn` through its pass gives `.after.rn`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import rnngraph.ops
from rnngraph.ir.graph import Graph
from rnngraph.ir.parser import parse
from rnngraph.ir.printer import canonical, print_graph
from rnngraph.ir.verify import verify
from rnngraph.passes.loops.accumulate import accumulate
from rnngraph.passes.loops.hoist import hoist
from rnngraph.passes.loops.idle_slots import idle_slots
from rnngraph.passes.loops.list_rules import list_rules
from rnngraph.passes.loops.lists_in_loops import lists_in_loops
from rnngraph.passes.loops.loop_limits import loop_limits
from rnngraph.passes.loops.raise_loops import raise_loops
from rnngraph.passes.tidy.cleanup import cse, dce, fold, localize

assert rnngraph.ops, "importing it fills the table of ops"

CASES = Path(__file__).parent / "cases"
PASSES: dict[str, Callable[[Graph], Graph]] = {
    f.__name__: f for f in (accumulate, cse, dce, fold, hoist, idle_slots, list_rules, lists_in_loops, localize, loop_limits,
                            raise_loops)}


@pytest.mark.parametrize("name", sorted(p.name.removesuffix(".before.rn") for p in CASES.glob("*.before.rn")))
def test_case(name: str, request: pytest.FixtureRequest) -> None:
    before = parse((CASES / f"{name}.before.rn").read_text())
    verify(before, closed=True)
    text = print_graph(before)
    after = PASSES[name.split(".")[0]](before)
    verify(after, closed=True)
    assert print_graph(before) == text, "the pass changed the graph that it was given"
    file = CASES / f"{name}.after.rn"
    if request.config.getoption("--update-golden"):
        file.write_text(print_graph(after))
    assert canonical(after) == canonical(parse(file.read_text())), print_graph(after)
    assert PASSES[name.split(".")[0]](after) is after, "a pass that changes nothing returns the same object"
