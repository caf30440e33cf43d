"""Kernels touch no memory that is not theirs: arrays lie at the borders of pages that nobody may touch.

Run in a process of its own, which the system kills if a kernel reaches over a border.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.backends.llvm import native
from rnngraph.backends.llvm.elements import FEWEST
from rnngraph.backends.llvm.engine import LLVMEngine
from rnngraph.backends.llvm.nests import SETS
from rnngraph.runtime.interface import Options
from tests.backends.test_llvm_rows import PROGRAMS, engine, program

PAGE = mmap.PAGESIZE
KEPT: list[Any] = []
"""Memory that must not be given back: NumPy arrays do not own it."""


def bordered(shape: Any, dtype: Any, at_end: bool) -> Any:
    """An array whose last byte, or whose first one, is at the border of a page that must not be touched."""
    count = int(np.prod(shape))
    size = count * np.dtype(dtype).itemsize
    pages = -(-size // PAGE) + 2
    memory = mmap.mmap(-1, pages * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None).mprotect
    for page in (0, pages - 1):
        assert protect(ctypes.c_void_p(start + page * PAGE), ctypes.c_size_t(PAGE), 0) == 0
    KEPT.append(memory)
    offset = (pages - 1) * PAGE - size if at_end else PAGE
    return np.frombuffer(memory, dtype, count, offset).reshape(shape)


def strict(at_end: bool) -> None:
    """Run every program of `test_llvm_rows` on such arrays; so are the results and the working memory."""
    native.aligned = lambda shape, dtype: bordered(shape, dtype, at_end)  # type: ignore[assignment]
    rng = np.random.default_rng(3)
    for dtype in ("float32", "float64", "int64", "uint8"):
        for name in PROGRAMS:
            run, graph = None, program(name, dtype, 0, 0, False)
            lanes = engine("this").target.lanes(np.dtype(dtype).itemsize)
            sizes = [0, 1, FEWEST, lanes - 1, lanes + 1, 3 * lanes + 5, 2 * SETS * lanes + 1]
            ready: LLVMEngine = engine("this")
            run = ready.compile(graph, Options())
            for b in sizes:
                a = int(rng.integers(0, 4))
                inputs = []
                for shape in ((a, b), (b,), (a,)):
                    x = bordered(shape, dtype, at_end)
                    x[...] = rng.integers(0, 5, shape)
                    inputs.append(x)
                run(inputs)


def products(at_end: bool) -> None:
    """Matrix products of few rows and of more, sizes known and not, and rows that are taken and put by an index."""
    native.aligned = lambda shape, dtype: bordered(shape, dtype, at_end)  # type: ignore[assignment]
    ready = engine("this")
    lanes = ready.target.lanes(4)

    def placed(arrays: Iterable[Any]) -> list[Any]:
        made = [bordered(a.shape, a.dtype, at_end) for a in arrays]
        for there, a in zip(made, arrays, strict=True):
            there[...] = a
        return [*made, np.int64(0)]

    def run(fetch: Any, feeds: dict[Any, Any]) -> None:
        closed = tf.Session(engine="reference").closed_graph(fetch, feeds)
        found = ready.compile(closed, Options())(placed(feeds.values()))[0]
        np.testing.assert_allclose(found, tf.Session(engine="reference").run(fetch, feeds), 1e-4, 1e-5)
    widths = (1, 3, lanes - 1, lanes, lanes + 1, 4 * lanes + 3)
    for how in ({}, {"transpose_a": True}, {"transpose_b": True}):
        def laid(m: int, k: int, n: int, how: Any = how) -> tuple[Any, Any]:
            a, b = (np.linspace(-1, 1, r * c, dtype=np.float32).reshape(r, c) for r, c in ((m, k), (k, n)))
            return a.T if "transpose_a" in how else a, b.T if "transpose_b" in how else b
        tf.reset_default_graph()
        x, y = (tf.placeholder(tf.float32, [None, None]) for _ in range(2))
        first = dict(zip((x, y), laid(5, 4, 3), strict=True))
        ran = ready.compile(tf.Session(engine="reference").closed_graph(tf.matmul(x, y, **how), first), Options())
        for m, k, n in itertools.product((1, 3, 4, 7, 16), (1, 2, 9), widths):
            a, b = laid(m, k, n)
            wanted = (a.T if "transpose_a" in how else a) @ (b.T if "transpose_b" in how else b)
            np.testing.assert_allclose(ran(placed((a, b)))[0], wanted, 1e-4, 1e-5)
        for m, n in itertools.product((3, 7), (3, lanes + 1)):
            tf.reset_default_graph()
            feeds = {tf.placeholder(tf.float32, v.shape): v for v in laid(m, 9, n)}
            run(tf.matmul(*feeds, **how), feeds)
    for dtype, width in itertools.product(("float32", "int8", "int16"), (1, 3, 8)):
        tf.reset_default_graph()
        x, i = tf.placeholder(dtype, [None, None]), tf.placeholder(tf.int32, [None])
        run(tf.gather(x, i), {x: np.arange(4 * width).reshape(4, width).astype(dtype), i: np.int32([3, 0, 2])})
        if dtype == "float32":
            put = tf.gradients(tf.reduce_sum(tf.gather(x, i)), x)[0]
            run(tf.convert_to_tensor(put), {x: np.ones((4, width), dtype), i: np.int32([3, 0, 3])})
            run(tf.argmax(x, 1), {x: np.arange(4 * width).reshape(4, width).astype(dtype)})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="page protection as Linux has it")
@pytest.mark.parametrize("where", ["end", "start"])
@pytest.mark.parametrize("what", ["strict", "products"])
def test_nothing_outside_is_touched(what: str, where: str) -> None:
    code = f"from tests.backends.test_llvm_pages import {what}; {what}({where == 'end'})"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:] or f"ended by signal {-done.returncode}"


def test_a_border_is_one() -> None:
    """What the other test relies on: to read behind an array ends the process."""
    code = ("import ctypes; from tests.backends.test_llvm_pages import bordered; x = bordered((3,), 'float32', True); "
            "print(float(x.sum()), flush=True); ctypes.c_float.from_address(x.ctypes.data + 12).value")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "0.0\n" and done.returncode < 0
