"""A mini evaluator and a mini reverse mode, so that ops are tested without the engines and the autodiff room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.ir.graph import Builder, Graph, Node, Value, building, call
from rnngraph.ir.kinds import Composite
from rnngraph.ir.op import Call, Content, OpDef
from rnngraph.ir.sizes import Expr, Symbol, evaluate
from rnngraph.ir.types import TensorType, as_dtype
from rnngraph.ops.indexed import Rows

Arrays = tuple[Any, ...]


def type_of(array: Any) -> TensorType:
    """The type of an array."""
    return TensorType(as_dtype(array.dtype), tuple(int(d) for d in array.shape))


def content_of(array: Any) -> Content:
    """What the builder would know of the array if all its elements were known."""
    if array.ndim > 1 or array.dtype.kind not in "iu" or array.size > 64:
        return None
    return tuple(int(v) for v in array.ravel())


def parameters(builder: Builder, arrays: Sequence[Any], known: bool = True) -> list[Value]:
    """A parameter for each array."""
    return [builder.param(type_of(a), content_of(a) if known else None) for a in arrays]


def vague(arrays: Sequence[Any], symbols: dict[int, Symbol] | None = None) -> list[TensorType]:
    """Types of the arrays with sizes unknown, or with one symbol for each size above 1; int vectors keep theirs."""
    found = []
    for a in arrays:
        t = type_of(a)
        if a.dtype.kind not in "iu" and t.shape is not None:
            dims = [d if d == 1 else None if symbols is None else symbols.setdefault(d, Symbol(f"n{d}")).dim
                    for d in a.shape]
            t = t.with_shape(tuple(dims))
        found.append(t)
    return found


def assert_agrees(value: Value, array: Any, symbols: Mapping[Symbol, int]) -> None:
    """The array is what the value's type and content promise."""
    t = value.type
    assert isinstance(t, TensorType)
    assert isinstance(array, (np.ndarray, np.generic)), type(array)
    assert array.dtype == t.dtype.numpy, f"{value}: reference gives {array.dtype}"
    if t.shape is not None:
        assert len(t.shape) == array.ndim, f"{value}: reference gives shape {array.shape}"
        for d, n in zip(t.shape, array.shape, strict=True):
            assert d is None or evaluate(d, symbols) == n, f"{value}: reference gives shape {array.shape}"
    if value.content is not None:
        for d, n in zip(value.content, array.ravel().tolist(), strict=True):
            assert d is None or evaluate(d, symbols) == n, f"{value}: content {value.content}, reference {array}"


def assert_close(a: Any, b: Any, what: str, loose: float = 1.0) -> None:
    """Equal, up to rounding for floats."""
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype and a.shape == b.shape, f"{what}: {a.dtype}{a.shape} and {b.dtype}{b.shape}"
    if a.dtype.kind == "f":
        eps = float(np.finfo(a.dtype).eps) * 64 * loose
        np.testing.assert_allclose(a, b, rtol=eps, atol=eps, err_msg=what)
    else:
        np.testing.assert_array_equal(a, b, err_msg=what)


def expanded(builder: Builder, op: OpDef, params: Sequence[Value], attrs: Mapping[str, Any]) -> Sequence[Value] | None:
    """The expansion of a composite, None if it has none here."""
    assert isinstance(op.kind, Composite)
    with building(builder):
        made: Sequence[Value] | None = op.kind.expand(params, attrs)
    return made


class Machine:
    """Runs nodes of one graph with references; a composite is expanded too, and both must agree."""

    def __init__(self, feeds: Mapping[Value, Any]) -> None:
        self.values: dict[Value, Any] = dict(feeds)
        self.symbols: dict[Symbol, int] = {}
        for value, array in feeds.items():
            self.bind(value, array)

    def bind(self, value: Value, array: Any) -> None:
        """Take over the symbols that stand alone in the value's type or content."""
        assert isinstance(value.type, TensorType)
        said = [*zip(value.type.shape or (), array.shape, strict=False)]
        if value.content is not None:
            said += zip(value.content, array.ravel().tolist(), strict=True)
        for d, n in said:
            if isinstance(d, Expr) and d.symbol is not None:
                self.symbols.setdefault(d.symbol, n)

    def size(self, dim: Any) -> int:
        """A dim's value."""
        return evaluate(dim, self.symbols)

    def run(self, graph: Graph, wanted: Sequence[Value]) -> Arrays:
        """The arrays of these values."""
        for node in graph.nodes:
            self.step(node)
        return tuple(self.values[v] for v in wanted)

    def step(self, node: Node) -> None:
        """Run one node."""
        arrays = [self.values[v] for v in node.operands]
        found = node.op.reference(Call(node, self.size), *arrays)
        results = found if isinstance(found, tuple) else (found,)
        assert len(results) == len(node.results)
        for value, array in zip(node.results, results, strict=True):
            self.bind(value, array)
            assert_agrees(value, array, self.symbols)
            self.values[value] = array
        if isinstance(node.op.kind, Composite):
            self.compare(node, arrays, results)

    def compare(self, node: Node, arrays: Sequence[Any], results: Arrays) -> None:
        """Expand a composite as close would, all sizes known, and compare."""
        builder = Builder(Graph())
        params = parameters(builder, arrays)
        made = expanded(builder, node.op, params, node.attrs)
        if made is None:
            return
        inner = Machine(dict(zip(params, arrays, strict=True)))
        for value, array, want in zip(made, inner.run(builder.graph, made), results, strict=True):
            assert_agrees(value, array, inner.symbols)
            assert_close(array, want, f"expansion of {node.op.name}")


def compute(function: Callable[..., Any], *arrays: Any, known: bool = True) -> Arrays:
    """Build `function` of parameters for these arrays, and run it."""
    builder = Builder(Graph())
    params = parameters(builder, arrays, known)
    with building(builder):
        made = function(*params)
    results = [made] if isinstance(made, Value) else made
    return Machine(dict(zip(params, arrays, strict=True))).run(builder.graph, results)


class Rule:
    """What a gradient rule sees of its node."""

    def __init__(self, node: Node) -> None:
        self.node, self.operands, self.results, self.attrs = node, node.operands, node.results, node.attrs


def _sum(parts: Sequence[Value]) -> Value:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def gradients(graph: Graph, y: Value, seed: Value, xs: Sequence[Value]) -> list[Value | None]:
    """Reverse mode over a graph without regions; call with the builder current."""
    parts: dict[Value, list[Value]] = {y: [seed]}
    for node in reversed(list(graph.nodes)):
        given = [_sum(parts[v]) if v in parts else None for v in node.results]
        if node.op.gradient is None or all(c is None for c in given):
            continue
        found = list(node.op.gradient(Rule(node), *given))
        assert len(found) == len(node.operands), f"{node.op.name}: {len(found)} cotangents"
        for operand, c in zip(node.operands, found, strict=True):
            if c is not None:
                dense = c.dense() if isinstance(c, Rows) else c
                if dense.tensor.shape is None or dense.tensor.shape != operand.tensor.shape:
                    dense = call("unbroadcast", dense, call("shape", operand))
                parts.setdefault(operand, []).append(dense)
    return [_sum(parts[x]) if x in parts else None for x in xs]
