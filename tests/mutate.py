"""Changes the compiler in small ways, one at a time, and tells which changes no test notices.

    python -m tests.mutate --room passes --count 20 --seed 3 --jobs 2

First the room's tests (`ROOMS`) run with no change, and `tests/support/reached.py` notes which lines each of them runs.
Then `tests/support/trials.py` makes each change in a fork and tries the tests that run the changed line, the quick ones
first, until one fails. A mutant that survives is either a test that is missing, or the same program: those are listed in
`EQUAL`, each with its reason. `--seen FILE` keeps what was noted for the next time; after a change it must be made anew.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.trials import ROOT, Mutant, Trials

GRAPHS = "12"
"""How many random programs are enough to notice."""


# --- the rooms ----------------------------------------------------------------------------------------------------------

API, RANDOM = "tests/test_api_programs.py", "tests/test_random_programs.py"
PROGRAMS, FRONTEND = "tests/programs", "tests/frontend"
ROOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ir": (("rnngraph/ir",), (
        "tests/ir", "tests/passes/test_cases.py", "tests/ops/test_rules.py", API, f"{PROGRAMS}/test_sizes.py",
        "tests/errors/test_places.py")),
    "ops": (("rnngraph/ops",), (
        "tests/ops", API, f"{FRONTEND}/test_array.py", f"{FRONTEND}/test_math.py", f"{FRONTEND}/test_nn.py",
        f"{FRONTEND}/test_variable.py", f"{PROGRAMS}/test_control_flow.py", f"{PROGRAMS}/test_hard_cases.py",
        f"{PROGRAMS}/test_data_sizes.py", f"{PROGRAMS}/test_unknown_ranks.py", f"{PROGRAMS}/test_odd_values.py")),
    "autodiff": (("rnngraph/autodiff",), (
        API, f"{FRONTEND}/test_optimizers.py", f"{PROGRAMS}/test_control_flow.py", f"{PROGRAMS}/test_unknown_ranks.py",
        f"{PROGRAMS}/test_registered_gradients.py", "tests/test_golden.py", RANDOM)),
    "passes": (("rnngraph/passes", "rnngraph/passes/loops", "rnngraph/passes/tidy", "rnngraph/passes/typing",
                "rnngraph/passes/tools"), ("tests/passes", API, RANDOM, PROGRAMS)),
    "close": (("rnngraph/passes/close",), (API, "tests/passes/test_raise_loops.py", PROGRAMS)),
    "lowering": (("rnngraph/lowering",), (API, RANDOM, PROGRAMS, "tests/lowering", "tests/backends", "tests/ops")),
    "llvm": (("rnngraph/backends/llvm",), ("tests/backends", API, RANDOM, PROGRAMS)),
    "session": (("rnngraph/session.py", "rnngraph/programs.py", "rnngraph/runtime", "rnngraph/backends"), (
        PROGRAMS, f"{FRONTEND}/test_variable.py", "tests/test_errors.py", "tests/errors/test_misuse.py")),
    "train": (("rnngraph/frontend/train",), (
        f"{FRONTEND}/test_optimizers.py", f"{FRONTEND}/test_saver.py", f"{FRONTEND}/test_checkpoint_damage.py",
        f"{FRONTEND}/test_checkpoint_kills.py")),
    "control": (("rnngraph/frontend/flow", "rnngraph/frontend/rnn"), (
        API, f"{PROGRAMS}/test_control_flow.py", FRONTEND, "tests/test_golden.py")),
}
"""Room -> its files (a folder stands for the modules right in it, `rnn` for all), and its tests, the quick ones first."""

SEMANTIC: list[tuple[str, str, str, str, str]] = [
    ("autodiff", "rnngraph/autodiff/mirror.py", 'return call("sub", call("sub", self.local(p.trips), one), self.step)',
     'return call("sub", self.local(p.trips), self.step)', "the step number of a backward loop is one too large"),
    ("autodiff", "rnngraph/autodiff/activity.py", "        on |= more\n", "        return on | more\n",
     "activity of carries without its fixpoint"),
    ("autodiff", "rnngraph/autodiff/regions.py", "carries |= more\n", "carries |= more\n            break\n",
     "the slots that need a reverse without their fixpoint"),
    ("autodiff", "rnngraph/autodiff/sweep.py", "passing = node.op.name in (\"read\", \"identity\")", "passing = True",
     "rules are given rows as they are"),
    ("close", "rnngraph/passes/close/state.py", "if version.bit == 0 or mask & version.bit:", "if True:",
     "a read sees every write before it"),
    ("close", "rnngraph/passes/close/state.py", "bits |= level.before.get(other, 0)", "pass",
     "control edges do not order reads and writes"),
    ("passes", "rnngraph/passes/loops/hoist.py", " and not names(node) & region.binds", "",
     "sizes bound in a loop are hoisted"),
    ("passes", "rnngraph/passes/loops/hoist.py", "if plain(node) and all(", "if all(", "what may fail, or draws, is hoisted"),
    ("llvm", "rnngraph/backends/llvm/walks.py", "icmp uge i64 {value}", "icmp ugt i64 {value}", "an index may be the size"),
    ("llvm", "rnngraph/backends/llvm/program.py", "operands[first:first + n] = out[:n]", "pass",
     "a grown loop starts anew when it is entered again"),
    ("llvm", "rnngraph/backends/llvm/program.py", "kept = [s[:begin] for s in stacks]", "kept = [s[:0] for s in stacks]",
     "rows are lost when a grown loop is entered again"),
    ("llvm", "rnngraph/backends/llvm/elements.py", "return -(2 ** (bits - 1)) if signed else 0", "return 0",
     "the maximum of whole numbers starts at 0"),
    ("session", "rnngraph/session.py", "np.array(value) if id(value) in taken else np.asarray(value)", "np.asarray(value)",
     "a variable keeps the array that was fetched"),
    ("ops", "rnngraph/ops/reduction.py", "return -np.inf if dtype.kind == \"f\" else np.iinfo(dtype).min",
     "return -np.inf if dtype.kind == \"f\" else 0", "the maximum of whole numbers starts at 0"),
    ("train", "rnngraph/frontend/train/adaptive.py", "return rate * m / (math.sqrt(v) + epsilon), m, v",
     "return rate * m / math.sqrt(v + epsilon), m, v", "Adam's epsilon inside the root"),
    ("train", "rnngraph/frontend/train/adaptive.py", "step = momentum * step + rate * grad / math.sqrt(rms + epsilon)",
     "step = momentum * step + rate * grad / (math.sqrt(rms) + epsilon)", "RMSProp's epsilon outside the root"),
]
"""Room, file, a text that the file has once, what it becomes, what that breaks."""

EQUAL: dict[str, str] = {
    "rnngraph/backends/reference.py: `isinstance(result, np.ndarray) and (not result.flags.owndata or any(re` -> `True`":
        "cost only: a copy more",
    "rnngraph/backends/llvm/text.py: `wrapped >> (bits - 1)` -> `True`": "LLVM reads a number modulo its width",
    "rnngraph/backends/llvm/guard.py: `2` -> `3` in `NEVER = 2**63 - 1`":
        "both sides wrap it to the same number, in no clock's reach",
    "rnngraph/backends/llvm/tiles.py: `1` -> `(0)` in `self.sets = 1 << (room.bit_length() - 1)`":
        "cost only: in how many sets products are added up",
    "rnngraph/passes/tools/value_facts.py: `0` -> `(-1)` in `return made.results[0]`": "what is cheap has one result",
    "rnngraph/autodiff/mirror.py: `1` -> `2` in `param = Value(hidden(row_type(outer.type), bound), None, sel`":
        "`place_rows` numbers them",
    "rnngraph/autodiff/sweep.py: `v in self.active` -> `True`": "cost only: a sum that nobody reads",
    "rnngraph/lowering/scalars_numpy.py: `0` -> `1` in `return np.where(y == 0, x.dtype.type(0), np.fmod(x, np.where`":
        "a check has failed by then, what stands here is not read",
    "rnngraph/lowering/loops.py: `1 - made.operands.index(param)` -> `(made.operands.index(param)) - (1)`":
        "-1 is 1 among two operands",
    "rnngraph/ops/reduction.py: `len(target) > len(have)` -> `len(target) >= len(have)`":
        "cost only: the op runs as it is, not as a sum",
    "rnngraph/frontend/train/adaptive.py: `v.shape.is_fully_defined()` -> `False`":
        "ones made like the variable's value are the ones that an initializer makes of its shape",
    # What only changes how fast a program is, or how much memory it takes: a kernel more or less, a copy more.
    "rnngraph/passes/fuse.py: `self.groups.append(group)` -> `pass`": "cost only: nothing is fused",
    "rnngraph/passes/fuse.py: `fusible(node) and not literal(node) and node not in self.alone` -> `False`":
        "cost only: nothing is fused",
    "rnngraph/passes/loops/hoist.py: without `\"iota\"`": "cost only: what is made outside a loop though it is cheap inside",
    "rnngraph/passes/fuse.py: `any` -> `all`": "cost only: what moves elements is not fused with what computes",
    "rnngraph/passes/fuse.py: `cost(node) <= 1` -> `cost(node) < 1`": "cost only: what is computed twice",
    "rnngraph/passes/tools/readers.py: `len(node.results) - 1` -> `(1) - (len(node.results))`":
        "cost only: no stack is known by its rows, which is always allowed to be unknown",
    "rnngraph/lowering/lower.py: `4` -> `5` in `FEW = 4`":
        "cost only: how many rows a product may have to read its matrix in place",
    "rnngraph/session.py: `getattr(config, \"intra_op_parallelism_threads\", 0) or None` -> "
    "`((getattr(config, \"intra_op_parallelism_threads\", 0)) and (None))`": "cost only: every engine uses one thread so far",
    'rnngraph/backends/reference.py: `os.environ.get("RNNGRAPH_VERIFY") == "1"` -> `True`':
        "cost only: well-formed graphs are looked at once more",
    "rnngraph/session.py: `array.ndim <= 1 and tensor.dtype.is_integer` -> `True`": "cost only: what is fed is copied",
    "rnngraph/backends/llvm/cache.py: `len(data) + _HEADER > LARGEST` -> `len(data) + _HEADER >= LARGEST`":
        "cost only: which code is kept",
    "rnngraph/backends/llvm/nests.py: `rank - 1` -> `(1) - (rank)`": "cost only: sums are kept in memory, not in registers",
    "rnngraph/backends/llvm/memory.py: `size < SMALLEST` -> `False`": "cost only: which blocks are kept for reuse",
    "rnngraph/backends/llvm/native.py: `1` -> `2` in `numbers = (ctypes.c_int64 * max(1, len(values)))(*values)`":
        "cost only: a number more that nobody reads",
    "rnngraph/backends/llvm/native.py: `found.nbytes >= need` -> `found.nbytes > need`": "cost only: which memory is reused",
    "rnngraph/backends/llvm/gemm.py: `k <= most` -> `k < most`": "cost only: one block is a loop of one step",
    "rnngraph/backends/llvm/gemm.py: `1` -> `2` in `cost = fn.add(fn.quotient(fn.mul(size, shape.rows * vectors `":
        "cost only: how often signals are looked for",
    "rnngraph/backends/llvm/guard.py: `6` -> `(5)` in `_GUARDED = ctypes.PYFUNCTYPE(ctypes.c_int64, *[ctypes.c_void`":
        "ctypes passes a pointer as it passes an int64, and what is not declared as it was given",
    "rnngraph/programs.py: `(ready := prepared.fitting(arrays, store)) is not None` -> `False`": "cost only: a lock is taken",
    "rnngraph/programs.py: `(ready := prepared.fitting(arrays, store)) is not None` -> "
    "`(ready := prepared.fitting(arrays, store)) is None`": "cost only: a lock is taken",
    "rnngraph/programs.py: `seconds > SLOW` -> `seconds >= SLOW`": "no clock tells",
    "rnngraph/session.py: `0` -> `1` in `self.intra_op_parallelism_threads = 0`":
        "cost only: every engine uses one thread so far",
    "rnngraph/frontend/train/optimizer.py: `g is not None` -> `g is None`": "gating only orders what has no effect",
    "rnngraph/frontend/train/optimizer.py: `value` -> `True`": "another op that makes the same zeros",
    "rnngraph/session.py: `id(value) in taken` -> `True`": "cost only: a copy more",
    "rnngraph/session.py: `current is not base and not variant.fits(prepared.present(store), arra` -> "
    "`((current is not base) or (not variant.fits(prepared.present(store), a`":
        "cost only: what fits is looked for once more",
    "rnngraph/lowering/lower.py: `origin is not None and self.parent is not None` -> `False`":
        "cost only: a matrix is packed in each step",
    "rnngraph/lowering/lower.py: `0` -> `1` in `pool = self.constant(dtype, np.empty(0, dtype.numpy))`":
        "a number more that nobody reads",
    # What only changes words.
    "rnngraph/programs.py: `n is not None and n.name` -> `((n is not None) or (n.name))`":
        "words only: what is fetched of the user's graph has a node",
    "rnngraph/ir/printer.py: `self.names.bind(node.results)` -> `pass`": "words only: in which order sizes get their names",
    'rnngraph/lowering/loops.py: `node.name or "loop"` -> `((node.name) and ("loop"))`': "words only: how explain names a loop",
    "rnngraph/frontend/train/tensors.py: `shown[5:]` -> `False`": "words only",
    "rnngraph/ir/printer.py: `1` -> `2` in `first, last = max(0, marked - around), min(len(lines), marke`":
        "words only: how many lines of the program an error shows",
    'rnngraph/session.py: `3` -> `4` in `more = f" and {len(names) - 3} more" if len(names) > 3 else `': "words only",
    'rnngraph/passes/close/sizes.py: `"Incompatible shapes" in message` -> `"Incompatible shapes" not in message`':
        "words only",
    "rnngraph/ir/printer.py: `3` -> `4` in `def excerpt(graph: Graph, at: Node | Graph, around: int = 3)`":
        "words only: how many lines of the program an error shows",
    'rnngraph/backends/llvm/explain.py: `"contract" in kinds` -> `True`': "words only: the reason that explain gives",
    "rnngraph/autodiff/mirror.py: `0` -> `(-1)` in `if i == 0:`": "cost only: step numbers are kept, not computed",
    "rnngraph/autodiff/mirror.py: `path not in self.by_path` -> `True`": "cost only: the same rows once more",
    "rnngraph/frontend/rnn/legacy_attention.py: `self.states.shape[0].value is None` -> `True`":
        "cost only: the batch is asked for when it runs",
    "rnngraph/frontend/flow/tensor_array.py: `lengths.dtype != int64` -> `lengths.dtype == int64`":
        "lengths of any integer dtype do; TensorFlow's graph has the cast",
    "rnngraph/lowering/lower.py: `not isinstance(rows, int) or rows > FEW or (self.parent is not None an` -> `True`":
        "cost only: all matrices are packed",
    "rnngraph/autodiff/mirror.py: `value not in self.found` -> `True`": "cost only: found once more",
    "rnngraph/lowering/buffers.py: `isinstance(step, Loop)` -> `False`":
        "cost only: what only a loop's steps use has memory of its own",
    "rnngraph/ops/known_elements.py: `a and b` -> `True`": "cost only: that nothing is nothing's sum is not known",
    "rnngraph/backends/llvm/toolchain.py: `manager.detach()` -> `pass`": "what would be done twice is an empty method",
    "rnngraph/passes/close/builder.py: `not isinstance(t, TensorType)` -> `bool(isinstance(t, TensorType))`":
        "cost only: what is known is computed until folding spells it",
    'rnngraph/passes/close/forced.py: `node.op.name != "force"` -> `True`': "cost only: what cannot fail runs unread",
    "rnngraph/lowering/target.py: `512` -> `(511)` in `return max(64, min(512, self.l2 // 4 // (self.columns(item) * item)))`":
        "cost only: how deep a block is",
    "rnngraph/backends/llvm/pulse.py: `1` -> `(0)` in `return product(step.condition.shape) if isinstance(step, Che`":
        "cost only: how often signals are looked for",
    # What is the same by another rule of the house.
    "rnngraph/backends/llvm/guard.py: `0` -> `(-1)` in `due = 0 if self._timed and handlers_run_here() else NEVER`":
        "both are past",
    "rnngraph/passes/close/sizes.py: `0` -> `(-1)` in `steps = maximum(limit.content[0], 0)`": "no length is below 0",
    "rnngraph/passes/close/sizes.py: `0` -> `(-1)` in `found[i] = _failing_like(body, self.never[value], (t,)).resu`":
        "one type, one result",
    "rnngraph/passes/close/state.py: `0` -> `(-1)` in `return [constant(0)]`": "nobody reads what stands for a reference",
    "rnngraph/autodiff/sweep.py: `0` -> `(-1)` in `owner = node.operands[0].node`": "a history has one operand",
    "rnngraph/autodiff/regions.py: `0` -> `(-1)` in `sweep.add(numbered(region)[path[0]], cotangent)`": "a path of one step",
    'rnngraph/passes/loops/list_facts.py: `0` -> `(-1)` in `return bool(new.attrs["dynamic"]) and size_of(new.operands[0`':
        "one operand",
    "rnngraph/lowering/lower.py: `0` -> `(-1)` in `out = self.place(node.results[0])`": "one result",
    "rnngraph/lowering/lower.py: `0` -> `(-1)` in `value = node.results[0]`": "one result",
    "rnngraph/lowering/lower.py: `value.node is not None` -> `value.node is None`": "cost only: what is given is copied",
    "rnngraph/lowering/loops.py: `0` -> `(-1)` in `return tuple(test.steps), test.views[p.cond.results[0]]`": "one result",
    "rnngraph/autodiff/sweep.py: `0` -> `(-1)` in `return parts[0]`": "there is one",
    "rnngraph/passes/close/state.py: `0` -> `(-1)` in `work.levels[0].versions[key] = [(0, builder.param(types.get(`":
        "there is one level yet",
    "rnngraph/passes/close/state.py: `node not in self.writes` -> `True`": "cost only: found again each time",
    "rnngraph/ops/joining.py: `0` -> `(-1)` in `return tuple(contents.fit((d,), site.tensor(0).dtype) for d `": "one operand",
    'rnngraph/ir/graph.py: without `"add"`': "only a test reads SUGAR",
    "rnngraph/lowering/lower.py: `0` -> `(-1)` in `self.views[node.results[0]] = out`": "a sum has one result",
    "rnngraph/backends/llvm/draws.py: `f.ret()` -> `pass`": "a body left open returns",
}
"""A mutant as it prints, without the line number -> why it is the same program."""


def files(room: str) -> list[Path]:
    """The modules of a room."""
    found: list[Path] = []
    for part in ROOMS[room][0]:
        path = ROOT / part
        found += [path] if path.is_file() else sorted(path.rglob("*.py") if path.name == "rnn" else path.glob("*.py"))
    return [f for f in found if f.name != "__init__.py"]


# --- the changes --------------------------------------------------------------------------------------------------------

COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not", ast.IsNot: "is",
    ast.In: "not in", ast.NotIn: "in",
}
SILENT = (ast.Raise, ast.Assert, ast.JoinedStr, ast.AnnAssign)
"""What is not changed inside: messages and types."""


class Source:
    """A file's text, by places of its tree."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text()
        self.data = self.text.encode()
        self.starts = [0]
        for line in self.data.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)

        self.functions = [_lines(f) for f in ast.walk(ast.parse(self.text)) if isinstance(f, ast.FunctionDef)]

    def around(self, line: int) -> range:
        """The lines of the innermost function that has a line."""
        return min((f for f in self.functions if line in f), key=len, default=range(0))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node's text begins and ends, in bytes."""
        assert isinstance(node, (ast.expr, ast.stmt)) and node.end_lineno is not None and node.end_col_offset is not None
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[node.end_lineno - 1] + node.end_col_offset

    def of(self, node: ast.AST) -> str:
        """A node's text."""
        begin, end = self.span(node)
        return self.data[begin:end].decode()

    def put(self, node: ast.AST, new: str) -> str:
        """The file with other text for a node."""
        begin, end = self.span(node)
        return (self.data[:begin] + new.encode() + self.data[end:]).decode()


