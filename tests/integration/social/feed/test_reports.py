"""Reports weigh as much as their reporters are trusted, so that a crowd made for the day buries nothing."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from daira.events.v1 import events_pb2
from daira.social.v1 import feed_service_pb2 as pb
from tests.integration.social.feed.reading import everything_applied, ids_of, page, recorded_state
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused, running, until
from tests.oracles import feed as oracle

pytestmark = pytest.mark.stores
CROWD = 200
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


async def with_profiles(social: Social, count: int, age: str) -> list[Person]:
    """People whose profiles have been there for so long."""
    people = [Person(social) for _ in range(count)]
    await social.pool.executemany(
        "INSERT INTO profiles (user_id, handle, display_name, created_at)"
        f" VALUES ($1, $2, 'حد', clock_timestamp() - interval '{age}')",
        [(person.user_id, person.handle) for person in people],
    )
    return people


async def trusts(social: Social) -> list[int]:
    """As the events say, in order; rows say the same."""
    rows = await social.pool.fetch("SELECT payload FROM events WHERE kind = 'post_reported' ORDER BY seq")
    events = [events_pb2.PostReported.FromString(row[0]) for row in rows]
    stored = await social.pool.fetch("SELECT trust FROM reports ORDER BY created_at")
    assert [event.trust_percent for event in events] == [row[0] for row in stored]
    assert all(event.author_id for event in events)
    return [event.trust_percent for event in events]


@pytest.mark.parametrize(
    ("age", "trust"),
    [("0 days", 0), ("2 days", 0), ("3 days", 1), ("10 days", 11), ("15 days", 25), ("30 days", 100), ("2 years", 100)],
)
async def test_trust_grows_for_a_month(social: Social, age: str, trust: int) -> None:
    author, (reporter,) = await Person.signs_up(social), await with_profiles(social, 1, age)
    await reporter.reports((await author.posts("كلام")).post_id)
    assert await trusts(social) == [trust]


async def test_who_has_no_profile_is_not_trusted(social: Social) -> None:
    author = await Person.signs_up(social)
    await Person(social).reports((await author.posts("كلام")).post_id)
    assert await trusts(social) == [0]


async def test_who_reports_a_lot_is_trusted_less_and_less_also_all_at_once(social: Social) -> None:
    author, (reporter,) = await Person.signs_up(social), await with_profiles(social, 1, "60 days")
    posts = [(await author.posts(f"بوست {n}")).post_id for n in range(12)]
    await asyncio.gather(*(reporter.reports(post_id) for post_id in posts))
    assert await trusts(social) == [100, 83, 71, 63, 56, 50, 45, 42, 38, 36, 33, 31]
    # A day later all is forgiven.
    await social.pool.execute("UPDATE reports SET created_at = created_at - interval '1 day'")
    await reporter.reports((await author.posts("بكرة")).post_id)
    assert (await trusts(social))[-1] == 100


async def test_so_many_reports_a_day_and_no_more(social_database: str, redis_url: str) -> None:
    async with running(social_database, redis_url, SOCIAL_REPORT_LIMIT="3") as social:
        author, reporter = await Person.signs_up(social), await Person.signs_up(social)
        posts = [(await author.posts(f"بوست {n}")).post_id for n in range(8)]
        answers = await asyncio.gather(*(reporter.reports(post_id) for post_id in posts), return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
        assert [error.code() for error in errors] == [EXHAUSTED] * 5
        waits = error_details_pb2.RetryInfo()
        status = rpc_status.from_call(errors[0])
        assert any(detail.Unpack(waits) for detail in status.details)
        assert 86_000 < waits.retry_delay.seconds <= 86_400
        reported = [row[0] for row in await social.pool.fetch("SELECT post_id FROM reports")]
        assert len(reported) == 3
        # Saying the same again is no further report.
        for post_id in reported:
            await reporter.reports(post_id)
        with refused(EXHAUSTED, "REPORT_LIMIT_REACHED"):
            await reporter.reports(next(post_id for post_id in posts if post_id not in reported))
        a_day_ago = "UPDATE reports SET created_at = created_at - interval '1 day' WHERE post_id = $1"
        await social.pool.execute(a_day_ago, reported[0])
        await reporter.reports(next(post_id for post_id in posts if post_id not in reported))
        assert await social.counts("post_reported") == 4


async def test_a_crowd_of_new_accounts_buries_nothing_and_a_trusted_one_does(
    social: Social, social_database: str
) -> None:
    reader = await Person.signs_up(social)
    async with social.working():
        posts = []
        for n in range(10):
            author = await Person.signs_up(social)
            await reader.follows(author)
            posts.append((await author.posts(f"بوست من صاحب رقم {n}")).post_id)
        # What people like stands first, whatever its age.
        liked = posts[3]
        fans = await with_profiles(social, 1, "60 days")
        await asyncio.gather(*(fan.likes(liked) for fan in fans))
        await everything_applied(social)
        before = await page(reader, pb.FEED_MODE_RANKED, 20)
        assert ids_of(before)[0] == liked
        assert before.items[0].ranking.negative == 0

        await asyncio.gather(*(person.reports(liked) for person in await with_profiles(social, CROWD, "1 day")))
        await everything_applied(social)
        brigaded = await page(reader, pb.FEED_MODE_RANKED, 20)
        assert ids_of(brigaded) == ids_of(before)
        assert brigaded.items[0].ranking.negative == 0

        await asyncio.gather(*(person.reports(liked) for person in await with_profiles(social, 20, "60 days")))
        await everything_applied(social)
        moderated = await page(reader, pb.FEED_MODE_RANKED, 20)
        assert ids_of(moderated)[-1] == liked
        state = await recorded_state(social_database)
        now_ms = moderated.ranked_at.ToMilliseconds()
        assert ids_of(moderated) == oracle.home_feed(state, reader.user_id, now_ms, "ranked")


async def test_spam_comes_after_everything_else(social: Social, social_database: str) -> None:
    reader, author, seller = [await Person.signs_up(social) for _ in range(3)]
    for other in (author, seller):
        await reader.follows(other)
    async with social.working():
        posts = [(await author.posts(body)).post_id for body in ("صباح الفل", "حد نازل وسط البلد؟")]
        spam = (await seller.posts("اشترك دلوقتي " * 20)).post_id
        again = "افتتاح فرعنا الجديد في المعادي، خصم عشرين في المية على كل حاجة"
        first, second = [(await seller.posts(again, key)).post_id for key in ("one", "two")]
        # The seller sees the judgement in the very next feed, and everybody else soon.
        await everything_applied(social)

        async def is_ranked() -> bool:
            return len((await page(reader, pb.FEED_MODE_RANKED, 20)).items) == 5

        await until(is_ranked)
        for person in (reader, seller):
            answer = await page(person, pb.FEED_MODE_RANKED, 20)
            negative = {item.post.post_id: item.ranking.negative for item in answer.items}
            assert negative[spam] >= 0.6
            assert (negative[first], negative[second]) == (0, 0.5)
        answer = await page(reader, pb.FEED_MODE_RANKED, 20)
        assert set(ids_of(answer)[:3]) == {*posts, first}
        assert ids_of(answer)[-1] == spam
        state = await recorded_state(social_database)
        now_ms = answer.ranked_at.ToMilliseconds()
        assert ids_of(answer) == oracle.home_feed(state, reader.user_id, now_ms, "ranked")
    stored = {row[0]: row[1] for row in await social.pool.fetch("SELECT id, spam FROM posts")}
    assert (stored[first], stored[second]) == (0, 50)
    # By somebody else it is a text like any other.
    by_another = (await author.posts(again)).post_id
    assert await social.pool.fetchval("SELECT spam FROM posts WHERE id = $1", by_another) == 0
