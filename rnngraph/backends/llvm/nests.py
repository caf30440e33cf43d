"""Loop nests to LLVM functions: scalar loops that LLVM's vectoriser widens.

A kernel's parameters are one pointer an access (already moved to the access's first element), the sizes that are not
known when the code is made, and the state of the run, which a kernel that may be long asks whether to go on. Equal
kernels are one function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rnngraph.backends.llvm.pulse import GRAIN, STATE, Pulse, short, weight, work
from rnngraph.backends.llvm.scalars import LLVMScalars
from rnngraph.backends.llvm.text import Function, Index, Loop, Module, Scalar, memory_type
from rnngraph.ir.kinds import Elementwise
from rnngraph.ir.op import lookup
from rnngraph.ir.sizes import Dim, product
from rnngraph.lowering.plan import Access, Nest, Store

UNITS: dict[str, Callable[[str], Any]] = {
    "add": lambda dtype: 0, "mul": lambda dtype: 1, "and": lambda dtype: True, "or": lambda dtype: False,
    "max": lambda dtype: _extreme(dtype, False), "min": lambda dtype: _extreme(dtype, True)}


def _extreme(dtype: str, largest: bool) -> Any:
    if dtype.startswith("float"):
        return float("inf") if largest else float("-inf")
    if dtype == "bool":
        return largest
    bits = int("".join(c for c in dtype if c.isdigit()))
    signed = dtype.startswith("int")
    if largest:
        return 2 ** (bits - 1) - 1 if signed else 2 ** bits - 1
    return -(2 ** (bits - 1)) if signed else 0


class Kernels:
    """The kernels of one module."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.names: dict[str, str] = {}
        self.made = 0

    def kernel(self, nest: Nest) -> tuple[str, tuple[Dim, ...]]:
        """The symbol of a nest's function, and the dims that are passed after the pointers."""
        writer = _Writer(nest)
        function = writer.write()
        text = function.text()
        name = self.names.get(text)
        if name is None:
            name = f"nest{self.made}"
            self.made += 1
            self.names[text] = name
            function.name = name
            self.module.functions[name] = function
        return name, tuple(writer.dims)


