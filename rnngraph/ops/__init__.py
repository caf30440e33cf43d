"""The vocabulary: every op, declared once. Importing this room fills the op table of `rnngraph.ir.op`."""

from rnngraph.ir.op import OPS
from rnngraph.ops import (
    comparison,
    composite,
    contraction,
    control,
    copies,
    effects,
    elementwise,
    indexed,
    joining,
    linalg,
    lists,
    movement,
    padding,
    random,
    reduction,
    scans_and_sorts,
    sizing,
    slicing,
    state,
    strided,
    where_unique,
)

OWN = frozenset(OPS)
"""The ops of the package; others may be declared later, by its users."""

__all__ = ["OWN", "comparison", "composite", "contraction", "control", "copies", "effects", "elementwise", "indexed", "joining",
           "linalg", "lists", "movement", "padding", "random", "reduction", "scans_and_sorts", "sizing", "slicing", "state",
           "strided", "where_unique"]
