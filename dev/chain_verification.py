"""What `daira audit verify` and `daira ledger verify` share: checkpoints from outside, a bar, what is wrong in red."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from dev.errors import DevError
from services.hash_chain.given_statements import read_statements


def given_checkpoints(given: Sequence[str]) -> list[str]:
    """The signed checkpoints that were given, or that the files given hold; DevError when a file cannot be read."""
    try:
        return read_statements(given)
    except OSError as error:
        raise DevError(
            f"{Path(error.filename or '').name}: {error.strerror}.", "Name a checkpoint or a file."
        ) from None


@contextmanager
def rows_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on the screen, and what moves it on: told how many rows were checked, and how many there are."""
    with click.progressbar(length=0, label=label, show_pos=True) as bar:

        def advance(count: int, total: int) -> None:
            bar.length = total
            bar.update(count)

        yield advance


def say(lines: Sequence[str]) -> None:
    """The lines, those that say what is wrong in red."""
    for line in lines:
        click.echo(click.style(line, fg="red") if line.startswith("WRONG") else line)
