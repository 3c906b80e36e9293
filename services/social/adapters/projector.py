"""The projector: counters, affinities and fan-in modes out of events, in the transaction that moves its cursor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from daira.events.v1 import events_pb2
from services.chassis.cursors import advance_cursor
from services.chassis.ids import timestamp_ms
from services.chassis.outbox import NEW_EVENT_SQL
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.chassis.stream_event import StreamEvent
from services.social.domain.affinity import LIKE, OPEN, REPOST, Affinity
from services.social.domain.counting import Act, Changes, fan_in_flip

CONSUMER: Final = "projector"
# Reports from before there was trust.
FULL_TRUST: Final = 100
_COUNTERS: Final = ("likes", "reposts", "opens", "impressions", "reports", "report_trust")

_POST_COUNTERS: Final = """
INSERT INTO post_counters AS c (post_id, likes, reposts, opens, impressions, reports, report_trust)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
ON CONFLICT (post_id) DO UPDATE SET
    likes = c.likes + excluded.likes, reposts = c.reposts + excluded.reposts, opens = c.opens + excluded.opens,
    impressions = c.impressions + excluded.impressions, reports = c.reports + excluded.reports,
    report_trust = c.report_trust + excluded.report_trust
"""
_AUTHOR_COUNTERS: Final = """
INSERT INTO author_counters AS c (user_id, followers, following, posts)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
ON CONFLICT (user_id) DO UPDATE SET followers = c.followers + excluded.followers,
    following = c.following + excluded.following, posts = c.posts + excluded.posts
RETURNING user_id, followers, fan_in
"""
# Back below the border an author stays merged until the fan-out has forgotten the followers' inboxes.
_FLIP: Final = """
UPDATE author_counters SET fan_in = $2, merged = merged OR $2, fan_in_flips = fan_in_flips + 1 WHERE user_id = $1
RETURNING fan_in_flips
"""
_AFFINITIES_OF: Final = """
SELECT a.viewer_id, a.author_id, a.weight, a.as_of
FROM affinities a JOIN unnest($1::bigint[], $2::bigint[]) AS w (viewer_id, author_id) USING (viewer_id, author_id)
"""
_SET_AFFINITIES: Final = """
INSERT INTO affinities AS a (viewer_id, author_id, weight, as_of)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::float8[], $4::timestamptz[])
ON CONFLICT (viewer_id, author_id) DO UPDATE SET weight = excluded.weight, as_of = excluded.as_of
"""


class Projector:
    """Applies each event exactly once: effect and cursor commit together."""

    def __init__(self, pool: PostgresPool, fan_in_threshold: int) -> None:
        self._pool = pool
        self._fan_in_threshold = fan_in_threshold

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply a batch; CursorMoved when another instance was first."""
        changes = add_up(batch)
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await advance_cursor(connection, CONSUMER, batch)
            await _count_posts(connection, changes)
            await self._count_authors(connection, changes)
            await _move_affinities(connection, changes.acts)

    async def _count_authors(self, connection: PostgresConnection, changes: Changes) -> None:
        people = sorted(changes.followers.keys() | changes.following.keys() | changes.posts.keys())
        if not people:
            return
        columns = [[counter[person] for person in people] for counter in _author_columns(changes)]
        for user_id, followers, is_fan_in in await connection.fetch(_AUTHOR_COUNTERS, people, *columns):
            flip = fan_in_flip(followers, is_fan_in=is_fan_in, threshold=self._fan_in_threshold)
            if flip is None:
                continue
            flips = await connection.fetchval(_FLIP, user_id, flip)
            payload = events_pb2.AuthorFanModeChanged(fan_in=flip, followers=followers).SerializeToString()
            await connection.execute(NEW_EVENT_SQL, "author_fan_mode_changed", user_id, flips, 0, payload)


def add_up(batch: Sequence[StreamEvent]) -> Changes:
    """The sums of a batch of serialised events."""
    changes = Changes()
    for stream_event in batch:
        event = events_pb2.Event.FromString(stream_event.data)
        subject, actor = event.aggregate_id, event.actor_id
        match event.WhichOneof("payload"):
            case "post_created" | "post_deleted" as kind:
                _count_post(changes, event, 1 if kind == "post_created" else -1)
            case "post_liked":
                liked_ms = milliseconds(event.occurred_at)
                changes.of_posts[subject].likes += 1
                changes.acts.append(Act(actor, event.post_liked.author_id, liked_ms, LIKE))
            case "post_unliked":
                liked_ms = milliseconds(event.post_unliked.liked_at)
                changes.of_posts[subject].likes -= 1
                changes.acts.append(Act(actor, event.post_unliked.author_id, liked_ms, -LIKE))
            case "post_reported":
                changes.of_posts[subject].reports += 1
                changes.of_posts[subject].report_trust += trust_of(event.post_reported)
            case "feedback_recorded":
                _count_feedback(changes, event)
            case "user_followed":
                changes.follow(actor, subject, 1)
            case "user_unfollowed":
                changes.follow(actor, subject, -1)
            case _:
                pass
    return changes


def _count_post(changes: Changes, event: events_pb2.Event, delta: int) -> None:
    """A repost counts for what it passes on, not among its author's posts."""
    payload = event.post_created if delta > 0 else event.post_deleted
    if not payload.original_id:
        changes.posts[event.actor_id] += delta
        return
    changes.of_posts[payload.original_id].reposts += delta
    at_ms = timestamp_ms(event.aggregate_id)
    changes.acts.append(Act(event.actor_id, payload.original_author_id, at_ms, delta * REPOST))


def _count_feedback(changes: Changes, event: events_pb2.Event) -> None:
    at_ms = milliseconds(event.occurred_at)
    for post in event.feedback_recorded.posts:
        changes.of_posts[post.post_id].impressions += post.seen
        changes.of_posts[post.post_id].opens += post.opened
        if post.opened:
            changes.acts.append(Act(event.actor_id, post.author_id, at_ms, OPEN))


def trust_of(report: events_pb2.PostReported) -> int:
    """How far a reporter was trusted, in percent."""
    return report.trust_percent if report.HasField("trust_percent") else FULL_TRUST


def milliseconds(moment: Timestamp) -> int:
    """Whole milliseconds since 1970."""
    return moment.seconds * 1000 + moment.nanos // 1_000_000


def _author_columns(changes: Changes) -> tuple[dict[int, int], ...]:
    return changes.followers, changes.following, changes.posts


async def _count_posts(connection: PostgresConnection, changes: Changes) -> None:
    posts = sorted(changes.of_posts)
    if posts:
        sums = [changes.of_posts[post] for post in posts]
        columns = [[getattr(change, name) for change in sums] for name in _COUNTERS]
        await connection.execute(_POST_COUNTERS, posts, *columns)


async def _move_affinities(connection: PostgresConnection, moves: Sequence[Act]) -> None:
    if not moves:
        return
    pairs = sorted({(move.viewer_id, move.author_id) for move in moves})
    viewers, authors = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    affinities = {pair: Affinity() for pair in pairs}
    for viewer_id, author_id, weight, as_of in await connection.fetch(_AFFINITIES_OF, viewers, authors):
        affinities[viewer_id, author_id] = Affinity(weight, round(as_of.timestamp() * 1000))
    for move in moves:
        affinities[move.viewer_id, move.author_id].add(move.at_ms, move.weight)
    weights = [affinities[pair].weight for pair in pairs]
    moments = [datetime.fromtimestamp(affinities[pair].as_of_ms / 1000, UTC) for pair in pairs]
    await connection.execute(_SET_AFFINITIES, viewers, authors, weights, moments)
