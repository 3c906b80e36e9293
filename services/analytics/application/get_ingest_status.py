"""How far the reading of each service's log has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.analytics.application.ports import LogReader


@dataclass(frozen=True, slots=True)
class IngestPosition:
    """One service's log: the last position stored, and the last known to exist."""

    service: str
    pos: int
    head_pos: int


class GetIngestStatus:
    """The use case. It asks nobody, so it answers whatever is away."""

    def __init__(self, readers: Mapping[str, LogReader]) -> None:
        self._readers = readers

    def __call__(self) -> list[IngestPosition]:
        """One for each service."""
        return [IngestPosition(service, reader.position, reader.head) for service, reader in self._readers.items()]
