"""Products and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.eager.core import Bad, op, sized


@op
def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """tf.matmul."""
    if a.ndim != b.ndim or a.ndim < 2 or a.shape[:-2] != b.shape[:-2] or a.dtype != b.dtype:
        raise Bad("matmul")
    return np.matmul(a.swapaxes(-1, -2) if transpose_a else a, b.swapaxes(-1, -2) if transpose_b else b)


@op
def einsum(spec: str, *xs: Any) -> Any:
    """tf.einsum; NumPy's would broadcast."""
    named = [(letter, n) for part, x in zip(spec.split("->")[0].split(","), xs, strict=True)
             for letter, n in zip(part, x.shape, strict=True)]
    if len(set(named)) != len({letter for letter, _ in named}) or len({x.dtype for x in xs}) > 1:
        raise Bad("einsum")
    return np.einsum(spec, *xs)


@op
def tensordot(a: Any, b: Any, axes: Any) -> Any:
    """tf.tensordot."""
    if a.dtype != b.dtype:
        raise Bad("tensordot")
    return np.tensordot(a, b, axes)


@op
def _eye(n: Any, dtype: Any) -> Any:
    return np.eye(int(n), dtype=dtype)


@op
def band(x: Any, lower: int, upper: int) -> Any:
    """tf.matrix_band_part."""
    i, j = np.ogrid[:x.shape[-2], :x.shape[-1]]
    return np.where(((lower < 0) | (i - j <= lower)) & ((upper < 0) | (j - i <= upper)), x, 0).astype(x.dtype)


@op
def diag(x: Any) -> Any:
    """tf.matrix_diag."""
    return x[..., None] * np.eye(x.shape[-1], dtype=x.dtype)


EXPORTS: dict[str, Any] = {
    "matmul": matmul, "matrix_band_part": band, "matrix_diag": diag,
    "matrix_diag_part": op(lambda x: np.diagonal(x, axis1=-2, axis2=-1)), "trace": op(lambda x: np.trace(x).astype(x.dtype)),
    "einsum": einsum,
    "tensordot": tensordot,
    "eye": lambda n, dtype=np.float32: _eye(n, dtype) if isinstance(n, int) else sized(_eye(n, dtype)),
}
