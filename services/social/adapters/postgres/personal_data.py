"""What social holds about a person: all of it but what only says what others did."""

from __future__ import annotations

from typing import Final

from services.chassis.postgres import PostgresPool
from services.personal_data.pages import PersonalSections
from services.personal_data.postgres_sections import made_at, microseconds, moment, only_row, postgres_section

_PROFILE: Final = only_row(
    "handle, display_name, bio, is_private, created_at, followers, following, posts",
    "profiles LEFT JOIN author_counters USING (user_id) WHERE user_id = $1",
)
# Posts that were deleted are here as well for as long as their words are; then only a number is left of them.
_POST: Final = f"""
    SELECT id, id, {made_at("id")} AS created_at, (ARRAY['text', 'link', 'question', 'repost'])[kind] AS kind,
        language, body, nullif(original_id, 0) AS original_id, spam,
        subscribers_only, deleted_at
    FROM posts WHERE author_id = $1 AND id > $2 AND (deleted_at IS NULL OR body <> '') ORDER BY id LIMIT $3
"""
_LIKE: Final = """
    SELECT post_id, post_id, created_at FROM likes WHERE user_id = $1 AND post_id > $2 ORDER BY post_id LIMIT $3
"""
_REPORT: Final = f"""
    SELECT {microseconds("created_at")}, post_id, post_id, created_at, trust FROM reports
    WHERE user_id = $1 AND (created_at, post_id) > ({moment("$2")}, $3) ORDER BY created_at, post_id LIMIT $4
"""
_MUTED_WORDS: Final = only_row("words", "muted_words WHERE user_id = $1")
# Rows of one moment are one: nothing else tells them apart.
_SEEN: Final = f"""
    SELECT {microseconds("seen_at")}, seen_at,
        string_to_array(string_agg(nullif(array_to_string(seen, ','), ''), ','), ',') AS seen_ids,
        string_to_array(string_agg(nullif(array_to_string(opened, ','), ''), ','), ',') AS opened_ids
    FROM impressions WHERE viewer_id = $1 AND seen_at > {moment("$2")} GROUP BY seen_at ORDER BY seen_at LIMIT $3
"""
_INTEREST: Final = """
    SELECT author_id, author_id, weight, as_of FROM affinities
    WHERE viewer_id = $1 AND author_id > $2 ORDER BY author_id LIMIT $3
"""

NOT_EXPORTED: Final = {
    "post_counters": "counts of what others did with a post",
    "author_counters": "shown with the profile",
    "reposts": "each is one of the posts",
    "fan_modes": "how an author's posts are delivered",
    "fan_out_jobs": "posts on their way",
    "idempotency_keys": "answers that are there in other forms, for a day",
    "erasures": "people who are gone",
    "subscriber_access": "what follows from subscriptions, which payments exports",
    "events": "what happened, of which the other tables are the state",
    "event_positions": "places in the log",
    "relay_state": "a place in the log",
    "consumer_cursors": "places in logs",
    "dead_letters": "events that could not be applied",
    "alembic_version": "of the schema",
}
"""Tables that no section reads, and why not."""


def social_data(pool: PostgresPool) -> PersonalSections:
    """The sections of social's database."""
    return PersonalSections(
        [
            postgres_section(pool, "profile", _PROFILE),
            postgres_section(pool, "post", _POST),
            postgres_section(pool, "like", _LIKE),
            postgres_section(pool, "following", _sought("follows", "follower_id", "followee_id")),
            postgres_section(pool, "follower", _latest("follows", "followee_id", "follower_id"), keys=2),
            postgres_section(pool, "follow_request", _sought("follow_requests", "follower_id", "followee_id")),
            postgres_section(
                pool, "follow_request_received", _latest("follow_requests", "followee_id", "follower_id"), keys=2
            ),
            # Who blocked or muted the person is theirs who did.
            postgres_section(pool, "block", _sought("blocks", "blocker_id", "blocked_id")),
            postgres_section(pool, "mute", _sought("mutes", "muter_id", "muted_id")),
            postgres_section(pool, "muted_words", _MUTED_WORDS),
            postgres_section(pool, "report", _REPORT, keys=2),
            postgres_section(pool, "seen", _SEEN),
            postgres_section(pool, "interest", _INTEREST),
        ]
    )


def _sought(table: str, person: str, other: str) -> str:
    """Those whom the person is related to, along the primary key."""
    return f"""
        SELECT {other}, {other}, created_at FROM {table}
        WHERE {person} = $1 AND {other} > $2 ORDER BY {other} LIMIT $3
    """


def _latest(table: str, person: str, other: str) -> str:
    """Those who are related to the person, along the index by time."""
    return f"""
        SELECT {microseconds("created_at")}, {other}, {other}, created_at FROM {table}
        WHERE {person} = $1 AND (created_at, {other}) > ({moment("$2")}, $3) ORDER BY created_at, {other} LIMIT $4
    """
