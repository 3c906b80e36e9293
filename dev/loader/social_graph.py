"""Profiles, follows, posts and likes of a community into social's database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dev.loader.community import Community, Like, NewPost
from dev.loader.progress import Progress
from services.chassis.ids import timestamp_ms
from services.chassis.postgres import PostgresConnection
from services.social.adapters.postgres.bulk_import import BulkImport

HOUR_MS = 3_600_000


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
    }
    total = len(community.posts) + len(community.likes)
    moved = iter(progress.track("posts, likes", range(total), total))
    for posts, likes in _hour_by_hour(community):
        counts["posts"] += await bulk.add_posts(posts)
        counts["likes"] += await bulk.add_likes(likes)
        for _ in range(len(posts) + len(likes)):
            next(moved, None)
    next(moved, None)
    await bulk.finish()
    return counts


def _hour_by_hour(community: Community) -> Iterator[tuple[list[NewPost], list[Like]]]:
    """What was posted and liked in each hour, so that the order of events follows the order of time to the hour."""
    posts, likes = iter(community.posts), iter(community.likes)
    post, like = next(posts, None), next(likes, None)
    while post is not None or like is not None:
        moments = [timestamp_ms(post.post_id)] if post is not None else []
        moments += [like.at_ms] if like is not None else []
        until_ms = (min(moments) // HOUR_MS + 1) * HOUR_MS
        posted: list[NewPost] = []
        while post is not None and timestamp_ms(post.post_id) < until_ms:
            posted.append(post)
            post = next(posts, None)
        liked: list[Like] = []
        while like is not None and like.at_ms < until_ms:
            liked.append(like)
            like = next(likes, None)
        yield posted, liked
