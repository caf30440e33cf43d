"""The engine called "llvm": a closed graph becomes native stretches with host steps between them.

    passes -> partition into stretches -> lower -> emit -> LLVM -> load

A loop or branch without host steps inside is native as a whole; one with host steps is driven by the host, and its
products stay native.
"""

from __future__ import annotations

import hashlib
import time
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn, Union

import numpy as np

from rnngraph import errors
from rnngraph.backends.llvm import cache
from rnngraph.backends.llvm.bounds import CheckedEmitter
from rnngraph.backends.llvm.bounds import wanted as checks_wanted
from rnngraph.backends.llvm.draws import Routine
from rnngraph.backends.llvm.emit import Emitter
from rnngraph.backends.llvm.explain import native_steps
from rnngraph.backends.llvm.gemm import GemmEmitter
from rnngraph.backends.llvm.guard import TEXT, Guard
from rnngraph.backends.llvm.native import Segment, SizeError
from rnngraph.backends.llvm.target import Library, Target
from rnngraph.backends.llvm.text import Module
from rnngraph.ir.binders import binds, mentioned, names, require_bound
from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.layout import counts, parts
from rnngraph.ir.sizes import Dim, Symbol, add, floordiv, mul
from rnngraph.ir.types import DType
from rnngraph.ir.walk import type_symbols, users
from rnngraph.locks import ForkLock
from rnngraph.lowering.lower import lower
from rnngraph.lowering.open_ended_loops import Grown, grows, lower_grown
from rnngraph.lowering.plan import Plan
from rnngraph.lowering.support import why_host
from rnngraph.ops.interpreter import Machine, bind, param_symbols
from rnngraph.passes.pipeline import KERNELS, LOOPS, STEPS, TIDY, optimise
from rnngraph.runtime.interface import Options, Report, StepReport


@dataclass
class Stretch:
    """Consecutive native nodes."""

    nodes: list[Node]
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    segment: Segment | None = None
    failing: tuple[Node, ...] = ()


@dataclass
class HostStep:
    """A node that runs on the host; loops and branches with their regions as programs."""

    node: Node
    why: str
    programs: list[Program] = field(default_factory=list)


def of(values: Iterable[Value]) -> set[Symbol]:
    """The sizes in the types and contents of values."""
    return {s for v in values for s in mentioned(v)}


def used(node: Node) -> set[Symbol]:
    """The sizes that running a node takes."""
    return names(node) | of(node.operands)


def bound_by(node: Node, own: set[Symbol]) -> set[Symbol]:
    """The sizes of `own` that executing a node binds."""
    return binds(node) & own


@dataclass
class GrownStep:
    """A native loop that is entered again while its rows need more room."""

    grown: Grown
    segment: Segment
    room: int = 64

    def run(self, env: dict[Value, Any], sizes: dict[Symbol, int]) -> int:
        """Run the loop; its status (see `emit`)."""
        node = self.grown.node
        p = parts(node)
        first, n, _ = counts(node)
        operands = [env[v] for v in node.operands]
        begin, kept = 0, [np.empty((0,)) for _ in p.stacks]
        while True:
            known = {**sizes, self.grown.begin: begin, self.grown.capacity: self.room}
            status, out = self.segment(operands, known, dict(enumerate(kept, n)))
            if status:
                return status
            begin = int(out[-2])
            stacks = out[n:-2]
            if not out[-1]:
                break
            operands[first:first + n] = out[:n]
            kept = [s[:begin] for s in stacks]
            self.room *= 2
        env.update(zip(node.results, [*out[:n], *(s[:begin] for s in stacks), out[-2]], strict=True))
        return 0


