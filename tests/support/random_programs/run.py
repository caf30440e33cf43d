"""Runs programs on engines and in NumPy, and says what does not agree."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np

import rnngraph as rn
from rnngraph import programs
from rnngraph.passes.close.driver import close, open_part
from tests.support.eager import core, namespace
from tests.support.eager.core import T
from tests.support.random_programs.program import LISTS, Program

EXPECTED = (rn.errors.OpError, ValueError, TypeError, NotImplementedError)
STRANGE = (rn.errors.InternalError, UnicodeError)
ENGINES = ("reference", "llvm")
CLOSE = {"float64": 1e-6, "float32": 2e-3}
STEP = 1e-5


@dataclass
class Outcome:
    """What a run gave: values by name and variables, or the error."""

    values: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    built: bool = True


# --- the truth ----------------------------------------------------------------------------------------------------------

def initial(feed: dict[str, Any], text: str) -> dict[str, T]:
    """The variables of a program and what they start with."""
    run, found = core.Run(feed), {}
    names: dict[str, Any] = {"tf": namespace(), "np": np}
    store = names["tf"].get_variable

    def noting(name: str, *args: Any, **kwargs: Any) -> Any:
        v = store(name, *args, **kwargs)
        found.setdefault(v.name, v.value_now())
        return v
    names["tf"].get_variable = noting
    from tests.support.eager import rnn
    before, rnn.get_variable = rnn.get_variable, noting
    try:
        with core.running(run):
            exec(text, names)
    except Exception:
        pass
    finally:
        rnn.get_variable = before
    return found


def truth(program: Program) -> list[tuple[Outcome, core.Run]]:
    """What NumPy says of each run."""
    found, variables = [], dict[str, Any](program.variables)
    for feed in program.feeds:
        run = core.Run(feed, dict(variables))
        names: dict[str, Any] = {"tf": namespace(), "np": np}
        outcome = Outcome()
        try:
            with core.running(run):
                exec(program.text, names)
            outcome.values = {n: copy.copy(names[n]) for n in program.fetches}
            outcome.variables = dict(run.variables)
            variables = dict(run.variables)
        except (core.Bad, core.Skip) as error:
            outcome.error = error
        found.append((outcome, run))
    return found


# --- engines ------------------------------------------------------------------------------------------------------------

@contextmanager
def closed_once() -> Iterator[None]:
    """The engines of one graph share what is closed, unless one of them has loops made of what was unrolled: it depends on
    sizes and contents."""
    opened: dict[Any, Any] = {}
    closed: dict[Any, Any] = {}

    def open_once(graph: Any, *asked: Any) -> Any:
        *wanted, rerolls = asked
        key = (id(graph), *map(tuple, wanted))
        if key not in opened:
            opened[key] = open_part(graph, *wanted)
        rolled = open_part(graph, *wanted, rerolls) if rerolls else opened[key]
        return rolled if any("reroll" in n.origin.passes for n in rolled.graph.nodes) else opened[key]

    def close_once(part: Any, arrays: Any, store: Any) -> Any:
        fed = [(a.shape, a.dtype.str, int(a) if a.dtype.kind in "iu" and not a.ndim else None) for a in arrays]
        key = (id(part), tuple(fed), tuple((k, np.shape(store[k])) for k in sorted(part.keys) if k in store))
        if key not in closed:
            closed[key] = close(part, arrays, store)
        return closed[key]
    with patch.multiple(programs, open_part=open_once, close=close_once):
        yield


class Built:
    """A program's graph."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.graph = rn.Graph()
        self.names: dict[str, Any] = {"tf": rn, "np": np}
        with self.graph.as_default():
            exec(compile(program.text, f"program{program.seed}.py", "exec"), self.names)
            self.variables = rn.global_variables()
            self.start = rn.variables_initializer([v for v in self.variables if v.op.name not in program.variables])


