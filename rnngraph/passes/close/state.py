"""thread state: variables become parameters and results; random draws get the run and the step they belong to.

    %v = variable {key="w"};  %a = read %v;  %b = assign %v, %x     ->     parameter w;  a = w;  b = x;  result w' = x

A read sees the writes that it is ordered after (through data or control edges), else the value before the run. Writes of
one variable are chained in creation order. In a loop or branch a read that was made outside is of the variable as the
region finds it: after the writes that the loop or branch comes after, and those of the steps before (decision 7). In
regions a variable that is only read is a capture, one that is written a carry (a result of an `if`). Which variables
have a value when the run starts is known here, so `is_initialized` is a constant, and a read of one that has none is a
`fail` node, which raises only if it is executed. Only what gets its first value in a loop or branch may have one or not:
a boolean goes with such a variable, which reads look at, and the session when it keeps what was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rnngraph.errors import FailedPreconditionError
from rnngraph.ir.graph import Builder, Graph, Node, Value, building, call, constant
from rnngraph.ir.kinds import Random
from rnngraph.ir.layout import parts
from rnngraph.ir.types import RefType, TensorType, Type, int64, tensor
from rnngraph.ir.walk import Rebuilder
from rnngraph.ops.control import make_if
from rnngraph.ops.random import KEYED
from rnngraph.passes.tools.region_edits import Edit, edit_if, edit_loop


class Version(NamedTuple):
    """What a variable is after a write, and whether it has a value then (a boolean scalar; None: it has)."""

    bit: int
    value: Value
    there: Value | None = None


@dataclass
class Level:
    """The state of one region while it is rebuilt: versions of each variable, and which writes precede a node."""

    versions: dict[str, list[Version]] = field(default_factory=dict)
    before: dict[Node, int] = field(default_factory=dict)
    count: int = 0


@dataclass
class Threaded:
    """A graph without state: parameters are feeds, `read` variables, the run's number; results end with `written`, and
    for those that are `unsure`, whether they have a value."""

    graph: Graph
    read: list[str]
    written: list[str]
    unsure: list[str]


class _Threader:
    def __init__(self, initialized: set[str], awaited: set[Node]) -> None:
        self.awaited = awaited
        self.initialized = initialized
        self.types: dict[str, TensorType] = {}
        self.keys: dict[Value, str] = {}
        self.reads: dict[Value, str] = {}
        """Values that are a variable's as it was read outside of the loops and branches that see them."""
        self.names: dict[str, str] = {}
        self.levels = [Level()]
        self.writes: dict[Node, set[str]] = {}
        self.run: Value | None = None
        self.steps: list[Value] = []

    # --- what a node writes, and what precedes it -----------------------------------------------------------------

    def find_keys(self, graph: Graph) -> None:
        """Name every reference and read: variables, what reads them, and the parameters that capture either."""
        for node in graph.nodes:
            if node.op.name == "read" and not node.attrs["cached"]:
                self.reads[node.results[0]] = self.keys[node.operands[0]]
            elif node.op.name == "refine" and node.operands[0] in self.reads:
                self.reads[node.results[0]] = self.reads[node.operands[0]]
            if node.op.name == "variable":
                self.keys[node.results[0]] = node.attrs["key"]
                self.names[node.attrs["key"]] = node.name or node.attrs["key"]
                self.types[node.attrs["key"]] = node.attrs["type"]
            for region in node.regions:
                captured = region.params[len(region.params) - len(_captures(node)):]
                for outer, inner in zip(_captures(node), captured, strict=True):
                    for names in (self.keys, self.reads):
                        if outer in names:
                            names[inner] = names[outer]
                self.find_keys(region)

    def written(self, node: Node) -> set[str]:
        """The variables that a node writes, regions included."""
        if node not in self.writes:
            found = {self.keys[node.operands[0]]} if node.op.effects == "writes" else set()
            for region in node.regions:
                for inner in region.nodes:
                    found |= self.written(inner)
            self.writes[node] = found
        return self.writes[node]

    def mask(self, node: Node) -> int:
        """The writes of this level that `node` is ordered after, as bits."""
        level, bits = self.levels[-1], 0
        for v in node.operands:
            if v.node is not None:
                bits |= level.before.get(v.node, 0)
        for other in node.after:
            bits |= level.before.get(other, 0)
        return bits

    def seen(self, key: str, mask: int) -> Version | None:
        """The version of a variable that a node ordered after `mask` sees; None if it has no value."""
        found = None
        for version in self.levels[-1].versions.get(key, []):
            if version.bit == 0 or mask & version.bit:
                found = version
        return found

    def newest(self, key: str) -> Version | None:
        """The last version."""
        versions = self.levels[-1].versions.get(key)
        return versions[-1] if versions else None

    def write(self, key: str, value: Value, bit: int, there: Value | None = None) -> None:
        """A new version."""
        self.levels[-1].versions.setdefault(key, []).append(Version(bit, value, there))

    # --- the rule ---------------------------------------------------------------------------------------------------

    def rule(self, rb: Rebuilder, node: Node) -> Sequence[Value] | None:
        level = self.levels[-1]
        mask = self.mask(node) | level.before.get(node, 0)
        wrote = self.written(node)
        bit = 0
        if wrote:
            level.count += 1
            bit = 1 << level.count
        level.before[node] = mask | bit
        with building(rb.builder):
            return self.rewrite(rb, node, mask, bit)

    def rewrite(self, rb: Rebuilder, node: Node, mask: int, bit: int) -> Sequence[Value] | None:
        """The new values of one node's results."""
        name = node.op.name
        if name == "variable":
            return [constant(0)]
        if name in ("read", "is_initialized", "assign", "update"):
            return [getattr(self, name)(rb, node, self.keys[node.operands[0]], mask, bit)]
        if name == "loop":
            return self.loop(rb, node, mask, bit)
        if name == "if":
            return self.branch(rb, node, mask, bit)
        if isinstance(node.op.kind, Random) or name in KEYED:
            key = call("concat", rb.value(node.operands[0]), self.place(rb), axis=0)
            return rb.copy(node, [key, *(rb.value(v) for v in node.operands[1:])]).results
        return None

    def place(self, rb: Rebuilder) -> Value:
        """The run and the step of each enclosing loop, as an int64 vector."""
        assert self.run is not None
        parts_ = [rb.builder.local(self.run), *(call("cast", rb.builder.local(t), dtype=int64) for t in self.steps)]
        return call("stack", *parts_, axis=0)

    def read(self, rb: Rebuilder, node: Node, key: str, mask: int, bit: int) -> Value:
        """The version that the read sees."""
        version = self.seen(key, mask)
        if version is not None:
            return self.value(rb, node, key, version)
        if node in self.awaited:
            # Something waits for the read itself, whoever uses its value.
            self.missing(rb, node, key, ())
        missing: Value = self.missing(rb, node, key, (node.results[0].type,))
        return missing

    def value(self, rb: Rebuilder, node: Node, key: str, version: Version) -> Value:
        """The value of a version; where it may have none, its reader raises."""
        if version.there is None:
            return rb.builder.local(version.value)
        outer = rb.builder
        then, other = (Builder(Graph(name, outer.graph), outer) for name in ("then", "else"))
        then.graph.seal([then.local(version.value)])
        rb.builder = other
        other.graph.seal([self.missing(rb, node, key, (version.value.type,))])
        rb.builder = outer
        return make_if(outer, outer.local(version.there), then, other, node.name).results[0]

    def missing(self, rb: Rebuilder, node: Node, key: str, types: tuple[Type, ...]) -> Any:
        """What stands for the value of a variable that has none: raises when executed."""
        made = rb.builder.node(
            "fail", [], {"error": "FailedPreconditionError", "types": types,
                         "message": f"Attempting to use uninitialized value {self.names.get(key, key)}"},
            name=node.name, origin=node.origin)
        return made.results[0] if types else None

    def is_initialized(self, rb: Rebuilder, node: Node, key: str, mask: int, bit: int) -> Value:
        """A constant, unless the first value is given in a loop or branch: what has one is known when a run starts."""
        version = self.seen(key, mask)
        return constant(version is not None) if version is None or version.there is None else rb.builder.local(version.there)

    def assign(self, rb: Rebuilder, node: Node, key: str, mask: int, bit: int) -> Value:
        """The new value itself."""
        value = rb.value(node.operands[1])
        t = node.results[0].type
        assert isinstance(t, TensorType)
        if node.attrs["validate_shape"] and t.shape is not None:
            shape = tuple(d if isinstance(d, int) else None for d in t.shape)
            value = rb.builder.node("refine", [value], {"shape": shape}, name=node.name, origin=node.origin).results[0]
        self.write(key, value, bit)
        return value

    def update(self, rb: Rebuilder, node: Node, key: str, mask: int, bit: int) -> Value:
        """The pure op applied to the newest value."""
        version = self.newest(key)
        old = (self.missing(rb, node, key, (node.results[0].type,)) if version is None
               else self.value(rb, node, key, version))
        made = rb.builder.node(node.attrs["with_"], [old, *(rb.value(v) for v in node.operands[1:])], {}, name=node.name,
                               origin=node.origin)
        self.write(key, made.results[0], bit)
        return made.results[0]

    # --- regions ----------------------------------------------------------------------------------------------------

    def enter_level(self, started: Mapping[str, Version], mask: int) -> None:
        """Start a region: captured variables have the version seen outside, those it writes the one it starts with."""
        outer, inner = self.levels[-1], Level()
        for key in outer.versions:
            version = self.seen(key, mask)
            if version is not None:
                inner.versions[key] = [version._replace(bit=0)]
        inner.versions.update((key, [version]) for key, version in started.items())
        self.levels.append(inner)

    def read_here(self, rb: Rebuilder, captured: Sequence[Value], mask: int) -> None:
        """A read that a region captures is of the variable as the region, whose level it is, finds it. Of one that may have
        no value it is the read outside, which raises if so."""
        for inner in captured:
            version = self.seen(self.reads.get(inner, ""), mask)
            if version is not None and version.there is None:
                rb.values[inner] = rb.builder.local(version.value)

    def start(self, rb: Rebuilder, node: Node, keys: Sequence[str]) -> dict[str, Version]:
        """The variables as a region node that writes them finds them; what has no value yet has zeros."""
        found = {}
        for key in keys:
            version = self.newest(key)
            if version is None:
                t = self.types[key]
                if t.shape is None or not all(isinstance(d, int) for d in t.shape):
                    raise NotImplementedError(
                        f"variable {self.names[key]!r} gets its first value inside a loop or branch and has no static "
                        "shape; initialise it before, or give it a shape")
                zero = constant(0 if not t.dtype.is_bool else False, t.dtype.numpy)
                value = call("broadcast", zero, constant(list(t.shape), "int32")) if t.shape else zero
                version = Version(0, value, constant(False))
            there = None if version.there is None else rb.builder.local(version.there)
            found[key] = Version(0, rb.builder.local(version.value), there)
        return found

    def ends(self, rb: Rebuilder, started: Mapping[str, Version]) -> list[Value]:
        """What a region gives of the variables that it writes: their values, and whether they have one where `started`
        did not know it."""
        versions = {key: self.required(key) for key in started}
        there = [versions[key].there or constant(True) for key, v in started.items() if v.there is not None]
        return [*(v.value for v in versions.values()), *there]

    def written_by(self, started: Mapping[str, Version], results: Sequence[Value]) -> dict[str, Version]:
        """The variables as `ends`, or a loop's parameters, give them."""
        there = iter(results[len(started):])
        return {key: Version(0, value, None if version.there is None else next(there))
                for (key, version), value in zip(started.items(), results, strict=False)}

    def loop(self, rb: Rebuilder, node: Node, mask: int, bit: int) -> Sequence[Value]:
        """A loop with the variables that it writes as carries; each step reads them as they are then."""
        started = self.start(rb, node, sorted(self.written(node)))
        p = parts(node)
        refs = [i for i, v in enumerate(p.captures) if not isinstance(v.type, RefType)]
        flags = [v.there for v in started.values() if v.there is not None]
        edit = Edit(keep_captures=refs, extra_carry=[*(v.value for v in started.values()), *flags])
        depth, level = len(self.steps), len(self.levels)

        def enter(which: int, params: Sequence[Value]) -> None:
            del self.levels[level:], self.steps[depth:]
            self.enter_level(self.written_by(started, params), mask)
            old = p.params(node.regions[which])
            self.steps.append(rb.value(old.step))
            self.read_here(rb, old.captures, mask)

        edit.enter, edit.leave = enter, lambda which: (self.ends(rb, started), ())
        done = edit_loop(rb, node, edit)
        del self.levels[level:], self.steps[depth:]
        for key, version in self.written_by(started, done.carry).items():
            self.write(key, version.value, bit, version.there)
        return [v for v in done.old if v is not None]

    def required(self, key: str) -> Version:
        """The newest version of a variable that must have one."""
        version = self.newest(key)
        assert version is not None
        return version

    def branch(self, rb: Rebuilder, node: Node, mask: int, bit: int) -> Sequence[Value]:
        """An `if` with the variables that it writes as results; inlined where the predicate is known."""
        pred = rb.value(node.operands[0])
        if pred.node is not None and pred.node.op.name == "constant":
            chosen = node.regions[0 if bool(pred.node.attrs["value"].array) else 1]
            return self.inline(rb, node, chosen, mask)
        started = self.start(rb, node, sorted(self.written(node)))
        keep = [i for i, v in enumerate(node.operands[1:]) if not isinstance(v.type, RefType)]
        depth = len(self.levels)

        def enter(which: int, params: Sequence[Value]) -> None:
            del self.levels[depth:]
            self.enter_level(started, mask)
            self.read_here(rb, node.regions[which].params, mask)

        done = edit_if(rb, node, Edit(keep_captures=keep, enter=enter, leave=lambda which: ((), self.ends(rb, started))))
        del self.levels[depth:]
        for key, version in self.written_by(started, done.stacks).items():
            self.write(key, version.value, bit, version.there)
        return [v for v in done.old if v is not None]

    def inline(self, rb: Rebuilder, node: Node, region: Graph, mask: int) -> list[Value]:
        """The branch's nodes in place of the `if`."""
        for param, operand in zip(region.params, node.operands[1:], strict=True):
            rb.values[param] = rb.value(operand)
        self.read_here(rb, region.params, mask)
        for inner in region.nodes:
            self.levels[-1].before[inner] = mask
            rb.step(inner)
        return [rb.value(v) for v in region.results]


