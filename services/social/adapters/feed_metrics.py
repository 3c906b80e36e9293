"""What is measured of feeds: time a stage, posts filtered, pages degraded, candidates ranked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Histogram

from services.chassis.metrics import Metrics
from services.social.application.feed.ports import Stage

_BUCKETS_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_CANDIDATES: Final = (0, 20, 100, 400, 800, 1600, 3200)


class FeedMetrics:
    """Implements application.feed.ports.FeedMetrics; the ranker tells its own stages."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        stages = Histogram(
            "daira_feed_stage_seconds", "Time of a stage of the home feed.", ("stage",), buckets=_BUCKETS_S,
            registry=registry,
        )  # fmt: skip
        self._dropped = Counter(
            "daira_feed_filtered_posts", "Candidates taken out by a filter.", ("filter",), registry=registry
        )
        self._degraded = Counter(
            "daira_feed_degraded_pages", "Pages made without a stage.", ("stage",), registry=registry
        )
        self._candidates = Histogram(
            "daira_feed_candidates", "Candidates ranked for a page.", buckets=_CANDIDATES, registry=registry
        )
        self._stages = {
            name: stages.labels(name)
            for name in ("sources", "select", "archive", "hydrate", "merge", "filter", "features", "score", "diversify")
        }

    def stage(self, name: str, seconds: float) -> None:
        """A stage took so long."""
        self._stages[name].observe(seconds)

    def degraded(self, stage: Stage) -> None:
        """A page was made without a stage."""
        self._degraded.labels(stage.name.lower()).inc()

    def ranked(self, candidates: int, dropped: Mapping[str, int], nanoseconds: Mapping[str, int]) -> None:
        """What the extension did for one page."""
        self._candidates.observe(candidates)
        for name, count in dropped.items():
            if count:
                self._dropped.labels(name).inc(count)
        for name, taken in nanoseconds.items():
            self._stages[name].observe(taken / 1e9)
