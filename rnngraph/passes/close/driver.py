"""close: from the user's open graph, fetches and feeds to a closed graph. The steps, in order:

    cut     what the fetches need, feeds as parameters          twins   histories to stacks
    reroll  unrolled loops to loops, for engines that want it   prune   slot by slot, effects included
    force   what is named and may fail, though nobody reads it  thread  variables to parameters and results
    settle  sizes to symbols, broadcasts explicit               prune   what only sizes used
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rnngraph.errors import InvalidArgumentError
from rnngraph.ir.graph import Graph, Node, Target, Value
from rnngraph.ir.op import Content
from rnngraph.ir.sizes import Dim, Symbol
from rnngraph.ir.types import ListType, RefType, TensorType, Type
from rnngraph.ops.shapes import text
from rnngraph.passes.close.forced import force, relieve
from rnngraph.passes.close.guards import Facts, Guard
from rnngraph.passes.close.sizes import settle
from rnngraph.passes.close.state import Threaded, thread
from rnngraph.passes.close.twins import twins
from rnngraph.passes.loops.reroll import reroll
from rnngraph.passes.tools.control_edges import loosen
from rnngraph.passes.tools.prune import cut, prune, prune_targets


@dataclass(frozen=True)
class Opened:
    """What fetches need of the user's graph, still open: parameters are the feeds."""

    graph: Graph
    targets: tuple[Node, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Closed:
    """A closed graph: parameters are feeds, then `read` variables, then the run's number; results end with `written`, and
    whether those that are `unsure` have a value.

    `types` and `contents` are the parameters' before any guard rewrote them: they say where each symbol is found.
    """

    graph: Graph
    read: tuple[str, ...]
    written: tuple[str, ...]
    unsure: tuple[str, ...]
    types: tuple[Type, ...]
    contents: tuple[Content, ...]
    guards: tuple[Guard, ...]


def open_part(graph: Graph, values: Sequence[Value], targets: Sequence[Target], feeds: Sequence[Value],
              rerolls: bool = False) -> Opened:
    """From cut to force. `targets` must run (a value: be computed) though their results are not wanted. `rerolls`: make
    loops of what was unrolled.

    Raises InvalidArgumentError (phrase: `You must feed a value for placeholder`).
    """
    part, new_targets = cut(graph, values, targets, feeds)
    doubled = twins(part)
    new_targets = _targets_of(doubled, part, new_targets)
    if rerolls:
        doubled, new_targets = reroll(doubled, new_targets)
    live, kept = force(*prune_targets(doubled, new_targets))
    _check_placeholders(live)
    keys = tuple(dict.fromkeys(n.attrs["key"] for n in live.nodes if n.op.name == "variable"))
    return Opened(live, tuple(kept), keys)


def _targets_of(doubled: Graph, part: Graph, targets: Sequence[Node]) -> list[Node]:
    """The targets after `twins`, which keeps the order of the outermost nodes but for histories."""
    if doubled is part:
        return list(targets)
    old = [n for n in part.nodes if n.op.name != "history"]
    position = {n: i for i, n in enumerate(old)}
    kept = [n for n in doubled.nodes]
    return [kept[position[t]] for t in targets]


def _check_placeholders(graph: Graph) -> None:
    for node in graph.nodes:
        if node.op.name == "placeholder":
            t = node.attrs["type"]
            raise InvalidArgumentError(None, node, f"You must feed a value for placeholder tensor '{node.name}' with dtype "
                                                   f"{t.dtype.name} and shape {text(t.shape)}")


def _sized(t: Type, seen: set[Symbol]) -> Type:
    """A parameter's type: a symbol of its own for every size that is not a known int."""
    if isinstance(t, RefType):
        t = t.tensor
    if isinstance(t, ListType) or t.shape is None:
        return t
    return t.with_shape(tuple(d if isinstance(d, int) else _own_symbol(d, seen).dim for d in t.shape))


def _own_symbol(dim: Dim, seen: set[Symbol]) -> Symbol:
    """The symbol that the open graph has here, unless an earlier size took it: fed sizes may differ all the same."""
    symbol: Symbol | None = getattr(dim, "symbol", None)
    if symbol is None or symbol in seen:
        return Symbol("n" if symbol is None else symbol.hint)
    seen.add(symbol)
    return symbol


def close(opened: Opened, arrays: Sequence[Any], store: Any) -> Closed:
    """The closed graph for the first feeds `arrays` and the variables that have a value in `store`."""
    initialized = {k for k in opened.keys if k in store}
    threaded = thread(opened.graph, initialized, opened.targets)
    values = [*arrays, *(store[k] for k in threaded.read), 0]
    seen: set[Symbol] = set()
    given = [_param_type(p.type, v, seen) for p, v in zip(threaded.graph.params, values, strict=True)]
    contents = [_content(p, v) for p, v in zip(threaded.graph.params[:len(arrays)], arrays, strict=True)]
    contents += [None] * (len(given) - len(arrays))
    samples = bind(given, contents, values)
    facts = Facts(samples)
    graph = settle(threaded.graph, given, contents, facts)
    graph = loosen(prune(relieve(graph), keep_effects=True, closed=True))
    return _closed(graph, threaded, given, contents, facts)


def _closed(graph: Graph, threaded: Threaded, types: Sequence[Type], contents: Sequence[Content],
            facts: Facts) -> Closed:
    return Closed(graph, tuple(threaded.read), tuple(threaded.written), tuple(threaded.unsure), tuple(types),
                  tuple(contents), tuple(facts.guards))


def _param_type(t: Type, value: Any, seen: set[Symbol]) -> Type:
    if isinstance(t, RefType):
        t = t.tensor
    if isinstance(t, TensorType) and t.shape is None:
        t = t.with_shape((None,) * value.ndim)
    return _sized(t, seen)


def _content(param: Value, array: Any) -> Content:
    return (Symbol("n").dim,) if counts(param.type, array) else None


def counts(t: Type, array: Any) -> bool:
    """Whether a parameter's array is an integer scalar that can be a size."""
    return bool(isinstance(t, TensorType) and t.dtype.is_integer and array.ndim == 0 and array >= 0)


def bind(types: Sequence[Type], contents: Sequence[Content], values: Sequence[Any]) -> dict[Symbol, int]:
    """The value of every symbol that parameters bind, read off the arrays. A negative content binds -1."""
    found: dict[Symbol, int] = {}
    for t, content, value in zip(types, contents, values, strict=True):
        if isinstance(t, TensorType) and t.shape is not None:
            for d, n in zip(t.shape, getattr(value, "shape", ()), strict=True):
                _bind(found, d, n)
        if content is not None:
            _bind(found, content[0], int(value))
    return found


def _bind(found: dict[Symbol, int], dim: Dim, n: int) -> None:
    symbol = getattr(dim, "symbol", None)
    if symbol is not None:
        found.setdefault(symbol, n)
