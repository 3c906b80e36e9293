"""Every event of the contract is read, and what it says about an author is what happened."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.message import DecodeError

from daira.events.v1 import events_pb2
from services.analytics.adapters.event_codec import UNKNOWN_KIND, decode_event
from services.analytics.domain.figures import AuthorFigures
from services.analytics.domain.recorded_event import figures_of

ACTOR, AGGREGATE, AUTHOR = 7, 70, 700
AT = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)
KINDS = [field.name for field in events_pb2.Event.DESCRIPTOR.oneofs_by_name["payload"].fields]

FIGURES = {
    "post_created": (ACTOR, AuthorFigures(posts=1)),
    "post_liked": (AUTHOR, AuthorFigures(likes=1)),
    "post_unliked": (AUTHOR, AuthorFigures(likes=-1)),
    "user_followed": (AGGREGATE, AuthorFigures(followers=1)),
    "user_unfollowed": (AGGREGATE, AuthorFigures(followers=-1)),
    "tip_sent": (AUTHOR, AuthorFigures(tips=1, tips_piastres=886)),
}


def make(kind: str) -> events_pb2.Event:
    event = events_pb2.Event(
        pos=5, event_id=50, aggregate_id=AGGREGATE, aggregate_version=2, actor_id=ACTOR, service="social"
    )
    event.occurred_at.FromDatetime(AT)
    payload = getattr(event, kind)
    payload.SetInParent()
    values = {
        "author_id": AUTHOR, "recipient_id": AUTHOR, "sender_id": ACTOR, "amount_piastres": 1000, "fee_piastres": 100,
        "vat_piastres": 14, "post_id": 9, "session_id": 8, "body": "أهلا\t\n'\"\\", "language": "ar", "kind": 3,
    }  # fmt: skip
    for field in payload.DESCRIPTOR.fields:
        if field.name in values:
            setattr(payload, field.name, values[field.name])
    return event


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read(kind: str) -> None:
    event = decode_event(make(kind).SerializeToString())
    assert (event.kind, event.pos, event.event_id, event.service) == (kind, 5, 50, "social")
    assert event.occurred_at == AT
    figures = figures_of(event)
    if kind in FIGURES:
        assert (event.author_id, figures) == FIGURES[kind]
    else:
        assert figures is None


def test_passing_a_post_on_is_not_writing_one() -> None:
    repost = make("post_created")
    repost.post_created.kind = 4
    assert figures_of(decode_event(repost.SerializeToString())) is None


def test_details_are_kept() -> None:
    post = decode_event(make("post_created").SerializeToString())
    assert (post.body, post.language, post.post_kind, post.post_id) == ("أهلا\t\n'\"\\", "ar", 3, AGGREGATE)
    tip = decode_event(make("tip_sent").SerializeToString())
    assert (tip.amount_piastres, tip.fee_piastres, tip.vat_piastres, tip.post_id) == (1000, 100, 14, 9)
    assert decode_event(make("session_ended").SerializeToString()).session_id == 8


def test_a_kind_of_a_newer_contract_is_kept_as_unknown() -> None:
    event = make("user_registered")
    event.ClearField("user_registered")
    # Field 900 of the future, a message.
    data = event.SerializeToString() + b"\xa2\x38\x02\x08\x01"
    assert decode_event(data).kind == UNKNOWN_KIND


def test_what_is_no_event_is_an_error() -> None:
    with pytest.raises(DecodeError):
        decode_event(b"\xff\xff\xff")
