"""Random numbers as LLVM functions: for each op and type one routine, in an object of its own, whatever the shape.

    void @draw_OP_TYPE(ptr key, i64 elements of the key, ptr out, i64 numbers)

Plans call it. So a program with a hundred initialisers compiles the cipher once a process (and the cache keeps it); what
is compiled for a shape is a call.

The loop is written with vectors, once for all numbers, and skips LLVM's optimiser: a vectorised loop would have a scalar
one behind it for what remains, where LLVM's loop strength reduction spends seconds on the cipher's chain of sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rnngraph.backends.llvm.scalars import LLVMScalars
from rnngraph.backends.llvm.text import ITEM_BYTES, Function, Index, Module, Scalar, memory_type
from rnngraph.ir.kinds import Random
from rnngraph.ir.op import lookup
from rnngraph.lowering.target import Target
from rnngraph.ops.random import threefry, words


@dataclass(frozen=True)
class Routine:
    """What draws the numbers of one op in one type."""

    op: str
    dtype: str

    @property
    def symbol(self) -> str:
        """The name of its function."""
        return f"draw_{self.op}_{self.dtype}"

    def text(self, target: Target) -> str:
        """The module that defines it."""
        module = Module(target.vector_bits)
        f = module.function(self.symbol, [("ptr noalias", "key"), ("i64", "elements"), ("ptr noalias", "out"),
                                          ("i64", "count")], "void")
        lanes = target.lanes(4)  # a vector of the cipher's words
        cipher = [f.spread(word, lanes) for word in _cipher(f)]
        rest = f.alloca(memory_type(self.dtype), lanes)
        with f.loop(0, "%count", lanes) as i:
            numbers = self._numbers(f, cipher, i)
            remaining = f.sub("%count", i)
            with f.if_else(f.compare("sge", remaining, lanes)) as whole:
                self._store(f, numbers, f.offset(memory_type(self.dtype), "%out", i))
                whole.otherwise()
                self._store(f, numbers, rest)
                with f.loop(0, remaining) as j:
                    one = f.load(self.dtype, f.offset(memory_type(self.dtype), rest, j))
                    f.store(one, f.offset(memory_type(self.dtype), "%out", f.add(i, j)))
        f.ret()
        return str(module)

    def _numbers(self, f: Function, cipher: Sequence[Scalar], first: Index) -> Scalar:
        """The numbers of a vector of places."""
        lanes = cipher[0].lanes
        s: Any = LLVMScalars(f, lanes=lanes)
        low, high = (f.spread(word, lanes) for word in words(LLVMScalars(f), Scalar(str(first), "int64")))
        # `first` is a multiple of the number of lanes, so there is no carry from the low word into the high one.
        places = Scalar(f"<{', '.join(f'i32 {lane}' for lane in range(lanes))}>", "uint32", lanes)
        x, y = threefry(s, (cipher[0], cipher[1]), (s.bit_or(low, places), high))
        kind = lookup(self.op).kind
        assert isinstance(kind, Random)
        made: Scalar = kind.scalar(s, x, y, dtype=self.dtype)
        return made

    def _store(self, f: Function, numbers: Scalar, pointer: str) -> None:
        f.store_raw(numbers.type, numbers.ssa, pointer, ITEM_BYTES[self.dtype])


def _cipher(f: Function) -> list[Scalar]:
    """The cipher key that the op's key makes."""
    s: Any = LLVMScalars(f)
    with f.loop_carrying(0, "%elements", 1, [("i32", "0"), ("i32", "0")]) as loop:
        x, y = (Scalar(v, "uint32") for v in loop.values)
        x, y = threefry(s, (x, y), words(s, f.load("int64", f.offset("i64", "%key", loop.index))))
        loop.carry([x.ssa, y.ssa])
    return [Scalar(v, "uint32") for v in loop.results]
