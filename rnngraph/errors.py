"""TensorFlow's run-time errors, and the one form in which every room writes a message.

This is layer 0: nothing of rnngraph is imported here, so that any room may raise these errors. What failed is shown by
a `Place`, or else read off `op` and `node_def` by attribute (`name`, `type`, `traceback`); whatever is missing is left
out of the text.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
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

_SHOWN_LINES: Final = 20
"""So many calls of a stack are shown; recursive programs have more."""


@dataclass(frozen=True)
class Place:
    """What failed, for people: the op's name and type, its name scope, the op that it is the gradient of, and the user's
    calls that made it, outermost first ("model.py:41 in build")."""

    name: str | None = None
    type: str | None = None
    scope: str = ""
    forward: str = ""
    lines: tuple[str, ...] = ()


def located(message: str, *, op: str | None = None, lines: Sequence[str] = (), scope: str | None = None,
            op_type: str | None = None, forward: str | None = None) -> str:
    """The message with the lines that say where it belongs; a line whose value is not known is left out.

        seq_lens(0) > input.dims(1)
          op: 'rnn/ReverseSequence' (ReverseSequence)
          scope: 'rnn'
          made at: model.py:80 in <module>
                   model.py:41 in build
    """
    text = message
    if op is not None:
        text += f"\n  op: {op!r}" + (f" ({op_type})" if op_type else "")
    if forward:
        text += f"\n  gradient of: {forward!r}"
    if scope:
        text += f"\n  scope: {scope!r}"
    if lines:
        text += "\n  made at: " + "\n           ".join(_shortened(lines))
    return text


def _shortened(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _SHOWN_LINES:
        return list(lines)
    half = _SHOWN_LINES // 2
    return [*lines[:half], f"... {len(lines) - 2 * half} calls more ...", *lines[-half:]]


def with_inputs(message: str, inputs: Sequence[str]) -> str:
    """The message with what the op was given: `float32 [2,10]` each."""
    return f"{message}\n  inputs: {', '.join(inputs)}" if inputs and "\n  inputs: " not in message else message


def _text_of(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _creation_lines(op: object) -> tuple[str, ...]:
    """The frames of `op.traceback` as "file:line in function"; none where the op has no such thing."""
    stack = getattr(op, "traceback", None)
    if not isinstance(stack, list | tuple):
        return ()
    try:
        return tuple(f"{frame[0]}:{frame[1]} in {frame[2]}" for frame in stack)
    except (TypeError, IndexError, KeyError):
        return ()


def place_of(culprit: object) -> Place:
    """What is known of an op or of its definition."""
    if isinstance(culprit, Place):
        return culprit
    kind = _text_of(getattr(culprit, "type", None)) or _text_of(getattr(culprit, "op", None))
    return Place(_text_of(getattr(culprit, "name", None)), kind, lines=_creation_lines(culprit))


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
        # A place was worked out by who raised the error, and knows better (a fused op stands for several).
        culprit = self._node_def if isinstance(self._node_def, Place) or self._op is None else self._op
        if culprit is None:
            return self._message
        place = place_of(culprit)
        return located(self._message, op=place.name, op_type=place.type, lines=place.lines, scope=place.scope,
                       forward=place.forward)


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


def at_node(error: OpError, node: Any, inputs: Sequence[str] = ()) -> OpError:
    """The error with the IR node that it comes from, its place and what it was given, where that is not said yet."""
    if isinstance(error.node_def, Place):
        return error
    origin = node.origin
    forward = origin.forward and (origin.forward.origin.op or origin.forward.name)
    place = Place(origin.op or node.name or node.op.name, node.op.name, origin.scope, forward or "",
                  tuple(f.text for f in origin.frames))
    return placed(error, place, node, with_inputs(error.message, inputs))


def placed(error: OpError, place: Place, op: Any, message: str) -> OpError:
    """A copy of the error that says where it belongs."""
    made = copy.copy(error)
    made._node_def, made._op, made._message = place, op, message
    made.args = (place, op, message, *error.args[3:])
    return made
