"""Every op of the table: documented, typed as its reference behaves, and differentiated as differences say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import rnngraph.ops  # noqa: F401
from rnngraph.ir.graph import SUGAR, Builder, Graph, Value, building, call, call_node, complete_attrs, constant
from rnngraph.ir.kinds import Composite, Elementwise, Random
from rnngraph.ir.op import OPS
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.types import tensor
from rnngraph.lowering.scalars_numpy import NumpyScalars
from rnngraph.ops.random import threefry, words
from tests.ops.evaluate import Machine, assert_close, compute, expanded, gradients, parameters, vague
from tests.ops.samples import Sample, samples_of

CASES = [pytest.param(name, i, id=f"{name}-{i}") for name in sorted(OPS) for i in range(len(samples_of(name)))]
STEP = 1e-5


def outputs(name: str, sample: Sample, arrays: Sequence[Any], known: bool = True) -> tuple[Any, ...]:
    """What the op gives."""
    return compute(lambda *xs: node_results(name, xs, sample.attrs), *arrays, known=known)


def node_results(name: str, operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Value, ...]:
    """All results of a node."""
    return call_node(name, *operands, **attrs).results


RANK_BY_SIZES = {"squeeze_ones"}
"""Ops whose result has a rank only where sizes are known."""


@pytest.mark.parametrize("name", sorted(OPS))
def test_is_documented(name: str) -> None:
    op = OPS[name]
    assert len(op.doc.strip()) > 5
    assert op.effects in ("pure", "reads", "writes", "host")


def test_sugar_is_registered() -> None:
    assert set(SUGAR) <= set(OPS)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize(("name", "i"), CASES)
def test_type_agrees_with_reference(name: str, i: int, known: bool) -> None:
    """With contents and without; composites agree with their expansion."""
    sample = samples_of(name)[i]
    outputs(name, sample, sample.arrays, known)


@pytest.mark.parametrize(("name", "i"), CASES)
def test_float32_stays(name: str, i: int) -> None:
    """Results of float32 operands are what float64 gives, rounded."""
    sample = samples_of(name)[i]
    narrow = [a.astype(np.float32) if a.dtype == np.float64 else a for a in sample.arrays]
    if all(a.dtype == b.dtype for a, b in zip(narrow, sample.arrays, strict=True)) or name == "py_func":
        return
    for a, b in zip(outputs(name, sample, narrow), outputs(name, sample, sample.arrays), strict=True):
        if a.dtype == np.float32:
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def varied(sample: Sample) -> list[int]:
    """The operands to differentiate by."""
    real = [i for i, a in enumerate(sample.arrays) if a.dtype == np.float64]
    return real if sample.differentiable is None else [i for i in real if i in sample.differentiable]


def weights(arrays: Sequence[Any]) -> list[Any]:
    """A fixed direction for each array."""
    rng = np.random.default_rng(5)
    return [rng.uniform(0.5, 1.5, a.shape) if a.dtype == np.float64 else None for a in arrays]


def weighted(values: Sequence[Value], factors: Sequence[Any]) -> Value:
    """The weighted sum of all float results."""
    parts = [call("reduce_sum", v * constant(w)) for v, w in zip(values, factors, strict=True) if w is not None]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


class Derivatives:
    """An op's weighted results as a function of its float operands, with derivatives of order 1 and 2."""

    def __init__(self, name: str, sample: Sample, unknown: str = "") -> None:
        self.sample, self.by = sample, varied(sample)
        self.builder = Builder(Graph())
        self.params = parameters(self.builder, sample.arrays)
        if unknown:
            types = vague(sample.arrays) if unknown == "sizes" else [tensor(a.dtype, None) for a in sample.arrays]
            for p, t in zip(self.params, types, strict=True):
                p.type = t
        with building(self.builder):
            results = node_results(name, self.params, sample.attrs)
            found = Machine(dict(zip(self.params, sample.arrays, strict=True))).run(self.builder.graph, results)
            self.y = weighted(results, weights(found))
            xs = [self.params[i] for i in self.by]
            self.first = gradients(self.builder.graph, self.y, constant(1.0), xs)
            self.second: list[Value | None] = []
            if any(c is not None for c in self.first):
                rng = np.random.default_rng(6)
                directions = [rng.uniform(0.5, 1.5, sample.arrays[i].shape)
                              for i, c in zip(self.by, self.first, strict=True) if c is not None]
                self.slope = weighted([c for c in self.first if c is not None], directions)
                self.second = gradients(self.builder.graph, self.slope, constant(1.0), xs)
        self.builder.graph.seal()

    def at(self, value: Value, i: int, array: Any) -> Any:
        """The value with operand i replaced."""
        arrays = [array if j == i else a for j, a in enumerate(self.sample.arrays)]
        return Machine(dict(zip(self.params, arrays, strict=True))).run(self.builder.graph, [value])[0]

    def check(self, of: Value, found: Sequence[Value | None], zero: bool) -> None:
        """Compare with central differences; `zero`: None must mean that there is nothing."""
        for i, c in zip(self.by, found, strict=True):
            if c is None and not zero:
                continue
            x = self.sample.arrays[i]
            got = np.zeros_like(x) if c is None else self.at(c, i, x)
            want = differences(lambda array, i=i: self.at(of, i, array), x)
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


