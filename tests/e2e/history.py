"""What really happened, read from social's event log, in the terms of the oracle."""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg

from daira.events.v1 import events_pb2, follow_events_pb2
from tests.oracles import feed as oracle

ALL_EVENTS = """
SELECT p.pos, e.kind, e.aggregate_id, e.actor_id, e.payload, e.occurred_at
FROM event_positions p JOIN events e ON e.seq = p.event_seq AND e.occurred_at = p.event_occurred_at
ORDER BY p.pos
"""


async def recorded_events(database_url: str) -> list[oracle.Event]:
    """Every event of the log in order of position; positions must be dense from 1."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(ALL_EVENTS)
    finally:
        await connection.close()
    assert [row["pos"] for row in rows] == list(range(1, len(rows) + 1)), "positions have holes or repeats"
    return [event for row in rows for event in in_terms_of_the_oracle(row)]


def in_terms_of_the_oracle(row: asyncpg.Record) -> Iterator[oracle.Event]:
    """The oracle's event for a row of the log; none for events that feeds do not depend on."""
    subject, actor = row["aggregate_id"], row["actor_id"]
    match row["kind"]:
        case "post_created":
            created = events_pb2.PostCreated.FromString(row["payload"])
            yield oracle.PostCreated(subject, actor, created.kind, created.original_id, created.spam_percent)
        case "post_deleted":
            yield oracle.PostDeleted(subject)
        case "post_liked":
            yield oracle.PostLiked(subject, actor, int(row["occurred_at"].timestamp() * 1000))
        case "post_unliked":
            yield oracle.PostUnliked(subject, actor)
        case "post_reported":
            report = events_pb2.PostReported.FromString(row["payload"])
            trust = report.trust_percent if report.HasField("trust_percent") else 100
            yield oracle.PostReported(subject, actor, trust)
        case "feedback_recorded":
            at_ms = int(row["occurred_at"].timestamp() * 1000)
            for post in events_pb2.FeedbackRecorded.FromString(row["payload"]).posts:
                yield oracle.PostSeen(post.post_id, actor, at_ms, post.seen, post.opened)
        case _:
            yield from _of_people(row)


def _of_people(row: asyncpg.Record) -> Iterator[oracle.Event]:
    subject, actor = row["aggregate_id"], row["actor_id"]
    match row["kind"]:
        case "user_followed":
            yield oracle.UserFollowed(actor, subject)
        case "user_unfollowed":
            yield oracle.UserUnfollowed(actor, subject)
        case "user_blocked" | "user_unblocked" as kind:
            yield oracle.BlockChanged(actor, subject, kind == "user_blocked")
        case "user_muted" | "user_unmuted" as kind:
            yield oracle.MuteChanged(actor, subject, kind == "user_muted")
        case "author_privacy_changed":
            privacy = follow_events_pb2.AuthorPrivacyChanged.FromString(row["payload"])
            yield oracle.PrivacyChanged(subject, privacy.is_private)
