"""Posts in Postgres: each write is one statement that holds the row and its event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daira.events.v1 import events_pb2
from services.chassis import idempotency
from services.chassis.errors import AppError, ErrorKind, failed_precondition
from services.chassis.ids import MAX_ID, first_id_sql
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.social.adapters.postgres.visibility import has_access, sees_posts
from services.social.application.records import IdempotentCall, NewPost, Post
from services.social.domain.post import post_not_found, shard_of_author

_METHOD: Final = "CreatePost"
# The first id of the last 24 hours: the same for a whole statement, so that days before are not looked at.
_A_DAY_AGO: Final = first_id_sql("now() - interval '1 day'")

# Whether the author published the same text lately is seen by the statement that writes, and decides between two
# judgements of it. The id is made once, goes into the key's row as the answer, into the post and into the event.
_CREATE: Final = f"""
WITH author AS MATERIALIZED (
    SELECT handle, display_name, created_at, daira_id($8) AS new_id FROM profiles WHERE user_id = $1
), claimed AS (
    INSERT INTO idempotency_keys (actor_id, method, key, body_hash, response)
    SELECT $1, $9, $2, $3, int8send(new_id) FROM author
    ON CONFLICT DO NOTHING RETURNING response
), lately AS (
    SELECT EXISTS (
        SELECT 1 FROM posts WHERE author_id = $1 AND id >= {_A_DAY_AGO} AND original_id = 0 AND body = $4
    ) AS is_there
), made AS (
    INSERT INTO posts (id, author_id, body, language, kind, spam, subscribers_only)
    SELECT new_id, $1, $4, $5, $6, CASE WHEN is_there THEN $12::smallint ELSE $10::smallint END, $13
    FROM author, claimed, lately
    RETURNING id, spam
), logged AS (
    INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
    SELECT 'post_created', id, 1, $1, CASE WHEN is_there THEN $11::bytea ELSE $7::bytea END FROM made, lately
)
SELECT made.id, author.handle, author.display_name, author.created_at, made.spam FROM made, author
"""
_DELETE: Final = """
WITH found AS (
    SELECT author_id FROM posts WHERE id = $1 AND original_id = 0
), gone AS (
    UPDATE posts SET deleted_at = clock_timestamp()
    WHERE id = $1 AND author_id = $2 AND original_id = 0 AND deleted_at IS NULL
    RETURNING id
), logged AS (
    INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id)
    SELECT 'post_deleted', id, 2, $2 FROM gone
)
SELECT author_id FROM found
"""
_SEES: Final = sees_posts("$2", "p.author_id", "a.is_private")
# The post that an id shows the person $2: of a repost, what it passes on, while the repost stands. One that is locked
# to them is shown without what is in it.
_STANDS: Final = f"""
SELECT o.id, o.author_id, a.is_private OR o.subscribers_only AS stays_among_some
FROM posts p
JOIN posts o ON o.id = CASE p.original_id WHEN 0 THEN p.id ELSE p.original_id END
JOIN profiles a ON a.user_id = o.author_id
WHERE p.id = $1 AND p.deleted_at IS NULL AND o.deleted_at IS NULL
    AND {sees_posts("$2", "o.author_id", "a.is_private")}
"""
# The same, if they see what is in it: only then they do anything with it. The third column is whether it stays among
# those who see it.
SHOWN: Final = f"{_STANDS} AND (NOT o.subscribers_only OR {has_access('$2', 'o.author_id')})"
_LIKE: Final = """
WITH made AS (
    INSERT INTO likes (post_id, user_id) SELECT id, $2 FROM posts WHERE id = $1 AND deleted_at IS NULL
    ON CONFLICT DO NOTHING RETURNING post_id, created_at
)
INSERT INTO events (kind, aggregate_id, actor_id, payload, occurred_at)
SELECT 'post_liked', post_id, $2, $3, created_at FROM made
"""
_UNLIKE: Final = """
WITH gone AS (
    DELETE FROM likes WHERE post_id = $1 AND user_id = $2 AND created_at = $4 RETURNING post_id
)
INSERT INTO events (kind, aggregate_id, actor_id, payload)
SELECT 'post_unliked', post_id, $2, $3 FROM gone
"""
_READ_ALL: Final = f"""
SELECT p.id, p.author_id, a.handle, a.display_name, a.created_at, p.body, p.language, p.kind,
       coalesce(c.likes, 0), EXISTS (SELECT 1 FROM likes l WHERE l.user_id = $2 AND l.post_id = p.id),
       coalesce(c.reposts, 0), EXISTS (SELECT 1 FROM reposts r WHERE r.user_id = $2 AND r.post_id = p.id), p.spam,
       p.subscribers_only, p.subscribers_only AND NOT {has_access("$2", "p.author_id")}
