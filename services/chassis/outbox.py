"""The event log inside a service's own database: its tables, and how a statement writes to it."""

from __future__ import annotations

from typing import Final

# Run by the first migration of every service that has events, after ids.ID_DDL. Daily partitions are made by the relay;
# the DEFAULT one takes what has none, so that a late relay never refuses a write.
#
# An event is written in the same statement as the rows it is about (see NEW_EVENT_SQL). Its event_id carries the
# database's own number where other ids have the author's shard, which keeps it unique among the services.
EVENTS_DDL: Final[tuple[str, ...]] = (
    """
    CREATE TABLE events (
        seq bigint GENERATED ALWAYS AS IDENTITY,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        event_id bigint NOT NULL DEFAULT daira_id(hashtext(current_database())),
        kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,63}$'),
        aggregate_id bigint NOT NULL,
        aggregate_version bigint NOT NULL DEFAULT 0,
        actor_id bigint NOT NULL DEFAULT 0,
        payload bytea NOT NULL DEFAULT '' CHECK (octet_length(payload) <= 65536),
        occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (seq, occurred_at)
    ) PARTITION BY RANGE (occurred_at)
    """,
    "CREATE INDEX events_xid_seq ON events (xid, seq)",
    "CREATE TABLE events_default PARTITION OF events DEFAULT",
    """
    CREATE TABLE event_positions (
        pos bigint PRIMARY KEY,
        event_seq bigint NOT NULL,
        event_occurred_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE relay_state (
        singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        last_xid xid8 NOT NULL,
        last_seq bigint NOT NULL,
        last_pos bigint NOT NULL,
        last_occurred_at timestamptz NOT NULL
    ) WITH (fillfactor = 10)
    """,
    "INSERT INTO relay_state (last_xid, last_seq, last_pos, last_occurred_at) VALUES ('0', 0, 0, '-infinity')",
    """
    CREATE TABLE consumer_cursors (
        consumer text PRIMARY KEY,
        pos bigint NOT NULL CHECK (pos >= 0),
        updated_at timestamptz NOT NULL DEFAULT now()
    ) WITH (fillfactor = 10)
    """,
    """
    CREATE TABLE dead_letters (
        consumer text NOT NULL,
        pos bigint NOT NULL,
        event bytea NOT NULL,
        error text NOT NULL,
        failed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, pos)
    )
    """,
)

# For services that write no events but consume others': only their cursors and dead letters.
CONSUMER_DDL: Final[tuple[str, ...]] = EVENTS_DDL[-2:]

NEW_EVENT_SQL: Final = (
    "INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload) VALUES ($1, $2, $3, $4, $5)"
)
"""One event, inside the transaction of its rows. On hot paths write it as a CTE of the statement itself:

    WITH made AS (INSERT INTO things (...) VALUES (...) RETURNING id, owner_id)
    INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
    SELECT 'thing_made', id, 1, owner_id, $3 FROM made
    RETURNING aggregate_id
"""
