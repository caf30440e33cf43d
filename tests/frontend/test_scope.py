"""Name scopes and variable scopes: variables-and-scopes, sections 2 to 4 and 8."""

from __future__ import annotations

from typing import Any

import pytest

import rnngraph as tf


def v(name: str = "v") -> str:
    """The name of a variable got here."""
    return str(tf.get_variable(name, [1]).op.name)


def c() -> str:
    """The name of an op made here."""
    return str(tf.constant(1.0).op.name)


# --- name scopes ---

def test_name_scopes_are_unique() -> None:
    with tf.name_scope("s") as first:
        pass
    with tf.name_scope("s") as second:
        pass
    assert (first, second) == ("s/", "s_1/")


def test_name_scope_with_slash_reenters() -> None:
    with tf.name_scope("s") as s:
        assert c() == "s/Const"
    with tf.name_scope(s) as again:
        assert again == "s/"
        assert c() == "s/Const_1"


def test_empty_name_scope_is_the_root() -> None:
    with tf.name_scope("s"):
        for empty in (None, ""):
            with tf.name_scope(empty) as root:
                assert root == ""
    with tf.name_scope("t"), tf.name_scope(None):
        assert c() == "Const"


def test_name_scope_default_and_values() -> None:
    with tf.name_scope(None, "d", [tf.constant(1)]) as d:
        assert d == "d/"
    with tf.name_scope("n", "d") as n:
        assert n == "n/"
    with pytest.raises(ValueError, match="must be provided"), tf.name_scope(None, None, [tf.constant(1)]):
        pass


def test_name_scope_enters_the_graph_of_values() -> None:
    with tf.Graph().as_default() as other:
        x = tf.constant(1.0)
    with tf.name_scope("s", values=[x]):
        assert tf.get_default_graph() is other
    with pytest.raises(ValueError, match="must be from the same graph"), tf.name_scope("s", values=[x, tf.constant(1)]):
        pass


def test_scopes_and_ops_share_names() -> None:
    with tf.name_scope("x"):
        pass
    assert tf.constant(1, name="x").op.name == "x_1"


# --- variable scopes ---

def test_errors() -> None:
    cases = [((None,), {}, TypeError, "name_or_scope is required"),
             ((3,), {}, TypeError, "must be a string or VariableScope"),
             (("a",), {"reuse": "yes"}, ValueError, "The reuse parameter must be"),
             ((None, "d"), {"reuse": True}, ValueError, "reuse=True cannot be used without a name_or_scope"),
             ((None, "d"), {"reuse": tf.AUTO_REUSE}, ValueError, "reuse=True cannot be used without a name_or_scope")]
    for args, kwargs, error, phrase in cases:
        with pytest.raises(error, match=phrase), tf.variable_scope(*args, **kwargs):
            pass


def test_first_worked_example() -> None:
    with tf.variable_scope("a"):
        assert (v(), c()) == ("a/v", "a/Const")
        with tf.variable_scope("b") as b:
            assert (v(), c()) == ("a/b/v", "a/b/Const")
            assert (b.name, b.original_name_scope) == ("a/b", "a/b/")
    with tf.variable_scope("a"):
        assert c() == "a_1/Const"
        with pytest.raises(ValueError, match="already exists"):
            v()
    with tf.variable_scope("a", reuse=True):
        assert (v(), c()) == ("a/v", "a_2/Const")
    with tf.variable_scope(b) as again:
        assert (v("w"), c(), again.original_name_scope) == ("a/b/w", "b/Const", "a/b/")


def test_name_scopes_and_variables() -> None:
    with tf.name_scope("ns"):
        assert (v("z"), tf.Variable(1).op.name, c()) == ("z", "ns/Variable", "ns/Const")
        with tf.variable_scope("a"):
            assert (v("y"), tf.Variable(1).op.name, c()) == ("a/y", "ns/a/Variable", "ns/a/Const")


def default(name: str = "d") -> str:
    """The name of a variable scope entered by default name here."""
    with tf.variable_scope(None, name) as scope:
        return str(scope.name)


def test_default_names() -> None:
    assert [default(), default()] == ["d", "d_1"]
    with tf.variable_scope("d") as d:
        assert d.name == "d"
    assert default() == "d_2"


def test_default_names_restart_with_their_parent() -> None:
    for _ in range(2):
        with tf.variable_scope("outer"):
            assert default() == "outer/d"
    with tf.variable_scope("once") as once:
        assert [default(), default()] == ["once/d", "once/d_1"]
    with tf.variable_scope(once):
        assert default() == "once/d"


def test_default_names_inside_a_scope_object() -> None:
    with tf.variable_scope("p") as p:
        for _ in range(2):
            with tf.variable_scope(p):
                assert default() == "p/d"
        assert [default(), default()] == ["p/d", "p/d_1"]


