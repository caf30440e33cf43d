"""`tf.app.flags` / `tf.flags` and `tf.app.run`: command-line flags over argparse.

Flags are parsed at their first use, unknown arguments are left for `main`. The registry is this process's own and holds
only what scripts define, so no flag of a script meets one of a library. Both spellings of the arguments work: r1.4's
`(flag_name, default_value, docstring)` and absl's `(name, default, help)` of the releases after it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, Final, TypeAlias

# argparse calls it on the text of the command line and on defaults given as text.
_Converter: TypeAlias = Callable[[str], Any]

_VALUES: Final = "__flags"
_PARSED: Final = "__parsed"
_REQUIRED: Final = "__required_flags"
_DEFINED: Final = "__defined"
_PARSER: Final = "__parser"


class FlagValues:
    """`FLAGS`: the flags' values as attributes, and as a plain dict in `FLAGS.__flags` once parsed."""

    def __init__(self) -> None:
        """With no flags yet."""
        # The state lives under TensorFlow's own names in __dict__, because scripts print FLAGS.__flags and
        # FLAGS.__dict__["__flags"]; a plain assignment would go to __setattr__ and make a flag.
        state = self.__dict__
        state[_VALUES] = {}
        state[_PARSED] = False
        state[_REQUIRED] = set()
        state[_DEFINED] = set()
        state[_PARSER] = argparse.ArgumentParser()

    def _define(self, name: str, *options: str, **settings: Any) -> None:
        """Adds an argument to the parser; defining a flag twice is argparse.ArgumentError, as in r1.4."""
        defined: set[str] = self.__dict__[_DEFINED]
        parser: argparse.ArgumentParser = self.__dict__[_PARSER]
        try:
            parser.add_argument(*options, dest=name, **settings)
        except argparse.ArgumentError as error:
            raise argparse.ArgumentError(
                None, f"Expected a new flag, got --{name}, which is defined already ({error}); give it another name"
            ) from None
        defined.add(name)

    def _parse_flags(self, args: Sequence[str] | None = None) -> list[str]:
        """Sets all flags from `args` (default: sys.argv less the program) and returns what is not a flag's."""
        parser: argparse.ArgumentParser = self.__dict__[_PARSER]
        found, rest = parser.parse_known_args(sys.argv[1:] if args is None else list(args))
        self.__dict__[_VALUES].update(vars(found))
        self.__dict__[_PARSED] = True
        for name in sorted(self.__dict__[_REQUIRED]):
            self._assert_required(name)
        return rest

    def _ensure_parsed(self) -> None:
        """Parses if that has not happened; flags defined since then are added, the values of others stay."""
        state = self.__dict__
        values: dict[str, Any] = state[_VALUES]
        if not state[_PARSED]:
            self._parse_flags()
        elif not state[_DEFINED] <= values.keys():
            found, _ = state[_PARSER].parse_known_args(sys.argv[1:])
            for name, value in vars(found).items():
                values.setdefault(name, value)

    def _add_required_flag(self, name: str) -> None:
        self.__dict__[_REQUIRED].add(name)

    def _assert_required(self, name: str) -> None:
        if name in self.__dict__[_REQUIRED] and self.__dict__[_VALUES].get(name) is None:
            raise AttributeError(f"Flag --{name} must be specified: write --{name}=... on the command line.")

    def __getattr__(self, name: str) -> Any:
        """The value of a flag; AttributeError if there is no such flag."""
        # Python's own probes (copy, pickle, inspect) must not start parsing a command line.
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        self._ensure_parsed()
        values: dict[str, Any] = self.__dict__[_VALUES]
        if name not in values:
            raise AttributeError(
                f"{name}: expected one of the flags {sorted(values)}; define it with DEFINE_string etc."
            )
        self._assert_required(name)
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets a flag's value, or makes a new one."""
        self._ensure_parsed()
        self.__dict__[_VALUES][name] = value

    def __call__(self, argv: Sequence[str]) -> list[str]:
        """absl's way to parse: all of argv in, the program's name and what is not a flag's out."""
        return list(argv[:1]) + self._parse_flags(argv[1:])

    def flag_values_dict(self) -> dict[str, Any]:
        """The values of all flags, parsed if need be."""
        self._ensure_parsed()
        return dict(self.__dict__[_VALUES])


