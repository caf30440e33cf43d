"""Steps that walk along vectors: rows taken and put by index, extremes, checks. Each is a function of plain loops, which LLVM
vectorises; equal ones are one.

    i1 @rnn_walk_<hash>(ptr ..., i64 ..., ptr state)         one pointer a view, the sizes that are not known

tells whether the step fails. Told to stop, it leaves its work unfinished. An element that decides which memory is touched is
read once, and what was read is checked and used.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple, Union

from rnngraph.backends.llvm.pulse import CACHE_LINE, STATE, Pulse
from rnngraph.backends.llvm.text import Function, Index, Module, memory_type
from rnngraph.ir.sizes import Dim
from rnngraph.ir.types import DType
from rnngraph.lowering.plan import Arg, Check, CheckRange, Put, Take, View

INFINITY, NEGATIVE_INFINITY = "0x7FF0000000000000", "0xFFF0000000000000"
"""As LLVM writes them, of either float type."""
COPY = "rnn_copy_bytes"

Walk = Union[Take, Put, Arg, Check, CheckRange]


class Walks:
    """The functions of one plan's walks, in a module that LLVM optimises."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def function(self, step: Walk) -> tuple[str, list[View], list[Dim]]:
        """The symbol of a step's function, the views that its pointers are of, and the sizes that are passed."""
        rule = RULES[type(step)]
        views, sizes = rule.views(step), rule.sizes(step)
        passed: list[Dim] = list(dict.fromkeys(d for d in sizes if not isinstance(d, int)))
        params = [*(("ptr", f"arg{i}") for i in range(len(views))), *(("i64", f"dim{i}") for i in range(len(passed))), STATE]
        function = Function("walk", params, "i1", attributes="noinline #0")
        names = {d: f"%dim{i}" for i, d in enumerate(passed)}
        writer = _Writer(self.module, function, [f"%arg{i}" for i in range(len(views))],
                         [d if isinstance(d, int) else names[d] for d in sizes])
        rule.write(writer, step)
        function.ret("false")
        name = f"rnn_walk_{sha256(function.text().encode()).hexdigest()[:24]}"
        function.name = name
        self.module.functions.setdefault(name, function)
        return name, views, passed


