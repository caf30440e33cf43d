"""Object code on disk: one file a module, named by a hash of everything that decides it.

The folder is `RNNGRAPH_CACHE`, else `rnngraph` in the user's cache folder; `RNNGRAPH_CACHE=off` turns it off. Files are
written to a temporary name and moved, so that two processes never see half a file.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def folder() -> Path | None:
    """Where objects are kept; None if the cache is off."""
    named = os.environ.get("RNNGRAPH_CACHE")
    if named == "off":
        return None
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "rnngraph"


def load(key: str) -> bytes | None:
    """The object of that key, if it is there and whole."""
    place = folder()
    if place is None:
        return None
    try:
        data = (place / f"{key}.o").read_bytes()
    except OSError:
        return None
    return data or None


def save(key: str, data: bytes) -> None:
    """Keep an object; a folder that cannot be written is no error."""
    place = folder()
    if place is None:
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place, delete=False) as file:
            file.write(data)
        os.replace(file.name, place / f"{key}.o")
    except OSError:
        return
