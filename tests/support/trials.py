"""Tries changes of the library: pytest collects the tests once, and each change is made in a fork of it.

A fork has the library and the tests imported, so a trial costs little more than the tests that it runs. There the changed
functions get their new code in place. What runs when a module is imported cannot be changed so: such a change is tried by
a process of its own, which reads the changed text where it would read the file (`Finder`).
"""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from tests.support.reached import Watch

ROOT = Path(__file__).resolve().parents[2]
SECONDS, MOST = 40.0, 400
"""How much work the tests of one change may be, as it was when they were watched, which takes some four times as long as
running them; and how many they may be."""
LIMIT = 40
"""After so many seconds of work, or five times as many of waiting, a change counts as one that does not end."""
CHANGED = "RNNGRAPH_CHANGED"
BROKEN = 99


@dataclass(frozen=True)
class Mutant:
    """A change of one place of a file."""

    room: str
    file: str
    line: int
    what: str
    text: str
    """The whole file with the change."""
    place: range = range(0)
    """The lines that change."""
    around: range = range(0)
    """The lines of the function that has them; none if they run when the module is imported."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


Seen = dict[str, Any]
"""Test -> its time and the lines that it runs, as `reached.py` notes them."""


def telling(mutant: Mutant, seen: Seen) -> list[str]:
    """The tests to try: those that run the line, then others that run its function; one of each family before its others."""
    def running(lines: range) -> set[str]:
        return {t for t, found in seen.items() if any(n in lines for n in found["lines"].get(mutant.file, ()))}
    exact, able = running(mutant.place), running(mutant.around)
    if not mutant.around:
        able = {t for t, found in seen.items() if mutant.file in found["lines"]} or set(seen)
    families: Counter[tuple[bool, str]] = Counter()
    ranked: list[tuple[bool, int, float, str]] = []
    for test in sorted(able, key=lambda t: float(seen[t]["time"])):
        family = (test not in exact, test.split("[")[0])
        ranked.append((family[0], families[family], seen[test]["time"], test))
        families[family] += 1
    tests, left = list[str](), SECONDS
    for *_, cost, test in sorted(ranked)[:MOST]:
        if not tests or cost <= left:
            tests.append(test)
            left -= cost
    return tests


# --- making a change ----------------------------------------------------------------------------------------------------

def _inner(code: CodeType, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], CodeType]]:
    """The functions in a code, each by its place; a function that defines others is one of them."""
    counts: Counter[tuple[str, int]] = Counter()
    for const in code.co_consts:
        if isinstance(const, CodeType):
            key = (const.co_name, const.co_firstlineno)
            counts[key] += 1
            yield (*path, key, counts[key]), const
            yield from _inner(const, (*path, key, counts[key]))


def replaced(mutant: Mutant) -> bool:
    """Gives the functions that are changed their new code; False if that cannot be done."""
    file = ROOT / mutant.file
    old = dict(_inner(compile(file.read_text(), str(file), "exec", dont_inherit=True)))
    new = dict(_inner(compile(mutant.text, str(file), "exec", dont_inherit=True)))
    other = [(code, new[k]) for k, code in old.items() if k in new and new[k] != code]
    count = 0
    for f in [f for f in gc.get_objects() if type(f) is FunctionType and f.__code__.co_filename.endswith(mutant.file)]:
        for before, after in other:
            if f.__code__ == before:
                if before.co_freevars != after.co_freevars:
                    return False
                f.__code__ = after
                count += 1
                break
    return count > 0


class Changed(SourceFileLoader):
    """Reads one file's text from another place."""

    def get_code(self, fullname: str) -> Any:
        """The code of the other text."""
        return compile(Path(os.environ[CHANGED]).read_text(), self.path, "exec", dont_inherit=True)


class Finder:
    """Finds the changed module before anything else does."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The module's place, with another loader."""
        if fullname != os.environ[CHANGED + "_MODULE"]:
            return None
        file = str(ROOT / (fullname.replace(".", "/") + ".py"))
        return spec_from_file_location(fullname, file, loader=Changed(fullname, file))


if CHANGED in os.environ:  # at once: a conftest imports the library before pytest calls its plugins
    sys.meta_path.insert(0, Finder())


# --- forks --------------------------------------------------------------------------------------------------------------

