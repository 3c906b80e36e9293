"""What the fan-out counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_CHUNK_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


class FanOutMetrics:
    """The metrics of one fan-out, in the registry of its process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.pushed = Counter("daira_fan_out_pushed", "Posts put into inboxes, one a reader.", registry=registry)
        self.trimmed = Counter("daira_fan_out_trimmed", "Inboxes cut to their newest posts.", registry=registry)
        self.jobs_open = Gauge(
            "daira_fan_out_jobs_open", "Posts of authors with many followers, on their way.", registry=registry
        )
        self.chunk_seconds = Histogram(
            "daira_fan_out_chunk_seconds",
            "Time to put one such post into the inboxes of one chunk of followers.",
            buckets=_CHUNK_BUCKETS_S,
            registry=registry,
        )
