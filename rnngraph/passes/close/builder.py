"""The builder of closed graphs, and what it decides about sizes: by the first feeds, or by a check when it runs.

    a = b wanted, true of the first feeds        merge, guard a = b
    one side broadcast, 1 in the first feeds     guard that it is 1; two sizes of the graph: `joint_size` is the result's
    neither                                      the node becomes `fail`, guard on the opposite
    a size bound inside the graph                a run-time `check_sizes`
    whether a size is >= 0, or is 1              a guard on what the first feeds say; inside the graph: unknown
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rnngraph.ir.graph import Builder, Graph, Node, Origin, Value, building, complete_attrs
from rnngraph.ir.kinds import Composite, Elementwise
from rnngraph.ir.op import OpDef, Site, lookup
from rnngraph.ir.sizes import Dim, Symbol, sub, symbols
from rnngraph.ir.types import TensorType, Type
from rnngraph.ops.shapes import nonnegative
from rnngraph.passes.close.guards import Conflict, Facts


class Made(NamedTuple):
    """What `ClosingBuilder.node` gives: the values that stand for the node's results."""

    results: Sequence[Value]


class ClosingSizes:
    """How `infer` settles sizes while a graph is closed."""

    is_open = False

    def __init__(self, builder: ClosingBuilder) -> None:
        self.builder = builder
        self.pending: set[Symbol] = set()
        """Sizes of the node being typed that it will bind itself: its own kernel looks at them."""

    def same(self, a: Dim, b: Dim, what: str) -> Dim:
        """See the module's table."""
        facts = self.builder.facts
        a, b = facts.current(a), facts.current(b)
        if a == b:
            return a
        if a is None or b is None:
            return b if a is None else a
        x, y = facts.value(a), facts.value(b)
        if x is None or y is None:
            if self.pending.isdisjoint((*symbols(a), *symbols(b))):
                self.builder.check(a, b, f"Incompatible shapes: {{0}} and {{1}} must be equal for {quoted(what)}")
            return a if isinstance(a, int) else b
        if x == y:
            return facts.learn(a, b)
        facts.note("!=", a, b)
        raise Conflict(f"Incompatible shapes: {x} and {y} must be equal for {what}")

    def at_least(self, size: Dim, low: Dim, message: str) -> None:
        """A guard by the first feeds, or a run-time check."""
        facts = self.builder.facts
        size, low = facts.current(size), facts.current(low)
        if size is None or low is None or nonnegative(sub(size, low)):
            return
        x, y = facts.value(size), facts.value(low)
        if x is None or y is None:
            if self.pending.isdisjoint((*symbols(size), *symbols(low))):
                self.builder.check(size, low, message, ">=")
        elif x >= y:
            facts.note(">=", size, low)
        else:
            facts.note("<", size, low)
            raise Conflict(message.format(x, y))

    def holds(self, relation: str, a: Dim, b: Dim) -> bool | None:
        """What the first feeds say, noted as a guard."""
        facts = self.builder.facts
        a, b = facts.current(a), facts.current(b)
        if a is None or b is None:
            return None
        if a == b or (relation == ">=" and nonnegative(sub(a, b))):
            return True
        x, y = facts.value(a), facts.value(b)
        if x is None or y is None:
            return None
        if relation == "==":
            if x != y:
                facts.note("!=", a, b)
                return False
            facts.learn(a, b)
            return True
        facts.note(">=" if x >= y else "<", a, b)
        return x >= y

    def fresh(self, hint: str) -> Dim:
        """A symbol bound at the result."""
        symbol = Symbol(hint)
        self.builder.graph.binds.add(symbol)
        self.pending.add(symbol)
        return symbol.dim


class Demands(ClosingSizes):
    """What a composite demands of sizes; its own results bind nothing."""

    def fresh(self, hint: str) -> Dim:
        """A symbol that stands for nothing."""
        symbol = Symbol(hint)
        self.pending.add(symbol)
        return symbol.dim


