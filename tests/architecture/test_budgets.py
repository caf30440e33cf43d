"""Budgets: modules, functions and branching stay small, and every public name says what it is."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "rnngraph").rglob("*.py"))
NAMES = [str(f.relative_to(ROOT)) for f in FILES]

MODULE_LINES, FUNCTION_LINES, COMPLEXITY = 400, 60, 10

EXCUSED: dict[str, str] = {}
"""`path` or `path::name` -> why it may be larger. Keep it short."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def excused(*key: str) -> bool:
    return "::".join(key) in EXCUSED


def code_lines(text: str) -> int:
    """Lines that hold more than comments and docstrings."""
    quiet = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
             tokenize.ENCODING}
    prose = {n for d in docstrings(ast.parse(text)) for n in range(d.lineno, (d.end_lineno or d.lineno) + 1)}
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in quiet:
            found.update(range(token.start[0], token.end[0] + 1))
    return len(found - prose)


def docstrings(tree: ast.AST) -> Iterator[ast.Expr]:
    """Every string that stands alone as a statement: docstrings of modules, classes, functions and constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Every function with its dotted name; inner functions belong to the outer one."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from functions(node, prefix)


def complexity(function: Function) -> int:
    """McCabe's number: one, and one for each place where the path forks; inner functions count for themselves."""
    total, stack = 1, list(ast.iter_child_nodes(function))
    while stack:
        node = stack.pop()
        if isinstance(node, (Function, ast.Lambda)):
            if not isinstance(node, ast.Lambda):
                total = max(total, complexity(node))
            continue
        total += forks(node)
        stack.extend(ast.iter_child_nodes(node))
    return total


def forks(node: ast.AST) -> int:
    """How many paths a node adds."""
    if isinstance(node, ast.Match):
        return len(node.cases)
    if isinstance(node, ast.Try):
        return len(node.handlers) + bool(node.orelse)
    return int(isinstance(node, (ast.If, ast.For, ast.AsyncFor, ast.While)))


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_modules_are_short(path: Path) -> None:
    lines = code_lines(path.read_text())
    assert lines <= MODULE_LINES or excused(str(path.relative_to(ROOT))), f"{lines} code lines, {MODULE_LINES} allowed"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_functions_are_short_and_plain(path: Path) -> None:
    for name, function in functions(ast.parse(path.read_text())):
        if excused(str(path.relative_to(ROOT)), name):
            continue
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        assert length <= FUNCTION_LINES, f"{name}: {length} lines, {FUNCTION_LINES} allowed"
        assert complexity(function) <= COMPLEXITY, f"{name}: complexity {complexity(function)}, {COMPLEXITY} allowed"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_public_names_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module has no docstring"
    for name, node in public(tree):
        assert ast.get_docstring(node), f"{name} has no docstring"


def public(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Public functions, classes, methods. Special methods, overloads, mere signatures are known by their names."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (Function, ast.ClassDef)) and not node.name.startswith("_"):
            decorated = any("overload" in ast.unparse(d) or "setter" in ast.unparse(d) for d in node.decorator_list)
            if not decorated and not signature_only(node):
                yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{prefix}{node.name}.")


def signature_only(node: ast.AST) -> bool:
    """Whether the body is `...`, as in a Protocol whose method names say all."""
    body = node.body if isinstance(node, Function) else []
    return len(body) == 1 and isinstance(body[0], ast.Expr) and ast.unparse(body[0]) == "..."


def test_excuses_are_needed() -> None:
    for key in EXCUSED:
        path, _, name = key.partition("::")
        text = (ROOT / path).read_text()
        found = dict(functions(ast.parse(text)))
        if name:
            function = found[name]
            length = (function.end_lineno or function.lineno) - function.lineno + 1
            assert length > FUNCTION_LINES or complexity(function) > COMPLEXITY, f"{key} needs no excuse"
        else:
            assert code_lines(text) > MODULE_LINES, f"{key} needs no excuse"


def test_the_counts_count() -> None:
    text = ('"""Doc."""\n\n# note\nX = 1\n"""About X."""\n\n\ndef f(a):\n    """Doc."""\n    if a:\n'
            "        return (1,\n                2)\n    for i in a:\n        pass\n    return 0\n")
    assert code_lines(text) == 8
    ((name, function),) = functions(ast.parse(text))
    assert (name, complexity(function)) == ("f", 3)
