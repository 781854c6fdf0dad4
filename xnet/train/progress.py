"""A progress bar: one line of a terminal, redrawn some times a second and after each epoch."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Report: TypeAlias = Callable[[float, dict[str, float]], None]

PAUSE = 0.1  # seconds between two pictures of the bar within an epoch


@contextmanager
def bar(epochs: int, show: bool | None) -> Iterator[Report]:
    """A function report(epochs_done, figures) that draws the bar.  By default it draws only on a terminal."""
    if show is False or (show is None and not _watched()):
        yield lambda done, figures: None
        return

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("epoch {task.fields[epoch]}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as line:
        task = line.add_task("", total=epochs, epoch=0, text="")
        due = 0.0

        def report(done: float, figures: dict[str, float]) -> None:
            nonlocal due
            now = time.monotonic()
            if now < due and done % 1:
                return
            due = now + PAUSE
            text = "  ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.items())
            line.update(task, completed=done, epoch=int(done), text=text)

        yield report


def _watched() -> bool:
    """Whether standard error is a terminal, as rich decides.  rich is loaded only if the answer can be yes."""
    if not sys.stderr.isatty() and not {"FORCE_COLOR", "TTY_COMPATIBLE"} & os.environ.keys():
        return False

    from rich.console import Console

    return Console(stderr=True).is_terminal
