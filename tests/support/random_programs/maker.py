"""Builds the text of a program line by line, trying each line in NumPy with every set of feeds.

A statement proposes a line; it stays if it works with all feeds and its numbers are tame. What it gives joins the pool, so
that later lines use it. `Maker.block` makes the body of a function: a maker that sees what is outside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.support.eager import core, namespace
from tests.support.eager.core import T

LARGE, MANY, CLOSE = 60.0, 300, 2e-4
refused: Counter[str] = Counter()
"""Why lines were dropped, for those who write statements."""


@dataclass
class World:
    """One execution in NumPy of what there is so far."""

    names: dict[str, Any]
    run: core.Run

    def inner(self, more: dict[str, Any]) -> World:
        """The same with parameters; what happens inside stays inside."""
        return World({**self.names, **more}, replace(self.run, variables=dict(self.run.variables)))

    def attempt(self, text: str, names: Sequence[str]) -> str | None:
        """Executes lines; why they are refused, if they are: then the names are not there."""
        self.run.margin = np.inf
        try:
            with core.running(self.run):
                exec(text, self.names)
            why = next(filter(None, (_wild(self.names[n]) for n in names)), None)
            if why is None and self.run.margin < CLOSE:
                why = "close"
        except core.Bad as error:
            why = f"bad: {error}"
        except (core.Skip, TypeError, ValueError, IndexError, AttributeError, AssertionError) as error:
            why = f"{type(error).__name__}: {error}"
        if why is not None:
            for name in names:
                self.names.pop(name, None)
        return why


def _wild(x: Any) -> str | None:
    if not isinstance(x, T):
        return None
    if x.a.ndim > 4 or x.a.size > MANY:
        return "large"
    if x.dtype.kind in "fi" and x.a.size and not np.abs(x.a.astype(np.float64)).max() <= LARGE:
        return "wild"
    return None


class Shared:
    """What all makers of one program share."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.count = 0
        self.main = "float64" if self.rng.random() < 0.7 else "float32"
        self.variables: dict[str, str] = {}
        """Python names of variables -> dtype."""


