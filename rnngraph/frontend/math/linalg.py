"""Products of tensors and matrices: matmul, tensordot, einsum, diagonals (ops catalogue, tiers A and B)."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from rnngraph.frontend.array.reshape import transpose
from rnngraph.frontend.framework.convert import constant_of, convert_to_tensor, op_scope
from rnngraph.frontend.framework.expect import expect
from rnngraph.frontend.framework.graph import OVERLOADS, Tensor, emit
from rnngraph.frontend.framework.make import argument, hidden, hidden_constant, int_argument, known_int, pair, unary
from rnngraph.frontend.math.reduce import reduce_sum
from rnngraph.ir.types import as_dtype, float32

# --- matmul -----------------------------------------------------------------------------------------------------------


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, adjoint_a: bool = False,
           adjoint_b: bool = False, a_is_sparse: bool = False, b_is_sparse: bool = False,
           name: str | None = None) -> Tensor:
    """The matrix product. a: [..., n, k] ([..., k, n] if transposed), b: [..., k, m]; [..., n, m].

    Ranks are 2, or equal and larger: then a batch of products. Raises ValueError (phrases: `Dimensions must be equal`,
    `Shape must be rank 2`), TypeError for dtypes that differ. Source: tf.matmul.
    """
    for each, transposed, adjoint in (("a", transpose_a, adjoint_a), ("b", transpose_b, adjoint_b)):
        if transposed and adjoint:
            raise ValueError(f"Only one of transpose_{each} and adjoint_{each} can be True.")
    flip = bool(transpose_a or adjoint_a), bool(transpose_b or adjoint_b)
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        argument(b, "MatMul", "b", a.dtype, "a")
        return _product(a, b, flip, name)
    with op_scope("MatMul" if name is None else name, (a, b)) as scope:
        first, second = pair(a, b, "MatMul", ("a", "b"))
        return _product(first, second, flip, scope)


def _product(a: Tensor, b: Tensor, flip: tuple[bool, bool], name: str | None) -> Tensor:
    name = "MatMul" if name is None else name
    ranks = [each.shape.ndims for each in (a, b)]
    batched = all(rank is None or rank > 2 for rank in ranks) and ranks != [None, None]
    if not batched:
        for rank in ranks:
            if rank not in (None, 2):
                raise ValueError(f"Shape must be rank 2 but is rank {rank} for 'MatMul' with input shapes: {a.shape}, "
                                 f"{b.shape}; use tf.reshape, or tf.tensordot to contract one axis of a larger tensor.")
    rank = next(each for each in (*ranks, 2) if each is not None) if batched else 2
    if batched and any(each not in (None, rank) for each in ranks):
        raise ValueError(f"Shapes must be equal rank, but are {ranks[0]} and {ranks[1]} for 'MatMul' with input "
                         f"shapes: {a.shape}, {b.shape}.")
    lead = string.ascii_lowercase[:rank - 2]
    x, y = "YX" if flip[0] else "XY", "ZY" if flip[1] else "YZ"
    _check_inner(a, b, x.index("Y") - 2, y.index("Y") - 2)
    return emit("contract", [a, b], {"spec": f"{lead}{x},{lead}{y}->{lead}XZ"}, name=name,
                type="BatchMatMul" if batched else "MatMul")


def _check_inner(a: Tensor, b: Tensor, i: int, j: int) -> None:
    """Sizes are checked here because the message of r1.4 tells both shapes."""
    sizes = [None if each.shape.ndims is None else each.shape[each.shape.ndims + k].value
             for each, k in ((a, i), (b, j))]
    if None not in sizes and sizes[0] != sizes[1]:
        raise ValueError(f"Dimensions must be equal, but are {sizes[0]} and {sizes[1]} for 'MatMul' with input shapes: "
                         f"{a.shape}, {b.shape}.")


def _operator(x: Tensor, y: Any) -> Tensor:
    return matmul(x, convert_to_tensor(y, x.dtype, name="y"), name="matmul")


def _reflected(y: Tensor, x: Any) -> Tensor:
    return matmul(convert_to_tensor(x, y.dtype, name="x"), y, name="matmul")


OVERLOADS["__matmul__"] = _operator
OVERLOADS["__rmatmul__"] = _reflected

# --- any axes ---------------------------------------------------------------------------------------------------------


def _rank(x: Tensor, what: str) -> int:
    rank = x.shape.ndims
    if rank is None:
        raise NotImplementedError(f"{what} of a tensor of unknown rank ({x!r}) is not supported; use set_shape.")
    return rank


def _tensordot_axes(axes: Any, ranks: tuple[int, int]) -> tuple[list[int], list[int]]:
    if isinstance(axes, int | np.integer):
        if axes < 1:
            raise ValueError("'axes' must be at least 1.")
        if axes > min(ranks):
            raise ValueError(f"'axes' must not be larger than the number of dimensions of tensors of rank {ranks[0]} "
                             f"and {ranks[1]}, got {axes}.")
        return list(range(ranks[0] - int(axes), ranks[0])), list(range(int(axes)))
    if not isinstance(axes, list | tuple | np.ndarray):
        raise NotImplementedError(f"'axes' of tensordot must be an int or two lists of ints, got {axes!r}.")
    if len(axes) != 2:
        raise ValueError("'axes' must be an integer or have length 2.")
    found = [[int(each)] if isinstance(each, int | np.integer) else [int(i) for i in each] for each in axes]
    if len(found[0]) != len(found[1]):
        raise ValueError(f"Different number of contraction axes 'a' and 'b', {len(found[0])} != {len(found[1])}.")
    for names, rank in zip(found, ranks, strict=True):
        if any(not -rank <= each < rank for each in names):
            raise ValueError(f"axes {names} are out of range for a tensor of rank {rank}.")
    return [i % ranks[0] for i in found[0]], [i % ranks[1] for i in found[1]]


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum over pairs of axes: `axes` is N (the last N of a, the first N of b) or two lists.

    The result has the other axes of a, then those of b. Raises ValueError. Source: tf.tensordot.
    """
    with op_scope("Tensordot" if name is None else name, (a, b, axes)) as scope:
        first = convert_to_tensor(a, name="a")
        second = argument(b, "MatMul", "b", first.dtype, "a")
        ranks = _rank(first, "tensordot"), _rank(second, "tensordot")
        gone_a, gone_b = _tensordot_axes(axes, ranks)
        letters = iter(string.ascii_letters)
        names_a = [next(letters) for _ in range(ranks[0])]
        names_b = [names_a[gone_a[gone_b.index(i)]] if i in gone_b else next(letters) for i in range(ranks[1])]
        out = [c for i, c in enumerate(names_a) if i not in gone_a]
        out += [c for i, c in enumerate(names_b) if i not in gone_b]
        spec = f"{''.join(names_a)},{''.join(names_b)}->{''.join(out)}"
        return emit("contract", [first, second], {"spec": spec}, name=scope, type="Tensordot")


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """The sum of products that the equation says: `ij,jk->ik`; no letter twice in one operand.

    Without `->` the result has the letters that occur once, in order of the alphabet. Raises ValueError. Source:
    tf.einsum.
    """
    name = kwargs.pop("name", None)
    if kwargs:
        raise TypeError(f"invalid keyword arguments for this function: {', '.join(sorted(kwargs))}")
    if "..." in equation:
        raise ValueError("Subscripts with ellipses are not yet supported.")
    terms, out = _equation(equation, len(inputs))
    with op_scope("einsum" if name is None else name, (inputs,)) as scope:
        tensors = [convert_to_tensor(each, name=f"inputs_{i}") for i, each in enumerate(inputs)]
        for term, each in zip(terms, tensors, strict=True):
            if _rank(each, "einsum") != len(term):
                raise ValueError(f"Shape must be rank {len(term)} for the subscripts {term!r} of {equation!r}, but is "
                                 f"rank {each.shape.ndims}.")
        return _contracted(tensors, terms, out, scope)


