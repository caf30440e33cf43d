"""Cells and wrappers: spec/cells.md. Marked `better` where release 1.4.0 does something else."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.frontend.rnn.linear import cut

rnn_cell = tf.nn.rnn_cell
contrib = tf.contrib.rnn
LSTMStateTuple = rnn_cell.LSTMStateTuple


def x_of(*shape: Any) -> Any:
    """A float placeholder."""
    return tf.placeholder(tf.float32, list(shape))


def names() -> list[str]:
    """The variables in creation order."""
    return [v.op.name for v in tf.global_variables()]


def shapes() -> dict[str, list[int]]:
    """The variables' shapes by name."""
    return {v.op.name: v.shape.as_list() for v in tf.global_variables()}


def step(cell: Any, depth: int = 4, batch: int = 2) -> tuple[Any, Any]:
    """One step from the zero state."""
    return cell(x_of(batch, depth), cell.zero_state(batch, tf.float32))


def evaluate(fetches: Any, feed: Any = None) -> Any:
    """Values after initialising all variables."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(fetches, feed)


def sigmoid(z: Any) -> Any:
    """The logistic function."""
    return 1 / (1 + np.exp(-np.asarray(z)))


# --- RNNCell --------------------------------------------------------------------------------------------------------

class Adder(rnn_cell.RNNCell):
    """A user's cell that asks for its variable in every call."""

    def __init__(self, n: int = 2, reuse: Any = None) -> None:
        super().__init__(_reuse=reuse)
        self.n = n

    @property
    def state_size(self) -> int:
        return self.n

    @property
    def output_size(self) -> int:
        return self.n

    def call(self, inputs: Any, state: Any) -> Any:
        w = tf.get_variable("w", [self.n], initializer=tf.ones_initializer())
        new = inputs + state * w
        return new, new


def test_user_cell_may_ask_for_its_variables_in_every_call() -> None:
    cell = Adder()
    x = x_of(3, 2)
    _, state = cell(x, cell.zero_state(3, tf.float32))
    with tf.variable_scope("elsewhere"):
        out, _ = cell(x, state)
    assert names() == ["adder/w"]
    assert [v.op.name for v in cell.trainable_weights] == ["adder/w"]
    np.testing.assert_array_equal(evaluate(out, {x: np.ones([3, 2])}), np.full([3, 2], 2.0))


def test_base_is_abstract() -> None:
    cell = rnn_cell.RNNCell()
    for attribute in ("state_size", "output_size"):
        with pytest.raises(NotImplementedError):
            getattr(cell, attribute)
    with pytest.raises(TypeError):
        rnn_cell.RNNCell(units=3)


def test_a_second_cell_in_the_same_scope_already_exists() -> None:
    step(rnn_cell.GRUCell(2))
    with pytest.raises(ValueError, match="already exists"):
        step(rnn_cell.GRUCell(2))


@pytest.mark.parametrize("reuse", [True, tf.AUTO_REUSE])
def test_reuse_shares(reuse: Any) -> None:
    step(rnn_cell.GRUCell(2))
    step(rnn_cell.GRUCell(2, reuse=reuse))
    assert len(names()) == 4


def test_reuse_of_what_does_not_exist() -> None:
    with pytest.raises(ValueError, match="does not exist, or was not created with"):
        step(rnn_cell.GRUCell(2, reuse=True))


def test_scope_is_bound_at_the_first_call() -> None:
    cell = rnn_cell.BasicRNNCell(2)
    with pytest.raises(ValueError, match="scope"):
        cell.scope_name  # noqa: B018
    x, s = x_of(2, 4), tf.zeros([2, 2])
    with tf.variable_scope("a"):
        cell(x, s, scope="mine")
    with tf.variable_scope("b"):
        cell(x, s, scope="ignored")
    assert names() == ["a/mine/kernel", "a/mine/bias"]
    assert cell.scope_name == "a/mine"
    assert cell.built


def test_names_have_numbers_without_influence() -> None:
    first, second = rnn_cell.GRUCell(2), rnn_cell.GRUCell(2)
    assert (first.name, second.name) == ("gru_cell_1", "gru_cell_2")
    with tf.variable_scope("a"):
        step(second)
    assert names()[0] == "a/gru_cell/gates/kernel"


def test_weights_and_parameters_are_counted() -> None:
    cell = rnn_cell.BasicLSTMCell(3)
    with pytest.raises(ValueError):
        cell.count_params()
    step(cell)
    assert [v.op.name for v in cell.weights] == ["basic_lstm_cell/kernel", "basic_lstm_cell/bias"]
    assert cell.count_params() == 7 * 12 + 12


def test_wrappers_and_stacks_list_the_inner_weights() -> None:
    inner = rnn_cell.DropoutWrapper(rnn_cell.GRUCell(2), 0.5)
    cell = rnn_cell.MultiRNNCell([rnn_cell.ResidualWrapper(inner), rnn_cell.BasicRNNCell(2)])
    step(cell, depth=2)
    assert len(cell.trainable_weights) == 6
    assert len(inner.trainable_weights) == 4  # better: r1.4 has none


def test_inputs_of_another_graph() -> None:
    cell = rnn_cell.GRUCell(2)
    with tf.Graph().as_default(), pytest.raises(ValueError):
        cell(x_of(2, 4), tf.zeros([2, 2]))


