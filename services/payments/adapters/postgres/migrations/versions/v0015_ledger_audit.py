"""The ledger sealed into a hash chain, its trial balances, balances of any moment, and reconciliation."""

from __future__ import annotations

from alembic import op

from services.payments.adapters.postgres.migrations.reconciliation_tables import RECONCILIATION
from services.payments.adapters.postgres.migrations.statement_functions import STATEMENTS

revision = "0015"
down_revision = "0014"

# A transfer's transaction says when it may be sealed, for ids are older than commits. Those of before this migration
# have the transaction 0, and so are sealed first, in the order of their ids. A transfer's entries are of the same one.
TRANSACTIONS = (
    "ALTER TABLE transfers ADD COLUMN xid xid8 NOT NULL DEFAULT '0'",
    "ALTER TABLE transfers ALTER COLUMN xid SET DEFAULT pg_current_xact_id()",
    "CREATE INDEX transfers_xid ON transfers (xid, id)",
)

# One row seals a stretch of transfers with their entries. Bit n of a transfer's `legs` says that it has leg n.
# `fingerprints` are the first 16 bytes of the digest of each row, a transfer's and then its entries': they tell which
# row it is when `rows_hash`, which is over whole digests, does not fit.
CHAIN = (
    """
    CREATE TABLE ledger_seals (
        pos bigint PRIMARY KEY CHECK (pos > 0),
        transfer_ids bigint[] NOT NULL CHECK (cardinality(transfer_ids) BETWEEN 1 AND 10000),
        legs bigint[] NOT NULL CHECK (cardinality(legs) = cardinality(transfer_ids)),
        fingerprints bytea NOT NULL,
        rows_hash bytea NOT NULL CHECK (octet_length(rows_hash) = 32),
        chain_hash bytea NOT NULL CHECK (octet_length(chain_hash) = 32),
        sealed_at timestamptz NOT NULL
    )
    """,
    # Hashes do not shrink, so nothing is gained by trying.
    "ALTER TABLE ledger_seals ALTER COLUMN fingerprints SET STORAGE EXTERNAL",
    """
    CREATE TABLE ledger_seal_state (
        singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        last_xid xid8 NOT NULL,
        last_id bigint NOT NULL,
        last_pos bigint NOT NULL,
        last_hash bytea NOT NULL CHECK (octet_length(last_hash) = 32),
        sealed_rows bigint NOT NULL
    ) WITH (fillfactor = 10)
    """,
    "INSERT INTO ledger_seal_state VALUES (true, '0', 0, 0, decode(repeat('00', 32), 'hex'), 0)",
    """
    CREATE TABLE ledger_checkpoints (
        pos bigint PRIMARY KEY CHECK (pos > 0),
        chain_hash bytea NOT NULL CHECK (octet_length(chain_hash) = 32),
        statement text NOT NULL CHECK (octet_length(statement) <= 2048),
        signed_at timestamptz NOT NULL
    )
    """,
    # Kept for ever, for verifying; the private halves are sealed.
    """
    CREATE TABLE ledger_keys (
        kid text PRIMARY KEY,
        public_key text NOT NULL,
        private_key_sealed bytea NOT NULL,
        active_from timestamptz NOT NULL UNIQUE
    )
    """,
)

# The canonical form of a row is PostgreSQL's own binary form of a record whose first field names the form. Text goes
# in as bytes, for a session may have another encoding.
TRANSFER_FORM = """
    record_send(ROW('daira-ledger-transfer-1'::bytea, b.id, convert_to(b.kind, 'UTF8'), b.actor_id, b.recipient_id,
        b.amount, b.fee, b.vat, b.post_id, convert_to(b.key, 'UTF8'), b.body_hash, b.balance_after, b.posted_at,
        b.reverses, b.xid))
""".strip()
ENTRY_FORM = """
    record_send(ROW('daira-ledger-entry-1'::bytea, e.id, e.transfer_id, e.account_id, e.amount, e.balance_after,
        e.version, e.xid))
""".strip()
CHAIN_FORM = """
    int4send(20) || 'daira-ledger-chain-1'::bytea || int4send(32) || state.last_hash
        || int4send(8) || int8send(state.last_pos + 1) || int4send(32) || fresh.rows_hash
""".strip()

