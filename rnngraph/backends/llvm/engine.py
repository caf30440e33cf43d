"""The engine called "llvm": a closed graph becomes native stretches with host steps between them.

    passes -> partition -> lower -> emit -> LLVM -> load        here, once a graph
    run                                                          `program`, each time
"""

from __future__ import annotations

import hashlib
import os
import time
import weakref
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from rnngraph.backends.llvm import cache, records
from rnngraph.backends.llvm.bounds import CheckedEmitter
from rnngraph.backends.llvm.bounds import wanted as checks_wanted
from rnngraph.backends.llvm.draws import Routine
from rnngraph.backends.llvm.emit import Emitter
from rnngraph.backends.llvm.guard import TEXT, Guard
from rnngraph.backends.llvm.native import Segment
from rnngraph.backends.llvm.program import GrownStep, HostStep, NativeStep, Program
from rnngraph.backends.llvm.records import Code, Codes
from rnngraph.backends.llvm.text import AS_WRITTEN, Module
from rnngraph.backends.llvm.toolchain import Library, Object, Toolchain, machine
from rnngraph.errors import InternalError
from rnngraph.ir.binders import require_bound
from rnngraph.ir.graph import Graph
from rnngraph.ir.sizes import Symbol
from rnngraph.locks import ForkLock
from rnngraph.lowering.lower import lower
from rnngraph.lowering.open_ended_loops import lower_grown
from rnngraph.lowering.partition import OpenEnded, Parts, Piece, Stretch, partition
from rnngraph.lowering.plan import Plan
from rnngraph.lowering.target import Target
from rnngraph.ops.interpreter import bind, param_symbols
from rnngraph.passes.pipeline import KERNELS, LOOPS, STEPS, TIDY, optimise
from rnngraph.runtime.interface import Options, Report


