"""Where an op was made: the calls of the user's program, in errors and in `Operation.traceback`."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import rnngraph as tf

HERE = os.path.basename(__file__)


@pytest.fixture(autouse=True)
def fresh() -> None:
    """A graph of its own for every test."""
    tf.reset_default_graph()


def line_of(text: str) -> int:
    """The number of the line that has this comment."""
    with open(__file__, encoding="utf-8") as file:
        return next(i for i, line in enumerate(file, 1) if line.rstrip().endswith(f"# {text}"))


def dense(x: Any, w: Any) -> Any:
    """A helper that two layers call."""
    return tf.matmul(x, w)  # in the helper


def first(x: Any, w: Any) -> Any:
    """One layer."""
    return dense(x, w)  # in the first layer


def second(x: Any, w: Any) -> Any:
    """The other."""
    return dense(x, w)  # in the second layer


def model() -> tuple[list[Any], list[Any]]:
    """Placeholders and both layers."""
    fed = [tf.placeholder(tf.float32, [None, None]) for _ in range(3)]
    with tf.name_scope("model"):
        hidden = first(fed[0], fed[1])
        return fed, [hidden, second(hidden, fed[2])]


def arrays(*shapes: tuple[int, int]) -> list[Any]:
    """Ones."""
    return [np.ones(s, np.float32) for s in shapes]


@pytest.mark.parametrize("engine", ["reference", "llvm"])
@pytest.mark.parametrize(("shapes", "layer", "op", "inputs"), [
    ([(2, 10), (12, 4), (4, 5)], "first", "MatMul", "float32 [2,10], float32 [12,4]"),
    ([(2, 3), (3, 4), (6, 5)], "second", "MatMul_1", "float32 [2,4], float32 [6,5]")])
def test_the_stack_tells_which_call_of_a_helper(shapes: Any, layer: str, op: str, inputs: str, engine: str) -> None:
    fed, made = model()
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.Session(engine=engine).run(made[1], dict(zip(fed, arrays(*shapes), strict=True)))
    text = str(caught.value)
    assert f"\n  inputs: {inputs}\n  op: 'model/{op}' (MatMul)\n  scope: 'model'\n" in text
    calls = [f"{HERE}:{line_of(f'in the {layer} layer')} in {layer}", f"{HERE}:{line_of('in the helper')} in dense"]
    assert "\n           ".join(calls) in text
    assert caught.value.op is made[["MatMul", "MatMul_1"].index(op)].op


def test_traceback_is_tensorflows() -> None:
    _, [hidden, _] = model()
    frames = hidden.op.traceback
    assert [f[2] for f in frames] == ["test_traceback_is_tensorflows", "model", "first", "dense"]
    assert frames[-1] == (__file__, line_of("in the helper"), "dense", "return tf.matmul(x, w)  # in the helper")


def test_ops_of_one_place_share_their_frames() -> None:
    made = [tf.constant(float(i)) for i in range(3)]
    assert made[0].op.node.origin.frames is made[2].op.node.origin.frames
    other = tf.constant(1.0)
    assert other.op.node.origin.frames is not made[0].op.node.origin.frames


def test_the_standard_library_is_left_out() -> None:
    @contextlib.contextmanager
    def making() -> Iterator[Any]:
        yield functools.reduce(lambda a, b: a + b, [tf.constant(1.0), tf.constant(2.0)])

    with making() as made:
        names = [f[2] for f in made.op.traceback]
    assert names == ["test_the_standard_library_is_left_out", "making", "<lambda>"]


@pytest.mark.parametrize("engine", ["reference", "llvm"])
def test_a_backward_op_names_the_op_that_it_belongs_to(engine: str) -> None:
    x = tf.placeholder(tf.int32, [None])
    y = tf.placeholder(tf.float32, [None])
    g = tf.gradients(tf.exp(y), y, tf.check_numerics(tf.cast(x, tf.float32) / 0.0, "seed"))[0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="seed"):
        tf.Session(engine=engine).run(g, {x: [1], y: [1.0]})
    table = tf.placeholder(tf.float32, [None, None])
    rows = tf.gather(table, x)
    [gradient] = tf.gradients(rows * rows, table)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.Session(engine=engine).run(tf.convert_to_tensor(gradient), {table: np.ones([3, 2]), x: [7]})
    assert "op: 'Gather' (Gather)" in str(caught.value)


@pytest.mark.parametrize("engine", ["reference", "llvm"])
def test_what_fails_is_blamed_and_not_its_reader(engine: str) -> None:
    a, b = (tf.placeholder(tf.float32, [None, None]) for _ in range(2))
    product = tf.matmul(a, b)
    feeds = dict(zip((a, b), arrays((2, 10), (12, 4)), strict=True))
    for fetch in (tf.gradients(product, a)[0], tf.reduce_sum(tf.exp(product)),
                  tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, tf.matmul(a, b)), [0, a])[1]):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"10 and 12 must be equal[^~]*\(MatMul\)"):
            tf.Session(engine=engine).run(fetch, feeds)


def test_building_names_op_and_shapes_as_tensorflow_does() -> None:
    with pytest.raises(ValueError, match=r"Dimensions must be equal, but are 3 and 4 for 'enc/Add' \(op: 'Add'\) with input "
                                         r"shapes: \[2,3\], \[4\]\.\n  made at: test_places"), tf.name_scope("enc"):
        tf.add(tf.zeros([2, 3]), tf.zeros([4]))
    with pytest.raises(TypeError, match=r"has DataType int32 not in list of allowed values: float32, float64, float16\n"
                                        r"  op: 'Tanh' \(Tanh\)"):
        tf.tanh(tf.zeros([2], tf.int32))


def test_a_refusal_has_a_note_of_the_innermost_scope() -> None:
    with pytest.raises(TypeError) as caught, tf.name_scope("enc"), tf.name_scope("layer"):
        tf.concat(tf.zeros([2]), "axis", name="joined")
    assert caught.value.__notes__ == ["  scope: 'enc/layer/joined'"]
    with pytest.raises(ValueError, match="perm") as caught, tf.name_scope("dec"):
        tf.transpose(tf.zeros([2, 3]), [0, 0])
    assert caught.value.__notes__[0].startswith("  scope: 'dec")
