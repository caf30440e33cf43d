"""The API of tf, done at once in NumPy: `namespace()` gives what a program's text may call `tf`.

The same text that builds a graph with rnngraph gives its numbers here: loops are Python loops, branches are Python
branches, assignments happen where they stand. Nothing of rnngraph is used, so that an error of both engines shows. What
cannot be known (draws, gradients) is a value marked `loose`; what a release fails for raises `Bad`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.support.eager import arrays, control, core, linear, math, nn, reduce, rnn, state

MODULES = (arrays, control, core, linear, math, nn, reduce, rnn, state)


def namespace() -> Any:
    """A new `tf`."""
    tf = SimpleNamespace()
    for module in MODULES:
        for name, value in module.EXPORTS.items():
            place = tf
            *folders, last = name.split(".")
            for folder in folders:
                if not hasattr(place, folder):
                    setattr(place, folder, SimpleNamespace())
                place = getattr(place, folder)
            setattr(place, last, value)
    return tf
