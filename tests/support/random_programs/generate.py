"""From a seed to a program."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.eager.core import T
from tests.support.random_programs import blocks, stateful
from tests.support.random_programs.bad import spoil
from tests.support.random_programs.maker import Maker, Shared, worlds
from tests.support.random_programs.program import Program, needed

STYLES: dict[str, dict[str, int]] = {
    "plain": {"plain": 10, "sizes": 2, "control": 1, "state": 1},
    "sizes": {"plain": 5, "sizes": 8, "control": 1},
    "loops": {"plain": 5, "sizes": 2, "control": 5, "lists": 2, "state": 1},
    "lists": {"plain": 4, "sizes": 1, "control": 2, "lists": 5},
    "state": {"plain": 4, "sizes": 1, "control": 4, "state": 6},
    "draws": {"plain": 5, "draws": 4, "control": 2, "state": 1},
    "rnn": {"plain": 4, "sizes": 1, "control": 1, "rnn": 3},
}
FLAT = "def flat(x):\n    return [t for p in x for t in flat(p)] if isinstance(x, (list, tuple)) else [x]"
# name -> (dtype, sizes): letters are sizes that differ from run to run
INPUTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "x": ("main", ("B", "T", 3)), "y": ("main", ("B", 3)), "w": ("main", (3, 3)), "b": ("main", (3,)), "s": ("main", ()),
    "z": ("main", ("T",)), "ids": ("int32", ("B",)), "n": ("int32", ()), "long": ("int64", ("T",)), "mask": ("bool", ("B",)),
    "flag": ("bool", ()), "m": ("int32", ("T", 2)),
}


def generate(seed: int) -> Program:
    """The program of a seed."""
    shared = Shared(seed)
    feeds = _feeds(shared)
    m = Maker(shared, worlds(feeds), [], 2)
    m.add(FLAT, ["flat"])
    _placeholders(m, feeds)
    _variables(m)
    style = m.of(list(STYLES))
    blocks.fill(m, m.whole(5, 12), STYLES[style])
    wrt = m.chance(0.6) and _gradients(m)
    if m.shared.variables and style in ("rnn", "state", "plain") and m.chance(0.4):
        stateful.training(m)
    fetches = _fetches(m) + (["loss", "dense", "norm", "hs"] if wrt else [])
    bad = spoil(m) if m.chance(0.12) else None
    fetches += [bad] if bad else []
    text = needed("\n".join(m.lines), fetches)
    used = {name: {k: a for k, a in feed.items() if f"name='{k}'" in text} for name, feed in enumerate(feeds)}
    values = {n: np.asarray(t.a) for n, t in _started(feeds, text).items()}
    return Program(seed, text, list(used.values()), fetches, [n for n in wrt or [] if f"\n{n} = " in "\n" + text], values)


def _started(feeds: list[dict[str, Any]], text: str) -> dict[str, T]:
    """What the variables of the text start with."""
    from tests.support.random_programs.run import initial
    return initial(feeds[0], text)


def _feeds(shared: Shared) -> list[dict[str, Any]]:
    """Arrays for two runs, mostly of other sizes."""
    rng, found = shared.rng, []
    size = dict.fromkeys("BT", 0)
    again = rng.random() < 0.6
    for run in range(2):
        if run == 0 or again:
            size = {k: int(rng.choice([0, 1, 2, 3, 4], p=[0.05, 0.2, 0.3, 0.3, 0.15])) for k in "BT"}
        found.append({name: _array(rng, shared.main if dtype == "main" else dtype, [size.get(d, d) for d in dims])
                      for name, (dtype, dims) in INPUTS.items()})
    return found


def _array(rng: np.random.Generator, dtype: str, shape: list[int]) -> Any:
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype.startswith("int"):
        return np.asarray(rng.integers(-2, 6, shape), dtype)
    return np.asarray(rng.uniform(-1.5, 1.5, shape).round(3), dtype)


def _placeholders(m: Maker, feeds: list[dict[str, Any]]) -> None:
    """The inputs, of which a graph knows more or less."""
    for name, (dtype, _) in INPUTS.items():
        shapes = [f[name].shape for f in feeds]
        known = [d if all(s[i] == d for s in shapes) and (m.chance(0.5) or d == 3) else None for i, d in enumerate(shapes[0])]
        kind = m.main if dtype == "main" else dtype
        m.add(f"{name} = tf.placeholder(tf.{kind}, {known}, name='{name}')", [name])


def _variables(m: Maker) -> None:
    for _ in range(m.of((0, 1, 2, 3))):
        name, shape = m.fresh("w"), [m.of((1, 2, 3)) for _ in range(m.whole(0, 2))]
        dtype = m.of((m.main, m.main, "int32"))
        if m.add(f"{name} = tf.get_variable('{name}', {shape}, tf.{dtype}, initializer=tf.zeros_initializer(), "
                 f"trainable={dtype == m.main})", [name]):
            m.shared.variables[name] = name
            m.let(stateful.READ.format(name))


def _fetches(m: Maker) -> list[str]:
    """Some of all, the newest surely; and what was done last to variables."""
    made = [n for n in m.pool if n not in INPUTS]
    some = [n for n in made[:-4] if m.chance(0.15)]
    return list(dict.fromkeys([*some, *made[-4:], *([m.last] if m.last else [])]))


def _gradients(m: Maker) -> list[str] | None:
    """Lines that differentiate a sum of floats twice; what by."""
    floats = [n for n in m.pool if all(t.dtype == m.main for t in m.values(n)) and n not in INPUTS]
    if not floats:
        return None
    parts = [m.of(floats[-8:]) for _ in range(m.whole(1, 3))]
    terms = [m.of((f"tf.reduce_sum({p})", f"tf.reduce_sum({p} * {p})", f"tf.reduce_sum({p} * {m.number()})")) for p in parts]
    by = [n for n, (dtype, _) in INPUTS.items() if dtype == "main"]
    by += [v for v in m.shared.variables if m.worlds[0].run.variables[v].dtype == m.main and v not in INPUTS]
    m.add(f"loss = {' + '.join(terms)}", ["loss"])
    text = f"""wrt = [{', '.join(by)}]
dense = [None if g is None else tf.convert_to_tensor(g) for g in tf.gradients(loss, wrt)]
norm = tf.add_n([tf.reduce_sum(g * g) for g in dense if g is not None] + [tf.constant(0.0, tf.{m.main})])
hs = [None if h is None else tf.convert_to_tensor(h) for h in tf.gradients(norm, wrt)]"""
    return by if "loss" in m.worlds[0].names and m.add(text, ["wrt", "dense", "norm", "hs"], hidden=True) else None
