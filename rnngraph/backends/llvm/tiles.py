"""Register tiles: the inner kernels of matrix products, as LLVM IR text with explicit vectors.

A tile of C of a few rows by a few vectors stays in accumulators for the whole k loop. Tiles are half of what LLVM has to do
for a program, so they are written for what makes another inner loop and nothing else: how many accumulators there are and
along which axis A is contiguous. Strides and the depth come at run time, which costs one part in a hundred of the speed, and
products of all sizes share them.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnngraph.backends.llvm.text import ITEM_BYTES, LLVM_TYPES, Function, Index, Scalar, suffix
from rnngraph.lowering.target import Target

UNROLL = 2
"""Steps of k written out in one round of the inner loop, where one accumulator set is enough; 4 was no faster."""

MOST_SETS = 8
"""Most accumulator sets of a small tile, hence the most steps of k written out; blocks of K are multiples of it."""


@dataclass(frozen=True)
class Geometry:
    """The register tile of one dtype: `lanes` of a vector, `vectors` across, at most `rows` down."""

    dtype: str
    lanes: int
    vectors: int
    rows: int

    @property
    def columns(self) -> int:
        """Columns of a full tile, which is the width of a packed panel."""
        return self.lanes * self.vectors

    @property
    def item(self) -> str:
        """LLVM's element type."""
        return LLVM_TYPES[self.dtype]

    @property
    def vector(self) -> str:
        """LLVM's vector type."""
        return f"<{self.lanes} x {self.item}>"

    @property
    def suffix(self) -> str:
        """How overloaded intrinsics name the vector type."""
        return suffix(self.dtype, self.lanes)

    @property
    def bytes(self) -> int:
        """Bytes of one element, which is also all the alignment that loads and stores assume."""
        return ITEM_BYTES[self.dtype]


