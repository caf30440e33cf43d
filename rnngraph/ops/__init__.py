"""The vocabulary: every op, declared once. Importing this room fills the op table of `rnngraph.ir.op`."""

from rnngraph.ops import (
    comparison,
    composite,
    contraction,
    control,
    copies,
    data_sized,
    effects,
    elementwise,
    indexed,
    joining,
    linalg,
    lists,
    movement,
    ordered,
    padding,
    random,
    reduction,
    sizing,
    slicing,
    state,
    strided,
)

__all__ = ["comparison", "composite", "contraction", "control", "copies", "data_sized", "effects", "elementwise", "indexed",
           "joining", "linalg", "lists", "movement", "ordered", "padding", "random", "reduction", "sizing", "slicing", "state",
           "strided"]
