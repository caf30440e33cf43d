"""Variables that get their first value in a branch or loop: they have one only if it was executed.

As TensorFlow 1.4.0 answers, but for loops: there it refuses a variable without a value as soon as a loop is entered that
names it; here only what reads one fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf

FAILS, NONE = "fails", None


class Program:
    """Two variables without values, and a number that decides which branches are taken."""

    def __init__(self) -> None:
        self.v, self.b = tf.Variable([1.0, 2.0], name="v"), tf.Variable(True, name="b")
        self.n = tf.placeholder(tf.int32, [])
        self.chosen = self.n > 0

    def put(self, value: float = 3.0) -> Any:
        return self.v.assign([value, value]) * 1.0

    def perhaps(self) -> Any:
        return tf.cond(self.chosen, self.put, lambda: tf.zeros([2]))

    def loop(self, body: Callable[[Any, Any], Any]) -> Any:
        return tf.while_loop(lambda i, s: i < self.n, lambda i, s: (i + 1, body(i, s)), [0, tf.zeros([2])])[1]


def after(first: Any, then: Callable[[], Any]) -> Any:
    with tf.control_dependencies([first]):
        return then()


def _counted(p: Program) -> Any:
    return p.loop(lambda i, s: s + tf.cond(tf.is_variable_initialized(p.v), lambda: p.v.assign_add([1.0, 1.0]) * 1.0, p.put))


def _read_before(p: Program) -> Any:
    def body(i: Any, s: Any) -> Any:
        found = p.v.read_value() * 1.0
        return s + after(found, p.put)
    return p.loop(body)


def _nested(p: Program) -> Any:
    return tf.cond(p.chosen, lambda: tf.cond(p.n > 1, p.put, lambda: tf.ones([2])), lambda: tf.zeros([2]))


PROGRAMS: dict[str, tuple[Callable[[Program], Any], list[tuple[int, Any, Any]]]] = {
    "read": (lambda p: after(p.perhaps(), p.v.read_value), [(0, FAILS, NONE), (1, 3, 3), (0, 3, 3)]),
    "updated": (lambda p: after(p.perhaps(), lambda: p.v.assign_add([1.0, 1.0])), [(0, FAILS, NONE), (1, 4, 4), (0, 5, 5)]),
    "waited for": (lambda p: after(after(p.perhaps(), p.v.read_value), lambda: tf.constant(8.0) + 0),
                   [(0, FAILS, NONE), (1, 8, 3), (0, 8, 3)]),
    "not read": (lambda p: p.perhaps(), [(0, 0, NONE), (1, 3, 3), (0, 0, 3)]),
    "read in a branch": (lambda p: after(p.perhaps(), lambda: tf.cond(p.n > 1, p.v.read_value, lambda: tf.ones([2]))),
                         [(0, 1, NONE), (1, 1, 3), (2, 3, 3)]),
    "given by both": (lambda p: after(tf.cond(p.chosen, p.put, lambda: p.put(9.0)), p.v.read_value), [(0, 9, 9), (1, 3, 3)]),
    "given after": (lambda p: after(after(p.perhaps(), lambda: p.v.assign([5.0, 5.0])), p.v.read_value),
                    [(0, 5, 5), (1, 5, 5)]),
    "nested": (_nested, [(0, 0, NONE), (1, 1, NONE), (2, 3, 3), (1, 1, 3)]),
    "asked": (lambda p: after(p.perhaps(), lambda: tf.is_variable_initialized(p.v)), [(0, 0, NONE), (1, 1, 3), (0, 1, 3)]),
    "read in a loop": (lambda p: after(p.perhaps(), lambda: p.loop(lambda i, s: s + p.v.read_value())),
                       [(0, 0, NONE), (2, 6, 3), (0, 0, 3)]),
    "given by steps": (_counted, [(0, 0, NONE), (2, 7, 4), (1, 5, 5), (0, 0, 5)]),
    "read before it is given": (_read_before, [(0, 0, NONE), (1, FAILS, NONE), (0, 0, NONE)]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_first_values(sess: Any, name: str) -> None:
    build, runs = PROGRAMS[name]
    program = Program()
    fetched = build(program)
    for n, wanted, kept in runs:
        if wanted is FAILS:
            with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value v"):
                sess.run(fetched, {program.n: n})
        else:
            found = sess.run(fetched, {program.n: n})
            np.testing.assert_array_equal(found, np.full(np.shape(found), wanted))
        there = sess.run([tf.is_variable_initialized(v) for v in (program.v, program.b)])
        assert there == [kept is not None, False]
        if kept is not None:
            np.testing.assert_array_equal(sess.run(program.v), [kept, kept])


def test_the_variable_itself_is_fetched(sess: Any) -> None:
    p = Program()
    fetches = [p.perhaps(), tf.cond(p.chosen, lambda: tf.logical_not(p.b.assign(False)), lambda: tf.constant(True))]
    with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value v"):
        sess.run([*fetches, p.v._ref()], {p.n: 0})
    assert sess.run([*fetches, p.b._ref()], {p.n: 1})[1:] == [True, False]
    assert not sess.run(p.b)


def test_a_first_value_of_unknown_shape(sess: Any) -> None:
    p = tf.placeholder(tf.bool, [])
    v = tf.Variable(tf.placeholder(tf.float32), validate_shape=False, name="shapeless")
    put = tf.cond(p, lambda: tf.assign(v, [1.0], validate_shape=False) * 1.0, lambda: tf.constant([0.0]))
    with pytest.raises(NotImplementedError, match="'shapeless' gets its first value inside a loop or branch"):
        sess.run(put, {p: True})