def changes(source: Source, node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """New texts for a node, or for a part of it."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield node, f"{source.of(node.left)} {COMPARE[type(node.ops[0])]} {source.of(node.comparators[0])}"
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield node, str(node.value + 1)
        yield node, f"({node.value - 1})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, f"bool({source.of(node.operand)})"
    elif isinstance(node, ast.BoolOp):
        word = " or " if isinstance(node.op, ast.And) else " and "
        yield node, f"({word.join(f'({source.of(v)})' for v in node.values)})"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        yield node, f"({source.of(node.right)}) - ({source.of(node.left)})"
    elif isinstance(node, ast.Call):
        yield from _calls(source, node)
    elif isinstance(node, (ast.If, ast.IfExp)):
        yield node.test, "True"
        yield node.test, "False"
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node, "pass"


def _calls(source: Source, node: ast.Call) -> Iterator[tuple[ast.AST, str]]:
    name = source.of(node.func)
    swaps = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "any": "all", "all": "any"}
    if name in swaps and node.args:
        yield node.func, swaps[name]
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Constant) and first.value in ("sub", "div", "less", "select") and len(node.args) > 2:
        a, b = node.args[-2:]
        yield node, f"{name}({', '.join([*(source.of(x) for x in node.args[:-2]), source.of(b), source.of(a)])})"


def mutants(room: str) -> list[Mutant]:
    """Every change of a room."""
    found = []
    for path in files(room):
        source, name = Source(path), str(path.relative_to(ROOT))
        for node in _walk(ast.parse(source.text)):
            for place, new in changes(source, node):
                old, lines = " ".join(source.of(place).split()), _lines(place)
                what = f"`{old[:70]}` -> `{' '.join(new.split())[:70]}`"
                if isinstance(place, ast.Constant):
                    what += f" in `{source.text.splitlines()[lines[0] - 1].strip()[:60]}`"
                found.append(Mutant(room, name, lines[0], what, source.put(place, new), lines, source.around(lines[0])))
        found += [m for m in _tuples(room, name, source)]
    return found


def _lines(node: ast.AST) -> range:
    """The lines of a node, those of its decorators included."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])  # type: ignore[attr-defined]
    return range(first, node.end_lineno + 1)  # type: ignore[attr-defined]


def _tuples(room: str, name: str, source: Source) -> Iterator[Mutant]:
    """Lists of passes and the like with an element less."""
    for node in ast.parse(source.text).body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            continue  # only `import *` reads it
        if isinstance(value, (ast.Tuple, ast.List)) and 1 < len(value.elts) < 40:
            for gone in value.elts:
                rest = ", ".join(source.of(e) for e in value.elts if e is not gone)
                ends = "()" if isinstance(value, ast.Tuple) else "[]"
                yield Mutant(room, name, gone.lineno, f"without `{source.of(gone)[:60]}`",
                             source.put(value, f"{ends[0]}{rest},{ends[1]}"))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, SILENT) or (isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant)):
            continue
        if isinstance(inner, ast.If) and "TYPE_CHECKING" in ast.unparse(inner.test):
            continue
        if isinstance(inner, ast.arguments):  # annotations there are types, defaults are values
            yield from (*inner.defaults, *(d for d in inner.kw_defaults if d is not None))
            continue
        yield inner
        yield from _walk(inner)


