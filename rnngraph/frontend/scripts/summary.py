"""Summaries, as far as scripts need them to run: ops that give an empty record, and a writer that keeps nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rnngraph.frontend.framework.convert import constant
from rnngraph.frontend.framework.graph import Tensor, get_default_graph
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.framework.scope import name_scope


def _record(name: str, values: Any, collections: Sequence[Any] | None) -> Tensor:
    clean = re.sub(r"[^-/\w.]", "_", name).lstrip("/")
    with name_scope(clean or None, "summary", [v for v in values if isinstance(v, Tensor)]) as scope:
        made: Tensor = constant(b"", name=scope)
    graph = made.graph
    graph.add_to_collections(list(collections) if collections is not None else [GraphKeys.SUMMARIES], made)
    return made


def scalar(name: str, tensor: Any, collections: Sequence[Any] | None = None, family: str | None = None) -> Tensor:
    """A string scalar that is always empty; in the collection `summaries`. Source: tf.summary.scalar."""
    return _record(name, [tensor], collections)


def histogram(name: str, values: Any, collections: Sequence[Any] | None = None, family: str | None = None) -> Tensor:
    """A string scalar that is always empty. Source: tf.summary.histogram."""
    return _record(name, [values], collections)


def image(name: str, tensor: Any, max_outputs: int = 3, collections: Sequence[Any] | None = None,
          family: str | None = None) -> Tensor:
    """A string scalar that is always empty. Source: tf.summary.image."""
    return _record(name, [tensor], collections)


def audio(name: str, tensor: Any, sample_rate: Any, max_outputs: int = 3, collections: Sequence[Any] | None = None,
          family: str | None = None) -> Tensor:
    """A string scalar that is always empty. Source: tf.summary.audio."""
    return _record(name, [tensor], collections)


def text(name: str, tensor: Any, collections: Sequence[Any] | None = None) -> Tensor:
    """A string scalar that is always empty. Source: tf.summary.text."""
    return _record(name, [tensor], collections)


def merge(inputs: Sequence[Any], collections: Sequence[Any] | None = None, name: str | None = None) -> Tensor:
    """A string scalar that is always empty. Source: tf.summary.merge."""
    with name_scope(name, "Merge", [i for i in inputs if isinstance(i, Tensor)]):
        made: Tensor = constant(b"", name="MergeSummary")
    for key in collections or ():
        made.graph.add_to_collection(key, made)
    return made


def merge_all(key: Any = GraphKeys.SUMMARIES) -> Tensor | None:
    """The summaries of a collection as one; None if there are none. Source: tf.summary.merge_all."""
    found = get_default_graph().get_collection(key)
    return merge(found) if found else None


def get_summary_description(node_def: Any) -> Any:
    """Not implemented. Source: tf.summary.get_summary_description."""
    raise NotImplementedError("get_summary_description: summaries hold nothing here")


class Summary:
    """A record that keeps nothing. Source: tf.Summary."""

    class Value:
        """One entry: tag and value. Source: tf.Summary.Value."""

        def __init__(self, **fields: Any) -> None:
            self.__dict__.update(fields)

    def __init__(self, value: Sequence[Any] | None = None) -> None:
        self.value = _Values(value or ())

    def ParseFromString(self, serialized: bytes) -> int:
        """Nothing to read: summaries are empty."""
        return 0


class _Values(list[Any]):
    def add(self, **fields: Any) -> Summary.Value:
        """Append an entry."""
        self.append(Summary.Value(**fields))
        entry: Summary.Value = self[-1]
        return entry


class FileWriter:
    """Takes all calls of a summary writer and writes nothing; makes the directory. Source: tf.summary.FileWriter."""

    def __init__(self, logdir: str, graph: Any = None, max_queue: int = 10, flush_secs: int = 120,
                 graph_def: Any = None, filename_suffix: str | None = None) -> None:
        self._logdir = os.fspath(logdir)
        os.makedirs(self._logdir, exist_ok=True)

    def get_logdir(self) -> str:
        """The directory given."""
        return self._logdir

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Does nothing."""

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Does nothing."""

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Does nothing."""

    def add_meta_graph(self, meta_graph_def: Any, global_step: Any = None) -> None:
        """Does nothing."""

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Does nothing."""

    def add_event(self, event: Any) -> None:
        """Does nothing."""

    def flush(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""

    def reopen(self) -> None:
        """Does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


class FileWriterCache:
    """One writer per directory. Source: tf.summary.FileWriterCache."""

    _writers: dict[str, FileWriter] = {}

    @staticmethod
    def clear() -> None:
        """Forget all writers."""
        FileWriterCache._writers.clear()

    @staticmethod
    def get(logdir: str) -> FileWriter:
        """The writer of a directory."""
        return FileWriterCache._writers.setdefault(logdir, FileWriter(logdir))
