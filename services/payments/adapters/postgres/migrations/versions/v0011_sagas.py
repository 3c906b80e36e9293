"""Sagas: work of several steps that outlives processes, its path, and what others tell it on the way."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

# A saga sleeps until `wake_at` and is then claimed by one runner, for the time of a lease, under a new `epoch`. Every
# transition names the epoch and the version that it was decided on: a runner that slept past its lease changes nothing.
# `unique_for` is what there may be one running saga of, such as a subscriber and creator. `data` holds no personal
# field: a destination is a sealed row elsewhere, named by its id.
SAGAS = (
    """
    CREATE TABLE sagas (
        id bigint PRIMARY KEY,
        kind text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{0,31}$'),
        subject_id bigint NOT NULL,
        key text NOT NULL,
        body_hash bytea NOT NULL,
        unique_for text,
        state text NOT NULL CHECK (state ~ '^[a-z][a-z_]{0,31}$'),
        data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object' AND octet_length(data::text) <= 8192),
        version int NOT NULL DEFAULT 1,
        attempts int NOT NULL DEFAULT 0,
        reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 200),
        wake_at timestamptz,
        lease_owner text,
        lease_until timestamptz,
        epoch bigint NOT NULL DEFAULT 0,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended_at timestamptz,
        CONSTRAINT started_once_a_key UNIQUE (kind, subject_id, key),
        CONSTRAINT ended_sagas_sleep CHECK ((ended_at IS NULL) = (wake_at IS NOT NULL))
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX sagas_due ON sagas (wake_at) WHERE ended_at IS NULL",
    "CREATE UNIQUE INDEX sagas_unique ON sagas (kind, unique_for) WHERE ended_at IS NULL AND unique_for IS NOT NULL",
    "CREATE INDEX sagas_of_subject ON sagas (subject_id, kind, id)",
    """
    CREATE TABLE saga_steps (
        saga_id bigint NOT NULL REFERENCES sagas (id),
        number int NOT NULL,
        from_state text NOT NULL,
        to_state text NOT NULL,
        reason text NOT NULL,
        epoch bigint NOT NULL,
        taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (saga_id, number)
    )
    """,
    """
    CREATE TRIGGER saga_steps_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON saga_steps
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    # What people and other services ask of a running saga; each is taken in the transition that it causes.
    """
    CREATE TABLE saga_signals (
        saga_id bigint NOT NULL REFERENCES sagas (id),
        id bigint NOT NULL DEFAULT daira_id(0),
        name text NOT NULL CHECK (name ~ '^[a-z][a-z_]{0,31}$'),
        key text NOT NULL,
        data jsonb NOT NULL DEFAULT '{}' CHECK (octet_length(data::text) <= 2048),
        sent_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        taken_at timestamptz,
        PRIMARY KEY (saga_id, id),
        CONSTRAINT sent_once_a_key UNIQUE (saga_id, name, key)
    )
    """,
    "CREATE INDEX saga_signals_open ON saga_signals (saga_id) WHERE taken_at IS NULL",
)

# What was asked of a provider. The row is there before the call, so that no crash loses a charge or a payout, and its
# reference never changes: asking twice is asking for the same. A state is only ever followed by a later one.
OPERATIONS = (
    """
    CREATE TABLE provider_operations (
        id bigint PRIMARY KEY,
        saga_id bigint NOT NULL REFERENCES sagas (id),
        purpose text NOT NULL CHECK (purpose ~ '^[a-z][a-z0-9_]{0,31}$'),
        kind text NOT NULL CHECK (kind IN ('charge', 'refund', 'payout')),
        rail text NOT NULL,
        amount bigint NOT NULL CHECK (amount > 0),
        destination_id bigint NOT NULL DEFAULT 0,
        original_id bigint NOT NULL DEFAULT 0,
        state text NOT NULL DEFAULT 'intended'
            CHECK (state IN ('intended', 'pending', 'unknown', 'succeeded', 'declined', 'returned')),
        provider_reference text NOT NULL DEFAULT '' CHECK (length(provider_reference) <= 100),
        provider_reason text NOT NULL DEFAULT '' CHECK (length(provider_reason) <= 100),
        provider_fee bigint NOT NULL DEFAULT 0 CHECK (provider_fee >= 0),
        made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        settled_at timestamptz,
        CONSTRAINT one_operation_a_purpose UNIQUE (saga_id, purpose)
    )
    """,
    "CREATE INDEX provider_operations_settled ON provider_operations (rail, settled_at)",
    # Every word of a provider as it came, before anybody reads it.
    """
    CREATE TABLE provider_inbox (
        provider text NOT NULL,
        event_id text NOT NULL CHECK (length(event_id) BETWEEN 1 AND 200),
        raw bytea NOT NULL CHECK (octet_length(raw) <= 65536),
        received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        applied_at timestamptz,
        problem text,
        PRIMARY KEY (provider, event_id)
    )
    """,
    "CREATE INDEX provider_inbox_open ON provider_inbox (received_at) WHERE applied_at IS NULL",
)

CLAIM = """
    CREATE FUNCTION claim_sagas(runner text, lasts interval, at_most int) RETURNS SETOF sagas LANGUAGE sql AS $$
        UPDATE sagas s SET lease_owner = runner, lease_until = clock_timestamp() + lasts, epoch = s.epoch + 1
        FROM (
            SELECT id FROM sagas
            WHERE ended_at IS NULL AND wake_at <= clock_timestamp()
                AND (lease_until IS NULL OR lease_until <= clock_timestamp())
            ORDER BY wake_at LIMIT at_most FOR UPDATE SKIP LOCKED
        ) AS due
        WHERE s.id = due.id
        RETURNING s.*
    $$
