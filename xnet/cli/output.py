"""The output of a command: its text, its error messages and its exit status."""

import os
import sys
from typing import TextIO

WRONG, STOPPED, PIPE_CLOSED = 2, 130, 141


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def complain(message: str) -> None:
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"xnet: {' '.join(message.split())}\n")
        sys.stderr.flush()
    except OSError:
        give_up(sys.stderr)  # the message is lost; the exit status remains


def give_up(stream: TextIO) -> None:
    """Redirect the stream to the null device: Python flushes it at exit, and that flush must succeed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
