"""The LLVM scalars against NumPy: accuracy in units of the last place, special values, integers, casts."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rnngraph.backends.llvm.scalars import LLVMScalars, supports
from rnngraph.backends.llvm.text import Module, Scalar, memory_type
from rnngraph.backends.llvm.toolchain import CompilationError, Library, Toolchain, machine

Body = Callable[..., Scalar]
FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "sin", "cos", "erf")
BOUNDS = {
    "exp": 2.0, "expm1": 2.0, "log": 2.0, "log1p": 2.0, "tanh": 3.0, "sigmoid": 3.0, "sin": 2.0, "cos": 2.0, "erf": 2.0,
}  # fmt: skip


@cache
def tools() -> Toolchain:
    return Toolchain(machine())


class Compiled:
    """A loop over arrays, one body per element."""

    def __init__(self, library: Library, symbol: str, dtypes: Sequence[str], result: str) -> None:
        self.library, self.dtypes, self.result = library, dtypes, result
        signature = [ctypes.c_void_p] * (len(dtypes) + 1) + [ctypes.c_int64]
        self.call = ctypes.CFUNCTYPE(ctypes.c_int64, *signature)(library.address(symbol))

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        inputs = [np.ascontiguousarray(array, dtype) for array, dtype in zip(arrays, self.dtypes, strict=True)]
        out = np.empty(inputs[0].shape, self.result)
        assert self.call(*(array.ctypes.data for array in inputs), out.ctypes.data, out.size) == 0
        return out


def add_loop(module: Module, name: str, body: Body, dtypes: Sequence[str]) -> str:
    """A function of the module applying `body` elementwise; the dtype of what it gives."""
    params = [("ptr noalias", f"x{number}") for number in range(len(dtypes))]
    fn = module.function(name, [*params, ("ptr noalias", "out"), ("i64", "n")])
    with fn.loop(0, "%n") as i:
        scalars = LLVMScalars(fn, [i])
        operands = [
            fn.load(dtype, fn.offset(memory_type(dtype), f"%x{number}", i)) for number, dtype in enumerate(dtypes)
        ]
        value = body(scalars, *operands)
        fn.store(value, fn.offset(memory_type(value.dtype), "%out", i))
    return value.dtype


def build(body: Body, *dtypes: str) -> Compiled:
    module = Module(tools().target.vector_bits)
    result = add_loop(module, "f", body, dtypes)
    return Compiled(tools().load(tools().compile(str(module))), "f", dtypes, result)


@cache
def functions(dtype: str) -> tuple[dict[str, Compiled], bytes, str]:
    """All the transcendental functions, their object, and their text."""
    module = Module(tools().target.vector_bits)
    for name in FUNCTIONS:
        add_loop(module, name, lambda s, x, name=name: getattr(s, name)(x), (dtype,))
    compiled = tools().compile(str(module))
    library = tools().load(compiled)
    return {name: Compiled(library, name, (dtype,), dtype) for name in FUNCTIONS}, compiled, str(module)


def exact(name: str, x: np.ndarray) -> np.ndarray:
    """The function in the widest floats there are."""
    wide = x.astype(np.longdouble)
    with np.errstate(all="ignore"):
        if name == "sigmoid":
            return np.asarray(1 / (1 + np.exp(-wide)))
        if name == "erf":
            return np.array([math.erf(float(value)) for value in x], np.longdouble)
        return np.asarray(getattr(np, name)(wide))


def samples(name: str, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(5)
    single = dtype == "float32"
    edge = {"exp": 87.0 if single else 708.0, "expm1": 87.0 if single else 708.0, "sigmoid": 87.0 if single else 708.0}
    limit = edge.get(name, {"tanh": 25.0, "sin": 1e4, "cos": 1e4, "erf": 7.0}.get(name, 10.0))
    count = 60_000 if name != "erf" else 20_000
    powers = 10.0 ** rng.uniform(-20, 0, count)
    if name in ("log", "log1p"):
        parts = [10.0 ** rng.uniform(0, 38 if single else 300, count), rng.uniform(0.3, 3.0, count), powers]
        parts += [rng.uniform(-0.999, 1.0, count)] if name == "log1p" else []
    else:
        parts = [rng.uniform(-limit, limit, count), rng.uniform(-1.5, 1.5, count), powers, -powers]
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy(name: str, dtype: str) -> None:
    x = samples(name, dtype)
    got = functions(dtype)[0][name](x)
    want = exact(name, x)
    unit = np.spacing(np.maximum(np.abs(want), np.finfo(dtype).tiny).astype(dtype)).astype(np.longdouble)
    errors = np.abs(got.astype(np.longdouble) - want) / unit
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUNDS[name], f"{float(errors[worst])} ulp at {x[worst]!r}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values(name: str, dtype: str) -> None:
    tiny = 1e-40 if dtype == "float32" else 1e-310
    over = 88.9 if dtype == "float32" else 709.9
    values = [0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0, -2.0, 500.0, -50.0, over, tiny, -tiny]
    if name not in ("sin", "cos"):
        values += [3e38, -3e38]
    x = np.array(values * 3, dtype)  # long enough to reach both the vector loop and the rest after it
    got = functions(dtype)[0][name](x)
    with np.errstate(all="ignore"):
        want = exact(name, x).astype(dtype)
        close = np.abs(got - want) <= 4 * np.spacing(np.abs(want))
    same = (np.isnan(got) & np.isnan(want)) | (got == want) | close
    assert same.all(), (x[~same], got[~same], want[~same])
    zero = (want == 0) & ~np.isnan(want)
    assert (np.signbit(got[zero]) == np.signbit(want[zero])).all()


def test_nan_payloads_stay_nan() -> None:
    patterns = np.array([0x7FC00001, 0x7F800001, 0xFFC12345, 0x7FFFFFFF] * 8, np.uint32).view(np.float32)
    for name, function in functions("float32")[0].items():
        assert np.isnan(function(patterns)).all(), name


def test_large_angles_stay_bounded() -> None:
    x = np.array([1e6, 1e8, 1e20, 3e38, -1e30] * 8, np.float32)
    for name in ("sin", "cos"):
        assert (np.abs(functions("float32")[0][name](x)) <= 1).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_object_needs_no_library(dtype: str, tmp_path: Path) -> None:
    if shutil.which("nm") is None:
        pytest.skip("nm is not installed")
    path = tmp_path / "object.o"
    path.write_bytes(functions(dtype)[1])
    listing = subprocess.run(["nm", "-u", path], capture_output=True, text=True, check=True).stdout
    assert [line for line in listing.split() if line not in ("U", "_GLOBAL_OFFSET_TABLE_")] == []


def test_loops_are_vectorised() -> None:
    if tools().target.vector_bits < 256:
        pytest.skip("the machine has narrow vectors")
    register = "%zmm" if tools().target.vector_bits == 512 else "%ymm"
    for name in FUNCTIONS:
        module = Module(tools().target.vector_bits)
        add_loop(module, name, lambda s, x, name=name: getattr(s, name)(x), ("float32",))
        lines = tools().assembly(str(module)).splitlines()
        assert sum("vfmadd" in line and register in line for line in lines) >= 3, name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_arithmetic(dtype: str) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 50)).astype(dtype)
    x[:4], y[2:6] = [np.nan, 1, np.nan, -0.0], [np.nan, 2, -3, np.inf]
    with np.errstate(all="ignore"):
        cases: list[tuple[Body, np.ndarray]] = [
            (lambda s, a, b: s.add(a, b), x + y),
            (lambda s, a, b: s.sub(a, b), x - y),
            (lambda s, a, b: s.mul(a, b), x * y),
            (lambda s, a, b: s.div(a, b), x / y),
            (lambda s, a, b: s.min(a, b), np.minimum(x, y)),
            (lambda s, a, b: s.max(a, b), np.maximum(x, y)),
            (lambda s, a, b: s.neg(s.abs(a)), -np.abs(x)),
            (lambda s, a, b: s.select(s.lt(a, b), a, s.const(7, a)), np.where(x < y, x, np.array(7, dtype))),
            (lambda s, a, b: s.sqrt(s.abs(b)), np.sqrt(np.abs(y))),
            (lambda s, a, b: s.floor(b), np.floor(y)),
            (lambda s, a, b: s.ceil(b), np.ceil(y)),
            (lambda s, a, b: s.eq(a, b), x == y),
            (lambda s, a, b: s.ne(a, b), x != y),
            (lambda s, a, b: s.le(a, b), x <= y),
        ]
    for number, (body, want) in enumerate(cases):
        np.testing.assert_array_equal(build(body, dtype, dtype)(x, y), want, err_msg=f"case {number}")
    halves = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, 1e9] * 5, dtype)
    np.testing.assert_array_equal(build(lambda s, a: s.rint(a), dtype)(halves), np.rint(halves))
    fused = build(lambda s, a, b: s.fma(a, b, s.neg(s.mul(a, b))), dtype, dtype)(x, y)
    pairs = [(a, b, Fraction(float(a)) * Fraction(float(b))) for a, b in zip(x[6:], y[6:], strict=True)]
    lost = [float(product - Fraction(float(a * b))) for a, b, product in pairs]
    np.testing.assert_array_equal(fused[6:], np.array(lost, dtype))  # what rounding the product took away


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint32", "uint64"])
def test_integer_arithmetic(dtype: str) -> None:
    rng = np.random.default_rng(2)
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max, 64, dtype, endpoint=True)
    y = rng.integers(max(info.min, -9), 9, 64, dtype, endpoint=True)
    x[0], y[0] = info.min, info.max if info.min == 0 else -1
    y[1] = 0

    def quotient(a: int, b: int) -> int:
        size = 0 if b == 0 else abs(a) // abs(b)
        value = -size if (a < 0) != (b < 0) else size
        return (value - info.min) % (1 << info.bits) + info.min

    def remainder(a: int, b: int) -> int:
        return 0 if b == 0 else abs(a) % abs(b) * (-1 if a < 0 else 1)

    pairs = [(int(a), int(b)) for a, b in zip(x, y, strict=True)]
    cases: list[tuple[Body, np.ndarray]] = [
        (lambda s, a, b: s.idiv(a, b), np.array([quotient(a, b) for a, b in pairs], dtype)),
        (lambda s, a, b: s.imod(a, b), np.array([remainder(a, b) for a, b in pairs], dtype)),
        (lambda s, a, b: s.add(s.mul(a, b), s.const(3, a)), x * y + np.array(3, dtype)),
        (lambda s, a, b: s.min(a, b), np.minimum(x, y)),
        (lambda s, a, b: s.max(a, b), np.maximum(x, y)),
        (lambda s, a, b: s.abs(a), np.abs(x)),
        (lambda s, a, b: s.lt(a, b), x < y),
        (lambda s, a, b: s.bit_xor(s.bit_not(a), b), ~x ^ y),
        (lambda s, a, b: s.shl(a, 3), x << np.array(3, dtype)),
        (lambda s, a, b: s.shr(a, 3), (x.view(f"u{x.itemsize}") >> np.array(3, f"u{x.itemsize}")).view(dtype)),
    ]
    for number, (body, want) in enumerate(cases):
        np.testing.assert_array_equal(build(body, dtype, dtype)(x, y), want, err_msg=f"case {number}")


def test_bools() -> None:
    x, y = np.array([True, True, False, False] * 9), np.array([True, False] * 18)
    cases: list[tuple[Body, np.ndarray]] = [
        (lambda s, a, b: s.bit_and(a, b), x & y),
        (lambda s, a, b: s.bit_or(a, b), x | y),
        (lambda s, a, b: s.bit_xor(a, b), x ^ y),
        (lambda s, a, b: s.bit_not(a), ~x),
        (lambda s, a, b: s.eq(a, b), x == y),
        (lambda s, a, b: s.cast(s.select(a, s.typed(1.5, "float32"), s.typed(0, "float32")), "bool"), x),
        (lambda s, a, b: s.cast(s.typed(True, "bool"), "int64"), np.ones(36, np.int64)),
    ]
    for body, want in cases:
        got = build(body, "bool", "bool")(x, y)
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("source", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_float_to_int(source: str, dtype: str) -> None:
    info = np.iinfo(dtype)
    edges = [float(info.max), float(info.min), info.max + 1.0, info.min - 1.0, info.min - 0.5, info.max + 0.5]
    x = np.array([*edges, 0.9, -0.9, 2.5, 100.99, np.nan, np.inf, -np.inf, 1e30, -1e30] * 3, source)
    want = []
    for value in x.tolist():
        whole = None if math.isnan(value) or math.isinf(value) else int(value)
        want.append(info.min if whole is None or not info.min <= whole <= info.max else whole)
    got = build(lambda s, a: s.cast(a, dtype), source)(x)
    np.testing.assert_array_equal(got, np.array(want, dtype))


def test_other_casts() -> None:
    x = np.array([-3, 200, 70000, -(2**31), 2**31 - 1] * 5, np.int32)
    for dtype in ("int8", "uint8", "int64", "uint64", "float32", "float64", "bool", "uint32"):
        got = build(lambda s, a, dtype=dtype: s.cast(a, dtype), "int32")(x)
        np.testing.assert_array_equal(got, x.astype(dtype), err_msg=dtype)
    wide = np.array([0, 2**63, 2**64 - 1, 5] * 6, np.uint64)
    np.testing.assert_array_equal(build(lambda s, a: s.cast(a, "float64"), "uint64")(wide), wide.astype(np.float64))
    floats = np.array([1.1, np.nan, 1e300, 0.0] * 5)
    with np.errstate(all="ignore"):
        want = floats.astype(np.float32)
    np.testing.assert_array_equal(build(lambda s, a: s.cast(a, "float32"), "float64")(floats), want)
    np.testing.assert_array_equal(build(lambda s, a: s.cast(a, "bool"), "float64")(floats), floats != 0)


def test_index_and_carried_values() -> None:
    got = build(lambda s, a: s.mul(s.index(0), s.cast(a, "int64")), "int32")(np.full(20, 3))
    np.testing.assert_array_equal(got, np.arange(20) * 3)
    module = Module()
    fn = module.function("total", [("i64", "n")])
    with fn.loop_carrying(0, "%n", carried=[("i64", "0")]) as outer:
        with fn.loop_carrying(0, outer.index, carried=[("i64", outer.values[0])]) as inner:
            with fn.if_else(fn.compare("eq", inner.index, 1)) as branch:
                branch.otherwise()
            inner.carry([str(fn.add(inner.values[0], 1))])
        outer.carry(inner.results)
    fn.ret(outer.results[0])
    library = tools().load(tools().compile(str(module)))
    total = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(library.address("total"))
    assert [total(n) for n in (0, 1, 5)] == [0, 0, 10]


def test_errors() -> None:
    with pytest.raises(NotImplementedError, match="float16"):
        supports("float16")
    with pytest.raises(TypeError, match="one dtype"):
        build(lambda s, a: s.add(a, s.typed(1, "int32")), "float32")
    with pytest.raises(CompilationError, match="saved in"):
        tools().compile("define nonsense")
    with pytest.raises(KeyError, match="no symbol"):
        tools().load(tools().compile(str(Module()))).address("missing")


def test_what_follows_a_terminator_lies_in_a_block_that_nothing_reaches() -> None:
    module = Module()
    fn = module.function("f", [("i64", "x")])
    fn.ret(1)
    value = fn.value("add i64 %x, 1")
    assert fn.here() != "entry" and f"{fn.here()}:\n  {value} = add" in fn.text()
    library = tools().load(tools().compile(str(module)))
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(library.address("f"))(7) == 1
