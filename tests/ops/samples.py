"""Sample operands of every op: made from the op's arity where its kind says enough, else from the table below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnngraph.ir.graph import Array, complete_attrs
from rnngraph.ir.kinds import Control, Elementwise, Random, Reduction, State
from rnngraph.ir.op import OPS, OpDef, Site
from rnngraph.ir.types import DType, as_dtype, float32, float64, int32, int64
from tests.ops.evaluate import type_of


@dataclass
class Sample:
    """One application of an op. Arrays of floats are given in float64 and converted; `fixed` operands stay."""

    arrays: tuple[Any, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    differentiable: tuple[int, ...] | None = None
    """Operands that differences can check; None: all of floats."""


def floats(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> Any:
    """Random numbers, none near a multiple of 1/2: kinks are there."""
    raw = np.random.default_rng((seed, *shape)).uniform(low, high, shape)
    return np.floor(raw * 2) / 2 + 0.1 + 0.6 * (raw * 2 - np.floor(raw * 2)) / 2


def i32(*values: Any) -> Any:
    """An int32 array."""
    return np.asarray(values[0] if len(values) == 1 else values, np.int32)


def i64(*values: Any) -> Any:
    """An int64 array."""
    return np.asarray(values[0] if len(values) == 1 else values, np.int64)


def bools(*shape: int) -> Any:
    """Random bools."""
    return np.random.default_rng(7).random(shape) < 0.5


POSITIVE = dict(low=0.5, high=3.0)
DOMAINS: dict[str, list[dict[str, float]]] = {
    "log": [POSITIVE], "sqrt": [POSITIVE], "rsqrt": [POSITIVE], "pow": [POSITIVE, {}], "log1p": [dict(low=0, high=2)],
    "asin": [dict(low=0.0, high=0.4)], "acos": [dict(low=0.0, high=0.4)], "reciprocal": [POSITIVE],
    "div": [{}, POSITIVE], "floordiv": [{}, POSITIVE], "floormod": [{}, POSITIVE], "tan": [dict(low=0, high=1)]}
"""Where operands of elementwise ops lie, if not anywhere."""

TYPES = ("float64", "float32", "int32", "int64", "uint8", "bool")


def _elementwise(op: OpDef, count: int, dtype: str) -> Iterator[Sample]:
    """Operands of equal shape, and of shapes that broadcast."""
    for shapes in ([(2, 3)] * count, [(), (3,), (2, 3)][-count:], [(2, 1), (1, 3), (3,)][:count]):
        arrays = []
        for i, shape in enumerate(shapes):
            domain = DOMAINS.get(op.name, [{}])
            x = floats(*shape, seed=i, **domain[min(i, len(domain) - 1)])
            if dtype == "bool":
                x = x > 0
            elif dtype not in ("float32", "float64"):
                x = np.where(np.trunc(x * 2) == 0, 1, np.trunc(x * 2)) if dtype != "uint8" else np.abs(np.trunc(x)) + 1
            arrays.append(x.astype(dtype))
        if op.name == "select":
            arrays[0] = floats(*shapes[0]) > 0
        yield Sample(tuple(arrays))


def _count(op: OpDef) -> int:
    return len([p for p in op.doc[op.doc.index("(") + 1:op.doc.index(")")].split(",") if p.strip()])


def _fits(op: OpDef, sample: Sample) -> bool:
    """Whether the op takes operands of these dtypes."""
    try:
        site = Site(tuple(type_of(a) for a in sample.arrays), (None,) * len(sample.arrays),
                    complete_attrs(op, sample.attrs), NO_SIZES)
        op.infer(site)
    except TypeError:
        return False
    return True


class _NoSizes:
    is_open = False

    def same(self, a: Any, b: Any, what: str) -> Any:
        return a

    def at_least(self, size: Any, low: Any, message: str) -> None:
        pass

    def holds(self, relation: str, a: Any, b: Any) -> Any:
        return a == b if relation == "==" else a >= b

    def fresh(self, hint: str) -> Any:
        return None


NO_SIZES = _NoSizes()
UNARY_HOST = ("asin", "acos", "atan")
SCAN = [dict(axis=a, exclusive=e, reverse=r) for a, e, r in ((0, False, False), (1, True, False), (1, False, True),
                                                            (-1, True, True))]
KEY = i64(3, 4, 0)


def S(*arrays: Any, only: tuple[int, ...] | None = None, **attrs: Any) -> Sample:
    """A sample, shortly."""
    return Sample(arrays, attrs, only)


def _strided(begin: Any, end: Any, strides: Any, x: Any = None, **masks: int) -> Sample:
    return S(floats(4, 5, 3) if x is None else x, i32(begin), i32(end), i32(strides), **{
        "begin_mask": 0, "end_mask": 0, "shrink_mask": 0, **masks})


STRIDED = [
    _strided([1], [3], [1]), _strided([0, -2, 1], [4, 5, 3], [2, 1, 1]), _strided([-1, 4], [0, -6], [-1, -2]),
    _strided([0, 0], [0, 0], [1, 1], begin_mask=1, end_mask=3),
    _strided([2, 1], [0, 0], [1, 1], shrink_mask=1, end_mask=2),
    _strided([-1, 0], [0, 0], [1, -1], shrink_mask=1, begin_mask=2, end_mask=2), _strided([3], [1], [1]),
    _strided([-9], [9], [1]), _strided([9], [-9], [-2]), _strided([1, -1, 0], [2, 9, 1], [1, 1, 1], shrink_mask=5),
    _strided([1], [4], [2], x=i32(4, 5, 6, 7, 8)), _strided([-1], [0], [1], x=i32(4, 5, 6), shrink_mask=1)]


def _strided_grad(sample: Sample) -> Sample:
    x, begin, end, strides = sample.arrays
    key = []
    for i in range(len(begin)):
        bit = [sample.attrs[m] >> i & 1 for m in ("begin_mask", "end_mask", "shrink_mask")]
        key.append(begin[i] if bit[2] else slice(None if bit[0] else begin[i], None if bit[1] else end[i], strides[i]))
    return Sample((np.array(x[tuple(key)]), i32(list(x.shape)), begin, end, strides), sample.attrs)


PROBABILITIES = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
TABLE: dict[str, list[Sample]] = {
    "cast": [S(floats(2, 3), dtype=d) for d in (float32, float64, int32, as_dtype("bool"))]
            + [S(i32(3, -4, 0), dtype=d) for d in (int64, float64, as_dtype("uint8"), as_dtype("bool"))]
            + [S(bools(3), dtype=int32), S(np.array([np.nan, np.inf, -np.inf, 3e9, -1.9]), dtype=int32)],
    "identity": [S(floats(2, 3)), S(i32(1, 2))], "stop_gradient": [S(floats(2))],
    "zeros_like": [S(floats(2, 3)), S(i32(1, 2)), S(floats())], "ones_like": [S(floats(2, 3)), S(bools(2))],
    "refine": [S(floats(2, 3), shape=(2, None)), S(floats(2), shape=None), S(i32(1, 2), shape=(2,))],
    "unbroadcast": [S(floats(2, 3), i32(2, 3)), S(floats(2, 3), i32([3])), S(floats(2, 3), i32(1, 3)),
                    S(floats(4, 2, 3), i32(2, 1)), S(floats(2, 3), i32([])), S(floats(1, 3), i32([1]))],
    "bias_add": [S(floats(2, 3), floats(3)), S(floats(4, 2, 3), floats(3))],
    "contract": [S(floats(2, 3), floats(3, 4), spec="bi,ih->bh"),
                 S(floats(5, 2, 3), floats(5, 4, 3), spec="tbi,thi->tbh"),
                 S(floats(2, 3), floats(4), spec="ab,c->ca"), S(floats(2, 3), floats(2, 3), spec="ab,ab->"),
                 S(floats(2, 3), floats(3, 4), spec="ab,bc->c"), S(floats(5, 2, 3), floats(3, 4), spec="tbi,ih->htb"),
                 S(i32([[1, 2]]), i32([[3], [4]]), spec="ab,bc->ac"), S(floats(2, 3), floats(2, 3), spec="ab,ab->ba")],
    "constant": [S(value=Array(np.arange(3, dtype=np.int32))), S(value=Array(floats(2, 3)))],
    "seeds": [S(value=Array(np.arange(2, dtype=np.int64)))],
    "sizes": [S(dims=(2, 3), dtype=int32, scalar=False), S(dims=(4,), dtype=int64, scalar=True)],
    "shape": [S(floats(2, 3), dtype=int32), S(floats(), dtype=int64)], "size": [S(floats(2, 3)), S(floats(0))],
    "rank": [S(floats(2, 3), dtype=int64)],
    "iota": [S(i32(2, 3), axis=1, dtype=int64), S(i32([4])), S(i32(2, 3), axis=0, dtype=float32)],
    "range": [S(i32(0), i32(5), i32(1)), S(i32(7), i32(0), i32(-3)), S(np.array(0.5), np.array(2.0), np.array(0.5)),
              S(i64(2), i64(9), i64(3)), S(i32(3), i32(3), i32(1))],
    "one_hot": [S(i32([1, 3, -1]), i32(3), floats(), np.array(0.0)),
                S(i64([[1], [2]]), i32(4), i32(5), i32(-1), axis=0),
                S(np.array([1, 0], np.uint8), i32(300), floats(), floats(seed=1))],
    "broadcast": [S(floats(3), i32(2, 3)), S(floats(2, 1), i32(4, 2, 3)), S(floats(), i32(2, 2)), S(i32(3), i32([2])),
                  S(floats(2), i32([2]))],
    "reshape": [S(floats(2, 6), i32(3, -1)), S(floats(4), i32(2, 2)), S(floats(1), i32([])), S(i32([5]), i32([])),
                S(i32(5), i32([-1]))],
    "expand_dims": [S(floats(2, 3), axis=1), S(floats(2), axis=-1), S(i32(3), axis=0)],
    "squeeze": [S(floats(2, 1, 3), axes=(1,)), S(floats(1, 1), axes=(0, 1)), S(i32([3]), axes=(0,))],
    "squeeze_ones": [S(floats(2, 1, 3)), S(floats(1, 1)), S(i32([3])), S(floats(2, 3))],
    "complex_abs": [S(np.array([3 + 4j, -1j], np.complex64), dtype=float32)],
    "joint_size": [S(dims=(3, 1)), S(dims=(1, 4)), S(dims=(2, 2)), S(dims=(0, 1))],
    "invert_permutation": [S(i32(2, 0, 1)), S(i64([0])), S(i32([]))],
    "cotangent_sum": [S(floats(2, 3), floats(2, 3, seed=1)), S(floats(), floats(seed=1))],
    "transpose": [S(floats(2, 3, 4), perm=(2, 0, 1)), S(floats(), perm=()), S(i32(1, 2), perm=(0,))],
    "reverse": [S(floats(2, 3), axes=(1,)), S(i32(1, 2, 3), axes=(0,)), S(floats(2, 3), axes=(0, 1))],
    "concat": [S(floats(2, 3), floats(2, 1), axis=1), S(i32(1, 2), i32([3]), axis=0), S(floats(2), axis=0),
               S(floats(2, 3), floats(4, 3), floats(1, 3), axis=-2)],
    "stack": [S(floats(2, 3), floats(2, 3, seed=1), axis=1), S(i32(1), i32(2)), S(floats(), axis=-1)],
    "unstack": [S(floats(2, 3), axis=1, num=3), S(i32(1, 2), num=2)],
    "split": [S(floats(4, 6), axis=1, num=3), S(floats(5), sizes=(2, 3)), S(floats(5, 2), sizes=(1, -1, 2)),
              S(i32(1, 2, 3), sizes=(1, 2))],
    "reverse_axes": [S(floats(2, 3, 4)), S(floats(3)), S(floats())],
    "prepend": [S(floats(3), floats(2, 3)), S(floats(), floats(2)), S(floats(2, 3), floats(0, 2, 3))],
    "split_v": [S(floats(4, 6), i32(1, 2, 3), axis=1, num=3), S(floats(5, 2), i32(1, -1), num=2),
                S(floats(2, 3), i64(0, 3, 0), axis=-1, num=3)],
    "untake": [S(floats(2, 3), i32(2, 0), i32(4, 3)), S(floats(3), i32(1), i32(4, 3)),
               S(floats(2, 2, 2, 3), i64([[0, 3], [3, 1]]), i32(2, 4, 3), axis=1),
               S(floats(2, 2), i32(1, 1), i32(2, 3), axis=-1)],
    "tile": [S(floats(2, 3), i32(2, 3)), S(floats(2), i32([0])), S(floats(), i32([]))],
    "untile": [S(floats(4, 9), i32(2, 3), i32(2, 3)), S(floats(0), i32([0]), i32([2]))],
    "slice": [S(floats(4, 5), starts=(1, 0), strides=(1, 2), sizes=(2, None)),
              S(floats(4), starts=(3,), strides=(-1,), sizes=(None,)),
              S(i32(1, 2, 3), starts=(1,), strides=(1,), sizes=(2,)),
              S(floats(4), starts=(3,), strides=(-2,), sizes=(2,)),
              S(floats(4), starts=(0,), strides=(1,), sizes=(0,))],
    "unslice": [S(floats(2, 3), i32(4, 5), starts=(1, 0), strides=(1, 2)),
                S(floats(2), i32([4]), starts=(3,), strides=(-2,)),
                S(floats(2), i32([4]), starts=(1,), strides=(1,), value=1.5)],
    "slice_sized": [S(floats(4, 5), i32(2, 3), starts=(1, 0), strides=(1, 2)),
                    S(floats(4), i32([2]), starts=(3,), strides=(-2,))],
    "strided_slice": STRIDED, "strided_slice_grad": [_strided_grad(s) for s in STRIDED],
    "dynamic_slice": [S(floats(4, 5), i32(1, 0), i32(2, -1)), S(i32(1, 2, 3), i32([1]), i32([1])),
                      S(floats(4), i32([0]), i32([4]))],
    "dynamic_unslice": [S(floats(2, 3), i32(4, 5), i32(1, 2))],
    "pad": [S(floats(2, 3), before=(1, 0), after=(0, 2)), S(i32(1, 2), before=(1,), after=(1,), value=7)],
    "pad_mirror": [S(floats(3, 4), before=(2, 0), after=(1, 3), mode="REFLECT"),
                   S(floats(3), before=(3,), after=(2,), mode="SYMMETRIC")],
    "unpad_mirror": [S(floats(6, 7), before=(2, 0), after=(1, 3), mode="REFLECT")],
    "pad_dynamic": [S(floats(2, 3), i32([[1, 0], [0, 2]]), np.array(0.0), only=(0,))],
    "take": [S(floats(4, 3), i32(2, 0, 2)), S(floats(4, 3), i32(1)), S(floats(2, 4, 3), i64([[0, 3], [3, 1]]), axis=1),
             S(i32(4, 5, 6), i32(2)), S(floats(4), i32([[1], [1]]))],
    "put_add": [S(floats(4, 3), i32(2, 0, 2), floats(3, 3)), S(floats(4), i32(1), floats()),
                S(floats(4), i64([[0, 3], [3, 1]]), floats(2, 2))],
    "put": [S(floats(4, 3), i32(2, 0), floats(2, 3))],
    "put_mul": [S(floats(4), i32(2, 2), floats(2))], "put_div": [S(floats(4), i32(2, 2), floats(2))],
    "take_nd": [S(floats(4, 3), i32([[1, 2], [1, 2], [0, 0]])), S(floats(4, 3), i32([[3]]))],
    "put_nd_add": [S(floats(4, 3), i32([[1, 2], [1, 2]]), floats(2)), S(floats(4, 3), i32([[3]]), floats(1, 3))],
    "unsorted_segment_sum": [S(floats(3, 2), i32(1, 1, 0), i32(4)), S(floats(2, 2), i32([[0, 1], [1, 1]]), i32(2))],
    "segment_sum": [S(floats(3, 2), i32(0, 0, 2)), S(floats(0, 2), i32([]))],
    "argmax": [S(floats(2, 3), axis=1), S(i32(3, 5, 5), dtype=int32)], "argmin": [S(floats(2, 3), axis=-1)],
    "cumsum": [S(floats(2, 3), **a) for a in SCAN], "cumprod": [S(floats(2, 3), **a) for a in SCAN],
    "top_k": [S(floats(2, 5), i32(3)), S(i32(1, 3, 3, 2), i32(2))],
    "in_top_k": [S(floats(3, 4), i32(0, 3, 9), k=2)],
    "reverse_sequence": [S(floats(3, 4, 2), i32(0, 4, 2), seq_axis=1),
                         S(floats(4, 3), i64(2, 3, 1), seq_axis=0, batch_axis=1)],
    "diag": [S(floats(3)), S(floats(2, 3))], "diag_part": [S(floats(3, 3)), S(floats(2, 3, 3))],
    "where_indices": [S(bools(2, 3)), S(np.array(True))], "unique": [S(i32(4, 2, 4, 9, 2)), S(i64([]), dtype=int64)],
    "dynamic_partition": [S(floats(4, 2), i32(1, 0, 1, 1), num=3), S(floats(2, 2), i32([[1, 0], [0, 0]]), num=2)],
    "dynamic_stitch": [S(i32([2, 0]), i32([[1, 3]]), floats(2, 2), floats(1, 2, 2), num=2)],
    "assert": [S(np.array(True), floats(2))], "check_sizes": [S(i32(2, 2), message="{0} {1}"),
                                                              S(i32(3, 2), message="{0} {1}", relation=">=")],
    "as_size": [S(i32(3)), S(i64(-2))], "check_range": [S(i32(1, 2), i32(3))], "no_op": [S()],
    "force": [S(floats(2), i32(1))],
    "print": [S(floats(2), i32(1, 2, 3, 4), message="x: ")], "fail": [],
    "py_func": [S(floats(2), func=lambda x: (x + 1, 3), types=(float64, int64))],
    "softmax": [S(floats(2, 3)), S(floats(2, 3), axis=0)], "log_softmax": [S(floats(2, 3)), S(floats(2, 3), axis=0)],
    "sparse_softmax_cross_entropy": [S(floats(2, 3), i32(2, 0)), S(floats(2, 2, 3), i64([[2, 0], [1, 1]]))],
    "softmax_cross_entropy": [S(floats(2, 3), PROBABILITIES, only=(0,))],
    "l2_loss": [S(floats(2, 3)), S(floats())], "qr": [S(floats(3, 2))],
    "random_uniform": [S(KEY, i32(2, 3), dtype=float32),
                       S(KEY, i32([5]), dtype=float64), S(KEY, i32([]), dtype=float32)],
    "random_normal": [S(KEY, i32(2, 3), dtype=float32), S(i64([]), i32([50]), dtype=float64)],
    "truncated_normal": [S(KEY, i32(2, 30), dtype=float32), S(KEY, i32([5]), dtype=float64)],
    "random_gumbel": [S(KEY, i32(2, 3), dtype=float32), S(KEY, i32([50]), dtype=float64)],
    "random_int": [S(KEY, i64(-5), i64(5), i32(2, 3)), S(KEY, i32(0), i32(1 << 30), i32([4]), dtype=int32)],
    "random_shuffle": [S(KEY, floats(4, 2))], "multinomial": [S(KEY, floats(2, 3), i32(4))],
}
LISTED_ELSEWHERE = ("list_",)
"""Prefixes of ops on lists, whose samples are not arrays: `tests/ops` holds their own tests."""


def _reductions(op: OpDef) -> Iterator[Sample]:
    logical = op.name in ("reduce_all", "reduce_any")
    for attrs in (dict(axes=None, keep=False), dict(axes=(1,), keep=False), dict(axes=(0, 2), keep=True),
                  dict(axes=(-1,)), dict(axes=())):
        yield Sample((bools(2, 3, 2) if logical else floats(2, 3, 2),), attrs)
    if not logical:
        yield Sample((i32(3, 1, 4),), dict(axes=(0,)))


def samples_of(name: str) -> list[Sample]:
    """All samples of an op, those of the table or generic ones; [] if its room tests it."""
    op = OPS[name]
    if name in TABLE:
        return TABLE[name]
    if isinstance(op.kind, (Control, State)) or name.startswith(LISTED_ELSEWHERE):
        return []
    if isinstance(op.kind, Reduction) or name in ("reduce_mean", "log_sum_exp"):
        return [s for s in _reductions(op) if _fits(op, s)]
    if isinstance(op.kind, Elementwise) or name in UNARY_HOST:
        made = [s for dtype in TYPES for s in _elementwise(op, _count(op), dtype)]
        return [s for s in made if _fits(op, s)]
    raise AssertionError(f"op {name!r} needs samples in tests/ops/samples.py")


__all__ = ["DType", "Random", "Sample", "samples_of"]
