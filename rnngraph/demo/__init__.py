"""`rnngraph demo`: a character-level language model trained on the spot, measured against a trigram model, and sampled."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import dataclass
from typing import Any

import rnngraph as tf
from rnngraph.demo.model import EMBEDDING, LAYERS, LanguageModel
from rnngraph.demo.text import Corpus, bits, load_corpus, trigram_bits
from rnngraph.demo.text import DemoError as DemoError
from rnngraph.demo.training import BATCH, LENGTH, Budget, Clock, Record, Store, Trainer

UNITS, QUICK_UNITS, SECONDS, QUICK_SECONDS, PIECE = 160, 48, 50.0, 3.0, 200
SAMPLE, QUICK_SAMPLE, WIDTH = 500, 200, 79


@dataclass(frozen=True)
class Settings:
    """The command's options; None where the user said nothing. engine None is the library's own choice."""

    text: str | None = None
    directory: str = "rnngraph-demo"
    resume: bool = False
    seconds: float | None = None
    steps: int | None = None
    units: int | None = None
    engine: str | None = None
    seed: int = 1
    quick: bool = False

    def budget(self) -> Budget:
        """Steps alone set no limit of time."""
        default = QUICK_SECONDS if self.quick else SECONDS
        seconds = default if self.seconds is None and self.steps is None else self.seconds
        return Budget(seconds, self.steps)


def run(settings: Settings) -> None:
    """Train, measure, sample, explain; all that is printed goes to stdout but the progress bar, which is on stderr.

    Raises DemoError for what the user can put right.
    """
    clock = Clock()
    corpus = load_corpus(settings.text)
    store = Store(settings.directory)
    record = store.read(corpus) if settings.resume else _new_record(settings, corpus)
    if settings.units not in (None, record.units):
        raise DemoError(f"the checkpoint's layers have {record.units} units, not {settings.units}: leave --units out")
    store.prepare()
    with clock.time("building the graph"):
        model = LanguageModel(len(corpus.vocabulary), record.units, settings.seed)
    session = _session(settings, model)
    with clock.time("compiling"):
        session.run(model.initializer)
    if settings.resume:
        store.restore(model, session)
    trainer = Trainer(model, session, corpus, record, store, settings.seed, settings.resume)
    _introduce(corpus, model, session, trainer, settings)
    length = QUICK_SAMPLE if settings.quick else SAMPLE
    requests = [trainer.request(), model.evaluation(corpus.held_out[None, :PIECE], model.zeros(1)),
                model.sample(0, model.zeros(1), length)]
    with clock.time("compiling"):
        reports = [(r.purpose, session.explain(r.fetches, r.feeds)) for r in requests]
    with clock.time("training"):
        trainer.train(settings.budget())
    _summary(trainer)
    _measures(model, session, corpus, clock)
    with clock.time("sampling"):
        prompt = _prompt(corpus.vocabulary)
        drawn = model.drawn(session, prompt, length)
    _sample([*prompt, *drawn], length, corpus.vocabulary)
    _compiled(reports)
    print()
    _fact("time", ", ".join(f"{what} {seconds:.1f} s" for what, seconds in clock.spent.items()))
    # Unwrapped, to be copied.
    print(f"{'checkpoint':12}{store.directory}\n{'to go on':12}{_resume_command(settings)}")


def _new_record(settings: Settings, corpus: Corpus) -> Record:
    units = settings.units or (QUICK_UNITS if settings.quick else UNITS)
    return Record(corpus.vocabulary, units, text=corpus.name)


def _session(settings: Settings, model: LanguageModel) -> Any:
    try:
        return tf.Session(graph=model.graph, engine=settings.engine)
    except (ValueError, ImportError) as error:
        raise DemoError(f"no engine to run with: {error}") from None


def _prompt(vocabulary: str) -> list[int]:
    """The beginning of a paragraph, as far as the text's characters allow."""
    known = [vocabulary.index(c) for c in "\n\nThe " if c in vocabulary]
    return known if len(known) > 1 else [0, 0]


# --- what is printed ---------------------------------------------------------------------------------------------


