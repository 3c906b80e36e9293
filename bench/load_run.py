"""What a load generator found: latencies, rate and failures; and latencies that count from when a call was due."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class LoadRun:
    """Latencies of the answered calls in milliseconds, their rate a second, and how many calls failed."""

    latencies_ms: tuple[float, ...]
    rps: float
    failures: int

    @property
    def calls(self) -> int:
        """Calls made, failed ones included."""
        return len(self.latencies_ms) + self.failures


def since_due_ms(calls: Iterable[tuple[float, float]], rate: float) -> list[float]:
    """Milliseconds from when each call was due to its end, of calls (began, ended) in seconds sent at a constant rate.

    The n-th call to begin was due n/rate after the schedule's start, which is the latest moment that lets no call begin
    before it was due. So the wait of calls that a stalled server or generator held back counts as theirs.
    """
    in_order = sorted(calls)
    if not in_order:
        return []
    start = min(began - n / rate for n, (began, _) in enumerate(in_order))
    return [(ended - start - n / rate) * 1000 for n, (_, ended) in enumerate(in_order)]
