"""Readers merge an author who crossed the fan-in border back until the inboxes of the followers are forgotten."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add author_counters.merged; whoever is fan-in now is merged now."""
    op.execute("ALTER TABLE author_counters ADD COLUMN merged boolean NOT NULL DEFAULT false")
    op.execute("UPDATE author_counters SET merged = true WHERE fan_in")
    op.execute("CREATE INDEX author_counters_merged ON author_counters (user_id) WHERE merged")
    op.execute("DROP INDEX author_counters_fan_in")


def downgrade() -> None:
    """Back to fan_in alone."""
    op.execute("CREATE INDEX author_counters_fan_in ON author_counters (user_id) WHERE fan_in")
    op.execute("ALTER TABLE author_counters DROP COLUMN merged")
