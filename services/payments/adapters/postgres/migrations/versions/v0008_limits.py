"""Limits by person, rail and Cairo day, month and clock hour, counted inside the posting's own transaction."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

# Like rates, limits hold from their date until the next of the same rail and level, and are followed, never changed.
# `level` is how well a person is known: 0 by phone, 1 by identity card, 2 as a licensed firm. Amounts in piastres.
LIMITS = (
    """
    CREATE TABLE limits (
        rail text NOT NULL CHECK (rail IN ('tip', 'subscription', 'card', 'voucher', 'mobile', 'bank', 'sandbox',
            'mobile_payout', 'bank_payout')),
        level smallint NOT NULL CHECK (level BETWEEN 0 AND 2),
        effective_from timestamptz NOT NULL,
        each_min bigint NOT NULL CHECK (each_min > 0),
        each_max bigint NOT NULL CHECK (each_max >= 0),
        day_max bigint NOT NULL CHECK (day_max >= 0),
        month_max bigint NOT NULL CHECK (month_max >= 0),
        hour_count int NOT NULL CHECK (hour_count >= 0),
        source text NOT NULL CHECK (source <> ''),
        PRIMARY KEY (rail, level, effective_from)
    )
    """,
    """
    CREATE TRIGGER limits_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON limits
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TABLE known_people (
        user_id bigint PRIMARY KEY CHECK (user_id > 0),
        level smallint NOT NULL CHECK (level BETWEEN 0 AND 2),
        known_since timestamptz NOT NULL DEFAULT now()
    )
    """,
    # One row a person and rail, of the newest windows there were: a clock that steps back counts in those.
    """
    CREATE TABLE limit_usage (
        user_id bigint NOT NULL,
        rail text NOT NULL,
        month date NOT NULL,
        month_used bigint NOT NULL CHECK (month_used >= 0),
        day date NOT NULL,
        day_used bigint NOT NULL CHECK (day_used >= 0),
        hour timestamptz NOT NULL,
        hour_count int NOT NULL CHECK (hour_count >= 0),
        PRIMARY KEY (user_id, rail)
    ) WITH (fillfactor = 50)
    """,
)

SEED = """
    INSERT INTO limits (rail, level, effective_from, each_min, each_max, day_max, month_max, hour_count, source)
    SELECT rail, level, timestamptz '2023-11-01T00:00:00+02', each_min, each_max, day_max, month_max, hour_count, source
    FROM (VALUES
        ('card', 500, 3000000, 6000000, 20000000, 20,
         'Central Bank of Egypt, 2023: EGP 60,000 a day and 200,000 a month into an individual''s wallet'),
        ('mobile', 500, 3000000, 6000000, 20000000, 20,
         'Central Bank of Egypt, 2023: EGP 60,000 a day and 200,000 a month into an individual''s wallet'),
        ('voucher', 500, 3000000, 6000000, 20000000, 20,
         'Central Bank of Egypt, 2023: EGP 60,000 a day and 200,000 a month into an individual''s wallet'),
        ('bank', 500, 7000000, 6000000, 20000000, 20,
         'InstaPay, 2024: EGP 70,000 a transfer; and the wallet''s own limits'),
        ('sandbox', 500, 3000000, 6000000, 20000000, 1000, 'DAIRA: the limits of cards, for development'),
        ('tip', 100, 1000000, 6000000, 20000000, 600, 'DAIRA: EGP 10,000 a tip; the wallet''s own limits'),
        ('subscription', 100, 1000000, 6000000, 20000000, 100, 'DAIRA: as for tips')
    ) AS seed (rail, each_min, each_max, day_max, month_max, hour_count, source), generate_series(0, 2) AS level
    UNION ALL
    SELECT rail, level, timestamptz '2023-11-01T00:00:00+02', each_min, each_max, day_max, month_max, hour_count, source
    FROM (VALUES
        ('mobile_payout', 0, 500, 0, 0, 0, 0, 'DAIRA: nobody is paid out who is not known by identity card'),
        ('mobile_payout', 1, 500, 6000000, 6000000, 20000000, 10,
         'Central Bank of Egypt, 2023: EGP 60,000 a day and 200,000 a month for individuals'),
        ('mobile_payout', 2, 500, 8000000, 8000000, 40000000, 20,
         'Central Bank of Egypt, 2023: EGP 80,000 a day and 400,000 a month for licensed micro-firms'),
        ('bank_payout', 0, 11200, 0, 0, 0, 0, 'DAIRA: nobody is paid out who is not known by identity card'),
        ('bank_payout', 1, 11200, 7000000, 12000000, 40000000, 10,
         'InstaPay, 2024: EGP 70,000 a transfer, 120,000 a day, 400,000 a month; Paymob: EGP 112 at least'),
        ('bank_payout', 2, 11200, 7000000, 12000000, 40000000, 20,
         'InstaPay, 2024: EGP 70,000 a transfer, 120,000 a day, 400,000 a month; Paymob: EGP 112 at least')
    ) AS seed (rail, level, each_min, each_max, day_max, month_max, hour_count, source)
