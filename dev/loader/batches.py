"""Which batches a database holds, so that loading one twice changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from dev.loader.log_order import look_back
from services.chassis.postgres import PostgresConnection

LOCK_NAME = "daira-loader"
# Beside what was loaded, so that a record and its rows come and go together.
ANCHOR = "anchor_ms"
# Where a service's migrations do not make it.
DDL = """
CREATE TABLE IF NOT EXISTS load_batches (
    batch_id text PRIMARY KEY,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    counts jsonb NOT NULL
)
"""


@dataclass(frozen=True)
class Recorded:
    """A batch that a database holds: the moment its times were counted back from, and what it brought."""

    anchor_ms: int
    counts: Mapping[str, int]


def batch_id(parts: Mapping[str, object]) -> str:
    """The name of a load: the same for the same files and options."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


async def recorded(connection: PostgresConnection, batch: str) -> Recorded | None:
    """What the database says of the batch; None when it does not hold it."""
    await connection.execute(DDL)
    text = await connection.fetchval("SELECT counts FROM load_batches WHERE batch_id = $1", batch)
    if text is None:
        return None
    counts: dict[str, int] = json.loads(text)
    return Recorded(counts.pop(ANCHOR), counts)


async def load_once(
    connection: PostgresConnection,
    batch: str,
    anchor_ms: int,
    load: Callable[[PostgresConnection], Awaitable[Mapping[str, int]]],
) -> bool:
    """Run `load` and record the batch in one transaction; False, and nothing done, when the batch is there already."""
    async with connection.transaction():
        # Held to the end, so that the same load started twice at once happens once.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", LOCK_NAME)
        if await connection.fetchval("SELECT count(*) FROM load_batches WHERE batch_id = $1", batch):
            return False
        counts = await load(connection)
        await look_back(connection)
        await connection.execute(
            "INSERT INTO load_batches (batch_id, counts) VALUES ($1, $2)",
            batch,
            json.dumps({**counts, ANCHOR: anchor_ms}),
        )
    return True
