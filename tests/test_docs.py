"""README.md and docs/*.md: every Python block runs, prints what the page says, and every IR block is canonical text.

The blocks of a page run in order and share names; each page starts with an empty default graph and the default engine.
A `text` or `rn` block right behind a Python block is what that block prints. Numbers with a decimal point may differ in
their last digit, since machines differ in the order of sums. `pytest tests/test_docs.py --update-golden` writes what is
printed now into the pages; look at the difference afterwards.
"""

from __future__ import annotations

import contextlib
import io
import re
import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import rnngraph as tf
from rnngraph.ir.op import OPS
from rnngraph.ir.parser import parse
from rnngraph.ir.printer import print_graph

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(p.relative_to(ROOT)) for p in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")
TIME = re.compile(r"compiled in \d+\.\d+ s")


@dataclass
class Block:
    """A fenced block: its language, its text, where the text lies in the page, its first line's number."""

    language: str
    text: str
    start: int
    end: int
    line: int


def blocks(page_text: str) -> list[Block]:
    return [Block(m.group(1), m.group(2), m.start(2), m.end(2), page_text.count("\n", 0, m.start(2)) + 1)
            for m in FENCE.finditer(page_text)]


def output_of(page_text: str, found: list[Block], i: int) -> Block | None:
    """The block that shows what block i prints: the next one, if nothing stands between."""
    if i + 1 == len(found) or found[i + 1].language not in ("text", "rn"):
        return None
    between = page_text[found[i].end:found[i + 1].start].removeprefix("```")
    return found[i + 1] if between.strip() == f"```{found[i + 1].language}" else None


def same(wanted: str, got: str) -> bool:
    """Equal text, and numbers equal up to one in the last digit that the page shows."""
    if NUMBER.sub("#", wanted).split() != NUMBER.sub("#", got).split():
        return False
    pairs = zip(NUMBER.findall(wanted), NUMBER.findall(got), strict=True)
    return all(abs(float(a) - float(b)) <= 1.01 * last_digit(a) for a, b in pairs)


def last_digit(number: str) -> float:
    """What a one in the last place is worth: 0.01 for `3.14`."""
    mantissa, _, exponent = number.partition("e")
    return float(10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2])))


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The default graph empty, settings as a newcomer has them; ops that a page declares go again."""
    for name in ("RNNGRAPH_ENGINE", "RNNGRAPH_DUMP", "RNNGRAPH_VERIFY"):
        monkeypatch.delenv(name, raising=False)
    tf.reset_default_graph()
    ops = dict(OPS)
    yield
    tf.reset_default_graph()
    OPS.clear()
    OPS.update(ops)


def run(block: Block, names: dict[str, Any]) -> str:
    """What a Python block prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.text, "example.py", "exec"), names)
    lines = [line.rstrip() for line in printed.getvalue().splitlines()]
    return TIME.sub("compiled in ... s", "\n".join(lines).strip("\n")) + "\n"


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_python_blocks_print_what_the_page_says(path: Path, plain: None, request: pytest.FixtureRequest) -> None:
    text = path.read_text()
    found = blocks(text)
    names: dict[str, Any] = {"__name__": "__main__"}
    changes: list[tuple[Block, str]] = []
    for i, block in enumerate(found):
        if block.language != "python":
            continue
        got, shown = run(block, names), output_of(text, found, i)
        assert shown or not got.strip(), f"{path.name}:{block.line} prints, but no block behind it shows it:\n{got}"
        if shown and not same(shown.text, got):
            changes.append((shown, got))
    if request.config.getoption("--update-golden"):
        for block, got in reversed(changes):
            text = text[:block.start] + got + text[block.end:]
        path.write_text(text)
    elif changes:
        block, got = changes[0]
        pytest.fail(f"{path.name}:{block.line} differs from what is printed (run with --update-golden):\n{got}")


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_ir_blocks_are_canonical(path: Path) -> None:
    for block in blocks(path.read_text()):
        if block.language == "rn":
            assert print_graph(parse(block.text)) == block.text, f"{path.name}:{block.line} is printed otherwise"


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_and_named_files_exist(path: Path) -> None:
    prose = FENCE.sub("", path.read_text())
    for target in LINK.findall(prose):
        assert (path.parent / target).exists(), f"{path.name} links to {target}, which does not exist"
    for name in re.findall(r"`((?:rnngraph|tests|docs)/[\w/.*-]+)`", prose):
        assert list(ROOT.glob(name.rstrip("/"))), f"{path.name} names {name}, which does not exist"


def test_the_op_page_is_up_to_date() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "generate_ops.py"))
    assert generator["PAGE"].read_text() == generator["page"](), "run `python docs/generate_ops.py`"


def test_numbers_may_differ_in_the_last_digit_only() -> None:
    assert same("loss 0.05 of 3", "loss 0.06 of 3")
    assert not same("loss 0.05 of 3", "loss 0.07 of 3")
    assert not same("loss 0.05 of 3", "loss 0.05 of 4")
    assert same("1.25e-03", "1.26e-03") and not same("1.25e-03", "1.35e-03")
