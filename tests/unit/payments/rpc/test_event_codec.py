"""The envelope: every kind has its field, also when the payload is empty."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daira.events.v1 import events_pb2
from services.chassis.event_log import EventRow
from services.payments.rpc.event_codec import KINDS, encode, to_event


def row(kind: str, payload: bytes = b"") -> EventRow:
    return EventRow(3, 30, 300, kind, 7, 1, 8, payload, datetime(2026, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_field_is_the_kind(kind: str) -> None:
    event = events_pb2.Event.FromString(encode(row(kind)))
    assert event.WhichOneof("payload") == kind
    assert (event.pos, event.event_id, event.aggregate_id, event.actor_id) == (3, 300, 7, 8)
    assert (event.service, event.occurred_at.ToDatetime(UTC)) == ("payments", datetime(2026, 1, 2, tzinfo=UTC))


def test_the_payload_is_carried() -> None:
    payload = events_pb2.TipSent(sender_id=8, recipient_id=9, amount_piastres=100)
    assert to_event(row("tip_sent", payload.SerializeToString())).tip_sent == payload


def test_foreign_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="post_created"):
        to_event(row("post_created"))
