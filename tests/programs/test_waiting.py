"""What is waited for runs, whatever made it; what is not taken is not looked at. As TensorFlow 1.4.0 does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf

Invalid = tf.errors.InvalidArgumentError


def counting(v: Any) -> Callable[[Any], Any]:
    """A body that adds 2 to v in each step."""
    def body(i: Any) -> Any:
        with tf.control_dependencies([v.assign_add(2)]):
            return tf.identity(i + 1)
    return body


def first(c: Any, v: Any) -> Any:
    return tf.cond(c, lambda: v.assign_add(5), lambda: tf.constant(0))


def nested(c: Any, v: Any) -> Any:
    def body(i: Any) -> Any:
        with tf.control_dependencies([first(c, v)]):
            return tf.identity(i + 1)
    return tf.while_loop(lambda i: i < 3, body, [0])


MADE: dict[str, tuple[Callable[[Any, Any], Any], int]] = {
    "cond": (first, 5), "cond in cond": (lambda c, v: tf.cond(c, lambda: first(c, v), lambda: tf.constant(0)), 5),
    "while_loop": (lambda c, v: tf.while_loop(lambda i: i < 3, counting(v), [0]), 6), "cond in while": (nested, 15),
    "scan": (lambda c, v: tf.scan(lambda a, x: a + v.assign_add(1), tf.constant([1, 2, 3]), 0), 3),
    "map_fn": (lambda c, v: tf.map_fn(lambda x: x + v.assign_add(1), tf.constant([1, 2, 3])), 3),
    "foldl": (lambda c, v: tf.foldl(lambda a, x: a + v.assign_add(1), tf.constant([1, 2, 3])), 2),
    "case": (lambda c, v: tf.case([(c, lambda: v.assign_add(7))], default=lambda: tf.constant(0)), 7)}


def dependent(made: Any) -> Any:
    with tf.control_dependencies([made]):
        return tf.constant(1) + 1


WAITS: dict[str, Callable[[Any], Any]] = {
    "control_dependencies": dependent, "group": lambda made: tf.group(made), "op": lambda made: made.op,
    "tuple": lambda made: tf.tuple([made, tf.constant(1)])[1], "fetch": lambda made: made,
    "group of group": lambda made: tf.group(tf.group(made))}


@pytest.mark.parametrize("how", list(WAITS))
@pytest.mark.parametrize("what", list(MADE))
def test_what_is_waited_for_runs(sess: Any, what: str, how: str) -> None:
    c, v = tf.placeholder(tf.bool, []), tf.Variable(0)
    make, wanted = MADE[what]
    fetch = WAITS[how](make(c, v))
    sess.run(v.initializer)
    sess.run(fetch, {c: True})
    assert sess.run(v) == wanted
    if what in ("cond", "case", "cond in while"):
        sess.run(fetch, {c: False})
        assert sess.run(v) == wanted, "the other branch does nothing"


def test_python_functions_in_a_branch(sess: Any) -> None:
    calls: list[int] = []
    c = tf.placeholder(tf.bool, [])
    made = tf.cond(c, lambda: tf.py_func(lambda: calls.append(1) or np.int32(3), [], tf.int32), lambda: tf.constant(0))
    for count, fetch in enumerate((tf.group(made), made.op, made), 1):
        sess.run(fetch, {c: True})
        assert len(calls) == count
        sess.run(fetch, {c: False})
        assert len(calls) == count


def test_gradients_add_up_until_a_branch_applies_them(sess: Any) -> None:
    w, total, step = tf.Variable(1.0), tf.Variable(0.0), tf.Variable(0)
    with tf.control_dependencies([total.assign_add(tf.gradients((w - 3.0) ** 2, w)[0])]):
        done = tf.cond(tf.equal(step % 2, 1), lambda: tf.group(w.assign_sub(0.1 * total), total.assign(0.0)), tf.no_op)
    train = tf.group(done, step.assign_add(1))
    sess.run(tf.global_variables_initializer())
    found = []
    for _ in range(4):
        sess.run(train)
        found.append(sess.run(w))
    np.testing.assert_allclose(found, [1, 1.8, 1.8, 2.28], rtol=1e-6)


def test_waiting_for_what_is_fed(sess: Any) -> None:
    p, k = tf.placeholder(tf.float32, []), tf.constant(4.0)
    for given in (p, k):
        with tf.control_dependencies([given]):
            y = tf.constant(1.0) * 2
        for fetch in (y, tf.group(given), tf.tuple([given, y])[1]):
            sess.run(fetch, {given: 1.0})
    with pytest.raises(Invalid, match="must feed a value"):
        sess.run(tf.group(p))


def test_edges_made_in_a_branch_belong_to_it(sess: Any) -> None:
    c, x, v = tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, []), tf.Variable(0)

    def checked() -> Any:
        with tf.control_dependencies([tf.Assert(x > 0, [x]), v.assign_add(10)]):
            return tf.identity(x)
    y = tf.cond(c, checked, lambda: -x)
    sess.run(v.initializer)
    for fetch in (y, tf.group(y)):
        with pytest.raises(Invalid, match="assertion failed"):
            sess.run(fetch, {c: True, x: -1.0})
        sess.run(fetch, {c: False, x: -1.0})
    assert sess.run(v) == 0
    sess.run(y, {c: True, x: 1.0})
    assert sess.run(v) == 10


def test_what_is_not_taken_is_not_looked_at(sess: Any) -> None:
    q, n = tf.placeholder(tf.bool, []), tf.placeholder(tf.int32, [])
    x, y, i = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, [None])
    branch = tf.cond(q, lambda: tf.gather(x + y, i), lambda: tf.gather(x, i))
    product = tf.cond(q, lambda: tf.reduce_sum(x * tf.reduce_max(x + y)), lambda: tf.reduce_sum(x))
    _, loop = tf.while_loop(lambda k, a: k < n, lambda k, a: (k + 1, a + tf.reduce_sum(tf.gather(x + y, i))), (0, 0.0))
    feeds: dict[Any, Any] = {x: [1.0, 2, 3], y: [1.0, 2], i: [0, 2]}
    np.testing.assert_array_equal(sess.run(branch, {q: False, **feeds}), [1, 3])
    assert sess.run(product, {q: False, **feeds}) == 6
    assert sess.run(loop, {n: 0, **feeds}) == 0
    for fetch, more in ((branch, {q: True}), (product, {q: True}), (loop, {n: 1})):
        with pytest.raises(Invalid, match="Incompatible shapes"):
            sess.run(fetch, {**more, **feeds})
    np.testing.assert_array_equal(sess.run(branch, {q: True, **feeds, y: [1.0, 1, 1]}), [2, 4])


@pytest.mark.parametrize("whole", ["stack", "concat"])
def test_the_gradient_of_a_branch_not_taken_is_not_looked_at(sess: Any, whole: str) -> None:
    """Where only running tells the sizes of both branches, what the other's gradient demands of sizes stays in there."""
    q, n, m = tf.placeholder(tf.bool, []), tf.placeholder(tf.int32, []), tf.placeholder(tf.int32, [])
    x = tf.placeholder(tf.float32, [None])

    def written(count: Any, row: Any) -> Any:
        return tf.while_loop(lambda t, ta: t < count, lambda t, ta: (t + 1, ta.write(t, row)),
                             (0, tf.TensorArray(tf.float32, 0, dynamic_size=True)))[1]

    a = written(n, x).stack()
    b = written(m, x).stack() if whole == "stack" else written(m, tf.expand_dims(x, 0)).concat()
    slope = tf.gradients(tf.cond(q, lambda: a, lambda: tf.tanh(b)), x)[0]
    given = np.float32([1, 2, 3])
    for k in (0, 1, 2, 4) if whole == "stack" else (1, 2, 4):
        np.testing.assert_array_equal(sess.run(slope, {q: True, x: given, n: 2, m: k}), [2, 2, 2])
        np.testing.assert_allclose(sess.run(slope, {q: False, x: given, n: 2, m: k}), k * (1 - np.tanh(given) ** 2), rtol=1e-5)


