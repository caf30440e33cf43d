"""Every op for many rows at once, by its kind: what a loop over the rows gives, for each choice of operands that have
rows, of a fixed number of rows and of none."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from rnngraph.backends.reference import ENGINE
from rnngraph.errors import OpError
from rnngraph.ir.graph import Builder, Graph, Node, Value, building, call_node
from rnngraph.ir.kinds import (
    Affine,
    Composite,
    Contraction,
    Elementwise,
    Extreme,
    Gather,
    Kind,
    Movement,
    Placement,
    Random,
    Reduction,
    Scatter,
)
from rnngraph.ir.op import OPS
from rnngraph.ir.sizes import Dim, Symbol
from rnngraph.ir.verify import verify
from rnngraph.ir.walk import all_nodes
from rnngraph.ops.lists import TensorList
from rnngraph.passes.tools.batch import batched, moved
from rnngraph.runtime.interface import Options
from tests.ops.evaluate import assert_close, content_of, type_of
from tests.ops.samples import Sample, samples_of

BY_KIND = (Elementwise, Reduction, Contraction, Movement, Placement, Gather, Scatter, Extreme)


def closed(name: str, sample: Sample) -> bool:
    """Whether a closed graph may hold such a node: no composite, nothing that broadcasts."""
    kind = OPS[name].kind
    alike = not isinstance(kind, Elementwise) or len({a.shape for a in sample.arrays}) == 1
    return not isinstance(kind, Composite) and alike


CASES = [pytest.param(name, i, id=f"{name}-{i}") for name in sorted(OPS) for i, sample in enumerate(samples_of(name))
         if OPS[name].effects == "pure" and closed(name, sample)]


def run(graph: Graph, inputs: Sequence[Any]) -> list[Any]:
    """The results on the reference engine; a list's rows as an array."""
    def array(value: Any, t: Any) -> Any:
        if not isinstance(value, TensorList):
            return np.asarray(value)
        rows = [value.row(i, t.element.dtype.numpy) for i in range(len(value))]
        return np.stack(rows) if rows else np.empty(0, t.element.dtype.numpy)
    return [array(v, r.type) for v, r in zip(ENGINE.compile(graph, Options())(list(inputs)), graph.results, strict=True)]


def made(builder: Builder, name: str, sample: Sample, rows: Sequence[bool]) -> Node:
    """The node for one row; of an operand that has rows no element is known."""
    params = [builder.param(type_of(a), None if row else content_of(a)) for a, row in zip(sample.arrays, rows, strict=True)]
    with building(builder):
        return call_node(name, *params, **sample.attrs)


def stack(arrays: Sequence[Any], rows: Sequence[bool], count: int) -> list[Any]:
    """`count` rows of each operand that has some: its elements, in another order in each row."""
    def turned(a: Any, by: int) -> Any:
        return np.roll(a.reshape(-1), by).reshape(a.shape)
    return [np.stack([turned(a, i) for i in range(count)]) if row and count else a[None][:0] if row else a
            for a, row in zip(arrays, rows, strict=True)]


def alone(name: str, sample: Sample, arrays: Sequence[Any], rows: Sequence[bool], count: int) -> list[list[Any]] | None:
    """What each row gives; None if one fails, or gives something of another shape."""
    builder = Builder(Graph())
    node = made(builder, name, sample, rows)
    graph = builder.graph.seal(node.results)
    try:
        found = [run(graph, [a[i] if row else a for a, row in zip(arrays, rows, strict=True)]) for i in range(count)]
    except OpError:
        return None
    same = all(len({r[j].shape for r in found}) == 1 for j in range(len(node.results)))
    return found if same else None


def choices(name: str, sample: Sample) -> Iterator[tuple[bool, ...]]:
    """Which operands have rows: shapes have none, since rows are of one shape."""
    kind = OPS[name].kind
    data = 1 if isinstance(kind, (Movement, Random)) or (isinstance(kind, Placement) and kind.fill) else len(sample.arrays)
    for rows in itertools.product((False, True), repeat=min(data, 3)):
        yield rows + (False,) * (len(sample.arrays) - len(rows))