class Program:
    """A graph or region, partitioned and compiled."""

    def __init__(self, engine: LLVMEngine, graph: Graph) -> None:
        self.graph = graph
        self.own = of((*graph.params, *(v for n in graph.nodes for v in n.results)))
        self.steps: list[Union[Stretch, GrownStep, HostStep]] = []
        self.partition(engine)
        for step in self.steps:
            if isinstance(step, Stretch):
                engine.compile_stretch(step)

    def partition(self, engine: LLVMEngine) -> None:
        """Cut the nodes into native stretches and host steps."""
        bound: set[Symbol] = set()
        known = of(self.graph.params)
        for node in self.graph.nodes:
            why = why_host(node) or self.decided_by_data(node, known)
            if why is not None:
                self.steps.append(HostStep(node, why, [Program(engine, r) for r in node.regions]))
                bound = set()
                known |= bound_by(node, self.own)
                continue
            if grows(node):
                self.steps.append(engine.compile_grown(node))
                bound = set()
                known |= bound_by(node, self.own)
                continue
            last = self.steps[-1] if self.steps else None
            if not isinstance(last, Stretch) or used(node) & bound:
                last = Stretch([])
                self.steps.append(last)
                bound = set()
            last.nodes.append(node)
            new = bound_by(node, self.own) - known
            bound |= new
            known |= new
        self.ports()

    def decided_by_data(self, node: Node, known: set[Symbol]) -> str | None:
        """Why room for a node's results cannot be made before it runs; None if it can."""
        if grows(node):
            return None
        new = binds(node) - known
        decided = any(not new.isdisjoint(type_symbols(v.type)) for v in node.results)
        return "the size of its result is decided by data" if decided else None

    def ports(self) -> None:
        """What each stretch reads and gives."""
        wanted: set[Value] = set(self.graph.results)
        needed = of(self.graph.results)
        for step in reversed(self.steps):
            nodes = _nodes(step)
            if isinstance(step, Stretch):
                made = [v for n in nodes for v in n.results]
                step.outputs = [v for v in made if v in wanted or self.binds_needed(v, needed)]
                inside = set(made)
                step.inputs = list(dict.fromkeys(v for n in nodes for v in n.operands if v not in inside))
            for n in nodes:
                wanted.update(n.operands)
            needed.update(*map(used, nodes))

    def binds_needed(self, value: Value, needed: set[Symbol]) -> bool:
        """Whether a value's content binds a size that a later step uses."""
        return not needed.isdisjoint(self.own & set(mentioned(value))) and value.content is not None

    def run(self, args: Sequence[Any], outer: dict[Symbol, int]) -> list[Any]:
        """Run on arrays. The sizes that it binds are this activation's."""
        env: dict[Value, Any] = {}
        own = self.own
        sizes = dict(outer) if own else outer
        for param, arg in zip(self.graph.params, args, strict=True):
            env[param] = arg
            if own:
                bind(param, arg, sizes, own)
        machine = HostMachine(sizes)
        for step in self.steps:
            if isinstance(step, Stretch):
                self.run_stretch(step, env, sizes)
            elif isinstance(step, GrownStep):
                self.run_grown(step, env, sizes)
            else:
                machine.programs = step.programs
                machine.step(env, step.node, own)
        return [env[v] for v in self.graph.results]

    def run_stretch(self, step: Stretch, env: dict[Value, Any], sizes: dict[Symbol, int]) -> None:
        """Run native code; on failure, let the reference kernels say what is wrong."""
        if not step.nodes:
            return
        assert step.segment is not None
        inputs = [env[v] for v in step.inputs]
        try:
            status, outputs = step.segment(inputs, sizes)
        except SizeError as error:
            self.explain_failure(step.nodes, dict(zip(step.inputs, inputs, strict=True)), sizes, step.nodes[0], str(error))
        if status:
            given = dict(zip(step.inputs, inputs, strict=True))
            self.explain_failure(step.nodes, given, sizes, step.failing[status - 1])
        own = self.own
        for value, array in zip(step.outputs, outputs, strict=True):
            env[value] = array
            if own:
                bind(value, array, sizes, own)

    def run_grown(self, step: GrownStep, env: dict[Value, Any], sizes: dict[Symbol, int]) -> None:
        """Run a loop that grows."""
        node = step.grown.node
        try:
            status = step.run(env, sizes)
        except SizeError as error:
            self.explain_failure([node], dict(env), sizes, node, str(error))
        if status:
            self.explain_failure([node], dict(env), sizes, step.grown.lowered.nodes[status - 1])
        for value in node.results:
            bind(value, env[value], sizes, self.own)

    def explain_failure(self, nodes: Sequence[Node], env: dict[Value, Any], sizes: dict[Symbol, int], node: Node,
                        why: str = "native code failed here") -> NoReturn:
        """Raise the error that the reference kernels raise for these inputs."""
        machine = Machine(dict(sizes))
        for n in nodes:
            machine.step(env, n, self.own)
        raise errors.at_node(errors.InternalError(None, node, f"{why}, but the reference kernels do not fail. Unless another "
                                                  "thread changed a fed array during the run, please report "
                                                  "it with the program"), node)

    def reports(self, loop: str = "") -> tuple[StepReport, ...]:
        """What each step is."""
        found: list[StepReport] = []
        readers = users(self.graph)
        for step in self.steps:
            if isinstance(step, HostStep):
                n = step.node
                inside = n.name or n.op.name if n.op.name == "loop" else loop
                inner = tuple(r for p in step.programs for r in p.reports(inside))
                found.append(StepReport(f"{n.op.name} {n.name}".strip(), "host", (n.op.name,), step.why,
                                        n.origin.line or "", loop, inner))
            else:
                found += native_steps(_nodes(step), readers, set(self.graph.results), loop)
        return tuple(found)


def _nodes(step: Stretch | GrownStep | HostStep) -> list[Node]:
    if isinstance(step, Stretch):
        return step.nodes
    return [step.grown.node if isinstance(step, GrownStep) else step.node]


