"""PostService: publishing once, deleting, liking and reporting, and what each leaves behind."""

from __future__ import annotations

import asyncio
import unicodedata

import grpc
import grpc.aio
import pytest

from daira.events.v1 import event_log_service_pb2, events_pb2
from daira.social.v1 import post_pb2
from services.chassis.ids import shard_of, timestamp_ms
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


async def test_a_post_is_durable_with_its_event(social: Social) -> None:
    author = await Person.signs_up(social)
    post = await author.posts("e\u0301 هل رأيتم القمر الليلة؟")
    assert post.body == unicodedata.normalize("NFC", "e\u0301 هل رأيتم القمر الليلة؟")
    assert (post.language, post.kind) == ("ar", post_pb2.POST_KIND_QUESTION)
    assert (post.author.user_id, post.author.handle) == (author.user_id, author.handle)
    assert shard_of(post.post_id) == shard_of(author.user_id)
    assert post.created_at.ToMilliseconds() == timestamp_ms(post.post_id)
    assert await author.reads(post.post_id) == post
    row = await social.pool.fetchrow("SELECT * FROM events WHERE kind = 'post_created'")
    assert row is not None
    assert (row["aggregate_id"], row["aggregate_version"], row["actor_id"]) == (post.post_id, 1, author.user_id)
    payload = events_pb2.PostCreated.FromString(row["payload"])
    assert (payload.body, payload.language, payload.kind) == (post.body, post.language, post.kind)


async def test_racing_twins_make_one_post(social: Social) -> None:
    author = await Person.signs_up(social)
    answers = await asyncio.gather(*(author.posts("مرة واحدة", "twin") for _ in range(20)))
    assert {answer.SerializeToString() for answer in answers} == {answers[0].SerializeToString()}
    assert await social.pool.fetchval("SELECT count(*) FROM posts") == 1
    assert await social.counts("post_created") == 1


async def test_a_key_belongs_to_its_body_and_its_person(social: Social) -> None:
    author, other = await Person.signs_up(social), await Person.signs_up(social)
    first = await author.posts("one", "k")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED"):
        await author.posts("two", "k")
    assert (await other.posts("two", "k")).post_id != first.post_id
    assert await social.counts("post_created") == 2


async def test_a_repeat_is_answered_after_the_post_is_gone(social: Social) -> None:
    author = await Person.signs_up(social)
    first = await author.posts("short-lived", "k")
    await author.deletes(first.post_id)
    assert await author.posts("short-lived", "k") == first
    with refused(NOT_FOUND, "POST_NOT_FOUND"):
        await author.reads(first.post_id)


async def test_without_a_profile_nothing_is_written(social: Social) -> None:
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "PROFILE_MISSING"):
        await Person(social).posts("من أنا؟")
    for table in ("posts", "events", "idempotency_keys"):
        assert await social.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize("body", ["", " \n\t ", "x" * 1001, "a\x00b", "a\u202eb", "a\u2066b", "\x1b[31m"])
async def test_bad_bodies_are_refused(social: Social, body: str) -> None:
    author = await Person.signs_up(social)
    with refused(INVALID, "FIELD_INVALID", "body"):
        await author.posts(body)
    assert await social.counts("post_created") == 0


@pytest.mark.parametrize("body", ["x" * 1000, "م" * 1000, "سطر\nآخر\tهنا", "می\u200cخواهم", "👩‍👩‍👧"])
async def test_good_bodies_come_back_as_they_were(social: Social, body: str) -> None:
    author = await Person.signs_up(social)
    assert (await author.reads((await author.posts(body)).post_id)).body == body


@pytest.mark.parametrize("key", ["", "x" * 65, "with space", "مفتاح"])
async def test_bad_keys_are_refused(social: Social, key: str) -> None:
    author = await Person.signs_up(social)
    with refused(INVALID, "FIELD_INVALID", "idempotency_key"):
        await author.posts("x", key)


