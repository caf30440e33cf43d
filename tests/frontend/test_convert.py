"""Conversion of Python values, constants, and what is known of them without a run."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import rnngraph.ops  # noqa: F401  (fills the op table)
from rnngraph.frontend.array import array_ops as array
from rnngraph.frontend.framework import convert
from rnngraph.frontend.framework.graph import Graph, Tensor
from rnngraph.frontend.framework.indexed_slices import IndexedSlices, convert_to_tensor_or_indexed_slices
from rnngraph.frontend.framework.shapes import Dimension, TensorShape
from rnngraph.frontend.math import math_ops as math
from rnngraph.frontend.math import verify_ops
from rnngraph.frontend.scripts import script_ops
from rnngraph.ir.types import bool_, complex128, float32, float64, int32, int64, string, uint8
from rnngraph.session import Session


def run(fetches: Any, feed: Any = None) -> Any:
    with Session(engine="reference") as session:
        return session.run(fetches, feed)


@pytest.mark.parametrize(("value", "dtype", "shape"), [
    (1, int32, []), (2**40, int64, []), (1.5, float32, []), (True, bool_, []), ("a", string, []), (b"a", string, []),
    (1j, complex128, []), ([1, 2.0], float32, [2]), ([np.float64(1)], float32, [1]), ([2**40], int64, [1]),
    (np.float64(1), float64, []), (np.arange(3), int64, [3]), ([], float32, [0]), ([True, 1], int32, [2]),
    ((1, 2), int32, [2]), ([[1], [2]], int32, [2, 1]), (np.array(["a"]), string, [1]),
    (TensorShape([2, 3]), int32, [2]),
    (Dimension(3), int32, []), ([Dimension(2), 1], int32, [2]), (TensorShape([2**40]), int64, [1]),
    ([np.array([1, 2])], int32, [1, 2]), (range(3), int32, [3]),
])
def test_python_data_is_narrowed(value: Any, dtype: Any, shape: list[int]) -> None:
    tensor = convert.convert_to_tensor(value)
    assert tensor.dtype == dtype
    assert tensor.shape.as_list() == shape


@pytest.mark.parametrize(("value", "dtype", "expected"), [
    (1, float32, 1.0), (True, float32, 1.0), ([1, 2], float64, [1, 2]), (np.array([1.7]), int32, [1]),
    (np.float32(1.7), int32, 1), ([True, False], int32, [1, 0]), (np.array([300]), uint8, [44]),
    ([2**70], float32, [2.0**70]),
    (1e300, float32, np.inf),
])
def test_wanted_dtypes(value: Any, dtype: Any, expected: Any) -> None:
    tensor = convert.convert_to_tensor(value, dtype)
    assert tensor.dtype == dtype
    np.testing.assert_array_equal(run(tensor), expected)


@pytest.mark.parametrize(("value", "dtype", "error", "phrase"), [
    (1.5, int32, TypeError, "Expected int32, got 1.5"), ([1.5], int32, TypeError, "Expected int32, got 1.5"),
    ([1, "a"], None, TypeError, "Failed to convert object"), ("a", float32, TypeError, "Expected float32, got"),
    (1, string, TypeError, "Expected string, got 1"), (1, bool_, TypeError, "Expected bool, got 1"),
    ([[1], [2, 3]], None, ValueError, "must be a dense tensor"), (None, None, ValueError, "None values not supported"),
    ([None, 1], None, TypeError, "Failed to convert object"), (object(), None, TypeError, "Failed to convert object"),
    ({1: 2}, None, TypeError, "Failed to convert object"), (2**70, None, TypeError, "Failed to convert object"),
    (2**40, int32, TypeError, "not in"), (TensorShape([None, 3]), None, ValueError, "partially known"),
    (TensorShape([2]), float32, TypeError, "Cannot convert a TensorShape"),
    (Dimension(None), None, ValueError, "unknown Dimension"), ([Dimension(None)], None, TypeError, "Failed to convert"),
])
def test_refusals(value: Any, dtype: Any, error: type[Exception], phrase: str) -> None:
    with pytest.raises(error, match=phrase):
        convert.convert_to_tensor(value, dtype)


def test_tensors_pass_and_are_not_cast() -> None:
    p = array.placeholder(float32, [2])
    assert convert.convert_to_tensor(p) is p
    assert convert.convert_to_tensor(p, "float32") is p
    with pytest.raises(ValueError, match="Tensor conversion requested dtype int32"):
        convert.convert_to_tensor(p, int32)
    with pytest.raises(TypeError, match="Can't convert Operation"):
        convert.convert_to_tensor(p.op)


def test_preferred_dtype_is_only_tried() -> None:
    assert convert.convert_to_tensor([1, 2], preferred_dtype=int64).dtype == int64
    assert convert.convert_to_tensor([1.5, 2], preferred_dtype=int64).dtype == float32


def test_lists_with_tensors_are_packed() -> None:
    s = array.placeholder(int32, [], name="s")
    packed = convert.convert_to_tensor([s, 1, 2])
    assert (packed.op.name, packed.op.type, packed.shape.as_list()) == ("packed", "Pack", [3])
    nested = convert.convert_to_tensor([[s, 1], [2, 3]])
    assert run([packed, nested], {s: 7})[1].tolist() == [[7, 1], [2, 3]]
    with pytest.raises(TypeError, match="Expected int32, got 1.5"):
        convert.convert_to_tensor([s, 1.5])
    with pytest.raises(TypeError, match="Cannot convert a list containing a tensor"):
        convert.convert_to_tensor([s, array.placeholder(float32, [])])
    with pytest.raises(TypeError, match="Expected float32, got list containing Tensors"):
        convert.convert_to_tensor([s, 1], float32)
    with pytest.raises(TypeError, match="List of Tensors"):
        convert.constant([s])


def test_constant_shapes() -> None:
    assert run(convert.constant([1, 2], shape=[2, 2])).tolist() == [[1, 2], [2, 2]]
    with pytest.raises(ValueError, match="Too many elements"):
        convert.constant([1, 2, 3], shape=[2])
    with pytest.raises(TypeError, match="Expected Tensor's shape"):
        convert.constant([1, 2, 3], shape=[2], verify_shape=True)
    assert convert.constant(1).op.type == "Const"
    assert convert.constant(1, name="one").name == "one:0"


def test_strings_come_back_as_bytes() -> None:
    assert run(convert.constant(["a", b"b", "ü"])).tolist() == [b"a", b"b", "ü".encode()]


class Celsius:
    """A type of the user's."""

    def __init__(self, degrees: float) -> None:
        self.degrees = degrees


