"""Fixtures of the frontend's tests: a graph of its own for each, and a folder for those that write files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rnngraph as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """A graph of its own for every test."""
    with tf.Graph().as_default() as g:
        yield g


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
