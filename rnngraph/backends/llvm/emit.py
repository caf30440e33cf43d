"""Plans to LLVM text: one function that runs the steps, and kernels.

    i64 @run(ptr inputs, ptr outputs, ptr sizes, ptr arena, ptr state)

gives 0, -1 if it was told to stop (see `pulse`), or 1 + the number of the failure. Memory is the caller's;
nothing is allocated. Arrays that a caller gives may change meanwhile: an element that decides which memory is touched is
read once, and what was read is checked and used. The function is in one object with the kernels that LLVM optimises; those
written as they shall be (`nests.py`, `gemm.py`) and the routines that draw (`draws.py`) are in others, which plans share.
There are no other undefined symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.backends.llvm.draws import Routine
from rnngraph.backends.llvm.gemm import GemmEmitter
from rnngraph.backends.llvm.nests import Kernels
from rnngraph.backends.llvm.pulse import CACHE_LINE, STATE, Pulse, work
from rnngraph.backends.llvm.text import Function, Index, Module, memory_type
from rnngraph.ir.sizes import Apply, Dim, Expr, Symbol, add
from rnngraph.ir.types import DType
from rnngraph.lowering.plan import (
    Arg,
    Bind,
    Branch,
    Check,
    CheckRange,
    CheckSizes,
    Draw,
    Fail,
    Gemm,
    Input,
    Loop,
    Nest,
    Output,
    Pack,
    Plan,
    Pointer,
    Put,
    Step,
    Take,
    View,
    Work,
)
from rnngraph.lowering.target import Target

INFINITY, NEGATIVE_INFINITY = "0x7FF0000000000000", "0xFFF0000000000000"
"""As LLVM writes them, of either float type."""
STEPS_COUNTED = 8
"""Steps whose work is counted together."""


class Emitter:
    """Writes the `run` function of one plan."""

    def __init__(self, plan: Plan, target: Target) -> None:
        self.plan = plan
        self.module = Module(target.vector_bits)
        self.verbatim = Module(target.vector_bits)
        self.gemm = GemmEmitter(self.verbatim, target)
        self.kernels = Kernels(self.module, self.verbatim, target)
        self.routines: dict[Routine, None] = {}
        """What other objects must give."""
        self.arena = plan.arena
        self.f: Function = self.module.function(
            "run", [("ptr", "inputs"), ("ptr", "outputs"), ("ptr", "sizes"), ("ptr", "arena"), STATE], "i64")
        self.pulse = Pulse(self.f, -1)
        self.owed: list[Dim] = []
        """The work of steps that were written and are not counted yet."""
        self.symbols: dict[Symbol, str] = {}
        self.bins: list[str] = []
        self.arrays: dict[Any, str] = {}
        self.pointers: dict[Pointer, str] = {}

    def write(self) -> Emitter:
        """Write everything: `module`, which LLVM optimises, and `verbatim`, the kernels that it takes as they are and that
        other plans may share."""
        f = self.f
        for i, symbol in enumerate(self.plan.symbols):
            self.symbols[symbol] = f.load_raw("i64", f.offset("i64", "%sizes", i), 8)
        place: Index = 0
        for size in self.arena.bins:
            self.bins.append(f.offset("i8", "%arena", place))
            place = f.add(place, self.dim(size))
        inputs = len(self.plan.inputs) + len(self.plan.constants)
        for base, count, name in ((Input, inputs, "%inputs"), (Output, len(self.plan.outputs), "%outputs")):
            for i in range(count):
                self.arrays[base(i)] = f.load_raw("ptr", f.offset("ptr", name, i), 8)
        self.steps(self.plan.steps)
        f.ret(0)
        return self

    # --- sizes and places ------------------------------------------------------------------------------------------

    def dim(self, dim: Dim) -> Index:
        """A size as an operand."""
        if not isinstance(dim, Expr):
            assert dim is not None
            return dim
        total: Index = 0
        for monomial, c in dim.terms:
            value: Index = c
            for atom in monomial:
                value = self.f.mul(value, self.symbols[atom] if isinstance(atom, Symbol) else self.applied(atom))
            total = self.f.add(total, value)
        return total

    def applied(self, atom: Apply) -> Index:
        """min, max, // or % of sizes."""
        a, b = (self.dim(d) for d in atom.args)
        f = self.f
        if atom.kind == "min":
            return f.minimum(a, b)
        if atom.kind == "max":
            return f.maximum(a, b)
        quotient = f.floordiv(a, b)
        return quotient if atom.kind == "floordiv" else f.sub(a, f.mul(quotient, b))

    def base(self, base: Any) -> str:
        """The pointer of a base."""
        if isinstance(base, Work):
            return self.bins[self.arena.bin_of[base]]
        if isinstance(base, Pointer):
            return self.pointers[base]
        return self.arrays[base]

    def at(self, view: View, offset: Dim | None = None) -> str:
        """The pointer of a view's first element, or of another one."""
        place = self.dim(view.offset if offset is None else offset)
        return self.f.offset(memory_type(view.dtype.name), self.base(view.base), place)

    # --- steps ----------------------------------------------------------------------------------------------------

    def steps(self, steps: Sequence[Step]) -> None:
        """Write steps in order."""
        for step in steps:
            getattr(self, RULES[type(step)])(step)
            self.owed.append(work(step))
            if len(self.owed) >= STEPS_COUNTED:
                self.count()
        self.count()

    def count(self) -> None:
        """Count the work of the steps before this point."""
        total: Dim = 0
        for owed in self.owed:
            total = add(total, owed)
        self.owed.clear()
        if total != 0:
            self.pulse.spend(self.dim(total))

    def nest(self, step: Nest) -> None:
        """A call of a kernel."""
        name, passed = self.kernels.kernel(step)
        accesses = [*step.accesses, *(s.access for s in step.stores)]
        arguments: list[tuple[str, Index]] = [("ptr", self.at(a.view, a.offset)) for a in accesses]
        arguments += [*(("i64", self.dim(d)) for d in passed), ("ptr", "%state")]
        self.f.call("void", name, arguments)

    def pack(self, step: Pack) -> None:
        """A call of the packing kernel."""
        k, n = step.matrix.shape
        rs, cs = step.matrix.strides
        name = self.gemm.pack(step.matrix.dtype.name)
        self.f.call("void", name, [("ptr", self.at(step.matrix)), ("i64", self.dim(rs)), ("i64", self.dim(cs)),
                                   ("ptr", self.base(step.packed)), ("i64", self.dim(k)), ("i64", self.dim(n)),
                                   ("ptr", "%state")])

    def product(self, step: Gemm) -> None:
        """A call of a product kernel made for the sizes that are known."""
        if isinstance(step.b, View):
            self.direct(step, step.b)
            return
        (m, k), n = step.a.shape, step.c.shape[1]
        ars, acs = step.a.strides
        ldc = step.c.strides[0]
        known = [d if isinstance(d, int) else None for d in (m, n, k, ars, acs, ldc)]
        name = self.gemm.gemm(step.a.dtype.name, known[0], known[1], known[2], (known[3], known[4]), known[5],
                              step.accumulate)
        self.f.call("void", name, [("ptr", self.at(step.a)), ("i64", self.dim(ars)), ("i64", self.dim(acs)),
                                   ("ptr", self.base(step.b)), ("ptr", self.at(step.c)), ("i64", self.dim(ldc)),
                                   ("i64", self.dim(m)), ("i64", self.dim(n)), ("i64", self.dim(k)),
                                   ("ptr", "%state")])

    def direct(self, step: Gemm, b: View) -> None:
        """A call of the kernel for few rows, which reads the right matrix in place."""
        (m, k), n = step.a.shape, step.c.shape[1]
        ars, acs = step.a.strides
        sizes = (m, n, k, ars, acs, b.strides[0], step.c.strides[0])
        known = [d if isinstance(d, int) else None for d in sizes]
        name = self.gemm.direct(step.a.dtype.name, known[0], known[1], known[2], (known[3], known[4]), known[5], known[6],
                                step.accumulate)
        self.f.call("void", name, [("ptr", self.at(step.a)), ("i64", self.dim(ars)), ("i64", self.dim(acs)),
                                   ("ptr", self.at(b)), ("i64", self.dim(b.strides[0])), ("ptr", self.at(step.c)),
                                   ("i64", self.dim(step.c.strides[0])), ("i64", self.dim(m)), ("i64", self.dim(n)),
                                   ("i64", self.dim(k)), ("ptr", "%state")])

    def failing(self, condition: str, node: int) -> None:
        """Leave with a node's number if the condition holds."""
        with self.f.if_(condition):
            self.f.ret(1 + node)

    def integer(self, dtype: DType, pointer: str, how: str = "") -> str:
        """An integer element as i64. `how` may say "volatile ": that LLVM must not read it twice."""
        kind = memory_type(dtype.name)
        value = self.f.load_raw(how + kind, pointer, dtype.size)
        if kind == "i64":
            return value
        return self.f.value(f"{'sext' if dtype.kind == 'i' else 'zext'} {kind} {value} to i64")

    def checked(self, view: View, limit: Index, node: int) -> None:
        """Fail unless all elements of a vector are in [0, limit)."""
        f, dtype = self.f, view.dtype
        start = self.at(view)
        with self.pulse.loop(self.dim(view.shape[0]), 1, [("i1", "false")]) as loop:
            value = self.integer(dtype, f.offset(memory_type(dtype.name), start, loop.index))
            bad = f.value(f"icmp uge i64 {value}, {limit}")
            loop.carry([f.value(f"or i1 {loop.values[0]}, {bad}")])
        self.failing(loop.results[0], node)

    def row(self, index: View, number: Index, limit: Index, node: int) -> str:
        """Element `number` of a vector, read once. Fail unless it is in [0, limit)."""
        row = self.integer(index.dtype, self.f.offset(memory_type(index.dtype.name), self.at(index), number), "volatile ")
        self.failing(self.f.compare("uge", row, limit), node)
        return row

    def take(self, step: Take) -> None:
        """Copy rows."""
        f = self.f
        outer, limit, inner = (self.dim(d) for d in step.x.shape)
        count = self.dim(step.index.shape[0])
        kind, size = memory_type(step.x.dtype.name), step.x.dtype.size
        x, out = self.at(step.x), self.at(step.out)
        bytes_, cost = f.mul(inner, size), f.add(inner, CACHE_LINE)
        with f.loop(0, outer) as i, self.pulse.loop(count, cost) as rows:
            j = rows.index
            row = self.row(step.index, j, limit, step.node)
            source = f.offset(kind, x, f.mul(f.add(f.mul(i, limit), row), inner))
            target = f.offset(kind, out, f.mul(f.add(f.mul(i, count), j), inner))
            self.copied(target, source, bytes_)

    def copied(self, target: str, source: str, count: Index) -> None:
        """Copy bytes, in a loop of our own: objects have no undefined symbols."""
        name = "copy_bytes"
        if name not in self.module.functions:
            g = self.module.function(name, [("ptr noalias", "to"), ("ptr noalias", "from"), ("i64", "n")], "void",
                                     linkage="internal")
            words = g.quotient("%n", 4)
            with g.loop(0, words) as i:
                value = g.load_raw("i32", g.offset("i32", "%from", i), 1)
                g.store_raw("i32", value, g.offset("i32", "%to", i), 1)
            with g.loop(g.mul(words, 4), "%n") as i:
                value = g.load_raw("i8", g.offset("i8", "%from", i), 1)
                g.store_raw("i8", value, g.offset("i8", "%to", i), 1)
            g.ret()
        self.f.call("void", name, [("ptr", target), ("ptr", source), ("i64", count)], declare=False)

    def put(self, step: Put) -> None:
        """Write or add rows in place."""
        f = self.f
        limit, inner = (self.dim(d) for d in step.x.shape)
        dtype = step.x.dtype.name
        kind = memory_type(dtype)
        x, updates, cost = self.at(step.x), self.at(step.updates), f.add(inner, CACHE_LINE)
        prefix = "f" if step.x.dtype.is_floating else ""
        with self.pulse.loop(self.dim(step.index.shape[0]), cost) as rows:
            j = rows.index
            row = self.row(step.index, j, limit, step.node)
            target = f.offset(kind, x, f.mul(row, inner))
            source = f.offset(kind, updates, f.mul(j, inner))
            with f.loop(0, inner) as i:
                value = f.load_raw(kind, f.offset(kind, source, i), step.x.dtype.size)
                place = f.offset(kind, target, i)
                if step.add:
                    old = f.load_raw(kind, place, step.x.dtype.size)
                    value = f.value(f"{prefix}add {kind} {old}, {value}")
                f.store_raw(kind, value, place, step.x.dtype.size)

    def draw(self, step: Draw) -> None:
        """A call of the routine that draws."""
        routine = Routine(step.op, step.out.dtype.name)
        self.routines[routine] = None
        self.f.call("void", routine.symbol, [("ptr", self.at(step.key)), ("i64", self.dim(step.key.shape[0])),
                                             ("ptr", self.at(step.out)), ("i64", self.dim(step.out.shape[0]))])

    def arg(self, step: Arg) -> None:
        """Scan for the extreme element, the first of equals. No comparison holds of NaN, so a NaN is never better."""
        f, dtype = self.f, step.x.dtype
        outer, count, inner = (self.dim(d) for d in step.x.shape)
        kind, out_kind = memory_type(dtype.name), memory_type(step.out.dtype.name)
        x, out = self.at(step.x), self.at(step.out)
        empty, wanted = f.compare("eq", count, 0), f.compare("sgt", f.mul(outer, inner), 0)
        self.failing(f.value(f"and i1 {empty}, {wanted}"), step.node)
        with f.loop(0, outer) as i, f.loop(0, inner) as k:
            start = f.add(f.mul(f.mul(i, count), inner), k)
            if dtype.is_floating:
                first = NEGATIVE_INFINITY if step.largest else INFINITY
            else:
                first = f.load_raw(kind, f.offset(kind, x, start), dtype.size)
            with self.pulse.loop(count, 1, [(kind, first), ("i64", "0")]) as loop:
                value = f.load_raw(kind, f.offset(kind, x, f.add(start, f.mul(loop.index, inner))), dtype.size)
                better = f.value(f"{self.order(dtype, step.largest)} {kind} {value}, {loop.values[0]}")
                loop.carry([f.value(f"select i1 {better}, {kind} {value}, {kind} {loop.values[0]}"),
                            f.value(f"select i1 {better}, i64 {loop.index}, i64 {loop.values[1]}")])
            place = f.add(f.mul(i, inner), k)
            found = loop.results[1]
            if out_kind != "i64":
                found = f.value(f"trunc i64 {found} to {out_kind}")
            f.store_raw(out_kind, found, f.offset(out_kind, out, place), step.out.dtype.size)

    def order(self, dtype: DType, largest: bool) -> str:
        """The comparison that finds a better element."""
        if dtype.is_floating:
            return "fcmp ogt" if largest else "fcmp olt"
        sign = "u" if dtype.kind in "ub" else "s"
        return f"icmp {sign}{'gt' if largest else 'lt'}"

    def check(self, step: Check) -> None:
        """Fail unless all hold."""
        f = self.f
        start = self.at(step.condition)
        with self.pulse.loop(self.dim(step.condition.shape[0]), 1, [("i1", "false")]) as loop:
            value = f.load("bool", f.offset("i8", start, loop.index))
            wrong = f.value(f"xor i1 {value.ssa}, true")
            loop.carry([f.value(f"or i1 {loop.values[0]}, {wrong}")])
        self.failing(loop.results[0], step.node)

    def check_sizes(self, step: CheckSizes) -> None:
        """Fail unless the sizes compare as they must."""
        f, left, right = self.f, self.dim(step.left), self.dim(step.right)
        wrong = f.compare("slt" if step.relation == ">=" else "ne", left, right)
        if step.relation == "broadcasts":
            for side in (left, right):
                wrong = f.value(f"and i1 {wrong}, {f.compare('ne', side, 1)}")
        self.failing(wrong, step.node)

    def bind(self, step: Bind) -> None:
        """A size for the steps that follow."""
        self.symbols[step.symbol] = self.integer(step.x.dtype, self.at(step.x))

    def check_range(self, step: CheckRange) -> None:
        """Fail unless in range."""
        limit = self.integer(step.limit.dtype, self.at(step.limit))
        self.checked(step.x, limit, step.node)

    def fail(self, step: Fail) -> None:
        """Leave."""
        self.f.ret(1 + step.node)

    def branch(self, step: Branch) -> None:
        """Both arms."""
        self.count()
        condition = self.f.load("bool", self.at(step.condition))
        with self.f.if_else(condition.ssa) as arms:
            self.steps(step.then)
            arms.otherwise()
            self.steps(step.other)

    # --- loops ----------------------------------------------------------------------------------------------------

    def loop(self, step: Loop) -> None:
        """A loop: pointers move, work is counted in each step."""
        self.count()
        f = self.f
        limit = None if step.limit is None else self.integer(step.limit.dtype, self.at(step.limit))
        starts = [self.at(c.start) for c in step.carries]
        wholes = [self.at(r.whole) for r in step.rows]
        pongs = [self.base(p.work) for p in step.pongs]
        begin = self.dim(step.begin)
        head, body, end = f.fresh("head"), f.fresh("step"), f.fresh("done")
        before = f.here()
        f.branch(head)
        f.block(head)
        index = "%" + f.fresh("t")
        pointers = ["%" + f.fresh("carry") for _ in step.carries]
        place = len(f._lines)
        for carry, pointer in zip(step.carries, pointers, strict=True):
            self.pointers[carry.pointer] = pointer
        self.store_step(step, index)
        if limit is not None:
            go, more = f.fresh("go"), self.f.compare("slt", index, limit)
            f.branch_if(more, go, end)
            f.block(go)
        if step.condition is not None:
            self.steps(step.test)
            f.branch_if(f.load("bool", self.at(step.condition)).ssa, body, end)
            f.block(body)
        self.room(step, index, end)
        self.owed.append(1)
        self.rows(step, index, limit, wholes)
        self.pongs(step, index, pongs)
        self.steps(step.body)
        following = f.value(f"add nuw nsw i64 {index}, 1")
        nexts = [self.at(c.next) for c in step.carries]
        latch = f.current
        f.branch(head)
        f._lines[place:place] = [
            f"  {index} = phi i64 [ {begin}, %{before} ], [ {following}, %{latch} ]",
            *(f"  {p} = phi ptr [ {s}, %{before} ], [ {n}, %{latch} ]"
              for p, s, n in zip(pointers, starts, nexts, strict=True))]
        f.block(end)
        short = f.value(f"trunc i64 {index} to i32")
        f.store_raw("i32", short, self.at(step.trips), 4)

    def store_step(self, step: Loop, index: str) -> None:
        """The step number where the body reads it."""
        short = self.f.value(f"trunc i64 {index} to i32")
        self.f.store_raw("i32", short, self.at(step.step), 4)

    def room(self, step: Loop, index: str, end: str) -> None:
        """Leave, saying so, where there is no room for this step's rows."""
        f = self.f
        if step.capacity is None or step.more is None:
            return
        full, fits = f.fresh("full"), f.fresh("fits")
        f.branch_if(f.compare("sge", index, self.dim(step.capacity)), full, fits)
        f.block(full)
        f.store_raw("i8", "1", self.at(step.more), 1)
        f.branch(end)
        f.block(fits)

    def rows(self, step: Loop, index: str, limit: str | None, wholes: Sequence[str]) -> None:
        """Point rows at this step's row."""
        f = self.f
        at: Index = index
        if step.reverse and limit is not None:
            at = f.sub(f.sub(limit, 1), index)
        for row, start in zip(step.rows, wholes, strict=True):
            stride = self.dim(row.whole.strides[0])
            self.pointers[row.pointer] = f.offset(memory_type(row.whole.dtype.name), start, f.mul(at, stride))

    def pongs(self, step: Loop, index: str, starts: Sequence[str]) -> None:
        """Point at the half that this step may write."""
        f = self.f
        parity = f.value(f"and i64 {index}, 1")
        for pong, start in zip(step.pongs, starts, strict=True):
            offset = f.mul(parity, self.dim(pong.half))
            self.pointers[pong.pointer] = f.offset(memory_type(pong.work.dtype.name), start, offset)


RULES: dict[type, str] = {
    Nest: "nest", Pack: "pack", Gemm: "product", Take: "take", Put: "put",
    Draw: "draw", Arg: "arg", Check: "check", CheckSizes: "check_sizes",
    CheckRange: "check_range", Bind: "bind", Fail: "fail", Loop: "loop", Branch: "branch"}
"""The method that writes each kind of step."""
