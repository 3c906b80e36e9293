"""Payouts as their owners see them, read from their sagas."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg

from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.domain.payouts import Payout, PayoutDestination, PayoutState
from services.payments.domain.providers import Rail

_COLUMNS: Final = """
    SELECT s.id, s.subject_id, s.state, s.reason, s.data, s.started_at, s.changed_at, i.id AS destination_id, i.rail,
        i.network, i.label, i.added_at, i.usable_at, i.removed_at
    FROM sagas s JOIN instruments i ON i.id = (s.data ->> 'destination_id')::bigint
    WHERE s.subject_id = $1 AND s.kind = 'payout'
"""
_FIND_SQL: Final = f"{_COLUMNS} AND s.id = $2"
_LIST_SQL: Final = f"{_COLUMNS} AND s.id < $2 ORDER BY s.id DESC LIMIT $3"


class PostgresPayouts:
    """Reads payouts."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def find(self, user_id: int, payout_id: int) -> Payout | None:
        """A payout of a person; None when they have none of that id."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_SQL, user_id, payout_id)
        return None if row is None else _payout(row)

    async def list(self, user_id: int, *, before: int, limit: int) -> Sequence[Payout]:
        """At most `limit` payouts with ids below `before`, newest first."""
        async with unavailable_as_app_error():
            return [_payout(row) for row in await self._pool.fetch(_LIST_SQL, user_id, before, limit)]


def _payout(row: asyncpg.Record) -> Payout:
    about = json.loads(row["data"])
    # Where the machine waits for an answer, its owner sees one that is being sent.
    state = PayoutState.SENDING if row["state"] == "waiting" else PayoutState(row["state"])
    destination = PayoutDestination(
        row["destination_id"], Rail(row["rail"]), row["network"], row["label"], row["added_at"], row["usable_at"],
        is_removed=row["removed_at"] is not None,
    )  # fmt: skip
    leaves = about.get("leaves_at")
    return Payout(
        row["id"], row["subject_id"], state, about["amount"], destination, row["started_at"], row["changed_at"],
        None if leaves is None else datetime.fromtimestamp(leaves, UTC), row["reason"],
    )  # fmt: skip