def test_a_loop_reads_what_it_writes(sess: Any) -> None:
    w, v, u, kept = tf.Variable(5.0), tf.Variable(1.0), tf.Variable(0.0), tf.Variable(2.0)

    def repeat(make: Callable[[], Any], until: Callable[[Any], Any]) -> Any:
        def body(i: Any) -> Any:
            with tf.control_dependencies([make()]):
                return tf.identity(i + 1)
        return tf.while_loop(until, body, [0])

    train = tf.train.GradientDescentOptimizer(0.1)
    descend = repeat(lambda: train.minimize((w - 1.0) ** 2, var_list=[w]), lambda i: i < 10)
    double = repeat(lambda: v.assign(v * 2), lambda i: i < 3)
    count = repeat(lambda: u.assign_add(1.0), lambda i: u < 5.0)
    inside = repeat(lambda: tf.cond(kept < 20.0, lambda: kept.assign(kept * 3), lambda: kept.assign(kept + 0.5)),
                    lambda i: i < 4)
    sess.run(tf.global_variables_initializer())
    sess.run([descend, double, inside])
    np.testing.assert_allclose(sess.run([w, v, kept]), [1 + 4 * 0.8 ** 10, 8, 54.5], rtol=1e-5)
    assert sess.run(count) == 5
    assert sess.run(u) == 5


