"""Seals the ledger in PostgreSQL: each seal and checkpoint is one transaction, beside the postings."""

from __future__ import annotations

from typing import Final

from services.chassis.clock import Clock
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.hash_chain.key_box import ChainKeyBox
from services.payments.adapters.postgres.ledger_keys import ensure_signer
from services.payments.application.ledger_chain_ports import SealLag

_SEAL_TIMEOUT_S: Final = 60.0

_SEAL_SQL: Final = "SELECT seal_ledger($1)"
_STATE_SQL: Final = "SELECT last_pos, last_hash FROM ledger_seal_state FOR NO KEY UPDATE SKIP LOCKED"
_LAST_SQL: Final = "SELECT pos, statement FROM ledger_checkpoints ORDER BY pos DESC LIMIT 1"
_ADD_SQL: Final = "INSERT INTO ledger_checkpoints (pos, chain_hash, statement, signed_at) VALUES ($1, $2, $3, $4)"
# Bounded: how far behind sealing is matters, not by how many millions.
_LAG_SQL: Final = """
    SELECT count(*), coalesce(extract(epoch FROM max(clock_timestamp() - posted_at)), 0)::float8,
        (SELECT sealed_rows FROM ledger_seal_state)
    FROM (
        SELECT t.posted_at FROM transfers t
        WHERE (t.xid, t.id) > ((SELECT last_xid FROM ledger_seal_state), (SELECT last_id FROM ledger_seal_state))
        ORDER BY t.xid, t.id LIMIT 100000
    ) AS behind
"""


class PostgresLedgerSeals:
    """The seals of payments' database. WrongKeyEncryptionKeyError from what signs."""

    def __init__(self, pool: PostgresPool, box: ChainKeyBox, clock: Clock) -> None:
        self._pool = pool
        self._box = box
        self._clock = clock

    async def seal(self, limit: int) -> int:
        """Seal at most `limit` transfers with their entries; how many."""
        async with unavailable_as_app_error():
            sealed: int = await self._pool.fetchval(_SEAL_SQL, limit, timeout=_SEAL_TIMEOUT_S)
        return sealed

    async def add_checkpoint(self) -> str | None:
        """Sign the chain's end unless that is done."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            state = await connection.fetchrow(_STATE_SQL)
            if state is None:
                return None
            last = await connection.fetchrow(_LAST_SQL)
            if state["last_pos"] <= (last["pos"] if last is not None else 0):
                return None
            now = self._clock.now()
            signer = await ensure_signer(connection, self._box, now)
            statement = signer.sign(state["last_pos"], state["last_hash"], now)
            await connection.execute(_ADD_SQL, state["last_pos"], state["last_hash"], statement, now)
        return statement

    async def last_checkpoint(self) -> str | None:
        """The newest statement."""
        async with unavailable_as_app_error():
            last = await self._pool.fetchrow(_LAST_SQL)
        return None if last is None else str(last["statement"])

    async def lag(self) -> SealLag:
        """How far sealing is behind, counted up to 100,000 transfers."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            return await read_lag(connection)


async def read_lag(connection: PostgresConnection) -> SealLag:
    """How far sealing is behind, as a connection sees it."""
    row = await connection.fetchrow(_LAG_SQL)
    return SealLag(0, 0.0, 0) if row is None else SealLag(row[0], row[1], row[2])
