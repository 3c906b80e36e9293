"""Subscriptions and invoices as people see them, read from what their sagas wrote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.application.subscription_ports import Told
from services.payments.domain.subscriptions import (
    Invoice,
    InvoiceLine,
    InvoiceState,
    LineKind,
    PaymentSource,
    Subscription,
    SubscriptionState,
)

_NEVER: Final = datetime.fromtimestamp(0, UTC)
_COLUMNS: Final = """
    SELECT s.id, s.subscriber_id, s.creator_id, s.plan_id, s.next_plan_id, s.state, s.source, s.price, s.period,
        s.period_start, s.period_end, s.access_until, s.cancel_at_end, s.problem, s.started_at, s.changed_at,
        o.instruction, o.instruction_expires_at
    FROM subscriptions s
    LEFT JOIN provider_operations o ON s.charge <> '' AND o.saga_id = s.id AND o.purpose = s.charge
        AND o.state IN ('pending', 'unknown')
"""
_FIND_SQL: Final = f"{_COLUMNS} WHERE s.id = $1"
_MINE_SQL: Final = f"{_COLUMNS} WHERE s.subscriber_id = $1 AND s.id < $2 ORDER BY s.id DESC LIMIT $3"
_SUBSCRIBERS_SQL: Final = f"""
    {_COLUMNS} WHERE s.creator_id = $1 AND s.id < $2 AND (NOT $4 OR s.access_until > clock_timestamp())
    ORDER BY s.id DESC LIMIT $3
"""
_INVOICES_SQL: Final = """
    SELECT id, subscription_id, number, state, total, lines, coalesce(transfer_id, 0) AS transfer_id, made_at,
        settled_at
    FROM invoices WHERE subscription_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
"""
_TOLD_SQL: Final = """
    SELECT data ->> 'body' AS body, result FROM saga_signals WHERE saga_id = $1 AND name = $2 AND key = $3
"""
_CARD_SQL: Final = """
    SELECT rail FROM instruments
    WHERE id = $2 AND user_id = $1 AND rail IN ('card', 'sandbox') AND removed_at IS NULL
        AND usable_at <= clock_timestamp()
"""


class PostgresSubscriptions:
    """Reads subscriptions by id, by subscriber and by creator."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def find(self, subscription_id: int) -> Subscription | None:
        """A subscription."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_SQL, subscription_id)
        return None if row is None else _subscription(row)

    async def of_subscriber(self, subscriber_id: int, *, before: int, limit: int) -> Sequence[Subscription]:
        """At most `limit` subscriptions of a person with ids below `before`, newest first."""
        async with unavailable_as_app_error():
            return [_subscription(row) for row in await self._pool.fetch(_MINE_SQL, subscriber_id, before, limit)]

    async def of_creator(
        self, creator_id: int, *, before: int, limit: int, only_current: bool
    ) -> Sequence[Subscription]:
        """At most `limit` subscriptions to a person with ids below `before`, newest first."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_SUBSCRIBERS_SQL, creator_id, before, limit, only_current)
        return [_subscription(row) for row in rows]

    async def invoices(self, subscription_id: int, *, before: int, limit: int) -> Sequence[Invoice]:
        """At most `limit` invoices with ids below `before`, newest first."""
        async with unavailable_as_app_error():
            return [_invoice(row) for row in await self._pool.fetch(_INVOICES_SQL, subscription_id, before, limit)]

    async def told(self, subscription_id: int, name: str, key: str) -> Told | None:
        """What a subscription was told under a key; None when nothing was."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_TOLD_SQL, subscription_id, name, key)
        return None if row is None else Told(row["body"] or "", row["result"])

    async def card_rail(self, user_id: int, instrument_id: int) -> str | None:
        """The rail of a saved card of a person; None when they have none of that id."""
        async with unavailable_as_app_error():
            rail: str | None = await self._pool.fetchval(_CARD_SQL, user_id, instrument_id)
        return rail


def _subscription(row: asyncpg.Record) -> Subscription:
    return Subscription(
        row["id"], row["subscriber_id"], row["creator_id"], row["plan_id"], row["next_plan_id"],
        SubscriptionState(row["state"]), PaymentSource(row["source"]), row["price"], row["period"],
        row["period_start"] or _NEVER, row["period_end"] or _NEVER, row["access_until"] or _NEVER,
        row["cancel_at_end"], row["problem"], row["started_at"], row["changed_at"], row["instruction"] or "",
        row["instruction_expires_at"],
    )  # fmt: skip


def _invoice(row: asyncpg.Record) -> Invoice:
    return Invoice(
        row["id"], row["subscription_id"], row["number"], InvoiceState(row["state"]), row["total"],
        tuple(_line(line) for line in json.loads(row["lines"])), row["transfer_id"], row["made_at"],
        row["settled_at"],
    )  # fmt: skip


def _line(data: dict[str, Any]) -> InvoiceLine:
    return InvoiceLine(
        LineKind(data["kind"]), data["plan_id"], data["period"], data["starts_at"], data["ends_at"], data["amount"]
    )
