"""The elements of a loop nest, one or a vector of them at a time, written into a kernel.

What does not vary along a row, the nest's innermost axis, is computed in front of it; pointers, too, are made for the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnngraph.backends.llvm.scalars import LLVMScalars
from rnngraph.backends.llvm.text import ITEM_BYTES, Function, Index, Scalar, memory_type, suffix
from rnngraph.ir.kinds import Elementwise
from rnngraph.ir.op import lookup
from rnngraph.ir.sizes import Dim
from rnngraph.lowering.plan import Access, Nest, Store
from rnngraph.lowering.target import Target

FEWEST = 4
"""Rows of fewer elements are no vectors."""
MASKED = (4, 8)
"""Bytes of the elements that machines load and store under a mask."""


def accesses(nest: Nest) -> tuple[Access, ...]:
    """What a nest reads, then what it writes: the order of a kernel's pointers."""
    return (*nest.accesses, *(s.access for s in nest.stores))


def width(nest: Nest, target: Target) -> int:
    """How many elements of a row are computed at once: as many as a register has of the largest that are read or written;
    1 where elements of a row do not lie side by side."""
    if not nest.sizes or any(a.coefficients[-1] not in (0, 1) for a in accesses(nest)):
        return 1
    size = nest.sizes[-1]
    lanes = target.lanes(max(ITEM_BYTES[a.view.dtype.name] for a in accesses(nest)))
    if isinstance(size, int):
        if size < FEWEST:
            return 1
        # A short row is one vector under a mask, or the largest that fits.
        lanes = min(lanes, 1 << ((size - 1).bit_length() if maskable(nest, target) else size.bit_length() - 1))
    return lanes


def maskable(nest: Nest, target: Target) -> bool:
    """Whether all that a nest reads and writes along its rows can be so under a mask."""
    along = [a for a in accesses(nest) if nest.sizes and a.coefficients[-1] != 0]
    fits = all(ITEM_BYTES[a.view.dtype.name] in MASKED for a in along)
    return bool(nest.sizes) and target.vector_bits >= 256 and fits