def _introduce(corpus: Corpus, model: LanguageModel, session: Any, trainer: Trainer, settings: Settings) -> None:
    size = len(corpus.training) + len(corpus.held_out)
    part = "the first " if corpus.cut else ""
    _fact("text", f"{corpus.name}: {part}{size:,} characters, {len(corpus.vocabulary)} distinct, the last "
                  f"{len(corpus.held_out):,} held out")
    _fact("model", f"embedding of {EMBEDDING}, {LAYERS} LSTM layers of {model.units} units, {model.weights:,} weights")
    budget = settings.budget()
    limits = [f"{budget.seconds:g} seconds" if budget.seconds else "", f"{budget.steps:,} steps" if budget.steps else ""]
    _fact("training", f"{' or '.join(x for x in limits if x)} of {BATCH} x {LENGTH} characters, Adam; Ctrl-C ends it "
                      "early")
    if trainer.resumed:
        _fact("resumed", f"at step {int(session.run(model.step)):,}, after {trainer.record.characters:,} characters in "
                         f"{trainer.record.seconds:.0f} s")
    elif trainer.store.exists():
        _fact("note", f"the checkpoint in {trainer.store.directory} will be replaced; --resume would go on with it")
    print(flush=True)


def _fact(name: str, value: str) -> None:
    print(textwrap.fill(value, WIDTH, initial_indent=f"{name:12}", subsequent_indent=" " * 12,
                        break_on_hyphens=False, break_long_words=False))


def _summary(trainer: Trainer) -> None:
    step = int(trainer.session.run(trainer.model.step))
    passes = trainer.record.characters / len(trainer.corpus.training)
    start = "interrupted, checkpoint saved: " if trainer.interrupted else ""
    print()
    _fact("trained", f"{start}{step:,} steps, {trainer.record.characters:,} characters ({passes:.1f} times the text)")


def _measures(model: LanguageModel, session: Any, corpus: Corpus, clock: Clock) -> None:
    with clock.time("evaluating"):
        ours = bits(model.loss_of(session, corpus.held_out, PIECE))
    with clock.time("trigrams"):
        trigrams = trigram_bits(corpus)
    print("\nbits per character of the held-out text (fewer are better)")
    print(f"  this model             {ours:5.2f}")
    print(f"  a trigram model        {trigrams:5.2f}   (interpolated, smoothing tuned on the rest)")


def _sample(numbers: list[int], length: int, vocabulary: str) -> None:
    print(f"\nsample: {length} characters, drawn one by one in a while_loop")
    for line in _printable("".join(vocabulary[i] for i in numbers)).split("\n"):
        # Without their blanks at breaks, but with those that indent the line.
        first, *more = textwrap.wrap(line, WIDTH - 4, drop_whitespace=False) or [""]
        for piece in (first, *map(str.strip, more)):
            print(f"  | {piece}".rstrip())


def _printable(text: str) -> str:
    """The text without what would move the cursor of a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text.replace("\t", "    ")).strip("\n")


def _compiled(reports: list[tuple[str, Any]]) -> None:
    """A table of the loops; steps inside them count where they run: products and kernels are native code."""
    loops = [(purpose, step) for purpose, report in reports for step in report.all_steps() if step.ops == ("loop",)]
    print(f"\ncompiled by the {reports[0][1].engine} engine: loops, and what each of their steps runs")
    print(f"  {'':10} {'loop':29} {'where':6} {'products':>8} {'kernels':>7} {'other':>6} {'host':>5}")
    for purpose, loop in loops:
        name = loop.name.removeprefix("loop").strip().removesuffix("/Exit").removesuffix("/loop") or "while_loop"
        print(f"  {purpose:10} {name[:29]:29} {loop.where:6} {_counts(loop)}")


def _counts(loop: Any) -> str:
    native = [s for s in loop.inner if s.where != "host"]
    products = sum("contract" in s.ops for s in native)
    kernels = sum(s.name.startswith("kernel") for s in native)
    return f"{products:8} {kernels:7} {len(native) - products - kernels:6} {len(loop.inner) - len(native):5}"


def _resume_command(settings: Settings) -> str:
    words = ["rnngraph demo --resume"]
    words += [f"--text {shlex.quote(settings.text)}"] if settings.text else []
    words += [f"--directory {shlex.quote(settings.directory)}"] if settings.directory != Settings.directory else []
    return " ".join(words)
