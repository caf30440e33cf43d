"""Records: a program that is known runs no pass, writes no text and asks LLVM nothing; what differs is not known."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnngraph as tf
from rnngraph.backends.llvm import engine as engines
from rnngraph.backends.llvm import records
from rnngraph.backends.llvm.engine import LLVMEngine
from rnngraph.backends.llvm.program import GrownStep, NativeStep, Program
from rnngraph.ir.graph import Builder, Graph, building, call
from rnngraph.ir.op import OPS
from rnngraph.ir.types import float32, tensor
from rnngraph.ops.declare import elementwise
from rnngraph.runtime.interface import Options
from tests.support.random_graphs import random_graph


class Work:
    """What compiling took: passes run, plans written, modules compiled."""

    def __init__(self) -> None:
        self.passes = self.plans = self.modules = 0

    def taken(self) -> tuple[int, int, int]:
        """Since the last question."""
        found = self.passes, self.plans, self.modules
        self.__init__()  # type: ignore[misc]
        return found


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Work:
    """Counts, with an empty cache."""
    monkeypatch.setenv("RNNGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RNNGRAPH_CHECK", raising=False)
    monkeypatch.delenv("RNNGRAPH_VERIFY", raising=False)  # which writes known plans again
    counts = Work()
    passes, emitter, compile_ = engines.optimise, engines.Emitter.write, engines.Toolchain.compile

    def optimise(*args: Any) -> Graph:
        counts.passes += bool(args[1])
        return passes(*args)

    def write(self: Any) -> Any:
        counts.plans += 1
        return emitter(self)

    def compiling(self: Any, *args: Any) -> bytes:
        counts.modules += 1
        return compile_(self, *args)
    monkeypatch.setattr(engines, "optimise", optimise)
    monkeypatch.setattr(engines.Emitter, "write", write)
    monkeypatch.setattr(engines.Toolchain, "compile", compiling)
    return counts


def training(scale: float = 1.0, seed: int | None = None) -> Graph:
    """A closed training step with a loop, a branch, a gather, a host step and numbers that are drawn."""
    tf.reset_default_graph()
    x, n = tf.placeholder(tf.int32, [None, None]), tf.placeholder(tf.int32, [])
    table = tf.Variable(np.linspace(-1, 1, 24).reshape(6, 4).astype(np.float32))
    rows = tf.nn.embedding_lookup(table, x) * scale
    y, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(5), tf.nn.dropout(rows, 0.9, seed=seed), dtype=tf.float32)
    y = tf.cond(n > 1, lambda: y * 2, lambda: y)
    z = tf.reduce_sum(tf.boolean_mask(y, tf.greater(x, 2))) + tf.reduce_sum(tf.random_normal([3], seed=seed))
    train = tf.train.AdamOptimizer().minimize(z)
    session = tf.Session(engine="reference")
    session.run(tf.global_variables_initializer())
    return session.closed_graph([z, train], {x: [[1, 2, 3], [4, 5, 0]], n: 2})


def values(graph: Graph) -> list[Any]:
    """Arrays for the parameters."""
    rng = np.random.default_rng(3)
    found: list[Any] = []
    for p in graph.params:
        shape = tuple(d if isinstance(d, int) else 2 for d in p.type.shape)
        integer = p.type.dtype.is_integer
        found.append(rng.integers(0, 5, shape).astype(p.type.dtype.numpy) if integer
                     else rng.uniform(0.1, 1, shape).astype(p.type.dtype.numpy))
    return found


def unrolled(seed: int) -> Graph:
    """A closed training step whose steps are spelled out, with a number drawn in each."""
    tf.reset_default_graph()
    x = tf.placeholder(tf.float32, [3, 14, 4])
    cell = tf.nn.rnn_cell.DropoutWrapper(tf.nn.rnn_cell.BasicLSTMCell(5), 0.8, seed=seed)
    y, _ = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32)
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y[-1]))
    session = tf.Session(engine="llvm")
    session.run(tf.global_variables_initializer())
    return session.closed_graph([y[-1], train], {x: np.ones((3, 14, 4))})


@pytest.mark.parametrize("program", [training, unrolled])
def test_a_known_program_is_only_read(work: Work, program: Callable[..., Graph]) -> None:
    graph = program(seed=4)
    for path in Path(os.environ["RNNGRAPH_CACHE"]).glob("*"):
        path.unlink()  # what it took to build the program
    work.taken()
    cold = LLVMEngine().compile(graph, Options())
    passes, plans, modules = work.taken()
    assert passes == 1 and plans and modules > plans
    again = program(seed=4)
    work.taken()
    warm = LLVMEngine().compile(again, Options())
    assert work.taken() == (0, 0, 0)
    arrays = values(graph)
    for a, b in zip(cold([*arrays]), warm([*arrays]), strict=True):
        np.testing.assert_array_equal(a, b)
    shown = [str(step) for step in cold.explain().steps]
    assert shown == [str(step) for step in warm.explain().steps]


@pytest.mark.parametrize("seed", range(24))
def test_known_code_is_that_of_its_plan(seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is read is lowered to the same plan, sizes in the same order; RNNGRAPH_VERIFY looks."""
    monkeypatch.setenv("RNNGRAPH_CACHE", str(tmp_path))
    monkeypatch.setenv("RNNGRAPH_VERIFY", "1")
    monkeypatch.delenv("RNNGRAPH_CHECK", raising=False)
    rng = np.random.default_rng(600 + seed)
    graph, arrays = random_graph(rng, steps=int(rng.integers(8, 25)), depth=int(rng.integers(0, 4)))
    seen: list[Any] = []
    verify = LLVMEngine.verify
    monkeypatch.setattr(LLVMEngine, "verify", lambda self, *args: (seen.append(args), verify(self, *args)))
    cold, warm = LLVMEngine().compile(graph, Options()), LLVMEngine().compile(graph, Options())
    assert len(seen) == sum(isinstance(step, (NativeStep, GrownStep)) for step in steps_of(warm.program))
    for a, b in zip(outcome(cold, arrays), outcome(warm, arrays), strict=True):
        np.testing.assert_array_equal(a, b)