def test_a_cached_read_is_one_value_for_the_run(sess: Any) -> None:
    v = tf.get_variable("v", [], initializer=tf.ones_initializer(), caching_device="/cpu:0")

    def body(i: Any) -> Any:
        with tf.control_dependencies([v.assign_add(v.value())]):
            return tf.identity(i + 1)
    sess.run(v.initializer)
    sess.run(tf.while_loop(lambda i: i < 3, body, [0]))
    assert sess.run(v) == 4

# --- what may fail -------------------------------------------------------------------------------------------------------

FAILING: dict[str, Callable[[Any, Any, Any], Any]] = {
    "gather": lambda x, i, c: tf.gather(x, i), "of a gather": lambda x, i, c: tf.exp(tf.gather(x, [i])) * 2.0,
    "check_numerics": lambda x, i, c: tf.check_numerics(x / tf.to_float(3 - i), "here"),
    "reshape": lambda x, i, c: tf.reshape(x, [i, 2]), "an integer division": lambda x, i, c: i // (3 - i),
    "sizes": lambda x, i, c: x + tf.ones([i]), "range": lambda x, i, c: tf.range(i, 2),
    "cond": lambda x, i, c: tf.cond(c, lambda: tf.gather(x, i), lambda: x[0]),
    "a value of a cond": lambda x, i, c: tf.cond(c, lambda: [x[0], tf.gather(x, i)], lambda: [x[0], x[0]])[1],
    "while_loop": lambda x, i, c: tf.while_loop(lambda k, a: k < 2, lambda k, a: (k + 1, a + tf.gather(x, i)), [0, x[0]])[1],
    "map_fn": lambda x, i, c: tf.map_fn(lambda k: tf.gather(x, k), tf.stack([0, i]), dtype=tf.float32),
}
"""Right for i = 0 (the cond: for c false), wrong for i = 3."""


@pytest.mark.parametrize("how", ["control_dependencies", "group", "op", "tuple", "group of group"])
@pytest.mark.parametrize("what", list(FAILING))
def test_what_is_waited_for_fails(sess: Any, what: str, how: str) -> None:
    """Also where nobody reads it; then nothing else of the run happens."""
    x, i, c = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, []), tf.placeholder(tf.bool, [])
    v = tf.Variable(0)
    with tf.control_dependencies([FAILING[what](x, i, c)]):
        step = v.assign_add(1)
    fetch = WAITS[how](FAILING[what](x, i, c))
    sess.run(v.initializer)
    bad = {x: [1.0, 2.0], i: 3, c: True}
    for wanted in (fetch, step, [fetch, step]):
        with pytest.raises((tf.errors.OpError, ValueError)):
            sess.run(wanted, bad)
    assert sess.run(v) == 0
    good = {x: [1.0, 2.0], i: 0 if what != "sizes" else 2, c: False}
    if what not in ("reshape", "range"):
        sess.run([fetch, step], good)
        assert sess.run(v) == 1
    if "cond" in what:
        sess.run([fetch, step], {**bad, c: False})


def test_of_a_branch_only_the_value_that_is_named_is_waited_for(sess: Any) -> None:
    x, i = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, [])
    first, second = tf.cond(i > 0, lambda: [x[0], tf.gather(x, i)], lambda: [x[0], x[0]])
    sess.run(tf.group(first), {x: [1.0], i: 3})
    with pytest.raises(Invalid):
        sess.run(tf.group(second), {x: [1.0], i: 3})


def test_an_edge_inside_a_loop_to_what_may_fail(sess: Any) -> None:
    x, n = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, [])

    def body(i: Any, a: Any) -> Any:
        with tf.control_dependencies([tf.gather(x, i)]):
            return i + 1, a * 2.0
    end = tf.while_loop(lambda i, a: i < n, body, [0, 1.0])[1]
    assert sess.run(end, {x: [1.0, 2.0], n: 2}) == 4.0
    with pytest.raises(Invalid):
        sess.run(end, {x: [1.0, 2.0], n: 3})
    [g] = tf.gradients(end, [x])
    assert g is None


def test_waiting_for_the_end_of_a_long_chain(sess: Any) -> None:
    x, i = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.int32, [])
    y = tf.gather(x, [i])
    for _ in range(1200):
        y = y + 1.0
    wait = tf.group(y)
    sess.run(wait, {x: [1.0, 2.0], i: 1})
    with pytest.raises(Invalid):
        sess.run(wait, {x: [1.0, 2.0], i: 2})
