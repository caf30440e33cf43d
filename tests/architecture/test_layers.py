"""The layering of docs/architecture.md, read from the sources: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rnngraph"
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(f.relative_to(ROOT)) for f in FILES]

IMPORTS = {
    "errors": (),
    "locks": (),
    "release": (),
    "ir": ("errors",),
    "ops": ("errors", "ir"),
    "autodiff": ("errors", "ir", "ops"),
    "passes": ("errors", "ir", "ops"),
    "frontend": ("errors", "locks", "ir", "ops", "autodiff"),
    "lowering": ("errors", "ir", "ops"),
    "runtime": ("errors", "ir.types"),
    "backends": ("errors", "runtime"),
    "backends.reference": ("errors", "ir", "ops", "runtime"),
    "backends.dataflow": ("errors", "ir", "ops", "passes.pipeline", "runtime"),
    "backends.llvm": ("errors", "locks", "release", "ir", "ops", "passes.pipeline", "lowering", "runtime"),
    "study": ("errors", "ir", "runtime.trace", "backends"),
    "programs": ("errors", "locks", "frontend", "runtime", "backends", "passes.close", "ir"),
    "session": ("errors", "locks", "frontend", "runtime", "programs", "ir"),
}
"""What each room may import besides itself. The doors (cli, __init__, nn, train, contrib) may import all."""

DOORS = ("cli", "demo", "nn", "train", "contrib", "__init__", "__main__")
LATE = {"rnngraph/backends/__init__.py"}
"""Files that may import inside functions: an engine, which is asked for when something is compiled."""


def module(path: Path) -> str:
    """`ir.graph` for rnngraph/ir/graph.py."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def under(name: str, prefix: str) -> bool:
    """Whether a dotted name is `prefix` or inside it."""
    return name == prefix or name.startswith(prefix + ".")


def room(name: str) -> str:
    """The room a module is in: the longest entry of the table."""
    found = [r for r in (*IMPORTS, *DOORS) if under(name, r)]
    return max(found, key=len) if found else name


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str, list[str]]]:
    """Every import: its statement, the module, the names taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, []
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield node, base, [a.name for a in node.names]


def own(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Every module of ours that is imported (and the name taken, if it is no module), without `rnngraph.`."""
    for _, base, names in imports(tree):
        if not under(base, "rnngraph"):
            continue
        inner = base.removeprefix("rnngraph").removeprefix(".")
        for name in names or [""]:
            target = ".".join(p for p in (inner, name) if p)
            path = PACKAGE.joinpath(*target.split("."))
            if name and not (path.with_suffix(".py").exists() or path.is_dir()):
                yield inner or "__init__", name
            else:
                yield target or "__init__", ""


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_go_down(path: Path) -> None:
    here = room(module(path))
    assert here in IMPORTS or here in DOORS, f"{path} is in no room; add it to the table or move it"
    if here in DOORS:
        return
    for target, _ in own(parsed(path)):
        allowed = any(under(target, a) for a in IMPORTS[here]) or room(target) == here
        if here.startswith("backends."):
            allowed = allowed or target == "backends"
        assert allowed, f"{module(path)} imports {target}; {here} may import {', '.join(IMPORTS[here])} and itself"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_are_absolute_and_at_the_top(path: Path) -> None:
    tree = parsed(path)
    for statement, base, _ in imports(tree):
        assert not base.startswith("."), f"{path}:{statement.lineno}: import by the full name"
    if str(path.relative_to(ROOT)) in LATE:
        return
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            for statement, base, _ in imports(function):
                pytest.fail(f"{path}:{statement.lineno}: {base} is imported inside a function")
            for call in ast.walk(function):
                late = isinstance(call, ast.Attribute) and call.attr == "import_module"
                assert not late, f"{path}:{getattr(call, 'lineno', 0)}: a module is imported inside a function"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_libraries_stay_where_they_belong(path: Path) -> None:
    name = module(path)
    for statement, base, _ in imports(parsed(path)):
        where = f"{path}:{statement.lineno}"
        assert not under(base, "llvmlite") or under(name, "backends.llvm"), f"{where}: llvmlite is for backends/llvm"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_private_names_stay_in_their_room(path: Path) -> None:
    here = room(module(path))
    for target, name in own(parsed(path)):
        private = any(p.startswith("_") and not p.startswith("__") for p in (*target.split("."), name))
        assert not private or room(target) == here, f"{module(path)} imports the private {target}.{name}"


def test_there_is_no_import_cycle() -> None:
    edges = {module(f): {t for t, _ in own(top_level(parsed(f)))} - {module(f)} for f in FILES}
    state: dict[str, int] = {}

    def visit(name: str, trail: list[str]) -> None:
        state[name] = 1
        for target in sorted(edges.get(name, ())):
            if state.get(target) == 1:
                path = [*trail, name]
                pytest.fail("import cycle: " + " -> ".join([*path[path.index(target):], target]))
            if target not in state:
                visit(target, [*trail, name])
        state[name] = 2

    for name in sorted(edges):
        if name not in state:
            visit(name, [])


def top_level(tree: ast.Module) -> ast.Module:
    """The module without what only type checkers import."""
    body = [s for s in tree.body if not (isinstance(s, ast.If) and "TYPE_CHECKING" in ast.unparse(s.test))]
    return ast.Module(body, [])
