"""`python -m services.social.migrate`: bring its database to the newest version; safe to run twice at once."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from services.chassis.config import SettingsError
from services.chassis.migrations import upgrade
from services.chassis.telemetry import configure_logging
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
    asyncio.run(upgrade(url, SCRIPTS, lock_key="social-migrations"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