def _equation(equation: str, count: int) -> tuple[list[str], str]:
    text = expect(equation, str, "equation of einsum", "a string").replace(" ", "")
    match = re.fullmatch(r"([a-zA-Z]*(?:,[a-zA-Z]*)*)(?:->([a-zA-Z]*))?", text)
    if match is None:
        raise ValueError(f"Indices have incorrect format: {equation}; write it like 'ij,jk->ik'.")
    terms = match[1].split(",")
    if len(terms) != count:
        raise ValueError(f"Got {count} arguments for equation \"{equation}\", expecting {len(terms)}")
    every = "".join(terms)
    out = match[2] if match[2] is not None else "".join(sorted(c for c in set(every) if every.count(c) == 1))
    if any(len(set(part)) != len(part) for part in (*terms, out)) or set(out) - set(every):
        raise ValueError(f"Invalid equation: {equation}; a letter may occur once an operand, and the result's must "
                         "occur in the operands.")
    return terms, out


def _contracted(tensors: list[Tensor], terms: list[str], out: str, scope: str) -> Tensor:
    """From left to right; a letter that nothing later needs is summed at once."""
    value, names = tensors[0], terms[0]
    if len(tensors) == 1:
        gone = [i for i, c in enumerate(names) if c not in out]
        kept = "".join(c for c in names if c in out)
        value = reduce_sum(value, gone) if gone else value
        return transpose(value, [kept.index(c) for c in out], name=scope)
    for k, (each, letters) in enumerate(zip(tensors[1:], terms[1:], strict=True), 1):
        last = k == len(tensors) - 1
        later = set(out).union(*terms[k + 1:])
        result = out if last else "".join(c for c in dict.fromkeys(names + letters) if c in later)
        value = emit("contract", [value, each], {"spec": f"{names},{letters}->{result}"}, name=scope if last else None,
                     type="Einsum" if last else "MatMul")
        names = result
    return value


