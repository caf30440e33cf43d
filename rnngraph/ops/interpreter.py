"""Running closed graphs by the op table, with NumPy: the meaning of a program. Engines share it for their host steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np

from rnngraph import errors
from rnngraph.ir.graph import Graph, Node, Value
from rnngraph.ir.kinds import Effect
from rnngraph.ir.layout import counts, parts
from rnngraph.ir.op import Call
from rnngraph.ir.sizes import Dim, Expr, Symbol, evaluate
from rnngraph.ir.types import ListType, TensorType, as_dtype
from rnngraph.ops.lists import TensorList

Env = dict[Value, Any]


def symbol_of(dim: Dim) -> Symbol | None:
    """The symbol that a lone dim is."""
    return dim.symbol if isinstance(dim, Expr) else None


def bind(value: Value, array: Any, sizes: dict[Symbol, int], own: set[Symbol]) -> None:
    """Bind the symbols of `own` that stand alone in the value's type or content, from the array."""
    t = value.type
    if isinstance(t, TensorType) and t.shape is not None:
        for d, n in zip(t.shape, np.shape(array), strict=True):
            symbol = symbol_of(d)
            if symbol in own:
                sizes[symbol] = n
    elif isinstance(t, ListType) and symbol_of(t.length) in own:
        sizes[symbol_of(t.length)] = len(array)  # type: ignore[index]
    for i, d in enumerate(value.content or ()):
        symbol = symbol_of(d)
        if symbol in own and symbol is not None:
            sizes[symbol] = int(np.ravel(array)[i])


_BAD_DATA = (ArithmeticError, IndexError, TypeError, ValueError)
"""What NumPy raises for arrays that do not fit."""


def _as_op_error(error: Exception, node: Node) -> errors.OpError:
    """What a kernel raised as one of TensorFlow's errors."""
    if isinstance(error, errors.OpError):
        return error
    if isinstance(error, MemoryError):
        return errors.ResourceExhaustedError(None, node, "OOM when allocating tensor: there is not enough memory")
    if isinstance(error, _BAD_DATA):
        return errors.InvalidArgumentError(None, node, str(error))
    return errors.InternalError(None, node, f"{type(error).__name__}: {error}; please report it with the program")


def _given(node: Node, args: Sequence[Any]) -> list[str]:
    """A kernel's arguments for a message; none for checks, whose messages say all."""
    return [] if isinstance(node.op.kind, Effect) else [_array_text(a) for a in args]


def _array_text(value: Any) -> str:
    if isinstance(value, TensorList):
        return f"TensorArray of {len(value)}"
    return f"{as_dtype(np.asarray(value).dtype).name} [{','.join(map(str, np.shape(value)))}]"


class Machine:
    """Runs regions. `sizes` holds the bound symbols.

    A region that binds some runs on a machine of its own (`inside`), so each step of a loop has its own sizes: several may
    be alive at once.
    """

    def __init__(self, sizes: dict[Symbol, int]) -> None:
        self.sizes = sizes

    def inside(self) -> Machine:
        """A machine for a region that binds sizes: it sees those that are bound here, and nobody here sees its own."""
        made = copy(self)
        made.sizes = dict(self.sizes)
        return made

    def size(self, dim: Dim) -> int:
        """The number that a dim stands for now."""
        return evaluate(dim, self.sizes)

    def region(self, graph: Graph, args: Sequence[Any]) -> list[Any]:
        """The results of a region for these arguments."""
        env: Env = {}
        machine = self.inside() if graph.binds else self
        for param, arg in zip(graph.params, args, strict=True):
            env[param] = arg
            if graph.binds:
                bind(param, arg, machine.sizes, graph.binds)
        for node in graph.nodes:
            machine.step(env, node, graph.binds)
        return [env[v] for v in graph.results]

    def step(self, env: Env, node: Node, own: set[Symbol]) -> None:
        """Run one node."""
        args = [env[v] for v in node.operands]
        run = CONTROL.get(node.op.name)
        if run is not None:
            results = run(self, node, args)
        else:
            results = self.kernel(node, args)
        for value, array in zip(node.results, results, strict=True):
            env[value] = array
            if own:
                bind(value, array, self.sizes, own)

    def kernel(self, node: Node, args: Sequence[Any]) -> Sequence[Any]:
        """Run the reference kernel. Its errors say which op they come from, and what it was given."""
        try:
            made = node.op.reference(Call(node, self.size), *args)
        except Exception as error:
            raise errors.at_node(_as_op_error(error, node), node, _given(node, args)) from error
        return made if isinstance(made, tuple) else (made,)

    # --- control: as the ops' page writes it ----------------------------------------------------------------------

    def loop(self, node: Node, args: Sequence[Any]) -> Sequence[Any]:
        """A loop, one step after the other."""
        p, n, is_reverse = parts(node), counts(node).carry, node.attrs["reverse"]
        head, carry, rows, captures = counts(node).groups(args)
        limit = int(head[0]) if head else None
        stacks: list[list[Any]] = [[] for _ in p.stacks]
        t = 0
        while limit is None or t < limit:
            step = np.int32(t)
            if p.cond is not None and not self.region(p.cond, [step, *carry, *captures])[0]:
                break
            at = limit - 1 - t if is_reverse and limit is not None else t
            row = [r.row(at, q.type.dtype.numpy) if isinstance(r, TensorList) else r[at]
                   for r, q in zip(rows, p.body_rows, strict=True)]
            out = self.region(p.body, [step, *carry, *row, *captures])
            carry = out[:n]
            for stack, value in zip(stacks, out[n:], strict=True):
                stack.append(value)
            t += 1
        made = [self.stacked(v, s[::-1] if is_reverse else s) for v, s in zip(p.stacks, stacks, strict=True)]
        return [*carry, *made, np.int32(t)]

    def stacked(self, value: Value, rows: list[Any]) -> Any:
        """Rows as a stack of the type that the result has."""
        t = value.type
        if isinstance(t, ListType):
            made = TensorList(len(rows))
            made.items = list(rows)
            return made
        if rows:
            return np.stack(rows)
        assert isinstance(t, TensorType)
        return np.zeros((0, *(self.size(d) for d in (t.shape or ())[1:])), t.dtype.numpy)

    def branch(self, node: Node, args: Sequence[Any]) -> Sequence[Any]:
        """One of two regions."""
        return self.region(node.regions[0 if bool(args[0]) else 1], args[1:])

    def fused(self, node: Node, args: Sequence[Any]) -> Sequence[Any]:
        """What the region means."""
        return self.region(node.regions[0], args)


CONTROL: dict[str, Callable[[Machine, Node, Sequence[Any]], Sequence[Any]]] = {
    "loop": Machine.loop, "if": Machine.branch, "fused": Machine.fused}


def param_symbols(graph: Graph) -> set[Symbol]:
    """The symbols that a graph's parameters bind."""
    found: set[Symbol] = set()
    for param in graph.params:
        t = param.type
        shape = t.shape if isinstance(t, TensorType) else None
        found.update(s for d in (*(shape or ()), *(param.content or ())) if (s := symbol_of(d)) is not None)
    return found
