"""raise_loops: loops as users write them in the canonical form: limit, rows, stacks, captures.

    %l = list_unstack %l0, %x; %o = list_new %n
    loop captures(%N=%n, %L=%l) carry(%i=0, %O=%o, %h=%h0)     loop %n carry(%h=%h0) rows(%xt=%x) do(%t) {
      while(%t) { %c = less %i, %N; yield %c } do(%t) {          %h1 = f %h, %xt
        %xt = list_read %L, %i; %h1 = f %h, %xt           ->     yield carry(%h1) stacks(%h1)
        %w = list_write %O, %i, %h1; %j = add %i, 1            }
        yield carry(%j, %w, %h1) }
    %y = list_stack %o1                                        %y is the stack

Raised: what `loop_limits`, `idle_slots`, `lists_in_loops` and `list_rules` say in their first lines, in loops at any depth, of
any order of derivative, until nothing changes. Then types are said again (`retype`), since elements of TensorArrays are
mostly of unknown shape and rows are not.

Left as lists: reads and writes in branches, at other indices than the step's (t + 1, data), twice a step or in some
steps only; lists carried and read in one loop; lists with reads whose marks may fail; split, concat, close; writing
in loops that a condition may end, unless the list grows from empty.
"""

from __future__ import annotations

from rnngraph.ir.graph import Graph
from rnngraph.passes.loops.idle_slots import idle_slots
from rnngraph.passes.loops.list_rules import list_rules
from rnngraph.passes.loops.lists_in_loops import lists_in_loops
from rnngraph.passes.loops.loop_limits import loop_limits
from rnngraph.passes.tidy.cleanup import cse, fold, localize
from rnngraph.passes.typing.retype import retype

ROUNDS = 12
"""Sweeps before raising stops, finished or not."""


def raise_loops(graph: Graph) -> Graph:
    """`graph` with its loops in canonical form."""
    for _ in range(ROUNDS):
        before = graph
        for step in (idle_slots, loop_limits, lists_in_loops, list_rules):
            graph = step(graph)
        if graph is before:
            break
        graph = tidied(retype(graph))
    return graph


def tidied(graph: Graph) -> Graph:
    """`graph` as `raise_loops` reads it: constants where they are used, nothing twice."""
    return cse(fold(localize(graph)))
