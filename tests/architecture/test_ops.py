"""The table of ops: complete declarations, and the names that the rest of the house relies on."""

from __future__ import annotations

import re

import pytest

import rnngraph.ops as ops
import rnngraph.ops.control as control
import rnngraph.ops.lists as lists
import rnngraph.ops.state as state
from rnngraph.ir.graph import SUGAR
from rnngraph.ir.kinds import Control, Elementwise, Reduction, State
from rnngraph.ir.op import OPS, OpDef
from rnngraph.ir.verify import KINDS

assert ops and control and lists and state

TABLE = sorted(OPS.values(), key=lambda op: op.name)
EFFECTS = ("pure", "reads", "writes", "host")


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_every_op_is_declared_completely(op: OpDef) -> None:
    assert op.doc.strip(), "an op says what it does"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", op.name), "the text form wants a plain name"
    assert op.effects in EFFECTS
    assert callable(op.infer) and callable(op.reference)
    assert op.gradient is None or callable(op.gradient)
    assert OPS[op.name] is op
    if not isinstance(op.kind, (Control, State)):
        assert getattr(op.reference, "__name__", "") != "_engine", "only control and state have no reference kernel"


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_attributes_fit_their_kinds(op: OpDef) -> None:
    for name, attr in op.attrs.items():
        assert attr.kind in KINDS, f"{name} is of the unknown kind {attr.kind!r}"
        assert attr.default is ... or attr.default is None or KINDS[attr.kind](attr.default), name


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_kinds_have_their_data(op: OpDef) -> None:
    if isinstance(op.kind, Elementwise):
        assert callable(op.kind.scalar) and op.effects == "pure"
    if isinstance(op.kind, Reduction):
        assert op.kind.combine in ("add", "mul", "max", "min", "and", "or") and {"axes", "keep"} <= set(op.attrs)


@pytest.mark.parametrize("name", SUGAR)
def test_sugared_ops_are_registered(name: str) -> None:
    assert name in OPS


@pytest.mark.parametrize("name", ["loop", "if", "fused", "history"])
def test_the_grammar_s_control_ops_are_registered(name: str) -> None:
    assert isinstance(OPS[name].kind, Control)


def test_keywords_of_the_text_are_no_ops() -> None:
    words = {"graph", "return", "yield", "while", "do", "then", "else", "after", "captures", "carry", "rows", "stacks"}
    assert not set(OPS) & words