def test_zero_state_shapes() -> None:
    cell = rnn_cell.MultiRNNCell([rnn_cell.BasicLSTMCell(3), rnn_cell.GRUCell(4)])
    lstm, gru = cell.zero_state(2, tf.float64)
    assert isinstance(lstm, LSTMStateTuple)
    assert [t.shape.as_list() for t in (*lstm, gru)] == [[2, 3], [2, 3], [2, 4]]
    assert lstm.dtype == tf.float64
    batch = tf.placeholder(tf.int32, [])
    assert rnn_cell.GRUCell(4).zero_state(batch, tf.float32).shape.as_list() == [None, 4]
    assert gru.op.name.startswith("MultiRNNCellZeroState/GRUCellZeroState/")
    with pytest.raises(ValueError):
        cell.zero_state(None, tf.float32)


def test_zero_state_of_tensor_shapes() -> None:
    class Image(Adder):
        @property
        def state_size(self) -> Any:
            return {"b": tf.TensorShape([2, 3]), "a": 4}

    state = Image().zero_state(5, tf.float32)
    assert state["b"].shape.as_list() == [5, 2, 3]
    assert state["a"].shape.as_list() == [5, 4]


def test_lstm_state_tuple() -> None:
    state = LSTMStateTuple(tf.zeros([1]), tf.zeros([1], tf.float64))
    with pytest.raises(TypeError):
        state.dtype  # noqa: B018
    assert LSTMStateTuple(1, 2) == (1, 2)
    assert LSTMStateTuple._fields == ("c", "h")


@pytest.mark.parametrize("make", [lambda: rnn_cell.BasicRNNCell(2), lambda: rnn_cell.GRUCell(2),
                                  lambda: rnn_cell.BasicLSTMCell(2)])
def test_errors_of_the_linear_map(make: Any) -> None:
    cell = make()
    state = cell.zero_state(2, tf.float32)
    with pytest.raises(ValueError, match="linear is expecting 2D arguments"):
        cell(x_of(2, 3, 4), state)
    with tf.variable_scope("b"), pytest.raises(ValueError, match=r"linear expects shape\[1\]"):
        make()(x_of(2, None), state)


def test_lstm_wants_to_know_its_input_size() -> None:
    cell = rnn_cell.LSTMCell(2)
    with pytest.raises(ValueError, match="Could not infer input size"):
        cell(x_of(2, None), cell.zero_state(2, tf.float32))


def test_biases_do_not_follow_the_scope_but_kernels_do() -> None:
    with tf.variable_scope("s", initializer=tf.constant_initializer(0.25)):
        step(rnn_cell.GRUCell(1))
        step(rnn_cell.LSTMCell(1, use_peepholes=True))
    values = dict(zip(names(), evaluate(tf.global_variables()), strict=True))
    for name, value in values.items():
        wanted = {"s/gru_cell/gates/bias": 1.0}.get(name, 0.0 if name.endswith("bias") else 0.25)
        np.testing.assert_array_equal(value, np.full_like(value, wanted), err_msg=name)


def test_dtype_of_variables_is_that_of_the_inputs() -> None:
    cell = rnn_cell.LSTMCell(2, use_peepholes=True, num_proj=3)
    cell(tf.zeros([2, 4], tf.float64), cell.zero_state(2, tf.float64))
    assert {v.dtype.base_dtype for v in tf.global_variables()} == {tf.float64}


def test_deep_copy_of_a_called_cell_is_unbuilt() -> None:  # better: TypeError in r1.4
    cell = rnn_cell.MultiRNNCell([rnn_cell.BasicLSTMCell(2), rnn_cell.GRUCell(2)])
    step(cell)
    twin = copy.deepcopy(cell)
    assert not twin.built and twin.weights == [] and twin.graph is cell.graph
    with tf.variable_scope("other"):
        step(twin)
    assert len(names()) == 12


# --- core cells -----------------------------------------------------------------------------------------------------

def test_basic_rnn() -> None:
    with tf.variable_scope("root", initializer=tf.constant_initializer(0.5)):
        x, s = x_of(1, 2), x_of(1, 2)
        out, state = rnn_cell.BasicRNNCell(2)(x, s)
    assert out is state
    got = evaluate(out, {x: [[1.0, 1.0]], s: [[0.1, 0.1]]})
    np.testing.assert_allclose(got, np.tanh([[1.1, 1.1]]), rtol=1e-5)
    assert shapes() == {"root/basic_rnn_cell/kernel": [4, 2], "root/basic_rnn_cell/bias": [2]}


def test_gru() -> None:
    with tf.variable_scope("root", initializer=tf.constant_initializer(0.5)):
        x, s = x_of(1, 2), x_of(1, 2)
        out, _ = rnn_cell.GRUCell(2)(x, s)
    gate = sigmoid(1.1 + 1)
    candidate = np.tanh(1.0 + gate * 0.1)
    got = evaluate(out, {x: [[1.0, 1.0]], s: [[0.1, 0.1]]})
    np.testing.assert_allclose(got, np.full([1, 2], gate * 0.1 + (1 - gate) * candidate), rtol=1e-5)