# --- matrices ---------------------------------------------------------------------------------------------------------

def matrix_transpose(a: Any, name: str = "matrix_transpose") -> Tensor:
    """a with its last two axes exchanged. Raises ValueError for rank < 2. Source: tf.matrix_transpose."""
    with op_scope(name, (a,)):
        a = convert_to_tensor(a, name="a")
        rank = _rank(a, "matrix_transpose")
        if rank < 2:
            raise ValueError(f"Argument 'a' should be a (batch) matrix, with rank >= 2.  Found: {a.shape}")
        return transpose(a, [*range(rank - 2), rank - 1, rank - 2])


def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = float32,
        name: str | None = None) -> Tensor:
    """Ones on the diagonal, zeros elsewhere: [*batch_shape, num_rows, num_columns or num_rows]. Source: tf.eye."""
    with op_scope("eye" if name is None else name, (num_rows, num_columns, batch_shape)) as scope:
        wanted = as_dtype(dtype)
        static = [each for each in (num_rows, num_columns) if isinstance(each, Tensor)]
        if not static and not isinstance(batch_shape, Tensor):
            columns = known_int(num_rows if num_columns is None else num_columns, "num_columns")
            lead = [] if batch_shape is None else [known_int(each, "batch_shape") for each in batch_shape]
            rows_ = known_int(num_rows, "num_rows")
            if min(rows_, columns, *lead) < 0:
                raise ValueError(f"Dimensions of eye must be >= 0, but are {[*lead, rows_, columns]}.")
            square = np.eye(rows_, columns, dtype=wanted.numpy)
            return constant_of(np.broadcast_to(square, (*lead, *square.shape)), scope)
        rows = int_argument(num_rows, "eye", "num_rows")
        columns_ = rows if num_columns is None else int_argument(num_columns, "eye", "num_columns")
        shape = convert_to_tensor([rows, columns_])
        if batch_shape is not None:
            lead_shape = int_argument(batch_shape, "eye", "batch_shape")
            shape = emit("concat", [lead_shape, shape], {"axis": 0}, type="ConcatV2")
        places = [hidden(shape, "iota", shape, axis=k, dtype=as_dtype("int32")) for k in (-2, -1)]
        return emit("cast", [hidden(shape, "equal", *places)], {"dtype": wanted}, name=scope, type="MatrixDiag")


