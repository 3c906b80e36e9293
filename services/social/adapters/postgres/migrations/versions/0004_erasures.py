"""Erasures: people whose accounts are gone, and how far social is with forgetting them."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

# A row stays for ever: nobody with that id ever has a profile again. What is written by a token that was good for a
# moment longer is found by the second pass, which comes when no such token is believed anywhere.
STATEMENT = """
    CREATE TABLE erasures (
        user_id bigint PRIMARY KEY,
        asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        passes int NOT NULL DEFAULT 0,
        done_at timestamptz
    )
"""
DUE = "CREATE INDEX erasures_due ON erasures (due_at) WHERE done_at IS NULL"


def upgrade() -> None:
    """Make the table."""
    op.execute(STATEMENT)
    op.execute(DUE)
