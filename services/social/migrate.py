"""`python -m services.social.migrate`: bring its database to the newest version; safe to run twice at once."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg

from services.chassis.config import SettingsError
from services.chassis.migrations import upgrade
from services.chassis.partitions import ensure_daily_partitions
from services.chassis.relay import EVENTS_TABLE
from services.chassis.telemetry import configure_logging
from services.social.adapters.postgres.daily_tables import DAILY_TABLES
from services.social.config import database_url

SCRIPTS: Final = Path(__file__).parent / "adapters" / "postgres" / "migrations"


def main() -> int:
    """Migrate the database that SOCIAL_DATABASE_URL names; the exit code."""
    configure_logging("social-migrate")
    try:
        url = database_url(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing is set up yet that could log
        return 2
    asyncio.run(migrate(url))
    return 0


async def migrate(url: str) -> None:
    """Bring the database to the newest version, with partitions for what is written before the relay makes more.

    Rows that wait in a default partition have to be moved when their day's partition is made, and a statement planned
    at that moment may miss them; so there are none.
    """
    await upgrade(url, SCRIPTS, lock_key="social-migrations")
    connection = await asyncpg.connect(url)
    try:
        for table in (*DAILY_TABLES, EVENTS_TABLE):
            await ensure_daily_partitions(connection, table, now=datetime.now(UTC))
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())
