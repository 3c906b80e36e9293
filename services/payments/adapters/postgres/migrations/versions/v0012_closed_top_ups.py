"""No top-up begins for a closed wallet; one that was on its way is booked, for the money is there."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

# The wallet's row lock makes the limits exact: two top-ups of one person are never counted at the same time. Pending
# ones count, for they may have been charged; declined ones do not. What was begun before the end is told as before.
BEGIN_TOP_UP = """
    CREATE OR REPLACE FUNCTION begin_top_up(
        person bigint, wanted bigint, asked_key text, hash bytea, day_limit bigint, month_limit bigint,
        lease interval
    ) RETURNS TABLE (beginning text, id bigint, amount bigint, state text, balance bigint, attempts int)
    LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        held bigint;
        closed timestamptz;
        old top_ups%ROWTYPE;
        today date;
        of_day bigint;
        of_month bigint;
        fresh bigint;
    BEGIN
        IF NOT EXISTS (SELECT FROM accounts WHERE accounts.id = person) THEN
            PERFORM open_wallets(ARRAY[person], person);
        END IF;
        SELECT posted, closed_at INTO STRICT held, closed FROM accounts
        WHERE accounts.id = person AND kind = 'wallet' FOR NO KEY UPDATE;
        SELECT * INTO old FROM top_ups WHERE user_id = person AND key = asked_key;
        IF FOUND THEN
            beginning := CASE WHEN old.body_hash = hash THEN 'known' ELSE 'key_reused' END;
            RETURN QUERY SELECT beginning, old.id, old.amount, old.state, coalesce(old.balance_after, held),
                old.attempts;
            RETURN;
        END IF;
        IF closed IS NOT NULL THEN
            RETURN QUERY SELECT 'closed', 0::bigint, wanted, 'declined', held, 0;
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


def upgrade() -> None:
    """Replace the function."""
    op.execute(BEGIN_TOP_UP)