def test_gru_initializers() -> None:
    step(rnn_cell.GRUCell(2, kernel_initializer=tf.constant_initializer(3.0),
                          bias_initializer=tf.constant_initializer(7.0)))
    for name, value in zip(names(), evaluate(tf.global_variables()), strict=True):
        assert (value == (7.0 if name.endswith("bias") else 3.0)).all()


@pytest.mark.parametrize("as_tuple", [True, False])
def test_basic_lstm(as_tuple: bool) -> None:
    with tf.variable_scope("root", initializer=tf.constant_initializer(0.5)):
        x, c, h = x_of(1, 2), x_of(1, 2), x_of(1, 2)
        cell = rnn_cell.BasicLSTMCell(2, state_is_tuple=as_tuple)
        out, state = cell(x, LSTMStateTuple(c, h) if as_tuple else tf.concat([c, h], 1))
    assert isinstance(state, LSTMStateTuple) == as_tuple
    assert cell.state_size == ((2, 2) if as_tuple else 4)
    z = 1.1
    new_c = 0.2 * sigmoid(z + 1) + sigmoid(z) * np.tanh(z)
    new_h = np.tanh(new_c) * sigmoid(z)
    got, got_state = evaluate([out, tf.concat(list(state), 1) if as_tuple else state],
                              {x: [[1.0, 1.0]], c: [[0.2, 0.2]], h: [[0.1, 0.1]]})
    np.testing.assert_allclose(got, np.full([1, 2], new_h), rtol=1e-5)
    np.testing.assert_allclose(got_state, [[new_c, new_c, new_h, new_h]], rtol=1e-5)


def test_lstm_with_everything() -> None:
    with tf.variable_scope("root", initializer=tf.constant_initializer(0.5)):
        x, c, m = x_of(1, 2), x_of(1, 2), x_of(1, 3)
        cell = rnn_cell.LSTMCell(2, use_peepholes=True, cell_clip=0.6, num_proj=3, proj_clip=0.25)
        out, state = cell(x, LSTMStateTuple(c, m))
    assert shapes() == {
        "root/lstm_cell/kernel": [5, 8], "root/lstm_cell/bias": [8], "root/lstm_cell/w_f_diag": [2],
        "root/lstm_cell/w_i_diag": [2], "root/lstm_cell/w_o_diag": [2], "root/lstm_cell/projection/kernel": [2, 3]}
    assert names()[2:5] == [f"root/lstm_cell/w_{g}_diag" for g in "fio"]
    z = 0.5 * (1 + 1 + 0.3)
    new_c = min(sigmoid(z + 1 + 0.1) * 0.2 + sigmoid(z + 0.1) * np.tanh(z), 0.6)
    new_m = min(2 * 0.5 * sigmoid(z + 0.5 * new_c) * np.tanh(new_c), 0.25)
    got, got_c = evaluate([out, state.c], {x: [[1.0, 1.0]], c: [[0.2, 0.2]], m: [[0.1, 0.1, 0.1]]})
    np.testing.assert_allclose(got_c, np.full([1, 2], new_c), rtol=1e-5)
    np.testing.assert_allclose(got, np.full([1, 3], new_m), rtol=1e-5)
    assert cell.state_size == (2, 3) and cell.output_size == 3


def test_lstm_concatenated_state() -> None:
    cell = rnn_cell.LSTMCell(2, num_proj=3, state_is_tuple=False)
    out, state = step(cell)
    assert cell.state_size == 5
    assert (out.shape.as_list(), state.shape.as_list()) == ([2, 3], [2, 5])


@pytest.mark.parametrize("make", [rnn_cell.LSTMCell, rnn_cell.BasicLSTMCell])
def test_a_concatenated_state_is_a_tuple_in_one(make: Any, caplog: Any) -> None:
    more = {"num_proj": 3} if make is rnn_cell.LSTMCell else {}
    x, c, m = x_of(None, 4), x_of(None, 2), x_of(None, more.get("num_proj", 2))
    found = []
    for as_tuple in (True, False):
        caplog.clear()
        with tf.variable_scope("same", reuse=not as_tuple, initializer=tf.random_normal_initializer(seed=1)):
            cell = make(2, state_is_tuple=as_tuple, **more)
            assert ("concatenated state" in caplog.text) == (not as_tuple)
            out, state = cell(x, LSTMStateTuple(c, m) if as_tuple else tf.concat([c, m], 1))
            found += [out, tf.concat(list(state), 1) if as_tuple else state]
    rng = np.random.default_rng(0)
    given = {t: rng.normal(size=(3, t.shape[1].value)) for t in (x, c, m)}
    a, s, b, t = evaluate(found, given)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(s, t)


def test_lstm_clip_of_zero_clips() -> None:
    cell = rnn_cell.LSTMCell(2, cell_clip=0.0)
    _, state = cell(tf.ones([1, 2]), LSTMStateTuple(tf.ones([1, 2]), tf.ones([1, 2])))
    np.testing.assert_array_equal(evaluate(state.c), [[0.0, 0.0]])


def test_lstm_shards() -> None:
    step(rnn_cell.LSTMCell(3, use_peepholes=True, num_unit_shards=2, num_proj=2, num_proj_shards=9))
    got = shapes()
    assert got["lstm_cell/kernel/part_0"] == [3, 12] and got["lstm_cell/kernel/part_1"] == [3, 12]
    assert [got[f"lstm_cell/projection/kernel/part_{i}"] for i in range(3)] == [[1, 2]] * 3


