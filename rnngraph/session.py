"""Session: joins a frontend graph, a store of variables' values and an engine. Source: tf.Session (r1.4).

    fetches, feeds -> elements -> (the executable: `programs`) -> call

Variables are NumPy arrays in a store, a dictionary that nobody changes: a commit puts another in its place, after the
last step that can fail. So a run that took the store once reads all its variables from one commit.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from rnngraph import errors
from rnngraph.frontend.framework.fetches import Feeds, Fetches
from rnngraph.frontend.framework.graph import Graph, get_default_graph, sessions
from rnngraph.frontend.framework.names import op_type
from rnngraph.ir.graph import Node, Target, Value
from rnngraph.ir.kinds import Effect
from rnngraph.ir.types import RefType
from rnngraph.locks import ForkLock, Several
from rnngraph.programs import Prepared, Programs, Variant
from rnngraph.runtime.interface import Options, Report


class ConfigProto:
    """Session settings; those that mean something here are the thread counts. Source: tf.ConfigProto."""

    def __init__(self, **settings: Any) -> None:
        self.intra_op_parallelism_threads = 0
        self.inter_op_parallelism_threads = 0
        self.allow_soft_placement = False
        self.log_device_placement = False
        self.gpu_options = GPUOptions()
        self.graph_options = None
        self.device_count: Any = {}
        for key, value in settings.items():
            setattr(self, key, value)


class GPUOptions:
    """Accepted and without effect. Source: tf.GPUOptions."""

    def __init__(self, **settings: Any) -> None:
        self.allow_growth = False
        self.per_process_gpu_memory_fraction = 0.0
        for key, value in settings.items():
            setattr(self, key, value)


class BaseSession:
    """What Session and InteractiveSession share."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None,
                 engine: str | None = None) -> None:
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f"graph must be a tf.Graph, but got {type(graph).__name__}")
        if target is not None and not isinstance(target, (str, bytes)):
            raise TypeError(f"target must be a string, but got {target!r}")
        if config is not None and not isinstance(config, ConfigProto):
            raise TypeError(f"config must be a tf.ConfigProto, but got {type(config).__name__}")
        self._graph = graph if graph is not None else get_default_graph()
        self._config = config
        self._target = target
        self._engine = engine or os.environ.get("RNNGRAPH_ENGINE") or "llvm"
        threads = getattr(config, "intra_op_parallelism_threads", 0) or None
        self._programs = Programs.of(self._graph, self._engine, Options(threads=threads))
        self._store: dict[str, Any] = {}
        self._runs = itertools.count()
        self._closed = False
        self._committing = ForkLock()
        self._writers: dict[str, ForkLock] = {}

    # --- properties ---------------------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """The graph that this session runs."""
        return self._graph

    @property
    def graph_def(self) -> Any:
        """Not offered; print the graph with rnngraph.ir.printer."""
        raise NotImplementedError("Session.graph_def: graphs have no protocol buffer form here")

    @property
    def sess_str(self) -> str:
        """The target."""
        return self._target

    def close(self) -> None:
        """Forget everything; later runs raise RuntimeError."""
        with self._committing.lock:
            self._closed = True
            self._store = {}

    def as_default(self) -> _AsDefault:
        """A context in which this is the default session; it is not closed at the end."""
        return _AsDefault(self)

    # --- running ------------------------------------------------------------------------------------------------

    def run(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, options: Any = None,
            run_metadata: Any = None) -> Any:
        """Evaluate fetches. Source: tf.Session.run; see the session page for what may be fetched and fed."""
        self._check_open()
        _refuse_tracing(options, run_metadata)
        shape = Fetches(self._graph, fetches)
        values = self._evaluate(shape.values, shape.targets, Feeds(self._graph, feed_dict).found)
        return shape.pack(values)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        if not self._graph.get_operations():
            raise RuntimeError("The Session graph is empty.  Add operations to the graph before calling run().")

    def _evaluate(self, values: Sequence[Value], targets: Sequence[Target], fed: Mapping[Value, Any]) -> list[Any]:
        inner = [v for v in values if v not in fed]
        found = self._compute(inner, targets, fed) if inner or targets else {}
        return [fed[v] if v in fed else found[v] for v in values]

    def _compute(self, values: Sequence[Value], targets: Sequence[Target], fed: Mapping[Value, Any]) -> dict[Value, Any]:
        # A fed variable is one whose value is another for this run.
        overrides = _overrides(fed)
        prepared = self._prepare(values, targets, fed)
        arrays = [fed[v] for v in prepared.feeds]
        results = None
        while results is None:
            base = self._store
            variant = self._variant(prepared, arrays, _with(base, overrides))
            results = self._call(prepared, variant, arrays, base, overrides)
        return dict(zip(prepared.values, results, strict=True))

    def _prepare(self, values: Sequence[Value], targets: Sequence[Target], fed: Iterable[Value]) -> Prepared:
        try:
            return self._programs.prepare(values, targets, [v for v in fed if not isinstance(v.type, RefType)])
        except errors.OpError as error:
            raise self._described(error) from None

    def _variant(self, prepared: Prepared, arrays: Sequence[Any], store: Mapping[str, Any]) -> Variant:
        try:
            return self._programs.variant(prepared, arrays, store)
        except errors.OpError as error:
            raise self._described(error) from None

    def _found(self, fetches: Any, feed_dict: Mapping[Any, Any] | None) -> Variant:
        """What `run` would execute."""
        shape = Fetches(self._graph, fetches)
        fed = Feeds(self._graph, feed_dict).found
        prepared = self._prepare(shape.values, shape.targets, fed)
        return self._variant(prepared, [fed[v] for v in prepared.feeds], _with(self._store, _overrides(fed)))

    def _call(self, prepared: Prepared, variant: Variant, arrays: Sequence[Any], base: Mapping[str, Any],
              overrides: Mapping[str, Any]) -> list[Any] | None:
        """Run, and commit. None if another run has since `base` given variables other sizes."""
        # Runs that write the same variable follow each other.
        locks = Several([self._writers.setdefault(k, ForkLock()).lock for k in sorted(variant.closed.written)])
        count = len(prepared.values)
        try:
            locks.take()
            current = self._store
            store = _with(current, overrides)
            if current is not base and not variant.fits(prepared.present(store), arrays, store):
                return None
            closed = variant.closed
            try:
                results = variant.run([*arrays, *(store[k] for k in closed.read), np.int64(next(self._runs))])
            except errors.OpError as error:
                raise self._described(error) from None
            written = dict(zip(closed.written, results[count:], strict=False))
            for key, there in zip(closed.unsure, results[count + len(written):], strict=True):
                if not there:
                    del written[key]
            self._commit(written, results[:count])
        finally:
            locks.give_back()
        return results[:count]

    def _commit(self, written: Mapping[str, Any], fetched: Sequence[Any]) -> None:
        """Variables get their new values, all in one step that a signal cannot split.

        A store's array is nobody else's, neither the caller's nor another variable's: later runs may write it in place.
        """
        taken = {id(r) for r in fetched}
        new = {}
        for key, value in written.items():
            new[key] = np.array(value) if id(value) in taken else np.asarray(value)
            taken.add(id(value))
        if new:
            self._replace(new)

    def _replace(self, new: Mapping[str, Any]) -> None:
        """Another store, with these values. A session that was closed meanwhile stays empty."""
        with self._committing.lock:
            if not self._closed:
                self._store = {**self._store, **new}

    def _described(self, error: errors.OpError) -> errors.OpError:
        """The error with the user's op on it, by TensorFlow's name and type."""
        node = error.op
        if not isinstance(node, Node):
            return error
        error = errors.at_node(error, node)
        op = self._graph.operation_behind(node)
        if op is not None:
            return errors.placed(error, replace(error.node_def, name=op.name, type=op.type), op, error.message)
        # A node that was replaced by a check does not say of what type it was; its name does.
        kind = None if isinstance(node.op.kind, Effect) else op_type(node.op.name)
        place = replace(error.node_def, name=node.name or node.origin.scope or None, type=kind)
        return errors.placed(error, place, None, error.message)

    # --- more doors ---------------------------------------------------------------------------------------------

    def make_callable(self, fetches: Any, feed_list: Sequence[Any] | None = None,
                      accept_options: bool = False) -> Callable[..., Any]:
        """A function that runs `fetches` with its arguments fed in order. Source: tf.Session.make_callable."""
        keys = list(feed_list or [])

        def call(*args: Any) -> Any:
            if len(args) != len(keys):
                raise TypeError(f"this callable feeds {len(keys)} tensors, but {len(args)} values were given")
            return self.run(fetches, dict(zip(keys, args, strict=True)))
        return call

    def explain(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> Report:
        """What running `fetches` with these feeds is compiled to: every step, where it runs, and why.

        Feeds are needed for their sizes, as in `run`; nothing is executed.
        """
        self._check_open()
        return self._found(fetches, feed_dict).run.explain()

    def closed_graph(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> Any:
        """The closed IR graph that `run` would execute with these feeds; print it to read it."""
        return self._found(fetches, feed_dict).closed.graph

    def load_variable(self, key: str, value: Any) -> None:
        """Set a variable's value in this session."""
        self.load_variables({key: value})

    def load_variables(self, values: Mapping[str, Any]) -> None:
        """Set variables' values in this session, all in one step that a signal cannot split."""
        self._check_open()
        self._replace({key: np.array(value) for key, value in values.items()})

    def partial_run(self, *args: Any, **kwargs: Any) -> Any:
        """Not offered."""
        raise NotImplementedError("Session.partial_run: run the fetches in one call of run")

    partial_run_setup = partial_run

    def list_devices(self) -> list[Any]:
        """No devices are listed: everything runs on the CPU."""
        return []


def _with(store: Mapping[str, Any], overrides: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**store, **overrides} if overrides else store


def _overrides(fed: Mapping[Value, Any]) -> dict[str, Any]:
    """The variables that are fed, with their values for this run."""
    return {_variable_key(v): a for v, a in fed.items() if isinstance(v.type, RefType)}


def _variable_key(ref: Value) -> str:
    assert ref.node is not None
    key: str = ref.node.attrs["key"]
    return key


def _refuse_tracing(options: Any, run_metadata: Any) -> None:
    level = getattr(options, "trace_level", 0)
    if level:
        raise NotImplementedError("RunOptions.trace_level: traces are made by Session.explain and the study room")


class Session(BaseSession):
    """A session that may be used as a context manager: default session and graph inside, closed at the end."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None,
                 engine: str | None = None) -> None:
        super().__init__(target, graph, config, engine)
        self._context: _AsDefault | None = None
        self._graph_context: Any = None

    def __enter__(self) -> Session:
        if self._context is not None:
            raise RuntimeError("Session context managers are not re-entrant. Use `Session.as_default()` if you want to "
                               "enter a session multiple times.")
        self._graph_context = self._graph.as_default()
        self._graph_context.__enter__()
        self._context = self.as_default()
        self._context.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        assert self._context is not None
        self._context.__exit__(*exc)
        self._graph_context.__exit__(*exc)
        self.close()

    @staticmethod
    def reset(target: str, containers: Any = None, config: Any = None) -> None:
        """Nothing to reset: sessions share nothing."""


class InteractiveSession(BaseSession):
    """A session that makes itself default on construction, until closed."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None,
                 engine: str | None = None) -> None:
        super().__init__(target, graph, config, engine)
        self._defaults = ExitStack()
        self._defaults.enter_context(self.as_default())
        if graph is not None:
            self._defaults.enter_context(graph.as_default())

    def close(self) -> None:
        """Close and stop being the default."""
        super().close()
        self._defaults.close()


class _AsDefault:
    """The context of `as_default`."""

    def __init__(self, session: BaseSession) -> None:
        self.session = session

    def __enter__(self) -> BaseSession:
        sessions.stack.append(self.session)
        return self.session

    def __exit__(self, *exc: Any) -> None:
        if self.session in sessions.stack:
            sessions.stack.reverse()
            sessions.stack.remove(self.session)
            sessions.stack.reverse()
