"""Options and fixtures of all tests: golden texts, the number of random graphs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Tests run in as many processes as there are cores: NumPy's products must not start as many threads again in each. This
# is read when NumPy is first imported, here and in the processes that pytest-xdist starts from here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Every program of every test is checked as it is closed and after each pass.
os.environ.setdefault("RNNGRAPH_VERIFY", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes expected texts anew; `--graphs N` sets how many random programs are tried."""
    parser.addoption("--update-golden", action="store_true", help="write golden files from what the code gives now")
    parser.addoption("--graphs", type=int, default=312, help="how many random programs the property tests try")


@pytest.fixture
def graphs(request: pytest.FixtureRequest) -> int:
    """How many random programs to try."""
    return int(request.config.getoption("--graphs"))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)`: the text must be that of `golden/<test file>/<name>` beside the test."""
    path = Path(str(request.node.path))

    def check(name: str, text: str) -> None:
        file = path.parent / "golden" / path.stem / name
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            return
        if not file.exists():
            pytest.fail(f"{file} does not exist; run pytest with --update-golden and look at what it writes")
        assert text == file.read_text(), f"differs from {file}; if the change is meant, run with --update-golden"
    return check
