"""foldl, foldr, map_fn, scan: functions over the first axis. Source: tf.* of the same names (control-flow page, 10).

They are counted loops with rows and stacks from birth; no TensorArray is involved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rnngraph.frontend.array.array_ops import shape, stack
from rnngraph.frontend.flow.bodies import counted_loop
from rnngraph.frontend.framework import nest
from rnngraph.frontend.framework.convert import convert_to_tensor
from rnngraph.frontend.framework.graph import Graph, Operation, Tensor, emit
from rnngraph.frontend.framework.shapes import TensorShape


def _check(fn: Any) -> None:
    if not callable(fn):
        raise TypeError(f"fn must be callable, but it is {fn!r}.")


def _length(flat: Sequence[Tensor]) -> Tensor:
    """The number of rows of the first leaf; other leaves must agree where both are known."""
    known = [t.shape.as_list()[0] for t in flat if t.shape.ndims]
    sizes = {n for n in known if n is not None}
    if len(sizes) > 1:
        raise ValueError(f"All leaves of elems must have the same first dimension, but they have {sorted(sizes)}.")
    return shape(flat[0])[0] if not sizes else convert_to_tensor(sizes.pop())


def _same_rows(graph: Graph, n: Tensor, flat: Sequence[Tensor]) -> list[Operation]:
    """Checks that leaves have n rows, where that is not known statically; the loop runs after them."""
    first = flat[0].shape.as_list()[0] if flat[0].shape.ndims else None
    unknown = [t for t in flat[1:] if first is None or not t.shape.ndims or t.shape.as_list()[0] != first]
    message = "Incompatible shapes: {0} and {1} must be equal for the rows of all leaves of elems"
    return [graph.emit("check_sizes", [stack([n, shape(t)[0]])], {"message": message}, name="same_rows", type="Assert")
            for t in unknown]


def _static_rows(tensor: Tensor, like: Tensor) -> None:
    first = like.shape.as_list()[0] if like.shape.ndims else None
    if tensor.shape.ndims is not None:
        tensor.set_shape(TensorShape([first, *tensor.shape.as_list()[1:]]))


def _leaves(elems: Any) -> tuple[Graph, list[Tensor]]:
    flat = [convert_to_tensor(e, name="elem") for e in nest.flatten(elems)]
    if not flat:
        raise ValueError("elems must hold at least one tensor.")
    for t in flat:
        if t.shape.ndims == 0:
            raise ValueError(f"elems must have at least one axis to run over, but {t} is a scalar.")
    return flat[0].graph, flat


def _fold(fn: Any, elems: Any, initializer: Any, reverse: bool, name: str, options: dict[str, Any]) -> Tensor:
    _check(fn)
    graph, flat = _leaves([elems])
    with graph.name_scope(name):
        rows, n = flat[0], _length(flat)
        if initializer is None:
            start = rows[-1] if reverse else rows[0]
            rows, n = (rows[:-1] if reverse else rows[1:]), n - 1
        else:
            start = convert_to_tensor(initializer)

        def body(t: Tensor, carry: Sequence[Tensor], row: Sequence[Tensor]) -> tuple[list[Any], list[Any]]:
            return [fn(carry[0], row[0])], []
        return counted_loop(body, n, [start], [rows], reverse=reverse, **options)[0][0]


def foldl(fn: Callable[..., Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
          back_prop: bool = True, swap_memory: bool = False, name: str | None = None) -> Tensor:
    """a = fn(a, x) from the first row to the last. Source: tf.foldl. Raises TypeError (phrase: `fn must be callable`)."""
    return _fold(fn, elems, initializer, False, name or "foldl", {
        "parallel_iterations": parallel_iterations, "back_prop": back_prop, "swap_memory": swap_memory})


def foldr(fn: Callable[..., Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
          back_prop: bool = True, swap_memory: bool = False, name: str | None = None) -> Tensor:
    """a = fn(a, x) from the last row to the first. Source: tf.foldr. Raises TypeError (phrase: `fn must be callable`)."""
    return _fold(fn, elems, initializer, True, name or "foldr", {
        "parallel_iterations": parallel_iterations, "back_prop": back_prop, "swap_memory": swap_memory})


def map_fn(fn: Callable[..., Any], elems: Any, dtype: Any = None, parallel_iterations: int = 10, back_prop: bool = True,
           swap_memory: bool = False, infer_shape: bool = True, name: str | None = None) -> Any:
    """fn of each row, stacked. Source: tf.map_fn.

    Raises TypeError (phrase: `fn must be callable`; or where fn gives another dtype than `dtype`, or than elems' without
    it), ValueError for leaves with different first sizes.
    """
    _check(fn)
    graph, flat = _leaves(elems)
    structure = elems if dtype is None else dtype
    wanted = [t.dtype for t in flat] if dtype is None else nest.flatten(dtype)
    with graph.name_scope(name or "map"):
        def body(t: Tensor, carry: Sequence[Tensor], row: Sequence[Tensor]) -> tuple[list[Any], list[Any]]:
            result = fn(nest.pack_sequence_as(elems, list(row)))
            nest.assert_same_structure(structure, result)
            return [], [_as(v, d) for v, d in zip(nest.flatten(result), wanted, strict=True)]

        n = _length(flat)
        with graph.control_dependencies(_same_rows(graph, n, flat)):
            _, stacks = counted_loop(body, n, [], flat, parallel_iterations=parallel_iterations, back_prop=back_prop,
                                     swap_memory=swap_memory)
        for s in stacks:
            _static_rows(s, flat[0])
        return nest.pack_sequence_as(structure, stacks)


def _as(value: Any, dtype: Any) -> Tensor:
    if isinstance(value, Tensor) and value.dtype != dtype:
        raise TypeError(f"fn returned {value}, but dtype {getattr(dtype, 'name', dtype)} is wanted; give map_fn its dtype "
                        "argument, or cast the result.")
    return convert_to_tensor(value, dtype)


def scan(fn: Callable[..., Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
         back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True, name: str | None = None) -> Any:
    """All a of a = fn(a, x) from the first row to the last, stacked. Source: tf.scan.

    Without initializer the first a is the first row. Raises TypeError (phrase: `fn must be callable`), ValueError.
    """
    _check(fn)
    graph, flat = _leaves(elems)
    with graph.name_scope(name or "scan"):
        n = _length(flat)
        structure = elems if initializer is None else initializer
        rows = flat
        if initializer is None:
            start, rows, n = [t[0] for t in flat], [t[1:] for t in flat], n - 1
        else:
            start = [convert_to_tensor(v) for v in nest.flatten(initializer)]

        def body(t: Tensor, carry: Sequence[Tensor], row: Sequence[Tensor]) -> tuple[list[Any], list[Any]]:
            result = fn(nest.pack_sequence_as(structure, list(carry)), nest.pack_sequence_as(elems, list(row)))
            nest.assert_same_structure(structure, result)
            new = [convert_to_tensor(v, c.dtype) for v, c in zip(nest.flatten(result), carry, strict=True)]
            return new, new

        with graph.control_dependencies(_same_rows(graph, n, rows)):
            _, stacks = counted_loop(body, n, start, rows, parallel_iterations=parallel_iterations, back_prop=back_prop,
                                     swap_memory=swap_memory)
        if initializer is None:
            stacks = [emit("prepend", [a, s], name="concat", type="ConcatV2") for a, s in zip(start, stacks, strict=True)]
        for s in stacks:
            _static_rows(s, flat[0])
        return nest.pack_sequence_as(structure, stacks)
