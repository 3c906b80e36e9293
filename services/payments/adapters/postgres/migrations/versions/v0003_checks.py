"""Folded balances, the ledger's own check, and the record that the sandbox provider keeps."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

# Transactions below the oldest one still running are complete: their entries can be summed once and for all. The lock
# comes first, in a statement of its own, so that the sum is never taken with a snapshot older than the last fold.
FOLD_ACCOUNTS = """
    CREATE FUNCTION fold_accounts() RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM id FROM accounts WHERE id < 0 ORDER BY id FOR NO KEY UPDATE;
        UPDATE accounts SET
            posted = posted + (
                SELECT coalesce(sum(e.amount), 0) FROM entries e
                WHERE e.account_id = accounts.id AND e.account_id < 0
                    AND e.xid >= folded_xid AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
            ),
            folded_xid = pg_snapshot_xmin(pg_current_snapshot())
        WHERE id < 0;
    END
    $$
"""

BALANCES = """
    CREATE VIEW account_balances AS
    SELECT id, kind, currency, CASE WHEN id > 0 THEN posted ELSE posted + (
        SELECT coalesce(sum(e.amount), 0) FROM entries e
        WHERE e.account_id = accounts.id AND e.account_id < 0 AND e.xid >= accounts.folded_xid
    ) END AS balance
    FROM accounts
"""

# Every rule of the ledger, recomputed from the entries in one snapshot. No row means that the ledger is right.
CHECK_LEDGER = """
    CREATE FUNCTION check_ledger() RETURNS TABLE (problem text, subject bigint, found bigint, expected bigint)
    LANGUAGE sql STABLE AS $$
        SELECT 'entries do not sum to zero', 0::bigint, total::bigint, 0::bigint
        FROM (SELECT coalesce(sum(amount), 0) AS total FROM entries) AS trial WHERE total <> 0
        UNION ALL
        SELECT 'transfer does not sum to zero', transfer_id, sum(amount)::bigint, 0 FROM entries
        GROUP BY transfer_id HAVING sum(amount) <> 0
        UNION ALL
        SELECT 'balance is not the sum of the entries', b.id, b.balance::bigint, coalesce(f.total, 0)::bigint
        FROM account_balances b
        FULL JOIN (SELECT account_id, sum(amount) AS total FROM entries GROUP BY account_id) AS f
            ON f.account_id = b.id
        WHERE b.balance IS DISTINCT FROM coalesce(f.total, 0)
        UNION ALL
        SELECT 'wallet is below zero', id, posted, 0 FROM accounts WHERE kind = 'wallet' AND posted < 0
        UNION ALL
        SELECT 'version is not the number of entries', a.id, a.version, count(e.id) FROM accounts a
        LEFT JOIN entries e ON e.account_id = a.id WHERE a.id > 0
        GROUP BY a.id, a.version HAVING a.version <> count(e.id)
        UNION ALL
        SELECT 'running balance is broken at entry', id, balance_after, running FROM (
            SELECT id, balance_after, version,
                (sum(amount) OVER statement)::bigint AS running, row_number() OVER statement AS number
            FROM entries WHERE account_id > 0 WINDOW statement AS (PARTITION BY account_id ORDER BY version)
        ) AS lines WHERE balance_after <> running OR version <> number
        UNION ALL
        SELECT 'transfer has wrong entries', t.id, coalesce(l.legs, 0),
            CASE t.kind WHEN 'top_up' THEN 2 ELSE 2 + (t.fee > 0)::int + (t.vat > 0)::int END
        FROM transfers t
        LEFT JOIN (
            SELECT transfer_id, count(*) AS legs, sum(amount) FILTER (WHERE amount > 0) AS total,
                coalesce(sum(amount) FILTER (WHERE account_id = -1), 0) AS fee,
                coalesce(sum(amount) FILTER (WHERE account_id = -2), 0) AS vat
            FROM entries GROUP BY transfer_id
        ) AS l ON l.transfer_id = t.id
        WHERE l.legs IS DISTINCT FROM CASE t.kind WHEN 'top_up' THEN 2 ELSE 2 + (t.fee > 0)::int + (t.vat > 0)::int END
            OR (l.total, l.fee, l.vat) IS DISTINCT FROM (t.amount::numeric, t.fee::numeric, t.vat::numeric)
        UNION ALL
        SELECT 'entry without transfer', e.id, e.transfer_id, 0 FROM entries e
        WHERE NOT EXISTS (SELECT FROM transfers t WHERE t.id = e.transfer_id)
        UNION ALL
        SELECT 'top-up and transfer disagree', coalesce(u.id, t.id), u.amount, t.amount
        FROM (SELECT * FROM top_ups WHERE state = 'succeeded') AS u
        FULL JOIN (SELECT * FROM transfers WHERE kind = 'top_up') AS t ON t.id = u.transfer_id
        WHERE (u.amount, u.user_id) IS DISTINCT FROM (t.amount, t.actor_id)
        UNION ALL
        SELECT 'posting without its one event', m.id, coalesce(v.events, 0), 1
        FROM (
            SELECT id, CASE kind WHEN 'tip' THEN 'tip_sent' ELSE 'wallet_topped_up' END AS kind FROM transfers
            UNION ALL SELECT id, 'top_up_declined' FROM top_ups WHERE state = 'declined'
            UNION ALL SELECT id, 'wallet_opened' FROM accounts WHERE id > 0
        ) AS m
        LEFT JOIN (SELECT kind, aggregate_id, count(*) AS events FROM events GROUP BY 1, 2) AS v
            ON v.aggregate_id = m.id AND v.kind = m.kind
        WHERE v.events IS DISTINCT FROM 1
    $$
"""

# The sandbox stands for somebody else's system, which remembers what it was asked even when this process dies.
SANDBOX_PAYMENTS = """
    CREATE TABLE sandbox_payments (
        reference text PRIMARY KEY,
        amount bigint NOT NULL CHECK (amount > 0),
        captured boolean NOT NULL,
        requests int NOT NULL DEFAULT 1,
        inquiries int NOT NULL DEFAULT 0,
        requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""


def upgrade() -> None:
    """Make the functions, the view and the sandbox's table."""
    for statement in (FOLD_ACCOUNTS, BALANCES, CHECK_LEDGER, SANDBOX_PAYMENTS):
        op.execute(statement)
