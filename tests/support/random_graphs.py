"""Random programs: closed graphs built straight in the IR, with inputs that they accept.

Numbers stay small and away from jumps (no float is compared with another that may be equal to it), so that engines that
round differently still agree to a few digits. Loops: counted, with conditions, with rows and stacks, reverse, of zero
and one step, nested with inner trips that depend on the outer step; branches, with failing ops where they are not
reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import rnngraph.ops
import rnngraph.ops.control as control
from rnngraph.ir.graph import Array, Builder, Graph, Value, building, call
from rnngraph.ir.sizes import Dim, Symbol, minimum, mul
from rnngraph.ir.types import DType, TensorType, bool_, float32, float64, int32, int64, tensor
from rnngraph.ir.walk import is_ordered, type_symbols

assert rnngraph.ops, "importing it fills the table of ops"

UNARY = ("tanh", "sigmoid", "neg", "relu", "square", "abs", "sin", "cos", "softplus", "erf", "identity")
BINARY = ("add", "sub", "mul", "maximum", "minimum", "squared_difference")
SMOOTH = ("tanh", "sigmoid", "neg", "square", "sin", "cos", "softplus", "erf")


@dataclass
class Sizes:
    """The symbols of a program and the numbers that its inputs give them."""

    time: Symbol = field(default_factory=lambda: Symbol("T"))
    batch: Symbol = field(default_factory=lambda: Symbol("B"))
    t: int = 3
    b: int = 2


def random_graph(rng: np.random.Generator, steps: int = 14, depth: int = 2) -> tuple[Graph, list[Any]]:
    """A closed graph and arrays for its parameters. `steps` bounds statements per block, `depth` nested regions."""
    sizes = Sizes(t=_small(rng), b=_small(rng))
    builder = Builder(Graph("random"))
    builder.graph.binds.update((sizes.time, sizes.batch))
    maker = Maker(rng, sizes, depth)
    inputs = maker.parameters(builder)
    with building(builder):
        maker.fill(builder, steps)
        results = maker.results(builder)
    return builder.graph.seal(results), inputs


def random_open_graph(rng: np.random.Generator, steps: int = 10,
                      depth: int = 2) -> tuple[Builder, list[Value], list[Any]]:
    """A smooth open program for gradient tests: its builder (not sealed), float64 results, and inputs.

    The float parameters come first and every carry is a float; elementwise operands broadcast implicitly.
    """
    sizes = Sizes(t=max(1, _small(rng)), b=max(1, _small(rng)))
    builder = Builder(Graph("random_open"))
    builder.graph.binds.update((sizes.time, sizes.batch))
    maker = Maker(rng, sizes, depth, smooth=True)
    inputs = maker.parameters(builder)
    with building(builder):
        maker.fill(builder, steps)
        results = [v for v in maker.results(builder) if v.type.dtype == float64]
    return builder, results, inputs


def _small(rng: np.random.Generator) -> int:
    """A size in 0..5, mostly at least 1."""
    return int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.06, 0.19, 0.25, 0.25, 0.15, 0.1]))


class Maker:
    """Fills blocks with statements. `pools` holds what each block may use: its own values and outer ones."""

    def __init__(self, rng: np.random.Generator, sizes: Sizes, depth: int, smooth: bool = False) -> None:
        self.rng = rng
        self.sizes = sizes
        self.depth = depth
        self.smooth = smooth
        self.main = float64 if smooth or rng.random() < 0.3 else float32
        self.pools: list[list[Value]] = [[]]
        self.outside = {sizes.time, sizes.batch}

    # what there is

    @property
    def pool(self) -> list[Value]:
        """The values that the current block may use."""
        return self.pools[-1]

    def parameters(self, builder: Builder) -> list[Any]:
        """The program's parameters and their arrays."""
        time, batch = self.sizes.time.dim, self.sizes.batch.dim
        shapes: list[tuple[str, DType, tuple[Dim, ...]]] = [
            ("x", self.main, (time, batch, 4)), ("h", self.main, (batch, 4)), ("w", self.main, (4, 4)),
            ("v", self.main, (4,)), ("m", self.main, (batch, 3)), ("s", self.main, ())]
        if not self.smooth:
            shapes += [("ids", int32, (batch,)), ("seq", int32, (time,)), ("p", bool_, (batch,)), ("q", bool_, ()),
                       ("d", float64 if self.main == float32 else float32, (3, 4)), ("k", int32, ())]
        arrays = []
        for hint, dtype, shape in shapes:
            self.pool.append(builder.param(TensorType(dtype, shape), None, hint))
            arrays.append(self.array(dtype, [self.number(d) for d in shape]))
        n = builder.param(tensor(int32), (time,), "n")
        self.pool.append(n)
        return [*arrays, np.int32(self.sizes.t)]

    def number(self, dim: Dim) -> int:
        """The run-time number of a parameter's size."""
        if isinstance(dim, int):
            return dim
        return self.sizes.t if dim == self.sizes.time.dim else self.sizes.b

    def array(self, dtype: DType, shape: Sequence[int]) -> Any:
        """Random data: floats in [-1, 1], ints in [-3, 6]."""
        if dtype.is_bool:
            return np.asarray(self.rng.random(shape) < 0.5)
        if dtype.is_integer:
            return np.asarray(self.rng.integers(-3, 7, shape), dtype.numpy)
        return np.asarray(self.rng.uniform(-1, 1, shape), dtype.numpy)

    def chance(self, p: float) -> bool:
        """True with that probability."""
        return bool(self.rng.random() < p)

    def of(self, options: Sequence[Any]) -> Any:
        """One of several, all as likely."""
        return options[int(self.rng.integers(len(options)))]

    def pick(self, test: Callable[[Value], bool]) -> Value | None:
        """A value of the pool that passes, later ones more likely."""
        found = [v for v in self.pool if test(v)]
        if not found:
            return None
        return found[-1 - min(int(self.rng.exponential(3)), len(found) - 1)]

    def some(self, test: Callable[[Value], bool]) -> list[Value]:
        """Up to two different values that pass."""
        return list(dict.fromkeys(v for v in (self.pick(test), self.pick(test)) if v is not None))

    def floats(self, rank: int | None = None) -> Value | None:
        """A float value."""
        return self.pick(lambda v: v.type.dtype.is_floating and (rank is None or len(v.shape) == rank))

    def constant(self, x: Any, dtype: DType) -> Value:
        """A constant."""
        return call("constant", value=Array(np.asarray(x, dtype.numpy)))

    def spread(self, x: Value, shape: Sequence[Dim]) -> Value:
        """`x` broadcast to a shape; as it is in open graphs."""
        if tuple(shape) == x.shape or self.smooth:
            return x
        return call("broadcast", x, self.shape(shape))

    def shape(self, dims: Sequence[Dim]) -> Value:
        """A shape as a value."""
        return call("sizes", dims=tuple(dims))

    def like(self, x: Any, value: Value) -> Value:
        """A number with the type of `value`."""
        return self.spread(self.constant(x, value.type.dtype), value.shape)

    def plain(self, value: Value) -> bool:
        """Whether the sizes are those of the program's parameters, so that the value may leave a region."""
        return isinstance(value.type, TensorType) and type_symbols(value.type) <= self.outside

    # statements

    def fill(self, builder: Builder, steps: int) -> None:
        """Append statements to a block; what they give joins the pool."""
        for _ in range(int(self.rng.integers(max(2, steps // 2), steps + 1))):
            make = self.of(self.statements())
            made = make(builder)
            for value in made if isinstance(made, (list, tuple)) else [made]:
                if value is not None:
                    self.pool.append(value)
            self.order(builder)

    def order(self, builder: Builder) -> None:
        """Sometimes a control edge to the last node that may have one, which comes after another such node."""
        ordered = [n for n in builder.graph.nodes if is_ordered(n)]
        if len(ordered) > 1 and self.chance(0.3):
            object.__setattr__(ordered[-1], "after", (self.of(ordered[:-1]),))  # nodes are frozen: this one is new

    def statements(self) -> list[Callable[[Builder], Any]]:
        """The kinds of statements, the likelier ones more than once."""
        common = [self.unary, self.unary, self.binary, self.binary, self.contraction, self.reduction, self.transposed,
                  self.reshaped, self.sliced, self.joined, self.spreading]
        nested = [self.counted, self.branch] if self.depth > len(self.pools) - 1 else []
        if self.smooth:
            return [*common, *nested]
        return [*common, self.comparison, self.selection, self.conversion, self.integers, self.gathered, self.logic,
                *nested, *([self.conditional, self.guarded] if nested else [])]

    def unary(self, _: Builder) -> Any:
        """An elementwise function of a float."""
        x = self.floats()
        return x and call(self.of(SMOOTH if self.smooth else UNARY), x)

    def binary(self, _: Builder) -> Any:
        """Arithmetic of two values of one type."""
        x = self.floats()
        if x is None:
            return None
        y = self.pick(lambda v: v.type == x.type) or x
        if self.chance(0.1):
            return call("div", x, call("add", call("square", y), self.like(1.5, y)))
        return call(self.of(("add", "sub", "mul") if self.smooth else BINARY), x, y)

    def comparison(self, _: Builder) -> Any:
        """Floats against an odd constant, ints against one another."""
        x = self.pick(lambda v: v.type.dtype.kind in "fi")
        if x is None:
            return None
        op = self.of(("less", "greater_equal", "greater", "less_equal"))
        if x.type.dtype.is_floating:
            return call(op, x, self.like(0.1372964 + self.rng.uniform(-0.5, 0.5), x))
        return call(self.of((op, "equal", "not_equal")), x, self.pick(lambda v: v.type == x.type) or x)

    def logic(self, _: Builder) -> Any:
        """Bools."""
        x = self.pick(lambda v: v.type.dtype.is_bool)
        if x is None:
            return None
        if self.chance(0.3) and x.shape:
            return call(self.of(("reduce_all", "reduce_any")), x)
        y = self.pick(lambda v: v.type == x.type) or x
        if self.chance(0.3):
            return call("logical_not", x)
        return call(self.of(("logical_and", "logical_or", "logical_xor")), x, y)

    def selection(self, _: Builder) -> Any:
        """select, the condition broadcast."""
        p = self.pick(lambda v: v.type.dtype.is_bool)
        x = p and self.pick(lambda v: v.shape[:len(p.shape)] == p.shape and not v.type.dtype.is_bool)
        if p is None or x is None:
            return None
        for i in range(len(p.shape), len(x.shape)):
            p = call("expand_dims", p, axis=i)
        return call("select", self.spread(p, x.shape), x, self.pick(lambda v: v.type == x.type) or x)

    def conversion(self, _: Builder) -> Any:
        """Casts that do not depend on rounding."""
        x = self.pick(lambda v: True)
        assert x is not None
        if x.type.dtype.is_floating:
            return call("cast", x, dtype=self.of((float32, float64)))
        return call("cast", x, dtype=self.of((self.main, int32, int64)))

    def integers(self, _: Builder) -> Any:
        """Integer arithmetic that stays small."""
        x = self.pick(lambda v: v.type.dtype == int32)
        if x is None:
            return None
        y = self.pick(lambda v: v.type == x.type) or x
        if self.chance(0.3):
            return call(self.of(("maximum", "minimum", "sub")), x, y)
        return call("int_floormod", call(self.of(("add", "mul")), x, y), self.like(int(self.rng.integers(2, 9)), x))

    def gathered(self, _: Builder) -> Any:
        """take along an axis of known size, at places brought into its range."""
        x, i = self.floats(), self.pick(lambda v: v.type.dtype == int32 and len(v.shape) < 2)
        axes = [] if x is None else [a for a, d in enumerate(x.shape) if isinstance(d, int) and d > 0]
        if x is None or i is None or not axes or len(x.shape) > 3:
            return None
        axis = self.of(axes)
        return call("take", x, call("int_floormod", i, self.like(x.shape[axis], i)), axis=axis)

    def contraction(self, _: Builder) -> Any:
        """A product over the last axis, kept small."""
        x = self.pick(lambda v: v.type.dtype.is_floating and 1 <= len(v.shape) <= 3)
        w = x and self.pick(lambda v: v.type.dtype == x.type.dtype and len(v.shape) == 2 and v.shape[0] == x.shape[-1])
        if x is None:
            return None
        if w is None or self.chance(0.25):
            y = self.pick(lambda v: v.type == x.type) or x
            letters = "abcd"[:len(x.shape)]
            out = letters[:int(self.rng.integers(len(letters) + 1))]
            return call("tanh", call("contract", x, y, spec=f"{letters},{letters}->{out}"))
        letters = "abc"[:len(x.shape) - 1]
        return call("tanh", call("contract", x, w, spec=f"{letters}i,ij->{letters}j"))

    def reduction(self, _: Builder) -> Any:
        """Sums and extremes over some axes."""
        x = self.pick(lambda v: v.type.dtype.is_floating and len(v.shape) > 0)
        if x is None:
            return None
        axes = tuple(sorted({int(self.rng.integers(len(x.shape))) for _ in range(2)}))
        op = "reduce_sum" if self.smooth or self.chance(0.6) else self.of(("reduce_max", "reduce_min"))
        return call("tanh", call(op, x, axes=axes, keep=self.chance(0.3)))

    def transposed(self, _: Builder) -> Any:
        """Axes in another order, or read backwards."""
        x = self.pick(lambda v: len(v.shape) > 1)
        if x is None:
            return None
        if self.chance(0.3):
            return call("reverse", x, axes=(int(self.rng.integers(len(x.shape))),))
        return call("transpose", x, perm=tuple(int(i) for i in self.rng.permutation(len(x.shape))))

    def reshaped(self, _: Builder) -> Any:
        """Axes joined, or an axis of size 1 more."""
        x = self.pick(lambda v: 0 < len(v.shape) < 4)
        if x is None:
            return None
        if len(x.shape) > 1 and self.chance(0.5):
            return call("reshape", x, self.shape((mul(x.shape[0], x.shape[1]), *x.shape[2:])))
        return call("expand_dims", x, axis=int(self.rng.integers(len(x.shape) + 1)))

    def sliced(self, _: Builder) -> Any:
        """A part along the axes of known size; of the others at most the first few."""
        x = self.pick(lambda v: len(v.shape) > 0)
        if x is None:
            return None
        starts, sizes = [], []
        for d in x.shape:
            start = int(self.rng.integers(d)) if isinstance(d, int) and d > 0 else 0
            starts.append(start)
            few = minimum(d, 2) if self.chance(0.2) else d
            sizes.append(int(self.rng.integers(1, d - start + 1)) if isinstance(d, int) and d > 0 else few)
        return call("slice", x, starts=tuple(starts), strides=(1,) * len(starts), sizes=tuple(sizes))

    def joined(self, _: Builder) -> Any:
        """concat."""
        x = self.pick(lambda v: len(v.shape) > 0)
        if x is None:
            return None
        axis = int(self.rng.integers(len(x.shape)))
        return call("concat", x, self.pick(lambda v: v.type == x.type) or x, axis=axis)

    def spreading(self, _: Builder) -> Any:
        """A small value broadcast to the shape of a larger one, and used with it."""
        y = self.floats()
        x = y and self.pick(lambda v: v.type.dtype == y.type.dtype and len(v.shape) < len(y.shape)
                            and v.shape == y.shape[len(y.shape) - len(v.shape):])
        return None if x is None or y is None else call(self.of(("add", "mul", "sub")), self.spread(x, y.shape), y)

    # control

    def fit(self, wanted: TensorType, old: Value | None = None) -> Value:
        """A value of that type, from the pool, bounded; `old` is always a possibility."""
        x = self.pick(lambda v: v.type == wanted) or old
        if x is None:
            small = self.pick(lambda v: v.type == TensorType(wanted.dtype, ()))
            one = small if small is not None else self.constant(1, wanted.dtype)
            x = one if one.type == wanted else call("broadcast", one, self.shape(wanted.shape or ()))
        if wanted.dtype.is_floating:
            return call("tanh", x if old is None or x is old else call("add", x, call("mul", old, self.like(0.5, old))))
        if wanted.dtype == int32 and old is not None:
            return call("int_floormod", call("add", old, x), self.like(11, x))
        return x

    def region(self, builder: Builder) -> Builder:
        """A region's builder; it starts with the outer pool, whose values it captures."""
        self.pools.append(list(self.pool))
        return builder.region()

    def limit(self) -> tuple[Value, Dim]:
        """A number of steps and the size that it is."""
        time = self.sizes.time.dim
        if self.chance(0.5):
            return call("sizes", dims=(time,), scalar=True), time
        k = int(self.of((0, 1, 2, 3, 4)))
        return self.constant(k, int32), k

    def carries(self) -> list[Value]:
        """Values to start from."""
        found = [self.pick(lambda v: self.plain(v) and v.type.dtype.is_floating and len(v.shape) < 3)
                 for _ in range(int(self.rng.integers(1, 4)))]
        if not self.smooth and self.chance(0.4):
            found.append(self.pick(lambda v: self.plain(v) and v.type.dtype == int32 and len(v.shape) < 2))
        return [v for v in found if v is not None]

    def counted(self, builder: Builder) -> Any:
        """A loop of a number of steps that is known beforehand, perhaps one that may stop early."""
        limit, size = self.limit()
        inner = len(self.pools) > 1
        uneven = inner and self.chance(0.4)
        if uneven:
            limit, size = call("int_floormod", self.pool_step(), self.constant(3, int32)), None
        carries = self.carries()
        rows = self.some(lambda v: v.shape[:1] == (size,))
        early = not self.smooth and self.chance(0.25)
        reverse = not early and self.chance(0.3)
        body = self.region(builder)
        with building(body):
            params = self.enter(body, carries, rows)
            self.fill(body, 5)
            new = [self.fit(p.tensor, p) for p in params]
            stacks = [] if uneven else self.some(self.plain)
        self.pools.pop()
        body.graph.seal([body.local(v) for v in (*new, *stacks)])
        cond = self.stop(builder, carries) if early else None
        node = control.make_loop(builder, cond=cond, body=body, limit=limit, carry=carries, rows=rows, reverse=reverse,
                                 parallel_iterations=int(self.of((1, 4, 32))))
        return self.leave(node.results)

    def leave(self, results: Sequence[Value]) -> list[Value]:
        """What of a loop's results others may use."""
        return [v for v in results if isinstance(v.type, TensorType)]

    def pool_step(self) -> Value:
        """The innermost step number."""
        step = self.pick(lambda v: v.hint == "t")
        return step if step is not None else self.constant(2, int32)

    def enter(self, body: Builder, carries: Sequence[Value], rows: Sequence[Value]) -> list[Value]:
        """A body's parameters; the carries'."""
        self.pool.append(body.param(tensor(int32), None, "t"))
        params = [body.param(v.type, None, v.hint or "c") for v in carries]
        self.pool.extend(params)
        self.pool.extend(body.param(v.tensor.with_shape(v.shape[1:]), None, "row") for v in rows)
        return params

    def stop(self, builder: Builder, carries: Sequence[Value], bound: int | None = None) -> Builder:
        """A while region: on the counter, or on the data of a carry; with a bound it ends in any case."""
        cond = self.region(builder)
        with building(cond):
            params = self.enter(cond, carries, [])
            step = self.pool[-1 - len(params)]
            going = call("less", step, self.constant(int(self.rng.integers(4)) if bound is None else bound, int32))
            data = [p for p in params if p.type.dtype.is_floating]
            if data and self.chance(0.6):
                total = call("reduce_sum", data[0], axes=tuple(range(len(data[0].shape)))) if data[0].shape else data[0]
                below = call("less", total, self.constant(0.61803, total.type.dtype))
                going = below if bound is None else call("logical_and", going, below)
        self.pools.pop()
        cond.graph.seal([going])
        return cond

    def conditional(self, builder: Builder) -> Any:
        """A loop without a limit."""
        carries = self.carries()
        body = self.region(builder)
        with building(body):
            params = self.enter(body, carries, [])
            self.fill(body, 4)
            new = [self.fit(p.tensor, p) for p in params]
            stacks = [v for v in [self.pick(self.plain)] if v is not None and self.chance(0.5) and len(self.pools) == 2]
        self.pools.pop()
        body.graph.seal([body.local(v) for v in (*new, *stacks)])
        cond = self.stop(builder, carries, int(self.rng.integers(5)))
        return self.leave(control.make_loop(builder, cond=cond, body=body, carry=carries).results)

    def branch(self, builder: Builder) -> Any:
        """An `if`."""
        pred = self.pick(lambda v: v.type == tensor(bool_))
        if pred is None:
            pred = self.constant(self.chance(0.5), bool_)
        types = [v.tensor for v in (self.pick(self.plain) for _ in range(2)) if v is not None]
        branches = [self.region_of(builder, types) for _ in range(2)]
        return self.leave(control.make_if(builder, pred, *branches).results)

    def region_of(self, builder: Builder, types: Sequence[TensorType]) -> Builder:
        """A branch that gives values of these types."""
        region = self.region(builder)
        with building(region):
            self.fill(region, 3)
            results = [region.local(self.fit(t)) for t in types]
        self.pools.pop()
        region.graph.seal(results)
        return region

    def guarded(self, builder: Builder) -> Any:
        """A failing op in a branch, or in a loop of zero steps, where its operands would make it fail."""
        k = self.pick(lambda v: v.type == tensor(int32))
        if k is None:
            return None
        zero, three = self.constant(0, int32), self.constant(3, int32)
        table = self.constant(self.array(int32, (3,)), int32)
        taking = self.chance(0.5)
        if taking:
            pred = call("logical_and", call("greater_equal", k, zero), call("less", k, three))
        else:
            pred = call("not_equal", k, zero)

        def fails() -> Value:
            return call("take", table, k) if taking else call("int_floordiv", self.constant(7, int32), k)
        if self.chance(0.5):
            then, other = builder.region(), builder.region()
            with building(then):
                then.graph.seal([fails()])
            with building(other):
                other.graph.seal([other.local(three)])
            return list(control.make_if(builder, pred, then, other).results)
        body = builder.region()
        with building(body):
            body.param(tensor(int32), None, "t")
            old = body.param(tensor(int32), None, "c")
            body.graph.seal([call("maximum", old, fails())])
        limit = call("cast", pred, dtype=int32)
        return list(control.make_loop(builder, body=body, limit=limit, carry=[three]).results)

    def results(self, builder: Builder) -> list[Value]:
        """What the program gives: some of all, the last ones surely."""
        own = [v for v in dict.fromkeys(self.pool) if v.graph is builder.graph]
        last, rest = own[-3:], own[:-3]
        return [*(v for v in rest if self.chance(0.25)), *last]
