"""DTypes, tensor types, lists, references, and the values and graphs that carry them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import rnngraph.ops as ops
from rnngraph.ir import types
from rnngraph.ir.graph import Array, Builder, Graph, building, call
from rnngraph.ir.op import OPS, lookup
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.type_rules import agree
from rnngraph.ir.types import ListType, RefType, as_dtype, tensor

assert ops


@pytest.mark.parametrize("value, name", [
    (types.float32, "float32"), ("float32", "float32"), ("float32_ref", "float32"), (np.float64, "float64"),
    (np.dtype("int64"), "int64"), (float, "float32"), (int, "int32"), (bool, "bool"), (str, "string"),
    (np.dtype("S3"), "string"), (np.dtype("O"), "string"), (complex, "complex128")])
def test_as_dtype(value: object, name: str) -> None:
    assert as_dtype(value).name == name


def test_as_dtype_refuses_what_is_none() -> None:
    with pytest.raises(TypeError, match=r"Cannot convert value .* to a TensorFlow DType"):
        as_dtype("float31")


@pytest.mark.parametrize("dtype", types.DTYPES.values(), ids=str)
def test_every_dtype_is_numpy_s(dtype: types.DType) -> None:
    assert as_dtype(dtype.as_numpy_dtype) == dtype
    assert types.BY_SHORT[dtype.short] is dtype
    assert dtype == dtype.name
    assert hash(dtype) == hash(as_dtype(dtype.name))


def test_limits() -> None:
    assert types.int32.min == -2**31
    assert types.float32.max == np.finfo(np.float32).max
    with pytest.raises(TypeError, match="maximum value"):
        _ = types.string.max


def test_types_compare_by_structure() -> None:
    b = Symbol("B")
    assert tensor("float32", [b.dim, 4]) == tensor("float32", [b.dim, 4])
    assert tensor("float32", [b.dim, 4]) != tensor("float32", [Symbol("B").dim, 4])
    assert ListType(tensor("int32"), 3) == ListType(tensor("int32"), 3)
    assert RefType(tensor("int32")).dtype == types.int32
    assert tensor("float32", None).rank is None


def test_values_compare_by_identity_and_copy_to_themselves() -> None:
    builder = Builder(Graph())
    x, y = builder.param(tensor("float32")), builder.param(tensor("float32"))
    with building(builder):
        z = call("add", x, y)
    assert x != y and copy.deepcopy([x, z.node, builder.graph]) == [x, z.node, builder.graph]


def test_long_chains_print_and_copy_without_recursion() -> None:
    builder = Builder(Graph())
    with building(builder):
        x = builder.param(tensor("float32"))
        for _ in range(5000):
            x = call("neg", x)
    builder.graph.seal([x])
    assert "neg" in repr(x.node) and copy.deepcopy(x) is x


def test_arrays_compare_by_bits() -> None:
    assert Array([1.0, -0.0]) != Array([1.0, 0.0])
    assert Array([np.nan]) == Array([np.nan]) and hash(Array([np.nan])) == hash(Array([np.nan]))
    assert Array(np.float32(1)) != Array(np.float64(1))


def test_an_array_attribute_cannot_change() -> None:
    data = np.zeros(3)
    array = Array(data)
    data[0] = 1
    assert array.array[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        array.array[0] = 1


def test_unknown_ops_and_attributes_are_named() -> None:
    builder = Builder(Graph())
    x = builder.param(tensor("float32", (3,)))
    with pytest.raises(LookupError, match="no op is named 'tanhh'"):
        lookup("tanhh")
    with pytest.raises(TypeError, match="needs the attribute 'perm'"):
        builder.node("transpose", [x])
    with pytest.raises(TypeError, match="has no attribute 'axis'"):
        builder.node("tanh", [x], {"axis": 1})
    assert not builder.graph.nodes and "tanh" in OPS


def test_outer_values_become_captures() -> None:
    outer = Builder(Graph())
    x = outer.param(tensor("float32"))
    middle = outer.region()
    inner = middle.region()
    with building(inner):
        call("neg", x)
        call("neg", x)
    assert list(middle.captures) == [x] and list(inner.captures) == [x]
    assert inner.captures[x].graph is inner.graph and middle.captures[x].graph is middle.graph


def test_values_of_another_body_are_refused() -> None:
    outer = Builder(Graph())
    one, other = outer.region(), outer.region()
    x = one.param(tensor("float32"))
    with pytest.raises(ValueError, match="belongs to another loop body or branch"):
        other.node("neg", [x])


def test_types_that_agree() -> None:
    """A free symbol stands for one size, also for one that is not known; any other size for itself."""
    n, m = Symbol("n"), Symbol("m")

    def fits(pattern: Any, concrete: Any, *free: Symbol) -> bool:
        return agree(types.tensor("float32", pattern), types.tensor("float32", concrete), {}, set(free))
    assert fits([n.dim, 3], [4, 3], n) and fits([n.dim, n.dim], [m.dim, m.dim], n)
    assert not fits([n.dim, n.dim], [4, 5], n) and not fits([n.dim], [4]) and not fits([3], [4], n)
    assert fits([n.dim], [None], n) and not fits([n.dim], [None]) and not fits([3], [None], n)
    assert not fits([n.dim], [4, 3], n) and not fits(None, [4], n)
