"""Every metric of the chassis and its name, in one place."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Every limit of the platform's promise is an edge, so that a quantile near a limit is exact.
LATENCY_BUCKETS_S: Final = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.4, 1.0, 2.5)


# A loop that is late by a millisecond is idle; by a tenth of a second, it holds every call up.
LAG_BUCKETS_S: Final = (
    0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0,
)  # fmt: skip


class Metrics:
    """The metrics of one process, in a registry of their own; services add theirs to `registry`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.rpc_server_seconds = Histogram(
            "daira_rpc_server_seconds",
            "Time to answer an RPC.",
            ("method", "code"),
            buckets=LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self.rpc_server_in_flight = Gauge(
            "daira_rpc_server_in_flight", "RPCs being answered now.", registry=self.registry
        )
        self.event_loop_lag_seconds = Histogram(
            "daira_event_loop_lag_seconds",
            "How late the event loop runs what is due.",
            buckets=LAG_BUCKETS_S,
            registry=self.registry,
        )
        self.revocations_age_seconds = Gauge(
            "daira_revocations_age_seconds", "Time since it was last heard which tokens are revoked.",
            registry=self.registry,
        )  # fmt: skip
        self.revocations_held = Gauge(
            "daira_revocations_held", "Ended sessions and moved epochs held in memory.", registry=self.registry
        )
        self.revocations_refusals = Counter(
            "daira_revocations_refusals", "Calls refused for a token that is revoked, or may be.", ("reason",),
            registry=self.registry,
        )  # fmt: skip
        self.log_head_pos = Gauge(
            "daira_event_log_head_pos", "Greatest position in the event log.", ("stream",), registry=self.registry
        )
        self.log_published_pos = Gauge(
            "daira_event_log_published_pos", "Greatest position in the stream.", ("stream",), registry=self.registry
        )
        self.log_horizon_age_seconds = Gauge(
            "daira_event_log_horizon_age_seconds",
            "Age of the oldest transaction that holds the event log back.",
            ("stream",),
            registry=self.registry,
        )
        self.consumer_pos = Gauge("daira_consumer_pos", "Last position applied.", ("consumer",), registry=self.registry)
        self.consumer_lag_events = Gauge(
            "daira_consumer_lag_events", "Events known and not yet applied.", ("consumer",), registry=self.registry
        )
        self.consumer_dead_letters = Counter(
            "daira_consumer_dead_letters", "Events given up on.", ("consumer",), registry=self.registry
        )
        self.consumer_refills = Counter(
            "daira_consumer_refills", "Reads from the log's owner instead of the stream.", ("consumer",),
            registry=self.registry,
        )  # fmt: skip
