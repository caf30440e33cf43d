"""Checkpoint files and the state file that lists them (gradients-and-training, section 6).

A checkpoint `<prefix>` is one file `<prefix>.safetensors`: an array per name. Strings and complex numbers, which that
format lacks, are kept as bytes and described in its metadata. Files are written beside their place and then moved
there, so that a reader never meets half a file.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from rnngraph.errors import DataLossError, NotFoundError
from rnngraph.ir.types import DType, as_dtype

SUFFIX = ".safetensors"
_ENCODED = "rnngraph"


# --- arrays in a file ------------------------------------------------------------------------------------------------

def write_atomically(path: str, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    handle, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", suffix=".tmp",
                                         dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner reads; a checkpoint is an ordinary file.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _encode(array: Any) -> tuple[Any, dict[str, Any] | None]:
    """The array as the file format has it, and what to note of one that it lacks."""
    dtype = as_dtype(array.dtype)
    if dtype.kind == "s":
        texts = [(x if isinstance(x, bytes) else str(x).encode()).decode("latin-1") for x in array.ravel().tolist()]
        raw = np.frombuffer(json.dumps(texts).encode(), np.uint8)
        return raw, {"dtype": dtype.name, "shape": list(array.shape)}
    if dtype.kind == "c":
        return np.frombuffer(array.tobytes(), np.uint8), {"dtype": dtype.name, "shape": list(array.shape)}
    # Not ascontiguousarray, which makes vectors of scalars.
    return np.array(array, order="C"), None


def _decode(raw: Any, note: Mapping[str, Any]) -> Any:
    dtype = as_dtype(note["dtype"])
    if dtype.kind != "s":
        return np.frombuffer(raw.tobytes(), dtype.numpy).reshape(note["shape"]).copy()
    array = np.empty(tuple(note["shape"]), object)
    array.ravel()[:] = [x.encode("latin-1") for x in json.loads(raw.tobytes())]
    return array


def save_arrays(prefix: str, arrays: Mapping[str, Any]) -> None:
    """Write the checkpoint `prefix`."""
    encoded, notes = {}, {}
    for name, array in arrays.items():
        encoded[name], note = _encode(np.asarray(array))
        if note is not None:
            notes[name] = note
    write_atomically(prefix + SUFFIX, to_bytes(encoded, {_ENCODED: json.dumps(notes)}))


class CheckpointReader:
    """Names, shapes, dtypes and values in a checkpoint. Source: tf.train.NewCheckpointReader.

    Raises NotFoundError (phrase: `Failed to find any matching files`) and DataLossError for a file that is damaged.
    """

    def __init__(self, prefix: str) -> None:
        self._path = os.fspath(prefix) + SUFFIX
        if not os.path.isfile(self._path):
            raise NotFoundError(None, None, "Unsuccessful TensorSliceReader constructor: Failed to find any matching "
                                            f"files for {os.fspath(prefix)}")
        self._types: dict[str, tuple[list[int], DType]] = {}
        with self._opened() as file:
            self._notes: dict[str, Any] = json.loads((file.metadata() or {}).get(_ENCODED, "{}"))
            for name in file.keys():
                entry = file.get_slice(name)
                note = self._notes.get(name)
                self._types[name] = ((note["shape"], as_dtype(note["dtype"])) if note else
                                     (list(entry.get_shape()), _TYPES[entry.get_dtype()]))

    def _opened(self) -> Any:
        try:
            return safe_open(self._path, framework="np")
        except SafetensorError as error:
            raise DataLossError(None, None, f"{self._path} is no checkpoint, or a damaged one: {error}") from None

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Name -> shape."""
        return {name: shape for name, (shape, _) in self._types.items()}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """Name -> dtype."""
        return {name: dtype for name, (_, dtype) in self._types.items()}

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether the checkpoint has that name."""
        return tensor_str in self._types

    def get_tensor(self, tensor_str: str) -> Any:
        """The array of that name. Raises NotFoundError (phrase: `not found in checkpoint`)."""
        if tensor_str not in self._types:
            raise NotFoundError(None, None, f"Key {tensor_str} not found in checkpoint {self._path}; it has "
                                            f"{', '.join(sorted(self._types)) or 'nothing'}")
        with self._opened() as file:
            raw = file.get_tensor(tensor_str)
        return _decode(raw, self._notes[tensor_str]) if tensor_str in self._notes else raw

    def debug_string(self) -> bytes:
        """A line per name."""
        return "".join(f"{name} ({dtype.name}) {shape}\n"
                       for name, (shape, dtype) in sorted(self._types.items())).encode()


_TYPES = {name: as_dtype(dtype) for name, dtype in {
    "F16": "float16", "F32": "float32", "F64": "float64", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool"}.items()}


def NewCheckpointReader(filepattern: str) -> CheckpointReader:
    """A reader of the checkpoint `filepattern`. Source: tf.train.NewCheckpointReader."""
    return CheckpointReader(filepattern)


def load_checkpoint(ckpt_dir_or_file: str) -> CheckpointReader:
    """A reader of a checkpoint, or of the latest one of a directory. Source: tf.train.load_checkpoint.

    Raises ValueError if a directory has none.
    """
    if not os.path.isdir(ckpt_dir_or_file):
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
    """Remove a checkpoint's files."""
    for suffix in (SUFFIX, ".meta"):
        if os.path.exists(prefix + suffix):
            os.remove(prefix + suffix)