# Below the snapshot's xmin every transaction has ended, so the order (xid, id) there is final: no transfer can still
# come before one that is sealed. All of it happens beside the postings, and locks nothing of theirs.
SEAL = f"""
    CREATE FUNCTION seal_ledger(at_most int) RETURNS int LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET jit = off AS $$
    DECLARE
        state ledger_seal_state%ROWTYPE;
        fresh record;
        at timestamptz := clock_timestamp();
    BEGIN
        -- Another replica that is at it is left to it.
        SELECT * INTO state FROM ledger_seal_state FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN 0;
        END IF;
        WITH batch AS MATERIALIZED (
            SELECT t.*, row_number() OVER (ORDER BY t.xid, t.id) AS place FROM (
                SELECT * FROM transfers WHERE (xid, id) > (state.last_xid, state.last_id)
                    AND xid < pg_snapshot_xmin(pg_current_snapshot())
                ORDER BY xid, id LIMIT at_most
            ) AS t
        ), moved AS MATERIALIZED (
            -- Entries have the millisecond of their transfer: one look-up for each.
            SELECT b.place, (e.id - b.id) >> 12 AS leg, sha256({ENTRY_FORM}) AS digest
            FROM (SELECT DISTINCT id >> 22 AS ms FROM batch) AS of_batch
            CROSS JOIN LATERAL (
                SELECT * FROM entries WHERE id >= of_batch.ms << 22 AND id < (of_batch.ms + 1) << 22
            ) AS e
            JOIN batch b ON b.id = e.transfer_id
            WHERE (e.id - b.id) & 4095 = 0 AND e.id - b.id BETWEEN 1 << 12 AND 62 << 12
        ), digests AS (
            SELECT place, 0 AS leg, sha256({TRANSFER_FORM}) AS digest FROM batch b
            UNION ALL SELECT place, leg, digest FROM moved
        ), hashed AS (
            SELECT string_agg(substring(digest, 1, 16), '' ORDER BY place, leg) AS fingerprints,
                sha256(timestamptz_send(at) || string_agg(digest, '' ORDER BY place, leg)) AS rows_hash,
                count(*) AS made
            FROM digests
        ), listed AS (
            SELECT array_agg(id ORDER BY place) AS transfer_ids, array_agg(legs ORDER BY place) AS legs
            FROM (
                SELECT b.place, b.id, coalesce(bit_or(1::bigint << m.leg::int), 0) AS legs
                FROM batch b LEFT JOIN moved m ON m.place = b.place GROUP BY b.place, b.id
            ) AS each_transfer
        )
        SELECT h.*, l.*, last.xid AS last_xid, last.id AS last_id INTO fresh
        FROM hashed h, listed l, (SELECT xid, id FROM batch ORDER BY place DESC LIMIT 1) AS last;
        IF NOT FOUND THEN
            RETURN 0;
        END IF;
        state.last_hash := sha256({CHAIN_FORM});
        INSERT INTO ledger_seals (pos, transfer_ids, legs, fingerprints, rows_hash, chain_hash, sealed_at)
        VALUES (state.last_pos + 1, fresh.transfer_ids, fresh.legs, fresh.fingerprints, fresh.rows_hash,
            state.last_hash, at);
        UPDATE ledger_seal_state SET last_xid = fresh.last_xid, last_id = fresh.last_id, last_pos = last_pos + 1,
            last_hash = state.last_hash, sealed_rows = sealed_rows + fresh.made;
        RETURN cardinality(fresh.transfer_ids);
    END
    $$
"""

# Each day's closing sums by kind of account, in piastres, with the checkpoint that says which ledger they are of.
TRIAL_BALANCES = (
    """
    CREATE TABLE trial_balances (
        cairo_day date PRIMARY KEY,
        as_of timestamptz NOT NULL UNIQUE,
        taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        sums jsonb NOT NULL CHECK (jsonb_typeof(sums) = 'object'),
        unbalanced bigint NOT NULL,
        checkpoint text NOT NULL CHECK (octet_length(checkpoint) <= 2048)
    )
    """,
)

APPEND_ONLY = ("ledger_seals", "ledger_checkpoints", "ledger_keys", "trial_balances")


def upgrade() -> None:
    """Make everything; nothing is sealed here."""
    for statement in (*TRANSACTIONS, *CHAIN, SEAL, *TRIAL_BALANCES, *STATEMENTS, *RECONCILIATION):
        op.execute(statement)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM PUBLIC, CURRENT_USER")
