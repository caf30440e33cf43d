"""TensorFlow's run-time errors, and the one form in which every room writes a message.

This is layer 0: nothing of rnngraph is imported here, so that any room may raise these errors. `op` and `node_def` are
therefore looked at by attribute only (`name`, `type`, `traceback`); whatever is missing is left out of the text.
"""

from __future__ import annotations

from typing import Any, Final

OK: Final = 0
CANCELLED: Final = 1
UNKNOWN: Final = 2
INVALID_ARGUMENT: Final = 3
DEADLINE_EXCEEDED: Final = 4
NOT_FOUND: Final = 5
ALREADY_EXISTS: Final = 6
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
FAILED_PRECONDITION: Final = 9
ABORTED: Final = 10
OUT_OF_RANGE: Final = 11
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
DATA_LOSS: Final = 15
UNAUTHENTICATED: Final = 16

# How the lines that `located` adds begin; also how a message that has them already is recognised.
_OP_LINE: Final = "\n  op: "
_MADE_LINE: Final = "\n  made at: "
_SCOPE_LINE: Final = "\n  scope: "


def located(
    message: str,
    *,
    op: str | None = None,
    line: str | None = None,
    scope: str | None = None,
    op_type: str | None = None,
) -> str:
    """The message with the lines that say where it belongs.

    `op` is the op's name and `op_type` its type, `line` the user's place ("model.py:41 in build"), `scope` a name or
    variable scope. A line whose value is not known is left out:

        seq_lens(0) > input.dims(1)
          op: 'rnn/ReverseSequence' (ReverseSequence)
          made at: model.py:41 in build
    """
    text = message
    if op is not None:
        text += f"{_OP_LINE}{op!r}" + (f" ({op_type})" if op_type else "")
    if scope:
        text += f"{_SCOPE_LINE}{scope!r}"
    if line:
        text += f"{_MADE_LINE}{line}"
    return text


def _text_of(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _creation_line(op: object) -> str | None:
    """The innermost frame of `op.traceback` as "file:line in function"; None where the op has no such thing."""
    stack = getattr(op, "traceback", None)
    if not isinstance(stack, list | tuple) or not stack:
        return None
    frame = stack[-1]
    if isinstance(frame, str):
        return frame.strip() or None
    try:
        file, number, function = frame[0], frame[1], frame[2]
    except (TypeError, IndexError, KeyError):
        return None
    return f"{file}:{number} in {function}"


class OpError(Exception):
    """What failed while an op ran: the message, its code, and the op if it is known."""

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int) -> None:
        """As in TensorFlow: the op's definition and the op (either may be None), the text, the integer code."""
        # The arguments are kept as given, so that copies and pickles of the error can be made from `args`.
        super().__init__(node_def, op, message, error_code)
        self._node_def = node_def
        self._op = op
        self._message = message
        self._error_code = error_code

    @property
    def message(self) -> str:
        """The text without the op's name and place."""
        return self._message

    @property
    def op(self) -> Any:
        """The op that failed; None if it is not known or was made by the library itself."""
        return self._op

    @property
    def node_def(self) -> Any:
        """The definition of the op that failed, or None."""
        return self._node_def

    @property
    def error_code(self) -> int:
        """The integer code, one of this module's constants."""
        return self._error_code

    def __str__(self) -> str:
        """The message, the failing op's name and type, and where it was created."""
        culprit = self._op if self._op is not None else self._node_def
        # Who raised the error may have said where already, and knows better (a fused op stands for several).
        if culprit is None or _OP_LINE in self._message or _MADE_LINE in self._message:
            return self._message
        kind = _text_of(getattr(culprit, "type", None)) or _text_of(getattr(culprit, "op", None))
        name = _text_of(getattr(culprit, "name", None))
        return located(self._message, op=name, op_type=kind, line=_creation_line(culprit))


class _CodedError(OpError):
    """An OpError whose class fixes the code; not part of the public hierarchy's names."""

    code: int

    def __init__(self, node_def: Any, op: Any, message: str) -> None:
        """As in TensorFlow: the op's definition and the op (either may be None), and the text."""
        super().__init__(node_def, op, message, self.code)
        self.args = (node_def, op, message)


class CancelledError(_CodedError):
    """The run was cancelled, by its caller or because another op failed first."""

    code = CANCELLED


