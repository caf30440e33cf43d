"""Arrays in a file: the safetensors format, with a checksum for everything.

Strings and complex numbers, which the format lacks, are kept as bytes. The metadata have two entries:

- `rnngraph.table`: for each name the dtype, the shape and the SHA-256 of the bytes, as JSON;
- `rnngraph.sha256`: the SHA-256 of that text.

So no bit of what is read can have changed without notice. A file of another program, which has neither entry, is read
as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from rnngraph.errors import DataLossError, NotFoundError, UnimplementedError
from rnngraph.frontend.train.files import op_errors, write_atomically
from rnngraph.ir.types import DType, as_dtype

_TABLE, _DIGEST = "rnngraph.table", "rnngraph.sha256"
_FORMER = "rnngraph"
"""Where files without checksums had dtype and shape of strings and complex numbers."""

_TYPES = {name: as_dtype(dtype) for name, dtype in {
    "F16": "float16", "F32": "float32", "F64": "float64", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool", "C64": "complex64"}.items()}


@dataclass(frozen=True)
class Entry:
    """What a file says of an array; without a digest, nothing is promised about its bytes."""

    dtype: DType
    shape: list[int]
    digest: str | None = None
    encoded: bool = False
    """Whether the format lacks such arrays, so that a vector of bytes stands for it."""


def write_arrays(path: str, arrays: Mapping[str, Any]) -> None:
    """Write a file of arrays. Raises an OpError if that is not possible."""
    stored, table = {}, {}
    for name, array in arrays.items():
        given = np.asarray(array)
        stored[name] = _encoded(given)
        table[name] = {"dtype": as_dtype(given.dtype).name, "shape": list(given.shape), "sha256": _digest(stored[name])}
    text = json.dumps(table)
    write_atomically(path, to_bytes(stored, {_TABLE: text, _DIGEST: _text_digest(text)}))


class ArrayFile:
    """An open file of arrays: what it gives is of one save, whatever is moved to its place meanwhile.

    Raises NotFoundError, PermissionDeniedError, DataLossError for a damaged file, UnimplementedError for an element type
    that does not exist here.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = _opened(path)
        metadata = self._file.metadata() or {}
        names, notes = set(self._file.keys()), self._notes(metadata)
        self.entries = {n: self._entry(n, n in names, notes, _TABLE in metadata) for n in sorted(names | notes.keys())}

    def read(self, name: str) -> Any:
        """The array of a name that is there."""
        entry = self.entries[name]
        try:
            stored = self._file.get_tensor(name)
        except SafetensorError as error:
            raise self._damaged(f"{name!r} cannot be read ({error})") from None
        if entry.digest is not None and _digest(stored) != entry.digest:
            raise self._damaged(f"Checksum does not match for {name!r}: stored {entry.digest} vs. calculated on the "
                                f"restored bytes {_digest(stored)}")
        if stored.dtype == bool and np.any(stored.view(np.uint8) > 1):
            raise self._damaged(f"{name!r} has elements that are neither true nor false")
        try:
            return _decoded(stored, entry) if entry.encoded else stored
        except (ValueError, TypeError, AttributeError) as error:
            raise self._damaged(f"the bytes of {name!r} stand for no array of {entry.dtype.name} ({error})") from None

    def _damaged(self, what: str) -> DataLossError:
        return DataLossError(None, None, f"{self.path} is damaged: {what}. Restore another checkpoint.")

    def _notes(self, metadata: Mapping[str, str]) -> dict[str, Entry]:
        """The table, or what files without one have in its place."""
        text = metadata.get(_TABLE)
        if metadata.get(_DIGEST) != (None if text is None else _text_digest(text)):
            raise self._damaged(f"Checksum does not match for the table of {_listed(self._file.keys())}")
        try:
            return {name: _noted(note) for name, note in json.loads(text or metadata.get(_FORMER, "{}")).items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(f"its metadata do not describe {_listed(self._file.keys())} "
                                f"({type(error).__name__}: {error})") from None

    def _entry(self, name: str, there: bool, notes: Mapping[str, Entry], complete: bool) -> Entry:
        """The entry of a name, which fits what is stored; a complete table has all names."""
        if not there:
            raise self._damaged(f"{name!r} is in its table, and is not in the file")
        part = self._file.get_slice(name)
        kind, shape = str(part.get_dtype()), list(part.get_shape())
        if name not in notes:
            if complete:
                raise self._damaged(f"{name!r} is in the file, and is not in its table")
            if kind not in _TYPES:
                raise UnimplementedError(None, None, f"{self.path}: {name!r} has element type {kind}, which does not exist "
                                                     "here; convert it to F32 with the program that wrote it")
            return Entry(_TYPES[kind], shape)
        note = notes[name]
        as_told = kind == "U8" and len(shape) == 1 if note.encoded else (_TYPES.get(kind), shape) == (note.dtype, note.shape)
        if not as_told:
            raise self._damaged(f"{name!r} is stored as {kind}{shape}, but should be {note.dtype.name}{note.shape}")
        return note


def _opened(path: str) -> Any:
    with op_errors(f"{path} cannot be read"), open(path, "rb"):
        pass  # The library tells less of why a file cannot be opened.
    try:
        return safe_open(path, framework="np")
    except SafetensorError as error:
        raise DataLossError(None, None, f"{path} is no checkpoint, or a damaged one: {error}") from None
    except OSError as error:
        raise NotFoundError(None, None, f"{path} cannot be read: {error}") from None


# --- arrays the format lacks -----------------------------------------------------------------------------------------

def _encoded(array: Any) -> Any:
    """The array as the file has it."""
    dtype = as_dtype(array.dtype)
    if dtype.kind == "s":
        texts = [(x if isinstance(x, bytes) else str(x).encode()).decode("latin-1") for x in array.ravel().tolist()]
        return np.frombuffer(json.dumps(texts).encode(), np.uint8)
    if dtype.kind == "c":
        return np.frombuffer(array.tobytes(), np.uint8)
    # Not ascontiguousarray, which makes vectors of scalars.
    return np.array(array, order="C")


def _decoded(stored: Any, entry: Entry) -> Any:
    if entry.dtype.kind != "s":
        return np.frombuffer(stored.tobytes(), entry.dtype.numpy).reshape(entry.shape).copy()
    array = np.empty(tuple(entry.shape), object)
    array.ravel()[:] = [x.encode("latin-1") for x in json.loads(stored.tobytes())]
    return array


def _noted(note: Any) -> Entry:
    """The entry in a note. Raises ValueError, KeyError, TypeError or AttributeError for what is none."""
    dtype, shape = as_dtype(note["dtype"]), note["shape"]
    if not isinstance(shape, list) or not all(type(d) is int and d >= 0 for d in shape):
        raise ValueError(f"{shape!r} is no shape")
    return Entry(dtype, shape, note.get("sha256"), dtype.kind in "sc")


def _digest(stored: Any) -> str:
    return hashlib.sha256(stored.reshape(-1)).hexdigest()


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _listed(names: Iterable[str]) -> str:
    """Names for a message; of many, the first ones."""
    shown = sorted(names)
    return ", ".join(map(repr, shown[:5])) + (f" and {len(shown) - 5} more" if shown[5:] else "") or "nothing"
