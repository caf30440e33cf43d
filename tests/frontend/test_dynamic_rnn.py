"""dynamic_rnn, bidirectional_dynamic_rnn, raw_rnn: spec/dynamic_rnn.md, sections 1 to 3 and 7."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnngraph as tf

rnn_cell = tf.nn.rnn_cell
contrib = tf.contrib.rnn
LSTMStateTuple = rnn_cell.LSTMStateTuple
F32: dict[str, Any] = {"dtype": tf.float32}


def x_of(*shape: Any) -> Any:
    """A float placeholder."""
    return tf.placeholder(tf.float32, list(shape))


def data(*shape: int) -> Any:
    """Numbers that are all different."""
    return np.sin(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)


def names() -> list[str]:
    """The variables in creation order."""
    return [v.op.name for v in tf.global_variables()]


def evaluate(fetches: Any, feed: Any = None) -> Any:
    """Values after initialising all variables."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(fetches, feed)


class Sum(rnn_cell.RNNCell):
    """State = sum of the inputs so far; output = state."""

    def __init__(self, n: int = 2) -> None:
        super().__init__()
        self.n = n

    @property
    def state_size(self) -> Any:
        return self.n

    @property
    def output_size(self) -> Any:
        return self.n

    def call(self, inputs: Any, state: Any) -> Any:
        return inputs + state, inputs + state


def gru(n: int = 2) -> Any:
    """A GRU."""
    return rnn_cell.GRUCell(n)


# --- errors at construction -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize(("inputs", "phrase"), [
    (None, "None"), ([], "empty"), ((), "empty"),
    (lambda: tf.placeholder(tf.float32), "rank"), (lambda: x_of(2, 3), "must have rank at least 3"),
    (lambda: x_of(2, 3, None), "must be accessible via shape inference"),
    (lambda: (x_of(2, 2, 4), x_of(None, None, 4)), "not the same"),
    (lambda: (x_of(2, 2, 4), x_of(3, 3, 4)), "not the same"),
])
def test_bad_inputs(inputs: Any, phrase: str, time_major: bool) -> None:
    with pytest.raises(ValueError, match=phrase):
        tf.nn.dynamic_rnn(gru(), inputs() if callable(inputs) else inputs, time_major=time_major, **F32)


def test_python_lists_are_nests_not_arrays() -> None:
    with pytest.raises(ValueError, match="to have rank at least 2"):
        tf.nn.dynamic_rnn(gru(), [[[1.0, 2.0]]], **F32)


def test_cells_are_checked_first() -> None:
    with pytest.raises(TypeError, match="must be an instance of RNNCell"):
        tf.nn.dynamic_rnn(3, None)
    with pytest.raises(TypeError, match="cell_fw must be an instance of RNNCell"):
        tf.nn.bidirectional_dynamic_rnn(3, 4, None)
    with pytest.raises(TypeError, match="cell_bw must be an instance of RNNCell"):
        tf.nn.bidirectional_dynamic_rnn(gru(), 4, None)


def test_dtype_is_needed() -> None:
    x = x_of(2, 3, 4)
    with pytest.raises(ValueError, match="you must give a dtype"):
        tf.nn.dynamic_rnn(gru(), x)
    mixed = LSTMStateTuple(tf.zeros([2, 2]), tf.zeros([2, 2], tf.float64))
    with pytest.raises(ValueError, match="Unable to infer a single representative dtype"):
        tf.nn.dynamic_rnn(rnn_cell.BasicLSTMCell(2), x, initial_state=mixed)


def test_bad_lengths() -> None:
    x = x_of(2, 3, 4)
    with pytest.raises(ValueError, match="must be a vector"):
        tf.nn.dynamic_rnn(gru(), x, sequence_length=[[1, 2]], **F32)
    with pytest.raises(ValueError):
        tf.nn.dynamic_rnn(gru(), x, sequence_length=[1, 2, 3], **F32)