def semantic(room: str) -> list[Mutant]:
    """The changes that were thought of."""
    found = []
    for where, file, old, new, what in SEMANTIC:
        if where == room:
            source = Source(ROOT / file)
            if source.text.count(old) != 1:
                raise SystemExit(f"{file} has not exactly one {old!r}; mend the table SEMANTIC")
            line = source.text[:source.text.index(old)].count("\n") + 1
            lines = range(line, line + old.count("\n") + 1)
            found.append(Mutant(room, file, line, what, source.text.replace(old, new), lines, source.around(line)))
    return found


# --- trying them --------------------------------------------------------------------------------------------------------

def chosen(room: str, count: int, seed: int) -> list[Mutant]:
    """The changes that were thought of, and a sample of the others, without those that change nothing."""
    def fits(m: Mutant) -> bool:
        try:
            ast.parse(m.text)
        except SyntaxError:
            return False
        return True
    pool = mutants(room)
    random.Random(f"{room} {seed}").shuffle(pool)
    sample = itertools.islice(filter(fits, pool), count)
    # What is equal is left out last, so that a seed stands for the same changes when the table grows.
    return [*semantic(room), *(m for m in sample if f"{m.file}: {m.what}" not in EQUAL)]


def main() -> int:
    """Tries mutants; 1 if fewer than nine of ten are caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", action="append", choices=sorted(ROOMS))
    parser.add_argument("--count", type=int, default=10, help="how many of each room, besides those that were thought of")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seen", type=Path, help="where to keep which lines the tests run")
    args = parser.parse_args()
    caught, total = 0, 0
    for room in args.room or ROOMS:
        with tempfile.TemporaryDirectory() as folder:
            trials = Trials(chosen(room, args.count, args.seed), args.seen or Path(folder) / "seen.json", args.jobs, GRAPHS)
            options = ["-q", "--tb=no", "-n", "0", "-p", "no:cacheprovider", "--graphs", GRAPHS]
            code = pytest.main([*options, *ROOMS[room][1]], plugins=[trials])
        tried = len(trials.tried)
        if trials.done < tried or code not in (0, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise SystemExit(f"{room} could not be tried")
        caught, total = caught + tried - len(trials.alive), total + tried
        print(f"{room}: {tried - len(trials.alive)} of {tried} caught", flush=True)
    print(f"{caught} of {total} caught: {100 * caught / max(total, 1):.0f} %")
    return 0 if caught >= 0.9 * total else 1


if __name__ == "__main__":
    sys.exit(main())
