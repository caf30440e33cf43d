"""Where in the user's program something is made: the frames of the call stack that are the user's.

Left out are this package, the standard library (a context manager's machinery says nothing), and what started the
program: the frames of installed packages that lie around it, such as a test runner's or a notebook's.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType

from rnngraph.ir.graph import Frame

_PACKAGE = str(Path(__file__).absolute().parents[2]) + os.sep
_STANDARD = sysconfig.get_path("stdlib") + os.sep
_SCRIPTS = sysconfig.get_path("scripts") + os.sep
_INSTALLED = tuple(f"{os.sep}{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))


def _outside(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames around `frame` that are not this package's, innermost first."""
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            yield frame
        frame = frame.f_back


def _installed(file: str) -> bool:
    return any(folder in file for folder in _INSTALLED)


def _starter(file: str) -> bool:
    # Runners start their workers by `python -c`.
    return file == "<string>" or _installed(file) or file.startswith(_SCRIPTS)


def _standard(file: str) -> bool:
    return file.startswith("<frozen ") or (file.startswith(_STANDARD) and not _installed(file))


def _users(frames: list[FrameType]) -> tuple[Frame, ...]:
    """The user's ones of frames given innermost first, outermost first."""
    found = [Frame(f.f_code.co_filename, f.f_lineno, f.f_code.co_name) for f in reversed(frames)
             if not _standard(f.f_code.co_filename)]
    start = next((i for i, f in enumerate(found) if not _starter(f.file)), 0)
    return tuple(found[start:])


class Places:
    """The user's frames, worked out once for each place: all that is made there shares one tuple."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[Frame, ...]] = {}
        self._shared: dict[tuple[Frame, ...], tuple[Frame, ...]] = {}
        self._kept: dict[int, CodeType] = {}

    def here(self) -> tuple[Frame, ...]:
        """The frames of the caller, outermost first."""
        frame: FrameType | None = sys._getframe(1)
        codes: list[CodeType] = []
        positions: list[int] = []
        while frame is not None:
            codes.append(frame.f_code)
            positions.append(frame.f_lasti)
            frame = frame.f_back
        # Of all that tells two places apart this is the cheapest: a code object hashes by its content, and to find a line
        # takes a search. Which of these frames are the user's is the same each time.
        key = (*map(id, codes), *positions)
        known = self._known.get(key)
        return self._new(key, codes) if known is None else known

    def _new(self, key: tuple[int, ...], codes: list[CodeType]) -> tuple[Frame, ...]:
        # The code objects are kept, so that no other one gets their ids.
        self._kept.update((id(c), c) for c in codes)
        frames = _users(list(_outside(sys._getframe(2))))
        self._known[key] = shared = self._shared.setdefault(frames, frames)
        return shared


def user_frames() -> tuple[Frame, ...]:
    """The user's frames around the caller, outermost first."""
    return _users(list(_outside(sys._getframe(1))))


def user_line() -> str:
    """The innermost line of the user's program: "model.py:41 in build"; empty if there is none."""
    frames = user_frames()
    return frames[-1].text if frames else ""
