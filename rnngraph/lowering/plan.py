"""Plans: what a stretch of a closed graph does to memory, as frozen data.

A `View` is a tensor in memory: a base and, in elements, an offset and a stride for each axis. Bases are

    Input(i), Output(i)   arrays of the caller        Work(i)     a piece of the arena, placed by `buffers`
    Pointer(i)            a pointer that a loop moves: the current carry, this step's row, this step's row of a stack

Steps are executed in order; loops and branches hold steps of their own. Sizes are dims over symbols.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Union

from rnngraph.ir.sizes import Dim, Symbol, mul
from rnngraph.ir.types import DType


@dataclass(frozen=True)
class Input:
    """An array that the caller gives."""

    index: int


@dataclass(frozen=True)
class Output:
    """An array that the caller gives to be filled."""

    index: int


@dataclass(frozen=True)
class Work:
    """A piece of the arena of `count` elements."""

    index: int
    dtype: DType
    count: Dim


@dataclass(frozen=True)
class Pointer:
    """A pointer that a loop keeps."""

    index: int
    dtype: DType


Base = Union[Input, Output, Work, Pointer]


@dataclass(frozen=True)
class View:
    """A tensor in memory."""

    base: Base
    dtype: DType
    shape: tuple[Dim, ...]
    strides: tuple[Dim, ...]
    offset: Dim = 0

    @property
    def contiguous(self) -> bool:
        """Whether elements lie row by row without gaps (axes of size 1 may have any stride)."""
        return all(s == c or d == 1 for s, c, d in zip(self.strides, row_major(self.shape), self.shape, strict=True))


def row_major(shape: Sequence[Dim]) -> tuple[Dim, ...]:
    """The strides of a contiguous tensor."""
    strides: list[Dim] = []
    step: Dim = 1
    for d in reversed(shape):
        strides.append(step)
        step = mul(step, d)
    return tuple(reversed(strides))


def whole(base: Base, dtype: DType, shape: Sequence[Dim]) -> View:
    """A contiguous tensor that starts at its base."""
    return View(base, dtype, tuple(shape), row_major(shape))


_names: dict[Any, tuple[str, ...]] = {}


def members(item: Any) -> Sequence[Any]:
    """What a tuple or a part of a plan consists of; nothing for all else."""
    if isinstance(item, tuple):
        return item
    kind = type(item)
    if kind not in _names:
        part = is_dataclass(kind) and kind.__module__ == __name__
        _names[kind] = tuple(f.name for f in fields(kind)) if part else ()
    return [getattr(item, name) for name in _names[kind]]


# --- steps ------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Access:
    """How a nest reaches a view: element index = offset + sum of coefficient[k] * loop index k."""

    view: View
    offset: Dim
    coefficients: tuple[Dim, ...]


@dataclass(frozen=True)
class Term:
    """One scalar of a nest's body: how it is made from earlier ones (by position).

    op: "load" (access number in `data`), "const" (value, dtype name), "size" (a dim, dtype name), "index" (loop axis,
    multiplier, offset dim, dtype name), or the name of an op with a scalar body, with its attributes in `data`.
    """

    op: str
    args: tuple[int, ...] = ()
    data: Any = None


@dataclass(frozen=True)
class Store:
    """Write term `term` through an access; with `combine`, fold it over the reduced axes first."""

    access: Access
    term: int
    combine: str = ""


@dataclass(frozen=True)
class Nest:
    """A loop nest over `sizes`: a body of terms, then stores. `reduced` marks the axes that stores fold over."""

    sizes: tuple[Dim, ...]
    reduced: tuple[bool, ...]
    accesses: tuple[Access, ...]
    terms: tuple[Term, ...]
    stores: tuple[Store, ...]
    label: str = ""


@dataclass(frozen=True)
class Pack:
    """Copy a k x n matrix into the panels that `Gemm` reads."""

    matrix: View
    packed: Work


@dataclass(frozen=True)
class Gemm:
    """c = a b, or c += a b. a is m x k, b is k x n, c m x n with contiguous rows.

    b is packed, or, where a has so few rows that packing would cost more than the product, a view with contiguous rows.
    """

    a: View
    b: Work | View
    c: View
    accumulate: bool = False


@dataclass(frozen=True)
class Take:
    """out[i, j, k] = x[i, index[j], k]. Fails where an index is outside."""

    x: View
    index: View
    out: View
    node: int


@dataclass(frozen=True)
class Put:
    """x[index[j], k] = or += updates[j, k], in place. Fails where an index is outside."""

    x: View
    index: View
    updates: View
    add: bool
    node: int


@dataclass(frozen=True)
class Draw:
    """out[i] = the number that the random op `op` makes of the key and i."""

    op: str
    key: View
    out: View


@dataclass(frozen=True)
class Arg:
    """The position of the largest (smallest) element along the middle axis of x[i, j, k]; the first of equals.

    Fails where that axis is empty.
    """

    x: View
    out: View
    largest: bool
    node: int


@dataclass(frozen=True)
class Check:
    """Fail with `node` unless every element of a bool view holds."""

    condition: View
    node: int


@dataclass(frozen=True)
class CheckSizes:
    """Fail with `node` unless `left relation right`, with relation "==", ">=" or "broadcasts" (equal, or one is 1)."""

    relation: str
    left: Dim
    right: Dim
    node: int


@dataclass(frozen=True)
class Bind:
    """`symbol` stands for the integer in a scalar view, from here to the end of the list of steps.

    What such a size says of memory is unknown before the plan runs, so it is only ever a number or a place.
    """

    symbol: Symbol
    x: View


@dataclass(frozen=True)
class CheckRange:
    """Fail with `node` unless 0 <= element < limit for all elements of an integer view."""

    x: View
    limit: View
    node: int


@dataclass(frozen=True)
class Fail:
    """Fail with `node`."""

    node: int


@dataclass(frozen=True)
class Carry:
    """A carried tensor: `pointer` points to it, at first to `start`, after each step to `next`."""

    pointer: Pointer
    start: View
    next: View


@dataclass(frozen=True)
class Row:
    """`pointer` points to row `index` of `whole`, which has the step on axis 0."""

    pointer: Pointer
    whole: View


@dataclass(frozen=True)
class Pong:
    """`pointer` points to the half of `work` (two tensors long) that the current step may write."""

    pointer: Pointer
    work: Work
    half: Dim


@dataclass(frozen=True)
class Loop:
    """Repeat `body` until `limit` steps ran or `condition` (computed by `test`) is false; `trips` gets the number.

    With `capacity`, the loop also leaves in front of step `capacity`, for lack of room for its rows, and then sets `more`;
    it is entered again with `begin` the step where it left.
    """

    limit: View | None
    test: tuple[Step, ...]
    condition: View | None
    body: tuple[Step, ...]
    step: View
    trips: View
    carries: tuple[Carry, ...]
    rows: tuple[Row, ...]
    pongs: tuple[Pong, ...]
    reverse: bool
    label: str = ""
    begin: Dim = 0
    capacity: Dim = None
    more: View | None = None


@dataclass(frozen=True)
class Branch:
    """`then` or `other`, by a bool scalar."""

    condition: View
    then: tuple[Step, ...]
    other: tuple[Step, ...]


Step = Union[Nest, Pack, Gemm, Take, Put, Draw, Arg, Check, CheckSizes, CheckRange, Bind, Fail, Loop, Branch]


@dataclass(frozen=True)
class Port:
    """An array of the caller, contiguous."""

    name: str
    dtype: DType
    shape: tuple[Dim, ...]


@dataclass(frozen=True)
class Failure:
    """What fails where a step says so: an op, its name, the user's line."""

    op: str
    name: str
    line: str


@dataclass(frozen=True)
class Arena:
    """Working memory: bins in order, each with its size in bytes (a multiple of the alignment), and the bin of each piece."""

    bins: tuple[Dim, ...]
    bin_of: Mapping[Work, int]


@dataclass(frozen=True)
class Plan:
    """A stretch of a graph as steps. It is complete: nothing in it belongs to the graph that it was made of.

    Inputs are `inputs`, then `constants`, arrays that are known. A failing step names a place in `failures`. `sizes` are all
    sizes in it, those in `counts` numbers of elements; `symbols` are what they are written in, in the caller's order.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    constants: tuple[Any, ...]
    steps: tuple[Step, ...]
    symbols: tuple[Symbol, ...]
    failures: tuple[Failure, ...]
    sizes: tuple[Dim, ...]
    counts: tuple[Dim, ...]
    arena: Arena