def test_scope_objects_open_their_last_name() -> None:
    with tf.name_scope("scope1"), tf.variable_scope("tower") as tower:
        assert c() == "scope1/tower/Const"
    with tf.name_scope("scope2"), tf.variable_scope(tower):
        assert c() == "scope2/tower/Const"
    with tf.variable_scope("tower4") as tower4:
        pass
    with tf.variable_scope("tower6"), tf.variable_scope(tower4):
        assert (v(), c()) == ("tower4/v", "tower6/tower4/Const")


def test_root_object_opens_no_name_scope() -> None:
    root = tf.get_variable_scope()
    with tf.variable_scope("a"), tf.variable_scope(root):
        assert (v(), c()) == ("v", "a/Const")


def test_reuse_is_inherited_and_cannot_be_switched_off() -> None:
    with tf.variable_scope("a", reuse=True):
        with tf.variable_scope("b", reuse=False) as b:
            assert b.reuse is True
        with tf.variable_scope("b", reuse=tf.AUTO_REUSE) as b:
            assert b.reuse is tf.AUTO_REUSE
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE), tf.variable_scope("b", reuse=True) as b:
        assert b.reuse is True


def test_reuse_of_scope_objects() -> None:
    with tf.variable_scope("a") as a:
        assert v() == "a/v"
    with tf.variable_scope("b", reuse=True), tf.variable_scope(a) as again:
        assert not again.reuse
        assert v("new") == "a/new"
    with tf.variable_scope(a) as again:
        again.reuse_variables()
        assert v() == "a/v"
    assert not a.reuse
    a.reuse_variables()
    with tf.variable_scope(a):
        assert v() == "a/v"
    with tf.variable_scope(tf.get_variable_scope(), reuse=True), tf.variable_scope("a"):
        assert v() == "a/v"


def test_reuse_variables_on_the_root() -> None:
    v()
    tf.get_variable_scope().reuse_variables()
    assert v() == "v"
    with pytest.raises(ValueError, match="does not exist, or was not created with"):
        v("other")


def test_auto_reuse() -> None:
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        assert tf.get_variable("v", [1]) is tf.get_variable("v", [1])


def test_properties_are_inherited_but_constraint() -> None:
    init, reg = tf.zeros_initializer(), tf.no_regularizer
    with tf.variable_scope("a", initializer=init, regularizer=reg, caching_device="d", dtype=tf.float64,
                           use_resource=True, constraint=abs) as a, tf.variable_scope("b") as b:
        assert (b.initializer, b.regularizer, b.caching_device, b.dtype, b.use_resource) == (
            init, reg, "d", tf.float64, True)
        assert a.constraint is abs
        assert b.constraint is None
        assert tf.get_variable("v", [1]).dtype == tf.float64


def test_setters() -> None:
    with tf.variable_scope("a") as a:
        a.set_initializer(tf.ones_initializer())
        a.set_dtype(tf.float64)
        a.set_regularizer(tf.no_regularizer)
        a.set_caching_device("x")
        a.set_use_resource(True)
        a.set_custom_getter(None)
        assert tf.get_variable("v", [1]).dtype == tf.float64
        assert (a.caching_device, a.use_resource, a.custom_getter) == ("x", True, None)


def test_collections_of_a_scope() -> None:
    with tf.variable_scope("a") as a:
        x = tf.get_variable("x", [1])
        y = tf.get_variable("y", [1], trainable=False)
        z = tf.get_local_variable("z", [1])
    with tf.variable_scope("ab"):
        v()
    assert a.global_variables() == [x, y]
    assert a.trainable_variables() == [x]
    assert a.local_variables() == [z]


def test_decorator_and_class() -> None:
    @tf.variable_scope("deco")
    def make() -> str:
        return v()

    assert isinstance(tf.variable_scope, type)
    assert make() == "deco/v"


def test_deprecated_orders() -> None:
    with pytest.warns(DeprecationWarning), tf.variable_op_scope([], None, "d") as d:
        assert d.name == "d"
    with pytest.warns(DeprecationWarning), tf.op_scope([], "o") as o:
        assert o == "o/"


# --- get_variable ---

def test_taken_op_names() -> None:
    tf.constant(1, name="a")
    first = tf.get_variable("a", [1])
    assert first.op.name == "a_1"
    with tf.variable_scope("", reuse=True):
        assert tf.get_variable("a", [1]) is first


def test_sharing_errors() -> None:
    tf.Variable([1.0], name="plain")
    with pytest.raises(ValueError, match="does not exist, or was not created with"), tf.variable_scope("", reuse=True):
        v("plain")
    tf.get_variable("v", [2])
    with tf.variable_scope("", reuse=True):
        with pytest.raises(ValueError, match="but specified shape"):
            tf.get_variable("v", [3])
        with pytest.raises(ValueError, match="but specified dtype"):
            tf.get_variable("v", [2], dtype=tf.int32)
        assert tf.get_variable("v", initializer=tf.ones_initializer()).shape.as_list() == [2]
    with pytest.raises(ValueError, match="test_scope.py"):
        tf.get_variable("v", [2])
    with pytest.raises(ValueError, match="must be fully defined"):
        tf.get_variable("w", [2, None])


