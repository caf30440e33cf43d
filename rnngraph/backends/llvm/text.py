"""A small writer of LLVM IR text: functions, structured control flow, typed loads and stores, modules.

Text, not `llvmlite.ir`: building Python objects for every instruction and printing vector constants lane by lane took
as long as LLVM's own work on the result. A `Function` hands out fresh SSA names and keeps track of the block being
written, so loops and branches nest as Python `with` blocks. Nothing here knows about graphs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

Index = int | str
"""An i64 operand: a Python int (known now, folded into the text) or an SSA name."""

LLVM_TYPES = {
    "float32": "float", "float64": "double", "bool": "i1",
    "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "uint8": "i8", "uint16": "i16", "uint32": "i32", "uint64": "i64",
}  # fmt: skip
"""LLVM's type of an SSA value of each dtype. In memory a bool is an `i8` holding 0 or 1."""

ITEM_BYTES = {
    "float32": 4, "float64": 8, "bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8,
    "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8,
}  # fmt: skip
"""Bytes of one element in memory."""


@dataclass(frozen=True)
class Scalar:
    """A typed operand: an SSA name or a literal, with its dtype; with more than one lane, a vector of such."""

    ssa: str
    dtype: str
    lanes: int = 1

    @property
    def type(self) -> str:
        """The LLVM type of the value."""
        return value_type(self.dtype, self.lanes)

    def __str__(self) -> str:
        return f"{self.type} {self.ssa}"


def value_type(dtype: str, lanes: int = 1) -> str:
    """The LLVM type of an SSA value of `dtype`, or of a vector of such."""
    kind = LLVM_TYPES[dtype]
    return kind if lanes == 1 else f"<{lanes} x {kind}>"


def memory_type(dtype: str, lanes: int = 1) -> str:
    """The LLVM type of an element of `dtype` in memory, or of a vector of such."""
    kind = "i8" if dtype == "bool" else LLVM_TYPES[dtype]
    return kind if lanes == 1 else f"<{lanes} x {kind}>"


def suffix(dtype: str, lanes: int = 1) -> str:
    """How overloaded intrinsics name a type."""
    item = {"float32": "f32", "float64": "f64"}.get(dtype, LLVM_TYPES[dtype])
    return item if lanes == 1 else f"v{lanes}{item}"


def literal(value: float | int | bool, dtype: str) -> str:
    """The text of a constant of `dtype`; integers wrap, floats are rounded to the dtype first."""
    if dtype == "bool":
        return "true" if value else "false"
    if dtype in ("float32", "float64"):
        number = float(value)
        if dtype == "float32":
            number = _round_to_float32(number)
        # LLVM spells both widths as the bits of a double; decimal text would have to be exact.
        return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
    bits = 8 * ITEM_BYTES[dtype]
    wrapped = int(value) & ((1 << bits) - 1)
    return str(wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped)


