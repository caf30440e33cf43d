"""reroll: unrolled programs become loops, mean what they meant, and cost what one step costs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.ir.graph import Value, call, constant
from rnngraph.ir.verify import verify
from rnngraph.ir.walk import all_nodes
from rnngraph.passes.close.driver import close, open_part
from rnngraph.passes.loops import find_rolls
from rnngraph.passes.loops.repeats import repeats
from rnngraph.passes.loops.reroll import rerolled
from tests.passes.programs import Program, loops, same

STEPS = 9


# --- the sequence --------------------------------------------------------------------------------------------------------

def test_repeats_are_those_that_can_be_counted() -> None:
    draw = random.Random(3)
    for _ in range(200):
        sequence = [draw.randrange(3) for _ in range(draw.randrange(12))] * draw.randrange(1, 5)
        for start, period, length in repeats(sequence, 3):
            assert length >= 3 * period and 0 <= start and start + length <= len(sequence)
            assert all(sequence[i] == sequence[i + period] for i in range(start, start + length - period))
    text = [7, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 8]
    assert repeats(text, 3)[0] == (1, 3, 10)
    assert repeats([5] * 4, 3)[0] == (0, 1, 4) and repeats([5] * 2, 3) == [] and repeats([], 3) == []


# --- random programs -----------------------------------------------------------------------------------------------------

def unrolled(draw: random.Random) -> tuple[Program, list[Value], list[np.ndarray[Any, Any]]]:
    """Some steps of a random recurrence over rows of inputs, with gradients, of which some values are fetched."""
    program = Program()
    n, steps = draw.choice([1, 2, 3]), draw.choice([STEPS, STEPS + 4])
    axis = draw.choice([0, 1])
    shapes = [(steps, n) if axis == 0 else (n, steps), (n,), (n,)]
    x, w, h0 = (program.feed(s) for s in shapes)
    recipe = [(draw.choice(["add", "mul", "sub", "tanh", "skip"]), draw.randrange(9), draw.randrange(9))
              for _ in range(draw.randrange(8, 16))]
    seen: list[list[Value]] = []
    with program:
        rows = [call("squeeze", call("slice", x, starts=(t, 0) if axis == 0 else (0, t), strides=(1, 1),
                                     sizes=(1, n) if axis == 0 else (n, 1)), axes=(axis,)) for t in range(steps)]
        if draw.random() < 0.3:
            rows.reverse()
        state = [h0, h0 if draw.random() < 0.5 else w]
        for t in range(steps):
            pool = [*state, rows[t], w, constant(0.5, "float64"), constant(float(t), "float64")]
            for op, i, j in recipe:
                a, b = pool[i % len(pool)], pool[j % len(pool)]
                pool.append(call("tanh", a) if op == "tanh" else a if op == "skip" else
                            call(op, call("tanh", a) if op == "mul" else a, b))
            state = [pool[-1], call("add", pool[-2], call("mul", pool[0], constant(0.1, "float64")))]
            seen.append([call("add", s, call("zeros_like", w)) for s in state])
        total = call("reduce_sum", seen[-1][0])
        if draw.random() < 0.5:
            for one in seen:
                total = call("add", total, call("reduce_sum", one[1]))
        if draw.random() < 0.3:
            total = call("add", total, call("reduce_sum", call("stack", *(one[0] for one in seen), axis=draw.choice([0, 1]))))
        found = program.gradients(total, [x, w, h0])
        if draw.random() < 0.3:
            found += program.gradients(call("reduce_sum", call("mul", found[1], found[1])), [w, h0])
        fetches = [total, *found, *(draw.choice(seen) if draw.random() < 0.5 else [])]
    values = np.random.default_rng(draw.randrange(1000))
    return program, fetches, [values.normal(size=s) * 0.5 for s in shapes]


@pytest.mark.parametrize("seed", range(24))
def test_random_unrolled_programs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_rolls, "GAIN", 8)
    program, fetches, arrays = unrolled(random.Random(seed))
    plain = program.closed(fetches, arrays)
    later = rerolled(plain)
    verify(later, closed=True)
    same(plain, later, arrays)
    opened = open_part(program.graph, fetches, [], program.feeds, rerolls=True)
    verify(opened.graph, closed=False)
    early = close(opened, [np.asarray(a) for a in arrays], {}).graph
    same(plain, early, arrays)


def test_most_random_programs_are_rolled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_rolls, "GAIN", 8)
    made = [unrolled(random.Random(seed)) for seed in range(10)]
    found = [open_part(program.graph, fetches, [], program.feeds, rerolls=True).graph for program, fetches, _ in made]
    assert sum(map(bool, map(loops, found))) >= 8


# --- what it costs -------------------------------------------------------------------------------------------------------

def size(steps: int) -> tuple[int, int]:
    """Nodes of the opened program, and of the closed one, of an LSTM of so many steps with its gradients."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [2, steps, 3])
        outputs, _ = tf.nn.static_rnn(tf.nn.rnn_cell.BasicLSTMCell(4), tf.unstack(x, axis=1), dtype=tf.float32)
        loss = tf.reduce_mean(tf.concat(outputs, 1) ** 2)
        grads = tf.gradients(loss, tf.trainable_variables())
        opened = open_part(graph.ir, [loss.value, *(g.value for g in grads)], [], [x.value], rerolls=True)
        store = {key: np.zeros(v.shape.as_list(), np.float32) for key, v in zip(opened.keys, tf.trainable_variables(),
                                                                              strict=True)}
        closed = close(opened, [np.zeros([2, steps, 3], np.float32)], store)
    return len(list(all_nodes(opened.graph))), len(list(all_nodes(closed.graph)))


