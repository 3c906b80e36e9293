"""Opaque ids go round, and nothing but them is taken."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import cursors, opaque_ids
from gateway.cursors import Cursor
from gateway.errors import GatewayError
from gateway.opaque_ids import IdType

GARBAGE = [
    "", " ", "5", "-1", "UAAAAAAAABO", "UAAAAAAAABOII", "UAAAAAAAABO=", "UAAAAAAAAB I", "مرحبا يا مصر", "////////////",
    "\x00" * 12, "a" * 10_000, "UAAAAAAAABO\n", base64.urlsafe_b64encode(b"X" + bytes(7) + b"\x01").decode(),
    opaque_ids.encode(IdType.POST, 0), opaque_ids.encode(IdType.POST, -5),
]  # fmt: skip


@given(st.sampled_from(IdType), st.integers(1, 2**63 - 1))
def test_round_trip(kind: IdType, number: int) -> None:
    text = opaque_ids.encode(kind, number)
    assert len(text) == 12
    assert opaque_ids.decode(text, "id") == (kind, number)


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(GatewayError) as caught:
        opaque_ids.decode(text, "input.postId")
    assert caught.value.code == "BAD_USER_INPUT"
    assert caught.value.field_violations[0].field == "input.postId"


def test_ids_of_other_things_are_refused() -> None:
    with pytest.raises(GatewayError, match="the id of a user, not of a post"):
        opaque_ids.decode_as(IdType.POST, opaque_ids.encode(IdType.USER, 7), "id")


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        kind, number = opaque_ids.decode(text, "id")
    except GatewayError:
        return
    assert opaque_ids.encode(kind, number) == text


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), st.integers(0, 99), st.integers(0, 2**63 - 1))
def test_cursors_go_round(token: str, skip: int, key: int) -> None:
    cursor = Cursor(token, skip, key)
    assert cursors.decode(cursor.encode(), "after") == cursor


@pytest.mark.parametrize(
    "text",
    ["", "x", "نعم", "a" * 3000, "====", Cursor("", 0, 0).encode(), Cursor("t", 100, 1).encode(), "_____________w"],
)
def test_cursors_from_elsewhere_are_refused(text: str) -> None:
    with pytest.raises(GatewayError) as caught:
        cursors.decode(text, "after")
    assert (caught.value.code, caught.value.reason) == ("BAD_USER_INPUT", "PAGE_TOKEN_INVALID")


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    reasons = {"PAGE_TOKEN_INVALID"}
    try:
        cursors.decode(text, "after")
    except GatewayError as error:
        reasons.discard(error.reason)
    else:
        reasons.clear()
    assert not reasons