@pytest.mark.parametrize("bad", [2.0, -1, "x"])
def test_bad_parallel_iterations(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="parallel_iterations"):
        tf.nn.dynamic_rnn(gru(), x_of(2, 3, 4), parallel_iterations=bad, **F32)


@pytest.mark.parametrize("lengths", [None, [1, 2]])
@pytest.mark.parametrize("kind", [tuple, list])
def test_a_plain_pair_is_no_lstm_state(kind: Any, lengths: Any) -> None:
    pair = kind([tf.zeros([2, 2]), tf.zeros([2, 2])])
    with pytest.raises(TypeError, match="same sequence type"):
        tf.nn.dynamic_rnn(rnn_cell.BasicLSTMCell(2), x_of(2, 3, 4), lengths, initial_state=pair)


def test_dtypes_are_not_promoted() -> None:
    with pytest.raises(TypeError):
        tf.nn.dynamic_rnn(gru(), x_of(2, 3, 4), dtype=tf.float64)
    state = LSTMStateTuple(tf.zeros([2, 2]), tf.zeros([2, 2]))
    with tf.variable_scope("b"), pytest.raises(TypeError):  # better: r1.4 fails when run
        tf.nn.dynamic_rnn(rnn_cell.BasicLSTMCell(2), x_of(2, 3, 4), initial_state=state, dtype=tf.float64)


def test_state_must_keep_its_shape() -> None:
    class Grows(Sum):
        def call(self, inputs: Any, state: Any) -> Any:
            return inputs, tf.concat([state, state], 1)

    with pytest.raises(ValueError, match="not an invariant for"):
        tf.nn.dynamic_rnn(Grows(4), x_of(2, 3, 4), **F32)


def test_state_must_keep_its_dtype() -> None:
    class Widens(Sum):
        def call(self, inputs: Any, state: Any) -> Any:
            return inputs, tf.cast(state, tf.float64)

    with pytest.raises(TypeError, match="state of dtype float32"):
        tf.nn.dynamic_rnn(Widens(4), x_of(2, 3, 4), **F32)


def test_output_size_must_be_true_and_known() -> None:
    class Lies(Sum):
        @property
        def output_size(self) -> Any:
            return self.claim

    cell = Lies(4)
    cell.claim = 7
    with pytest.raises(ValueError):
        tf.nn.dynamic_rnn(cell, x_of(2, 3, 4), **F32)
    cell.claim = tf.TensorShape([None])
    with pytest.raises(ValueError, match="fully defined"):
        tf.nn.dynamic_rnn(cell, x_of(2, 3, 4), **F32)


# --- names and shapes -----------------------------------------------------------------------------------------------

def test_names(graph: Any) -> None:
    out, state = tf.nn.dynamic_rnn(rnn_cell.BasicLSTMCell(2), x_of(2, 3, 4), sequence_length=[1, 2], **F32)
    assert names() == ["rnn/basic_lstm_cell/kernel", "rnn/basic_lstm_cell/bias"]
    ops = {op.name for op in graph.get_operations()}
    assert {"transpose", "sequence_length", "rnn/CheckSeqLen", "rnn/transpose",
            "rnn/while/rnn/basic_lstm_cell/MatMul", "rnn/while/rnn/basic_lstm_cell/BiasAdd"} <= ops
    assert out.name == "rnn/transpose:0"
    assert any(name.startswith("rnn/BasicLSTMCellZeroState/") for name in ops)
    assert all(leaf.name.startswith("rnn/while/Exit") for leaf in state)


def test_second_call_shares_by_object_only() -> None:
    cell, x = gru(), x_of(2, 3, 4)
    tf.nn.dynamic_rnn(cell, x, **F32)
    out, _ = tf.nn.dynamic_rnn(cell, x, scope="other", **F32)
    assert len(names()) == 4 and out.name.startswith("other/")
    with pytest.raises(ValueError, match="already exists"):
        tf.nn.dynamic_rnn(gru(), x, **F32)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        tf.nn.dynamic_rnn(gru(), x, **F32)
    assert len(names()) == 4