def test_constant_initializers() -> None:
    assert tf.get_variable("a", initializer=[1, 2]).dtype == tf.int32
    with pytest.raises(ValueError, match="don't match"):
        tf.get_variable("b", initializer=[1, 2], dtype=tf.float32)
    with pytest.raises(ValueError, match="do not specify shape"):
        tf.get_variable("b", [2], initializer=[1.0, 2.0])


def test_default_initializers() -> None:
    assert "random_uniform" in tf.get_variable("f", [2]).initial_value.op.name
    assert tf.get_variable("i", [2], dtype=tf.int32).initial_value.op.name == "i/Initializer/zeros"
    with pytest.raises(ValueError, match="is required"):
        tf.get_variable("s", [2], dtype=tf.string)


def test_initializer_callables() -> None:
    seen: list[Any] = []

    def full(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        seen.append((shape, dtype, partition_info))
        return tf.zeros(shape, dtype)

    tf.get_variable("a", [2, 3], initializer=full)
    assert seen == [([2, 3], tf.float32, None)]
    tf.get_variable("b", [2], initializer=lambda shape: tf.zeros(shape))
    tf.get_variable("c", [2], initializer=tf.zeros_initializer)


def test_custom_getters() -> None:
    log: list[Any] = []

    def outer(getter: Any, *args: Any, **kwargs: Any) -> Any:
        log.append(("outer", kwargs))
        return getter(*args, **kwargs)

    def inner(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        log.append(("inner", name))
        return tf.identity(getter(name, *args, **kwargs))

    with tf.variable_scope("a", custom_getter=outer), tf.variable_scope("b", custom_getter=inner):
        got = tf.get_variable("v", [1])
    assert isinstance(got, tf.Tensor)
    assert [who for who, _ in log] == ["inner", "outer"]
    assert log[0][1] == "a/b/v"
    assert set(log[1][1]) == {"shape", "dtype", "initializer", "regularizer", "reuse", "trainable", "collections",
                              "caching_device", "partitioner", "validate_shape", "use_resource"}
    with pytest.raises(ValueError, match="custom_getter.*not callable"):
        tf.get_variable("w", [1], custom_getter=3)


def test_constraint_reaches_getters_that_name_it() -> None:
    def knows(getter: Any, name: str, constraint: Any, **kwargs: Any) -> Any:
        assert constraint is abs
        return getter(name, constraint=constraint, **kwargs)

    def ignores(getter: Any, **kwargs: Any) -> Any:
        assert "constraint" not in kwargs
        return getter(**kwargs)

    assert tf.get_variable("a", [1], constraint=abs, custom_getter=knows).constraint is abs
    assert tf.get_variable("b", [1], constraint=abs, custom_getter=ignores).constraint is abs


def test_regularizers() -> None:
    def make(name: str, **kwargs: Any) -> Any:
        return tf.get_variable(name, [1], **kwargs)

    with tf.variable_scope("a", regularizer=lambda x: tf.reduce_sum(x, name="Loss")):
        make("v")
        make("w", regularizer=tf.no_regularizer)
    with tf.variable_scope("a", reuse=True):
        make("v", regularizer=tf.reduce_sum)
    assert [t.name for t in tf.get_collection("regularization_losses")] == ["a/v/Regularizer/Loss:0"]


def test_partitioners_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="partition"):
        tf.get_variable("v", [4], partitioner=lambda **_: [2])


def test_collections() -> None:
    mine = tf.get_variable("a", [1], collections=["mine"])
    assert tf.get_collection("mine") == [mine] == tf.trainable_variables()
    assert tf.global_variables() == []
    local = tf.get_local_variable("b", [1])
    assert tf.local_variables() == [local]
    assert local not in tf.trainable_variables()


# --- templates ---

def test_templates_share() -> None:
    def f(x: Any, scale: float) -> Any:
        return x * scale * tf.get_variable("v", [1])

    first, second = tf.make_template("t", f, scale=2.0), tf.make_template("t", f, scale=2.0)
    for template in (first, first, second):
        template(tf.ones([1]))
    assert [x.op.name for x in tf.global_variables()] == ["t/v", "t_1/v"]
    assert first.variables == first.trainable_variables == tf.global_variables()[:1]
    assert second.variable_scope_name == "t_1"


def test_template_scopes() -> None:
    template = tf.make_template("t", lambda: tf.get_variable("v", [1]), create_scope_now_=True)
    with tf.variable_scope("later"):
        assert template().op.name == "t/v"
    unique = tf.make_template("t", lambda: tf.get_variable("v", [1]), unique_name_="u")
    assert unique().op.name == "u/v"
    with pytest.raises(ValueError, match="name cannot be None"):
        tf.make_template(None, abs)


def test_template_that_makes_variables_anew() -> None:
    template = tf.make_template("t", lambda: tf.Variable(1.0))
    template()
    with pytest.raises(ValueError, match="after the first time"):
        template()