def steps_of(program: Program) -> list[Any]:
    """The steps of a program and of those inside it."""
    return [s for step in program.steps for s in [step, *(i for p in getattr(step, "programs", ()) for i in steps_of(p))]]


def outcome(run: Any, arrays: list[Any]) -> list[Any]:
    """What a program gives, or the words of its error."""
    try:
        return [v for v in run(arrays) if isinstance(v, np.ndarray)]
    except tf.errors.OpError as error:
        return [np.array(error.message)]


def test_what_is_read_needs_what_it_needed(work: Work) -> None:
    """A product whose tiles are in another plan's object."""
    def graph(width: int, more: bool = False) -> Graph:
        tf.reset_default_graph()
        x = tf.placeholder(tf.float32, [32, 48])
        y = tf.matmul(x, tf.constant(np.ones((48, width)), tf.float32))
        return tf.Session(engine="reference").closed_graph(tf.exp(y) - 1 if more else y, {x: np.ones((32, 48))})
    engine = LLVMEngine()
    kept = [engine.compile(graph(width), Options()) for width in (128, 256)]
    engine = LLVMEngine()
    kept.append(engine.compile(graph(256), Options()))
    run = engine.compile(graph(256, True), Options())
    x = np.linspace(-0.1, 0.1, 32 * 48, dtype=np.float32).reshape(32, 48)
    np.testing.assert_allclose(run([x, np.int64(0)])[0], np.exp(np.repeat(x.sum(1, keepdims=True), 256, 1)) - 1, 1e-3, 1e-5)


def test_numbers_that_nobody_chose_are_the_programs_own(work: Work) -> None:
    engine = LLVMEngine()
    first, second = engine.compile(training(), Options()), LLVMEngine().compile(training(), Options())
    assert work.taken()[0] == 1
    arrays = values(training())
    assert first(arrays)[0] != second(arrays)[0] and first(arrays)[0] == first(arrays)[0]


@pytest.mark.parametrize("other", [lambda: training(2.0, 4), lambda: training(1.0, 5)], ids=["constant", "seed"])
def test_other_constants_are_another_program(work: Work, other: Callable[[], Graph]) -> None:
    LLVMEngine().compile(training(seed=4), Options())
    work.taken()
    LLVMEngine().compile(other(), Options())
    assert work.taken()[0] == 1