def test_projection_to_nothing() -> None:  # better: r1.4 projects to no columns
    with pytest.raises(ValueError, match="num_proj"):
        rnn_cell.LSTMCell(3, num_proj=0)


def test_lstm_wants_two_states() -> None:
    with pytest.raises(TypeError):
        rnn_cell.BasicLSTMCell(1)(x_of(2, 4), tf.zeros([2, 1]))


def test_multi_errors() -> None:
    with pytest.raises(ValueError, match="Must specify at least one cell"):
        rnn_cell.MultiRNNCell([])
    with pytest.raises(TypeError, match="cells must be a list or tuple"):
        rnn_cell.MultiRNNCell(rnn_cell.GRUCell(1))
    with pytest.raises(ValueError, match="Some cells return tuples of states"):
        rnn_cell.MultiRNNCell([rnn_cell.BasicLSTMCell(2)], state_is_tuple=False)
    with pytest.raises(ValueError, match="Expected state .*a tuple"):
        rnn_cell.MultiRNNCell([rnn_cell.GRUCell(1)])(x_of(2, 4), tf.zeros([2, 1]))


def test_multi_concatenated() -> None:
    cell = rnn_cell.MultiRNNCell([rnn_cell.GRUCell(2), rnn_cell.GRUCell(3)], state_is_tuple=False)
    out, state = step(cell)
    assert (cell.state_size, cell.output_size) == (5, 3)
    assert (out.shape.as_list(), state.shape.as_list()) == ([2, 3], [2, 5])
    assert names()[0] == "multi_rnn_cell/cell_0/gru_cell/gates/kernel"
    assert names()[4] == "multi_rnn_cell/cell_1/gru_cell/gates/kernel"


def test_the_same_object_twice_shares() -> None:
    cell = rnn_cell.GRUCell(2)
    out, _ = step(rnn_cell.MultiRNNCell([cell, cell]), depth=2)
    assert len(names()) == 4 and names()[0].startswith("multi_rnn_cell/cell_0/")
    assert out.shape.as_list() == [2, 2]
    twice = rnn_cell.GRUCell(2)
    with tf.variable_scope("b"), pytest.raises(ValueError):
        step(rnn_cell.MultiRNNCell([twice, twice]), depth=3)


# --- wrappers of nn.rnn_cell ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("wrapper", [rnn_cell.DropoutWrapper, rnn_cell.ResidualWrapper])
def test_wrappers_want_cells(wrapper: Any) -> None:
    if wrapper is rnn_cell.DropoutWrapper:
        with pytest.raises(TypeError, match="The parameter cell is not"):
            wrapper(3)


def test_dropout_errors() -> None:
    cell = rnn_cell.GRUCell(2)
    with pytest.raises(TypeError, match="dropout_state_filter_visitor must be callable"):
        rnn_cell.DropoutWrapper(cell, dropout_state_filter_visitor="x")
    for bad in (-0.1, 1.5):
        with pytest.raises(ValueError, match="must be between 0 and 1"):
            rnn_cell.DropoutWrapper(cell, input_keep_prob=bad)
    with pytest.raises(ValueError, match="between 0 and 1"):
        rnn_cell.DropoutWrapper(cell, output_keep_prob=tf.constant(1.5))
    with pytest.raises(ValueError, match="dtype"):
        rnn_cell.DropoutWrapper(cell, variational_recurrent=True)
    with pytest.raises(ValueError, match="input_size"):
        rnn_cell.DropoutWrapper(cell, 0.5, variational_recurrent=True, dtype=tf.float32)


def test_dropout_of_one_makes_nothing(graph: Any) -> None:
    cell = rnn_cell.DropoutWrapper(rnn_cell.GRUCell(2), 1.0, 1.0, 1.0)
    step(cell)
    assert not [op for op in graph.get_operations() if "dropout" in op.name]
    assert names()[0] == "gru_cell/gates/kernel"


@pytest.mark.parametrize("where", ["input", "output", "state"])
def test_dropout_drops(where: str) -> None:
    """With a keep probability near 0 everything is dropped, with a tensor of 1 nothing is."""
    ones = tf.ones([2, 3])
    for keep, dropped in ((1e-9, True), (tf.constant(1.0), False)):
        with tf.variable_scope(f"s{dropped}", initializer=tf.ones_initializer()):
            cell = rnn_cell.DropoutWrapper(Adder(3), **{f"{where}_keep_prob": keep})
            out, state = cell(ones, 2 * ones)
        got_out, got_state = evaluate([out, state])
        wanted_out = {"input": 2.0, "output": 0.0, "state": 3.0}[where] if dropped else 3.0
        wanted_state = {"input": 2.0, "output": 3.0, "state": 0.0}[where] if dropped else 3.0
        np.testing.assert_array_equal(got_out, np.full([2, 3], wanted_out))
        np.testing.assert_array_equal(got_state, np.full([2, 3], wanted_state))


