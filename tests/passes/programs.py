"""A tiny while_loop and TensorArray in IR, as TensorFlow programs use them: for tests of loop passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import rnngraph.ops
from rnngraph.autodiff.reverse import reverse
from rnngraph.backends.reference import ENGINE
from rnngraph.ir.binders import mentioned
from rnngraph.ir.graph import Builder, Graph, Node, Value, building, call, constant
from rnngraph.ir.types import ListType, TensorType, tensor
from rnngraph.ir.walk import all_nodes
from rnngraph.ops.control import INDEX, make_if, make_loop
from rnngraph.passes.close.driver import close, open_part
from rnngraph.runtime.interface import Options

assert rnngraph.ops


def array(size: Value, dtype: Any = "float64", shape: Sequence[int | None] | None = None, **attrs: Any) -> Value:
    """A TensorArray."""
    return call("list_new", size, element=tensor(dtype, shape), **attrs)


def entry(t: Any) -> Any:
    """The type of a carried parameter, as the frontend says it."""
    if isinstance(t, ListType):
        return ListType(t.element, None)
    assert isinstance(t, TensorType)
    return t if t.shape is None else t.with_shape(tuple(d if isinstance(d, int) else None for d in t.shape))


class Program:
    """An open graph under construction; `with program:` makes it the current one."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.builder = Builder(self.graph)
        self.feeds: list[Value] = []
        self.stack = [self.builder]

    def feed(self, shape: Sequence[int | None] = (), dtype: Any = "float64") -> Value:
        """A placeholder."""
        with building(self.builder):
            self.feeds.append(call("placeholder", type=tensor(dtype, shape)))
        return self.feeds[-1]

    def __enter__(self) -> Program:
        self._context = building(self.builder)
        self._context.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._context.__exit__(*details)

    def loop(self, cond: Callable[..., Value] | None, body: Callable[..., Sequence[Value]], start: Sequence[Value],
             **attrs: Any) -> Sequence[Value]:
        """tf.while_loop: the final values."""
        outer = self.stack[-1]
        regions = []
        for make in (cond, body):
            if make is None:
                continue
            inner = outer.region()
            inner.param(tensor(INDEX, ()), None, "t")
            params = [inner.param(entry(v.type), None, "v") for v in start]
            self.stack.append(inner)
            with building(inner):
                made = make(*params)
                inner.graph.seal([inner.local(v) for v in ([made] if isinstance(made, Value) else made)])
            self.stack.pop()
            regions.append(inner)
        node = make_loop(outer, cond=regions[0] if cond else None, body=regions[-1], carry=start, **attrs)
        return node.results[:len(start)]

    def scan(self, body: Callable[..., tuple[Sequence[Value], Sequence[Value]]], limit: Value, start: Sequence[Value],
             rows: Sequence[Value], **attrs: Any) -> Node:
        """A structured loop: body(t, carries, rows) -> carries, stacks."""
        outer = self.stack[-1]
        inner = outer.region()
        step = inner.param(tensor(INDEX, ()), None, "t")
        params = [inner.param(entry(v.type), None, "v") for v in start]
        items = [inner.param(v.tensor.with_shape(v.shape[1:]), None, "x") for v in rows]
        self.stack.append(inner)
        with building(inner):
            carries, stacks = body(step, params, items)
            inner.graph.seal([inner.local(v) for v in (*carries, *stacks)])
        self.stack.pop()
        return make_loop(outer, body=inner, limit=limit, carry=start, rows=rows, **attrs)

    def cond(self, predicate: Value, then: Callable[[], Sequence[Value]],
             other: Callable[[], Sequence[Value]]) -> Sequence[Value]:
        """tf.cond."""
        outer = self.stack[-1]
        regions = []
        for make in (then, other):
            inner = outer.region()
            self.stack.append(inner)
            with building(inner):
                inner.graph.seal([inner.local(v) for v in make()])
            self.stack.pop()
            regions.append(inner)
        return make_if(outer, predicate, *regions).results

    def gradients(self, y: Value, xs: Sequence[Value]) -> list[Value]:
        """tf.gradients of a scalar; zeros for None."""
        seed = constant(1.0, y.type.dtype.numpy)
        found = reverse(self.builder, [y], [seed], list(xs))
        return [call("zeros_like", x) if g is None else g for g, x in zip(found, xs, strict=True)]

    def closed(self, fetches: Sequence[Value], arrays: Sequence[Any]) -> Graph:
        """The closed graph for these feeds."""
        made = close(open_part(self.graph, fetches, [], self.feeds), [np.asarray(a) for a in arrays], {}).graph
        made.binds.update(s for p in made.params for s in mentioned(p))
        return made


def run(graph: Graph, arrays: Sequence[Any]) -> list[Any]:
    """A closed graph on the reference engine."""
    return ENGINE.compile(graph, Options())([*(np.asarray(a) for a in arrays), np.int64(0)])


def same(a: Graph, b: Graph, arrays: Sequence[Any], rtol: float = 1e-10) -> None:
    """Check that two graphs give the same results."""
    for x, y in zip(run(a, arrays), run(b, arrays), strict=True):
        np.testing.assert_allclose(np.asarray(x, np.float64), np.asarray(y, np.float64), rtol, 1e-12)


def ops(graph: Graph) -> list[str]:
    """Names of all ops of a program, sorted."""
    return sorted(n.op.name for n in all_nodes(graph))


def loops(graph: Graph) -> list[Node]:
    """All loops of a program."""
    return [n for n in all_nodes(graph) if n.op.name == "loop"]


def square(x: Value) -> Value:
    """The sum of squares."""
    return call("reduce_sum", call("mul", x, x), axes=None, keep=False)
