"""Top-ups as sagas, refunds and chargebacks, and what people owe after them."""

from __future__ import annotations

from alembic import op

from services.payments.adapters.postgres.migrations.versions.v0007_transfers import POST_TRANSFER
from services.payments.adapters.postgres.migrations.versions.v0010_ledger_checks import CHECK_LEDGER

revision = "0016"
down_revision = "0015"

# What comes into a wallet counts over its rail, and over all rails together: the wallet has a limit of its own.
TOP_UP_LIMITS = (
    """
    ALTER TABLE limits DROP CONSTRAINT limits_rail_check, ADD CONSTRAINT limits_rail_check CHECK (rail IN ('tip',
        'subscription', 'card', 'voucher', 'mobile', 'bank', 'sandbox', 'mobile_payout', 'bank_payout', 'top_up'))
    """,
    """
    INSERT INTO limits (rail, level, effective_from, each_min, each_max, day_max, month_max, hour_count, source)
    SELECT 'top_up', level, timestamptz '2023-11-01T00:00:00+02', 500, 7000000, 6000000, 20000000, 1000,
        'Central Bank of Egypt, 2023: EGP 60,000 a day and 200,000 a month into an individual''s wallet'
    FROM generate_series(0, 2) AS level
    """,
    # Until now they were counted from the records themselves.
    """
    INSERT INTO limit_usage (user_id, rail, month, month_used, day, day_used, hour, hour_count)
    SELECT user_id, rail, date_trunc('month', max(cairo_day)), sum(amount), cairo_day(now()),
        coalesce(sum(amount) FILTER (WHERE cairo_day = cairo_day(now())), 0), date_trunc('hour', now()), 0
    FROM top_ups CROSS JOIN (VALUES ('sandbox'), ('top_up')) AS both_limits (rail)
    WHERE state <> 'declined' AND cairo_day >= date_trunc('month', cairo_day(now()))::date
    GROUP BY user_id, rail
    ON CONFLICT (user_id, rail) DO NOTHING
    """,
)

# A top-up's record is what its owner sees; its saga, of the same id, drives it. Whatever was pending goes on as a saga
# under the reference that the provider knows already.
TOP_UPS = (
    """
    ALTER TABLE top_ups
        ADD COLUMN rail text NOT NULL DEFAULT 'sandbox'
            CHECK (rail IN ('card', 'voucher', 'mobile', 'bank', 'sandbox')),
        ADD COLUMN reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 100)
    """,
    """
    INSERT INTO sagas (id, kind, subject_id, key, body_hash, state, data, attempts, reason, wake_at)
    SELECT id, 'top_up', user_id, key, body_hash, 'waiting',
        jsonb_build_object('amount', amount, 'rail', 'sandbox', 'key', key, 'epoch', -1), attempts,
        'begun before top-ups were sagas', clock_timestamp()
    FROM top_ups WHERE state = 'pending'
    """,
    """
    INSERT INTO saga_steps (saga_id, number, from_state, to_state, reason, epoch)
    SELECT id, 1, 'waiting', 'waiting', 'begun before top-ups were sagas', 0 FROM top_ups WHERE state = 'pending'
    """,
    """
    INSERT INTO provider_operations (id, saga_id, purpose, kind, rail, amount, state)
    SELECT id, id, 'top_up', 'charge', 'sandbox', amount, 'unknown' FROM top_ups WHERE state = 'pending'
    """,
    """
    DROP FUNCTION begin_top_up
    """,
    """
    CREATE FUNCTION open_top_up(saga bigint, person bigint, wanted bigint, asked_key text, over_rail text) RETURNS text
    LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM accounts a WHERE a.id = person) THEN
            PERFORM open_wallets(ARRAY[person], person);
        END IF;
        PERFORM a.id FROM accounts a WHERE a.id = person FOR NO KEY UPDATE;
        IF EXISTS (SELECT FROM accounts a WHERE a.id = person AND a.closed_at IS NOT NULL) THEN
            RETURN 'closed';
        END IF;
        INSERT INTO top_ups (id, user_id, amount, key, body_hash, rail, inquire_at, cairo_day)
        SELECT saga, person, wanted, asked_key, s.body_hash, over_rail, clock_timestamp(), cairo_day(clock_timestamp())
        FROM sagas s WHERE s.id = saga;
        RETURN 'done';
    END
    $$
    """,
    # Lock order: the wallet, then the top-up. A declined one may still succeed; one that succeeded stays.
    """
    CREATE FUNCTION close_top_up(saga bigint, succeeded boolean, why text, declined_payload bytea) RETURNS text
    LANGUAGE plpgsql AS $$
    DECLARE
        old top_ups%ROWTYPE;
        wallet accounts%ROWTYPE;
    BEGIN
        SELECT a.* INTO STRICT wallet FROM accounts a
        WHERE a.id = (SELECT u.user_id FROM top_ups u WHERE u.id = saga) FOR NO KEY UPDATE;
        SELECT u.* INTO STRICT old FROM top_ups u WHERE u.id = saga FOR UPDATE;
        IF succeeded AND old.state <> 'succeeded' THEN
            UPDATE top_ups u SET state = 'succeeded', transfer_id = t.id, balance_after = t.balance_after, reason = '',
                settled_at = clock_timestamp()
            FROM transfers t
            WHERE u.id = saga AND t.actor_id = old.user_id AND t.kind = 'top_up' AND t.key = old.key;
        ELSIF NOT succeeded AND old.state = 'pending' THEN
            UPDATE top_ups u SET state = 'declined', balance_after = wallet.posted, reason = why,
                settled_at = clock_timestamp()
            WHERE u.id = saga;
            INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
            VALUES ('top_up_declined', saga, 1, old.user_id, declined_payload);
        END IF;
        RETURN 'done';
    END
    $$
    """,
)

