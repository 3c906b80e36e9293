"""Accounts, sessions, refresh tokens, signing keys, counted attempts, and the event log.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from alembic import op

from services.chassis.ids import ID_DDL
from services.chassis.outbox import EVENTS_DDL

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    # Names people sign in with exist here and nowhere else: not in events, not in logs, not in another database.
    # register_key is the idempotency key of the registration, whose body is known again by password_hash.
    r"""
    CREATE TABLE accounts (
        user_id bigint PRIMARY KEY DEFAULT daira_id(),
        phone text UNIQUE CHECK (phone ~ '^\+20[0-9]{10}$'),
        email text UNIQUE CHECK (octet_length(email) BETWEEN 3 AND 1016),
        password_hash text NOT NULL CHECK (octet_length(password_hash) <= 255),
        register_key text NOT NULL CHECK (octet_length(register_key) <= 64),
        created_at timestamptz NOT NULL DEFAULT now(),
        CHECK (num_nonnulls(phone, email) >= 1)
    )
    """,
    """
    CREATE TABLE sessions (
        session_id bigint PRIMARY KEY,
        user_id bigint NOT NULL REFERENCES accounts (user_id),
        started_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        ended_at timestamptz,
        end_cause smallint,
        CHECK ((ended_at IS NULL) = (end_cause IS NULL))
    )
    """,
    "CREATE INDEX sessions_user_id ON sessions (user_id)",
    "CREATE INDEX sessions_expires_at ON sessions (expires_at)",
    # successor_sealed opens only with the token itself, of which this table has no more than a hash.
    """
    CREATE TABLE refresh_tokens (
        token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
        session_id bigint NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
        expires_at timestamptz NOT NULL,
        used_at timestamptz,
        successor_hash bytea,
        successor_sealed bytea,
        CHECK ((used_at IS NULL) = (successor_sealed IS NULL) AND (used_at IS NULL) = (successor_hash IS NULL))
    )
    """,
    "CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id)",
    "CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at)",
    """
    CREATE TABLE sign_in_attempts (
        identifier_hash bytea PRIMARY KEY CHECK (octet_length(identifier_hash) = 32),
        attempts integer NOT NULL,
        window_started_at timestamptz NOT NULL
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX sign_in_attempts_window ON sign_in_attempts (window_started_at)",
    """
    CREATE TABLE signing_keys (
        kid text PRIMARY KEY,
        public_key text NOT NULL,
        private_key_sealed bytea NOT NULL,
        active_from timestamptz NOT NULL UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    # What a bulk load leaves behind, so that loading twice changes nothing.
    """
    CREATE TABLE load_batches (
        batch_id text PRIMARY KEY,
        loaded_at timestamptz NOT NULL DEFAULT now(),
        counts jsonb NOT NULL
    )
    """,
)


def upgrade() -> None:
    """Create everything."""
    for statement in (*ID_DDL, *EVENTS_DDL, *_TABLES):
        op.execute(statement)


def downgrade() -> None:
    """Refuse: accounts are not thrown away by a migration."""
    raise RuntimeError("the first migration has no way back")
