"""Rules of single ops: sizes that are symbols, contents, phrases of errors, and what random numbers promise."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

import rnngraph.ops  # noqa: F401
from rnngraph import errors
from rnngraph.ir.graph import Builder, Graph, Value, building, call, call_node, constant
from rnngraph.ir.kinds import Elementwise
from rnngraph.ir.op import OPS
from rnngraph.ir.sizes import Symbol, add, floordiv, maximum, minimum, mul, sub
from rnngraph.ir.types import ListType, RefType, float32, float64, int32, int64, tensor
from rnngraph.lowering.scalars_numpy import NumpyScalars
from rnngraph.ops import random
from rnngraph.ops.effects import Counter
from rnngraph.ops.indexed import Rows
from rnngraph.ops.shapes import broadcast_shapes
from tests.ops.evaluate import Machine, compute, expanded, parameters

B, T = Symbol("B").dim, Symbol("T").dim


@pytest.fixture
def builder() -> Any:
    """The current builder of an empty graph."""
    with building(Builder(Graph())) as b:
        yield b


def ints(*values: int) -> Value:
    """A constant int32 vector."""
    return constant(np.asarray(values, np.int32))


def strided(x: Value, begin: Any, end: Any, strides: Any, **masks: int) -> Value:
    """x[begin:end:strides]."""
    return call("strided_slice", x, ints(*begin), ints(*end), ints(*strides), **masks)


# --- operands ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("operand", [ListType(tensor(float32, (2,)), 3), RefType(tensor(float32, (2,)))])
def test_what_is_no_tensor_is_refused_by_its_place(builder: Any, operand: Any) -> None:
    x, other = builder.param(tensor(float32, (2,))), builder.param(operand)
    for place, operands in ((0, [other, x]), (1, [x, other])):
        with pytest.raises(TypeError, match=f"operand {place} must be a tensor"):
            call("add", *operands)
        with pytest.raises(TypeError, match=f"operand {place} must be a tensor"):
            call("concat", *operands, axis=0)


@pytest.mark.parametrize("shape", [(), (2, 2)])
def test_segment_ids_are_a_vector(builder: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rank 1"):
        call("segment_sum", builder.param(tensor(float32, (2, 3))), builder.param(tensor(int32, shape)))


@pytest.mark.parametrize("x", [0, 5, 2 ** 32 - 1, 2 ** 32, 2 ** 33 + 7, 3 * 2 ** 40 + 1, 2 ** 63 - 1])
def test_the_counter_of_the_cipher_is_both_halves_of_a_number(x: int) -> None:
    low, high = random.words(random._ARRAYS, np.int64(x))
    assert (int(low), int(high)) == (x % 2 ** 32, x // 2 ** 32)


# --- state -------------------------------------------------------------------------------------------------------

def test_types_of_an_assignment(builder: Any) -> None:
    """The variable's shape, as far as it is known, refined by the value's; the value's alone if that may change it."""
    def assigned(old: Any, new: Any, **attrs: Any) -> Any:
        ref, value = builder.param(RefType(tensor(float32, old))), builder.param(tensor(float32, new))
        return call("assign", ref, value, **attrs).tensor.shape
    assert assigned((2, 3), (2, 3)) == (2, 3)
    assert assigned((None, 3), (2, None)) == (2, 3)
    assert assigned(None, (2,)) == (2,) and assigned((2,), None) == (2,)
    for new in ((2,), (2, 4)):
        with pytest.raises(ValueError):
            assigned((2, 3), new)
        assert assigned((2, 3), new, validate_shape=False) == new


# --- sizes -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("a", "b", "want"), [
    ((2, 1), (3,), (2, 3)), ((B, 3), (B, 3), (B, 3)), ((B,), (T,), (None,)), ((B,), (4,), (4,)),
    ((None,), (1,), (None,)),
    ((None,), (5,), (5,)), ((B,), (1,), (B,)), (None, (2,), None), ((), (B,), (B,)), ((0,), (None,), (0,))])
def test_broadcast_shapes(a: Any, b: Any, want: Any) -> None:
    assert broadcast_shapes(a, b) == want == broadcast_shapes(b, a)


