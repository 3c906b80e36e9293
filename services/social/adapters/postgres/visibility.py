"""Who sees whose profile and posts: the one place that says so, as SQL, and the questions that are nothing but it.

A person does not see the profile of somebody who blocks them. Where either of two blocks the other, neither sees the
other's posts; a private author's posts are seen by followers and the author alone. What is in a post for subscribers
only is seen by those with access and the author alone. Arguments are SQL expressions.
"""

from __future__ import annotations

from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.social.application.records import Visibility


def blocks_between(one: str, other: str) -> str:
    """Whether either of two people blocks the other."""
    return f"EXISTS (SELECT 1 FROM blocks b WHERE (b.blocker_id, b.blocked_id) IN (({one}, {other}), ({other}, {one})))"


def sees_profile(viewer: str, person: str) -> str:
    """Whether the viewer, 0 for nobody signed in, sees a person's profile."""
    return f"NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_id = {person} AND b.blocked_id = {viewer})"


def follows(viewer: str, author: str) -> str:
    """Whether the viewer follows the author."""
    return f"EXISTS (SELECT 1 FROM follows f WHERE f.follower_id = {viewer} AND f.followee_id = {author})"


def asks(viewer: str, author: str) -> str:
    """Whether the viewer waits for the author to accept them."""
    return f"EXISTS (SELECT 1 FROM follow_requests r WHERE r.follower_id = {viewer} AND r.followee_id = {author})"


def sees_posts(viewer: str, author: str, is_private: str) -> str:
    """Whether the viewer, 0 for nobody signed in, sees an author's posts; `is_private` is the author's flag."""
    return (
        f"({author} = {viewer} OR NOT {blocks_between(viewer, author)}"
        f" AND (NOT {is_private} OR {follows(viewer, author)}))"
    )


def has_access(viewer: str, author: str) -> str:
    """Whether the viewer sees what is in an author's posts for subscribers."""
    return (
        f"({author} = {viewer} OR EXISTS (SELECT 1 FROM subscriber_access s WHERE s.subscriber_id = {viewer}"
        f" AND s.creator_id = {author} AND s.until > clock_timestamp()))"
    )


_OF_AUTHOR: Final = f"""
SELECT {sees_profile("$2", "a.user_id")}, {blocks_between("$2", "a.user_id")},
       {sees_posts("$2", "a.user_id", "a.is_private")}
FROM profiles a WHERE a.user_id = $1
"""


class PostgresVisibility:
    """Implements application.ports.VisibilityRule."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def of_author(self, author_id: int, viewer_id: int) -> Visibility:
        """What of an author the viewer sees. AppError UNAVAILABLE when Postgres is away: nothing is shown by guess."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_OF_AUTHOR, author_id, viewer_id)
        if row is None:
            return Visibility.UNKNOWN
        profile, blocked, posts = row
        if posts:
            return Visibility.EVERYTHING
        if not profile:
            return Visibility.UNKNOWN
        return Visibility.BLOCKED if blocked else Visibility.PRIVATE
