"""Reads the text of `rnngraph.ir.printer` back into a graph.

    graph  := "graph" "@"name "(" params ")" block
    block  := "{" stmt* ("return" | "yield" groups) "}"
    stmt   := label? results? op operands attrs? after? types?
            | label? results? "loop" value? groups attrs? after? ("while" step block)? "do" step block types?
            | label? results? "if" value groups attrs? after? "then" block "else" block types?
            | label? results? "fused" groups attrs? after? block types?
    step   := "(" value ")"
    types  := ":" type ("=" content)? ,*
    type   := dtype "[" (dim ,* | "*") "]" | "list" "[" dim "]" "<" type ">" | "ref" type

Types are taken from the text, not inferred: `verify` checks them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rnngraph.ir.binders import plain_content, unbound
from rnngraph.ir.graph import NOWHERE, Builder, Graph, Node, Value
from rnngraph.ir.layout import LayoutError, inherited
from rnngraph.ir.literals import ParseError, Reader, Sizes
from rnngraph.ir.op import Content, lookup
from rnngraph.ir.sizes import Symbol, substitute
from rnngraph.ir.types import Type
from rnngraph.ir.walk import map_dims


def parse(text: str, constants: Mapping[str, Any] | None = None) -> Graph:
    """The sealed graph that a text describes; `constants` is the side table of `write`.

    Raises ParseError, which says line, column, what was expected and what stands there.
    """
    parser = _Parser(Reader(text, constants or {}))
    graph = parser.program()
    parser.reader.end()
    return graph


@dataclass
class _Scope:
    """A block being read: its builder, the names of its values, and the sizes visible in it."""

    builder: Builder
    sizes: Sizes
    values: dict[str, Value] = field(default_factory=dict)
    parent: _Scope | None = None

    def outside(self, name: str) -> bool:
        """Whether an enclosing block has a value of that name."""
        scope = self.parent
        while scope is not None:
            if name in scope.values:
                return True
            scope = scope.parent
        return False


@dataclass(frozen=True)
class _Parameter:
    """A region's parameter as the header of its node spells it."""

    name: str
    type: Type
    content: Content
    outer: Value
    group: str


@dataclass
class _Header:
    """What stands between a control node's name and its blocks."""

    head: list[Value]
    params: list[_Parameter]
    fresh: dict[str, Symbol]
    attrs: dict[str, Any]
    after: list[Node]

    def count(self, word: str) -> int:
        """The number of parameters in one group."""
        return sum(p.group == word for p in self.params)


def _hint(name: str) -> str:
    """The hint that a printed value name came from."""
    plain = name[1:].split(".")[0]
    return "" if plain.isdigit() else plain


