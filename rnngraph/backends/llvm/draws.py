"""Random numbers as LLVM functions: for each op and type one routine, in an object of its own, whatever the shape.

    void @draw_OP_TYPE(ptr key, i64 elements of the key, ptr out, i64 numbers)

Objects that draw call it. So a program with a hundred initialisers compiles the cipher once a process (and the cache
keeps it), and what is compiled for a shape is a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rnngraph.backends.llvm.scalars import LLVMScalars
from rnngraph.backends.llvm.text import Function, Index, Module, Scalar, memory_type
from rnngraph.ir.op import Random, lookup
from rnngraph.ops.random import bits, folded

CHUNK = 64
"""Numbers drawn at once: whole vectors, so that the compiler writes the body once, without a loop for what remains."""


@dataclass(frozen=True)
class Routine:
    """What draws the numbers of one op in one type."""

    op: str
    dtype: str

    @property
    def symbol(self) -> str:
        """The name of its function."""
        return f"draw_{self.op}_{self.dtype}"

    def text(self, vector_bits: int) -> str:
        """The module that defines it."""
        module = Module(vector_bits)
        kind = memory_type(self.dtype)
        self._chunk(module)
        f = module.function(self.symbol, [("ptr noalias", "key"), ("i64", "elements"), ("ptr noalias", "out"),
                                          ("i64", "count")], "void")
        cipher = _cipher(f)
        rest = f.value(f"and i64 %count, {CHUNK - 1}")
        whole = f.sub("%count", rest)
        with f.loop(0, whole, CHUNK) as i:
            _call_chunk(f, f.offset(kind, "%out", i), cipher, i)
        with f.if_(f.compare("ne", rest, 0)):
            last = f.alloca(kind, CHUNK)
            _call_chunk(f, last, cipher, whole)
            end = f.offset(kind, "%out", whole)
            with f.loop(0, rest) as i:
                number = f.load(self.dtype, f.offset(kind, last, i))
                f.store(number, f.offset(kind, end, i))
        f.ret()
        return str(module)

    def _chunk(self, module: Module) -> None:
        """A function that draws the numbers of CHUNK places, beginning with `first`."""
        f = module.function("chunk", [("ptr noalias", "to"), ("i32", "key0"), ("i32", "key1"), ("i64", "first")], "void",
                            linkage="internal")
        f.attributes = "noinline #0"
        s: Any = LLVMScalars(f)
        kind = lookup(self.op).kind
        assert isinstance(kind, Random)
        # Read rather than computed: the cipher is a chain of sums, and LLVM's loop strength reduction spends seconds on
        # one that begins with the loop's counter. Joined by `or` (`first` is a multiple of CHUNK), which cannot carry:
        # the upper word is the same for all.
        places = module.constant("places", f"[{CHUNK} x i32]", f"[{', '.join(f'i32 {i}' for i in range(CHUNK))}]")
        with f.loop(0, CHUNK) as i:
            within = s.cast(f.load("uint32", f.offset("i32", places, i)), "int64")
            place = s.bit_or(Scalar("%first", "int64"), within)
            x, y = bits(s, (Scalar("%key0", "uint32"), Scalar("%key1", "uint32")), place)
            f.store(kind.scalar(s, x, y, dtype=self.dtype), f.offset(memory_type(self.dtype), "%to", i))
        f.ret()


def _cipher(f: Function) -> list[str]:
    """Fold the key's elements."""
    s: Any = LLVMScalars(f)
    with f.loop_carrying(0, "%elements", 1, [("i32", "0"), ("i32", "0")]) as loop:
        x, y = (Scalar(v, "uint32") for v in loop.values)
        x, y = folded(s, (x, y), f.load("int64", f.offset("i64", "%key", loop.index)))
        loop.carry([x.ssa, y.ssa])
    return loop.results


def _call_chunk(f: Function, to: str, cipher: list[str], first: Index) -> None:
    f.call("void", "chunk", [("ptr", to), ("i32", cipher[0]), ("i32", cipher[1]), ("i64", first)], declare=False)
