"""A machine that plans and code are made for, as data: what lowering and emission ask of it, and all that they ask."""

from __future__ import annotations

from dataclasses import dataclass

from rnngraph.ir.sizes import Dim, add, floordiv, mul


@dataclass(frozen=True)
class Target:
    """An instruction set, its vector registers and its caches (bytes of a core's first and second level).

    `triple`, `cpu` and `features` are what LLVM calls them.
    """

    triple: str
    cpu: str
    features: str
    vector_bits: int
    vector_registers: int
    l1: int
    l2: int

    def lanes(self, item: int) -> int:
        """Elements of `item` bytes in a vector register."""
        return self.vector_bits // 8 // item

    def columns(self, item: int) -> int:
        """Columns of a panel of a packed matrix: as many vectors as 6 rows of accumulators leave registers for."""
        return self.lanes(item) * (4 if self.vector_registers >= 32 else 2)

    def packed(self, item: int, k: Dim, n: Dim) -> Dim:
        """Elements that a packed k x n matrix takes: whole panels."""
        columns = self.columns(item)
        return mul(mul(floordiv(add(n, columns - 1), columns), columns), k)

    def depth(self, item: int) -> int:
        """Steps of k that a product does at once: a panel of so many rows, and what goes along, stays in the second-level
        cache. More than 512 gain nothing."""
        return max(64, min(512, self.l2 // 4 // (self.columns(item) * item)))


PLAIN = Target("", "", "", 64, 16, 32 << 10, 256 << 10)
"""No machine in particular: one without vectors."""
