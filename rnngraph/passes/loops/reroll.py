"""reroll: the steps of a loop that a program spelled out become a loop again, with its gradients.

    %h1 = f %h0, %x0, %w                       %rows = transpose of x
    %h2 = f %h1, %x1, %w               ->      %h, %hs, %trips = loop 100 captures(%w) carry(%h0) rows(%rows) {
    ...                                          %h1 = f %h, %x, %w
    %h100 = f %h99, %x99, %w                     yield carry(%h1) stacks(%h1) }

What a step reads of itself stays inside; what it reads of the step before is carried; what all read is captured; what each
has of its own are rows: of one tensor where the program took them from one, of the stack of another such loop, else of a
concat. What is read of single steps outside is a row of a stack. The rest of the program stays as it is. It works on open
graphs, so that closing, which is most of the work, sees one step; and on closed ones, where sizes that were unknown have
names. `rolls` says what is a loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rnngraph.ir.graph import Builder, Graph, Node, Value, building, call, constant
from rnngraph.ir.types import TensorType
from rnngraph.ir.walk import Rebuilder, type_symbols
from rnngraph.ops.control import INDEX, LOOP
from rnngraph.passes.loops.find_rolls import Rolls
from rnngraph.passes.loops.roll import Kept, Roll, Row, StepResult, Where, families, inputs, same, varies
from rnngraph.passes.loops.row_sources import Axis, concatenated, part, row, stacked
from rnngraph.passes.tools.region_edits import Edit, edit_if

Handed = tuple[StepResult, Hashable]
"""A carry: what the step before made, and a key of what the first step got in its place."""


def reroll(graph: Graph, targets: Sequence[Node] = ()) -> tuple[Graph, list[Node]]:
    """An open graph with its unrolled loops as loops, and the nodes that stand for `targets`; itself if it has none.

    Where two parameters have one size (both were fed, and one is made of the other), feeds may say otherwise: such a
    program is left to `rerolled`, when sizes are known.
    """
    sizes = Counter(s for p in graph.params for s in type_symbols(p.type))
    rolls = None if max(sizes.values(), default=0) > 1 else Rolls(graph, targets)
    if rolls is None or not rolls.find():
        return graph, list(targets)
    work = _Rerolling(rolls)
    return work.run(), [n for t in targets for n in work.rb.nodes[t]]


def rerolled(graph: Graph) -> Graph:
    """A closed graph with its unrolled loops as loops; the same object if it has none."""
    rolls = Rolls(graph, ())
    return _Rerolling(rolls).run() if rolls.find() else graph


class _Reads:
    """What the steps of a roll read, by what becomes of it. `slots[j]` says it of the inputs of node j: a place of the step
    itself, or a key of one of the others."""

    def __init__(self, roll: Roll, where: Where) -> None:
        self.carries: dict[Handed, Value] = {}
        self.rows: dict[Hashable, list[Value]] = {}
        self.shared: dict[Hashable, Value] = {}
        self.inner: dict[Hashable, Value] = {}
        self.slots: list[list[tuple[str, Any]]] = []
        for j, node in enumerate(roll.steps[1]):
            self.slots.append([])
            for values in families([[step[j]] for step in roll.steps]):
                v = values[1]
                made = where.made(v)
                if made is not None and made[:2] == (roll, 1):
                    self.slots[-1].append(("inside", (made.j, v.index)))
                elif made is not None and made.roll is roll:
                    self.keep("carries", ((made.j, v.index), same(values[0])), values[0])
                elif varies(values):
                    self.keep("rows", tuple(map(same, values)), values)
                else:
                    self.keep("shared" if v in node.operands else "inner", same(v), v)

    def keep(self, group: str, key: Hashable, what: Any) -> None:
        """Note an operand."""
        getattr(self, group).setdefault(key, what)
        self.slots[-1].append((group, key))


class _Rerolling:
    """Copies a graph with a loop for each roll."""

    def __init__(self, rolls: Rolls) -> None:
        self.rolls = rolls
        self.old = rolls.graph
        self.where = rolls.where
        self.begins = {roll.steps[0][0]: roll for roll in rolls.found}
        self.reads = {roll: _Reads(roll, rolls.where) for roll in rolls.found}
        self.wanted: dict[Roll, dict[StepResult, None]] = {roll: {} for roll in rolls.found}
        """Of each roll, what must be a stack, since other steps than the last are read outside."""
        self.stacks: dict[Kept, Value] = {}
        self.axes: dict[Axis, Value] = {}
        self.captured: dict[Value, Value] = {}
        """What stands for constants in the branches of the step that is being copied."""
        self.rb = Rebuilder(self.rule, "reroll")

    def run(self) -> Graph:
        """The new graph."""
        self.want()
        with self.rb.opened(self.old, None) as builder, building(builder):
            for node in self.old.nodes:
                if node in self.begins:
                    self.loop(self.begins[node])
                elif node not in self.where and not (node in self.rolls.floating and node.op.effects == "pure"):
                    self.plain(node)
            return builder.graph.seal([self.value(v) for v in self.old.results])

    def want(self) -> None:
        """Find what must be stacks."""
        single = [*self.old.results, *(v for n in self.old.nodes if n not in self.where for v in n.operands)]
        for reads in self.reads.values():
            single += [*reads.carries.values(), *reads.shared.values()]
            for values in reads.rows.values():
                single += values
        for v in single:
            made = self.where.made(v)
            if made is not None:
                place = (made.j, v.index)
                last = made.step == len(made.roll.steps) - 1
                if not (last and any(place == handed for handed, _ in self.reads[made.roll].carries)):
                    self.wanted[made.roll][place] = None

    # --- the rest -------------------------------------------------------------------------------------------------------

    def plain(self, node: Node) -> None:
        """Copy a node, after what it reads."""
        if node in self.rb.nodes:
            return
        runs = self.runs(node) if node.op.name in ("stack", "concat") else ()
        if any(len(run) > 1 for run in runs):
            self.rb.values[node.results[0]] = self.combined(node, runs)
            self.rb.nodes[node] = ()
            return
        for v in node.operands:
            self.value(v)
        self.rb.step(node)

    def value(self, old: Value) -> Value:
        """The new value of an old one, which may be a row of a stack now."""
        if old in self.rb.values or old.node is None:
            return self.rb.value(old)
        made = self.where.made(old)
        if made is None:
            self.plain(old.node)
        else:
            self.rb.values[old] = row(self.stacks[Kept(made.roll, (made.j, old.index))], made.roll.row(made.step))
        return self.rb.value(old)

    def runs(self, node: Node) -> list[list[Value]]:
        """The operands of a node, those together that are rows of one stack which follow one another."""
        found: list[list[Value]] = []
        before: Row | None = None
        for v in node.operands:
            at = self.where.row(v) if self.where.made(v) is not None else None
            if at is not None and before is not None and at == Row(before.base, before.number + 1):
                found[-1].append(v)
            else:
                found.append([v])
            before = at
        return found

    def combined(self, node: Node, runs: Sequence[Sequence[Value]]) -> Value:
        """What a `stack` or `concat` gives, from stacks that are there."""
        stack = node.op.name == "stack"
        axis = node.attrs["axis"] % len(node.results[0].shape)
        pieces = []
        for run in runs:
            if len(run) == 1:
                pieces.append(call("expand_dims", self.value(run[0]), axis=axis) if stack else self.value(run[0]))
            else:
                rows = self.rows_of(run, False)
                pieces.append(stacked(rows, axis) if stack else concatenated(rows, axis))
        return pieces[0] if len(pieces) == 1 else call("concat", *pieces, axis=axis)

    # --- loops ----------------------------------------------------------------------------------------------------------

    def loop(self, roll: Roll) -> None:
        """Make the loop of a roll."""
        outer, reads, origin = self.rb.builder, self.reads[roll], roll.steps[0][0].origin
        starts = [self.value(v) for v in reads.carries.values()]
        rows = [self.rows_of(values, roll.reverse) for values in reads.rows.values()]
        shared = {key: self.value(v) for key, v in reads.shared.items()}
        limit = constant(len(roll.steps), INDEX.numpy)
        body = Builder(Graph("body", outer.graph), outer)
        body.param(TensorType(INDEX, ()), None, "t")
        carried = {key: body.param(v.type, None, "s") for key, v in reads.carries.items()}
        read = {key: body.param(values[0].type, None, "x") for key, values in reads.rows.items()}
        made = self.body(roll, body, {"carries": carried, "rows": read, "shared": shared, "inner": {}})
        places = [*(place for place, _ in carried), *self.wanted[roll]]
        body.graph.seal([body.local(made[j][r]) for j, r in places])
        node = outer.node(LOOP, [limit, *starts, *rows, *body.finish_captures()],
                          {"carry": len(starts), "rows": len(rows), "limited": True, "reverse": roll.reverse},
                          [body.graph], _name(roll), None, (), replace(origin, passes=(*origin.passes, "reroll")))
        for place, v in zip(places[:len(starts)], node.results, strict=False):
            self.rb.values[roll.steps[-1][place[0]].results[place[1]]] = v
        for place, v in zip(places[len(starts):], node.results[len(starts):-1], strict=True):
            self.stacks[Kept(roll, place)] = v

    def body(self, roll: Roll, body: Builder, given: Mapping[str, Mapping[Any, Value]]) -> list[Sequence[Value]]:
        """Copy a step into the body; the results of its nodes."""
        outer, self.rb.builder = self.rb.builder, body
        made: list[Sequence[Value]] = []
        for first, node, slots in zip(*roll.steps[:2], self.reads[roll].slots, strict=True):
            found: list[Any] = [made[what[0]][what[1]] if group == "inside" else given[group].get(what)
                                for group, what in slots]
            made.append(self.branch(node, found) if node.regions else self.rb.copy(first, found).results)
        self.rb.builder = outer
        return made

    def branch(self, node: Node, found: Sequence[Value | None]) -> Sequence[Value]:
        """Copy an `if` with other inputs. Of its constants, those that are others in each step are captured."""
        values = {v: new for v, new in zip(inputs(node), found, strict=True) if new is not None}
        before = {v: self.rb.values.get(v) for v in values}
        self.rb.values.update(values)
        self.captured = {v: new for v, new in values.items() if v not in node.operands}
        made = self.edited(node)
        self.captured = {}
        for v, old in before.items():
            self.rb.values.pop(v) if old is None else self.rb.values.update({v: old})
        return made

    def edited(self, node: Node) -> Sequence[Value]:
        """A copy of an `if` that may capture more."""
        return [v for v in edit_if(self.rb, node, Edit(types=lambda new: ())).old if v is not None]

    def rule(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """What becomes of a node in a branch of a step."""
        if self.captured and node.op.name == "if":
            return self.edited(node)
        captured = self.captured.get(node.results[0]) if node.results else None
        return None if captured is None else [rb.builder.local(captured)]

    def rows_of(self, values: Sequence[Value], reverse: bool) -> Value:
        """A tensor with these values as its rows, in the order in which a loop of this direction reads them."""
        ordered = list(reversed(values)) if reverse else list(values)
        rows = [self.where.row(v) for v in ordered]
        numbers = [r.number for r in rows if r is not None and rows[0] is not None and r.base == rows[0].base]
        if rows[0] is None or len(numbers) < len(rows):
            return call("concat", *(call("expand_dims", self.value(v), axis=0) for v in ordered), axis=0)
        found = part(self.whole(rows[0].base), min(numbers), len(rows))
        return found if numbers[0] == min(numbers) else call("reverse", found, axes=(0,))

    def whole(self, base: Axis | Kept) -> Value:
        """What rows are taken from, with the rows on axis 0."""
        if isinstance(base, Kept):
            return self.stacks[base]
        if base not in self.axes:
            self.axes[base] = base.rows(self.value(base.source))
        return self.axes[base]


def _name(roll: Roll) -> str:
    """A name for people: the scope that the nodes of a step share."""
    scopes = [node.name.split("/")[:-1] for node in roll.steps[0] if node.name]
    shared = []
    for parts in zip(*scopes, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join([*shared, "steps"])


__all__ = ["reroll", "rerolled"]
