"""Running: session-and-graph, sections 3 and 6. What may be fetched and fed, errors, contexts, control dependencies."""

from __future__ import annotations

import collections
import contextlib
import re
import types
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph import backends, programs
from rnngraph.ir.parser import parse
from rnngraph.ir.verify import VerifyError
from rnngraph.runtime.interface import Options

Pair = collections.namedtuple("Pair", "a b")
InvalidArgument = tf.errors.InvalidArgumentError


# --- fetches -------------------------------------------------------------------------------------------------------------

def test_structures_of_fetches(sess: Any) -> None:
    a, b = tf.constant(1.0, name="a"), tf.constant([2, 3], name="b")
    v = tf.Variable([4.0], name="v")
    sess.run(v.initializer)
    assert sess.run([]) == [] and sess.run(()) == () and sess.run({}) == {}
    got = sess.run({"x": [a, (b, a.op)], "y": Pair(v, "a:0"), "z": collections.OrderedDict([("q", a), ("p", b)])})
    assert list(got) == ["x", "y", "z"] and list(got["z"]) == ["q", "p"]
    assert isinstance(got["z"], collections.OrderedDict)
    assert got["x"][0] == 1.0 and isinstance(got["x"][1], tuple) and got["x"][1][1] is None
    assert isinstance(got["y"], Pair) and got["y"].a.tolist() == [4.0] and got["y"].b == 1.0
    assert sess.run("a") is None and sess.run(a.op) is None and sess.run("a:0") == 1.0
    one = sess.run(a)
    assert type(one) is np.float32
    many = sess.run([b, b])
    assert all(isinstance(m, np.ndarray) and m.dtype == np.int32 for m in many)
    s = sess.run(tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([3]), tf.constant([5, 1])))
    assert (s.values.tolist(), s.indices.tolist(), s.dense_shape.tolist()) == ([[1.0]], [3], [5, 1])
    assert sess.run(types.MappingProxyType({"k": a})) == {"k": 1.0}
    assert sess.run(tf.constant("text")) == b"text"
    assert sess.run(tf.constant(["x", "yz"])).tolist() == [b"x", b"yz"]


def test_what_cannot_be_fetched(sess: Any) -> None:
    a = tf.constant(1.0)
    for bad in (None, [a, None], {"k": None}, 1, [1.5], a.dtype):
        with pytest.raises(TypeError, match="has invalid type"):
            sess.run(bad)
    for name in ("nothing", "nothing:0", "Const:3", "a:b"):
        with pytest.raises(ValueError, match="cannot be interpreted as a Tensor"):
            sess.run(name)
    with tf.Graph().as_default():
        other = tf.constant(1.0)
    with pytest.raises(ValueError):
        sess.run(other)
    assert sess.run(a) == 1.0


def test_each_op_runs_once(sess: Any) -> None:
    ran: list[int] = []
    x = tf.py_func(lambda: (ran.append(1), np.float32(2.0))[1], [], tf.float32)
    assert sess.run([x, x, {"k": x}, x * 2.0, x + 1.0]) == [2.0, 2.0, {"k": 2.0}, 4.0, 3.0]
    assert ran == [1]


def test_fetched_arrays_are_the_callers(sess: Any) -> None:
    v, x = tf.Variable([1.0, 2.0]), tf.placeholder(tf.float32, [2])
    same = tf.identity(x)
    more = tf.assign_add(v, [1.0, 1.0])
    sess.run(v.initializer)
    first, read = sess.run([v, v.read_value()])
    grown = sess.run(more)
    sess.run(more)
    for held, want in ((first, [1, 2]), (read, [1, 2]), (grown, [2, 3])):
        assert held.tolist() == want
        held[:] = 0.0
    assert sess.run(v).tolist() == [3.0, 4.0]
    fed = np.array([5.0, 6.0], np.float32)
    for out in sess.run([same, tf.reshape(x, [2, 1]), tf.reshape(same, [1, 2])], {x: fed}):
        out[:] = 0.0
        assert fed.tolist() == [5.0, 6.0]
    c = tf.constant([7.0, 8.0])
    held = sess.run(c)
    held[:] = 0.0
    assert sess.run(c).tolist() == [7.0, 8.0]
    start = np.array([1.0, 1.0], np.float32)
    sess.run(tf.assign(v, x), {x: start})
    start[:] = 9.0
    assert sess.run(v).tolist() == [1.0, 1.0]


# --- feeds ---------------------------------------------------------------------------------------------------------------

