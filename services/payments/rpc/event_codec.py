"""The envelope of payments' events."""

from __future__ import annotations

from typing import Final

from daira.events.v1 import events_pb2
from services.chassis.event_log import EventRow

SERVICE: Final = "payments"
KINDS: Final = frozenset({
    "wallet_opened", "wallet_topped_up", "tip_sent", "top_up_declined", "saga_advanced",
    "transfer_posted", "payout_destination_added", "payout_destination_removed", "identity_level_set",
    "subscription_changed", "subscription_reminded",
})  # fmt: skip


def to_event(row: EventRow) -> events_pb2.Event:
    """The event of a row of the log; ValueError for a kind that payments does not write."""
    if row.kind not in KINDS:
        raise ValueError(f"payments writes no event of kind {row.kind}")
    event = events_pb2.Event(
        pos=row.pos,
        event_id=row.event_id,
        aggregate_id=row.aggregate_id,
        aggregate_version=row.aggregate_version,
        actor_id=row.actor_id,
        service=SERVICE,
    )
    event.occurred_at.FromDatetime(row.occurred_at)
    payload = getattr(event, row.kind)
    # An empty payload must still set its field: the field is the kind.
    payload.SetInParent()
    payload.MergeFromString(row.payload)
    return event


def encode(row: EventRow) -> bytes:
    """The serialised envelope, as the stream carries it."""
    return to_event(row).SerializeToString(deterministic=True)
