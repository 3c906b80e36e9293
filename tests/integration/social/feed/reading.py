"""Reading feeds page by page, and what the oracle says they must be."""

from __future__ import annotations

from collections.abc import AsyncIterator

from daira.social.v1 import feed_service_pb2 as pb
from tests.e2e.history import recorded_events
from tests.integration.social.person import Person
from tests.integration.social.server import Social, until
from tests.oracles import feed as oracle

MODES: dict[int, oracle.Mode] = {pb.FEED_MODE_RANKED: "ranked", pb.FEED_MODE_LATEST: "latest"}
PAGES_MAX = 500


async def page(person: Person, mode: int, size: int, token: str = "") -> pb.GetHomeFeedResponse:
    """One page of the home feed."""
    request = pb.GetHomeFeedRequest(mode=pb.FeedMode.ValueType(mode), page_size=size, page_token=token)
    answer: pb.GetHomeFeedResponse = await person.social.stubs.feeds.GetHomeFeed(request, metadata=person.metadata)
    return answer


async def pages(person: Person, mode: int, size: int, token: str = "") -> AsyncIterator[pb.GetHomeFeedResponse]:
    """Page after page to the end; none but the last two may be short, and none too long."""
    for _ in range(PAGES_MAX):
        answer = await page(person, mode, size, token)
        token = answer.next_page_token
        assert len(answer.items) == size or not token, "a short page before the end"
        yield answer
        if not token:
            return
    raise AssertionError("the feed does not end")


def ids_of(answer: pb.GetHomeFeedResponse) -> list[int]:
    """The posts of a page in order."""
    return [item.post.post_id for item in answer.items]


async def whole(person: Person, mode: int, size: int) -> tuple[list[int], int, bool]:
    """All ids of a feed, the moment it was ranked for, and whether any page was degraded."""
    ids: list[int] = []
    moments: set[int] = set()
    degraded = False
    async for answer in pages(person, mode, size):
        ids += ids_of(answer)
        moments.add(answer.ranked_at.ToMilliseconds())
        degraded = degraded or answer.degraded
    assert len(moments) == 1, "one scroll has one moment"
    return ids, moments.pop(), degraded


async def everything_applied(social: Social) -> None:
    """Wait until the workers and this replica's feature table have all events written so far."""
    end = await social.settled()

    async def is_applied() -> bool:
        return social.made.tail.position >= end

    await until(is_applied)


async def nobody_remembers_what_they_saw(social: Social) -> None:
    """More than a week goes by for impressions: counted they stay, but filters, which guess, keep nothing back."""
    await social.pool.execute("UPDATE impressions SET seen_at = seen_at - interval '8 days'")
    async for key in social.redis.scan_iter("seen:*"):
        await social.redis.unlink(key)


async def recorded_state(database_url: str) -> oracle.State:
    """The state of the log as the oracle folds it."""
    return oracle.replay(await recorded_events(database_url))
