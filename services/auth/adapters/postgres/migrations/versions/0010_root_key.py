"""The root key: what everything secret at rest is sealed under, itself sealed under the key in the settings.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_STATEMENT = """
    CREATE TABLE root_key (
        singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        sealed bytea NOT NULL,
        sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(_STATEMENT)


def downgrade() -> None:
    """Refuse: without the root key nothing that is sealed opens again."""
    raise RuntimeError("this migration has no way back")
