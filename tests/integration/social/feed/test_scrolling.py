"""What happens between two pages: losses, new posts, deletions, and tokens that are not one's own."""

from __future__ import annotations

import grpc
import pytest

from daira.social.v1 import feed_service_pb2 as pb
from daira.social.v1 import profile_service_pb2 as profile_pb
from tests.integration.social.feed.reading import (
    MODES,
    everything_applied,
    ids_of,
    page,
    pages,
    recorded_state,
    whole,
)
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused, until
from tests.oracles import feed as oracle

AUTHORS = 3
POSTS_EACH = 8
PAGE = 5
BOTH = pytest.mark.parametrize("mode", [pb.FEED_MODE_RANKED, pb.FEED_MODE_LATEST])


async def reader_of(social: Social) -> tuple[Person, list[Person]]:
    """Somebody who follows a few authors with posts; call with the workers running."""
    reader = await Person.signs_up(social)
    authors = [await Person.signs_up(social) for _ in range(AUTHORS)]
    for author in authors:
        await reader.follows(author)
    for n in range(POSTS_EACH):
        for author in authors:
            await author.posts(f"بوست رقم {n}")
    await everything_applied(social)
    return reader, authors


async def rest(person: Person, mode: int, token: str) -> list[int]:
    """Everything after a page."""
    return [post_id async for answer in pages(person, mode, PAGE, token) for post_id in ids_of(answer)]


@BOTH
async def test_redis_may_lose_everything_between_pages(social: Social, social_database: str, mode: int) -> None:
    async with social.working():
        reader, _ = await reader_of(social)
        first = await page(reader, mode, PAGE)
        await social.redis.flushall()
        second = await page(reader, mode, PAGE, first.next_page_token)
        shown = ids_of(first) + ids_of(second) + await rest(reader, mode, second.next_page_token)
        state = await recorded_state(social_database)
        now_ms = first.ranked_at.ToMilliseconds()
        assert shown == oracle.home_feed(state, reader.user_id, now_ms, MODES[mode])
        assert not second.degraded


@BOTH
async def test_new_posts_do_not_shift_the_pages_of_a_scroll(social: Social, social_database: str, mode: int) -> None:
    async with social.working():
        reader, authors = await reader_of(social)
        state = await recorded_state(social_database)
        first = await page(reader, mode, PAGE)
        for author in authors:
            await author.posts("جديد")
        await reader.posts("وأنا كمان")
        await everything_applied(social)
        shown = ids_of(first) + await rest(reader, mode, first.next_page_token)
        assert shown == oracle.home_feed(state, reader.user_id, first.ranked_at.ToMilliseconds(), MODES[mode])


@BOTH
async def test_deleted_posts_leave_no_hole(social: Social, mode: int) -> None:
    async with social.working():
        reader, authors = await reader_of(social)
        before, _, _ = await whole(reader, mode, PAGE)
        first = await page(reader, mode, PAGE)
        shown = ids_of(first)
        victims = {post_id for post_id in before if post_id not in shown}
        victims = set(sorted(victims)[::2])
        for author in authors:
            own, _, _ = await whole(author, pb.FEED_MODE_LATEST, 50)
            for post_id in victims & set(own):
                await author.deletes(post_id)
        # `pages` refuses short pages before the end.
        after = await rest(reader, mode, first.next_page_token)
        assert not victims & set(after)
        assert set(shown) | set(after) == set(before) - victims
        assert len(after) == len(set(after))


async def test_ones_own_post_is_in_the_very_next_feed(social: Social) -> None:
    # Without any worker: nothing but the write itself brings it there.
    author = await Person.signs_up(social)
    for mode in MODES:
        post = await author.posts("أول بوست")
        assert ids_of(await page(author, mode, PAGE))[0] == post.post_id or mode == pb.FEED_MODE_RANKED
        assert post.post_id in ids_of(await page(author, mode, PAGE))
        await author.deletes(post.post_id)
        assert post.post_id not in ids_of(await page(author, mode, PAGE))


async def test_tokens_are_for_one_viewer_mode_and_method(social: Social) -> None:
    async with social.working():
        reader, authors = await reader_of(social)
        token = (await page(reader, pb.FEED_MODE_RANKED, PAGE)).next_page_token
        altered = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
        for person, mode, used in (
            (reader, pb.FEED_MODE_RANKED, altered),
            (reader, pb.FEED_MODE_LATEST, token),
            (authors[0], pb.FEED_MODE_RANKED, token),
            (reader, pb.FEED_MODE_RANKED, "nonsense"),
        ):
            with refused(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
                await page(person, mode, PAGE, used)
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
            request = pb.GetAuthorTimelineRequest(author_id=authors[0].user_id, page_token=token)
            await social.stubs.feeds.GetAuthorTimeline(request, metadata=reader.metadata)


async def test_an_authors_timeline_pages_to_the_end(social: Social) -> None:
    author = await Person.signs_up(social)
    written = [(await author.posts(f"بوست {n}")).post_id for n in range(7)]
    await author.deletes(written.pop(3))
    shown: list[int] = []
    token = ""
    while True:
        request = pb.GetAuthorTimelineRequest(author_id=author.user_id, page_size=2, page_token=token)
        answer = await social.stubs.feeds.GetAuthorTimeline(request)
        shown += [post.post_id for post in answer.posts]
        assert not answer.degraded
        token = answer.next_page_token
        if not token:
            break
    assert shown == written[::-1]
    with refused(grpc.StatusCode.NOT_FOUND, "PROFILE_NOT_FOUND"):
        await social.stubs.feeds.GetAuthorTimeline(pb.GetAuthorTimelineRequest(author_id=1))


async def test_a_changed_name_is_shown_at_once(social: Social) -> None:
    async with social.working():
        reader, authors = await reader_of(social)
        await page(reader, pb.FEED_MODE_LATEST, PAGE)
        for author in authors:
            request = profile_pb.UpdateProfileRequest(display_name="اسم جديد")
            await social.stubs.profiles.UpdateProfile(request, metadata=author.metadata)

        async def is_shown() -> bool:
            answer = await page(reader, pb.FEED_MODE_LATEST, PAGE)
            return {item.post.author.display_name for item in answer.items} == {"اسم جديد"}

        await until(is_shown)
