"""What was compiled of a graph, shared by the sessions on it: a second session compiles nothing.

    fetches, feeds -> (cut, twins, prune: once a fetch set) -> (close, compile: once a guard pattern) -> executable

The order of fetches and feeds makes no other program.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnngraph import backends
from rnngraph.frontend.framework import compat
from rnngraph.frontend.framework.graph import Graph
from rnngraph.ir.graph import Node, Target, Value
from rnngraph.locks import ForkLock
from rnngraph.passes.close.driver import Closed, Opened, bind, close, counts, open_part
from rnngraph.runtime.interface import Executable, Options

SLOW = 2.0
"""A compilation that takes more seconds is logged: nobody should wonder what a first run is doing."""


@dataclass(frozen=True)
class Variant:
    """One executable of a fetch set: for a pattern of sizes and of variables that have values."""

    present: frozenset[str]
    closed: Closed
    run: Executable

    def fits(self, present: frozenset[str], arrays: Sequence[Any], store: Mapping[str, Any]) -> bool:
        """Whether the guards hold for these feeds and variables. `present`: those of the fetch set that have values."""
        if self.present != present or any(k not in store for k in self.closed.read):
            return False
        if any(c is None and counts(t, a) for t, c, a in zip(self.closed.types, self.closed.contents, arrays,
                                                            strict=False)):
            return False  # made for a negative number, which is no size
        try:
            values = bind(self.closed.types[:-1], self.closed.contents[:-1],
                          [*arrays, *(store[k] for k in self.closed.read)])
            sizes_fit = all(_static(t, v) for t, v in zip(self.closed.types, arrays, strict=False))
        except ValueError:
            return False
        return sizes_fit and min(values.values(), default=0) >= 0 and all(g.holds(values) for g in self.closed.guards)


def _static(t: Any, array: Any) -> bool:
    shape = getattr(t, "shape", None)
    return shape is None or (len(shape) == array.ndim and all(
        not isinstance(d, int) or d == n for d, n in zip(shape, array.shape, strict=True)))


@dataclass(eq=False)
class Prepared:
    """A fetch set, its values and feeds in one order: its open part, and the executables made so far."""

    values: tuple[Value, ...]
    feeds: tuple[Value, ...]
    opened: Opened
    names: str
    variants: tuple[Variant, ...] = ()

    def fitting(self, arrays: Sequence[Any], store: Mapping[str, Any]) -> Variant | None:
        """The executable for these feeds and variables, if there is one."""
        present = self.present(store)
        return next((v for v in self.variants if v.fits(present, arrays, store)), None)

    def present(self, store: Mapping[str, Any]) -> frozenset[str]:
        """The variables of the fetch set that have values."""
        return frozenset(k for k in self.opened.keys if k in store)


class Programs:
    """The programs that one engine made of one graph, with the same options. They go with the graph."""

    def __init__(self, graph: Graph, engine: str, options: Options) -> None:
        self.graph = graph
        self.backend = backends.load(engine)
        self.options = options
        self.prepared: dict[Any, Prepared] = {}
        self._compiling = ForkLock()

    @staticmethod
    def of(graph: Graph, engine: str, options: Options) -> Programs:
        """The programs of a graph. Raises what `backends.load` raises."""
        found = graph.compiled.get((engine, options)) or Programs(graph, engine, options)
        return graph.compiled.setdefault((engine, options), found)  # type: ignore[no-any-return]

    def prepare(self, values: Sequence[Value], targets: Sequence[Target], feeds: Sequence[Value]) -> Prepared:
        """The fetch set of these values and targets with these feeds. Raises OpError for a placeholder without a feed."""
        key = (frozenset(values), frozenset(targets), frozenset(feeds))
        found = self.prepared.get(key)
        if found is None:
            with self._compiling.lock:
                found = self.prepared.get(key)
                if found is None:
                    unique = tuple(dict.fromkeys(values))
                    opened = open_part(self.graph.ir, unique, targets, feeds, self.backend.rerolls)
                    found = Prepared(unique, tuple(feeds), opened, _names([*unique, *targets]))
                    self.prepared[key] = found
        return found

    def variant(self, prepared: Prepared, arrays: Sequence[Any], store: Mapping[str, Any]) -> Variant:
        """The executable for these feeds and variables. Threads that miss the same one wait while the first compiles it;
        if that fails or is interrupted, the next one tries."""
        if (ready := prepared.fitting(arrays, store)) is not None:
            return ready
        with self._compiling.lock:
            found = prepared.fitting(arrays, store)
            if found is None:
                found = self._compile(prepared, arrays, store)
                prepared.variants = (found, *prepared.variants)
        return found

    def _compile(self, prepared: Prepared, arrays: Sequence[Any], store: Mapping[str, Any]) -> Variant:
        start = time.monotonic()
        closed = close(prepared.opened, arrays, store)
        run = self.backend.compile(closed.graph, self.options)
        seconds = time.monotonic() - start
        if seconds > SLOW:
            compat.logging.warning("compiling what gives %s took %.1f s; later runs of it start at once", prepared.names,
                                   seconds)
        return Variant(prepared.present(store), closed, run)


def _names(fetched: Sequence[Target]) -> str:
    """Some names of what is fetched, for people."""
    nodes = [f if isinstance(f, Node) else f.node for f in fetched]
    names = list(dict.fromkeys(n.name for n in nodes if n is not None and n.name))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more if names else "a fetch"
