"""A pytest plugin: which lines of the library each test runs, and how long the test takes.

    pytest -p tests.support.reached --reached out.json

`tests/mutate.py` asks it, so that a change is tried with the tests that run the changed line only.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = str(ROOT / "rnngraph")
ENOUGH = 4
"""After so many calls in one test a function is not watched any more: tracing is slow."""


class Watch:
    """Follows the lines of the library while a test runs."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.tests: dict[str, dict[str, Any]] = {}
        self.seen: set[tuple[str, int]] = set()
        self.calls: Counter[CodeType] = Counter()

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(LIBRARY):
            return None
        self.calls[code] += 1
        self.seen.add((code.co_filename, code.co_firstlineno))
        return self._line if self.calls[code] <= ENOUGH else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self.seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Traces one test."""
        self.seen.clear()
        self.calls.clear()
        begin = time.process_time()
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(None)
            lines: dict[str, list[int]] = {}
            for file, line in sorted(self.seen):
                lines.setdefault(str(Path(file).relative_to(ROOT)), []).append(line)
            self.tests[item.nodeid] = {"time": time.process_time() - begin, "lines": lines}

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that fails with no change tells nothing."""
        if report.failed:
            self.tests.pop(report.nodeid, None)

    def pytest_sessionfinish(self) -> None:
        """Writes what was seen."""
        self.out.write_text(json.dumps(self.tests))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--reached FILE`: where to write."""
    parser.addoption("--reached", type=Path, help="write which lines of the library each test runs")


def pytest_configure(config: pytest.Config) -> None:
    """Watches if it is asked to."""
    out = config.getoption("--reached")
    if out is not None:
        config.pluginmanager.register(Watch(out))
