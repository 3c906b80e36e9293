"""The gateway's own metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.documents import Documents
from services.chassis.metrics import LATENCY_BUCKETS_S


class GatewayMetrics:
    """What /graphql does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "daira_gateway_request_seconds",
            "Time to answer a GraphQL request.",
            ("status",),
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.errors = Counter("daira_gateway_errors", "GraphQL errors answered.", ("code",), registry=registry)
        self.gone = Counter("daira_gateway_clients_gone", "Requests whose client left early.", registry=registry)
        self._documents = Counter("daira_gateway_documents", "Documents asked for.", ("cache",), registry=registry)

    def watch(self, documents: Documents) -> None:
        """Count the hits and misses of the document cache."""
        documents.on_lookup = lambda hit: self._documents.labels("hit" if hit else "miss").inc()
