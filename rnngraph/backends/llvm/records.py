"""What a compilation found, kept on disk: the program after all passes and the objects of its code. A process that closes the
same program again runs no pass, writes no LLVM text and asks LLVM nothing.

Two programs are the same if their bytes are (`ir.bytecode`): ops, attributes, types, names, constants, and which nodes share a
place in the user's files, but not which place. What makes of them what they become is part of the key: the machine, the
versions of LLVM, NumPy and Python, and the sources that decide, read once a process. So no change of rnngraph can meet what
an earlier one left behind. Files are checked as those of objects are (`cache`).
"""

from __future__ import annotations

import functools
import marshal
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnngraph.backends.llvm import bounds, cache
from rnngraph.backends.llvm.toolchain import Object, Toolchain
from rnngraph.ir.bytecode import VERSION, Pool, Unencodable, decode, encode
from rnngraph.ir.graph import Graph
from rnngraph.ir.walk import all_nodes
from rnngraph.ops import OWN
from rnngraph.release import IMPORTED

ROOMS = ("ir", "ops", "passes", "lowering", "backends/llvm")
"""The rooms whose sources decide what becomes of a closed graph."""


class Part(NamedTuple):
    """One object of a plan's code: its key, the kernels in it that other plans may share, and the numbers of those parts of
    the same code that have what these call."""

    key: str
    kernels: Sequence[str] = ()
    needs: Sequence[int] = ()


Code = Sequence[Part]
"""The objects of a plan, the caller's first."""


def code(objects: Sequence[Object]) -> Code:
    """What to keep of a plan's objects."""
    numbers = {each: i for i, each in enumerate(objects)}
    return [Part(each.key, each.kernels, [numbers[n] for n in each.needs]) for each in objects]


@dataclass
class Record:
    """A program after all passes, and the code of its plans in the order in which they are made."""

    graph: Graph
    code: list[Code]


class Codes:
    """The code of a program's plans in the order in which they are made: what is known of it, and what was used."""

    def __init__(self, known: Sequence[Code]) -> None:
        self.known = known
        self.used: list[Code] = []
        self.new = False
        """Whether code was made that is not among the known."""

    @property
    def next(self) -> Code | None:
        """What is known of the next plan's code."""
        return self.known[len(self.used)] if len(self.used) < len(self.known) else None


class Entry:
    """The place of one closed graph among the records."""

    def __init__(self, graph: Graph, toolchain: Toolchain) -> None:
        self.pool = Pool()
        data = encode(graph, self.pool)
        made_by = [toolchain.key(), repr(toolchain.target), _sources(), np.__version__, sys.version]
        found = sha256("\n".join(made_by).encode())
        found.update(self.pool.digest())
        found.update(data)
        self.key = found.hexdigest()

    def load(self) -> Record | None:
        """What is known of the graph."""
        data = cache.load(self.key)
        if data is None:
            return None
        graph, plans = marshal.loads(data)
        return Record(decode(graph, self.pool), [[Part(*part) for part in plan] for plan in plans])

    def save(self, record: Record) -> None:
        """Keep what was found, if that is possible."""
        try:
            graph = encode(record.graph, self.pool)
        except Unencodable:
            return
        plans = [[(part.key, list(part.kernels), list(part.needs)) for part in plan] for plan in record.code]
        cache.save(self.key, marshal.dumps((graph, plans), VERSION))


def entry(graph: Graph, toolchain: Toolchain) -> Entry | None:
    """The place of a closed graph; None if nothing is to be kept of it: there is no folder, passes are watched, something in
    it belongs to this process (a Python function, an op that the user declared), or nobody can say what decides."""
    if cache.folder() is None or os.environ.get("RNNGRAPH_DUMP") or bounds.wanted():
        return None
    if any(node.op.name not in OWN for node in all_nodes(graph)):
        return None
    try:
        return Entry(graph, toolchain)
    except (Unencodable, OSError):
        return None


@functools.cache
def _sources() -> str:
    """A hash of the sources that decide. Raises OSError if they cannot be read, or are not those that this process runs."""
    root = Path(__file__).parents[2]
    found = sha256()
    files = list(_files(root))
    if not files or max(path.stat().st_mtime for path in files) > IMPORTED:
        raise OSError("there are no sources, or they changed after they were imported")
    for path in files:
        found.update(f"{path.relative_to(root)}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((root / room).rglob("*.py"))
