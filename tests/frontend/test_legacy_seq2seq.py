"""contrib.legacy_seq2seq and contrib.seq2seq.sequence_loss: spec/legacy_seq2seq.md."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnngraph as tf

rnn_cell = tf.nn.rnn_cell
seq2seq = tf.contrib.legacy_seq2seq


def data(*shape: int) -> Any:
    """Numbers that are all different."""
    return np.sin(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)


def inputs(steps: int, shift: float = 0.0) -> list[Any]:
    """Constants `[2, 2]`, one for each step."""
    return [tf.constant(data(2, 2) + shift + t) for t in range(steps)]


def ids(*steps: Any) -> list[Any]:
    """Constant symbols, one vector for each step."""
    return [tf.constant(each, dtype=tf.int32) for each in steps]


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


# --- tied -----------------------------------------------------------------------------------------------------------

def test_tied_is_one_run_over_both_lists() -> None:
    cell = gru(3)
    with tf.variable_scope("s", initializer=tf.random_uniform_initializer(-1, 1, seed=1)):
        outs, state = seq2seq.tied_rnn_seq2seq(inputs(3), inputs(2, 0.5), cell)
        wanted, final = tf.nn.static_rnn(cell, inputs(3) + inputs(2, 0.5), dtype=tf.float32)
    a, b, s, t = evaluate([outs, wanted[-2:], state, final])
    np.testing.assert_allclose(a, b, rtol=1e-6)
    np.testing.assert_allclose(s, t, rtol=1e-6)
    assert names() == [f"s/combined_tied_rnn_seq2seq/tied_rnn_seq2seq/gru_cell/{n}" for n in (
        "gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias")]


def test_tied_is_also_in_seq2seq() -> None:
    assert tf.contrib.seq2seq.tied_rnn_seq2seq is seq2seq.tied_rnn_seq2seq


def test_tied_scopes(graph: Any) -> None:
    seq2seq.tied_rnn_seq2seq(inputs(1), inputs(1), gru(), scope="foo")
    with tf.variable_scope("bar") as scope:
        pass
    outs, _ = seq2seq.tied_rnn_seq2seq(inputs(1), inputs(1), gru(), scope=scope)
    assert names()[0] == "combined_tied_rnn_seq2seq/foo/gru_cell/gates/kernel"
    assert names()[4] == "bar/gru_cell/gates/kernel"
    assert outs[0].name.startswith("combined_tied_rnn_seq2seq_1/bar")


def test_tied_states() -> None:
    cell = rnn_cell.BasicLSTMCell(2)
    outs, state = seq2seq.tied_rnn_seq2seq(inputs(2), inputs(2), cell)
    again, states = seq2seq.tied_rnn_seq2seq(inputs(2), inputs(2), cell, return_all_states=True)
    assert isinstance(state, rnn_cell.LSTMStateTuple) and len(states) == 2
    last, both, a, b = evaluate([state, states, outs, again])
    np.testing.assert_array_equal(last, both[-1])
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(both[0].h, a[0])
    with pytest.raises(TypeError):
        seq2seq.tied_rnn_seq2seq(inputs(1), inputs(1), cell, None, tf.float32, None, True)


def test_tied_without_decoder_steps() -> None:
    cell = gru()
    outs, state = seq2seq.tied_rnn_seq2seq(inputs(2), [], cell)
    _, final = tf.nn.static_rnn(cell, inputs(2), dtype=tf.float32)
    assert outs == []
    np.testing.assert_array_equal(*evaluate([state, final]))
    assert seq2seq.tied_rnn_seq2seq(inputs(2), [], cell, return_all_states=True) == ([], [])


def test_tied_errors() -> None:
    with pytest.raises(ValueError, match="inputs must not be empty"):
        seq2seq.tied_rnn_seq2seq([], inputs(1), gru())
    with pytest.raises(TypeError), tf.variable_scope("a"):
        seq2seq.tied_rnn_seq2seq(inputs(1), inputs(1), gru(), dtype=tf.float64)
    cell = gru()
    seq2seq.tied_rnn_seq2seq(inputs(1), inputs(1), cell)
    count = len(names())
    seq2seq.tied_rnn_seq2seq(inputs(1), inputs(1), cell)
    with pytest.raises(ValueError, match="already exists"):
        seq2seq.tied_rnn_seq2seq(inputs(1), inputs(1), gru())
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        seq2seq.tied_rnn_seq2seq(inputs(1), inputs(1), gru())
    assert len(names()) == count

    def makes_variables(previous: Any, i: int) -> Any:
        return previous + tf.get_variable("v", [2])

    with pytest.raises(ValueError, match="loop_function/v does not exist"):
        seq2seq.tied_rnn_seq2seq(inputs(1), inputs(2), cell, makes_variables)


@pytest.mark.parametrize("make", [
    lambda: tf.contrib.rnn.LayerNormBasicLSTMCell(2), lambda: tf.contrib.rnn.GRUBlockCell(2),
    lambda: rnn_cell.MultiRNNCell([gru(), rnn_cell.BasicLSTMCell(2)]), lambda: tf.contrib.rnn.UGRNNCell(2)])
def test_tied_shares_in_all_cells(make: Any) -> None:
    outs, _ = seq2seq.tied_rnn_seq2seq(inputs(2), inputs(2), make())
    count = len(names())
    with tf.variable_scope("plain"):
        tf.nn.static_rnn(make(), inputs(1), dtype=tf.float32)
    assert len(names()) == 2 * count and outs[0].shape.as_list() == [2, 2]


# --- plain decoders -------------------------------------------------------------------------------------------------

def test_rnn_decoder_feeds_what_the_function_makes() -> None:
    seen: list[int] = []

    def loop_function(previous: Any, i: int) -> Any:
        seen.append(i)
        return previous * 2

    cell = gru()
    with tf.variable_scope("s", initializer=tf.constant_initializer(0.3)):
        outs, _ = seq2seq.rnn_decoder((x for x in inputs(3)), tf.zeros([2, 2]), cell, loop_function)
    assert seen == [1, 2]
    assert names()[0] == "s/rnn_decoder/gru_cell/gates/kernel"
    second, _ = cell(outs[0] * 2, outs[0])
    np.testing.assert_allclose(*evaluate([outs[1], second]), rtol=1e-6)


def test_rnn_decoder_of_nothing() -> None:
    state = tf.zeros([2, 2])
    assert seq2seq.rnn_decoder([], state, gru()) == ([], state)
    assert names() == []


def test_basic_has_two_sets_of_variables() -> None:
    cell = gru()
    outs, state = seq2seq.basic_rnn_seq2seq(inputs(2), inputs(2), cell)
    assert names()[0] == "basic_rnn_seq2seq/rnn/gru_cell/gates/kernel"
    assert names()[4] == "basic_rnn_seq2seq/rnn_decoder/gru_cell/gates/kernel"
    assert len(names()) == 8
    with tf.variable_scope("again"):  # better: r1.4 cannot copy a cell that was called
        seq2seq.basic_rnn_seq2seq(inputs(2), inputs(2), cell)
    assert len(names()) == 12


# --- embeddings -----------------------------------------------------------------------------------------------------

def test_embedding_rnn_decoder_checks_the_projection() -> None:
    for w, b in (([2, 5], [4]), ([2, 4], [5])):
        with pytest.raises(ValueError):
            seq2seq.embedding_rnn_decoder(ids([0, 1]), tf.zeros([2, 2]), gru(), 4, 3,
                                          output_projection=(tf.zeros(w), tf.zeros(b)))


def test_embedding_rnn_decoder_feeds_the_argmax() -> None:
    w, b = tf.constant(data(2, 4)), tf.constant(data(4))
    cell = gru()
    outs, _ = seq2seq.embedding_rnn_decoder(ids([0, 1], [3, 3]), tf.zeros([2, 2]), cell, 4, 3,
                                            output_projection=(w, b), feed_previous=True)
    table = tf.global_variables()[0]
    assert names()[0] == "embedding_rnn_decoder/embedding"
    assert names()[1] == "embedding_rnn_decoder/rnn_decoder/gru_cell/gates/kernel"
    symbol = tf.argmax(tf.matmul(outs[0], w) + b, 1)
    wanted, _ = cell(tf.nn.embedding_lookup(table, symbol), outs[0])
    np.testing.assert_allclose(*evaluate([outs[1], wanted]), rtol=1e-6)


@pytest.mark.parametrize("model", ["rnn", "tied", "attention"])
def test_feed_previous_at_run_time(model: str) -> None:
    encoder, decoder = ids([0, 1], [2, 0]), ids([1, 0], [2, 1], [0, 3])

    def build(feed: Any) -> Any:
        cell = rnn_cell.MultiRNNCell([rnn_cell.BasicLSTMCell(2)])
        if model == "tied":
            return seq2seq.embedding_tied_rnn_seq2seq(encoder, decoder, cell, 4, 3, feed_previous=feed)
        f = seq2seq.embedding_rnn_seq2seq if model == "rnn" else seq2seq.embedding_attention_seq2seq
        return f(encoder, decoder, cell, 3, 4, 3, feed_previous=feed)

    flag = tf.placeholder(tf.bool, [])
    with tf.variable_scope("s", initializer=tf.random_uniform_initializer(-1, 1, seed=5)):
        outs, state = build(flag)
    count = len(names())
    with tf.variable_scope("s", reuse=True):
        fed, fed_state = build(True)
        given, given_state = build(False)
    assert len(names()) == count and "cond/Merge" in outs[0].name
    assert isinstance(state, tuple) and isinstance(state[0], rnn_cell.LSTMStateTuple)
    for value, wanted, final in ((True, fed, fed_state), (False, given, given_state)):
        a, b, s, t = evaluate([outs, wanted, state[0].h, final[0].h], {flag: value})
        np.testing.assert_allclose(a, b, rtol=1e-5)
        np.testing.assert_allclose(s, t, rtol=1e-5)


def test_names_of_embedding_models() -> None:
    outs, _ = seq2seq.embedding_rnn_seq2seq(ids([0, 1]), ids([1, 0]), gru(), 3, 4, 5)
    assert outs[0].shape.as_list() == [2, 4]
    assert [n.removeprefix("embedding_rnn_seq2seq/") for n in names() if "gru" not in n] == [
        "rnn/embedding_wrapper/embedding", "embedding_rnn_decoder/embedding",
        "embedding_rnn_decoder/rnn_decoder/output_projection_wrapper/kernel",
        "embedding_rnn_decoder/rnn_decoder/output_projection_wrapper/bias"]
    with tf.variable_scope("p"):
        outs, _ = seq2seq.embedding_rnn_seq2seq(ids([0, 1]), ids([1, 0]), gru(), 3, 4, 5,
                                                output_projection=(tf.zeros([2, 4]), tf.zeros([4])))
    assert outs[0].shape.as_list() == [2, 2]
    assert "p/embedding_rnn_seq2seq/embedding_rnn_decoder/rnn_decoder/gru_cell/gates/kernel" in names()


def test_dtype_of_embedding_models() -> None:
    outs, _ = seq2seq.embedding_rnn_seq2seq(ids([0, 1]), ids([1, 0]), gru(), 3, 4, 5, dtype=tf.float64)
    assert outs[0].dtype == tf.float64
    outs, _ = seq2seq.embedding_tied_rnn_seq2seq(ids([0, 1]), ids([1, 0]), gru(), 5, 3, dtype=tf.float64)
    assert outs[0].dtype == tf.float64


def test_tied_embedding_with_fewer_decoder_symbols() -> None:
    outs, _ = seq2seq.embedding_tied_rnn_seq2seq(ids([0, 4]), ids([1, 0], [0, 0]), gru(), 5, 3, num_decoder_symbols=2,
                                                 feed_previous=True)
    assert [out.shape.as_list() for out in outs] == [[2, 2]] * 2
    with tf.variable_scope("b"), pytest.raises(ValueError):
        seq2seq.embedding_tied_rnn_seq2seq(ids([0, 4]), ids([1, 0]), gru(), 5, 3,
                                           output_projection=(tf.zeros([2, 3]), tf.zeros([3])))


@pytest.mark.parametrize("tensor", [False, True])
def test_one_to_many(tensor: bool) -> None:
    cells = {"a": gru(), "b": gru()}
    feed = tf.constant(True) if tensor else True
    outs, states = seq2seq.one2many_rnn_seq2seq(ids([0, 1]), {"a": ids([1, 0]), "b": ids([1, 0], [2, 2])}, gru(), cells,
                                                3, {"a": 4, "b": 5}, 2, feed_previous=feed)
    assert [t.shape.as_list() for t in (*outs["a"], *outs["b"])] == [[2, 4], [2, 5], [2, 5]]
    assert set(states) == {"a", "b"}
    assert any(n.startswith("one2many_rnn_seq2seq/one2many_decoder_a/embedding_rnn_decoder/") for n in names())
    assert evaluate(outs)["b"][1].shape == (2, 5)


def test_one_to_many_errors() -> None:
    with pytest.raises(TypeError):
        seq2seq.one2many_rnn_seq2seq(ids([0]), {"a": ids([0])}, 3, {"a": gru()}, 3, {"a": 4}, 2)
    with pytest.raises(TypeError):
        seq2seq.one2many_rnn_seq2seq(ids([0]), {"a": ids([0])}, gru(), {"a": 3}, 3, {"a": 4}, 2)
    with pytest.raises(ValueError, match="keys of dec_cells_dict"):
        seq2seq.one2many_rnn_seq2seq(ids([0]), {"a": ids([0])}, gru(), {"b": gru()}, 3, {"a": 4}, 2)


# --- attention ------------------------------------------------------------------------------------------------------

def test_attention_decoder_errors() -> None:
    state, memory = tf.zeros([2, 2]), tf.zeros([2, 3, 4])
    with pytest.raises(ValueError, match="Must provide at least 1 input"):
        seq2seq.attention_decoder([], state, memory, gru())
    with pytest.raises(ValueError, match="less than 1 heads"):
        seq2seq.attention_decoder(inputs(1), state, memory, gru(), num_heads=0)
    with pytest.raises(ValueError, match=r"Shape\[2\] of attention_states must be known"):
        seq2seq.attention_decoder(inputs(1), state, tf.placeholder(tf.float32, [2, 3, None]), gru())
    with pytest.raises(ValueError, match="Could not infer input size"):
        seq2seq.attention_decoder([tf.placeholder(tf.float32, [2, None])], state, memory, gru())


@pytest.mark.parametrize("initial", [False, True])
def test_attention_decoder(initial: bool) -> None:
    memory = tf.placeholder(tf.float32, [2, None, 3])
    cell = rnn_cell.MultiRNNCell([rnn_cell.BasicLSTMCell(2), gru(2)])
    state = cell.zero_state(2, tf.float32)
    outs, final = seq2seq.attention_decoder(inputs(2), state, memory, cell, output_size=5, num_heads=2,
                                            initial_state_attention=initial)
    assert [out.shape.as_list() for out in outs] == [[2, 5]] * 2
    local = [n.removeprefix("attention_decoder/") for n in names()]
    assert local[:4] == ["AttnW_0", "AttnV_0", "AttnW_1", "AttnV_1"]
    assert (local.index("Attention_0/kernel") < local.index("kernel")) == initial
    assert local[-1] == "AttnOutputProjection/bias"
    a, b = evaluate([outs[0], outs[1]], {memory: data(2, 4, 3)})
    assert a.shape == b.shape == (2, 5) and np.isfinite(a).all()
    assert isinstance(final[0], rnn_cell.LSTMStateTuple)


def test_attention_reads_a_weighted_mean() -> None:
    """Over equal rows any weights read that row."""
    memory = tf.constant(np.tile(data(2, 1, 3), [1, 4, 1]))
    from_all, _ = seq2seq.attention_decoder(inputs(2), tf.zeros([2, 2]), memory, gru())
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        from_one, _ = seq2seq.attention_decoder(inputs(2), tf.zeros([2, 2]), memory[:, :1], gru())
    np.testing.assert_allclose(*evaluate([from_all, from_one]), rtol=1e-5)


# --- losses ---------------------------------------------------------------------------------------------------------

LOGITS = [data(2, 3) * (t + 1) for t in range(2)]
TARGETS = [[0, 2], [1, 1]]
WEIGHTS = [[1.0, 0.5], [0.0, 2.0]]


def crossent() -> Any:
    """Cross entropies `[T, B]` times weights."""
    rows = []
    for logit, target in zip(LOGITS, TARGETS, strict=True):
        p = np.exp(logit) / np.exp(logit).sum(1, keepdims=True)
        rows.append(-np.log(p[np.arange(2), target]))
    return np.array(rows) * np.array(WEIGHTS)


def as_lists() -> tuple[list[Any], list[Any], list[Any]]:
    """The three lists as constants."""
    return ([tf.constant(x) for x in LOGITS], ids(*TARGETS), [tf.constant(w) for w in WEIGHTS])


@pytest.mark.parametrize("average", [True, False])
def test_sequence_loss_by_example(average: bool) -> None:
    loss = seq2seq.sequence_loss_by_example(*as_lists(), average_across_timesteps=average)
    wanted = crossent().sum(0)
    if average:
        wanted = wanted / np.array(WEIGHTS).sum(0)
    np.testing.assert_allclose(evaluate(loss), wanted, rtol=1e-5)


def test_sequence_loss() -> None:
    loss = seq2seq.sequence_loss(*as_lists())
    assert loss.name == "sequence_loss/truediv:0"
    np.testing.assert_allclose(evaluate(loss), (crossent().sum(0) / np.array(WEIGHTS).sum(0)).mean(), rtol=1e-5)
    plain = seq2seq.sequence_loss(*as_lists(), average_across_timesteps=False, average_across_batch=False)
    np.testing.assert_allclose(evaluate(plain), crossent().sum(), rtol=1e-5)


def test_loss_function_gets_keywords() -> None:
    def loss(*, labels: Any, logits: Any) -> Any:
        return tf.to_float(labels) + 0 * tf.reduce_sum(logits, 1)

    got = seq2seq.sequence_loss_by_example(*as_lists(), average_across_timesteps=False, softmax_loss_function=loss)
    np.testing.assert_allclose(evaluate(got), (np.array(TARGETS) * WEIGHTS).sum(0), rtol=1e-6)


def test_loss_errors() -> None:
    logits, targets, weights = as_lists()
    with pytest.raises(ValueError, match="Lengths of logits, weights, and targets must be the same"):
        seq2seq.sequence_loss_by_example(logits, targets, weights[:1])
    with pytest.raises(ValueError):
        seq2seq.sequence_loss_by_example([], [], [])


def test_no_weight_is_no_loss() -> None:
    logits, targets, weights = as_lists()
    loss = seq2seq.sequence_loss_by_example(logits, targets, [0 * w for w in weights])
    np.testing.assert_array_equal(evaluate(loss), [0, 0])


@pytest.mark.parametrize(("time", "batch"), [(True, True), (True, False), (False, True), (False, False)])
def test_loss_of_tensors(time: bool, batch: bool) -> None:
    logits, targets, weights = (np.stack(x, 1) for x in (LOGITS, TARGETS, WEIGHTS))
    loss = tf.contrib.seq2seq.sequence_loss(
        tf.constant(logits), tf.constant(targets, tf.int32), tf.constant(weights, tf.float32),
        average_across_timesteps=time, average_across_batch=batch)
    weighted = crossent().T
    wanted = weighted
    if time and batch:
        wanted = weighted.sum() / weights.sum()
    elif time or batch:
        axis = 1 if time else 0
        wanted = weighted.sum(axis) / weights.sum(axis)
    np.testing.assert_allclose(evaluate(loss), wanted, rtol=1e-5)


def test_loss_of_tensors_errors() -> None:
    good = tf.zeros([2, 3, 4]), tf.zeros([2, 3], tf.int32), tf.zeros([2, 3])
    for k, phrase in enumerate(("Logits must be a", "Targets must be a", "Weights must be a")):
        bad = list(good)
        bad[k] = bad[k][0]
        with pytest.raises(ValueError, match=phrase):
            tf.contrib.seq2seq.sequence_loss(*bad)


# --- buckets --------------------------------------------------------------------------------------------------------

def buckets_model(per_example_loss: bool = False) -> Any:
    """Two buckets over a basic model with three output symbols."""
    encoder, decoder = inputs(3), inputs(3, 0.5)
    targets, weights = ids([0, 2], [1, 1], [2, 0]), [tf.ones([2]) for _ in range(3)]

    def model(enc: Any, dec: Any) -> Any:
        return seq2seq.basic_rnn_seq2seq(enc, dec, tf.contrib.rnn.OutputProjectionWrapper(gru(), 3))

    return seq2seq.model_with_buckets(encoder, decoder, targets, weights, [(1, 2), (2, 3)], model,
                                      per_example_loss=per_example_loss)


@pytest.mark.parametrize("per_example", [False, True])
def test_buckets(per_example: bool) -> None:
    outs, losses = buckets_model(per_example)
    assert [len(each) for each in outs] == [2, 3] and len(losses) == 2
    assert len(names()) == 12
    got = evaluate(losses)
    assert [np.shape(each) for each in got] == [(2,) if per_example else ()] * 2


@pytest.mark.parametrize("short", [0, 1, 2])
def test_bucket_errors(short: int) -> None:
    lists = [inputs(3), ids([0], [0], [0]), [tf.ones([2])] * 3]
    lists[short] = lists[short][:1]
    with pytest.raises(ValueError, match="must be at least that of"):
        seq2seq.model_with_buckets(lists[0], inputs(3), lists[1], lists[2], [(3, 3)], lambda e, d: None)
