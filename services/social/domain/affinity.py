"""Affinity: what a viewer did with an author's posts, each act counting half as much every thirty days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

HALF_LIFE_MS: Final = 30 * 86_400_000
# What an act counts for, in likes.
LIKE: Final = 1.0
REPOST: Final = 2.0
OPEN: Final = 0.25


@dataclass(slots=True)
class Affinity:
    """The decayed sum as it stood at as_of_ms (milliseconds since 1970)."""

    weight: float = 0.0
    as_of_ms: int = 0

    def add(self, at_ms: int, delta: float) -> None:
        """Count what was done at `at_ms`, in likes, or take it back when `delta` is below zero."""
        latest = max(self.as_of_ms, at_ms)
        kept = self.weight * _decay(latest - self.as_of_ms) if self.weight else 0.0
        self.weight = max(0.0, kept + delta * _decay(latest - at_ms))
        self.as_of_ms = latest


def _decay(age_ms: int) -> float:
    return math.exp2(-age_ms / HALF_LIFE_MS)
