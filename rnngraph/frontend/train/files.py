"""Files that are there whole or not at all, whenever the process or the machine stops; and what dead writers left.

A file is written as a **draft** beside its place, `<name>.<16 hex digits>.tmp`, brought to the disk, and moved. Its
writer holds a lock on the draft, which the system takes away when a process ends in whatever way: a draft that can be
locked has no writer any more and may be removed.

A draft that is never moved serves as a **note** of what its writer is about to do (`announced`), so that the next one
can finish what a dead one began.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

from rnngraph import errors

try:
    import fcntl
except ImportError:  # Without locks, as on Windows, no draft is known to be dead: they stay.
    fcntl = None  # type: ignore[assignment]

Plan = Mapping[str, Sequence[str]]
"""What a writer is about to do: lists of names."""

_CLASSES: dict[int, Callable[[None, None, str], errors.OpError]] = {
    errno.EACCES: errors.PermissionDeniedError, errno.EPERM: errors.PermissionDeniedError,
    errno.EROFS: errors.PermissionDeniedError, errno.ENOENT: errors.NotFoundError,
    errno.ENOSPC: errors.ResourceExhaustedError, errno.EDQUOT: errors.ResourceExhaustedError,
    errno.EISDIR: errors.FailedPreconditionError, errno.ENOTDIR: errors.FailedPreconditionError}


@contextmanager
def op_errors(what: str) -> Iterator[None]:
    """The system's errors as TensorFlow's: `what` begins the message."""
    try:
        yield
    except OSError as error:
        kind = _CLASSES.get(error.errno or 0, errors.UnknownError)
        raise kind(None, None, f"{what}: {error.strerror or error}") from None


def write_atomically(path: str, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut. Raises an OpError."""
    with op_errors(f"{path} cannot be written"):
        file, draft = _draft(path, content)
        with file:
            try:
                os.fsync(file.fileno())
                os.replace(draft, path)
            except BaseException:
                os.unlink(draft)
                raise
        _sync_folder(path)


@contextmanager
def announced(path: str, plan: Plan) -> Iterator[None]:
    """A note of the plan, a draft of `path`, while it is carried out; it stays if the process dies in it, or it fails."""
    with op_errors(f"{path} cannot be written"):
        file, note = _draft(path, json.dumps(plan).encode())
    with file:
        yield
        remove(note)


@contextmanager
def alone_in(directory: str) -> Iterator[None]:
    """Wait for the others who do this in a directory, and let others wait. May not be nested."""
    handle = None
    with suppress(OSError):  # Who may write there, and not read, does without.
        handle = os.open(directory or ".", os.O_RDONLY)
    try:
        if handle is not None:
            _lock(handle)
        yield
    finally:
        if handle is not None:
            # Not only by closing: a process that was forked meanwhile has the lock as well.
            _lock(handle, free=True)
            os.close(handle)


def abandoned(directory: str, names: str) -> list[tuple[str, Plan]]:
    """The notes of dead writers, with what they were about to do. Their other drafts are removed.

    `names` is a regular expression of what they were drafts of.
    """
    pattern = re.compile(rf"(?:{names})\.[0-9a-f]{{16}}\.tmp")
    found = []
    with suppress(OSError):  # Where nothing can be listed, nothing is cleared.
        for name in sorted(filter(pattern.fullmatch, os.listdir(directory or "."))):
            draft = os.path.join(directory, name)
            plan = _plan_of_dead(draft)
            if plan is not None:
                found.append((draft, plan))
    return found


def remove(path: str) -> None:
    """Remove a file that may be gone already, or may not be removed: what is too much does no harm."""
    with suppress(OSError):
        os.unlink(path)


def _draft(path: str, content: bytes) -> tuple[BinaryIO, str]:
    """A draft with that content, locked while it is open."""
    file, draft = _locked(path)
    try:
        file.write(content)
        file.flush()
    except BaseException:
        os.unlink(draft)
        with suppress(OSError):  # it tries to write once more
            file.close()
        raise
    return file, draft


def _locked(path: str) -> tuple[BinaryIO, str]:
    while True:
        draft = f"{path}.{secrets.token_hex(8)}.tmp"
        file = open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb")
        _lock(file.fileno())
        if os.path.exists(draft):
            return file, draft
        # Before it was locked, someone took it for a dead one.
        file.close()


def _lock(handle: int, free: bool = False) -> None:
    if fcntl is not None:
        with suppress(OSError):  # A file system without locks: `_plan_of_dead` gets none there either.
            fcntl.flock(handle, fcntl.LOCK_UN if free else fcntl.LOCK_EX)


def _plan_of_dead(draft: str) -> Plan | None:
    """The plan in a draft without writer; one without plan is removed."""
    if fcntl is None:
        return None
    with suppress(OSError), open(draft, "rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        plan = _plan(file.read(1 << 20))
        if plan is None:
            # While it is locked: it may have a writer who is about to lock it.
            os.unlink(draft)
        return plan
    return None


def _plan(content: bytes) -> Plan | None:
    try:
        plan = json.loads(content)
    except ValueError:
        return None
    if not isinstance(plan, dict) or not all(isinstance(names, list) for names in plan.values()):
        return None
    return {what: [n for n in names if isinstance(n, str)] for what, names in plan.items()}


def _sync_folder(path: str) -> None:
    """Bring the name of a file to the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