FLAGS: Final = FlagValues()

_SPELLINGS: Final = (("flag_name", "name"), ("default_value", "default"), ("docstring", "help"))


def _three(function: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[str, Any, str]:
    """Name, default and help, from positions or from either spelling of the keywords."""
    if len(args) > len(_SPELLINGS):
        raise TypeError(f"{function} expected (name, default, help), got {len(args)} positional arguments: {args!r}")
    found: list[Any] = list(args)
    left = dict(keywords)
    for spellings in _SPELLINGS[len(args) :]:
        given = [each for each in spellings if each in left]
        if len(given) != 1 and "help" not in spellings:
            raise TypeError(f"{function} expected {' or '.join(spellings)} once, got {sorted(keywords)}")
        found.append(left.pop(given[0]) if given else "")
    if left:
        raise TypeError(f"{function} expected only (name, default, help), got also {sorted(left)}")
    name, default, text = found
    # argparse takes % in a help text for a format.
    return name, default, ("" if text is None else str(text)).replace("%", "%%")


def _define(function: str, convert: _Converter, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    name, default, text = _three(function, args, keywords)
    FLAGS._define(name, f"--{name}", default=default, help=text, type=convert)


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("true", "t", "yes", "y", "1"):
        return True
    if lowered in ("false", "f", "no", "n", "0"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}; write --flag, --noflag or --flag=true")


def DEFINE_string(*args: Any, **keywords: Any) -> None:
    """A flag whose value is text (or None): `DEFINE_string("data_dir", "/tmp", "Where the data is")`."""
    _define("DEFINE_string", str, args, keywords)


def DEFINE_integer(*args: Any, **keywords: Any) -> None:
    """A flag whose value is an int (or None)."""
    _define("DEFINE_integer", int, args, keywords)


def DEFINE_float(*args: Any, **keywords: Any) -> None:
    """A flag whose value is a float (or None)."""
    _define("DEFINE_float", float, args, keywords)


def DEFINE_boolean(*args: Any, **keywords: Any) -> None:
    """A flag that is true or false: `--x`, `--x=true`, `--x false` and `--nox` set it."""
    name, default, text = _three("DEFINE_boolean", args, keywords)
    FLAGS._define(name, f"--{name}", default=default, help=text, type=_boolean, nargs="?", const=True)
    FLAGS._define(name, f"--no{name}", action="store_false", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


DEFINE_bool = DEFINE_boolean


def mark_flag_as_required(flag_name: str) -> None:
    """Makes it an error (AttributeError when parsed or read) that the flag has no value."""
    FLAGS._add_required_flag(flag_name)


def mark_flags_as_required(flag_names: Iterable[str]) -> None:
    """`mark_flag_as_required` of each."""
    for name in flag_names:
        mark_flag_as_required(name)


class App:
    """`tf.app`: `run` and the flags."""

    flags: ModuleType = sys.modules[__name__]

    @staticmethod
    def run(main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None) -> None:
        """Parses the flags, calls `main` with the program's name and what is not a flag's, and exits with its result.

        `main` is the script's own function of that name unless given; `argv` stands for sys.argv.
        """
        whole = list(sys.argv if argv is None else argv)
        rest = FLAGS._parse_flags(whole[1:])
        if main is None:
            main = getattr(sys.modules["__main__"], "main", None)
            if main is None:
                raise ValueError("app.run expected a function main(argv) in the script, got none; write app.run(main)")
        sys.exit(main(whole[:1] + rest))


app: Final = App()
run = App.run
