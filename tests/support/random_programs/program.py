"""A random program as data: the text that builds its graph, what is fed in each run, what is fetched."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

import numpy as np

HEAD = '''"""Random program {seed}: run it with engine "reference" and engine "llvm"."""
import sys

import numpy as np
import rnngraph as tf

'''
VARIABLES = """sess.run(tf.global_variables_initializer())
values = {{
{values}}}
for variable in tf.global_variables():
    variable.load(values.get(variable.op.name, sess.run(variable)), sess)
"""
LISTS = ("dense", "hs")
"""Names of lists of gradients, some of which may be None."""
TAIL = """for feeds in [
{runs}
]:
    print(sess.run([{fetches}], {{globals()[name]: a for name, a in feeds.items()}}))
"""


@dataclass
class Program:
    """See the module. `wrt` are the names of placeholders and variables that gradients are taken by, if there are any."""

    seed: int
    text: str
    feeds: list[dict[str, Any]]
    fetches: list[str]
    wrt: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    """The values that variables start with."""

    def script(self) -> str:
        """The program as a Python script of its own."""
        runs = "\n".join(f"    {{{', '.join(f'{name!r}: {_array(a)}' for name, a in feed.items())}}}," for feed in self.feeds)
        values = "".join(f"    {name!r}: {_array(a)},\n" for name, a in self.variables.items()
                         if f"'{name.split('/')[0]}'" in self.text)
        fetches = ", ".join(f"[v for v in {n} if v is not None]" if n in LISTS else n for n in self.fetches)
        state = VARIABLES.format(values=values) if values else ""
        return (HEAD.format(seed=self.seed) + self.text + "\nsess = tf.Session(engine=sys.argv[1])\n" + state
                + TAIL.format(runs=runs, fetches=fetches))


def _array(a: Any) -> str:
    a = np.asarray(a)
    return f"np.zeros({a.shape}, {a.dtype.name!r})" if a.size == 0 else f"np.array({a.tolist()!r}, {a.dtype.name!r})"


def needed(text: str, names: list[str]) -> str:
    """The part of the text that these names are made of."""
    tree = ast.parse(text)
    tree.body = _live(tree.body, set(names))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _live(body: list[ast.stmt], wanted: set[str]) -> list[ast.stmt]:
    """The statements that matter, in order; `wanted` gains what they use."""
    kept: list[ast.stmt] = []
    for statement in reversed(body):
        if isinstance(statement, ast.FunctionDef):
            if statement.name not in wanted:
                continue
            inner = set[str]()
            statement.body = _live(statement.body, inner)
            wanted |= inner
        elif isinstance(statement, ast.With):
            found = _live(statement.body, wanted)
            if not found:
                continue
            statement.body = found
            wanted |= {n for item in statement.items for n in _loads(item)}
        elif isinstance(statement, ast.Return) or _stores(statement) & wanted:
            wanted |= _loads(statement)
        else:
            continue
        kept.append(statement)
    return kept[::-1]


def _loads(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _stores(node: ast.AST) -> set[str]:
    """Names that a statement gives a value to, or whose value it changes: `x.set_shape(...)`."""
    if isinstance(node, ast.Expr):
        return {n for n in _loads(node) if n != "tf"}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
