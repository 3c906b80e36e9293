"""What a session's owner proved, from which device; standing, roles and epoch of accounts; one way to open sessions.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # status: 1 active, 2 suspended, 3 deleted. epoch grows when all that was ever signed in is to end.
    """
    ALTER TABLE accounts
        ADD COLUMN status smallint NOT NULL DEFAULT 1 CHECK (status BETWEEN 1 AND 3),
        ADD COLUMN epoch integer NOT NULL DEFAULT 0 CHECK (epoch >= 0),
        ADD COLUMN roles smallint NOT NULL DEFAULT 0 CHECK (roles >= 0)
    """,
    # Sessions from before were started with a password or a code; as password they count for least.
    """
    ALTER TABLE sessions
        ADD COLUMN methods smallint NOT NULL DEFAULT 1 CHECK (methods > 0),
        ADD COLUMN level smallint NOT NULL DEFAULT 1 CHECK (level BETWEEN 1 AND 2),
        ADD COLUMN proved_at timestamptz,
        ADD COLUMN scopes smallint NOT NULL DEFAULT 7 CHECK (scopes > 0),
        ADD COLUMN device_hash bytea CHECK (octet_length(device_hash) = 32),
        ADD COLUMN device_name text NOT NULL DEFAULT '' CHECK (char_length(device_name) <= 64),
        ADD COLUMN network text NOT NULL DEFAULT '' CHECK (char_length(network) <= 43),
        ADD COLUMN key_thumbprint text NOT NULL DEFAULT '' CHECK (char_length(key_thumbprint) IN (0, 43)),
        ADD COLUMN last_seen_at timestamptz
    """,
    "UPDATE sessions SET proved_at = started_at, last_seen_at = started_at",
    "ALTER TABLE sessions ALTER COLUMN proved_at SET NOT NULL, ALTER COLUMN last_seen_at SET NOT NULL",
    """
    CREATE TABLE devices (
        user_id bigint NOT NULL REFERENCES accounts (user_id) ON DELETE CASCADE,
        device_hash bytea NOT NULL CHECK (octet_length(device_hash) = 32),
        name text NOT NULL,
        first_seen_at timestamptz NOT NULL,
        last_seen_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, device_hash)
    ) WITH (fillfactor = 80)
    """,
    # Whatever starts a session calls this inside its own statement: session, first refresh token, device and events,
    # or, for an account that may not sign in, an error of class DA. Its lock makes whoever suspends an account, or
    # moves its epoch, come wholly before or wholly after.
    """
    CREATE FUNCTION open_session(
        p_session_id bigint, p_user_id bigint, p_started_at timestamptz, p_expires_at timestamptz,
        p_token_hash bytea, p_token_expires_at timestamptz,
        p_methods smallint, p_level smallint, p_proved_at timestamptz, p_scopes smallint,
        p_device_hash bytea, p_device_name text, p_network text, p_key_thumbprint text,
        p_session_started bytea, p_device_added bytea,
        OUT epoch integer, OUT roles smallint
    ) LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        v_status smallint;
        v_is_new boolean := false;
        v_has_others boolean;
    BEGIN
        SELECT a.status, a.epoch, a.roles INTO STRICT v_status, epoch, roles
        FROM accounts a WHERE a.user_id = p_user_id FOR SHARE;
        IF v_status <> 1 THEN
            RAISE EXCEPTION 'the account may not sign in' USING ERRCODE = 'DA001';
        END IF;
        INSERT INTO sessions (session_id, user_id, started_at, expires_at, methods, level, proved_at, scopes,
            device_hash, device_name, network, key_thumbprint, last_seen_at)
        VALUES (p_session_id, p_user_id, p_started_at, p_expires_at, p_methods, p_level, p_proved_at, p_scopes,
            p_device_hash, p_device_name, p_network, p_key_thumbprint, p_started_at);
        INSERT INTO refresh_tokens (token_hash, session_id, expires_at)
        VALUES (p_token_hash, p_session_id, p_token_expires_at);
        INSERT INTO events (kind, aggregate_id, actor_id, payload)
        VALUES ('session_started', p_user_id, p_user_id, p_session_started);
        IF p_device_hash IS NOT NULL THEN
            SELECT count(*) > 0 INTO v_has_others FROM devices d WHERE d.user_id = p_user_id;
            INSERT INTO devices AS d (user_id, device_hash, name, first_seen_at, last_seen_at)
            VALUES (p_user_id, p_device_hash, p_device_name, p_started_at, p_started_at)
            ON CONFLICT (user_id, device_hash) DO UPDATE SET
                name = CASE WHEN excluded.name = '' THEN d.name ELSE excluded.name END,
                last_seen_at = greatest(d.last_seen_at, excluded.last_seen_at)
            RETURNING xmax = 0 INTO v_is_new;
            IF v_is_new AND v_has_others THEN
                INSERT INTO events (kind, aggregate_id, actor_id, payload)
                VALUES ('device_added', p_user_id, p_user_id, p_device_added);
            END IF;
        END IF;
    END $$
    """,
)


def upgrade() -> None:
    """Add the columns, the devices and the function."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what sessions proved cannot be made up again."""
    raise RuntimeError("this migration has no way back")
