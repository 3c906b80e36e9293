"""Plans of creators and their dated prices, subscriptions as people see them, invoices, and which periods are paid."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"

# A price holds for periods that begin at or after its date; prices are added, none is changed. A plan that is archived
# goes on for those who have it.
PLANS = (
    """
    CREATE TABLE plans (
        id bigint PRIMARY KEY,
        creator_id bigint NOT NULL CHECK (creator_id > 0),
        name_ar text NOT NULL CHECK (length(name_ar) BETWEEN 2 AND 60),
        name_en text NOT NULL CHECK (length(name_en) BETWEEN 2 AND 60),
        months smallint NOT NULL CHECK (months IN (1, 12)),
        trial_days smallint NOT NULL CHECK (trial_days BETWEEN 0 AND 90),
        key text NOT NULL,
        body_hash bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        archived_at timestamptz,
        CONSTRAINT plan_once_a_key UNIQUE (creator_id, key)
    )
    """,
    """
    CREATE TABLE plan_prices (
        plan_id bigint NOT NULL REFERENCES plans (id),
        effective_from timestamptz NOT NULL,
        price bigint NOT NULL CHECK (price BETWEEN 500 AND 1000000),
        key text NOT NULL,
        body_hash bytea NOT NULL,
        made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (plan_id, effective_from),
        CONSTRAINT price_once_a_key UNIQUE (plan_id, key)
    )
    """,
    """
    CREATE TRIGGER plan_prices_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON plan_prices
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    INSERT INTO rates (name, effective_from, basis_points, source)
    VALUES ('subscription_fee', '2024-01-01T00:00:00+02', 500, 'DAIRA tariff: 5 % of a subscription, as of a tip')
    """,
)

# `subscriptions` is what the saga of the same id wrote last, in the transition's transaction. `billed_periods` is the
# guard that no period is paid twice, whatever a machine or a clock does.
SUBSCRIPTIONS = (
    """
    CREATE TABLE subscriptions (
        id bigint PRIMARY KEY REFERENCES sagas (id),
        subscriber_id bigint NOT NULL CHECK (subscriber_id > 0),
        creator_id bigint NOT NULL CHECK (creator_id > 0 AND creator_id <> subscriber_id),
        plan_id bigint NOT NULL REFERENCES plans (id),
        next_plan_id bigint NOT NULL DEFAULT 0,
        state text NOT NULL CHECK (state IN ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due',
            'canceled', 'unpaid', 'paused')),
        source text NOT NULL CHECK (source IN ('wallet', 'card', 'voucher')),
        price bigint NOT NULL CHECK (price >= 0),
        period int NOT NULL CHECK (period >= -1),
        period_start timestamptz,
        period_end timestamptz,
        access_until timestamptz,
        cancel_at_end boolean NOT NULL,
        problem text NOT NULL DEFAULT '' CHECK (length(problem) <= 100),
        charge text NOT NULL DEFAULT '',
        instrument_id bigint NOT NULL DEFAULT 0,
        had_trial boolean NOT NULL DEFAULT false,
        version int NOT NULL DEFAULT 1,
        started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX subscriptions_of_subscriber ON subscriptions (subscriber_id, id)",
    "CREATE INDEX subscriptions_of_creator ON subscriptions (creator_id, id)",
    """
    CREATE TABLE invoices (
        id bigint PRIMARY KEY,
        subscription_id bigint NOT NULL REFERENCES subscriptions (id) DEFERRABLE INITIALLY DEFERRED,
        number int NOT NULL CHECK (number > 0),
        state text NOT NULL CHECK (state IN ('open', 'paid', 'void', 'uncollectible')),
        total bigint NOT NULL CHECK (total > 0),
        lines jsonb NOT NULL CHECK (jsonb_typeof(lines) = 'array' AND octet_length(lines::text) <= 8192),
        transfer_id bigint,
        made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        settled_at timestamptz,
        CONSTRAINT invoice_once_a_number UNIQUE (subscription_id, number),
        CONSTRAINT paid_by_a_transfer CHECK ((state = 'paid') = (transfer_id IS NOT NULL)),
        CONSTRAINT open_is_not_settled CHECK ((state = 'open') = (settled_at IS NULL))
    )
    """,
    """
    CREATE TABLE billed_periods (
        subscription_id bigint NOT NULL,
        period int NOT NULL,
        invoice_id bigint NOT NULL REFERENCES invoices (id),
        PRIMARY KEY (subscription_id, period)
    )
    """,
    # What came of a signal, for whoever sent it.
    "ALTER TABLE saga_signals ADD COLUMN result text NOT NULL DEFAULT '' CHECK (length(result) <= 100)",
)

# No row means that subscriptions and the ledger agree.
CHECK = """
    CREATE FUNCTION check_subscriptions()
    RETURNS TABLE (problem text, subject bigint, found bigint, expected bigint)
    LANGUAGE sql STABLE AS $$
        SELECT 'invoice and transfer disagree', i.id, i.total, t.amount FROM invoices i
        LEFT JOIN transfers t ON t.id = i.transfer_id AND t.kind = 'subscription'
        WHERE i.state = 'paid' AND i.total IS DISTINCT FROM t.amount
        UNION ALL
        SELECT 'subscription transfer without invoice', t.id, t.amount, 0 FROM transfers t
        WHERE t.kind = 'subscription' AND NOT EXISTS (SELECT FROM invoices i WHERE i.transfer_id = t.id)
        UNION ALL
        SELECT 'lines do not sum to the invoice', i.id, l.total, i.total FROM invoices i
        CROSS JOIN LATERAL (
            SELECT sum((line ->> 'amount')::bigint)::bigint AS total FROM jsonb_array_elements(i.lines) AS line
        ) AS l
        WHERE l.total IS DISTINCT FROM i.total
        UNION ALL
        SELECT 'subscription is not as its saga', s.id, 0, 0 FROM subscriptions s JOIN sagas g ON g.id = s.id
        WHERE g.state <> s.state
        UNION ALL
        SELECT 'active without a paid period', s.id, s.period, 0 FROM subscriptions s
        WHERE s.state = 'active' AND NOT EXISTS (
            SELECT FROM billed_periods b WHERE b.subscription_id = s.id AND b.period = s.period
        )
    $$
"""


def upgrade() -> None:
    """Make the tables, the rate and the check."""
    for statement in (*PLANS, *SUBSCRIPTIONS, CHECK):
        op.execute(statement)
