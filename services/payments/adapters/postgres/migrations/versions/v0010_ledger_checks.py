"""The ledger's own check, for transfers of every kind, holds and what is taken back."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

# Every rule of the ledger, recomputed from the entries in one snapshot. No row means that the ledger is right.
CHECK_LEDGER = """
    CREATE OR REPLACE FUNCTION check_ledger()
    RETURNS TABLE (problem text, subject bigint, found bigint, expected bigint)
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
        SELECT 'wallet is below its holds', id, posted, held FROM accounts WHERE kind = 'wallet' AND posted < held
        UNION ALL
        SELECT 'recovery is above zero', id, posted, 0 FROM accounts WHERE kind = 'recovery' AND posted > 0
        UNION ALL
        SELECT 'held is not the sum of the open holds', a.id, a.held, coalesce(h.total, 0)::bigint FROM accounts a
        LEFT JOIN (SELECT account_id, sum(amount) AS total FROM holds WHERE state = 'open' GROUP BY account_id) AS h
            ON h.account_id = a.id
        WHERE a.held <> coalesce(h.total, 0)
        UNION ALL
        SELECT 'hold is captured by no such transfer', h.id, h.transfer_id, 0 FROM holds h
        WHERE h.state = 'captured' AND NOT EXISTS (
            SELECT FROM entries e
            WHERE e.transfer_id = h.transfer_id AND e.account_id = h.account_id AND e.amount < 0
        )
        UNION ALL
        SELECT 'more is taken back than was moved', o.id, sum(t.amount)::bigint, o.amount FROM transfers t
        JOIN transfers o ON o.id = t.reverses GROUP BY o.id, o.amount HAVING sum(t.amount) > o.amount
        UNION ALL
        SELECT 'transfer takes back what is not there', t.id, t.reverses, 0 FROM transfers t
        WHERE t.reverses IS NOT NULL AND NOT EXISTS (SELECT FROM transfers o WHERE o.id = t.reverses)
        UNION ALL
        SELECT 'version is not the number of entries', a.id, a.version, count(e.id) FROM accounts a
        LEFT JOIN entries e ON e.account_id = a.id WHERE a.id NOT BETWEEN -999 AND -1
        GROUP BY a.id, a.version HAVING a.version <> count(e.id)
        UNION ALL
        SELECT 'running balance is broken at entry', id, balance_after, running FROM (
            SELECT id, balance_after, version,
                (sum(amount) OVER statement)::bigint AS running, row_number() OVER statement AS number
            FROM entries WHERE version IS NOT NULL WINDOW statement AS (PARTITION BY account_id ORDER BY version)
        ) AS lines WHERE balance_after <> running OR version <> number
        UNION ALL
        SELECT 'transfer has wrong entries', t.id, coalesce(l.total, 0)::bigint, t.amount FROM transfers t
        LEFT JOIN (
            SELECT transfer_id, sum(amount) FILTER (WHERE amount > 0) AS total,
                coalesce(sum(amount) FILTER (WHERE account_id = -1), 0) AS fee,
                coalesce(sum(amount) FILTER (WHERE account_id = -2), 0) AS vat
            FROM entries GROUP BY transfer_id
        ) AS l ON l.transfer_id = t.id
        WHERE (l.total, abs(l.fee), abs(l.vat)) IS DISTINCT FROM (t.amount::numeric, t.fee::numeric, t.vat::numeric)
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
            SELECT id, CASE kind WHEN 'tip' THEN 'tip_sent' WHEN 'top_up' THEN 'wallet_topped_up'
                ELSE 'transfer_posted' END AS kind
            FROM transfers
            UNION ALL SELECT id, 'top_up_declined' FROM top_ups WHERE state = 'declined'
            UNION ALL SELECT id, 'wallet_opened' FROM accounts WHERE id > 0
        ) AS m
        LEFT JOIN (SELECT kind, aggregate_id, count(*) AS events FROM events GROUP BY 1, 2) AS v
            ON v.aggregate_id = m.id AND v.kind = m.kind
        WHERE v.events IS DISTINCT FROM 1
    $$
"""


def upgrade() -> None:
    """Make the function anew."""
    op.execute(CHECK_LEDGER)
