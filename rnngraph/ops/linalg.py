"""Matrix factorisations, computed on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnngraph.ir.kinds import Host
from rnngraph.ir.op import Call, Site
from rnngraph.ir.types import TensorType
from rnngraph.ops.declare import FLOATS, check_kind, declare


def _qr_types(site: Site) -> tuple[TensorType, ...]:
    x = site.tensor(0)
    check_kind(x.dtype, FLOATS)
    if x.shape is None:
        return x, x
    if len(x.shape) != 2:
        raise ValueError(f"qr takes a matrix, but the operand has rank {len(x.shape)}.")
    rows, columns = x.shape
    if not isinstance(rows, int) or not isinstance(columns, int) or rows < columns:
        raise ValueError(f"qr takes a matrix of known sizes with no fewer rows than columns, not {x.shape}.")
    return x, x.with_shape((columns, columns))


def _qr(call: Call, x: Any) -> Any:
    # NumPy factors float32 and float64 only.
    q, r = np.linalg.qr(x.astype(np.float64 if x.dtype == np.float64 else np.float32), mode="reduced")
    return q.astype(x.dtype), r.astype(x.dtype)


declare("qr", "x", "x [m, n], m >= n, as q [m, n] with orthonormal columns times r [n, n], upper triangular.", Host(),
        _qr_types, _qr)
