"""The sources stage: inbox, followed fan-in authors, own posts; or all followed authors where an inbox is of no use."""

from __future__ import annotations

from services.chassis.errors import AppError
from services.social.application.feed.followed_authors import FollowedAuthors
from services.social.application.feed.ports import Features, FeedStore, Inbox, SeenPosts, Sources, Stage


class GatherSources:
    """Collects sources of candidates, and makes sure that the feature table knows them."""

    def __init__(
        self, inbox: Inbox, followed: FollowedAuthors, seen: SeenPosts, store: FeedStore, features: Features
    ) -> None:
        self._inbox = inbox
        self._followed = followed
        self._seen = seen
        self._store = store
        self._features = features

    async def sources(self, viewer_id: int) -> Sources:
        """The hot sources. AppError UNAVAILABLE when neither they nor the store of record can be read."""
        try:
            inbox = await self._inbox.read(viewer_id)
        except AppError:
            following = await self._store.following(viewer_id)
            away = frozenset((Stage.INBOX, Stage.SEEN))
            return Sources((), (*following.authors, viewer_id), missing=away)
        missing: set[Stage] = set()
        try:
            await self._features.learn(inbox.entries)
        except AppError:
            # The next feed tries again.
            missing.add(Stage.FEATURES)
        try:
            authors = await self._followed.fan_in(viewer_id)
        except AppError:
            # Without the store of record: whoever the inbox has.
            authors = ()
            missing.add(Stage.FAN_IN)
        seen = inbox.seen
        if seen is None:
            try:
                seen = await self._seen.build(viewer_id)
            except AppError:
                seen = b""
                missing.add(Stage.SEEN)
        return Sources(inbox.entries, (*authors, viewer_id), inbox.floor, seen, frozenset(missing))

    async def catch_up(self, viewer_id: int) -> None:
        """For a page that needs no sources: let it be of what the viewer has just written all the same."""
        await self._inbox.catch_up(viewer_id)

    async def exact(self, viewer_id: int, instead_of: Sources) -> Sources:
        """All authors whom the viewer follows, for a window that the inbox no longer reaches down to.

        AppError UNAVAILABLE when the store of record is away.
        """
        following = await self._store.following(viewer_id)
        return Sources((), (*following.authors, viewer_id), 0, instead_of.seen, instead_of.missing)
