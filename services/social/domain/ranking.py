"""What counts how much: 0.35 affinity + 0.35 quality + 0.15 freshness + 0.10 diversity - 0.40 negative."""

from __future__ import annotations

from typing import Final, NamedTuple


class Weights(NamedTuple):
    """Integer percent; `negative` is subtracted."""

    affinity: int
    quality: int
    freshness: int
    diversity: int
    negative: int


WEIGHTS: Final = Weights(affinity=35, quality=35, freshness=15, diversity=10, negative=40)
