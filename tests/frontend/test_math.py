"""Arithmetic, operators, reductions and products: types, names, errors and values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph.ops  # noqa: F401  (fills the op table)
from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework.convert import constant
from rnngraph.frontend.framework.graph import Graph, Tensor
from rnngraph.frontend.framework.indexed_slices import IndexedSlices
from rnngraph.frontend.math import clip, random_ops
from rnngraph.frontend.math import math_ops as math
from rnngraph.ir.types import bool_, float32, float64, int32, int64, uint8
from rnngraph.session import Session

P = np.array([[0.1, 0.7, 0.4], [0.9, 0.2, 0.55]], np.float32)
N = np.array([[0, 1, -2], [-3, 4, 5]], np.int32)


def run(fetches: Any, feed: Any = None) -> Any:
    with Session(engine="reference") as session:
        return session.run(fetches, feed)


def floats() -> Tensor:
    return array.placeholder(float32, [2, 3], name="p")


def ints() -> Tensor:
    return array.placeholder(int32, [2, 3], name="i")


# --- operators --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("make", "name", "kind"), [
    (lambda p: p + 1, "add", "Add"), (lambda p: 1 + p, "add", "Add"), (lambda p: p - 1, "sub", "Sub"),
    (lambda p: p * 2, "mul", "Mul"), (lambda p: p / 2, "truediv", "RealDiv"),
    (lambda p: p // 2, "floordiv", "FloorDiv"),
    (lambda p: p % 2, "mod", "FloorMod"), (lambda p: p**2, "pow", "Pow"), (lambda p: -p, "Neg", "Neg"),
    (lambda p: abs(p), "Abs", "Abs"), (lambda p: p < 1, "Less", "Less"),
    (lambda p: p >= 1, "GreaterEqual", "GreaterEqual"),
    (lambda p: p @ np.ones((3, 2)), "matmul", "MatMul"), (lambda p: math.add(p, p), "Add", "Add"),
    (lambda p: math.multiply(p, 2), "Mul", "Mul"), (lambda p: math.div(p, 2), "div", "RealDiv"),
    (lambda p: math.reduce_sum(p), "Sum", "Sum"), (lambda p: math.to_int64(p), "ToInt64", "Cast"),
])
def test_names_and_types(make: Callable[[Any], Tensor], name: str, kind: str) -> None:
    made = make(floats())
    assert (made.op.name, made.op.type) == (name, kind)


@pytest.mark.parametrize("make", [
    lambda x: x + 2, lambda x: 2 - x, lambda x: x * x, lambda x: x // 2, lambda x: x % 3, lambda x: -7 // (x + 9),
    lambda x: x % -3, lambda x: x**2, lambda x: x < 1, lambda x: x >= 1, lambda x: -x, lambda x: abs(x),
])
@pytest.mark.parametrize("kind", ["float", "int"])
def test_operators_compute_as_numpy(make: Callable[[Any], Any], kind: str) -> None:
    x, value = (floats(), P) if kind == "float" else (ints(), N)
    found, expected = run(make(x), {x: value}), make(value)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=2e-6)


def test_true_division_widens_integers() -> None:
    i = ints()
    assert (i / 2).dtype == float64
    assert (i / i).op.name == "truediv_1"
    assert (math.cast(i, uint8) / 2).dtype == float32
    np.testing.assert_allclose(run(3 / (i + 7), {i: N}), 3 / (N + 7))


def test_operands_are_not_promoted() -> None:
    i, p = ints(), floats()
    for make in (lambda: i + 1.5, lambda: 1.5 + i):
        with pytest.raises(TypeError, match="Expected int32, got 1.5"):
            make()
    with pytest.raises(ValueError, match="Tensor conversion requested dtype float32"):
        p + array.placeholder(float64, [2, 3])
    assert (p + np.ones(3)).dtype == float32
    with pytest.raises(TypeError, match="does not match type int32 of argument 'x'"):
        math.add(1, p)
    with pytest.raises(TypeError, match="passed to parameter 'y' of op 'Add'"):
        math.add(p, "a")
    with pytest.raises(ValueError, match="Tried to convert 'y'"):
        math.add(p, None)
    with pytest.raises(ValueError, match="Dimensions must be equal"):
        p + array.placeholder(float32, [4])


def test_logic_is_for_bools() -> None:
    i = ints()
    b = array.placeholder(bool_, [2])
    feed = {b: [True, False]}
    assert run([b & True, b | [False, True], b ^ True, ~b], feed)[2].tolist() == [False, True]
    for make in (lambda: i & i, lambda: ~i, lambda: math.logical_or(i, i)):
        with pytest.raises(TypeError, match="expected type of bool"):
            make()


def test_an_operand_may_know_better() -> None:
    class Other:
        def __radd__(self, other: Any) -> str:
            return "mine"

    assert floats() + Other() == "mine"


def test_python_two_division_and_truncation() -> None:
    i = ints()
    assert run(math.div(i, 2), {i: N}).tolist() == (N // 2).tolist()
    assert run(math.truncatediv(i, 2), {i: N}).tolist() == [[0, 0, -1], [-1, 2, 2]]
    assert run(math.truncatemod(i, 2), {i: N}).tolist() == np.fmod(N, 2).tolist()
    assert math.divide(1, 2) == 0.5
    with pytest.raises(TypeError, match="must have the same dtype"):
        math.truediv(i, floats())
    with pytest.raises(Exception, match="Integer division by zero"):
        run(i // (i - i), {i: N})


def test_casts() -> None:
    p = floats()
    assert math.cast(p, float32) is p
    assert run(math.cast(p * 10, int32), {p: P}).tolist() == (P * 10).astype(int).tolist()
    assert run(math.saturate_cast(p * 1000, uint8), {p: P}).tolist() == [[100, 255, 255], [255, 200, 255]]
    assert math.round(ints()).op.type == "Placeholder"


def test_sums_of_lists() -> None:
    p, q = floats(), array.placeholder(float32, [None, 3])
    total = math.add_n([p, q, p])
    assert (total.op.type, len(total.op.inputs), total.shape.as_list()) == ("AddN", 3, [2, 3])
    np.testing.assert_allclose(run(total, {p: P, q: P}), 3 * P)
    assert math.add_n([p]) is p
    for bad, error in (([], ValueError), (p, TypeError), ([p, ints()], TypeError), ([p, array.zeros([3])], ValueError)):
        with pytest.raises(error):
            math.add_n(bad)
    with pytest.raises(ValueError, match="Only scalar multiply"):
        math.scalar_mul(p, p)
    scaled = math.scalar_mul(2.0, IndexedSlices(constant([1.0]), constant([0])))
    assert run(scaled.values).tolist() == [2]


def test_two_graphs_do_not_mix() -> None:
    p = floats()
    with Graph().as_default():
        with pytest.raises(ValueError, match="must be from the same graph"):
            math.add(p, array.placeholder(float32, [2, 3]))
        assert (p + 1).graph is p.graph


# --- reductions -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("function", "reference"), [
    (math.reduce_sum, np.sum), (math.reduce_mean, np.mean), (math.reduce_prod, np.prod), (math.reduce_max, np.max),
    (math.reduce_min, np.min),
])
@pytest.mark.parametrize("axis", [None, 0, -1, [0, 1], [], [1, -1]])
@pytest.mark.parametrize("keep", [False, True])
def test_reductions(function: Any, reference: Any, axis: Any, keep: bool) -> None:
    p = floats()
    made = function(p, axis, keep)
    axes = tuple(dict.fromkeys(a % 2 for a in axis)) if isinstance(axis, list) else axis
    expected = reference(P, axis=axes, keepdims=keep)
    assert made.shape.as_list() == list(expected.shape)
    np.testing.assert_allclose(run(made, {p: P}), expected, rtol=1e-6)


def test_reductions_of_bools_ints_and_unknown_ranks() -> None:
    b, u = array.placeholder(bool_, [2, 2]), array.placeholder(float32)
    assert run(math.reduce_all(b, 1), {b: [[True, False], [True, True]]}).tolist() == [False, True]
    assert run(math.reduce_mean(constant([1, 2, -4]))) == 0
    assert run([math.reduce_sum(u), math.reduce_sum(u, 1)], {u: P})[0] == np.float32(P.sum())
    assert run(math.reduce_sum(constant([1, 2]), constant([0]))) == 3
    with pytest.raises(TypeError, match="expected type of bool"):
        math.reduce_any(u)
    with pytest.raises(TypeError):
        math.reduce_sum(b)


def test_axes_that_cannot_be() -> None:
    p = floats()
    with pytest.raises(ValueError, match="Invalid reduction dimension"):
        math.reduce_sum(p, 5)
    with pytest.raises(ValueError, match="Can't specify both"):
        math.reduce_sum(p, axis=1, reduction_indices=1)
    with pytest.raises(NotImplementedError, match="only at run time"):
        math.reduce_sum(p, array.placeholder(int32, []))
    with pytest.raises(ValueError, match="both 'axis' and 'dimension'"):
        math.argmax(p, 1, dimension=1)
    with pytest.raises(ValueError, match="must be in the range"):
        math.argmax(p, 7)
    with pytest.raises(TypeError, match="an integer"):
        math.reduce_sum(p, 1.5)


def test_along_one_axis() -> None:
    p = floats()
    made = [math.argmax(p, 1), math.argmin(p, output_type=int32), math.cumsum(p, 1), math.cumprod(p, 0, reverse=True),
            math.cumsum(p, 1, exclusive=True), math.reduce_logsumexp(p, 1), math.norm(p), math.norm(p, 1, axis=0),
            math.norm(p, np.inf, 1), math.count_nonzero(p, 0)]
    found = run(made, {p: P})
    assert (found[0].dtype, found[1].dtype) == (np.int64, np.int32)
    expected = [P.argmax(1), P.argmin(0), P.cumsum(1), P[::-1].cumprod(0)[::-1], np.c_[np.zeros(2), P.cumsum(1)[:, :2]],
                np.log(np.exp(P).sum(1)), np.linalg.norm(P), np.abs(P).sum(0), P.max(1), [2, 2, 2]]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    with pytest.raises(ValueError, match="'ord' must be a supported vector norm"):
        math.norm(p, "fro", 0)


def test_segments() -> None:
    w = constant(np.arange(12, dtype=np.float32).reshape(3, 4))
    rows = np.arange(12).reshape(3, 4)
    assert run(math.segment_sum(w, [0, 0, 1])).tolist() == [(rows[0] + rows[1]).tolist(), rows[2].tolist()]
    assert run(math.segment_mean(w, [0, 0, 2])).tolist() == [[2, 3, 4, 5], [0] * 4, rows[2].tolist()]
    made = math.unsorted_segment_sum(w, [2, 0, 2], 4)
    assert made.shape.as_list() == [4, 4]
    assert run(made)[2].tolist() == (rows[0] + rows[2]).tolist()
    assert run(math.bincount(constant([1, 3, 1]))).tolist() == [0, 2, 0, 1]
    with pytest.raises(NotImplementedError, match="segment_max"):
        math.segment_max(w, [0, 0, 1])


# --- products ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("flip_a", [False, True])
@pytest.mark.parametrize("flip_b", [False, True])
@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_matmul(flip_a: bool, flip_b: bool, lead: tuple[int, ...]) -> None:
    random = np.random.RandomState(0)
    x, y = random.rand(*lead, 3, 4).astype("f"), random.rand(*lead, 4, 2).astype("f")
    a, b = (x.swapaxes(-1, -2) if flip_a else x), (y.swapaxes(-1, -2) if flip_b else y)
    made = math.matmul(a, b, transpose_a=flip_a, adjoint_b=flip_b)
    assert made.shape.as_list() == [*lead, 3, 2]
    np.testing.assert_allclose(run(made), x @ y, rtol=1e-5)


def test_matmul_refuses() -> None:
    p = floats()
    with pytest.raises(ValueError, match="Dimensions must be equal, but are 3 and 2"):
        math.matmul(p, p)
    with pytest.raises(ValueError, match="Shape must be rank 2 but is rank 1"):
        math.matmul(p, array.zeros([3]))
    with pytest.raises(ValueError, match="Only one of transpose_a and adjoint_a"):
        math.matmul(p, p, transpose_a=True, adjoint_a=True)
    with pytest.raises(TypeError, match="does not match type float32"):
        math.matmul(p, ints())
    with pytest.raises(ValueError, match="equal rank"):
        math.matmul(array.zeros([1, 2, 3]), array.zeros([1, 1, 3, 2]))


@pytest.mark.parametrize(("equation", "shapes"), [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("bij,jk->bik", [(5, 2, 3), (3, 4)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]), ("ij,ij->i", [(2, 3), (2, 3)]), ("i,j->ji", [(2,), (3,)]),
    ("ij,jk,kl->li", [(2, 3), (3, 4), (4, 2)]),
    ("ij,k->j", [(2, 3), (4,)]),
])
def test_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    random = np.random.RandomState(1)
    values = [random.rand(*shape).astype("f") for shape in shapes]
    np.testing.assert_allclose(run(math.einsum(equation, *map(constant, values))), np.einsum(equation, *values),
                               rtol=1e-5)


def test_einsum_and_tensordot_refuse() -> None:
    p, w = floats(), array.zeros([3, 4])
    for equation, operands in (("ij,jk->iz", (p, w)), ("ii->i", (p,)), ("ij,jk->ik", (p,)), ("...j,jk->k", (p, w)),
                               ("ijk,jk->ik", (p, w)), ("ij;jk", (p, w))):
        with pytest.raises(ValueError):
            math.einsum(equation, *operands)
    with pytest.raises(ValueError, match="'axes' must be at least 1"):
        math.tensordot(p, w, 0)
    with pytest.raises(ValueError, match="Different number of contraction axes"):
        math.tensordot(p, w, [[0, 1], [0]])


def test_tensordot() -> None:
    p, w = constant(P), constant(np.ones((3, 4), "f"))
    np.testing.assert_allclose(run(math.tensordot(p, w, 1)), np.tensordot(P, np.ones((3, 4)), 1), rtol=1e-6)
    np.testing.assert_allclose(run(math.tensordot(w, p, [[0], [1]])), np.tensordot(np.ones((3, 4)), P, ([0], [1])),
                               rtol=1e-6)
    assert run(math.tensordot(p, p, 2)) == pytest.approx((P * P).sum(), rel=1e-6)


def test_matrices() -> None:
    s = array.placeholder(int32, [])
    np.testing.assert_array_equal(run(math.eye(s), {s: 3}), np.eye(3))
    np.testing.assert_array_equal(run(math.eye(2, 3, batch_shape=[2])), np.stack([np.eye(2, 3)] * 2))
    np.testing.assert_array_equal(run(math.diag(constant([1.0, 2.0]))), np.diag([1, 2]))
    np.testing.assert_array_equal(run(math.diag_part(math.diag(constant(P)))), P)
    square = np.arange(9, dtype="f").reshape(3, 3)
    np.testing.assert_array_equal(run(math.matrix_band_part(constant(square), 0, 1)), np.triu(np.tril(square, 1)))
    np.testing.assert_array_equal(run(math.matrix_diag_part(constant(P))), np.diagonal(P))
    assert run(math.trace(constant(square))) == 12
    with pytest.raises(ValueError, match="with rank >= 2"):
        math.matrix_transpose(constant([1.0]))


# --- clipping, random numbers ----------------------------------------------------------------------------------------

def test_clipping() -> None:
    p = floats()
    norm = float(np.linalg.norm(P))
    made = [clip.clip_by_value(p, 0.2, 0.6), clip.clip_by_norm(p, 0.5), clip.clip_by_norm(p, 50),
            clip.clip_by_norm(p * 0, 0.5),
            clip.global_norm([p, None, p]), *clip.clip_by_global_norm([p, None], 0.5)[0][:1],
            clip.clip_by_norm(p, 0.5, axes=[1])]
    found = run(made, {p: P})
    rows = np.linalg.norm(P, axis=1, keepdims=True)
    expected = [P.clip(0.2, 0.6), P * 0.5 / norm, P, P * 0, norm * 2**0.5, P * 0.5 / norm,
                P * np.minimum(1, 0.5 / rows)]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    with pytest.raises(TypeError, match="t_list should be a sequence"):
        clip.clip_by_global_norm(p, 1.0)
    with pytest.raises(ValueError, match="are not compatible"):
        clip.clip_by_value(constant(1.0), p, 1.0)


def test_global_norm_keeps_none_and_sparse() -> None:
    sparse = IndexedSlices(constant([[3.0], [4.0]]), constant([0, 1]), constant([5, 1]))
    clipped, norm = clip.clip_by_global_norm([None, sparse], 1.0)
    assert clipped[0] is None
    assert (clipped[1].indices, clipped[1].dense_shape) == (sparse.indices, sparse.dense_shape)
    assert clipped[1].values.op.name == "clip_by_global_norm/clip_by_global_norm/_1"
    assert run(norm) == 5
    np.testing.assert_allclose(run(clipped[1].values), [[0.6], [0.8]], rtol=1e-6)


def test_infinite_norms() -> None:
    clipped, norm = clip.clip_by_global_norm([constant([1.0, np.inf])], 1.0)
    assert np.isinf(run(norm))
    np.testing.assert_array_equal(run(clipped[0]), [0, np.nan])


@pytest.mark.parametrize(("graph_seed", "op_seed", "pair"), [
    (None, None, (None, None)), (None, 3, (87654321, 3)), (3, 4, (3, 4)), (0, 0, (0, 2**31 - 1)),
    (None, 0, (87654321, 0)),
    (None, 2**31, (87654321, 1)), (None, -5, (87654321, 2147483642)),
])
def test_pairs_of_seeds(graph_seed: int | None, op_seed: int | None, pair: tuple[Any, Any]) -> None:
    if graph_seed is not None:
        random_ops.set_random_seed(graph_seed)
    assert random_ops.get_seed(op_seed) == pair


def test_graph_seed_counts_ops(graph: Graph) -> None:
    random_ops.set_random_seed(3)
    constant(1)
    assert random_ops.get_seed(None) == (3, graph.version)


def test_streams() -> None:
    a, b = (random_ops.random_uniform([4], seed=7) for _ in range(2))
    other = random_ops.random_uniform([4])
    with Session(engine="reference") as one, Session(engine="reference") as two:
        first, second = one.run([a, b]), one.run(a)
        np.testing.assert_array_equal(first[0], first[1])
        assert (first[0] != second).any()
        np.testing.assert_array_equal(two.run(a), first[0])
        assert (one.run(other) != two.run(other)).any()


def test_distributions() -> None:
    made = [random_ops.random_uniform([1000], -2, 3, seed=1), random_ops.random_normal([1000], 5.0, 2.0, seed=1),
            random_ops.truncated_normal([1000], seed=1), random_ops.random_uniform([1000], 3, 6, int64, seed=1)]
    uniform, normal, truncated, whole = run(made)
    assert (uniform >= -2).all() and (uniform < 3).all() and abs(uniform.mean() - 0.5) < 0.2
    assert abs(normal.mean() - 5) < 0.3 and abs(normal.std() - 2) < 0.2
    assert (abs(truncated) <= 2).all()
    assert set(whole.tolist()) == {3, 4, 5}
    assert made[0].op.name == "random_uniform"
    for bad in ({"dtype": int32}, {"dtype": "string"}):
        with pytest.raises(ValueError, match="Must specify maxval|Invalid dtype"):
            random_ops.random_uniform([2], **bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be rank 1"):
        random_ops.random_normal(3)
