"""The ledger's tables: accounts, transfers, entries, top-ups, rates and the event log."""

from __future__ import annotations

from alembic import op

from services.chassis.ids import ID_DDL
from services.chassis.outbox import EVENTS_DDL

revision = "0001"
down_revision = None

# A wallet's account id is its owner's user id; the platform's own accounts are below zero. Wallets carry their balance
# in `posted` and count their entries in `version`. The platform's accounts are written by every posting, so they are
# append-only: `posted` is what was folded, of transactions below `folded_xid`; the rest is the tail of their entries.
ACCOUNTS = """
    CREATE TABLE accounts (
        id bigint PRIMARY KEY,
        kind text NOT NULL CHECK (kind IN ('wallet', 'fee', 'vat', 'provider_clearing')),
        currency text NOT NULL DEFAULT 'EGP' CHECK (currency = 'EGP'),
        posted bigint NOT NULL DEFAULT 0,
        version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
        folded_xid xid8 NOT NULL DEFAULT '0',
        opened_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT wallets_have_owners CHECK ((kind = 'wallet') = (id > 0)),
        CONSTRAINT wallets_never_negative CHECK (kind <> 'wallet' OR posted >= 0)
    ) WITH (fillfactor = 50)
"""

# `key` and `body_hash` make a posting repeatable: the answer to a repetition is read from this row. `balance_after` is
# the payer's wallet just after (of a top-up: its owner's), in piastres as every amount here.
TRANSFERS = """
    CREATE TABLE transfers (
        id bigint PRIMARY KEY,
        kind text NOT NULL CHECK (kind IN ('tip', 'top_up')),
        actor_id bigint NOT NULL,
        recipient_id bigint NOT NULL,
        amount bigint NOT NULL CHECK (amount > 0),
        fee bigint NOT NULL DEFAULT 0 CHECK (fee >= 0),
        vat bigint NOT NULL DEFAULT 0 CHECK (vat >= 0),
        post_id bigint NOT NULL DEFAULT 0 CHECK (post_id >= 0),
        key text NOT NULL,
        body_hash bytea NOT NULL,
        balance_after bigint NOT NULL CHECK (balance_after >= 0),
        posted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT once_a_key UNIQUE (actor_id, kind, key),
        CONSTRAINT creator_receives CHECK (fee + vat < amount),
        CONSTRAINT nobody_tips_themselves CHECK ((kind = 'tip') = (actor_id <> recipient_id))
    )
"""

# An entry's id is its transfer's with the leg (1, 2, 3 …) in the shard bits: unique and time-sorted without a second
# sequence. Foreign keys would cost a look-up per leg; the posting functions are the only writers, and check_ledger
# looks for orphans. `version` numbers the entries of one wallet without holes; `balance_after` runs along it.
ENTRIES = (
    """
    CREATE TABLE entries (
        id bigint PRIMARY KEY,
        transfer_id bigint NOT NULL,
        account_id bigint NOT NULL,
        amount bigint NOT NULL CHECK (amount <> 0),
        balance_after bigint CHECK (balance_after >= 0),
        version bigint CHECK (version > 0),
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        CONSTRAINT wallets_run_a_balance
            CHECK ((account_id > 0) = (balance_after IS NOT NULL) AND (account_id > 0) = (version IS NOT NULL))
    )
    """,
    "CREATE UNIQUE INDEX entries_statement ON entries (account_id, version) WHERE account_id > 0",
    "CREATE INDEX entries_tail ON entries (account_id, xid) INCLUDE (amount) WHERE account_id < 0",
    """
    CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        bad bigint;
    BEGIN
        SELECT transfer_id INTO bad FROM legs GROUP BY transfer_id HAVING sum(amount) <> 0 LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'the entries of transfer % do not sum to zero', bad USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER entries_balance AFTER INSERT ON entries
        REFERENCING NEW TABLE AS legs FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced()
    """,
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: correct it with another transfer', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END
    $$
    """,
    """
    CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TRIGGER transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)

# Written as pending before a provider is asked, so that no crash can lose a charge. `attempts` counts the answers that
# told nothing; `inquire_at` is when a resolver may ask next, and its lease while it does.
TOP_UPS = (
    """
    CREATE TABLE top_ups (
        id bigint PRIMARY KEY,
        user_id bigint NOT NULL CHECK (user_id > 0),
        amount bigint NOT NULL CHECK (amount > 0),
        key text NOT NULL,
        body_hash bytea NOT NULL,
        state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'succeeded', 'declined')),
        transfer_id bigint UNIQUE,
        balance_after bigint CHECK (balance_after >= 0),
        attempts int NOT NULL DEFAULT 0,
        inquire_at timestamptz NOT NULL,
        cairo_day date NOT NULL,
        begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        settled_at timestamptz,
        CONSTRAINT top_up_once_a_key UNIQUE (user_id, key),
        CONSTRAINT settled_whole CHECK ((state = 'pending') = (settled_at IS NULL)
            AND (state = 'pending') = (balance_after IS NULL) AND (state = 'succeeded') = (transfer_id IS NOT NULL))
    )
    """,
    "CREATE INDEX top_ups_due ON top_ups (inquire_at) WHERE state = 'pending'",
    "CREATE INDEX top_ups_of_day ON top_ups (user_id, cairo_day) INCLUDE (amount, state)",
)

# Rates hold from their date until the next of the same name; they are never changed, only followed by others.
RATES = (
    """
    CREATE TABLE rates (
        name text NOT NULL,
        effective_from timestamptz NOT NULL,
        basis_points int NOT NULL CHECK (basis_points BETWEEN 0 AND 10000),
        source text NOT NULL,
        PRIMARY KEY (name, effective_from)
    )
    """,
    """
    INSERT INTO rates (name, effective_from, basis_points, source) VALUES
        ('tip_fee', '2024-01-01T00:00:00+02', 500, 'DAIRA tariff: 5 % of a tip'),
        ('vat', '2017-07-01T00:00:00+02', 1400,
         'Egypt, VAT law 67/2016: general rate 14 % from July 2017; on the platform''s fee')
    """,
)


def upgrade() -> None:
    """Make the tables."""
    statements = (
        *ID_DDL,
        *EVENTS_DDL,
        ACCOUNTS,
        "INSERT INTO accounts (id, kind) VALUES (-1, 'fee'), (-2, 'vat'), (-3, 'provider_clearing')",
        TRANSFERS,
        *ENTRIES,
        *TOP_UPS,
        *RATES,
    )
    for statement in statements:
        op.execute(statement)
