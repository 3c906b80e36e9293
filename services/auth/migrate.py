"""Brings auth's database to the newest version: python -m services.auth.migrate."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from services.auth.config import database_url
from services.chassis.config import SettingsError
from services.chassis.migrations import upgrade
from services.chassis.telemetry import configure_logging

MIGRATIONS: Final = Path(__file__).parent / "adapters" / "postgres" / "migrations"


def main() -> int:
    """Migrate and return the exit code."""
    configure_logging("auth-migrate")
    try:
        url = database_url(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing is set up yet that could log
        return 2
    asyncio.run(upgrade(url, MIGRATIONS, lock_key="auth.migrations"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
