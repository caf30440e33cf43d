"""Engines by name, loaded on first use: the only place where a room is imported late, so that `import rnngraph` works
without llvmlite."""

from __future__ import annotations

import importlib

from rnngraph.runtime.interface import Backend

ENGINES = {"reference": "rnngraph.backends.reference", "llvm": "rnngraph.backends.llvm.engine"}
_loaded: dict[str, Backend] = {}


def load(name: str) -> Backend:
    """The engine of that name. Raises ValueError for an unknown name, ImportError where its library is missing."""
    if name not in ENGINES:
        raise ValueError(f"no engine is called {name!r}; there are {', '.join(sorted(ENGINES))}")
    if name not in _loaded:
        module = importlib.import_module(ENGINES[name])
        _loaded[name] = module.ENGINE
    return _loaded[name]