def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A tensor of twice the rank with `diagonal` on its diagonal, zeros elsewhere. Source: tf.diag."""
    with op_scope("Diag" if name is None else name, (diagonal,)) as scope:
        x = convert_to_tensor(diagonal, name="diagonal")
        if _rank(x, "diag") == 1:
            return emit("diag", [x], name=scope, type="Diag")
        shape = hidden(x, "shape", x)
        flat = hidden(x, "reshape", x, hidden_constant([-1], "int32", x))
        return emit("reshape", [hidden(x, "diag", flat), hidden(x, "concat", shape, shape, axis=0)], name=scope,
                    type="Diag")


def diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonal of a tensor [..., ...] of even rank. Raises ValueError for other shapes. Source: tf.diag_part."""
    with op_scope("DiagPart" if name is None else name, (input,)) as scope:
        x = convert_to_tensor(input, name="input")
        rank = _rank(x, "diag_part")
        if rank % 2 or not rank:
            raise ValueError(f"Input must have even and non-zero rank, input rank is {rank}")
        x.shape[:rank // 2].assert_is_compatible_with(x.shape[rank // 2:])
        if rank == 2:
            return emit("diag_part", [x], name=scope, type="DiagPart")
        half = hidden(x, "slice", hidden(x, "shape", x), starts=(0,), strides=(1,), sizes=(rank // 2,))
        size = hidden(x, "reduce_prod", half)
        square = hidden(x, "reshape", x, hidden(x, "stack", size, size))
        return emit("reshape", [hidden(x, "diag_part", square), half], name=scope, type="DiagPart")


def matrix_diag(diagonal: Any, name: str | None = None) -> Tensor:
    """Square matrices in the last two axes with the last axis on their diagonals. Source: tf.matrix_diag."""
    return unary("diag", "MatrixDiag", diagonal, name, label="diagonal")


def matrix_diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonals of matrices in the last two axes, which must be square here. Source: tf.matrix_diag_part."""
    x = convert_to_tensor(input, name="input")
    sizes = x.shape.with_rank_at_least(2)[-2:].as_list() if x.shape.ndims is not None else [None, None]
    if None not in sizes and sizes[0] != sizes[1]:
        short = min(sizes[0] or 0, sizes[1] or 0)
        lead = (x.shape.ndims or 2) - 2
        starts = (0,) * (lead + 2)
        square = hidden(x, "slice", x, starts=starts, strides=(1,) * (lead + 2), sizes=(None,) * lead + (short, short))
        return emit("diag_part", [square], name=name, type="MatrixDiagPart")
    return emit("diag_part", [x], name=name, type="MatrixDiagPart")


def _places(x: Tensor) -> list[Any]:
    """Row and column numbers of every element."""
    shape = hidden(x, "shape", x)
    return [hidden(x, "iota", shape, axis=_rank(x, "this function") + k, dtype=as_dtype("int32")) for k in (-2, -1)]


def matrix_set_diag(input: Any, diagonal: Any, name: str | None = None) -> Tensor:
    """Square matrices with their diagonals replaced. Raises NotImplementedError for others.

    Source: tf.matrix_set_diag.
    """
    with op_scope("MatrixSetDiag" if name is None else name, (input, diagonal)) as scope:
        x, rows = pair(input, diagonal, "MatrixSetDiag", ("input", "diagonal"))
        sizes = x.shape.with_rank_at_least(2)[-2:].as_list()
        if sizes[0] != sizes[1]:
            raise NotImplementedError(f"matrix_set_diag of matrices that are not square, {x.shape}, is not supported.")
        on = hidden(x, "equal", *_places(x))
        return emit("select", [on, hidden(x, "diag", rows), x], name=scope, type="MatrixSetDiag")


def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Matrices with zeros outside the band of so many diagonals below and above; < 0: all.

    Source: tf.matrix_band_part.
    """
    with op_scope("MatrixBandPart" if name is None else name, (input, num_lower, num_upper)) as scope:
        x = convert_to_tensor(input, name="input")
        row, column = _places(x)
        inside = []
        for offset, bound in ((hidden(x, "sub", row, column), num_lower), (hidden(x, "sub", column, row), num_upper)):
            most = known_int(bound, "num_lower or num_upper")
            if most >= 0:
                inside.append(hidden(x, "less_equal", offset, hidden_constant(most, "int32", x)))
        if not inside:
            return emit("identity", [x], name=scope, type="MatrixBandPart")
        band = reduce(lambda a, b: hidden(x, "logical_and", a, b), inside)
        return emit("select", [band, x, hidden(x, "zeros_like", x)], name=scope, type="MatrixBandPart")


def trace(x: Any, name: str | None = None) -> Tensor:
    """The sum of the diagonal of matrices in the last two axes. Source: tf.trace."""
    with op_scope("Trace" if name is None else name, (x,)) as scope:
        return reduce_sum(matrix_diag_part(convert_to_tensor(x, name="x")), -1, name=scope)


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Sequence[Tensor]:
    """The QR decomposition (q, r) of a matrix [m, n], m >= n. Raises NotImplementedError for more. Source: tf.qr."""
    if full_matrices:
        raise NotImplementedError("qr with full_matrices=True is not supported.")
    with op_scope("Qr" if name is None else name, (input,)) as scope:
        x = convert_to_tensor(input, name="input")
        return tuple(x.graph.emit("qr", [x], name=scope, type="Qr").outputs)


