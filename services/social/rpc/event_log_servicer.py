"""EventLogService of social: its log, for consumers whose stream has a hole."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import DecodeError

from daira.events.v1 import event_log_service_pb2 as pb
from daira.events.v1 import event_log_service_pb2_grpc, events_pb2
from services.chassis.errors import invalid
from services.chassis.event_log import EventRow, PostgresEventLog
from services.social.adapters.event_codec import envelope, to_event

_PAGE_DEFAULT: Final = 500
_PAGE_MAX: Final = 1000
# Of the 4 MiB that a message may have; a thousand long posts are more.
_BYTES_MAX: Final = 3 << 20


class EventLogServicer(event_log_service_pb2_grpc.EventLogServiceServicer):
    """Reads the log by position."""

    def __init__(self, log: PostgresEventLog) -> None:
        self._log = log

    async def ListEvents(self, request: pb.ListEventsRequest, context: Any) -> pb.ListEventsResponse:  # noqa: N802, ARG002 - gRPC's
        """Events after a position, in order, without holes."""
        if request.after_pos < 0:
            raise invalid("after_pos", "must not be negative")
        if not 0 <= request.page_size <= _PAGE_MAX:
            raise invalid("page_size", f"must be 0 to {_PAGE_MAX}")
        # The head first: what is read afterwards reaches at least that far when the page is not full.
        head = await self._log.head()
        rows = await self._log.read(request.after_pos, request.page_size or _PAGE_DEFAULT)
        head = max(head, rows[-1].pos if rows else 0)
        answer, size = pb.ListEventsResponse(head_pos=head), 0
        for row in rows:
            event = _listed(row)
            size += event.ByteSize()
            if answer.events and size > _BYTES_MAX:
                break
            answer.events.append(event)
        return answer


def _listed(row: EventRow) -> events_pb2.Event:
    """The event; of a row that is none only its envelope, for a hole would stop who asks."""
    try:
        return to_event(row)
    except (AttributeError, DecodeError):
        return envelope(row)
