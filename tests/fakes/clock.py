"""A clock that stands still until it is told to move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

DEFAULT_MS = 1_780_000_000_000


class FixedClock:
    """Time as a test says."""

    def __init__(self, ms: int = DEFAULT_MS) -> None:
        self._ms = ms
        self._monotonic = 1000.0

    def now_ms(self) -> int:
        return self._ms

    def now(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self._ms)

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass on both scales."""
        self._ms += round(seconds * 1000)
        self._monotonic += seconds

    def set_wall(self, ms: int) -> None:
        """Set the wall clock alone, as an operator or NTP does."""
        self._ms = ms
