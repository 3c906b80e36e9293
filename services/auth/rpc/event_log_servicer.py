"""EventLogService: auth's events, read by position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from daira.events.v1 import event_log_service_pb2 as pb
from daira.events.v1 import event_log_service_pb2_grpc, events_pb2
from services.chassis.errors import invalid
from services.chassis.event_log import EventRow, PostgresEventLog

_DEFAULT_PAGE: Final = 500
_MAX_PAGE: Final = 1000


class EventLogServicer(event_log_service_pb2_grpc.EventLogServiceServicer):
    """The log of auth's database; `to_event` puts a row into its envelope."""

    def __init__(self, log: PostgresEventLog, to_event: Callable[[EventRow], events_pb2.Event]) -> None:
        self._log = log
        self._to_event = to_event

    async def ListEvents(self, request: pb.ListEventsRequest, _context: Any) -> pb.ListEventsResponse:  # noqa: N802
        """Events after a position."""
        if request.after_pos < 0:
            raise invalid("after_pos", "must not be negative")
        if not 0 <= request.page_size <= _MAX_PAGE:
            raise invalid("page_size", f"must be 0 to {_MAX_PAGE}")
        rows = await self._log.read(request.after_pos, request.page_size or _DEFAULT_PAGE)
        # Read after the events, the head is never behind them.
        return pb.ListEventsResponse(events=[self._to_event(row) for row in rows], head_pos=await self._log.head())