def test_registered_conversions_and_priorities() -> None:
    calls = []

    def refuse(value: Any, dtype: Any = None, name: Any = None, as_ref: bool = False) -> Any:
        calls.append("refuse")
        return NotImplemented

    def kelvin(value: Celsius, dtype: Any = None, name: Any = None, as_ref: bool = False) -> Tensor:
        calls.append("kelvin")
        return convert.constant(value.degrees + 273.15, dtype, name=name or "Const")

    convert.register_tensor_conversion_function(Celsius, kelvin, 20)
    convert.register_tensor_conversion_function(Celsius, refuse, 10)
    assert run(convert.convert_to_tensor(Celsius(0.0))) == np.float32(273.15)
    assert calls == ["refuse", "kelvin"]
    assert run(convert.convert_to_tensor([Celsius(1.0), convert.constant(1.0)])).shape == (2,)
    with pytest.raises(TypeError, match="base_type must be a type"):
        convert.register_tensor_conversion_function(3, kelvin)
    with pytest.raises(TypeError, match="must be callable"):
        convert.register_tensor_conversion_function(Celsius, 3)  # type: ignore[arg-type]


def test_a_conversion_that_breaks_its_promise() -> None:
    class Wrong:
        pass

    convert.register_tensor_conversion_function(Wrong, lambda value, **_: convert.constant(1))
    with pytest.raises(RuntimeError, match="incompatible dtype"):
        convert.convert_to_tensor(Wrong(), float32)


def test_constant_value(graph: Graph) -> None:
    q = array.placeholder(float32, [None, 3])
    assert convert.constant_value(q) is None
    known = [(convert.constant([1.5, 2]), [1.5, 2]), (array.shape(array.zeros([4, 5])), [4, 5]),
             (array.size(array.zeros([4])), 4),
             (array.rank(q), 2), (array.range(1, 7, 2), [1, 3, 5]),
             (math.cast(convert.constant([1, 2]), float32), [1, 2]),
             (array.fill([2], 3.5), [3.5, 3.5]), (array.stack([convert.constant(1.5), 2.5]), [1.5, 2.5]),
             (array.concat([[1.0], [2.0]], 0), [1, 2]), (math.equal([1.0, 2.0], [1.0, 3.0]), [True, False])]
    for tensor, expected in known:
        np.testing.assert_array_equal(convert.constant_value(tensor), expected)
    assert convert.constant_value(array.shape(q)) is None
    looked = convert.constant(3.5)
    assert graph.is_feedable(looked)
    convert.constant_value(looked)
    assert not graph.is_feedable(looked)
    assert convert.constant_value_as_shape(array.shape(q)).as_list() == [None, 3]
    with pytest.raises(TypeError, match="Expected a Tensor"):
        convert.constant_value(3)


