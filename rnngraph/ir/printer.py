"""Graphs as text, in the canonical form of docs/ir.md; `rnngraph.ir.parser` reads it back.

    graph @main(%x: f32[T,B,8], %w: f32[8,16], %n: i32[] = T) {
      %h, %ys, %k = loop %n captures(%W=%w) carry(%s=%h0) rows(%xt=%x) do(%t) {
        %a = contract %xt, %W {spec="bi,ih->bh"} : f32[B,16]
        yield carry(%a) stacks(%a)
      } : f32[B,16], f32[T,B,16], i32[] = T
      return %h, %ys
    }

Values are named by their hints made unique, or by their number in the program. Small constants stand inline, others
by their content's hash in a side table. What only helps people (hints, provenance) can be left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnngraph.ir.binders import plain_content, standing
from rnngraph.ir.graph import Array, Graph, Node, OpenSizes, Value
from rnngraph.ir.layout import Block, LayoutError, Slots, inherited, slots
from rnngraph.ir.op import Attr, Content, Site
from rnngraph.ir.sizes import Dim, Expr, Symbol, symbols
from rnngraph.ir.sizes import text as size_text
from rnngraph.ir.types import BY_SHORT, DType, ListType, RefType, TensorType, Type, as_dtype
from rnngraph.ir.walk import all_nodes, dims

INLINE = 16
"""Constants of at most this many elements stand in the text."""

RESERVED = frozenset(BY_SHORT) | {"none", "true", "false", "nan", "inf", "min", "max", "list", "ref", "object", "empty"}
"""Words that no size may be called."""

STRUCTURAL = {"loop": ("carry", "rows", "limited")}
"""Attributes that the groups of a control node's text show."""


@dataclass(frozen=True)
class Written:
    """A program's text, the objects that it names by content or number, and the line of each node and graph."""

    text: str
    constants: Mapping[str, Any]
    lines: Mapping[Node | Graph, int]


def print_graph(graph: Graph, *, hints: bool = True, provenance: bool = False) -> str:
    """The graph's text. With `provenance` each line ends with the node's name and the user's line."""
    return write(graph, hints=hints, provenance=provenance).text


def canonical(graph: Graph) -> str:
    """The text without names: equal for graphs that mean the same by the same nodes in the same order."""
    return write(graph, hints=False).text


def write(graph: Graph, *, hints: bool = True, provenance: bool = False) -> Written:
    """The graph's text with its side table. Never fails on an ill-formed graph: unknown values print as `%?0`."""
    writer = _Writer(Names(hints), provenance)
    writer.program(graph)
    return Written("\n".join(writer.out) + "\n", writer.constants, writer.lines)


def excerpt(graph: Graph, at: Node | Graph, around: int = 3) -> str:
    """The lines of the program around a node or a region's first line, that one marked."""
    written = write(graph)
    lines = written.text.splitlines()
    marked = written.lines.get(at, 0)
    first, last = max(0, marked - around), min(len(lines), marked + around + 1)
    return "\n".join(f"{'>' if i == marked else ' '} {i + 1:4d} | {lines[i]}" for i in range(first, last))


# --- names -------------------------------------------------------------------------------------------------------

