"""Signing keys that were revoked: they neither sign nor verify from then on.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE signing_keys ADD COLUMN revoked_at timestamptz",
    # A key may begin when one that was revoked would have begun.
    "ALTER TABLE signing_keys DROP CONSTRAINT signing_keys_active_from_key",
    "CREATE UNIQUE INDEX signing_keys_active_from ON signing_keys (active_from) WHERE revoked_at IS NULL",
)


def upgrade() -> None:
    """Add the column."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: keys that were revoked would be good again."""
    raise RuntimeError("this migration has no way back")