class _Parser:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.labels: dict[str, Node] = {}

    # blocks

    def program(self) -> Graph:
        """The whole text."""
        reader = self.reader
        reader.word("graph")
        graph = Graph(reader.take("at", "a graph name such as @main")[1:])
        scope = _Scope(Builder(graph), Sizes())
        reader.symbol("(")
        start = reader.at
        reader.separated(")", lambda: self.parameter(scope))
        self.bind(scope, graph.params, start)
        results = self.block(scope, "return")
        return graph.seal([v for _, v in results])

    def parameter(self, scope: _Scope) -> None:
        """`%b: i32[] = B` of the whole graph."""
        name = self.new_name(scope)
        self.reader.symbol(":")
        type_, content = self.typed(scope.sizes)
        scope.values[name] = scope.builder.param(type_, content, _hint(name))

    def block(self, scope: _Scope, last: str) -> list[tuple[str, Value]]:
        """`{ ... return %a, %b }`: the values given, each with its group."""
        reader = self.reader
        reader.symbol("{")
        while not reader.is_word(last):
            self.statement(scope)
        reader.word(last)
        results: list[tuple[str, Value]] = []
        while not reader.accept("}"):
            if reader.kind == "name":
                group = reader.take("name", "a group")
                reader.symbol("(")
                results += [(group, v) for v in reader.separated(")", lambda: self.value(scope))]
            else:
                results.append(("", self.value(scope)))
                if not reader.accept(","):
                    reader.symbol("}")
                    break
        return results

    def bind(self, scope: _Scope, values: Sequence[Value], start: int) -> None:
        """Bind the sizes that these values are the first to mention. Raises ParseError for one that cannot be bound."""
        scope.builder.graph.binds.update(self.settle(scope.sizes, values, start).values())

    def settle(self, sizes: Sizes, values: Sequence[Value], start: int) -> dict[str, Symbol]:
        """The pending sizes, which must each stand alone in one of these values; they become known."""
        alone = unbound(values, set())
        for name, symbol in sizes.pending.items():
            if not alone.get(symbol, False):
                raise self.reader.error(f"a bound size: {name} must stand alone as a size of a parameter or result, "
                                        "here or earlier", sizes.first.get(name, start))
        found = dict(sizes.pending)
        sizes.known.update(found)
        sizes.pending.clear()
        return found

    # statements

    def statement(self, scope: _Scope) -> None:
        """One statement."""
        reader = self.reader
        start = reader.at
        label = reader.take("label", "a label") if reader.kind == "label" else ""
        if label:
            reader.symbol(":")
        names: list[str] = []
        while reader.kind == "value":
            names.append(self.new_name(scope, names))
            if not reader.accept(","):
                break
        if names:
            reader.symbol("=")
        place = reader.at
        op = reader.take("name", "an op, `return` or `yield`")
        try:
            lookup(op)
        except LookupError as error:
            raise reader.error(f"the name of an op ({error})", place) from None
        rest = self.control if op in ("loop", "if", "fused") else self.plain
        node = rest(scope, op, names, place)
        self.bind(scope, node.results, start)
        for name, value in zip(names, node.results, strict=True):
            scope.values[name] = value
        if label:
            self.labels[label] = node

    def plain(self, scope: _Scope, op: str, names: list[str], place: int) -> Node:
        """The rest of a statement of an op without regions."""
        operands: list[Value] = []
        while self.reader.kind == "value":
            operands.append(self.value(scope))
            if not self.reader.accept(","):
                break
        attrs = self.attrs(scope.sizes)
        after = self.after()
        return self.finish(scope, op, operands, attrs, [], after, names, place)

    def finish(self, scope: _Scope, op: str, operands: Sequence[Value], attrs: Mapping[str, Any],
               regions: Sequence[Graph], after: Sequence[Node], names: list[str], place: int) -> Node:
        """The types of the results, and the node."""
        types: list[Type] = []
        told: dict[int, Content] = {}
        if names:
            self.reader.symbol(":")
        for i in range(len(names)):
            if i:
                self.reader.symbol(",")
            types.append(self.reader.type(scope.sizes))
            if self.reader.accept("="):
                told[i] = self.content(scope.sizes)
        try:
            node = scope.builder.node(op, operands, attrs, regions, "", types, after, NOWHERE, list(map(_hint, names)))
        except (TypeError, ValueError, LookupError, AttributeError, AssertionError) as error:
            # Also what a rule for contents says to operands that the verifier would refuse.
            raise self.reader.error(f"a statement that fits the op ({error})", place) from None
        for i, content in told.items():
            node.results[i].content = content
        return node

    def attrs(self, sizes: Sizes) -> dict[str, Any]:
        """`{a=1, b="x"}` if it stands here."""
        found: dict[str, Any] = {}
        if not self.reader.opens_attrs():
            return found
        self.reader.symbol("{")

        def one() -> None:
            key = self.reader.take("name", "an attribute")
            self.reader.symbol("=")
            found[key] = self.reader.literal(sizes)
        self.reader.separated("}", one)
        return found

    def after(self) -> list[Node]:
        """`after(!1,!2)` if it stands here."""
        found: list[Node] = []
        if self.reader.accept_word("after"):
            self.reader.symbol("(")

            def one() -> None:
                place = self.reader.at
                label = self.reader.take("label", "a label such as !1")
                if label not in self.labels:
                    raise self.reader.error(f"the label of an earlier statement, {label} is none", place)
                found.append(self.labels[label])
            self.reader.separated(")", one)
        return found

    # control nodes

    def control(self, scope: _Scope, op: str, names: list[str], place: int) -> Node:
        """The rest of a loop, `if` or fused statement."""
        header = self.header(scope, op)
        regions = []
        attrs = dict(header.attrs)
        if op == "loop":
            if self.reader.accept_word("while"):
                regions.append(self.region(scope, header, copy=True, rows=False))
            self.reader.word("do")
            regions.append(self.region(scope, header, stacks=True))
            attrs |= {"carry": header.count("carry"), "rows": header.count("rows"), "limited": bool(header.head)}
        elif op == "if":
            self.reader.word("then")
            regions.append(self.region(scope, header, step=False))
            self.reader.word("else")
            regions.append(self.region(scope, header, copy=True, step=False))
        else:
            regions.append(self.region(scope, header, step=False))
        operands = [*header.head, *(p.outer for p in header.params)]
        return self.finish(scope, op, operands, attrs, regions, header.after, names, place)

    def header(self, scope: _Scope, op: str) -> _Header:
        """Limit or predicate, groups, attributes, control edges. Parameters come in the order of the operands."""
        reader, start = self.reader, self.reader.at
        head = [self.value(scope)] if reader.kind == "value" and op != "fused" else []
        if op == "if" and not head:
            raise reader.error("the predicate, a value such as %p")
        sizes = Sizes(dict(scope.sizes.known))
        params: list[_Parameter] = []
        allowed = ("captures", "carry", "rows") if op == "loop" else ("captures",)
        while reader.kind == "name" and reader.token in allowed:
            group = reader.take("name", "a group")
            reader.symbol("(")
            params += reader.separated(")", partial(self.inner, scope, sizes, group))
        order = ("carry", "rows", "captures")
        params.sort(key=lambda p: order.index(p.group))
        probe = Graph()
        fresh = self.settle(sizes, [Value(p.type, p.content, probe, None, 0, "") for p in params], start)
        attrs = self.attrs(scope.sizes)
        return _Header(head, params, fresh, attrs, self.after())

    def inner(self, scope: _Scope, sizes: Sizes, group: str) -> _Parameter:
        """`%inner=%outer`, or `%inner: type = content = %outer`."""
        reader = self.reader
        name = self.new_name(scope)
        if not reader.accept(":"):
            reader.symbol("=")
            place = reader.at
            outer = self.value(scope)
            try:
                type_, content = inherited(group, outer)
            except LayoutError as error:
                raise reader.error(f"a value that has rows ({error})", place) from None
            return _Parameter(name, type_, content, outer, group)
        type_ = reader.type(sizes)
        reader.symbol("=")
        content = None
        if reader.kind != "value":
            content = self.content(sizes)
            reader.symbol("=")
        return _Parameter(name, type_, content, self.value(scope), group)

    def region(self, scope: _Scope, header: _Header, *, copy: bool = False, step: bool = True, rows: bool = True,
               stacks: bool = False) -> Graph:
        """A block with the header's parameters. With `copy` it binds sizes of its own where the header has new ones."""
        graph = Graph("", scope.builder.graph)
        builder = Builder(graph, scope.builder)
        fresh = {name: Symbol(s.hint) for name, s in header.fresh.items()} if copy else header.fresh
        renamed = {old: fresh[name].dim for name, old in header.fresh.items()} if copy else {}
        graph.binds.update(fresh.values())
        inner = _Scope(builder, Sizes({**scope.sizes.known, **fresh}), {}, scope)
        if step:
            self.reader.symbol("(")
            name = self.new_name(inner)
            self.reader.symbol(")")
            inner.values[name] = builder.param(self.reader.counter, None, _hint(name))
        for p in header.params:
            if rows or p.group != "rows":
                content = p.content and tuple(substitute(d, renamed) for d in p.content)
                inner.values[p.name] = builder.param(map_dims(p.type, lambda d: substitute(d, renamed)), content,
                                                     _hint(p.name))
        return graph.seal(self.yielded(inner, ("carry", "stacks") if stacks else ("",)))

    def yielded(self, scope: _Scope, allowed: Sequence[str]) -> list[Value]:
        """The block and its results, in the order of the groups."""
        given = self.block(scope, "yield")
        for group, _ in given:
            if group not in allowed:
                wanted = "carry(...) and stacks(...)" if "carry" in allowed else "plain values"
                raise self.reader.error(f"`yield` with {wanted}", self.reader.at - 1)
        return [v for group in allowed for g, v in given if g == group]

    # pieces

    def new_name(self, scope: _Scope, others: Sequence[str] = ()) -> str:
        """The name of a value that is defined here."""
        place = self.reader.at
        name = self.reader.take("value", "a value's name such as %x")
        if name in scope.values or name in others:
            raise self.reader.error(f"a new name, {name} is defined already", place)
        return name

    def value(self, scope: _Scope) -> Value:
        """A value that is used here."""
        place = self.reader.at
        name = self.reader.take("value", "a value such as %x")
        known = scope.values.get(name)
        if known is None:
            hint = (f"{name} belongs to an enclosing block; hand it in with captures(%inner={name})"
                    if scope.outside(name) else f"{name} is not defined here")
            raise self.reader.error(f"a value of this block ({hint})", place)
        return known

    def typed(self, sizes: Sizes) -> tuple[Type, Content]:
        """A type, and a content if one stands behind it."""
        type_ = self.reader.type(sizes)
        return type_, self.content(sizes) if self.reader.accept("=") else None

    def content(self, sizes: Sizes) -> Content:
        """One size, `[B,3]`, or `?` for nothing known."""
        return plain_content(self.reader.content(sizes))


__all__ = ["ParseError", "parse"]
