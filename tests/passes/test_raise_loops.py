"""TensorFlow-style loops, with gradients, become canonical loops that give the same results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from rnngraph.backends.llvm.engine import LLVMEngine
from rnngraph.backends.reference import ENGINE
from rnngraph.errors import InvalidArgumentError
from rnngraph.ir.graph import Graph, Value, call, constant
from rnngraph.ir.types import float64, int32
from rnngraph.ir.verify import verify
from rnngraph.passes.close import driver
from rnngraph.passes.close.guards import Facts
from rnngraph.passes.close.sizes import settle
from rnngraph.passes.loops.accumulate import accumulate
from rnngraph.passes.pipeline import LOOPS, TIDY, optimise
from rnngraph.passes.tools.prune import prune
from rnngraph.runtime.interface import Options
from tests.passes.programs import Program, array, loops, ops, run, same, square

random = np.random.RandomState(0)
Made = tuple[list[Value], list[Any]]
Builds = Callable[[Program], Made]


def draw(*shape: int) -> Any:
    """Small numbers."""
    return random.randn(*shape) * 0.5


def whole(value: int) -> Value:
    """An int32 scalar."""
    return constant(value, "int32")


def size(x: Value, axis: int = 0) -> Value:
    """One size of x."""
    return call("squeeze", call("slice", call("shape", x), starts=(axis,), strides=(1,), sizes=(1,)), axes=(0,))


def add(a: Value, b: Value) -> Value:
    """a + b."""
    return call("add", a, b)


def shaped(x: Value, *shape: int | None) -> Value:
    """x with set_shape."""
    return call("refine", x, shape=shape)


def higher(p: Program, loss: Value, xs: Sequence[Value], order: int) -> list[Value]:
    """Gradients of `loss`, of sums of squares of them, and so on."""
    found: list[Value] = []
    for _ in range(order):
        made = p.gradients(loss, xs)
        found += made
        loss = square(call("sin", made[0]))
        for v in made[1:]:
            loss = add(loss, square(call("sin", v)))
    return found


# --- counters ----------------------------------------------------------------------------------------------------

def counted(compare: str, start: int, n: int, dtype: str = "int32") -> Builds:
    """A counter with a fed bound."""
    def make(p: Program) -> Made:
        x, bound = p.feed((3,)), p.feed((), dtype)
        one, first = constant(1, dtype), constant(start, dtype)

        def cond(i: Value, y: Value) -> Value:
            return call(compare, i, bound) if compare.startswith("less") else call(compare, bound, i)

        def body(i: Value, y: Value) -> Sequence[Value]:
            return add(i, one), call("mul", y, call("cast", i, dtype=float64))

        i, y = p.loop(cond, body, [first, x])
        return [i, y, *higher(p, square(y), [x], 2)], [draw(3), np.asarray(n, dtype)]
    return make


def bounded_by_data(lengths: Sequence[int]) -> Builds:
    """A bound that is computed."""
    def make(p: Program) -> Made:
        x, given = p.feed((None,)), p.feed((None,), "int32")
        bound = call("reduce_max", given, axes=None, keep=False)
        i, y = p.loop(lambda i, y: call("greater", bound, i), lambda i, y: (add(whole(1), i), call("tanh", y)),
                      [whole(0), x])
        return [i, y, *higher(p, square(y), [x], 1)], [draw(3), np.asarray(lengths, np.int32)]
    return make


def stops_early(p: Program) -> Made:
    """A bound and another condition."""
    x, n = p.feed((3,)), p.feed((), "int32")

    def cond(i: Value, y: Value) -> Value:
        return call("logical_and", call("less", i, n),
                    call("less", call("reduce_sum", y, axes=None, keep=False), constant(20.0)))

    i, y = p.loop(cond, lambda i, y: (add(i, whole(1)), add(y, call("mul", y, y))), [whole(0), x])
    return [i, y, *higher(p, square(y), [x], 2)], [abs(draw(3)) + 1, np.int32(50)]


def weights_carried(p: Program) -> Made:
    """A carry that never changes."""
    x, w, n = p.feed((None, 3)), p.feed((3, 3)), p.feed((), "int32")
    i, y, v = p.loop(lambda i, y, v: call("less", i, n),
                     lambda i, y, v: (add(i, whole(1)), call("tanh", call("contract", y, v, spec="bi,ij->bj")), v),
                     [whole(0), x, w])
    return [i, y, v, *higher(p, add(square(y), square(v)), [x, w], 2)], [draw(2, 3), draw(3, 3), np.int32(4)]


def limited_twice(p: Program) -> Made:
    """maximum_iterations beside a bound."""
    x, n, m = p.feed((3,)), p.feed((), "int32"), p.feed((), "int32")
    i, y = p.loop(lambda i, y: call("less", i, n), lambda i, y: (add(i, whole(1)), call("tanh", y)), [whole(0), x],
                  limit=m)
    return [i, y, *higher(p, square(y), [x], 1)], [draw(3), np.int32(5), np.int32(3)]


# --- TensorArrays ------------------------------------------------------------------------------------------------

def rnn(order: int = 1, steps: int = 4, clear: bool = True, shape: Sequence[int | None] | None = None,
        indexed: bool = False, from_end: bool = False, to_end: bool = False, known: bool = True) -> Builds:
    """A recurrence between two TensorArrays."""
    def make(p: Program) -> Made:
        x, w, u, h0 = p.feed((None, None, 3)), p.feed((3, 4)), p.feed((4, 4)), p.feed((None, 4))
        n = size(x)
        places = call("range", whole(0), n, whole(1))
        last = call("sub", n, whole(1))
        new = array(n, clear=clear)
        source = call("list_scatter", new, places, x) if indexed else call("list_unstack", new, x)

        def body(i: Value, o: Value, h: Value) -> Sequence[Value]:
            row = call("list_read", source, call("sub", last, i) if from_end else i)
            row = shaped(row, None, 3) if known else row
            h = call("tanh", add(call("contract", row, w, spec="bi,ih->bh"), call("contract", h, u, spec="bh,hk->bk")))
            return add(i, whole(1)), call("list_write", o, call("sub", last, i) if to_end else i, h), h

        _, o, h = p.loop(lambda i, o, h: call("less", i, n), body, [whole(0), array(n, shape=shape), h0])
        y = call("list_gather", o, places) if indexed else call("list_stack", o)
        loss = square(h)
        if known:
            y = shaped(y, None, None, 4)
            by_step = call("reduce_sum", call("mul", y, call("sin", y)), axes=(1, 2), keep=False)
            weights = call("cast", call("iota", call("shape", by_step), axis=0, dtype=int32), dtype=float64)
            loss = add(loss, call("reduce_sum", call("mul", by_step, weights), axes=None, keep=False))
        return [loss, h, y, *higher(p, loss, [x, w, u, h0], order)], [draw(steps, 2, 3), draw(3, 4), draw(4, 4),
                                                                      draw(2, 4)]
    return make


def two_layers(p: Program) -> Made:
    """A TensorArray written by one loop is read by the next."""
    x, w, h0 = p.feed((None, None, 3)), p.feed((3, 3)), p.feed((None, 3))
    n = size(x)

    def layer(source: Value) -> Value:
        def body(i: Value, o: Value, h: Value) -> Sequence[Value]:
            row = shaped(call("list_read", source, i), None, 3)
            h = call("tanh", add(call("contract", row, w, spec="bi,ih->bh"), h))
            return add(i, whole(1)), call("list_write", o, i, h), h
        return p.loop(lambda i, o, h: call("less", i, n), body, [whole(0), array(n), h0])[1]

    y = shaped(call("list_stack", layer(layer(call("list_unstack", array(n), x)))), None, None, 3)
    return [y, *higher(p, square(y), [x, w, h0], 2)], [draw(4, 2, 3), draw(3, 3), draw(2, 3)]


def nested(order: int) -> Builds:
    """A loop over TensorArrays in the body of another."""
    def make(p: Program) -> Made:
        x, h0 = p.feed((None, None, 2)), p.feed((2,))
        n, m = size(x), size(x, 1)
        outer = call("list_unstack", array(n), x)

        def body(i: Value, o: Value, h: Value) -> Sequence[Value]:
            inner = call("list_unstack", array(m), shaped(call("list_read", outer, i), None, 2))

            def step(j: Value, q: Value, h: Value) -> Sequence[Value]:
                h = call("tanh", add(h, shaped(call("list_read", inner, j), 2)))
                return add(j, whole(1)), call("list_write", q, j, h), h

            _, q, h = p.loop(lambda j, q, h: call("less", j, m), step, [whole(0), array(m), h])
            return add(i, whole(1)), call("list_write", o, i, call("list_stack", q)), h

        _, o, _ = p.loop(lambda i, o, h: call("less", i, n), body, [whole(0), array(n), h0])
        y = shaped(call("list_stack", o), None, None, 2)
        return [y, *higher(p, square(y), [x, h0], order)], [draw(3, 4, 2), draw(2)]
    return make


def branches(p: Program) -> Made:
    """A branch in the body, reading outside of it."""
    x, h0 = p.feed((None, 2)), p.feed((2,))
    n = size(x)
    source = call("list_unstack", array(n), x)

    def body(i: Value, o: Value, h: Value) -> Sequence[Value]:
        row = shaped(call("list_read", source, i), 2)
        (h,) = p.cond(call("greater", call("reduce_sum", h, axes=None, keep=False), constant(0.0)),
                      lambda: [call("tanh", add(h, row))], lambda: [call("mul", h, row)])
        return add(i, whole(1)), call("list_write", o, i, h), h

    _, o, _ = p.loop(lambda i, o, h: call("less", i, n), body, [whole(0), array(n), h0])
    y = shaped(call("list_stack", o), None, 2)
    return [y, *higher(p, square(y), [x, h0], 2)], [draw(4, 2), draw(2)]


def grows(p: Program) -> Made:
    """An array that grows while a condition on data holds."""
    x = p.feed((2, 3))

    def body(i: Value, o: Value, h: Value) -> Sequence[Value]:
        h = add(h, call("mul", h, h))
        return add(i, whole(1)), call("list_write", o, i, h), h

    i, o, _ = p.loop(lambda i, o, h: call("less", call("reduce_sum", h, axes=None, keep=False), constant(50.0)), body,
                     [whole(0), array(whole(0), dynamic=True), x])
    y = shaped(call("list_stack", o), None, 2, 3)
    return [y, i, *higher(p, square(y), [x], 1)], [abs(draw(2, 3)) + 0.3]


def lengths(p: Program) -> Made:
    """Sequence lengths by selection, as in dynamic_rnn."""
    x, h0, given = p.feed((None, None, 3)), p.feed((None, 3)), p.feed((None,), "int32")
    n = size(x)
    source = call("list_unstack", array(n), x)

    def body(i: Value, o: Value, h: Value) -> Sequence[Value]:
        new = call("tanh", add(h, shaped(call("list_read", source, i), None, 3)))
        on = call("broadcast", call("expand_dims", call("less", i, given), axis=1), call("shape", h))
        out = call("select", on, new, call("zeros_like", new))
        return add(i, whole(1)), call("list_write", o, i, out), call("select", on, new, h)

    _, o, h = p.loop(lambda i, o, h: call("less", i, n), body, [whole(0), array(n), h0])
    y = shaped(call("list_stack", o), None, None, 3)
    return ([y, *higher(p, add(square(y), square(h)), [x, h0], 1)],
            [draw(4, 2, 3), draw(2, 3), np.array([2, 4], np.int32)])


# --- what stays --------------------------------------------------------------------------------------------------

def two_writes(p: Program) -> Made:
    """Two elements written a step."""
    x = p.feed((None, 2))
    n = size(x)

    def body(i: Value, o: Value, h: Value) -> Sequence[Value]:
        h = call("tanh", h)
        o = call("list_write", call("list_write", o, i, h), add(i, n), add(h, h))
        return add(i, whole(1)), o, h

    _, o, _ = p.loop(lambda i, o, h: call("less", i, n), body, [whole(0), array(add(n, n)), x])
    y = shaped(call("list_stack", o), None, None, 2)
    return [y, *higher(p, square(y), [x], 1)], [draw(3, 2)]


def read_outside(p: Program) -> Made:
    """The last element is read after the loop, the first one of the input again."""
    x, h0 = p.feed((None, 2)), p.feed((2,))
    n = size(x)
    source = call("list_unstack", array(n, clear=False), x)

    def body(i: Value, o: Value, h: Value) -> Sequence[Value]:
        h = call("tanh", add(h, shaped(call("list_read", source, i), 2)))
        return add(i, whole(1)), call("list_write", o, i, h), h

    _, o, _ = p.loop(lambda i, o, h: call("less", i, n), body, [whole(0), array(n, clear=False), h0])
    last = shaped(call("list_read", o, call("sub", n, whole(1))), 2)
    first = shaped(call("list_read", source, whole(0)), 2)
    return higher(p, add(square(last), square(first)), [x, h0], 1), [draw(4, 2), draw(2)]


RAISED: dict[str, Builds] = {
    "less": counted("less", 2, 5), "less_equal": counted("less_equal", 0, 3), "none": counted("less", 3, 1),
    "greater": counted("greater", 1, 4, "int64"), "greater_equal": counted("greater_equal", 0, 0),
    "data": bounded_by_data([1, 4, 2]), "negative": bounded_by_data([-3, -1]), "weights_carried": weights_carried,
    "limited_twice": limited_twice, "rnn": rnn(), "second": rnn(2), "one_step": rnn(2, 1), "keep": rnn(clear=False),
    "element_shape": rnn(shape=(None, 4)), "indexed": rnn(2, indexed=True), "from_end": rnn(2, from_end=True),
    "to_end": rnn(2, to_end=True), "both_ends": rnn(2, from_end=True, to_end=True), "unshaped": rnn(known=False),
    "two_layers": two_layers, "nested": nested(0), "nested_grad": nested(1), "nested_second": nested(2),
    "branches": branches, "lengths": lengths}
"""Programs of which neither conditions nor lists are left."""

PARTLY: dict[str, Builds] = {"stops_early": stops_early, "grows": grows, "two_writes": two_writes,
                             "read_outside": read_outside}


def closed(make: Builds) -> tuple[Graph, list[Any]]:
    """A program, closed, and its feeds."""
    program = Program()
    with program:
        fetches, arrays = make(program)
    return program.closed(fetches, arrays), arrays


def lists(graph: Graph) -> set[str]:
    """What is left of lists."""
    return {name for name in ops(graph) if "list" in name}


@pytest.mark.parametrize("name", RAISED)
def test_raised(name: str) -> None:
    before, arrays = closed(RAISED[name])
    after = optimise(before, (*TIDY, *LOOPS))
    verify(after, closed=True)
    same(before, after, arrays, 1e-8)
    assert not lists(after)
    assert all(len(loop.regions) == 1 for loop in loops(after)), "a condition is left"
    assert optimise(after, (*TIDY, *LOOPS)) is after
    summed = accumulate(after)
    verify(summed, closed=True)
    same(before, summed, arrays, 1e-8)


@pytest.mark.parametrize("name", PARTLY)
def test_partly_raised(name: str) -> None:
    before, arrays = closed(PARTLY[name])
    after = optimise(before, (*TIDY, *LOOPS))
    verify(after, closed=True)
    same(before, after, arrays, 1e-8)


def test_what_stays() -> None:
    assert all(len(loop.regions) == 2 or loop.attrs["reverse"] for loop in loops(
        optimise(closed(stops_early)[0], (*TIDY, *LOOPS))) if loop.attrs["limited"] is False)
    assert "list_write" in lists(optimise(closed(two_writes)[0], (*TIDY, *LOOPS)))
    assert "list_read" in lists(optimise(closed(read_outside)[0], (*TIDY, *LOOPS)))
    assert not lists(optimise(closed(grows)[0], (*TIDY, *LOOPS)))


# --- closing, then raising -----------------------------------------------------------------------------------

def settled(make: Builds) -> tuple[Graph, Facts, list[Any]]:
    """A program closed as the close step does it, its loops raised."""
    program = Program()
    with program:
        fetches, arrays = make(program)
    threaded = driver.thread(driver.open_part(program.graph, fetches, [], program.feeds).graph, set(), {})
    values = [*map(np.asarray, arrays), 0]
    seen: set[Any] = set()
    given = [driver._param_type(p.type, v, seen) for p, v in zip(threaded.graph.params, values, strict=True)]
    contents = [*(driver._content(p, v) for p, v in zip(threaded.graph.params, values[:-1], strict=False)), None]
    facts = Facts(driver.bind(given, contents, values))
    graph = settle(threaded.graph, given, contents, facts)
    graph = prune(graph, keep_effects=True, closed=True)
    return optimise(graph, (*TIDY, *LOOPS)), facts, arrays


@pytest.mark.parametrize("name", [n for n in RAISED if RAISED[n].__qualname__.startswith("rnn")] + ["two_layers",
                                                                                                    "lengths"])
def test_batch_is_one_size(name: str) -> None:
    graph, facts, arrays = settled(RAISED[name])
    verify(graph, closed=True)
    same(closed(RAISED[name])[0], graph, arrays, 1e-8)
    assert [g.relation == "==" for g in facts.guards] and not {"unbroadcast", "check_sizes", "refine"} & set(ops(graph))


def test_no_steps() -> None:
    graph, _, arrays = settled(rnn(2, 0, shape=(2, 4)))
    loss, h, y, *gradients = run(graph, arrays)
    assert y.shape == (0, 2, 4)
    np.testing.assert_allclose(h, arrays[3])
    np.testing.assert_allclose(gradients[3], 2 * arrays[3])


# --- failures stay -----------------------------------------------------------------------------------------------

def fails(make: Builds) -> None:
    """Both the program as it is and the raised one fail."""
    before, arrays = closed(make)
    for graph in (before, optimise(before, (*TIDY, *LOOPS))):
        with pytest.raises(InvalidArgumentError):
            run(graph, arrays)


def test_second_read_of_cleared_fails() -> None:
    def make(p: Program) -> Made:
        x = p.feed((None, 2))
        n = size(x)
        source = call("list_unstack", array(n), x)
        i, s = p.loop(lambda i, s: call("less", i, n), lambda i, s: (
            add(i, whole(1)), add(s, add(call("list_read", source, i), call("list_read", source, i)))),
            [whole(0), constant(np.zeros(2))])
        return [s], [draw(3, 2)]
    fails(make)


def test_unwritten_element_fails() -> None:
    def make(p: Program) -> Made:
        x = p.feed((None, 2))
        n = size(x)
        i, o = p.loop(lambda i, o: call("less", i, n), lambda i, o: (
            add(i, whole(1)), call("list_write", o, i, constant(np.zeros(2)))), [whole(0), array(add(n, whole(1)))])
        return [call("list_stack", o)], [draw(3, 2)]
    fails(make)


def test_write_of_other_shape_fails() -> None:
    def make(p: Program) -> Made:
        x = p.feed((None, 2))
        n = size(x)
        i, o = p.loop(lambda i, o: call("less", i, n), lambda i, o: (
            add(i, whole(1)), call("list_write", o, i, constant(np.zeros(2)))), [whole(0), array(n, shape=(3,))])
        return [call("list_stack", o)], [draw(3, 2)]
    fails(make)


def test_read_beyond_the_end_fails() -> None:
    def make(p: Program) -> Made:
        x = p.feed((None, 2))
        n = size(x)
        source = call("list_unstack", array(n), x)
        i, s = p.loop(lambda i, s: call("less_equal", i, n), lambda i, s: (
            add(i, whole(1)), add(s, call("list_read", source, i))), [whole(0), constant(np.zeros(2))])
        return [s], [draw(3, 2)]
    fails(make)


# --- rows --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("computed", [False, True])
def test_a_loop_of_more_steps_than_rows_is_refused_before_it_runs(computed: bool) -> None:
    """Native code reads rows without looking, so closing must have made sure that they are there."""
    program = Program()
    x, n = program.feed([None, 2], "float32"), program.feed([], "int32")
    with program:
        limit = add(n, whole(0)) if not computed else call("reduce_max", call("stack", n, n))
        start = call("zeros_like", call("take", x, whole(0)))
        node = program.scan(lambda t, c, r: ([add(c[0], r[0])], []), limit, [start], [x])
    for steps in (0, 1, 2, 3):
        arrays = [np.ones([2, 2], np.float32), np.int32(steps)]
        graph = program.closed([node.results[0]], arrays)
        for engine in (LLVMEngine(), ENGINE):
            ready = engine.compile(graph, Options())
            if steps <= 2:
                assert ready([*arrays, np.int64(0)])[0].tolist() == [float(steps)] * 2
            else:
                with pytest.raises(InvalidArgumentError, match="reads a row in each"):
                    ready([*arrays, np.int64(0)])