def test_feeds(sess: Any) -> None:
    x, n = tf.placeholder(tf.float32, [None, 2], name="x"), tf.placeholder(tf.int32, [], name="n")
    y = x * tf.to_float(n)
    assert sess.run(y, {x: [[1, 2]], n: 2}).tolist() == [[2.0, 4.0]]
    assert sess.run(y, {"x:0": [[1, 2]], "n:0": 3}).tolist() == [[3.0, 6.0]]
    assert sess.run(y, {(x, n): (np.array([[1, 2]]), 2)}).tolist() == [[2.0, 4.0]]
    assert sess.run(x, {x: [[1, 2]]}).dtype == np.float32
    assert sess.run(n + 0, {n: 1.7}) == 1
    assert np.isnan(sess.run(tf.placeholder(tf.float32, [], name="p") + 0.0, {"p:0": None}))
    c, v = tf.constant(5.0), tf.Variable(1.0)
    middle = c * 2.0
    last = middle + v
    sess.run(v.initializer)
    assert sess.run([last, middle], {middle: 4.0}) == [5.0, 4.0]
    assert sess.run(last, {c: 1.0}) == 3.0
    assert sess.run([last, v, v + 1.0], {v: 10.0}) == [20.0, 10.0, 11.0]
    assert sess.run(v) == 1.0
    default = tf.placeholder_with_default(3.0, [])
    assert sess.run(default + 1.0) == 4.0 and sess.run(default + 1.0, {default: 1.0}) == 2.0


def test_feed_errors(sess: Any) -> None:
    x, n = tf.placeholder(tf.float32, [None, 2], name="x"), tf.placeholder(tf.int32, [], name="n")
    y = tf.reduce_sum(x) + tf.to_float(n)
    good = {x: [[1, 2]], n: 1}
    with tf.Graph().as_default():
        other = tf.placeholder(tf.float32)
    cases: list[tuple[Any, type, str]] = [
        ({"nothing:0": 1}, TypeError, "Cannot interpret feed_dict key as Tensor"),
        ({1.5: 1}, TypeError, "Cannot interpret feed_dict key as Tensor"),
        ({other: 1}, TypeError, "Cannot interpret feed_dict key as Tensor"),
        ({x.op: 1}, TypeError, "Cannot interpret feed_dict key as Tensor"),
        ({x: tf.constant(1.0)}, TypeError, "cannot be a tf.Tensor object"),
        ({n: 2 ** 40}, TypeError, "is not compatible with Tensor type"),
        ({x: [[1, 2], [3]]}, ValueError, ""), ({x: [["a", "b"]]}, ValueError, ""),
        ({x: [1, 2]}, ValueError, "Cannot feed value of shape"), ({x: [[1, 2, 3]]}, ValueError, "Cannot feed value of shape"),
        ({n: [1]}, ValueError, "Cannot feed value of shape"), ({(x, n): ([[1, 2]],)}, ValueError, "")]
    for bad, error, phrase in cases:
        with pytest.raises(error, match=phrase or None):
            sess.run(y, {**good, **bad})
        assert sess.run(y, good) == 4.0
    with pytest.raises(ValueError, match=re.escape("x:0")):
        sess.run(y, {x: [1, 2], n: 1})
    with tf.Graph().as_default() as g:
        free, held = tf.placeholder(tf.float32), tf.constant(1.0)
        g.prevent_feeding(held)
        g.prevent_fetching(free.op)
        with tf.Session() as inner:
            with pytest.raises(ValueError, match="may not be fed"):
                inner.run(held, {held: 1.0})
            with pytest.raises(ValueError, match="not fetchable"):
                inner.run(free.op)


def test_a_missing_placeholder_is_named(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="rows")
    y = tf.reduce_sum(x)
    with pytest.raises(InvalidArgument, match="You must feed a value for placeholder tensor 'rows'") as caught:
        sess.run(y)
    assert "float" in str(caught.value) and "3]" in str(caught.value)
    assert caught.value.op is x.op
    assert sess.run(tf.constant(1.0)) == 1.0
    assert sess.run(y, {x: [[1, 2, 3]]}) == 6.0
    assert sess.run(y, {y: 5.0}) == 5.0
    used = tf.while_loop(lambda i: i < 2, lambda i: i + tf.to_int32(tf.shape(x)[0]), [0])
    with pytest.raises(InvalidArgument, match="rows"):
        sess.run(used)


# --- sessions ------------------------------------------------------------------------------------------------------------

