"""Profiles, follows, posts and what people did with them into social's database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from dev.loader.community import Community, Feedback, Like, NewPost, Repost
from dev.loader.progress import Progress
from services.chassis.ids import timestamp_ms
from services.chassis.postgres import PostgresConnection
from services.social.adapters.postgres.bulk_import import BulkImport

HOUR_MS = 3_600_000
Row = TypeVar("Row")


async def prepare_social(connection: PostgresConnection) -> None:
    """Make the partitions first, in a transaction of their own: making one locks the table against writers."""
    async with connection.transaction():
        await BulkImport(connection).prepare()


async def load_graph(connection: PostgresConnection, community: Community, progress: Progress) -> Mapping[str, int]:
    """Add everything with its events, in the caller's transaction."""
    bulk = BulkImport(connection)
    people, follows = community.people, community.follows
    counts = {
        "people": await bulk.add_profiles(
            (person.user_id, person.handle, person.display_name, person.bio, person.created_ms)
            for person in progress.track("profiles", people, len(people))
        ),
        "follows": await bulk.add_follows(progress.track("follows", follows, len(follows))),
        "posts": 0,
        "likes": 0,
        "reposts": 0,
        "feedback": 0,
    }
    total = len(community.posts) + len(community.likes) + len(community.reposts) + len(community.feedback)
    moved = iter(progress.track("posts, likes", range(total), total))
    for hour in _hour_by_hour(community):
        counts["posts"] += await bulk.add_posts(hour.posts)
        counts["likes"] += await bulk.add_likes(hour.likes)
        counts["reposts"] += await bulk.add_reposts(hour.reposts)
        counts["feedback"] += await bulk.add_feedback(hour.feedback)
        for _ in range(len(hour.posts) + len(hour.likes) + len(hour.reposts) + len(hour.feedback)):
            next(moved, None)
    next(moved, None)
    await bulk.finish()
    return counts


class _Hour(NamedTuple):
    """What happened in one hour."""

    posts: list[NewPost]
    likes: list[Like]
    reposts: list[Repost]
    feedback: list[Feedback]


class _Stream(Generic[Row]):
    """Rows in order of time, taken hour by hour."""

    def __init__(self, rows: Iterable[Row], at_ms: Callable[[Row], int]) -> None:
        self._rows = iter(rows)
        self._at_ms = at_ms
        self._next = next(self._rows, None)

    @property
    def next_ms(self) -> int | None:
        """When the next row happened; None when there is none."""
        return None if self._next is None else self._at_ms(self._next)

    def take(self, until_ms: int) -> list[Row]:
        """The rows before that moment."""
        taken: list[Row] = []
        while self._next is not None and self._at_ms(self._next) < until_ms:
            taken.append(self._next)
            self._next = next(self._rows, None)
        return taken


def _hour_by_hour(community: Community) -> Iterator[_Hour]:
    """The order of events follows the order of time to the hour."""
    posts = _Stream(community.posts, lambda post: timestamp_ms(post.post_id))
    likes = _Stream(community.likes, lambda like: like.at_ms)
    reposts = _Stream(community.reposts, lambda repost: timestamp_ms(repost.repost_id))
    feedback = _Stream(community.feedback, lambda batch: batch.at_ms)
    while True:
        moments = [at for at in (posts.next_ms, likes.next_ms, reposts.next_ms, feedback.next_ms) if at is not None]
        if not moments:
            return
        until_ms = (min(moments) // HOUR_MS + 1) * HOUR_MS
        yield _Hour(posts.take(until_ms), likes.take(until_ms), reposts.take(until_ms), feedback.take(until_ms))
