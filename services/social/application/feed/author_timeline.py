"""One author's posts, newest first."""

from __future__ import annotations

from services.chassis.errors import not_found
from services.social.application.feed.ports import FeedStore, Hydrator
from services.social.application.ports import Profiles


class AuthorTimeline:
    """Pages by id out of the store of record, hydrated like the feed."""

    def __init__(self, store: FeedStore, profiles: Profiles, hydrator: Hydrator) -> None:
        self._store = store
        self._profiles = profiles
        self._hydrator = hydrator

    async def page(
        self, author_id: int, viewer_id: int, size: int, before: int
    ) -> tuple[list[bytes], int | None, bool]:
        """Serialised posts, the id to go on before (None at the end), and whether a store was away.

        AppError PROFILE_NOT_FOUND.
        """
        ids = await self._store.of_author(author_id, before, size)
        if not ids and not await self._profiles.by_ids([author_id], 0):
            raise not_found("profile", "PROFILE_NOT_FOUND")
        posts, degraded = await self._hydrator.hydrate(ids, viewer_id)
        return [posts[post_id] for post_id in ids if post_id in posts], ids[-1] if len(ids) == size else None, degraded
