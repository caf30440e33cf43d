"""The vocabulary: every op, declared once. Importing this room fills the op table of `rnngraph.ir.op`."""

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

__all__ = ["comparison", "composite", "contraction", "control", "copies", "effects", "elementwise", "indexed", "joining",
           "linalg", "lists", "movement", "padding", "random", "reduction", "scans_and_sorts", "sizing", "slicing", "state",
           "strided", "where_unique"]
