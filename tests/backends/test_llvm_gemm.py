"""The blocked matrix products against NumPy, over odd shapes and strides, for wide and narrow machines."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from rnngraph.backends.llvm.gemm import GemmEmitter
from rnngraph.backends.llvm.text import AS_WRITTEN, Module
from rnngraph.backends.llvm.toolchain import Library, Toolchain, machine

POINTER, SIZE = ctypes.c_void_p, ctypes.c_int64
PACK = ctypes.CFUNCTYPE(None, POINTER, SIZE, SIZE, POINTER, SIZE, SIZE, POINTER)
GEMM = ctypes.CFUNCTYPE(None, POINTER, SIZE, SIZE, POINTER, POINTER, SIZE, SIZE, SIZE, SIZE, POINTER)
DIRECT = ctypes.CFUNCTYPE(None, POINTER, SIZE, SIZE, POINTER, SIZE, POINTER, SIZE, SIZE, SIZE, SIZE, POINTER)
ASK = ctypes.CFUNCTYPE(ctypes.c_bool, POINTER)
MARGIN = 3
"""Elements between the rows of C, and rows around it, that no kernel may touch."""


class State:
    """What long kernels ask whether to go on; counts how often."""

    def __init__(self, stop: bool = False) -> None:
        self.asked, self.stop = 0, stop
        self._ask = ASK(self._answer)
        self._memory = (POINTER * 1)(ctypes.cast(self._ask, POINTER).value)
        self.address = ctypes.addressof(self._memory)

    def _answer(self, state: int) -> bool:
        self.asked += 1
        return self.stop


GOING_ON = State()
DEPTH = 512
"""The most steps of k that are taken at once."""


@cache
def toolchain(narrow: bool = False) -> Toolchain:
    tools = Toolchain(machine())
    if not narrow:
        return tools
    if not tools.target.triple.startswith("x86_64") or tools.target.vector_bits < 256:
        pytest.skip("the machine has no 256-bit vectors to fall back to")
    return Toolchain(machine(cpu="x86-64-v3"))


def emitter(tools: Toolchain) -> GemmEmitter:
    return GemmEmitter(Module(tools.target.vector_bits), tools.target)


def load(tools: Toolchain, gemm: GemmEmitter) -> Library:
    return tools.load(tools.compile(str(gemm.module), AS_WRITTEN))


@cache
def runtime_kernels(dtype: str, narrow: bool) -> tuple[Library, GemmEmitter, dict[str, str]]:
    """Kernels that know nothing of their sizes: one compilation serves every shape."""
    tools = toolchain(narrow)
    gemm = emitter(tools)
    symbols = {
        "pack": gemm.pack(dtype),
        "rows": gemm.gemm(dtype, None, None, None, (None, 1)),
        "columns": gemm.gemm(dtype, None, None, None, (1, None), accumulate=True),
        "direct": gemm.direct(dtype, None, None, None, (None, 1)),
    }
    return load(tools, gemm), gemm, symbols


def matrix(rng: np.random.Generator, rows: int, columns: int, dtype: str, transposed: bool, pad: int = 0) -> np.ndarray:
    """A matrix whose rows (or, transposed, columns) are contiguous and `pad` elements apart."""
    if transposed:
        return matrix(rng, columns, rows, dtype, False, pad).T
    return rng.standard_normal((rows, columns + pad)).astype(dtype)[:, :columns]


def strides(array: np.ndarray) -> tuple[int, int]:
    return array.strides[0] // array.itemsize, array.strides[1] // array.itemsize


def packed(library: Library, gemm: GemmEmitter, symbol: str, b: np.ndarray) -> np.ndarray:
    out = np.full(gemm.target.packed(b.itemsize, *b.shape) + 1, 99, b.dtype)
    PACK(library.address(symbol))(b.ctypes.data, *strides(b), out.ctypes.data, *b.shape, GOING_ON.address)
    assert out[-1] == 99
    return out


def check(call: object, a: np.ndarray, b: np.ndarray, b_args: tuple[int, ...], accumulate: bool) -> None:
    """Call a product of a and b (passed as `b_args`) into a framed C and compare it, and the frame."""
    (m, k), n = a.shape, b.shape[1]
    frame = np.random.default_rng(3).standard_normal((m + 2, n + MARGIN)).astype(a.dtype)
    before = frame.copy()
    c = frame[1:-1]
    call(a.ctypes.data, *strides(a), *b_args, c.ctypes.data, n + MARGIN, m, n, k, GOING_ON.address)  # type: ignore[operator]
    want = a.astype(np.float64) @ b.astype(np.float64) + (before[1:-1, :n] if accumulate else 0)
    scale = np.finfo(a.dtype).eps * (np.abs(a).astype(np.float64) @ np.abs(b) + 1)
    assert (np.abs(frame[1:-1, :n] - want) <= 2 * (np.sqrt(k) + 1) * scale).all()
    frame[1:-1, :n] = before[1:-1, :n]
    np.testing.assert_array_equal(frame, before)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pack(dtype: str, narrow: bool) -> None:
    library, gemm, symbols = runtime_kernels(dtype, narrow)
    columns = gemm.geometry(dtype).columns
    rng = np.random.default_rng(0)
    for k, n in ((1, 1), (5, 64), (16, 64), (37, 131), (40, 2 * columns), (3, columns - 1), (0, 5), (20, 200)):
        for transposed in (False, True):
            for pad in (0, 3):
                b = matrix(rng, k, n, dtype, transposed, pad)
                panels = -(-n // columns)
                got = packed(library, gemm, symbols["pack"], b)[:-1].reshape(panels, k, columns)
                want = np.zeros((k, panels * columns), dtype)
                want[:, :n] = b
                np.testing.assert_array_equal(got, want.reshape(k, panels, columns).swapaxes(0, 1))
    every_other = matrix(rng, 22, 140, dtype, False)[::2, ::2]
    got = packed(library, gemm, symbols["pack"], every_other)[:-1].reshape(-1, 11, columns)
    np.testing.assert_array_equal(got.swapaxes(0, 1).reshape(11, -1)[:, :70], every_other)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sizes_at_run_time(dtype: str, narrow: bool) -> None:
    library, gemm, symbols = runtime_kernels(dtype, narrow)
    rng = np.random.default_rng(1)
    shapes = [(m, 70, 9) for m in (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 19, 32)]
    shapes += [(7, n, 5) for n in (0, 1, 15, 16, 17, 31, 33, 63, 64, 65, 129)]
    shapes += [(6, 40, k) for k in (0, 1, 2, 3, 4, 7, DEPTH, DEPTH + 1, 2 * DEPTH + 5)]
    for m, n, k in shapes:
        for pad in (0, 5):
            b = matrix(rng, k, n, dtype, False)
            panels = packed(library, gemm, symbols["pack"], b)
            by_rows = matrix(rng, m, k, dtype, False, pad)
            check(GEMM(library.address(symbols["rows"])), by_rows, b, (panels.ctypes.data,), False)
            by_columns = matrix(rng, m, k, dtype, True, pad)
            check(GEMM(library.address(symbols["columns"])), by_columns, b, (panels.ctypes.data,), True)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sizes_known(dtype: str, narrow: bool) -> None:
    tools = toolchain(narrow)
    shapes = [
        (1, 64, 13, False), (1, 20, 8, True), (2, 100, 33, False), (4, 16, 16, False), (6, 64, 4, True),
        (13, 150, 10, True), (32, 192, 24, False), (9, 10, 2 * DEPTH + 3, False), (9, 77, 2 * DEPTH, True),
        (5, 33, 0, False), (0, 10, 4, False), (7, 1, 1, True), (3, 0, 4, False),
    ]  # fmt: skip
    gemm = emitter(tools)
    pack = gemm.pack(dtype)
    rng = np.random.default_rng(2)
    cases = []
    for m, n, k, accumulate in shapes:
        for transposed in (False, True):
            a, b = matrix(rng, m, k, dtype, transposed, 2), matrix(rng, k, n, dtype, True)
            a_strides = (1, m + 2) if transposed else (k + 2, 1)
            symbol = gemm.gemm(dtype, m, n, k, a_strides, n + MARGIN, accumulate)
            assert gemm.gemm(dtype, m, n, k, a_strides, n + MARGIN, accumulate) == symbol
            cases.append((symbol, a, b, accumulate))
    library = load(tools, gemm)
    for symbol, a, b, accumulate in cases:
        panels = packed(library, gemm, pack, b)
        check(GEMM(library.address(symbol)), a, b, (panels.ctypes.data,), accumulate)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_direct(dtype: str, narrow: bool) -> None:
    library, _, symbols = runtime_kernels(dtype, narrow)
    rng = np.random.default_rng(4)
    for m in range(5):
        for n, k in ((1, 3), (16, 8), (70, 5), (300, 9), (0, 3), (40, 0)):
            a, b = matrix(rng, m, k, dtype, False), matrix(rng, k, n, dtype, False, 4)
            check(DIRECT(library.address(symbols["direct"])), a, b, (b.ctypes.data, strides(b)[0]), False)
    gemm = emitter(toolchain(narrow))
    known = [(1, 600, 7), (2, 17, 12), (3, 130, 8), (4, 64, 5)]
    names = [gemm.direct(dtype, m, n, k, (k, 1), n, n + MARGIN, accumulate=True) for m, n, k in known]
    library = load(toolchain(narrow), gemm)
    for name, (m, n, k) in zip(names, known, strict=True):
        a, b = matrix(rng, m, k, dtype, False), matrix(rng, k, n, dtype, False)
        check(DIRECT(library.address(name)), a, b, (b.ctypes.data, n), True)
    with pytest.raises(ValueError, match="at most 4 rows"):
        gemm.direct(dtype, 5, 8, 8)


@pytest.mark.parametrize("known", [False, True])
def test_long_products_ask_whether_to_go_on(known: bool) -> None:
    gemm = emitter(toolchain())
    m = n = k = 512
    size = m if known else None
    pack, product = gemm.pack("float32"), gemm.gemm("float32", size, size, size, (size, 1), size)
    library = load(toolchain(), gemm)
    a = np.random.default_rng(5).standard_normal((m, k), np.float32)
    panels = packed(library, gemm, pack, a)
    for stop in (False, True):
        state, c = State(stop), np.zeros((m, n), np.float32)
        GEMM(library.address(product))(a.ctypes.data, k, 1, panels.ctypes.data, c.ctypes.data, n, m, n, k, state.address)
        assert state.asked == 1 if stop else state.asked > 1
        assert np.allclose(c, a @ a, atol=1e-2) != stop


def test_product_called_from_an_optimised_module(tmp_path: Path) -> None:
    """The two kinds of text end in two objects that are loaded together; between them nothing is left undefined. The tiles of
    a product may be in a third."""
    tools = toolchain()
    gemm = GemmEmitter(Module(tools.target.vector_bits), tools.target)
    product, pack = gemm.gemm("float32", 5, 40, 12, (12, 1), 40), gemm.pack("float32")
    module = Module(tools.target.vector_bits)
    fn = module.function("main_", [("ptr noalias", "a"), ("ptr noalias", "b"), ("ptr noalias", "c")])
    buffer = fn.alloca("float", gemm.target.packed(4, 12, 40))
    pointer, size = "ptr", "i64"
    fn.call("void", pack, [(pointer, "%b"), (size, 40), (size, 1), (pointer, buffer), (size, 12), (size, 40),
                           (pointer, "null")])
    fn.call("void", product, [(pointer, "%a"), (size, 12), (size, 1), (pointer, buffer), (pointer, "%c"),
                              (size, 40), (size, 5), (size, 40), (size, 12), (pointer, "null")])  # fmt: skip
    tiles = [name for name in gemm.module.functions if "tile" in name]
    entries = [name for name in gemm.module.functions if "tile" not in name]
    objects = [tools.compile(str(module)),
               *(tools.compile(str(gemm.module.part(names)), AS_WRITTEN) for names in (tiles, entries))]
    library = tools.load(*objects)
    rng = np.random.default_rng(6)
    a, b = rng.standard_normal((5, 12), np.float32), rng.standard_normal((12, 40), np.float32)
    c = np.empty((5, 40), np.float32)
    call = ctypes.CFUNCTYPE(ctypes.c_int64, POINTER, POINTER, POINTER)(library.address("main_"))
    assert call(a.ctypes.data, b.ctypes.data, c.ctypes.data) == 0
    np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-5)
    if shutil.which("nm") is None:
        return
    found: dict[str, set[str]] = {}
    for number, data in enumerate(objects):
        (tmp_path / f"{number}.o").write_bytes(data)
        listing = subprocess.run(["nm", tmp_path / f"{number}.o"], capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            found.setdefault(line.split()[-1], set()).add(line.split()[-2])
    assert {name for name, kinds in found.items() if kinds == {"U"}} == set()
    assert all("T" in found[name] for name in ("main_", product, pack, *tiles))
