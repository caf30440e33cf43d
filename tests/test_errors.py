"""The error classes, their codes, and the one form of a message."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest

from rnngraph import errors

# TensorFlow's numbers (release 1.4.0).
CODES = {
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}


def class_name(code: str) -> str:
    return "".join(part.capitalize() for part in code.split("_")) + "Error"


@pytest.mark.parametrize(("code", "number"), CODES.items())
def test_class_code_and_table(code: str, number: int) -> None:
    cls = errors.exception_for(code)
    assert cls.__name__ == class_name(code)
    assert getattr(errors, cls.__name__) is cls
    assert getattr(errors, code) == number
    error = cls(None, None, "what went wrong")
    assert isinstance(error, errors.OpError)
    assert (error.op, error.node_def, error.message, error.error_code) == (None, None, "what went wrong", number)
    assert str(error) == "what went wrong"
    assert errors.exception_type_from_error_code(number) is cls
    assert errors.error_code_from_exception_type(cls) == number
    assert errors.exception_for(cls.__name__) is cls
    assert errors.exception_for(cls.__name__.removesuffix("Error")) is cls
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert (again.message, again.error_code) == ("what went wrong", number)


def test_the_codes_without_a_class() -> None:
    assert errors.OK == 0
    with pytest.raises(KeyError):
        errors.exception_type_from_error_code(0)
    with pytest.raises(ValueError, match="Expected the name of an error code"):
        errors.exception_for("NONSENSE")


def test_base_and_unknown_take_a_code() -> None:
    assert errors.OpError(None, None, "m", 99).error_code == 99
    assert errors.UnknownError(None, None, "m", 42).error_code == 42
    assert errors.UnknownError(None, None, "m").error_code == errors.UNKNOWN
    assert errors.error_code_from_exception_type(errors.OpError) == errors.UNKNOWN


def test_located_forms() -> None:
    assert errors.located("bad") == "bad"
    assert (
        errors.located("bad", op="rnn/while/MatMul", op_type="MatMul", scope="rnn", forward="rnn/x",
                       lines=["model.py:80 in <module>", "model.py:41 in build"])
        == "bad\n  op: 'rnn/while/MatMul' (MatMul)\n  gradient of: 'rnn/x'\n  scope: 'rnn'\n"
           "  made at: model.py:80 in <module>\n           model.py:41 in build"
    )
    assert errors.located("bad", op="x") == "bad\n  op: 'x'"
    assert errors.located("bad", lines=["model.py:41 in build"]) == "bad\n  made at: model.py:41 in build"


def test_str_names_the_op_and_its_place() -> None:
    op = SimpleNamespace(
        name="a/b", type="MatMul", traceback=[("lib.py", 1, "outer", ""), ("model.py", 41, "build", "")]
    )
    error = errors.InvalidArgumentError(None, op, "bad")
    assert error.message == "bad"
    assert error.op is op
    assert str(error) == "bad\n  op: 'a/b' (MatMul)\n  made at: lib.py:1 in outer\n           model.py:41 in build"


@pytest.mark.parametrize("stack", [None, [], "text", [("only a file",)], [None]])
def test_str_leaves_out_what_is_not_known(stack: object) -> None:
    op = SimpleNamespace(name="a", type="Add", traceback=stack)
    assert str(errors.InternalError(None, op, "bad")) == "bad\n  op: 'a' (Add)"


def test_str_with_a_node_def_only() -> None:
    node_def = SimpleNamespace(name="a", op="Add")
    assert str(errors.InternalError(node_def, None, "bad")) == "bad\n  op: 'a' (Add)"


def test_a_long_stack_is_shortened_in_the_middle() -> None:
    lines = [f"tree.py:{i} in grow" for i in range(100)]
    text = errors.located("bad", lines=lines)
    assert text.count("in grow") == 20
    assert "tree.py:0 in grow" in text
    assert "80 calls more" in text
    assert text.endswith("tree.py:99 in grow")


def test_a_place_is_shown_instead_of_the_op() -> None:
    place = errors.Place("outer/inner", "Add", lines=("model.py:3 in f",))
    error = errors.placed(errors.OpError(None, None, "bad", 99), place, SimpleNamespace(name="outer"), "worse")
    assert str(error) == "worse\n  op: 'outer/inner' (Add)\n  made at: model.py:3 in f"
    assert (error.op.name, error.error_code, type(error)) == ("outer", 99, errors.OpError)


def test_inputs_are_added_once() -> None:
    text = errors.with_inputs("bad", ["float32 [2,3]", "int32 []"])
    assert text == "bad\n  inputs: float32 [2,3], int32 []"
    assert errors.with_inputs(text, ["float32 [1]"]) == text
    assert errors.with_inputs("bad", []) == "bad"
