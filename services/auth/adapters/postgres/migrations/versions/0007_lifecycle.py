"""Accounts' end: deletion with a grace and a tombstone; suspensions with reason and end; role requests; exports.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # A tombstone has no name: its id is never given again, and says nothing of anybody.
    "ALTER TABLE accounts DROP CONSTRAINT accounts_check",
    "ALTER TABLE accounts ADD CONSTRAINT accounts_names CHECK (status = 3 OR num_nonnulls(phone, email) >= 1)",
    """
    ALTER TABLE accounts ADD CONSTRAINT accounts_tombstone CHECK (
        status <> 3 OR (num_nonnulls(phone, email, password_hash) = 0 AND roles = 0)
    )
    """,
    "ALTER TABLE accounts ADD COLUMN email_verified_at timestamptz",
    # Rows of tables whose reference to accounts is ON DELETE CASCADE are the person's own: this deletes them all,
    # those of tables that came later included. The trail of roles is not: it stays, by id alone.
    """
    CREATE FUNCTION erase_personal_rows(p_user_id bigint) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        v_owned record;
    BEGIN
        FOR v_owned IN
            SELECT c.conrelid::regclass AS owned, a.attname AS owner
            FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            WHERE c.confrelid = 'accounts'::regclass AND c.contype = 'f' AND c.confdeltype = 'c'
            ORDER BY 1
        LOOP
            EXECUTE format('DELETE FROM %s WHERE %I = $1', v_owned.owned, v_owned.owner) USING p_user_id;
        END LOOP;
        DELETE FROM sessions WHERE user_id = p_user_id;
        IF to_regclass('subject_keys') IS NOT NULL THEN
            EXECUTE 'DELETE FROM subject_keys WHERE user_id = $1' USING p_user_id;
        END IF;
    END $$
    """,
    """
    CREATE TABLE deletion_requests (
        user_id bigint PRIMARY KEY REFERENCES accounts (user_id) ON DELETE CASCADE,
        requested_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX deletion_requests_due_at ON deletion_requests (due_at)",
    # A trigger, so that no statement that starts a session can forget it. Whoever opens a session holds the account's
    # row already; who deletes takes that row first as well, so one of the two comes wholly first.
    """
    CREATE FUNCTION cancel_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        WITH cancelled AS (
            DELETE FROM deletion_requests WHERE user_id = NEW.user_id RETURNING user_id
        )
        INSERT INTO events (kind, aggregate_id, actor_id)
        SELECT 'account_deletion_cancelled', user_id, user_id FROM cancelled;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER sessions_cancel_deletion AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION cancel_deletion()
    """,
    """
    CREATE TABLE suspensions (
        user_id bigint PRIMARY KEY REFERENCES accounts (user_id) ON DELETE CASCADE,
        reason smallint NOT NULL CHECK (reason > 0),
        suspended_by bigint NOT NULL,
        suspended_at timestamptz NOT NULL,
        until timestamptz
    )
    """,
    "CREATE INDEX suspensions_until ON suspensions (until)",
    # kind: 1 a role for somebody, 2 the end of every session.
    """
    CREATE TABLE admin_requests (
        request_id bigint PRIMARY KEY DEFAULT daira_id(),
        kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 2),
        user_id bigint REFERENCES accounts (user_id),
        role smallint,
        reason text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 300),
        requested_by bigint NOT NULL REFERENCES accounts (user_id),
        requested_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        approved_by bigint REFERENCES accounts (user_id),
        approved_at timestamptz,
        ended_count bigint,
        CHECK ((kind = 1) = (user_id IS NOT NULL) AND (kind = 1) = (role IS NOT NULL)),
        CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
        CHECK (requested_by IS DISTINCT FROM user_id),
        CHECK (approved_by IS NULL OR (approved_by <> requested_by AND approved_by IS DISTINCT FROM user_id))
    )
    """,
    "CREATE INDEX admin_requests_waiting ON admin_requests (expires_at) WHERE approved_at IS NULL",
    "CREATE INDEX accounts_roles ON accounts (user_id) WHERE roles <> 0",
    # Parts are sealed: a stolen table, or a backup, is nobody's life.
    """
    CREATE TABLE exports (
        export_id bigint PRIMARY KEY DEFAULT daira_id(),
        user_id bigint NOT NULL REFERENCES accounts (user_id) ON DELETE CASCADE,
        requested_at timestamptz NOT NULL,
        leased_until timestamptz NOT NULL,
        ready_at timestamptz,
        expires_at timestamptz
    )
    """,
    "CREATE UNIQUE INDEX exports_one_at_a_time ON exports (user_id) WHERE ready_at IS NULL",
    "CREATE INDEX exports_user_id ON exports (user_id)",
    "CREATE INDEX exports_waiting ON exports (leased_until) WHERE ready_at IS NULL",
    "CREATE INDEX exports_expires_at ON exports (expires_at)",
    """
    CREATE TABLE export_chunks (
        export_id bigint NOT NULL REFERENCES exports (export_id) ON DELETE CASCADE,
        chunk integer NOT NULL,
        sealed bytea NOT NULL,
        PRIMARY KEY (export_id, chunk)
    )
    """,
)


def upgrade() -> None:
    """Create everything."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what was erased does not come back."""
    raise RuntimeError("this migration has no way back")
