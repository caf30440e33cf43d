"""An engine that runs plans in NumPy: the meaning of a plan, step by step, without LLVM.

It cuts graphs into stretches and drives host steps as the engine "llvm" does; only the stretches are run here. Memory is as
plans say: an arena of bins that pieces share, pointers that loops move. The arena begins full of odd bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.backends.llvm.engine import LLVMEngine
from rnngraph.backends.llvm.native import check_sizes
from rnngraph.backends.llvm.records import Codes
from rnngraph.ir.kinds import Elementwise, Random
from rnngraph.ir.op import lookup
from rnngraph.ir.sizes import Dim, Symbol, evaluate
from rnngraph.lowering import plan as p
from rnngraph.lowering.scalars_numpy import NumpyScalars
from rnngraph.ops.control import RELATIONS
from rnngraph.ops.random import drawn

COMBINED: dict[str, Any] = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum, "and": np.logical_and,
                            "or": np.logical_or}
Pointer = tuple[Any, int]
"""A flat array, and the number of an element."""


class PlanEngine(LLVMEngine):
    """The engine that interprets plans."""

    name = "plans"

    def segment(self, plan: p.Plan, codes: Codes) -> Any:
        """A plan as something to call."""
        return Interpreted(plan)


class Interpreted:
    """What `native.Segment` is, in NumPy."""

    def __init__(self, plan: p.Plan) -> None:
        self.plan = plan

    def __call__(self, inputs: Sequence[Any], sizes: Mapping[Symbol, int],
                 begun: Mapping[int, Any] | None = None) -> tuple[int, list[Any]]:
        """Status and outputs."""
        known = {s: sizes[s] for s in self.plan.symbols}
        check_sizes(self.plan, known)
        outputs = [np.empty([evaluate(d, known) for d in o.shape], o.dtype.numpy) for o in self.plan.outputs]
        for i, rows in (begun or {}).items():
            if len(rows):
                outputs[i][:len(rows)] = rows
        run = _Run(self.plan, [*inputs, *self.plan.constants], outputs, known)
        try:
            run.steps(self.plan.steps)
        except _Failed as failure:
            return 1 + failure.number, outputs
        return 0, outputs


class _Failed(Exception):
    def __init__(self, number: int) -> None:
        self.number = number


class _Run:
    """One execution of a plan."""

    def __init__(self, plan: p.Plan, inputs: Sequence[Any], outputs: Sequence[Any], sizes: dict[Symbol, int]) -> None:
        self.plan = plan
        self.sizes = sizes
        self.places: dict[p.Base, Pointer] = {}
        for i, a in enumerate(inputs):
            self.places[p.Input(i)] = np.ascontiguousarray(a).reshape(-1), 0
        for i, a in enumerate(outputs):
            self.places[p.Output(i)] = a.reshape(-1), 0
        bins = [np.full(self.size(b), 0xA5, np.uint8) for b in plan.arena.bins]
        for work, at in plan.arena.bin_of.items():
            count = self.size(work.count)
            self.places[work] = bins[at][:count * work.dtype.size].view(work.dtype.numpy), 0

    def size(self, dim: Dim) -> int:
        """A size."""
        return evaluate(dim, self.sizes)

    def pointer(self, view: p.View, offset: Dim | None = None) -> Pointer:
        """Where a view begins."""
        flat, start = self.places[view.base]
        return flat, start + self.size(view.offset if offset is None else offset)

    def view(self, view: p.View) -> Any:
        """A view as an array that can be written."""
        flat, start = self.pointer(view)
        shape = [self.size(d) for d in view.shape]
        if 0 in shape:
            return np.empty(shape, flat.dtype)
        strides = [self.size(d) for d in view.strides]
        reached = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
        low, high = start + sum(min(0, r) for r in reached), start + sum(max(0, r) for r in reached)
        assert 0 <= low and high < len(flat), f"{view} reaches {low} to {high} of {len(flat)}"
        return np.lib.stride_tricks.as_strided(flat[start:], shape, [s * flat.itemsize for s in strides])

    def whole(self, work: p.Work, shape: Sequence[Dim]) -> Any:
        """A piece of the arena, row by row."""
        return self.view(p.whole(work, work.dtype, shape))

    # --- steps ----------------------------------------------------------------------------------------------------------

    def steps(self, steps: Sequence[p.Step]) -> None:
        """Execute steps in order. What they bind is known to the end of the list."""
        sizes, self.sizes = self.sizes, dict(self.sizes)
        for step in steps:
            getattr(self, type(step).__name__.lower())(step)
        self.sizes = sizes

    def nest(self, step: p.Nest) -> None:
        """All elements at once."""
        shape = tuple(self.size(d) for d in step.sizes)
        at = np.ogrid[tuple(slice(n) for n in shape)] if shape else []
        values: list[Any] = []
        for term in step.terms:
            values.append(self.term(step, term, values, at))
        for store in step.stores:
            value = np.broadcast_to(values[store.term], shape)
            axes = tuple(k for k, gone in enumerate(step.reduced) if gone)
            if store.combine:
                value = self.folded(store.combine, value, axes)
            flat, places = self.element(store.access, [np.zeros((1,) * len(shape), int) if k in axes else i
                                                       for k, i in enumerate(at)])
            kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
            flat[np.broadcast_to(places, kept)] = value.reshape(kept)

    def folded(self, combine: str, value: Any, axes: tuple[int, ...]) -> Any:
        """A reduction; of nothing it gives the unit."""
        if combine in ("max", "min") and 0 in [value.shape[k] for k in axes]:
            info = np.finfo if value.dtype.kind == "f" else np.iinfo
            unit = -np.inf if value.dtype.kind == "f" else info(value.dtype).min
            other = np.inf if value.dtype.kind == "f" else info(value.dtype).max
            shape = [n for k, n in enumerate(value.shape) if k not in axes]
            return np.full(shape, unit if combine == "max" else other, value.dtype)
        more = {"dtype": value.dtype} if combine in ("add", "mul") else {}
        with np.errstate(all="ignore"):
            return COMBINED[combine].reduce(value, axis=axes, **more) if axes else value

    def element(self, access: p.Access, at: Sequence[Any]) -> tuple[Any, Any]:
        """A flat array, and the places of elements in it."""
        flat, start = self.pointer(access.view, access.offset)
        places = np.asarray(start)
        for c, i in zip(access.coefficients, at, strict=True):
            places = places + self.size(c) * i
        assert places.size == 0 or (places.min() >= 0 and places.max() < len(flat)), access
        return flat, places

    def term(self, nest: p.Nest, term: p.Term, values: Sequence[Any], at: Sequence[Any]) -> Any:
        """One scalar of a body, for all elements."""
        if term.op == "load":
            if any(self.size(d) == 0 for d in nest.sizes):
                return np.empty((1,) * len(at), nest.accesses[term.data].view.dtype.numpy)
            flat, places = self.element(nest.accesses[term.data], at)
            return flat[places]
        if term.op == "const":
            return np.dtype(term.data[1]).type(term.data[0])
        if term.op == "size":
            return np.dtype(term.data[1]).type(self.size(term.data[0]))
        if term.op == "index":
            axis, multiplier, offset, dtype = term.data
            place = (multiplier * at[axis] if axis >= 0 else 0) + np.asarray(self.size(offset))
            return NumpyScalars().cast(np.asarray(place, np.int64), dtype)
        kind = lookup(term.op).kind
        assert isinstance(kind, Elementwise)
        return np.asarray(kind.scalar(NumpyScalars(at), *(np.asarray(values[i]) for i in term.args), **dict(term.data)))

    def pack(self, step: p.Pack) -> None:
        """A copy."""
        self.whole(step.packed, step.matrix.shape)[...] = self.view(step.matrix)

    def gemm(self, step: p.Gemm) -> None:
        """A product."""
        c, a = self.view(step.c), self.view(step.a)
        b = self.view(step.b) if isinstance(step.b, p.View) else self.whole(step.b, (step.a.shape[1], step.c.shape[1]))
        with np.errstate(all="ignore"):
            c[...] = (c if step.accumulate else 0) + a @ b

    def rows(self, index: p.View, limit: int, node: int) -> Any:
        """Numbers of rows, all inside."""
        found = self.view(index).astype(np.int64)
        if ((found < 0) | (found >= limit)).any():
            raise _Failed(node)
        return found

    def take(self, step: p.Take) -> None:
        """Rows by number."""
        x = self.view(step.x)
        self.view(step.out)[...] = x[:, self.rows(step.index, x.shape[1], step.node)].reshape(
            [self.size(d) for d in step.out.shape])

    def put(self, step: p.Put) -> None:
        """Rows written by number."""
        x, updates = self.view(step.x), self.view(step.updates)
        rows = self.rows(step.index, x.shape[0], step.node)
        for j, row in enumerate(rows):
            x[row] = x[row] + updates[j] if step.add else updates[j]

    def draw(self, step: p.Draw) -> None:
        """Random numbers."""
        kind = lookup(step.op).kind
        assert isinstance(kind, Random)
        out = self.view(step.out)
        out[...] = drawn(kind.scalar, self.view(step.key), out.shape, dtype=step.out.dtype)

    def arg(self, step: p.Arg) -> None:
        """Where the extreme is."""
        x = self.view(step.x)
        if x.shape[1] == 0:
            raise _Failed(step.node)
        out = self.view(step.out)
        out[...] = (np.argmax if step.largest else np.argmin)(x, axis=1).reshape(out.shape)

    def check(self, step: p.Check) -> None:
        """All hold."""
        if not self.view(step.condition).all():
            raise _Failed(step.node)

    def checksizes(self, step: p.CheckSizes) -> None:
        """Two sizes."""
        if not RELATIONS[step.relation](self.size(step.left), self.size(step.right)):
            raise _Failed(step.node)

    def checkrange(self, step: p.CheckRange) -> None:
        """All inside."""
        self.rows(step.x, int(self.view(step.limit)), step.node)

    def bind(self, step: p.Bind) -> None:
        """A size from memory."""
        self.sizes[step.symbol] = int(self.view(step.x))

    def fail(self, step: p.Fail) -> None:
        """Always."""
        raise _Failed(step.node)

    def branch(self, step: p.Branch) -> None:
        """One of two."""
        self.steps(step.then if bool(self.view(step.condition)) else step.other)

    def loop(self, step: p.Loop) -> None:
        """Pointers move, then the body runs."""
        limit = None if step.limit is None else int(self.view(step.limit))
        index = self.size(step.begin)
        wholes = [self.pointer(r.whole) for r in step.rows]
        for carry, start in zip(step.carries, [self.pointer(c.start) for c in step.carries], strict=True):
            self.places[carry.pointer] = start
        while limit is None or index < limit:
            self.view(step.step)[...] = index
            if step.condition is not None:
                self.steps(step.test)
                if not bool(self.view(step.condition)):
                    break
            if step.more is not None and index >= self.size(step.capacity):
                self.view(step.more)[...] = True
                break
            at = limit - 1 - index if step.reverse and limit is not None else index
            for row, (flat, start) in zip(step.rows, wholes, strict=True):
                self.places[row.pointer] = flat, start + at * self.size(row.whole.strides[0])
            for pong in step.pongs:
                flat, start = self.places[pong.work]
                self.places[pong.pointer] = flat, start + index % 2 * self.size(pong.half)
            self.steps(step.body)
            for carry, place in zip(step.carries, [self.pointer(c.next) for c in step.carries], strict=True):
                self.places[carry.pointer] = place
            index += 1
        self.view(step.trips)[...] = index