class Names:
    """Names of values and sizes, given in the order of the text."""

    def __init__(self, hints: bool = True) -> None:
        self.hints = hints
        self.values: dict[Value, str] = {}
        self.sizes: dict[Symbol, str] = {}
        self.order: dict[Symbol, int] = {}
        self.count = 0
        self.strangers: dict[Value, str] = {}
        self._taken: dict[str, int] = {}

    def define(self, value: Value) -> str:
        """Name a value where the text defines it."""
        hint = _identifier(value.hint) if self.hints else ""
        self.values[value] = name = self._unique("%" + hint) if hint else f"%{self.count}"
        self.count += 1
        return name

    def value(self, value: Value) -> str:
        """A value's name; `%?0` if the text did not define it."""
        known = self.values.get(value)
        return self.strangers.setdefault(value, f"%?{len(self.strangers)}") if known is None else known

    def size(self, symbol: Symbol) -> str:
        """A symbol's name."""
        known = self.sizes.get(symbol)
        if known is None:
            hint = (_identifier(symbol.hint) or "n") if self.hints else "s"
            self.sizes[symbol] = known = self._unique(hint) if self.hints else f"s{len(self.order)}"
            self.order[symbol] = len(self.order)
        return known

    def bind(self, values: Iterable[Value]) -> None:
        """Name the sizes that stand alone in these values' types and contents: the places that can bind them."""
        for value in values:
            for dim in standing(value):
                self.size(dim)

    def _unique(self, name: str) -> str:
        taken = self._taken.setdefault(name, int(name in RESERVED))
        self._taken[name] = taken + 1
        return f"{name}.{taken}" if taken else name

    # types

    def dim(self, dim: Dim) -> str:
        """A size, its symbols in the order in which they were named."""
        for symbol in symbols(dim):
            self.size(symbol)
        return size_text(dim, self.size, self.order.__getitem__)

    def type(self, t: Type) -> str:
        """A type: `f32[B,16]`, `f32[*]`, `list[T]<f32[?,4]>`, `ref f32[3]`."""
        if isinstance(t, RefType):
            return "ref " + self.type(t.tensor)
        if isinstance(t, ListType):
            return f"list[{self.dim(t.length)}]<{'' if t.written else 'new '}{self.type(t.element)}>"
        return f"{t.dtype.short}[{'*' if t.shape is None else ','.join(map(self.dim, t.shape))}]"

    def content(self, value: Value) -> str:
        """A value's content: one size for a scalar, `[B,3]` for a vector, `?` if nothing is known."""
        content = plain_content(value.content)
        if content is None:
            return "?"
        scalar = isinstance(value.type, TensorType) and value.type.shape == ()
        return self.dim(content[0]) if scalar else f"[{','.join(map(self.dim, content))}]"

    def typed(self, value: Value) -> str:
        """Type and content of a value: `i32[2] = [B,3]`."""
        known = "" if plain_content(value.content) is None else f" = {self.content(value)}"
        return self.type(value.type) + known


def _identifier(hint: str) -> str:
    name = re.sub(r"\W", "_", hint, flags=re.ASCII)
    return "_" + name if name[:1].isdigit() else name


def implied_contents(node: Node) -> tuple[Content, ...]:
    """The contents that a reader of the text finds without being told; nothing for an ill-formed node."""
    nothing: tuple[Content, ...] = (None,) * len(node.results)
    if node.op.content is None:
        return nothing
    site = Site(tuple(v.type for v in node.operands), tuple(v.content for v in node.operands), node.attrs,
                OpenSizes(Graph()), node.regions)
    try:
        found = node.op.content(site)
    except (TypeError, ValueError, LookupError, AttributeError):
        return nothing
    return nothing if found is None or len(found) != len(nothing) else found


# --- literals ----------------------------------------------------------------------------------------------------

def array_key(array: Any) -> str:
    """The name of an array by what it holds."""
    head = f"{as_dtype(array.dtype).short}{list(array.shape)}".encode()
    body = repr(array.tolist()).encode() if array.dtype.kind in "OSU" else np.ascontiguousarray(array).tobytes()
    return hashlib.sha256(head + body).hexdigest()[:32]


def float_text(x: Any) -> str:
    """The shortest text that reads back as exactly this number."""
    short = str(x)
    back = type(x)(float(short))
    return short if back == x or x != x else repr(float(x))


def _element(x: Any) -> str:
    if isinstance(x, (bool, np.bool_)):
        return "true" if x else "false"
    if isinstance(x, (float, np.floating)):
        return float_text(x)
    return text_literal(x) if isinstance(x, (str, bytes)) else str(int(x))


def text_literal(x: str | bytes) -> str:
    """A quoted string; `b"..."` for bytes."""
    return "b" + json.dumps(x.decode("latin-1")) if isinstance(x, bytes) else json.dumps(str(x))


def _nested(array: Any) -> str:
    if array.ndim == 0:
        return _element(array[()])
    return f"[{','.join(_nested(np.asarray(row, array.dtype)) for row in array)}]"