def test_size_arithmetic_leaves_no_doubt(builder: Builder) -> None:
    """zeros([shape(x)[0], n]) has x's batch size."""
    x = builder.param(tensor(float32, (B, T, 8)))
    n = strided(call("shape", x), [0], [1], [1], shrink_mask=1)
    size = call("stack", n, constant(np.int32(4)))
    assert size.content == (B, 4)
    assert call("broadcast", constant(np.float32(0)), size).shape == (B, 4)
    both = call("mul", n, call("take", call("shape", x), constant(np.int32(1))))
    assert both.content == (mul(B, T),)
    flat = call("reshape", x, call("stack", both, constant(np.int32(-1))))
    assert flat.shape == (mul(B, T), 8)
    assert call("reshape", flat, call("shape", x)).shape == (B, T, 8)
    assert call("reshape", x, ints(-1, 8)).shape == (mul(B, T), 8)
    half = call("int_floordiv", n, constant(np.int32(2)))
    assert half.content == (floordiv(B, 2),)
    wide = call("cast", call("maximum", half, constant(np.int32(1))), dtype=int64)
    assert wide.content == (maximum(floordiv(B, 2), 1),)
    parts = call_node("unstack", call("shape", x), num=3).results
    assert [p.content for p in parts] == [(B,), (T,), (8,)]
    rest = call_node("split", call("shape", x), sizes=(1, -1)).results[1]
    assert call("reduce_prod", rest, axes=None).content == (mul(T, 8),)
    assert call("concat", rest, ints(7), axis=0).content == (T, 8, 7)
    assert call("range", constant(np.int32(0)), n, constant(np.int32(1))).shape == (B,)
    assert call("neg", n).content == (sub(0, B),)
    assert call("select", constant(True), n, n).content == (B,)
    assert call("size", x, dtype=int64).content == (mul(mul(B, T), 8),)


@pytest.mark.parametrize(("args", "masks", "want"), [
    (([0, -1], [0, 0], [1, 1]), dict(begin_mask=1, end_mask=1, shrink_mask=2), (B, 8)),
    (([0, 1], [0, 0], [1, 1]), dict(begin_mask=1, end_mask=3), (B, maximum(sub(T, 1), 0), 8)),
    (([0, 0], [0, 5], [1, 1]), dict(begin_mask=3, end_mask=1), (B, minimum(T, 5), 8)),
    (([0, 0], [0, 0], [1, -1]), dict(begin_mask=3, end_mask=3), (B, T, 8)),
    (([0, -3], [0, 0], [1, 1]), dict(begin_mask=1, end_mask=3), (B, minimum(T, 3), 8)),
    (([0, 0], [0, -1], [1, 1]), dict(begin_mask=3, end_mask=1), (B, maximum(sub(T, 1), 0), 8)),
    (([0, 0], [0, 0], [1, 2]), dict(begin_mask=3, end_mask=3), (B, floordiv(add(T, 1), 2), 8))])
def test_strided_slices_of_symbols(builder: Builder, args: Any, masks: dict[str, int], want: Any) -> None:
    """The sizes, and that the expansion means what NumPy means, whatever the symbol is."""
    x = builder.param(tensor(float64, (B, T, 8)))
    y = strided(x, *args, **masks)
    assert y.shape == want
    assert y.node is not None
    made = expanded(builder, y.node.op, y.node.operands, y.node.attrs)
    assert made is not None
    for length in (1, 2, 5, 7):
        array = np.random.default_rng(0).random((2, length, 8))
        a, b = Machine({x: array}).run(builder.graph, [y, *made])
        np.testing.assert_array_equal(a, b)


def index_by_data(x: Value, i: Value) -> Value:
    """x[:, i]"""
    begin = call("stack", constant(np.int32(0)), i)
    return call("strided_slice", x, begin, ints(0, 0), ints(1, 1), begin_mask=1, end_mask=1, shrink_mask=2)


@pytest.mark.parametrize("place", [2, -1])
def test_an_index_that_is_data_becomes_take(place: int) -> None:
    x = np.arange(24.0).reshape(2, 4, 3)
    builder = Builder(Graph())
    params = parameters(builder, (x, np.int32(place)), known=False)
    with building(builder):
        y = index_by_data(*params)
        grad = call("strided_slice_grad", y, call("shape", params[0]), *y.node.operands[1:], **y.node.attrs)  # type: ignore
        made = [expanded(builder, v.node.op, v.node.operands, v.node.attrs)[0] for v in (y, grad)]  # type: ignore
    assert {"take", "put_add"} <= {n.op.name for n in builder.graph.nodes}
    a, b, c, d = Machine(dict(zip(params, (x, np.asarray(place, np.int32)), strict=True))).run(
        builder.graph, [y, made[0], grad, made[1]])
    np.testing.assert_array_equal(a, x[:, place])
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(c, d)