class _Writer:
    """Writes one walk, given its pointers and sizes."""

    def __init__(self, module: Module, function: Function, pointers: list[str], sizes: list[Index]) -> None:
        self.module, self.f, self.pointers, self.sizes = module, function, pointers, sizes
        self.pulse = Pulse(function, "false")

    def failing(self, condition: str) -> None:
        """Leave if the condition holds."""
        with self.f.if_(condition):
            self.f.ret("true")

    def row(self, index: View, start: str, number: Index, limit: Index) -> str:
        """Element `number` of a vector, read once. Fail unless it is in [0, limit)."""
        row = integer(self.f, index.dtype, self.f.offset(memory_type(index.dtype.name), start, number), "volatile ")
        self.failing(self.f.compare("uge", row, limit))
        return row

    def take(self, step: Take) -> None:
        """Copy rows."""
        f, (x, index, out) = self.f, self.pointers
        outer, limit, inner, count = self.sizes
        kind, size = memory_type(step.x.dtype.name), step.x.dtype.size
        bytes_, cost = f.mul(inner, size), f.add(inner, CACHE_LINE)
        with f.loop(0, outer) as i, self.pulse.loop(count, cost) as rows:
            j = rows.index
            row = self.row(step.index, index, j, limit)
            source = f.offset(kind, x, f.mul(f.add(f.mul(i, limit), row), inner))
            target = f.offset(kind, out, f.mul(f.add(f.mul(i, count), j), inner))
            f.call("void", self.copying(), [("ptr", target), ("ptr", source), ("i64", bytes_)])

    def copying(self) -> str:
        """A function that copies bytes, in a loop of our own: objects have no undefined symbols."""
        if COPY not in self.module.functions:
            g = self.module.function(COPY, [("ptr noalias", "to"), ("ptr noalias", "from"), ("i64", "n")], "void")
            words = g.quotient("%n", 4)
            with g.loop(0, words) as i:
                value = g.load_raw("i32", g.offset("i32", "%from", i), 1)
                g.store_raw("i32", value, g.offset("i32", "%to", i), 1)
            with g.loop(g.mul(words, 4), "%n") as i:
                value = g.load_raw("i8", g.offset("i8", "%from", i), 1)
                g.store_raw("i8", value, g.offset("i8", "%to", i), 1)
            g.ret()
        return COPY

    def put(self, step: Put) -> None:
        """Write or add rows in place."""
        f, (x, index, updates) = self.f, self.pointers
        limit, inner, count = self.sizes
        kind = memory_type(step.x.dtype.name)
        prefix = "f" if step.x.dtype.is_floating else ""
        with self.pulse.loop(count, f.add(inner, CACHE_LINE)) as rows:
            j = rows.index
            row = self.row(step.index, index, j, limit)
            target = f.offset(kind, x, f.mul(row, inner))
            source = f.offset(kind, updates, f.mul(j, inner))
            with f.loop(0, inner) as i:
                value = f.load_raw(kind, f.offset(kind, source, i), step.x.dtype.size)
                place = f.offset(kind, target, i)
                if step.add:
                    old = f.load_raw(kind, place, step.x.dtype.size)
                    value = f.value(f"{prefix}add {kind} {old}, {value}")
                f.store_raw(kind, value, place, step.x.dtype.size)

    def arg(self, step: Arg) -> None:
        """Scan for the extreme element, the first of equals. No comparison holds of NaN, so a NaN is never better."""
        f, dtype, (x, out) = self.f, step.x.dtype, self.pointers
        outer, count, inner = self.sizes
        kind, out_kind = memory_type(dtype.name), memory_type(step.out.dtype.name)
        self.failing(f.compare("eq", count, 0))
        with f.loop(0, outer) as i, f.loop(0, inner) as k:
            start = f.add(f.mul(f.mul(i, count), inner), k)
            if dtype.is_floating:
                first = NEGATIVE_INFINITY if step.largest else INFINITY
            else:
                first = f.load_raw(kind, f.offset(kind, x, start), dtype.size)
            with self.pulse.loop(count, 1, [(kind, first), ("i64", "0")]) as loop:
                value = f.load_raw(kind, f.offset(kind, x, f.add(start, f.mul(loop.index, inner))), dtype.size)
                better = f.value(f"{_order(dtype, step.largest)} {kind} {value}, {loop.values[0]}")
                loop.carry([f.value(f"select i1 {better}, {kind} {value}, {kind} {loop.values[0]}"),
                            f.value(f"select i1 {better}, i64 {loop.index}, i64 {loop.values[1]}")])
            place = f.add(f.mul(i, inner), k)
            found = loop.results[1]
            if out_kind != "i64":
                found = f.value(f"trunc i64 {found} to {out_kind}")
            f.store_raw(out_kind, found, f.offset(out_kind, out, place), step.out.dtype.size)

    def check(self, step: Check) -> None:
        """Fail unless all hold."""
        f = self.f

        def wrong(i: Index) -> str:
            return f.value(f"xor i1 {f.load('bool', f.offset('i8', self.pointers[0], i)).ssa}, true")
        self.any(wrong)

    def check_range(self, step: CheckRange) -> None:
        """Fail unless all are in [0, limit)."""
        f, (x, limit), dtype = self.f, self.pointers, step.x.dtype
        below = integer(f, step.limit.dtype, limit)

        def wrong(i: Index) -> str:
            value = integer(f, dtype, f.offset(memory_type(dtype.name), x, i))
            return f.value(f"icmp uge i64 {value}, {below}")
        self.any(wrong)

    def any(self, wrong: Callable[[Index], str]) -> None:
        """Fail if an element of a vector is wrong."""
        f = self.f
        with self.pulse.loop(self.sizes[0], 1, [("i1", "false")]) as loop:
            loop.carry([f.value(f"or i1 {loop.values[0]}, {wrong(loop.index)}")])
        self.failing(loop.results[0])


def integer(f: Function, dtype: DType, pointer: str, how: str = "") -> str:
    """An integer element as i64. `how` may say "volatile ": that LLVM must not read it twice."""
    kind = memory_type(dtype.name)
    value = f.load_raw(how + kind, pointer, dtype.size)
    if kind == "i64":
        return value
    return f.value(f"{'sext' if dtype.kind == 'i' else 'zext'} {kind} {value} to i64")


def _order(dtype: DType, largest: bool) -> str:
    """The comparison that finds a better element."""
    if dtype.is_floating:
        return "fcmp ogt" if largest else "fcmp olt"
    sign = "u" if dtype.kind in "ub" else "s"
    return f"icmp {sign}{'gt' if largest else 'lt'}"


class _Rule(NamedTuple):
    """How a kind of step is written, what its pointers are of and which sizes it takes."""

    write: Callable[[_Writer, Any], None]
    views: Callable[[Any], list[View]]
    sizes: Callable[[Any], list[Dim]]


RULES: dict[type, _Rule] = {
    Take: _Rule(_Writer.take, lambda s: [s.x, s.index, s.out], lambda s: [*s.x.shape, s.index.shape[0]]),
    Put: _Rule(_Writer.put, lambda s: [s.x, s.index, s.updates], lambda s: [*s.x.shape, s.index.shape[0]]),
    Arg: _Rule(_Writer.arg, lambda s: [s.x, s.out], lambda s: list(s.x.shape)),
    Check: _Rule(_Writer.check, lambda s: [s.condition], lambda s: [s.condition.shape[0]]),
    CheckRange: _Rule(_Writer.check_range, lambda s: [s.x, s.limit], lambda s: [s.x.shape[0]])}
