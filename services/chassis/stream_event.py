"""An event on its way to a consumer, and where a missing one is read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from services.chassis.event_log import EventRow, PostgresEventLog


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """A position in a log, and the serialised event there."""

    pos: int
    data: bytes


class EventSource(Protocol):
    """The owner of the log, who has every event."""

    async def read(self, after_pos: int, limit: int) -> list[StreamEvent]:
        """At most `limit` events with a greater position, in order, without holes; empty at the end of the log.

        AppError UNAVAILABLE when the owner is away.
        """
        ...


class LogSource:
    """The log in the consumer's own database as an EventSource."""

    def __init__(self, log: PostgresEventLog, encode: Callable[[EventRow], bytes]) -> None:
        self._log = log
        self._encode = encode

    async def read(self, after_pos: int, limit: int) -> list[StreamEvent]:
        """At most `limit` events after the position; AppError UNAVAILABLE when the database is away."""
        return [StreamEvent(row.pos, self._encode(row)) for row in await self._log.read(after_pos, limit)]
