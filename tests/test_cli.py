"""The command `rnngraph`: its demo end to end on a small text, what it prints, and what it says of mistakes."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from rnngraph import cli
from rnngraph.demo import DemoError, text
from rnngraph.demo.training import Progress

ROOT = Path(__file__).resolve().parents[1]
WORDS = "the cell reads one step of its input and writes one state; a loop repeats that for every step.\n".split(" ")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of 8,000 characters with some structure."""
    random = np.random.RandomState(0)
    file = tmp_path_factory.mktemp("text") / "story.txt"
    file.write_text(" ".join(random.choice(WORDS, 2000))[:8000], "utf-8")
    return file


def demo(story: Path, directory: Path, *options: str) -> int:
    return cli.main(["demo", "--quick", "--text", str(story), "--directory", str(directory), "--units", "16", *options])


@pytest.fixture(scope="module")
def trained(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a run of five steps."""
    directory = tmp_path_factory.mktemp("trained")
    assert demo(story, directory, "--steps", "5") == 0
    yield directory


def figure(name: str, output: str) -> float:
    found = re.search(rf"^  {name} +([\d.]+)", output, re.MULTILINE)
    assert found, output
    return float(found[1])


# --- runs ----------------------------------------------------------------------------------------------------------


def test_a_run_prints_measures_sample_loops_and_times(story: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(story, tmp_path / "a" / "b", "--steps", "60") == 0
    output, progress = capsys.readouterr()
    # Long folder names move the line breaks.
    assert "8,000 characters" in " ".join(output.split()) and "60 steps" in output
    assert 0 < figure("this model", output) < math.log2(40)
    assert 0 < figure("a trigram model", output) < 3
    assert "  | " in output
    loops = re.findall(r"^  (\w+) +\S+ +(native|host) +\d+ +\d+ +\d+ +\d+$", output, re.MULTILINE)
    assert [purpose for purpose, _ in loops] == ["training", "training", "evaluation", "sampling"]
    assert re.search(r"compiling \d+\.\d s", output) and "training 100%" in output
    assert progress == "", "without a terminal there is no bar"
    assert "\r" not in output and "\x1b" not in output
    assert all(len(line) < 80 for line in output.splitlines() if str(tmp_path) not in line and str(story) not in line)


def test_a_run_goes_on_from_its_checkpoint(story: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = json.loads((trained / "demo.json").read_text("utf-8"))
    assert demo(story, trained, "--resume", "--steps", "3") == 0
    output = " ".join(capsys.readouterr().out.split())
    after = json.loads((trained / "demo.json").read_text("utf-8"))
    steps = before["characters"] // (16 * 32)
    assert f"at step {steps}, after {before['characters']:,} characters" in output
    assert f"{steps + 3} steps, {after['characters']:,} characters" in output
    assert after["characters"] == before["characters"] + 3 * 16 * 32
    assert after["vocabulary"] == before["vocabulary"] and after["seconds"] > before["seconds"]


def test_a_run_that_replaces_a_checkpoint_says_so(story: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(story, trained, "--steps", "5") == 0
    assert "will be replaced" in " ".join(capsys.readouterr().out.split())


def test_runs_with_the_same_seed_are_the_same(story: Path, trained: Path, tmp_path: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for seed in ("3", "3", "4"):
        assert demo(story, tmp_path, "--steps", "2", "--seed", seed) == 0
        output = capsys.readouterr().out
        outputs.append(output[output.index("bits per"):output.index("compiled by")])
    assert outputs[0] == outputs[1] != outputs[2]


def test_the_reference_engine_runs_it_too(tmp_path: Path, story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(story, tmp_path, "--steps", "1", "--engine", "reference") == 0
    assert "the reference engine" in capsys.readouterr().out


def test_ctrl_c_while_training_saves_and_reports(story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    show = Progress.show

    def pressed(self: Progress, steps: int, before: int, loss: float, characters: int) -> None:
        show(self, steps, before, loss, characters)
        if steps == 4:
            raise KeyboardInterrupt
    monkeypatch.setattr(Progress, "show", pressed)
    assert demo(story, tmp_path, "--steps", "100") == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "interrupted, checkpoint saved: 4 steps" in output and "this model" in output
    assert json.loads((tmp_path / "demo.json").read_text("utf-8"))["characters"] == 4 * 16 * 32


def test_ctrl_c_before_training_ends_with_130(story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    def pressed(path: str | None) -> text.Corpus:
        raise KeyboardInterrupt
    monkeypatch.setattr("rnngraph.demo.load_corpus", pressed)
    assert demo(story, tmp_path) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_a_real_ctrl_c_stops_native_code(story: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rnngraph.cli", "demo", "--quick", "--text", str(story), "--directory",
               str(tmp_path), "--steps", "10000"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("training  10%"):
            break
    process.send_signal(signal.SIGINT)
    output, trouble = process.communicate(timeout=120)
    assert process.returncode == 0, trouble
    assert "interrupted, checkpoint saved" in output and (tmp_path / "demo.json").exists()


@pytest.mark.slow
def test_the_demo_beats_the_trigram_model_clearly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--directory", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert figure("this model", output) < figure("a trigram model", output) - 0.3


# --- the command ---------------------------------------------------------------------------------------------------


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert re.match(r"rnngraph .*TensorFlow 1\.4\.0", capsys.readouterr().out)


@pytest.mark.parametrize("options", [["--help"], ["demo", "--help"]])
def test_help_fits_a_terminal(options: list[str], capsys: pytest.CaptureFixture[str],
                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(options) == 0
    assert all(len(line) <= 80 for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("options", [
    [], ["dance"], ["demo", "--steps", "0"], ["demo", "--steps", "many"], ["demo", "--seconds", "-1"],
    ["demo", "--seconds", "nan"], ["demo", "--seed", "-1"], ["demo", "--engine", "steam"]])
def test_bad_options_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(options) == 2
    assert "error: " in capsys.readouterr().err


# --- mistakes ------------------------------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The one line that the demo says to these options."""
    assert cli.main(["demo", *options]) == 2
    output, said = capsys.readouterr()
    assert output == "" and said.startswith("rnngraph demo: error: ") and said.count("\n") == 1
    return said


@pytest.mark.parametrize(("content", "phrase"), [
    (None, "cannot read"), (b"too short", "has 9 characters"), (b"x" * 6000 + b"\xff\xfe", "byte 6,000 is 0xff")])
def test_texts_that_cannot_be_learned(content: bytes | None, phrase: str, tmp_path: Path,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "text"
    if content is not None:
        file.write_bytes(content)
    assert phrase in refused(capsys, "--text", str(file), "--directory", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_resuming_without_a_checkpoint(story: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no checkpoint in" in refused(capsys, "--text", str(story), "--directory", str(tmp_path), "--resume")


def test_resuming_with_another_vocabulary(story: Path, trained: Path, tmp_path: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    other.write_text(story.read_text("utf-8").replace("t", "T"), "utf-8")
    said = refused(capsys, "--text", str(other), "--directory", str(trained), "--resume")
    assert "another vocabulary" in said and "'T'" in said and "'t'" in said


def test_resuming_with_another_size(story: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "have 16 units, not 17" in refused(capsys, "--text", str(story), "--directory", str(trained), "--resume",
                                              "--units", "17")


def test_resuming_from_a_damaged_record(story: Path, trained: Path, tmp_path: Path,
                                        capsys: pytest.CaptureFixture[str]) -> None:
    for file in trained.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "demo.json").write_text("{}", "utf-8")
    assert "is not a record" in refused(capsys, "--text", str(story), "--directory", str(tmp_path), "--resume")


def test_a_folder_that_cannot_be_made(story: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot make the folder" in refused(capsys, "--text", str(story), "--directory", str(story))


def test_an_unknown_engine_in_the_environment(story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RNNGRAPH_ENGINE", "steam")
    assert "'steam'" in refused(capsys, "--text", str(story), "--directory", str(tmp_path))


# --- the text ------------------------------------------------------------------------------------------------------


def test_the_corpus_is_the_text(story: Path) -> None:
    corpus = text.load_corpus(str(story))
    numbers = [*corpus.training, *corpus.held_out]
    assert "".join(corpus.vocabulary[i] for i in numbers) == story.read_text("utf-8")
    assert len(corpus.held_out) == 400 and not corpus.cut


def test_the_default_text_is_the_python_reference() -> None:
    corpus = text.load_corpus(None)
    assert corpus.name == "pydoc_data.topics" and len(corpus.training) > 300_000
    assert np.array_equal(corpus.training, text.load_corpus(None).training)


def test_a_python_without_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_TOPICS", {})
    with pytest.raises(DemoError, match="--text FILE"):
        text.load_corpus(None)


def test_line_ends_marks_and_wide_characters_are_read(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes("\ufeffzwölf\r\nBoxkämpfer 🥊\r\n".encode() * 300)
    corpus = text.load_corpus(str(file))
    assert "\r" not in corpus.vocabulary and "🥊" in corpus.vocabulary and corpus.vocabulary == "".join(
        sorted(corpus.vocabulary))


def test_streams_read_on_where_they_stopped() -> None:
    numbers = np.arange(1000, dtype=np.int32)
    pieces = list(islice(text.streams(numbers, 4, 30, 0), 20))
    assert [begins for _, begins in pieces] == [i % 8 == 0 for i in range(20)]
    for (before, _), (after, begins) in zip(pieces, pieces[1:], strict=False):
        assert before.shape == (4, 31) and np.all(np.diff(before) % 1000 == 1)
        assert begins or np.array_equal(before[:, -1], after[:, 0])


def test_trigrams_give_what_counting_by_hand_gives() -> None:
    random = np.random.RandomState(0)
    training, held_out = random.randint(0, 4, 60), random.randint(0, 5, 40)

    def probability(x: int, y: int, z: int) -> float:
        a, text_ = list(training), list(zip(training, training[1:], training[2:], strict=False))
        pairs = list(zip(a, a[1:], strict=False))
        p = (a.count(z) + 0.1) / (len(a) + 0.5)
        for weight, grams, context, gram in ((0.5, pairs, (y,), (y, z)), (2.0, text_, (x, y), (x, y, z))):
            after = [g for g in grams if g[:-1] == context]
            kinds = weight * len(set(after))
            p = (after.count(gram) + kinds * p) / (len(after) + kinds) if after else p
        return p
    assert sum(probability(1, 2, z) for z in range(5)) == pytest.approx(1)
    expected = -np.mean([math.log2(probability(*held_out[i:i + 3])) for i in range(38)])
    assert text.Trigrams(training, 5).bits(held_out, (0.5, 2.0)) == pytest.approx(expected)
