"""The actions of a saga's transition: each one call of the ledger, inside the transition's transaction."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import singledispatch
from typing import Any, Final

from daira.events.v1 import events_pb2, payment_events_pb2
from services.chassis.postgres import PostgresConnection
from services.payments.adapters.postgres.debts import collect, lock, post
from services.payments.domain.saga import (
    Action,
    CheckReversible,
    CollectDebt,
    GiveBackLimit,
    Intend,
    PlaceHold,
    ReleaseHold,
    Saga,
    Start,
    TakeLimit,
)
from services.payments.domain.top_up_machine import CloseTopUp, OpenTopUp
from services.payments.domain.top_ups import TopUpState
from services.payments.domain.transfers import LedgerOutcome, Transfer

_HOLD_SQL: Final = "SELECT outcome FROM place_hold($1, $2, $3, $4, $5)"
_RELEASE_SQL: Final = "SELECT release_hold(id) FROM holds WHERE saga_id = $1 AND purpose = $2"
# The wallet's lock makes limits exact, whoever else counts against them.
_LIMIT_SQL: Final = """
    WITH locked AS MATERIALIZED (SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE)
    SELECT take_limit($1, $2, $3, clock_timestamp()) FROM locked
"""
_GIVE_BACK_SQL: Final = "SELECT give_back_usage($1, $2, $3, $4)"
_INTEND_SQL: Final = """
    INSERT INTO provider_operations (id, saga_id, purpose, kind, rail, amount, destination_id, original_id)
    VALUES (daira_id(0), $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (saga_id, purpose) DO NOTHING
"""
_START_SQL: Final = """
    SELECT outcome FROM start_saga($1, $2, $3, $4, NULL, $5, $6::jsonb, clock_timestamp(), $7)
"""

_LEFT_SQL: Final = "SELECT amount - taken_back(id) FROM transfers WHERE actor_id = $1 AND kind = $2 AND key = $3"
_OPEN_TOP_UP_SQL: Final = "SELECT open_top_up($1, $2, $3, $4, $5)"
_CLOSE_TOP_UP_SQL: Final = "SELECT close_top_up($1, $2, $3, $4)"
_REASON_MAX: Final = 100


@singledispatch
async def act(action: Action, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:  # noqa: ARG001 - one signature for all
    """Do one action for a saga, inside the caller's transaction; what came of it."""
    raise TypeError(f"no ledger does {type(action).__name__}")


@act.register
async def _post(action: Transfer, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:
    outcome, _ = await post(action, connection, saga.saga_id)
    return outcome


@act.register
async def _collect_debt(action: CollectDebt, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:  # noqa: ARG001 - one signature for all
    return await collect(connection, action.user_id, whole=True)


@act.register
async def _check_reversible(action: CheckReversible, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:  # noqa: ARG001 - one signature for all
    await lock(connection, action.user_id)
    left = await connection.fetchval(_LEFT_SQL, action.user_id, action.of_kind.value, action.of_key)
    return LedgerOutcome.DONE if action.amount <= (left or 0) else LedgerOutcome.EXCEEDS_ORIGINAL


@act.register
async def _place_hold(action: PlaceHold, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:
    lasts = None if action.lasts_s is None else timedelta(seconds=action.lasts_s)
    outcome = await connection.fetchval(
        _HOLD_SQL, action.account_id, action.amount, action.purpose, saga.saga_id, lasts
    )
    # A hold of this saga that was resolved before is not there to be had again.
    return LedgerOutcome.HOLD_GONE if outcome in {"captured", "released", "expired"} else LedgerOutcome(outcome)


@act.register
async def _release_hold(action: ReleaseHold, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:
    await connection.fetchval(_RELEASE_SQL, saga.saga_id, action.purpose)
    return LedgerOutcome.DONE


@act.register
async def _take_limit(action: TakeLimit, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:  # noqa: ARG001 - one signature for all
    crossed = await connection.fetchval(_LIMIT_SQL, action.user_id, action.rail, action.amount)
    if crossed is None:
        return LedgerOutcome.INSUFFICIENT
    return LedgerOutcome.DONE if crossed == "within" else LedgerOutcome(crossed)


@act.register
async def _give_back(action: GiveBackLimit, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:  # noqa: ARG001 - one signature for all
    await connection.execute(_GIVE_BACK_SQL, action.user_id, action.rail, action.amount, action.counted_at)
    return LedgerOutcome.DONE


@act.register
async def _intend(action: Intend, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:
    await connection.execute(
        _INTEND_SQL,
        saga.saga_id,
        action.purpose,
        action.kind.value,
        action.rail.value,
        action.amount,
        action.destination_id,
        action.original_id,
    )
    return LedgerOutcome.DONE


@act.register
async def _open_top_up(action: OpenTopUp, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:
    outcome = await connection.fetchval(
        _OPEN_TOP_UP_SQL, saga.saga_id, action.user_id, action.amount, action.key, action.rail.value
    )
    return LedgerOutcome(outcome)


@act.register
async def _close_top_up(action: CloseTopUp, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:
    declined = events_pb2.TopUpDeclined(user_id=action.user_id, amount_piastres=action.amount)
    outcome = await connection.fetchval(
        _CLOSE_TOP_UP_SQL, saga.saga_id, action.state is TopUpState.SUCCEEDED, action.reason[:_REASON_MAX],
        declined.SerializeToString(deterministic=True),
    )  # fmt: skip
    return LedgerOutcome(outcome)


@act.register
async def _start(action: Start, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:  # noqa: ARG001 - one signature for all
    event = saga_advanced(action.kind, action.state, action.state, "started")
    await connection.fetchval(
        _START_SQL, action.kind, action.subject_id, action.key, action.key.encode(), action.state,
        json.dumps(dict(action.data)), event,
    )  # fmt: skip
    return LedgerOutcome.DONE


def saga_advanced(kind: str, before: str, after: str, reason: str) -> bytes:
    """The payload of the event of a transition."""
    event: Any = payment_events_pb2.SagaAdvanced(saga_kind=kind, from_state=before, to_state=after, reason=reason)
    return bytes(event.SerializeToString(deterministic=True))
