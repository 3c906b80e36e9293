"""What providers say by themselves: kept raw first, then told to the operation and the saga that waits for it."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

# Words come late, twice and out of order: a state is only ever followed by a later one (OperationState.may_become). The
# saga's lock comes first, as in every transition: what is being written there sees the word, or the word sees it.
HEAR = """
    CREATE FUNCTION hear_provider(operation bigint, said text, reference text, why text, fee bigint) RETURNS text
    LANGUAGE plpgsql AS $$
    DECLARE
        known provider_operations%ROWTYPE;
        ended timestamptz;
    BEGIN
        SELECT o.* INTO known FROM provider_operations o WHERE o.id = operation;
        IF NOT FOUND THEN
            RETURN 'unknown';
        END IF;
        SELECT s.ended_at INTO STRICT ended FROM sagas s WHERE s.id = known.saga_id FOR UPDATE;
        SELECT o.* INTO STRICT known FROM provider_operations o WHERE o.id = operation FOR UPDATE;
        IF NOT (CASE
            WHEN said IN ('intended', 'unknown') OR said = known.state THEN false
            WHEN known.state = 'succeeded' THEN said = 'returned'
            ELSE known.state NOT IN ('declined', 'returned')
        END) THEN
            RETURN 'old';
        END IF;
        UPDATE provider_operations o SET state = said,
            provider_reference = CASE reference WHEN '' THEN o.provider_reference ELSE reference END,
            provider_reason = CASE why WHEN '' THEN o.provider_reason ELSE why END,
            provider_fee = greatest(o.provider_fee, fee),
            settled_at = CASE WHEN said IN ('succeeded', 'declined', 'returned') THEN clock_timestamp() END
        WHERE o.id = operation;
        IF ended IS NOT NULL THEN
            RETURN 'late';
        END IF;
        UPDATE sagas s SET wake_at = least(s.wake_at, clock_timestamp()) WHERE s.id = known.saga_id;
        RETURN 'heard';
    END
    $$
"""


# Whether an operation stands otherwise than whoever decides for the saga has seen.
NEWS = """
    CREATE FUNCTION saga_has_news(saga bigint, seen_ids bigint[], seen_states text[]) RETURNS boolean
    LANGUAGE sql STABLE AS $$
        SELECT EXISTS (
            SELECT FROM provider_operations o
            LEFT JOIN unnest(seen_ids, seen_states) AS seen (id, state) ON seen.id = o.id
            WHERE o.saga_id = saga AND o.state <> coalesce(seen.state, 'intended')
        )
    $$
"""

# The lock is a statement of its own: whoever sends a signal or a word meanwhile is waited for, and then seen.
SLEEP = """
    CREATE FUNCTION sleep_saga(saga bigint, decided_epoch bigint, until timestamptz, problem text,
        seen_signals bigint[], seen_ids bigint[], seen_states text[]
    ) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM s.id FROM sagas s WHERE s.id = saga AND s.epoch = decided_epoch AND s.ended_at IS NULL FOR UPDATE;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        UPDATE sagas s SET lease_until = NULL, lease_owner = NULL,
            reason = CASE problem WHEN '' THEN s.reason ELSE problem END,
            wake_at = CASE WHEN saga_has_news(saga, seen_ids, seen_states) OR EXISTS (
                SELECT FROM saga_signals g
                WHERE g.saga_id = saga AND g.taken_at IS NULL AND g.id <> ALL(seen_signals)
            ) THEN clock_timestamp() ELSE until END
        WHERE s.id = saga;
    END
    $$
"""

LOOKED_AT = (
    "ALTER TABLE provider_inbox ADD COLUMN look_at timestamptz NOT NULL DEFAULT clock_timestamp()",
    "ALTER TABLE provider_inbox ADD CONSTRAINT kept_words_have_a_provider CHECK (provider ~ '^[a-z][a-z_]{1,31}$')",
)


def upgrade() -> None:
    """Add the columns and make the function."""
    for statement in (*LOOKED_AT, NEWS, SLEEP, HEAR):
        op.execute(statement)
