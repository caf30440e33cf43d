"""Fused nodes to loop nests: each result is pulled, element by element, from the operands' memory.

An index map (`ir.kinds.Affine`) says, for each axis of a value, which position is wanted, in terms of the nest's loops.
Movement inside the group only composes index maps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rnngraph.ir.graph import Node, Value
from rnngraph.ir.kinds import FIRST, Affine, Elementwise, Index, Iota, Literal, Movement, Reduction
from rnngraph.ir.sizes import Dim, Expr, add, mul
from rnngraph.lowering.plan import Access, Nest, Store, Term, View


def composed(source: Index, index: Index) -> Index:
    """Where an element at `index` comes from, if `source` says so of movement's result."""
    return tuple(_through(p, index) for p in source)


def _through(p: Affine, index: Index) -> Affine:
    if p.axis < 0:
        return p
    at = index[p.axis]
    return Affine(at.axis, mul(at.multiplier, p.multiplier), add(mul(at.offset, p.multiplier), p.offset))


class _Puller:
    """Terms of one nest."""

    def __init__(self, views: Mapping[Value, View], domain: Sequence[Dim]) -> None:
        self.views = views
        self.domain = tuple(domain)
        self.accesses: list[Access] = []
        self.terms: list[Term] = []
        self.known: dict[Term, int] = {}
        self.pulled: dict[tuple[Value, Index], int] = {}

    def term(self, op: str, args: Sequence[int] = (), data: object = None) -> int:
        """The position of a term; equal ones are one."""
        term = Term(op, tuple(args), data)
        if term not in self.known:
            self.known[term] = len(self.terms)
            self.terms.append(term)
        return self.known[term]

    def access(self, view: View, index: Index) -> Access:
        """Where an element of a view is."""
        offset = view.offset
        coefficients: list[Dim] = [0] * len(self.domain)
        for p, stride in zip(index, view.strides, strict=True):
            offset = add(offset, mul(p.offset, stride))
            if p.axis >= 0:
                coefficients[p.axis] = add(coefficients[p.axis], mul(p.multiplier, stride))
        return Access(view, offset, tuple(coefficients))

    def load(self, view: View, index: Index) -> int:
        """A load from memory."""
        access = self.access(view, index)
        if access not in self.accesses:
            self.accesses.append(access)
        return self.term("load", (), self.accesses.index(access))

    def pull(self, value: Value, index: Index) -> int:
        """The term that computes `value` at `index`; operands first, without recursion by depth."""
        stack = [(value, index)]
        while stack:
            v, at = stack[-1]
            if (v, at) in self.pulled:
                stack.pop()
                continue
            needs = [] if v in self.views or v.node is None else self.needs(v.node, at)
            missing = [n for n in needs if n not in self.pulled]
            if missing:
                stack.extend(missing)
                continue
            self.pulled[v, at] = self.make(v, at, [self.pulled[n] for n in needs])
        return self.pulled[value, index]

    def needs(self, node: Node, index: Index) -> list[tuple[Value, Index]]:
        """Which elements of which operands a node's element is made of."""
        kind = node.op.kind
        if isinstance(kind, Elementwise):
            return [(v, index) for v in node.operands]
        if isinstance(kind, Movement) and kind.source is not None:
            return [(node.operands[0], composed(kind.source(node), index))]
        return []

    def make(self, value: Value, index: Index, args: Sequence[int]) -> int:
        """The term of one element."""
        if value in self.views:
            return self.load(self.views[value], index)
        node = value.node
        assert node is not None
        kind, dtype = node.op.kind, value.type.dtype.name
        if isinstance(kind, Movement):
            return args[0]
        if isinstance(kind, Literal):
            number = kind.number(node.attrs)
            return self.term("size" if isinstance(number, Expr) else "const", (), (number, dtype))
        if isinstance(kind, Iota):
            p = index[node.attrs["axis"] % len(index)]
            return self.term("index", (), (p.axis, p.multiplier, p.offset, dtype))
        return self.term(node.op.name, args, _frozen(node))


def _frozen(node: Node) -> tuple[tuple[str, object], ...]:
    return tuple(node.attrs.items())


