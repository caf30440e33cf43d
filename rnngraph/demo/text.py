"""The text that the demo learns, as numbers, and how well a character trigram model predicts the end of it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_TOPICS: dict[str, str] = {}
with contextlib.suppress(ImportError):  # some distributions package Python without its documentation
    from pydoc_data.topics import topics
    _TOPICS.update(topics)

SHORTEST, LONGEST, HELD_OUT = 5_000, 20_000_000, 50_000
"""Characters: the least text that can be learned from, the most that is read, the most that is held out."""


class DemoError(Exception):
    """What a user can put right: the message is one sentence to print."""


@dataclass(frozen=True)
class Corpus:
    """A text as numbers: `training` and `held_out` are int32 vectors of positions in `vocabulary`."""

    name: str
    vocabulary: str
    training: Any
    held_out: Any
    cut: bool = False


def load_corpus(path: str | None) -> Corpus:
    """The text of a UTF-8 file, or of Python's own language reference; its last twentieth is held out.

    Raises DemoError for a file that cannot be read, is not UTF-8 or too short.
    """
    name, text = _python_reference() if path is None else (path, _file_text(Path(path)))
    if len(text) < SHORTEST:
        raise DemoError(f"{name} has {len(text):,} characters, too few to learn from: give at least {SHORTEST:,}")
    cut, text = len(text) > LONGEST, text[:LONGEST]
    vocabulary = "".join(sorted(set(text)))
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    known = np.array([ord(c) for c in vocabulary], np.uint32)
    numbers = np.searchsorted(known, codes).astype(np.int32)
    held_out = min(len(numbers) // 20, HELD_OUT)
    return Corpus(name, vocabulary, numbers[:-held_out], numbers[-held_out:], cut)


def _python_reference() -> tuple[str, str]:
    if not _TOPICS:
        raise DemoError("this Python comes without pydoc_data.topics, the demo's text: give another with --text FILE")
    # Sorted, since the order of the dictionary differs between releases of Python.
    return "pydoc_data.topics", "\n\n".join(_TOPICS[key].strip() for key in sorted(_TOPICS))


def _file_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DemoError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DemoError(f"{path} is not UTF-8 text: byte {error.start:,} is 0x{data[error.start]:02x}; convert it "
                        "with iconv") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def streams(numbers: Any, batch: int, length: int, seed: int) -> Iterator[tuple[Any, bool]]:
    """Endless (piece of text, whether a pass begins): int32 `[batch, length + 1]`, each row going on where it stopped.

    The last character of a piece is the first of the next. Every pass cuts the text at another place, so that the same
    characters are predicted from other contexts.
    """
    random = np.random.RandomState(seed)
    row = (len(numbers) - 1) // batch
    while True:
        text = np.roll(numbers, int(random.randint(len(numbers))))
        rows = np.lib.stride_tricks.sliding_window_view(text, row + 1)[::row][:batch]
        for start in range(0, row - length + 1, length):
            yield rows[:, start:start + length + 1], start == 0


class Trigrams:
    """Counts of a text's n-grams, and probabilities interpolated between their orders (after Witten and Bell).

    A context seen n times with t different followers gives its counts the weight n / (n + s t) and the next shorter
    context the rest; s is the smoothing, one for pairs and one for triples. Single characters have 0.1 added.
    """

    def __init__(self, numbers: Any, characters: int) -> None:
        self.characters = characters
        self.single = np.bincount(numbers, minlength=characters)
        self.grams = [_counts(_codes(numbers, order, characters)) for order in (2, 3)]
        # The text's last characters have no follower: they are no context.
        self.contexts = [_counts(_codes(numbers[:-1], order, characters)) for order in (1, 2)]
        self.followers = [_counts(grams // characters) for grams, _ in self.grams]

    def bits(self, numbers: Any, smoothing: tuple[float, float]) -> float:
        """Bits per character of a text, from its third character on."""
        last = numbers[2:]
        total = float(self.single.sum())
        found = (self.single[last] + 0.1) / (total + 0.1 * self.characters)
        for i, weight in enumerate(smoothing):
            grams = _codes(numbers, i + 2, self.characters)[1 - i:]
            seen = _looked_up(self.contexts[i], grams // self.characters)
            kinds = weight * _looked_up(self.followers[i], grams // self.characters)
            here = _looked_up(self.grams[i], grams)
            found = np.where(seen > 0, (here + kinds * found) / np.maximum(seen + kinds, 1e-9), found)
        return float(-np.log2(found).mean())


def _codes(numbers: Any, order: int, characters: int) -> Any:
    """Every run of `order` characters as one number."""
    count = len(numbers) - order + 1
    codes = np.zeros(count, np.int64)
    for i in range(order):
        codes = codes * characters + numbers[i:i + count]
    return codes


def _counts(codes: Any) -> tuple[Any, Any]:
    values, counts = np.unique(codes, return_counts=True)
    return values, counts


def _looked_up(table: tuple[Any, Any], codes: Any) -> Any:
    values, counts = table
    place = np.minimum(np.searchsorted(values, codes), len(values) - 1)
    return np.where(values[place] == codes, counts[place], 0)


def trigram_bits(corpus: Corpus) -> float:
    """Bits per character of the held-out text by a trigram model of the training text.

    The smoothing is chosen on the last twentieth of the training text, with counts of the rest.
    """
    characters = len(corpus.vocabulary)
    end = len(corpus.training) // 20
    trial, tail = Trigrams(corpus.training[:-end], characters), corpus.training[-end:]
    grid = [(a, b) for a in (0.25, 0.5, 1.0, 2.0, 4.0) for b in (0.25, 0.5, 1.0, 2.0, 4.0)]
    best = min(grid, key=lambda s: trial.bits(tail, s))
    return Trigrams(corpus.training, characters).bits(corpus.held_out, best)


def bits(nats: float) -> float:
    """Nats as bits."""
    return nats / math.log(2)
