"""A sealed ledger for tests: money that moves in it, its sealer, its verifier, and somebody who may do everything."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Final

from services.chassis.clock import SystemClock
from services.chassis.postgres import PostgresConnection, PostgresPool
from services.payments.adapters.postgres.ledger_archive import PostgresLedgerArchive
from services.payments.adapters.postgres.ledger_keys import ledger_key_box, load_signer
from services.payments.adapters.postgres.ledger_seals import PostgresLedgerSeals
from services.payments.application.verify_ledger import Verdict, VerifyLedger
from tests.integration.sealing import seal_to_the_end

ROOT_KEY: Final = bytes(range(32))
AHMED, MONA, SALMA = 7_000_001, 7_000_002, 7_000_003
_keys = itertools.count(1)

_POST_SQL: Final = """
    SELECT transfer FROM post_transfer($1, $2, $3, $4, 0, 0, 0, $5, 'body', $6::bigint[], $7::bigint[], 0, 0,
        'transfer_posted', '')
"""
_TIPS_SQL: Final = """
    SELECT transfer_id FROM post_tips($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
        $6::bigint[], $7::text[], $8::bytea[], $9::bytea[])
"""


async def deposit(connection: PostgresConnection | PostgresPool, user_id: int, amount: int, clearing: int = -5) -> int:
    """Money that comes in; the transfer."""
    key = f"deposit-{next(_keys)}"
    transfer: int = await connection.fetchval(
        _POST_SQL, "adjustment", user_id, user_id, amount, key, [clearing, user_id], [-amount, amount]
    )
    return transfer


async def tips(
    connection: PostgresConnection | PostgresPool, pairs: Sequence[tuple[int, int]], amount: int
) -> list[int]:
    """Tips of one posting, one a sender, of which the platform takes a tenth and VAT; the transfers."""
    count = len(pairs)
    rows = await connection.fetch(
        _TIPS_SQL, [pair[0] for pair in pairs], [pair[1] for pair in pairs], [amount] * count, [amount // 10] * count,
        [amount // 100] * count, [0] * count, [f"tip-{next(_keys)}" for _ in pairs], [b"body"] * count, [b""] * count,
    )  # fmt: skip
    return [row[0] for row in rows]


def sealer(pool: PostgresPool) -> PostgresLedgerSeals:
    """A sealer with the tests' root key."""
    return PostgresLedgerSeals(pool, ledger_key_box(ROOT_KEY), SystemClock())


async def seal_all(pool: PostgresPool, *, batch: int = 1000) -> int:
    """Seal what can be sealed; how many transfers."""
    return await seal_to_the_end(pool, sealer(pool), batch)


async def verify(pool: PostgresPool, *outside: str) -> Verdict:
    """Verify it all in one snapshot."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        return await verify_as_seen_by(connection, *outside)


async def verify_as_seen_by(connection: PostgresConnection, *outside: str) -> Verdict:
    """Verify what a transaction sees, its own changes included."""
    reader = await load_signer(connection, ledger_key_box(ROOT_KEY))
    return await VerifyLedger(PostgresLedgerArchive(connection), reader, lambda _count: None, outside)()


@contextlib.asynccontextmanager
async def intruder(pool: PostgresPool) -> AsyncIterator[PostgresConnection]:
    """A superuser for whom no trigger runs, in a transaction that is undone in the end."""
    async with pool.acquire() as connection:
        undone = connection.transaction()
        await undone.start()
        await connection.execute("SET LOCAL session_replication_role = replica")
        try:
            yield connection
        finally:
            await undone.rollback()
