"""Parsing of command-line arguments: text to values, with an error that states the rule."""

import argparse
from collections.abc import Callable
from math import inf
from typing import Any, NoReturn

from xnet.errors import XnetError


class UsageError(XnetError, ValueError):
    """A command line that cannot be parsed."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def reader(kind: Callable[[str], Any], rule: str, holds: Callable[[Any], bool]) -> Callable[[str], Any]:
    """A parser of one value.   It raises an error with the rule if the rule does not hold."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not holds(value):
            raise argparse.ArgumentTypeError(f"must be {rule}; got {text!r}")
        return value

    return read


count = reader(int, "a whole number of at least 1", lambda n: n >= 1)
seed = reader(int, "a whole number from 0 to 2**64 - 1", lambda n: 0 <= n < 2**64)
above_0 = reader(float, "a number above 0", lambda x: 0 < x < inf)
from_0 = reader(float, "a number of at least 0", lambda x: 0 <= x < inf)
share = reader(float, "a share between 0 and 1, as 0.2", lambda x: 0 < x < 1)
units = reader(
    lambda text: [int(part) for part in text.split(",")] if text.strip() else [],
    'whole numbers of at least 1 with commas between them, as 64,32, or "" for no hidden layer',
    lambda units: min(units, default=1) >= 1,
)
