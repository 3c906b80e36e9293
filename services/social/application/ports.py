"""What the use cases need of the outside; adapters implement these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.social.application.records import IdempotentCall, NewPost, Original, Post, Profile, Visibility


class Posts(Protocol):
    """Posts and what people do with them. Every write is durable with its event when the call returns.

    What is done to a repost is done to the post that it passes on, whose id is returned.
    """

    async def create(self, post: NewPost, call: IdempotentCall) -> tuple[Post, bool]:
        """The post, and whether it was made now; the same post for the same call, also when it was deleted since.

        AppError IDEMPOTENCY_KEY_REUSED for a key with another body, PROFILE_MISSING without a profile.
        """
        ...

    async def delete(self, post_id: int, author_id: int) -> None:
        """Delete; again is no error. AppError POST_NOT_FOUND, also for reposts, or NOT_POST_AUTHOR."""
        ...

    async def like(self, post_id: int, user_id: int) -> int:
        """Like, once. AppError POST_NOT_FOUND."""
        ...

    async def unlike(self, post_id: int, user_id: int) -> int:
        """Take a like back; without one nothing happens. AppError POST_NOT_FOUND."""
        ...

    async def read(self, post_ids: Sequence[int], viewer_id: int) -> list[Post]:
        """The posts that the viewer, 0 for nobody signed in, may see, in the order of the ids.

        A repost is read as it is, without a text.
        """
        ...

    async def shown(self, post_id: int, viewer_id: int) -> Post | None:
        """The post that an id shows: of a repost, what it passes on; None when the viewer may not see it."""
        ...


class Reposts(Protocol):
    """Posts passed on. Every write is durable with its event when the call returns."""

    async def repost(self, post_id: int, user_id: int) -> tuple[Original, int]:
        """Pass a post on, once; what is passed on and the id of the repost, also when it was there before.

        AppError POST_NOT_FOUND for what the person may not see, REPOST_NOT_ALLOWED for what private authors let them
        see, PROFILE_MISSING.
        """
        ...

    async def undo(self, post_id: int, user_id: int) -> tuple[Original, int]:
        """No longer pass a post on, also one that is gone or hidden by now; the post, and the repost's id or 0.

        AppError POST_NOT_FOUND for a post that never was.
        """
        ...


class Reports(Protocol):
    """Posts reported."""

    async def report(self, post_id: int, user_id: int) -> int:
        """Report what a post's id shows, once, and judge how far the reporter is trusted; that post's id.

        AppError POST_NOT_FOUND, SELF_NOT_ALLOWED, REPORT_LIMIT_REACHED. Durable with its event when it returns.
        """
        ...


class Feedback(Protocol):
    """What people saw and opened."""

    async def record(self, viewer_id: int, items: Mapping[int, bool], call: IdempotentCall) -> list[int]:
        """Posts by the ids that feeds gave, and whether each was opened; each counts once in a week.

        Returns the ids, of originals, that are not deleted and not the viewer's own, counted now or before. AppError
        IDEMPOTENCY_KEY_REUSED for a key with another body.
        """
        ...


class SeenPosts(Protocol):
    """The filter of what a viewer has seen in the last week."""

    async def add(self, viewer_id: int, post_ids: Sequence[int]) -> None:
        """Add posts; best effort, since it can be made anew from what is recorded."""
        ...


class Graph(Protocol):
    """Who follows whom."""

    async def follow(self, follower_id: int, followee_id: int) -> bool:
        """Follow, or ask to when the followee is private; whether there is a new follow.

        AppError PROFILE_NOT_FOUND, PROFILE_MISSING, FOLLOW_LIMIT_REACHED, BLOCKED.
        """
        ...

    async def unfollow(self, follower_id: int, followee_id: int) -> bool:
        """Unfollow, or take the request back; whether there was a follow. AppError PROFILE_NOT_FOUND."""
        ...

    async def followers(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, follower) latest first, after that pair."""
        ...

    async def following(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, followee) latest first, after that pair."""
        ...


class FollowRequests(Protocol):
    """Who may follow somebody private, and who may no longer follow anybody."""

    async def answer(self, followee_id: int, follower_id: int, call: IdempotentCall, *, accept: bool) -> None:
        """Accept or decline; the same call again is no error.

        AppError FOLLOW_REQUEST_NOT_FOUND, IDEMPOTENCY_KEY_REUSED.
        """
        ...

    async def remove_follower(self, followee_id: int, follower_id: int) -> bool:
        """End a follow from the other side; whether there was one. AppError PROFILE_NOT_FOUND."""
        ...

    async def waiting(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, who asks to follow) latest first, after that pair."""
        ...


