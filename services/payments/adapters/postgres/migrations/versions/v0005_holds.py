"""Accounts of every kind that money in, out and back needs, and holds: money that is promised and not yet moved."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

# Accounts between -999 and -1 are the platform's, append-only; -4 and below are what further rails bring. A person who
# owes what was already paid out has a recovery account, minus their user id, which runs a balance as wallets do and is
# never above zero.
ACCOUNTS = (
    """
    ALTER TABLE accounts
        ADD COLUMN held bigint NOT NULL DEFAULT 0,
        DROP CONSTRAINT accounts_kind_check,
        DROP CONSTRAINT wallets_have_owners,
        DROP CONSTRAINT wallets_never_negative,
        ADD CONSTRAINT accounts_kind_check CHECK (kind IN ('wallet', 'recovery', 'fee', 'vat', 'provider_clearing',
            'voucher_clearing', 'mobile_clearing', 'bank_clearing', 'provider_fees', 'losses', 'suspense')),
        ADD CONSTRAINT accounts_have_owners
            CHECK ((kind = 'wallet') = (id > 0) AND (kind = 'recovery') = (id < -999)),
        ADD CONSTRAINT wallets_cover_their_holds
            CHECK (held >= 0 AND CASE kind WHEN 'wallet' THEN posted >= held ELSE held = 0 END),
        ADD CONSTRAINT recovery_is_owed CHECK (kind <> 'recovery' OR posted <= 0)
    """,
    """
    INSERT INTO accounts (id, kind) VALUES (-4, 'voucher_clearing'), (-5, 'mobile_clearing'), (-6, 'bank_clearing'),
        (-7, 'provider_fees'), (-8, 'losses'), (-9, 'suspense')
    """,
)

# A hold belongs to a saga, which has at most one for each purpose. One without an end is there until its saga says so:
# what is at a provider must never become free by the passing of time.
HOLDS = (
    """
    CREATE TABLE holds (
        id bigint PRIMARY KEY,
        account_id bigint NOT NULL REFERENCES accounts (id),
        amount bigint NOT NULL CHECK (amount > 0),
        purpose text NOT NULL CHECK (purpose ~ '^[a-z][a-z_]{0,31}$'),
        saga_id bigint NOT NULL,
        state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'captured', 'released', 'expired')),
        transfer_id bigint,
        placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        expires_at timestamptz,
        resolved_at timestamptz,
        CONSTRAINT one_hold_a_purpose UNIQUE (saga_id, purpose),
        CONSTRAINT resolved_once CHECK ((state = 'open') = (resolved_at IS NULL)),
        CONSTRAINT captured_by_a_transfer CHECK ((state = 'captured') = (transfer_id IS NOT NULL))
    )
    """,
    "CREATE INDEX holds_open ON holds (account_id) INCLUDE (amount) WHERE state = 'open'",
    "CREATE INDEX holds_due ON holds (expires_at) WHERE state = 'open'",
)

# Lock order everywhere: accounts by id, then holds. Repeated for the same saga and purpose it tells of the hold there
# is, and places none.
PLACE_HOLD = """
    CREATE FUNCTION place_hold(account bigint, wanted bigint, why text, saga bigint, lasts interval)
    RETURNS TABLE (outcome text, hold_id bigint) LANGUAGE plpgsql AS $$
    DECLARE
        wallet accounts%ROWTYPE;
        known holds%ROWTYPE;
    BEGIN
        SELECT * INTO wallet FROM accounts a WHERE a.id = account AND a.kind = 'wallet' FOR NO KEY UPDATE;
        SELECT * INTO known FROM holds h WHERE h.saga_id = saga AND h.purpose = why;
        IF FOUND THEN
            IF (known.account_id, known.amount) IS DISTINCT FROM (account, wanted) THEN
                RAISE EXCEPTION 'saga % holds another amount for %', saga, why
                    USING ERRCODE = 'invalid_parameter_value';
            END IF;
            RETURN QUERY SELECT CASE known.state WHEN 'open' THEN 'held' ELSE known.state END, known.id;
        ELSIF wallet.id IS NULL OR wallet.posted - wallet.held < wanted THEN
            RETURN QUERY SELECT 'insufficient', 0::bigint;
        ELSIF wallet.closed_at IS NOT NULL THEN
            RETURN QUERY SELECT 'closed', 0::bigint;
        ELSE
            UPDATE accounts a SET held = a.held + wanted WHERE a.id = account;
            RETURN QUERY
            INSERT INTO holds AS h (id, account_id, amount, purpose, saga_id, expires_at)
            VALUES (daira_id(0), account, wanted, why, saga, clock_timestamp() + lasts)
            RETURNING 'held', h.id;
        END IF;
    END
    $$
"""

# 'released' or 'expired' frees what was held, once; what it was before is told when somebody else resolved it.
RELEASE_HOLD = (
    """
    CREATE FUNCTION release_hold(hold bigint, because text DEFAULT 'released') RETURNS text LANGUAGE plpgsql AS $$
    DECLARE
        known holds%ROWTYPE;
    BEGIN
        PERFORM a.id FROM accounts a JOIN holds h ON h.account_id = a.id WHERE h.id = hold FOR NO KEY UPDATE OF a;
        SELECT * INTO STRICT known FROM holds h WHERE h.id = hold FOR UPDATE;
        IF known.state = 'open' THEN
            UPDATE accounts a SET held = a.held - known.amount WHERE a.id = known.account_id;
            UPDATE holds h SET state = because, resolved_at = clock_timestamp() WHERE h.id = hold;
            RETURN because;
        END IF;
        RETURN known.state;
    END
    $$
    """,
    """
    CREATE FUNCTION expire_holds(at_most int) RETURNS int LANGUAGE plpgsql AS $$
    DECLARE
        due bigint;
        expired int := 0;
    BEGIN
        -- In the order of accounts, as every lock is taken; who else expires the same finds them done.
        FOR due IN SELECT id FROM (
            SELECT h.id, h.account_id FROM holds h WHERE h.state = 'open' AND h.expires_at <= clock_timestamp()
            ORDER BY h.expires_at LIMIT at_most
        ) AS oldest ORDER BY account_id, id
        LOOP
            expired := expired + (release_hold(due, 'expired') = 'expired')::int;
        END LOOP;
        RETURN expired;
    END
    $$
    """,
)


def upgrade() -> None:
    """Make the accounts, the table and the functions."""
    for statement in (*ACCOUNTS, *HOLDS, PLACE_HOLD, *RELEASE_HOLD):
        op.execute(statement)
