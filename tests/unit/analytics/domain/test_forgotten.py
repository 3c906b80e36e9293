"""Who is gone, and which events concern them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daira.events.v1 import events_pb2
from services.analytics.domain.forgotten import KINDS_ABOUT_THINGS, Forgotten
from services.analytics.domain.recorded_event import RecordedEvent

GONE, OTHER = 7, 8


def happened(kind: str, *, actor: int = OTHER, aggregate: int = OTHER, author: int = 0) -> RecordedEvent:
    return RecordedEvent("social", 1, 1, kind, aggregate, 0, actor, datetime.now(UTC), author_id=author)


@given(st.lists(st.lists(st.integers(1, 2**63 - 1))), st.integers(1, 2**63 - 1))
def test_it_holds_what_a_set_would(batches: list[list[int]], stranger: int) -> None:
    forgotten, expected = Forgotten(), set[int]()
    for batch in batches:
        forgotten.add(batch)
        expected |= set(batch)
    assert len(forgotten) == len(expected)
    assert all(user_id in forgotten for user_id in expected)
    assert (stranger in forgotten) == (stranger in expected)
    assert len(Forgotten([5, 5, 3])) == 2


@pytest.mark.parametrize(
    ("event", "concerned"),
    [
        (happened("post_liked", actor=GONE), True),
        (happened("post_liked", author=GONE), True),
        (happened("user_followed", aggregate=GONE), True),
        (happened("session_started", aggregate=GONE, actor=0), True),
        # The number of a post, which happens to be that of a person.
        (happened("post_liked", aggregate=GONE), False),
        (happened("tip_sent", aggregate=GONE), False),
        (happened("user_followed"), False),
    ],
)
def test_whom_an_event_concerns(event: RecordedEvent, *, concerned: bool) -> None:
    assert Forgotten([GONE]).concerns(event) is concerned


def test_the_kinds_about_things_are_of_the_contract() -> None:
    kinds = {field.name for field in events_pb2.Event.DESCRIPTOR.oneofs_by_name["payload"].fields}
    assert KINDS_ABOUT_THINGS - kinds == {"unknown"}
