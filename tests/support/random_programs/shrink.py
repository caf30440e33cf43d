"""Makes a failing program small: statements go, or become one of their operands, while it fails in the same way."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from dataclasses import replace

from tests.support.random_programs.program import Program, needed
from tests.support.random_programs.run import faults


def kind(fault: str) -> str:
    """A fault without its names and numbers."""
    text = re.sub(r"(run \d+: )|[-+]?\d[\d.e+-]*|\b[a-z]+\d+\w*|['\"\[\], ]+", " ", fault)
    if text.strip().split(" ")[0].rstrip(":") in ("loss", "norm") or re.match(r"\s*(\w*\s*)?:? ?(engines|reference \[?)", text):
        text = re.sub(r"^[^:]*:", ":", text)
    return " ".join(text.split())[:70]


def failing(program: Program, compiled: bool = True) -> str:
    """How the program fails; empty if it does not."""
    try:
        found = faults(program, compiled)
    except Exception as error:
        return f"broken: {type(error).__name__}"
    return kind(found[0]) if found else ""


def shrunk(program: Program, seconds: float = 60.0) -> Program:
    """A small program that fails as this one does."""
    compiled = not failing(program, False)
    wanted, end = failing(program, compiled), time.process_time() + seconds
    changed = True
    while changed and time.process_time() < end:
        changed = False
        for smaller in _smaller(program):
            if time.process_time() > end:
                break
            if failing(smaller, compiled) == wanted:
                program, changed = smaller, True
                break
    return program


def _smaller(program: Program) -> Iterator[Program]:
    """Programs a little smaller, the boldest first."""
    if len(program.fetches) > 1:
        for name in program.fetches:
            yield _cut(replace(program, fetches=[name], wrt=program.wrt if name in ("dense", "hs") else []))
        for name in program.fetches:
            yield _cut(replace(program, fetches=[n for n in program.fetches if n != name]))
    if len(program.feeds) > 1:
        for feed in program.feeds:
            yield replace(program, feeds=[feed])
    lines = program.text.count("\n")
    for text in _texts(program.text):
        if not _parses(text):
            continue
        if text.count("\n") < lines or len(text) < len(program.text):
            yield _cut(replace(program, text=text))


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _cut(program: Program) -> Program:
    text = needed(program.text, program.fetches)
    feeds = [{n: a for n, a in feed.items() if f"name='{n}'" in text} for feed in program.feeds]
    return replace(program, text=text, feeds=feeds)


def _texts(text: str) -> Iterator[str]:
    """The text without one of its statements, or with one made simpler."""
    count = sum(isinstance(n, ast.stmt) for n in ast.walk(ast.parse(text)))
    for i in reversed(range(count)):
        tree = ast.parse(text)
        if _Drop(i).visit(tree) and tree.body:
            yield ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    for i in range(count):
        operands = _operands(text, i)
        for name in operands:
            tree = ast.parse(text)
            statement = _statements(tree)[i]
            statement.value = ast.Name(name, ast.Load())  # type: ignore[attr-defined]
            yield ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _statements(tree: ast.AST) -> list[ast.stmt]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.stmt)]


def _operands(text: str, i: int) -> list[str]:
    """The names that an assignment to one name reads; none in a `with`, whose order is the point."""
    tree = ast.parse(text)
    statement = _statements(tree)[i]
    if any(statement in n.body for n in ast.walk(tree) if isinstance(n, ast.With)):
        return []
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return []
    if isinstance(statement.value, ast.Name):
        return []
    return sorted({n.id for n in ast.walk(statement.value) if isinstance(n, ast.Name)} - {"tf", "np"})


class _Drop(ast.NodeTransformer):
    """Removes statement number i."""

    def __init__(self, i: int) -> None:
        self.i = i

    def visit(self, node: ast.AST) -> ast.AST:
        """The tree without the statement."""
        target = _statements(node)[self.i]

        class Out(ast.NodeTransformer):
            def visit(self, inner: ast.AST) -> object:
                if inner is target:
                    return None
                return self.generic_visit(inner)
        return Out().visit(node)  # type: ignore[no-any-return]