def test_scope_object() -> None:
    with tf.variable_scope("foo") as scope:
        pass
    out, _ = tf.nn.dynamic_rnn(gru(), x_of(2, 3, 4), scope=scope, **F32)
    assert names()[0] == "foo/gru_cell/gates/kernel"
    assert out.name == "foo_1/transpose:0"


@pytest.mark.parametrize(("time_major", "shape", "wanted"), [
    (False, [2, 3, 4], [2, 3, 5]), (False, [None, 3, 4], [None, 3, 5]), (True, [None, 2, 4], [None, 2, 5]),
    (True, [None, None, 4], [None, None, 5]),
])
def test_static_shapes(time_major: bool, shape: Any, wanted: Any) -> None:
    out, state = tf.nn.dynamic_rnn(gru(5), x_of(*shape), time_major=time_major, **F32)
    assert out.shape.as_list() == wanted
    assert state.shape.as_list() == [wanted[1 if time_major else 0], 5]


def test_nests_in_and_out() -> None:
    class Nested(rnn_cell.RNNCell):
        state_size = {"b": 2, "a": (1,)}
        output_size = [tf.TensorShape([2]), {"k": 1}]

        def call(self, inputs: Any, state: Any) -> Any:
            assert type(inputs) is list and set(state) == {"a", "b"}
            x, y = inputs
            new = {"b": state["b"] + x, "a": (state["a"][0] + y,)}
            return [new["b"], {"k": new["a"][0]}], new

    x, y = data(3, 4, 2), data(3, 4, 1)
    (out, named), state = tf.nn.dynamic_rnn(Nested(), [tf.constant(x), tf.constant(y)], [4, 2, 0], **F32)
    got, k, final = evaluate([out, named["k"], state])
    masked = x * (np.arange(4)[None, :, None] < np.array([4, 2, 0])[:, None, None])
    np.testing.assert_allclose(got[0], np.cumsum(x[0], 0), rtol=1e-6)
    assert not got[1, 2:].any() and not got[2].any() and k.shape == (3, 4, 1)
    np.testing.assert_allclose(final["b"], masked.sum(1), rtol=1e-6)


def test_numpy_inputs_and_states() -> None:
    for time_major in (False, True):
        out, state = tf.nn.dynamic_rnn(Sum(2), data(3, 3, 2), initial_state=np.ones([3, 2], np.float32),
                                       time_major=time_major)
        np.testing.assert_allclose(evaluate(state), 1 + data(3, 3, 2).sum(0 if time_major else 1), rtol=1e-5)


# --- values ---------------------------------------------------------------------------------------------------------

def test_lengths_of_any_kind() -> None:
    x = data(5, 3, 2)
    out, state = tf.nn.dynamic_rnn(Sum(2), tf.constant(x), tf.constant([3, 1, 0, 9, -2], tf.int64), **F32)
    got, final = evaluate([out, state])
    for b, n in enumerate([3, 1, 0, 3, 0]):
        np.testing.assert_allclose(got[b, :n], np.cumsum(x[b, :n], 0), rtol=1e-5)
        assert not got[b, n:].any()
        np.testing.assert_allclose(final[b], x[b, :n].sum(0), rtol=1e-5, atol=1e-7)


def test_nan_in_padding_does_not_spread() -> None:
    x = data(2, 3, 2)
    x[0, 1:] = np.nan
    out, state = tf.nn.dynamic_rnn(Sum(2), tf.constant(x), [1, 3], **F32)
    got = evaluate([out, state])
    assert all(np.isfinite(value).all() for value in got)


def test_lengths_of_unknown_rank() -> None:
    x = data(2, 3, 2)
    lengths = tf.placeholder(tf.int32)
    out, _ = tf.nn.dynamic_rnn(Sum(2), tf.constant(x), lengths, **F32)
    got = evaluate(out, {lengths: [1, 3]})
    np.testing.assert_allclose(got[1], np.cumsum(x[1], 0), rtol=1e-5)
    assert not got[0, 1:].any() and lengths.shape.ndims is None


