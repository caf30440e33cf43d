"""Optimizers, schedules and the global step: gradients-and-training, sections 3 and 5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf

train = tf.train
MAKERS: dict[str, Callable[[], Any]] = {
    "GradientDescent": lambda: train.GradientDescentOptimizer(0.1),
    "Momentum": lambda: train.MomentumOptimizer(0.1, 0.9),
    "Nesterov": lambda: train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "Adam": lambda: train.AdamOptimizer(0.1),
    "RMSProp": lambda: train.RMSPropOptimizer(0.1, momentum=0.5),
    "centered": lambda: train.RMSPropOptimizer(0.1, centered=True),
    "Adagrad": lambda: train.AdagradOptimizer(0.1),
    "Adadelta": lambda: train.AdadeltaOptimizer(0.1),
    "Ftrl": lambda: train.FtrlOptimizer(0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.01)}


def steps(op: Any, fetch: Any, count: int = 2) -> list[Any]:
    """What `fetch` is after each of so many runs of `op` in a new session."""
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    found = []
    for _ in range(count):
        sess.run(op)
        found.append(sess.run(fetch))
    return found


@pytest.mark.parametrize("name, first, second", [
    ("GradientDescent", [0.8, 1.6], [0.64, 1.28]), ("Momentum", [0.8, 1.6], [0.46, 0.92]),
    ("Nesterov", [0.62, 1.24], [0.2224, 0.4448]), ("Adam", [0.9, 1.9], [0.800413, 1.800167]),
    ("RMSProp", [0.824588, 1.747018], [0.599545, 1.432979]), ("centered", [0.821826, 1.738512], [0.678849, 1.53635]),
    ("Ftrl", [0.743825, 1.741572], [0.684664, 1.676042]),
    ("Adagrad", [0.901227, 1.900311], [0.834737, 1.831543]), ("Adadelta", [0.999937, 1.999937], [0.999882, 1.999882])])
def test_check_values(name: str, first: Any, second: Any) -> None:
    v = tf.Variable([1.0, 2.0])
    found = steps(MAKERS[name]().minimize(tf.reduce_sum(v * v)), v)
    np.testing.assert_allclose(found, [first, second], rtol=2e-6)


@pytest.mark.parametrize("make, first, second", [
    (train.AdamOptimizer, [0.988771, 1.97981], [0.973677, 1.95357]),
    (train.RMSPropOptimizer, [0.850929, 1.76906], [0.729356, 1.592194]),
    (lambda rate, epsilon: train.RMSPropOptimizer(rate, epsilon=epsilon, centered=True), [0.849244, 1.762644],
     [0.723897, 1.573806]), (train.AdadeltaOptimizer, [0.808337, 1.684709], [0.655021, 1.430152])])
def test_where_epsilon_stands(make: Any, first: Any, second: Any) -> None:
    """With one that is large, inside or outside the root matters."""
    v = tf.Variable([1.0, 2.0])
    found = steps(make(0.1, epsilon=0.5).minimize(tf.reduce_sum(v * v)), v)
    np.testing.assert_allclose(found, [first, second], rtol=2e-6)


@pytest.mark.parametrize("name", [n for n in MAKERS if n != "Adam"])
def test_sparse_is_the_dense_rule_on_touched_rows(name: str) -> None:
    start = np.arange(8, dtype=np.float32).reshape(4, 2) + 1
    sparse, dense = tf.Variable(start), tf.Variable(start)
    # Row 2 is touched twice, rows 0 and 3 never.
    rows = tf.constant([[1.0, 2.0], [0.5, -1.0], [3.0, 4.0]])
    grad = tf.IndexedSlices(rows, tf.constant([2, 1, 2]), tf.constant([4, 2]))
    full = np.array([[0, 0], [0.5, -1], [4, 6], [0, 0]], np.float32)
    pairs = [(grad, sparse), (tf.constant(full), dense)]
    ops = [MAKERS[name]().apply_gradients([pair]) for pair in pairs]
    for got, expected in steps(ops, (sparse, dense)):
        np.testing.assert_allclose(got[1:3], expected[1:3], rtol=1e-5)
        np.testing.assert_allclose(got[[0, 3]], start[[0, 3]])


def test_sparse_adam_moves_all_rows() -> None:
    v = tf.Variable(np.ones((3, 1), np.float32))
    rows = tf.placeholder(tf.int32, [None])
    op = train.AdamOptimizer(0.1).apply_gradients([(tf.IndexedSlices(tf.ones([1, 1]), rows, tf.constant([3, 1])), v)])
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    sess.run(op, {rows: [0]})
    np.testing.assert_allclose(sess.run(v)[:, 0], [0.9, 1, 1], rtol=1e-5)
    sess.run(op, {rows: [1]})
    assert sess.run(v)[0, 0] < 0.9
    assert sess.run(v)[2, 0] == 1.0


def test_embeddings_train() -> None:
    table = tf.Variable(np.ones((4, 2), np.float32))
    loss = tf.reduce_sum(tf.nn.embedding_lookup(table, [1, 1, 3]) ** 2)
    [(grad, _)] = train.GradientDescentOptimizer(0.1).compute_gradients(loss)
    assert isinstance(grad, tf.IndexedSlices)
    [found] = steps(train.GradientDescentOptimizer(0.1).minimize(loss), table, 1)
    np.testing.assert_allclose(found, [[1, 1], [0.6, 0.6], [1, 1], [0.8, 0.8]], rtol=1e-6)


def test_subclasses_get_rows_without_duplicates() -> None:
    seen: list[Any] = []

    class Mine(train.Optimizer):
        def _apply_sparse(self, grad: Any, var: Any) -> Any:
            seen.append(grad)
            return tf.scatter_sub(var, grad.indices, grad.values)

    v = tf.Variable([0.0, 0.0, 0.0])
    grad = tf.IndexedSlices(tf.constant([1.0, 2.0, 3.0]), tf.constant([2, 0, 2]), tf.constant([3]))
    [found] = steps(Mine(False, "Mine").apply_gradients([(grad, v)]), v, 1)
    assert found.tolist() == [-2.0, 0.0, -4.0]
    sess = tf.Session()
    assert sorted(sess.run(seen[0].indices).tolist()) == [0, 2]


def test_reads_made_anew_have_gradients() -> None:
    v = tf.Variable(1.0)
    with tf.control_dependencies([v.assign(5.0)]):
        loss = v * v
    [(grad, _)] = train.GradientDescentOptimizer(0.1).compute_gradients(loss)
    sess = tf.Session()
    sess.run(v.initializer)
    assert sess.run(grad) == 10.0


# --- slots, names, collections ---

def names() -> list[str]:
    """The names of all global variables."""
    return [v.op.name for v in tf.global_variables()]


def test_adam_slots() -> None:
    v = tf.Variable([1.0, 2.0], name="v")
    loss = tf.reduce_sum(v * v)
    adam = train.AdamOptimizer()
    op = adam.minimize(loss)
    assert (op.name, op.type) == ("Adam", "NoOp")
    assert names() == ["v", "beta1_power", "beta2_power", "v/Adam", "v/Adam_1"]
    assert adam.get_slot_names() == ["m", "v"]
    assert adam.get_slot(v, "m").op.name == "v/Adam"
    assert adam.get_slot(v, "nope") is None
    assert adam.get_name() == "Adam"
    assert tf.trainable_variables() == [v]
    assert tf.get_collection("train_op") == [op]
    assert train.AdamOptimizer().minimize(loss).name == "Adam_1"
    assert names()[5:] == ["beta1_power_1", "beta2_power_1", "v/Adam_2", "v/Adam_3"]


def test_slots_inside_a_scope() -> None:
    with tf.variable_scope("s"):
        v = tf.get_variable("v", [2])
        op = train.AdamOptimizer().minimize(tf.reduce_sum(v * v))
    assert op.name == "s/Adam"
    assert names() == ["s/v", "s/beta1_power", "s/beta2_power", "s/s/v/Adam", "s/s/v/Adam_1"]


def test_slots_inside_a_scope_that_reuses() -> None:
    v = tf.get_variable("v", [2])
    tf.get_variable_scope().reuse_variables()
    train.MomentumOptimizer(0.1, 0.9).minimize(tf.reduce_sum(v * v))
    assert names() == ["v", "v/Momentum"]


def test_rmsprop_slot_order() -> None:
    v = tf.Variable([1.0, 2.0], name="v")
    rms = train.RMSPropOptimizer(0.1, centered=True)
    rms.minimize(tf.reduce_sum(v * v))
    found = [rms.get_slot(v, n).op.name for n in ("rms", "mg", "momentum")]
    assert found == ["v/RMSProp", "v/RMSProp_1", "v/RMSProp_2"]
    assert rms.get_slot_names() == ["mg", "momentum", "rms"]


def test_slots_of_a_variable_of_unknown_shape() -> None:
    v = tf.Variable(tf.placeholder_with_default(np.float32([1, 2]), None), validate_shape=False)
    for name in ("Adam", "RMSProp", "Adagrad"):
        op = MAKERS[name]().minimize(tf.reduce_sum(v * v))
        assert steps(op, v, 1)[0].shape == (2,)


def test_global_step() -> None:
    v, step = tf.Variable([1.0]), tf.Variable(0, trainable=False)
    op = train.AdamOptimizer().minimize(tf.reduce_sum(v * v), global_step=step)
    assert (op.name, op.type) == ("Adam", "AssignAdd")
    assert steps(op, step) == [1, 2]


def test_two_optimizers_in_one_run() -> None:
    v = tf.Variable([1.0])
    ops = [train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(v)) for _ in range(2)]
    np.testing.assert_allclose(steps(ops, v, 1), [[0.8]], rtol=1e-6)


def test_constraints() -> None:
    v = tf.Variable([1.0, 2.0], constraint=lambda x: tf.minimum(x, 1.5))
    [found] = steps(train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(v)), v, 1)
    np.testing.assert_allclose(found, [0.9, 1.5])
    grad = tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]), tf.constant([2]))
    with pytest.raises(RuntimeError, match="constraint"):
        train.GradientDescentOptimizer(0.1).apply_gradients([(grad, v)])


def test_tensor_hyper_parameters() -> None:
    v, rate = tf.Variable([1.0]), tf.placeholder_with_default(0.5, [])
    np.testing.assert_allclose(steps(train.GradientDescentOptimizer(rate).minimize(tf.reduce_sum(v)), v, 1), [[0.5]])


def test_float64_variables() -> None:
    v = tf.Variable(np.array([1.0, 2.0]))
    for name, make in MAKERS.items():
        op = make().minimize(tf.reduce_sum(v * v))
        assert steps(op, v, 1)[0].dtype == np.float64, name


# --- compute_gradients and apply_gradients ---

def test_compute_gradients() -> None:
    v, w = tf.Variable([1.0]), tf.Variable([2.0])
    opt = train.GradientDescentOptimizer(0.1)
    for gate in (opt.GATE_NONE, opt.GATE_OP, opt.GATE_GRAPH):
        (g, a), (none, b) = opt.compute_gradients(tf.reduce_sum(v * 3.0), gate_gradients=gate)
        assert (a, b, none) == (v, w, None)
        assert tf.Session().run(g).tolist() == [3.0]
    [(g, _)] = opt.compute_gradients(tf.reduce_sum(v * 3.0), [v], grad_loss=tf.constant(2.0))
    assert tf.Session().run(g).tolist() == [6.0]


def test_a_shrinkage_of_ftrl_is_not_offered() -> None:
    with pytest.raises(NotImplementedError, match="l2_shrinkage"):
        train.FtrlOptimizer(0.1, l2_shrinkage_regularization_strength=0.1)


def test_a_grad_loss_is_of_floats() -> None:
    w = tf.Variable([1.0])
    with pytest.raises(ValueError, match="Invalid type"):
        train.GradientDescentOptimizer(0.1).compute_gradients(tf.reduce_sum(w), [w], grad_loss=tf.constant(2))


def test_compute_gradients_errors() -> None:
    opt = train.GradientDescentOptimizer(0.1)
    with pytest.raises(ValueError, match="No variables to optimize"):
        opt.compute_gradients(tf.constant(1.0))
    v = tf.Variable(1.0)
    with pytest.raises(ValueError, match="gate_gradients must be one of"):
        opt.compute_gradients(v * v, gate_gradients=7)
    with pytest.raises(ValueError, match="Invalid type"):
        opt.compute_gradients(tf.constant(1))
    with pytest.raises(NotImplementedError):
        opt.compute_gradients(v * v, [tf.constant(1.0)])
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        opt.minimize(tf.constant(1.0))


def test_apply_gradients_errors() -> None:
    opt = train.GradientDescentOptimizer(0.1)
    v = tf.Variable(1.0)
    with pytest.raises(ValueError, match="No variables provided"):
        opt.apply_gradients([])
    with pytest.raises(ValueError, match="No gradients provided"):
        opt.apply_gradients([(None, v)])
    with pytest.raises(NotImplementedError):
        opt.apply_gradients([(tf.constant(1.0), tf.constant(1.0))])
    with pytest.raises(TypeError, match="Gradient must be convertible"):
        opt.apply_gradients([(object(), v)])
    with pytest.raises(ValueError, match="Must specify the optimizer name"):
        train.AdamOptimizer(name="")
    with pytest.raises(ValueError, match="must be positive"):
        train.AdagradOptimizer(0.1, initial_accumulator_value=0.0)


def test_numbers_as_gradients_and_none_pairs() -> None:
    v, w = tf.Variable(1.0), tf.Variable(1.0)
    op = train.GradientDescentOptimizer(0.5).apply_gradients([(1.0, v), (None, w)], name="mine")
    assert op.name == "mine"
    assert steps(op, (v, w), 1) == [(0.5, 1.0)]


# --- averages ---

def test_moving_averages() -> None:
    v = tf.Variable([1.0, 2.0], name="v")
    mean = train.ExponentialMovingAverage(0.9)
    op = mean.apply([v])
    assert mean.average_name(v) == mean.average(v).op.name == "v/ExponentialMovingAverage"
    assert mean.variables_to_restore() == {"v/ExponentialMovingAverage": v}
    with tf.control_dependencies([v.assign_add([1.0, 1.0])]):
        second = train.ExponentialMovingAverage(0.5).apply([v])
    assert second is not None
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    sess.run(v.assign([2.0, 3.0]))
    sess.run(op)
    np.testing.assert_allclose(sess.run(mean.average(v)), [1.1, 2.1], rtol=1e-6)
    with pytest.raises(ValueError, match="Moving average already computed"):
        mean.apply([v])


def test_averages_of_some_variables_and_of_tensors() -> None:
    v, w = tf.Variable([1.0], name="v"), tf.Variable([1.0], name="w")
    twice = v * 2.0
    mean = train.ExponentialMovingAverage(0.5)
    mean.apply([v, twice])
    assert tf.get_collection(tf.GraphKeys.MOVING_AVERAGE_VARIABLES) == [v] and mean.average(w) is None
    assert mean.average(twice).name.endswith("/ExponentialMovingAverage:0")
    both = train.ExponentialMovingAverage(0.5, name="Both")
    both.apply()
    assert both.average(v) is not None and both.average(w) is not None


def test_slots_are_named_by_their_optimizer() -> None:
    v = tf.Variable([1.0], name="v")
    MAKERS["Ftrl"]().minimize(tf.reduce_sum(v * v))
    assert [x.name for x in tf.global_variables()] == ["v:0", "v/Ftrl:0", "v/Ftrl_1:0"]


def test_averages_after_a_step_see_the_new_value() -> None:
    v = tf.Variable([1.0])
    mean = train.ExponentialMovingAverage(0.5)
    with tf.control_dependencies([train.GradientDescentOptimizer(1.0).minimize(tf.reduce_sum(v * 2.0))]):
        op = mean.apply([v])
    np.testing.assert_allclose(steps(op, mean.average(v), 1), [[0.0]])


# --- schedules ---

@pytest.mark.parametrize("step", [0, 3, 10, 25])
def test_decays(step: int) -> None:
    s = tf.constant(step)
    p = step / 10
    cycle = 10 * max(1, np.ceil(p))
    cases = [(train.exponential_decay(0.5, s, 10, 0.9), 0.5 * 0.9 ** p),
             (train.exponential_decay(0.5, s, 10, 0.9, staircase=True), 0.5 * 0.9 ** np.floor(p)),
             (train.natural_exp_decay(0.5, s, 10, 0.9), 0.5 * np.exp(-0.9 * p)),
             (train.inverse_time_decay(0.5, s, 10, 0.9), 0.5 / (1 + 0.9 * p)),
             (train.polynomial_decay(0.5, s, 10, 0.1, 2.0), 0.4 * (1 - min(p, 1)) ** 2 + 0.1),
             (train.polynomial_decay(0.5, s, 10, 0.1, 2.0, cycle=True), 0.4 * (1 - step / cycle) ** 2 + 0.1)]
    got = tf.Session().run([t for t, _ in cases])
    np.testing.assert_allclose(got, [e for _, e in cases], rtol=1e-5)


def test_decays_need_a_step() -> None:
    for f in (train.exponential_decay, train.natural_exp_decay, train.inverse_time_decay, train.polynomial_decay):
        with pytest.raises(ValueError, match="global_step is required"):
            f(0.1, None, 10, 0.9)


def test_piecewise_constant() -> None:
    x = tf.placeholder(tf.int32, [])
    rate = train.piecewise_constant(x, [2, 5], [1.0, 0.5, 0.1])
    sess = tf.Session()
    assert [round(float(sess.run(rate, {x: i})), 3) for i in (0, 2, 3, 5, 6)] == [1.0, 1.0, 0.5, 0.5, 0.1]
    for boundaries, values in (([2.0], [1.0, 2.0]), ([2], [1, 2.0]), ([2], [1.0])):
        with pytest.raises(ValueError):
            train.piecewise_constant(x, boundaries, values)


def test_the_global_step_of_a_graph() -> None:
    assert train.get_global_step() is None
    step = train.get_or_create_global_step()
    assert (step.op.name, step.dtype) == ("global_step", tf.int64)
    assert train.get_global_step() is step is train.get_or_create_global_step()
    assert step not in tf.trainable_variables()
    with pytest.raises(ValueError, match="already exists"):
        train.create_global_step()
    sess = tf.Session()
    sess.run(step.initializer)
    assert train.global_step(sess, step) == 0
    for bad in (3, tf.constant(1.0), tf.constant([1])):
        with pytest.raises(TypeError, match="global_step"):
            train.assert_global_step(bad)


def test_boundaries_of_a_step_counted_in_int64() -> None:
    """Whole numbers are int32 as they are written; only they may be narrower than what they are compared with."""
    x = tf.placeholder(tf.int64, [])
    rate = train.piecewise_constant(x, [2, 5], [1.0, 0.5, 0.1])
    found = [float(tf.Session().run(rate, {x: n})) for n in (0, 2, 3, 5, 6, 2 ** 40)]
    np.testing.assert_allclose(found, [1.0, 1.0, 0.5, 0.5, 0.1, 0.1])
    for other in (tf.float32, tf.float64):
        with pytest.raises(ValueError, match="must have the same dtype"):
            train.piecewise_constant(tf.placeholder(other, []), [2, 5], [1.0, 0.5, 0.1])


@pytest.mark.parametrize("updates", [None, 0, 8, 1000])
def test_averages_forget_faster_at_first(updates: int | None) -> None:
    v = tf.Variable(1.0)
    average = train.ExponentialMovingAverage(0.9, num_updates=updates)
    move = average.apply([v])
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    sess.run(v.assign(3.0))
    sess.run(move)
    decay = 0.9 if updates is None else min(0.9, (1 + updates) / (10 + updates))
    np.testing.assert_allclose(sess.run(average.average(v)), decay * 1.0 + (1 - decay) * 3.0, 1e-6)


def test_the_name_of_an_average_before_and_after_it_is_made() -> None:
    with tf.Graph().as_default():
        v = tf.Variable(1.0, name="v")
        ema = train.ExponentialMovingAverage(0.9)
        before = ema.average_name(v)
        ema.apply([v])
        assert before == ema.average_name(v) == "v/ExponentialMovingAverage"


def test_the_step_of_another_graph() -> None:
    with tf.Graph().as_default() as one, tf.Graph().as_default() as other:
        step = train.get_or_create_global_step(one)
        assert step.graph is one and train.get_global_step(one) is step and train.get_global_step(other) is None


def test_versions_of_checkpoints_have_tensorflow_s_numbers() -> None:
    assert (train.Saver.V1, train.Saver.V2) == (1, 2)
