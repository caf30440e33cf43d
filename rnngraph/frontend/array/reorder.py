"""Repeating, padding and turning round: tile, pad, reverse, reverse_sequence, meshgrid."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnngraph.frontend.array.reshape import reshape
from rnngraph.frontend.framework.convert import convert_to_tensor, op_scope
from rnngraph.frontend.framework.expect import expect
from rnngraph.frontend.framework.graph import Tensor, emit
from rnngraph.frontend.framework.make import checked_axis, hidden, int_argument, known_int, known_ints, static_ints
from rnngraph.ir.types import int64


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """The tensor repeated multiples[i] times along axis i. Raises ValueError, TypeError. Source: tf.tile."""
    with op_scope("Tile" if name is None else name, (input, multiples)) as scope:
        x = convert_to_tensor(input, name="input")
        return emit("tile", [x, int_argument(multiples, "Tile", "multiples")], name=scope, type="Tile")


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None,
        constant_values: Any = 0) -> Tensor:
    """The tensor with paddings[i] = (before, after) elements around axis i: constants, or mirror images.

    mode: CONSTANT, REFLECT (without the border element) or SYMMETRIC (with it). Raises ValueError (phrase: `Unknown
    padding mode`). Source: tf.pad.
    """
    kind = expect(mode, str, "mode of pad", "a string").upper()
    if kind not in ("CONSTANT", "REFLECT", "SYMMETRIC"):
        raise ValueError(f"Unknown padding mode: {kind}; expected CONSTANT, REFLECT or SYMMETRIC")
    op_type = "MirrorPad" if kind != "CONSTANT" else ("Pad" if np.ndim(constant_values) == 0 and not isinstance(
        constant_values, Tensor) and constant_values == 0 else "PadV2")
    with op_scope(op_type if name is None else name, (tensor, paddings)) as scope:
        x = convert_to_tensor(tensor, name="tensor")
        wanted = static_ints(paddings, "paddings")
        plain = wanted is not None and not isinstance(constant_values, Tensor) and x.dtype.is_floating
        if kind == "CONSTANT" and not plain:
            return _pad_by_data(x, paddings, constant_values, scope, op_type)
        if wanted is None:
            raise NotImplementedError("pad with mirror images by paddings that are known only at run time is not "
                                      "supported")
        before, after = tuple(wanted[::2]), tuple(wanted[1::2])
        _check_paddings(x, paddings, wanted)
        if kind == "CONSTANT":
            return emit("pad", [x], {"before": before, "after": after, "value": float(constant_values)}, name=scope,
                        type=op_type)
        return emit("pad_mirror", [x], {"before": before, "after": after, "mode": kind}, name=scope, type=op_type)


def _check_paddings(x: Tensor, paddings: Any, wanted: list[int]) -> None:
    rows = np.shape(paddings) if not isinstance(paddings, Tensor) else tuple(paddings.shape.as_list())
    if len(rows) != 2 or rows[1] != 2:
        raise ValueError(f"paddings must be a matrix of pairs [n, 2], got shape {list(rows)}.")
    if x.shape.ndims is not None and rows[0] != x.shape.ndims:
        raise ValueError(f"Shape must be rank {rows[0]} but is rank {x.shape.ndims} for 'Pad': one pair an axis.")
    if any(each < 0 for each in wanted):
        raise ValueError(f"Paddings must be non-negative, got {paddings}.")


def _pad_by_data(x: Tensor, paddings: Any, value: Any, scope: str, kind: str) -> Tensor:
    """Integers too go this way: the attribute of `pad` is a float."""
    static = static_ints(paddings, "paddings")
    if static is not None:
        _check_paddings(x, paddings, static)
    if kind == "Pad":
        value = x.dtype.as_numpy_dtype()  # the 0 of any type: False of bools
    filler = convert_to_tensor(value, x.dtype, name="constant_values")
    made = emit("pad_dynamic", [x, int_argument(paddings, kind, "paddings"), filler], name=scope, type=kind)
    if static is not None and x.shape.ndims is not None:
        made.set_shape([None if d is None else d + static[2 * i] + static[2 * i + 1]
                        for i, d in enumerate(x.shape.as_list())])
    return made


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """The tensor with these axes (a list) read backwards. Raises ValueError. Source: tf.reverse."""
    with op_scope("ReverseV2" if name is None else name, (tensor, axis)) as scope:
        x = convert_to_tensor(tensor, name="tensor")
        if (axis.shape.ndims if isinstance(axis, Tensor) else np.ndim(axis)) == 0:
            raise ValueError(f"Shape must be rank 1 but is rank 0 for 'ReverseV2': axis must be a list, got {axis!r}.")
        axes = [checked_axis(each, x.shape.ndims, "'axis' of reverse") for each in known_ints(axis, "axis of reverse")]
        return emit("reverse", [x], {"axes": tuple(axes)}, name=scope, type="ReverseV2")


reverse_v2 = reverse


def _one_name(new: Any, old: Any, names: tuple[str, str]) -> Any:
    if new is not None and old is not None:
        raise ValueError(f"Cannot specify both '{names[1]}' and '{names[0]}'")
    return new if old is None else old


def reverse_sequence(input: Any, seq_lengths: Any, seq_axis: Any = None, batch_axis: Any = None,
                     name: str | None = None, seq_dim: Any = None, batch_dim: Any = None) -> Tensor:
    """The first seq_lengths[b] steps along seq_axis of row b (of batch_axis, default 0) read backwards, the rest kept.

    seq_lengths: int vector. Raises ValueError; at run time InvalidArgumentError (phrase: `seq_lens(`) for a length
    that is negative or too large. Source: tf.reverse_sequence.
    """
    step = _one_name(seq_axis, seq_dim, ("seq_axis", "seq_dim"))
    row = _one_name(batch_axis, batch_dim, ("batch_axis", "batch_dim"))
    if step is None:
        raise TypeError("Expected int for argument 'seq_dim' not None; pass seq_axis.")
    with op_scope("ReverseSequence" if name is None else name, (input, seq_lengths)) as scope:
        x = convert_to_tensor(input, name="input")
        lengths = int_argument(seq_lengths, "ReverseSequence", "seq_lengths")
        attrs = {"seq_axis": known_int(step, "seq_axis"),
                 "batch_axis": known_int(0 if row is None else row, "batch_axis")}
        ndims = x.shape.ndims
        for key, each in attrs.items():
            if ndims is not None and not -ndims <= each < ndims:
                raise ValueError(f"{key.replace('axis', 'dim')} must be < input rank: {each} vs. {ndims}.")
        return emit("reverse_sequence", [x, lengths], attrs, name=scope, type="ReverseSequence")


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """The permutation that undoes an int vector's. Source: tf.invert_permutation."""
    with op_scope("InvertPermutation" if name is None else name, (x,)) as scope:
        return emit("invert_permutation", [int_argument(x, "InvertPermutation", "x")], name=scope,
                    type="InvertPermutation")


