"""Where payouts go and which cards are charged, sealed; how a person pays what a provider waits for."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

# What is in `sealed` opens only with the root key, and only as this instrument of this person. `fingerprint` is a keyed
# hash of the account, so that the same one is not added twice; `label` is what its owner knows it by, such as the
# last four digits. A removed one keeps its row, for operations name it, and loses what is sealed once none is open.
STATEMENTS = (
    """
    CREATE TABLE root_key (
        singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        sealed bytea NOT NULL,
        sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE instruments (
        id bigint PRIMARY KEY,
        user_id bigint NOT NULL CHECK (user_id > 0),
        rail text NOT NULL CHECK (rail IN ('card', 'mobile', 'bank', 'sandbox')),
        network text NOT NULL CHECK (network ~ '^[a-z][a-z0-9_]{1,31}$'),
        label text NOT NULL CHECK (length(label) BETWEEN 1 AND 40),
        sealed bytea CHECK (octet_length(sealed) <= 2048),
        fingerprint bytea NOT NULL,
        added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        usable_at timestamptz NOT NULL,
        removed_at timestamptz,
        CONSTRAINT kept_ones_are_sealed CHECK (removed_at IS NOT NULL OR sealed IS NOT NULL)
    )
    """,
    "CREATE UNIQUE INDEX instruments_of_person ON instruments (user_id, fingerprint) WHERE removed_at IS NULL",
    "CREATE INDEX instruments_to_wipe ON instruments (removed_at) WHERE removed_at IS NOT NULL AND sealed IS NOT NULL",
    """
    ALTER TABLE provider_operations
        ADD COLUMN instruction text NOT NULL DEFAULT '' CHECK (length(instruction) <= 500),
        ADD COLUMN instruction_expires_at timestamptz
    """,
)


def upgrade() -> None:
    """Make the tables and the columns."""
    for statement in STATEMENTS:
        op.execute(statement)
