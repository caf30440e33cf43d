"""The small namespaces that scripts expect beside the graph API: `tf.compat`, `tf.gfile`, `tf.logging`.

They are instances (`compat`, `gfile`, `logging`) over the standard library and have no tie to graphs.
"""

from __future__ import annotations

import glob
import logging as stdlib_logging
import numbers
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Any, Final, NamedTuple, Self

import numpy as np

from rnngraph import errors


def as_bytes(bytes_or_text: bytes | str, encoding: str = "utf-8") -> bytes:
    """Text encoded, bytes as they are; TypeError for anything else."""
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}; write str(...) first")


def as_text(bytes_or_text: bytes | str, encoding: str = "utf-8") -> str:
    """Bytes decoded, text as it is; TypeError for anything else."""
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text.decode(encoding)
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}; write str(...) first")


def as_str(bytes_or_text: bytes | str, encoding: str = "utf-8") -> str:
    """Python's own string type, which is text: as `as_text`."""
    return as_text(bytes_or_text, encoding)


def as_str_any(value: object) -> str:
    """`as_str` of bytes, `str` of anything else."""
    return as_str(value) if isinstance(value, bytes) else str(value)


class Compat:
    """`tf.compat`: conversions between bytes and text, and the type tuples for isinstance."""

    as_bytes = staticmethod(as_bytes)
    as_text = staticmethod(as_text)
    as_str = staticmethod(as_str)
    as_str_any = staticmethod(as_str_any)
    bytes_or_text_types: Final = (bytes, str)
    integral_types: Final = (numbers.Integral, np.integer)
    real_types: Final = (numbers.Real, np.integer, np.floating)
    complex_types: Final = (numbers.Complex, np.number)


@contextmanager
def _op_errors(name: object) -> Iterator[None]:
    """Turns the operating system's errors into TensorFlow's, which scripts catch."""
    try:
        yield
    except OSError as error:
        code = "UNKNOWN"
        if isinstance(error, FileNotFoundError):
            code = "NOT_FOUND"
        elif isinstance(error, FileExistsError):
            code = "ALREADY_EXISTS"
        elif isinstance(error, PermissionError):
            code = "PERMISSION_DENIED"
        elif isinstance(error, IsADirectoryError | NotADirectoryError):
            code = "FAILED_PRECONDITION"
        # UnknownError, too, can be made of three arguments, as all classes but the base.
        make: Any = errors.exception_for(code)
        raise make(None, None, f"{name}; {error.strerror or error}") from error


_MODES: Final = frozenset(base + binary for base in ("r", "w", "a", "r+", "w+", "a+") for binary in ("", "b"))


