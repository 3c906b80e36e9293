"""What people saw and opened, in Postgres: the batch, its event and its key in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from daira.events.v1 import events_pb2
from services.chassis import idempotency
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.social.adapters.postgres.visibility import sees_posts
from services.social.application.records import IdempotentCall

_METHOD: Final = "RecordFeedback"
# Batches of one person take turns, so that each sees what those before it have counted.
_TURN: Final = "SELECT pg_advisory_xact_lock(hashtext('feedback'), hashint8($1))"
# A repost stands for what it passes on, which was seen even when the repost is gone by now.
# What a person may not see counts for nothing, whatever they say.
_SHOWN: Final = f"""
SELECT p.id, o.id, o.author_id
FROM posts p
JOIN posts o ON o.id = CASE p.original_id WHEN 0 THEN p.id ELSE p.original_id END
JOIN profiles a ON a.user_id = o.author_id
WHERE p.id = ANY($1) AND o.deleted_at IS NULL AND o.author_id <> $2
    AND {sees_posts("$2", "o.author_id", "a.is_private")}
"""
_COUNTED: Final = """
SELECT seen, opened FROM impressions
WHERE viewer_id = $1 AND seen_at > clock_timestamp() - interval '7 days' AND seen || opened && $2
"""
# All of it or, with a key that is taken, nothing; a batch of which nothing counts leaves only its key.
_RECORD: Final = """
WITH claimed AS (
    INSERT INTO idempotency_keys (actor_id, method, key, body_hash) VALUES ($1, $5, $6, $7)
    ON CONFLICT DO NOTHING RETURNING actor_id
), counted AS (
    INSERT INTO impressions (viewer_id, seen, opened)
    SELECT actor_id, $2, $3 FROM claimed WHERE $4::bytea IS NOT NULL
    RETURNING viewer_id, seen_at
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id, payload, occurred_at)
    SELECT 'feedback_recorded', viewer_id, viewer_id, $4, seen_at FROM counted
)
SELECT true FROM claimed
"""


class PostgresFeedback:
    """Implements application.ports.Feedback."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def record(self, viewer_id: int, items: Mapping[int, bool], call: IdempotentCall) -> list[int]:
        """Count what the person had not seen or opened in the last week; the posts that were shown, counted or not."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_TURN, viewer_id)
            shown = await _shown(connection, viewer_id, items)
            posts = await _uncounted(connection, viewer_id, shown)
            seen = [post.post_id for post in posts if post.seen]
            opened = [post.post_id for post in posts if post.opened]
            payload = events_pb2.FeedbackRecorded(posts=posts).SerializeToString() if posts else None
            is_first = await connection.fetchval(
                _RECORD, viewer_id, seen, opened, payload, _METHOD, call.key, call.body_hash
            )
            if not is_first:
                # Refuses a key that came with another batch.
                await idempotency.find(connection, viewer_id, _METHOD, call.key, call.body_hash)
        return sorted(shown)


async def _shown(
    connection: PostgresConnection, viewer_id: int, items: Mapping[int, bool]
) -> dict[int, events_pb2.SeenPost]:
    """By id, the posts of others that the items are about; of several items about one, opened wins."""
    shown: dict[int, events_pb2.SeenPost] = {}
    for item_id, post_id, author_id in await connection.fetch(_SHOWN, list(items), viewer_id):
        post = shown.setdefault(post_id, events_pb2.SeenPost(post_id=post_id, author_id=author_id, seen=True))
        post.opened = post.opened or items[item_id]
    return shown


async def _uncounted(
    connection: PostgresConnection, viewer_id: int, shown: Mapping[int, events_pb2.SeenPost]
) -> list[events_pb2.SeenPost]:
    """What of it counts: the first sight and the first opening of each post in a week."""
    seen: set[int] = set()
    opened: set[int] = set()
    for row in await connection.fetch(_COUNTED, viewer_id, list(shown)) if shown else ():
        seen.update(row[0])
        opened.update(row[1])
    posts = [
        events_pb2.SeenPost(
            post_id=post.post_id,
            author_id=post.author_id,
            seen=post.post_id not in seen,
            opened=post.opened and post.post_id not in opened,
        )
        for _, post in sorted(shown.items())
    ]
    return [post for post in posts if post.seen or post.opened]