def test_dropout_leaves_the_memory_alone() -> None:
    state = rnn_cell.BasicLSTMCell(2).zero_state(1, tf.float32)
    keep = {"state_keep_prob": 1e-9}
    x = tf.ones([1, 3])
    plain = rnn_cell.DropoutWrapper(rnn_cell.BasicLSTMCell(2), **keep)
    with tf.variable_scope("a"):
        _, new = plain(x, state)
    both = rnn_cell.DropoutWrapper(rnn_cell.BasicLSTMCell(2), dropout_state_filter_visitor=lambda s: True, **keep)
    with tf.variable_scope("b"):
        _, all_dropped = both(x, state)
    c_only = rnn_cell.DropoutWrapper(
        rnn_cell.BasicLSTMCell(2), **keep,
        dropout_state_filter_visitor=lambda s: LSTMStateTuple(True, False) if isinstance(s, LSTMStateTuple) else True)
    with tf.variable_scope("c"):
        _, c_dropped = c_only(x, state)
    (c, h), (c2, h2), (c3, h3) = evaluate([new, all_dropped, c_dropped])
    assert c.any() and not h.any() and not c2.any() and not h2.any() and not c3.any() and h3.any()


def test_variational_dropout_is_the_same_for_rows_and_steps() -> None:
    ones = tf.ones([5, 40])
    cell = rnn_cell.DropoutWrapper(Adder(40), input_keep_prob=0.5, variational_recurrent=True, input_size=40,
                                   dtype=tf.float32)
    first, _ = cell(ones, tf.zeros([5, 40]))
    second, _ = cell(ones, tf.zeros([5, 40]))
    a, b = evaluate([first, second])
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, np.tile(a[:1], [5, 1]))
    assert set(np.unique(a)) == {0.0, 2.0}


def test_dropout_seeds(graph: Any) -> None:
    cell = rnn_cell.DropoutWrapper(rnn_cell.GRUCell(2), 0.5, 0.5, 0.5, seed=5)
    assert [cell._leaf_seed(*each) for each in (("input", 0), ("input", 1), ("state", 0), ("output", 0))] == [
        146547860, 1412099874, 1263549025, 740058876]


def test_residual() -> None:
    x = tf.ones([2, 3])
    out, state = rnn_cell.ResidualWrapper(Adder(3))(x, 2 * x)
    np.testing.assert_array_equal(evaluate([out, state]), [np.full([2, 3], 4.0), np.full([2, 3], 3.0)])
    with tf.variable_scope("b"):
        out, _ = rnn_cell.ResidualWrapper(Adder(3), residual_fn=lambda i, o: i * 10 + o)(x, 2 * x)
    np.testing.assert_array_equal(evaluate(out), np.full([2, 3], 13.0))
    with tf.variable_scope("c"), pytest.raises(ValueError, match="incompatible"):
        step(rnn_cell.ResidualWrapper(rnn_cell.GRUCell(3)))


def test_device_wrapper(graph: Any) -> None:
    step(rnn_cell.DeviceWrapper(rnn_cell.GRUCell(2), "/cpu:14159"))
    [product] = [op for op in graph.get_operations() if op.name == "gru_cell/MatMul"]
    assert "14159" in product.device
    assert names()[0] == "gru_cell/gates/kernel"


# --- contrib wrappers -----------------------------------------------------------------------------------------------

def test_embedding_wrapper() -> None:
    cell = contrib.EmbeddingWrapper(rnn_cell.GRUCell(3), 4, 5)
    ids = tf.placeholder(tf.int32, [2, 1])
    out, _ = cell(ids, cell.zero_state(2, tf.float32))
    assert shapes()["embedding_wrapper/embedding"] == [4, 5]
    assert names()[1] == "embedding_wrapper/gru_cell/gates/kernel"
    assert out.shape.as_list() == [2, 3]
    table = evaluate(tf.global_variables()[0])
    assert np.abs(table).max() <= np.sqrt(3)
    for classes, size in ((0, 5), (4, -1)):
        with pytest.raises(ValueError):
            contrib.EmbeddingWrapper(rnn_cell.GRUCell(3), classes, size)


def test_projection_wrappers() -> None:
    out, state = step(contrib.InputProjectionWrapper(rnn_cell.GRUCell(3), 5))
    assert names()[:3] == [f"input_projection_wrapper/{n}" for n in ("kernel", "bias", "gru_cell/gates/kernel")]
    assert shapes()["input_projection_wrapper/gru_cell/gates/kernel"] == [8, 6]
    cell = contrib.OutputProjectionWrapper(rnn_cell.GRUCell(3), 5, activation=tf.nn.relu)
    out, state = step(cell)
    assert names()[-2:] == ["output_projection_wrapper/kernel", "output_projection_wrapper/bias"]
    assert (out.shape.as_list(), state.shape.as_list(), cell.output_size) == ([2, 5], [2, 3], 5)
    with pytest.raises(ValueError):
        contrib.OutputProjectionWrapper(rnn_cell.GRUCell(3), 0)


