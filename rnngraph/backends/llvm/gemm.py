"""Hand-blocked matrix products, written as LLVM IR text with explicit vectors.

The loop vectoriser reaches a third of the machine's peak on a plain triple loop, so these kernels spell out the
registers: a tile of C of a few rows by a few vectors stays in accumulators for the whole k loop. They belong in a
module that LLVM takes as it is written (`text.AS_WRITTEN`): its optimisation pipeline would undo the blocking.

Every product is made of *tiles* (see `tiles`), functions that all products share which need the same one. A product's own
function cuts C into them; what is known of its sizes (a Python int) is folded into that text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rnngraph.backends.llvm.pulse import PRODUCTS, STATE, Pulse, short
from rnngraph.backends.llvm.text import Function, Index, Module
from rnngraph.backends.llvm.tiles import MOST_SETS, Geometry, Tile, TileWriter, geometry
from rnngraph.lowering.target import Target

TRANSPOSED = 16
"""Elements along k that packing a transposed matrix moves at a time."""

DIRECT_ROWS = 4
"""Most rows the unpacked product takes."""


@dataclass(frozen=True)
class _Product:
    """One matrix product being written: what is known of it, and its operands inside the driver function."""

    fn: Function
    shape: Geometry
    m: Index
    n: Index
    row_stride: Index
    depth_stride: Index
    panel_stride: Index
    """Elements between consecutive k of B: the panel width if packed, B's row stride if not."""
    c_stride: Index
    packed: bool
    pulse: Pulse | None
    """Counts the work, if there may be much."""


