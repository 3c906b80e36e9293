"""Exports of what every service holds: gathered part by part, each going on from where its last page ended.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # Every step of the making moves `steps`: whoever acts on an older one changes nothing.
    "ALTER TABLE exports ADD COLUMN steps bigint NOT NULL DEFAULT 0, ADD COLUMN chunks integer NOT NULL DEFAULT 0",
    "UPDATE exports e SET chunks = (SELECT count(*) FROM export_chunks c WHERE c.export_id = e.export_id)",
    """
    CREATE TABLE export_parts (
        export_id bigint NOT NULL REFERENCES exports (export_id) ON DELETE CASCADE,
        service text NOT NULL CHECK (service ~ '^[a-z][a-z0-9-]{0,62}$'),
        place smallint NOT NULL,
        page_token text NOT NULL DEFAULT '' CHECK (octet_length(page_token) <= 1024),
        records bigint NOT NULL DEFAULT 0,
        failures integer NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL,
        done_at timestamptz,
        PRIMARY KEY (export_id, service)
    ) WITH (fillfactor = 70)
    """,
    """
    INSERT INTO export_parts (export_id, service, place, due_at)
    SELECT export_id, service, place, requested_at FROM exports,
        unnest(ARRAY['auth', 'social', 'payments', 'analytics']) WITH ORDINALITY AS s (service, place)
    WHERE ready_at IS NULL
    """,
    # A person's own events are read page by page.
    "CREATE INDEX events_aggregate_id ON events (aggregate_id, seq)",
)


def upgrade() -> None:
    """Create everything."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: exports that are being made would be lost."""
    raise RuntimeError("this migration has no way back")
