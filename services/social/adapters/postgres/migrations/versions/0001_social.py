"""The social database: profiles, the graph, posts by day, what people do with them, and the projections."""

from __future__ import annotations

from alembic import op

from services.chassis.idempotency import IDEMPOTENCY_DDL
from services.chassis.ids import ID_DDL
from services.chassis.outbox import EVENTS_DDL

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE profiles (
        user_id bigint PRIMARY KEY,
        handle text NOT NULL UNIQUE CHECK (handle ~ '^[a-z0-9_]{3,30}$'),
        display_name text NOT NULL,
        bio text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE follows (
        follower_id bigint NOT NULL,
        followee_id bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (follower_id, followee_id),
        CONSTRAINT nobody_follows_themselves CHECK (follower_id <> followee_id)
    )
    """,
    "CREATE INDEX follows_followee ON follows (followee_id, created_at DESC, follower_id DESC)",
    "CREATE INDEX follows_follower ON follows (follower_id, created_at DESC, followee_id DESC)",
    """
    CREATE TABLE posts (
        id bigint PRIMARY KEY,
        author_id bigint NOT NULL,
        body text NOT NULL,
        language text NOT NULL,
        kind smallint NOT NULL,
        deleted_at timestamptz
    ) PARTITION BY RANGE (id)
    """,
    "CREATE INDEX posts_author ON posts (author_id, id DESC)",
    "CREATE TABLE posts_default PARTITION OF posts DEFAULT",
    """
    CREATE TABLE likes (
        post_id bigint NOT NULL,
        user_id bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (user_id, post_id)
    )
    """,
    """
    CREATE TABLE reports (
        post_id bigint NOT NULL,
        user_id bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (post_id, user_id)
    )
    """,
    # Projections: written by the projector alone, from events, with its cursor in the same transaction.
    """
    CREATE TABLE post_counters (
        post_id bigint PRIMARY KEY,
        likes bigint NOT NULL DEFAULT 0,
        reports bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE TABLE author_counters (
        user_id bigint PRIMARY KEY,
        followers bigint NOT NULL DEFAULT 0,
        following bigint NOT NULL DEFAULT 0,
        posts bigint NOT NULL DEFAULT 0,
        fan_in boolean NOT NULL DEFAULT false
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX author_counters_fan_in ON author_counters (user_id) WHERE fan_in",
    """
    CREATE TABLE affinities (
        viewer_id bigint NOT NULL,
        author_id bigint NOT NULL,
        weight double precision NOT NULL,
        as_of timestamptz NOT NULL,
        PRIMARY KEY (viewer_id, author_id)
    ) WITH (fillfactor = 70)
    """,
)


def upgrade() -> None:
    """Make everything."""
    for statement in (*ID_DDL, *EVENTS_DDL, *IDEMPOTENCY_DDL, *TABLES):
        op.execute(statement)


def downgrade() -> None:
    """There is nothing before the first revision."""
    raise RuntimeError("drop the database instead")