def _pulse(fn: Function, *sizes: int | None) -> Pulse | None:
    known = [d for d in sizes if d is not None]
    return None if len(known) == len(sizes) and short(math.prod(known) // PRODUCTS) else Pulse(fn)


class GemmEmitter:
    """Adds matrix kernels to a module, each shape once. All functions return void; sizes and strides are in elements.

    Every entry takes all its sizes at run time; those that were given as ints when it was emitted are ignored inside. The
    last parameter is the state of the run (see `pulse`): a product that is told to stop leaves C unfinished.
    """

    def __init__(self, module: Module, target: Target) -> None:
        self.module = module
        self.target = target

    def geometry(self, dtype: str) -> Geometry:
        """The register tile in use for a dtype."""
        return geometry(dtype, self.target)

    # -- the packed product

    def gemm(
        self, dtype: str, m: int | None, n: int | None, k: int | None,
        a_strides: tuple[int | None, int | None] = (None, None), ldc: int | None = None, accumulate: bool = False,
    ) -> str:  # fmt: skip
        """The symbol of C[M,N] (+)= A[M,K] * packed B.

        `void (ptr a, i64 a_row_stride, i64 a_column_stride, ptr packed, ptr c, i64 ldc, i64 m, i64 n, i64 k, ptr state)`.
        C has contiguous columns and may not overlap A or B. M, N or K may be 0; K = 0 clears C unless accumulating.
        """
        shape = self.geometry(dtype)
        name = _entry_name("gemm", shape, m, n, k, *a_strides, ldc, accumulate)
        if name in self.module.functions:
            return name
        sizes = ("i64 ars", "i64 acs", "ptr b", "ptr c", "i64 ldc", "i64 m", "i64 n", "i64 k")
        fn = self._entry(name, ("ptr a", *sizes))
        product = _Product(
            fn, shape, "%m" if m is None else m, "%n" if n is None else n,
            "%ars" if a_strides[0] is None else a_strides[0], "%acs" if a_strides[1] is None else a_strides[1],
            shape.columns, "%ldc" if ldc is None else ldc, True, _pulse(fn, m, n, k),
        )  # fmt: skip
        self._depth_blocks(product, "%k" if k is None else k, accumulate)
        fn.ret()
        return name

    def _depth_blocks(self, product: _Product, k: Index, accumulate: bool) -> None:
        """Walk K in blocks short enough for a panel's block to stay in cache; all after the first add to C."""
        fn, shape = product.fn, product.shape
        most = self.target.depth(shape.bytes)
        if isinstance(k, int) and k <= most:
            self._panels(product, "%a", "%b", k, k, accumulate)
            return
        count = fn.maximum(fn.quotient(fn.add(k, most - 1), most), 1)
        # Blocks of even length, in whole unrolled rounds.
        even = fn.quotient(fn.add(fn.quotient(fn.sub(fn.add(k, count), 1), count), MOST_SETS - 1), MOST_SETS)
        block = fn.maximum(fn.mul(even, MOST_SETS), MOST_SETS)
        last = fn.maximum(k, 1)  # K = 0 still makes one, empty, round: C must be written
        if isinstance(k, int) and isinstance(block, int) and k % block == 0:
            depth: Index | None = block
        else:
            depth = None
        with fn.loop(0, last, block) as start:
            size = fn.minimum(block, fn.sub(k, start)) if depth is None else depth
            add: bool | str = accumulate or fn.compare("ne", start, 0)
            a = fn.offset(shape.item, "%a", fn.mul(start, product.depth_stride))
            b = fn.offset(shape.item, "%b", fn.mul(start, shape.columns))
            self._panels(product, a, b, k, size, add)

    def _panels(self, product: _Product, a: str, b: str, k: Index, size: Index, add: bool | str) -> None:
        """All panels of one block of K."""
        fn, shape = product.fn, product.shape

        def panel_at(start: Index) -> str:
            return fn.offset(shape.item, b, fn.mul(start, k))

        self._strips(product, shape.vectors, a, panel_at, size, add)

    def _strips(
        self, product: _Product, vectors: int, a: str, b_at: Callable[[Index], str], size: Index, add: bool | str,
    ) -> None:  # fmt: skip
        """Cut C into strips of `vectors` vectors and what is left of them; `b_at` finds B for a first column."""
        fn, shape = product.fn, product.shape
        columns = vectors * shape.lanes
        whole = fn.mul(fn.quotient(product.n, columns), columns)
        rest = fn.sub(product.n, whole)
        if whole != 0:
            with fn.loop(0, whole, columns) as start:
                self._row_tiles(product, vectors, columns, a, b_at(start), fn.offset(shape.item, "%c", start), size, add)
        if rest == 0:
            return
        c = fn.offset(shape.item, "%c", whole)
        if isinstance(rest, int):
            narrow = -(-rest // shape.lanes)
            self._row_tiles(product, narrow, rest, a, b_at(whole), c, size, add)
            return
        with fn.if_(fn.compare("ne", rest, 0)):
            self._row_tiles(product, vectors, rest, a, b_at(whole), c, size, add)

    def _row_tiles(
        self, product: _Product, vectors: int, columns: Index, a: str, b: str, c: str, size: Index, add: bool | str,
    ) -> None:  # fmt: skip
        """All rows of one strip, cut evenly: 32 rows are 6, 6, 5, 5, 5, 5, because a tile of 2 would be slow."""
        fn, shape, m = product.fn, product.shape, product.m
        if m == 0:
            return

        cost = fn.add(fn.quotient(fn.mul(size, shape.rows * vectors * shape.lanes), PRODUCTS), 1)

        def tile(rows: int, first: Index) -> None:
            if product.pulse is not None:
                product.pulse.spend(cost)
            a_rows = fn.offset(shape.item, a, fn.mul(first, product.row_stride))
            c_rows = fn.offset(shape.item, c, fn.mul(first, product.c_stride))
            self._call_tile(product, rows, vectors, columns, (a_rows, b, c_rows), size, add)

        tiles = fn.quotient(fn.add(m, shape.rows - 1), shape.rows)
        if isinstance(m, int) and isinstance(tiles, int):
            base, extra = divmod(m, tiles)
            for rows, begin, end in ((base + 1, 0, extra * (base + 1)), (base, extra * (base + 1), m)):
                if begin < end:
                    with fn.loop(begin, end, rows) as first:
                        tile(rows, first)
            return
        divisor = fn.maximum(tiles, 1)
        base_rows = fn.quotient(m, divisor)
        extra_tiles = fn.sub(m, fn.mul(base_rows, divisor))
        most = shape.rows if product.packed else DIRECT_ROWS
        with fn.loop(0, tiles) as number:
            larger = fn.value(f"zext i1 {fn.compare('slt', number, extra_tiles)} to i64")
            start = fn.add(fn.mul(number, base_rows), fn.minimum(number, extra_tiles))
            labels = [fn.fresh("rows") for _ in range(most)]
            done = fn.fresh("done")
            cases = " ".join(f"i64 {rows}, label %{label}" for rows, label in enumerate(labels, 1))
            fn.terminate(f"switch i64 {fn.add(base_rows, larger)}, label %{done} [ {cases} ]")
            for rows, label in enumerate(labels, 1):
                fn.block(label)
                tile(rows, start)
                fn.branch(done)
            fn.block(done)

    def _call_tile(
        self, product: _Product, rows: int, vectors: int, columns: Index, pointers: tuple[str, str, str], size: Index,
        add: bool | str,
    ) -> None:  # fmt: skip
        """Call the tile for these sizes, writing it first if the module has none like it."""
        tile = Tile(product.shape, rows, vectors, product.row_stride == 1, product.depth_stride == 1, product.packed,
                    add if isinstance(add, bool) else None, columns if isinstance(columns, int) else None)
        if tile.name not in self.module.functions:
            TileWriter(self.module.function(tile.name, tile.params, "void"), tile).write()
        a, b, c = pointers
        given: dict[str, Index | bool] = {
            "a": a, "b": b, "c": c, "ars": product.row_stride, "acs": product.depth_stride, "bks": product.panel_stride,
            "ldc": product.c_stride, "k": size, "columns": columns, "accumulate": add}
        product.fn.call("void", tile.name, [(kind.split()[0], given[name]) for kind, name in tile.params])

    # -- the direct product

    def direct(
        self, dtype: str, m: int | None, n: int | None, k: int | None,
        a_strides: tuple[int | None, int | None] = (None, None), b_stride: int | None = None, ldc: int | None = None,
        accumulate: bool = False,
    ) -> str:  # fmt: skip
        """The symbol of C[M,N] (+)= A[M,K] * B[K,N] for M <= 4 and B with contiguous columns, read where it lies.

        `void (ptr a, i64 a_row_stride, i64 a_column_stride, ptr b, i64 b_row_stride, ptr c, i64 ldc, i64 m, i64 n,
        i64 k, ptr state)`. For a B used once: packing would read and write more than the product itself.
        """
        if m is not None and m > DIRECT_ROWS:
            raise ValueError(f"the direct product takes at most {DIRECT_ROWS} rows, not {m}")
        shape = self.geometry(dtype)
        name = _entry_name("direct", shape, m, n, k, *a_strides, b_stride, ldc, accumulate)
        if name in self.module.functions:
            return name
        sizes = ("i64 ars", "i64 acs", "ptr b", "i64 bks", "ptr c", "i64 ldc", "i64 m", "i64 n", "i64 k")
        fn = self._entry(name, ("ptr a", *sizes))
        product = _Product(
            fn, shape, "%m" if m is None else m, "%n" if n is None else n,
            "%ars" if a_strides[0] is None else a_strides[0], "%acs" if a_strides[1] is None else a_strides[1],
            "%bks" if b_stride is None else b_stride, "%ldc" if ldc is None else ldc, False, _pulse(fn, m, n, k),
        )  # fmt: skip
        # Rows of B are read in pieces as long as registers allow: short pieces at a long stride defeat prefetching.
        accumulators = shape.vectors * 4
        vectors = max(1, accumulators // max(1, DIRECT_ROWS if m is None else m))
        if n is not None:
            vectors = max(1, min(vectors, -(-n // shape.lanes)))

        def b_at(start: Index) -> str:
            return fn.offset(shape.item, "%b", start)

        self._strips(product, vectors, "%a", b_at, "%k" if k is None else k, accumulate)
        fn.ret()
        return name

    # -- packing

    def pack(self, dtype: str) -> str:
        """The symbol that packs B (element (k, n) at b + k * row_stride + n * column_stride) into panels.

        `void (ptr b, i64 row_stride, i64 column_stride, ptr packed, i64 k, i64 n, ptr state)`; the result is
        [ceil(n / columns)][k][columns], with zeros after the last column.
        """
        shape = self.geometry(dtype)
        name = _entry_name("pack", shape)
        if name not in self.module.functions:
            sizes = ("i64 brs", "i64 bcs", "ptr out", "i64 k", "i64 n")
            fn = self._entry(name, ("ptr b", *sizes))
            _PackWriter(fn, shape).write()
        return name

    def _entry(self, name: str, params: Sequence[str]) -> Function:
        pairs = [(kind + " noalias" if kind == "ptr" else kind, word) for kind, word in (p.split() for p in params)]
        pairs.append(STATE)
        return self.module.function(name, pairs, "void")


def _entry_name(what: str, shape: Geometry, *facts: int | None) -> str:
    parts = ["x" if fact is None else str(int(fact)).replace("-", "m") for fact in facts]
    return "_".join(["rnn", what, shape.suffix, *parts])


class _PackWriter:
    """Writes the packing function: whole panels by vector copies or by transposing squares, the rest one by one."""

    def __init__(self, function: Function, shape: Geometry) -> None:
        self.fn, self.shape = function, shape

    def write(self) -> None:
        """The whole function."""
        fn, shape = self.fn, self.shape
        columns = shape.columns
        pulse, cost = Pulse(fn), fn.mul("%k", columns)
        with fn.loop(0, "%n", columns) as start:
            pulse.spend(cost)
            out = fn.offset(shape.item, "%out", fn.mul(start, "%k"))
            b = fn.offset(shape.item, "%b", fn.mul(start, "%bcs"))
            left = fn.sub("%n", start)
            full = fn.compare("sge", left, columns)
            copies = fn.value(f"and i1 {full}, {fn.compare('eq', '%bcs', 1)}")
            with fn.if_else(copies) as branch:
                self._copy(b, out)
                branch.otherwise()
                transposes = fn.value(f"and i1 {full}, {fn.compare('eq', '%brs', 1)}")
                pieces = fn.mul(fn.quotient("%k", TRANSPOSED), TRANSPOSED)
                moved = fn.value(f"select i1 {transposes}, i64 {pieces}, i64 0")
                self._transpose(b, out, moved)
                self._singly(b, out, moved, left)
        fn.ret()

    def _copy(self, b: str, out: str) -> None:
        fn, shape = self.fn, self.shape
        with fn.loop(0, "%k") as k:
            source = fn.offset(shape.item, b, fn.mul(k, "%brs"))
            target = fn.offset(shape.item, out, fn.mul(k, shape.columns))
            for vector in range(shape.vectors):
                at = vector * shape.lanes
                value = fn.load_raw(shape.vector, fn.offset(shape.item, source, at), shape.bytes)
                fn.store_raw(shape.vector, value, fn.offset(shape.item, target, at), shape.bytes)

    def _transpose(self, b: str, out: str, end: str) -> None:
        """The first `end` k of a whole panel, TRANSPOSED at a time: a cache line is read at once, and the lines written
        stay near.

        Plain loads and stores: a network of vector shuffles is little faster and took 15 ms to compile.
        """
        fn, item = self.fn, self.shape.item
        with fn.loop(0, end, TRANSPOSED) as k:
            rows = fn.offset(item, out, fn.mul(k, self.shape.columns))
            column = fn.offset(item, b, k)
            with fn.loop(0, self.shape.columns) as n:
                source = fn.offset(item, column, fn.mul(n, "%bcs"))
                target = fn.offset(item, rows, n)
                with fn.loop(0, TRANSPOSED) as step:
                    value = fn.load_raw(item, fn.offset(item, source, step), self.shape.bytes)
                    place = fn.offset(item, target, fn.mul(step, self.shape.columns))
                    fn.store_raw(item, value, place, self.shape.bytes)
    def _singly(self, b: str, out: str, begin: str, columns: Index) -> None:
        """Element by element from k = `begin`, with zeros after the last column."""
        fn, shape = self.fn, self.shape
        existing = fn.minimum(columns, shape.columns)
        with fn.loop(begin, "%k") as k:
            source = fn.offset(shape.item, b, fn.mul(k, "%brs"))
            target = fn.offset(shape.item, out, fn.mul(k, shape.columns))
            with fn.loop(0, existing) as n:
                value = fn.load_raw(shape.item, fn.offset(shape.item, source, fn.mul(n, "%bcs")), shape.bytes)
                fn.store_raw(shape.item, value, fn.offset(shape.item, target, n), shape.bytes)
            with fn.loop(existing, shape.columns) as n:
                fn.store_raw(shape.item, "zeroinitializer", fn.offset(shape.item, target, n), shape.bytes)