def test_wrong_number_of_lengths_when_run() -> None:
    lengths = tf.placeholder(tf.int32, [None])
    out, _ = tf.nn.dynamic_rnn(Sum(2), tf.constant(data(2, 3, 2)), lengths, **F32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected shape for Tensor"):
        evaluate(out, {lengths: [1, 2, 3]})


def test_scalar_states_count_all_steps() -> None:
    class Counter(rnn_cell.RNNCell):
        state_size = (tf.TensorShape([]), 2)
        output_size = 2

        def zero_state(self, batch_size: Any, dtype: Any) -> Any:
            return tf.zeros([], tf.int32), tf.zeros([batch_size, 2], dtype)

        def call(self, inputs: Any, state: Any) -> Any:
            return inputs, (state[0] + 1, state[1] + inputs)

    _, (count, total) = tf.nn.dynamic_rnn(Counter(), tf.constant(data(2, 5, 2)), [1, 2], **F32)
    steps, sums = evaluate([count, total])
    assert steps == 5
    np.testing.assert_allclose(sums[1], data(2, 5, 2)[1, :2].sum(0), rtol=1e-6)


@pytest.mark.parametrize("lengths", [None, [1, 3]])
def test_tensor_array_in_the_state(lengths: Any) -> None:
    class Writes(rnn_cell.RNNCell):
        state_size = (tf.TensorShape([]), ())
        output_size = 1

        def zero_state(self, batch_size: Any, dtype: Any) -> Any:
            return tf.zeros([], tf.int32), tf.TensorArray(dtype, size=0, dynamic_size=True)

        def call(self, inputs: Any, state: Any) -> Any:
            time, array = state
            return inputs, (time + 1, array.write(time, inputs))

    x = data(2, 3, 1)
    out, (time, array) = tf.nn.dynamic_rnn(Writes(), tf.constant(x), lengths, **F32)
    got, steps, rows = evaluate([out, time, array.stack()])
    assert steps == 3
    np.testing.assert_array_equal(rows, x.transpose(1, 0, 2))
    if lengths is None:
        np.testing.assert_array_equal(got, x)


def test_empty_state() -> None:
    class Stateless(rnn_cell.RNNCell):
        state_size = ()
        output_size = 2

        def call(self, inputs: Any, state: Any) -> Any:
            return 2 * inputs, state

    with pytest.raises(ValueError, match="Unable to infer dtype from empty state"):
        tf.nn.dynamic_rnn(Stateless(), x_of(2, 3, 2), initial_state=())
    out, state = tf.nn.dynamic_rnn(Stateless(), tf.constant(data(2, 3, 2)), **F32)
    assert state == ()
    np.testing.assert_array_equal(evaluate(out), 2 * data(2, 3, 2))


@pytest.mark.parametrize("static", [True, False])
def test_no_steps_and_no_rows(static: bool) -> None:
    x = x_of(2, 0 if static else None, 4)
    initial = tf.ones([2, 3])
    out, state = tf.nn.dynamic_rnn(gru(3), x, initial_state=initial)
    gradients = tf.gradients(tf.reduce_sum(out) + tf.reduce_sum(state), [x, initial, *tf.trainable_variables()])
    got, final, by_x, by_state, *by_weights = evaluate([out, state, *gradients], {x: np.zeros([2, 0, 4])})
    assert got.shape == (2, 0, 3) and by_x.shape == (2, 0, 4)  # better: r1.4 cannot do the gradient
    np.testing.assert_array_equal(final, np.ones([2, 3]))
    np.testing.assert_array_equal(by_state, np.ones([2, 3]))
    assert not any(g.any() for g in by_weights)


def test_no_rows() -> None:
    x = x_of(None, 3, 4)
    out, state = tf.nn.dynamic_rnn(gru(3), x, tf.zeros([tf.shape(x)[0]], tf.int32), **F32)
    got, final = evaluate([out, state], {x: np.zeros([0, 3, 4])})
    assert got.shape == (0, 3, 3) and final.shape == (0, 3)


@pytest.mark.parametrize("parallel_iterations", [None, 0, 1, 3])
@pytest.mark.parametrize("swap_memory", [False, True])
def test_results_and_gradients_do_not_depend_on_how(parallel_iterations: Any, swap_memory: bool) -> None:
    with tf.variable_scope("s", initializer=tf.constant_initializer(0.3)):
        x = tf.constant(data(2, 5, 4))
        out, _ = tf.nn.dynamic_rnn(gru(3), x, [5, 2], parallel_iterations=parallel_iterations, swap_memory=swap_memory,
                                   **F32)
        steps, _ = tf.nn.static_rnn(gru(3), tf.unstack(x, axis=1), sequence_length=[5, 2], scope="t", **F32)
    pairs = []
    for prefix, result in (("s/rnn", out), ("s/t", tf.stack(steps, 1))):
        weights = [v for v in tf.trainable_variables() if v.op.name.startswith(prefix)]
        pairs.append([result, *tf.gradients(tf.reduce_sum(tf.square(result)), [x, *weights])])
    dynamic, static = evaluate(pairs)
    for a, b in zip(dynamic, static, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_padding_gets_no_gradient() -> None:
    x = tf.constant(data(2, 3, 4))
    out, _ = tf.nn.dynamic_rnn(gru(3), x, [1, 2], **F32)
    got = evaluate(tf.gradients(tf.reduce_sum(out), x)[0])
    assert got[0, 0].any() and not got[0, 1:].any() and not got[1, 2:].any()


# --- bidirectional --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("lengths", [None, [1, 3]])
def test_bidirectional(lengths: Any, time_major: bool) -> None:
    x = data(2, 3, 2)
    given = tf.constant(x.transpose(1, 0, 2) if time_major else x)
    (fw, bw), states = tf.nn.bidirectional_dynamic_rnn(Sum(2), Sum(2), given, lengths, time_major=time_major, **F32)
    a, b, (s, t) = evaluate([fw, bw, states])
    if time_major:
        a, b = a.transpose(1, 0, 2), b.transpose(1, 0, 2)
    for row, n in enumerate(lengths or [3, 3]):
        np.testing.assert_allclose(a[row, :n], np.cumsum(x[row, :n], 0), rtol=1e-5)
        np.testing.assert_allclose(b[row, :n], np.cumsum(x[row, :n][::-1], 0)[::-1], rtol=1e-5)
        assert not a[row, n:].any() and not b[row, n:].any()
    np.testing.assert_allclose(s, t, rtol=1e-5)


def test_bidirectional_names() -> None:
    x = x_of(2, 3, 4)
    (fw, bw), _ = tf.nn.bidirectional_dynamic_rnn(gru(), gru(), x, [1, 2], **F32)
    assert names()[0] == "bidirectional_rnn/fw/gru_cell/gates/kernel"
    assert names()[4] == "bidirectional_rnn/bw/gru_cell/gates/kernel"
    assert fw.name == "bidirectional_rnn/fw/fw/transpose:0"
    assert bw.name == "ReverseSequence:0"


def test_bidirectional_over_nests() -> None:  # better: r1.4 cannot
    class Pair(rnn_cell.RNNCell):
        state_size = 2
        output_size = (2, 2)

        def call(self, inputs: Any, state: Any) -> Any:
            a, b = inputs
            return (state + a, b), state + a

    x = tf.constant(data(2, 3, 2))
    (_, (bw, copied)), _ = tf.nn.bidirectional_dynamic_rnn(Pair(), Pair(), (x, x), **F32)
    got, same = evaluate([bw, copied])
    np.testing.assert_allclose(got, np.cumsum(data(2, 3, 2)[:, ::-1], 1)[:, ::-1], rtol=1e-5)
    np.testing.assert_array_equal(same, data(2, 3, 2))


def test_stack_of_bidirectional_layers() -> None:
    x = x_of(2, 3, 4)
    out, fw, bw = contrib.stack_bidirectional_dynamic_rnn([gru(2), gru(5)], [gru(3), gru(5)], x, **F32)
    assert out.shape.as_list() == [2, 3, 10] and len(fw) == len(bw) == 2
    assert names()[0] == "stack_bidirectional_rnn/cell_0/bidirectional_rnn/fw/gru_cell/gates/kernel"
    assert names()[8] == "stack_bidirectional_rnn/cell_1/bidirectional_rnn/fw/gru_cell/gates/kernel"
    for bad in (((gru(),), (gru(),), None), ([], [], None), ([gru()], [gru(), gru()], None),
                ([gru()], [gru()], (1,)), ([gru()], [gru()], [1, 2])):
        with pytest.raises(ValueError):
            contrib.stack_bidirectional_dynamic_rnn(bad[0], bad[1], x, initial_states_fw=bad[2], **F32)


# --- raw_rnn --------------------------------------------------------------------------------------------------------

def test_raw_rnn_equals_dynamic_rnn() -> None:
    x, lengths = tf.constant(data(4, 3, 2)), tf.constant([4, 2, 0])
    cell = gru(3)
    arrays = tf.TensorArray(tf.float32, size=4).unstack(x)

    def loop_fn(time: Any, output: Any, state: Any, loop_state: Any) -> Any:
        next_state = cell.zero_state(3, tf.float32) if output is None else state
        finished = time >= lengths
        done = tf.reduce_all(time >= 4)
        next_input = tf.cond(done, lambda: tf.zeros([3, 2]), lambda: arrays.read(time))
        next_input.set_shape([3, 2])
        return finished, next_input, next_state, output, None

    with tf.variable_scope("s", initializer=tf.constant_initializer(0.4)):
        emit_ta, state, loop_state = tf.nn.raw_rnn(cell, loop_fn)
        wanted, final = tf.nn.dynamic_rnn(cell, x, lengths, time_major=True, **F32)
    assert loop_state is None
    got = evaluate([emit_ta.stack(), wanted, state, final])
    np.testing.assert_allclose(got[0], got[1], rtol=1e-5)
    np.testing.assert_allclose(got[2], got[3], rtol=1e-5)


def test_raw_rnn_emissions_and_loop_state() -> None:
    x = tf.constant(data(2, 2))

    def loop_fn(time: Any, output: Any, state: Any, loop_state: Any) -> Any:
        if output is None:
            emit = (tf.zeros([2, 3], tf.int32), tf.zeros([1], tf.int64))
            return tf.tile([False], [2]), x, tf.zeros([2, 2]), emit, tf.constant([9])
        emit = (tf.ones([2, 2, 3], tf.int32), tf.ones([2, 1], tf.int64) * tf.to_int64(time))
        return tf.tile([time >= 3], [2]), x, state, emit, loop_state + 1

    (first, second), state, loop_state = tf.nn.raw_rnn(Sum(2), loop_fn)
    a, b, s, n = evaluate([first.stack(), second.stack(), state, loop_state])
    assert a.shape == (3, 2, 2, 3) and a.dtype == np.int32
    np.testing.assert_array_equal(b[:, 0, 0], [1, 2, 3])
    np.testing.assert_allclose(s, 3 * data(2, 2), rtol=1e-5)
    np.testing.assert_array_equal(n, [12])


def test_raw_rnn_errors() -> None:
    with pytest.raises(TypeError, match="must be an instance of RNNCell"):
        tf.nn.raw_rnn(3, lambda *a: a)
    with pytest.raises(TypeError, match="loop_fn must be a callable"):
        tf.nn.raw_rnn(gru(), 3)
    with pytest.raises((TypeError, ValueError)):
        tf.nn.raw_rnn(gru(), lambda *a: (tf.constant([True]), x_of(1, 2), (tf.zeros([1, 2]),), None, None))
