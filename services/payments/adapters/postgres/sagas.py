"""Sagas in PostgreSQL: leases under epochs, and each transition in one transaction with what the ledger does for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from services.chassis.errors import key_reused
from services.chassis.postgres import (
    PostgresConnection,
    PostgresPool,
    affected_rows,
    unavailable_as_app_error,
)
from services.payments.adapters.postgres.ledger_actions import act, saga_advanced
from services.payments.adapters.postgres.subscription_sagas import read_facts
from services.payments.application.saga_ports import FencedError, NewSaga, StartOutcome
from services.payments.domain.providers import Operation, OperationKind, OperationState, ProviderAnswer, Rail
from services.payments.domain.saga import Data, Move, Saga, Signal, StuckError
from services.payments.domain.transfers import LedgerOutcome

_START_SQL: Final = """
    SELECT outcome, saga_id FROM start_saga($1, $2, $3, $4, $5, $6, $7::jsonb, clock_timestamp(), $8)
"""
_FIND_SQL: Final = "SELECT id, body_hash = $4 AS is_same FROM sagas WHERE kind = $1 AND subject_id = $2 AND key = $3"
_CLAIM_ONE_SQL: Final = """
    UPDATE sagas SET lease_owner = $2, lease_until = clock_timestamp() + $3, epoch = epoch + 1
    WHERE id = $1 AND ended_at IS NULL AND wake_at <= clock_timestamp()
        AND (lease_until IS NULL OR lease_until <= clock_timestamp())
    RETURNING *
"""
_CLAIM_SQL: Final = "SELECT * FROM claim_sagas($1, $2, $3)"
_LOAD_SQL: Final = "SELECT * FROM sagas WHERE id = $1 AND epoch = $2 AND lease_until > clock_timestamp()"
OPERATION_COLUMNS: Final = """
    id, saga_id, purpose, kind, rail, amount, destination_id, original_id, state, provider_reference,
    provider_reason, provider_fee, instruction, instruction_expires_at
"""
"""What `operation_of` reads."""

_OPERATIONS_SQL: Final = f"""
    SELECT {OPERATION_COLUMNS} FROM provider_operations WHERE saga_id = ANY($1::bigint[])
"""
_SIGNALS_SQL: Final = """
    SELECT saga_id, id, name, data FROM saga_signals WHERE saga_id = ANY($1::bigint[]) AND taken_at IS NULL ORDER BY id
"""
_ADVANCE_SQL: Final = "SELECT advance_saga($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9::bigint[], $10)"
_SLEEP_SQL: Final = "SELECT sleep_saga($1, $2, $3, $4, $5::bigint[], $6::bigint[], $7::text[])"
# A provider's word that came while this step was decided must not wait for the next timer.
_NEWS_SQL: Final = """
    UPDATE sagas SET wake_at = clock_timestamp()
    WHERE id = $1 AND ended_at IS NULL AND saga_has_news($1, $2::bigint[], $3::text[])
"""
_SIGNAL_SQL: Final = "SELECT signal_saga($1, $2, $3, $4::jsonb)"
_ANSWER_SQL: Final = """
    UPDATE provider_operations SET state = $2, provider_fee = greatest(provider_fee, $5),
        provider_reference = CASE $3 WHEN '' THEN provider_reference ELSE $3 END,
        provider_reason = CASE $4 WHEN '' THEN provider_reason ELSE $4 END,
        instruction = CASE $8 WHEN '' THEN instruction ELSE $8 END,
        instruction_expires_at = coalesce($9, instruction_expires_at),
        settled_at = CASE WHEN $6 THEN coalesce(settled_at, clock_timestamp()) END
    WHERE id = $1 AND state = $7
