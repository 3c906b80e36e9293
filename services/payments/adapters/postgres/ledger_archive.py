"""The ledger and its seals in PostgreSQL as a verifier reads them: one snapshot, in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import asyncpg

from services.chassis.postgres import PostgresConnection
from services.hash_chain.checkpoints import StoredCheckpoint
from services.payments.adapters.postgres.ledger_seals import read_lag
from services.payments.application.ledger_chain_ports import LedgerSeal, SealLag, SealState
from services.payments.domain.ledger_chain import EntryRow, TransferRow

_TIMEOUT_S: Final = 3600.0


def _columns(row: type[TransferRow | EntryRow], table: str) -> str:
    return ", ".join(
        f"{table}.{field.name}::text" if field.name == "xid" else f"{table}.{field.name}" for field in fields(row)
    )


_TRANSFER: Final = _columns(TransferRow, "t")
_ENTRY: Final = _columns(EntryRow, "e")

_STATE_SQL: Final = "SELECT last_pos, last_hash, sealed_rows FROM ledger_seal_state"
_SEALS_SQL: Final = """
    SELECT pos, transfer_ids, legs, fingerprints, rows_hash, chain_hash, sealed_at FROM (
        SELECT *, sum(cardinality(transfer_ids)) OVER (ORDER BY pos) - cardinality(transfer_ids) AS before
        FROM (SELECT * FROM ledger_seals WHERE pos > $1 ORDER BY pos LIMIT $2) AS next_ones
    ) AS counted WHERE before < $2 ORDER BY pos
"""
_TRANSFERS_SQL: Final = f"SELECT {_TRANSFER} FROM transfers t WHERE t.id = ANY($1::bigint[])"
_ENTRIES_SQL: Final = f"""
    SELECT {_ENTRY} FROM (SELECT DISTINCT id >> 22 AS ms FROM unnest($1::bigint[]) AS id) AS wanted
    CROSS JOIN LATERAL (
        SELECT * FROM entries WHERE id >= wanted.ms << 22 AND id < (wanted.ms + 1) << 22
    ) AS e
"""
# Sets are subtracted and not joined: with a limit, a join may be planned as a loop over all of both sides.
_UNSEALED_SQL: Final = f"""
    WITH unsealed AS MATERIALIZED (
        SELECT id FROM transfers
        WHERE (xid, id) <= ((SELECT last_xid FROM ledger_seal_state), (SELECT last_id FROM ledger_seal_state))
        EXCEPT SELECT unnest(transfer_ids) FROM ledger_seals
    )
    SELECT {_TRANSFER} FROM (SELECT id FROM unsealed ORDER BY id LIMIT $1) AS u JOIN transfers t ON t.id = u.id
    ORDER BY t.id
"""
# An entry's id names its transfer, with the leg in ten bits, whatever somebody made of its transfer_id.
_STRAY_SQL: Final = f"""
    WITH stray AS MATERIALIZED (
        SELECT id & ~(1023::bigint << 12) AS owner FROM entries
        EXCEPT (SELECT unnest(transfer_ids) FROM ledger_seals UNION ALL SELECT id FROM transfers)
    )
    SELECT {_ENTRY} FROM (SELECT owner FROM stray ORDER BY owner LIMIT $1) AS s
    CROSS JOIN LATERAL (
        SELECT * FROM entries WHERE id >= s.owner AND id < s.owner + (1::bigint << 22)
            AND id & ~(1023::bigint << 12) = s.owner
    ) AS e
    ORDER BY e.id LIMIT $1
"""
_CHECKPOINTS_SQL: Final = "SELECT pos, chain_hash, statement FROM ledger_checkpoints ORDER BY pos"


class PostgresLedgerArchive:
    """Payments' database over a connection inside a REPEATABLE READ transaction."""

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection

    async def state(self) -> SealState:
        """What the sealer says it has done."""
        row = await self._connection.fetchrow(_STATE_SQL)
        return SealState(0, b"", 0) if row is None else SealState(row[0], row[1], row[2])

    async def seals(self, after_pos: int, transfers: int) -> Sequence[LedgerSeal]:
        """The next seals by position, of about so many transfers."""
        return [LedgerSeal(*row) for row in await self._fetch(_SEALS_SQL, after_pos, transfers)]

    async def transfers(self, ids: Collection[int]) -> Mapping[int, TransferRow]:
        """The transfers with these ids that are there."""
        return {row[0]: _transfer(row) for row in await self._fetch(_TRANSFERS_SQL, ids)}

    async def entries(self, transfer_ids: Collection[int]) -> Mapping[int, EntryRow]:
        """Every entry whose id is of the millisecond of one of these transfers, by id."""
        return {row[0]: _entry(row) for row in await self._fetch(_ENTRIES_SQL, transfer_ids)}

    async def unsealed_transfers(self, limit: int) -> Sequence[TransferRow]:
        """Transfers that stand where all are sealed, and have no seal."""
        return [_transfer(row) for row in await self._fetch(_UNSEALED_SQL, limit)]

    async def stray_entries(self, limit: int) -> Sequence[EntryRow]:
        """Entries whose id belongs to no transfer, sealed or there."""
        return [_entry(row) for row in await self._fetch(_STRAY_SQL, limit)]

    async def lag(self) -> SealLag:
        """How far sealing is behind."""
        return await read_lag(self._connection)

    async def checkpoints(self) -> AsyncIterator[StoredCheckpoint]:
        """All checkpoints by position."""
        async for row in self._connection.cursor(_CHECKPOINTS_SQL, prefetch=1000):
            yield StoredCheckpoint(row[0], row[1], row[2])

    async def _fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        records: list[asyncpg.Record] = await self._connection.fetch(sql, *arguments, timeout=_TIMEOUT_S)
        return records


def _transfer(row: asyncpg.Record) -> TransferRow:
    return TransferRow(**{**row, "xid": int(row["xid"])})


def _entry(row: asyncpg.Record) -> EntryRow:
    return EntryRow(**{**row, "xid": int(row["xid"])})
