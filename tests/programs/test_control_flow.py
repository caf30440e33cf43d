"""Loops, branches and TensorArrays: control-flow, sections 1 to 4 and 8 to 10; tensor-array, sections 3 and 5."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.frontend.flow.bodies import counted_loop
from rnngraph.ir.walk import all_nodes
from rnngraph.passes.pipeline import LOOPS, TIDY, optimise

Pair = collections.namedtuple("Pair", "a b")
InvalidArgument = tf.errors.InvalidArgumentError


def slope(f: Callable[[float], float], x: float, h: float = 1e-4) -> float:
    """Central difference."""
    return (f(x + h) - f(x - h)) / (2 * h)


def bend(f: Callable[[float], float], x: float, h: float = 1e-4) -> float:
    """Second central difference."""
    return (f(x + h) - 2 * f(x) + f(x - h)) / h ** 2


def orders(y: Any, x: Any, highest: int = 2) -> list[Any]:
    """y and its derivatives."""
    found = [y]
    for _ in range(highest):
        found.append(tf.gradients(found[-1], x)[0])
    return found


# --- while_loop: values and structure ------------------------------------------------------------------------------------

def test_sanity_numbers(sess: Any) -> None:
    x, y = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    # The loop starts from y, so y counts twice.
    last = tf.while_loop(lambda i, a: i < 4, lambda i, a: (i + 1, a * x + y), [0, y])[1]
    assert sess.run([last, *tf.gradients(last, [x, y])], {x: 2.0, y: 3.0}) == [93.0, 147.0, 31.0]


def test_odd_and_even_steps(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    body = lambda i, a: (i + 1, tf.cond(tf.equal(i % 2, 0), lambda: a * x, lambda: a + x))  # noqa: E731
    assert sess.run(orders(tf.while_loop(lambda i, a: i < 4, body, [0, x])[1], x), {x: 2.0}) == [14.0, 17.0, 14.0]


def test_trips_that_depend_on_data(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    last = tf.while_loop(lambda a: a < 100.0, lambda a: a * x, [x])
    assert sess.run(orders(last, x), {x: 2.0}) == [128.0, 448.0, 1344.0]
    assert sess.run(orders(last, x), {x: 10.0}) == [100.0, 20.0, 2.0]
    assert sess.run(orders(last, x), {x: 200.0}) == [200.0, 1.0, 0.0]


def test_structure_of_results(sess: Any) -> None:
    one, less = tf.constant(1.0), lambda *v: False
    assert isinstance(tf.while_loop(less, lambda a: a, [one]), tf.Tensor)
    assert isinstance(tf.while_loop(less, lambda a: [a], [one]), tf.Tensor)
    assert isinstance(tf.while_loop(less, lambda a: (a,), [(one,)]), tuple)
    assert isinstance(tf.while_loop(less, lambda a, b: (a, b), [one, one]), tuple)
    assert isinstance(tf.while_loop(less, lambda a, b: [a, b], (one, one)), list)
    two = tf.while_loop(less, lambda p: [(p[0], p[1])], [(one, one)])
    assert isinstance(two, list) and isinstance(two[0], tuple)
    named = tf.while_loop(lambda p, d: p.a < 3, lambda p, d: (Pair(p.a + 1, p.b * 2), {"k": d["k"] + p.b}),
                          [Pair(tf.constant(0), one), {"k": one}])
    assert sess.run(named) == (Pair(3, 8.0), {"k": 8.0})


def test_outermost_result_may_be_the_other_kind_of_sequence(sess: Any) -> None:
    got = tf.while_loop(lambda i, j: i < 3, lambda i, j: [i + 1, j - 1], (0, 0))
    assert sess.run(got) == [3, -3]
    with pytest.raises(TypeError):
        tf.while_loop(lambda i, p: i < 3, lambda i, p: (i, [p[0], p[1]]), [0, (1, 2)])


def test_construction_errors() -> None:
    one, body = tf.constant(1.0), lambda *v: v
    with pytest.raises(ValueError, match="No loop variables provided"):
        tf.while_loop(lambda: True, body, [])
    with pytest.raises(TypeError, match="not iterable"):
        tf.while_loop(lambda a: True, body, one)
    for bad in ((1, body), (body, 1)):
        with pytest.raises(TypeError, match="must be callable"):
            tf.while_loop(*bad, [one])
    for k in (0, -1, 2.5):
        with pytest.raises(TypeError, match="must be a positive integer"):
            tf.while_loop(body, body, [one], parallel_iterations=k)
    with pytest.raises(ValueError, match="the same number of elements"):
        tf.while_loop(lambda a, b: True, lambda a, b: (a,), [one, one])
    with pytest.raises(ValueError, match="None"):
        tf.while_loop(lambda a: True, lambda a: None, [one])
    with pytest.raises(TypeError):
        tf.while_loop(lambda a: 1.0, lambda a: a, [one])
    with pytest.raises(ValueError):
        tf.while_loop(lambda a: tf.constant([True]), lambda a: a, [one])
    with pytest.raises(TypeError):
        tf.while_loop(lambda a: True, lambda a: tf.to_int32(a), [one])


def test_predicates_shape_unknown_until_run(sess: Any) -> None:
    p = tf.placeholder(tf.bool)
    last = tf.while_loop(lambda i, q: q, lambda i, q: (i + 1, tf.zeros_like(q)), [0, p],
                         shape_invariants=[tf.TensorShape([]), tf.TensorShape(None)])[0]
    assert sess.run(last, {p: True}) == 1
    with pytest.raises(InvalidArgument):
        sess.run(last, {p: [True, False]})
    assert sess.run(last, {p: False}) == 0


def test_python_numbers_take_the_variables_type(sess: Any) -> None:
    got = tf.while_loop(lambda i, a: i < 2, lambda i, a: (i + 1, 1), [0, 0.5])
    assert sess.run(got) == (2, 1.0)


def test_shape_invariants() -> None:
    less = lambda *v: False  # noqa: E731
    with pytest.raises(ValueError, match="not an invariant for"):
        tf.while_loop(less, lambda a: tf.concat([a, a], 0), [tf.zeros([2])])
    with pytest.raises(ValueError, match="not an invariant for"):
        tf.while_loop(less, lambda a: tf.placeholder_with_default(a, [None]), [tf.zeros([2])])
    with pytest.raises(ValueError, match="not an invariant for"):
        tf.while_loop(less, lambda a: tf.placeholder_with_default(a, None), [tf.placeholder(tf.float32, [None])])
    with pytest.raises(ValueError, match="is not compatible with"):
        tf.while_loop(less, lambda a: a, [tf.zeros([2])], shape_invariants=[tf.TensorShape([3])])
    got = tf.while_loop(less, lambda a: tf.concat([a, a], 0), [tf.zeros([2, 3])],
                        shape_invariants=[tf.TensorShape([None, 3])])
    assert got.shape.as_list() == [None, 3]
    assert tf.while_loop(less, lambda a: tf.zeros([5]), [tf.placeholder(tf.float32)]).shape.ndims is None
    assert tf.while_loop(less, lambda a: tf.zeros([5]), [tf.placeholder(tf.float32, [None])]).shape.as_list() == [None]

    def refined(a: Any) -> Any:
        a.set_shape([4])
        return a + 1.0
    assert tf.while_loop(less, refined, [tf.placeholder(tf.float32, [None])]).shape.ndims == 1


def test_functions_are_called_once(sess: Any) -> None:
    calls: list[str] = []

    def cond(i: Any) -> Any:
        calls.append("cond")
        return i < 5

    def body(i: Any) -> Any:
        calls.append("body")
        return i + 1
    assert sess.run(tf.while_loop(cond, body, [0])) == 5
    assert calls == ["cond", "body"]


def test_maximum_iterations(sess: Any) -> None:
    n = tf.placeholder(tf.int32, [])
    got = tf.while_loop(lambda i: i < 7, lambda i: i + 1, [0], maximum_iterations=n)
    assert [int(sess.run(got, {n: k})) for k in (0, 3, 7, 9)] == [0, 3, 7, 7]


def test_indexed_slices_as_a_loop_variable(sess: Any) -> None:
    s = tf.IndexedSlices(tf.constant([[1.0, 2.0]]), tf.constant([3]))
    got = tf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, tf.IndexedSlices(s.values * 2.0, s.indices)), [0, s])[1]
    value = sess.run(got)
    np.testing.assert_array_equal(value.values, [[8.0, 16.0]])
    np.testing.assert_array_equal(value.indices, [3])


# --- nested loops and branches ------------------------------------------------------------------------------------------

def uneven(v: float) -> float:
    """What `nested` computes."""
    a = v
    for i in range(4):
        for _ in range(i):
            a = a * v + np.sin(a)
    return float(a)


def nested(x: Any) -> Any:
    """An inner loop whose trip count depends on the outer step."""
    def outer(i: Any, a: Any) -> Any:
        return i + 1, tf.while_loop(lambda j, b: j < i, lambda j, b: (j + 1, b * x + tf.sin(b)), [0, a])[1]
    return tf.while_loop(lambda i, a: i < 4, outer, [0, x])[1]


def test_nested_loops_to_order_two(sess: Any) -> None:
    x = tf.placeholder(tf.float64, [])
    got = sess.run(orders(nested(x), x), {x: 1.1})
    np.testing.assert_allclose(got, [uneven(1.1), slope(uneven, 1.1), bend(uneven, 1.1)], rtol=1e-5)


def test_three_levels(sess: Any) -> None:
    x = tf.placeholder(tf.float64, [])

    def level(depth: int, a: Any) -> Any:
        if not depth:
            return a * x
        return tf.while_loop(lambda i, b: i < 2, lambda i, b: (i + 1, level(depth - 1, b)), [0, a])[1]
    got = sess.run(orders(level(3, tf.constant(1.0, tf.float64)), x), {x: 1.5})
    np.testing.assert_allclose(got, [1.5 ** 8, 8 * 1.5 ** 7, 56 * 1.5 ** 6])


def test_loop_in_a_branch_in_a_loop(sess: Any) -> None:
    x = tf.placeholder(tf.float64, [])

    def body(i: Any, a: Any) -> Any:
        power = lambda: tf.while_loop(lambda j, b: j < i, lambda j, b: (j + 1, b * x), [0, a])[1]  # noqa: E731
        return i + 1, tf.cond(tf.equal(i % 2, 1), power, lambda: a + tf.sin(x))

    def f(v: float) -> float:
        a = v
        for i in range(4):
            a = a * v ** i if i % 2 else a + np.sin(v)
        return float(a)
    got = sess.run(orders(tf.while_loop(lambda i, a: i < 4, body, [0, x])[1], x), {x: 1.3})
    np.testing.assert_allclose(got, [f(1.3), slope(f, 1.3), bend(f, 1.3)], rtol=1e-5)


def test_branch_in_a_branch(sess: Any) -> None:
    p, q, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [])
    y = tf.cond(p, lambda: tf.cond(q, lambda: x * x * x, lambda: x * 2.0), lambda: tf.cond(q, lambda: x * x, lambda: -x))
    want = {(True, True): [8.0, 12.0, 12.0], (True, False): [4.0, 2.0, 0.0], (False, True): [4.0, 4.0, 2.0],
            (False, False): [-2.0, -1.0, 0.0]}
    fetches = orders(y, x, 1)
    fetches.append(tf.gradients(fetches[1], x)[0])
    for (a, b), values in want.items():
        assert sess.run(fetches, {p: a, q: b, x: 2.0}) == values


# --- cond ----------------------------------------------------------------------------------------------------------------

def test_cond_errors() -> None:
    p, one = tf.placeholder(tf.bool, []), lambda: tf.constant(1.0)
    with pytest.raises(TypeError, match="must not be a Python bool"):
        tf.cond(True, one, one)
    with pytest.raises(TypeError):
        tf.cond(tf.constant(1), one, one)
    with pytest.raises(ValueError):
        tf.cond(tf.constant([True]), one, one)
    with pytest.raises(TypeError, match="argument required"):
        tf.cond(p, one)
    with pytest.raises(TypeError, match="must be callable"):
        tf.cond(p, one, 1)
    with pytest.raises(TypeError):
        tf.cond(p, one, one, fn1=one)
    with pytest.raises(ValueError, match="must have a return value"):
        tf.cond(p, lambda: None, one)
    with pytest.raises(ValueError, match="must return at least one result"):
        tf.cond(p, lambda: [], lambda: [])
    with pytest.raises((ValueError, TypeError), match="Incompatible return"):
        tf.cond(p, lambda: [1, 2], one)
    with pytest.raises(ValueError, match="must have the same type"):
        tf.cond(p, lambda: tf.constant(1), one)


def test_cond_results(sess: Any) -> None:
    p = tf.placeholder(tf.bool, [])
    assert isinstance(tf.cond(p, lambda: [tf.constant(1)], lambda: tf.constant(2)), tf.Tensor)
    assert isinstance(tf.cond(p, lambda: [tf.constant(1)], lambda: [tf.constant(2)], strict=True), list)
    old = tf.cond(p, fn1=lambda: 1, fn2=lambda: 2)
    pair = tf.cond(p, lambda: Pair(1, [2.0]), lambda: Pair(3, [4.0]))
    ran = tf.cond(p, tf.no_op, tf.no_op)
    assert ran.dtype == tf.bool
    assert sess.run([old, pair, ran], {p: True}) == [1, Pair(1, [2.0]), True]
    assert sess.run([old, pair, ran], {p: False}) == [2, Pair(3, [4.0]), False]
    merged = tf.cond(p, lambda: tf.zeros([2, 3]), lambda: tf.zeros([2, 4]))
    assert merged.shape.as_list() == [2, None]
    assert tf.cond(p, lambda: tf.zeros([2]), lambda: tf.zeros([2, 4])).shape.ndims is None
    assert [sess.run(merged, {p: v}).shape for v in (True, False)] == [(2, 3), (2, 4)]


def test_only_the_chosen_branch_runs(sess: Any) -> None:
    p, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.int32, [])
    y = tf.cond(p, lambda: tf.constant(10) // x, lambda: tf.constant(-1))
    assert sess.run(y, {p: False, x: 0}) == -1
    assert sess.run(y, {p: True, x: 3}) == 3
    with pytest.raises(InvalidArgument, match="(?i)division by zero"):
        sess.run(y, {p: True, x: 0})


def test_ops_captured_from_outside_run_always(sess: Any) -> None:
    p, v = tf.placeholder(tf.bool, []), tf.Variable(0)
    outside = tf.assign_add(v, 1)
    y = tf.cond(p, lambda: outside, lambda: tf.constant(0))
    z = tf.cond(p, lambda: tf.assign_add(v, 10), lambda: tf.constant(0))
    sess.run(v.initializer)
    sess.run(y, {p: False})
    assert sess.run(v) == 1
    sess.run(z, {p: False})
    assert sess.run(v) == 1
    sess.run(z, {p: True})
    assert sess.run(v) == 11


def test_gradient_of_the_branch_not_taken_is_zero(sess: Any) -> None:
    p, x, y = tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    dx, dy = tf.gradients(tf.cond(p, lambda: x * x, lambda: y * 3.0), [x, y])
    a, b = sess.run([dx, dy], {p: True, x: [1.0, 2.0], y: [5.0]})
    np.testing.assert_array_equal(a, [2.0, 4.0])
    np.testing.assert_array_equal(b, [0.0])
    a, b = sess.run([dx, dy], {p: False, x: [1.0, 2.0], y: [5.0]})
    np.testing.assert_array_equal(a, [0.0, 0.0])
    np.testing.assert_array_equal(b, [3.0])


# --- case, group, tuple, Assert ----------------------------------------------------------------------------------------

def test_case(sess: Any) -> None:
    x, ran = tf.placeholder(tf.int32, []), []

    def give(v: int) -> Callable[[], Any]:
        return lambda: tf.py_func(lambda: (ran.append(v), np.int32(v))[1], [], tf.int32)
    pairs = [(x < 1, give(10)), (x < 3, give(20))]
    got = tf.case(pairs, default=give(30))
    assert [int(sess.run(got, {x: v})) for v in (0, 2, 5)] == [10, 20, 30]
    assert ran == [10, 20, 30]
    none = tf.case([(x < 1, lambda: tf.constant(1)), (x < 3, lambda: tf.constant(2))])
    assert sess.run(none, {x: 2}) == 2
    with pytest.raises(InvalidArgument, match="None of the conditions evaluated as True"):
        sess.run(none, {x: 9})
    only = tf.case([(x < 3, lambda: tf.constant(1)), (x < 1, lambda: tf.constant(2))], default=lambda: tf.constant(0),
                   exclusive=True)
    assert [int(sess.run(only, {x: v})) for v in (2, 5)] == [1, 0]
    with pytest.raises(InvalidArgument, match="More than one condition evaluated as True"):
        sess.run(only, {x: 0})


def test_case_of_a_dictionary_and_errors(sess: Any) -> None:
    x = tf.constant(2)
    pairs = collections.OrderedDict([(x < 3, lambda: tf.constant(1)), (x < 4, lambda: tf.constant(2))])
    assert sess.run(tf.case(pairs, default=lambda: tf.constant(0))) == 1
    for bad in (1, [1], [(1, 2)], [(x < 3, 1)], [(x, lambda: 1)]):
        with pytest.raises(TypeError):
            tf.case(bad, default=lambda: tf.constant(0))
    with pytest.raises(TypeError):
        tf.case([(x < 3, lambda: tf.constant(1))], default=1)


def test_assert_group_and_tuple(sess: Any) -> None:
    x, v = tf.placeholder(tf.int32, [None]), tf.Variable(0)
    check = tf.Assert(tf.reduce_all(x > 0), ["bad", x], summarize=2)
    sess.run(check, {x: [1]})
    with pytest.raises(InvalidArgument, match=r"assertion failed: \[bad\] \[1 -1\.\.\.\]"):
        sess.run(check, {x: [1, -1, 5]})
    with tf.control_dependencies([check]):
        y = x + 1
    with pytest.raises(InvalidArgument, match="assertion failed"):
        sess.run(y, {x: [0]})
    sess.run(v.initializer)
    assert sess.run(tf.group(tf.assign_add(v, 1), tf.constant(1))) is None
    assert sess.run(v) == 1
    assert tf.group().type == "NoOp"
    with pytest.raises(ValueError, match="Unknown keyword arguments"):
        tf.group(x, nome="n")
    a, none, b = tf.tuple([tf.constant(1), None, tf.constant(2)], control_inputs=[tf.assign_add(v, 5).op])
    assert none is None
    assert sess.run(a) == 1
    assert sess.run([v, b]) in ([6, 2], [11, 2])
    with pytest.raises(ValueError, match="Must have at least one Tensor"):
        tf.tuple([None])
    with pytest.raises(TypeError):
        tf.tuple([a], control_inputs=[1])


# --- gradients of loops --------------------------------------------------------------------------------------------------

def test_zero_steps(sess: Any) -> None:
    n, x, w = tf.placeholder(tf.int32, []), tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    last = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * w), [0, x])[1]
    dx, dw = tf.gradients(last, [x, w])
    fetches = [dx, dw, tf.gradients(dx, w)[0], tf.gradients(dw, [x, w])]
    feeds = {x: [2.0, 3.0], w: [5.0, 7.0]}
    a, b, c, (d, e) = sess.run(fetches, {n: 0, **feeds})
    np.testing.assert_array_equal(a, [1.0, 1.0])
    for zero in (b, c, d, e):
        np.testing.assert_array_equal(zero, [0.0, 0.0])
    a, b, c, (d, e) = sess.run(fetches, {n: 2, **feeds})
    np.testing.assert_array_equal(a, [25.0, 49.0])
    np.testing.assert_array_equal(b, [20.0, 42.0])
    np.testing.assert_array_equal(c, [10.0, 14.0])
    np.testing.assert_array_equal(d, [10.0, 14.0])
    np.testing.assert_array_equal(e, [4.0, 6.0])


def test_integer_variables_do_not_block(sess: Any) -> None:
    x, k = tf.placeholder(tf.float32, []), tf.constant(3)
    i, flag, a = tf.while_loop(lambda i, f, a: i < 3, lambda i, f, a: (i + 1, tf.logical_not(f), a * x),
                               [k - 3, tf.constant(True), x])
    assert tf.gradients(a, [k]) == [None]
    assert tf.gradients([i, a], [x])[0] is not None
    assert sess.run(tf.gradients(a, x), {x: 2.0}) == [32.0]


def test_back_prop_false_and_stop_gradient(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    free = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * x), [0, x], back_prop=False)[1]
    assert tf.gradients(free, x) == [None]
    stopped = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.stop_gradient(a) * x), [0, x])[1]
    d = tf.gradients(stopped, x)
    assert sess.run([free, stopped, *d], {x: 2.0}) == [16.0, 16.0, 8.0]
    assert tf.gradients(d, x) == [None]


def test_next_value_without_the_last_one(sess: Any) -> None:
    x, y = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    a = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, y * 2.0), [0, x])[1]
    assert sess.run(tf.gradients(a, [x, y]), {x: 1.0, y: 5.0}) == [0.0, 2.0]


def test_gradients_inside_a_body(sess: Any) -> None:
    x, w = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])

    def body(i: Any, a: Any, total: Any) -> Any:
        y = a * a * w
        return i + 1, a + 1.0, total + tf.gradients(y, a)[0] + tf.gradients(y, w)[0]
    total = tf.while_loop(lambda i, a, s: i < 3, body, [0, x, 0.0])[2]
    want = sum(2 * a * 3.0 + a * a for a in (2.0, 3.0, 4.0))
    got = sess.run([total, *tf.gradients(total, [x, w])], {x: 2.0, w: 3.0})
    np.testing.assert_allclose(got, [want, 3 * 2 * 3.0 + 2 * (2 + 3 + 4), 2 * (2 + 3 + 4)])


def test_gradient_of_rows_read_in_a_loop(sess: Any) -> None:
    table, ids = tf.placeholder(tf.float32, [4, 2]), tf.placeholder(tf.int32, [None])
    total = tf.while_loop(lambda i, s: i < tf.size(ids), lambda i, s: (i + 1, s * 0.5 + tf.gather(table, ids[i])),
                          [0, tf.zeros([2])])[1]
    g = tf.convert_to_tensor(tf.gradients(total, table)[0])
    got = sess.run(g, {table: np.ones([4, 2]), ids: [3, 1, 3]})
    np.testing.assert_allclose(got, [[0, 0], [0.5, 0.5], [0, 0], [1.25, 1.25]])


@pytest.mark.parametrize("form", ["while_loop", "scan", "map_fn", "foldl", "foldr", "tensor_array"])
def test_order_two_against_unrolled(sess: Any, form: str) -> None:
    x, w = tf.placeholder(tf.float64, [3, 2]), tf.placeholder(tf.float64, [2, 2])
    step = lambda a, r: tf.tanh(tf.matmul(tf.expand_dims(a + r, 0), w))[0]  # noqa: E731
    zero, rows = tf.zeros([2], tf.float64), tf.unstack(x)

    def unrolled() -> Any:
        if form == "map_fn":
            return sum(step(zero, r) for r in rows)
        a, total = zero, zero
        for r in reversed(rows) if form == "foldr" else rows:
            a = step(a, r)
            total = a if form in ("while_loop", "foldl", "foldr") else total + a
        return total

    def looped() -> Any:
        total = {"map_fn": lambda: tf.reduce_sum(tf.map_fn(lambda r: step(zero, r), x), 0),
                 "scan": lambda: tf.reduce_sum(tf.scan(step, x, zero), 0),
                 "foldl": lambda: tf.foldl(step, x, zero), "foldr": lambda: tf.foldr(step, x, zero)}
        return total.get(form, arrays)()

    def arrays() -> Any:
        source, to = (tf.TensorArray(tf.float64, 3) for _ in range(2))
        source = source.unstack(x)

        def body(i: Any, a: Any, t: Any) -> Any:
            a = step(a, source.read(i))
            return i + 1, a, t.write(i, a)
        _, last, to = tf.while_loop(lambda i, a, t: i < 3, body, [0, zero, to])
        return last if form == "while_loop" else tf.reduce_sum(to.stack(), 0)

    def fetches(y: Any) -> list[Any]:
        loss = tf.reduce_sum(y * [1.0, 2.0])
        dx, dw = tf.gradients(loss, [x, w])
        return [loss, dx, dw, *tf.gradients(tf.reduce_sum(dw * dw) + tf.reduce_sum(dx ** 3), [x, w])]
    random = np.random.RandomState(0)
    feeds = {x: random.randn(3, 2), w: random.randn(2, 2)}
    for got, want in zip(*sess.run([fetches(looped()), fetches(unrolled())], feeds), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_order_three(sess: Any) -> None:
    x = tf.placeholder(tf.float64, [])
    y = tf.while_loop(lambda i, a: i < 4, lambda i, a: (i + 1, a * x), [0, x])[1]
    np.testing.assert_allclose(sess.run(orders(y, x, 3), {x: 1.5}), [1.5 ** 5, 5 * 1.5 ** 4, 20 * 1.5 ** 3, 60 * 1.5 ** 2])


def test_hessians(sess: Any) -> None:
    x = tf.placeholder(tf.float64, [2])
    y = tf.while_loop(lambda i, a: i < 2, lambda i, a: (i + 1, a * x[0] + tf.sin(x[1])), [0, x[0] * x[1]])[1]
    h = tf.hessians(y, x)[0]
    u, v = 1.2, 0.7

    def f(p: Any) -> float:
        return float((p[0] * p[1] * p[0] + np.sin(p[1])) * p[0] + np.sin(p[1]))
    e, want = 1e-4, np.zeros([2, 2])
    for i in range(2):
        for j in range(2):
            di, dj = np.eye(2)[i] * e, np.eye(2)[j] * e
            at = np.array([u, v])
            want[i, j] = (f(at + di + dj) - f(at + di - dj) - f(at - di + dj) + f(at - di - dj)) / (4 * e * e)
    np.testing.assert_allclose(sess.run(h, {x: [u, v]}), want, atol=1e-5)
    free = tf.placeholder(tf.float64, [None])
    h = tf.hessians(tf.reduce_sum(free ** 3), free)[0]
    np.testing.assert_allclose(sess.run(h, {free: [1.0, 2.0, 3.0]}), np.diag([6.0, 12.0, 18.0]))


def test_two_gradients_of_one_loop_share_its_run(sess: Any) -> None:
    ran: list[float] = []
    x = tf.placeholder(tf.float32, [])

    def seen(a: Any) -> Any:
        def note(v: Any) -> Any:
            ran.append(float(v))
            return v
        got = tf.py_func(note, [a], tf.float32)
        got.set_shape([])
        return got

    def body(i: Any, a: Any) -> Any:
        return i + 1, a * x * seen(a)
    y = tf.while_loop(lambda i, a: i < 2, body, [0, x])[1]
    sess.run([y, tf.gradients(y, x)[0], tf.gradients(2.0 * y, x)[0]], {x: 2.0})
    assert ran == [2.0, 8.0]


# --- fetching and feeding ------------------------------------------------------------------------------------------------

def test_what_is_inside_is_neither_fetched_nor_fed(sess: Any) -> None:
    held: dict[str, Any] = {}

    def body(i: Any) -> Any:
        held["loop"] = i + 1
        return held["loop"]

    def branch() -> Any:
        held["branch"] = tf.constant(1) + 1
        return held["branch"]
    last = tf.while_loop(lambda i: i < 3, body, [tf.constant(0)])
    tf.cond(tf.constant(True), branch, lambda: tf.constant(0))
    for t in held.values():
        with pytest.raises(ValueError, match="has been marked as not fetchable"):
            sess.run(t)
        with pytest.raises(ValueError, match="has been marked as not fetchable"):
            sess.run(t.op)
    with pytest.raises(ValueError, match="may not be fed"):
        sess.run(last, {held["loop"]: 1})
    assert sess.run(last, {last: 7}) == 7
    assert sess.run([last, last + 1]) == [3, 4]


def test_a_fed_result_prunes_its_loop(sess: Any) -> None:
    ran: list[int] = []
    body = lambda i: tf.reshape(tf.py_func(lambda v: (ran.append(1), np.int32(v + 1))[1], [i], tf.int32), [])  # noqa: E731
    last = tf.while_loop(lambda i: i < 3, body, [0])
    assert sess.run(last + 1, {last: 7}) == 8
    assert ran == []


# --- scan, map_fn, foldl, foldr --------------------------------------------------------------------------------------

def test_folds(sess: Any) -> None:
    x, less = tf.constant([1, 2, 3]), lambda a, v: a - v
    assert sess.run([tf.foldl(less, x), tf.foldr(less, x), tf.foldl(less, x, 10), tf.foldr(less, x, 10)]) == [-4, 0, 4, 4]
    for f in (tf.foldl, tf.foldr, tf.scan, tf.map_fn):
        with pytest.raises(TypeError, match="fn must be callable"):
            f(1, x)


def test_scan(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None])
    plain, started = tf.scan(lambda a, v: a * v, x), tf.scan(lambda a, v: a + v, x, 10.0)
    pair = tf.scan(lambda a, v: (a[0] + v, a[1] * v), x, (0.0, 1.0))
    mixed = tf.scan(lambda a, v: a + v[0] * v[1], (x, x), 0.0)
    got = sess.run([plain, started, pair, mixed], {x: [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(got[0], [1, 2, 6])
    np.testing.assert_array_equal(got[1], [11, 13, 16])
    np.testing.assert_array_equal(got[2], [[1, 3, 6], [1, 2, 6]])
    np.testing.assert_array_equal(got[3], [1, 5, 14])
    assert sess.run(started, {x: []}).shape == (0,)
    with pytest.raises(tf.errors.OpError):
        sess.run(plain, {x: []})
    assert tf.scan(lambda a, v: a + v, tf.zeros([4, 2])).shape.as_list() == [4, 2]
    with pytest.raises((ValueError, TypeError)):
        tf.scan(lambda a, v: (a, v), x, 0.0)


def test_map_fn(sess: Any) -> None:
    x = tf.placeholder(tf.int32, [None])
    double, other = tf.map_fn(lambda v: v * 2, x), tf.map_fn(lambda v: tf.to_float(v) / 2.0, x, dtype=tf.float32)
    pair = tf.map_fn(lambda p: (p[0] + p[1], p[0] * p[1]), (x, x))
    got = sess.run([double, other, pair], {x: [1, 2, 3]})
    np.testing.assert_array_equal(got[0], [2, 4, 6])
    np.testing.assert_array_equal(got[1], [0.5, 1.0, 1.5])
    np.testing.assert_array_equal(got[2], [[2, 4, 6], [1, 4, 9]])
    assert [a.shape for a in sess.run([double, other], {x: []})] == [(0,), (0,)]
    with pytest.raises(TypeError):
        tf.map_fn(lambda v: tf.to_float(v), x)
    with pytest.raises(ValueError):
        tf.map_fn(lambda p: p[0], (tf.zeros([2]), tf.zeros([3])))
    y = tf.placeholder(tf.int32, [None])
    unequal = tf.map_fn(lambda p: p[0] + p[1], (x, y), dtype=tf.int32)
    with pytest.raises(tf.errors.OpError):
        sess.run(unequal, {x: [1, 2, 3], y: [1, 2]})


# --- TensorArray: run-time rules ----------------------------------------------------------------------------------------

def array(size: Any = 3, dtype: Any = tf.float32, **more: Any) -> Any:
    """A TensorArray."""
    return tf.TensorArray(dtype, size, **more)


BROKEN: dict[str, tuple[Callable[[Any], Any], Any, str, Any]] = {
    "negative size": (lambda n: array(n).size(), -1, "Size should be >= 0", InvalidArgument),
    "write below": (lambda i: array().write(i, 1.0).flow, -1, "Tried to write to index", InvalidArgument),
    "write above": (lambda i: array().write(i, 1.0).flow, 3, "but array is not resizeable and size is:", InvalidArgument),
    "write twice": (lambda i: array().write(1, 1.0).write(i, 1.0).flow, 1, "because it has already been written to",
                    InvalidArgument),
    "read outside": (lambda i: array().write(1, 1.0).read(i), 3, "Tried to read from index", InvalidArgument),
    "read below": (lambda i: array().write(1, 1.0).read(i), -1, "but array size is:", InvalidArgument),
    "read unwritten": (lambda i: array().write(1, 1.0).read(i), 0, "because it has not yet been written to",
                       InvalidArgument),
    "stack unwritten": (lambda i: array().write(i, 1.0).stack(), 0, "because it has not yet been written to",
                        InvalidArgument),
    "gather unwritten": (lambda i: array().write(1, 1.0).gather([i]), 0, "because it has not yet been written to",
                         InvalidArgument),
    "concat unwritten": (lambda i: array().write(i, [1.0]).concat(), 0, "because it has not yet been written to",
                         InvalidArgument),
    "stack shapes": (lambda n: array(2, infer_shape=False).write(0, [1.0]).write(1, tf.zeros([n])).stack(), 3,
                     "TensorArray has inconsistent shapes", InvalidArgument),
    "concat scalar": (lambda n: array(1, infer_shape=False).write(0, tf.to_float(n)).concat(), 1,
                      "Concat saw a scalar shape", InvalidArgument),
    "concat shapes": (lambda n: array(2, infer_shape=False).write(0, tf.zeros([1, 2])).write(1, tf.zeros([1, n])).concat(),
                      3, r"\(excepting dimension 0\)", InvalidArgument),
    "element shape": (lambda n: array(element_shape=[2]).write(0, tf.placeholder_with_default(tf.zeros([n]), [None])).flow,
                      3, "inferred element shape", InvalidArgument),
    "scatter count": (lambda n: array().scatter(tf.range(n), tf.placeholder_with_default([1.0, 2.0], [None])).flow, 3,
                      r"Expected len\(indices\) == values.shape\[0\]", InvalidArgument),
    "scatter above": (lambda i: array().scatter([0, i], [1.0, 2.0]).flow, 3, "Max scatter index must be < array size",
                      InvalidArgument),
    "scatter twice": (lambda i: array().scatter([0, i], [1.0, 2.0]).flow, 0, "because it has already been written to",
                      InvalidArgument),
    "split sum": (lambda n: array(2).split([1.0, 2.0, 3.0], [1, n]).flow, 1, "Expected sum of lengths to be equal to",
                  InvalidArgument),
    "split count": (lambda n: array(n).split([1.0, 2.0, 3.0], [1, 2]).flow, 3,
                    "TensorArray's size is not equal to the size of lengths", InvalidArgument),
    "empty": (lambda n: array(n).stack(), 0, "TensorArray has size zero, but element shape", tf.errors.UnimplementedError),
    "empty concat": (lambda n: array(n).concat(), 0, "TensorArray has size zero, but element shape",
                     tf.errors.UnimplementedError),
}


@pytest.mark.parametrize("case", list(BROKEN))
def test_broken_uses_of_arrays(case: str, engine: str, graph: Any) -> None:
    # These are host steps on every engine; llvm has its turn with a few of them.
    if engine == "llvm" and case not in ("write twice", "stack unwritten", "split sum"):
        pytest.skip("a host step, the same on both engines")
    make, value, phrase, error = BROKEN[case]
    n = tf.placeholder(tf.int32, [])
    fetch = make(n)
    with tf.Session(graph=graph, engine=engine) as sess, pytest.raises(error, match=phrase):
        sess.run(fetch, {n: value})


def chained(first: Any, then: Callable[[], Any]) -> Any:
    """What `then` makes, after `first`."""
    with tf.control_dependencies([first]):
        return then()




def test_reading_twice(sess: Any) -> None:
    kept = array(2, clear_after_read=False).unstack([1.0, 2.0])
    twice = chained(kept.read(0), lambda: kept.read(0))
    assert sess.run(twice) == 1.0
    for again in (lambda ta: ta.read(0), lambda ta: ta.stack()):
        freed = array(2).unstack([1.0, 2.0])
        with pytest.raises(InvalidArgument, match="because it was cleared after a previous read"):
            sess.run(chained(freed.read(0), lambda again=again, freed=freed: again(freed)))
    freed = array(2).unstack([1.0, 2.0])
    with pytest.raises(InvalidArgument, match="because it was cleared after a previous read"):
        sess.run(chained(freed.stack(), lambda: freed.read(1)))
    with pytest.raises(InvalidArgument, match="because it has already been read"):
        sess.run(chained(kept.read(0), lambda: kept.write(0, 5.0).flow))


def test_closed_arrays(sess: Any) -> None:
    ta = array(2).unstack([1.0, 2.0])
    with pytest.raises(InvalidArgument, match="has already been closed"):
        sess.run(chained(ta.close(), lambda: ta.read(0)))
    sess.run(ta.close())


def test_build_time_errors_of_arrays() -> None:
    with pytest.raises(ValueError, match="Size must be provided"):
        tf.TensorArray(tf.float32)
    with pytest.raises(ValueError):
        array(tf.constant([1]))
    with pytest.raises(ValueError, match="Inconsistent shapes"):
        array().write(0, [1.0]).write(1, [1.0, 2.0])
    with pytest.raises(TypeError, match="but Op is trying to write dtype"):
        array().write(0, tf.constant(1))
    for bad in (lambda: array().unstack(1.0), lambda: array().split(1.0, [1])):
        with pytest.raises(ValueError, match="at least a vector"):
            bad()


def test_dynamic_arrays(sess: Any) -> None:
    ta = array(0, dynamic_size=True).write(2, 5.0).write(0, 3.0)
    assert sess.run([ta.size(), ta.gather([2, 0])])[0] == 3
    with pytest.raises(InvalidArgument, match="because it has not yet been written to"):
        sess.run(ta.stack())
    grown = tf.while_loop(lambda i, t: i < 5, lambda i, t: (i + 1, t.write(i, tf.to_float(i))),
                          [0, array(1, dynamic_size=True)])[1].stack()
    np.testing.assert_array_equal(sess.run(grown), [0, 1, 2, 3, 4])


def test_arrays_of_nothing(sess: Any) -> None:
    n = tf.placeholder(tf.int32, [])
    known = array(n, element_shape=[2]).stack()
    x = tf.placeholder(tf.float32, [None, 2])
    seen = array(tf.shape(x)[0]).unstack(x)
    doubled = tf.reduce_sum(seen.stack() * 2.0)
    got = sess.run([known, doubled, tf.gradients(doubled, x)[0]], {n: 0, x: np.zeros([0, 2])})
    assert [np.shape(g) for g in got] == [(0, 2), (), (0, 2)]
    few = array(3).unstack([1.0, 2.0])
    assert sess.run([few.size(), tf.size(few.gather(tf.zeros([0], tf.int32)))]) == [3, 0]


# --- TensorArray: worked checks -----------------------------------------------------------------------------------------

def test_worked_checks(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [3])
    ta = array(clear_after_read=False).unstack(x)
    y = 2.0 * ta.read(0) + 3.0 * ta.read(0) + ta.read(2)
    np.testing.assert_array_equal(sess.run(tf.gradients(y, x)[0], {x: [1, 2, 3]}), [5, 0, 1])
    s = tf.placeholder(tf.float32, [])
    ta = array().write(0, s).write(1, s * s).write(2, 3.0)
    assert sess.run(orders(tf.reduce_sum(ta.stack()[:2]), s), {s: 2.0}) == [6.0, 5.0, 2.0]
    y = array(2).split(x, [1, 2]).concat() ** 2
    d = tf.gradients(y, x)[0]
    got = sess.run([d, tf.gradients(d, x)[0]], {x: [1, 2, 3]})
    np.testing.assert_array_equal(got, [[2, 4, 6], [2, 2, 2]])
    y = array().unstack(x).stack()
    got = sess.run([tf.gradients(y, x)[0], tf.gradients(2.0 * y, x, name="mine")[0]], {x: [1, 2, 3]})
    np.testing.assert_array_equal(got, [[1, 1, 1], [2, 2, 2]])


def test_scatter_and_gather_differentiate(sess: Any) -> None:
    x = tf.placeholder(tf.float64, [2])
    ta = array(4, tf.float64, clear_after_read=False).scatter([3, 1], x)
    y = tf.reduce_sum(ta.gather([1, 3, 1]) ** 3 * [1.0, 2.0, 4.0])
    d = tf.gradients(y, x)[0]
    got = sess.run([d, tf.gradients(d, x)[0]], {x: [2.0, 3.0]})
    np.testing.assert_allclose(got, [[2 * 3 * 4, 5 * 3 * 9], [2 * 6 * 2, 5 * 6 * 3]])


def test_an_array_in_branches(sess: Any) -> None:
    p, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [])
    ta = tf.cond(p, lambda: array(2).write(0, x), lambda: array(2).write(0, x * x))
    y = tf.reduce_sum(ta.write(1, x * 3.0).stack())
    d = orders(y, x)
    assert sess.run(d, {p: True, x: 2.0}) == [8.0, 4.0, 0.0]
    assert sess.run(d, {p: False, x: 2.0}) == [10.0, 7.0, 2.0]


def test_an_array_made_in_each_step(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [])

    def body(i: Any, s: Any) -> Any:
        ta = array(2).write(0, s).write(1, x)
        return i + 1, tf.reduce_prod(ta.stack())
    y = tf.while_loop(lambda i, s: i < 3, body, [0, x])[1]
    assert sess.run(orders(y, x), {x: 2.0}) == [16.0, 32.0, 48.0]


def test_arrays_that_a_loop_reads_backwards(sess: Any) -> None:
    x = tf.placeholder(tf.float64, [None])
    n = tf.shape(x)[0]
    ta = tf.TensorArray(tf.float64, n).unstack(x)
    y = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * 0.5 + ta.read(n - 1 - i) ** 2),
                      [0, tf.constant(0.0, tf.float64)])[1]
    d = tf.gradients(y, x)[0]
    got = sess.run([y, d, tf.gradients(d, x)[0]], {x: [1.0, 2.0, 3.0]})
    np.testing.assert_allclose(got[0], 9 * 0.25 + 4 * 0.5 + 1)
    np.testing.assert_allclose(got[1:], [[2, 2, 1.5], [2, 1, 0.5]])


def test_growing_elements(sess: Any) -> None:
    x = tf.placeholder(tf.float64, [])
    ta = tf.while_loop(lambda i, t: i < 3, lambda i, t: (i + 1, t.write(i, tf.fill([i + 1], x * tf.to_double(i + 1)))),
                       [0, tf.TensorArray(tf.float64, 3, infer_shape=False)])[1]
    y = ta.concat()
    got = sess.run([y, *orders(tf.reduce_sum(y * y), x)[1:]], {x: 2.0})
    np.testing.assert_allclose(got[0], [2, 4, 4, 6, 6, 6])
    np.testing.assert_allclose(got[1:], [2 * 2.0 * (1 + 8 + 27), 2 * (1 + 8 + 27)])


def test_gradients_in_a_body_reach_through_what_is_captured(sess: Any) -> None:
    x = tf.placeholder(tf.float64, [])
    square = tf.while_loop(lambda i, a: i < 2, lambda i, a: (i + 1, a * x), [0, tf.constant(1.0, tf.float64)])[1]
    total = tf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s + tf.gradients(square * x * s, x)[0]),
                          [0, tf.constant(1.0, tf.float64)])[1]
    # A step adds d(x^3 s)/dx = 3 x^2 s, so three of them multiply by (1 + 3 x^2)^3.
    got = sess.run([total, tf.gradients(total, x)[0]], {x: 2.0})
    np.testing.assert_allclose(got, [13.0 ** 3, 3 * 13.0 ** 2 * 12.0])
    p = tf.placeholder(tf.bool, [])
    y = tf.cond(p, lambda: tf.gradients(square * 2.0, x)[0], lambda: x)
    assert [sess.run(y, {x: 3.0, p: v}) for v in (True, False)] == [12.0, 3.0]


def test_gradients_in_a_branch_in_a_body(sess: Any) -> None:
    """What is asked for lies two graphs further out."""
    x = tf.placeholder(tf.float64, [])
    square = x * x
    total = tf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s + tf.cond(
        i < 2, lambda: tf.gradients(square * s, x)[0], lambda: x)), [0, tf.constant(1.0, tf.float64)])[1]
    # Two steps add 2 x s, the last adds x.
    assert sess.run(total, {x: 2.0}) == 27.0


def test_gradient_through_a_chain_of_carries(sess: Any) -> None:
    """The last carry has x from the first, two steps later: what is active, and what needs a reverse, are fixpoints."""
    x = tf.placeholder(tf.float64, [])
    zero = tf.constant(0.0, tf.float64)
    _, _, _, last = tf.while_loop(lambda t, a, b, c: t < 3, lambda t, a, b, c: [t + 1, x * x, a, b],
                                  [tf.constant(0), zero, zero, zero])
    assert sess.run([last, *tf.gradients(last, x)], {x: 3.0}) == [9.0, 6.0]


def test_gradient_by_what_a_step_number_chooses(sess: Any) -> None:
    """The step number of a backward loop counts down to 0."""
    x = tf.placeholder(tf.float64, [None])
    [last], _ = counted_loop(lambda t, carry, row: ([carry[0] * 0.5 + tf.gather(x, t)], []), tf.size(x),
                             [tf.constant(0.0, tf.float64)], [])
    assert sess.run(tf.gradients(last, x)[0], {x: np.ones(4)}).tolist() == [0.125, 0.25, 0.5, 1.0]


def test_concat_of_matrices_of_different_lengths(sess: Any) -> None:
    x, n = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.int32, [])
    ta = tf.TensorArray(tf.float32, 2, infer_shape=False).write(1, x).write(0, x[:n])
    y = ta.concat()
    [g] = tf.gradients(tf.reduce_sum(y ** 2), [x])
    given = np.arange(4.0).reshape(2, 2)
    for k in (0, 1, 2):
        found, slope = sess.run([y, g], {x: given, n: k})
        assert found.tolist() == [*given[:k].tolist(), *given.tolist()]
        assert slope.tolist() == (2 * given * np.where(np.arange(2) < k, 2, 1)[:, None]).tolist()


# --- machinery ------------------------------------------------------------------------------------------------------------

def test_loops_and_branches_know_the_machinery_that_they_stand_for(graph: Any) -> None:
    """The names are TensorFlow 1.4.0's for this program; they are there after every pass as well."""
    x = tf.placeholder(tf.float32, [])
    last = tf.while_loop(lambda i, a: i < 4, lambda i, a: (i + 1, tf.cond(a > 2.0, lambda: a * x, lambda: a)), [0, x])[1]
    loop = ["Enter", "Enter_1", "LoopCond", "Switch", "Switch_1", "NextIteration", "NextIteration_1"]
    wanted = {"loop": [f"while/{name}" for name in loop],
              "if": [f"while/cond/{name}" for name in ("Switch", "switch_t", "switch_f", "pred_id")]}

    def found(program: Any) -> dict[str, list[str]]:
        return {n.op.name: list(n.origin.machinery) for n in all_nodes(program) if n.op.name in wanted}

    assert found(graph.ir) == wanted
    closed = tf.Session(engine="reference").closed_graph(last, {x: 2.0})
    assert found(closed) == wanted
    assert found(optimise(closed, (*TIDY, *LOOPS))) == wanted