class _Writer:
    """Writes one nest's function."""

    def __init__(self, nest: Nest) -> None:
        self.nest = nest
        self.dims: list[Dim] = []
        self._collect()
        accesses = [*nest.accesses, *(s.access for s in nest.stores)]
        params = [("ptr noalias", f"arg{i}") for i in range(len(accesses))]
        params += [*(("i64", f"dim{i}") for i in range(len(self.dims))), STATE]
        # Inlined, the kernels of an unrolled program would make one function that takes minutes to compile.
        self.function = Function("nest", params, "void", linkage="internal", attributes="noinline #0")
        self.pulse = None if short(work(nest)) else Pulse(self.function)
        self.short_rows = False
        """Whether the innermost loop that is being written is known to be short."""
        self.scalars: Any = LLVMScalars(self.function)

    def _collect(self) -> None:
        """The dims that are not known: sizes, coefficients, sizes as data."""
        seen: dict[Dim, None] = {}
        nest = self.nest
        for d in nest.sizes:
            seen.setdefault(d)
        for access in (*nest.accesses, *(s.access for s in nest.stores)):
            for c in access.coefficients:
                seen.setdefault(c)
        for term in nest.terms:
            if term.op == "size":
                seen.setdefault(term.data[0])
            elif term.op == "index":
                seen.setdefault(term.data[2])
        self.dims = [d for d in seen if not isinstance(d, int)]

    def index(self, dim: Dim) -> Index:
        """A dim as an operand."""
        return dim if isinstance(dim, int) else f"%dim{self.dims.index(dim)}"

    # --- structure ----------------------------------------------------------------------------------------------

    def write(self) -> Function:
        """The function. Where the innermost size is not known, rows that are short have a version of their own."""
        f, sizes = self.function, self.nest.sizes
        if self.pulse is not None and len(sizes) > 1 and not isinstance(sizes[-1], int):
            row = f.mul(self.index(sizes[-1]), weight(self.nest))
            with f.if_else(f.compare("sle", row, GRAIN)) as version:
                self.short_rows = True
                self.nested()
                version.otherwise()
                self.short_rows = False
                self.nested()
        else:
            self.nested()
        f.ret()
        return f

    def nested(self) -> None:
        """All loops."""
        nest = self.nest
        rank = len(nest.sizes)
        trailing = 0
        while trailing < rank and nest.reduced[rank - 1 - trailing]:
            trailing += 1
        reducing = any(nest.reduced)
        simple = not any(nest.reduced[:rank - trailing])
        if reducing and not simple:
            self.start_sums()
        self.loops(0, rank - trailing, [], trailing, not simple)

    def start_sums(self) -> None:
        """Write the unit of each reduction where it goes."""
        kept = [k for k, r in enumerate(self.nest.reduced) if not r]

        def inner(at: list[Index]) -> None:
            place: list[Index] = [0] * len(self.nest.sizes)
            for k, i in zip(kept, at, strict=True):
                place[k] = i
            for j, store in enumerate(self.nest.stores):
                dtype = store.access.view.dtype.name
                unit = self.scalars.typed(UNITS[store.combine](dtype), dtype)
                self.function.store(unit, self.pointer(len(self.nest.accesses) + j, store.access, place))
        self.over(kept, [], inner)

    @contextmanager
    def axis(self, axes: Sequence[int], carried: Sequence[tuple[str, str]] = ()) -> Iterator[Loop]:
        """A loop over the first of some axes; the others are inside it.

        Work is counted in the outermost loop whose body is known to be short, so that LLVM finds it and all inside it
        as if nothing were counted.
        """
        size, work = self.index(self.nest.sizes[axes[0]]), self.counted(axes)
        if self.pulse is not None and work is not None:
            with self.pulse.loop(size, work, carried) as loop:
                yield loop
            return
        with self.function.loop_carrying(0, size, 1, carried) as loop:
            yield loop

    def counted(self, axes: Sequence[int]) -> Index | None:
        """The work of one iteration of a loop in which work is counted."""
        last = len(self.nest.sizes) - 1
        if self.short_rows and axes[-1] == last:
            row = self.function.mul(self.index(self.nest.sizes[last]), weight(self.nest))
            return row if len(axes) == 2 else None
        around, body = (product([*(self.nest.sizes[k] for k in part), weight(self.nest)]) for part in (axes, axes[1:]))
        return body if isinstance(body, int) and short(body) and not short(around) else None

    def over(self, axes: Sequence[int], at: list[Index], inner: Callable[[list[Index]], None]) -> None:
        """Nested loops over some axes."""
        if not axes:
            inner(at)
            return
        with self.axis(axes) as loop:
            self.over(axes[1:], [*at, loop.index], inner)

    def loops(self, axis: int, stop: int, at: list[Index], trailing: int, into_memory: bool) -> None:
        """The loops that are not folded in registers, then those that are."""
        if axis < stop:
            with self.axis(range(axis, len(self.nest.sizes))) as loop:
                self.loops(axis + 1, stop, [*at, loop.index], trailing, into_memory)
            return
        if trailing == 0:
            self.body(at, into_memory)
            return
        units = [self.unit(s) for s in self.nest.stores]
        for j, total in enumerate(self.fold(at, units, trailing)):
            self.finish(j, total, [*at, *[0] * trailing], into_memory)

    def unit(self, store: Store) -> Scalar:
        """A reduction's unit."""
        dtype = store.access.view.dtype.name
        made: Scalar = self.scalars.typed(UNITS[store.combine](dtype), dtype)
        return made

    def fold(self, at: list[Index], totals: Sequence[Scalar], depth: int) -> list[Scalar]:
        """Fold the innermost axes; totals are carried round the loops."""
        if depth == 0:
            values = self.terms(at)
            return [self.combined(s.combine, total, values[s.term])
                    for s, total in zip(self.nest.stores, totals, strict=True)]
        carried = [(t.type, t.ssa) for t in totals]
        with self.axis(range(len(at), len(self.nest.sizes)), carried) as loop:
            inside = [Scalar(v, t.dtype) for v, t in zip(loop.values, totals, strict=True)]
            new = self.fold([*at, loop.index], inside, depth - 1)
            loop.carry([v.ssa for v in new])
        return [Scalar(v, t.dtype) for v, t in zip(loop.results, totals, strict=True)]

    def body(self, at: list[Index], into_memory: bool) -> None:
        """One element."""
        values = self.terms(at)
        for j, store in enumerate(self.nest.stores):
            self.finish(j, values[store.term], at, into_memory)

    def finish(self, j: int, value: Scalar, at: list[Index], into_memory: bool) -> None:
        """Write a result, folded with what is there if `into_memory`."""
        store = self.nest.stores[j]
        pointer = self.pointer(len(self.nest.accesses) + j, store.access, at)
        if into_memory:
            value = self.combined(store.combine, self.function.load(value.dtype, pointer), value)
        self.function.store(value, pointer)

    # --- elements ---------------------------------------------------------------------------------------------------

    def pointer(self, number: int, access: Access, at: Sequence[Index]) -> str:
        """Where the element of an access is."""
        f, total = self.function, 0
        place: Index = total
        for c, i in zip(access.coefficients, at, strict=True):
            place = f.add(place, f.mul(self.index(c), i))
        return f.offset(memory_type(access.view.dtype.name), f"%arg{number}", place)

    def terms(self, at: Sequence[Index]) -> list[Scalar]:
        """Every term's value."""
        values: list[Scalar] = []
        for term in self.nest.terms:
            values.append(self.term(term.op, [values[i] for i in term.args], term.data, at))
        return values

    def term(self, op: str, args: list[Scalar], data: Any, at: Sequence[Index]) -> Scalar:
        """One term's value."""
        if op == "load":
            access = self.nest.accesses[data]
            return self.function.load(access.view.dtype.name, self.pointer(data, access, at))
        if op == "const":
            made: Scalar = self.scalars.typed(*data)
            return made
        if op == "size":
            return self.number(self.index(data[0]), data[1])
        if op == "index":
            axis, multiplier, offset, dtype = data
            f = self.function
            place = f.mul(multiplier, at[axis]) if axis >= 0 else 0
            return self.number(f.add(place, self.index(offset)), dtype)
        kind = lookup(op).kind
        assert isinstance(kind, Elementwise)
        made = kind.scalar(self.scalars, *args, **dict(data))
        return made

    def number(self, value: Index, dtype: str) -> Scalar:
        """An i64 as a scalar of another type."""
        if isinstance(value, int):
            made: Scalar = self.scalars.typed(value, dtype)
            return made
        return self.scalars.cast(Scalar(value, "int64"), dtype)  # type: ignore[no-any-return]

    def combined(self, combine: str, total: Scalar, value: Scalar) -> Scalar:
        """One step of a reduction. Sums of floats may be taken in any order, which is what makes them vectors."""
        f, dtype, t = self.function, value.dtype, value.type
        if combine in ("add", "mul"):
            prefix = "f" if dtype.startswith("float") else ""
            flags = " reassoc" if prefix else ""
            return Scalar(f.value(f"{prefix}{combine}{flags} {t} {total.ssa}, {value.ssa}"), dtype)
        if combine in ("and", "or"):
            return Scalar(f.value(f"{combine} {t} {total.ssa}, {value.ssa}"), dtype)
        if dtype.startswith("float"):
            name = f"llvm.{combine}imum.{'f32' if dtype == 'float32' else 'f64'}"
        else:
            sign = "s" if dtype.startswith("int") else "u"
            name = f"llvm.{sign}{combine}.{t}"
        return Scalar(f.call(t, name, [(t, total.ssa), (t, value.ssa)]), dtype)
