"""The vocabulary: every op, declared once. Importing this room fills the op table of `rnngraph.ir.op`."""

from rnngraph.ops import (
    comparison,
    composite,
    contraction,
    copies,
    data_sized,
    effects,
    elementwise,
    indexed,
    joining,
    movement,
    ordered,
    padding,
    random,
    reduction,
    sizing,
    slicing,
    strided,
)

__all__ = ["comparison", "composite", "contraction", "copies", "data_sized", "effects", "elementwise", "indexed",
           "joining", "movement", "ordered", "padding", "random", "reduction", "sizing", "slicing", "strided"]
