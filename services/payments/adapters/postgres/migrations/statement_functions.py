"""SQL of balances of any moment, of statements between two, and of trial balances."""

from __future__ import annotations

from typing import Final

from services.chassis.ids import first_id_sql

# An entry's moment is its transfer's posted_at, the same for all legs, so that balances of one moment sum to zero. An
# id is a little older than that; how little is bounded by far: beyond these minutes the id alone decides.
_ID_BOUND: Final = """
    CREATE FUNCTION ledger_id_bound(at timestamptz, margin interval) RETURNS bigint LANGUAGE sql STABLE AS $$
        SELECT {least}
        FROM (
            SELECT least(greatest(at, '2024-01-02T00:00:00Z'), clock_timestamp() + interval '1 day') + margin AS moment
        ) AS bounded
    $$
""".format(least=first_id_sql("moment"))

# How many lines of a wallet or debt have an id below the bound: a search in halves, for lines are numbered in time.
_LINES_BELOW: Final = """
    CREATE FUNCTION lines_below(account bigint, bound bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
    DECLARE
        low bigint := 0;
        high bigint := coalesce((SELECT a.version FROM accounts a WHERE a.id = account), 0) + 1;
        middle bigint;
    BEGIN
        WHILE high - low > 1 LOOP
            middle := (low + high) / 2;
            IF (SELECT e.id FROM entries e WHERE e.account_id = account AND e.version = middle) < bound THEN
                low := middle;
            ELSE
                high := middle;
            END IF;
        END LOOP;
        RETURN low;
    END
    $$
"""

# What an account held at a moment, the moment included: exactly the sum of its entries posted until then. Of people's
# accounts a few look-ups; of the platform's the whole history is read.
_BALANCE_AT: Final = """
    CREATE FUNCTION balance_at(account bigint, at timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
    DECLARE
        early bigint := ledger_id_bound(at, interval '-5 minutes');
        late bigint := ledger_id_bound(at, interval '5 minutes');
        certain bigint;
    BEGIN
        IF account BETWEEN -999 AND -1 THEN
            RETURN (
                SELECT coalesce(sum(e.amount), 0) FROM entries e
                WHERE e.account_id = account AND e.account_id BETWEEN -999 AND -1 AND e.id < early
            ) + (
                SELECT coalesce(sum(e.amount), 0) FROM entries e JOIN transfers t ON t.id = e.transfer_id
                WHERE e.account_id = account AND e.id >= early AND e.id < late AND t.posted_at <= at
            );
        END IF;
        certain := lines_below(account, early);
        RETURN coalesce(
            (SELECT e.balance_after FROM entries e WHERE e.account_id = account AND e.version = certain), 0
        ) + (
            SELECT coalesce(sum(e.amount), 0) FROM entries e JOIN transfers t ON t.id = e.transfer_id
            WHERE e.account_id = account AND e.version > certain AND e.version <= lines_below(account, late)
                AND t.posted_at <= at
        );
    END
    $$
"""

# The lines of a wallet or debt posted from one moment until before another, by their numbers.
_STATEMENT_LINES: Final = """
    CREATE FUNCTION statement_lines(account bigint, since timestamptz, until timestamptz, after_line bigint,
        at_most int
    ) RETURNS TABLE (line bigint, entry_id bigint, transfer_id bigint, kind text, actor_id bigint, recipient_id bigint,
        amount bigint, balance_after bigint, whole bigint, fee bigint, vat bigint, post_id bigint, reverses bigint,
        posted_at timestamptz)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
    #variable_conflict use_column
    DECLARE
        first bigint := greatest(after_line, lines_below(account, ledger_id_bound(since, interval '-5 minutes')));
        last bigint := lines_below(account, ledger_id_bound(until, interval '5 minutes'));
    BEGIN
        RETURN QUERY
        SELECT e.version, e.id, e.transfer_id, t.kind, t.actor_id, t.recipient_id, e.amount, e.balance_after, t.amount,
            t.fee, t.vat, t.post_id, coalesce(t.reverses, 0), t.posted_at
        FROM entries e JOIN transfers t ON t.id = e.transfer_id
        WHERE e.account_id = account AND e.version > first AND e.version <= last
            AND t.posted_at >= since AND t.posted_at < until
        ORDER BY e.version LIMIT at_most;
    END
    $$
"""

# What the entries posted in a stretch of time, from after `since`, changed of each kind of account, of the platform's
# of each; account 0 stands for all of people's.
_TRIAL_BALANCE: Final = """
    CREATE FUNCTION trial_balance(at timestamptz, since timestamptz DEFAULT '-infinity')
    RETURNS TABLE (kind text, account bigint, change bigint)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET jit = off AS $$
    #variable_conflict use_column
    DECLARE
        since_early bigint := ledger_id_bound(since, interval '-5 minutes');
        since_late bigint := ledger_id_bound(since, interval '5 minutes');
        early bigint := ledger_id_bound(at, interval '-5 minutes');
        late bigint := ledger_id_bound(at, interval '5 minutes');
    BEGIN
        IF since = '-infinity' THEN
            since_early := 0;
            since_late := 0;
        END IF;
        RETURN QUERY
        SELECT CASE WHEN s.account > 0 THEN 'wallet' WHEN s.account < -999 THEN 'recovery'
                ELSE coalesce(a.kind, 'unknown') END AS kind,
            CASE WHEN s.account BETWEEN -999 AND -1 THEN s.account ELSE 0 END, sum(s.change)::bigint
        FROM (
            SELECT CASE WHEN e.account_id > 0 THEN 1 WHEN e.account_id < -999 THEN -1000 ELSE e.account_id END
                AS account, sum(e.amount) AS change
            FROM entries e
            WHERE e.id >= since_early AND e.id < late AND ((e.id >= since_late AND e.id < early) OR EXISTS (
                SELECT FROM transfers t WHERE t.id = e.transfer_id AND t.posted_at > since AND t.posted_at <= at
            ))
            GROUP BY 1
        ) AS s
        LEFT JOIN accounts a ON a.id = s.account
        GROUP BY 1, 2;
    END
    $$
"""

STATEMENTS: Final = (_ID_BOUND, _LINES_BELOW, _BALANCE_AT, _STATEMENT_LINES, _TRIAL_BALANCE)
