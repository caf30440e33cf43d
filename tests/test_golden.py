"""Reference numbers: every case of golden.json, which TensorFlow 1.4.0 has computed, on every engine.

golden.md says what the cases are; inputs and weights follow one formula, so that no TensorFlow is needed here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnngraph as tf

CASES: dict[str, Any] = json.loads((Path(__file__).parent / "golden.json").read_text())
ENGINES = ["reference", "llvm"]
TOLERANCE = 2e-4

rnn_cell = tf.nn.rnn_cell
contrib_rnn = tf.contrib.rnn
seq2seq = tf.contrib.legacy_seq2seq


def A(shape: Any, off: float, s: float) -> Any:
    """The array of golden.md."""
    shape = [int(d) for d in shape]
    return (s * np.sin(off + np.arange(int(np.prod(shape))))).reshape(shape).astype(np.float32)


CELLS: dict[str, Callable[[], Any]] = {
    "attention_wrapper": lambda: contrib_rnn.AttentionCellWrapper(rnn_cell.GRUCell(2), 2),
    "basic_lstm": lambda: rnn_cell.BasicLSTMCell(2),
    "basic_rnn": lambda: rnn_cell.BasicRNNCell(2),
    "cifg": lambda: contrib_rnn.CoupledInputForgetGateLSTMCell(2, use_peepholes=True),
    "gru": lambda: rnn_cell.GRUCell(2),
    "gru_block": lambda: contrib_rnn.GRUBlockCell(2),
    "gru_len0_and_beyond": lambda: rnn_cell.GRUCell(2),
    "gru_no_lengths_T4_timemajor": lambda: rnn_cell.GRUCell(2),
    "highway": lambda: contrib_rnn.HighwayWrapper(rnn_cell.GRUCell(2), couple_carry_transform_gates=False),
    "input_projection": lambda: contrib_rnn.InputProjectionWrapper(rnn_cell.GRUCell(2), 3),
    "intersection": lambda: contrib_rnn.IntersectionRNNCell(2),
    "layer_norm_lstm": lambda: contrib_rnn.LayerNormBasicLSTMCell(3),
    "lstm_block_clip": lambda: contrib_rnn.LSTMBlockCell(2, cell_clip=0.2),
    "lstm_block_peep": lambda: contrib_rnn.LSTMBlockCell(2, use_peephole=True),
    "lstm_clip": lambda: rnn_cell.LSTMCell(2, cell_clip=0.2),
    "lstm_peep_clip_proj": lambda: rnn_cell.LSTMCell(2, use_peepholes=True, cell_clip=0.4, num_proj=3, proj_clip=0.3),
    "multi": lambda: rnn_cell.MultiRNNCell([rnn_cell.BasicLSTMCell(2), rnn_cell.GRUCell(2)]),
    "nas": lambda: contrib_rnn.NASCell(2, use_biases=True),
    "output_projection": lambda: contrib_rnn.OutputProjectionWrapper(rnn_cell.GRUCell(2), 3),
    "residual": lambda: rnn_cell.ResidualWrapper(rnn_cell.GRUCell(2)),
    "ugrnn": lambda: contrib_rnn.UGRNNCell(2),
}


def flat(tree: Any) -> list[Any]:
    """The leaves of nested lists and tuples."""
    if isinstance(tree, list | tuple):
        return [leaf for each in tree for leaf in flat(each)]
    return [tree]


def dynamic(kind: str) -> tuple[Any, dict[str, Any]]:
    """dynamic_rnn of a cell."""
    options: dict[str, Any] = {"sequence_length": [2, 3]}
    x = tf.constant(A([2, 3, 2], 0.5, 1), name="x")
    if "T4_timemajor" in kind:
        x, options = tf.constant(A([4, 2, 2], 0.5, 1), name="x"), {"time_major": True}
    elif "len0" in kind:
        options = {"sequence_length": [0, 9]}
    return tf.nn.dynamic_rnn(CELLS[kind](), x, dtype=tf.float32, **options), {"x": x}


def bidirectional(kind: str) -> tuple[Any, dict[str, Any]]:
    """bidirectional_dynamic_rnn of two GRUs."""
    x = tf.constant(A([2, 3, 2], 0.5, 1), name="x")
    cells = rnn_cell.GRUCell(2), rnn_cell.GRUCell(2)
    return tf.nn.bidirectional_dynamic_rnn(*cells, x, sequence_length=[2, 3], dtype=tf.float32), {"x": x}


def lists() -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Encoder and decoder inputs, and those whose gradients are known."""
    encoder = [tf.constant(A([2, 2], 0.1 + i, 1)) for i in range(3)]
    decoder = [tf.constant(A([2, 2], 0.7 + i, 1)) for i in range(2)]
    return encoder, decoder, {"e0": encoder[0], "d0": decoder[0]}


