"""Sources of candidates: inbox, followed fan-in authors, own posts; the store of record when Redis is away."""

from __future__ import annotations

from typing import Final

from services.chassis.errors import AppError
from services.chassis.ids import MAX_ID
from services.social.application.feed.followed_authors import FollowedAuthors
from services.social.application.feed.ports import FeedStore, Inbox, Ranker, Sources

CANDIDATES: Final = 800


class GatherSources:
    """Collects candidates, and makes sure that the feature table knows them."""

    def __init__(self, inbox: Inbox, followed: FollowedAuthors, store: FeedStore, ranker: Ranker) -> None:
        self._inbox = inbox
        self._followed = followed
        self._store = store
        self._ranker = ranker

    async def sources(self, viewer_id: int) -> Sources:
        """The hot sources; everything from the store of record when Redis is away, and then `degraded`."""
        try:
            inbox = await self._inbox.read(viewer_id)
        except AppError:
            return await self.from_store(viewer_id, degraded=True)
        degraded = False
        try:
            authors = await self._followed.fan_in(viewer_id)
        except AppError:
            # Without the store of record: whoever the inbox has.
            authors, degraded = (), True
        complete = not inbox or int(inbox[-1]) <= 0
        sources = Sources(inbox, (*authors, viewer_id), complete, degraded)
        await self._refill(sources)
        return sources

    async def from_store(self, viewer_id: int, *, degraded: bool) -> Sources:
        """The newest candidates by the store of record. AppError UNAVAILABLE when it is away too."""
        newest = await self._store.newest(viewer_id, MAX_ID, CANDIDATES)
        sources = Sources([b"%d" % post_id for post_id in newest], (), complete=True, degraded=degraded)
        await self._refill(sources)
        return sources

    async def _refill(self, sources: Sources) -> None:
        unknown = self._ranker.missing(sources.inbox)
        if not unknown:
            return
        try:
            self._ranker.add(await self._store.features(unknown))
        except AppError:
            # They are left out of this feed; the next one tries again.
            return