def test_other_sources_are_another_compiler(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    LLVMEngine().compile(training(seed=4), Options())
    work.taken()
    monkeypatch.setattr(records, "_sources", lambda: "changed")
    LLVMEngine().compile(training(seed=4), Options())
    assert work.taken()[0] == 1


def test_sources_that_changed_since_they_were_imported_say_nothing(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a process that imported the old ones would keep what it made under the name of the new ones."""
    records._sources.cache_clear()
    monkeypatch.setattr(records, "IMPORTED", 0.0)
    for _ in range(2):
        LLVMEngine().compile(training(seed=4), Options())
        assert work.taken()[0] == 1
    records._sources.cache_clear()


def test_ops_that_users_declare_are_not_kept(work: Work) -> None:
    """Nothing says what they mean."""
    def scaled(factor: float) -> Any:
        op = elementwise("scaled_by_user", "x * factor.", lambda x: x * factor, lambda s, x: s.mul(x, s.const(factor, x)), "f")
        try:
            builder = Builder(Graph())
            x = builder.param(tensor(float32, (3,)))
            with building(builder):
                graph = builder.graph.seal([call(op.name, x)])
            return LLVMEngine().compile(graph, Options())([np.float32([1, 2, 3])])[0].tolist()
        finally:
            del OPS[op.name]
    assert [scaled(factor) for factor in (2.0, 3.0)] == [[2, 4, 6], [3, 6, 9]]


def test_another_machine_is_another_compiler(work: Work) -> None:
    """Also one that differs in a cache alone, of which no key of an object knows."""
    engine = LLVMEngine()
    engine.compile(training(seed=4), Options())
    work.taken()
    LLVMEngine(replace(engine.target, l2=engine.target.l2 // 4)).compile(training(seed=4), Options())
    assert work.taken()[0] == 1


def test_the_lines_are_those_of_the_program_at_hand(work: Work) -> None:
    def taking(marker: str) -> str:
        tf.reset_default_graph()
        x = tf.placeholder(tf.int32, [])
        if marker == "first":
            y = tf.gather(tf.constant([1.0, 2.0]), x)
        else:
            y = tf.gather(tf.constant([1.0, 2.0]), x)
        with pytest.raises(tf.errors.InvalidArgumentError) as caught, tf.Session(engine="llvm") as session:
            session.run(y, {x: 5})
        return str(caught.value)
    first, second = taking("first"), taking("second")
    assert work.passes == 1
    lines = [int(re.findall(rf"{Path(__file__).name}:(\d+) in taking", text)[-1]) for text in (first, second)]
    assert lines[1] == lines[0] + 2


@pytest.mark.parametrize("damage", ["record", "object", "all"])
def test_what_is_damaged_is_made_again(work: Work, damage: str, tmp_path: Path) -> None:
    graph = training(seed=4)
    entry = records.entry(graph, LLVMEngine().toolchain)
    assert entry is not None
    cold = LLVMEngine().compile(graph, Options())
    record = tmp_path / "cache" / f"{entry.key}.o"
    assert record.exists()
    for path in (tmp_path / "cache").iterdir():
        if damage == "all" or (path == record) == (damage == "record"):
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    work.taken()
    warm = LLVMEngine().compile(training(seed=4), Options())
    passes, plans, modules = work.taken()
    assert (passes == 0) == (damage == "object") and plans and (modules == 0) == (damage == "record")
    arrays = values(graph)
    np.testing.assert_array_equal(cold(arrays)[0], warm(arrays)[0])
    LLVMEngine().compile(training(seed=4), Options())
    assert work.taken() == (0, 0, 0), "and kept"


@pytest.mark.parametrize("name, value", [("RNNGRAPH_CACHE", "off"), ("RNNGRAPH_DUMP", "dumped"), ("RNNGRAPH_CHECK", "1")])
def test_who_watches_sees_all(work: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str) -> None:
    LLVMEngine().compile(training(seed=4), Options())
    monkeypatch.setenv(name, str(tmp_path / value) if value == "dumped" else value)
    work.taken()
    LLVMEngine().compile(training(seed=4), Options())
    assert work.taken()[0] == 1


def test_python_functions_are_not_kept(work: Work) -> None:
    def graph(factor: int) -> Graph:
        tf.reset_default_graph()
        x = tf.placeholder(tf.float32, [2])
        y = tf.py_func(lambda a: a * factor, [x], tf.float32)
        return tf.Session(engine="reference").closed_graph(y + 1, {x: [1, 2]})
    run = [LLVMEngine().compile(graph(factor), Options()) for factor in (np.float32(2), np.float32(3))]
    assert [r([np.float32([1, 2]), np.int64(0)])[0].tolist() for r in run] == [[3, 5], [4, 7]]


def test_fetch_sets_share_kernels_with_records(work: Work) -> None:
    """Kernels of a record that was read are there for programs that have none."""
    def graph(more: bool) -> Graph:
        tf.reset_default_graph()
        x = tf.placeholder(tf.float32, [None, 40])
        h = tf.tanh(tf.matmul(x, tf.ones([40, 50])))
        return tf.Session(engine="reference").closed_graph([h, tf.exp(h)] if more else h, {x: np.ones((3, 40))})
    LLVMEngine().compile(graph(False), Options())
    engine = LLVMEngine()
    kept = engine.compile(graph(False), Options())
    before = set(engine.kernels)
    assert any("gemm" in name for name in before)
    work.taken()
    engine.compile(graph(True), Options())
    assert work.taken()[2] == 2, "the new kernel, and what calls both"
    assert kept.graph.results


def test_a_kernel_may_be_in_two_objects(work: Work) -> None:
    """One was read with a record while another plan had it already; whoever needs both objects gets the kernel twice."""
    def graph(*which: int) -> Graph:
        tf.reset_default_graph()
        x = tf.placeholder(tf.float32, [None, 40])
        made = [tf.tanh(x) * 3, tf.exp(x) - 2, tf.sigmoid(x) + 1]
        return tf.Session(engine="reference").closed_graph([made[i] for i in which], {x: np.ones((3, 40))})
    LLVMEngine().compile(graph(0, 1), Options())
    engine = LLVMEngine()
    kept = [engine.compile(graph(*which), Options()) for which in ((1, 2), (0, 1))]
    run = engine.compile(graph(0, 2), Options())
    x = np.linspace(-1, 1, 120, dtype=np.float32).reshape(3, 40)
    first, last = run([x, np.int64(0)])
    np.testing.assert_allclose(first, np.tanh(x) * 3, 1e-5)
    np.testing.assert_allclose(last, 1 / (1 + np.exp(-x)) + 1, 1e-5)
    assert len(kept) == 2


