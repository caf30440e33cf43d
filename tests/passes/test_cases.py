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
from rnngraph.passes.accumulate import accumulate
from rnngraph.passes.cleanup import cse, dce, fold, localize
from rnngraph.passes.counters import counters
from rnngraph.passes.hoist import hoist
from rnngraph.passes.list_rules import list_rules
from rnngraph.passes.lists_in_loops import lists_in_loops
from rnngraph.passes.raise_loops import raise_loops
from rnngraph.passes.slots import slots

assert rnngraph.ops, "importing it fills the table of ops"

CASES = Path(__file__).parent / "cases"
PASSES: dict[str, Callable[[Graph], Graph]] = {
    f.__name__: f for f in (accumulate, counters, cse, dce, fold, hoist, list_rules, lists_in_loops, localize,
                            raise_loops, slots)}


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