def test_attention_wrapper() -> None:
    with pytest.raises(TypeError, match="The parameter cell is not RNNCell"):
        contrib.AttentionCellWrapper(None, 0)
    with pytest.raises(ValueError, match="attn_length should be greater than zero"):
        contrib.AttentionCellWrapper(rnn_cell.GRUCell(2), 0)
    with pytest.raises(ValueError, match="Cell returns tuple of states, but the flag"):
        contrib.AttentionCellWrapper(rnn_cell.BasicLSTMCell(2), 2, state_is_tuple=False)
    cell = contrib.AttentionCellWrapper(rnn_cell.GRUCell(2), 3, attn_size=5, state_is_tuple=False)
    assert (cell.state_size, cell.output_size) == (2 + 5 + 15, 5)
    out, state = step(cell)
    assert (out.shape.as_list(), state.shape.as_list()) == ([2, 5], [2, 22])
    with tf.variable_scope("sized"):
        step(contrib.AttentionCellWrapper(rnn_cell.GRUCell(2), 3, input_size=7))
    assert shapes()["sized/attention_cell_wrapper/kernel"] == [4 + 2, 7]
    wrapped = contrib.AttentionCellWrapper(rnn_cell.BasicLSTMCell(2), 3)
    with tf.variable_scope("t"):
        _, (inner, attns, memory) = step(wrapped)
    assert isinstance(inner, LSTMStateTuple)
    assert (attns.shape.as_list(), memory.shape.as_list()) == ([2, 2], [2, 6])
    local = [n.removeprefix("t/attention_cell_wrapper/") for n in names() if n.startswith("t/")]
    assert local == ["kernel", "bias", "basic_lstm_cell/kernel", "basic_lstm_cell/bias", "attention/attn_w",
                     "attention/attn_v", "attention/kernel", "attention/bias", "attn_output_projection/kernel",
                     "attn_output_projection/bias"]


def test_highway_and_compiled() -> None:
    step(contrib.HighwayWrapper(rnn_cell.GRUCell(4)))
    assert names()[-2:] == ["carry_w", "carry_b"]
    step_names = len(names())
    with tf.variable_scope("c"):
        step(contrib.CompiledWrapper(rnn_cell.GRUCell(4)))
    assert len(names()) == step_names + 4
    with tf.variable_scope("d"), pytest.raises(ValueError, match="incompatible"):
        step(contrib.HighwayWrapper(rnn_cell.GRUCell(3)))


# --- contrib cells --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("make", "wanted"), [
    (lambda: contrib.UGRNNCell(3), {"ugrnn_cell/kernel": [7, 6], "ugrnn_cell/bias": [6]}),
    (lambda: contrib.IntersectionRNNCell(3, num_in_proj=3), {
        "intersection_rnn_cell/in_projection/kernel": [4, 3], "intersection_rnn_cell/in_projection/bias": [3],
        "intersection_rnn_cell/kernel": [6, 12], "intersection_rnn_cell/bias": [12]}),
    (lambda: contrib.NASCell(4, num_proj=3, use_biases=True), {
        "nas_cell/recurrent_kernel": [3, 32], "nas_cell/kernel": [4, 32], "nas_cell/bias": [32],
        "nas_cell/projection_weights": [4, 3]}),
    (lambda: contrib.CoupledInputForgetGateLSTMCell(4, use_peepholes=True, num_proj=3), {
        "coupled_input_forget_gate_lstm_cell/W_0": [7, 12], "coupled_input_forget_gate_lstm_cell/B": [12],
        "coupled_input_forget_gate_lstm_cell/W_F_diag": [4], "coupled_input_forget_gate_lstm_cell/W_O_diag": [4],
        "coupled_input_forget_gate_lstm_cell/W_P_0": [4, 3]}),
    (lambda: contrib.LayerNormBasicLSTMCell(3, layer_norm=False), {
        "layer_norm_basic_lstm_cell/kernel": [7, 12], "layer_norm_basic_lstm_cell/bias": [12]}),
    (lambda: contrib.LSTMBlockCell(3, use_peephole=True), {
        "lstm_cell/kernel": [7, 12], "lstm_cell/bias": [12], "lstm_cell/w_i_diag": [3], "lstm_cell/w_o_diag": [3],
        "lstm_cell/w_f_diag": [3]}),
    (lambda: contrib.GRUBlockCell(3), {
        "GRUBlockCell/w_ru": [7, 6], "GRUBlockCell/b_ru": [6], "GRUBlockCell/w_c": [7, 3], "GRUBlockCell/b_c": [3]}),
    (lambda: contrib.GRUBlockCellV2(cell_size=3), {
        "GRUBlockCellV2/gates/kernel": [7, 6], "GRUBlockCellV2/gates/bias": [6],
        "GRUBlockCellV2/candidate/kernel": [7, 3], "GRUBlockCellV2/candidate/bias": [3]}),
])
def test_variables_of_contrib_cells(make: Any, wanted: dict[str, list[int]]) -> None:
    step(make())
    assert names() == list(wanted)
    assert shapes() == wanted


def test_layer_norm_order_of_variables() -> None:
    step(contrib.LayerNormBasicLSTMCell(3, norm_gain=0.5, norm_shift=0.1))
    local = [n.removeprefix("layer_norm_basic_lstm_cell/") for n in names()]
    assert local == ["kernel"] + [f"{s}/{v}" for s in ("input", "transform", "forget", "output", "state")
                                  for v in ("gamma", "beta")]


def test_intersection_wants_equal_sizes() -> None:
    with pytest.raises(ValueError, match="Must have input size == output size"):
        step(contrib.IntersectionRNNCell(3))


