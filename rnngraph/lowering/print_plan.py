"""Plans as text, for people: what a stretch of native code does to memory, step by step.

    plan(in0 x: float32[n,2], in1 w: float32[2,3]) -> (out0 y: float32[n,3])
      sizes n
      bin 0 of 64 bytes: work0
      pack work0 from in1[2,3]
      out0[n,3] = in0[n,2] @ work0
      for i0 < 3*n: out0[i0] = tanh(out0[i0])

`in0[2,3]` is a tensor that lies row by row from its base on; elsewhere the strides follow, and where it begins:
`in0[2,3 by 1,2 at 6]`. In a `for` brackets hold the place of an element, counted from the base.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rnngraph.ir.printer import Names
from rnngraph.ir.sizes import Dim
from rnngraph.lowering.plan import (
    Access,
    Arg,
    Base,
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
    Port,
    Put,
    Step,
    Store,
    Take,
    View,
    Work,
    row_major,
)


def print_plan(plan: Plan) -> str:
    """A plan as text."""
    return "\n".join(_Printer(plan).lines()) + "\n"


class _Printer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.names = Names()
        for symbol in plan.symbols:
            self.names.size(symbol)

    def lines(self) -> Iterator[str]:
        """Every line."""
        plan = self.plan
        inputs = ", ".join(f"in{i} {self.port(p)}" for i, p in enumerate(plan.inputs))
        outputs = ", ".join(f"out{i} {self.port(p)}" for i, p in enumerate(plan.outputs))
        yield f"plan({inputs}) -> ({outputs})"
        for i, array in enumerate(plan.constants, len(plan.inputs)):
            yield f"  in{i} is {array.dtype}{list(array.shape)} {array.ravel()[:8].tolist()}{' ...' * (array.size > 8)}"
        if plan.symbols:
            yield f"  sizes {', '.join(map(self.names.size, plan.symbols))}"
        for i, size in enumerate(plan.arena.bins):
            pieces = [self.base(w) for w, at in plan.arena.bin_of.items() if at == i]
            yield f"  bin {i} of {self.names.dim(size)} bytes: {', '.join(pieces)}"
        yield from self.steps(plan.steps, "  ")

    # --- words ----------------------------------------------------------------------------------------------------------

    def dims(self, dims: Sequence[Dim]) -> str:
        """Sizes."""
        return ",".join(map(self.names.dim, dims))

    def port(self, port: Port) -> str:
        """An array of the caller."""
        return f"{port.name}: {port.dtype.name}[{self.dims(port.shape)}]"

    def base(self, base: Base) -> str:
        """A base."""
        names: dict[type, str] = {Input: "in", Output: "out", Work: "work", Pointer: "ptr"}
        return f"{names[type(base)]}{base.index}"

    def view(self, view: View) -> str:
        """A tensor."""
        lies = "" if view.strides == row_major(view.shape) else f" by {self.dims(view.strides)}"
        at = "" if view.offset == 0 else f" at {self.names.dim(view.offset)}"
        return f"{self.base(view.base)}[{self.dims(view.shape)}{lies}{at}]"

    def fails(self, number: int) -> str:
        """What a step raises."""
        f = self.plan.failures[number]
        return f"else fail {number}: {f.op} {f.name}".rstrip() + (f"  # {f.line}" if f.line else "")

    # --- steps ----------------------------------------------------------------------------------------------------------

    def steps(self, steps: Sequence[Step], indent: str) -> Iterator[str]:
        """The lines of some steps."""
        for step in steps:
            for line in RULES[type(step)](self, step):
                yield indent + line

    def nest(self, step: Nest) -> Iterator[str]:
        """Loops, then what each store writes."""
        loops = "".join(f"for i{k} < {self.names.dim(d)}: " for k, d in enumerate(step.sizes))
        stores = [self.store(step, s) for s in step.stores]
        if len(stores) == 1:
            yield loops + stores[0]
            return
        yield loops.rstrip()
        yield from ("  " + s for s in stores)

    def store(self, nest: Nest, store: Store) -> str:
        """One result of a nest."""
        over = ", ".join(f"i{k}" for k, gone in enumerate(nest.reduced) if gone)
        sign = f" = {store.combine} over {over} of " if store.combine else " = "
        return self.access(store.access) + sign + self.term(nest, store.term)

    def access(self, access: Access) -> str:
        """An element."""
        parts = [f"i{k}" if c == 1 else f"i{k} * {self.factor(c)}" for k, c in enumerate(access.coefficients) if c != 0]
        if access.offset != 0 or not parts:
            parts.append(self.names.dim(access.offset))
        return f"{self.base(access.view.base)}[{' + '.join(parts)}]"

    def factor(self, dim: Dim) -> str:
        """A size that is multiplied."""
        found = self.names.dim(dim)
        return f"({found})" if " " in found else found

    def term(self, nest: Nest, number: int) -> str:
        """A scalar, with what it is made of."""
        term = nest.terms[number]
        if term.op == "load":
            return self.access(nest.accesses[term.data])
        if term.op == "const":
            return repr(term.data[0])
        if term.op == "size":
            return self.names.dim(term.data[0])
        if term.op == "index":
            axis, multiplier, offset, _ = term.data
            return f"(i{axis} * {multiplier} + {self.names.dim(offset)})" if axis >= 0 else self.names.dim(offset)
        attrs = "".join(f", {key}={value}" for key, value in term.data or ())
        return f"{term.op}({', '.join(self.term(nest, a) for a in term.args)}{attrs})"

    def gemm(self, step: Gemm) -> Iterator[str]:
        """A product."""
        b = self.view(step.b) if isinstance(step.b, View) else self.base(step.b)
        yield f"{self.view(step.c)} {'+=' if step.accumulate else '='} {self.view(step.a)} @ {b}"

    def take(self, step: Take) -> Iterator[str]:
        """Rows by number."""
        yield f"{self.view(step.out)} = take {self.view(step.x)} rows {self.view(step.index)} {self.fails(step.node)}"

    def put(self, step: Put) -> Iterator[str]:
        """Rows written by number."""
        sign = "+=" if step.add else "="
        yield (f"{self.view(step.x)} rows {self.view(step.index)} {sign} {self.view(step.updates)} {self.fails(step.node)}")

    def arg(self, step: Arg) -> Iterator[str]:
        """Where the extreme is."""
        how = "argmax" if step.largest else "argmin"
        yield f"{self.view(step.out)} = {how} {self.view(step.x)} {self.fails(step.node)}"

    def loop(self, step: Loop) -> Iterator[str]:
        """A loop: what its pointers do, its test, its body."""
        limit = "" if step.limit is None else f" < {self.view(step.limit)}"
        room = ""
        if step.capacity is not None and step.more is not None:
            room = f", room for {self.names.dim(step.capacity)}, says more in {self.view(step.more)}"
        begin = "" if step.begin == 0 else f" from {self.names.dim(step.begin)}"
        yield f"loop {self.view(step.step)}{begin}{limit}{room}, counts in {self.view(step.trips)}  # {step.label}"
        for carry in step.carries:
            yield f"  {self.base(carry.pointer)} at {self.view(carry.start)}, then at {self.view(carry.next)}"
        for row in step.rows:
            yield f"  {self.base(row.pointer)} at each row of {self.view(row.whole)}{' from the last' * step.reverse}"
        for pong in step.pongs:
            half = f"{self.names.dim(pong.half)} elements each"
            yield f"  {self.base(pong.pointer)} at the halves of {self.base(pong.work)}, {half}"
        if step.condition is not None:
            yield f"  while {self.view(step.condition)}"
            yield from self.steps(step.test, "    ")
        yield "  do"
        yield from self.steps(step.body, "    ")

    def branch(self, step: Branch) -> Iterator[str]:
        """One of two lists."""
        yield f"if {self.view(step.condition)}"
        yield from self.steps(step.then, "  ")
        yield "else"
        yield from self.steps(step.other, "  ")


RULES: dict[type, Callable[[_Printer, Any], Iterator[str]]] = {
    Nest: _Printer.nest, Gemm: _Printer.gemm, Take: _Printer.take, Put: _Printer.put, Arg: _Printer.arg,
    Loop: _Printer.loop, Branch: _Printer.branch,
    Pack: lambda p, s: iter([f"pack {p.base(s.packed)} from {p.view(s.matrix)}"]),
    Draw: lambda p, s: iter([f"{p.view(s.out)} = {s.op} of key {p.view(s.key)}"]),
    Check: lambda p, s: iter([f"check {p.view(s.condition)} {p.fails(s.node)}"]),
    CheckSizes: lambda p, s: iter([f"check {p.names.dim(s.left)} {s.relation} {p.names.dim(s.right)} {p.fails(s.node)}"]),
    CheckRange: lambda p, s: iter([f"check 0 <= {p.view(s.x)} < {p.view(s.limit)} {p.fails(s.node)}"]),
    Bind: lambda p, s: iter([f"size {p.names.size(s.symbol)} is {p.view(s.x)}"]),
    Fail: lambda p, s: iter([f"fail {s.node}: {p.plan.failures[s.node].op}"])}
"""How each kind of step is written."""


__all__ = ["print_plan"]
