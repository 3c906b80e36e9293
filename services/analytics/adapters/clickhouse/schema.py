"""The tables, in SQL that ClickHouse 18.16 and today's understand alike, made by small ordered steps.

Not used, because the old ones lack them: LowCardinality, DateTime64, codecs, TTL, skip indexes, projections, Bool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.analytics.adapters.clickhouse.engine import ClickHouse

VERSIONS_TABLE: Final = "schema_versions"

_VERSIONS_DDL: Final = f"""
    CREATE TABLE IF NOT EXISTS {VERSIONS_TABLE} (step String, version UInt32)
    ENGINE = ReplacingMergeTree ORDER BY (step, version)
"""

# Everything that a row's key and partition are made of comes from the event itself, so a row stored twice is replaced.
# Times carry UTC in their type: the server's own time zone must not move rows between days.
_EVENTS: Final = """
    CREATE TABLE IF NOT EXISTS events (
        service String,
        pos Int64,
        event_id Int64,
        kind String,
        aggregate_id Int64,
        aggregate_version Int64,
        actor_id Int64,
        author_id Int64,
        post_id Int64,
        session_id Int64,
        amount_piastres Int64,
        fee_piastres Int64,
        vat_piastres Int64,
        post_kind Int32,
        language String,
        body String,
        occurred_at DateTime('UTC'),
        occurred_at_us Int64,
        cairo_day Date
    ) ENGINE = ReplacingMergeTree
    PARTITION BY toYYYYMM(occurred_at)
    ORDER BY (kind, toDate(occurred_at), actor_id, event_id)
"""

# The same events by whom they concern: an author's figures are one short range of it.
_AUTHOR_FACTS: Final = """
    CREATE TABLE IF NOT EXISTS author_facts (
        author_id Int64,
        cairo_day Date,
        event_id Int64,
        posts Int64,
        likes Int64,
        followers Int64,
        tips Int64,
        tips_piastres Int64
    ) ENGINE = ReplacingMergeTree
    PARTITION BY toYYYYMM(cairo_day)
    ORDER BY (author_id, cairo_day, event_id)
"""

_INGESTED: Final = """
    CREATE TABLE IF NOT EXISTS ingested (service String, pos Int64, occurred_at_us Int64)
    ENGINE = ReplacingMergeTree(pos) ORDER BY service
"""

_DEAD_LETTERS: Final = """
    CREATE TABLE IF NOT EXISTS dead_letters (service String, pos Int64, event_base64 String, error String)
    ENGINE = ReplacingMergeTree ORDER BY (service, pos)
"""

# People whose accounts are gone. Both rows of a person stay: when they were forgotten, and that they were once more.
_FORGOTTEN: Final = """
    CREATE TABLE IF NOT EXISTS forgotten (user_id Int64, passes UInt8, asked_at_s Int64)
    ENGINE = ReplacingMergeTree ORDER BY (user_id, passes)
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the schema, done whole or done again: its statements bear repetition."""

    name: str
    version: int
    statements: tuple[str, ...]


STEPS: Final = (
    Step("events", 1, (_EVENTS,)),
    Step("author_facts", 1, (_AUTHOR_FACTS,)),
    Step("ingestion", 1, (_INGESTED, _DEAD_LETTERS)),
    Step("forgotten", 1, (_FORGOTTEN,)),
)


async def migrate(clickhouse: ClickHouse) -> list[str]:
    """Take the steps not taken yet, in order; their names. Any number of processes may do so at once."""
    await clickhouse.execute(_VERSIONS_DDL)
    taken = {
        (step, int(version)) for step, version in await clickhouse.query(f"SELECT step, version FROM {VERSIONS_TABLE}")
    }
    done: list[str] = []
    for step in STEPS:
        if (step.name, step.version) in taken:
            continue
        for statement in step.statements:
            await clickhouse.execute(statement)
        await clickhouse.insert(VERSIONS_TABLE, ("step", "version"), [(step.name, step.version)])
        done.append(f"{step.name}_v{step.version}")
    return done
