"""Posts as bytes: the cached part, then counts and the viewer's own marks appended, since protobuf merges on parse."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping, Sequence
from typing import Final

from daira.social.v1 import post_pb2
from services.chassis.errors import AppError
from services.social.adapters.native_ranker import NativeRanker
from services.social.adapters.post_cache import PostCache
from services.social.adapters.post_codec import is_for_subscribers, locked, view_of_post
from services.social.adapters.postgres.post_views import PostgresPostViews
from services.social.adapters.postgres.subscriber_access import PostgresSubscriberAccess
from services.social.adapters.viewer_marks import ViewerMarks
from services.social.application.feed.ports import Hydrated, Stage

_POSTS_OF_AUTHOR: Final = 1000
_NOTHING_MISSING: Final[frozenset[Stage]] = frozenset()


class PostHydrator:
    """Implements application.feed.ports.Hydrator and application.ports.PostCache."""

    def __init__(
        self, cache: PostCache, views: PostgresPostViews, marks: ViewerMarks, ranker: NativeRanker,
        access: PostgresSubscriberAccess,
    ) -> None:  # fmt: skip
        self._cache = cache
        self._views = views
        self._marks = marks
        self._ranker = ranker
        self._access = access

    async def hydrate(self, post_ids: Sequence[int], viewer_id: int, *, with_locked: bool = False) -> Hydrated:
        """Those that still exist and that the viewer sees what is in; locked ones too, empty, where they are wanted.

        Without Postgres nothing is marked as the viewer's, and what is not cached is left out. AppError UNAVAILABLE
        when that leaves nothing.
        """
        if not post_ids:
            return Hydrated({}, _NOTHING_MISSING)
        (posts, away), marks = await asyncio.gather(self._cache.get(post_ids), self._marked(viewer_id, post_ids))
        missing = _NOTHING_MISSING
        if not await self._lock(posts, viewer_id, with_locked=with_locked):
            away = True
        if away:
            missing |= {Stage.HYDRATION}
        if marks is None:
            missing |= {Stage.VIEWER_STATE}
        likes, reposts = marks or ((), ())
        counts = self._ranker.counts_of(post_ids)
        if len(counts) < len(post_ids):
            for post_id in self._ranker.deleted(post_ids):
                posts.pop(post_id, None)
            if not await self._count_old(counts, posts):
                missing |= {Stage.FEATURES}
        return Hydrated(
            {
                post_id: post + view_of_post(*counts.get(post_id, (0, 0)), post_id in likes, post_id in reposts)
                for post_id, post in posts.items()
            },
            missing,
        )

    async def authors(self, post_ids: Sequence[int]) -> Mapping[int, bytes]:
        """The authors of the posts as serialised profiles without counts."""
        posts, _ = await self._cache.get(post_ids)
        return {post_id: post_pb2.Post.FromString(post).author.SerializeToString() for post_id, post in posts.items()}

    async def forget(self, post_id: int) -> None:
        """Drop a post from the caches; when Redis is away it expires there by itself."""
        await self._cache.forget([post_id])

    async def forget_author(self, author_id: int) -> None:
        """Drop an author's hot posts from the caches: their profile changed."""
        await self._cache.forget(self._ranker.newest((author_id,), _POSTS_OF_AUTHOR))

    def drop(self, post_id: int) -> None:
        """Drop a post from this process: it was deleted."""
        self._cache.drop((post_id,))

    async def _lock(self, posts: dict[int, bytes], viewer_id: int, *, with_locked: bool) -> bool:
        """Take out what the viewer has no access to, or empty it; whether that could be asked.

        Most pages have no such post and ask nothing. While the store is away they are locked: no guess shows one.
        """
        for_some = {
            post_id: post_pb2.Post.FromString(post) for post_id, post in posts.items() if is_for_subscribers(post)
        }
        if not for_some:
            return True
        authors = {post.author.user_id for post in for_some.values()}
        try:
            open_authors, is_known = await self._access.open_to(viewer_id, authors), True
        except AppError:
            open_authors, is_known = set(), False
        for post_id, post in for_some.items():
            if post.author.user_id not in open_authors:
                if with_locked:
                    posts[post_id] = locked(post).SerializeToString()
                else:
                    del posts[post_id]
        return is_known

    async def _marked(self, viewer_id: int, post_ids: Sequence[int]) -> tuple[Container[int], Container[int]] | None:
        if not viewer_id:
            return (), ()
        try:
            return await self._marks.of(viewer_id, post_ids)
        except AppError:
            return None

    async def _count_old(self, counts: dict[int, tuple[int, int]], posts: Mapping[int, bytes]) -> bool:
        """Counts of posts that are older than the feature table; whether they could be read."""
        unknown = [post_id for post_id in posts if post_id not in counts]
        if not unknown:
            return True
        try:
            counts.update(await self._views.counts(unknown))
        except AppError:
            return False
        return True