def test_glstm() -> None:
    out, state = step(contrib.GLSTMCell(8, num_proj=4, number_of_groups=2))
    assert out.shape.as_list() == [2, 4] and state.c.shape.as_list() == [2, 8]
    assert shapes()["glstm_cell/group0/kernel"] == [4, 16]
    with pytest.raises(ValueError, match="divisible"):
        contrib.GLSTMCell(5, number_of_groups=2)
    with tf.variable_scope("b"), pytest.raises(ValueError, match="depth of the inputs"):
        step(contrib.GLSTMCell(6, number_of_groups=2))


def test_one_group_is_an_ordinary_lstm() -> None:
    x, s = tf.ones([2, 3]), LSTMStateTuple(tf.ones([2, 3]), tf.ones([2, 3]))
    kernel = tf.constant_initializer(np.sin(np.arange(72)).tolist())
    with tf.variable_scope("s", initializer=kernel):
        grouped, _ = contrib.GLSTMCell(3)(x, s)
        plain, _ = rnn_cell.LSTMCell(3)(x, s)
    np.testing.assert_allclose(*evaluate([grouped, plain]), rtol=1e-6)


def test_phased_lstm() -> None:
    cell = contrib.PhasedLSTMCell(3, use_peepholes=True)
    out, state = cell((tf.zeros([2, 1]), tf.ones([2, 4])), cell.zero_state(2, tf.float32))
    local = [n.removeprefix("phased_lstm_cell/") for n in names()]
    assert local == [f"{s}/{v}" for s in ("mask_gates", "new_input", "output_gate") for v in ("kernel", "bias")] + [
        "period", "phase", "ratio_on"]
    assert evaluate(out).shape == (2, 3) and state.c.shape.as_list() == [2, 3]


def test_conv_lstm() -> None:
    cell = contrib.Conv1DLSTMCell(input_shape=[5, 3], output_channels=4, kernel_shape=[3])
    x = tf.ones([2, 5, 3])
    with tf.variable_scope("s", initializer=tf.constant_initializer(0.1)):
        out, _ = cell(x, cell.zero_state(2, tf.float32))
    assert shapes()["s/conv_lstm_cell/kernel"] == [3, 7, 16]
    z = np.array([0.6, 0.9, 0.9, 0.9, 0.6])
    wanted = np.tanh(sigmoid(z) * np.tanh(z)) * sigmoid(z)
    np.testing.assert_allclose(evaluate(out)[0, :, 0], wanted, rtol=1e-5)
    with pytest.raises(ValueError, match="Invalid input_shape"):
        contrib.Conv1DLSTMCell(input_shape=[3], output_channels=4, kernel_shape=[3])


def test_block_cells_equal_the_plain_ones() -> None:
    x, c, h = (tf.constant(np.random.RandomState(k).randn(2, 3).astype(np.float32)) for k in range(3))
    with tf.variable_scope("s", initializer=tf.random_uniform_initializer(-1, 1, seed=3)):
        block, _ = contrib.LSTMBlockCell(3, use_peephole=True)(x, (c, h))
        gru_block, _ = contrib.GRUBlockCellV2(3)(x, h)
    with tf.variable_scope("s", reuse=True):
        plain, _ = rnn_cell.LSTMCell(3, use_peepholes=True)(x, LSTMStateTuple(c, h))
    with tf.variable_scope("s/GRUBlockCellV2", reuse=True):
        gru, _ = rnn_cell.GRUCell(3)(x, h, scope=tf.get_variable_scope())
    a, b, d, e = evaluate([block, plain, gru_block, gru])
    np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_allclose(d, e, rtol=1e-5)


def test_block_cell_errors() -> None:
    cell = contrib.LSTMBlockCell(2)
    with pytest.raises(ValueError):
        cell(x_of(2, None), cell.zero_state(2, tf.float32))
    with pytest.raises(ValueError):
        cell(x_of(2, 3), tf.zeros([2, 2]))
    for arguments in ({}, {"num_units": 1, "cell_size": 1}):
        with pytest.raises(ValueError):
            contrib.GRUBlockCell(**arguments)
    with pytest.raises(ValueError):
        contrib.GRUBlockCell(2)(x_of(2, 3), tf.zeros([2, 5]))


def test_a_block_cell_called_again_needs_reuse() -> None:
    cell = contrib.LSTMBlockCell(2)
    x, s = x_of(2, 3), cell.zero_state(2, tf.float32)
    cell(x, s)
    with pytest.raises(ValueError, match="already exists"):
        cell(x, s)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        cell(x, s)


def test_left_out_cells_say_so() -> None:
    for name in ("GridLSTMCell", "TimeFreqLSTMCell", "BidirectionalGridLSTMCell"):
        with pytest.raises(NotImplementedError, match=name):
            getattr(contrib, name)(3)
    with pytest.raises(NotImplementedError):
        contrib.Conv2DLSTMCell(input_shape=[5, 5, 3], output_channels=4, kernel_shape=[3, 3])


# --- fused cells ----------------------------------------------------------------------------------------------------

