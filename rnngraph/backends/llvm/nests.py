"""Loop nests to LLVM functions, row by row: vectors where the elements of a row lie side by side, and else scalar loops.

A kernel's parameters are one pointer an access (already moved to the access's first element), the sizes that are not
known when the code is made, and the state of the run, which a kernel that may be long asks whether to go on. Equal
kernels are one function. Kernels of vectors are written as they shall be; LLVM optimises the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256

from rnngraph.backends.llvm.elements import Elements, Row, accesses, mask_of, maskable, width
from rnngraph.backends.llvm.pulse import STATE, Pulse, short, weight, work
from rnngraph.backends.llvm.text import Function, Index, Loop, Module, Scalar
from rnngraph.ir.sizes import Dim, product
from rnngraph.lowering.plan import Nest
from rnngraph.lowering.target import Target

SETS = 4
"""Vectors of partial sums of a long row: adding to one has to wait for the addition before."""
FEW = 16
"""Elements that are not worth LLVM's vectoriser."""
SIMPLE = 8
"""Terms of a sum that gains by it at most: others compute long enough meanwhile."""


class Kernels:
    """The kernels of one plan, in the module that LLVM takes as it is and in the one whose loops it vectorises.

    They are named by what they are, since other plans may have the same.
    """

    def __init__(self, verbatim: Module, loops: Module, target: Target) -> None:
        self.verbatim, self.loops, self.target = verbatim, loops, target

    def kernel(self, nest: Nest) -> tuple[str, tuple[Dim, ...]]:
        """The symbol of a nest's function, and the dims that are passed after the pointers."""
        writer = _Writer(nest, self.target)
        function = writer.write()
        function.name = f"rnn_nest_{sha256(function.text().encode()).hexdigest()[:24]}"
        count = product(nest.sizes)
        few = isinstance(count, int) and count <= FEW
        module = self.verbatim if writer.lanes > 1 or few else self.loops
        module.functions.setdefault(function.name, function)
        return function.name, tuple(writer.dims)