# What is taken back of what was taken back is no longer: a chargeback that was won may be lost again.
REVERSALS = (
    """
    ALTER TABLE transfers
        DROP CONSTRAINT transfers_kind_check,
        DROP CONSTRAINT what_takes_back_says_what,
        DROP CONSTRAINT creator_receives,
        ADD CONSTRAINT transfers_kind_check CHECK (kind IN ('tip', 'top_up', 'subscription', 'payout', 'payout_return',
            'refund', 'chargeback', 'chargeback_return', 'recovery', 'adjustment')),
        ADD CONSTRAINT what_takes_back_says_what
            CHECK ((kind IN ('refund', 'chargeback', 'chargeback_return', 'payout_return')) = (reverses IS NOT NULL)),
        ADD CONSTRAINT creator_receives CHECK (fee + vat < amount OR (kind = 'refund' AND fee + vat = amount))
    """,
    """
    CREATE FUNCTION taken_back(original bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
        SELECT coalesce(sum(t.amount - (
            SELECT coalesce(sum(r.amount), 0) FROM transfers r WHERE r.reverses = t.id
        )), 0)::bigint FROM transfers t WHERE t.reverses = original
    $$
    """,
)
SUM_OF_REVERSALS = "(SELECT coalesce(sum(t.amount), 0) FROM transfers t WHERE t.reverses = taken_back)"
KINDS_THAT_UNDO = "'refund', 'chargeback', 'payout_return',"
LIST_OF_REVERSALS = """
        SELECT 'more is taken back than was moved', o.id, sum(t.amount)::bigint, o.amount FROM transfers t
        JOIN transfers o ON o.id = t.reverses GROUP BY o.id, o.amount HAVING sum(t.amount) > o.amount
"""
LIST_OF_REVERSALS_NOW = """
        SELECT 'more is taken back than was moved', o.id, taken_back(o.id), o.amount FROM transfers o
        WHERE o.id IN (SELECT t.reverses FROM transfers t) AND taken_back(o.id) NOT BETWEEN 0 AND o.amount
        UNION ALL
        SELECT 'more of a part is taken back than was moved', o.id, sum(t.fee + t.vat)::bigint, o.fee + o.vat
        FROM transfers t JOIN transfers o ON o.id = t.reverses
        GROUP BY o.id, o.fee, o.vat HAVING sum(t.fee) > o.fee OR sum(t.vat) > o.vat
"""

# What must be known, and stay as it is, before somebody pays back: the lock of every wallet, and the recovery account
# of whoever pays. The rows are those of a transfer that is to be taken back, or of the wallets that are named.
OWING = (
    """
    CREATE FUNCTION lock_wallets(payer bigint, others bigint[]) RETURNS TABLE (available bigint, owed bigint,
        debt_version bigint) LANGUAGE plpgsql AS $$
    DECLARE
        own bigint[] := ARRAY[payer, -payer] || others;
    BEGIN
        PERFORM open_accounts(own, payer);
        PERFORM a.id FROM accounts a WHERE a.id = ANY(own) ORDER BY a.id FOR NO KEY UPDATE;
        RETURN QUERY SELECT w.posted - w.held, -d.posted, d.version FROM accounts w, accounts d
        WHERE w.id = payer AND d.id = -payer;
    END
    $$
    """,
    # Why somebody with a role, or a creator, moved money back: beside the transfer, which stays as it is.
    # `person_id` is whose wallet or debt it was.
    """
    CREATE TABLE transfer_reasons (
        transfer_id bigint PRIMARY KEY,
        person_id bigint NOT NULL CHECK (person_id > 0),
        asked_by bigint NOT NULL CHECK (asked_by > 0),
        reason text NOT NULL CHECK (length(reason) BETWEEN 3 AND 200)
    )
    """,
    "CREATE INDEX transfer_reasons_of_person ON transfer_reasons (person_id, transfer_id)",
    """
    CREATE INDEX provider_operations_by_provider ON provider_operations (provider_reference)
        WHERE provider_reference <> ''
    """,
)


def upgrade() -> None:
    """Make the columns, tables and functions, and bring what was pending under a saga."""
    posting = _replaced(POST_TRANSFER, SUM_OF_REVERSALS, "taken_back(taken_back)")
    posting = _replaced(posting, KINDS_THAT_UNDO, f"{KINDS_THAT_UNDO} 'chargeback_return', 'top_up',")
    posting = _replaced(posting, "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    check = _replaced(CHECK_LEDGER, LIST_OF_REVERSALS, LIST_OF_REVERSALS_NOW)
    for statement in (*TOP_UP_LIMITS, *TOP_UPS, *REVERSALS, posting, check, *OWING):
        op.execute(statement)


def _replaced(text: str, old: str, new: str) -> str:
    if old not in text:
        raise ValueError(f"the function is another than it was: {old}")
    return text.replace(old, new)
