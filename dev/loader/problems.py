"""Broken lines of a file: each told with its number, counted, and skipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

TOLD_AT_MOST = 20
SHOWN_CHARACTERS = 60


@dataclass
class Problems:
    """Problems of one file. The first are told one by one, the rest as a number: a wrong file stays readable."""

    file: str
    say: Callable[[str], None]
    count: int = 0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int, reason: str, text: str = "") -> None:
        """Report one broken line; `line` counts from 1 as editors do."""
        self.count += 1
        if len(self.lines) < TOLD_AT_MOST:
            self.lines.append(line)
            shown = f": {text[:SHOWN_CHARACTERS]!r}" if text else ""
            self.say(f"{self.file}, line {line}: {reason}{shown}; skipped")

    def finish(self) -> None:
        """Say how many more there were than told."""
        more = self.count - len(self.lines)
        if more > 0:
            self.say(f"{self.file}: {more} more broken lines skipped")