class Engine:
    """A program ready on an engine."""

    def __init__(self, built: Built, engine: str) -> None:
        self.program, self.names, self.variables = built.program, built.names, built.variables
        self.sess = rn.Session(graph=built.graph, engine=engine)
        if built.graph.get_operations():
            self.sess.run(built.start)
        self.load(self.program.variables)

    def load(self, values: dict[str, Any]) -> None:
        """Give variables values."""
        for v in self.variables:
            if v.op.name in values:
                v.load(values[v.op.name], self.sess)

    def fetched(self, names: list[str], feed: dict[str, Any]) -> dict[str, Any]:
        """What a run gives for names; of lists what is not None."""
        flat: dict[Any, Any] = {}
        for name in names:
            x = self.names[name]
            for i, part in enumerate(x if isinstance(x, (list, tuple)) else [x]):
                if part is not None:
                    flat[(name, i)] = part
        keys = list(flat)
        found = self.sess.run([flat[k] for k in keys], {self.names[n]: a for n, a in feed.items()})
        return dict(zip(keys, found, strict=True))

    def run(self, feed: dict[str, Any]) -> Outcome:
        """One run, with the variables after it."""
        outcome = Outcome()
        try:
            outcome.values = self.fetched(self.program.fetches, feed)
        except Exception as error:
            outcome.error = error
        try:
            outcome.variables = {v.op.name: np.array(self.sess.run(v)) for v in self.variables}
        except Exception as error:
            outcome.error = outcome.error or error
        return outcome


def engine_outcomes(program: Program, names: Sequence[str]) -> dict[str, tuple[list[Outcome], Engine | None]]:
    """Every run on each of these engines."""
    def failed(error: Exception) -> list[Outcome]:
        return [Outcome(error=error, built=False) for _ in program.feeds]
    try:
        built = Built(program)
    except Exception as error:
        return {name: (failed(error), None) for name in names}
    found: dict[str, tuple[list[Outcome], Engine | None]] = {}
    with closed_once():
        for name in names:
            try:
                ready = Engine(built, name)
            except Exception as error:
                found[name] = failed(error), None
            else:
                found[name] = [ready.run(feed) for feed in program.feeds], ready
    return found


# --- comparing ----------------------------------------------------------------------------------------------------------

def agree(a: Any, b: Any, factor: float = 1.0) -> bool:
    """Whether two values are the same up to rounding."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return bool((a == b).all())
    tolerance = CLOSE[a.dtype.name] * factor
    scale = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance * (1 + scale), equal_nan=True))


def faults(program: Program, compiled: bool = True) -> list[str]:
    """What is wrong with the program on the engines; nothing if all agree. Without `compiled`, engine "reference" alone."""
    true = truth(program)
    outcomes = engine_outcomes(program, ENGINES[:1 + compiled])
    runs = {engine: runs for engine, (runs, _) in outcomes.items()}
    runs.setdefault("llvm", runs["reference"])
    found = []
    for i, (wanted, run) in enumerate(true):
        a, b = (runs[engine][i] for engine in ENGINES)
        found += [f"run {i}: {f}" for f in _errors(wanted, a, b)]
        if not found and a.error is None and b.error is None:
            near = run.margin < 1e-5
            found += [f"run {i}: {f}" for f in [*_engines(a, b, near), *_numpy(wanted, a, near)]]
    _, ready = outcomes["reference"]
    if not found and program.wrt and ready is not None:
        found += _differences(program, true, runs["reference"], ready)
    return found


def _errors(wanted: Outcome, a: Outcome, b: Outcome) -> list[str]:
    for engine, outcome in zip(ENGINES, (a, b), strict=True):
        error = outcome.error
        if error is not None and (not isinstance(error, EXPECTED) or isinstance(error, STRANGE)):
            return [f"{engine} raises {type(error).__name__}: {_short(error)}"]
    if type(a.error) is not type(b.error):
        return [f"reference raises {_named(a.error)}, llvm {_named(b.error)}"]
    if isinstance(wanted.error, core.Bad) and a.error is None:
        return [f"NumPy fails ({wanted.error}), the engines do not"]
    if wanted.error is None and a.error is not None and not isinstance(a.error, NotImplementedError):
        return [f"NumPy does not fail, the engines raise {_named(a.error)}"]
    return []


def _named(error: BaseException | None) -> str:
    return "nothing" if error is None else f"{type(error).__name__}: {_short(error)}"


def _short(error: BaseException) -> str:
    return str(getattr(error, "message", error)).replace("\n", " ")[:300]


def _engines(a: Outcome, b: Outcome, close: bool) -> list[str]:
    """Where the engines differ; a float near a jump excuses them."""
    if close:
        return []
    found = [f"{_label(k)}: reference {_text(v)}, llvm {_text(b.values[k])}"
             for k, v in a.values.items() if not agree(v, b.values[k], 1.0 if k[0] not in ("norm", "hs") else 20.0)]
    return found + [f"variable {n}: reference {_text(v)}, llvm {_text(b.variables[n])}"
                    for n, v in a.variables.items() if not agree(v, b.variables[n])]


def _numpy(wanted: Outcome, a: Outcome, close: bool) -> list[str]:
    if wanted.error is not None or close:
        return []
    found = []
    for name, t in wanted.values.items():
        if isinstance(t, T) and (name, 0) in a.values:
            value = a.values[(name, 0)]
            if t.loose and np.shape(value) != t.shape:
                found.append(f"{name}: shape {np.shape(value)}, but NumPy says {t.shape}")
            if not t.loose and not name.startswith("e") and not agree(t.a, value):
                found.append(f"{name}: engines {_text(value)}, NumPy {_text(t.a)}")
    return found + [f"variable {n}: engines {_text(a.variables[n])}, NumPy {_text(t.a)}" for n, t in wanted.variables.items()
                    if n in a.variables and not t.loose and not agree(t.a, a.variables[n])]


def _label(key: Any) -> str:
    name, i = key
    return f"{name}[{i}]" if name in LISTS else str(name)


def _text(a: Any) -> str:
    return str(np.asarray(a).tolist())[:120]


# --- gradients against differences --------------------------------------------------------------------------------------

def _differences(program: Program, true: list[tuple[Outcome, core.Run]], outcomes: list[Outcome], ready: Engine) -> list[str]:
    """Gradients of order 1 against NumPy's loss, of order 2 against the first ones, in one direction for each operand."""
    found = []
    for i, (wanted, run) in enumerate(true[:1]):
        loss = wanted.values.get("loss")
        if wanted.error or outcomes[i].error or run.wrote or run.stopped or loss is None or loss.loose or (
                loss.dtype != np.float64 or run.margin < 1e-3):
            continue
        for k, name in enumerate(program.wrt):
            found += _one(program, i, k, name, outcomes[i], ready)
    return found


