"""Variables, their ops and collections: variables-and-scopes, sections 5 and 6."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest

import rnngraph as tf


@pytest.fixture
def sess(graph: Any) -> Any:
    """A session on that graph."""
    return tf.Session(graph=graph)


def init(sess: Any) -> None:
    """Initialise what there is."""
    sess.run(tf.global_variables_initializer())


def test_ops_and_names(graph: Any) -> None:
    w = tf.Variable([1.0, 2.0], name="w")
    assert [op.name for op in graph.get_operations()] == ["w/initial_value", "w", "w/Assign", "w/read"]
    assert (w.name, w.op.name, w.initializer.name, w.value().name) == ("w:0", "w", "w/Assign", "w/read:0")
    assert (w.dtype, w.shape.as_list(), w.get_shape().as_list()) == (tf.float32, [2], [2])
    assert w.initial_value.name == "w/initial_value:0"
    assert w.graph is graph
    assert tf.convert_to_tensor(w) is w.value()
    assert repr(w) == "<tf.Variable 'w:0' shape=(2,) dtype=float32>"
    assert copy.deepcopy(w) is w
    assert tf.Variable(lambda: 1.0, name="f").initial_value.name == "f/Initializer/initial_value:0"
    assert tf.Variable(1.0, name="w").name == "w_1:0"


def test_construction_errors() -> None:
    cases: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((), {}, "initial_value must be specified"), ((tf.placeholder(tf.float32),), {}, "must have a shape specified"),
        ((1.0,), {"collections": "x"}, "must be a list, tuple, or set"),
        ((tf.ones([2]),), {"dtype": tf.float64}, "Tensor conversion requested dtype"),
        ((1.0,), {"constraint": 3}, "callable"), ((1.0,), {"name": ""}, "is not a valid node name")]
    for args, kwargs, phrase in cases:
        with pytest.raises(ValueError, match=phrase):
            tf.Variable(*args, **kwargs)
    with pytest.raises(NotImplementedError):
        tf.Variable(variable_def=object())


def test_collections() -> None:
    a, b = tf.Variable(1.0), tf.Variable(1.0, trainable=False)
    c = tf.Variable(1.0, collections=["mine"])
    assert tf.global_variables() == [a, b]
    assert tf.trainable_variables() == [a, c]
    assert tf.get_collection("mine") == [c]
    d = tf.Variable(1.0, name="abc/x")
    tf.Variable(1.0, name="ab/x")
    assert len(tf.global_variables("ab")) == 2
    assert d not in tf.global_variables("ab/")


def test_reading_before_initialisation(sess: Any) -> None:
    w = tf.Variable(1.0, name="w")
    with pytest.raises(tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value.*w"):
        sess.run(w + 1.0)
    assert not sess.run(tf.is_variable_initialized(w))
    assert list(sess.run(tf.report_uninitialized_variables())) == [b"w"]
    init(sess)
    assert sess.run(w) == 1.0
    assert sess.run(tf.is_variable_initialized(w))
    assert list(sess.run(tf.report_uninitialized_variables())) == []


def test_assert_variables_initialized(sess: Any) -> None:
    w = tf.Variable(1.0)
    check = tf.assert_variables_initialized()
    for op in (check, w.value().op):
        with pytest.raises(tf.errors.FailedPreconditionError):
            sess.run(op)
    init(sess)
    sess.run(check)


def test_no_variables(sess: Any) -> None:
    assert tf.assert_variables_initialized() is None
    assert list(sess.run(tf.report_uninitialized_variables())) == []
    assert sess.run(tf.global_variables_initializer()) is None


def test_initializer_names() -> None:
    tf.Variable(1.0)
    assert [tf.global_variables_initializer().name, tf.variables_initializer([]).name,
            tf.local_variables_initializer().name] == ["init", "init_1", "init_2"]


def test_old_names_warn() -> None:
    w = tf.Variable(1.0)
    with pytest.warns(DeprecationWarning):
        assert tf.all_variables() == [w]
    for old in (tf.initialize_all_variables, tf.initialize_local_variables):
        with pytest.warns(DeprecationWarning):
            old()
    with pytest.warns(DeprecationWarning):
        tf.initialize_variables([w])


def test_assign(sess: Any) -> None:
    w = tf.Variable([1.0, 2.0])
    init(sess)
    assert sess.run(w.assign([3, 4])).tolist() == [3.0, 4.0]
    assert sess.run(tf.assign_add(w, [1.0, 1.0])).tolist() == [4.0, 5.0]
    assert sess.run(w.assign_sub(np.array([1, 2]))).tolist() == [3.0, 3.0]
    assert sess.run(w).tolist() == [3.0, 3.0]


def test_assign_errors() -> None:
    w = tf.Variable([1.0, 2.0])
    for value in ([1.0, 2.0, 3.0], 1.0):
        with pytest.raises(ValueError, match="Dimensions must be equal"):
            w.assign(value)
        with pytest.raises(ValueError, match="Dimensions must be equal"):
            w.assign_add(value)
    with pytest.raises(TypeError, match="does not match type float32 of argument 'ref'"):
        w.assign(tf.constant([1, 2]))
    with pytest.raises(TypeError, match="needs a variable"):
        tf.assign(tf.constant(1.0), 2.0)


def test_shapes_that_change(sess: Any) -> None:
    x = tf.placeholder(tf.float32)
    w = tf.Variable(x, validate_shape=False)
    assert w.shape.ndims is None
    sess.run(w.initializer, {x: [1.0, 2.0]})
    assert sess.run(w + 1.0).tolist() == [2.0, 3.0]
    assert sess.run(tf.assign(w, [[7.0]], validate_shape=False)).tolist() == [[7.0]]
    assert sess.run(w).tolist() == [[7.0]]
    w.set_shape([None, 1])
    assert w.shape.as_list() == [None, 1]
    assert w.value().shape.as_list() == [None, 1]
    with pytest.raises(ValueError, match="are not compatible"):
        w.set_shape([3])


@pytest.mark.parametrize("name, expected", [
    ("scatter_update", [[1, 1], [6, 6], [3, 3]]), ("scatter_add", [[1, 1], [13, 13], [3, 3]]),
    ("scatter_sub", [[1, 1], [-9, -9], [3, 3]]), ("scatter_mul", [[1, 1], [60, 60], [3, 3]]),
    ("scatter_div", [[1, 1], [2 / 30, 2 / 30], [3, 3]])])
def test_scatter(sess: Any, name: str, expected: Any) -> None:
    w = tf.Variable([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    init(sess)
    result = sess.run(getattr(tf, name)(w, [1, 1], [[5.0, 5.0], [6.0, 6.0]]))
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    np.testing.assert_allclose(sess.run(w), expected, rtol=1e-6)


def test_scatter_errors() -> None:
    w = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="Shapes must be equal"):
        tf.scatter_add(w, [0], [[1.0]])
    with pytest.raises(TypeError, match="not in list of allowed values"):
        tf.scatter_add(w, [0.5], [1.0])
    with pytest.raises(ValueError, match="at least rank 1"):
        tf.scatter_add(tf.Variable(1.0), [0], [1.0])
    for f in (lambda: w.count_up_to(3), lambda: tf.scatter_nd_update(w, [[0]], [1.0])):
        with pytest.raises(NotImplementedError):
            f()


def test_scatter_sub_method(sess: Any) -> None:
    w = tf.Variable([1.0, 2.0])
    init(sess)
    assert sess.run(w.scatter_sub(tf.IndexedSlices(tf.constant([1.0]), tf.constant([1])))).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="not IndexedSlices"):
        w.scatter_sub(tf.constant([1.0]))


def test_operators(sess: Any) -> None:
    w = tf.Variable([1.0, 4.0])
    init(sess)
    cases = [(w + 1, [2, 5]), (1 - w, [0, -3]), (w * w, [1, 16]), (2 / w, [2, 0.5]), (-w, [-1, -4]), (w ** 2, [1, 16]),
             (np.ones(2, np.float32) + w, [2, 5]), (w[1:], [4]), (w[0], 1), (abs(-w), [1, 4]), (w < 2, [True, False])]
    for got, expected in cases:
        np.testing.assert_allclose(sess.run(got), expected)
    for bad in (iter, len):
        with pytest.raises(TypeError):
            bad(w)
    with pytest.raises(ValueError, match="Incompatible type conversion"):
        tf.convert_to_tensor(w, tf.int32)


def test_initial_values_that_depend_on_variables(sess: Any) -> None:
    a = tf.Variable(tf.random_uniform([2]), name="a")
    b = tf.Variable(a * 3.0, name="b")
    d = tf.Variable(a.initialized_value() * 2.0, name="d")
    e = tf.Variable(tf.nn.softmax(b + d), name="e")
    f = tf.Variable(lambda: e + 1.0, name="f")
    g = tf.Variable(a, name="g")
    init(sess)
    va, vb, vd, ve, vf, vg = sess.run([a, b, d, e, f, g])
    np.testing.assert_allclose(vb, va * 3, rtol=1e-6)
    np.testing.assert_allclose(vd, va * 2, rtol=1e-6)
    np.testing.assert_allclose(ve, np.exp(vb + vd) / np.exp(vb + vd).sum(), rtol=1e-5)
    np.testing.assert_allclose(vf, ve + 1, rtol=1e-6)
    np.testing.assert_allclose(vg, va)
    sess.run(a.assign([1.0, 2.0]))
    sess.run(b.initializer)
    assert sess.run(b).tolist() == [3.0, 6.0]
    # What the user holds is what was given; only the initializer reads initialised values.
    assert b.initial_value.op.name == "mul"


def test_initialized_value(sess: Any) -> None:
    w = tf.Variable(3.0)
    value = w.initialized_value()
    assert sess.run(value) == 3.0
    sess.run(w.initializer)
    sess.run(w.assign(4.0))
    assert sess.run(value) == 4.0


def test_variables_inside_loops(sess: Any) -> None:
    def body(i: Any, total: Any) -> Any:
        w = tf.get_variable("w", [], initializer=tf.ones_initializer())
        u = tf.Variable(lambda: tf.constant(2.0), name="u")
        with pytest.raises(ValueError, match="inside a control-flow"):
            tf.Variable(tf.constant(1.0))
        return i + 1, total + w * u

    _, total = tf.while_loop(lambda i, _: i < 3, body, [0, 0.0])
    init(sess)
    assert sess.run(total) == 6.0
    assert tf.global_variables()[0].op.name == "w"


def test_ordered_reads(sess: Any) -> None:
    w = tf.Variable(1.0)
    before = w + 0.0
    write = w.assign(5.0)
    with tf.control_dependencies([write]):
        after = [w.read_value(), tf.identity(w), w + 0.0]
    init(sess)
    first, *rest = sess.run([before, *after])
    assert (first, rest) == (1.0, [5.0, 5.0, 5.0])


def test_reads_are_made_anew_only_where_a_write_may_come_before() -> None:
    w = tf.Variable(1.0)
    with tf.control_dependencies([tf.constant(1)]):
        assert tf.convert_to_tensor(w) is w.value()
    with tf.control_dependencies([w.initializer]):
        assert tf.convert_to_tensor(w) is not w.value()


def test_feeding_and_fetching(sess: Any) -> None:
    w = tf.Variable(1.0, name="w")
    init(sess)
    assert sess.run("w:0") == 1.0
    assert sess.run([w, w + 1.0], {w: 10.0}) == [10.0, 11.0]
    assert sess.run(w) == 1.0


def test_load_and_eval(sess: Any) -> None:
    w = tf.Variable([1.0, 2.0])
    for f in (lambda: w.load([1, 2]), w.eval):
        with pytest.raises(ValueError, match="default session"):
            f()
    w.load([5, 6], sess)
    assert w.eval(sess).tolist() == [5.0, 6.0]
    with sess.as_default():
        w.load([7, 8])
        assert w.eval().tolist() == [7.0, 8.0]


def test_sessions_have_their_own_values(graph: Any) -> None:
    w = tf.Variable(1.0)
    one, two = tf.Session(graph=graph), tf.Session(graph=graph)
    for s in (one, two):
        init(s)
    one.run(w.assign(2.0))
    assert (one.run(w), two.run(w)) == (2.0, 1.0)


@pytest.mark.parametrize("value, dtype", [
    (True, tf.bool), (3, tf.int32), (2.5, tf.float32), (np.float64(2.5), tf.float64)])
def test_dtypes(sess: Any, value: Any, dtype: Any) -> None:
    w = tf.Variable(value)
    init(sess)
    assert w.dtype == dtype
    assert sess.run(w) == value


def test_summary_ops(sess: Any, tmp_path: Any) -> None:
    assert tf.summary.merge_all() is None
    tf.summary.scalar("loss", tf.constant(1.0))
    tf.summary.histogram("a b:0", tf.constant([1.0]))
    merged = tf.summary.merge_all()
    assert re.fullmatch(r".*:0", merged.name)
    with tf.summary.FileWriter(str(tmp_path / "logs"), sess.graph) as writer:
        writer.add_summary(sess.run(merged), 1)
