"""Plans: complete without the graph they were made of, printed step by step, and run in NumPy as in machine code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.backends import load
from rnngraph.backends.llvm.records import Codes
from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.lowering import plan as p
from rnngraph.lowering.print_plan import print_plan
from rnngraph.runtime.interface import Options
from tests.support.plan_engine import PlanEngine


def parts(item: Any) -> Iterator[Any]:
    """Everything that something is made of."""
    yield item
    inner: Any = ()
    if isinstance(item, (tuple, list)):
        inner = item
    elif isinstance(item, dict):
        inner = [*item, *item.values()]
    elif is_dataclass(item):
        inner = [getattr(item, f.name) for f in fields(item)]
    for each in inner:
        yield from parts(each)


class Recording(PlanEngine):
    """The engine that interprets plans, and keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.plans: list[p.Plan] = []

    def segment(self, plan: p.Plan, codes: Codes) -> Any:
        """Note a plan."""
        self.plans.append(plan)
        return super().segment(plan, codes)


def programs() -> Iterator[tuple[Any, dict[Any, Any]]]:
    """Fetches and feeds of programs that have every kind of step together."""
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    i, n = tf.placeholder(tf.int32, [None], name="i"), tf.placeholder(tf.int32, [], name="n")
    w = tf.constant(np.arange(12, dtype="f").reshape(3, 4) / 10.0)
    feeds = {x: np.arange(15, dtype="f").reshape(5, 3) / 7.0, i: [0, 4, 2], n: 3}
    ys = tf.scan(lambda h, row: tf.tanh(tf.tensordot(row, w, 1) + h), x, tf.zeros([4]))
    yield [ys, tf.gradients(ys, x)[0]], feeds
    picked = tf.gather(x, i)
    yield [picked, tf.argmax(x, 1), tf.argmin(x, 0), tf.convert_to_tensor(tf.gradients(picked ** 2, x)[0]),
           tf.nn.sparse_softmax_cross_entropy_with_logits(labels=i, logits=tf.matmul(picked, tf.ones([3, 5])))], feeds
    with tf.control_dependencies([tf.assert_less(tf.reduce_max(x), 100.0)]):
        yield [tf.cond(n > 2, lambda: x * 2.0, lambda: x - 1.0), tf.random_uniform([3, 2], seed=4)], feeds
    rows = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[3])
    grown = tf.while_loop(lambda t, s, a: tf.reduce_sum(s) < 200.0, lambda t, s, a: (t + 1, s * 1.5, a.write(t, s)),
                          (0, x[1], rows))[2].stack()
    yield [grown, tf.gradients(grown, x)[0]], feeds
    yield [tf.matmul(x, w), tf.reduce_max(x, 1), tf.reverse(x, [0]), tf.transpose(x), tf.concat([x, x], 0), x[:, 1:]], feeds
    yield [tf.boolean_mask(x, x[:, 0] > 1.0), tf.zeros(tf.stack([n, 2])), tf.range(n) // 2], feeds
    yield [tf.while_loop(lambda t, s: t < n, lambda t, s: (t + 1, tf.matmul(s, s)), (0, tf.eye(4)))[1]], feeds


def test_plans_are_complete_printed_and_run_in_numpy() -> None:
    engine, seen = Recording(), set()
    with tf.Session(engine="reference") as sess:
        for fetches, feeds in programs():
            closed = sess.closed_graph(fetches, feeds)
            fed = {key.op.name: np.asarray(value, key.dtype.as_numpy_dtype) for key, value in feeds.items()}
            arrays = [fed.get(param.hint, np.int64(1)) for param in closed.params]
            wanted = load("reference").compile(closed, Options())(arrays)
            found = engine.compile(closed, Options())(arrays)
            for a, b in zip(wanted, found, strict=True):
                np.testing.assert_allclose(a, b, 1e-5, 1e-6)
    for plan in engine.plans:
        text = print_plan(plan)
        assert text.startswith("plan(") and "?" not in text and "object at" not in text
        for item in parts(plan):
            assert not isinstance(item, (Node, Value, Graph))
            seen.add(type(item))
    missing = {kind.__name__ for kind in get_args(p.Step)} - {kind.__name__ for kind in seen}
    assert missing <= {"Fail", "CheckSizes", "Bind"}, missing


@pytest.mark.parametrize(("step", "text"), [
    (p.Fail(0), "fail 0: take"),
    (p.CheckSizes("==", 2, 3, 0), "check 2 == 3 else fail 0: take t  # model.py:3"),
])
def test_steps_that_few_programs_have(step: p.Step, text: str) -> None:
    failure = p.Failure("take", "t", "model.py:3")
    plan = p.Plan((), (), (), (step,), (), (failure,), (), (), p.Arena((), {}))
    assert print_plan(plan) == f"plan() -> ()\n  {text}\n"