class Profiles(Protocol):
    """Public profiles."""

    async def create(self, profile: Profile) -> None:
        """Make the profile; the same again is no error. AppError HANDLE_TAKEN, ALREADY_EXISTS for other fields."""
        ...

    async def update(self, user_id: int, display_name: str | None, bio: str | None) -> None:
        """Change what is given. AppError PROFILE_NOT_FOUND."""
        ...

    async def set_privacy(self, user_id: int, *, is_private: bool) -> None:
        """Go private, or public, which accepts everybody who asked. Nothing happens when it is so already."""
        ...

    async def by_ids(self, user_ids: Sequence[int], viewer_id: int, *, even_of_blockers: bool = False) -> list[Profile]:
        """The profiles found, in the order of the ids; those of people who block the viewer only when asked for."""
        ...

    async def id_of_handle(self, handle: str) -> int | None:
        """The account with the handle."""
        ...


class Safety(Protocol):
    """Blocks, mutes and muted words. Every write is durable with its events when the call returns."""

    async def block(self, blocker_id: int, blocked_id: int) -> bool:
        """Block, and end follows and requests both ways; whether the block is new. AppError PROFILE_NOT_FOUND."""
        ...

    async def unblock(self, blocker_id: int, blocked_id: int) -> None:
        """Block no longer; without a block nothing happens. AppError PROFILE_NOT_FOUND."""
        ...

    async def mute(self, muter_id: int, muted_id: int) -> None:
        """Mute, once. AppError PROFILE_NOT_FOUND."""
        ...

    async def unmute(self, muter_id: int, muted_id: int) -> None:
        """Mute no longer; without a mute nothing happens. AppError PROFILE_NOT_FOUND."""
        ...

    async def set_muted_words(self, user_id: int, words: Sequence[str]) -> None:
        """Replace the words."""
        ...

    async def muted_words(self, user_id: int) -> list[str]:
        """The words in the order they were given."""
        ...

    async def blocked(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, person blocked) latest first, after that pair."""
        ...

    async def muted(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, person muted) latest first, after that pair."""
        ...


class VisibilityRule(Protocol):
    """Who sees whose posts."""

    async def of_author(self, author_id: int, viewer_id: int) -> Visibility:
        """What of an author the viewer, 0 for nobody signed in, sees. AppError UNAVAILABLE."""
        ...


class Inboxes(Protocol):
    """Materialised inboxes of readers; best effort here, for the fan-out worker does it again from the event."""

    async def invalidate(self, viewer_ids: Sequence[int]) -> None:
        """Forget the inboxes: the next read rebuilds them."""
        ...


class LocalFeatures(Protocol):
    """What a person has just written, for their own next read: here at once, and on other replicas with that read.

    Best effort after the commit: the events say the same again a moment later.
    """

    async def post_created(
        self, post_id: int, author_id: int, kind: int, *, original_id: int = 0, spam_percent: int = 0
    ) -> None:
        """The author's very next feed has the post."""
        ...

    async def post_deleted(self, post_id: int, author_id: int) -> None:
        """The author's very next feed has the post no more."""
        ...

    async def post_liked(self, post_id: int, user_id: int, *, likes: bool) -> None:
        """The post is marked as liked, or not, in the person's very next feed."""
        ...

    async def post_reposted(self, original_id: int, user_id: int, *, reposts: bool) -> None:
        """The post is marked as passed on, or not, in the person's very next feed."""
        ...

    async def post_reported(self, post_id: int, user_id: int) -> None:
        """The person's very next feed has the post no more."""
        ...

    async def follows_changed(self, viewer_id: int) -> None:
        """The viewer's very next feed is of whom they follow now."""
        ...

    async def relation_changed(
        self, actor_id: int, other_id: int, *, blocks: bool | None = None, mutes: bool | None = None
    ) -> None:
        """The actor blocks or mutes the other, or no longer; None leaves it as it is."""
        ...

    async def privacy_changed(self, author_id: int, *, is_private: bool) -> None:
        """Reposts of the author's posts are in no feed of this replica any more, or again."""
        ...

    async def muted_words_changed(self, viewer_id: int) -> None:
        """The viewer's very next feed is without posts that have the words of now."""
        ...


class PostCache(Protocol):
    """Cached serialised posts."""

    async def forget(self, post_id: int) -> None:
        """Drop the post from the cache; best effort."""
        ...
