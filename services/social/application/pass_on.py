"""Passing posts on to one's followers, and taking that back."""

from __future__ import annotations

from services.social.application.ports import LocalFeatures, PostCache, Posts, Reposts
from services.social.application.records import Post
from services.social.domain.post import PostKind, post_not_found


class PassOnPosts:
    """Each call is durable with its event when it returns; what follows the commit may be lost and is then redone."""

    def __init__(self, reposts: Reposts, posts: Posts, features: LocalFeatures, cache: PostCache) -> None:
        self._reposts = reposts
        self._posts = posts
        self._features = features
        self._cache = cache

    async def repost(self, user_id: int, post_id: int) -> Post:
        """Pass on; twice is no error. AppError POST_NOT_FOUND, REPOST_NOT_ALLOWED, PROFILE_MISSING."""
        original, repost_id = await self._reposts.repost(post_id, user_id)
        # Also when it was passed on before, for that call may have been broken off right after its commit.
        await self._features.post_created(repost_id, user_id, PostKind.REPOST, original_id=original.post_id)
        await self._features.post_reposted(original.post_id, user_id, reposts=True)
        return await self._one(original.post_id, user_id)

    async def undo(self, user_id: int, post_id: int) -> Post:
        """No longer pass on; without a repost it is no error.

        AppError POST_NOT_FOUND, also when it was undone and the person does not see the post any more.
        """
        original, repost_id = await self._reposts.undo(post_id, user_id)
        if repost_id:
            await self._features.post_deleted(repost_id, user_id)
            await self._cache.forget(repost_id)
        await self._features.post_reposted(original.post_id, user_id, reposts=False)
        return await self._one(original.post_id, user_id)

    async def _one(self, post_id: int, viewer_id: int) -> Post:
        post = await self._posts.shown(post_id, viewer_id)
        if post is None:
            raise post_not_found()
        return post