class Elements:
    """Writes the terms and stores of one nest."""

    def __init__(self, function: Function, nest: Nest, dims: Sequence[Dim]) -> None:
        self.function, self.nest, self.dims = function, nest, dims
        self.one: Any = LLVMScalars(function)
        self.fixed = self._fixed()
        """The terms that are one number along a row."""
        self.read = {a for i, t in enumerate(nest.terms) if i not in self.fixed for a in t.args}
        self.read |= {s.term for s in nest.stores}

    def _fixed(self) -> frozenset[int]:
        found: set[int] = set()
        last = len(self.nest.sizes) - 1
        for i, term in enumerate(self.nest.terms):
            if term.op == "load":
                varies = last >= 0 and self.nest.accesses[term.data].coefficients[last] != 0
            elif term.op == "index":
                varies = last >= 0 and term.data[0] == last
            else:
                varies = any(a not in found for a in term.args)
            if not varies:
                found.add(i)
        return frozenset(found)

    def index(self, dim: Dim) -> Index:
        """A dim as an operand."""
        return dim if isinstance(dim, int) else f"%dim{self.dims.index(dim)}"

    def pointer(self, number: int, at: Sequence[Index]) -> str:
        """Where the element of an access is."""
        f, access = self.function, accesses(self.nest)[number]
        total: Index = 0
        for c, i in zip(access.coefficients, at, strict=True):
            total = f.add(total, f.mul(self.index(c), i))
        return f.offset(memory_type(access.view.dtype.name), f"%arg{number}", total)

    def number(self, value: Index, dtype: str) -> Scalar:
        """An i64 as a scalar of another type."""
        made: Scalar = self.one.typed(value, dtype) if isinstance(value, int) else self.one.cast(Scalar(value, "int64"), dtype)
        return made

    def unit(self, store: Store, lanes: int = 1) -> Scalar:
        """A reduction's unit."""
        dtype = store.access.view.dtype.name
        s: Any = LLVMScalars(self.function, lanes=lanes)
        made: Scalar = s.typed(UNITS[store.combine](dtype), dtype)
        return made

    def combined(self, combine: str, total: Scalar, value: Scalar) -> Scalar:
        """One step of a reduction. Sums of floats may be taken in any order, which is what makes them vectors."""
        f, dtype = self.function, value.dtype
        if combine in ("add", "mul"):
            opcode = f"f{combine} reassoc" if dtype.startswith("float") else combine
            return Scalar(f.value(f"{opcode} {total}, {value.ssa}"), dtype, value.lanes)
        if combine in ("and", "or"):
            return Scalar(f.value(f"{combine} {total}, {value.ssa}"), dtype, value.lanes)
        name = f"llvm.{extreme(combine, dtype)}.{suffix(dtype, value.lanes)}"
        return Scalar(f.call(value.type, name, [(value.type, total.ssa), (value.type, value.ssa)]), dtype, value.lanes)

    def across(self, combine: str, value: Scalar) -> Scalar:
        """A vector's elements, combined."""
        f, dtype = self.function, value.dtype
        kind, ends = suffix(dtype, value.lanes), Scalar("", dtype).type
        if combine in ("add", "mul") and dtype.startswith("float"):
            symbol, start = f"llvm.vector.reduce.f{combine}.{kind}", self.one.typed(0.0 if combine == "add" else 1.0, dtype)
            f.declarations.add(f"declare {ends} @{symbol}({ends}, {value.type})")
            return Scalar(f.value(f"call reassoc {ends} @{symbol}({start}, {value})"), dtype)
        how = combine if combine in ("add", "mul", "and", "or") else extreme(combine, dtype, "f")
        return Scalar(f.call(ends, f"llvm.vector.reduce.{how}.{kind}", [(value.type, value.ssa)]), dtype)


def extreme(combine: str, dtype: str, floats: str = "") -> str:
    """LLVM's name of max or min of a dtype; of floats both let NaN through."""
    if dtype.startswith("float"):
        return f"{floats}{combine}imum"
    return f"{'s' if dtype.startswith('int') else 'u'}{combine}"