def nest(node: Node, views: Mapping[Value, View], out: Sequence[View]) -> Nest:
    """The nest of a fused node. `views`: of its region's parameters; `out`: where its results go."""
    region = node.regions[0]
    reduction = next((n for n in region.nodes if isinstance(n.op.kind, Reduction)), None)
    domain = reduction.operands[0].shape if reduction is not None else region.results[0].shape
    gone = () if reduction is None else Reduction.axes(reduction)
    reduced = tuple(k in gone for k in range(len(domain)))
    puller = _Puller(views, domain)
    here = tuple(Affine(k, 1, 0) for k in range(len(domain)))
    stores = []
    for value, view in zip(region.results, out, strict=True):
        made = value.node
        if made is not None and isinstance(made.op.kind, Reduction):
            keep = made.attrs["keep"]
            term = puller.pull(made.operands[0], here)
            index = tuple(FIRST if r else p for p, r in zip(here, reduced, strict=True) if keep or not r)
            stores.append(Store(puller.access(view, index), term, made.op.kind.combine))
        else:
            stores.append(Store(puller.access(view, here), puller.pull(value, here)))
    return collapsed(Nest(domain, reduced, tuple(puller.accesses), tuple(puller.terms), tuple(stores),
                          " ".join(sorted({n.op.name for n in region.nodes if not isinstance(n.op.kind, Literal)}))))


def _everywhere(target: View, make: Callable[[_Puller, Index], int], label: str) -> Nest:
    """A nest over all elements of `target`; `make` gives the term that is written to each."""
    here = tuple(Affine(k, 1, 0) for k in range(len(target.shape)))
    puller = _Puller({}, target.shape)
    store = Store(puller.access(target, here), make(puller, here))
    return collapsed(Nest(target.shape, (False,) * len(here), tuple(puller.accesses), tuple(puller.terms), (store,), label))


def copy(source: View, target: View, label: str = "copy") -> Nest:
    """A nest that copies a view."""
    return _everywhere(target, lambda puller, here: puller.load(source, here), label)


def single(node: Node, operands: Sequence[View], target: View) -> Nest:
    """The nest of one elementwise node."""
    return _everywhere(target, lambda puller, here: puller.term(
        node.op.name, [puller.load(v, here) for v in operands], _frozen(node)), node.op.name)


def nonzero(x: View, target: View) -> Nest:
    """A nest that says where a view is not 0."""
    def differs(puller: _Puller, here: Index) -> int:
        zero = puller.term("const", (), (0, x.dtype.name))
        return puller.term("not_equal", (puller.load(x, here), zero), ())
    return _everywhere(target, differs, "not_equal")


def fill(value: object, target: View) -> Nest:
    """A nest that writes one value everywhere."""
    return _everywhere(target, lambda puller, here: puller.term("const", (), (value, target.dtype.name)), "fill")


def numbers(dims: Sequence[Dim], target: View) -> list[Nest]:
    """Nests that write sizes, one element each."""
    made = []
    for i, d in enumerate(dims):
        term = Term("size", (), (d, target.dtype.name))
        offset = add(target.offset, mul(i, target.strides[0])) if target.shape else target.offset
        made.append(Nest((), (), (), (term,), (Store(Access(target, offset, ()), 0),), "sizes"))
    return made


def collapsed(n: Nest) -> Nest:
    """The nest with adjacent axes made one where all accesses run through them without a jump."""
    axis = len(n.sizes) - 2
    while axis >= 0:
        if _mergeable(n, axis):
            n = _merged(n, axis)
        axis -= 1
    return n


def _mergeable(n: Nest, k: int) -> bool:
    if n.reduced[k] != n.reduced[k + 1] or any(t.op == "index" for t in n.terms):
        return False
    every = [*n.accesses, *(s.access for s in n.stores)]
    return all(a.coefficients[k] == mul(a.coefficients[k + 1], n.sizes[k + 1]) for a in every)


def _merged(n: Nest, k: int) -> Nest:
    def without(a: Access) -> Access:
        return Access(a.view, a.offset, a.coefficients[:k] + a.coefficients[k + 1:])
    return Nest(n.sizes[:k] + (mul(n.sizes[k], n.sizes[k + 1]),) + n.sizes[k + 2:], n.reduced[:k] + n.reduced[k + 1:],
                tuple(without(a) for a in n.accesses), n.terms,
                tuple(Store(without(s.access), s.term, s.combine) for s in n.stores), n.label)
