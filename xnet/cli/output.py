"""What a command gives back: its text, its complaints, and its exit status."""

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
        give_up(sys.stderr)  # nobody can be told; the exit status still tells


def give_up(stream: TextIO) -> None:
    """Let the rest go nowhere: Python flushes once more as it ends, and must not fail again then."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
