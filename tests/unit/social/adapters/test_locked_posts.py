"""The hydrator keeps back what is in posts for subscribers: asked once a page, and never shown by guess."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from daira.social.v1 import post_pb2
from services.chassis.errors import unavailable
from services.social.adapters.post_codec import cacheable_post
from services.social.adapters.post_hydrator import PostHydrator
from services.social.application.feed.ports import Stage
from services.social.application.records import Post

AUTHOR, VIEWER = 7, 9
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class Stores:
    """A cache, counts and marks of nothing, and an answer to who has access."""

    def __init__(self, open_authors: set[int] | None, *for_some: int) -> None:
        self.open_authors, self.for_some, self.asked = open_authors, for_some, 0

    async def get(self, post_ids: Sequence[int]) -> tuple[dict[int, bytes], bool]:
        posts = [
            Post(one, AUTHOR, "h", "n", SINCE, "نص", "ar", 1, subscribers_only=one in self.for_some) for one in post_ids
        ]
        return {post.post_id: cacheable_post(post).SerializeToString() for post in posts}, False

    async def open_to(self, viewer_id: int, creators: Collection[int]) -> set[int]:
        self.asked += 1
        assert (viewer_id, set(creators)) == (VIEWER, {AUTHOR})
        if self.open_authors is None:
            raise unavailable("away")
        return self.open_authors

    async def of(self, viewer_id: int, post_ids: Sequence[int]) -> tuple[set[int], set[int]]:
        assert (viewer_id, len(post_ids)) == (VIEWER, 2)
        return {2}, set()

    def counts_of(self, post_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
        return dict.fromkeys(post_ids, (3, 0))


async def shown(stores: Any, *, with_locked: bool) -> tuple[dict[int, post_pb2.Post], frozenset[Stage]]:
    hydrated = await PostHydrator(stores, stores, stores, stores, stores).hydrate(
        [1, 2], VIEWER, with_locked=with_locked
    )
    return {number: post_pb2.Post.FromString(post) for number, post in hydrated.posts.items()}, hydrated.missing


async def test_a_page_without_such_posts_asks_nothing() -> None:
    stores = Stores({AUTHOR})
    posts, missing = await shown(stores, with_locked=False)
    assert (set(posts), missing, stores.asked) == ({1, 2}, frozenset(), 0)


async def test_whoever_has_access_sees_all_of_it() -> None:
    stores = Stores({AUTHOR}, 1, 2)
    posts, _ = await shown(stores, with_locked=False)
    assert {(post.body, post.is_locked, post.subscribers_only) for post in posts.values()} == {("نص", False, True)}
    assert stores.asked == 1


async def test_others_get_nothing_or_a_post_without_words() -> None:
    posts, _ = await shown(Stores(set(), 2), with_locked=False)
    assert set(posts) == {1}
    posts, _ = await shown(Stores(set(), 2), with_locked=True)
    assert (posts[2].body, posts[2].language, posts[2].is_locked, posts[2].likes_count) == ("", "", True, 3)
    assert posts[2].viewer_likes


async def test_while_access_cannot_be_asked_it_is_locked() -> None:
    posts, missing = await shown(Stores(None, 2), with_locked=False)
    assert (set(posts), missing) == ({1}, frozenset({Stage.HYDRATION}))
