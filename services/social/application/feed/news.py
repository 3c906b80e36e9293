"""News of newer posts: who watches a home feed is told how many there are, as soon as somebody followed publishes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Final

from services.chassis.clock import Clock
from services.chassis.errors import AppError, ErrorKind
from services.chassis.ids import first_id_at
from services.social.application.feed.ports import FeedStore, Ranker
from services.social.application.feed.sources import GatherSources

COUNT_MAX: Final = 100
# One person may watch on so many devices at once.
_WATCHES_OF_VIEWER_MAX: Final = 5
# Authors followed by all watchers together, each watcher's counted: it bounds the memory they take.
_FOLLOWS_MAX: Final = 2_000_000
_RETRY_AFTER_MS: Final = 5_000


class Watch:
    """One open stream. Many posts at once are one piece of news: what waits is a flag, never a queue."""

    def __init__(self, viewer_id: int) -> None:
        self.viewer_id = viewer_id
        self.authors: tuple[int, ...] = ()
        self.may_have_news = asyncio.Event()
        self.follows_are_old = True


class FeedNews:
    """The watchers of this replica. Bounded: one more than it can hold is refused."""

    def __init__(
        self,
        gather: GatherSources,
        store: FeedStore,
        ranker: Ranker,
        clock: Clock,
        *,
        watchers_max: int,
        pause_s: float = 1.0,
    ) -> None:
        self._gather = gather
        self._store = store
        self._ranker = ranker
        self._clock = clock
        self._watchers_max = watchers_max
        self._pause_s = pause_s
        self._by_author: defaultdict[int, set[Watch]] = defaultdict(set)
        self._by_viewer: defaultdict[int, set[Watch]] = defaultdict(set)
        self._watchers = 0
        self._follows = 0

    async def counts(self, viewer_id: int, newer_than: int) -> AsyncIterator[int]:
        """How many newer posts there are: at once, then whenever that changes. Ends only with its task.

        AppError OVERLOADED when there are too many watchers; UNAVAILABLE when the store of record is away at first.
        """
        since = newer_than or first_id_at(self._clock.now_ms())
        told = -1
        with self._watching(viewer_id) as watch:
            while True:
                watch.may_have_news.clear()
                count = await self._count(watch, since, told)
                if count != told:
                    told = count
                    yield count
                await asyncio.sleep(self._pause_s)
                await watch.may_have_news.wait()

    def published(self, author_id: int) -> None:
        """The author published or deleted something."""
        for watch in self._by_author.get(author_id, ()):
            watch.may_have_news.set()

    def relations_changed(self, viewer_id: int) -> None:
        """The viewer follows, blocks or mutes others than before."""
        for watch in self._by_viewer.get(viewer_id, ()):
            watch.follows_are_old = True
            watch.may_have_news.set()

    @contextlib.contextmanager
    def _watching(self, viewer_id: int) -> Iterator[Watch]:
        if self._watchers >= self._watchers_max or self._follows >= _FOLLOWS_MAX:
            raise _overloaded("too many people watch here")
        if len(self._by_viewer.get(viewer_id, ())) >= _WATCHES_OF_VIEWER_MAX:
            raise _overloaded("you watch on too many devices")
        watch = Watch(viewer_id)
        self._watchers += 1
        self._by_viewer[viewer_id].add(watch)
        try:
            yield watch
        finally:
            self._watchers -= 1
            self._follow(watch, ())
            self._by_viewer[viewer_id].discard(watch)
            if not self._by_viewer[viewer_id]:
                del self._by_viewer[viewer_id]

    async def _count(self, watch: Watch, since: int, told: int) -> int:
        try:
            if watch.follows_are_old:
                watch.follows_are_old = False
                following = await self._store.following(watch.viewer_id)
                self._follow(watch, tuple(following.authors))
            sources = await self._gather.sources(watch.viewer_id)
        except AppError:
            if told < 0:
                raise
            # The stores will be back: what was told stands until then.
            watch.follows_are_old = True
            return told
        return self._ranker.count_newer(watch.viewer_id, sources, since, COUNT_MAX)

    def _follow(self, watch: Watch, authors: tuple[int, ...]) -> None:
        for author_id in watch.authors:
            watchers = self._by_author[author_id]
            watchers.discard(watch)
            if not watchers:
                del self._by_author[author_id]
        for author_id in authors:
            self._by_author[author_id].add(watch)
        self._follows += len(authors) - len(watch.authors)
        watch.authors = authors


def _overloaded(why: str) -> AppError:
    return AppError(ErrorKind.RESOURCE_EXHAUSTED, "OVERLOADED", why, retry_after_ms=_RETRY_AFTER_MS)
