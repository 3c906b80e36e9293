"""Another service as the owner of its event log: what a consumer reads when the stream is not enough."""

from __future__ import annotations

from typing import Final

import grpc.aio
import structlog

from daira.events.v1 import event_log_service_pb2, event_log_service_pb2_grpc
from services.chassis.errors import AppError, ErrorKind, unavailable
from services.chassis.peer_errors import to_app_error
from services.chassis.stream_event import StreamEvent

# Some hundred of the longest posts stay well below the largest message a channel takes.
_PAGE: Final = 500

_log = structlog.get_logger(__name__)


class RpcEventSource:
    """A service's log, read over EventLogService."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = event_log_service_pb2_grpc.EventLogServiceStub(channel)

    async def read(self, after_pos: int, limit: int) -> list[StreamEvent]:
        """At most `limit` events after a position, in order; AppError when the owner is away."""
        events: list[StreamEvent] = []
        while len(events) < limit:
            request = event_log_service_pb2.ListEventsRequest(
                after_pos=events[-1].pos if events else after_pos, page_size=min(_PAGE, limit - len(events))
            )
            try:
                response = await self._stub.ListEvents(request)
            except grpc.aio.AioRpcError as error:
                if events:
                    # What was read is good; the rest comes with the next read.
                    break
                raise _waited_for(error) from error
            events.extend(StreamEvent(event.pos, event.SerializeToString()) for event in response.events)
            if len(response.events) < request.page_size:
                break
        return events


def _waited_for(error: grpc.aio.AioRpcError) -> AppError:
    """Whatever the owner says, its log is read later: also one that is older than this service and knows it not."""
    refused = to_app_error(error)
    if refused.kind not in {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED}:
        _log.error("event_log_refused", status=error.code().name, reason=refused.reason)
    return unavailable("the event log is away", "SERVICE_UNAVAILABLE")
