"""Wallets that were closed, and whom people blocked: what payments learns from others before money moves."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "ALTER TABLE accounts ADD COLUMN closed_at timestamptz",
    # Nobody pays somebody who does not want to see them; learned from social's log.
    """
    CREATE TABLE blocked_pairs (
        blocker_id bigint NOT NULL,
        blocked_id bigint NOT NULL,
        PRIMARY KEY (blocker_id, blocked_id)
    )
    """,
    # A person without a wallet gets a closed one: whoever wants to pay them later must find it so.
    """
    CREATE FUNCTION close_wallets(owners bigint[]) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM open_wallets(owners, 0);
        UPDATE accounts SET closed_at = clock_timestamp()
        WHERE id IN (
            SELECT id FROM accounts WHERE id = ANY(owners) AND closed_at IS NULL ORDER BY id FOR NO KEY UPDATE
        );
    END
    $$
    """,
)


def upgrade() -> None:
    """Make the column, the table and the function."""
    for statement in STATEMENTS:
        op.execute(statement)
