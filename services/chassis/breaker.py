"""A circuit breaker: fails fast while what it guards is away, and lets one attempt at a time find out."""

from __future__ import annotations

from services.chassis.clock import Clock


class CircuitBreaker:
    """Opens after `failures` failures in a row, for `open_s` seconds; then one attempt may try.

    Ask `admits` before an attempt, and tell `succeeded` or `failed` after it.
    """

    def __init__(self, clock: Clock, *, failures: int = 5, open_s: float = 1.0) -> None:
        self._clock = clock
        self._failures_allowed = failures
        self._open_s = open_s
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the next attempt would be refused at once."""
        return self._failures >= self._failures_allowed and self._clock.monotonic() < self._open_until

    def admits(self) -> bool:
        """Whether an attempt may be made now; who is admitted after an opening is the only one until it tells."""
        if self.is_open:
            return False
        if self._failures >= self._failures_allowed:
            self._open_until = self._clock.monotonic() + self._open_s
        return True

    def failed(self) -> bool:
        """An attempt failed; whether that opened the breaker."""
        self._failures += 1
        self._open_until = self._clock.monotonic() + self._open_s
        return self._failures == self._failures_allowed

    def succeeded(self) -> bool:
        """An attempt succeeded; whether that closed the breaker."""
        closed = self._failures >= self._failures_allowed
        self._failures = 0
        return closed