def test_a_begin_that_is_data_becomes_take() -> None:
    x = np.arange(24.0).reshape(4, 6)
    builder = Builder(Graph())
    whole, begin = parameters(builder, (x, np.array([1, 0], np.int32)), known=False)
    with building(builder):
        y = call("dynamic_slice", whole, begin, ints(2, 3))
        assert y.shape == (2, 3)
        (made,) = expanded(builder, y.node.op, y.node.operands, y.node.attrs)  # type: ignore
    found = Machine({whole: x, begin: np.array([1, 0], np.int32)}).run(builder.graph, [y, made])
    np.testing.assert_array_equal(*found)


def test_unknown_sizes(builder: Builder) -> None:
    x, n = builder.param(tensor(float32, (None, 3))), builder.param(tensor(int32, ()))
    assert call("shape", x).content == (None, 3)
    filled = call("broadcast", constant(np.float32(0)), call("stack", n, constant(np.int32(3))))
    assert filled.shape[1] == 3 and filled.shape[0] is not None
    assert call("concat", x, x, axis=0).shape == (None, 3)
    assert call("concat", x, x, axis=1).shape == (None, 6)
    assert call("contract", x, x, spec="ab,cb->ac").shape == (None, None)
    assert call("reduce_sum", x, axes=(0,)).shape == (3,)
    assert call("reshape", x, n_vector(builder)).tensor.shape is None


def n_vector(builder: Builder) -> Value:
    """An int vector of which not even the length is known."""
    return builder.param(tensor(int32, (None,)))


# --- errors ------------------------------------------------------------------------------------------------------

def p(builder: Builder, *shape: Any, dtype: Any = float32) -> Value:
    """A parameter."""
    return builder.param(tensor(dtype, shape))


STATIC: list[tuple[str, type[Exception], Callable[[Builder], Any]]] = [
    ("Dimensions must be equal, but are 2 and 3", ValueError, lambda b: call("add", p(b, 2), p(b, 3))),
    ("Dimensions must be equal", ValueError, lambda b: call("contract", p(b, 2, 3), p(b, 4, 5), spec="ab,bc->ac")),
    ("Shape must be rank 2 but is rank 1", ValueError,
     lambda b: call("contract", p(b, 2), p(b, 2, 3), spec="ab,bc->ac")),
    ("one type", TypeError, lambda b: call("add", p(b, 2), p(b, 2, dtype=int32))),
    ("has DataType int32", TypeError, lambda b: call("tanh", p(b, dtype=int32))),
    ("takes 2 operands", TypeError, lambda b: call("add", p(b))),
    ("Cannot reshape a tensor with 6 elements", ValueError, lambda b: call("reshape", p(b, 6), ints(4))),
    ("evenly divisible by 4", ValueError, lambda b: call("reshape", p(b, 6), ints(4, -1))),
    ("Can not squeeze dim", ValueError, lambda b: call("squeeze", p(b, 6), axes=(0,))),
    ("slice index 5 of dimension 3 out of bounds", ValueError,
     lambda b: strided(p(b, 3), [5], [0], [1], shrink_mask=1)),
    ("Index out of range", ValueError, lambda b: strided(p(b, 3), [0, 0], [1, 1], [1, 1])),
    ("evenly divisible by 2", ValueError, lambda b: call_node("split", p(b, 3), num=2)),
    ("not compatible", ValueError, lambda b: call("refine", p(b, 3), shape=(4,))),
    ("out of range", ValueError, lambda b: call("reduce_sum", p(b, 3), axes=(1,))),
    ("not a contraction", ValueError, lambda b: call("contract", p(b, 3), p(b, 3), spec="aa,b->a"))]


@pytest.mark.parametrize(("phrase", "kind", "build"), STATIC, ids=[s[0] for s in STATIC])
def test_static_errors(builder: Builder, phrase: str, kind: type[Exception], build: Callable[[Builder], Any]) -> None:
    with pytest.raises(kind, match=phrase):
        build(builder)


def raising(error: Exception) -> Any:
    """A function that raises."""
    def f(*_: Any) -> Any:
        raise error
    return f