def _round_to_float32(number: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _declared(line: str) -> str:
    """The symbol of a declaration."""
    return line.split("@")[1].split("(")[0]


class Loop:
    """A loop being written: its counter, the values it carries round, and (afterwards) what they ended as."""

    def __init__(self, index: Index, values: list[str]) -> None:
        self.index = index
        self.values = values
        self.next_values: list[str] = list(values)
        self.results: list[str] = []

    def carry(self, values: Sequence[str]) -> None:
        """Say what the carried values become for the next round."""
        if len(values) != len(self.values):
            raise ValueError(f"the loop carries {len(self.values)} values, not {len(values)}")
        self.next_values = list(values)


class Branch:
    """An if/else being written."""

    def __init__(self, function: Function, otherwise: str, end: str) -> None:
        self._function, self._otherwise, self._end = function, otherwise, end

    def otherwise(self) -> None:
        """End the first arm and begin the second."""
        self._function.branch(self._end)
        self._function.block(self._otherwise)


class Function:
    """One function definition under construction. `params` are (LLVM type with attributes, name without %)."""

    def __init__(
        self, name: str, params: Sequence[tuple[str, str]], result: str = "i64", *, linkage: str = "",
        attributes: str = "#0",
    ) -> None:  # fmt: skip
        self.name, self.params, self.result = name, list(params), result
        self.linkage, self.attributes = linkage, attributes
        self.declarations: set[str] = set()
        self.current = "entry"
        """The label of the block being written: what a phi in a later block must name."""
        self.terminated = False
        self._lines: list[str] = []
        self._allocas: list[str] = []
        self._counter = 0

    # -- names, lines, blocks

    def fresh(self, hint: str = "v") -> str:
        """A name no other value or block of this function has, without % (numbered names would have to be dense)."""
        self._counter += 1
        return f"{hint}{self._counter}"

    def emit(self, line: str) -> None:
        """Append an instruction that gives no value. After a terminator, text goes to a new unreachable block."""
        self.here()
        self._lines.append("  " + line)

    def value(self, expression: str, hint: str = "v") -> str:
        """Append an instruction and return the fresh name of its value."""
        name = "%" + self.fresh(hint)
        self.emit(f"{name} = {expression}")
        return name

    def block(self, label: str) -> None:
        """Begin the block `label`, falling into it if the current block is still open."""
        if not self.terminated:
            self.branch(label)
        self._lines.append(f"{label}:")
        self.current, self.terminated = label, False

    def here(self) -> str:
        """The label of the block that the next instruction belongs to."""
        if self.terminated:
            self.block(self.fresh("dead"))
        return self.current

    def terminate(self, line: str) -> None:
        """Append a terminator: the current block ends."""
        self.emit(line)
        self.terminated = True

    def branch(self, label: str) -> None:
        """Jump to `label`."""
        self.terminate(f"br label %{label}")

    def branch_if(self, condition: str, yes: str, no: str, metadata: str = "") -> None:
        """Jump to `yes` if the i1 `condition` holds, to `no` otherwise."""
        suffix = f", {metadata}" if metadata else ""
        self.terminate(f"br i1 {condition}, label %{yes}, label %{no}{suffix}")

    def ret(self, value: Index | None = None) -> None:
        """Return `value` of the result type (nothing for void)."""
        self.terminate("ret void" if self.result == "void" else f"ret {self.result} {0 if value is None else value}")

    def phi(self, llvm_type: str, incoming: Iterable[tuple[str | int, str]], hint: str = "v") -> str:
        """A phi at the head of the current block, from (value, label) pairs."""
        return self.value(f"phi {llvm_type} " + ", ".join(f"[ {value}, %{label} ]" for value, label in incoming), hint)

    # -- structured control flow

    @contextmanager
    def loop_carrying(
        self, begin: Index, end: Index, step: Index = 1, carried: Sequence[tuple[str, str]] = (), metadata: str = "",
    ) -> Iterator[Loop]:  # fmt: skip
        """A counted loop over i64 [begin, end) with loop-carried values given as (LLVM type, initial value).

        Skipped when begin >= end; written without a loop if it is known that there is one round. `begin` must not be
        negative, and end + step must not overflow.
        """
        if isinstance(begin, int) and isinstance(end, int) and isinstance(step, int) and begin < end <= begin + step:
            once = Loop(begin, [initial for _, initial in carried])
            yield once
            once.results = once.next_values
            return
        body, latch, end_label = self.fresh("body"), self.fresh("latch"), self.fresh("end")
        before = self.here()
        skippable = not (isinstance(begin, int) and isinstance(end, int) and begin < end)
        if skippable:
            self.branch_if(self.value(f"icmp slt i64 {begin}, {end}"), body, end_label)
        else:
            self.branch(body)
        self.block(body)
        index, following = "%" + self.fresh("i"), "%" + self.fresh("next")
        slots = ["%" + self.fresh("c") for _ in carried]
        self.emit(f"{index} = phi i64 [ {begin}, %{before} ], [ {following}, %{latch} ]")
        place = len(self._lines)  # the phis need the next values, known only when the body is written
        loop = Loop(index, slots)
        yield loop
        self.block(latch)
        self._lines[place:place] = [
            f"  {slot} = phi {kind} [ {initial}, %{before} ], [ {later}, %{latch} ]"
            for slot, (kind, initial), later in zip(slots, carried, loop.next_values, strict=True)
        ]
        self.emit(f"{following} = add nuw nsw i64 {index}, {step}")
        self.branch_if(self.value(f"icmp slt i64 {following}, {end}"), body, end_label, metadata)
        self.block(end_label)
        for (kind, initial), later in zip(carried, loop.next_values, strict=True):
            arrivals = [(later, latch)] + ([(initial, before)] if skippable else [])
            loop.results.append(self.phi(kind, arrivals))

    @contextmanager
    def loop(self, begin: Index, end: Index, step: Index = 1, metadata: str = "") -> Iterator[Index]:
        """A counted loop over i64 [begin, end), giving the counter; see `loop_carrying`."""
        with self.loop_carrying(begin, end, step, (), metadata) as loop:
            yield loop.index

    @contextmanager
    def if_(self, condition: str) -> Iterator[None]:
        """Code that runs only if the i1 `condition` holds."""
        then, end = self.fresh("then"), self.fresh("end")
        self.branch_if(condition, then, end)
        self.block(then)
        yield
        self.block(end)

    @contextmanager
    def if_else(self, condition: str) -> Iterator[Branch]:
        """Two arms; call `.otherwise()` on the given branch between them."""
        then, otherwise, end = self.fresh("then"), self.fresh("else"), self.fresh("end")
        self.branch_if(condition, then, otherwise)
        self.block(then)
        yield Branch(self, otherwise, end)
        self.block(end)

    # -- i64 arithmetic that folds what is known now

    def add(self, x: Index, y: Index) -> Index:
        """x + y."""
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        if x == 0 or y == 0:
            return y if x == 0 else x
        return self.value(f"add nsw i64 {x}, {y}")

    def sub(self, x: Index, y: Index) -> Index:
        """x - y."""
        if isinstance(x, int) and isinstance(y, int):
            return x - y
        return x if y == 0 else self.value(f"sub nsw i64 {x}, {y}")

    def mul(self, x: Index, y: Index) -> Index:
        """x * y."""
        if isinstance(x, int) and isinstance(y, int):
            return x * y
        if x == 0 or y == 0:
            return 0
        if x == 1 or y == 1:
            return y if x == 1 else x
        return self.value(f"mul nsw i64 {x}, {y}")

    def quotient(self, x: Index, y: Index) -> Index:
        """x // y of counts, which are not negative (y not zero)."""
        if isinstance(x, int) and isinstance(y, int):
            return x // y
        return x if y == 1 else self.value(f"udiv i64 {x}, {y}")

    def floordiv(self, x: Index, y: Index) -> Index:
        """x // y of any integers, rounded down; 0 where y is 0, for a check elsewhere to say so."""
        if isinstance(x, int) and isinstance(y, int):
            return x // y if y else 0
        if y == 1:
            return x
        if isinstance(y, int) and y > 0 and y & (y - 1) == 0:
            return self.value(f"ashr i64 {x}, {y.bit_length() - 1}")
        by = y if isinstance(y, int) else self.value(f"select i1 {self.compare('eq', y, 0)}, i64 1, i64 {y}")
        towards_zero, rest = self.value(f"sdiv i64 {x}, {by}"), self.value(f"srem i64 {x}, {by}")
        signs = self.value(f"xor i64 {rest}, {by}")
        apart = self.value(f"and i1 {self.compare('ne', rest, 0)}, {self.compare('slt', signs, 0)}")
        down = self.value(f"sub i64 {towards_zero}, {self.value(f'zext i1 {apart} to i64')}")
        return down if isinstance(y, int) else self.value(f"select i1 {self.compare('eq', y, 0)}, i64 0, i64 {down}")

    def minimum(self, x: Index, y: Index) -> Index:
        """The smaller of x and y."""
        if isinstance(x, int) and isinstance(y, int):
            return min(x, y)
        return self.call("i64", "llvm.smin.i64", [("i64", x), ("i64", y)])

    def maximum(self, x: Index, y: Index) -> Index:
        """The larger of x and y."""
        if isinstance(x, int) and isinstance(y, int):
            return max(x, y)
        return self.call("i64", "llvm.smax.i64", [("i64", x), ("i64", y)])

    def compare(self, predicate: str, x: Index, y: Index) -> str:
        """An i1: icmp of two i64, `predicate` as LLVM spells it ("slt", "eq", ...)."""
        return self.value(f"icmp {predicate} i64 {x}, {y}")

    # -- memory and calls

    def alloca(self, llvm_type: str, count: int = 1, align: int = 64) -> str:
        """Stack memory that lives as long as the call, whatever loop asks for it."""
        name = "%" + self.fresh("stack")
        self._allocas.append(f"  {name} = alloca {llvm_type}, i64 {count}, align {align}")
        return name

    def offset(self, llvm_type: str, pointer: str, index: Index) -> str:
        """The address of element `index` from `pointer`, in units of `llvm_type`."""
        if index == 0:
            return pointer
        return self.value(f"getelementptr inbounds {llvm_type}, ptr {pointer}, i64 {index}", "p")

    def load_raw(self, llvm_type: str, pointer: str, align: int, metadata: str = "") -> str:
        """A load of any LLVM type."""
        suffix = f", {metadata}" if metadata else ""
        return self.value(f"load {llvm_type}, ptr {pointer}, align {align}{suffix}")

    def store_raw(self, llvm_type: str, value: str, pointer: str, align: int, metadata: str = "") -> None:
        """A store of any LLVM type."""
        suffix = f", {metadata}" if metadata else ""
        self.emit(f"store {llvm_type} {value}, ptr {pointer}, align {align}{suffix}")

    def load(self, dtype: str, pointer: str, lanes: int = 1, mask: str | None = None) -> Scalar:
        """An element of `dtype`, or a vector of such, 0 where a mask is off; a bool byte becomes an i1."""
        kind, align = memory_type(dtype, lanes), ITEM_BYTES[dtype]
        if mask is None:
            name = self.load_raw(kind, pointer, align)
        else:
            symbol, masks = f"llvm.masked.load.{suffix(dtype, lanes)}.p0", value_type("bool", lanes)
            self.declarations.add(f"declare {kind} @{symbol}(ptr, {masks}, {kind})")
            name = self.value(f"call {kind} @{symbol}(ptr align {align} {pointer}, {masks} {mask}, {kind} zeroinitializer)")
        zero = "0" if lanes == 1 else "zeroinitializer"
        return Scalar(self.value(f"icmp ne {kind} {name}, {zero}") if dtype == "bool" else name, dtype, lanes)

    def store(self, value: Scalar, pointer: str, mask: str | None = None) -> None:
        """Store an element or a vector of such, where a mask is on; an i1 becomes a byte 0 or 1."""
        kind, align = memory_type(value.dtype, value.lanes), ITEM_BYTES[value.dtype]
        name = self.value(f"zext {value} to {kind}") if value.dtype == "bool" else value.ssa
        if mask is None:
            self.store_raw(kind, name, pointer, align)
            return
        symbol, masks = f"llvm.masked.store.{suffix(value.dtype, value.lanes)}.p0", value_type("bool", value.lanes)
        self.declarations.add(f"declare void @{symbol}({kind}, ptr, {masks})")
        self.emit(f"call void @{symbol}({kind} {name}, ptr align {align} {pointer}, {masks} {mask})")

    def spread(self, x: Scalar, lanes: int) -> Scalar:
        """A vector with x in each lane."""
        if lanes == 1:
            return x
        kind = value_type(x.dtype, lanes)
        first = self.value(f"insertelement {kind} poison, {x}, i64 0")
        made = self.value(f"shufflevector {kind} {first}, {kind} poison, <{lanes} x i32> zeroinitializer")
        return Scalar(made, x.dtype, lanes)

    def call(self, result: str, symbol: str, arguments: Sequence[tuple[str, Index]], *, declare: bool = True) -> str:
        """Call `symbol`; the name of its value, or "" for void. Declares it unless `declare` is false."""
        if declare:
            types = ", ".join(kind for kind, _ in arguments)
            self.declarations.add(f"declare {result} @{symbol}({types})")
        text = f"call {result} @{symbol}({', '.join(f'{kind} {argument}' for kind, argument in arguments)})"
        if result == "void":
            self.emit(text)
            return ""
        return self.value(text)

    def calls(self) -> set[str]:
        """The functions that it declares, since it calls them."""
        return set(map(_declared, self.declarations))

    def text(self) -> str:
        """The definition. A body left open returns (0, if a value is due)."""
        if not self.terminated:
            self.ret()
        params = ", ".join(f"{kind} %{name}" for kind, name in self.params)
        linkage = f"{self.linkage} " if self.linkage else ""
        head = f"define {linkage}{self.result} @{self.name}({params}) {self.attributes} {{"
        return "\n".join([head, "entry:", *self._allocas, *self._lines, "}"])


AS_WRITTEN, SCALARS, LOOPS = "as written", "scalars", "loops"
"""What LLVM does with a module before it generates code: nothing; scalars into registers and branches together; all that O2
does, its loop vectoriser included."""


@dataclass
class Module:
    """A module being put together: functions, what they declare, and metadata. `str()` of it is the IR text."""

    vector_bits: int = 512
    """Width the loop vectoriser should use; without the attribute some CPUs' tuning prefers half of it."""
    optimise: str = AS_WRITTEN
    """See the constants above."""
    functions: dict[str, Function] = field(default_factory=dict)
    _metadata: dict[str, int] = field(default_factory=dict)

    def function(
        self, name: str, params: Sequence[tuple[str, str]], result: str = "i64", *, linkage: str = "",
    ) -> Function:  # fmt: skip
        """Begin a new function of this module."""
        if name in self.functions:
            raise ValueError(f"the module already has a function {name!r}")
        self.functions[name] = Function(name, params, result, linkage=linkage)
        return self.functions[name]

    def part(self, names: Iterable[str]) -> Module:
        """Some of the functions as a module of their own; it declares those of the others that they call."""
        return Module(self.vector_bits, self.optimise, {name: self.functions[name] for name in names}, self._metadata)

    def metadata(self, text: str, *, distinct: bool = False) -> str:
        """A metadata node `!{...}` (the text between the braces); `%self` in a distinct node names the node itself."""
        if distinct:
            number = len(self._metadata)
            self._metadata[f"distinct !{{{text.replace('%self', f'!{number}')}}}"] = number
            return f"!{number}"
        number = self._metadata.setdefault(f"!{{{text}}}", len(self._metadata))
        return f"!{number}"

    def __str__(self) -> str:
        bodies = [function.text() for function in self.functions.values()]
        declarations = set().union(*(function.declarations for function in self.functions.values()))
        declared = sorted(line for line in declarations if _declared(line) not in self.functions)
        attributes = f'attributes #0 = {{ nounwind "prefer-vector-width"="{self.vector_bits}" }}'
        nodes = [f"!{number} = {text}" for text, number in self._metadata.items()]
        tail = [*declared, attributes, *nodes]
        return "\n\n".join([*bodies, "\n".join(tail)]) + "\n"
