"""Embeddings: rows of one matrix, or of several that hold its rows in turn or in blocks (tf.nn.embedding_lookup)."""

from __future__ import annotations

from typing import Any

from rnngraph.frontend.array.gathering import dynamic_partition, dynamic_stitch, gather
from rnngraph.frontend.array.reshape import concat, reshape, shape
from rnngraph.frontend.framework.casts import cast
from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.graph import Tensor, emit
from rnngraph.frontend.framework.make import hidden, hidden_constant
from rnngraph.frontend.math.clip import clip_by_norm
from rnngraph.ir.types import int32


def embedding_lookup(params: Any, ids: Any, partition_strategy: str = "mod", name: str | None = None,
                     validate_indices: bool = True, max_norm: Any = None) -> Tensor:
    """Rows of params at ids: [*ids.shape, *row]. Several params hold the rows in turn ("mod") or in blocks ("div").

    max_norm: rows of a larger norm are scaled down to it. Raises ValueError (phrases: `Need at least one param`,
    `Unrecognized partition strategy`); at run time InvalidArgumentError (phrase: `is not in [0,`). Source:
    tf.nn.embedding_lookup.
    """
    if params is None or (isinstance(params, list | tuple) and not params):
        raise ValueError("Need at least one param")
    tables = list(params) if isinstance(params, list | tuple) else [params]
    with op_scope("embedding_lookup" if name is None else name, (tables, ids)) as scope:
        places = convert_to_tensor(ids, name="ids")
        if len(tables) == 1:
            return _clipped(gather(tables[0], places, name=scope), places, max_norm)
        rows = _partitioned([convert_to_tensor(each, name=f"params_{i}") for i, each in enumerate(tables)], places,
                            partition_strategy)
        return _clipped(rows, places, max_norm)


def _clipped(rows: Tensor, ids: Tensor, max_norm: Any) -> Tensor:
    if max_norm is None:
        return rows
    if ids.shape.ndims is None or rows.shape.ndims is None:
        raise NotImplementedError("max_norm of embedding_lookup needs the rank of ids and params; use set_shape.")
    return clip_by_norm(rows, max_norm, axes=list(range(ids.shape.ndims, rows.shape.ndims)))


def _partitioned(tables: list[Tensor], ids: Tensor, strategy: str) -> Tensor:
    flat = reshape(ids, [-1])
    count = len(tables)
    number = hidden_constant(count, flat.dtype, flat)
    if strategy == "mod":
        which = hidden(flat, "int_floormod", flat, number)
        rows = emit("int_floordiv", [flat, number], type="FloorDiv")
    elif strategy == "div":
        sizes = [each.shape[0].value for each in tables]
        if any(size is None for size in sizes):
            raise NotImplementedError("partition_strategy \"div\" needs static first sizes of all params.")
        total = sum(size or 0 for size in sizes)
        small, extra = divmod(total, count)
        which, rows = _block(flat, small, extra)
    else:
        raise ValueError(f"Unrecognized partition strategy: {strategy!r}; expected \"mod\" or \"div\"")
    owner = cast(emit("identity", [which], type="FloorMod"), int32)
    one, zero = (hidden_constant(each, int32, flat) for each in (1, 0))
    order = emit("range", [zero, hidden(flat, "size", flat), one], type="Range")
    found = [gather(table, part) for table, part in zip(tables, dynamic_partition(rows, owner, count), strict=True)]
    stitched = dynamic_stitch(dynamic_partition(order, owner, count), found)
    row_shape = tables[0].shape[1:]
    made = reshape(stitched, concat([shape(ids), shape(tables[0])[1:]], 0))
    made.set_shape(ids.shape.concatenate(row_shape))
    return made


def _block(flat: Tensor, small: int, extra: int) -> tuple[Any, Tensor]:
    """Which table an id is in, and its row there: the first `extra` tables have one row more than `small`."""
    big, least, border, more = (hidden_constant(each, flat.dtype, flat)
                                for each in (small + 1, max(small, 1), extra * (small + 1), extra))
    early = hidden(flat, "less", flat, border)
    late = hidden(flat, "sub", flat, border)
    which = hidden(flat, "select", early, hidden(flat, "int_floordiv", flat, big),
                   hidden(flat, "add", hidden(flat, "int_floordiv", late, least), more))
    rows = emit("select", [early, hidden(flat, "int_floormod", flat, big), hidden(flat, "int_floormod", late, least)],
                type="FloorMod")
    return which, rows


def embedding_lookup_sparse(*args: Any, **kwargs: Any) -> Tensor:
    """Not supported: raises NotImplementedError. Source: tf.nn.embedding_lookup_sparse."""
    raise NotImplementedError("tf.nn.embedding_lookup_sparse needs sparse tensors, which are not supported.")
