"""The mutation script: its changes can be made, and a change that a test sees is told from one that none sees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import mutate


@pytest.mark.parametrize("room", sorted(mutate.ROOMS))
def test_changes_of_a_room(room: str) -> None:
    """Those that were thought of are of texts that are there, and a sample of the others is Python that differs."""
    for mutant in mutate.chosen(room, 5, 0):
        before = (mutate.ROOT / mutant.file).read_text()
        assert ast.dump(ast.parse(mutant.text)) != ast.dump(ast.parse(before)), str(mutant)


def test_kinds_of_changes(tmp_path: Path) -> None:
    """What is made of a few lines."""
    file = tmp_path / "some.py"
    file.write_text("def f(a: int, b=2):\n    if not a and a < b:\n        a.append(max(a, b - a))\n")
    source = mutate.Source(file)
    texts = {source.put(place, new).split("\n", 1)[1] if "b=2" in source.put(place, new) else "default"
             for node in mutate._walk(ast.parse(source.text)) for place, new in mutate.changes(source, node)}
    inner = "        a.append(max(a, b - a))\n"
    assert {"    if bool(a) and a < b:\n" + inner, "    if ((not a) or (a < b)):\n" + inner,
            "    if not a and a <= b:\n" + inner, "    if True:\n" + inner,
            "    if not a and a < b:\n        pass\n", "default",
            "    if not a and a < b:\n        a.append(min(a, b - a))\n",
            "    if not a and a < b:\n        a.append(max(a, (a) - (b)))\n"} <= texts