def attention_decoder(kind: str) -> tuple[Any, dict[str, Any]]:
    """Two heads, output size 3."""
    encoder, decoder, named = lists()
    result = seq2seq.attention_decoder(decoder, tf.constant(A([2, 2], 0.3, 1)), tf.stack(encoder, axis=1),
                                       rnn_cell.GRUCell(2), output_size=3, num_heads=2)
    return result, named


def basic(kind: str) -> tuple[Any, dict[str, Any]]:
    """basic_rnn_seq2seq."""
    encoder, decoder, named = lists()
    return seq2seq.basic_rnn_seq2seq(encoder, decoder, rnn_cell.GRUCell(2)), named


def tied(kind: str) -> tuple[Any, dict[str, Any]]:
    """tied_rnn_seq2seq, with a loop function for the LSTM."""
    encoder, decoder, named = lists()
    if kind == "gru":
        return seq2seq.tied_rnn_seq2seq(encoder, decoder, rnn_cell.GRUCell(2)), named
    cell = rnn_cell.BasicLSTMCell(2)
    return seq2seq.tied_rnn_seq2seq(encoder, decoder, cell, loop_function=lambda prev, i: 0.5 * prev), named


def symbols() -> tuple[list[Any], list[Any]]:
    """Encoder and decoder ids."""
    ids = [[tf.constant(each, dtype=tf.int32) for each in side] for side in ([[0, 1], [2, 0]], [[1, 0], [2, 1]])]
    return ids[0], ids[1]


def embedding(kind: str) -> tuple[Any, dict[str, Any]]:
    """embedding_rnn_seq2seq."""
    return seq2seq.embedding_rnn_seq2seq(*symbols(), rnn_cell.GRUCell(2), 3, 4, 2,
                                         feed_previous="feed_previous" in kind), {}


def embedding_attention(kind: str) -> tuple[Any, dict[str, Any]]:
    """embedding_attention_seq2seq."""
    return seq2seq.embedding_attention_seq2seq(*symbols(), rnn_cell.GRUCell(2), 3, 4, 2), {}


def embedding_tied(kind: str) -> tuple[Any, dict[str, Any]]:
    """embedding_tied_rnn_seq2seq."""
    return seq2seq.embedding_tied_rnn_seq2seq(*symbols(), rnn_cell.GRUCell(2), 4, 2), {}


FAMILIES: dict[str, Callable[[str], tuple[Any, dict[str, Any]]]] = {
    "dynamic_rnn": dynamic, "bidirectional_dynamic_rnn": bidirectional, "attention_decoder": attention_decoder,
    "basic_rnn_seq2seq": basic, "tied_rnn_seq2seq": tied, "embedding_rnn_seq2seq": embedding,
    "embedding_attention_seq2seq": embedding_attention, "embedding_tied_rnn_seq2seq": embedding_tied,
}


def weighted(leaves: list[Any]) -> Any:
    """The loss of golden.md."""
    return tf.add_n([tf.reduce_sum(leaf * A(leaf.shape.as_list(), 2, 1)) for leaf in leaves])


def by_name() -> list[Any]:
    """The trainable variables, sorted."""
    return sorted(tf.trainable_variables(), key=lambda v: v.op.name)


