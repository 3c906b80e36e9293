"""Publishing, deleting, liking and reporting posts."""

from __future__ import annotations

from services.chassis.text import clean_text
from services.social.application.ports import LocalFeatures, PostCache, Posts, Reports
from services.social.application.records import IdempotentCall, NewPost, Post
from services.social.domain.post import BODY_CHARS_MAX, kind_of, language_of, post_not_found
from services.social.domain.spam import spam_percent


class WritePosts:
    """Each call is durable with its event when it returns; what follows the commit may be lost and is then redone."""

    def __init__(self, posts: Posts, reports: Reports, features: LocalFeatures, cache: PostCache) -> None:
        self._posts = posts
        self._reports = reports
        self._features = features
        self._cache = cache

    async def create(self, author_id: int, body: str, call: IdempotentCall, *, subscribers_only: bool = False) -> Post:
        """Publish, for all or for subscribers. AppError FIELD_INVALID, IDEMPOTENCY_KEY_REUSED, PROFILE_MISSING."""
        text = clean_text(body, "body", 1, BODY_CHARS_MAX, multiline=True)
        spam = spam_percent(text), spam_percent(text, published_lately=True)
        new = NewPost(author_id, text, language_of(text), kind_of(text), *spam, subscribers_only)
        post, is_new = await self._posts.create(new, call)
        # A repeat may be of a call that was broken off right after its commit, and told nobody.
        if is_new or await self._posts.read([post.post_id], author_id):
            await self._features.post_created(post.post_id, author_id, post.kind, spam_percent=post.spam_percent)
        return post

    async def delete(self, author_id: int, post_id: int) -> None:
        """Delete one's own. AppError POST_NOT_FOUND, NOT_POST_AUTHOR."""
        await self._posts.delete(post_id, author_id)
        await self._features.post_deleted(post_id, author_id)
        await self._cache.forget(post_id)

    async def like(self, user_id: int, post_id: int) -> Post:
        """Like. AppError POST_NOT_FOUND."""
        shown = await self._posts.like(post_id, user_id)
        await self._features.post_liked(shown, user_id, likes=True)
        return await self._one(shown, user_id)

    async def unlike(self, user_id: int, post_id: int) -> Post:
        """Take a like back. AppError POST_NOT_FOUND."""
        shown = await self._posts.unlike(post_id, user_id)
        await self._features.post_liked(shown, user_id, likes=False)
        return await self._one(shown, user_id)

    async def report(self, user_id: int, post_id: int) -> None:
        """Report. AppError POST_NOT_FOUND, SELF_NOT_ALLOWED, REPORT_LIMIT_REACHED."""
        shown = await self._reports.report(post_id, user_id)
        await self._features.post_reported(shown, user_id)

    async def read(self, viewer_id: int, post_id: int) -> Post:
        """One post, of a repost what it passes on. AppError POST_NOT_FOUND."""
        return await self._one(post_id, viewer_id)

    async def _one(self, post_id: int, viewer_id: int) -> Post:
        post = await self._posts.shown(post_id, viewer_id)
        if post is None:
            raise post_not_found()
        return post
