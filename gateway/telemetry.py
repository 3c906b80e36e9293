"""The gateway's own metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.documents import Documents
from gateway.execution import ANSWERS, Engine
from services.chassis.metrics import LATENCY_BUCKETS_S


class GatewayMetrics:
    """What /graphql does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "daira_gateway_request_seconds",
            "Time to answer a GraphQL request.",
            ("status",),
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.errors = Counter("daira_gateway_errors", "GraphQL errors answered.", ("code",), registry=registry)
        self.gone = Counter("daira_gateway_clients_gone", "Requests whose client left early.", registry=registry)
        self.streams = Gauge("daira_gateway_streams", "Streams of events that are open.", registry=registry)
        self._documents = Counter("daira_gateway_documents", "Documents asked for.", ("cache",), registry=registry)

        self._operations = Counter(
            "daira_gateway_operations",
            "Operations answered by plan, by resolvers, or by both.",
            ("by",),
            registry=registry,
        )

        self._by_status: dict[int, Histogram] = {}

    def answered(self, status: int, seconds: float) -> None:
        """Note an answer to a GraphQL request."""
        found = self._by_status.get(status)
        if found is None:
            found = self._by_status[status] = self._seconds.labels(str(status))
        found.observe(seconds)

    def watch(self, documents: Documents, engine: Engine) -> None:
        """Count the hits and misses of the document cache, and how operations are answered."""
        lookups = {hit: self._documents.labels("hit" if hit else "miss") for hit in (True, False)}
        documents.on_lookup = lambda hit: lookups[hit].inc()
        answers = {how: self._operations.labels(how) for how in ANSWERS}
        engine.on_answer = lambda how: answers[how].inc()
