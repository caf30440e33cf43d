"""cleanup: one spelling for each thing, nothing twice, nothing unused.

localize    captures(%C=%c, %D=%c)   ->   captures(%C=%c)          handed in once; constants made again inside
fold        %y = add %x, %zero       ->   %x                       the rules of `folding`; `if` of a known predicate
cse         %a = exp %x; %b = exp %x ->   %a = exp %x              within a region
dce         what no result and no effect needs goes, slots of loops and branches included
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from rnngraph.ir.graph import Graph, Node, Value, current
from rnngraph.ir.layout import counts
from rnngraph.ir.op import OPS
from rnngraph.ir.rewrite import Rule, apply_rules
from rnngraph.ir.sizes import Dim, Expr, Symbol
from rnngraph.ir.types import Type
from rnngraph.ir.walk import Rebuilder, all_nodes, dims
from rnngraph.passes.tidy.dce import dce
from rnngraph.passes.tidy.folding import RULES, constants, kept
from rnngraph.passes.tools.control_edges import bridge, loosen
from rnngraph.passes.tools.equal_sizes import EqualSizes
from rnngraph.passes.tools.region_edits import Edit, edit_if, edit_loop
from rnngraph.passes.tools.value_facts import array_of, attributes, cheap, clone, lists_in, pure
from rnngraph.passes.typing.retype import settled
from rnngraph.passes.typing.substitute_sizes import rename

# --- localize ----------------------------------------------------------------------------------------------------

class _Localizer:
    def __init__(self) -> None:
        self.changed = False

    def rule(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """A loop, `if` or fused node whose captures are few."""
        if node.op.name not in ("loop", "if"):
            return None
        outer = [rb.value(v) for v in node.operands[counts(node).captures:]]
        keep = _kept(outer)
        if len(keep) == len(outer):
            return None
        self.changed = True

        def enter(which: int, params: Sequence[Value]) -> None:
            region = node.regions[which]
            inner = region.params[len(region.params) - len(outer):]
            made: dict[Value, Value] = {}
            for i, (v, param) in enumerate(zip(outer, inner, strict=True)):
                if i in keep:
                    made[v] = rb.values[param]
                else:
                    if v not in made:
                        made[v] = clone(rb.builder, v)
                    rb.values[param] = made[v]

        edit = Edit(keep_captures=keep, enter=enter, types=lambda new: ())
        done = edit_if(rb, node, edit) if node.op.name == "if" else edit_loop(rb, node, edit)
        return [v for v in done.old if v is not None]


def _kept(captures: Sequence[Value]) -> list[int]:
    """Those that stay: the first of equal ones, if it is not cheap."""
    return [i for i, v in enumerate(captures) if v not in captures[:i] and not cheap(v)]


def localize(graph: Graph) -> Graph:
    """`graph`, where nothing is captured twice and what is cheap is made where it is used."""
    regions = (n.operands[counts(n).captures:] for n in all_nodes(graph) if n.op.name in ("loop", "if"))
    if all(len(_kept(captures)) == len(captures) for captures in regions):
        return graph
    work = _Localizer()
    new = Rebuilder(work.rule).graph(graph)
    return dce(new) if work.changed else graph


# --- fold --------------------------------------------------------------------------------------------------------

def _inline(node: Node) -> Sequence[Value] | None:
    """The nodes of the branch that a constant predicate takes."""
    predicate = array_of(node.operands[0])
    if predicate is None or node.after:
        return None
    region = node.regions[0 if bool(predicate) else 1]
    if any(r.type != v.type for r, v in zip(region.results, node.results, strict=True)):
        return None
    rb = Rebuilder(lambda rb, node: None)
    rb.builder = current()
    rb.values.update(zip(region.params, node.operands[1:], strict=True))
    for inner in region.nodes:
        rb.step(inner)
    rb.builder.graph.binds |= region.binds
    return [rb.value(v) for v in region.results]


def fold(graph: Graph) -> Graph:
    """`graph` with the rules of `folding` applied until none fits."""
    computed = tuple(name for name, op in OPS.items() if pure(op))
    rules = (Rule("constants", computed, kept(constants)), *RULES, Rule("if", ("if",), _inline))
    bridged = bridge(graph)
    new = apply_rules(bridged, rules, mark="")
    return graph if new is bridged else settled(dce(new))


# --- cse ---------------------------------------------------------------------------------------------------------

def _unify(old: Sequence[Value], new: Sequence[Value], binds: set[Symbol], known: EqualSizes) -> dict[Symbol, Dim] | None:
    """What the old values' sizes are in the new ones' for both to be of one type; None if they cannot be. `known` says what
    sizes are already."""
    found: dict[Symbol, Dim] = {}
    for a, b in zip(old, new, strict=True):
        pairs = [*_type_dims(a.type, b.type), *zip(a.content or (), b.content or (), strict=False)]
        if (a.content is None) != (b.content is None) or len(list(dims(a.type))) != len(list(dims(b.type))):
            return None
        for d, e in ((known.current(d), known.current(e)) for d, e in pairs):
            symbol = d.symbol if isinstance(d, Expr) else None
            if d == e:
                continue
            if symbol is None or symbol not in binds or found.setdefault(symbol, e) != e:
                return None
    return found


def _type_dims(a: Type, b: Type) -> list[tuple[Dim, Dim]]:
    return list(zip(dims(a), dims(b), strict=False))


class _Sharer:
    def __init__(self) -> None:
        self.seen: dict[Graph, dict[Hashable, Node]] = {}
        self.merged = 0
        self.sizes = EqualSizes()

    def rule(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        """The results of an equal node before, if there is one."""
        if not _shared(node):
            return None
        operands = tuple(rb.value(v) for v in node.operands)
        key = (node.op.name, operands, attributes(node), rb.after(node))
        seen = self.seen.setdefault(rb.builder.graph, {})
        try:
            first = seen.get(key)
        except TypeError:
            return None
        if first is None:
            seen[key] = copy = rb.copy(node)
            return copy.results
        sizes = _unify(node.results, first.results, node.graph.binds, self.sizes)
        if sizes is None:
            return None
        self.merged += 1
        for symbol, size in sizes.items():
            self.sizes.become(symbol, size)
        return first.results


def _repeats(graph: Graph) -> bool:
    """Whether two nodes of a region are equal as they stand: if none are, no others become so."""
    seen: set[Hashable] = set()
    for node in graph.nodes:
        if _shared(node):
            key = (node.op.name, node.operands, attributes(node), node.after)
            try:
                if key in seen:
                    return True
                seen.add(key)
            except TypeError:
                continue
        if any(map(_repeats, node.regions)):
            return True
    return False


def _shared(node: Node) -> bool:
    """Whether a node may be one with another."""
    return node.op.effects == "pure" and not node.regions and not lists_in(node) and bool(node.results)


def cse(graph: Graph) -> Graph:
    """`graph` with equal pure nodes of a region made once."""
    while True:
        if not _repeats(graph):
            return graph
        work = _Sharer()
        new = Rebuilder(work.rule).graph(graph)
        if not work.merged:
            return graph
        # Sizes that turned out to be one make more nodes equal.
        graph = settled(rename(loosen(new), work.sizes.found()))


__all__ = ["cse", "dce", "fold", "localize"]
