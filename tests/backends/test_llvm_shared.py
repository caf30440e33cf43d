"""Kernels are compiled once, whichever plan has them, and live as long as a plan that uses them."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.backends.llvm.engine import LLVMEngine
from rnngraph.backends.llvm.text import LOOPS
from rnngraph.runtime.interface import Options

DEFINED = re.compile(r"^define [^@]*@(rnn_\w+)\(", re.MULTILINE)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> tuple[LLVMEngine, list[str]]:
    """An engine, and the kernels that LLVM made for it so far."""
    monkeypatch.setenv("RNNGRAPH_CACHE", "off")
    engine, made = LLVMEngine(), list[str]()
    compile_: Callable[..., bytes] = engine.toolchain.compile

    def noting(text: str, optimise: str = LOOPS) -> bytes:
        made.extend(DEFINED.findall(text))
        return compile_(text, optimise)
    monkeypatch.setattr(engine.toolchain, "compile", noting)
    return engine, made


def program(engine: LLVMEngine, fetches: Any) -> Any:
    """What the engine makes of these fetches of the default graph."""
    graph = tf.Session(engine="llvm").closed_graph(fetches)
    run = engine.compile(graph, Options())
    return lambda: run([np.zeros([n for n in p.type.shape if isinstance(n, int)], p.type.dtype.numpy) for p in graph.params])


def test_a_fetch_set_compiles_what_no_other_has(compiled: tuple[LLVMEngine, list[str]]) -> None:
    engine, made = compiled
    x = tf.constant(np.arange(300.0).reshape(20, 15) / 100, tf.float32)
    w = tf.constant(np.ones((15, 40)), tf.float32)
    h = tf.tanh(tf.matmul(x, w))
    for _ in range(3):
        h = tf.tanh(tf.matmul(h, tf.ones([40, 40])))
    first = program(engine, h)
    before = list(made)
    assert before and len(set(before)) == len(before), "one program's products and kernels are compiled once each"
    second = program(engine, [h, tf.exp(h)])
    new = made[len(before):]
    assert len(new) == 1 and "nest" in new[0], "all but the exponential is there"
    (a, *_), (b, c, *_) = first(), second()
    np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(c, np.exp(a), 1e-5)


def test_shared_kernels_live_as_long_as_a_program_that_uses_them(compiled: tuple[LLVMEngine, list[str]]) -> None:
    engine, made = compiled
    x, y = (tf.constant(np.arange(n), tf.float32) for n in (64, 80))
    first = program(engine, tf.tanh(x))
    second = program(engine, [tf.tanh(x), tf.exp(y)])
    del first
    gc.collect()
    assert set(made) <= set(engine.kernels)
    third = program(engine, [tf.tanh(x), tf.sin(y)])
    assert len(made) == 3
    for run in (second, third):
        np.testing.assert_allclose(run()[0], np.tanh(np.arange(64.0)), 1e-5)
    del run, second, third
    gc.collect()
    assert not engine.kernels


def test_an_object_is_loaded_with_what_its_kernels_call(compiled: tuple[LLVMEngine, list[str]]) -> None:
    """A kernel may lie beside a product whose tiles another object has."""
    engine, made = compiled
    x = tf.constant(np.ones((12, 40)), tf.float32)
    y = tf.constant(np.arange(50.0), tf.float32)
    first = program(engine, tf.matmul(x, tf.ones([40, 64])))
    tiles = {name for name in made if "tile" in name}
    second = program(engine, [tf.matmul(tf.ones([18, 40]) * x[0, 0], tf.ones([40, 64])), tf.exp(y)])
    assert tiles and len([name for name in made if "tile" in name]) == len(tiles), "both products have the same tiles"
    third = program(engine, tf.exp(y))
    del first
    gc.collect()
    np.testing.assert_allclose(third()[0], np.exp(np.arange(50.0)), 1e-5)
    np.testing.assert_allclose(second()[0], np.full((18, 64), 40.0))