def _inline(array: Any) -> bool:
    """Whether the text can hold the array exactly."""
    kind = array.dtype.kind
    if array.size > INLINE or kind == "c":
        return False
    if kind == "O":
        return all(isinstance(x, (str, bytes)) for x in array.ravel().tolist())
    usual = np.full((), np.nan, array.dtype).tobytes() if kind == "f" else b""
    return kind != "f" or all(x.tobytes() == usual for x in array.ravel()[np.isnan(array.ravel())])


@dataclass
class _Writer:
    names: Names
    provenance: bool
    out: list[str] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    lines: dict[Node | Graph, int] = field(default_factory=dict)
    labels: dict[Node, str] = field(default_factory=dict)
    followed: set[Node] = field(default_factory=set)

    def literal(self, x: Any) -> str:
        """An attribute's value."""
        if x is None or isinstance(x, (bool, np.bool_)):
            return "none" if x is None else _element(x)
        if isinstance(x, (float, np.floating, int, np.integer)):
            return _element(x)
        if isinstance(x, (str, bytes)):
            return text_literal(x)
        if isinstance(x, (tuple, list)):
            return f"[{','.join(map(self.literal, x))}]"
        if isinstance(x, Expr):
            return self.names.dim(x)
        return x.short if isinstance(x, DType) else self._large(x)

    def _large(self, x: Any) -> str:
        if isinstance(x, (TensorType, ListType, RefType)):
            return self.names.type(x)
        if not isinstance(x, Array):
            key = next((k for k, known in self.constants.items() if known is x), f"py{len(self.constants)}")
            self.constants[key] = x
            return f"object(@{key})"
        array, short = x.array, as_dtype(x.array.dtype).short
        if array.size == 0:
            return f"{short}(empty [{','.join(map(str, array.shape))}])"
        if _inline(array):
            return f"{short}({_nested(array)})"
        key = array_key(array)
        self.constants[key] = array
        return f"{short}(@{key})"

    def attrs(self, node: Node) -> str:
        """The attributes that are not as their defaults, in schema order."""
        hidden = STRUCTURAL.get(node.op.name, ())
        parts = []
        for key, value in node.attrs.items():
            schema = node.op.attrs.get(key, Attr("any"))
            shown = self._attr(schema.kind, value)
            usual = schema.default is not ... and shown == self._attr(schema.kind, schema.default)
            if key not in hidden and not usual:
                parts.append(f"{key}={shown}")
        return f" {{{', '.join(parts)}}}" if parts else ""

    def _attr(self, kind: str, value: Any) -> str:
        if kind == "dims" and isinstance(value, (tuple, list)):
            return f"[{','.join(self.names.dim(d) if isinstance(d, Expr) or d is None else str(d) for d in value)}]"
        return self.literal(value)

    def program(self, graph: Graph) -> None:
        """The whole text."""
        for node in all_nodes(graph):
            self.followed.update(node.after)
        self.lines[graph] = 0
        self.names.bind(graph.params)
        params = ", ".join(f"{self.names.define(p)}: {self.names.typed(p)}" for p in graph.params)
        self.out.append(f"graph @{(_identifier(graph.name) or 'main') if self.names.hints else 'main'}({params}) {{")
        self.block(graph, 1)
        self.out.append("}")

    def block(self, graph: Graph, depth: int, region: Block | None = None) -> None:
        """A block's statements and its last line."""
        for node in graph.nodes:
            self.statement(node, depth)
        self.out.append("  " * depth + (self.yields(region) if region else "return" + self.listed(graph.results)))

    def yields(self, block: Block) -> str:
        """The last line of a region."""
        text = "yield"
        for word, values in block.yields:
            if word and values:
                text += f" {word}({self.listed(values).strip()})"
            elif values:
                text += self.listed(values)
        return text

    def listed(self, values: Sequence[Value]) -> str:
        """` %a, %b`."""
        return " " + ", ".join(map(self.names.value, values)) if values else ""

    def statement(self, node: Node, depth: int) -> None:
        """One statement, with its regions."""
        self.lines[node] = len(self.out)
        try:
            found = slots(node)
        except (LayoutError, LookupError, TypeError):
            found = None
        results = ", ".join(map(self.names.define, node.results))
        start = "  " * depth + self.label(node) + (f"{results} = " if results else "") + node.op.name
        if found is not None:
            self.control(node, found, start, depth)
        else:
            self.out.append(start + self.listed(node.operands) + self.attrs(node) + self.after(node))
            self.strange_regions(node, depth)
        types = self.types(node)
        self.out[-1] += (f" : {types}" if types else "") + (self.origin(node) if self.provenance else "")

    def strange_regions(self, node: Node, depth: int) -> None:
        """Regions of a node whose slots do not fit: shown, but not in a form that can be read back."""
        for region in node.regions:
            self.lines[region] = len(self.out)
            params = ", ".join(f"{self.names.define(p)}: {self.names.typed(p)}" for p in region.params)
            self.out.append("  " * depth + f"region?({params}) {{")
            self.block(region, depth + 1)
            self.out.append("  " * depth + "}")

    def types(self, node: Node) -> str:
        """Types of the results, with contents that the op's rule does not tell."""
        self.names.bind(node.results)
        parts = []
        for value, implied in zip(node.results, implied_contents(node), strict=True):
            told = plain_content(value.content) == plain_content(implied)
            parts.append(self.names.type(value.type) + ("" if told else f" = {self.names.content(value)}"))
        return ", ".join(parts)

    def label(self, node: Node) -> str:
        """`!2: ` in front of what others follow."""
        if node not in self.followed:
            return ""
        self.labels[node] = f"!{len(self.labels) + 1}"
        return self.labels[node] + ": "

    def after(self, node: Node) -> str:
        """` after(!1,!2)`."""
        return f" after({','.join(self.labels.get(n, '!?') for n in node.after)})" if node.after else ""

    def origin(self, node: Node) -> str:
        """Provenance as a comment."""
        known = "  ".join(x for x in (node.name, node.origin.line, *node.origin.passes) if x)
        return f"  # {known}" if known else ""

    def control(self, node: Node, found: Slots, start: str, depth: int) -> None:
        """Groups and blocks of a loop, `if` or fused node; its blocks share the header's names."""
        shared = found.blocks[-1]
        self.names.bind(shared.graph.params)
        line = start + (f" {self.names.value(found.head)}" if found.head else "")
        for word, params, outer in (("captures", shared.captures, found.captures), ("carry", shared.carry, found.carry),
                                    ("rows", shared.rows, found.rows)):
            if params:
                line += f" {word}({', '.join(self.parameter(word, p, v) for p, v in zip(params, outer, strict=True))})"
        self.out.append(line + self.attrs(node) + self.after(node))
        if shared.step:
            self.names.define(shared.step)
        for block in found.blocks:
            if block is not shared:
                self.share(shared, block)
            self.lines[block.graph] = len(self.out) - 1
            step = f"({self.names.value(shared.step)})" if shared.step else ""
            self.out[-1] += (f" {block.word}{step}" if block.word else "") + " {"
            self.block(block.graph, depth + 1, block)
            self.out.append("  " * depth + "}")

    def parameter(self, word: str, param: Value, outer: Value) -> str:
        """`%inner=%outer`, with type and content where they are not the outer value's."""
        name, told = self.names.define(param), False
        with suppress(LayoutError):
            told = inherited(word, outer) == (param.type, plain_content(param.content))
        if told:
            return f"{name}={self.names.value(outer)}"
        return f"{name}: {self.names.typed(param)} = {self.names.value(outer)}"

    def share(self, shared: Block, block: Block) -> None:
        """Let a region's parameters and the sizes that they bind go by the names of the header."""
        mine = [block.step, *block.carry, *block.captures] if block.step else [*block.captures]
        theirs = [shared.step, *shared.carry, *shared.captures] if shared.step else [*shared.captures]
        for a, b in zip(mine, theirs, strict=True):
            assert a is not None and b is not None
            self.names.values[a] = self.names.values[b]
            for d, e in zip((*dims(a.type), *(a.content or ())), (*dims(b.type), *(b.content or ())), strict=False):
                if isinstance(d, Expr) and isinstance(e, Expr) and d.symbol and e.symbol:
                    self.names.sizes.setdefault(d.symbol, self.names.size(e.symbol))
                    self.names.order.setdefault(d.symbol, self.names.order[e.symbol])
