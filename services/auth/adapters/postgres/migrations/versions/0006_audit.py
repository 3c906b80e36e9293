"""The audit log: written with the act itself, append-only, sealed into a hash chain; keys of subjects, and refusals.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = (
    # recorded_at is the database's own clock and chooses the partition; occurred_at is what the event says. detail is
    # sealed under the subject's key: what is personal stays unreadable once that key is gone. repeats counts refusals.
    """
    CREATE TABLE audit_log (
        seq bigint GENERATED ALWAYS AS IDENTITY,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,63}$'),
        subject_id bigint NOT NULL,
        actor_id bigint NOT NULL,
        event_id bigint NOT NULL DEFAULT 0,
        version bigint NOT NULL DEFAULT 0,
        payload bytea NOT NULL DEFAULT '' CHECK (octet_length(payload) <= 65536),
        detail bytea NOT NULL DEFAULT '' CHECK (octet_length(detail) <= 4096),
        repeats bigint NOT NULL DEFAULT 1 CHECK (repeats > 0),
        PRIMARY KEY (seq, recorded_at)
    ) PARTITION BY RANGE (recorded_at)
    """,
    "CREATE INDEX audit_log_xid_seq ON audit_log (xid, seq)",
    "CREATE INDEX audit_log_subject ON audit_log (subject_id, seq)",
    "CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT",
    # One for each row of the log, in commit order. detail is what the sealer adds of the act's session, sealed too.
    """
    CREATE TABLE audit_seals (
        pos bigint NOT NULL CHECK (pos > 0),
        recorded_at timestamptz NOT NULL,
        log_xid xid8 NOT NULL,
        log_seq bigint NOT NULL,
        detail bytea NOT NULL,
        row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32),
        chain_hash bytea NOT NULL CHECK (octet_length(chain_hash) = 32),
        PRIMARY KEY (pos, recorded_at)
    ) PARTITION BY RANGE (recorded_at)
    """,
    "CREATE INDEX audit_seals_log_seq ON audit_seals (log_seq)",
    "CREATE TABLE audit_seals_default PARTITION OF audit_seals DEFAULT",
    """
    CREATE TABLE audit_checkpoints (
        pos bigint NOT NULL CHECK (pos > 0),
        recorded_at timestamptz NOT NULL,
        chain_hash bytea NOT NULL CHECK (octet_length(chain_hash) = 32),
        statement text NOT NULL CHECK (octet_length(statement) <= 2048),
        PRIMARY KEY (pos, recorded_at)
    ) PARTITION BY RANGE (recorded_at)
    """,
    "CREATE TABLE audit_checkpoints_default PARTITION OF audit_checkpoints DEFAULT",
    """
    CREATE TABLE audit_seal_state (
        singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        last_xid xid8 NOT NULL,
        last_seq bigint NOT NULL,
        last_pos bigint NOT NULL,
        last_hash bytea NOT NULL CHECK (octet_length(last_hash) = 32)
    ) WITH (fillfactor = 10)
    """,
    "INSERT INTO audit_seal_state VALUES (true, '0', 0, 0, decode(repeat('00', 32), 'hex'))",
    # Where the log begins once months of it were dropped: chain_hash is that of the position before start_pos.
    """
    CREATE TABLE audit_retired (
        start_pos bigint PRIMARY KEY,
        chain_hash bytea NOT NULL CHECK (octet_length(chain_hash) = 32),
        statement text NOT NULL,
        retired_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    # The few rows of a dropped month that stand in the chain behind the first row of the next month.
    """
    CREATE TABLE audit_retired_rows (
        pos bigint PRIMARY KEY,
        log_xid xid8 NOT NULL,
        log_seq bigint NOT NULL,
        row_hash bytea NOT NULL CHECK (octet_length(row_hash) = 32)
    )
    """,
    # Verification keys are kept for ever; the private halves are sealed with the key encryption key.
    """
    CREATE TABLE audit_keys (
        kid text PRIMARY KEY,
        public_key text NOT NULL,
        private_key_sealed bytea NOT NULL,
        active_from timestamptz NOT NULL UNIQUE
    )
    """,
    """
    CREATE TABLE subject_keys (
        user_id bigint PRIMARY KEY REFERENCES accounts (user_id) ON DELETE CASCADE,
        key_sealed bytea NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    # subject_id 0 counts what names no account, and what passes the hour's limit; -1 counts towards that limit.
    """
    CREATE TABLE audit_refusals (
        kind text NOT NULL,
        subject_id bigint NOT NULL,
        refusals bigint NOT NULL,
        window_started_at timestamptz NOT NULL,
        PRIMARY KEY (kind, subject_id)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX audit_refusals_window ON audit_refusals (window_started_at)",
)

_WRITING = (
    """
    CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'DA006';
    END $$
    """,
    # Every event of auth is a security event, also one of a kind that is thought of later.
    """
    CREATE FUNCTION audit_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO audit_log (occurred_at, kind, subject_id, actor_id, event_id, version, payload)
        VALUES (NEW.occurred_at, NEW.kind, NEW.aggregate_id, NEW.actor_id, NEW.event_id, NEW.aggregate_version,
            NEW.payload);
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER audit_event AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION audit_event()",
    """
    CREATE FUNCTION audit(p_kind text, p_subject bigint, p_actor bigint, p_detail bytea) RETURNS bigint
    LANGUAGE sql VOLATILE AS $$
        INSERT INTO audit_log (kind, subject_id, actor_id, detail) VALUES (p_kind, p_subject, p_actor, p_detail)
        RETURNING seq
    $$
    """,
    # Counts a refusal; true when it is the first of its window and must be written. The limit bounds what anybody can
    # make this database write in an hour, whatever they try: beyond it refusals count on subject 0. Locks are taken in
    # the order limit, subject, so no two callers wait for each other.
    """
    CREATE FUNCTION audit_refusal(p_kind text, p_subject bigint, p_now timestamptz, p_window interval, p_limit bigint)
    RETURNS TABLE (is_first boolean, counted_on bigint) LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        v_subject bigint := p_subject;
        v_opened bigint;
        v_former record;
    BEGIN
        UPDATE audit_refusals SET refusals = refusals + 1
        WHERE kind = p_kind AND subject_id = p_subject AND window_started_at > p_now - p_window;
        IF FOUND THEN
            RETURN QUERY SELECT false, p_subject;
            RETURN;
        END IF;
        IF p_subject <> 0 THEN
            INSERT INTO audit_refusals AS r VALUES (p_kind, -1, 1, p_now)
            ON CONFLICT (kind, subject_id) DO UPDATE SET
                refusals = CASE WHEN r.window_started_at > p_now - p_window THEN r.refusals + 1 ELSE 1 END,
                window_started_at =
                    CASE WHEN r.window_started_at > p_now - p_window THEN r.window_started_at ELSE p_now END
            RETURNING refusals INTO v_opened;
            IF v_opened > p_limit THEN
                v_subject := 0;
            END IF;
        END IF;
        INSERT INTO audit_refusals VALUES (p_kind, v_subject, 1, p_now) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN QUERY SELECT true, v_subject;
            RETURN;
        END IF;
        SELECT r.refusals, r.window_started_at INTO v_former FROM audit_refusals r
        WHERE r.kind = p_kind AND r.subject_id = v_subject FOR UPDATE;
        IF v_former.window_started_at > p_now - p_window THEN
            UPDATE audit_refusals SET refusals = refusals + 1 WHERE kind = p_kind AND subject_id = v_subject;
            RETURN QUERY SELECT false, v_subject;
            RETURN;
        END IF;
        IF v_former.refusals > 1 THEN
            INSERT INTO audit_log (kind, subject_id, actor_id, repeats)
            VALUES (p_kind, v_subject, 0, v_former.refusals);
        END IF;
        INSERT INTO audit_refusals AS r VALUES (p_kind, v_subject, 1, p_now)
        ON CONFLICT (kind, subject_id) DO UPDATE SET refusals = 1, window_started_at = p_now;
        RETURN QUERY SELECT true, v_subject;
    END $$
    """,
    # Closes windows that began before: what they counted goes into the log.
    """
    CREATE FUNCTION audit_close_refusals(p_before timestamptz, p_limit bigint) RETURNS bigint
    LANGUAGE sql VOLATILE AS $$
        WITH closed AS (
            DELETE FROM audit_refusals WHERE (kind, subject_id) IN (
                SELECT kind, subject_id FROM audit_refusals WHERE window_started_at < p_before
                ORDER BY window_started_at LIMIT p_limit FOR UPDATE SKIP LOCKED
            ) RETURNING kind, subject_id, refusals
        ), written AS (
            INSERT INTO audit_log (kind, subject_id, actor_id, repeats)
            SELECT kind, subject_id, 0, refusals FROM closed WHERE refusals > 1 AND subject_id >= 0
        )
        SELECT count(*) FROM closed
    $$
    """,
    # Whoever deletes an account, and however: the key goes in the same transaction.
    """
    CREATE FUNCTION audit_shred() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM subject_keys WHERE user_id = NEW.user_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER audit_shred AFTER UPDATE OF status ON accounts FOR EACH ROW
    WHEN (NEW.status = 3) EXECUTE FUNCTION audit_shred()
    """,
    # Makes the missing months from this one on; any number of callers at once. A month whose rows stand in the default
    # partition already is left there.
    r"""
    CREATE FUNCTION audit_make_partitions(p_now timestamptz, p_months integer) RETURNS integer
    LANGUAGE plpgsql VOLATILE SET lock_timeout = '500ms' AS $$
    DECLARE
        v_month timestamp;
        v_table text;
        v_name text;
        v_low timestamptz;
        v_high timestamptz;
        v_is_late boolean;
        v_made integer := 0;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('audit.partitions', 0));
        FOREACH v_table IN ARRAY ARRAY['audit_log', 'audit_seals', 'audit_checkpoints'] LOOP
            FOR v_ahead IN 0..p_months LOOP
                v_month := date_trunc('month', p_now AT TIME ZONE 'UTC') + make_interval(months => v_ahead);
                v_low := v_month AT TIME ZONE 'UTC';
                v_high := (v_month + interval '1 month') AT TIME ZONE 'UTC';
                v_name := v_table || '_m' || to_char(v_month, 'YYYYMM');
                CONTINUE WHEN EXISTS (SELECT FROM pg_class
                    WHERE relname = v_name AND relnamespace = current_schema()::regnamespace);
                EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE recorded_at >= $1 AND recorded_at < $2)',
                    v_table || '_default') INTO v_is_late USING v_low, v_high;
                CONTINUE WHEN v_is_late;
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_name, v_table);
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', v_table, v_name,
                    v_low, v_high);
                EXECUTE format('CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON %I EXECUTE FUNCTION'
                    ' audit_refuse_change()', v_name);
                v_made := v_made + 1;
            END LOOP;
        END LOOP;
        RETURN v_made;
    END $$
    """,
)

_APPEND_ONLY = (
    "audit_log", "audit_seals", "audit_checkpoints", "audit_retired", "audit_retired_rows", "audit_keys",
)  # fmt: skip
_DEFAULTS = ("audit_log_default", "audit_seals_default", "audit_checkpoints_default")


def upgrade() -> None:
    """Create everything. The log begins here: events from before are not in it."""
    for statement in (*_TABLES, *_WRITING):
        op.execute(statement)
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW"
            " EXECUTE FUNCTION audit_refuse_change()"
        )
    for table in (*_APPEND_ONLY, *_DEFAULTS):
        # Triggers of TRUNCATE are not handed down to partitions.
        op.execute(f"CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON {table} EXECUTE FUNCTION audit_refuse_change()")
    op.execute("SELECT audit_make_partitions(clock_timestamp(), 12)")


def downgrade() -> None:
    """Refuse: an audit log that can be thrown away is none."""
    raise RuntimeError("this migration has no way back")
