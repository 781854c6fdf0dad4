"""The command `xnet info`: its options and its output."""

import argparse

from xnet.cli.output import complain, say
from xnet.version import __version__


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("--json", action="store_true", help="print one JSON object and nothing else")
    add("--require", action="append", default=[], metavar="NAME", help="exit with 1 if this backend is not usable")


def run(arguments: argparse.Namespace) -> int:
    from xnet.backends import info

    missing = info.unusable(arguments.require)
    found = info.collect(__version__, _compiler())
    if arguments.json:
        say(found.json())
    else:
        found.show()
    for reason in missing:
        complain(reason)
    return 1 if missing else 0


def _compiler() -> str:
    """The C compiler, or why there is none and what would bring one."""
    from xnet.compile.c import compiler

    found = compiler.find()
    return f"none: {found}; {found.advice}" if isinstance(found, compiler.NoCompiler) else str(found)
