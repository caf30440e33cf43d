"""The command `rnngraph`: its subcommands and options. Exit codes: 0, 2 for what the user can put right, 130 for Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import rnngraph as tf
from rnngraph import backends, demo
from rnngraph.release import RELEASE

DEMO = """\
Trains a character-level language model on text, with a graph written in
TensorFlow r1.4's API: an embedding, two LSTM layers under dynamic_rnn,
truncated backpropagation with carried state, clipped gradients, Adam. Then
prints how many bits it needs for a character of held-out text, beside a trigram
model; a sample of what it writes; the loops that were compiled; and where the
time went. About one minute on any two cores."""

EXAMPLES = """\
examples:
  rnngraph demo                         learn Python's language reference
  rnngraph demo --resume --seconds 120  go on with it for two more minutes
  rnngraph demo --text novel.txt --directory novel
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (the process's own if None) and give its exit code."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    settings = {k: v for k, v in vars(options).items() if k != "command"}
    try:
        demo.run(demo.Settings(**settings))
    except demo.DemoError as error:
        print(f"rnngraph demo: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nrnngraph demo: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rnngraph", description="Recurrent networks written for TensorFlow r1.4, compiled with LLVM. "
                                     "The library is `import rnngraph as tf`; this command shows it at work.")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _demo_options(commands.add_parser(
        "demo", help="train a small language model here and now, and see what it learned", description=DEMO,
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter))
    return parser


def _demo_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--text", metavar="FILE", help="learn this UTF-8 file (default: the topics of Python's own documentation)")
    add("--directory", metavar="DIR", default=demo.Settings.directory,
        help="where the checkpoint is written and resumed from (default: ./%(default)s)")
    add("--resume", action="store_true", help="go on from the checkpoint of an earlier run")
    add("--seconds", type=_positive_number, metavar="S",
        help=f"train for so long (default: {demo.SECONDS:g}, or no limit with --steps)")
    add("--steps", type=_positive, metavar="N", help="train for so many steps, or until --seconds have passed")
    add("--units", type=_positive, metavar="N", help=f"size of each LSTM layer (default: {demo.UNITS})")
    add("--engine", choices=sorted(backends.ENGINES),
        help="what runs the graph (default: RNNGRAPH_ENGINE, else llvm)")
    add("--seed", type=_seed, default=demo.Settings.seed, metavar="N", help="of weights and samples (default: %(default)s)")
    add("--quick", action="store_true", help=f"a small model for {demo.QUICK_SECONDS:g} seconds, to see that all works")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return number


def _seed(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**31:
        raise argparse.ArgumentTypeError(f"must be between 0 and {2**31 - 1}, got {text}")
    return number


def _positive_number(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be more than 0, got {text}")
    return number


# What argparse calls a value that they cannot read.
_positive.__name__ = _seed.__name__ = "whole number"
_positive_number.__name__ = "number"


def _version() -> str:
    return f"rnngraph {RELEASE}, with the API of TensorFlow {tf.__version__}"


if __name__ == "__main__":
    sys.exit(main())
