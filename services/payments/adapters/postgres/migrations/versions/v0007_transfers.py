"""Transfers of every kind by one posting function: legs that sum to zero, captures of holds, reversals."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

# `reverses` is the transfer that this one takes back, whole or in part; what all of them take back of it together is
# never more than it moved.
TRANSFERS = (
    """
    ALTER TABLE transfers
        ADD COLUMN reverses bigint,
        DROP CONSTRAINT transfers_kind_check,
        DROP CONSTRAINT nobody_tips_themselves,
        ADD CONSTRAINT transfers_kind_check CHECK (kind IN ('tip', 'top_up', 'subscription', 'payout', 'payout_return',
            'refund', 'chargeback', 'recovery', 'adjustment')),
        ADD CONSTRAINT nobody_tips_themselves CHECK (kind NOT IN ('tip', 'subscription') OR actor_id <> recipient_id),
        ADD CONSTRAINT what_takes_back_says_what
            CHECK ((kind IN ('refund', 'chargeback', 'payout_return')) = (reverses IS NOT NULL))
    """,
    "CREATE INDEX transfers_reversals ON transfers (reverses) INCLUDE (amount) WHERE reverses IS NOT NULL",
)

# Lock order: accounts being opened (by id), accounts (by id), the hold. A refusal changes nothing but that it may have
# opened a wallet. Reversals of one transfer share one of its wallets, whose lock makes their sum exact.
POST_TRANSFER = """
    CREATE FUNCTION post_transfer(
        what text, actor bigint, payee bigint, total bigint, fee_part bigint, vat_part bigint, about_post bigint,
        asked_key text, hash bytea, leg_accounts bigint[], leg_amounts bigint[], by_hold bigint, taken_back bigint,
        event_kind text, event_payload bytea
    ) RETURNS TABLE (outcome text, transfer bigint, actor_balance bigint) LANGUAGE plpgsql AS $$
    DECLARE
        own bigint[] := ARRAY(SELECT DISTINCT leg FROM unnest(leg_accounts) AS leg WHERE leg NOT BETWEEN -999 AND -1);
        undoes boolean := what IN ('refund', 'chargeback', 'payout_return', 'recovery', 'payout', 'adjustment');
        known transfers%ROWTYPE;
        promised holds%ROWTYPE;
        original transfers%ROWTYPE;
        held_back bigint := 0;
        fresh bigint;
    BEGIN
        IF cardinality(leg_accounts) NOT BETWEEN 2 AND 16 OR cardinality(leg_accounts) <> cardinality(leg_amounts)
            OR (SELECT count(DISTINCT leg) FROM unnest(leg_accounts) AS leg) <> cardinality(leg_accounts) THEN
            RAISE EXCEPTION 'two to sixteen legs, one an account' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        PERFORM open_accounts(own, actor);
        PERFORM a.id FROM accounts a WHERE a.id = ANY(own) ORDER BY a.id FOR NO KEY UPDATE;

        SELECT * INTO known FROM transfers t WHERE t.actor_id = actor AND t.kind = what AND t.key = asked_key;
        IF FOUND THEN
            RETURN QUERY SELECT CASE WHEN known.body_hash = hash THEN 'replayed' ELSE 'key_reused' END, known.id,
                known.balance_after;
            RETURN;
        END IF;
        IF by_hold <> 0 THEN
            SELECT * INTO STRICT promised FROM holds h WHERE h.id = by_hold FOR UPDATE;
            IF promised.state <> 'open' THEN
                RETURN QUERY SELECT 'hold_gone', 0::bigint, 0::bigint;
                RETURN;
            END IF;
            held_back := promised.amount;
        END IF;
        IF taken_back <> 0 THEN
            SELECT * INTO STRICT original FROM transfers t WHERE t.id = taken_back;
            IF total + (SELECT coalesce(sum(t.amount), 0) FROM transfers t WHERE t.reverses = taken_back)
                > original.amount THEN
                RETURN QUERY SELECT 'exceeds_original', 0::bigint, 0::bigint;
                RETURN;
            END IF;
        END IF;
        IF NOT undoes AND EXISTS (SELECT FROM accounts a WHERE a.id = ANY(own) AND a.closed_at IS NOT NULL) THEN
            RETURN QUERY SELECT 'closed', 0::bigint, 0::bigint;
            RETURN;
        END IF;
        IF EXISTS (
            SELECT FROM unnest(leg_accounts, leg_amounts) AS l (account, change) JOIN accounts a ON a.id = l.account
            WHERE a.kind = 'wallet' AND l.change < 0
                AND a.posted + l.change < a.held - CASE a.id WHEN promised.account_id THEN held_back ELSE 0 END
        ) THEN
            RETURN QUERY SELECT 'insufficient', 0::bigint, 0::bigint;
            RETURN;
        END IF;

        fresh := daira_id(0);
        UPDATE accounts a SET
            posted = a.posted + l.change,
            held = a.held - CASE a.id WHEN promised.account_id THEN held_back ELSE 0 END,
            version = a.version + 1
        FROM unnest(leg_accounts, leg_amounts) AS l (account, change)
        WHERE a.id = l.account AND a.id = ANY(own);
        INSERT INTO entries (id, transfer_id, account_id, amount, balance_after, version)
        SELECT fresh | (l.leg << 12), fresh, l.account, l.change,
            CASE WHEN a.id = ANY(own) THEN a.posted END, CASE WHEN a.id = ANY(own) THEN a.version END
        FROM unnest(leg_accounts, leg_amounts) WITH ORDINALITY AS l (account, change, leg)
        JOIN accounts a ON a.id = l.account;
        INSERT INTO transfers (id, kind, actor_id, recipient_id, amount, fee, vat, post_id, key, body_hash, reverses,
            balance_after)
        SELECT fresh, what, actor, payee, total, fee_part, vat_part, about_post, asked_key, hash,
            nullif(taken_back, 0), coalesce((SELECT a.posted FROM accounts a WHERE a.id = actor), 0)
        RETURNING balance_after INTO actor_balance;
        IF by_hold <> 0 THEN
            UPDATE holds h SET state = 'captured', transfer_id = fresh, resolved_at = clock_timestamp()
            WHERE h.id = by_hold;
        END IF;
        INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
        VALUES (event_kind, fresh, 1, actor, event_payload);
        RETURN QUERY SELECT 'posted', fresh, actor_balance;
    END
    $$
"""

# In the order of ids, as open_wallets does, which it calls for those above zero.
OPEN_ACCOUNTS = """
    CREATE FUNCTION open_accounts(wanted bigint[], opener bigint) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        missing bigint[] := ARRAY(
            SELECT w FROM unnest(wanted) AS w WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.id = w) ORDER BY w
        );
    BEGIN
        IF cardinality(missing) > 0 THEN
            INSERT INTO accounts (id, kind) SELECT w, 'recovery' FROM unnest(missing) AS w WHERE w < -999 ORDER BY w
            ON CONFLICT (id) DO NOTHING;
            PERFORM open_wallets(ARRAY(SELECT w FROM unnest(missing) AS w WHERE w > 0), opener);
        END IF;
    END
    $$
"""


def upgrade() -> None:
    """Make the columns and the functions."""
    for statement in (*TRANSFERS, OPEN_ACCOUNTS, POST_TRANSFER):
        op.execute(statement)
