"""Which checkpoints are kept, in an order of writing and deleting that no kill can spoil.

    a note -> the new checkpoint -> the state file that lists it -> the oldest ones go -> the note goes

Wherever this is cut off, the state file lists checkpoints that exist. What is left over, the note tells the next save
of the same prefix: a checkpoint that was not listed any more joins those that are kept; one that was to be deleted is
deleted.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Iterable

from rnngraph.frontend.train.checkpoint import (
    SUFFIX,
    checkpoint_exists,
    delete_checkpoint,
    get_checkpoint_mtimes,
    get_checkpoint_state,
)
from rnngraph.frontend.train.files import Plan, abandoned, alone_in, announced, remove

_NOTE = ".saving"


class Kept:
    """The checkpoints of a saver with times, oldest first: at most `most` (0: all are kept and none is listed here)."""

    def __init__(self, most: int, hours: float) -> None:
        self.last: list[tuple[str, float]] = []
        self._most = most
        self._hours = hours
        self._next_kept = time.time() + hours * 3600

    def save(self, path: str, state_file: str, write: Callable[[], None], record: Callable[[list[str]], None]) -> None:
        """Write the checkpoint `path`, record what is kept, delete what is not. If that fails, this stays as it was.

        Savers in one directory take turns: else one might delete what the other is about to record.
        """
        directory = os.path.dirname(path)
        with alone_in(directory):
            self._save(directory, path, state_file, write, record)

    def _save(self, directory: str, path: str, state_file: str, write: Callable[[], None],
              record: Callable[[list[str]], None]) -> None:
        family = _family(path)
        notes = abandoned(directory, _names(path, state_file))
        before = _listed(directory, state_file)
        adopted, stale = _left_over(directory, family, [plan for _, plan in notes], before)
        kept, doomed, next_kept = self._rotated(path, adopted)
        doomed += stale
        with announced(os.path.join(directory, f"{family}.{state_file}{_NOTE}"),
                       {"written": _inside(directory, [*adopted, path]), "doomed": _inside(directory, doomed)}):
            for note, _ in notes:
                remove(note)
            write()
            record([p for p, _ in kept])
            # Another process may have saved one of these since this one did.
            listed = _listed(directory, state_file)
            for p in doomed:
                if os.path.abspath(p) not in listed:
                    _delete(p)
        self.last, self._next_kept = kept, next_kept

    def _rotated(self, path: str, adopted: list[str]) -> tuple[list[tuple[str, float]], list[str], float]:
        """What is kept once `path` is written, what goes, and from when on one is spared for its age."""
        if not self._most:
            return self.last, [], self._next_kept
        known = [(p, t) for p, t in self.last if p != path]
        new = [p for p in adopted if p != path and p not in dict(known)]
        kept = [*known, *((p, t) for p in new for t in get_checkpoint_mtimes([p])), (path, time.time())]
        doomed, next_kept = [], self._next_kept
        for oldest, written in kept[:-self._most]:
            if written > next_kept:
                next_kept += self._hours * 3600
            else:
                doomed.append(oldest)
        return kept[-self._most:], doomed, next_kept


def clear_drafts(path: str, state_file: str) -> None:
    """Remove what dead writers left of drafts of this prefix."""
    abandoned(os.path.dirname(path), _names(path, state_file))


def _family(path: str) -> str:
    """The file name without the step's number."""
    return re.sub(r"-\d+$", "", os.path.basename(path))


def _names(path: str, state_file: str) -> str:
    """A regular expression of the files that are written for this prefix."""
    family, state = re.escape(_family(path)), re.escape(state_file)
    # A note is about one state file: what is not in that one may well be in another.
    return rf"{family}(-\d+)?{re.escape(SUFFIX)}|{family}\.{state}{re.escape(_NOTE)}|{state}"


def _listed(directory: str, state_file: str) -> set[str]:
    """The checkpoints in the state file."""
    state = get_checkpoint_state(directory, state_file)
    if state is None:
        return set()
    return {os.path.abspath(p) for p in (state.model_checkpoint_path, *state.all_model_checkpoint_paths)}


def _left_over(directory: str, family: str, plans: Iterable[Plan], listed: set[str]) -> tuple[list[str], list[str]]:
    """What dead writers have written, and what they were about to delete: checkpoints of the family, not in the list."""
    own, plans = re.compile(rf"{re.escape(family)}(-\d+)?"), list(plans)

    def there(what: str) -> list[str]:
        names = dict.fromkeys(n for plan in plans for n in plan.get(what, ()) if own.fullmatch(n))
        paths = [os.path.join(directory, n) for n in names]
        return [p for p in paths if checkpoint_exists(p) and os.path.abspath(p) not in listed]
    doomed = there("doomed")
    return [p for p in there("written") if p not in doomed], doomed


def _inside(directory: str, paths: Iterable[str]) -> list[str]:
    """The names of those that are in the directory."""
    return [os.path.basename(p) for p in paths if os.path.dirname(p) == directory]


def _delete(path: str) -> None:
    try:
        delete_checkpoint(path)
    except OSError as error:
        # The new checkpoint is saved: no reason to fail.
        warnings.warn(f"The old checkpoint {path} cannot be deleted: {error.strerror or error}", RuntimeWarning, stacklevel=2)