INT = np.int32
AT_RUN: list[tuple[str, type[Exception], str, tuple[Any, ...], dict[str, Any]]] = [
    ("Integer division by zero", errors.InvalidArgumentError, op, (np.array([3], INT), np.array([0], INT)), {})
    for op in ("int_floordiv", "int_floormod", "int_truncdiv", "int_truncmod")] + [
    (r"= 4 is not in \[0, 4\)", errors.InvalidArgumentError, "take", (np.zeros(4), np.array([1, 4], INT)), {}),
    (r"is not in \[0, ", errors.InvalidArgumentError, "put_add", (np.zeros(4), np.array([-1], INT), np.zeros(1)), {}),
    (r"seq_lens\(1\)", errors.InvalidArgumentError, "reverse_sequence", (np.zeros((2, 3)), np.array([3, 4], INT)),
     dict(seq_axis=1)),
    ("outside the valid range", errors.InvalidArgumentError, "check_range", (np.array([3], INT), np.array(3, INT)), {}),
    ("outside the valid range", errors.InvalidArgumentError, "sparse_softmax_cross_entropy",
     (np.zeros((1, 3)), np.array([3], INT)), {}),
    ("assertion failed: wrong \\[1 2 3...\\]", errors.InvalidArgumentError, "assert",
     (np.array(False), np.arange(1, 9)), dict(message="wrong")),
    ("oh", errors.OutOfRangeError, "fail", (), dict(error="OutOfRangeError", message="oh")),
    ("ValueError: v", errors.InvalidArgumentError, "py_func", (), dict(func=raising(ValueError("v")), types=())),
    ("TypeError: t", errors.InvalidArgumentError, "py_func", (), dict(func=raising(TypeError("t")), types=())),
    ("StopIteration", errors.OutOfRangeError, "py_func", (), dict(func=raising(StopIteration()), types=())),
    ("NotImplementedError", errors.UnimplementedError, "py_func", (),
     dict(func=raising(NotImplementedError()), types=())),
    ("MemoryError", errors.ResourceExhaustedError, "py_func", (), dict(func=raising(MemoryError()), types=())),
    ("KeyError: 'k'", errors.UnknownError, "py_func", (), dict(func=raising(KeyError("k")), types=())),
    ("is int64, but expects float32", errors.InvalidArgumentError, "py_func", (np.array([1]),),
     dict(func=lambda x: x, types=(float32,)))]


@pytest.mark.parametrize(("phrase", "kind", "op", "arrays", "attrs"), AT_RUN, ids=[f"{a[2]}-{a[0]}" for a in AT_RUN])
def test_errors_at_run(phrase: str, kind: type[Exception], op: str, arrays: Any, attrs: Any) -> None:
    with pytest.raises(kind, match=phrase):
        compute(lambda *xs: call_node(op, *xs, **attrs).results, *arrays, known=False)


# --- meanings that samples do not show ---------------------------------------------------------------------------

def one(op: str, *arrays: Any, **attrs: Any) -> Any:
    """The result of an op."""
    return compute(lambda *xs: call(op, *xs, **attrs), *arrays)[0]


def test_integer_division_rounds_down() -> None:
    x, y = np.array([7, -7, 7, -7], INT), np.array([2, 2, -2, -2], INT)
    assert one("int_floordiv", x, y).tolist() == [3, -4, -4, 3]
    assert one("int_floormod", x, y).tolist() == [1, 1, -1, -1]
    assert one("int_truncdiv", x, y).tolist() == [3, -3, -3, 3]
    assert one("int_truncmod", x, y).tolist() == [1, -1, 1, -1]


def test_casts_out_of_range_give_the_smallest_integer() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 2.9, -2.9])
    assert one("cast", x, dtype=int32).tolist() == [-2**31] * 5 + [2, -2]
    assert one("cast", x, dtype=int64).tolist() == [-2**63] * 5 + [2, -2]


def test_means_of_integers_truncate() -> None:
    assert one("reduce_mean", np.array([-3, -4], INT)).tolist() == -3
    assert np.isnan(one("reduce_mean", np.zeros(0)))


def test_extremes_of_nothing() -> None:
    assert one("reduce_max", np.zeros((0, 2)), axes=(0,)).tolist() == [-np.inf] * 2
    assert one("reduce_min", np.zeros(0, INT)) == 2**31 - 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pow_is_accurate(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.01, 50, 20000).astype(dtype), rng.uniform(-8, 8, 20000).astype(dtype)
    kind = OPS["pow"].kind
    assert isinstance(kind, Elementwise)
    error = np.abs(kind.scalar(NumpyScalars(), x, y) / np.power(x.astype(np.longdouble), y) - 1)
    assert error.max() < 40 * np.finfo(dtype).eps
    edges = np.array([0, 1, -1, 2, -2, 0.5, np.inf], dtype)
    a, b = (g.ravel() for g in np.meshgrid(edges, np.array([0, 1, 2, 3, -1, -2, 0.5], dtype)))
    with np.errstate(all="ignore"):
        want = np.power(a, b)
    np.testing.assert_allclose(kind.scalar(NumpyScalars(), a, b), want, rtol=1e-5)


