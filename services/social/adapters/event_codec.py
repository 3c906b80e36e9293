"""The envelope of social's events."""

from __future__ import annotations

from typing import Final

from daira.events.v1 import events_pb2
from services.chassis.event_log import EventRow

SERVICE: Final = "social"
STREAM: Final = "events:social"


def to_event(row: EventRow) -> events_pb2.Event:
    """The event of a row of the log.

    AttributeError for a kind that the contract does not know, DecodeError for a payload that is none of its kind.
    """
    event = envelope(row)
    payload = getattr(event, row.kind)
    # An empty payload must still set its field: the field is the kind.
    payload.SetInParent()
    payload.MergeFromString(row.payload)
    return event


def envelope(row: EventRow) -> events_pb2.Event:
    """The event without its payload: all there is of a row that `to_event` refuses."""
    event = events_pb2.Event(
        pos=row.pos,
        event_id=row.event_id,
        aggregate_id=row.aggregate_id,
        aggregate_version=row.aggregate_version,
        actor_id=row.actor_id,
        service=SERVICE,
    )
    event.occurred_at.FromDatetime(row.occurred_at)
    return event


def encode(row: EventRow) -> bytes:
    """The serialised envelope, as the stream carries it."""
    return to_event(row).SerializeToString(deterministic=True)