def test_indexed_slices() -> None:
    values, indices = convert.constant([[1.0], [2.0], [4.0]]), convert.constant([2, 0, 2])
    sparse = IndexedSlices(values, indices, convert.constant([4, 1]))
    assert run(convert.convert_to_tensor(sparse)).tolist() == [[2], [0], [5], [0]]
    assert (sparse.dtype, sparse.name, sparse.op) == (float32, values.name, values.op)
    assert convert_to_tensor_or_indexed_slices(sparse) is sparse
    assert run((-sparse).values).tolist() == [[-1], [-2], [-4]]
    with pytest.raises(ValueError, match="without dense_shape"):
        convert.convert_to_tensor(IndexedSlices(values, indices))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        convert.convert_to_tensor(IndexedSlices(values, indices, array.placeholder(int32, [2])))
    assert any("memory" in str(each.message) for each in caught)
    with Graph().as_default():
        other = convert.constant([0])
    with pytest.raises(ValueError, match="must be from the same graph"):
        IndexedSlices(values, other)


def test_names_of_arguments() -> None:
    p = array.placeholder(float32, [2], name="p")
    math.add(p, 1)
    assert [op.name for op in p.graph.get_operations()] == ["p", "Add/y", "Add"]


def test_print_passes_and_writes(capsys: pytest.CaptureFixture[str]) -> None:
    shown = script_ops.Print(convert.constant(1.0), [convert.constant([1, 2, 3, 4])], "here: ", first_n=1)
    with Session(engine="reference") as session:
        assert session.run(shown) == 1.0
        session.run(shown)
    assert capsys.readouterr().err.count("here: [1 2 3...]") == 1
    with pytest.raises(TypeError, match="Expected list for 'data'"):
        script_ops.Print(shown, shown)


def test_py_func() -> None:
    one = script_ops.py_func(lambda x: x * 2, [convert.constant([1.0])], float32)
    two = script_ops.py_func(lambda x: (x, 3), [convert.constant([1.0])], [float32, int64])
    assert run(one).tolist() == [2]
    assert run(two)[1] == 3
    with pytest.raises(TypeError, match="func must be callable"):
        script_ops.py_func(3, [], float32)  # type: ignore[arg-type]


def test_assertions_at_run_time() -> None:
    x = array.placeholder(int32, [None], name="x")
    for op, good, bad in ((verify_ops.assert_equal(x, 1), [1, 1], [1, 2]), (verify_ops.assert_less(x, 2), [1], [2]),
                          (verify_ops.assert_positive(x), [1], [0]), (verify_ops.assert_non_negative(x), [0], [-1]),
                          (verify_ops.assert_negative(x), [-1], [0]), (verify_ops.assert_none_equal(x, 1), [2], [1])):
        run(op, {x: good})
        with pytest.raises(Exception, match="assertion failed") as error:
            run(op, {x: bad})
        assert "did not hold element-wise" in str(error.value)


def test_assertions_at_once() -> None:
    p = array.placeholder(float32, [2, 3], name="p")
    with pytest.raises(ValueError, match="did not hold element-wise"):
        verify_ops.assert_equal(1, 2)
    with pytest.raises(ValueError, match="must have rank 3"):
        verify_ops.assert_rank(p, 3)
    with pytest.raises(ValueError, match="must have rank at least 3"):
        verify_ops.assert_rank_at_least(p, 3)
    assert verify_ops.assert_rank(p, 2).type == "NoOp"
    with pytest.raises(TypeError, match="integer type"):
        verify_ops.assert_integer(p)
    with pytest.raises(TypeError, match="must be of type"):
        verify_ops.assert_type(p, int32)
    with pytest.raises(ValueError, match="Expected scalar shape"):
        verify_ops.assert_scalar(p)
    with pytest.raises(TypeError, match="values must be a list"):
        verify_ops.Assert(True, p)
    with pytest.raises(ValueError, match="must be rank 0"):
        verify_ops.Assert(math.less(p, 1), [p])
    with pytest.raises(TypeError, match="expected type of bool"):
        verify_ops.Assert(p, [p])
    with pytest.raises(TypeError, match="proper"):
        verify_ops.assert_proper_iterable(p)
