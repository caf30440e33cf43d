"""Plans to LLVM text: one function that runs the steps, and kernels.

    i64 @run(ptr inputs, ptr outputs, ptr sizes, ptr arena, ptr state)

gives 0, -1 if it was told to stop (see `pulse`), or 1 + the number of the failure. Memory is the caller's;
nothing is allocated. It has no loops but the plan's: what goes over elements is called, kernels written as they shall be
(`nests.py`, `gemm.py`), loops that LLVM vectorises (`nests.py`, `walks.py`) and routines that draw (`draws.py`). Each of the
three kinds is in objects of its own, which plans share. There are no other undefined symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.backends.llvm.draws import Routine
from rnngraph.backends.llvm.gemm import GemmEmitter
from rnngraph.backends.llvm.nests import Kernels
from rnngraph.backends.llvm.pulse import STATE, Pulse, work
from rnngraph.backends.llvm.text import AS_WRITTEN, LOOPS, SCALARS, Function, Index, Module, memory_type
from rnngraph.backends.llvm.walks import RULES as WALKS
from rnngraph.backends.llvm.walks import Walk, Walks, integer
from rnngraph.ir.sizes import Apply, Dim, Expr, Symbol, add
from rnngraph.lowering.plan import (
    Bind,
    Branch,
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
    Step,
    View,
    Work,
)
from rnngraph.lowering.target import Target

STEPS_COUNTED = 16
"""Steps whose work is counted together."""


class Emitter:
    """Writes the `run` function of one plan."""

    def __init__(self, plan: Plan, target: Target) -> None:
        self.plan = plan
        self.module = Module(target.vector_bits, SCALARS)
        self.verbatim = Module(target.vector_bits, AS_WRITTEN)
        self.loops = Module(target.vector_bits, LOOPS)
        self.gemm = GemmEmitter(self.verbatim, target)
        self.kernels = Kernels(self.verbatim, self.loops, target)
        self.walks = Walks(self.loops)
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
        """Write everything: `module` with the function, and what other plans may share, `verbatim` and `loops`."""
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

    def walk(self, step: Walk) -> None:
        """A call of a step that walks along a vector; it tells whether it fails."""
        name, views, sizes = self.walks.function(step)
        self.failing(self.f.call("i1", name, [*(("ptr", self.at(v)) for v in views), *(("i64", self.dim(d)) for d in sizes),
                                              ("ptr", "%state")]), step.node)

    def draw(self, step: Draw) -> None:
        """A call of the routine that draws."""
        routine = Routine(step.op, step.out.dtype.name)
        self.routines[routine] = None
        self.f.call("void", routine.symbol, [("ptr", self.at(step.key)), ("i64", self.dim(step.key.shape[0])),
                                             ("ptr", self.at(step.out)), ("i64", self.dim(step.out.shape[0]))])

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
        self.symbols[step.symbol] = integer(self.f, step.x.dtype, self.at(step.x))

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
        limit = None if step.limit is None else integer(self.f, step.limit.dtype, self.at(step.limit))
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
    Nest: "nest", Pack: "pack", Gemm: "product", Draw: "draw", CheckSizes: "check_sizes", Bind: "bind", Fail: "fail",
    Loop: "loop", Branch: "branch", **dict.fromkeys(WALKS, "walk")}
"""The method that writes each kind of step."""
