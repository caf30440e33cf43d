"""Saver: variables to checkpoints and back (gradients-and-training, section 6)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnngraph.errors import InvalidArgumentError
from rnngraph.frontend.framework.graph import Tensor, get_default_graph
from rnngraph.frontend.framework.keys import GraphKeys
from rnngraph.frontend.train.checkpoint import (
    SUFFIX,
    CheckpointReader,
    checkpoint_exists,
    get_checkpoint_mtimes,
    update_checkpoint_state,
)
from rnngraph.frontend.train.kept import Kept, clear_drafts
from rnngraph.frontend.train.tensors import write_arrays
from rnngraph.frontend.variables.variable import Variable, global_variables, variables_by_key


class Saver:
    """Saves and restores variables: all global ones, those of a list, or those of a dict from names to variables.

    Raises ValueError (phrases: `No variables to save`, `same name`, `The same saveable will be restored with two
    names`), TypeError for names and values of other types. Source: tf.train.Saver.
    """

    V1 = 1
    V2 = 2

    def __init__(self, var_list: Any = None, reshape: bool = False, sharded: bool = False, max_to_keep: int | None = 5,
                 keep_checkpoint_every_n_hours: float = 10000.0, name: str | None = None,
                 restore_sequentially: bool = False, saver_def: Any = None, builder: Any = None,
                 defer_build: bool = False, allow_empty: bool = False, write_version: Any = V2,
                 pad_step_number: bool = False, save_relative_paths: bool = False, filename: str | None = None) -> None:
        if saver_def is not None or builder is not None:
            raise NotImplementedError("Saver(saver_def=..., builder=...): savers from protocol buffers")
        if defer_build and var_list is not None and len(var_list):
            raise ValueError("If `var_list` is provided then build cannot be deferred. Either set defer_build=False or "
                             "var_list=None.")
        self._var_list = var_list
        self._reshape = reshape
        self._kept = Kept(max_to_keep or 0, keep_checkpoint_every_n_hours)
        self._allow_empty = allow_empty
        self._pad_step_number = pad_step_number
        self._save_relative_paths = save_relative_paths
        self._variables: dict[str, Variable] | None = None
        if not defer_build:
            self.build()

    def build(self) -> None:
        """Fix what is saved: needed once after `defer_build=True`."""
        if self._variables is None:
            wanted = _all_saveables() if self._var_list is None else self._var_list
            variables = _by_name(wanted)
            if not variables and not self._allow_empty:
                raise ValueError("No variables to save: there are none, or var_list is empty.")
            self._variables = variables

    def _built(self, what: str) -> dict[str, Variable]:
        if self._variables is None:
            raise RuntimeError(f"`build()` should be called before {what} if defer_build==True")
        return self._variables

    # --- saving ------------------------------------------------------------------------------------------------------

    def save(self, sess: Any, save_path: str, global_step: Any = None, latest_filename: str | None = None,
             meta_graph_suffix: str = "meta", write_meta_graph: bool = True, write_state: bool = True) -> str | None:
        """Save to `save_path`, or `save_path-<global_step>`; the path, or None if there is nothing to save.

        Raises ValueError (phrases: `must not contain path components`, `collides with`, `doesn't exist`), TypeError if
        `sess` is no session, RuntimeError if not built, and as TensorFlow's errors what the disk refuses
        (PermissionDeniedError, ResourceExhaustedError). Graphs are not written.
        """
        variables = self._built("save")
        latest = latest_filename if latest_filename is not None else "checkpoint"
        if os.path.split(latest)[0]:
            raise ValueError(f"'latest_filename' must not contain path components, got {latest!r}")
        if not hasattr(sess, "load_variables"):
            raise TypeError(f"'sess' must be a Session; got {sess!r}")
        path = os.fspath(save_path)
        if global_step is not None:
            path = self._numbered(sess, path, global_step)
        elif os.path.basename(path) == latest:
            raise ValueError(f"'latest_filename' collides with 'save_path': '{latest}' and '{path}'")
        directory = os.path.dirname(path)
        if not os.path.basename(path) or (directory and not os.path.isdir(directory)):
            raise ValueError(f"Parent directory of {path} doesn't exist, can't save; make it with os.makedirs.")
        if not variables:
            return None
        names = list(variables)
        arrays = dict(zip(names, sess.run([variables[n] for n in names]), strict=True))
        if write_state:
            self._kept.save(path, latest, lambda: write_arrays(path + SUFFIX, arrays),
                            lambda kept: self._write_state(directory, path, kept, latest))
        else:
            clear_drafts(path, latest)
            write_arrays(path + SUFFIX, arrays)
        return path

    def _numbered(self, sess: Any, path: str, global_step: Any) -> str:
        step = int(global_step if isinstance(global_step, int | np.integer) else sess.run(global_step))
        return f"{path}-{step:08d}" if self._pad_step_number else f"{path}-{step}"

    def _write_state(self, directory: str, path: str, kept: list[str], latest: str) -> None:
        if self._save_relative_paths:
            path, kept = os.path.basename(path), [os.path.relpath(p, directory or ".") for p in kept]
            # Relative to the directory of the file already: as they are.
            directory = os.path.abspath(directory)
        update_checkpoint_state(directory, path, kept, latest)

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that are kept, oldest first; empty where all are kept."""
        return [path for path, _ in self._kept.last]

    def set_last_checkpoints(self, last_checkpoints: Sequence[str]) -> None:
        """Set the list of kept checkpoints, as if written now. Raises TypeError for what is no list."""
        if not isinstance(last_checkpoints, list):
            raise TypeError(f"last_checkpoints must be a list of paths, got {last_checkpoints!r}")
        now = time.time()
        self._kept.last = [(path, now) for path in last_checkpoints]

    def set_last_checkpoints_with_time(self, last_checkpoints_with_time: Sequence[tuple[str, float]]) -> None:
        """Set the list of kept checkpoints and when they were written."""
        if not isinstance(last_checkpoints_with_time, list):
            raise TypeError(f"last_checkpoints_with_time must be a list of pairs, got {last_checkpoints_with_time!r}")
        self._kept.last = list(last_checkpoints_with_time)

    def recover_last_checkpoints(self, checkpoint_paths: Sequence[str]) -> None:
        """Set the list of kept checkpoints to those of `checkpoint_paths` that exist."""
        found = [p for p in checkpoint_paths if checkpoint_exists(p)]
        self._kept.last = list(zip(found, get_checkpoint_mtimes(found), strict=True))

    # --- restoring ---------------------------------------------------------------------------------------------------

    def restore(self, sess: Any, save_path: str | None) -> None:
        """Give the variables the values that a checkpoint has; no initializer is needed. All or nothing.

        Raises ValueError (phrase: `Can't load save_path when it is None`), NotFoundError (phrase: `not found in
        checkpoint`), InvalidArgumentError (phrase: `Assign requires shapes of both tensors to match`), DataLossError
        (phrase: `damaged`).
        """
        variables = self._built("restore")
        if not variables:
            return
        if save_path is None:
            raise ValueError("Can't load save_path when it is None: tf.train.latest_checkpoint found no checkpoint?")
        if not hasattr(sess, "load_variables"):
            raise TypeError(f"'sess' must be a Session; got {sess!r}")
        reader = CheckpointReader(save_path)
        found = {name: self._fitted(name, v, reader.get_tensor(name)) for name, v in variables.items()}
        sess.load_variables({variables[name].key: array for name, array in found.items()})

    def _fitted(self, name: str, variable: Variable, array: Any) -> Any:
        """The array, if the variable takes it."""
        if array.dtype != variable.dtype.numpy:
            raise InvalidArgumentError(None, variable.op, f"Expected dtype {variable.dtype.name} for {name!r}, but the "
                                                          f"checkpoint holds {array.dtype}")
        if variable.shape.is_compatible_with(list(array.shape)):
            return array
        wanted = variable.shape.as_list()
        if not self._reshape:
            raise InvalidArgumentError(None, variable.op, "Assign requires shapes of both tensors to match. "
                                       f"lhs shape= {wanted} rhs shape= {list(array.shape)} for {name!r}")
        if array.size != variable.shape.num_elements():
            raise InvalidArgumentError(None, variable.op, f"Input to reshape is a tensor with {array.size} values, but "
                                       f"the requested shape {wanted} has {variable.shape.num_elements()}")
        return array.reshape(wanted)

    # --- what is not offered -----------------------------------------------------------------------------------------

    def as_saver_def(self) -> Any:
        """Not implemented."""
        raise NotImplementedError("Saver.as_saver_def: savers have no protocol buffer form here")

    to_proto = as_saver_def

    def export_meta_graph(self, *args: Any, **kwargs: Any) -> Any:
        """Not implemented."""
        raise NotImplementedError("Saver.export_meta_graph: graphs have no protocol buffer form here")


