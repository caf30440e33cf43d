"""Checkpoints and the state file that lists them (gradients-and-training, section 6).

A checkpoint `<prefix>` is one file of arrays (`tensors.py`), `<prefix>.safetensors`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from rnngraph.errors import NotFoundError
from rnngraph.frontend.framework.expect import expect
from rnngraph.frontend.train.files import write_atomically
from rnngraph.frontend.train.tensors import ArrayFile
from rnngraph.ir.types import DType

SUFFIX = ".safetensors"


class CheckpointReader:
    """Names, shapes, dtypes and values in a checkpoint. Source: tf.train.NewCheckpointReader.

    It opens the file once: it gives the values of one save, whatever is saved to that place meanwhile.

    Raises NotFoundError (phrase: `Failed to find any matching files`), DataLossError for a file that is damaged.
    """

    def __init__(self, prefix: str) -> None:
        path = os.fspath(prefix) + SUFFIX
        if not os.path.isfile(path):
            raise NotFoundError(None, None, "Unsuccessful TensorSliceReader constructor: Failed to find any matching "
                                            f"files for {os.fspath(prefix)}")
        self._file = ArrayFile(path)
        self._entries = self._file.entries

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Name -> shape."""
        return {name: list(entry.shape) for name, entry in self._entries.items()}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """Name -> dtype."""
        return {name: entry.dtype for name, entry in self._entries.items()}

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether the checkpoint has that name."""
        return tensor_str in self._entries

    def get_tensor(self, tensor_str: str) -> Any:
        """The array of that name. Raises NotFoundError (phrase: `not found in checkpoint`), or DataLossError."""
        if tensor_str not in self._entries:
            raise NotFoundError(None, None, f"Key {tensor_str} not found in checkpoint {self._file.path}; it has "
                                            f"{', '.join(sorted(self._entries)) or 'nothing'}")
        return self._file.read(tensor_str)

    def debug_string(self) -> bytes:
        """A line per name."""
        return "".join(f"{name} ({entry.dtype.name}) {entry.shape}\n"
                       for name, entry in sorted(self._entries.items())).encode()


def NewCheckpointReader(filepattern: str) -> CheckpointReader:
    """A reader of the checkpoint `filepattern`. Source: tf.train.NewCheckpointReader."""
    return CheckpointReader(filepattern)


def load_checkpoint(ckpt_dir_or_file: str) -> CheckpointReader:
    """A reader of a checkpoint, or of the latest one of a directory. Source: tf.train.load_checkpoint.

    Raises ValueError if a directory has none.
    """
    if not os.path.isdir(expect(ckpt_dir_or_file, (str, os.PathLike), "ckpt_dir_or_file", "a path")):
        return CheckpointReader(ckpt_dir_or_file)
    latest = latest_checkpoint(ckpt_dir_or_file)
    if latest is None:
        raise ValueError(f"Couldn't find 'checkpoint' file or checkpoints in given directory {ckpt_dir_or_file}")
    return CheckpointReader(latest)


def list_variables(ckpt_dir_or_file: str) -> list[tuple[str, list[int]]]:
    """Pairs (name, shape) of a checkpoint, sorted by name. Source: tf.train.list_variables."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: str, name: str) -> Any:
    """The array of that name (a suffix `:0` is ignored) in a checkpoint. Source: tf.train.load_variable."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


# --- the state file --------------------------------------------------------------------------------------------------

@dataclass
class CheckpointState:
    """What a state file says: the latest checkpoint, and all that are kept, oldest first."""

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"model_checkpoint_path: {json.dumps(self.model_checkpoint_path)}"]
        lines += [f"all_model_checkpoint_paths: {json.dumps(p)}" for p in self.all_model_checkpoint_paths]
        return "\n".join(lines) + "\n"


def generate_checkpoint_state_proto(save_dir: str, model_checkpoint_path: str,
                                    all_model_checkpoint_paths: Sequence[str] | None = None) -> CheckpointState:
    """The state with the latest checkpoint last. Paths are kept relative to `save_dir` if that is relative itself.

    Source: tf.train.generate_checkpoint_state_proto.
    """
    paths = list(all_model_checkpoint_paths or [])
    if not paths or paths[-1] != model_checkpoint_path:
        paths.append(model_checkpoint_path)

    def kept(path: str) -> str:
        return path if os.path.isabs(save_dir) or os.path.isabs(path) else os.path.relpath(path, save_dir or ".")
    return CheckpointState(kept(model_checkpoint_path), [kept(p) for p in paths])


def update_checkpoint_state(save_dir: str, model_checkpoint_path: str,
                            all_model_checkpoint_paths: Sequence[str] | None = None,
                            latest_filename: str | None = None) -> None:
    """Write the state file. Raises RuntimeError if it is the checkpoint itself.

    Source: tf.train.update_checkpoint_state.
    """
    state_file = os.path.join(save_dir, latest_filename or "checkpoint")
    state = generate_checkpoint_state_proto(save_dir, model_checkpoint_path, all_model_checkpoint_paths)
    if state_file == model_checkpoint_path:
        raise RuntimeError(f"Save path '{model_checkpoint_path}' conflicts with path used for checkpoint state. "
                           "Please use a different save path.")
    write_atomically(state_file, str(state).encode())


def get_checkpoint_state(checkpoint_dir: str, latest_filename: str | None = None) -> CheckpointState | None:
    """What the state file of a directory says, paths joined to the directory; None if there is none or it is damaged.

    Source: tf.train.get_checkpoint_state.
    """
    try:
        with open(os.path.join(checkpoint_dir, latest_filename or "checkpoint"), encoding="utf-8") as file:
            text = file.read()
        found = [(m[1], json.loads(m[2])) for m in re.finditer(r'^(\w+): ("(?:[^"\\]|\\.)*")$', text, re.MULTILINE)]
    except (OSError, ValueError):
        return None
    latest = [p for key, p in found if key == "model_checkpoint_path"]
    if not latest:
        return None

    def joined(path: str) -> str:
        return path if os.path.isabs(path) else os.path.join(checkpoint_dir, path)
    return CheckpointState(joined(latest[-1]), [joined(p) for key, p in found if key == "all_model_checkpoint_paths"])


def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """The latest checkpoint of a directory, or None. Source: tf.train.latest_checkpoint."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not checkpoint_exists(state.model_checkpoint_path):
        return None
    return state.model_checkpoint_path


def checkpoint_exists(checkpoint_prefix: str) -> bool:
    """Whether there is a checkpoint of that prefix. Source: tf.train.checkpoint_exists."""
    return os.path.isfile(os.fspath(checkpoint_prefix) + SUFFIX)


def get_checkpoint_mtimes(checkpoint_prefixes: Iterable[str]) -> list[float]:
    """When those of the checkpoints that exist were written. Source: tf.train.get_checkpoint_mtimes."""
    return [os.path.getmtime(p + SUFFIX) for p in checkpoint_prefixes if checkpoint_exists(p)]


def delete_checkpoint(prefix: str) -> None:
    """Remove a checkpoint's files, as far as they are there. Raises OSError if that is not possible."""
    for ending in (SUFFIX, ".meta"):
        with suppress(FileNotFoundError):
            os.remove(prefix + ending)