def test_the_number_of_steps_does_not_matter_after_rerolling() -> None:
    assert size(12) == size(48)


# --- what is rolled, and what is not -------------------------------------------------------------------------------------

def carried(xs: Sequence[Any], w: Any) -> Any:
    h = tf.zeros([2, 3])
    for x in xs:
        h = tf.tanh(tf.matmul(x + h, w) + h * x - 0.5) * tf.sigmoid(h + x) + tf.maximum(x, h)
    return h


def two_back(xs: Sequence[Any], w: Any) -> Any:
    h = [tf.zeros([2, 3]), tf.ones([2, 3])]
    for x in xs:
        h.append(tf.tanh(tf.matmul(x + h[-1], w) + h[-2] * x - 0.5) * tf.sigmoid(h[-2] + x))
    return h[-1]


def layers(xs: Sequence[Any], w: Any) -> Any:
    h = xs[0]
    for i in range(len(xs)):
        v = tf.get_variable(f"layer{i}", [3, 3])
        h = tf.tanh(tf.matmul(h + xs[1], v) + h * 2.0 - 0.5) * tf.sigmoid(h) + tf.exp(-h * h)
    return h + tf.reduce_sum(w)


def numbered(xs: Sequence[Any], w: Any) -> Any:
    h = tf.zeros([2, 3])
    for t, x in enumerate(xs):
        h = tf.tanh(tf.matmul(x * (t + 1.0) + h, w) + h * x - 0.5 / (t + 1)) * tf.sigmoid(h + x) + float(t)
    return h


def counted(xs: Sequence[Any], w: Any) -> Any:
    h = tf.zeros([2, 3])
    for t, x in enumerate(xs):
        h = tf.tanh(tf.matmul(x + h, w) + h * x - 0.5) + tf.reduce_sum(tf.ones(tf.stack([t + 1]))) * tf.sigmoid(h + x)
    return h


def chosen(xs: Sequence[Any], w: Any) -> Any:
    h = tf.zeros([2, 3])
    for t, x in enumerate(xs):
        h = tf.cond(tf.reduce_sum(x) > t * 0.1 - 0.5, lambda h=h, x=x, t=t: tf.matmul(h, w) * (t + 1.0) + x,  # type: ignore[misc]
                    lambda h=h, x=x: tf.tanh(h - x))  # type: ignore[misc]
    return h


def updated(xs: Sequence[Any], w: Any) -> Any:
    h, total = tf.zeros([2, 3]), tf.get_variable("total", [], initializer=tf.zeros_initializer())
    for x in xs:
        h = tf.tanh(tf.matmul(x + h, w) + h * x - 0.5) * tf.sigmoid(h + x)
        with tf.control_dependencies([tf.assign_add(total, tf.reduce_sum(h))]):
            h = tf.identity(h)
    return h


PROGRAMS = {f.__name__: f for f in (carried, two_back, layers, numbered, counted, chosen, updated)}
"""Unrolled programs: functions of the rows and of a matrix of weights."""


@pytest.mark.parametrize(("name", "given"), [
    *((name, given) for name in PROGRAMS for given in ("unstacked", "fed")),
    *((name, given) for name in ("carried", "numbered") for given in ("indexed", "split"))])
def test_programs(name: str, given: str) -> None:
    tf.reset_default_graph()
    draw = np.random.RandomState(1)
    feeds: dict[Any, Any]
    if given == "fed":
        xs = [tf.placeholder(tf.float32, [None, 3]) for _ in range(STEPS)]
        feeds = {x: draw.randn(2, 3) * 0.3 for x in xs}
    else:
        x = tf.placeholder(tf.float32, [2, STEPS, 3])
        feeds = {x: draw.randn(2, STEPS, 3) * 0.3}
        xs = {"unstacked": lambda: tf.unstack(x, axis=1), "indexed": lambda: [x[:, t] for t in range(STEPS)],
              "split": lambda: [tf.squeeze(p, [1]) for p in tf.split(x, STEPS, 1)]}[given]()
    w = tf.get_variable("w", initializer=tf.constant(draw.randn(3, 3).astype("f") * 0.4))
    y = PROGRAMS[name](xs, w)
    grads = tf.gradients(tf.reduce_sum(y), [w, xs[0], xs[STEPS // 2]])
    wanted = [y, *(g for g in grads if g is not None)]
    tf.set_random_seed(7)
    results = {}
    for engine in ("reference", "llvm"):
        with tf.Session(engine=engine) as sess:
            sess.run(tf.global_variables_initializer())
            results[engine] = [*sess.run(wanted, feeds), *sess.run(tf.global_variables())]
            rolled = "loop steps" in str(sess.explain(wanted, feeds))
    for a, b in zip(*results.values(), strict=True):
        np.testing.assert_allclose(a, b, 2e-5, 1e-5)
    if name in ("carried", "numbered", "chosen", "layers"):
        assert rolled == (name != "layers")


def test_a_program_without_repeats_stays_the_same_object() -> None:
    program = Program()
    x = program.feed((3,))
    with program:
        y = call("tanh", call("add", x, x))
    closed = program.closed([y], [np.ones(3)])
    assert rerolled(closed) is closed
