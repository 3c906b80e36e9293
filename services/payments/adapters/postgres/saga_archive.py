"""Sagas as operators look at them: those that run, and everything one of them did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.chassis.postgres import PostgresConnection

_RUNNING_SQL: Final = """
    SELECT id, kind, subject_id, state, reason, attempts, started_at, changed_at, wake_at, ended_at, lease_owner,
        CASE WHEN lease_until > clock_timestamp() THEN lease_until END AS lease_until, epoch, data
    FROM sagas WHERE ended_at IS NULL AND ($1 = '' OR kind = $1) AND (NOT $2 OR reason LIKE 'stuck:%')
    ORDER BY wake_at LIMIT $3
"""
_ONE_SQL: Final = """
    SELECT id, kind, subject_id, state, reason, attempts, started_at, changed_at, wake_at, ended_at, lease_owner,
        CASE WHEN lease_until > clock_timestamp() THEN lease_until END AS lease_until, epoch, data
    FROM sagas WHERE id = $1
"""
_STEPS_SQL: Final = "SELECT taken_at, to_state, reason FROM saga_steps WHERE saga_id = $1 ORDER BY number"
_SIGNALS_SQL: Final = "SELECT sent_at, name, taken_at FROM saga_signals WHERE saga_id = $1 ORDER BY id"
_OPERATIONS_SQL: Final = """
    SELECT id, kind, rail, amount, state, provider_reason, made_at, settled_at
    FROM provider_operations WHERE saga_id = $1 ORDER BY id
"""
_HOLDS_SQL: Final = """
    SELECT placed_at, account_id, amount, purpose, state, resolved_at FROM holds WHERE saga_id = $1 ORDER BY id
"""
# What a saga posts has its number, or that of its operation, at the end of the key.
_TRANSFERS_SQL: Final = """
    SELECT posted_at, id, kind, amount, fee, vat FROM transfers
    WHERE (actor_id = $1 AND posted_at >= $4 AND key LIKE '%:' || $2::bigint)
        OR (actor_id = 0 AND kind = 'adjustment' AND key = ANY($3::text[]))
    ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class SagaRecord:
    """A saga's row. `lease_until` is None when nobody works on it; `wake_at` None when it has ended."""

    saga_id: int
    kind: str
    subject_id: int
    state: str
    reason: str
    attempts: int
    started_at: datetime
    changed_at: datetime
    wake_at: datetime | None
    ended_at: datetime | None
    lease_owner: str | None
    lease_until: datetime | None
    epoch: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a saga did, or that was done to it: when, in which column of its path, and what."""

    at: datetime
    lane: str
    text: str


async def running_sagas(
    connection: PostgresConnection, *, kind: str, stuck_only: bool, limit: int
) -> Sequence[SagaRecord]:
    """At most `limit` sagas that have not ended, those that are due first; `kind` "" for all kinds."""
    return [_record(row) for row in await connection.fetch(_RUNNING_SQL, kind, stuck_only, limit)]


async def read_saga(connection: PostgresConnection, saga_id: int) -> tuple[SagaRecord, Sequence[Happening]] | None:
    """A saga and everything it did, in the order of time; None when there is none of that id."""
    row = await connection.fetchrow(_ONE_SQL, saga_id)
    if row is None:
        return None
    record = _record(row)
    found = [
        Happening(step["taken_at"], "state", f"{step['to_state']}: {step['reason']}")
        for step in await connection.fetch(_STEPS_SQL, saga_id)
    ]
    for signal in await connection.fetch(_SIGNALS_SQL, saga_id):
        taken = "" if signal["taken_at"] else ", not taken yet"
        found.append(Happening(signal["sent_at"], "signal", f"{signal['name']}{taken}"))
    operations = await connection.fetch(_OPERATIONS_SQL, saga_id)
    for operation in operations:
        asked = f"{operation['kind']} of {_egp(operation['amount'])} by {operation['rail']}, daira-{operation['id']}"
        found.append(Happening(operation["made_at"], "provider", asked))
        if operation["settled_at"]:
            said = f"{operation['state']} {operation['provider_reason']}".strip()
            found.append(Happening(operation["settled_at"], "provider", f"daira-{operation['id']}: {said}"))
    for hold in await connection.fetch(_HOLDS_SQL, saga_id):
        held = f"{_egp(hold['amount'])} of {hold['account_id']} for {hold['purpose']}"
        found.append(Happening(hold["placed_at"], "hold", f"{held}: held"))
        if hold["resolved_at"]:
            found.append(Happening(hold["resolved_at"], "hold", f"{held}: {hold['state']}"))
    keys = [f"provider-fee:{operation['id']}" for operation in operations]
    found += [
        Happening(posted["posted_at"], "ledger", f"{posted['kind']} of {_egp(posted['amount'])}")
        for posted in await connection.fetch(_TRANSFERS_SQL, record.subject_id, saga_id, keys, record.started_at)
    ]
    return record, sorted(found, key=lambda happening: happening.at)


def _record(row: Any) -> SagaRecord:
    columns = dict(row)
    return SagaRecord(saga_id=columns.pop("id"), data=json.loads(columns.pop("data")), **columns)


def _egp(piastres: int) -> str:
    return f"EGP {piastres / 100:,.2f}"
