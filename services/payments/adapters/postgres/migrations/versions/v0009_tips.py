"""Tips look at what is held, closed and blocked, and at the sender's limits, where they are posted."""

from __future__ import annotations

from alembic import op

from services.payments.adapters.postgres.migrations.versions.v0008_limits import count_rows

revision = "0009"
down_revision = "0008"

# Several tips that wait at the same time share one transaction and one flush. With at most one tip a sender in a call,
# each sender's balance before the call decides: debits come before credits in every wallet, which is a serial order,
# and no wallet passes below zero on the way.
#
# Lock order: wallets being opened (by id), then wallets (by id); nobody takes a lock of the first kind after one of
# the second, so there is no cycle.
#
# The plan is made once in a session, perhaps when the tables are still empty, and kept while they grow: LATERAL with
# LIMIT holds it to one index look-up a tip, where a join turned into reading whole tables (seen: 13 ms a call).
POST_TIPS = f"""
    CREATE OR REPLACE FUNCTION post_tips(
        senders bigint[], recipients bigint[], amounts bigint[], fees bigint[], vats bigint[], posts bigint[],
        keys text[], hashes bytea[], payloads bytea[]
    ) RETURNS TABLE (tip bigint, outcome text, transfer_id bigint, amount bigint, fee bigint, vat bigint,
        balance_after bigint)
    LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
    SET plan_cache_mode = force_generic_plan
    AS $$
    #variable_conflict use_column
    DECLARE
        missing bigint[];
        at timestamptz := clock_timestamp();
        locked bigint[];
    BEGIN
        IF (SELECT count(DISTINCT sender) FROM unnest(senders) AS sender) <> cardinality(senders) THEN
            RAISE EXCEPTION 'one tip a sender in a call' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        -- Only a tip that will probably be posted opens a wallet, so that empty pockets cannot fill the table.
        missing := ARRAY(
            SELECT a.recipient FROM unnest(senders, recipients, amounts, keys) AS a (sender, recipient, amount, key)
            WHERE NOT EXISTS (SELECT FROM accounts WHERE id = a.recipient)
                AND a.amount > 0
                AND EXISTS (SELECT FROM accounts WHERE id = a.sender AND kind = 'wallet' AND posted - held >= a.amount)
                AND NOT EXISTS (SELECT FROM transfers WHERE actor_id = a.sender AND kind = 'tip' AND key = a.key)
        );
        IF cardinality(missing) > 0 THEN
            PERFORM open_wallets(missing, 0);
        END IF;

        SELECT coalesce(array_agg(held.id), '{{}}') INTO locked
        FROM (SELECT DISTINCT id FROM unnest(senders || recipients) AS id ORDER BY id) AS wanted
        CROSS JOIN LATERAL (
            SELECT a.id FROM accounts a WHERE a.id = wanted.id LIMIT 1 FOR NO KEY UPDATE
        ) AS held;

        RETURN QUERY
        WITH judged AS MATERIALIZED (
            SELECT a.*, t.id AS old_id, t.amount AS old_amount, t.fee AS old_fee, t.vat AS old_vat,
                t.balance_after AS old_balance, s.posted AS sender_posted, s.version AS sender_version,
                r.posted AS recipient_posted, r.version AS recipient_version,
                CASE
                    WHEN t.body_hash = a.hash THEN 'replayed'
                    WHEN t.id IS NOT NULL THEN 'key_reused'
                    -- A wallet that somebody else opened since then is seen here and not locked: next time.
                    WHEN (s.id IS NOT NULL AND s.id <> ALL(locked)) OR (r.id IS NOT NULL AND r.id <> ALL(locked))
                        THEN 'again'
                    WHEN s.id IS NULL OR s.posted - s.held < a.amount THEN 'insufficient'
                    WHEN s.closed_at IS NOT NULL OR r.closed_at IS NOT NULL OR EXISTS (
                        SELECT FROM blocked_pairs WHERE blocker_id = a.recipient AND blocked_id = a.sender
                    ) THEN 'closed'
                    WHEN r.id IS NULL THEN 'again'
                    ELSE crossed_limit(a.sender, 'tip', a.amount, at)
                END AS outcome
            FROM unnest(senders, recipients, amounts, fees, vats, posts, keys, hashes, payloads) WITH ORDINALITY
                AS a (sender, recipient, amount, fee, vat, post, key, hash, payload, tip)
            LEFT JOIN LATERAL (
                SELECT * FROM transfers WHERE actor_id = a.sender AND kind = 'tip' AND key = a.key LIMIT 1
            ) AS t ON true
            LEFT JOIN LATERAL (SELECT * FROM accounts WHERE id = a.sender AND kind = 'wallet' LIMIT 1) AS s ON true
            LEFT JOIN LATERAL (SELECT * FROM accounts WHERE id = a.recipient AND kind = 'wallet' LIMIT 1) AS r ON true
        ), ruled AS MATERIALIZED (
            SELECT *, CASE outcome WHEN 'within' THEN daira_id(0) ELSE old_id END AS id FROM judged
        ), made AS MATERIALIZED (
            SELECT * FROM ruled WHERE outcome = 'within'
        ), wallet_legs AS MATERIALIZED (
            SELECT id, leg, account, change,
                posted + (sum(change) OVER running)::bigint AS balance, version + row_number() OVER running AS version
            FROM (
                SELECT id, 1 AS leg, sender AS account, -amount AS change, sender_posted AS posted,
                    sender_version AS version FROM made
                UNION ALL
                SELECT id, 2, recipient, amount - fee - vat, recipient_posted, recipient_version FROM made
            ) AS both_legs
            WINDOW running AS (PARTITION BY account ORDER BY leg, id ROWS UNBOUNDED PRECEDING)
        ), moved AS (
            UPDATE accounts SET posted = accounts.posted + total.change, version = accounts.version + total.legs
            FROM (SELECT account, sum(change)::bigint AS change, count(*) AS legs FROM wallet_legs GROUP BY account)
                AS total
            WHERE accounts.id = total.account
        ), kept AS (
            INSERT INTO transfers
                (id, kind, actor_id, recipient_id, amount, fee, vat, post_id, key, body_hash, balance_after)
            SELECT id, 'tip', sender, recipient, amount, fee, vat, post, key, hash, sender_posted - amount FROM made
        ), entered AS (
            INSERT INTO entries (id, transfer_id, account_id, amount, balance_after, version)
            SELECT id | (leg << 12), id, account, change, balance, version FROM wallet_legs
            UNION ALL SELECT id | (3 << 12), id, -1, fee, NULL, NULL FROM made WHERE fee <> 0
            UNION ALL SELECT id | (4 << 12), id, -2, vat, NULL, NULL FROM made WHERE vat <> 0
        ), counted AS (
            {count_rows("(SELECT sender AS person, amount FROM made) AS a", "'tip'")}
        ), told AS (
            INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
            SELECT 'tip_sent', id, 1, sender, payload FROM made
        )
        SELECT tip, CASE outcome WHEN 'within' THEN 'posted' ELSE outcome END, id, coalesce(old_amount, amount),
            coalesce(old_fee, fee), coalesce(old_vat, vat),
            CASE outcome WHEN 'within' THEN sender_posted - amount ELSE coalesce(old_balance, sender_posted, 0) END
        FROM ruled ORDER BY tip;
    END
    $$
"""


def upgrade() -> None:
    """Make the function anew."""
    op.execute(POST_TIPS)