def _captures(node: Node) -> Sequence[Value]:
    return parts(node).captures if node.op.name == "loop" else node.operands[1:] if node.op.name == "if" else ()


def thread(graph: Graph, initialized: set[str], targets: Sequence[Node] = ()) -> Threaded:
    """`graph` without state. Results are the old results (a reference means its value after the run), then state."""
    work = _Threader(initialized, {*targets, *(a for n in graph.nodes for a in n.after)})
    work.find_keys(graph)
    rb = Rebuilder(work.rule)
    keys = sorted(set(work.keys.values()))
    from_start = [k for k in keys if k in initialized]

    rb.builder = type(rb.builder)(Graph(graph.name))
    builder = rb.builder
    builder.graph.binds = set(graph.binds)
    for param in graph.params:
        rb.values[param] = builder.param(param.type, param.content, param.hint)
    for key in from_start:
        work.levels[0].versions[key] = [Version(0, builder.param(work.types[key], None, key))]
    work.run = builder.param(tensor(int64, ()), None, "run")
    for node in graph.nodes:
        rb.step(node)
    written = [k for k in keys if len(work.levels[0].versions.get(k, [])) > (k in initialized)]
    results = [_final(work, rb, v) if isinstance(v.type, RefType) else rb.value(v) for v in graph.results]
    last = {k: work.required(k) for k in written}
    there = {k: v.there for k, v in last.items() if v.there is not None}
    results += [*(v.value for v in last.values()), *there.values()]
    return Threaded(builder.graph.seal(results), from_start, written, list(there))


def _final(work: _Threader, rb: Rebuilder, ref: Value) -> Value:
    key = work.keys[ref]
    version = work.newest(key)
    if version is None:
        raise FailedPreconditionError(None, None, f"Attempting to use uninitialized value {work.names.get(key, key)}")
    assert ref.node is not None
    return work.value(rb, ref.node, key, version)