class Maker:
    """See the module."""

    def __init__(self, shared: Shared, worlds: list[World], pool: list[str], depth: int) -> None:
        self.shared = shared
        self.worlds = worlds
        self.pool = pool
        self.depth = depth
        self.lines: list[str] = []
        self.outside = len(pool)
        self.pure = False
        """Whether variables are left alone here."""
        self.last: str | None = None
        """The newest thing that read or wrote a variable here; the next waits for it."""

    # --- chance ---

    def chance(self, p: float) -> bool:
        """True with that probability."""
        return bool(self.shared.rng.random() < p)

    def of(self, options: Sequence[Any]) -> Any:
        """One of several, all as likely."""
        return options[int(self.shared.rng.integers(len(options)))]

    def whole(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return int(self.shared.rng.integers(low, high + 1))

    def number(self) -> float:
        """A float with few digits that no computation meets by accident."""
        return round(float(self.shared.rng.uniform(-1.5, 1.5)), 3) + 0.0007

    # --- what there is ---

    @property
    def main(self) -> str:
        """The name of the float type that the program uses most."""
        return self.shared.main

    def values(self, name: str) -> list[T]:
        """The tensors of that name in every world."""
        return [w.names[name] for w in self.worlds]

    def pick(self, test: Callable[[T], bool] = lambda t: True) -> str | None:
        """A name whose tensor passes in every world, newer ones more likely."""
        found = [n for n in self.pool if all(test(t) for t in self.values(n))]
        if not found:
            return None
        return found[-1 - min(int(self.shared.rng.exponential(4)), len(found) - 1)]

    def float(self, low: int = 0, high: int = 4, full: bool = False, fixed: bool = False) -> str | None:
        """A float tensor of such a rank; full: no size is 0."""
        return self.pick(lambda t: t.dtype.kind == "f" and low <= t.a.ndim <= high and (not full or t.a.size > 0)
                         and (not fixed or t.fixed))

    def main_float(self, rank: int, fixed: bool = False) -> str | None:
        """A tensor of the program's float type and that rank."""
        return self.pick(lambda t: t.dtype == self.main and t.a.ndim == rank and (not fixed or t.fixed))

    def kind(self, letters: str, low: int = 0, high: int = 4, known: bool = False) -> str | None:
        """A tensor of these NumPy kinds; known: not loose."""
        return self.pick(lambda t: t.dtype.kind in letters and low <= t.a.ndim <= high and not (known and t.loose))

    def mate(self, x: str) -> str | None:
        """Something that x broadcasts with."""
        ts = self.values(x)

        def fits(name: str) -> bool:
            return all(a.dtype == b.dtype and _broadcasts(a.shape, b.shape)
                       for a, b in zip(ts, self.values(name), strict=True))
        found = [n for n in self.pool if fits(n)]
        return self.of(found[-12:]) if found else None

    def own(self) -> list[str]:
        """What this block made itself."""
        return self.pool[self.outside:]

    def alike(self, x: str) -> str:
        """Something with x's dtype and shape, in every world; perhaps x."""
        ts = self.values(x)
        found = [n for n in self.pool if all(a.dtype == b.dtype and a.shape == b.shape
                                             for a, b in zip(ts, self.values(n), strict=True))]
        return str(self.of(found[-8:]))

    def axis(self, x: str) -> int:
        """An axis of x, counted from either end."""
        rank = self.values(x)[0].a.ndim
        return self.whole(0, rank - 1) - rank * self.chance(0.3)

    # --- lines ---

    def fresh(self, letter: str = "v") -> str:
        """A new name."""
        self.shared.count += 1
        return f"{letter}{self.shared.count}"

    def add(self, text: str, names: Sequence[str] = (), hidden: bool = False) -> bool:
        """A line, or several, that give these names; False if refused."""
        before = [(w.run.variables, w.run.wrote) for w in self.worlds]
        for i, world in enumerate(self.worlds):
            world.run.variables = dict(world.run.variables)
            why = world.attempt(text, names)
            if why is not None:
                refused[f"{text.split('=', 1)[-1].strip().split('(')[0][:40]}: {why[:60]}"] += 1
                for earlier, (variables, wrote) in zip(self.worlds[:i + 1], before, strict=False):
                    earlier.run.variables, earlier.run.wrote = variables, wrote
                    for name in names:
                        earlier.names.pop(name, None)
                return False
        self.lines += text.split("\n")
        if not hidden:
            self.pool += [n for n in names if isinstance(self.worlds[0].names[n], T)]
        return True

    def let(self, expression: str, hidden: bool = False) -> str | None:
        """A new name for an expression."""
        name = self.fresh()
        return name if self.add(f"{name} = {expression}", [name], hidden) else None

    def lets(self, expression: str, count: int) -> list[str] | None:
        """New names for the parts of an expression."""
        names = [self.fresh() for _ in range(count)]
        return names if self.add(f"{', '.join(names)}{',' * (count == 1)} = {expression}", names) else None

    def block(self, params: dict[str, list[T]]) -> Maker:
        """A maker for the body of a function with these parameters."""
        worlds = [w.inner({n: ts[i] for n, ts in params.items()}) for i, w in enumerate(self.worlds)]
        inner = Maker(self.shared, worlds, [*self.pool, *params], self.depth - 1)
        inner.pure = self.pure
        return inner

    def function(self, name: str, params: Sequence[str], body: Maker, result: str) -> list[str]:
        """The lines of a function that the block became."""
        return [f"def {name}({', '.join(params)}):", *("    " + line for line in body.lines), f"    return {result}"]

    def after(self, effects: str, expression: str, name: str) -> list[str]:
        """Lines that give an expression a name once an effect has happened."""
        return [f"with tf.control_dependencies([{effects}]):", f"    {name} = {expression}"]

    def guarded(self, expression: str, hidden: bool = True) -> str | None:
        """An effect, after the last one of this block; None if refused."""
        name = self.fresh("e")
        lines = self.after(self.last, expression, name) if self.last else [f"{name} = {expression}"]
        if not self.add("\n".join(lines), [name], hidden):
            return None
        self.last = name
        return name


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(a[::-1], b[::-1], strict=False))


def worlds(feeds: list[dict[str, Any]]) -> list[World]:
    """A world for each set of feeds."""
    return [World({"tf": namespace(), "np": np}, core.Run(feed)) for feed in feeds]
