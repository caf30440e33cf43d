"""Fused nodes to loop nests: each result is pulled, element by element, from the operands' memory.

An index map says, for an axis of a value, which position is wanted: multiplier * loop index + offset, or a fixed offset.
Movement inside the group only composes index maps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rnngraph.ir.graph import Node, Value
from rnngraph.ir.op import Elementwise, Reduction
from rnngraph.ir.sizes import Dim, add, mul, sub
from rnngraph.lowering.plan import Access, Nest, Store, Term, View


@dataclass(frozen=True)
class Place:
    """A position along one axis: multiplier * (loop index `axis`) + offset; axis -1: the offset alone."""

    axis: int
    multiplier: int
    offset: Dim


Index = tuple[Place, ...]
FIRST = Place(-1, 0, 0)


def _through_broadcast(node: Node, index: Index) -> Index:
    x = node.operands[0]
    kept = index[len(index) - len(x.shape):]
    return tuple(FIRST if d == 1 and wanted != 1 else p
                 for d, wanted, p in zip(x.shape, node.results[0].shape[len(index) - len(x.shape):], kept, strict=True))


def _through_expand(node: Node, index: Index) -> Index:
    axis = node.attrs["axis"] % len(index)
    return index[:axis] + index[axis + 1:]


def _through_squeeze(node: Node, index: Index) -> Index:
    shape = node.operands[0].shape
    gone = {a % len(shape) for a in node.attrs["axes"]}
    rest = iter(index)
    return tuple(FIRST if i in gone else next(rest) for i in range(len(shape)))


def _through_transpose(node: Node, index: Index) -> Index:
    perm = node.attrs["perm"]
    found = [FIRST] * len(index)
    for i, p in enumerate(perm):
        found[p % len(index)] = index[i]
    return tuple(found)


def _through_slice(node: Node, index: Index) -> Index:
    return tuple(Place(p.axis, p.multiplier * step, add(mul(p.offset, step), start))
                 for p, start, step in zip(index, node.attrs["starts"], node.attrs["strides"], strict=True))


def _through_reverse(node: Node, index: Index) -> Index:
    axes = {a % len(index) for a in node.attrs["axes"]}
    return tuple(Place(p.axis, -p.multiplier, sub(sub(d, 1), p.offset)) if i in axes else p
                 for i, (p, d) in enumerate(zip(index, node.results[0].shape, strict=True)))


THROUGH: dict[str, Callable[[Node, Index], Index]] = {
    "broadcast": _through_broadcast, "expand_dims": _through_expand, "squeeze": _through_squeeze,
    "transpose": _through_transpose, "slice": _through_slice, "reverse": _through_reverse}


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
        if isinstance(node.op.kind, Elementwise):
            return [(v, index) for v in node.operands]
        if node.op.name in THROUGH:
            return [(node.operands[0], THROUGH[node.op.name](node, index))]
        return []

    def make(self, value: Value, index: Index, args: Sequence[int]) -> int:
        """The term of one element."""
        if value in self.views:
            return self.load(self.views[value], index)
        node = value.node
        assert node is not None
        name = node.op.name
        dtype = value.type.dtype.name
        if name in THROUGH:
            return args[0]
        if name == "constant":
            return self.term("const", (), (node.attrs["value"].array.item(), dtype))
        if name == "sizes":
            return self.term("size", (), (node.attrs["dims"][0], dtype))
        if name == "iota":
            p = index[node.attrs["axis"] % len(index)]
            return self.term("index", (), (p.axis, p.multiplier, p.offset, dtype))
        return self.term(name, args, _frozen(node))


def _frozen(node: Node) -> tuple[tuple[str, object], ...]:
    return tuple(node.attrs.items())


def nest(node: Node, views: Mapping[Value, View], out: Sequence[View]) -> Nest:
    """The nest of a fused node. `views`: of its region's parameters; `out`: where its results go."""
    region = node.regions[0]
    reduction = next((n for n in region.nodes if isinstance(n.op.kind, Reduction)), None)
    domain = reduction.operands[0].shape if reduction is not None else region.results[0].shape
    reduced = _reduced(reduction, len(domain))
    puller = _Puller(views, domain)
    here = tuple(Place(k, 1, 0) for k in range(len(domain)))
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
                          " ".join(sorted({n.op.name for n in region.nodes if n.op.name != "constant"}))))


def _reduced(reduction: Node | None, rank: int) -> tuple[bool, ...]:
    if reduction is None:
        return (False,) * rank
    axes = reduction.attrs["axes"]
    gone = set(range(rank)) if axes is None else {a % rank for a in axes}
    return tuple(i in gone for i in range(rank))


def _everywhere(target: View, make: Callable[[_Puller, Index], int], label: str) -> Nest:
    """A nest over all elements of `target`; `make` gives the term that is written to each."""
    here = tuple(Place(k, 1, 0) for k in range(len(target.shape)))
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
