"""Posts of a friend as every port of the feed sees them, and scrolls through them."""
# ruff: noqa: ARG002 - the fakes have the parameters of the ports

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from services.chassis.errors import unavailable
from services.chassis.ids import EPOCH_MS, MAX_ID
from services.social.application.feed.followed_authors import FollowedAuthors
from services.social.application.feed.home_feed import HomeFeed
from services.social.application.feed.ports import (
    Following,
    Hot,
    Hydrated,
    InboxRead,
    Pick,
    Source,
    Sources,
    Stage,
    Terms,
)
from services.social.application.feed.position import Mode, Page, Position
from services.social.application.feed.select_posts import SelectPosts
from services.social.application.feed.sources import GatherSources
from tests.fakes.clock import FixedClock

VIEWER, FRIEND = 1, 2
TERMS = Terms(0, 0, 0, 0, 0, 0)
WINDOW = 800


class World:
    """Posts of a friend, as every port sees them; ranking puts the oldest first."""

    def __init__(self, posts: int, cap: int = WINDOW) -> None:
        self.posts = list(range(posts, 0, -1))
        self.cap = cap
        self.inbox = self.posts[:cap]
        self.bottom = [] if len(self.inbox) >= cap else [0]
        self.floor = 0
        self.gone: set[int] = set()
        self.muted: set[int] = set()
        # Muted on another replica, which this one has not heard of yet.
        self.muted_elsewhere: set[int] = set()
        self.redis_away = self.postgres_away = self.seen_lost = False
        self.degraded_stages: list[Stage] = []

    def publish(self, count: int) -> None:
        """New posts arrive at the top, and the inbox is cut."""
        top = self.posts[0] if self.posts else 0
        self.posts[:0] = range(top + count, top, -1)
        self.inbox = self.posts[: self.cap]
        self.bottom = [] if len(self.inbox) >= self.cap else [0]

    def visible(self, sources: Sources, floor: int, ceiling: int) -> list[int]:
        known = {int(entry) for entry in sources.inbox}
        followed = FRIEND in sources.authors
        return [
            post_id
            for post_id in self.posts
            if (followed or post_id in known)
            and post_id not in self.gone
            and max(floor, self.floor) <= post_id <= ceiling
        ]

    # Ranker
    def ranked(
        self,
        viewer_id: int,
        sources: Sources,
        now_ms: int,
        *,
        floor: int,
        ceiling: int,
        shown: Sequence[int],
        limit: int,
    ) -> Hot:
        window = self.visible(sources, floor, ceiling)
        if not shown and len(window) > self.cap:
            window, floor = window[: self.cap], window[self.cap - 1]
        left = [post_id for post_id in reversed(window) if post_id not in shown][:limit]
        return Hot([Pick(p, p, Source.INBOX, TERMS) for p in left], floor, window[0] if window else 0)

    def latest(self, viewer_id: int, sources: Sources, *, floor: int, ceiling: int, before: int, limit: int) -> Hot:
        window = self.visible(sources, floor, ceiling)
        if len(window) > self.cap:
            window, floor = window[: self.cap], window[self.cap - 1]
        left = [post_id for post_id in window if post_id < before][:limit]
        return Hot([Pick(p, p, Source.INBOX) for p in left], floor, window[0] if window else 0)

    def newest(self, authors: Sequence[int], limit: int) -> list[int]:
        return self.posts[:limit]

    def count_newer(self, viewer_id: int, sources: Sources, newer_than: int, limit: int) -> int:
        return min(limit, sum(post_id > newer_than for post_id in self.visible(sources, 0, MAX_ID)))

    def author_posts(self, author_id: int, before_id: int, limit: int) -> list[int]:
        return [post_id for post_id in self.posts if post_id < before_id][:limit]

    def hidden_authors(self, viewer_id: int) -> list[int]:
        return []

    def reported_posts(self, viewer_id: int) -> list[int]:
        return []

    # Features, Inbox, SeenPosts, MutedWords, FeedMetrics
    async def learn(self, inbox: Sequence[bytes]) -> None:
        return None

    async def reached(self, pos: int) -> bool:
        return True

    async def read(self, viewer_id: int) -> InboxRead:
        if self.redis_away:
            raise unavailable("redis", "REDIS_UNAVAILABLE")
        floor = 0 if self.bottom else self.inbox[-1]
        return InboxRead([b"%d" % entry for entry in self.inbox], floor, None if self.seen_lost else b"")

    async def catch_up(self, viewer_id: int) -> None:
        self.muted |= self.muted_elsewhere

    async def build(self, viewer_id: int) -> bytes:
        self.ask()
        return b""

    async def of(self, viewer_id: int) -> Sequence[str]:
        return ["قهوة"] if self.muted else []

    def hide(self, posts: Sequence[bytes], words: Sequence[str]) -> list[bool]:
        return [int(post) in self.muted for post in posts]

    def stage(self, name: str, seconds: float) -> None:
        assert seconds >= 0

    def degraded(self, stage: Stage) -> None:
        self.degraded_stages.append(stage)

    # Hydrator
    async def hydrate(self, post_ids: Sequence[int], viewer_id: int, *, with_locked: bool = False) -> Hydrated:
        missing = frozenset((Stage.VIEWER_STATE,)) if self.postgres_away else frozenset()
        return Hydrated({p: b"%d" % p for p in post_ids if p not in self.gone}, missing)

    async def authors(self, post_ids: Sequence[int]) -> Mapping[int, bytes]:
        return {}

    # FeedStore
    async def fan_in_followees(self, viewer_id: int) -> list[int]:
        self.ask()
        return []

    async def following(self, viewer_id: int) -> Following:
        self.ask()
        return Following([FRIEND], 0)

    async def older(
        self, viewer_id: int, before_id: int, limit: int, *, without_authors: Collection[int], without: Collection[int]
    ) -> list[int]:
        self.ask()
        return [p for p in self.posts if p < before_id and p not in self.gone and p not in without][:limit]

    async def of_author(self, author_id: int, before_id: int, limit: int) -> list[int]:
        return await self.older(author_id, before_id, limit, without_authors=(), without=())

    def ask(self) -> None:
        if self.postgres_away:
            raise unavailable("postgres", "STORE_UNAVAILABLE")


class Store:
    """The store's reads, one of which has the name of one of the ranker's."""

    def __init__(self, world: World) -> None:
        self.fan_in_followees = world.fan_in_followees
        self.following = world.following
        self.older = world.older
        self.of_author = world.of_author

    async def newest(self, viewer_id: int, before_id: int, limit: int) -> list[int]:
        return await self.older(viewer_id, before_id, limit, without_authors=(), without=())


def feed_of(world: World) -> HomeFeed:
    # At the beginning of ids, so that the small ids here are of the future, as new posts are.
    clock, store = FixedClock(EPOCH_MS), Store(world)
    gather = GatherSources(world, FollowedAuthors(store, clock), world, store, world)
    return HomeFeed(gather, SelectPosts(gather, world, store), world, world, clock, world)


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