class GFile:
    """`tf.gfile.GFile`: a file that is opened at its first use; text is UTF-8 with line ends left as they are."""

    def __init__(self, name: str | os.PathLike[str], mode: str = "r") -> None:
        """Of a path and a mode as in `open`, with `b` for bytes."""
        # "rb+" is the same as "r+b"; TensorFlow takes the second only, Python both.
        if mode.replace("b", "") + ("b" if "b" in mode else "") not in _MODES:
            raise errors.InvalidArgumentError(None, None, f"mode is not r, w, a (with b or +): {mode!r}")
        self._name = os.fspath(name)
        self._mode = mode
        self._handle: IO[Any] | None = None

    @property
    def name(self) -> str:
        """The path as given."""
        return self._name

    @property
    def mode(self) -> str:
        """The mode as given."""
        return self._mode

    def _file(self) -> IO[Any]:
        if self._handle is None:
            text = {} if "b" in self._mode else {"encoding": "utf-8", "newline": "\n"}
            with _op_errors(self._name):
                handle: IO[Any] = open(self._name, self._mode, **text)  # type: ignore[call-overload]
            self._handle = handle
        return self._handle

    def _usable(self, *letters: str) -> IO[Any]:
        if not any(letter in self._mode for letter in letters):
            raise errors.PermissionDeniedError(
                None, None, f"{self._name}: expected a mode with {' or '.join(letters)}, got mode {self._mode!r}"
            )
        return self._file()

    def read(self, n: int = -1) -> Any:
        """`n` characters (bytes in a binary mode), or the rest."""
        return self._usable("r", "+").read(n)

    def readline(self) -> Any:
        """The next line with its end; empty at the end of the file."""
        return self._usable("r", "+").readline()

    def readlines(self) -> list[Any]:
        """The remaining lines."""
        return list(self)

    def write(self, file_content: bytes | str) -> None:
        """Appends text or bytes, converted to what the mode needs."""
        file = self._usable("w", "a", "+")
        file.write(as_bytes(file_content) if "b" in self._mode else as_text(file_content))

    def seek(self, offset: int = 0, whence: int = 0) -> None:
        """Moves to a position that `tell` gave, or as `io.IOBase.seek` says."""
        self._file().seek(offset, whence)

    def tell(self) -> int:
        """The position."""
        return self._file().tell()

    def size(self) -> int:
        """The size of the file in bytes."""
        self.flush()
        with _op_errors(self._name):
            return os.path.getsize(self._name)

    def flush(self) -> None:
        """Hands what was written to the operating system."""
        if self._handle is not None:
            self._handle.flush()

    def close(self) -> None:
        """Closes the file; a later use opens it again."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def __iter__(self) -> Iterator[Any]:
        """The remaining lines, one by one."""
        return self

    def __next__(self) -> Any:
        """The next line."""
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def next(self) -> Any:
        """As `__next__`."""
        return next(self)

    def __enter__(self) -> Self:
        """The file itself, to be closed at the end of the `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self.close()


class FileStatistics(NamedTuple):
    """What `tf.gfile.Stat` gives."""

    length: int
    mtime_nsec: int
    is_directory: bool


class FileSystem:
    """`tf.gfile`: the file functions under TensorFlow's names; failures are OpErrors such as NotFoundError."""

    GFile = GFile
    FastGFile = GFile
    Open = GFile

    def Exists(self, filename: str) -> bool:
        """Whether a file or directory of that name is there."""
        return os.path.exists(filename)

    def IsDirectory(self, dirname: str) -> bool:
        """Whether it is a directory."""
        return os.path.isdir(dirname)

    def MkDir(self, dirname: str) -> None:
        """Makes one directory; one that exists is fine, as in r1.4."""
        with _op_errors(dirname):
            if not os.path.isdir(dirname):
                os.mkdir(dirname)

    def MakeDirs(self, dirname: str) -> None:
        """Makes a directory and those above it; one that exists is fine."""
        with _op_errors(dirname):
            os.makedirs(dirname, exist_ok=True)

    def ListDirectory(self, dirname: str) -> list[str]:
        """The names in a directory, sorted."""
        with _op_errors(dirname):
            return sorted(os.listdir(dirname))

    def Glob(self, filename: str | list[str] | tuple[str, ...]) -> list[str]:
        """The paths that match a pattern, or any of several."""
        patterns = [filename] if isinstance(filename, str) else filename
        return [match for pattern in patterns for match in sorted(glob.glob(pattern))]

    def Walk(self, top: str, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
        """(directory, subdirectories, files) from `top` down, or from the leaves up."""
        return os.walk(top, topdown=in_order)

    def Stat(self, filename: str) -> FileStatistics:
        """Size, time of the last change, kind."""
        with _op_errors(filename):
            status = os.stat(filename)
        return FileStatistics(status.st_size, status.st_mtime_ns, os.path.isdir(filename))

    def Remove(self, filename: str) -> None:
        """Deletes a file."""
        with _op_errors(filename):
            os.remove(filename)

    def DeleteRecursively(self, dirname: str) -> None:
        """Deletes a directory and all in it."""
        with _op_errors(dirname):
            shutil.rmtree(dirname)

    def Rename(self, oldname: str, newname: str, overwrite: bool = False) -> None:
        """Moves a file; AlreadyExistsError if the new name is taken and `overwrite` is False."""
        self._assert_free(newname, overwrite)
        with _op_errors(oldname):
            os.replace(oldname, newname)

    def Copy(self, oldpath: str, newpath: str, overwrite: bool = False) -> None:
        """Copies a file; AlreadyExistsError if the new name is taken and `overwrite` is False."""
        self._assert_free(newpath, overwrite)
        with _op_errors(oldpath):
            shutil.copyfile(oldpath, newpath)

    @staticmethod
    def _assert_free(name: str, overwrite: bool) -> None:
        if not overwrite and os.path.exists(name):
            raise errors.AlreadyExistsError(None, None, f"file already exists: {name}; pass overwrite=True")


class _StderrHandler(stdlib_logging.Handler):
    """Writes to the stderr of the moment, unless the program has set up logging itself (then it is told there)."""

    def emit(self, record: stdlib_logging.LogRecord) -> None:
        if not stdlib_logging.getLogger().handlers:
            print(self.format(record), file=sys.stderr)


def _make_logger() -> stdlib_logging.Logger:
    # The name is part of what scripts see and set: logging.getLogger("tensorflow").setLevel(...).
    logger = stdlib_logging.getLogger("tensorflow")
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        handler = _StderrHandler()
        handler.setFormatter(stdlib_logging.Formatter(stdlib_logging.BASIC_FORMAT))
        logger.addHandler(handler)
    if logger.level == stdlib_logging.NOTSET:
        logger.setLevel(stdlib_logging.WARNING)
    return logger


class Logging:
    """`tf.logging`: the standard library's logger "tensorflow", which shows warnings and worse at first."""

    DEBUG: Final = stdlib_logging.DEBUG
    INFO: Final = stdlib_logging.INFO
    WARN: Final = stdlib_logging.WARNING
    ERROR: Final = stdlib_logging.ERROR
    FATAL: Final = stdlib_logging.CRITICAL

    def __init__(self) -> None:
        """Over the process's one logger of that name."""
        self._logger = _make_logger()  # the name is TensorFlow's too: scripts reach for it

    def set_verbosity(self, v: int | str) -> None:
        """Shows messages of this level and above."""
        self._logger.setLevel(v)

    def get_verbosity(self) -> int:
        """The level shown at present."""
        return self._logger.getEffectiveLevel()

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs `msg % args` at `level`."""
        self._logger.log(level, msg, *args, **kwargs)

    def log_if(self, level: int, msg: object, condition: bool, *args: object) -> None:
        """Logs only where `condition` holds."""
        if condition:
            self.log(level, msg, *args)

    def vlog(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """As `log`."""
        self.log(level, msg, *args, **kwargs)

    def debug(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at DEBUG."""
        self.log(self.DEBUG, msg, *args, **kwargs)

    def info(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at INFO."""
        self.log(self.INFO, msg, *args, **kwargs)

    def warning(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at WARN."""
        self.log(self.WARN, msg, *args, **kwargs)

    def warn(self, msg: object, *args: object, **kwargs: Any) -> None:
        """As `warning`."""
        self.log(self.WARN, msg, *args, **kwargs)

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at ERROR."""
        self.log(self.ERROR, msg, *args, **kwargs)

    def fatal(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at FATAL; the program goes on."""
        self.log(self.FATAL, msg, *args, **kwargs)

    def flush(self) -> None:
        """Does nothing: every message is written at once."""


compat: Final = Compat()
gfile: Final = FileSystem()
logging: Final = Logging()
