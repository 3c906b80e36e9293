"""What subscriptions' sagas read and write beside the ledger, inside the transition's transaction."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from daira.events.v1 import subscription_events_pb2
from services.chassis.postgres import PostgresConnection, affected_rows
from services.payments.adapters.postgres.ledger_actions import act
from services.payments.domain.billing_periods import moment
from services.payments.domain.plans import PlanTerms
from services.payments.domain.saga import Saga
from services.payments.domain.subscriptions import (
    SUBSCRIPTION,
    AnswerSignal,
    InvoiceLine,
    InvoiceState,
    KeepInvoice,
    KeepSubscription,
    LineKind,
    Remind,
    SubscriptionFacts,
    SubscriptionState,
)
from services.payments.domain.transfers import LedgerOutcome

STATE_NUMBERS: Final = {
    SubscriptionState.INCOMPLETE: 1,
    SubscriptionState.INCOMPLETE_EXPIRED: 2,
    SubscriptionState.TRIALING: 3,
    SubscriptionState.ACTIVE: 4,
    SubscriptionState.PAST_DUE: 5,
    SubscriptionState.CANCELED: 6,
    SubscriptionState.UNPAID: 7,
    SubscriptionState.PAUSED: 8,
}
"""daira.payments.v1.SubscriptionState's numbers."""

_PLANS_SQL: Final = """
    SELECT p.id, p.creator_id, p.months, p.trial_days, p.archived_at IS NOT NULL AS is_archived,
        array_agg(extract(epoch FROM r.effective_from)::bigint ORDER BY r.effective_from) AS since,
        array_agg(r.price ORDER BY r.effective_from) AS prices
    FROM plans p JOIN plan_prices r ON r.plan_id = p.id WHERE p.id = ANY($1::bigint[]) GROUP BY p.id
"""
_FACTS_SQL: Final = """
    SELECT
        EXISTS (SELECT FROM accounts WHERE id IN ($1, $2) AND closed_at IS NOT NULL) AS is_closed,
        EXISTS (SELECT FROM blocked_pairs WHERE blocker_id = $2 AND blocked_id = $1) AS is_blocked,
        EXISTS (
            SELECT FROM subscriptions WHERE subscriber_id = $1 AND creator_id = $2 AND had_trial AND id <> $3
        ) AS had_trial,
        (SELECT basis_points FROM rates WHERE name = 'subscription_fee' AND effective_from <= clock_timestamp()
            ORDER BY effective_from DESC LIMIT 1) AS fee,
        (SELECT basis_points FROM rates WHERE name = 'vat' AND effective_from <= clock_timestamp()
            ORDER BY effective_from DESC LIMIT 1) AS vat
"""
_KEEP_SQL: Final = """
    WITH kept AS (
        INSERT INTO subscriptions AS s (id, subscriber_id, creator_id, plan_id, next_plan_id, state, source, price,
            period, period_start, period_end, access_until, cancel_at_end, problem, charge, instrument_id, had_trial)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $6 = 'trialing')
        ON CONFLICT (id) DO UPDATE SET plan_id = excluded.plan_id, next_plan_id = excluded.next_plan_id,
            state = excluded.state, source = excluded.source, price = excluded.price, period = excluded.period,
            period_start = excluded.period_start, period_end = excluded.period_end,
            access_until = excluded.access_until, cancel_at_end = excluded.cancel_at_end, problem = excluded.problem,
            charge = excluded.charge, instrument_id = excluded.instrument_id,
            had_trial = s.had_trial OR excluded.had_trial, version = s.version + 1, changed_at = clock_timestamp()
        WHERE (s.plan_id, s.next_plan_id, s.state, s.source, s.price, s.period, s.period_start, s.period_end,
            s.access_until, s.cancel_at_end, s.problem, s.charge, s.instrument_id) IS DISTINCT FROM
            (excluded.plan_id, excluded.next_plan_id, excluded.state, excluded.source, excluded.price, excluded.period,
            excluded.period_start, excluded.period_end, excluded.access_until, excluded.cancel_at_end,
            excluded.problem, excluded.charge, excluded.instrument_id)
        RETURNING s.version
    )
    INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
    SELECT 'subscription_changed', $1, version, $2, $17 FROM kept
"""
# An invoice that has come to its end never changes: the update finds only open ones.
_INVOICE_SQL: Final = """
    INSERT INTO invoices AS i (id, subscription_id, number, state, total, lines, transfer_id, settled_at)
    VALUES (daira_id(0), $1, $2, $3, $4, $5::jsonb,
        (SELECT id FROM transfers WHERE actor_id = $6 AND kind = 'subscription' AND key = $7),
        CASE WHEN $3 <> 'open' THEN clock_timestamp() END)
    ON CONFLICT (subscription_id, number) DO UPDATE SET state = excluded.state, transfer_id = excluded.transfer_id,
        settled_at = excluded.settled_at,
        lines = CASE WHEN jsonb_array_length(excluded.lines) = 0 THEN i.lines ELSE excluded.lines END
    WHERE i.state = 'open' AND i.total = excluded.total
    RETURNING id
"""
_BILLED_SQL: Final = """
    INSERT INTO billed_periods (subscription_id, period, invoice_id) SELECT $1, unnest($2::int[]), $3
    ON CONFLICT DO NOTHING
"""
_REMIND_SQL: Final = """
    INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
    VALUES ('subscription_reminded', $1, 0, 0, $2)
"""
_ANSWER_SQL: Final = "UPDATE saga_signals SET result = $3 WHERE saga_id = $1 AND id = $2"


