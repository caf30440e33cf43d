"""What was compiled, on disk: one file an object of code or record (`records`), named by a hash of all that decides it.

The folder is `RNNGRAPH_CACHE`, else `rnngraph` in the user's cache folder; `RNNGRAPH_CACHE=off` turns it off.

What is loaded from here is executed, so a file must pass two tests first. Neither replaces the other:

- A digest of key and content stands before the content. It finds what happens by itself: cut and altered files, and a
  file under the name of another module.
- A digest can be made by anyone, so it says nothing about who wrote the file. Therefore folder and files must be the
  user's own, nobody else may be allowed to write to them, and links are not followed.

A file that fails is removed and its module is compiled anew; a folder that fails is not used, and a warning says so.
Nothing else is an error: without a folder that can be written (no home, a full disk) code is compiled in each process.
The folder is kept below `LIMIT` bytes; the files not used for the longest time go first.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import re
import secrets
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LIMIT = 256 << 20
"""The most bytes that are kept, up to what is written between two looks."""
LOOKS = 32
"""How often all files are looked at while as much as the limit is written: looking takes as long as there are files."""
LARGEST = 64 << 20
"""The most bytes of one file: a larger one is not read, whatever it is."""

_MAGIC = b"rnngraph object code 1\n"
_HEADER = len(_MAGIC) + hashlib.sha256().digest_size
# The user may have named a folder that holds other things too: these alone are counted and removed.
_OURS = re.compile(r"[0-9a-f]{64}\.o(\.[0-9a-f]{16}\.tmp)?")
# Where the system cannot work relative to an open folder and tell owners, no folder can be trusted.
_CHECKABLE = os.open in os.supports_dir_fd and os.scandir in os.supports_fd and hasattr(os, "geteuid")


def folder() -> Path | None:
    """Where objects are kept; None if the cache is off or there is no home to keep it in."""
    named = os.environ.get("RNNGRAPH_CACHE")
    if named == "off" or not _CHECKABLE:
        return None
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    # An unknown home stays "~": better no cache than a folder of that name wherever the program runs.
    return Path(base) / "rnngraph" if os.path.isabs(base) else None


def load(key: str) -> bytes | None:
    """The object of that key, if it is there, whole and the user's own."""
    with _opened(make=False) as place:
        if place is None:
            return None
        try:
            return _read(place, key)
        except OSError:
            return None


def save(key: str, data: bytes) -> None:
    """Keep an object, if that is possible."""
    if len(data) + _HEADER > LARGEST:
        return
    with _opened(make=True) as place:
        if place is None:
            return
        with suppress(OSError):
            _write(place, f"{key}.o", _MAGIC + _digest(key, data) + data)
            # By chance, so that many short processes look as often as a long one.
            if secrets.randbelow(LIMIT) < LOOKS * len(data):
                _prune(place)


# --- the folder ------------------------------------------------------------------------------------------------------

@contextmanager
def _opened(make: bool) -> Iterator[int | None]:
    """The folder as an open one, which no one can exchange any more; None if there is none, or one not to be used."""
    path = folder()
    handle = None if path is None else _open(path, make)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def _open(path: Path, make: bool) -> int | None:
    try:
        if make:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        if os.path.islink(path):
            _warn(path, "it is a link")
        elif error.errno in (errno.ENOTDIR, errno.EEXIST):
            _warn(path, "it is not a folder")
        return None
    why = _why_not_trusted(os.fstat(handle))
    if why is None:
        return handle
    os.close(handle)
    _warn(path, why)
    return None


def _why_not_trusted(status: os.stat_result) -> str | None:
    """Why someone else may have written a file, or what is in a folder; None if nobody else can have."""
    if status.st_uid != os.geteuid():
        return f"it belongs to the user with number {status.st_uid}, and this process runs as {os.geteuid()}"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "other users may write to it (chmod go-w takes that from them; empty it before)"
    return None


@functools.cache  # so that a process is told once
def _warn(path: Path, why: str) -> None:
    warnings.warn(f"The folder {path} is not used for compiled code: {why}. Programs are compiled anew in each process. "
                  "RNNGRAPH_CACHE names another folder; RNNGRAPH_CACHE=off: none.", RuntimeWarning, stacklevel=2)


# --- files -----------------------------------------------------------------------------------------------------------

def _digest(key: str, data: bytes) -> bytes:
    found = hashlib.sha256(_MAGIC + key.encode())
    found.update(data)
    return found.digest()


def _read(place: int, key: str) -> bytes | None:
    """The content of a good file; a bad one is removed."""
    name = f"{key}.o"
    # Not to wait for a writer, should it be a pipe. A link is not opened; `save` will replace it.
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    try:
        content = _content(handle)
        data = content[_HEADER:]
        if content[:_HEADER] == _MAGIC + _digest(key, data):
            with suppress(OSError):  # a folder that can only be read is good enough
                os.utime(handle)  # the time of the last use, for `_prune`
            return data
    finally:
        os.close(handle)
    os.unlink(name, dir_fd=place)
    return None


def _content(handle: int) -> bytes:
    """What is in an open file, or nothing if it is not to be trusted."""
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST or _why_not_trusted(status):
        return b""
    with open(handle, "rb", closefd=False) as file:
        return file.read(LARGEST)


def _write(place: int, name: str, content: bytes) -> None:
    """Write a file aside and move it, so that no process sees half of it."""
    draft = f"{name}.{secrets.token_hex(8)}.tmp"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=place)
    try:
        with open(handle, "wb") as file:
            file.write(content)
        os.replace(draft, name, src_dir_fd=place, dst_dir_fd=place)
    except BaseException:
        os.unlink(draft, dir_fd=place)
        raise


def _prune(place: int) -> None:
    """Remove what was not used for the longest time, until the rest is below the limit."""
    found: list[tuple[float, int, str]] = []
    with os.scandir(place) as entries:
        for entry in entries:
            if _OURS.fullmatch(entry.name):
                # Another process may have removed it meanwhile.
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime, status.st_size, entry.name))
    total = 0
    for _, size, name in sorted(found, reverse=True):
        total += size
        if total > LIMIT:
            with suppress(OSError):
                os.unlink(name, dir_fd=place)
