"""Sources of candidates: inbox, followed fan-in authors, own posts; or all followed authors without an inbox."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.errors import AppError
from services.social.application.feed.followed_authors import FollowedAuthors
from services.social.application.feed.ports import Features, FeedStore, Inbox, Sources
from services.social.domain.inbox import floor_of


class GatherSources:
    """Collects candidates, and makes sure that the feature table knows them."""

    def __init__(self, inbox: Inbox, followed: FollowedAuthors, store: FeedStore, features: Features) -> None:
        self._inbox = inbox
        self._followed = followed
        self._store = store
        self._features = features

    async def sources(self, viewer_id: int) -> Sources:
        """The hot sources. AppError UNAVAILABLE when neither they nor the store of record can be read."""
        try:
            inbox = await self._inbox.read(viewer_id)
        except AppError:
            return await self._by_following(viewer_id, degraded=True)
        degraded = not await self._refill(inbox)
        try:
            authors = await self._followed.fan_in(viewer_id)
        except AppError:
            # Without the store of record: whoever the inbox has.
            authors, degraded = (), True
        return Sources(inbox, (*authors, viewer_id), floor_of(inbox), degraded)

    async def exact(self, viewer_id: int) -> Sources:
        """All authors whom the viewer follows. AppError UNAVAILABLE when the store of record is away."""
        return await self._by_following(viewer_id, degraded=False)

    async def exact_and_rebuild(self, viewer_id: int) -> Sources:
        """The same, when the inbox was cut too short to be of use: the next feed builds it anew."""
        await self._inbox.invalidate([viewer_id])
        return await self._by_following(viewer_id, degraded=False)

    async def merged_authors(self, viewer_id: int) -> frozenset[int]:
        """Authors whose posts are never in the viewer's inbox, as far as is known."""
        try:
            return frozenset((*await self._followed.fan_in(viewer_id), viewer_id))
        except AppError:
            return frozenset((viewer_id,))

    async def _by_following(self, viewer_id: int, *, degraded: bool) -> Sources:
        following = await self._store.following(viewer_id)
        return Sources((), (*following.authors, viewer_id), degraded=degraded)

    async def _refill(self, inbox: Sequence[bytes]) -> bool:
        """Add what the table has not seen yet; False when it could not be read: the next feed tries again."""
        try:
            await self._features.learn(inbox)
        except AppError:
            return False
        return True