async def read_facts(connection: PostgresConnection, saga: Saga) -> object:
    """What the machine of a saga needs to know beside it; None for kinds that need nothing."""
    if saga.kind != SUBSCRIPTION:
        return None
    wanted = {saga.data.get("plan_id"), saga.data.get("next_plan_id")}
    wanted |= {signal.data.get("plan_id") for signal in saga.signals}
    ids = [plan_id for plan_id in wanted if isinstance(plan_id, int)]
    rows = await connection.fetch(_PLANS_SQL, ids)
    known = await connection.fetchrow(_FACTS_SQL, saga.subject_id, saga.number("creator_id"), saga.saga_id)
    if known is None or known["fee"] is None or known["vat"] is None:
        raise ValueError("no rate of subscriptions holds")
    plans = {
        row["id"]: PlanTerms(
            row["id"], row["creator_id"], row["months"], row["trial_days"], row["is_archived"],
            list(zip(row["since"], row["prices"], strict=True)),
        )
        for row in rows
    }  # fmt: skip
    welcome = not known["is_closed"] and not known["is_blocked"]
    return SubscriptionFacts(plans, welcome, known["had_trial"], known["fee"], known["vat"])


@act.register
async def _keep(action: KeepSubscription, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:
    event = subscription_events_pb2.SubscriptionChanged(
        subscriber_id=action.subscriber_id, creator_id=action.creator_id, plan_id=action.plan_id,
        state=STATE_NUMBERS[action.state], period=action.period, cancel_at_period_end=action.cancel_at_end,
    )  # fmt: skip
    if action.access_until:
        event.access_until.FromSeconds(action.access_until)
    if action.period_end:
        event.period_end.FromSeconds(action.period_end)
    await connection.execute(
        _KEEP_SQL, saga.saga_id, action.subscriber_id, action.creator_id, action.plan_id, action.next_plan_id,
        action.state.value, action.source.value, action.price, action.period, _moment(action.period_start),
        _moment(action.period_end), _moment(action.access_until), action.cancel_at_end, action.problem, action.charge,
        action.instrument_id, event.SerializeToString(deterministic=True),
    )  # fmt: skip
    return LedgerOutcome.DONE


@act.register
async def _invoice(action: KeepInvoice, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:
    invoice_id = await connection.fetchval(
        _INVOICE_SQL, saga.saga_id, action.number, action.state.value, action.total,
        json.dumps([line_data(line) for line in action.lines]), saga.subject_id, action.transfer_key,
    )  # fmt: skip
    if invoice_id is None:
        raise ValueError(f"invoice {action.number} of subscription {saga.saga_id} has come to its end")
    periods = [line.period for line in action.lines if line.kind is LineKind.PERIOD]
    if action.state is InvoiceState.PAID and periods:
        status = await connection.execute(_BILLED_SQL, saga.saga_id, periods, invoice_id)
        if affected_rows(status) != len(periods):
            raise ValueError(f"a period of subscription {saga.saga_id} is paid already: {periods}")
    return LedgerOutcome.DONE


@act.register
async def _remind(action: Remind, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:
    event = subscription_events_pb2.SubscriptionReminded(
        subscriber_id=action.subscriber_id, creator_id=action.creator_id, plan_id=action.plan_id,
        amount_piastres=action.amount,
    )  # fmt: skip
    event.due_at.FromSeconds(action.due_at)
    await connection.execute(_REMIND_SQL, saga.saga_id, event.SerializeToString(deterministic=True))
    return LedgerOutcome.DONE


@act.register
async def _answer(action: AnswerSignal, connection: PostgresConnection, saga: Saga) -> LedgerOutcome:
    await connection.execute(_ANSWER_SQL, saga.saga_id, action.signal_id, action.result)
    return LedgerOutcome.DONE


def line_data(line: InvoiceLine) -> dict[str, int | str]:
    """A line as invoices keep it."""
    return {
        "kind": line.kind.value, "plan_id": line.plan_id, "period": line.period, "starts_at": line.starts_at,
        "ends_at": line.ends_at, "amount": line.amount,
    }  # fmt: skip


def _moment(at: int) -> datetime | None:
    return moment(at) if at else None
