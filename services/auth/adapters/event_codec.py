"""Turns rows of auth's event log into the events that others read."""

from __future__ import annotations

from typing import Final

from daira.events.v1 import events_pb2
from services.chassis.event_log import EventRow

SERVICE: Final = "auth"


def to_event(row: EventRow) -> events_pb2.Event:
    """The envelope with its payload; ValueError for a kind that the contract does not have."""
    event = events_pb2.Event(
        pos=row.pos,
        event_id=row.event_id,
        aggregate_id=row.aggregate_id,
        aggregate_version=row.aggregate_version,
        actor_id=row.actor_id,
        service=SERVICE,
    )
    event.occurred_at.FromDatetime(row.occurred_at)
    field = events_pb2.Event.DESCRIPTOR.oneofs_by_name["payload"].fields
    if row.kind not in {candidate.name for candidate in field}:
        raise ValueError(f"no event of kind {row.kind}")
    payload = getattr(event, row.kind)
    # A payload without fields must still be present: its presence is the kind.
    payload.SetInParent()
    payload.MergeFromString(row.payload)
    return event


def encode_event(row: EventRow) -> bytes:
    """The serialised envelope; ValueError for a kind that the contract does not have."""
    return to_event(row).SerializeToString()
