"""The mutation script: its changes can be made, and a change that a test sees is told from one that none sees."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import mutate
from tests.support.trials import Mutant, telling


@pytest.mark.parametrize("room", sorted(mutate.ROOMS))
def test_changes_of_a_room(room: str) -> None:
    """Those that were thought of are of texts that are there, and a sample of the others is Python that differs."""
    for mutant in mutate.chosen(room, 5, 0):
        before = (mutate.ROOT / mutant.file).read_text()
        assert ast.dump(ast.parse(mutant.text)) != ast.dump(ast.parse(before)), str(mutant)


def test_kinds_of_changes(tmp_path: Path) -> None:
    """What is made of a few lines."""
    file = tmp_path / "some.py"
    file.write_text("def f(a: int, b=2):\n    if not a and a < b:\n        a.append(max(a, b - a))\n")
    source = mutate.Source(file)
    texts = {source.put(place, new).split("\n", 1)[1] if "b=2" in source.put(place, new) else "default"
             for node in mutate._walk(ast.parse(source.text)) for place, new in mutate.changes(source, node)}
    inner = "        a.append(max(a, b - a))\n"
    assert {"    if bool(a) and a < b:\n" + inner, "    if ((not a) or (a < b)):\n" + inner,
            "    if not a and a <= b:\n" + inner, "    if True:\n" + inner,
            "    if not a and a < b:\n        pass\n", "default",
            "    if not a and a < b:\n        a.append(min(a, b - a))\n",
            "    if not a and a < b:\n        a.append(max(a, (a) - (b)))\n"} <= texts


# --- trying them --------------------------------------------------------------------------------------------------------

HALVES = "tests/support/halves.py"
TRIALS = f"""
import json, sys
from pathlib import Path
import pytest
from tests.support import reached, trials
from tests.test_mutate import changed

reached.LIBRARY = str(reached.ROOT / {HALVES!r})
trials.LIMIT = 4
tried = trials.Trials([changed(*m) for m in json.loads(sys.argv[1])], Path(sys.argv[2]), 2, "1")
code = pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", "tests/support/halves_tried.py"], plugins=[tried])
print(json.dumps([int(code), tried.done, [[m.what, why] for m, why in tried.alive]]))
"""


def changed(old: str, new: str, what: str) -> Mutant:
    """A change of the sample."""
    source = mutate.Source(mutate.ROOT / HALVES)
    assert source.text.count(old) == 1
    line = source.text[:source.text.index(old)].count("\n") + 1
    return Mutant("sample", HALVES, line, what, source.text.replace(old, new), range(line, line + 1), source.around(line))


def tried(tmp_path: Path, *changes: tuple[str, str, str], **env: str) -> tuple[list[object], str]:
    """What the trials of changes of the sample give: the exit code, how many were done, which live; and what was printed."""
    out = subprocess.run([sys.executable, "-c", TRIALS, json.dumps(changes), str(tmp_path / "seen.json")], timeout=100,
                         capture_output=True, text=True, check=False, cwd=mutate.ROOT,
                         env={**os.environ, "PYTHONPATH": str(mutate.ROOT), **env})
    assert out.returncode == 0, out.stdout + out.stderr
    return json.loads(out.stdout.splitlines()[-1]), out.stdout + out.stderr


def test_changes_that_a_test_sees_are_told_from_others(tmp_path: Path) -> None:
    """In a function, at import, without an end; equal ones and ones that nothing runs live."""
    (code, done, alive), text = tried(
        tmp_path,
        ("n // 2", "n // 2 + 1", "half and one"),
        ("n > 2 * LARGEST", "n > 8", "another word for it"),
        ("n > 2 * LARGEST", "n >= 2 * LARGEST", "the same at the limit"),
        ("LARGEST = 4", "LARGEST = 5", "the limit, at import"),
        ("LARGEST = 4", "LARGEST = 2 + 2", "the same limit, at import"),
        ("count += 1", "count += 0", "no end"),
        ('"nothing"', '"something"', "what no test runs"),
        ("def counted(n: int)", "def counted(m: int)", "a name that is missing"))
    assert code == 0 and done == 8, text
    assert sorted(map(tuple, alive)) == [  # type: ignore[call-overload]
        ("another word for it", ""), ("the same at the limit", ""), ("the same limit, at import", ""),
        ("what no test runs", "")]
    seen = json.loads((tmp_path / "seen.json").read_text())
    lines = {test.split("::")[1]: found["lines"][HALVES] for test, found in seen.items() if found["lines"]}
    assert lines["test_half[0-0]"] == [8, 10, 12] and lines["test_half[9-4]"] == [8, 10, 11]


def test_a_test_that_fails_in_forks_only_catches_nothing(tmp_path: Path) -> None:
    """It would catch every change; it is tried without one as well, and then what it caught is tried without it."""
    (code, done, alive), text = tried(tmp_path, ("count < n", "count < n + 0", "nothing"), ("count < n", "count <= n", "more"),
                                      UNLIKE=str(tmp_path / "ran"))
    assert (code, done, alive) == (0, 2, [["nothing", ""]]), text


def test_a_trial_that_goes_wrong_is_no_catch(tmp_path: Path) -> None:
    """What cannot be compiled is an error of the script, not of the library."""
    (code, *_), text = tried(tmp_path, ("n // 2", "n //", "no Python"))
    assert code == int(pytest.ExitCode.USAGE_ERROR) and "went wrong" in text


def test_tests_that_tell_come_first() -> None:
    """Those that run the line before those that run its function, one of each family, the quick ones first."""
    mutant = Mutant("sample", "f.py", 5, "", "", range(5, 6), range(3, 8))
    seen = {name: {"time": time, "lines": {"f.py": lines}} for name, time, lines in [
        ("slow[1]", 3.0, [3, 5]), ("slow[2]", 2.0, [3, 5]), ("quick", 1.0, [3, 5]), ("near", 0.1, [4]), ("far", 0.0, [9])]}
    assert telling(mutant, seen) == ["quick", "slow[2]", "slow[1]", "near"]
    at_import = Mutant("sample", "f.py", 5, "", "", range(5, 6))
    assert set(telling(at_import, seen)) == set(seen)
    seen = {f"t{i}": {"time": 15.0, "lines": {"f.py": [5]}} for i in range(9)}
    assert telling(mutant, seen) == ["t0", "t1"], "as much work as there is time for"
    assert telling(mutant, {"t": {"time": 100.0, "lines": {"f.py": [5]}}}) == ["t"], "one at least"