def graph_of(name: str, sample: Sample, rows: Sequence[bool], size: Dim) -> tuple[Graph, Kind]:
    """The program for all rows; `size`: how many, known or not."""
    row = made(Builder(Graph()), name, sample, rows)
    builder = Builder(Graph())
    operands = [builder.param(t.with_shape((size, *t.shape)) if has else t, None if has else v.content)
                for v, has in zip(row.operands, rows, strict=True) for t in [v.tensor]]
    with building(builder):
        results = batched(row, operands, rows, size)
    return builder.graph.seal(results), row.op.kind


@pytest.mark.parametrize("known", [True, False], ids=["known", "symbol"])
@pytest.mark.parametrize(("name", "i"), CASES)
def test_rows_of_every_op(name: str, i: int, known: bool) -> None:
    sample = samples_of(name)[i]
    for rows in choices(name, sample):
        arrays = stack(sample.arrays, rows, 3)
        want = alone(name, sample, arrays, rows, 3)
        if want is None:
            continue
        symbol = Symbol("rows")
        graph, kind = graph_of(name, sample, rows, 3 if known or not any(rows) else symbol.dim)
        verify(graph, closed=True)
        for j, got in enumerate(run(graph, arrays)):
            assert_close(got, np.stack([r[j] for r in want]), f"{name}, rows {rows}")
        in_loop = any(n.op.name == "loop" for n in all_nodes(graph))
        if isinstance(kind, BY_KIND) and known and name != "as_size":  # each of whose results is a size of its own
            assert not in_loop, f"{name} is done row by row"


@pytest.mark.parametrize(("name", "i"), CASES)
def test_no_rows(name: str, i: int) -> None:
    """Nothing fails for rows that there are not."""
    sample = samples_of(name)[i]
    rows = (True,) + (False,) * (len(sample.arrays) - 1)
    if not sample.arrays:
        return
    arrays = stack(sample.arrays, rows, 0)
    want = alone(name, sample, stack(sample.arrays, rows, 1), rows, 1)
    if want is None:
        return
    graph, _ = graph_of(name, sample, rows, Symbol("rows").dim)
    for got, one in zip(run(graph, arrays), want[0], strict=True):
        assert got.dtype == one.dtype and got.shape[0] == 0, name


def test_bad_indices_of_one_row_do_not_reach_the_next() -> None:
    for name, more in (("take", []), ("put_add", [np.ones((2, 1, 4))])):
        sample = Sample((np.ones((3, 4)), np.array([1], np.int64), *(u[0] for u in more)))
        graph, _ = graph_of(name, sample, (True,) * len(sample.arrays), 2)
        with pytest.raises(OpError, match="3"):
            run(graph, [np.ones((2, 3, 4)), np.array([[3], [0]], np.int64), *more])


def test_an_index_map_as_ops() -> None:
    """Offsets, steps backwards, axes that go, come and change places; one that runs along an axis twice has no spelling."""
    x = np.arange(60.0).reshape(3, 4, 5)
    maps = [((Affine(1, 1, 0), Affine(-1, 0, 2), Affine(0, -2, 4)), (3, 3), x[:, 2, ::-2].T),
            ((Affine(2, 1, 1), Affine(0, 1, 0), Affine(-1, 0, 0)), (4, 6, 2),
             np.broadcast_to(x[1:, :, 0].T[:, None], (4, 6, 2)))]
    for index, shape, want in maps:
        builder = Builder(Graph())
        param = builder.param(type_of(x))
        with building(builder):
            found = moved(param, index, shape)
        assert isinstance(found, Value)
        graph = builder.graph.seal([found])
        verify(graph, closed=True)
        np.testing.assert_array_equal(run(graph, [x])[0], want)
    with building(Builder(Graph())) as builder:
        square = builder.param(type_of(np.ones((2, 2))))
        assert moved(square, (Affine(0, 1, 0), Affine(0, 1, 0)), (2,)) is None