def _all_saveables() -> list[Any]:
    return global_variables() + get_default_graph().get_collection(GraphKeys.SAVEABLE_OBJECTS)


def _by_name(wanted: Any) -> dict[str, Variable]:
    """The variables by the names that they are saved under."""
    if not isinstance(wanted, Mapping | list | tuple | set):
        raise TypeError(f"Variables to save should be passed in a dict or a list: {wanted!r}")
    pairs = list(wanted.items()) if isinstance(wanted, Mapping) else [(None, v) for v in wanted]
    found: dict[str, Variable] = {}
    for name, item in pairs:
        if name is not None and not isinstance(name, str):
            raise TypeError("names_to_saveables must be a dict mapping string names to variables. "
                            f"Name is not a string: {name!r}")
        variable = _variable(item)
        key = variable.op.name if name is None else name
        if found.get(key, variable) is not variable:
            raise ValueError(f"At least two variables have the same name: {key}")
        found[key] = variable
    seen: dict[int, str] = {}
    for key, variable in sorted(found.items()):
        if id(variable) in seen:
            raise ValueError(f"The same saveable will be restored with two names: {key} (and {seen[id(variable)]})")
        seen[id(variable)] = key
    return found


def _variable(item: Any) -> Variable:
    if isinstance(item, Variable):
        return item
    # The tensor of a reference stands for its variable.
    known = variables_by_key(item.graph).get(item.op.name) if isinstance(item, Tensor) else None
    if known is None or known._ref() is not item:
        raise TypeError(f"Variable to save is not a Variable: {item!r}")
    return known


def export_meta_graph(*args: Any, **kwargs: Any) -> Any:
    """Not implemented. Source: tf.train.export_meta_graph."""
    raise NotImplementedError("export_meta_graph: graphs have no protocol buffer form here")


def import_meta_graph(*args: Any, **kwargs: Any) -> Any:
    """Not implemented. Source: tf.train.import_meta_graph."""
    raise NotImplementedError("import_meta_graph: build the graph with the code that made it, then Saver.restore")
