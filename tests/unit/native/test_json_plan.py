"""What plans spell is what the gateway spells: ids, cursors, times, money, terms, text; and what they refuse."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from daira.payments.v1 import payments_service_pb2
from daira.social.v1 import feed_service_pb2, post_pb2, post_service_pb2
from daira_native import JsonPlan
from gateway import opaque_ids
from gateway.binding.answers import make_page
from gateway.binding.requests import Paging
from gateway.cursors import Cursor
from gateway.opaque_ids import IdType
from gateway.scalars import Money, RankingTerm, date_time, saturated

INT64 = st.integers(-(2**63), 2**63 - 1)
WEIGHTS = (0.35, 0.15, 0.10, -0.40)


def shown(leaf: tuple[Any, ...], path: list[int], message: bytes, *, nullable: bool = False) -> Any:
    plan = JsonPlan(("object", [], [("a", ("leaf", path, False, nullable, leaf))]))
    return json.loads(plan.render(message, b"", b""))["a"]


@given(number=INT64.filter(bool), kind=st.sampled_from(IdType))
def test_ids(number: int, kind: IdType) -> None:
    message = post_pb2.Post(post_id=number).SerializeToString()
    assert shown(("id", ord(kind.value)), [1], message) == opaque_ids.encode(kind, number)


@given(text=st.text())
def test_text(text: str) -> None:
    message = post_pb2.Post(body=text).SerializeToString()
    assert shown(("text", False), [3], message) == text


@given(number=INT64)
def test_numbers(number: int) -> None:
    message = post_pb2.Post(likes_count=number).SerializeToString()
    assert shown(("int", "int64"), [10], message) == saturated(number)


@given(amount=INT64)
def test_money(amount: int) -> None:
    message = payments_service_pb2.Wallet(balance_piastres=amount).SerializeToString()
    number = payments_service_pb2.Wallet.DESCRIPTOR.fields_by_name["balance_piastres"].number
    parts = [(part, part, "") for part in ("piastres", "egp", "formatted")]
    money = Money(amount)
    expected = {"piastres": money.piastres, "egp": money.egp, "formatted": money.formatted}
    assert shown(("money", parts), [number], message) == expected


@given(seconds=st.integers(-30_610_224_000, 253_402_300_799), nanos=st.integers(0, 10**9 - 1))
def test_times(seconds: int, nanos: int) -> None:
    moment = Timestamp(seconds=seconds, nanos=nanos)
    message = post_pb2.Post(created_at=moment).SerializeToString()
    assert shown(("time",), [6], message) == date_time(moment)


@given(value=st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 10**9).map(lambda n: n / 10**9),
                       st.integers(0, 2**14).map(lambda n: n / 2**14)), weight=st.sampled_from(WEIGHTS))  # fmt: skip
def test_terms(value: float, weight: float) -> None:
    message = feed_service_pb2.Ranking(affinity=value).SerializeToString()
    parts = [("value", "value", ""), ("contribution", "contribution", "")]
    found = shown(("term", weight, parts), [1], message)
    expected = RankingTerm(value, weight)
    # Signs of zero count too.
    assert [math.copysign(1, each) for each in found.values()] == [
        math.copysign(1, expected.value),
        math.copysign(1, expected.contribution),
    ]
    assert found == {"value": expected.value, "contribution": expected.contribution}


@given(
    ids=st.lists(st.integers(1, 2**63 - 1), unique=True, max_size=12),
    first=st.integers(1, 14),
    after=st.none() | st.builds(Cursor, st.text(max_size=9), st.integers(0, 99), st.integers(0, 12)),
    token=st.text(max_size=9),
    data=st.data(),
)
def test_pages(ids: list[int], first: int, after: Cursor | None, token: str, data: st.DataObject) -> None:
    if after is not None and ids and data.draw(st.booleans()):
        after = Cursor(after.token, after.skip, data.draw(st.sampled_from(ids)))
    response = feed_service_pb2.GetAuthorTimelineResponse(
        posts=[post_pb2.Post(post_id=each) for each in ids], next_page_token=token
    )
    node: tuple[Any, ...] = ("object", [], False, [("id", ("leaf", [1], False, False, ("id", ord("P"))))])
    places = [("n", "has_next", ""), ("p", "has_previous", ""), ("s", "start", ""), ("e", "end", "")]
    fields = [("edges", ("edges", [("cursor", ("cursor",)), ("node", node)])), ("place", ("page_info", places))]
    plan = JsonPlan(("connection", 1, [1], 2, fields))
    place = None if after is None else (after.token, after.skip, after.key)
    found = json.loads(plan.render(response.SerializeToString(), b"", b"", first=first, after=place))
    page = make_page(response, response.posts, lambda post: int(post.post_id), Paging(first, after), token)
    assert [(edge["cursor"], edge["node"]["id"]) for edge in found["edges"]] == [
        (edge.cursor, opaque_ids.encode(IdType.POST, edge.item.post_id)) for edge in page.edges
    ]
    info = page.page_info
    expected = [info.has_next_page, info.has_previous_page, info.start_cursor, info.end_cursor]
    assert list(found["place"].values()) == expected


@given(
    noise=st.binary(max_size=60),
    posts=st.integers(0, 3),
    hits=st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=1))),
)
def test_noise_is_refused_or_shown(noise: bytes, posts: int, hits: list[tuple[int, bytes]]) -> None:
    post = post_pb2.Post(post_id=7, body="نص", created_at=Timestamp(seconds=9))
    message = bytearray(feed_service_pb2.GetAuthorTimelineResponse(posts=[post] * posts).SerializeToString() + noise)
    for at, byte in hits:
        message[at % (len(message) or 1) : at % (len(message) or 1) + 1] = byte
    text = ("leaf", [3], False, False, ("text", False))
    plan = JsonPlan(("connection", 1, [1], 2, [("edges", ("edges", [("cursor", ("cursor",)), ("body", text)]))]))
    try:
        found = plan.render(bytes(message), b"", b"", first=9)
    except ValueError:
        return
    assert list(json.loads(found)) == ["edges"]


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (("id", 80), b""),
        (("float", "double"), b"\x09" + struct.pack("<d", math.nan)),
        (("time",), b"\x0a\x0a" + Timestamp(seconds=2**62).SerializeToString()),
        (("text", False), b"\x0a\x01\xff"),
        (("text", False), b"\x0a\x05"),
    ],
    ids=["null", "nan", "year", "utf-8", "cut off"],
)
def test_what_has_no_plain_answer(leaf: tuple[Any, ...], message: bytes) -> None:
    with pytest.raises(ValueError, match=r"null|range|well-formed"):
        shown(leaf, [1], message)


@pytest.mark.parametrize(
    "root",
    [
        (),
        ("table",),
        ("object", [1]),
        ("object", [0], []),
        ("object", [], [("a", ("cursor",))]),
        ("object", [], [("a", ("leaf", [1], False, False, ("sum",)))]),
        ("object", [], [("a", ("leaf", [1], False, False, ("int", "int128")))]),
        ("object", [], [("a", ("leaf", [1], False, False, ("money", [("a", "euros", "")])))]),
        ("connection", 1, [], 2, []),
        ("object", [], [('"', ("const", "1"))]),
    ],
)
def test_senseless_plans(root: tuple[Any, ...]) -> None:
    with pytest.raises((ValueError, IndexError)):
        JsonPlan(root)


def test_plans_inside_plans_have_a_bottom() -> None:
    spec: tuple[Any, ...] = ("const", "1")
    for _ in range(5000):
        spec = ("object", [1], True, [("a", spec)])
    with pytest.raises(RecursionError):
        JsonPlan(("object", [], [("a", spec)]))


def test_an_appended_field_wins_and_parts_merge() -> None:
    """How the social service adds what only the viewer sees to a post that lies ready in a cache."""
    cached = post_service_pb2.GetPostResponse(post=post_pb2.Post(post_id=7, body="نص", likes_count=1))
    seen = post_service_pb2.GetPostResponse(post=post_pb2.Post(likes_count=2, viewer_likes=True))
    leaves = {"body": ([3], ("text", False)), "likes": ([10], ("int", "int64")), "mine": ([20], ("bool",))}
    fields = [(key, ("leaf", path, False, False, leaf)) for key, (path, leaf) in leaves.items()]
    plan = JsonPlan(("object", [1], fields))
    found = json.loads(plan.render(cached.SerializeToString() + seen.SerializeToString(), b'{"data":', b"}"))
    assert found == {"data": {"body": "نص", "likes": 2, "mine": True}}