def test_empty_closed_and_bad_sessions(graph: Any, engine: str) -> None:
    empty = tf.Session(graph=tf.Graph(), engine=engine)
    for fetches in ([], "a"):
        with pytest.raises(RuntimeError, match="The Session graph is empty"):
            empty.run(fetches)
    a = tf.constant(1)
    sess = tf.Session(engine=engine)
    assert sess.run(a) == 1
    sess.close()
    sess.close()
    v = tf.Variable(1)
    for use in (lambda: sess.run(a), lambda: v.load(2, sess)):
        with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
            use()
    with pytest.raises(TypeError):
        tf.Session(graph=1)
    with pytest.raises(TypeError):
        tf.Session(37)
    with pytest.raises(NotImplementedError):
        tf.Session().partial_run_setup([a])


def test_sessions_have_values_of_their_own(engine: str) -> None:
    v = tf.Variable(1)
    one, two = tf.Session(engine=engine), tf.Session(engine=engine)
    one.run(v.initializer)
    with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized"):
        two.run(v)
    two.run(v.initializer)
    one.run(tf.assign_add(v, 5))
    assert (one.run(v), two.run(v)) == (6, 1)
    assert one.run(v + 1) == 7  # the graph grew between runs


def test_contexts(graph: Any, engine: str) -> None:
    a = tf.constant(3)
    with pytest.raises(ValueError, match="No default session is registered"):
        a.eval()
    with pytest.raises(ValueError, match="No default session is registered"):
        a.op.run()
    sess = tf.Session(engine=engine)
    with sess:
        assert tf.get_default_session() is sess
        assert a.eval() == 3
        with pytest.raises(RuntimeError, match="not re-entrant"), sess:
            pass
        with tf.Session(engine=engine) as inner:
            assert tf.get_default_session() is inner
        assert tf.get_default_session() is sess
    with pytest.raises(RuntimeError, match="closed"):
        sess.run(a)
    sess = tf.Session(engine=engine)
    for _ in range(2):
        with sess.as_default():
            assert a.eval() == 3
    assert tf.get_default_session() is None
    assert a.eval(session=sess) == 3
    other = tf.Graph()
    with tf.Session(graph=other, engine=engine) as sess:
        assert tf.get_default_graph() is other
        with pytest.raises(ValueError):
            a.eval()
    assert tf.get_default_graph() is graph


def test_interactive_session(graph: Any, engine: str) -> None:
    a, other = tf.constant(3), tf.Graph()
    for given in (None, graph):
        sess = tf.InteractiveSession(graph=given, engine=engine)
        assert a.eval() == 3 and tf.get_default_graph() is graph
        for _ in range(2):
            sess.close()
            with pytest.raises(ValueError, match="No default session is registered"):
                a.eval()
    sess = tf.InteractiveSession(graph=other, engine=engine)
    assert tf.get_default_graph() is other
    sess.close()
    assert tf.get_default_graph() is graph


def test_make_callable(sess: Any) -> None:
    x, y = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    assert sess.make_callable(tf.constant(2))() == 2
    call = sess.make_callable([x + y, {"d": x - y}], [x, y])
    assert call(3.0, 1.0) == [4.0, {"d": 2.0}]
    with pytest.raises(TypeError):
        call(1.0)
    assert sess.make_callable(tf.no_op())() is None


def test_options_and_config(engine: str) -> None:
    config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1, allow_soft_placement=True)
    sess = tf.Session("", config=config, engine=engine)
    assert sess.run(tf.constant(1), options=None, run_metadata=None) == 1
    with tf.device("/gpu:0"):
        a = tf.constant(2)
    assert sess.run(a) == 2


# --- control dependencies --------------------------------------------------------------------------------------------

def test_dependencies_run_first(sess: Any) -> None:
    v = tf.Variable(1)
    add = tf.assign_add(v, 1)
    with tf.control_dependencies([add]):
        later, sum_, fresh = tf.identity(v), v + 0, v.read_value()
        step = tf.no_op()
    sess.run(v.initializer)
    assert sess.run(later) == 2 and sess.run(sum_) == 3 and sess.run(fresh) == 4
    sess.run(step)
    assert sess.run(v) == 5


def test_dependencies_nest_and_clear(sess: Any) -> None:
    v, w = tf.Variable(0), tf.Variable(0)
    one, two = tf.assign_add(v, 1), tf.assign_add(w, 1)
    sess.run([v.initializer, w.initializer])
    with tf.control_dependencies([one]):
        with tf.control_dependencies([two]):
            both = tf.constant(0)
        with tf.control_dependencies(None):
            none = tf.constant(0)
            with tf.control_dependencies([two]):
                second = tf.constant(0)
    for fetch, want in ((both, [1, 1]), (none, [1, 1]), (second, [1, 2])):
        sess.run(fetch)
        assert sess.run([v, w]) == want


