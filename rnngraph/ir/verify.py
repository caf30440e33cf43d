"""Well-formedness: what every engine and pass may rely on, checked rule by rule.

Every graph: regions own their values, operands and control edges come from earlier in the same graph, attributes fit
their schema, types are what the op's rule says, sizes are bound once and before use, slots of loops and branches agree.
Closed graphs also: no variables, no composites, no histories, no implicit broadcasting, every size known by a name
(except on host steps).

A broken rule raises VerifyError, whose message shows the program around the place.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rnngraph.ir.binders import unbound
from rnngraph.ir.graph import Array, Graph, Node, OpenSizes, Value, expands
from rnngraph.ir.kinds import Composite, Control, Effect, Elementwise, Host, Reduction, State
from rnngraph.ir.layout import LayoutError, slots
from rnngraph.ir.op import OPS, Content, Site
from rnngraph.ir.printer import excerpt
from rnngraph.ir.sizes import Dim, Expr, Symbol, substitute, symbols
from rnngraph.ir.slot_rules import check_inputs, check_outputs
from rnngraph.ir.type_rules import Mismatch, agree, compatible, show
from rnngraph.ir.types import DType, ListType, RefType, TensorType, Type
from rnngraph.ir.walk import dims, is_ordered, map_dims


class VerifyError(ValueError):
    """A graph that breaks a rule of the grammar."""


class StrictSizes:
    """Sizes in closed graphs: what must be equal is equal by its normal form, or since a check of it came before
    (`equal`: what stands for a size); fresh sizes are counted, not bound. `sure` is what is said where only who closed the
    graph knew whether a number that has a name can be a size."""

    is_open = False

    def __init__(self, equal: Mapping[Dim, Dim] = MappingProxyType({}), sure: bool = True) -> None:
        self.equal = equal
        self.sure = sure
        self.made: set[Symbol] = set()

    def same(self, a: Dim, b: Dim, what: str) -> Dim:
        """The common size. Raises ValueError (phrase: `Dimensions must be equal`) unless equal; unknown fits all."""
        if a is None or b is None or self.equal.get(a, a) == self.equal.get(b, b):
            return b if a is None else a
        raise ValueError(f"Dimensions must be equal, but are {a} and {b} for {what}.")

    def at_least(self, size: Dim, low: Dim, message: str) -> None:
        """Guards and checks see to it."""

    def holds(self, relation: str, a: Dim, b: Dim) -> bool | None:
        """As close decided: what is named as a size is one; what is not provably equal, only running tells."""
        if isinstance(a, int) and isinstance(b, int):
            return a == b if relation == "==" else a >= b
        return True if a == b or (relation == ">=" and self.sure) else None

    def fresh(self, hint: str) -> Dim:
        """A new symbol, which stands for one that the node binds."""
        symbol = Symbol(hint)
        self.made.add(symbol)
        return symbol.dim


def verify(graph: Graph, *, closed: bool) -> None:
    """Check a whole program. Raises VerifyError at the first broken rule."""
    checker = _Checker(graph, closed)
    if graph.parent is not None:
        raise checker.error(graph, "a whole program is wanted, but this graph is a region")
    checker.graph(graph)


class _Checker:
    def __init__(self, root: Graph, closed: bool) -> None:
        self.root = root
        self.closed = closed
        self.defined: set[Value] = set()
        self.visible: set[Symbol] = set()
        self.bound: set[Symbol] = set()
        self.equal: dict[Dim, Dim] = {}
        self.owned: set[Graph] = {root}

    def error(self, at: Node | Graph, message: str) -> VerifyError:
        """What to raise for a rule broken at a node or at a region's parameters or results."""
        level = "closed" if self.closed else "open"
        return VerifyError(f"in {level} graph {self.root.name!r}: {message}\n{excerpt(self.root, at)}")

    def require(self, holds: bool, at: Node | Graph, message: str) -> None:
        """Raise unless the rule holds."""
        if not holds:
            raise self.error(at, message)

    # graphs and regions

    def graph(self, graph: Graph) -> None:
        """Check a graph or region whose surroundings have been checked so far."""
        self.require(graph.sealed, graph, "the graph is not sealed: its builder may still add to it")
        for i, param in enumerate(graph.params):
            fits = param.graph is graph and param.node is None and param.index == i
            self.require(fits, graph, f"parameter {i} ({param!r}) does not belong to this graph at that place")
            self.require(not self.closed or not isinstance(param.type, RefType), graph,
                         f"parameter {i} is a reference; variables are plain parameters in a closed graph")
            self.require(not self.closed or not _vague(param) or graph is not self.root, graph,
                         f"parameter {i} has unknown sizes, {show(param.type)}; closed graphs name every size")
        again = graph.binds & self.visible
        self.require(not again, graph,
                     f"the region claims to bind {_names(again)}, which is bound outside: a size is bound once")
        before, equal = set(self.visible), dict(self.equal)
        self.bind(graph, graph.params, graph)
        self.defined.update(graph.params)
        seen: set[Node] = set()
        for node in graph.nodes:
            self.node(graph, node, seen)
            seen.add(node)
        for i, value in enumerate(graph.results):
            self.require(value.graph is graph and value in self.defined, graph,
                         f"result {i} of the graph ({value!r}) does not belong to it")
        self.visible, self.equal = before, equal

    def bind(self, graph: Graph, values: Iterable[Value], at: Node | Graph) -> None:
        """The sizes that these values, defined together, are the first to mention become visible."""
        for symbol, alone in unbound(values, self.visible).items():
            self.require(symbol not in self.bound, at,
                         f"the size {symbol.hint} is bound in another region and not visible here")
            # What a program's own parameters bind goes without saying; `binds` tells regions' sizes from outer ones.
            self.require(symbol in graph.binds or at is self.root, at,
                         f"the size {symbol.hint} is used, but bound neither before nor here (`Graph.binds` lacks it)")
            self.require(alone, at, f"the size {symbol.hint} must stand alone where it is bound, as a size or content")
            self.visible.add(symbol)
            self.bound.add(symbol)

    # nodes

    def node(self, graph: Graph, node: Node, seen: set[Node]) -> None:
        """Check one node."""
        self.require(node.graph is graph, node, f"node {node.name!r} belongs to {node.graph!r}")
        self.require(OPS.get(node.op.name) is node.op, node, f"op {node.op.name!r} is not in the table of ops")
        self.operands(graph, node)
        self.control_edges(graph, node, seen)
        self.attrs(node)
        self.level(node)
        self.regions(graph, node)
        for i, value in enumerate(node.results):
            self.require(value.node is node and value.index == i and value.graph is graph, node,
                         f"result {i} ({value!r}) does not belong to the node at that place")
        self.types(node)
        self.bind(graph, node.results, node)
        self.require(not self.closed or not any(map(_vague, node.results)) or self.may_be_vague(node), node,
                     f"unknown sizes, {', '.join(show(v.type) for v in node.results)}, are for host steps only")
        self.defined.update(node.results)
        if node.op.name == "check_sizes" and node.attrs["relation"] == "==":
            self.checked(node.operands[0].content or ())

    def checked(self, pair: Sequence[Dim]) -> None:
        """Two sizes are equal from here on: one stands for both."""
        if len(pair) == 2 and None not in pair:
            kept, gone = (self.equal.get(d, d) for d in pair)
            self.equal = {d: kept if e == gone else e for d, e in self.equal.items()} | {gone: kept}

    def operands(self, graph: Graph, node: Node) -> None:
        """Operands are values of this graph, defined above."""
        for i, value in enumerate(node.operands):
            self.require(value.graph is graph, node, f"operand {i} ({value!r}) belongs to {value.graph!r}, not to this "
                         "graph: a region sees outer values only through its parameters")
            self.require(value in self.defined, node, f"operand {i} ({value!r}) is used before it is defined")

    def control_edges(self, graph: Graph, node: Node, seen: set[Node]) -> None:
        """Control edges come from earlier nodes of this graph; in closed graphs they join nodes that need an order."""
        for earlier in node.after:
            self.require(earlier.graph is graph, node, f"a control edge from {earlier!r} crosses a region's border")
            self.require(earlier in seen, node, f"a control edge from {earlier!r}, which comes later")
        if self.closed and node.after:
            for each in (node, *node.after):
                self.require(is_ordered(each), node,
                             f"a control edge on {each!r}, which has no effects and cannot fail")

    def attrs(self, node: Node) -> None:
        """Attributes are those of the schema, in its order, of its kinds; sizes in them are visible."""
        schema = node.op.attrs
        self.require(list(node.attrs) == list(schema), node,
                     f"op {node.op.name!r} has the attributes {list(schema)}, but these were given: {list(node.attrs)}")
        for key, value in node.attrs.items():
            kind = schema[key].kind
            fits = (value is None and schema[key].default is None) or KINDS.get(kind, _anything)(value)
            self.require(fits, node, f"attribute {key!r} must be of kind {kind}, but is {value!r}")
            if kind == "dims" and value is not None:
                hidden = {s for d in value for s in symbols(d)} - self.visible
                self.require(not hidden, node, f"attribute {key!r} uses {_names(hidden)}, not visible here")

    def level(self, node: Node) -> None:
        """What closed graphs rule out."""
        if not self.closed:
            return
        kind = node.op.kind
        self.require(not isinstance(kind, State), node, f"variables and placeholders are gone in a closed graph "
                     f"({node.op.name!r})")
        self.require(not expands(node), node,
                     f"composites are expanded in a closed graph ({node.op.name!r})")
        self.require(node.op.name != "history", node, "histories are stacks in a closed graph")
        if node.op.name == "fused":
            for inner in node.regions[0].nodes:
                made = [v.node for v in inner.operands if v.node is not None]
                self.require(not any(isinstance(n.op.kind, Reduction) for n in made), inner,
                             "a kernel folds its reductions in its only loops: nothing in it can read what they give")
        if isinstance(kind, Elementwise):
            shapes = [v.type.shape for v in node.operands if isinstance(v.type, TensorType)]
            plain = [s for s in shapes if s is not None and None not in s]
            self.require(all(s == plain[0] for s in plain), node, "elementwise operands must have equal shapes in a "
                         f"closed graph, but have {', '.join(show(v.type) for v in node.operands)}; use `broadcast`")

    def may_be_vague(self, node: Node) -> bool:
        """Whether results may have unknown sizes: host steps, what fails, what holds them, what is fed by them, and what
        gets its shape from a vector whose length only running tells."""
        shapes = [v.type.shape for v in node.operands if isinstance(v.type, TensorType) and v.type.dtype.is_integer]
        unsure = any(s is not None and len(s) == 1 and not isinstance(s[0], int) for s in shapes)
        return unsure or isinstance(node.op.kind, (Host, Control, Composite, Effect)) or any(map(_vague, node.operands))

    def regions(self, graph: Graph, node: Node) -> None:
        """Regions belong to this node alone, and their slots agree with its operands and results."""
        for region in node.regions:
            self.require(region.parent is graph, node, f"{region!r} is not a region of this graph")
            self.require(region not in self.owned, node, f"{region!r} is owned by two nodes")
            self.owned.add(region)
        try:
            found = slots(node)
            if found is not None:
                check_inputs(node, found, self.closed)
            for region in node.regions:
                self.graph(region)
            if found is not None:
                check_outputs(node, found, self.closed)
        except (LayoutError, Mismatch) as error:
            raise self.error(node, str(error)) from None

    # types

    def types(self, node: Node) -> None:
        """Recorded types and contents are what the op's rules say."""
        if node.op.name == "history":
            return
        try:
            self.typed(node, StrictSizes(self.equal) if self.closed else OpenSizes(Graph()))
        except VerifyError:
            # A rule that was not sure of a size has left it to the run.
            if not self.closed or not self.left_open(node):
                raise

    def left_open(self, node: Node) -> bool:
        """Whether the recorded types are what the op's rules say where they are sure of no size that they are told."""
        try:
            self.typed(node, StrictSizes(self.equal, sure=False))
        except VerifyError:
            return False
        return True

    def typed(self, node: Node, sizes: StrictSizes | OpenSizes) -> None:
        """Recorded types and contents are what the op's rules say by these rules of sizes."""
        site = Site(tuple(v.type for v in node.operands), tuple(v.content for v in node.operands), node.attrs, sizes,
                    node.regions)
        try:
            types = tuple(node.op.infer(site))
            contents = (node.op.content(site) if node.op.content else None) or (None,) * len(types)
        except (TypeError, ValueError, LookupError, AttributeError, AssertionError) as error:
            why = str(error) or type(error).__name__
            raise self.error(node, f"the type rule of op {node.op.name!r} refuses: {why}") from None
        self.require(len(types) == len(node.results), node,
                     f"op {node.op.name!r} has {len(types)} results, but {len(node.results)} are recorded")
        mine = unbound(node.results, self.visible)
        mapping: dict[Symbol, Dim] = {}
        for i, (value, inferred) in enumerate(zip(node.results, types, strict=True)):
            fits = compatible(value.type, inferred) if not self.closed else agree(
                self.settled(value.type), self.settled(inferred), mapping, mine)
            self.require(fits, node,
                         f"result {i} is recorded as {show(value.type)}, but the op's rule says {show(inferred)}")
        for i, (value, told) in enumerate(zip(node.results, contents, strict=True)):
            self.require(self.contents_fit(value.content, told, mapping, mine), node,
                         f"result {i} is recorded to hold {value.content}, but the op's rule says {told}")

    def settled(self, t: Type) -> Type:
        """A type with one size for all that were checked to be equal."""
        return map_dims(t, lambda d: self.equal.get(d, d)) if self.equal else t

    def contents_fit(self, recorded: Content, told: Content, mapping: Mapping[Symbol, Dim],
                     mine: Container[Symbol]) -> bool:
        """Whether a recorded content does not contradict what the op's rule tells; it may bind what types left open."""
        if recorded is None or told is None:
            return True
        pairs = [(substitute(d, mapping), e) for d, e in zip(recorded, told, strict=False)]
        known = [(d, e) for d, e in pairs if d is not None and e is not None]
        if not self.closed:
            known = [(d, e) for d, e in known if isinstance(d, int) and isinstance(e, int)]
        return len(recorded) == len(told) and all(
            d == e or (isinstance(d, Expr) and d.symbol in mine and d.symbol not in mapping) for d, e in known)


