"""The demo's training loop: a budget of time or steps, a progress bar, checkpoints, and a clean stop on Ctrl-C."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

import rnngraph as tf
from rnngraph.demo.model import LanguageModel, Request
from rnngraph.demo.text import Corpus, DemoError, bits, streams

BATCH, LENGTH, SAVE_EVERY = 16, 32, 60.0
"""Sequences in a batch, characters in each of them, seconds between checkpoints."""
FAST, RESUMED, SLOW = 0.01, 0.005, 0.0005
"""Learning rates: at first, at first when training goes on from a checkpoint, in the end."""

_BAR = "training {percentage:3.0f}% |{bar}|"


@dataclass
class Record:
    """What the checkpoint's folder says about the model besides its variables, in `demo.json`."""

    vocabulary: str
    units: int
    characters: int = 0
    seconds: float = 0.0
    text: str = ""


@dataclass
class Budget:
    """When training ends: after this many seconds, or steps where given."""

    seconds: float | None
    steps: int | None

    def spent(self, seconds: float, steps: int) -> float:
        """The part that is spent, 1 or more at the end."""
        parts = [seconds / self.seconds if self.seconds else 0.0, steps / self.steps if self.steps else 0.0]
        return max(parts)


@dataclass
class Clock:
    """Seconds by what they were spent on."""

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, what: str) -> Iterator[None]:
        """Count what runs inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent[what] = self.spent.get(what, 0.0) + time.perf_counter() - start


class Store:
    """The folder of the checkpoint."""

    def __init__(self, directory: str) -> None:
        self.directory = Path(directory)
        self.prefix = self.directory / "model"

    def prepare(self) -> None:
        """Make the folder. Raises DemoError where that is not allowed."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DemoError(f"cannot make the folder {self.directory}: {error.strerror or error}") from None
        if not os.access(self.directory, os.W_OK):
            raise DemoError(f"cannot write to the folder {self.directory}: choose another with --directory")

    def exists(self) -> bool:
        """Whether there is a checkpoint."""
        return (self.directory / "demo.json").exists() and bool(tf.train.checkpoint_exists(str(self.prefix)))

    def read(self, corpus: Corpus) -> Record:
        """The record of the checkpoint. Raises DemoError if there is none, or its vocabulary is another."""
        file = self.directory / "demo.json"
        if not self.exists():
            raise DemoError(f"there is no checkpoint in {self.directory}: run `rnngraph demo` without --resume first, or "
                            "name its folder with --directory")
        try:
            record = Record(**json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DemoError(f"{file} is not a record of this demo: {error}") from None
        if record.vocabulary != corpus.vocabulary:
            raise DemoError(_difference(record, corpus))
        return record

    def restore(self, model: LanguageModel, session: Any) -> None:
        """Give the variables the checkpoint's values. Raises DemoError if it is of another model."""
        try:
            model.saver.restore(session, str(self.prefix))
        except (tf.errors.OpError, ValueError, OSError) as error:
            raise DemoError(f"the checkpoint {self.prefix} cannot be restored: {error}") from None

    def save(self, model: LanguageModel, session: Any, record: Record) -> None:
        """Write variables and record. Raises DemoError if the disk refuses."""
        draft = self.directory / "demo.json.new"
        try:
            model.saver.save(session, str(self.prefix))
            draft.write_text(json.dumps(asdict(record)), "utf-8")
            os.replace(draft, self.directory / "demo.json")
        except (tf.errors.OpError, OSError) as error:
            raise DemoError(f"cannot write the checkpoint to {self.directory}: {error}") from None


def _difference(record: Record, corpus: Corpus) -> str:
    """What is wrong with the text's vocabulary."""
    new = sorted(set(corpus.vocabulary) - set(record.vocabulary))
    gone = sorted(set(record.vocabulary) - set(corpus.vocabulary))
    parts = [f"{len(chars)} characters {what} ({' '.join(map(repr, chars[:5]))}{' ...' if chars[5:] else ''})"
             for chars, what in ((new, "that the model does not know"), (gone, "missing")) if chars]
    return (f"{corpus.name} has another vocabulary than the text of the checkpoint, {record.text}: "
            f"{' and '.join(parts)}; resume with that text, or train anew in another --directory")


@dataclass
class Trainer:
    """Trains a model in a session, counting in `record`; `interrupted` tells whether Ctrl-C ended it."""

    model: LanguageModel
    session: Any
    corpus: Corpus
    record: Record
    store: Store
    seed: int
    resumed: bool = False
    steps: int = 0
    characters: int = 0
    interrupted: bool = False

    def request(self) -> Request:
        """A training step like those to come, to compile it by."""
        text, _ = next(streams(self.corpus.training, BATCH, LENGTH, self.seed))
        return self.model.training(text, self.model.zeros(BATCH), SLOW)

    def train(self, budget: Budget) -> None:
        """Train until the budget is spent or Ctrl-C is pressed, then save."""
        before, start = self.record.seconds, time.perf_counter()
        with Progress(budget) as progress:
            try:
                self._steps(budget, progress, start)
            except KeyboardInterrupt:
                self.interrupted = True
        self.record.seconds = before + time.perf_counter() - start
        self.store.save(self.model, self.session, self.record)

    def _steps(self, budget: Budget, progress: Progress, start: float) -> None:
        done = int(self.session.run(self.model.step))
        fastest = RESUMED if self.resumed else FAST
        saved, state = start, None
        for text, begins in streams(self.corpus.training, BATCH, LENGTH, self.seed + done):
            seconds = time.perf_counter() - start
            spent = budget.spent(seconds, self.steps)
            if spent >= 1:
                return
            if begins:
                state = self.model.zeros(BATCH)
            request = self.model.training(text, state, fastest + (SLOW - fastest) * spent)
            loss, state, _ = self.session.run(request.fetches, request.feeds)
            self.steps += 1
            self.characters += BATCH * LENGTH
            self.record.characters += BATCH * LENGTH
            progress.show(self.steps, done, float(loss), self.characters)
            if time.perf_counter() - saved > SAVE_EVERY:
                self.store.save(self.model, self.session, self.record)
                saved = time.perf_counter()


class Progress:
    """A bar on a terminal, a line every tenth of the way elsewhere."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.start = time.perf_counter()
        self.loss: float | None = None
        self.lines = 0
        self.shown = 0.0
        self.bar: Any = None
        if sys.stderr.isatty():
            self.bar = tqdm(total=1.0, ncols=79, file=sys.stderr, leave=True, bar_format=_BAR)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def show(self, steps: int, before: int, loss: float, characters: int) -> None:
        """Show where training is after a step."""
        self.loss = loss if self.loss is None else 0.98 * self.loss + 0.02 * loss
        seconds = time.perf_counter() - self.start
        spent = min(1.0, self.budget.spent(seconds, steps))
        if self.bar is None:
            if int(spent * 10) > self.lines:
                self.lines = int(spent * 10)
                print(f"training {spent:4.0%}   step {before + steps:,}   {self._figures(seconds, characters)}",
                      flush=True)
        elif seconds - self.shown > 0.1 or spent == 1.0:
            self.shown = seconds
            left = seconds / max(spent, 1e-9) - seconds
            self.bar.n = spent
            self.bar.bar_format = f"{_BAR} {left:.0f} s left, {self._figures(seconds, characters)}"
            self.bar.refresh()

    def _figures(self, seconds: float, characters: int) -> str:
        assert self.loss is not None
        return (f"loss {self.loss:.3f}, {bits(self.loss):.2f} bits/char, "
                f"{characters / max(seconds, 1e-9):,.0f} chars/s")
