"""Random numbers of the llvm engine: the reference's to the last bit, and compiled once, not once a shape."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.backends.llvm.draws import Routine
from rnngraph.backends.llvm.engine import LLVMEngine
from rnngraph.backends.llvm.text import AS_WRITTEN
from rnngraph.backends.llvm.toolchain import Toolchain, machine
from rnngraph.ir.kinds import Random
from rnngraph.ir.op import OPS
from rnngraph.lowering.support import native
from rnngraph.ops import random
from rnngraph.runtime.interface import Options

SHAPES = [(), (0,), (1,), (7,), (33,), (16, 33), (5, 3, 3)]


def on_both(make: Callable[[], Any]) -> tuple[Any, Any]:
    """What a program gives on each engine."""
    found = []
    for engine in ("llvm", "reference"):
        with tf.Graph().as_default() as graph:
            tf.set_random_seed(3)
            fetches = make()
            found.append(tf.Session(graph=graph, engine=engine).run(fetches))
    return found[0], found[1]


def same_bits(make: Callable[[], Any]) -> None:
    """Whether both engines give the same arrays, bit by bit."""
    ours, theirs = on_both(make)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("dtype", [tf.float16, tf.float32, tf.float64], ids=lambda d: d.name)
def test_engines_draw_the_same_bits(dtype: Any) -> None:
    same_bits(lambda: [f(shape, dtype=dtype) for f in (tf.random_uniform, tf.random_normal, tf.truncated_normal)
                       for shape in SHAPES])


def test_what_is_made_of_draws_is_the_same_too() -> None:
    def make() -> list[Any]:
        ones = tf.ones([5, 7])
        return [tf.nn.dropout(ones, 0.7), tf.multinomial(tf.reshape(tf.range(6.0), [2, 3]), 40),
                tf.random_shuffle(tf.range(20)), tf.random_uniform([3, 5], 2, 9, dtype=tf.int32),
                tf.random_normal([9], 3.0, 0.1), tf.random_uniform([3], -0.3, 0.7, dtype=tf.float64),
                tf.concat([ones, tf.random_normal([5, 3])], 1), tf.transpose(tf.truncated_normal([3, 5])),
                tf.map_fn(lambda row: row + tf.random_normal([7]), ones),
                tf.glorot_normal_initializer()([3, 5])]
    same_bits(make)


@pytest.mark.parametrize("bits", [128, 256, 512])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", sorted(n for n, op in OPS.items() if isinstance(op.kind, Random) and native(op)))
def test_routines_of_every_width(op: str, dtype: str, bits: int) -> None:
    """Counts around whole vectors; nothing is written behind the last number."""
    tools, routine = Toolchain(machine()), Routine(op, dtype)
    library = tools.load(tools.compile(routine.text(replace(tools.target, vector_bits=bits)), AS_WRITTEN))
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(
        library.address(routine.symbol))
    key = np.array([5, -1, 1 << 40])
    numbers: Any = OPS[op].kind
    for count in (0, 1, bits // 32 - 1, bits // 32, bits // 32 + 1, 77):
        out = np.full(count + 3, 99.0, dtype)
        run(key.ctypes.data, len(key), out.ctypes.data, count)
        np.testing.assert_array_equal(out[:count], random.drawn(numbers.scalar, key, (count,), dtype=dtype))
        assert (out[count:] == 99.0).all()


# --- what is compiled ------------------------------------------------------------------------------------------------------

@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], int]:
    """How often a new engine, which keeps what it has compiled, asks LLVM for code for a program."""
    monkeypatch.setenv("RNNGRAPH_CACHE", "off")
    engine, calls = LLVMEngine(), []
    compile_ = engine.toolchain.compile
    assert engine.guard, "the way into native code is compiled first, whatever the program"
    held = []  # code lives as long as somebody uses it
    monkeypatch.setattr(engine.toolchain, "compile", lambda *texts: (calls.append(texts), compile_(*texts))[1])

    def count(make: Callable[[], Any]) -> int:
        before = len(calls)
        with tf.Graph().as_default() as graph:
            fetches = make()
            held.append(engine.compile(tf.Session(graph=graph).closed_graph(fetches), Options()))
        return len(calls) - before
    return count


def test_shapes_share_the_routine(compilations: Callable[[Callable[[], Any]], int]) -> None:
    assert compilations(lambda: tf.random_normal([16, 33])) == 3  # the routine, a kernel, and what calls both
    assert compilations(lambda: tf.random_normal([7, 5])) == 1
    assert compilations(lambda: tf.random_normal([16, 33], seed=8, name="other")) == 0
    assert compilations(lambda: [tf.random_normal([i, 33]) for i in range(2, 9)]) == 1


def test_numbers_are_data(compilations: Callable[[Callable[[], Any]], int]) -> None:
    """Programs that differ in numbers share code, unless the compiler can make something of the number."""
    def scaled(by: float, plus: float) -> Callable[[], Any]:
        return lambda: tf.random_uniform([9]) * by + plus
    assert compilations(scaled(0.3, 0.7)) == 3  # the routine, a kernel, and what calls both
    assert compilations(scaled(0.9, 0.1)) == 0
    assert compilations(scaled(2.0, 0.1)) == 2
