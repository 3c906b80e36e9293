"""One-time codes: flows, budgets, the outbox of messages, and the sandbox's inbox; accounts without a password.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # Who enrolled with a code has no password, and no key of a registration.
    "ALTER TABLE accounts ALTER COLUMN password_hash DROP NOT NULL",
    # When its holder was last shown to hold the phone; null while only somebody's word says so.
    "ALTER TABLE accounts ADD COLUMN phone_proved_at timestamptz",
    # flow_hash, device_hash and code_hash are hashes, the number is sealed: the table alone tells nobody anything.
    """
    CREATE TABLE code_flows (
        flow_hash bytea PRIMARY KEY CHECK (octet_length(flow_hash) = 32),
        device_hash bytea NOT NULL CHECK (octet_length(device_hash) = 32),
        purpose smallint NOT NULL,
        phone_sealed bytea NOT NULL,
        code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
        made_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        tries smallint NOT NULL DEFAULT 0,
        redeemed_at timestamptz,
        repeats smallint NOT NULL DEFAULT 0,
        session_id bigint,
        refresh_sealed bytea,
        refresh_expires_at timestamptz,
        CHECK ((redeemed_at IS NULL) = (session_id IS NULL) AND (redeemed_at IS NULL) = (refresh_sealed IS NULL))
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX code_flows_expires_at ON code_flows (expires_at)",
    # A window is open until ends_at; then the next code starts another.
    """
    CREATE TABLE code_budgets (
        subject bytea NOT NULL CHECK (octet_length(subject) = 32),
        window_s integer NOT NULL CHECK (window_s > 0),
        allowed integer NOT NULL CHECK (allowed > 0),
        used integer NOT NULL,
        ends_at timestamptz NOT NULL,
        PRIMARY KEY (subject, window_s)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX code_budgets_ends_at ON code_budgets (ends_at)",
    # Number and code are sealed, and the row is deleted once the message is sent.
    """
    CREATE TABLE code_messages (
        reference text PRIMARY KEY CHECK (reference ~ '^[0-9a-f]{32}$'),
        sealed bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        next_send_at timestamptz NOT NULL,
        sends smallint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX code_messages_next_send_at ON code_messages (next_send_at)",
    # Where the sandbox provider puts what it would have sent. Empty wherever real phones are meant.
    """
    CREATE TABLE sandbox_inbox (
        reference text PRIMARY KEY,
        phone text NOT NULL,
        body text NOT NULL CHECK (octet_length(body) <= 2048),
        received_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX sandbox_inbox_received_at ON sandbox_inbox (received_at)",
)


def upgrade() -> None:
    """Create the tables."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: accounts without a password would have no way in."""
    raise RuntimeError("this migration has no way back")
