"""The terminal: one line per log line, the process's name before it in its own colour."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
SYSTEM = "daira"
LONGEST_LINE = 16_000
# Services ask one another several times a second, also when nothing happens; a person's own calls would drown in that.
DULL = re.compile(r"\]\s+rpc\s.*\bcaller=(?!None\b)\w+ code=OK\b|\]\s+rpc\s.*/GetJwks\b")
CALL = re.compile(r"\]\s+rpc\s.*\bcode=OK\b")
# The prefix tells the time already.
STAMP = re.compile(r"^\d{4}-\d\d-\d\d[T ][\d:.]+Z? ")


class Console:
    """Writes whole lines; colours only on a terminal (NO_COLOR and FORCE_COLOR are respected).

    Successful calls between services are left out unless `everything` is wanted.
    """

    def __init__(self, names: list[str], out: TextIO | None = None, *, everything: bool = False) -> None:
        self._everything = everything
        # Off while the platform starts and is filled: those calls are not the person's.
        self.shows_calls = True
        self._out = out or sys.stdout
        self._width = max((len(name) for name in [*names, SYSTEM]), default=0)
        self._colour_of = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
        wanted = self._out.isatty() or bool(os.environ.get("FORCE_COLOR"))
        self.colours = wanted and not os.environ.get("NO_COLOR")

    def line(self, name: str, text: str) -> None:
        """One line of a process."""
        if not self._everything and (DULL if self.shows_calls else CALL).search(text):
            return
        prefix = f"{time.strftime('%H:%M:%S')} {name:<{self._width}} |"
        if self.colours:
            prefix = f"\x1b[{self._colour_of.get(name, 1)}m{prefix}\x1b[0m"
        self._write(f"{prefix} {STAMP.sub('', text[:LONGEST_LINE], count=1)}\n")

    def system(self, text: str) -> None:
        """One line of the supervisor itself."""
        self.line(SYSTEM, text)

    def banner(self, text: str) -> None:
        """Several lines without a prefix."""
        self._write(text if text.endswith("\n") else text + "\n")

    def _write(self, text: str) -> None:
        # A reader that went away (`make run | head`) must not end the platform halfway through its shutdown.
        try:
            self._out.write(text)
            self._out.flush()
        except (BrokenPipeError, ValueError):
            return
