"""Entries in monthly partitions, and balances that also run along recovery accounts."""

from __future__ import annotations

from alembic import op

from services.chassis.ids import first_id_sql

revision = "0006"
down_revision = "0005"

# Ids are time-sorted, so a month is a range of ids. Whatever was entered before becomes one partition.
ENTRIES = (
    "DROP TRIGGER entries_balance ON entries",
    "DROP TRIGGER entries_append_only ON entries",
    """
    ALTER TABLE entries DROP CONSTRAINT wallets_run_a_balance, DROP CONSTRAINT entries_balance_after_check,
        ADD CONSTRAINT wallets_never_negative CHECK (account_id < 0 OR balance_after >= 0),
        ADD CONSTRAINT balances_run CHECK ((account_id BETWEEN -999 AND -1) = (balance_after IS NULL)
            AND (balance_after IS NULL) = (version IS NULL))
    """,
    "ALTER TABLE entries RENAME TO entries_before",
    "ALTER TABLE entries_before RENAME CONSTRAINT entries_pkey TO entries_before_pkey",
    "DROP INDEX entries_statement",
    "DROP INDEX entries_tail",
    """
    CREATE TABLE entries (
        id bigint NOT NULL,
        transfer_id bigint NOT NULL,
        account_id bigint NOT NULL,
        amount bigint NOT NULL,
        balance_after bigint,
        version bigint,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        PRIMARY KEY (id),
        CONSTRAINT entries_amount_check CHECK (amount <> 0),
        CONSTRAINT entries_version_check CHECK (version > 0),
        CONSTRAINT wallets_never_negative CHECK (account_id < 0 OR balance_after >= 0),
        CONSTRAINT balances_run CHECK ((account_id BETWEEN -999 AND -1) = (balance_after IS NULL)
            AND (balance_after IS NULL) = (version IS NULL))
    ) PARTITION BY RANGE (id)
    """,
    """
    CREATE INDEX entries_tail ON entries (account_id, xid) INCLUDE (amount) WHERE account_id BETWEEN -999 AND -1
    """,
    """
    CREATE TRIGGER entries_balance AFTER INSERT ON entries
        REFERENCING NEW TABLE AS legs FOR EACH STATEMENT EXECUTE FUNCTION refuse_unbalanced()
    """,
    """
    CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)

# There is no default partition: rows could only leave it by a deletion, which entries do not know. A year is made
# ahead, from the month after this one, which is there since last year.
MONTH = "date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => {})"
PARTITIONS = (
    f"""
    CREATE FUNCTION make_entry_partitions(months_ahead int) RETURNS int LANGUAGE plpgsql AS $$
    DECLARE
        name text;
        made int := 0;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('entry partitions'));
        FOR ahead IN 1 .. months_ahead LOOP
            name := 'entries_' || to_char({MONTH.format("ahead")}, 'YYYYMM');
            IF NOT EXISTS (
                SELECT FROM pg_class WHERE relname = name AND relnamespace = current_schema()::regnamespace
            ) THEN
                PERFORM make_entry_partition(name, {first_id_sql(f"({MONTH.format('ahead')}) AT TIME ZONE 'UTC'")},
                    {first_id_sql(f"({MONTH.format('ahead + 1')}) AT TIME ZONE 'UTC'")});
                made := made + 1;
            END IF;
        END LOOP;
        RETURN made;
    END
    $$
    """,
    # ATTACH, unlike CREATE … PARTITION OF, lets money move meanwhile.
    """
    CREATE FUNCTION make_entry_partition(name text, low bigint, high bigint) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE format('CREATE TABLE %I (LIKE entries INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
        EXECUTE format('ALTER TABLE entries ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', name, low, high);
        PERFORM guard_entry_partition(name);
    END
    $$
    """,
    # A line's number is unique in its wallet by the wallet's row lock. Each month has an index that says so too, for
    # one over all months cannot. A partition can be named in a statement of its own, which the parent's triggers do
    # not see.
    """
    CREATE FUNCTION guard_entry_partition(name text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE format('CREATE UNIQUE INDEX ON %I (account_id, version) WHERE version IS NOT NULL', name);
        EXECUTE format('CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM PUBLIC, CURRENT_USER', name);
    END
    $$
    """,
)

BEFORE = f"""
    DO $$
    BEGIN
        EXECUTE format('ALTER TABLE entries ATTACH PARTITION entries_before FOR VALUES FROM (MINVALUE) TO (%s)',
            {first_id_sql(f"({MONTH.format('1')}) AT TIME ZONE 'UTC'")});
        PERFORM guard_entry_partition('entries_before');
        REVOKE UPDATE, DELETE, TRUNCATE ON entries, transfers FROM PUBLIC, CURRENT_USER;
        PERFORM make_entry_partitions(12);
    END
    $$
"""

FOLD_ACCOUNTS = """
    CREATE OR REPLACE FUNCTION fold_accounts() RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM id FROM accounts WHERE id BETWEEN -999 AND -1 ORDER BY id FOR NO KEY UPDATE;
        UPDATE accounts SET
            posted = posted + (
                SELECT coalesce(sum(e.amount), 0) FROM entries e
                WHERE e.account_id = accounts.id AND e.account_id BETWEEN -999 AND -1
                    AND e.xid >= folded_xid AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
            ),
            folded_xid = pg_snapshot_xmin(pg_current_snapshot())
        WHERE id BETWEEN -999 AND -1;
    END
    $$
"""

BALANCES = """
    CREATE OR REPLACE VIEW account_balances AS
    SELECT id, kind, currency, CASE WHEN id BETWEEN -999 AND -1 THEN posted + (
        SELECT coalesce(sum(e.amount), 0) FROM entries e
        WHERE e.account_id = accounts.id AND e.account_id BETWEEN -999 AND -1 AND e.xid >= accounts.folded_xid
    ) ELSE posted END AS balance
    FROM accounts
"""


def upgrade() -> None:
    """Move the entries there are into the first partition and make a year of others."""
    for statement in (*ENTRIES, *PARTITIONS, BEFORE, FOLD_ACCOUNTS, BALANCES):
        op.execute(statement)