@dataclass(eq=False)
class Trials:
    """The plugin: instead of running the tests, tries changes, and keeps those that no test notices."""

    tried: list[Mutant]
    notes: Path
    jobs: int
    graphs: str
    alive: list[tuple[Mutant, str]] = field(default_factory=list)
    done: int = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Watches the tests if that was not done yet, and tries every change."""
        self.items = {item.nodeid: item for item in session.items}
        self.folder = Path(tempfile.mkdtemp(prefix="mutants"))
        try:
            if not self.notes.exists():
                os.waitpid(self._fork(self._watch), 0)
            seen = {t: found for t, found in json.loads(self.notes.read_text()).items() if t in self.items}
            self._try_all(seen)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return True

    def _try_all(self, seen: Seen) -> None:
        left = self.tried
        while left:
            caught = self._try_each(left, seen)
            broken = {test for test in set(caught.values()) if os.waitpid(self._fork(lambda t=test: self._judge(t)), 0)[1]}
            # What fails in a fork with no change tells nothing: what it caught is tried without it.
            left = [mutant for mutant, test in caught.items() if test in broken]
            self.done -= len(left)
            seen = {test: found for test, found in seen.items() if test not in broken}

    def _try_each(self, mutants: Iterable[Mutant], seen: Seen) -> dict[Mutant, str]:
        """Those that a test of this session caught, and the test."""
        running: dict[int, Mutant] = {}
        caught: dict[Mutant, str] = {}
        for mutant in mutants:
            chosen = mutant
            tests = telling(chosen, seen)
            if not tests and mutant.around:
                chosen = replace(mutant, around=range(0))  # it may run when the module is imported
                tests = telling(chosen, seen)
            if not tests:
                self._lives(mutant, "no test runs it")
                continue
            while len(running) >= self.jobs:
                self._wait(running, caught)
            running[self._fork(lambda m=chosen, t=tests: self._try(m, t))] = mutant
        while running:
            self._wait(running, caught)
        return caught

    def _judge(self, test: str) -> int:
        """With no change, a test that caught one passes."""
        noted = Noted()
        self._run([test], noted, True)
        return 1 if noted.failed else 0

    def _wait(self, running: dict[int, Mutant], caught: dict[Mutant, str]) -> None:
        pid, status = os.wait()
        mutant = running.pop(pid)
        if os.waitstatus_to_exitcode(status) == BROKEN:
            raise pytest.UsageError(f"the trial of {mutant} went wrong: {(self.folder / str(pid) / 'why').read_text()}")
        if status == 0:
            self._lives(mutant, "")
            return
        self.done += 1
        test = self.folder / str(pid) / "test"
        if test.exists():
            caught[mutant] = test.read_text()

    def _lives(self, mutant: Mutant, why: str) -> None:
        self.done += 1
        self.alive.append((mutant, why))
        print(f"    lives: {mutant}{f' ({why})' if why else ''}", file=sys.__stderr__, flush=True)

    def _fork(self, work: Callable[[], int]) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            place = self.folder / str(os.getpid())
            place.mkdir()
            os.environ["PYTEST_DEBUG_TEMPROOT"] = str(place)
            os._exit(work())
        except BaseException:
            (self.folder / str(os.getpid()) / "why").write_text(traceback.format_exc())
            os._exit(BROKEN)

    def _watch(self) -> int:
        watch = Watch(self.notes)
        self._run(self.items, watch, False)
        watch.pytest_sessionfinish()
        return 0

    def _try(self, mutant: Mutant, tests: list[str]) -> int:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
        if not mutant.around or not replaced(mutant):
            return self._apart(mutant, tests)
        signal.alarm(5 * LIMIT)
        noted = Noted()
        self._run(tests, noted, True)
        if noted.failed:
            (self.folder / str(os.getpid()) / "test").write_text(noted.test)
        return 1 if noted.failed else 0

    def _apart(self, mutant: Mutant, tests: list[str]) -> int:
        text = self.folder / f"{os.getpid()}.py"
        text.write_text(mutant.text)
        env = {**os.environ, CHANGED: str(text), CHANGED + "_MODULE": mutant.file.removesuffix(".py").replace("/", ".")}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p",
                   "tests.support.trials", "--graphs", self.graphs, *tests]
        try:
            return min(subprocess.run(command, cwd=ROOT, env=env, timeout=5 * LIMIT, capture_output=True).returncode, 1)
        except subprocess.TimeoutExpired:
            return 1

    def _run(self, tests: Iterable[str], plugin: Any, first: bool) -> None:
        chosen = [self.items[t] for t in tests]
        manager = chosen[0].config.pluginmanager
        manager.register(plugin)
        for item, after in zip(chosen, [*chosen[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if first and plugin.failed:
                return


@dataclass(eq=False)  # pytest keeps plugins in sets
class Noted:
    """Whether a test failed, and which."""

    failed: bool = False
    test: str = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One more result."""
        if report.failed:
            self.failed, self.test = True, report.nodeid
