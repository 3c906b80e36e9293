"""Reads the events of every service's log into the flat form that is stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any, Final

from daira.events.v1 import events_pb2
from services.analytics.domain.recorded_event import RecordedEvent

# Kinds of a newer contract than this build's are stored under this name.
UNKNOWN_KIND: Final = "unknown"


def decode_event(data: bytes) -> RecordedEvent:
    """The event; google.protobuf.message.DecodeError when the bytes are none."""
    event = events_pb2.Event.FromString(data)
    kind = event.WhichOneof("payload") or UNKNOWN_KIND
    details = _DETAILS.get(kind)
    return RecordedEvent(
        service=event.service,
        pos=event.pos,
        event_id=event.event_id,
        kind=kind,
        aggregate_id=event.aggregate_id,
        aggregate_version=event.aggregate_version,
        actor_id=event.actor_id,
        occurred_at=event.occurred_at.ToDatetime(tzinfo=UTC),
        **(details(event) if details is not None else {}),
    )


def _session_started(event: events_pb2.Event) -> dict[str, Any]:
    return {"session_id": event.session_started.session_id}


def _session_ended(event: events_pb2.Event) -> dict[str, Any]:
    return {"session_id": event.session_ended.session_id}


def _topped_up(event: events_pb2.Event) -> dict[str, Any]:
    return {"amount_piastres": event.wallet_topped_up.amount_piastres}


def _top_up_declined(event: events_pb2.Event) -> dict[str, Any]:
    return {"amount_piastres": event.top_up_declined.amount_piastres}


def _tip_sent(event: events_pb2.Event) -> dict[str, Any]:
    tip = event.tip_sent
    return {
        "author_id": tip.recipient_id,
        "post_id": tip.post_id,
        "amount_piastres": tip.amount_piastres,
        "fee_piastres": tip.fee_piastres,
        "vat_piastres": tip.vat_piastres,
    }


def _about_a_person(event: events_pb2.Event) -> dict[str, Any]:
    return {"author_id": event.aggregate_id}


def _post_created(event: events_pb2.Event) -> dict[str, Any]:
    post = event.post_created
    return _about_own_post(event) | {"post_kind": post.kind, "language": post.language, "body": post.body}


def _about_own_post(event: events_pb2.Event) -> dict[str, Any]:
    return {"author_id": event.actor_id, "post_id": event.aggregate_id}


def _about_a_post(event: events_pb2.Event) -> dict[str, Any]:
    payload: Any = getattr(event, event.WhichOneof("payload") or "")
    return {"author_id": payload.author_id, "post_id": event.aggregate_id}


# What the payload of a kind adds to the envelope; other kinds add nothing that is counted.
_DETAILS: Final[dict[str, Callable[[events_pb2.Event], dict[str, Any]]]] = {
    "session_started": _session_started,
    "session_ended": _session_ended,
    "wallet_topped_up": _topped_up,
    "top_up_declined": _top_up_declined,
    "tip_sent": _tip_sent,
    "user_followed": _about_a_person,
    "user_unfollowed": _about_a_person,
    "author_fan_mode_changed": _about_a_person,
    "post_created": _post_created,
    "post_deleted": _about_own_post,
    "post_liked": _about_a_post,
    "post_unliked": _about_a_post,
    "post_reported": _about_a_post,
}
