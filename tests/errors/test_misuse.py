"""Misuse of every kind: the class is TensorFlow's, the message is in the user's words, and the session stays usable.

The cases are data, in the other modules here. Where TensorFlow 1.4.0 accepts at first what only its run refuses, or
raises an AttributeError, IndexError or AssertionError of its own, the class is ours (docs/limits.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import rnngraph as tf
from tests.errors import building, framework, running, sessions

ENGINES = ["reference", "llvm"]
PLAIN = (ValueError, TypeError, NotImplementedError, RuntimeError)
# TensorFlow's own choice for names that do not exist, for registering twice, and for indices of shapes.
LOOKED_UP = {"unknown tensor name": KeyError, "unknown op name": KeyError, "no registered gradient twice": KeyError,
             "TensorShape, index": IndexError}
# The representations of sizes, types, values and nodes of the IR, and its words.
INSIDE = re.compile(r"\w#\d|Expr\(|TensorType\(|DType\(|<Value|<Node|\boperands? \d|\bletter '|'contract' |"
                    r"op '[a-z]+_[a-z_]+'")


def cases(module: ModuleType) -> Iterator[Any]:
    """The cases of a module, each with a name of its own."""
    for family, rows in vars(module).items():
        if family.isupper():
            for what, program, kind, phrase in rows:
                yield pytest.param(what, program, kind, phrase, id=f"{family}-{what}")


@pytest.fixture(autouse=True)
def fresh() -> None:
    """A graph of its own for every test."""
    tf.reset_default_graph()


def check(error: BaseException, what: str, kind: str, phrase: str) -> None:
    """Class and words of an error that reached the user."""
    assert isinstance(error, (tf.errors.OpError, LOOKED_UP.get(what, PLAIN)))
    assert type(error).__name__ == kind
    assert phrase in str(error)
    assert str(error)
    assert not INSIDE.search(str(error)), error


@pytest.mark.parametrize(("what", "program", "kind", "phrase"), [*cases(building), *cases(framework)])
def test_while_building(what: str, program: Any, kind: str, phrase: str) -> None:
    with pytest.raises(Exception) as caught:
        program(tf)
    check(caught.value, what, kind, phrase)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("what", "program", "kind", "phrase"), list(cases(sessions)))
def test_sessions(what: str, program: Any, kind: str, phrase: str, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNGRAPH_ENGINE", engine)
    with pytest.raises(Exception) as caught:
        program(tf)
    check(caught.value, what, kind, phrase)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("what", "program", "kind", "phrase"), list(cases(running)))
def test_while_running(what: str, program: Any, kind: str, phrase: str, engine: str) -> None:
    kept = tf.Variable(7.0, name="kept")
    grown = tf.assign_add(kept, 1.0)
    sess = tf.Session(engine=engine)
    if kind == "NotImplementedError":
        with pytest.raises(NotImplementedError, match=phrase):
            program(tf)
        return
    fetches, feeds = program(tf)
    sess.run(tf.global_variables_initializer())
    with pytest.raises(Exception) as caught:
        sess.run([fetches, grown], feeds)
    check(caught.value, what, kind, phrase)
    if isinstance(caught.value, tf.errors.OpError):
        text = str(caught.value)
        assert "\n  op: '" in text
        assert re.search(r" test_misuse\.py:\d+ in test_while_running\n +running\.py:\d+ in ", text), text
    assert sess.run(kept) == 7.0
    assert sess.run(grown) == 8.0
