"""`python -m services.payments.check_ledger`: recompute the whole ledger; exit 1 if anything is wrong."""

from __future__ import annotations

import asyncio
import os
import sys

import asyncpg

from services.payments.adapters.postgres.ledger_upkeep import balances, check_ledger
from services.payments.config import database_url


async def check(url: str) -> int:
    """Print the trial balance and every problem; 0 when there is none, else 1."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(url, timeout=10)
    try:
        # One snapshot for both, so that postings going on meanwhile cannot make them disagree.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            held = await balances(connection)
            problems = await check_ledger(connection)
    finally:
        await connection.close()
    lines = [f"{kind:20} {piastres / 100:>20,.2f} EGP" for kind, piastres in held.items()]
    lines += [f"WRONG {p.problem}: {p.subject}, found {p.found}, expected {p.expected}" for p in problems]
    lines.append("ledger: wrong" if problems else "ledger: right")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(check(database_url(os.environ))))
