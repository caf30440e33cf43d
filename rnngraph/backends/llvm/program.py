"""Compiled graphs: native stretches, loops that grow and host steps, run one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Union

import numpy as np

from rnngraph import errors
from rnngraph.backends.llvm.explain import native_steps
from rnngraph.backends.llvm.native import Segment, SizeError
from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.layout import counts, parts
from rnngraph.ir.sizes import Symbol
from rnngraph.ir.walk import users
from rnngraph.lowering.open_ended_loops import Grown
from rnngraph.lowering.partition import HostNode, Parts, Stretch
from rnngraph.ops.interpreter import Machine, bind
from rnngraph.runtime.interface import StepReport


@dataclass
class NativeStep:
    """A stretch and its code; `failing` are the nodes that the code's failures speak of."""

    stretch: Stretch
    segment: Segment
    failing: tuple[Node, ...]


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


@dataclass
class HostStep:
    """A node that runs on the host; loops and branches with their regions as programs."""

    part: HostNode
    programs: list[Program]


class Program:
    """A graph or region whose pieces are compiled."""

    def __init__(self, parts: Parts, steps: Sequence[Union[NativeStep, GrownStep, HostStep]]) -> None:
        self.graph, self.own, self.parts = parts.graph, parts.own, parts
        self.steps = steps

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
            if isinstance(step, NativeStep):
                self.run_native(step, env, sizes)
            elif isinstance(step, GrownStep):
                self.run_grown(step, env, sizes)
            else:
                machine.programs = step.programs
                machine.step(env, step.part.node, own)
        return [env[v] for v in self.graph.results]

    def run_native(self, step: NativeStep, env: dict[Value, Any], sizes: dict[Symbol, int]) -> None:
        """Run native code; on failure, let the reference kernels say what is wrong."""
        stretch = step.stretch
        inputs = [env[v] for v in stretch.inputs]
        try:
            status, outputs = step.segment(inputs, sizes)
        except SizeError as error:
            given = dict(zip(stretch.inputs, inputs, strict=True))
            self.explain_failure(stretch.nodes, given, sizes, stretch.nodes[0], str(error))
        if status:
            given = dict(zip(stretch.inputs, inputs, strict=True))
            self.explain_failure(stretch.nodes, given, sizes, step.failing[status - 1])
        own = self.own
        for value, array in zip(stretch.outputs, outputs, strict=True):
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
        for piece, step in zip(self.parts.pieces, self.steps, strict=True):
            if isinstance(step, HostStep):
                n = step.part.node
                inside = n.name or n.op.name if n.op.name == "loop" else loop
                inner = tuple(r for p in step.programs for r in p.reports(inside))
                found.append(StepReport(f"{n.op.name} {n.name}".strip(), "host", (n.op.name,), step.part.why,
                                        n.origin.line or "", loop, inner))
            else:
                found += native_steps(piece.nodes, readers, set(self.graph.results), loop)
        return tuple(found)


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