class LLVMExecutable:
    """A closed graph, compiled."""

    def __init__(self, engine: LLVMEngine, graph: Graph) -> None:
        start = time.perf_counter()
        entry = records.entry(graph, engine.toolchain)
        known = None if entry is None else entry.load()
        self.graph = optimise(graph, (*STEPS, *TIDY, *LOOPS, *KERNELS)) if known is None else optimise(known.graph, ())
        require_bound(self.graph)
        self.symbols = param_symbols(self.graph)
        codes = records.Codes(() if known is None else known.code)
        self.program = engine.program(partition(self.graph), codes)
        if entry is not None and (known is None or codes.new):
            entry.save(records.Record(self.graph, codes.used))
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
    """The engine called "llvm", for a machine: this one, if none is given."""

    name = "llvm"
    rerolls = True

    def __init__(self, target: Target | None = None) -> None:
        self.target = machine() if target is None else target
        self.toolchain = Toolchain(self.target)
        self.latch = ForkLock()
        self.libraries: dict[str, weakref.ref[Library]] = {}
        """Loaded code by its key, as long as an executable uses it."""
        self.kernels: weakref.WeakValueDictionary[str, Object] = weakref.WeakValueDictionary()
        """Kernels by name, as long as a library has them: a fetch set compiles what no other one has."""
        self.routines: dict[Routine, Object] = {}

    def compile(self, graph: Graph, options: Options) -> LLVMExecutable:
        """An executable of a closed graph. Raises InternalError for one that uses a size that nothing binds."""
        return LLVMExecutable(self, graph)

    @cached_property
    def guard(self) -> Guard:
        """The way into native code."""
        return Guard(self.library(TEXT, AS_WRITTEN))

    def program(self, parts: Parts, codes: Codes) -> Program:
        """A graph whose pieces are lowered, emitted, compiled and loaded."""
        return Program(parts, [self.step(piece, codes) for piece in parts.pieces])

    def step(self, piece: Piece, codes: Codes) -> NativeStep | GrownStep | HostStep:
        """What runs a piece."""
        if isinstance(piece, Stretch):
            lowered = lower(piece.nodes, piece.inputs, piece.outputs, self.target)
            return NativeStep(piece, self.segment(lowered.plan, codes), lowered.nodes)
        if isinstance(piece, OpenEnded):
            grown = lower_grown(piece.node, self.target)
            return GrownStep(grown, self.segment(grown.lowered.plan, codes))
        return HostStep(piece, [self.program(region, codes) for region in piece.regions])

    def segment(self, plan: Plan, codes: Codes) -> Segment:
        """The code of a plan: as it is known, or emitted and compiled; loaded."""
        library = None if codes.next is None else self.known(codes.next)
        if library is not None and os.environ.get("RNNGRAPH_VERIFY") == "1":
            self.verify(plan, library)
        places: Sequence[str] = ()
        if library is None:
            codes.new = True
            made = (CheckedEmitter if checks_wanted() else Emitter)(plan, self.target).write()
            library = self.library(str(made.module), made.module.optimise, (made.verbatim, made.loops), made.routines)
            places = getattr(made, "places", ())
        codes.used.append(records.code(library.objects))
        return Segment(plan, library, self.guard, places)

    def known(self, code: Code) -> Library | None:
        """The loaded code of these parts, if all of them are there; from memory or disk."""
        with self.latch.lock:
            found = self.loaded(code[0].key)
            if found is None:
                objects = [Object(data, part.key, tuple(part.kernels)) for part in code
                           if (data := cache.load(part.key)) is not None]
                if len(objects) < len(code):
                    return None
                for each, part in zip(objects, code, strict=True):
                    each.needs = tuple(objects[i] for i in part.needs)
                    for name in part.kernels:
                        self.kernels.setdefault(name, each)
                found = self.link(objects)
            return found

    def verify(self, plan: Plan, library: Library) -> None:
        """Raise InternalError unless this code is what would be written for the plan: what is read is lowered to the same."""
        made = Emitter(plan, self.target).write()
        if self.key(str(made.module), made.module.optimise) != library.objects[0].key:
            raise InternalError(None, None, "known code is not that of its plan; please report it with the program")

    def loaded(self, key: str) -> Library | None:
        """The library of a caller that is loaded still."""
        known = self.libraries.get(key)
        return None if known is None else known()

    def link(self, objects: Sequence[Object]) -> Library:
        """Load objects, the caller's first."""
        found = self.toolchain.load(*(each.data for each in objects))
        found.objects = objects
        alive = {k: ref for k, ref in self.libraries.items() if ref() is not None}
        self.libraries = {**alive, objects[0].key: weakref.ref(found)}
        return found

    def library(self, text: str, optimise: str, kernels: Iterable[Module] = (), routines: Iterable[Routine] = ()) -> Library:
        """The loaded code of a text, with the kernels and routines that it calls; from memory, disk or LLVM."""
        with self.latch.lock:
            found = self.loaded(self.key(text, optimise))
            if found is None:
                shared = dict.fromkeys(part for module in kernels for part in self.objects(module))
                found = self.link([self.object(text, optimise), *shared, *map(self.routine, routines)])
            return found

    def objects(self, kernels: Module) -> list[Object]:
        """Objects that have these kernels: those of other plans that are loaded still, and one with what is new."""
        known = {name: there for name in kernels.functions if (there := self.kernels.get(name)) is not None}
        new = [name for name in kernels.functions if name not in known]
        if new:
            called = {known[name] for each in new for name in kernels.functions[each].calls() if name in known}
            made = self.object(str(kernels.part(new)), kernels.optimise, tuple(new), tuple(called))
            known.update(dict.fromkeys(new, made))
            self.kernels.update(dict.fromkeys(new, made))
        loaded: dict[Object, None] = {}
        stack = list(known.values())
        while stack:
            at = stack.pop()
            if at not in loaded:
                loaded[at] = None
                stack.extend(at.needs)
        return list(loaded)

    def routine(self, routine: Routine) -> Object:
        """The object of a routine, kept: plans of any shape share it."""
        if routine not in self.routines:
            self.routines[routine] = self.object(routine.text(self.target), AS_WRITTEN)
        return self.routines[routine]

    def object(self, text: str, optimise: str, kernels: tuple[str, ...] = (), needs: tuple[Object, ...] = ()) -> Object:
        """The object of a text, from disk or from LLVM."""
        key = self.key(text, optimise)
        data = cache.load(key)
        if data is None:
            data = self.toolchain.compile(text, optimise)
            cache.save(key, data)
        return Object(data, key, kernels, needs)

    def key(self, text: str, optimise: str) -> str:
        """What names the object of a text."""
        return hashlib.sha256("\n".join([self.toolchain.key(), optimise, text]).encode()).hexdigest()


ENGINE = LLVMEngine()

__all__ = ["ENGINE", "LLVMEngine", "LLVMExecutable"]