class ClosingBuilder(Builder):
    """A builder that makes closed nodes of whatever it is asked for."""

    def __init__(self, graph: Graph, parent: ClosingBuilder | None, facts: Facts) -> None:
        super().__init__(graph, parent)
        self.facts = facts
        self.sizes = ClosingSizes(self)
        self.origin: Origin = parent.origin if parent else Origin()
        self.checked: set[tuple[Dim, Dim, str]] = set()
        self.joints: dict[tuple[Dim, Dim], Dim] = {}

    def region(self, name: str = "") -> ClosingBuilder:
        """A builder for a region."""
        return ClosingBuilder(Graph(name, self.graph), self, self.facts)

    def local(self, value: Value) -> Value:
        """`value` as this region may use it, in sizes that stay."""
        return self.facts.write(super().local(value))

    def describe(self, op: OpDef, name: str, operands: Sequence[Value]) -> tuple[str, tuple[Node, ...], Origin]:
        """Nodes made on the way belong to the node being closed."""
        return name, (), self.origin

    def plain(self, *args: Any, **kwargs: Any) -> Node:
        """A node as it is asked for."""
        return super().node(*args, **kwargs)

    def check(self, a: Dim, b: Dim, message: str, relation: str = "==") -> None:
        """A run-time check of how two sizes compare."""
        if (a, b, relation) not in self.checked:
            self.checked.add((a, b, relation))
            pair = self.plain("sizes", (), {"dims": (a, b)}).results[0]
            self.plain("check_sizes", [pair], {"message": message, "relation": relation})

    def node(self, op: OpDef | str, operands: Sequence[Value] = (), attrs: Mapping[str, Any] | None = None,
             regions: Sequence[Graph] = (), name: str = "", types: Sequence[Type] | None = None,
             after: Sequence[Node] = (), origin: Origin | None = None, hints: Sequence[str] = ()) -> Any:
        """The closed form of a node: expanded, broadcast, or folded to sizes."""
        definition = lookup(op) if isinstance(op, str) else op
        if origin is not None:
            self.origin = origin
        inputs = [self.local(v) for v in operands]
        kind = definition.kind
        if isinstance(kind, Composite):
            # Its type rule is asked for what it demands of sizes; the expansion has types of its own.
            given = self.full(definition, attrs)
            definition.infer(Site(tuple(v.type for v in inputs), tuple(v.content for v in inputs), given, Demands(self)))
            with building(self):
                made = kind.expand([self.local(v) for v in inputs], self.full(definition, given))
            if made is not None:
                return Made([self.local(v) for v in made])
        if isinstance(kind, Elementwise):
            inputs = self.aligned(inputs)
        self.sizes.pending.clear()
        new = self.plain(definition, inputs, self.full(definition, attrs), regions, name, types, after, self.origin, hints)
        for v in new.results:
            v.type = self.sized(v.type)
        self.sizes.pending.clear()
        plain = definition.effects == "pure" and not definition.fails and not regions
        if plain and definition.name not in ("sizes", "constant"):
            return Made([self.folded(v) for v in new.results]) if new.results else new
        return new

    def full(self, op: OpDef, attrs: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """All attributes, in sizes that stay."""
        return {k: self.facts.content(v) if op.attrs[k].kind == "dims" else v
                for k, v in complete_attrs(op, attrs or {}).items()}

    def sized(self, t: Type) -> Type:
        """A tensor type with a symbol, bound here, for every size that nothing says."""
        if not isinstance(t, TensorType) or t.shape is None or None not in t.shape:
            return t
        return t.with_shape(tuple(self.sizes.fresh("n") if d is None else d for d in t.shape))

    def folded(self, value: Value) -> Value:
        """An integer value whose content is known is spelled as sizes."""
        content, t = value.content, value.type
        if content is None or any(d is None for d in content) or not isinstance(t, TensorType):
            return value
        if value.node is not None and value.node.op.name == "as_size" or t.shape is None:
            return value
        return self.plain("sizes", (), {"dims": content, "dtype": t.dtype, "scalar": not t.shape}).results[0]

    def aligned(self, inputs: Sequence[Value]) -> list[Value]:
        """Operands of an elementwise op with explicit broadcasts."""
        shapes = [v.tensor.shape for v in inputs]
        if len(inputs) < 2 or any(s is None for s in shapes) or all(s == shapes[0] for s in shapes):
            return list(inputs)
        rank = max(len(s) for s in shapes if s is not None)
        padded = [((1,) * (rank - len(s)) + s) for s in shapes if s is not None]
        joined = [self.joined([p[i] for p in padded]) for i in range(rank)]
        target = tuple(map(self.facts.current, joined))
        return [v if self.local(v).tensor.shape == target else self.stretched(v, target) for v in inputs]

    def stretched(self, value: Value, target: tuple[Dim, ...]) -> Value:
        """An explicit broadcast."""
        shape = self.plain("sizes", (), {"dims": target}).results[0]
        return self.plain("broadcast", [value, shape], {}, types=[value.tensor.with_shape(target)]).results[0]

    def joined(self, dims: Iterable[Dim]) -> Dim:
        """The common size of broadcast axes."""
        result: Dim = 1
        for d in map(self.facts.current, dims):
            if d == result or d == 1:
                continue
            if result == 1:
                result = d
                continue
            result = self.decided(result, d)
        return result

    def decided(self, a: Dim, b: Dim) -> Dim:
        """Two different sizes, neither of them 1 as far as is known."""
        facts = self.facts
        x, y = facts.value(a), facts.value(b)
        if x is not None and y is not None and x != y:
            if x == 1 or y == 1:
                one, common = (a, b) if x == 1 else (b, a)
                facts.learn(one, 1)
                return facts.current(common)
            for left, right in ((a, b), (a, 1), (b, 1)):
                facts.note("!=", left, right)
            raise Conflict(f"Incompatible shapes: {x} vs. {y} cannot be broadcast")
        if x is not None and y is not None:
            return facts.learn(a, b)
        message = "Incompatible shapes: {0} vs. {1} cannot be broadcast"
        if x is None and y is None:
            self.check(a, b, message, "broadcasts")
            return self.joint(a, b)
        other, result = (b, a) if isinstance(a, int) or (x is not None and y is None) else (a, b)
        if not isinstance(result, int):
            if 1 in (x, y):
                facts.learn(result, 1)
                return other
            facts.note("!=", result, 1)
        self.check(other, result, message, "broadcasts")
        return result

    def joint(self, a: Dim, b: Dim) -> Dim:
        """The size of two that broadcast, told as far outside as both are visible."""
        outer = self.parent
        if isinstance(outer, ClosingBuilder) and self.graph.binds.isdisjoint((*symbols(a), *symbols(b))):
            return outer.joint(a, b)
        if (a, b) not in self.joints:
            content = self.plain("joint_size", (), {"dims": (a, b)}, origin=self.origin).results[0].content
            self.joints[a, b] = self.joints[b, a] = None if content is None else content[0]
        return self.joints[a, b]


def quoted(text: str) -> str:
    """Text that `str.format` gives back as it is."""
    return text.replace("{", "{{").replace("}", "}}")

