"""Loops and branches on the frontend: from Python functions to regions of `loop` and `if` nodes.

Leaves of loop variables are tensors or TensorArrays; here both are values, and `Leaves` remembers how to show them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rnngraph.frontend.flow.tensor_array import TensorArray
from rnngraph.frontend.framework import nest
from rnngraph.frontend.framework.convert import convert_to_tensor
from rnngraph.frontend.framework.graph import FrontendBuilder, Graph, Operation, Tensor
from rnngraph.frontend.framework.indexed_slices import IndexedSlices
from rnngraph.ir import graph as ir
from rnngraph.ir.graph import Builder, Value
from rnngraph.ir.layout import row_type
from rnngraph.ir.types import ListType, TensorType, Type, tensor
from rnngraph.ops.control import INDEX, make_if, make_loop


def as_leaf(item: Any, dtype: Any = None) -> Any:
    """A loop variable or result as a tensor, TensorArray or IndexedSlices. Raises ValueError for None."""
    if isinstance(item, (TensorArray, IndexedSlices)):
        return item
    if item is None:
        raise ValueError("None values not supported: a loop variable or result must be a tensor, a TensorArray or a "
                         "value that can be converted to a tensor.")
    return convert_to_tensor(item, dtype)


def values_of(leaf: Any) -> list[Value]:
    """The IR values behind a leaf."""
    if isinstance(leaf, TensorArray):
        return [leaf.value]
    if isinstance(leaf, IndexedSlices):
        return [t.value for t in (leaf.values, leaf.indices, leaf.dense_shape) if t is not None]
    assert isinstance(leaf, Tensor)
    return [leaf.value]


def shown(graph: Graph, like: Any, values: Sequence[Value], name: str) -> Any:
    """`values` shown as a leaf like `like`."""
    if isinstance(like, TensorArray):
        return like.over(values[0])
    tensors = [graph.view(v, name, "Exit" if name == "Exit" else name) for v in values]
    if isinstance(like, IndexedSlices):
        return IndexedSlices(tensors[0], tensors[1], tensors[2] if len(tensors) > 2 else None)
    return tensors[0]


def entry_type(t: Type) -> Type:
    """The type of a carried parameter: sizes that are not known statically may change from step to step."""
    if isinstance(t, ListType):
        return ListType(t.element, None)
    assert isinstance(t, TensorType)
    return t if t.shape is None else t.with_shape(tuple(d if isinstance(d, int) else None for d in t.shape))


def region(graph: Graph, name: str) -> FrontendBuilder:
    """A builder for a region inside what is being built."""
    return FrontendBuilder(ir.Graph(name, graph.builder.graph), graph.builder, graph)


def kept(before: Type, after: Type) -> str | None:
    """Why a carry of type `before` may not become `after`; None if it may."""
    if isinstance(before, ListType) or isinstance(after, ListType):
        return None if isinstance(before, ListType) == isinstance(after, ListType) else "one is a TensorArray"
    assert isinstance(before, TensorType) and isinstance(after, TensorType)
    if before.dtype != after.dtype:
        return f"its dtype changes from {before.dtype.name} to {after.dtype.name}"
    if before.shape is None:
        return None
    if after.shape is None or len(before.shape) != len(after.shape):
        return "its rank changes"
    bad = any(isinstance(b, int) and b != a for b, a in zip(before.shape, after.shape, strict=True))
    return "its shape changes" if bad else None


def shape_text(t: Type) -> str:
    """A type's shape as TensorFlow prints it."""
    if not isinstance(t, TensorType) or t.shape is None:
        return "<unknown>"
    return "(" + ", ".join(str(d) if isinstance(d, int) else "?" for d in t.shape) + ("," * (len(t.shape) == 1)) + ")"


def check_kept(name: str, before: Type, after: Type) -> None:
    """Raise TypeError or ValueError (phrase: `not an invariant for`) where a carry changes its type."""
    why = kept(before, after)
    if why is None:
        return
    if "dtype" in why or "TensorArray" in why:
        raise TypeError(f"The loop variable {name} must keep its type, but {why} in the body. Cast the body's result, or "
                        "give the initial value that dtype.")
    raise ValueError(
        f"The shape for {name} is not an invariant for the loop. It enters the loop with shape {shape_text(before)}, but "
        f"has shape {shape_text(after)} after one iteration. Provide shape invariants using either the `shape_invariants` "
        "argument of tf.while_loop or set_shape() on the loop variables.")