def test_only_new_ops_depend(sess: Any) -> None:
    v, old = tf.Variable(0), tf.constant(5)
    sess.run(v.initializer)
    with tf.control_dependencies([tf.assign_add(v, 1)]):
        same = tf.convert_to_tensor(old)
        new = tf.identity(old)
    assert same is old and sess.run(same) == 5 and sess.run(v) == 0
    assert sess.run(new) == 5 and sess.run(v) == 1
    for bad in (1, "nothing", [3]):
        with pytest.raises((TypeError, KeyError, ValueError)), tf.control_dependencies([bad]):
            pass
    a = tf.constant(1)
    with tf.control_dependencies([a]):
        b = tf.identity(a)
        c = tf.identity(b)
        d = tf.constant(2)
    assert (b.op.control_inputs, c.op.control_inputs) == ([], [])
    assert d.op.control_inputs == [a.op]


def test_slices_as_dependencies(sess: Any) -> None:
    v = tf.Variable(0)
    s = tf.IndexedSlices(tf.to_float(tf.expand_dims(tf.assign_add(v, 1), 0)), tf.constant([0]))
    with tf.control_dependencies([s]):
        x = tf.constant(1)
    sess.run(v.initializer)
    sess.run(x)
    assert sess.run(v) == 1


# --- errors --------------------------------------------------------------------------------------------------------------

FAILING = {
    "assert": (lambda x: tf.Assert(x > 0, [x], name="failing"), InvalidArgument, "assertion failed"),
    "gather": (lambda x: tf.gather(tf.constant([1, 2]), x + 5, name="failing"), InvalidArgument, "is not in"),
    "division": (lambda x: tf.floordiv(tf.constant([1, 2]), tf.stack([1, x]), name="failing"), InvalidArgument,
                 "(?i)division by zero"),
    "shapes": (lambda x: tf.add(tf.ones([x + 2]), tf.ones([x + 3]), name="failing"), InvalidArgument, "Incompatible shapes"),
    "index": (lambda x: tf.strided_slice(tf.constant([1, 2]), [x + 7], [x + 8], shrink_axis_mask=1, name="failing"),
              InvalidArgument, "out of bounds"),
    "reshape": (lambda x: tf.reshape(tf.ones([x + 3]), [2, 2], name="failing"), InvalidArgument, ""),
    "uninitialized": (lambda x: tf.Variable(1, name="failing") + x, tf.errors.FailedPreconditionError, "uninitialized value"),
    "python": (lambda x: tf.py_func(lambda v: 1 / 0, [x], tf.float64, name="failing"), tf.errors.UnknownError,
               "ZeroDivisionError"),
    "stop": (lambda x: tf.py_func(lambda v: next(iter([])), [x], tf.float64, name="failing"), tf.errors.OutOfRangeError, ""),
    "value": (lambda x: tf.py_func(lambda v: int("a"), [x], tf.float64, name="failing"), InvalidArgument, "ValueError"),
    "numerics": (lambda x: tf.check_numerics(tf.log(tf.to_float(x - 1)), "oh", name="failing"), InvalidArgument, "oh"),
}


@pytest.mark.parametrize("kind", list(FAILING))
def test_errors_name_the_op_and_its_line(sess: Any, kind: str) -> None:
    make, error, phrase = FAILING[kind]
    x, v, w = tf.placeholder(tf.int32, []), tf.Variable(1, name="v"), tf.Variable(10, name="w")
    sess.run([v.initializer, w.initializer])
    bad = make(x)
    first = tf.assign_add(v, 1)
    with tf.control_dependencies([first]):
        second = tf.assign_add(w, 1)
    with pytest.raises(error, match=phrase or None) as caught:
        sess.run([second, bad], {x: 0})
    e = caught.value
    assert "failing" in str(e), str(e)
    assert "test_session.py" in str(e), str(e)
    assert e.op is not None and "failing" in e.op.name
    assert e.error_code == error(None, None, "").error_code and e.message
    assert sess.run([v, w]) == [1, 10]
    assert sess.run(second) == 11
    assert sess.run([v, w]) == [2, 11]


# --- the time of first runs ------------------------------------------------------------------------------------------------

