"""A scroll over fakes: pages are full, in order, without hole or repeat, whatever is cut, deleted, lost or away."""
# ruff: noqa: ARG002 - the fakes have the parameters of the ports

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pytest

from services.chassis.errors import AppError, unavailable
from services.chassis.ids import MAX_ID
from services.social.application.feed.followed_authors import FollowedAuthors
from services.social.application.feed.home_feed import HomeFeed
from services.social.application.feed.ports import Following, Source, Sources, Terms
from services.social.application.feed.position import Mode, Page, Position
from services.social.application.feed.select_posts import CANDIDATES, SelectIds
from services.social.application.feed.sources import GatherSources
from tests.fakes.clock import FixedClock

VIEWER, FRIEND = 1, 2
TERMS = Terms(0, 0, 0, 0, 0, 0)


class FakeRanked:
    def __init__(self, ids: Sequence[int]) -> None:
        self.ids = ids

    def terms_of(self, post_ids: Collection[int]) -> dict[int, Terms]:
        return {post_id: TERMS for post_id in post_ids if post_id in self.ids}


class World:
    """Posts of a friend, as every port sees them; ranking puts the oldest first."""

    def __init__(self, posts: int, inbox: Sequence[int] | None = None) -> None:
        self.posts = list(range(posts, 0, -1))
        self.inbox = [*(inbox if inbox is not None else self.posts[:CANDIDATES])]
        self.bottom = [] if len(self.inbox) >= CANDIDATES else [0]
        self.floor = 0
        self.gone: set[int] = set()
        self.sessions: dict[int, Sequence[int]] = {}
        self.redis_away = self.postgres_away = False
        self.rebuilt = 0

    def hot(self, sources: Sources, ceiling: int) -> list[int]:
        known = {int(entry) for entry in sources.inbox}
        followed = FRIEND in sources.authors
        return [
            post_id
            for post_id in self.posts
            if (followed or post_id in known) and post_id not in self.gone and self.floor <= post_id <= ceiling
        ][:CANDIDATES]

    # Ranker
    def rank(self, viewer_id: int, sources: Sources, now_ms: int, ceiling_id: int) -> FakeRanked:
        return FakeRanked(self.hot(sources, ceiling_id)[::-1])

    def rank_only(self, viewer_id: int, post_ids: Sequence[int], now_ms: int) -> FakeRanked:
        return FakeRanked([post_id for post_id in post_ids if post_id not in self.gone])

    def newest(self, sources: Sources, limit: int) -> list[int]:
        return self.hot(sources, MAX_ID)[:limit]

    def author_posts(self, author_id: int, before_id: int, limit: int) -> list[int]:
        return [post_id for post_id in self.posts if post_id < before_id][:limit]

    def authors_of(self, post_ids: Sequence[int]) -> list[int]:
        return [FRIEND for _ in post_ids]

    # Features, Inbox, Sessions, Hydrator
    async def learn(self, inbox: Sequence[bytes]) -> None:
        return None

    async def reached(self, pos: int) -> bool:
        return True

    async def read(self, viewer_id: int) -> Sequence[bytes]:
        if self.redis_away:
            raise unavailable("redis", "REDIS_UNAVAILABLE")
        return [b"%d" % entry for entry in (*self.inbox, *self.bottom)]

    async def invalidate(self, viewer_ids: Sequence[int]) -> None:
        self.rebuilt += 1

    async def save(self, viewer_id: int, nonce: int, order: Sequence[int]) -> bool:
        if not self.redis_away:
            self.sessions[nonce] = order
        return not self.redis_away

    async def load(self, viewer_id: int, nonce: int) -> list[int] | None:
        order = self.sessions.get(nonce)
        return None if order is None or self.redis_away else list(order)

    async def hydrate(self, post_ids: Sequence[int], viewer_id: int) -> tuple[Mapping[int, bytes], bool]:
        return {post_id: b"post" for post_id in post_ids if post_id not in self.gone}, self.postgres_away

    # FeedStore
    async def fan_in_followees(self, viewer_id: int) -> list[int]:
        self.ask()
        return []

    async def following(self, viewer_id: int) -> Following:
        self.ask()
        return Following([FRIEND], 0)

    async def store_newest(self, viewer_id: int, before_id: int, limit: int) -> list[int]:
        self.ask()
        return [post_id for post_id in self.posts if post_id < before_id and post_id not in self.gone][:limit]

    async def of_author(self, author_id: int, before_id: int, limit: int) -> list[int]:
        return await self.store_newest(author_id, before_id, limit)

    def ask(self) -> None:
        if self.postgres_away:
            raise unavailable("postgres", "STORE_UNAVAILABLE")


