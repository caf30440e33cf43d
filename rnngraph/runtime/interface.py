"""The interface of engines: `Backend.compile(graph, options) -> Executable`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Options:
    """How to compile. threads: how many a run may use; every engine uses one so far."""

    threads: int | None = None


@dataclass(frozen=True)
class StepReport:
    """One step of an executable: what it is, where it runs, and why it is not native or not fused, if so."""

    name: str
    where: str
    ops: tuple[str, ...] = ()
    why: str = ""
    line: str = ""
    loop: str = ""
    inner: tuple[StepReport, ...] = ()


@dataclass(frozen=True)
class Report:
    """What `Session.explain` gives: data, and text by `str`."""

    engine: str
    steps: tuple[StepReport, ...] = ()
    notes: tuple[str, ...] = ()
    compile_seconds: float = 0.0

    def all_steps(self) -> list[StepReport]:
        """Every step, those inside loops included."""
        found, stack = [], list(reversed(self.steps))
        while stack:
            step = stack.pop()
            found.append(step)
            stack.extend(reversed(step.inner))
        return found

    def host_steps_in_loops(self) -> list[StepReport]:
        """Steps that run on the host once an iteration."""
        return [s for s in self.all_steps() if s.loop and s.where == "host"]

    def __str__(self) -> str:
        lines = [f"engine {self.engine}, compiled in {self.compile_seconds:.2f} s"]
        stack = [(0, s) for s in reversed(self.steps)]
        while stack:
            depth, step = stack.pop()
            why = f"  ({step.why})" if step.why else ""
            line = f"  # {step.line}" if step.line else ""
            lines.append(f"{'  ' * (depth + 1)}{step.where:7}{step.name}{why}{line}")
            stack.extend((depth + 1, s) for s in reversed(step.inner))
        return "\n".join([*lines, *self.notes])


class Executable(Protocol):
    """A compiled graph. Calling it takes the parameters' arrays and gives the results' arrays."""

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Run."""
    def explain(self) -> Report:
        """Every step, where it runs and why."""


class Backend(Protocol):
    """An engine."""

    name: str
    rerolls: bool
    """Whether it would rather have a loop than the steps of one that a program spells out."""

    def compile(self, graph: Any, options: Options) -> Executable:
        """An executable of a closed graph."""
