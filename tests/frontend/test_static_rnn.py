"""static_rnn and its family: spec/dynamic_rnn.md, sections 4 to 7."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnngraph as tf

rnn_cell = tf.nn.rnn_cell
contrib = tf.contrib.rnn
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


def gru(n: int = 2) -> Any:
    """A GRU."""
    return rnn_cell.GRUCell(n)


@pytest.mark.parametrize("driver", [tf.nn.static_rnn, lambda c, x, **k: tf.nn.static_bidirectional_rnn(c, c, x, **k)])
def test_bad_inputs(driver: Any) -> None:
    for inputs, error, phrase in (
            (x_of(2, 3, 4), TypeError, "inputs must be a sequence"), ([], ValueError, "inputs must not be empty"),
            ([x_of(2, None)], ValueError, "must be accessible via shape inference"),
            ([x_of(2, 4), x_of(3, 4)], ValueError, None)):
        if phrase is None:
            continue
        with pytest.raises(error, match=phrase):
            driver(gru(), inputs, **F32)
    with pytest.raises(TypeError, match="must be an instance of RNNCell"):
        driver(3, [x_of(2, 4)], **F32)
    with pytest.raises(ValueError, match="dtype must be specified"):
        driver(gru(), [x_of(2, 4)])
    with pytest.raises(ValueError, match="must be a vector"):
        driver(gru(), [x_of(2, 4)], sequence_length=[[1, 2]], **F32)


def test_batch_sizes_within_a_step_must_agree() -> None:
    with pytest.raises(ValueError):
        tf.nn.static_rnn(gru(), [(x_of(2, 4), x_of(3, 4))], **F32)


def test_names_and_sharing() -> None:
    outs, state = tf.nn.static_rnn(gru(), [x_of(2, 4)] * 3, **F32)
    assert len(outs) == 3 and len(names()) == 4
    assert names()[0] == "rnn/gru_cell/gates/kernel"
    assert outs[2] is state
    assert [out.shape.as_list() for out in outs] == [[2, 2]] * 3


def test_names_with_lengths() -> None:
    outs, state = tf.nn.static_rnn(gru(), [x_of(None, 4)] * 2, sequence_length=[1, 2], **F32)
    assert [t.name for t in (*outs, state)] == ["rnn/cond/Merge:0", "rnn/cond_1/Merge:0", "rnn/cond_1/Merge_1:0"]
    assert [t.shape.as_list() for t in (*outs, state)] == [[None, 2]] * 3
    assert names()[0] == "rnn/gru_cell/gates/kernel"


@pytest.mark.parametrize("lengths", [[3, 1, 0], [2, 2, 2], [9, -1, 3], [0, 0, 0]])
def test_lengths_as_in_dynamic_rnn(lengths: Any) -> None:
    x = tf.constant(data(3, 3, 4))
    cell = rnn_cell.MultiRNNCell([rnn_cell.BasicLSTMCell(2), gru(3)])
    with tf.variable_scope("s", initializer=tf.constant_initializer(0.3)):
        outs, state = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), sequence_length=lengths, **F32)
        wanted, final = tf.nn.dynamic_rnn(cell, x, lengths, **F32)
    a, b, (lstm, top), (lstm2, top2) = evaluate([tf.stack(outs, 1), wanted, state, final])
    for one, two in ((a, b), (lstm, lstm2), (top, top2)):
        np.testing.assert_allclose(one, two, rtol=1e-6)


def test_the_cell_is_skipped_past_the_longest() -> None:
    calls: list[float] = []

    class Watched(rnn_cell.RNNCell):
        state_size = output_size = 1

        def call(self, inputs: Any, state: Any) -> Any:
            def note(x: Any) -> Any:
                calls.append(float(x[0, 0]))
                return x
            seen = tf.py_func(note, [inputs], tf.float32)
            seen.set_shape([2, 1])
            return seen, state + seen

    x = [tf.fill([2, 1], float(t)) for t in range(5)]
    outs, _ = tf.nn.static_rnn(Watched(), x, sequence_length=[1, 3], **F32)
    got = evaluate(tf.concat(outs, 1))
    assert sorted(calls) == [0.0, 1.0, 2.0]
    np.testing.assert_array_equal(got, [[0, 0, 0, 0, 0], [0, 1, 2, 0, 0]])


def test_token_inputs_of_rank_one() -> None:
    cell = contrib.EmbeddingWrapper(gru(3), 4, 5)
    outs, _ = tf.nn.static_rnn(cell, [tf.placeholder(tf.int32, [2])] * 2, **F32)
    assert outs[1].shape.as_list() == [2, 3]


def test_nested_inputs_and_outputs() -> None:
    class Nested(rnn_cell.RNNCell):
        state_size = (2, 2)
        output_size = (2, 2)

        def call(self, inputs: Any, state: Any) -> Any:
            new = tuple(a + b for a, b in zip(inputs, state, strict=True))
            return new, new

    steps = [(tf.constant(data(2, 2)) * t, tf.constant(data(2, 2)) - t) for t in range(3)]
    outs, state = tf.nn.static_rnn(Nested(), steps, sequence_length=[3, 1], **F32)
    (first, second), final = evaluate([outs[2], state])
    np.testing.assert_allclose(first[0], data(2, 2)[0] * 3, rtol=1e-5)
    assert not first[1].any() and not second[1].any()
    np.testing.assert_allclose(final[1][1], data(2, 2)[1], rtol=1e-5)


def test_gradients_equal_those_of_the_loop() -> None:
    x = tf.constant(data(2, 3, 4))
    with tf.variable_scope("s", initializer=tf.random_uniform_initializer(-1, 1, seed=7)):
        cell = rnn_cell.LSTMCell(3, use_peepholes=True, num_proj=2)
        outs, state = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), **F32)
        wanted, final = tf.nn.dynamic_rnn(cell, x, **F32)
    weights = [x, *tf.trainable_variables()]
    one = tf.gradients(tf.reduce_sum(tf.square(tf.stack(outs, 1))) + tf.reduce_sum(state.c), weights)
    two = tf.gradients(tf.reduce_sum(tf.square(wanted)) + tf.reduce_sum(final.c), weights)
    a, b = evaluate([one, two])
    for g, h in zip(a, b, strict=True):
        np.testing.assert_allclose(g, h, rtol=1e-4, atol=1e-6)


# --- state saving ---------------------------------------------------------------------------------------------------

class Saver:
    """Keeps states in variables."""

    def __init__(self, names: list[str], batch: int, size: int) -> None:
        self.kept = {name: tf.Variable(tf.zeros([batch, size]), trainable=False) for name in names}
        self.saved: list[str] = []

    def state(self, name: str) -> Any:
        return self.kept[name].value()

    def save_state(self, name: str, value: Any) -> Any:
        self.saved.append(name)
        return tf.assign(self.kept[name], value)


def test_state_saving() -> None:
    saver = Saver(["c", "h"], 2, 3)
    cell = rnn_cell.BasicLSTMCell(3)
    outs, state = tf.nn.static_state_saving_rnn(cell, [tf.constant(data(2, 4))] * 2, saver, ("c", "h"))
    assert saver.saved == ["c", "h"] and len(outs) == 2
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(outs[0])
        assert not sess.run(saver.kept["c"]).any()
        _, c = sess.run([outs[-1], state[0]])
        np.testing.assert_allclose(sess.run(saver.kept["c"]), c, rtol=1e-6)


def test_state_saving_errors() -> None:
    x = [x_of(2, 4)]
    with pytest.raises(ValueError, match="state_name should be the same type"):
        tf.nn.static_state_saving_rnn(gru(), x, None, ("a",))
    with pytest.raises(ValueError, match="state_name should be the same type"):
        tf.nn.static_state_saving_rnn(rnn_cell.BasicLSTMCell(2), x, None, "a")
    with pytest.raises(ValueError, match=r"#elems\(state_name\)"):
        tf.nn.static_state_saving_rnn(rnn_cell.BasicLSTMCell(2), x, None, ("a", "b", "c"))


# --- bidirectional --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("lengths", [None, [1, 3]])
def test_bidirectional_as_the_dynamic_one(lengths: Any) -> None:
    x = tf.constant(data(2, 3, 4))
    fw, bw = gru(2), gru(3)
    with tf.variable_scope("s", initializer=tf.constant_initializer(0.3)):
        outs, state_fw, state_bw = tf.nn.static_bidirectional_rnn(fw, bw, tf.unstack(x, axis=1),
                                                                  sequence_length=lengths, **F32)
        wanted, (s, t) = tf.nn.bidirectional_dynamic_rnn(fw, bw, x, lengths, **F32)
    assert outs[0].shape.as_list() == [2, 5]
    a, b, c, d, e, f = evaluate([tf.stack(outs, 1), tf.concat(wanted, 2), state_fw, s, state_bw, t])
    for one, two in ((a, b), (c, d), (e, f)):
        np.testing.assert_allclose(one, two, rtol=1e-6)


def test_bidirectional_names() -> None:
    outs, _, _ = tf.nn.static_bidirectional_rnn(gru(), gru(), [x_of(2, 4)] * 2, **F32)
    assert names()[0] == "bidirectional_rnn/fw/gru_cell/gates/kernel"
    assert names()[4] == "bidirectional_rnn/bw/gru_cell/gates/kernel"
    assert [out.name for out in outs] == ["concat:0", "concat_1:0"]


def test_stack() -> None:
    outs, fw, bw = contrib.stack_bidirectional_rnn([gru(2), gru(5)], [gru(3), gru(5)], [x_of(2, 4)] * 3, **F32)
    assert [out.shape.as_list() for out in outs] == [[2, 10]] * 3 and len(fw) == len(bw) == 2
    assert names()[0] == "stack_bidirectional_rnn/cell_0/fw/gru_cell/gates/kernel"
    assert names()[8] == "stack_bidirectional_rnn/cell_1/fw/gru_cell/gates/kernel"
    for cells, others, states in (((gru(),), (gru(),), None), ([], [], None), ([gru()], [gru(), gru()], None),
                                  ([gru()], [gru()], (1,))):
        with pytest.raises(ValueError):
            contrib.stack_bidirectional_rnn(cells, others, [x_of(2, 4)], initial_states_bw=states, **F32)


def test_a_cell_whose_state_changes_its_form_is_refused() -> None:
    class Other(tf.nn.rnn_cell.RNNCell):
        """Gives a pair where it was given one state."""

        state_size = output_size = 2

        def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
            return state, (state, state)
    with pytest.raises((ValueError, TypeError), match="structure"):
        tf.nn.static_rnn(Other(), [x_of(2, 4), x_of(2, 4)], sequence_length=[1, 2], dtype=tf.float32)