def test_fused_lstm_equals_the_stepwise_one() -> None:
    x = np.random.RandomState(0).randn(4, 3, 2).astype(np.float32)
    with tf.variable_scope("root", initializer=tf.random_uniform_initializer(-1, 1, seed=1)):
        fused = contrib.LSTMBlockFusedCell(2, use_peephole=True)
        out, state = fused(tf.constant(x), dtype=tf.float32, sequence_length=[4, 0, 2])
    assert names() == [f"root/lstm_block_wrapper/{n}" for n in ("kernel", "bias", "w_i_diag", "w_o_diag", "w_f_diag")]
    with tf.variable_scope("root", reuse=True):
        step_cell = contrib.LSTMBlockCell(2, use_peephole=True)
        with tf.variable_scope("lstm_block_wrapper", reuse=True) as shared:
            class Step(Adder):
                state_size = LSTMStateTuple(2, 2)

                def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
                    return step_cell(inputs, state, scope=shared)

            wanted, final = tf.nn.dynamic_rnn(Step(2), tf.constant(x), [4, 0, 2], dtype=tf.float32, time_major=True)
    a, b, s, t = evaluate([out, wanted, state, final])
    np.testing.assert_allclose(a, b, rtol=1e-5)
    np.testing.assert_allclose(s, t, rtol=1e-5)
    assert not a[:, 1].any() and not a[2:, 2].any()


def test_fused_lists_and_errors() -> None:
    steps = [x_of(2, 4) for _ in range(3)]
    outs, state = contrib.LSTMBlockFusedCell(3)(steps, dtype=tf.float32)
    assert isinstance(outs, list) and [o.shape.as_list() for o in outs] == [[2, 3]] * 3
    assert isinstance(state, LSTMStateTuple)
    with tf.variable_scope("b"), pytest.raises(ValueError, match="Either initial_state or dtype"):
        contrib.LSTMBlockFusedCell(3)(steps)
    with tf.variable_scope("c"), pytest.raises(ValueError):
        contrib.LSTMBlockFusedCell(3)(steps, initial_state=(tf.zeros([2, 3]),))


@pytest.mark.parametrize("dynamic", [False, True])
def test_adaptor_and_reversal(dynamic: bool) -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    fused = contrib.FusedRNNCellAdaptor(Adder(2), use_dynamic_rnn=dynamic)
    backward = contrib.TimeReversedFusedRNN(contrib.FusedRNNCellAdaptor(Adder(2), use_dynamic_rnn=dynamic))
    out, state = fused(tf.constant(x), dtype=tf.float32, scope="fw")
    turned, _ = backward(tf.constant(x), dtype=tf.float32, sequence_length=[2, 3], scope="bw")
    a, s, b = evaluate([out, state, turned])
    np.testing.assert_array_equal(a, np.cumsum(x, 0))
    np.testing.assert_array_equal(s, x.sum(0))
    np.testing.assert_array_equal(b[:, 1], np.cumsum(x[::-1, 1], 0)[::-1])
    np.testing.assert_array_equal(b[:, 0], [x[0, 0] + x[1, 0], x[1, 0], [0, 0]])
    whole, _ = backward(tf.constant(x), dtype=tf.float32, scope="all")
    np.testing.assert_array_equal(evaluate([whole])[0], np.cumsum(x[::-1], 0)[::-1])


def test_the_rhythm_of_a_phased_lstm() -> None:
    cell = contrib.PhasedLSTMCell(4, ratio_on=0.5, leak=0.25)
    times = np.array([[0.0], [0.7], [1.6], [3.0]], np.float32)
    zero = cell.zero_state(4, tf.float32)
    with tf.variable_scope("s", initializer=tf.constant_initializer(0.5)):
        _, state = cell((tf.constant(times), tf.ones([4, 2])), zero)
    place = {v.op.name.rsplit("/", 1)[1]: v for v in tf.global_variables()}
    fill = [tf.assign(place["period"], [4.0, 4, 4, 4]), tf.assign(place["phase"], [0.0] * 4)]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(fill)
        c = sess.run(state.c)
    # Half of the period the gate is open: up for a quarter of it, down for a quarter; then it leaks.
    gates = [0.0, 2 * (0.7 / 4) / 0.5, 2 - 2 * (1.6 / 4) / 0.5, 0.25 * 3 / 4]
    np.testing.assert_allclose(c / c[1] * gates[1], np.repeat(np.array(gates)[:, None], 4, 1), rtol=1e-5)


def test_keep_probabilities_that_are_fed() -> None:
    keep = tf.placeholder(tf.float32, [])
    cell = rnn_cell.DropoutWrapper(rnn_cell.BasicRNNCell(3), input_keep_prob=keep, output_keep_prob=keep)
    out, _ = cell(tf.ones([2, 3]), tf.ones([2, 3]))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert (sess.run(out, {keep: 1.0}) != 0.0).all()
        assert set(np.unique(sess.run(out, {keep: 1e-6}))) == {0.0}


def test_arrays_have_no_handles() -> None:
    with pytest.raises(NotImplementedError, match="handle"):
        tf.TensorArray(tf.float32, 3, handle=tf.constant(["a", "b"]))


@pytest.mark.parametrize("size, parts, wanted", [(7, 3, [3, 2, 2]), (6, 3, [2, 2, 2]), (2, 3, [1, 1, 0]), (5, 1, [5])])
def test_sizes_are_cut_evenly(size: int, parts: int, wanted: list[int]) -> None:
    assert cut(size, parts) == wanted
