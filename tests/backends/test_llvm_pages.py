"""Kernels touch no memory that is not theirs: arrays lie at the borders of pages that nobody may touch.

Run in a process of its own, which the system kills if a kernel reaches over a border.
"""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="page protection as Linux has it")
@pytest.mark.parametrize("where", ["end", "start"])
def test_nothing_outside_is_touched(where: str) -> None:
    code = f"from tests.backends.test_llvm_pages import strict; strict({where == 'end'})"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:] or f"ended by signal {-done.returncode}"


def test_a_border_is_one() -> None:
    """What the other test relies on: to read behind an array ends the process."""
    code = ("import ctypes; from tests.backends.test_llvm_pages import bordered; x = bordered((3,), 'float32', True); "
            "print(float(x.sum()), flush=True); ctypes.c_float.from_address(x.ctypes.data + 12).value")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "0.0\n" and done.returncode < 0
