"""The posting functions: all that ever moves money, each one call and one transaction."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

# Inserting in order of id keeps two callers that open the same wallets from waiting for each other.
OPEN_WALLETS = """
    CREATE FUNCTION open_wallets(owners bigint[], opener bigint) RETURNS void LANGUAGE sql AS $$
        WITH opened AS (
            INSERT INTO accounts (id, kind) SELECT DISTINCT owner, 'wallet' FROM unnest(owners) AS owner ORDER BY owner
            ON CONFLICT (id) DO NOTHING RETURNING id
        )
        INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id) SELECT 'wallet_opened', id, 1, opener
        FROM opened
    $$
"""

# Several tips that wait at the same time share one transaction and one flush. With at most one tip a sender in a call,
# each sender's balance before the call decides: debits come before credits in every wallet, which is a serial order,
# and no wallet passes below zero on the way.
#
# Lock order: wallets being opened (by id), then wallets (by id); nobody takes a lock of the first kind after one of
# the second, so there is no cycle.
#
# The plan is made once in a session, perhaps when the tables are still empty, and kept while they grow: LATERAL with
# LIMIT holds it to one index look-up a tip, where a join turned into reading whole tables (seen: 13 ms a call).
POST_TIPS = """
    CREATE FUNCTION post_tips(
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
    BEGIN
        IF (SELECT count(DISTINCT sender) FROM unnest(senders) AS sender) <> cardinality(senders) THEN
            RAISE EXCEPTION 'one tip a sender in a call' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        -- Only a tip that will probably be posted opens a wallet, so that empty pockets cannot fill the table.
        missing := ARRAY(
            SELECT a.recipient FROM unnest(senders, recipients, amounts, keys) AS a (sender, recipient, amount, key)
            WHERE NOT EXISTS (SELECT FROM accounts WHERE id = a.recipient)
                AND EXISTS (SELECT FROM accounts WHERE id = a.sender AND kind = 'wallet' AND posted >= a.amount)
                AND NOT EXISTS (SELECT FROM transfers WHERE actor_id = a.sender AND kind = 'tip' AND key = a.key)
        );
        IF cardinality(missing) > 0 THEN
            PERFORM open_wallets(missing, 0);
        END IF;

        PERFORM locked.id
        FROM (SELECT DISTINCT id FROM unnest(senders || recipients) AS id ORDER BY id) AS wanted
        CROSS JOIN LATERAL (
            SELECT a.id FROM accounts a WHERE a.id = wanted.id LIMIT 1 FOR NO KEY UPDATE
        ) AS locked;

        RETURN QUERY
        WITH judged AS MATERIALIZED (
            SELECT a.*, t.id AS old_id, t.amount AS old_amount, t.fee AS old_fee, t.vat AS old_vat,
                t.balance_after AS old_balance, s.posted AS sender_posted, s.version AS sender_version,
                r.posted AS recipient_posted, r.version AS recipient_version,
                CASE
                    WHEN t.body_hash = a.hash THEN 'replayed'
                    WHEN t.id IS NOT NULL THEN 'key_reused'
                    WHEN s.id IS NULL OR s.posted < a.amount THEN 'insufficient'
                    WHEN r.id IS NULL THEN 'again'
                    ELSE 'posted'
                END AS outcome
            FROM unnest(senders, recipients, amounts, fees, vats, posts, keys, hashes, payloads) WITH ORDINALITY
                AS a (sender, recipient, amount, fee, vat, post, key, hash, payload, tip)
            LEFT JOIN LATERAL (
                SELECT * FROM transfers WHERE actor_id = a.sender AND kind = 'tip' AND key = a.key LIMIT 1
            ) AS t ON true
            LEFT JOIN LATERAL (SELECT * FROM accounts WHERE id = a.sender AND kind = 'wallet' LIMIT 1) AS s ON true
            LEFT JOIN LATERAL (SELECT * FROM accounts WHERE id = a.recipient AND kind = 'wallet' LIMIT 1) AS r ON true
        ), ruled AS MATERIALIZED (
            SELECT *, CASE outcome WHEN 'posted' THEN daira_id(0) ELSE old_id END AS id FROM judged
        ), made AS MATERIALIZED (
            SELECT * FROM ruled WHERE outcome = 'posted'
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
        ), told AS (
            INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
            SELECT 'tip_sent', id, 1, sender, payload FROM made
        )
        SELECT tip, outcome, id, coalesce(old_amount, amount), coalesce(old_fee, fee), coalesce(old_vat, vat),
            CASE outcome WHEN 'posted' THEN sender_posted - amount ELSE coalesce(old_balance, sender_posted, 0) END
        FROM ruled ORDER BY tip;
    END
    $$
"""

# The one-tip form, for people at a prompt and for tests: the same posting.
POST_TIP = """
    CREATE FUNCTION post_tip(sender bigint, recipient bigint, amount bigint, fee bigint, vat bigint, post bigint,
        key text, hash bytea, payload bytea
    ) RETURNS TABLE (outcome text, transfer_id bigint, balance_after bigint) LANGUAGE sql AS $$
        SELECT p.outcome, p.transfer_id, p.balance_after FROM post_tips(ARRAY[sender], ARRAY[recipient], ARRAY[amount],
            ARRAY[fee], ARRAY[vat], ARRAY[post], ARRAY[key], ARRAY[hash], ARRAY[payload]) AS p
    $$
"""

CAIRO_DAY = """
    CREATE FUNCTION cairo_day(moment timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
        -- Every moment has one local date, also in the hours that a clock change skips or repeats.
        SELECT (moment AT TIME ZONE 'Africa/Cairo')::date
    $$
"""

# The wallet's row lock makes the limits exact: two top-ups of one person are never counted at the same time. Pending
# ones count, for they may have been charged; declined ones do not.
BEGIN_TOP_UP = """
    CREATE FUNCTION begin_top_up(
        person bigint, wanted bigint, asked_key text, hash bytea, day_limit bigint, month_limit bigint,
        lease interval
    ) RETURNS TABLE (beginning text, id bigint, amount bigint, state text, balance bigint, attempts int)
    LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        held bigint;
        old top_ups%ROWTYPE;
        today date;
        of_day bigint;
        of_month bigint;
        fresh bigint;
    BEGIN
        IF NOT EXISTS (SELECT FROM accounts WHERE accounts.id = person) THEN
            PERFORM open_wallets(ARRAY[person], person);
        END IF;
        SELECT posted INTO STRICT held FROM accounts WHERE accounts.id = person AND kind = 'wallet' FOR NO KEY UPDATE;
        SELECT * INTO old FROM top_ups WHERE user_id = person AND key = asked_key;
        IF FOUND THEN
            beginning := CASE WHEN old.body_hash = hash THEN 'known' ELSE 'key_reused' END;
            RETURN QUERY SELECT beginning, old.id, old.amount, old.state, coalesce(old.balance_after, held),
                old.attempts;
            RETURN;
        END IF;

        today := cairo_day(clock_timestamp());
        SELECT coalesce(sum(top_ups.amount) FILTER (WHERE cairo_day = today), 0), coalesce(sum(top_ups.amount), 0)
        INTO of_day, of_month FROM top_ups
        WHERE user_id = person AND cairo_day >= date_trunc('month', today)::date AND top_ups.state <> 'declined';
        IF of_day + wanted > day_limit OR of_month + wanted > month_limit THEN
            beginning := CASE WHEN of_day + wanted > day_limit THEN 'day_limit' ELSE 'month_limit' END;
            RETURN QUERY SELECT beginning, 0::bigint, wanted, 'declined', held, 0;
            RETURN;
        END IF;

        fresh := daira_id(0);
        INSERT INTO top_ups (id, user_id, amount, key, body_hash, inquire_at, cairo_day)
        VALUES (fresh, person, wanted, asked_key, hash, clock_timestamp() + lease, today);
        RETURN QUERY SELECT 'begun', fresh, wanted, 'pending', held, 0;
    END
    $$
"""

# Lock order: the wallet, then the top-up. Whoever comes second finds it settled and changes nothing.
POST_TOP_UP = """
    CREATE FUNCTION post_top_up(top_up bigint, succeeded boolean, payload bytea)
    RETURNS TABLE (state text, balance bigint) LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        wallet accounts%ROWTYPE;
        old top_ups%ROWTYPE;
        transfer bigint;
    BEGIN
        SELECT a.* INTO STRICT wallet FROM accounts a
        WHERE a.id = (SELECT user_id FROM top_ups WHERE id = top_up) AND kind = 'wallet' FOR NO KEY UPDATE;
        SELECT * INTO STRICT old FROM top_ups WHERE id = top_up FOR UPDATE;
        IF old.state <> 'pending' THEN
            RETURN QUERY SELECT old.state, old.balance_after;
            RETURN;
        END IF;
        IF NOT succeeded THEN
            UPDATE top_ups SET state = 'declined', balance_after = wallet.posted, settled_at = clock_timestamp()
            WHERE id = top_up;
            INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
            VALUES ('top_up_declined', top_up, 1, old.user_id, payload);
            RETURN QUERY SELECT 'declined', wallet.posted;
            RETURN;
        END IF;

        transfer := daira_id(0);
        UPDATE accounts SET posted = posted + old.amount, version = version + 1 WHERE id = wallet.id;
        INSERT INTO transfers (id, kind, actor_id, recipient_id, amount, key, body_hash, balance_after)
        VALUES (transfer, 'top_up', old.user_id, old.user_id, old.amount, old.key, old.body_hash,
            wallet.posted + old.amount);
        INSERT INTO entries (id, transfer_id, account_id, amount, balance_after, version) VALUES
            (transfer | (1 << 12), transfer, -3, -old.amount, NULL, NULL),
            (transfer | (2 << 12), transfer, wallet.id, old.amount, wallet.posted + old.amount, wallet.version + 1);
        INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
        VALUES ('wallet_topped_up', transfer, 1, old.user_id, payload);
        UPDATE top_ups SET state = 'succeeded', transfer_id = transfer, balance_after = wallet.posted + old.amount,
            settled_at = clock_timestamp()
        WHERE id = top_up;
        RETURN QUERY SELECT 'succeeded', wallet.posted + old.amount;
    END
    $$
"""


def upgrade() -> None:
    """Make the functions."""
    for statement in (OPEN_WALLETS, POST_TIPS, POST_TIP, CAIRO_DAY, BEGIN_TOP_UP, POST_TOP_UP):
        op.execute(statement)