class UnknownError(OpError):
    """Something failed that has no better class, for example a Python exception of unknown kind in `py_func`."""

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int = UNKNOWN) -> None:
        """As its base, with a code of its own only where the machine reports one that has no class."""
        super().__init__(node_def, op, message, error_code)


class InvalidArgumentError(_CodedError):
    """An op was given a value that it can never accept."""

    code = INVALID_ARGUMENT


class DeadlineExceededError(_CodedError):
    """The time allowed ran out before the work was done."""

    code = DEADLINE_EXCEEDED


class NotFoundError(_CodedError):
    """A file, checkpoint key or other thing asked for does not exist."""

    code = NOT_FOUND


class AlreadyExistsError(_CodedError):
    """Something that was to be made is there already."""

    code = ALREADY_EXISTS


class PermissionDeniedError(_CodedError):
    """The caller may not do this."""

    code = PERMISSION_DENIED


class UnauthenticatedError(_CodedError):
    """The request has no valid credentials."""

    code = UNAUTHENTICATED


class ResourceExhaustedError(_CodedError):
    """Memory or another resource ran out."""

    code = RESOURCE_EXHAUSTED


class FailedPreconditionError(_CodedError):
    """The state does not allow this yet, for example a variable read before it was initialised."""

    code = FAILED_PRECONDITION


class AbortedError(_CodedError):
    """The work was stopped because of what others did at the same time."""

    code = ABORTED


class OutOfRangeError(_CodedError):
    """An iteration went past its end."""

    code = OUT_OF_RANGE


class UnimplementedError(_CodedError):
    """The operation is known but not implemented for what was given."""

    code = UNIMPLEMENTED


class InternalError(_CodedError):
    """Something that must always hold did not: a defect of the library."""

    code = INTERNAL


class UnavailableError(_CodedError):
    """A service cannot be reached at the moment."""

    code = UNAVAILABLE


class DataLossError(_CodedError):
    """Stored data is damaged beyond repair."""

    code = DATA_LOSS


_CLASSES: Final[dict[str, type[OpError]]] = {
    "CANCELLED": CancelledError,
    "UNKNOWN": UnknownError,
    "INVALID_ARGUMENT": InvalidArgumentError,
    "DEADLINE_EXCEEDED": DeadlineExceededError,
    "NOT_FOUND": NotFoundError,
    "ALREADY_EXISTS": AlreadyExistsError,
    "PERMISSION_DENIED": PermissionDeniedError,
    "RESOURCE_EXHAUSTED": ResourceExhaustedError,
    "FAILED_PRECONDITION": FailedPreconditionError,
    "ABORTED": AbortedError,
    "OUT_OF_RANGE": OutOfRangeError,
    "UNIMPLEMENTED": UnimplementedError,
    "INTERNAL": InternalError,
    "UNAVAILABLE": UnavailableError,
    "DATA_LOSS": DataLossError,
    "UNAUTHENTICATED": UnauthenticatedError,
}
# The table is in the order of the codes, which start at 1 (0 is OK and has no class).
_CODES: Final[dict[int, type[OpError]]] = dict(enumerate(_CLASSES.values(), start=1))
_BY_NAME: Final[dict[str, type[OpError]]] = {**_CLASSES, **{cls.__name__: cls for cls in _CLASSES.values()}}


def exception_for(name: str) -> type[OpError]:
    """The class for a code's name ("INVALID_ARGUMENT") or its own ("InvalidArgumentError", "InvalidArgument")."""
    found = _BY_NAME.get(name) or _BY_NAME.get(f"{name}Error")
    if found is None:
        raise ValueError(f"Expected the name of an error code or class, got {name!r}; write one of {list(_CLASSES)}")
    return found


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """The class of an integer code; KeyError for OK and for numbers that are no code."""
    return _CODES[error_code]


def error_code_from_exception_type(cls: type[OpError]) -> int:
    """The integer code of a class; UNKNOWN for classes that are not in the table."""
    for code, known in _CODES.items():
        if known is cls:
            return code
    return UNKNOWN


def at_node(error: OpError, node: Any) -> OpError:
    """The error with the IR node that it comes from, its scope and the user's line, where that is not said yet."""
    if _OP_LINE in error.message:
        return error
    message = located(error.message, op=node.name or node.op.name, op_type=node.op.name, line=node.origin.line,
                      scope=node.origin.scope)
    kind: Any = type(error)
    made: OpError = kind(None, node, message)
    return made
