"""The scalar protocol: what the body of an elementwise op may say.

An elementwise op states its meaning twice, on purpose: once as a NumPy `reference` on whole arrays and once as a
`scalar` body written against this protocol. Code generators implement the protocol (NumPy for the nest interpreter,
LLVM text for machine code), so an op never mentions a machine, and tests compare the two statements.

`S` is the implementation's own scalar type; it knows its dtype. Binary methods take operands of one dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rnngraph.ir.kinds import Elementwise

if TYPE_CHECKING:
    from rnngraph.ir.graph import Node

S = TypeVar("S")


class Scalars(Protocol[S]):
    """Arithmetic on single elements. Methods never trap: `idiv`/`imod` by 0 and `INT_MIN // -1` give 0 or wrap."""

    def const(self, value: float | int | bool, like: S) -> S:
        """A constant of `like`'s dtype."""
    def typed(self, value: float | int | bool, dtype: str) -> S:
        """A constant of the named dtype ("float32", "int64", "bool", ...)."""
    def index(self, axis: int) -> S:
        """The position along `axis` of the element being computed, int64."""
    def cast(self, x: S, dtype: str) -> S:
        """TensorFlow's cast. Float to int truncates; NaN and out of range give the smallest integer."""

    def bitcast(self, x: S, dtype: str) -> S:
        """The same bits as another dtype of that size."""

    def add(self, x: S, y: S) -> S: ...
    def sub(self, x: S, y: S) -> S: ...
    def mul(self, x: S, y: S) -> S: ...
    def div(self, x: S, y: S) -> S:
        """True division of floats."""
    def fma(self, x: S, y: S, z: S) -> S:
        """x * y + z of floats, rounded once."""
    def idiv(self, x: S, y: S) -> S:
        """Integer division rounding towards zero (signed or unsigned by dtype)."""
    def imod(self, x: S, y: S) -> S:
        """Remainder of `idiv`: the sign of x."""
    def neg(self, x: S) -> S: ...
    def abs(self, x: S) -> S: ...
    def min(self, x: S, y: S) -> S:
        """The smaller; NaN if x or y is NaN."""
    def max(self, x: S, y: S) -> S:
        """The larger; NaN if x or y is NaN."""

    def exp(self, x: S) -> S: ...
    def expm1(self, x: S) -> S: ...
    def log(self, x: S) -> S: ...
    def log1p(self, x: S) -> S: ...
    def sqrt(self, x: S) -> S: ...
    def tanh(self, x: S) -> S: ...
    def sigmoid(self, x: S) -> S: ...
    def sin(self, x: S) -> S: ...
    def cos(self, x: S) -> S: ...
    def erf(self, x: S) -> S: ...
    def floor(self, x: S) -> S: ...
    def ceil(self, x: S) -> S: ...
    def rint(self, x: S) -> S:
        """Round to nearest, ties to even."""

    def eq(self, x: S, y: S) -> S: ...
    def ne(self, x: S, y: S) -> S: ...
    def lt(self, x: S, y: S) -> S: ...
    def le(self, x: S, y: S) -> S: ...
    def select(self, condition: S, x: S, y: S) -> S: ...

    def bit_and(self, x: S, y: S) -> S:
        """Bitwise on integers, logical on bools (as are `bit_or` and `bit_xor`)."""
    def bit_or(self, x: S, y: S) -> S: ...
    def bit_xor(self, x: S, y: S) -> S: ...
    def bit_not(self, x: S) -> S: ...
    def shl(self, x: S, bits: int) -> S: ...
    def shr(self, x: S, bits: int) -> S:
        """Logical shift right."""


# --- what a body costs ----------------------------------------------------------------------------------------------

FREE = frozenset({"const", "typed", "index", "bitcast"})
DEAR = frozenset({"div", "idiv", "imod", "sqrt", "exp", "expm1", "log", "log1p", "tanh", "sigmoid", "sin", "cos", "erf"})


class _Count:
    """The protocol with S = the count itself: it adds up what a body says."""

    def __init__(self) -> None:
        self.total = 0

    def __getattr__(self, name: str) -> Callable[..., _Count]:
        def count(*operands: Any) -> _Count:
            self.total += 0 if name in FREE else 10 if name in DEAR else 1
            return self
        return count


def cost(node: Node) -> int:
    """How many instructions an element of an elementwise node takes, roughly: 10 for a function or a division."""
    kind = node.op.kind
    assert isinstance(kind, Elementwise)
    found = _Count()
    kind.scalar(found, *(found for _ in node.operands), **node.attrs)
    return found.total