def differences(f: Callable[[Any], Any], x: Any) -> Any:
    """Central differences of a scalar function."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = STEP
        found[place] = (f(x + step) - f(x - step)) / (2 * STEP)
    return found


def is_real(name: str, sample: Sample) -> bool:
    """Whether there is something to differentiate: an operand and a result of floats."""
    return OPS[name].gradient is not None and bool(varied(sample)) and any(
        a.dtype == np.float64 for a in outputs(name, sample, sample.arrays))


@pytest.mark.parametrize(("name", "i"), CASES)
def test_gradient(name: str, i: int) -> None:
    """Orders 1 and 2 against differences."""
    sample = samples_of(name)[i]
    if not is_real(name, sample):
        return
    d = Derivatives(name, sample)
    assert any(c is not None for c in d.first)
    d.check(d.y, d.first, zero=False)
    if d.second:
        d.check(d.slope, d.second, zero=True)


@pytest.mark.parametrize("unknown", ["sizes", "ranks"])
@pytest.mark.parametrize(("name", "i"), CASES)
def test_gradient_of_unknown(name: str, i: int, unknown: str) -> None:
    """Rules need nothing but dtypes: the same derivatives where the graph knows no sizes, and where it knows no ranks."""
    sample = samples_of(name)[i]
    if not is_real(name, sample) or (name in RANK_BY_SIZES and unknown == "sizes"):
        return
    sure, unsure = Derivatives(name, sample), Derivatives(name, sample, unknown)
    for known, found in ((sure.first, unsure.first), (sure.second, unsure.second)):
        for k, u in zip(known, found, strict=True):
            assert (k is None) == (u is None)
            if k is not None and u is not None:
                x = sample.arrays[0]
                assert_close(unsure.at(u, 0, x), sure.at(k, 0, x), name)


@pytest.mark.parametrize("name", sorted(OPS))
def test_types_of_unknown_ranks(name: str) -> None:
    """Type rules take what nothing is known of, and say no less than that it is a tensor."""
    for sample in samples_of(name):
        builder = Builder(Graph())
        operands = [builder.param(tensor(a.dtype, None)) for a in sample.arrays]
        with building(builder):
            found = node_results(name, operands, sample.attrs)
        for value, array in zip(found, outputs(name, sample, sample.arrays), strict=True):
            assert value.tensor.dtype == array.dtype
            assert value.tensor.shape is None or len(value.tensor.shape) == array.ndim


COMPOSITES = [p for p in CASES if isinstance(OPS[str(p.values[0])].kind, Composite)]


@pytest.mark.parametrize(("name", "i"), COMPOSITES)
def test_expansion_of_symbols(name: str, i: int) -> None:
    """Composites expand where sizes are symbols, and mean the same."""
    sample, op = samples_of(name)[i], OPS[name]
    builder, symbols = Builder(Graph()), dict[int, Symbol]()
    params = parameters(builder, sample.arrays)
    for p, t in zip(params, vague(sample.arrays, symbols), strict=True):
        p.type = t
    made = expanded(builder, op, params, complete_attrs(op, sample.attrs))
    if made is None:
        return
    machine = Machine(dict(zip(params, sample.arrays, strict=True)))
    machine.symbols.update({s: n for n, s in symbols.items()})
    for a, b in zip(machine.run(builder.graph, made), outputs(name, sample, sample.arrays), strict=True):
        assert_close(a, b, name)


SCALARS = [pytest.param(name, i, id=f"{name}-{i}") for name in sorted(OPS) for i in range(len(samples_of(name)))
           if isinstance(OPS[name].kind, (Elementwise, Random))]


@pytest.mark.parametrize(("name", "i"), SCALARS)
def test_scalar_body(name: str, i: int) -> None:
    """The body says what the reference says."""
    sample, kind = samples_of(name)[i], OPS[name].kind
    (want,) = outputs(name, sample, sample.arrays)
    attrs = complete_attrs(OPS[name], sample.attrs)
    if isinstance(kind, Elementwise):
        arrays = np.broadcast_arrays(*sample.arrays)
        assert_close(kind.scalar(NumpyScalars(), *arrays, **attrs), want, name)
        return
    assert isinstance(kind, Random)
    key, *scalars, _ = sample.arrays
    s, cipher = NumpyScalars(), (np.uint32(0), np.uint32(0))
    for element in key:
        cipher = threefry(s, cipher, words(s, element))
    bits = threefry(s, cipher, words(s, np.arange(want.size, dtype=np.int64)))
    np.testing.assert_array_equal(kind.scalar(s, *bits, *scalars, **attrs).reshape(want.shape), want, name)


EDGES = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 1e30, 5.5, -2.5, 88.0, -104.0, 0.5])
ROUGH = {"floormod", "tan", "pow", "floordiv"}
"""Bodies that may differ from NumPy for infinite operands, or by more than a few units in the last place."""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(n for n, op in OPS.items() if isinstance(op.kind, Elementwise)))
def test_scalar_body_at_edges(name: str, dtype: Any) -> None:
    """Zeros, infinities, NaN, numbers that overflow."""
    op, kind = OPS[name], OPS[name].kind
    assert isinstance(kind, Elementwise)
    count = len(samples_of(name)[0].arrays)
    if name in ROUGH or op.attrs or count > 2 or not any(s.arrays[0].dtype == dtype for s in samples_of(name)):
        return
    grid = [g.ravel().astype(dtype) for g in np.meshgrid(*[EDGES] * count)]
    (want,) = outputs(name, Sample(()), grid)
    assert_close(kind.scalar(NumpyScalars(), *grid), want, name)


def test_composites_expand() -> None:
    """A composite that no sample expands would be a host op in disguise."""
    def expands(name: str, sample: Sample) -> bool:
        builder = Builder(Graph())
        attrs = complete_attrs(OPS[name], sample.attrs)
        return expanded(builder, OPS[name], parameters(builder, sample.arrays), attrs) is not None

    never = [n for n, op in OPS.items() if isinstance(op.kind, Composite) and samples_of(n)
             and not any(expands(n, s) for s in samples_of(n))]
    assert never == []