def geometry(dtype: str, target: Target) -> Geometry:
    """The tile for a dtype: of 32 registers 6 x 4 accumulators, 4 of B and a broadcast; of 16, 6 x 2."""
    if dtype not in ("float32", "float64"):
        raise NotImplementedError(f"matrix products of {dtype} are not compiled")
    item = ITEM_BYTES[dtype]
    return Geometry(dtype, target.lanes(item), target.columns(item) // target.lanes(item), 6)


@dataclass(frozen=True)
class Tile:
    """All that is known about a tile when it is written. None: passed at run time."""

    shape: Geometry
    rows: int
    vectors: int
    unit_rows: bool
    """Whether rows of A are side by side (a transposed matrix)."""
    unit_depth: bool
    """Whether consecutive k of A are side by side."""
    packed: bool
    """Whether B is a packed panel, padded to whole vectors; else it ends with the last column."""
    accumulate: bool | None
    columns: int | None
    """Columns that exist; None if that comes at run time (then every vector is masked)."""

    @property
    def name(self) -> str:
        """The function's symbol."""
        known = (self.unit_rows, self.unit_depth, self.packed, self.accumulate)
        facts = "".join("x" if fact is None else str(int(fact)) for fact in known)
        columns = "x" if self.columns is None else self.columns
        return f"rnn_tile_{self.shape.suffix}_{self.rows}_{self.vectors}_{facts}_{columns}"

    @property
    def params(self) -> list[tuple[str, str]]:
        """The function's parameters: strides in elements, `bks` between consecutive k of B."""
        unknown = [("i1", "accumulate")] * (self.accumulate is None) + [("i64", "columns")] * (self.columns is None)
        return [*(("ptr noalias", name) for name in "abc"), *(("i64", name) for name in ("ars", "acs", "bks", "ldc", "k")),
                *unknown]


class TileWriter:
    """Writes one tile function: C[rows, columns] (+)= A[rows, depth] * B[depth, columns]."""

    def __init__(self, function: Function, tile: Tile) -> None:
        self.fn, self.tile, self.shape = function, tile, tile.shape
        self.row_stride: Index = 1 if tile.unit_rows else "%ars"
        self.depth_stride: Index = 1 if tile.unit_depth else "%acs"
        self.panel_stride: Index = tile.shape.columns if tile.packed else "%bks"
        # A step of few accumulators cannot hide the latency of its own fused multiply-adds: several steps of k then
        # go to accumulator sets of their own, added up at the end.
        room = max(1, min(MOST_SETS, 16 // (tile.rows * tile.vectors)))
        self.sets = 1 << (room.bit_length() - 1)
        self.unroll = max(UNROLL, self.sets)
        self.masks: dict[int, str] = {}
        self.row_offsets: list[Index] = []

    def write(self) -> None:
        """The whole function."""
        fn, tile = self.fn, self.tile
        self.masks = self._masks()
        self.row_offsets = [fn.mul(self.row_stride, row) for row in range(tile.rows)]
        start = self._initial()
        zeros = ["zeroinitializer"] * (len(start) * (self.sets - 1))
        whole = fn.mul(fn.quotient("%k", self.unroll), self.unroll)
        state = self._steps(0, whole, self.unroll, ["%a", "%b", *start, *zeros])
        state = self._steps(whole, "%k", 1, state)
        self._store(self._sum_sets(state[2:]))
        fn.ret()

    def _masks(self) -> dict[int, str]:
        """Masks of the vectors that may stick out over the last column."""
        fn, lanes = self.fn, self.shape.lanes
        if self.tile.columns is not None:
            inside = self.tile.columns - (self.tile.vectors - 1) * lanes
            if inside >= lanes:
                return {}
            bits = ", ".join(f"i1 {str(lane < inside).lower()}" for lane in range(lanes))
            return {self.tile.vectors - 1: f"<{bits}>"}
        narrow = fn.value("trunc i64 %columns to i32")
        single = fn.value(f"insertelement <{lanes} x i32> poison, i32 {narrow}, i64 0")
        lanes_type = f"<{lanes} x i32>"
        limit = fn.value(f"shufflevector {lanes_type} {single}, {lanes_type} poison, {lanes_type} zeroinitializer")
        masks = {}
        for vector in range(self.tile.vectors):
            numbers = ", ".join(f"i32 {vector * lanes + lane}" for lane in range(lanes))
            masks[vector] = fn.value(f"icmp slt <{lanes} x i32> <{numbers}>, {limit}")
        return masks

    def _load(self, pointer: str, mask: str | None) -> str:
        return self.fn.load(self.shape.dtype, pointer, self.shape.lanes, mask).ssa

    def _store_vector(self, value: str, pointer: str, mask: str | None) -> None:
        self.fn.store(Scalar(value, self.shape.dtype, self.shape.lanes), pointer, mask)

    def _c_pointers(self) -> list[str]:
        item, lanes = self.shape.item, self.shape.lanes
        rows = [self.fn.offset(item, "%c", self.fn.mul("%ldc", row)) for row in range(self.tile.rows)]
        return [self.fn.offset(item, row, vector * lanes) for row in rows for vector in range(self.tile.vectors)]

    def _initial(self) -> list[str]:
        """Accumulators to start from: zeros, or C itself if the product adds to it."""
        fn, count = self.fn, self.tile.rows * self.tile.vectors
        zeros = ["zeroinitializer"] * count
        if self.tile.accumulate is False:
            return zeros

        def loaded() -> list[str]:
            masks = [self.masks.get(vector) for _ in range(self.tile.rows) for vector in range(self.tile.vectors)]
            return [self._load(pointer, mask) for pointer, mask in zip(self._c_pointers(), masks, strict=True)]

        if self.tile.accumulate:
            return loaded()
        before, then, end = fn.current, fn.fresh("add"), fn.fresh("start")
        fn.branch_if("%accumulate", then, end)
        fn.block(then)
        values = loaded()
        fn.block(end)
        return [fn.phi(self.shape.vector, [("zeroinitializer", before), (value, then)]) for value in values]

    def _steps(self, begin: Index, end: Index, step: int, state: list[str]) -> list[str]:
        """The k loop over [begin, end), `step` at a time. The state is the pointers to A and B and the accumulators."""
        kinds = ["ptr", "ptr"] + [self.shape.vector] * (len(state) - 2)
        fn, item = self.fn, self.shape.item
        with fn.loop_carrying(begin, end, step, list(zip(kinds, state, strict=True))) as loop:
            a, b = loop.values[:2]
            accumulators = loop.values[2:]
            for offset in range(step):
                self._step(a, b, offset, accumulators)
            following_a = fn.offset(item, a, fn.mul(self.depth_stride, step))
            following_b = fn.offset(item, b, fn.mul(self.panel_stride, step))
            loop.carry([following_a, following_b, *accumulators])
        return loop.results

    def _step(self, a: str, b: str, offset: int, accumulators: list[str]) -> None:
        """One k: a row of B times an element of each row of A, into the accumulators (updated in place)."""
        fn, shape, tile = self.fn, self.shape, self.tile
        base = (offset % self.sets) * tile.rows * tile.vectors
        row_b = fn.offset(shape.item, b, fn.mul(self.panel_stride, offset))
        b_values = [
            self._load(fn.offset(shape.item, row_b, vector * shape.lanes),
                       None if tile.packed else self.masks.get(vector))
            for vector in range(tile.vectors)
        ]  # fmt: skip
        column_a = fn.offset(shape.item, a, fn.mul(self.depth_stride, offset))
        for row in range(tile.rows):
            scalar = fn.load_raw(shape.item, fn.offset(shape.item, column_a, self.row_offsets[row]), shape.bytes)
            single = fn.value(f"insertelement {shape.vector} poison, {shape.item} {scalar}, i64 0")
            spread = fn.value(
                f"shufflevector {shape.vector} {single}, {shape.vector} poison, <{shape.lanes} x i32> zeroinitializer"
            )
            for vector, value in enumerate(b_values):
                slot = base + row * tile.vectors + vector
                operands = [(shape.vector, spread), (shape.vector, value), (shape.vector, accumulators[slot])]
                accumulators[slot] = fn.call(shape.vector, f"llvm.fma.{shape.suffix}", operands)

    def _sum_sets(self, accumulators: list[str]) -> list[str]:
        count = self.tile.rows * self.tile.vectors
        sets = [accumulators[start : start + count] for start in range(0, len(accumulators), count)]
        while len(sets) > 1:
            extra = sets.pop()
            kind = self.shape.vector
            sets[len(sets) // 2] = [
                self.fn.value(f"fadd {kind} {x}, {y}") for x, y in zip(sets[len(sets) // 2], extra, strict=True)
            ]
        return sets[0]

    def _store(self, values: list[str]) -> None:
        pointers = self._c_pointers()
        for slot, (value, pointer) in enumerate(zip(values, pointers, strict=True)):
            self._store_vector(value, pointer, self.masks.get(slot % self.tile.vectors))
