"""One author's posts, newest first: the hot ones by the feature table, older ones by the store of record."""

from __future__ import annotations

from typing import Final

from services.chassis.errors import AppError, denied, not_found
from services.social.application.feed.ports import FeedStore, Hydrator, Ranker
from services.social.application.ports import VisibilityRule
from services.social.application.records import Visibility

# A page whose posts have all been deleted is filled anew this often before it is given back short.
_REFILLS_MAX: Final = 20


class AuthorTimeline:
    """Pages by id, hydrated like the feed."""

    def __init__(self, store: FeedStore, ranker: Ranker, rule: VisibilityRule, hydrator: Hydrator) -> None:
        self._store = store
        self._ranker = ranker
        self._rule = rule
        self._hydrator = hydrator

    async def page(
        self, author_id: int, viewer_id: int, size: int, before: int
    ) -> tuple[list[bytes], int | None, bool]:
        """Serialised posts, reposts left out and locked ones empty; the id to go on before; whether a store was away.

        The id is None at the end. AppError PROFILE_NOT_FOUND, BLOCKED, PROFILE_PRIVATE; UNAVAILABLE when the store of
        record is away at the beginning, for nobody else knows who may see the posts.
        """
        _require(await self._rule.of_author(author_id, viewer_id))
        page: list[bytes] = []
        here: int | None = before
        degraded = False
        for _ in range(_REFILLS_MAX):
            if here is None or len(page) >= size:
                break
            try:
                ids, here_after = await self._next(author_id, here, size - len(page))
                posts, missing = await self._hydrator.hydrate(ids, viewer_id, with_locked=True)
            except AppError:
                if not page:
                    raise
                return page, here, True
            page += [posts[post_id] for post_id in ids if post_id in posts]
            degraded = degraded or bool(missing)
            here = here_after
        return page, here, degraded

    async def _next(self, author_id: int, before: int, wanted: int) -> tuple[list[int], int | None]:
        floor = self._ranker.floor
        ids = [post_id for post_id in self._ranker.author_posts(author_id, before, wanted) if post_id >= floor]
        if ids:
            return ids, ids[-1]
        ids = await self._store.of_author(author_id, before, wanted)
        return ids, ids[-1] if len(ids) == wanted else None


def _require(seen: Visibility) -> None:
    match seen:
        case Visibility.UNKNOWN:
            raise not_found("profile", "PROFILE_NOT_FOUND")
        case Visibility.BLOCKED:
            raise denied("you block the author", "BLOCKED")
        case Visibility.PRIVATE:
            raise denied("only followers see the author's posts", "PROFILE_PRIVATE")
        case Visibility.EVERYTHING:
            pass