class _Writer:
    """Writes one nest's function."""

    def __init__(self, nest: Nest, target: Target) -> None:
        self.nest = nest
        self.lanes = width(nest, target)
        self.masked = maskable(nest, target)
        self.dims = _dims(nest)
        params = [("ptr noalias", f"arg{i}") for i in range(len(accesses(nest)))]
        params += [*(("i64", f"dim{i}") for i in range(len(self.dims))), STATE]
        # Inlined, the kernels of an unrolled program would make one function that takes minutes to compile.
        self.function = Function("nest", params, "void", attributes="noinline #0")
        self.pulse = None if short(work(nest)) else Pulse(self.function)
        self.elements = Elements(self.function, nest, self.dims)

    def write(self) -> Function:
        """The function. Sums over other axes than the last ones are added up in memory."""
        nest = self.nest
        rank = len(nest.sizes)
        trailing = 0
        while trailing < rank and nest.reduced[rank - 1 - trailing]:
            trailing += 1
        into_memory = any(nest.reduced[:rank - trailing])
        if into_memory:
            self.start_sums()
        self.loops(0, rank - trailing, [], trailing, into_memory)
        self.function.ret()
        return self.function

    # --- loops ----------------------------------------------------------------------------------------------------

    def start_sums(self) -> None:
        """Write the unit of each reduction where it goes."""
        kept = [k for k, r in enumerate(self.nest.reduced) if not r]
        last = len(self.nest.sizes) - 1

        def inner(at: list[Index]) -> None:
            place: list[Index] = [0] * (last + 1)
            for k, i in zip(kept, at, strict=False):
                place[k] = i
            row = Row(self.elements, place[:-1])

            def unit(at: Index, lanes: int, mask: str | None) -> None:
                for j, store in enumerate(self.nest.stores):
                    row.store(j, self.elements.unit(store, lanes), at, mask)
            if kept[-1] == last:
                self.strips(unit)
            else:
                for j, store in enumerate(self.nest.stores):
                    self.write_total(j, self.elements.unit(store), place, False)
        self.over(kept[:-1] if kept and kept[-1] == last else kept, [], inner)

    @contextmanager
    def axis(self, axes: Sequence[int], carried: Sequence[tuple[str, str]] = (), end: Index | None = None,
             step: int = 1) -> Iterator[Loop]:
        """A loop over the first of some axes, to its end or another; the others are inside it.

        Work is counted in the outermost loop whose body is known to be short, so that all inside it is as if nothing were
        counted.
        """
        size, work = self.elements.index(self.nest.sizes[axes[0]]) if end is None else end, self.counted(axes)
        if self.pulse is not None and work is not None:
            with self.pulse.loop(size, work, carried, step) as loop:
                yield loop
            return
        with self.function.loop_carrying(0, size, step, carried) as loop:
            yield loop

    def counted(self, axes: Sequence[int]) -> int | None:
        """The work of one iteration of a loop in which work is counted."""
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
        last = len(self.nest.sizes) - 1
        if axis < stop and axis < last:
            with self.axis(range(axis, last + 1)) as loop:
                self.loops(axis + 1, stop, [*at, loop.index], trailing, into_memory)
        elif trailing == 0:
            self.row(at, into_memory)
        else:
            totals = self.fold(at, [self.elements.unit(s) for s in self.nest.stores], trailing)
            for j, total in enumerate(totals):
                self.write_total(j, total, [*at, *[0] * trailing], into_memory)

    def write_total(self, j: int, value: Scalar, at: Sequence[Index], into_memory: bool) -> None:
        """Write one element of a result, folded with what is there if `into_memory`."""
        f, store = self.function, self.nest.stores[j]
        pointer = self.elements.pointer(len(self.nest.accesses) + j, at)
        if into_memory:
            value = self.elements.combined(store.combine, f.load(value.dtype, pointer), value)
        f.store(value, pointer)

    # --- rows -----------------------------------------------------------------------------------------------------

    def row(self, at: list[Index], into_memory: bool) -> None:
        """The elements of a row, each by itself."""
        if not self.nest.sizes:
            row = Row(self.elements, at).begin(1)
            for j, store in enumerate(self.nest.stores):
                self.write_total(j, row.known[store.term], at, into_memory)
            return
        with self.existing():
            row = Row(self.elements, at).begin(self.lanes)

            def elements(place: Index, lanes: int, mask: str | None) -> None:
                values = row.values(place, lanes, mask)
                for j, store in enumerate(self.nest.stores):
                    value = values[store.term]
                    assert value is not None
                    row.store(j, value, place, mask, into_memory)
            self.strips(elements)

    @contextmanager
    def existing(self, carried: Sequence[tuple[str, str]] = ()) -> Iterator[Loop]:
        """What is done for a row that has elements: what all of them share may be read then."""
        size = self.elements.index(self.nest.sizes[-1])
        with self.function.loop_carrying(0, self.function.minimum(size, 1), 1, carried) as once:
            yield once

    def cut(self, step: int) -> tuple[Index, Index]:
        """How many elements of a row are whole steps, and how many are left."""
        f, size = self.function, self.elements.index(self.nest.sizes[-1])
        whole = f.mul(f.quotient(size, step), step)
        return whole, f.sub(size, whole)

    def strips(self, body: Callable[[Index, int, str | None], None]) -> None:
        """`body` for each vector of a row, then for what is left: under a mask, or one by one."""
        f, last = self.function, len(self.nest.sizes) - 1
        whole, rest = self.cut(self.lanes)
        with self.axis([last], end=whole, step=self.lanes) as loop:
            body(loop.index, self.lanes, None)
        if rest == 0 or self.lanes == 1:
            return
        step = self.lanes if self.masked else 1
        with f.loop(whole, self.elements.index(self.nest.sizes[last]), step) as place:
            body(place, step, mask_of(f, rest, step) if self.masked else None)

    def fold(self, at: list[Index], totals: Sequence[Scalar], depth: int) -> list[Scalar]:
        """Fold the innermost axes; totals are carried round the loops."""
        carried = [(t.type, t.ssa) for t in totals]
        if depth == 1:
            with self.existing(carried) as once:
                inside = [Scalar(v, t.dtype) for v, t in zip(once.values, totals, strict=True)]
                once.carry([v.ssa for v in self.fold_row(Row(self.elements, at).begin(self.lanes), inside)])
            return [Scalar(v, t.dtype) for v, t in zip(once.results, totals, strict=True)]
        with self.axis(range(len(at), len(self.nest.sizes)), carried) as loop:
            inside = [Scalar(v, t.dtype) for v, t in zip(loop.values, totals, strict=True)]
            new = self.fold([*at, loop.index], inside, depth - 1)
            loop.carry([v.ssa for v in new])
        return [Scalar(v, t.dtype) for v, t in zip(loop.results, totals, strict=True)]

    def fold_row(self, row: Row, totals: Sequence[Scalar]) -> list[Scalar]:
        """Fold a row: vectors of partial results, what is left, and both together."""
        if self.lanes == 1:
            return self.folded(row, totals, 0, None, 1)
        size, sets = self.nest.sizes[-1], SETS
        if len(self.nest.terms) > SIMPLE or (isinstance(size, int) and size < 2 * SETS * self.lanes):
            sets = 1
        vectors = [self.elements.unit(s, self.lanes) for s in self.nest.stores]
        whole, rest = self.cut(self.lanes)
        done: Index = 0
        if sets > 1:
            done, _ = self.cut(sets * self.lanes)
            parts = self.folded(row, vectors * sets, 0, done, self.lanes, sets)
            n = len(vectors)
            vectors = parts[:n]
            for k in range(1, sets):
                vectors = self.together(vectors, parts[k * n:(k + 1) * n])
        vectors = self.folded(row, vectors, done, whole, self.lanes)
        if rest != 0 and self.masked:
            vectors = self.folded(row, vectors, whole, None, self.lanes, mask=mask_of(self.function, rest, self.lanes))
        found = [self.elements.across(s.combine, v) for s, v in zip(self.nest.stores, vectors, strict=True)]
        found = self.together(totals, found)
        return found if rest == 0 or self.masked else self.folded(row, found, whole, None, 1)

    def together(self, totals: Sequence[Scalar], values: Sequence[Scalar]) -> list[Scalar]:
        """Two partial results of each store as one."""
        return [self.elements.combined(s.combine, a, b)
                for s, a, b in zip(self.nest.stores, totals, values, strict=True)]

    def folded(self, row: Row, totals: Sequence[Scalar], begin: Index, end: Index | None, lanes: int, sets: int = 1,
               mask: str | None = None) -> list[Scalar]:
        """Totals after a stretch of a row; `sets` of them take turns."""
        f, last, n = self.function, len(self.nest.sizes) - 1, len(self.nest.stores)
        carried = [(t.type, t.ssa) for t in totals]
        stop = self.elements.index(self.nest.sizes[last]) if end is None else end
        if isinstance(begin, int) and isinstance(stop, int) and begin >= stop:
            return list(totals)
        step = lanes * sets
        with (self.axis([last], carried, stop, step) if begin == 0 else f.loop_carrying(begin, stop, step, carried)) as loop:
            inside = [Scalar(v, t.dtype, t.lanes) for v, t in zip(loop.values, totals, strict=True)]
            new: list[Scalar] = []
            for k in range(sets):
                values = row.values(f.add(loop.index, k * lanes), lanes, mask)
                new += self.together(inside[k * n:(k + 1) * n], [self.shown(j, values, mask, lanes) for j in range(n)])
            loop.carry([v.ssa for v in new])
        return [Scalar(v, t.dtype, t.lanes) for v, t in zip(loop.results, totals, strict=True)]

    def shown(self, j: int, values: Sequence[Scalar | None], mask: str | None, lanes: int) -> Scalar:
        """What a store folds; behind a mask its unit."""
        store = self.nest.stores[j]
        value = values[store.term]
        assert value is not None
        if mask is None:
            return value
        unit = self.elements.unit(store, lanes)
        return Scalar(self.function.value(f"select <{lanes} x i1> {mask}, {value}, {unit}"), value.dtype, lanes)


def _dims(nest: Nest) -> list[Dim]:
    """The dims that are not known: sizes, coefficients, sizes as data."""
    seen: dict[Dim, None] = dict.fromkeys(nest.sizes)
    for access in accesses(nest):
        seen.update(dict.fromkeys(access.coefficients))
    for term in nest.terms:
        if term.op == "size":
            seen[term.data[0]] = None
        elif term.op == "index":
            seen[term.data[2]] = None
    return [d for d in seen if not isinstance(d, int)]
