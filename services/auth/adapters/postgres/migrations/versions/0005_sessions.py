"""The word to every service of what ended, written by the change itself; no more than 50 sessions an account.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # xid tells a reader what its snapshot before could not see yet, however late a transaction commits.
    """
    CREATE TABLE revocations (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        session_id bigint NOT NULL DEFAULT 0,
        user_id bigint NOT NULL DEFAULT 0,
        least_epoch integer NOT NULL DEFAULT 0,
        issued_before timestamptz,
        revoked_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX revocations_revoked_at ON revocations (revoked_at)",
    # Triggers, so that no statement that ends a session or moves an epoch can forget to say so.
    """
    CREATE FUNCTION tell_session_ended() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO revocations (session_id) VALUES (NEW.session_id);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER sessions_ended AFTER UPDATE OF ended_at ON sessions FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION tell_session_ended()
    """,
    """
    CREATE FUNCTION tell_epoch_moved() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO revocations (user_id, least_epoch) VALUES (NEW.user_id, NEW.epoch);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER accounts_epoch_moved AFTER UPDATE OF epoch ON accounts FOR EACH ROW
    WHEN (OLD.epoch IS DISTINCT FROM NEW.epoch) EXECUTE FUNCTION tell_epoch_moved()
    """,
    # A protobuf varint, for the one event that SQL itself has to write.
    r"""
    CREATE FUNCTION varint(p_value bigint) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE
        v_rest bigint := p_value;
        v_bytes bytea := '\x';
    BEGIN
        WHILE v_rest > 127 LOOP
            v_bytes := v_bytes || set_byte('\x00'::bytea, 0, ((v_rest & 127) | 128)::integer);
            v_rest := v_rest >> 7;
        END LOOP;
        RETURN v_bytes || set_byte('\x00'::bytea, 0, v_rest::integer);
    END $$
    """,
    # The 51st session ends the one that was not used for longest; whoever opens a flood of them ends their own.
    r"""
    CREATE FUNCTION end_surplus_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        WITH surplus AS (
            SELECT s.session_id FROM sessions s
            WHERE s.user_id = NEW.user_id AND s.ended_at IS NULL AND s.expires_at > NEW.started_at
            ORDER BY s.last_seen_at DESC, s.session_id DESC OFFSET 50
        ), ended AS (
            UPDATE sessions s SET ended_at = NEW.started_at, end_cause = 3
            FROM surplus WHERE s.session_id = surplus.session_id AND s.ended_at IS NULL RETURNING s.session_id
        )
        INSERT INTO events (kind, aggregate_id, actor_id, payload)
        SELECT 'session_ended', NEW.user_id, 0, '\x08' || varint(session_id) || '\x1003' FROM ended;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER sessions_surplus AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION end_surplus_sessions()
    """,
    # Nobody has more devices than can be listed; whoever makes ids up forgets their own.
    """
    CREATE FUNCTION forget_surplus_devices() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM devices WHERE user_id = NEW.user_id AND device_hash IN (
            SELECT d.device_hash FROM devices d WHERE d.user_id = NEW.user_id
            ORDER BY d.last_seen_at DESC, d.device_hash OFFSET 100
        );
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER devices_surplus AFTER INSERT ON devices FOR EACH ROW EXECUTE FUNCTION forget_surplus_devices()
    """,
    "CREATE INDEX sessions_live ON sessions (user_id, last_seen_at) WHERE ended_at IS NULL",
)


def upgrade() -> None:
    """Create the table and its triggers."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take the triggers and the table away again."""
    for trigger, table in (
        ("devices_surplus", "devices"),
        ("sessions_surplus", "sessions"),
        ("accounts_epoch_moved", "accounts"),
        ("sessions_ended", "sessions"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for function in (
        "forget_surplus_devices()",
        "end_surplus_sessions()",
        "varint(bigint)",
        "tell_epoch_moved()",
        "tell_session_ended()",
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP INDEX sessions_live")
    op.execute("DROP TABLE revocations")
