"""An event on its way to a consumer, and where a missing one is read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from services.chassis.event_log import EventRow, PostgresEventLog

# No serialised message begins with field number 0, so nobody takes what follows for an event.
_UNREADABLE: Final = b"\x00"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """A position in a log, and the serialised event there."""

    pos: int
    data: bytes


def encoded(row: EventRow, encode: Callable[[EventRow], bytes]) -> bytes:
    """The serialised event of a row. Of a row that is none, bytes that no consumer can read, with its kind and payload.

    Raising would hold up everything behind the row for ever; so it travels on, and each consumer puts it aside.
    """
    try:
        return encode(row)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a row must stay that row's matter
        _log.error("event_unreadable", pos=row.pos, kind=row.kind, error=type(error).__name__)
        return b"%b%b\x00%b" % (_UNREADABLE, row.kind.encode(), row.payload)


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
        return [StreamEvent(row.pos, encoded(row, self._encode)) for row in await self._log.read(after_pos, limit)]
