"""Fixtures of whole programs: a graph of its own for each test, every engine, machine code cached in a temporary folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

import rnngraph as tf


@pytest.fixture(scope="session", autouse=True)
def code_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Compiled code of this test run, apart from the user's."""
    before = os.environ.get("RNNGRAPH_CACHE")
    folder = str(tmp_path_factory.mktemp("code"))
    os.environ["RNNGRAPH_CACHE"] = folder
    yield folder
    if before is None:
        del os.environ["RNNGRAPH_CACHE"]
    else:
        os.environ["RNNGRAPH_CACHE"] = before


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """A graph of its own for every test."""
    with tf.Graph().as_default() as g:
        yield g


@pytest.fixture(params=["reference", "llvm"])
def engine(request: pytest.FixtureRequest) -> str:
    """Every engine."""
    return str(request.param)


@pytest.fixture
def sess(graph: Any, engine: str) -> Iterator[Any]:
    """The default session on the test's graph."""
    with tf.Session(graph=graph, engine=engine) as s:
        yield s
