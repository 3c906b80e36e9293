"""A process that seals a ledger until it is killed: `python -m tests.integration.payments.endless_sealer URL`."""

from __future__ import annotations

import asyncio
import sys

from services.chassis.postgres import create_pool
from tests.integration.payments.sealed_ledger import sealer


async def main(url: str) -> None:
    """Small seals, and a checkpoint after each, so that a kill comes between any two steps."""
    pool = await create_pool(url, application_name="endless-sealer", min_size=1, max_size=2)
    seals = sealer(pool)
    print("sealing", flush=True)  # noqa: T201 - who started it waits for that
    while True:
        await seals.seal(2)
        await seals.add_checkpoint()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