class Store:
    """The store's reads, one of which has the name of one of the ranker's."""

    def __init__(self, world: World) -> None:
        self.fan_in_followees = world.fan_in_followees
        self.following = world.following
        self.newest = world.store_newest
        self.of_author = world.of_author


def feed_of(world: World) -> HomeFeed:
    clock, store = FixedClock(), Store(world)
    gather = GatherSources(world, FollowedAuthors(store, clock), store, world)
    return HomeFeed(SelectIds(gather, world, world, store), gather, world, world, world, clock)


async def scroll(feed: HomeFeed, mode: Mode, size: int, position: Position | None = None) -> list[Page]:
    pages = []
    for _ in range(2000):
        page = await feed.page(VIEWER, mode, size, position)
        pages.append(page)
        position = page.position
        if position is None:
            return pages
    raise AssertionError("no end")


def ids(pages: Sequence[Page]) -> list[int]:
    return [item.post_id for page in pages for item in page.items]


def expected(world: World, mode: Mode) -> list[int]:
    hot = [post_id for post_id in world.posts if post_id not in world.gone]
    head, tail = hot[:CANDIDATES], hot[CANDIDATES:]
    return (head[::-1] if mode is Mode.RANKED else head) + tail


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("posts", [0, 1, 7, 20, 799, 800, 801, 1700])
async def test_every_post_once_and_every_page_full(mode: Mode, posts: int) -> None:
    world = World(posts)
    pages = await scroll(feed_of(world), mode, 20)
    assert ids(pages) == expected(world, mode)
    assert all(len(page.items) == 20 for page in pages[:-2])
    assert not any(page.degraded for page in pages)


@pytest.mark.parametrize("mode", list(Mode))
async def test_an_inbox_cut_too_short_is_not_believed(mode: Mode) -> None:
    world = World(1500)
    world.gone = set(world.posts[:50])
    assert ids(await scroll(feed_of(world), mode, 50)) == expected(world, mode)
    assert world.rebuilt


@pytest.mark.parametrize("mode", list(Mode))
async def test_below_the_tables_floor_the_archive_takes_over(mode: Mode) -> None:
    world = World(500)
    world.floor = 300
    shown = ids(await scroll(feed_of(world), mode, 20))
    hot, archive = list(range(500, 299, -1)), list(range(299, 0, -1))
    assert shown == (hot[::-1] if mode is Mode.RANKED else hot) + archive


async def test_deleted_posts_are_replaced_by_those_that_follow() -> None:
    world = World(200)
    feed = feed_of(world)
    first = await feed.page(VIEWER, Mode.RANKED, 20, None)
    world.gone = set(range(21, 61))
    second = await feed.page(VIEWER, Mode.RANKED, 20, first.position)
    assert [item.post_id for item in second.items] == list(range(61, 81))


async def test_a_lost_order_is_made_again_and_said() -> None:
    world = World(100)
    feed = feed_of(world)
    first = await feed.page(VIEWER, Mode.RANKED, 20, None)
    world.sessions.clear()
    world.posts[:0] = [102, 101]
    second = await feed.page(VIEWER, Mode.RANKED, 20, first.position)
    assert [item.post_id for item in second.items] == list(range(21, 41))
    assert second.degraded


@pytest.mark.parametrize("mode", list(Mode))
async def test_without_redis_all_is_there_and_degraded(mode: Mode) -> None:
    world = World(900)
    world.redis_away = True
    pages = await scroll(feed_of(world), mode, 100)
    assert ids(pages) == expected(world, mode)
    assert pages[0].degraded


@pytest.mark.parametrize("mode", list(Mode))
async def test_without_postgres_the_hot_part_is_there(mode: Mode) -> None:
    world = World(30)
    world.postgres_away = True
    page = await feed_of(world).page(VIEWER, mode, 50, None)
    assert ids([page]) == expected(world, mode)
    assert page.degraded
    assert page.position is not None


async def test_without_both_the_feed_is_unavailable() -> None:
    world = World(30)
    world.postgres_away = world.redis_away = True
    with pytest.raises(AppError):
        await feed_of(world).page(VIEWER, Mode.RANKED, 20, None)


async def test_items_say_where_they_come_from() -> None:
    world = World(CANDIDATES + 5)
    pages = await scroll(feed_of(world), Mode.LATEST, 100)
    sources = [item.source for page in pages for item in page.items]
    assert sources == [Source.INBOX] * CANDIDATES + [Source.ARCHIVE] * 5
