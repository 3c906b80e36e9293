"""How an import tells how far it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

Row = TypeVar("Row")


class Progress(Protocol):
    """Shows how far an import is."""

    def track(self, label: str, rows: Iterable[Row], total: int) -> Iterable[Row]:
        """The rows, counted as they are taken."""
        ...

    def say(self, text: str) -> None:
        """One line."""
        ...
