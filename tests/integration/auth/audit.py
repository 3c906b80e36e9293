"""The audit log for tests: its sealer, its verifier, and somebody who may do everything to its tables."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg

from services.auth.adapters.postgres.audit_archive import PostgresAuditArchive
from services.auth.adapters.postgres.audit_keys import load_signer
from services.auth.adapters.postgres.audit_seals import PostgresAuditSeals
from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.application.verify_audit import Verdict, VerifyAudit
from services.chassis.clock import SystemClock
from services.chassis.postgres import PostgresPool
from tests.integration.auth.server import KEK
from tests.integration.sealing import seal_to_the_end

KEPT = timedelta(days=400)


def sealer(pool: PostgresPool, kept: timedelta = KEPT) -> PostgresAuditSeals:
    return PostgresAuditSeals(pool, KEK, SystemClock(), kept)


async def seal_all(pool: PostgresPool, *, batch: int = 1000) -> int:
    """Seal what can be sealed; how many rows."""
    return await seal_to_the_end(pool, sealer(pool), batch)


async def verify(pool: PostgresPool, *outside: str, batch: int = 5) -> Verdict:
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        reader = await load_signer(connection, SigningKeyBox(KEK))
        return await VerifyAudit(PostgresAuditArchive(connection), reader, lambda _count: None, outside, batch=batch)()


@contextlib.asynccontextmanager
async def intruder(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection of a superuser for whom no trigger runs."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        yield connection
    finally:
        await connection.close()