"""

# A repeated start tells of the saga there is. 'taken' when another one of `unique_for` runs.
START = """
    CREATE FUNCTION start_saga(what text, subject bigint, asked_key text, hash bytea, only_one text, first_state text,
        about jsonb, wakes_at timestamptz, event_payload bytea
    ) RETURNS TABLE (outcome text, saga_id bigint) LANGUAGE plpgsql AS $$
    DECLARE
        known sagas%ROWTYPE;
        fresh bigint := daira_id(0);
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended(what || ':' || subject, 0));
        SELECT * INTO known FROM sagas s WHERE s.kind = what AND s.subject_id = subject AND s.key = asked_key;
        IF FOUND THEN
            RETURN QUERY SELECT CASE WHEN known.body_hash = hash THEN 'known' ELSE 'key_reused' END, known.id;
            RETURN;
        END IF;
        INSERT INTO sagas (id, kind, subject_id, key, body_hash, unique_for, state, data, wake_at)
        VALUES (fresh, what, subject, asked_key, hash, only_one, first_state, about, wakes_at)
        ON CONFLICT (kind, unique_for) WHERE ended_at IS NULL AND unique_for IS NOT NULL DO NOTHING;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'taken', s.id FROM sagas s
            WHERE s.kind = what AND s.unique_for = only_one AND s.ended_at IS NULL;
            RETURN;
        END IF;
        INSERT INTO saga_steps (saga_id, number, from_state, to_state, reason, epoch)
        VALUES (fresh, 1, first_state, first_state, 'started', 0);
        INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
        VALUES ('saga_advanced', fresh, 1, subject, event_payload);
        RETURN QUERY SELECT 'started', fresh;
    END
    $$
"""

# False when the lease is another's or the saga has moved on: the caller's whole transaction is void then. The lease
# must still run by the database's clock, or a twin may be at work already.
ADVANCE = """
    CREATE FUNCTION advance_saga(saga bigint, decided_epoch bigint, decided_version int, next_state text, why text,
        about jsonb, wakes_at timestamptz, tries int, taken bigint[], event_payload bytea
    ) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        old sagas%ROWTYPE;
    BEGIN
        SELECT * INTO STRICT old FROM sagas s WHERE s.id = saga FOR UPDATE;
        IF old.epoch <> decided_epoch OR old.version <> decided_version OR old.ended_at IS NOT NULL
            OR old.lease_until <= clock_timestamp() THEN
            RETURN false;
        END IF;
        UPDATE saga_signals g SET taken_at = clock_timestamp() WHERE g.saga_id = saga AND g.id = ANY(taken);
        -- A signal that came meanwhile must not wait for the next timer.
        UPDATE sagas s SET state = next_state, reason = why, data = about, attempts = tries,
            wake_at = CASE WHEN wakes_at IS NULL THEN NULL WHEN EXISTS (
                SELECT FROM saga_signals g WHERE g.saga_id = saga AND g.taken_at IS NULL
            ) THEN clock_timestamp() ELSE wakes_at END,
            version = s.version + (next_state <> old.state OR wakes_at IS NULL)::int,
            ended_at = CASE WHEN wakes_at IS NULL THEN clock_timestamp() END, changed_at = clock_timestamp()
        WHERE s.id = saga;
        IF next_state <> old.state OR wakes_at IS NULL THEN
            INSERT INTO saga_steps (saga_id, number, from_state, to_state, reason, epoch)
            VALUES (saga, old.version + 1, old.state, next_state, why, decided_epoch);
            INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
            VALUES ('saga_advanced', saga, old.version + 1, old.subject_id, event_payload);
        END IF;
        RETURN true;
    END
    $$
"""

# The lock comes first: a transition that is being written sees the signal, or the signal sees the transition.
SIGNAL = """
    CREATE FUNCTION signal_saga(saga bigint, what text, asked_key text, about jsonb) RETURNS boolean
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM s.id FROM sagas s WHERE s.id = saga AND s.ended_at IS NULL FOR UPDATE;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        INSERT INTO saga_signals (saga_id, name, key, data) VALUES (saga, what, asked_key, about)
        ON CONFLICT (saga_id, name, key) DO NOTHING;
        UPDATE sagas s SET wake_at = least(s.wake_at, clock_timestamp()) WHERE s.id = saga;
        RETURN true;
    END
    $$
"""


def upgrade() -> None:
    """Make the tables and the functions."""
    for statement in (*SAGAS, *OPERATIONS, CLAIM, START, ADVANCE, SIGNAL):
        op.execute(statement)