def meshgrid(*args: Any, **kwargs: Any) -> list[Tensor]:
    """Coordinates of a grid from vectors: one tensor a vector, all of the grid's shape.

    Keywords: indexing, "xy" (the first two axes exchanged) or "ij"; name. Raises ValueError, TypeError. Source:
    tf.meshgrid.
    """
    indexing, name = kwargs.pop("indexing", "xy"), kwargs.pop("name", "meshgrid")
    if kwargs:
        raise TypeError(f"'{next(iter(kwargs))}' is an invalid keyword argument for this function")
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing parameter must be either 'xy' or 'ij', got {indexing!r}")
    with op_scope(name, (args,)):
        vectors = [convert_to_tensor(each) for each in args]
        if not vectors:
            return []
        places = list(range(len(vectors)))
        if indexing == "xy" and len(vectors) > 1:
            places[:2] = [1, 0]
        columns = [reshape(each, [-1 if i == place else 1 for i in range(len(vectors))])
                   for place, each in zip(places, vectors, strict=True)]
        ordered = [columns[places.index(i)] for i in range(len(vectors))]
        full = emit("stack", [hidden(v, "size", v, dtype=int64) for v in ordered], {"axis": 0}, type="Pack")
        return [emit("broadcast", [each, full], name="mul", type="Mul") for each in columns]
