"""Contractions to steps: a packed product where letters can be grouped to a matrix, else a nest that multiplies and sums.

    letters of `ab,bc->ac`      m: in a and out    n: in b and out    k: in both, not out    batch: everywhere
"""

from __future__ import annotations

from collections.abc import Sequence

from rnngraph.ir.kinds import Letters
from rnngraph.ir.sizes import Dim, mul, product
from rnngraph.lowering.plan import Access, Nest, Store, Term, View


def grouped(view: View, order: str, rows: str, columns: str) -> View | None:
    """The view as a matrix with these letters as rows and columns; None if memory does not allow it."""
    sizes = dict(zip(order, view.shape, strict=True))
    strides = dict(zip(order, view.strides, strict=True))
    shape, steps = [], []
    for group in (rows, columns):
        merged = _merged(group, sizes, strides)
        if merged is None:
            return None
        shape.append(merged[0])
        steps.append(merged[1])
    return View(view.base, view.dtype, tuple(shape), tuple(steps), view.offset)


def _merged(group: str, sizes: dict[str, Dim], strides: dict[str, Dim]) -> tuple[Dim, Dim] | None:
    """Size and stride of letters as one axis."""
    kept = [c for c in group if sizes[c] != 1]
    if not kept:
        return product(sizes[c] for c in group), 1
    for first, second in zip(kept, kept[1:], strict=False):
        if strides[first] != mul(strides[second], sizes[second]):
            return None
    return product(sizes[c] for c in kept), strides[kept[-1]]


def naive(found: Letters, a: View, b: View, out: View) -> Nest:
    """A nest over all letters: the result's, then the summed ones."""
    summed = "".join(dict.fromkeys(c for c in found.a + found.b if c not in found.out))
    order = found.out + summed
    sizes: dict[str, Dim] = {}
    for text, view in ((found.a, a), (found.b, b)):
        for c, d in zip(text, view.shape, strict=True):
            sizes.setdefault(c, d)
    terms = (Term("load", (), 0), Term("load", (), 1), Term("mul", (0, 1), ()))
    return Nest(tuple(sizes[c] for c in order), tuple(c in summed for c in order),
                (_access(a, found.a, order), _access(b, found.b, order)), terms,
                (Store(_access(out, found.out, order), 2, "add"),), "contract")


def _access(view: View, text: str, order: Sequence[str] | str) -> Access:
    coefficients: list[Dim] = []
    for c in order:
        total: Dim = 0
        for d, s in zip(text, view.strides, strict=True):
            if d == c:
                total = s if total == 0 else mul(2, s)
        coefficients.append(total)
    return Access(view, view.offset, tuple(coefficients))