"""
# What the database refuses to be told is refused the next time too, unlike what it had no time for.
_BROKEN_RULES: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.RaiseError,
    asyncpg.NoDataFoundError,
)
_TEXT_MAX: Final = 100
_INSTRUCTION_MAX: Final = 500


class _RefusedError(Exception):
    """An action was refused: the transaction goes back, the outcome out."""

    def __init__(self, outcome: LedgerOutcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


class PostgresSagas:
    """`runner` names this process in leases, `lease_s` is how long one lasts: longer than a provider's time-out."""

    def __init__(self, pool: PostgresPool, *, runner: str, lease_s: float) -> None:
        self._pool = pool
        self._runner = runner
        self._lease = timedelta(seconds=lease_s)

    async def start(self, saga: NewSaga) -> tuple[StartOutcome, int]:
        """Start a saga that is due at once; its id, or that of the one there is."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(
                _START_SQL, saga.kind, saga.subject_id, saga.key, saga.body, saga.unique_for or None, saga.state,
                json.dumps(dict(saga.data)), saga_advanced(saga.kind, saga.state, saga.state, "started"),
            )  # fmt: skip
        if row is None:
            raise RuntimeError("start_saga answers with one row")
        return StartOutcome(row["outcome"]), row["saga_id"]

    async def find(self, kind: str, subject_id: int, key: str, body: bytes) -> int | None:
        """The saga that was started with a key, None when none was. AppError FAILED_PRECONDITION for another body."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_SQL, kind, subject_id, key, body)
        if row is None:
            return None
        if not row["is_same"]:
            raise key_reused()
        return int(row["id"])

    async def claim_one(self, saga_id: int) -> Saga | None:
        """A saga that is due, leased to this runner; None when it is not due, has ended, or another runner has it."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            rows = await connection.fetch(_CLAIM_ONE_SQL, saga_id, self._runner, self._lease)
            return next(iter(await _sagas(connection, rows)), None)

    async def claim(self, limit: int) -> Sequence[Saga]:
        """At most `limit` sagas that are due, leased to this runner under a new epoch."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            rows = await connection.fetch(_CLAIM_SQL, self._runner, self._lease, limit)
            return await _sagas(connection, rows)

    async def load(self, saga: Saga) -> Saga:
        """The saga as it is now, under the lease there is. FencedError when it is another's."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            rows = await connection.fetch(_LOAD_SQL, saga.saga_id, saga.epoch)
            if not rows:
                raise FencedError
            return (await _sagas(connection, rows))[0]

    async def advance(
        self, saga: Saga, move: Move, answered: tuple[Operation, ProviderAnswer] | None = None
    ) -> LedgerOutcome:
        """Do all of a move and what the provider answered, or nothing; the outcome that refused it when not good."""
        try:
            async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
                await self._advance(connection, saga, move, answered)
        except _RefusedError as error:
            return error.outcome
        except _BROKEN_RULES as error:
            raise StuckError(f"{type(error).__name__}: {error}") from error
        return LedgerOutcome.DONE

    async def _advance(
        self,
        connection: PostgresConnection,
        saga: Saga,
        move: Move,
        answered: tuple[Operation, ProviderAnswer] | None,
    ) -> None:
        data = json.dumps({**saga.data, **move.data})
        event = saga_advanced(saga.kind, saga.state, move.to, move.reason)
        # First, for it takes the saga's lock: a runner that lost its lease waits for nothing and changes nothing.
        is_ours = await connection.fetchval(
            _ADVANCE_SQL, saga.saga_id, saga.epoch, saga.version, move.to, move.reason, data, move.wake_at,
            move.attempts, list(move.taken), event,
        )  # fmt: skip
        if not is_ours:
            raise FencedError
        if answered is not None:
            await _record_answer(connection, *answered)
        for action in move.actions:
            outcome = await act(action, connection, saga)
            if not outcome.is_good:
                raise _RefusedError(outcome)
        await connection.execute(_NEWS_SQL, saga.saga_id, *_seen(saga, answered))

    async def sleep(self, saga: Saga, until: datetime, problem: str = "") -> None:
        """Give the lease back and wake at a moment, or when news come: at once when they came meanwhile."""
        async with unavailable_as_app_error():
            seen = [signal.signal_id for signal in saga.signals]
            await self._pool.execute(_SLEEP_SQL, saga.saga_id, saga.epoch, until, problem, seen, *_seen(saga))

    async def signal(self, saga_id: int, name: str, key: str, data: Data) -> bool:
        """Tell a running saga something, once a key; False when there is none that runs."""
        async with unavailable_as_app_error():
            return bool(await self._pool.fetchval(_SIGNAL_SQL, saga_id, name, key, json.dumps(dict(data))))


def _seen(saga: Saga, answered: tuple[Operation, ProviderAnswer] | None = None) -> tuple[list[int], list[str]]:
    """The ids and states of its operations, as this step knows or makes them."""
    states = {operation.operation_id: operation.state for operation in saga.operations.values()}
    if answered is not None:
        states[answered[0].operation_id] = _state_after(*answered)
    return list(states), [state.value for state in states.values()]


def _state_after(operation: Operation, answer: ProviderAnswer) -> OperationState:
    """What is known is not forgotten for a later answer that knows less; the words of both are kept."""
    return answer.state if operation.state.may_become(answer.state) else operation.state


async def _record_answer(connection: PostgresConnection, operation: Operation, answer: ProviderAnswer) -> None:
    state = _state_after(operation, answer)
    status = await connection.execute(
        _ANSWER_SQL,
        operation.operation_id,
        state.value,
        answer.provider_reference[:_TEXT_MAX],
        answer.reason[:_TEXT_MAX],
        answer.fee,
        state.is_settled,
        operation.state.value,
        answer.instruction[:_INSTRUCTION_MAX],
        answer.expires_at,
    )
    if not affected_rows(status):
        # A callback told meanwhile, perhaps something else: what was decided on this answer is void.
        raise FencedError


async def _sagas(connection: PostgresConnection, rows: Sequence[asyncpg.Record]) -> list[Saga]:
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    operations: dict[int, dict[str, Operation]] = {}
    for row in await connection.fetch(_OPERATIONS_SQL, ids):
        operations.setdefault(row["saga_id"], {})[row["purpose"]] = operation_of(row)
    signals: dict[int, list[Signal]] = {}
    for row in await connection.fetch(_SIGNALS_SQL, ids):
        signal = Signal(row["id"], row["name"], json.loads(row["data"]))
        signals.setdefault(row["saga_id"], []).append(signal)
    found = [_saga(row, operations.get(row["id"], {}), tuple(signals.get(row["id"], ()))) for row in rows]
    return [replace(saga, facts=await read_facts(connection, saga)) for saga in found]


def _saga(row: asyncpg.Record, operations: Mapping[str, Operation], signals: tuple[Signal, ...]) -> Saga:
    return Saga(
        saga_id=row["id"],
        kind=row["kind"],
        subject_id=row["subject_id"],
        state=row["state"],
        data=json.loads(row["data"]),
        version=row["version"],
        attempts=row["attempts"],
        epoch=row["epoch"],
        started_at=row["started_at"],
        changed_at=row["changed_at"],
        operations=operations,
        signals=signals,
    )


def operation_of(row: asyncpg.Record) -> Operation:
    """An operation's row, with OPERATION_COLUMNS."""
    return Operation(
        operation_id=row["id"],
        saga_id=row["saga_id"],
        purpose=row["purpose"],
        kind=OperationKind(row["kind"]),
        rail=Rail(row["rail"]),
        amount=row["amount"],
        destination_id=row["destination_id"],
        original_id=row["original_id"],
        state=OperationState(row["state"]),
        provider_reference=row["provider_reference"],
        provider_reason=row["provider_reason"],
        provider_fee=row["provider_fee"],
        instruction=row["instruction"],
        instruction_expires_at=row["instruction_expires_at"],
    )