"""

# Which limit a further amount would cross: 'each', 'day', 'month' or 'hour'; 'within' when none. Each moment has one
# Cairo date, so that the days of 23 and 25 hours count as one day each. A rail without limits is an error, not free.
JUDGE = """
    CREATE FUNCTION crossed_limit(person bigint, by_rail text, wanted bigint, at timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
    DECLARE
        allowed limits%ROWTYPE;
        used limit_usage%ROWTYPE;
        today date := cairo_day(at);
    BEGIN
        SELECT * INTO allowed FROM limits l
        WHERE l.rail = by_rail AND l.effective_from <= at
            AND l.level = coalesce((SELECT k.level FROM known_people k WHERE k.user_id = person), 0)
        ORDER BY l.effective_from DESC LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no limit of % holds', by_rail USING ERRCODE = 'no_data_found';
        END IF;
        SELECT * INTO used FROM limit_usage u WHERE u.user_id = person AND u.rail = by_rail;
        RETURN CASE
            WHEN wanted NOT BETWEEN allowed.each_min AND allowed.each_max THEN 'each'
            WHEN wanted + CASE WHEN used.day >= today THEN used.day_used ELSE 0 END > allowed.day_max THEN 'day'
            WHEN wanted + CASE WHEN used.month >= date_trunc('month', today) THEN used.month_used ELSE 0 END
                > allowed.month_max THEN 'month'
            WHEN CASE WHEN used.hour >= date_trunc('hour', at) THEN used.hour_count ELSE 0 END >= allowed.hour_count
                THEN 'hour'
            ELSE 'within'
        END;
    END
    $$
"""


def count_rows(source: str, rail: str) -> str:
    """The statement that counts `source`'s columns person and amount against limits, one row a person."""
    return f"""
        INSERT INTO limit_usage AS u (user_id, rail, month, month_used, day, day_used, hour, hour_count)
        SELECT person, {rail}, date_trunc('month', cairo_day(at)), amount, cairo_day(at), amount,
            date_trunc('hour', at), 1
        FROM {source} ORDER BY person
        ON CONFLICT (user_id, rail) DO UPDATE SET
            month_used = excluded.month_used + CASE WHEN u.month >= excluded.month THEN u.month_used ELSE 0 END,
            month = greatest(u.month, excluded.month),
            day_used = excluded.day_used + CASE WHEN u.day >= excluded.day THEN u.day_used ELSE 0 END,
            day = greatest(u.day, excluded.day),
            hour_count = 1 + CASE WHEN u.hour >= excluded.hour THEN u.hour_count ELSE 0 END,
            hour = greatest(u.hour, excluded.hour)
    """.strip()


COUNT = (
    f"""
    CREATE FUNCTION count_usage(people bigint[], by_rail text, amounts bigint[], at timestamptz) RETURNS void
    LANGUAGE sql AS $$
        {count_rows("unnest(people, amounts) AS a (person, amount)", "by_rail")}
    $$
    """,
    # What came to nothing no longer counts; how often somebody tried in the hour does.
    """
    CREATE FUNCTION give_back_usage(person bigint, by_rail text, amount bigint, counted_at timestamptz) RETURNS void
    LANGUAGE sql AS $$
        UPDATE limit_usage u SET
            month_used = u.month_used - CASE u.month WHEN date_trunc('month', cairo_day(counted_at)) THEN amount ELSE 0
                END,
            day_used = u.day_used - CASE u.day WHEN cairo_day(counted_at) THEN amount ELSE 0 END
        WHERE u.user_id = person AND u.rail = by_rail
    $$
    """,
    # The form for one posting: 'within' and counted, or the limit that it would cross and nothing counted. Its caller
    # holds the lock of the person's wallet.
    """
    CREATE FUNCTION take_limit(person bigint, by_rail text, wanted bigint, at timestamptz) RETURNS text
    LANGUAGE plpgsql AS $$
    DECLARE
        crossed text := crossed_limit(person, by_rail, wanted, at);
    BEGIN
        IF crossed = 'within' THEN
            PERFORM count_usage(ARRAY[person], by_rail, ARRAY[wanted], at);
        END IF;
        RETURN crossed;
    END
    $$
    """,
)


def upgrade() -> None:
    """Make the tables, their first limits and the functions."""
    for statement in (*LIMITS, SEED, JUDGE, *COUNT):
        op.execute(statement)