async def test_delete_is_the_authors_and_happens_once(social: Social) -> None:
    author, other = await Person.signs_up(social), await Person.signs_up(social)
    post = await author.posts("gone soon")
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_POST_AUTHOR"):
        await other.deletes(post.post_id)
    await asyncio.gather(*(author.deletes(post.post_id) for _ in range(8)))
    assert await social.counts("post_deleted") == 1
    for call in (author.reads, other.likes, other.unlikes, other.reports):
        with refused(NOT_FOUND, "POST_NOT_FOUND"):
            await call(post.post_id)
    assert await social.counts("post_liked") == await social.counts("post_reported") == 0


@pytest.mark.parametrize("post_id", [0, -1, 1, 2**63 - 1])
async def test_unknown_posts_are_not_found(social: Social, post_id: int) -> None:
    person = await Person.signs_up(social)
    for call in (person.reads, person.deletes, person.likes, person.unlikes, person.reports):
        with refused(NOT_FOUND, "POST_NOT_FOUND"):
            await call(post_id)


async def test_a_like_counts_once_and_its_end_names_its_time(social: Social) -> None:
    author, fan = await Person.signs_up(social), await Person.signs_up(social)
    post = await author.posts("جميل")
    answers = await asyncio.gather(*(fan.likes(post.post_id) for _ in range(10)))
    assert all(answer.viewer_likes for answer in answers)
    assert not (await author.reads(post.post_id)).viewer_likes
    liked = await social.pool.fetchrow("SELECT occurred_at, payload FROM events WHERE kind = 'post_liked'")
    assert liked is not None
    assert events_pb2.PostLiked.FromString(liked["payload"]).author_id == author.user_id
    assert await social.counts("post_liked") == 1
    answers = await asyncio.gather(*(fan.unlikes(post.post_id) for _ in range(10)))
    assert not any(answer.viewer_likes for answer in answers)
    unliked = await social.pool.fetch("SELECT payload FROM events WHERE kind = 'post_unliked'")
    assert len(unliked) == 1
    told = events_pb2.PostUnliked.FromString(unliked[0]["payload"])
    assert told.author_id == author.user_id
    assert told.liked_at.ToMicroseconds() == round(liked["occurred_at"].timestamp() * 1_000_000)
    assert await social.pool.fetchval("SELECT count(*) FROM likes") == 0


async def test_likes_and_unlikes_at_once_leave_rows_and_events_agreeing(social: Social) -> None:
    author, fan = await Person.signs_up(social), await Person.signs_up(social)
    post_id = (await author.posts("contested")).post_id
    await asyncio.gather(*((fan.likes if n % 2 else fan.unlikes)(post_id) for n in range(40)))
    standing = await social.pool.fetchval("SELECT count(*) FROM likes")
    assert standing == await social.counts("post_liked") - await social.counts("post_unliked")


async def test_a_report_counts_once_and_not_ones_own(social: Social) -> None:
    author, reader = await Person.signs_up(social), await Person.signs_up(social)
    post_id = (await author.posts("spam")).post_id
    await asyncio.gather(*(reader.reports(post_id) for _ in range(8)))
    assert await social.counts("post_reported") == 1
    with refused(INVALID, "SELF_NOT_ALLOWED", "post_id"):
        await author.reports(post_id)


async def test_the_log_is_for_services_and_read_by_position(social: Social) -> None:
    author = await Person.signs_up(social)
    for number in range(5):
        await author.posts(f"number {number}")
    request = event_log_service_pb2.ListEventsRequest(after_pos=2, page_size=3)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"):
        await social.stubs.log.ListEvents(request, metadata=author.metadata)
    metadata = social.service_bearer("analytics")
    async with social.working():
        await social.settled()
        answer = await social.stubs.log.ListEvents(request, metadata=metadata)
    assert [event.pos for event in answer.events] == [3, 4, 5]
    assert (answer.head_pos, answer.events[0].service) == (6, "social")
    assert answer.events[0].post_created.body == "number 1"
    for bad in ({"after_pos": -1}, {"page_size": -1}, {"page_size": 1001}):
        with refused(INVALID, "FIELD_INVALID"):
            await social.stubs.log.ListEvents(event_log_service_pb2.ListEventsRequest(**bad), metadata=metadata)
