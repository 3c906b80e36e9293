"""Bars that show how far a measurement is; on a terminal they move, elsewhere their last state is printed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Bar:
    """One bar."""

    def __init__(self, progress: Progress, label: str, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task(label, total=total)

    def step(self, label: str = "") -> None:
        """One step is done; the label says what comes now."""
        self._progress.advance(self._task)
        if label:
            self._progress.update(self._task, description=label)

    def at(self, done: int) -> None:
        """So much is done."""
        self._progress.update(self._task, completed=done)


@contextlib.contextmanager
def bar(console: Console, label: str, total: int) -> Iterator[Bar]:
    """A bar of so many steps for as long as the block runs."""
    columns = (TextColumn("{task.description:>32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield Bar(progress, label, total)