def test_print_counts_across_copies(capsys: pytest.CaptureFixture[str]) -> None:
    counter = Counter()
    for _ in range(3):
        compute(lambda x: call("print", x, x, message="v: ", first_n=2, counter=counter), np.arange(5.0))
    assert capsys.readouterr().err == "v: [0.0 1.0 2.0...]\n" * 2


def test_py_func_sees_copies() -> None:
    x = np.zeros(3)

    def spoil(a: Any) -> Any:
        a += 1
        return a
    assert one("py_func", x, func=spoil, types=(float64,)).tolist() == [1, 1, 1]
    assert x.tolist() == [0, 0, 0]


def test_rows_add_duplicates() -> None:
    def build(a: Value, i: Value, shape: Value) -> Value:
        return Rows.joined([Rows(a, i, shape), Rows(a, i, shape)]).dense()
    found = compute(build, np.ones((2, 2)), np.array([1, 1], INT), np.array([3, 2], INT))[0]
    assert found.tolist() == [[0, 0], [4, 4], [0, 0]]


# --- random numbers ----------------------------------------------------------------------------------------------

def test_known_answers() -> None:
    """Of the authors' own test of Threefry-2x32 with 20 rounds."""
    rows = [((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
            ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
            ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0))]
    for key, counter, want in rows:
        found = random.threefry(NumpyScalars(), *(tuple(np.uint32(v) for v in pair) for pair in (key, counter)))
        assert tuple(int(v) for v in found) == want


def test_an_element_depends_on_key_and_place_only() -> None:
    key = np.array([1, 2], np.int64)
    long = random.drawn(random.uniform, key, (100,), dtype=float32)
    np.testing.assert_array_equal(random.drawn(random.uniform, key, (5, 4), dtype=float32).ravel(), long[:20])
    other = random.drawn(random.uniform, np.array([1, 3], np.int64), (100,), dtype=float32)
    assert not np.any(long == other)
    assert not np.any(long == random.drawn(random.uniform, np.array([1, 2, 0], np.int64), (100,), dtype=float32))


@pytest.mark.parametrize("dtype", [float32, float64])
def test_distributions(dtype: Any) -> None:
    key, n = np.array([7], np.int64), 200_000
    u = random.drawn(random.uniform, key, (n,), dtype=dtype)
    assert u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 0.003 and abs(u.var() - 1 / 12) < 0.002
    z = random.drawn(random.normal, key, (n,), dtype=dtype)
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01 and abs((z ** 4).mean() - 3) < 0.1
    t = random.drawn(random.truncated, key, (n,), dtype=dtype)
    assert np.abs(t).max() <= 2 and abs(t.mean()) < 0.01 and abs(t.std() - 0.8796) < 0.01
    assert abs(np.corrcoef(z[1:], z[:-1])[0, 1]) < 0.01


@pytest.mark.parametrize(("dtype", "close"), [("float64", 2e-14), ("float32", 5e-7)])
def test_quantiles(dtype: str, close: float) -> None:
    for p in (0.5, 0.4, 0.1, 0.0751, 0.0749, 0.02, 1e-4, 1e-9):
        want = -NormalDist().inv_cdf(float(np.dtype(dtype).type(p)))
        found = random.quantile(NumpyScalars(), np.dtype(dtype).type(p), dtype)
        assert found.dtype == dtype and found == pytest.approx(want, rel=close, abs=close)


@pytest.mark.parametrize(("dtype", "close"), [("float64", 5e-16), ("float32", 3e-7)])
def test_logarithms(dtype: str, close: float) -> None:
    """At and beside powers of two, and where the significand is split."""
    root = math.sqrt(0.5)
    for x in (2.0 ** -33, 0.3, 0.5, root * (1 - 1e-6), root * (1 + 1e-6), 1 - 2.0 ** -24, 1.0, 16.6, 1e30):
        exact = np.dtype(dtype).type(x)
        assert random.logarithm(NumpyScalars(), exact, dtype) == pytest.approx(math.log(exact), rel=close, abs=close / 1e6)


def test_integers_fill_their_range() -> None:
    found = random.drawn(random.integer, np.array([1]), (5000,), np.int32(-2), np.int32(3), dtype=int32)
    assert found.dtype == np.int32 and set(found.tolist()) == {-2, -1, 0, 1, 2}


def test_shuffle_and_multinomial() -> None:
    key = np.array([5], np.int64)
    found = one("random_shuffle", key, np.arange(50.0))
    assert sorted(found.tolist()) == list(range(50)) != found.tolist()
    drawn = one("multinomial", key, np.log(np.array([[0.2, 0.8], [1.0, 1e-30]])), np.array(4000, INT))
    assert abs(drawn[0].mean() - 0.8) < 0.03 and drawn[1].max() == 0
