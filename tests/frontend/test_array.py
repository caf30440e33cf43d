"""Shapes, rearrangement, creation, slicing and gathering: static shapes, errors and values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph.ops  # noqa: F401  (fills the op table)
from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework.convert import constant
from rnngraph.frontend.framework.graph import Graph, Tensor
from rnngraph.frontend.framework.shapes import TensorShape
from rnngraph.frontend.math import math_ops as math
from rnngraph.ir.types import bool_, float32, float64, int32, int64
from rnngraph.session import Session

Q = np.array([[1.0, 2, 3], [4, 5, 6]], np.float32)


def run(fetches: Any, feed: Any = None) -> Any:
    with Session(engine="reference") as session:
        return session.run(fetches, feed)


def open_rows() -> Tensor:
    return array.placeholder(float32, [None, 3], name="q")


def known() -> Tensor:
    return array.placeholder(float32, [2, 3], name="p")


def scalar() -> Tensor:
    return array.placeholder(int32, [], name="s")


def sizes(tensor: Tensor) -> list[int | None] | None:
    return tensor.shape.as_list() if tensor.shape.ndims is not None else None


# --- shape functions --------------------------------------------------------------------------------------------------

def test_static_shapes_are_constants() -> None:
    p, q, u = known(), open_rows(), array.placeholder(float32)
    assert [array.shape(p).op.type, array.size(p).op.type, array.rank(q).op.type] == ["Const"] * 3
    assert [array.shape(q).op.type, array.size(q).op.type, array.rank(u).op.type] == ["Shape", "Size", "Rank"]
    assert array.shape(p, out_type=int64).dtype == int64
    found = run([array.shape(q), array.size(q), array.rank(u), array.shape(u)], {q: Q, u: Q})
    assert [np.asarray(each).tolist() for each in found] == [[2, 3], 6, 2, [2, 3]]
    assert array.broadcast_static_shape(TensorShape([None, 1]), TensorShape([4, 3])).as_list() == [4, 3]
    with pytest.raises(ValueError, match="Incompatible shapes for broadcasting"):
        array.broadcast_static_shape(TensorShape([2]), TensorShape([3]))


@pytest.mark.parametrize(("make", "static", "expected"), [
    (lambda q, s: array.reshape(q, [-1]), [None], Q.reshape(-1)),
    (lambda q, s: array.reshape(q, [3, s]), [3, None], Q.reshape(3, 2)),
    (lambda q, s: array.reshape(q, [array.shape(q)[0], 1, 3]), [None, 1, 3], Q.reshape(2, 1, 3)),
    (lambda q, s: array.transpose(q), [3, None], Q.T),
    (lambda q, s: array.expand_dims(q, 1), [None, 1, 3], Q[:, None]),
    (lambda q, s: array.expand_dims(q, dim=-1), [None, 3, 1], Q[..., None]),
    (lambda q, s: array.squeeze(array.expand_dims(q, 0), [0]), [None, 3], Q),
    (lambda q, s: array.concat([q, np.ones((1, 3))], 0), [None, 3], np.r_[Q, np.ones((1, 3))]),
    (lambda q, s: array.concat([q, q], -1), [None, 6], np.c_[Q, Q]),
    (lambda q, s: array.concat([q], 1), [None, 3], Q),
    (lambda q, s: array.split(q, 3, 1)[1], [None, 1], Q[:, 1:2]),
    (lambda q, s: array.split(q, [1, -1], 1)[1], [None, 2], Q[:, 1:]),
    (lambda q, s: array.stack([q, q], 1), [None, 2, 3], np.stack([Q, Q], 1)),
    (lambda q, s: array.unstack(q, axis=1)[2], [None], Q[:, 2]),
    (lambda q, s: array.tile(q, [2, s]), [None, None], np.tile(Q, (2, 2))),
    (lambda q, s: array.pad(q, [[1, 0], [0, 2]]), [None, 5], np.pad(Q, [(1, 0), (0, 2)])),
    (lambda q, s: array.pad(q, [[1, 1], [2, 1]], "REFLECT"), [None, 6], np.pad(Q, [(1, 1), (2, 1)], "reflect")),
    (lambda q, s: array.pad(q, [[2, 1], [1, 2]], "symmetric"), [None, 6], np.pad(Q, [(2, 1), (1, 2)], "symmetric")),
    (lambda q, s: array.pad(q, [[0, 1], [0, 0]], constant_values=7), [None, 3], np.r_[Q, [[7, 7, 7]]]),
    (lambda q, s: array.pad(q, array.stack([[0, s], [0, 0]])), [None, None], np.pad(Q, [(0, 2), (0, 0)])),
    (lambda q, s: array.reverse(q, [-1]), [None, 3], Q[:, ::-1]),
    (lambda q, s: array.reverse_sequence(q, [3, 2], 1), [2, 3], [[3, 2, 1], [5, 4, 6]]),
    (lambda q, s: array.reverse_sequence(q, [2, 1, 0], seq_dim=0, batch_dim=1), [None, 3], [[4, 2, 3], [1, 5, 6]]),
    (lambda q, s: array.slice(q, [0, 1], [-1, 2]), [None, 2], Q[:, 1:3]),
    (lambda q, s: array.slice(q, [s - 1, 0], [1, -1]), [1, 3], Q[1:]),
    (lambda q, s: array.zeros_like(q), [None, 3], Q * 0),
    (lambda q, s: array.ones_like(q, int32), [None, 3], np.ones((2, 3))),
    (lambda q, s: array.gather(q, [[1, 0]]), [1, 2, 3], Q[[[1, 0]]]),
    (lambda q, s: array.gather(q, [2, 0], axis=1), [None, 2], Q[:, [2, 0]]),
    (lambda q, s: array.gather_nd(q, [[0, 1], [1, 2]]), [2], [2, 6]),
    (lambda q, s: array.where(q > 2, q, -q), [None, 3], np.where(Q > 2, Q, -Q)),
    (lambda q, s: array.where([True, False], q, -q), [2, 3], [[1, 2, 3], [-4, -5, -6]]),
    (lambda q, s: array.where(q > 4), [None, 2], np.argwhere(Q > 4)),
    (lambda q, s: array.boolean_mask(q, q > 2), [None], Q[Q > 2]),
    (lambda q, s: array.boolean_mask(q, [False, True]), [None, 3], Q[1:]),
    (lambda q, s: array.identity(q), [None, 3], Q),
])
def test_rearrangement(make: Callable[..., Tensor], static: list[int | None], expected: Any) -> None:
    q, s = open_rows(), scalar()
    made = make(q, s)
    assert sizes(made) == static
    np.testing.assert_array_equal(run(made, {q: Q, s: 2}), expected)


@pytest.mark.parametrize(("make", "error", "phrase"), [
    (lambda p: array.reshape(p, [4, 2]), ValueError, "Cannot reshape a tensor"),
    (lambda p: array.reshape(p, [-1, 4]), ValueError, "must be evenly divisible"),
    (lambda p: array.reshape(p, -1), ValueError, "must be rank 1"),
    (lambda p: array.reshape(p, [2.0, 3.0]), TypeError, "not in list of allowed values: int32, int64"),
    (lambda p: array.transpose(p, [0, 1, 2]), ValueError, "Dimension must be 2 but is 3"),
    (lambda p: array.transpose(p, [0, 5]), ValueError, "out of range"),
    (lambda p: array.expand_dims(p, 5), ValueError, "not in the interval"),
    (lambda p: array.expand_dims(p), ValueError, "None values not supported"),
    (lambda p: array.squeeze(p, 1), ValueError, "Can not squeeze dim"),
    (lambda p: array.squeeze(p, 1, squeeze_dims=[1]), ValueError, "Cannot specify both"),
    (lambda p: array.concat([p, array.zeros([3, 4])], 1), ValueError, "must be equal"),
    (lambda p: array.concat([p, array.zeros([2, 3], int32)], 1), TypeError, "don't all match"),
    (lambda p: array.concat([p, p], 3), ValueError, "at least rank 4"),
    (lambda p: array.concat(1, [p, p]), TypeError, "Expected int32, got list containing Tensors"),
    (lambda p: array.concat([1, 2], 0), ValueError, "Can't concatenate scalars"),
    (lambda p: array.concat([], 0), ValueError, "shorter than minimum length"),
    (lambda p: array.split(p, 2, 1), ValueError, "must be evenly divisible"),
    (lambda p: array.split(p, [1, 1], 1), ValueError, "add up"),
    (lambda p: array.split(p, 0, 1), ValueError, "less than minimum 1"),
    (lambda p: array.stack([p, p], 3), ValueError, r"axis = 3 not in \[-3, 3\)"),
    (lambda p: array.stack([p, array.zeros([3, 4])]), ValueError, "must be equal"),
    (lambda p: array.unstack(array.placeholder(float32, [None, 2])), ValueError, "Cannot infer num"),
    (lambda p: array.unstack(p, num=3), ValueError, "Dimension must be 3 but is 2"),
    (lambda p: array.unstack(p, axis=4), ValueError, "not in"),
    (lambda p: array.tile(p, [1]), ValueError, "must be rank"),
    (lambda p: array.pad(p, [[1, 1]]), ValueError, "must be rank"),
    (lambda p: array.pad(p, [[1, 1], [0, -1]]), ValueError, "non-negative"),
    (lambda p: array.pad(p, [[1, 1], [0, 1]], "foo"), ValueError, "Unknown padding mode"),
    (lambda p: array.reverse(p, 1), ValueError, "must be rank 1"),
    (lambda p: array.reverse_sequence(p, [1, 2, 3], 1), ValueError, "must be equal"),
    (lambda p: array.reverse_sequence(p, [1, 2], 1, seq_dim=1), ValueError, "Cannot specify both"),
    (lambda p: array.reverse_sequence(p, [1, 2]), TypeError, "Expected int for argument 'seq_dim'"),
    (lambda p: array.gather(constant(1.0), 0), ValueError, "at least rank 1"),
    (lambda p: array.gather(p, [0.5]), TypeError, "allowed values: int32, int64"),
    (lambda p: array.gather_nd(p, [[0, 1, 2]]), ValueError, "must be <= params.rank"),
    (lambda p: array.where(p > 0, p), ValueError, "must both be non-None"),
    (lambda p: array.where(p > 0, p, array.zeros([3, 4])), ValueError, "must be equal"),
    (lambda p: array.where([True, False, True], p, p), ValueError, "must be equal"),
    (lambda p: array.where(p > 0, 1.0, 2.0), ValueError, "equal rank"),
    (lambda p: array.where(p, p, p), TypeError, "expected type of bool"),
    (lambda p: array.boolean_mask(p, True), ValueError, "mask cannot be scalar"),
    (lambda p: array.boolean_mask(p, [True, False, True]), ValueError, "are incompatible"),
    (lambda p: array.fill(3, 1), ValueError, "must be rank 1"),
    (lambda p: array.fill([3], [1]), ValueError, "must be rank 0"),
    (lambda p: array.zeros([None, 2]), ValueError, "partially known"),
    (lambda p: array.range(0, 5, 0), ValueError, "Requires delta != 0"),
    (lambda p: array.range(5, 0), ValueError, "Requires start <= limit"),
    (lambda p: array.linspace(0, 1, 5), TypeError, "float32, float64"),
    (lambda p: array.sequence_mask([1], [2, 3]), ValueError, "maxlen must be scalar"),
    (lambda p: array.one_hot([0], 3, 5, 1.0), TypeError, "does not match"),
    (lambda p: array.one_hot(p, 3), TypeError, "uint8, int32, int64"),
    (lambda p: array.placeholder("foo"), TypeError, "foo"),
    (lambda p: array.meshgrid([1], indexing="foo"), ValueError, "indexing parameter"),
])
def test_refusals(make: Callable[[Tensor], Any], error: type[Exception], phrase: str) -> None:
    p = known()
    with pytest.raises(error, match=phrase):
        make(p)


# --- slicing ----------------------------------------------------------------------------------------------------------

KEYS: list[Any] = [
    0, -1, (0, 1), (slice(None), 1), slice(1, None), (..., 0), (..., None), None, slice(None, None, -1),
    (slice(None, None, 2), slice(1, 3)), slice(None), ..., (slice(None), -1, None), (0, ...), slice(-5, 9),
    (None, 0, None, 1),
    slice(1, 0), (slice(None), slice(2, 0, -1)),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("rows", [2, None])
def test_slices_are_numpy_s(key: Any, rows: int | None) -> None:
    x = array.placeholder(float32, [rows, 3])
    made = x[key]
    expected = Q[key]
    assert made.op.type == "StridedSlice"
    assert made.shape.is_compatible_with(expected.shape) and made.shape.ndims == expected.ndim
    np.testing.assert_array_equal(run(made, {x: Q}), expected)


def test_slices_by_tensors() -> None:
    q, s = open_rows(), scalar()
    made = [q[s], q[s:], q[:s, s], q[-s], q[s:constant(5, int64)], q[[0, 1]], q[np.int64(1), TensorShape([2])[0]]]
    found = run(made, {q: Q, s: 1})
    for a, b in zip(found, [Q[1], Q[1:], Q[:1, 1], Q[-1], Q[1:], Q[0, 1], Q[1, 2]], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("key", "error", "phrase"), [
    (5, ValueError, "out of bounds"), (-3, ValueError, "out of bounds"), ((0, 0, 0), ValueError, "Index out of range"),
    ((..., ...), ValueError, "Multiple ellipses"), (1.5, TypeError, "allowed values"),
    ("a", TypeError, "allowed values"),
    (True, TypeError, "allowed values"), (np.array([0, 1]), ValueError, "must be rank 1"),
    (slice(None, None, 0), ValueError, "non-zero"), (object(), TypeError, "Bad slice index"),
])
def test_bad_indices(key: Any, error: type[Exception], phrase: str) -> None:
    with pytest.raises(error, match=phrase):
        known()[key]


def test_tensors_that_are_no_index() -> None:
    p = known()
    with pytest.raises(TypeError, match="boolean_mask"):
        p[p > 0]
    with pytest.raises(ValueError, match="must be a scalar"):
        p[constant([0, 1])]


def test_strided_slice_masks() -> None:
    p = constant(Q)
    made = [array.strided_slice(p, [0, 0], [2, 3], [1, 2]), array.strided_slice(p, [0, 1], [1, 2], shrink_axis_mask=2),
            array.strided_slice(p, [0, 0], [1, 2], new_axis_mask=1),
            array.strided_slice(p, [0, 0], [1, 2], ellipsis_mask=1),
            array.strided_slice(p, [1, 1], [2, 0], end_mask=2)]
    for a, b in zip(run(made), [Q[:, ::2], Q[0:1, 1], Q[None, 0:2], Q[..., 0:2], Q[1:2, 1:]], strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(NotImplementedError, match="var"):
        array.strided_slice(p, [0], [1], var=p)


# --- creation ---------------------------------------------------------------------------------------------------------

def test_filled_tensors() -> None:
    s = scalar()
    kinds = [each.op.type for each in (array.zeros([2, 3]), array.zeros([20, 3000]), array.ones([2, s]))]
    assert kinds == ["Const", "Const", "Fill"]
    assert array.zeros([20, 3000]).shape.as_list() == [20, 3000]
    assert array.zeros([20, 3000]).op.inputs == []
    made = [array.zeros([40, 50]), array.ones([2, s], int32), array.fill([s], 2.5), array.zeros(array.stack([s, 2])),
            array.zeros(TensorShape([1])), array.zeros([]), array.zeros(2, bool_), array.zeros([1], "string")]
    found = run(made, {s: 2})
    expected: list[Any] = [np.zeros((40, 50)), [[1, 1], [1, 1]], [2.5, 2.5], np.zeros((2, 2)), [0], 0]
    expected += [[False, False], [b""]]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_likes_keep_shape_and_dtype() -> None:
    p, q = known(), open_rows()
    kinds = [each.op.type for each in (array.zeros_like(p), array.zeros_like(q), array.ones_like(q))]
    assert kinds == ["Const", "ZerosLike", "Fill"]
    assert array.zeros_like(p, optimize=False).op.type == "ZerosLike"
    assert array.zeros_like(q, float64).dtype == float64


@pytest.mark.parametrize(("arguments", "expected"), [
    ((5,), [0, 1, 2, 3, 4]), ((1, 6, 2), [1, 3, 5]), ((5, 0, -2), [5, 3, 1]), ((0.0, 1.0, 0.25), [0, 0.25, 0.5, 0.75]),
    ((1.5,), [0, 1]),
])
def test_ranges(arguments: tuple[Any, ...], expected: list[float]) -> None:
    made = array.range(*arguments)
    assert made.dtype == (float32 if isinstance(arguments[-1], float) else int32)
    assert made.shape.as_list() == [len(expected)]
    np.testing.assert_array_equal(run(made), expected)


def test_ranges_by_tensors() -> None:
    s, f = scalar(), array.placeholder(float32, [])
    assert run(array.range(s), {s: 3}).tolist() == [0, 1, 2]
    assert run(array.range(1, f), {f: 3.5}).tolist() == [1, 2, 3]
    assert array.range(0, 5, dtype=int64).dtype == int64
    np.testing.assert_allclose(run(array.linspace(1.0, f, 4), {f: 4.0}), [1, 2, 3, 4])
    assert run(array.linspace(1.0, 3.0, 1)).tolist() == [1]


def test_masks_and_one_hot() -> None:
    lengths, s = array.placeholder(int32, [2]), scalar()
    feed = {lengths: [2, 0], s: 3}
    made = [array.sequence_mask(lengths), array.sequence_mask(lengths, s, float32), array.one_hot(lengths, 3),
            array.one_hot(lengths, s, 5, 1, axis=0), array.one_hot([0, 9], 2, on_value=True, off_value=False)]
    assert [sizes(each) for each in made] == [[2, None], [2, None], [2, 3], [None, 2], [2, 2]]
    found = run(made, feed)
    assert found[0].tolist() == [[True, True], [False, False]]
    assert found[1].tolist() == [[1, 1, 0], [0, 0, 0]]
    assert found[2].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert found[3].tolist() == [[1, 5], [1, 1], [5, 1]]
    assert found[4].tolist() == [[True, False], [False, False]]


def test_placeholders(graph: Graph) -> None:
    q = open_rows()
    assert (q.name, sizes(q), q.op.type) == ("q:0", [None, 3], "Placeholder")
    assert array.placeholder(float32).shape.ndims is None
    assert sizes(array.placeholder(float32, 3)) == [3]
    assert sizes(q + q) == [None, 3]


def test_placeholder_with_default() -> None:
    x = array.placeholder_with_default([1.0, 2.0], [None])
    y = x * 2
    assert (sizes(x), x.op.type) == ([None], "PlaceholderWithDefault")
    assert run(y).tolist() == [2, 4]
    assert run(y, {x: [1, 2, 3]}).tolist() == [2, 4, 6]
    n = array.placeholder_with_default(4, [])
    assert run(array.zeros([n]), {n: 2}).shape == (2,)
    assert run(array.zeros([n])).shape == (4,)
    with pytest.raises(ValueError, match="must be equal"):
        array.placeholder_with_default([1.0, 2.0], [3])


# --- data-dependent ---------------------------------------------------------------------------------------------------

def test_unique_partition_stitch_scatter() -> None:
    y, idx, count = array.unique_with_counts([3, 1, 3, 2])
    assert [each.tolist() for each in run([y, idx, count])] == [[3, 1, 2], [0, 1, 0, 2], [2, 1, 1]]
    assert run(array.unique([3, 1, 3]).idx).tolist() == [0, 1, 0]
    parts = array.dynamic_partition(constant(Q), [1, 0], 2)
    assert run(array.dynamic_stitch([[1], [0]], parts)).tolist() == Q.tolist()
    assert run(array.scatter_nd([[0], [2], [0]], [1.0, 2.0, 3.0], [4])).tolist() == [4, 0, 2, 0]
    assert run(array.sparse_to_dense([0, 2], [4], [1, 5], 9)).tolist() == [1, 9, 5, 9]
    assert run(array.invert_permutation([2, 0, 1])).tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match="must match length"):
        array.dynamic_stitch([[0]], [[1.0], [2.0]])


def test_meshgrid() -> None:
    for indexing in ("xy", "ij"):
        found = run(array.meshgrid([1, 2], [3, 4, 5], [6, 7], indexing=indexing))
        expected: Any = np.meshgrid([1, 2], [3, 4, 5], [6, 7], indexing=indexing)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_gather_checks_places_at_run_time() -> None:
    places = array.placeholder(int32, [None])
    with pytest.raises(Exception, match=r"is not in \[0, 2\)"):
        run(array.gather(constant(Q), places), {places: [2]})
    with pytest.raises(Exception, match=r"seq_lens\("):
        run(array.reverse_sequence(math.tanh(constant(Q)), places[:2], 1), {places: [4, 0]})