def reserve(graph: Graph, kinds: Sequence[str], count: int = 1) -> list[str]:
    """Take the names of machinery that r1.4 makes here, so that later ops get r1.4's names; `standing_for` records them."""
    return [graph.unique_name(kind) for kind in kinds for _ in range(count)]


Body = Callable[[Tensor, list[Tensor], list[Tensor]], tuple[Sequence[Any], Sequence[Any]]]


def counted_loop(body: Body, limit: Tensor, carry: Sequence[Tensor], rows: Sequence[Tensor], *, name: str = "while",
                 parallel_iterations: int = 32, swap_memory: bool = False, back_prop: bool = True,
                 reverse: bool = False) -> tuple[list[Tensor], list[Tensor]]:
    """Run `body(t, carry, row)` for t = 0 .. limit - 1; (final carries, stacked row results).

    limit: int32 scalar. Rows have the step on axis 0 of each tensor. The body returns (new carries, row results); carries
    keep dtype and static shape. The loop is structured from birth: what it reads and writes a step are rows and stacks.
    Raises ValueError (phrase: `not an invariant for`), TypeError.
    """
    graph = limit.graph
    with graph.name_scope(name):
        inner = region(graph, "body")
        step = inner.param(tensor(INDEX, ()), None, "t")
        carried = [inner.param(entry_type(v.value.type), None, "s") for v in carry]
        row_params = [inner.param(row_type(v.value.type), None, "x") for v in rows]
        machinery = reserve(graph, ("Enter", "Merge"), len(carried) + 1)
        with graph.region(inner):
            views = [graph.view(v, "Identity") for v in (step, *carried)]
            row_views = [graph.view(v, "TensorArrayReadV3", "TensorArrayReadV3") for v in row_params]
            new, stacked = body(views[0], views[1:], row_views)
            results = [convert_to_tensor(v, p.type.dtype) for v, p in zip(new, carried, strict=True)]
            for view, p, r in zip(views[1:], carried, results, strict=True):
                check_kept(view.name, p.type, r.value.type)
            outputs = [convert_to_tensor(v) for v in stacked]
            inner.graph.seal([inner.local(t.value) for t in (*results, *outputs)])
        machinery += reserve(graph, ("LoopCond",)) + reserve(graph, ("Exit",), len(outputs))
        with graph.standing_for(machinery):
            node = make_loop(graph.builder, body=inner, limit=limit.value, carry=[v.value for v in carry],
                             rows=[v.value for v in rows], parallel_iterations=parallel_iterations,
                             swap_memory=swap_memory, back_prop=back_prop, reverse=reverse, name=graph.get_name_scope())
        final = [graph.view(v, "Exit", "Exit") for v in node.results[:len(carry)]]
    stacks = [graph.view(v, "TensorArrayStack/TensorArrayGatherV3", "TensorArrayGatherV3")
              for v in node.results[len(carry):-1]]
    return final, stacks


def branch(graph: Graph, make: Callable[[], Any], pred: Tensor, strict: bool) -> tuple[Builder, Any, list[Any]]:
    """Build one branch of a cond: its builder, the structure it returned and its leaves."""
    builder = region(graph, "branch")
    with graph.region(builder):
        result = make()
        if result is None:
            raise ValueError("true_fn and false_fn must have a return value; return a tensor, an op or a nest of them.")
        if not strict and isinstance(result, (list, tuple)) and len(result) == 1 and not hasattr(result, "_fields"):
            result = result[0]
        flat = nest.flatten(result)
        if not flat:
            raise ValueError("true_fn and false_fn must return at least one result.")
        leaves = [_branch_leaf(graph, item, pred) for item in flat]
        builder.graph.seal([builder.local(v) for leaf in leaves for v in values_of(leaf)])
    return builder, result, leaves


def _branch_leaf(graph: Graph, item: Any, pred: Tensor) -> Any:
    if isinstance(item, Operation):
        with graph.control_dependencies([item]):
            return graph.emit("identity", [pred], name="op_result", type="Identity").outputs[0]
    return as_leaf(item)


def joined(graph: Graph, pred: Tensor, then: Builder, other: Builder, name: str,
           machinery: Sequence[str] = ()) -> Sequence[Value]:
    """The `if` node of two finished branches; its results. It stands for TensorFlow's `machinery` of these names."""
    awaited = [n for b in (then, other) if isinstance(b, FrontendBuilder) for n in b.awaited]
    with graph.after(n for n in awaited if n.graph is graph.builder.graph), graph.standing_for(machinery):
        return make_if(graph.builder, pred.value, then, other, name).results