class Row:
    """One row of a nest: the places `at` of the other axes are known. Before values are asked for, `begin` computes what is
    one number along the row, of which the row must have an element."""

    def __init__(self, elements: Elements, at: Sequence[Index]) -> None:
        self.elements, self.at = elements, at
        nest = elements.nest
        self.known: dict[int, Scalar] = {}
        """Terms that are one number along the row."""
        first = [*at, 0][:len(nest.sizes)]
        self.starts = [elements.pointer(i, first) for i in range(len(accesses(nest)))]
        """Where the row begins in what each access reaches."""
        self.spread: dict[int, Scalar] = {}
        """Vectors of those that are read with others."""

    def begin(self, lanes: int) -> Row:
        """Compute what is one number along the row, and make vectors of it, in front of the row's loops."""
        elements = self.elements
        for i, term in enumerate(elements.nest.terms):
            if i in elements.fixed:
                self.known[i] = self._term(i, [self.known[a] for a in term.args], 0, elements.one, None)
        if lanes > 1:
            for i in sorted(elements.read & elements.fixed):
                self.spread[i] = self._wide(i, lanes)
        return self

    def pointer(self, number: int, place: Index) -> str:
        """Where an access reaches at a place of the row."""
        elements = self.elements
        access = accesses(elements.nest)[number]
        along = elements.index(access.coefficients[-1]) if access.coefficients else 0
        f = elements.function
        return f.offset(memory_type(access.view.dtype.name), self.starts[number], f.mul(along, place))

    def _wide(self, i: int, lanes: int) -> Scalar:
        term = self.elements.nest.terms[i]
        if term.op == "const":
            made: Scalar = LLVMScalars(self.elements.function, lanes=lanes).typed(*term.data)
            return made
        return self.elements.function.spread(self.known[i], lanes)

    def values(self, place: Index, lanes: int = 1, mask: str | None = None) -> list[Scalar | None]:
        """Every term that is read, at a place of the row; vectors of so many lanes."""
        elements, found = self.elements, list[Scalar | None]()
        s: Any = LLVMScalars(elements.function, lanes=lanes)
        for i, term in enumerate(elements.nest.terms):
            if i in elements.fixed:
                found.append(self.known[i] if lanes == 1 else self.spread.get(i))
                continue
            args = [v for a in term.args if (v := found[a]) is not None]
            found.append(self._term(i, args, place, s, mask))
        return found

    def _term(self, i: int, args: list[Scalar], place: Index, s: Any, mask: str | None) -> Scalar:
        """One term's value."""
        elements, term, f = self.elements, self.elements.nest.terms[i], self.elements.function
        if term.op == "load":
            dtype = elements.nest.accesses[term.data].view.dtype.name
            return f.load(dtype, self.pointer(term.data, place), s.lanes, mask)
        if term.op == "const":
            made: Scalar = s.typed(*term.data)
            return made
        if term.op == "size":
            return elements.number(elements.index(term.data[0]), term.data[1])
        if term.op == "index":
            return self._position(term.data, place, s)
        kind = lookup(term.op).kind
        assert isinstance(kind, Elementwise)
        made = kind.scalar(s, *args, **dict(term.data))
        return made

    def _position(self, data: tuple[int, int, Dim, str], place: Index, s: Any) -> Scalar:
        """The position along an axis, of each lane."""
        elements, f, (axis, multiplier, offset, dtype) = self.elements, self.elements.function, data
        along = axis == len(self.at)
        at = place if along else self.at[axis] if axis >= 0 else 0
        first = f.add(f.mul(multiplier, at), elements.index(offset))
        if not along or s.lanes == 1:
            return elements.number(first, dtype)
        start = f.spread(Scalar(str(first), "int64"), s.lanes)
        lanes = ", ".join(f"i64 {multiplier * lane}" for lane in range(s.lanes))
        made: Scalar = s.cast(Scalar(f.value(f"add {start}, <{lanes}>"), "int64", s.lanes), dtype)
        return made

    def store(self, j: int, value: Scalar, place: Index, mask: str | None = None, into_memory: bool = False) -> None:
        """Write a result, folded with what is there if `into_memory`."""
        elements, f = self.elements, self.elements.function
        store = elements.nest.stores[j]
        pointer = self.pointer(len(elements.nest.accesses) + j, place)
        if into_memory:
            value = elements.combined(store.combine, f.load(value.dtype, pointer, value.lanes, mask), value)
        f.store(value, pointer, mask)


def mask_of(f: Function, rest: Index, lanes: int) -> str:
    """The mask of the first `rest` of so many lanes."""
    if isinstance(rest, int):
        return f"<{', '.join(f'i1 {str(lane < rest).lower()}' for lane in range(lanes))}>"
    limit = f.spread(Scalar(f.value(f"trunc i64 {rest} to i32"), "int32"), lanes)
    return f.value(f"icmp ugt {limit}, <{', '.join(f'i32 {lane}' for lane in range(lanes))}>")


UNITS: dict[str, Any] = {
    "add": lambda dtype: 0, "mul": lambda dtype: 1, "and": lambda dtype: True, "or": lambda dtype: False,
    "max": lambda dtype: _end(dtype, False), "min": lambda dtype: _end(dtype, True)}


def _end(dtype: str, largest: bool) -> Any:
    if dtype.startswith("float"):
        return float("inf") if largest else float("-inf")
    if dtype == "bool":
        return largest
    bits = int("".join(c for c in dtype if c.isdigit()))
    signed = dtype.startswith("int")
    if largest:
        return 2 ** (bits - 1) - 1 if signed else 2 ** bits - 1
    return -(2 ** (bits - 1)) if signed else 0