class HostMachine(Machine):
    """Runs host steps; the regions of loops and branches are programs with native stretches."""

    programs: list[Program]

    def region(self, graph: Graph, args: Sequence[Any]) -> list[Any]:
        """The results of a region: by its program, if it has one."""
        for program in self.programs:
            if program.graph is graph:
                saved = self.programs
                try:
                    return program.run(args, self.sizes)
                finally:
                    self.programs = saved
        return super().region(graph, args)


class LLVMExecutable:
    """A closed graph, compiled."""

    def __init__(self, engine: LLVMEngine, graph: Graph) -> None:
        start = time.perf_counter()
        self.graph = optimise(graph, (*STEPS, *TIDY, *LOOPS, *KERNELS))
        require_bound(self.graph)
        self.symbols = param_symbols(self.graph)
        self.program = Program(engine, self.graph)
        self.compile_seconds = time.perf_counter() - start
        self.parameters = set(self.graph.params)

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run the graph on arrays."""
        sizes: dict[Symbol, int] = {}
        for param, array in zip(self.graph.params, inputs, strict=True):
            bind(param, array, sizes, self.symbols)
        found = self.program.run(inputs, sizes)
        return [np.array(r) if v in self.parameters and isinstance(r, np.ndarray) else r
                for v, r in zip(self.graph.results, found, strict=True)]

    def explain(self) -> Report:
        """Every step, where it runs and why."""
        return Report("llvm", self.program.reports(), (), self.compile_seconds)


class LLVMEngine:
    """The engine called "llvm"."""

    name = "llvm"
    rerolls = True

    def __init__(self) -> None:
        self.target = Target()
        self.latch = ForkLock()
        self.libraries: dict[str, weakref.ref[Library]] = {}
        """Loaded code by its key, as long as an executable uses it."""
        self.routines: dict[Routine, bytes] = {}
        self.columns: dict[str, int] = {}

    def compile(self, graph: Graph, options: Options) -> LLVMExecutable:
        """An executable of a closed graph. Raises InternalError for one that uses a size that nothing binds."""
        return LLVMExecutable(self, graph)

    @cached_property
    def guard(self) -> Guard:
        """The way into native code."""
        return Guard(self.library("", TEXT))

    def panel(self, dtype: DType, k: Dim, n: Dim) -> Dim:
        """The elements that a packed k x n matrix takes."""
        if dtype.name not in self.columns:
            emitter = GemmEmitter(Module(self.target.vector_bits), self.target.vector_bits)
            self.columns[dtype.name] = emitter.geometry(dtype.name).columns
        columns = self.columns[dtype.name]
        return mul(mul(floordiv(add(n, columns - 1), columns), columns), k)

    def compile_stretch(self, step: Stretch) -> None:
        """Lower, emit, compile and load one stretch."""
        lowered = lower(step.nodes, step.inputs, step.outputs, self.panel)
        step.segment, step.failing = self.segment(lowered.plan), lowered.nodes

    def compile_grown(self, node: Node) -> GrownStep:
        """Lower, emit, compile and load a loop that grows."""
        grown = lower_grown(node, self.panel)
        return GrownStep(grown, self.segment(grown.lowered.plan))

    def segment(self, plan: Plan) -> Segment:
        """Emit, compile and load a plan."""
        emitter = CheckedEmitter(plan, self.target.vector_bits) if checks_wanted() else Emitter(plan, self.target.vector_bits)
        library = self.library(*emitter.texts(), list(emitter.routines))
        return Segment(plan, library, self.guard, getattr(emitter, "places", ()))

    def library(self, optimised: str, verbatim: str, routines: Sequence[Routine] = ()) -> Library:
        """The loaded code of two texts, with the routines that it calls; from memory, disk or LLVM."""
        key = self.key(optimised, verbatim)
        with self.latch.lock:
            known = self.libraries.get(key)
            found = None if known is None else known()
            if found is None:
                found = self.target.load(self.compiled(optimised, verbatim), *map(self.routine, routines))
                alive = {k: ref for k, ref in self.libraries.items() if ref() is not None}
                self.libraries = {**alive, key: weakref.ref(found)}
            return found

    def routine(self, routine: Routine) -> bytes:
        """The object of a routine, kept: plans of any shape share it."""
        if routine not in self.routines:
            self.routines[routine] = self.compiled("", routine.text(self.target.vector_bits))
        return self.routines[routine]

    def compiled(self, optimised: str, verbatim: str) -> bytes:
        """The object of two texts, from disk or from LLVM."""
        key = self.key(optimised, verbatim)
        data = cache.load(key)
        if data is None:
            data = self.target.compile(optimised, verbatim)
            cache.save(key, data)
        return data

    def key(self, optimised: str, verbatim: str) -> str:
        """What names the object of two texts."""
        return hashlib.sha256("\n".join([self.target.machine_key(), optimised, verbatim]).encode()).hexdigest()


ENGINE = LLVMEngine()

__all__ = ["ENGINE", "LLVMEngine", "LLVMExecutable"]