FROM posts p
JOIN profiles a ON a.user_id = p.author_id
LEFT JOIN post_counters c ON c.post_id = p.id
"""
_READ: Final = f"{_READ_ALL} WHERE p.id = ANY($1) AND (p.deleted_at IS NULL OR $3)"
_READ_SEEN: Final = f"{_READ} AND {_SEES}"
_READ_SHOWN: Final = f"WITH shown AS MATERIALIZED ({_STANDS}) {_READ_ALL} WHERE p.id = (SELECT id FROM shown)"


class PostgresPosts:
    """Implements application.ports.Posts."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def create(self, post: NewPost, call: IdempotentCall) -> tuple[Post, bool]:
        """The post, and whether it was made now. A repeat is answered even when the post was deleted since."""
        # What only subscribers see is in no event: logs are read by many.
        told = "" if post.subscribers_only else post.body
        payload, payload_again = (
            events_pb2.PostCreated(
                body=told,
                subscribers_only=post.subscribers_only,
                language=post.language,
                kind=post.kind,
                spam_percent=percent,
            )
            for percent in (post.spam_percent, post.spam_percent_again)
        )
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            made = await connection.fetchrow(
                _CREATE, post.author_id, call.key, call.body_hash, post.body, post.language, post.kind,
                payload.SerializeToString(), shard_of_author(post.author_id), _METHOD, post.spam_percent,
                payload_again.SerializeToString(), post.spam_percent_again, post.subscribers_only,
            )  # fmt: skip
            if made is not None:
                post_id, handle, display_name, author_since, spam = made
                written = (post.body, post.language, post.kind)
                author = (post.author_id, handle, display_name, author_since)
                return Post(post_id, *author, *written, spam_percent=spam, subscribers_only=post.subscribers_only), True
            # A repeat, which has waited for the first to commit; or somebody without a profile.
            answer = await idempotency.find(connection, post.author_id, _METHOD, call.key, call.body_hash)
            if answer is None:
                raise failed_precondition("make a profile first", "PROFILE_MISSING")
            row = await connection.fetchrow(_READ, [int.from_bytes(answer, "big")], post.author_id, True)
        if row is None:
            raise post_not_found()
        return Post(*row), False

    async def delete(self, post_id: int, author_id: int) -> None:
        """Delete once; the event is written by the call that deletes."""
        async with unavailable_as_app_error():
            owner = await self._pool.fetchval(_DELETE, known_id(post_id), author_id)
        if owner is None:
            raise post_not_found()
        if owner != author_id:
            raise AppError(ErrorKind.PERMISSION_DENIED, "NOT_POST_AUTHOR", "only the author can delete a post")

    async def like(self, post_id: int, user_id: int) -> int:
        """Like once."""
        shown, author_id = await self._live(post_id, user_id)
        payload = events_pb2.PostLiked(author_id=author_id).SerializeToString()
        async with unavailable_as_app_error():
            await self._pool.execute(_LIKE, shown, user_id, payload)
        return shown

    async def unlike(self, post_id: int, user_id: int) -> int:
        """Take a like back; the event says when it was given."""
        shown, author_id = await self._live(post_id, user_id)
        async with unavailable_as_app_error():
            liked_at = await self._pool.fetchval(
                "SELECT created_at FROM likes WHERE user_id = $1 AND post_id = $2", user_id, shown
            )
            if liked_at is None:
                return shown
            payload = events_pb2.PostUnliked(author_id=author_id)
            payload.liked_at.FromDatetime(liked_at)
            # A like given anew in between has another time and stays.
            await self._pool.execute(_UNLIKE, shown, user_id, payload.SerializeToString(), liked_at)
        return shown

    async def read(self, post_ids: Sequence[int], viewer_id: int) -> list[Post]:
        """The posts that the viewer may see, in the order of the ids."""
        return await self._read(_READ_SEEN, post_ids, viewer_id)

    async def read_for_anybody(self, post_ids: Sequence[int]) -> list[Post]:
        """The posts that are not deleted, in the order of the ids; whoever shows them asks who may see them."""
        return await self._read(_READ, post_ids, 0)

    async def _read(self, statement: str, post_ids: Sequence[int], viewer_id: int) -> list[Post]:
        wanted = [post_id for post_id in post_ids if 0 < post_id <= MAX_ID]
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(statement, wanted, viewer_id, False)
        found = {row[0]: Post(*row) for row in rows}
        return [found[post_id] for post_id in wanted if post_id in found]

    async def shown(self, post_id: int, viewer_id: int) -> Post | None:
        """The post that an id shows, if the viewer may see it."""
        if not 0 < post_id <= MAX_ID:
            return None
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_READ_SHOWN, post_id, viewer_id)
        return Post(*row) if row is not None else None

    async def _live(self, post_id: int, viewer_id: int) -> tuple[int, int]:
        """The post that an id shows the viewer, and its author."""
        async with unavailable_as_app_error():
            found = await self._pool.fetchrow(SHOWN, known_id(post_id), viewer_id)
        if found is None:
            raise post_not_found()
        return found[0], found[1]


def known_id(post_id: int) -> int:
    """An id that a post may have; AppError POST_NOT_FOUND for others."""
    if not 0 < post_id <= MAX_ID:
        raise post_not_found()
    return post_id