def test_a_slow_compilation_is_logged_once(sess: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """What is slow is decided by the limit here, not by time."""
    x = tf.placeholder(tf.float32, [None], name="x")
    y = tf.square(x, name="y")
    fetches = [y, tf.negative(y, name="z")]
    monkeypatch.setattr(programs, "SLOW", -1.0)
    sess.run(fetches, {x: np.ones(2)})
    sess.run(fetches, {x: np.ones(3)})
    [record] = caplog.records
    assert (record.name, record.levelname) == ("tensorflow", "WARNING")
    assert re.fullmatch(r"compiling what gives 'y', 'z' took \d+\.\d s; later runs of it start at once", record.getMessage())
    monkeypatch.setattr(programs, "SLOW", 1e9)
    sess.run(tf.negative(y, name="w"), {x: np.ones(2)})
    assert len(caplog.records) == 1


def test_what_was_fetched_is_not_the_variable(sess: Any) -> None:
    v = tf.get_variable("v", [3], initializer=tf.zeros_initializer())
    sess.run(v.initializer)
    found = sess.run(tf.assign(v, tf.ones([3])))
    found[:] = 9.0
    assert sess.run(v).tolist() == [1.0, 1.0, 1.0]


def test_variables_share_no_memory(sess: Any) -> None:
    x, v, w = tf.placeholder(tf.float32, [3]), tf.Variable(tf.zeros([3])), tf.Variable(tf.zeros([3]))
    y = x * 2.0
    both = tf.group(tf.assign(v, y), tf.assign(w, y))
    sess.run(tf.global_variables_initializer())
    given = np.ones(3, np.float32)
    sess.run(both, {x: given})
    kept = list(sess._store.values())
    assert not any(np.shares_memory(a, b) for a, b in ((kept[0], kept[1]), (kept[0], given), (kept[1], given)))


def test_a_session_that_is_closed_while_it_runs_stays_empty(graph: Any, engine: str) -> None:
    sess, v = tf.Session(engine=engine), tf.Variable(1.0)
    sess.run(v.initializer)
    closing = tf.py_func(lambda x: sess.close() or x, [tf.constant(2.0)], tf.float32)
    sess.run(tf.assign_add(v, closing))
    assert not sess._store
    with pytest.raises(RuntimeError, match="closed"):
        sess.run(v)


@pytest.mark.parametrize("wanted", ["1", ""])
def test_programs_are_verified_if_that_is_wanted(engine: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNGRAPH_VERIFY", wanted)
    wrong = parse("graph @m(%x: f32[2]) {\n  %a = neg %x : f32[3]\n  return %a\n}\n")
    with pytest.raises(VerifyError) if wanted else contextlib.nullcontext():
        backends.load(engine).compile(wrong, Options())


def test_a_read_that_waits_for_nothing_sees_the_start(sess: Any) -> None:
    """Also where it is made after a write of the same run."""
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer())
    sess.run(v.initializer)
    write = tf.assign_add(v, 2.0)
    assert sess.run([write, v.read_value() + 0.0]) == [2.0, 0.0]


def test_texts_are_fed_as_str_or_bytes(sess: Any) -> None:
    x = tf.placeholder(tf.string, [None])
    assert sess.run(tf.identity(x), {x: ["a", b"b"]}).tolist() == [b"a", b"b"]


def test_explain_shows_what_is_in_loops(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 2])
    y = tf.scan(lambda a, row: tf.tanh(a + row), x, tf.zeros([2]))
    with tf.Session(graph=graph, engine="llvm") as sess:
        lines = str(sess.explain(y, {x: np.zeros([3, 2])})).splitlines()
    depths = [len(line) - len(line.lstrip()) for line in lines]
    [loop] = [i for i, line in enumerate(lines) if "native loop" in line]
    assert depths[loop] == 2 and depths[loop + 1] == 4 and "tanh" in lines[loop + 1]


def test_explain_tells_what_runs_on_the_host_in_each_step(graph: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 2])

    def inner(row: Any) -> Any:
        return tf.map_fn(lambda e: tf.py_func(lambda a: a, [e], tf.float32), row)
    y = tf.map_fn(inner, tf.py_func(lambda a: a, [x], tf.float32))
    with tf.Session(graph=graph, engine="llvm") as sess:
        report = sess.explain(y, {x: np.zeros([3, 2])})
    assert [s.name for s in report.all_steps() if "py_func" in s.name or "PyFunc" in s.name]
    assert len(report.host_steps_in_loops()) >= 1 and all(s.loop and s.where == "host" for s in report.host_steps_in_loops())
    assert len(report.all_steps()) == len(str(report).splitlines()) - 1 - len(report.notes)


def test_a_closed_session_explains_nothing() -> None:
    x = tf.constant(1.0)
    sess = tf.Session()
    sess.close()
    with pytest.raises(RuntimeError, match="closed"):
        sess.explain(x)
