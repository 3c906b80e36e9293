"""Posts for subscribers only, and who may see whose, as payments' log says."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

# One row a subscriber and creator, whatever subscriptions there were one after the other; `until` in the past tells
# that there was one.
STATEMENTS = (
    "ALTER TABLE posts ADD COLUMN subscribers_only boolean NOT NULL DEFAULT false",
    """
    CREATE TABLE subscriber_access (
        subscriber_id bigint NOT NULL,
        creator_id bigint NOT NULL,
        until timestamptz NOT NULL,
        PRIMARY KEY (subscriber_id, creator_id)
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX subscriber_access_of_creator ON subscriber_access (creator_id)",
)


def upgrade() -> None:
    """Make the column and the table."""
    for statement in STATEMENTS:
        op.execute(statement)
