"""The words of the text form: tokens, sizes, types and attribute values, read from where the reader stands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnngraph.ir.graph import Array
from rnngraph.ir.sizes import FUNCTIONS, Dim, Symbol, add, mul
from rnngraph.ir.types import BY_SHORT, DType, ListType, RefType, TensorType, Type, int32

TOKEN = re.compile(r"""
    (?P<space>   [ \t\r\n]+ | \#[^\n]* )
  | (?P<string>  b?"(?:[^"\\\n]|\\.)*" )
  | (?P<number>  -?(?:\d+\.\d*(?:[eE][+-]?\d+)? | \d+[eE][+-]?\d+ | \d+) | -inf\b )
  | (?P<value>   %[A-Za-z0-9_][A-Za-z0-9_.]* )
  | (?P<label>   !\d+ )
  | (?P<at>      @[A-Za-z0-9_.]+ )
  | (?P<name>    [A-Za-z_][A-Za-z0-9_]*(?:\.\d+)? )
  | (?P<punct>   // | [(){}\[\]<>,:=*+?%] )
""", re.VERBOSE)

CONSTANTS: Mapping[str, Any] = {"none": None, "true": True, "false": False, "nan": float("nan"), "inf": float("inf")}
DEEPEST = 100
"""Nesting of brackets in a literal; deeper text is refused instead of overflowing the stack."""


class ParseError(ValueError):
    """Text that is no program. `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@dataclass
class Sizes:
    """The sizes that can be named here. An unknown name becomes `pending` until a parameter or result binds it."""

    known: dict[str, Symbol] = field(default_factory=dict)
    pending: dict[str, Symbol] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)


class Reader:
    """A text as tokens, and the place reached in it."""

    def __init__(self, text: str, constants: Mapping[str, Any]) -> None:
        self.text = text
        self.constants = constants
        self.at = 0
        self.depth = 0
        self.tokens: list[tuple[str, str, int]] = []
        offset = 0
        while offset < len(text):
            match = TOKEN.match(text, offset)
            if match is None:
                self.tokens.append(("end", text[offset], offset))
                self.at = len(self.tokens) - 1
                raise self.error("a token of the language")
            if match.lastgroup != "space":
                self.tokens.append((str(match.lastgroup), match.group(), offset))
            offset = match.end()
        self.tokens.append(("end", "", len(text)))

    # tokens

    @property
    def kind(self) -> str:
        """The kind of the token here."""
        return self.tokens[self.at][0]

    @property
    def token(self) -> str:
        """The text of the token here."""
        return self.tokens[self.at][1]

    @property
    def counter(self) -> Type:
        """The type of a loop's step number."""
        return TensorType(int32, ())

    def error(self, expected: str, at: int | None = None) -> ParseError:
        """What to raise when something else was expected here (or at token `at`)."""
        _, token, offset = self.tokens[min(self.at if at is None else at, len(self.tokens) - 1)]
        line = self.text.count("\n", 0, offset) + 1
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        shown = self.text.splitlines()[line - 1] if token else ""
        found = f"found `{token}`" if token else "the text ends"
        return ParseError(f"line {line}, column {column}: expected {expected}, but {found}"
                          + (f"\n  {shown}\n  {' ' * (column - 1)}^" if shown else ""), line, column)

    def take(self, kind: str, expected: str) -> str:
        """The token here, which must be of that kind."""
        if self.kind != kind:
            raise self.error(expected)
        self.at += 1
        return self.tokens[self.at - 1][1]

    def accept(self, symbol: str) -> bool:
        """Step over a punctuation mark if it stands here."""
        if self.kind == "punct" and self.token == symbol:
            self.at += 1
            return True
        return False

    def symbol(self, symbol: str) -> None:
        """Step over a punctuation mark, which must stand here."""
        if not self.accept(symbol):
            raise self.error(f"`{symbol}`")

    def is_word(self, word: str) -> bool:
        """Whether that word stands here."""
        return self.kind == "name" and self.token == word

    def accept_word(self, word: str) -> bool:
        """Step over a word if it stands here."""
        found = self.is_word(word)
        self.at += found
        return found

    def word(self, word: str) -> None:
        """Step over a word, which must stand here."""
        if not self.accept_word(word):
            raise self.error(f"`{word}`")

    def separated(self, closing: str, one: Callable[[], Any]) -> list[Any]:
        """What `one` reads, any number of times with commas between, up to a closing mark."""
        found: list[Any] = []
        if self.accept(closing):
            return found
        while True:
            found.append(one())
            if self.accept(closing):
                return found
            if not self.accept(","):
                raise self.error(f"`,` or `{closing}`")

    def opens_attrs(self) -> bool:
        """Whether attributes follow here (not a block, which does not begin with `name =`)."""
        if not (self.kind == "punct" and self.token == "{"):
            return False
        (kind, token, _), (_, following, _) = (*self.tokens, ("end", "", 0))[self.at + 1:self.at + 3]
        return token == "}" or (kind == "name" and following == "=")

    def end(self) -> None:
        """Nothing may follow."""
        if self.kind != "end":
            raise self.error("the end of the text")

    def integer(self) -> int:
        """A whole number."""
        place = self.at
        token = self.take("number", "a whole number")
        try:
            return int(token)
        except ValueError:
            raise self.error("a whole number", place) from None

    # sizes and types

    def dim(self, sizes: Sizes) -> Dim:
        """`2*B*T + 1`."""
        self.enter()
        total = self.product(sizes)
        while self.accept("+"):
            total = add(total, self.product(sizes))
        self.depth -= 1
        return total

    def enter(self) -> None:
        """One bracket deeper."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"at most {DEEPEST} nested brackets")

    def product(self, sizes: Sizes) -> Dim:
        """`2*B*T`."""
        value = self.factor(sizes)
        while self.accept("*"):
            value = mul(value, self.factor(sizes))
        return value

    def factor(self, sizes: Sizes) -> Dim:
        """A number, a symbol, `?`, `min(a, b)`, `max(a, b)`, `(a // b)` or `(a % b)`."""
        if self.kind == "number":
            return self.integer()
        if self.accept("?"):
            return None
        if self.accept("("):
            first = self.dim(sizes)
            kind = "floordiv" if self.accept("//") else "mod"
            if kind == "mod":
                self.symbol("%")
            second = self.dim(sizes)
            self.symbol(")")
            return FUNCTIONS[kind](first, second)
        place = self.at
        name = self.take("name", "a size: a number, a name, `?`, min, max or `(`")
        if name in ("min", "max"):
            self.symbol("(")
            first = self.dim(sizes)
            self.symbol(",")
            second = self.dim(sizes)
            self.symbol(")")
            return FUNCTIONS[name](first, second)
        return self.named(name, sizes, place).dim

    def named(self, name: str, sizes: Sizes, place: int) -> Symbol:
        """The symbol of that name."""
        known = sizes.known.get(name) or sizes.pending.get(name)
        if known is None:
            sizes.pending[name] = known = Symbol(name.split(".")[0])
            sizes.first[name] = place
        return known

    def content(self, sizes: Sizes) -> tuple[Dim, ...]:
        """One size or `[B,3]`."""
        return tuple(self.separated("]", lambda: self.dim(sizes))) if self.accept("[") else (self.dim(sizes),)

    def type(self, sizes: Sizes) -> Type:
        """A type."""
        place = self.at
        name = self.take("name", "a type such as f32[B,4]")
        if name == "ref":
            inner = self.type(sizes)
            if not isinstance(inner, TensorType):
                raise self.error("a tensor type behind `ref`", place + 1)
            return RefType(inner)
        if name == "list":
            self.symbol("[")
            length = self.dim(sizes)
            self.symbol("]")
            self.symbol("<")
            self.enter()
            written = not self.accept_word("new")
            element = self.type(sizes)
            self.depth -= 1
            self.symbol(">")
            return ListType(element, length, written)
        if name not in BY_SHORT:
            raise self.error(f"a dtype ({', '.join(BY_SHORT)}), `list` or `ref`", place)
        self.symbol("[")
        if self.accept("*"):
            self.symbol("]")
            return TensorType(BY_SHORT[name], None)
        return TensorType(BY_SHORT[name], tuple(self.separated("]", lambda: self.dim(sizes))))

    # attribute values

    def literal(self, sizes: Sizes) -> Any:
        """An attribute's value."""
        if self.accept("["):
            self.enter()
            found = tuple(self.separated("]", lambda: self.literal(sizes)))
            self.depth -= 1
            return found
        if self.kind == "string":
            return self.string()
        if self.kind == "number" and not self.token.lstrip("-").isdigit():
            return float(self.take("number", "a number"))
        if self.kind == "name":
            if self.token in CONSTANTS:
                return CONSTANTS[self.take("name", "a word")]
            if self.token in BY_SHORT or self.token in ("list", "ref", "object"):
                return self.typed_literal(sizes)
        return self.dim(sizes)

    def string(self) -> str | bytes:
        """A quoted string."""
        place = self.at
        token = self.take("string", "a string")
        try:
            text: str = json.loads(token.removeprefix("b"))
        except ValueError:
            raise self.error("a string with JSON's escapes", place) from None
        return text.encode("latin-1") if token.startswith("b") else text

    def typed_literal(self, sizes: Sizes) -> Any:
        """A dtype `f32`, a type `f32[3]`, an array `f32([1.0,2.0])` or an object `object(@py0)`."""
        following = self.tokens[self.at + 1][1]
        if self.token in ("list", "ref") or following == "[":
            return self.type(sizes)
        name = self.take("name", "a word")
        if following != "(":
            return BY_SHORT[name] if name in BY_SHORT else self.fail("`object(@...)`")
        self.symbol("(")
        if self.kind == "at":
            return self.stored(name)
        if self.accept_word("empty"):
            self.symbol("[")
            shape = self.separated("]", self.integer)
            self.symbol(")")
            return Array(np.zeros(shape, BY_SHORT[name].numpy))
        place = self.at
        value = self.array_items()
        self.symbol(")")
        return self.array(value, BY_SHORT[name], place)

    def fail(self, expected: str) -> Any:
        """Raise ParseError."""
        raise self.error(expected)

    def stored(self, name: str) -> Any:
        """What the side table holds."""
        place = self.at
        key = self.take("at", "a key")[1:]
        if key not in self.constants:
            raise self.error("a key of the side table of constants given to `parse`", place)
        self.symbol(")")
        return self.constants[key] if name == "object" else Array(self.constants[key])

    def array_items(self) -> Any:
        """Numbers, words or strings in nested brackets."""
        if self.accept("["):
            self.enter()
            found = self.separated("]", self.array_items)
            self.depth -= 1
            return found
        if self.kind == "string":
            return self.string()
        if self.kind == "name" and self.token in CONSTANTS and self.token != "none":
            return CONSTANTS[self.take("name", "a word")]
        token = self.take("number", "an element of the array")
        return int(token) if token.lstrip("-").isdigit() else float(token)

    def array(self, value: Any, dtype: DType, place: int) -> Array:
        """The array of these items."""
        try:
            return Array(np.array(value, dtype.numpy))
        except (ValueError, TypeError, OverflowError) as error:
            raise self.error(f"elements of a {dtype.name} array ({error})", place) from None
