"""`python -m services.social.migrate`: bring its database to the newest version; safe to run twice at once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from services.chassis.migrations import upgrade
from services.social.config import database_url

SCRIPTS: Final = Path(__file__).parent / "adapters" / "postgres" / "migrations"


def main() -> None:
    """Migrate the database that SOCIAL_DATABASE_URL names."""
    asyncio.run(upgrade(database_url(os.environ), SCRIPTS, lock_key="social-migrations"))


if __name__ == "__main__":
    main()
