"""The command `xnet`: its subcommands, the handling of errors and warnings, and the exit status."""

import argparse
import io
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from xnet.bench import command as bench
from xnet.cli import cache, info, predict, train
from xnet.cli.options import Parser
from xnet.cli.output import PIPE_CLOSED, STOPPED, WRONG, complain, give_up
from xnet.errors import BackendWarning, XnetError
from xnet.version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status.

    0: success.  1: `info --require` lacks a backend, or `bench` found a slower row or a failure.
    2: a wrong command line, file or value.  130: Ctrl-C.  141: a closed pipe.
    """
    if sys.stdout is None:
        complain("the output must be writable; got a closed standard output")
        return WRONG
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without σ or ─ shows ? instead
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show_warning, warnings.showwarning)
        try:
            return _run(argv)
        except OSError as error:
            if error.filename is not None:
                raise  # an error of another file than the output
            give_up(sys.stdout)
            if isinstance(error, BrokenPipeError):
                return PIPE_CLOSED
            complain(f"the output must be writable; got {error.strerror or error}")
            return WRONG


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = _parser().parse_args(argv)
        status: int = arguments.run(arguments)
    except XnetError as error:
        complain(str(error))
        status = WRONG
    except KeyboardInterrupt:
        complain("stopped by Ctrl-C")
        status = STOPPED
    finally:
        sys.stdout.flush()
    return status


def _show_warning(
    otherwise: Callable[..., None], message: Warning | str, category: type[Warning], *where: Any, **more: Any
) -> None:
    if issubclass(category, BackendWarning):
        complain(f"warning: {message}")
    else:
        otherwise(message, category, *where, **more)


def _parser() -> Parser:
    parser = Parser("xnet", description="Neural networks on the array library of your choice.")
    parser.set_defaults(run=partial(_help, parser))
    parser.add_argument("--version", action="version", version=f"xnet {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    info.add_options(commands.add_parser("info", help="show the backends, this machine, and advice"))
    bench.add_options(commands.add_parser("bench", help="time loops, array code and compiled code on this machine"))
    train.add_options(commands.add_parser("train", help="train a network on a data set or a file"))
    predict.add_options(commands.add_parser("predict", help="predict new data with a saved network"))
    cache.add_options(commands.add_parser("cache", help="show or remove the compiled libraries"))
    return parser


def _help(parser: Parser, arguments: argparse.Namespace) -> int:
    parser.print_help()
    return 0