def _vague(value: Value) -> bool:
    """Whether the type has unknown sizes (elements of lists may differ in size, lists may grow: those are not)."""
    return isinstance(value.type, TensorType) and (value.type.shape is None or None in dims(value.type))


def _names(found: Iterable[Symbol]) -> str:
    return ", ".join(sorted(s.hint for s in found))


# --- kinds of attributes -----------------------------------------------------------------------------------------

def _is_int(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _each(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda x: isinstance(x, (tuple, list)) and all(map(test, x))


def _is_float(x: Any) -> bool:
    return isinstance(x, float) or _is_int(x)


def _anything(_: Any) -> bool:
    return True


KINDS: Mapping[str, Callable[[Any], bool]] = {
    "int": _is_int, "float": _is_float, "bool": lambda x: isinstance(x, bool), "str": lambda x: isinstance(x, str),
    "ints": _each(_is_int), "floats": _each(_is_float),
    "dims": _each(lambda d: d is None or _is_int(d) or isinstance(d, Expr)),
    "dtype": lambda x: isinstance(x, DType), "type": lambda x: isinstance(x, (TensorType, ListType, RefType)),
    "array": lambda x: isinstance(x, Array), "data": lambda x: isinstance(x, Array), "any": _anything}
"""What each kind of attribute accepts."""

__all__ = ["StrictSizes", "VerifyError", "verify"]