def initial() -> list[Any]:
    """Ops that give the variables golden.md's values."""
    return [v.assign(A(v.shape.as_list(), i + 1, 0.5)) for i, v in enumerate(by_name())]


def session(engine: str) -> Any:
    """A session on an engine; a test is skipped where it is not there."""
    try:
        return tf.Session(engine=engine)
    except (NotImplementedError, ImportError) as error:
        pytest.skip(f"no engine {engine}: {error}")


def present(gradients: dict[str, Any]) -> dict[str, Any]:
    """The gradients that are there, as tensors; those that are not are None."""
    return {name: tf.convert_to_tensor(g) for name, g in gradients.items() if g is not None}


def compare_sums(wanted: dict[str, Any], values: dict[str, Any]) -> None:
    """[sum, sum of absolute values] of each gradient; NaN stands for none."""
    assert set(values) == {name for name, sums in wanted.items() if not np.isnan(sums[0])}
    for name, value in values.items():
        got = [value.sum(), np.abs(value).sum()]
        np.testing.assert_allclose(got, wanted[name], atol=TOLERANCE, rtol=TOLERANCE, err_msg=name)


def gradients_of(loss: Any, named: dict[str, Any]) -> dict[str, Any]:
    """The gradients of `loss` with respect to the named inputs and all variables."""
    targets = {**named, **{v.op.name: v for v in by_name()}}
    return dict(zip(targets, tf.gradients(loss, list(targets.values())), strict=True))


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("second_order")])
def test_variables(name: str) -> None:
    """Names and shapes of the variables, and which inputs have no gradient."""
    with tf.Graph().as_default():
        family, kind = name.split("/")
        FAMILIES[family](kind)
        assert {v.op.name: v.shape.as_list() for v in tf.trainable_variables()} == CASES[name]["variables"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("second_order")])
def test_case(name: str, engine: str) -> None:
    """Results, loss and sums of gradients."""
    case = CASES[name]
    with tf.Graph().as_default():
        family, kind = name.split("/")
        results, named = FAMILIES[family](kind)
        leaves = flat(results)
        loss = weighted(leaves)
        gradients = present(gradients_of(loss, named))
        assign = initial()
        with session(engine) as sess:
            sess.run(assign)
            values, total, sums = sess.run([leaves, loss, gradients])
            assert len(values) == len(case["results"])
            for value, wanted in zip(values, case["results"], strict=True):
                np.testing.assert_allclose(value, np.asarray(wanted), atol=TOLERANCE)
            np.testing.assert_allclose(total, case["loss"], atol=TOLERANCE, rtol=TOLERANCE)
            compare_sums(case["grad_sums"], sums)


@pytest.mark.parametrize("driver", ["dynamic_rnn", "static_rnn"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("second_order")])
def test_second_order(name: str, engine: str, driver: str) -> None:
    """Gradients of gradients, through the loop and through the unrolled graph."""
    case = CASES[name]
    with tf.Graph().as_default():
        x = tf.constant(A([2, 3, 2], 0.5, 1), name="x")
        cell = CELLS[name.split("/")[1]]()
        if driver == "dynamic_rnn":
            results: Any = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
        else:
            steps, state = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32)
            results = tf.stack(steps, axis=1), state
        leaves = flat(results)
        assert {v.op.name: v.shape.as_list() for v in tf.trainable_variables()} == case["variables"]
        loss = weighted(leaves)
        first = tf.gradients(loss, x)[0]
        second = tf.reduce_sum(first * A([2, 3, 2], 1, 1))
        gradients = present(gradients_of(second, {"x": x}))
        assign = initial()
        with session(engine) as sess:
            sess.run(assign)
            total, total2, sums = sess.run([loss, second, gradients])
            np.testing.assert_allclose([total, total2], [case["loss"], case["loss2"]], atol=TOLERANCE, rtol=TOLERANCE)
            compare_sums(case["grad2_sums"], sums)