def _one(program: Program, i: int, k: int, name: str, outcome: Outcome, ready: Engine) -> list[str]:
    """The gradients by one operand."""
    where = program.feeds[i] if name in program.feeds[i] else program.variables
    direction = np.random.default_rng(k).uniform(-1, 1, np.shape(where[name]))
    found = []

    def moved(by: float) -> tuple[dict[str, Any], dict[str, Any]]:
        value = {name: where[name] + by * direction}
        return ({**program.feeds[i], **value}, program.variables) if where is program.feeds[i] else (
            program.feeds[i], {**program.variables, **value})

    def loss(by: float) -> float:
        feed, variables = moved(by)
        names: dict[str, Any] = {"tf": namespace(), "np": np}
        with core.running(core.Run(feed, variables)):
            exec(program.text, names)
        return float(names["loss"].a)

    def norm(by: float) -> float:
        feed, variables = moved(by)
        ready.load(variables)
        return float(ready.fetched(["norm"], feed)[("norm", 0)])

    for label, key, f in (("gradient", "dense", loss), ("second gradient", "hs", norm)):
        if key == "hs" and "tf.nn.moments" in program.text:
            continue  # as in TensorFlow, no gradient passes through the mean that the variance takes off
        try:
            slope = _slope(f)
        except (core.Bad, core.Skip, rn.errors.OpError):
            continue
        value = outcome.values.get((key, k))
        mine = 0.0 if value is None else float((np.asarray(value) * direction).sum())
        if slope is not None and abs(mine - slope) > 1e-4 * (1 + abs(slope)):
            found.append(f"{label} by {name}: engines {mine:.7g}, differences {slope:.7g}")
    return found


def _slope(f: Any) -> float | None:
    """A derivative, or None where f has none that two steps agree on."""
    a, b, c, d, e = (f(h * STEP) for h in (-2, -1, 0, 1, 2))
    left, right, middle, wide = (c - b) / STEP, (d - c) / STEP, (d - b) / (2 * STEP), (e - a) / (4 * STEP)
    scale = 1 + abs(middle)
    if not np.isfinite(middle) or abs(left - right) > 1e-2 * scale or abs(middle - wide) > 1e-5 * scale:
        return None
    return float((8 * (d - b) - (e - a)) / (12 * STEP))
