"""What the feed asks for: relations that hide, privacy, reposts, impressions, trust, and the fan-out's own state."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    "ALTER TABLE profiles ADD COLUMN is_private boolean NOT NULL DEFAULT false",
    # A repost is a post of kind 4 without a text of its own.
    "ALTER TABLE posts ADD COLUMN original_id bigint NOT NULL DEFAULT 0",
    "ALTER TABLE posts ADD COLUMN spam smallint NOT NULL DEFAULT 0",
    # Who passes what on, once each; `posts` cannot say so, being partitioned by its own id.
    """
    CREATE TABLE reposts (
        user_id bigint NOT NULL,
        post_id bigint NOT NULL,
        repost_id bigint NOT NULL,
        PRIMARY KEY (user_id, post_id)
    )
    """,
    "CREATE INDEX reposts_post ON reposts (post_id)",
    "ALTER TABLE reports ADD COLUMN trust smallint NOT NULL DEFAULT 100",
    "CREATE INDEX reports_user ON reports (user_id, created_at DESC)",
    """
    CREATE TABLE follow_requests (
        follower_id bigint NOT NULL,
        followee_id bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (follower_id, followee_id)
    )
    """,
    "CREATE INDEX follow_requests_followee ON follow_requests (followee_id, created_at DESC, follower_id DESC)",
    """
    CREATE TABLE blocks (
        blocker_id bigint NOT NULL,
        blocked_id bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (blocker_id, blocked_id),
        CONSTRAINT nobody_blocks_themselves CHECK (blocker_id <> blocked_id)
    )
    """,
    "CREATE INDEX blocks_blocked ON blocks (blocked_id, blocker_id)",
    """
    CREATE TABLE mutes (
        muter_id bigint NOT NULL,
        muted_id bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (muter_id, muted_id),
        CONSTRAINT nobody_mutes_themselves CHECK (muter_id <> muted_id)
    )
    """,
    """
    CREATE TABLE muted_words (
        user_id bigint PRIMARY KEY,
        words text[] NOT NULL CHECK (cardinality(words) <= 100)
    )
    """,
    # What a person was shown, a row a batch: the truth behind the filter of what was seen. Kept for eight days.
    """
    CREATE TABLE impressions (
        viewer_id bigint NOT NULL,
        seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        seen bigint[] NOT NULL,
        opened bigint[] NOT NULL
    ) PARTITION BY RANGE (seen_at)
    """,
    "CREATE INDEX impressions_viewer ON impressions (viewer_id, seen_at)",
    "CREATE TABLE impressions_default PARTITION OF impressions DEFAULT",
    "ALTER TABLE post_counters ADD COLUMN reposts bigint NOT NULL DEFAULT 0",
    "ALTER TABLE post_counters ADD COLUMN opens bigint NOT NULL DEFAULT 0",
    "ALTER TABLE post_counters ADD COLUMN impressions bigint NOT NULL DEFAULT 0",
    # The sum of the reporters' trust in percent.
    "ALTER TABLE post_counters ADD COLUMN report_trust bigint NOT NULL DEFAULT 0",
    "UPDATE post_counters SET report_trust = 100 * reports",
    # How often the author crossed the fan-in border: tells the fan-out whether a crossing was the last one.
    "ALTER TABLE author_counters ADD COLUMN fan_in_flips integer NOT NULL DEFAULT 0",
    # The crossings by their places in the log, written by the fan-out: whether an author's posts after that place are
    # written to inboxes. An author without a row has never crossed, and is.
    """
    CREATE TABLE fan_modes (
        author_id bigint NOT NULL,
        pos bigint NOT NULL,
        pushed boolean NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (author_id, pos)
    )
    """,
    "INSERT INTO fan_modes (author_id, pos, pushed) SELECT user_id, 0, false FROM author_counters WHERE fan_in",
    # Posts of authors with many followers on their way to the inboxes, and their places in the log; redelivery begins
    # them again. How far they are is in Redis, beside the inboxes.
    """
    CREATE TABLE fan_out_jobs (
        post_id bigint PRIMARY KEY,
        author_id bigint NOT NULL,
        pos bigint NOT NULL,
        begun integer NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50)
    """,
)


def upgrade() -> None:
    """Make everything."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """What people did since cannot be taken back."""
    raise RuntimeError("restore a backup instead")
