"""Subscriptions on a real database with a clock that is set: renewed once, tried again, paid by card and by voucher."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from daira.events.v1 import subscription_events_pb2
from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.chassis.postgres import PostgresPool
from services.payments.adapters.postgres.plans import PostgresPlans
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.adapters.postgres.subscriptions import PostgresSubscriptions
from services.payments.adapters.postgres.wallets import PostgresWallets
from services.payments.application.manage_subscriptions import ManageSubscriptions, Request
from services.payments.application.run_sagas import RunSagas
from services.payments.application.subscription_ports import PriceChange
from services.payments.domain.billing_periods import Interval
from services.payments.domain.plans import NewPlan, Plan
from services.payments.domain.providers import NO_ANSWER, OperationState, ProviderAnswer
from services.payments.domain.subscription_commands import CANCEL, CHANGE_PLAN, PAY
from services.payments.domain.subscription_machine import SubscriptionMachine
from services.payments.domain.subscriptions import PaymentSource, Subscription, SubscriptionOrder, SubscriptionState
from tests.integration.payments.test_payout_saga import ScriptedProvider
from tests.integration.payments.test_postings import balance, give

FAN: Final = 8_001
CREATOR: Final = 8_002
State = SubscriptionState


class SetClock(Clock):
    """Now, until it is moved on."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def now(self) -> datetime:
        return self.at

    def now_ms(self) -> int:
        return int(self.at.timestamp() * 1000)

    def monotonic(self) -> float:
        return self.at.timestamp()


class House:
    """Everything that subscriptions need, over one database."""

    def __init__(self, pool: PostgresPool, *answers: ProviderAnswer) -> None:
        self.pool = pool
        self.clock = SetClock()
        self.provider = ScriptedProvider(*answers)
        self.sagas = PostgresSagas(pool, runner="one", lease_s=30)
        machine = SubscriptionMachine()
        self.run = RunSagas(self.sagas, self.provider, [machine], self.clock, provider_timeout_s=1)
        without = RunSagas(self.sagas, None, [machine], self.clock, provider_timeout_s=1)
        self.plans, self.read = PostgresPlans(pool), PostgresSubscriptions(pool)
        self.manage = ManageSubscriptions(self.sagas, without, self.plans, self.read, PostgresWallets(pool))

    async def plan(self, price: int = 5_000, trial: int = 0, key: str = "p") -> Plan:
        new = NewPlan.read(CREATOR, "دعم شهري", "Monthly", Interval.MONTH, price, trial, key, key.encode())
        return await self.plans.create(new)

    async def subscribe(
        self, plan: Plan, source: PaymentSource = PaymentSource.WALLET, periods: int = 1, instrument: int = 0
    ) -> Subscription:
        order = SubscriptionOrder(FAN, plan.plan_id, source, instrument, periods, "k", b"body")
        return await self.manage.subscribe(order)

    async def later(self, days: float) -> None:
        """Time goes by, and the runner looks."""
        self.clock.at += timedelta(days=days)
        for _ in range(3):
            await self.pool.execute("UPDATE sagas SET wake_at = clock_timestamp() WHERE ended_at IS NULL")
            await self.run()

    async def now(self, found: Subscription) -> Subscription:
        again = await self.read.find(found.subscription_id)
        assert again is not None
        return again

    async def tell(self, found: Subscription, name: str, key: str = "t", **data: int | str | bool) -> Subscription:
        body = f"{name}{data}".encode()
        return await self.manage.tell(Request(FAN, found.subscription_id, name, key, body, data))

    async def invoices(self, found: Subscription) -> list[tuple[str, int]]:
        invoices = await self.read.invoices(found.subscription_id, before=2**62, limit=100)
        return [(invoice.state.value, invoice.total) for invoice in reversed(invoices)]


@pytest.fixture
def house(ledger_pool: PostgresPool) -> House:
    return House(ledger_pool)


async def states_told(pool: PostgresPool) -> Sequence[int]:
    rows = await pool.fetch("SELECT payload FROM events WHERE kind = 'subscription_changed' ORDER BY seq")
    return [subscription_events_pb2.SubscriptionChanged.FromString(row["payload"]).state for row in rows]


async def test_a_wallet_pays_each_period_once_and_all_is_told(house: House) -> None:
    await give(house.pool, FAN, 12_000)
    found = await house.subscribe(await house.plan())
    assert (found.state, found.period, found.price) == (State.ACTIVE, 0, 5_000)
    # 5 % of 5,000 is 250, of which 14 % VAT is 35.
    assert (await balance(house.pool, FAN), await balance(house.pool, CREATOR)) == (7_000, 4_715)
    await house.later(29)
    reminder = await house.pool.fetchval("SELECT payload FROM events WHERE kind = 'subscription_reminded'")
    assert subscription_events_pb2.SubscriptionReminded.FromString(reminder).amount_piastres == 5_000
    await house.later(3)
    renewed = await house.now(found)
    assert (renewed.state, renewed.period) == (State.ACTIVE, 1)
    house.clock.at -= timedelta(days=10)
    await house.later(0)
    assert await house.invoices(found) == [("paid", 5_000), ("paid", 5_000)]
    assert await states_told(house.pool) == [4, 4]
    renewals = "SELECT count(*) FROM billed_periods WHERE subscription_id = $1"
    assert await house.pool.fetchval(renewals, found.subscription_id) == 2


async def test_too_little_is_tried_three_times_then_access_ends(house: House) -> None:
    await give(house.pool, FAN, 5_000)
    found = await house.subscribe(await house.plan())
    await house.later(31.5)
    due = await house.now(found)
    assert (due.state, due.problem) == (State.PAST_DUE, "insufficient")
    assert due.access_until == due.period_end + timedelta(days=8)
    for days in (1.1, 2, 2):
        await house.later(days)
        assert (await house.now(found)).state is State.PAST_DUE
    await house.later(4)
    unpaid = await house.now(found)
    assert unpaid.state is State.UNPAID
    assert unpaid.access_until <= house.clock.at
    assert await house.invoices(found) == [("paid", 5_000), ("uncollectible", 5_000)]
    await give(house.pool, FAN, 5_000, "more")
    back = await house.tell(found, PAY, source="wallet", periods=1)
    assert (back.state, back.period) == (State.ACTIVE, 1)
    assert back.period_start <= house.clock.at < back.access_until


async def test_a_card_whose_answer_was_lost_is_inquired_after_and_charged_once(ledger_pool: PostgresPool) -> None:
    succeeded = ProviderAnswer(OperationState.SUCCEEDED, "c-1", fee=40)
    house = House(ledger_pool, NO_ANSWER, succeeded, ProviderAnswer(OperationState.DECLINED))
    await ledger_pool.execute(
        "INSERT INTO instruments (id, user_id, rail, network, label, sealed, fingerprint, usable_at)"
        " VALUES (7, $1, 'card', 'visa', '4242', 's', 'f', clock_timestamp())",
        FAN,
    )
    found = await house.subscribe(await house.plan(), PaymentSource.CARD, instrument=7)
    assert found.state is State.INCOMPLETE
    await house.later(0.01)
    await house.later(0.01)
    assert (await house.now(found)).state is State.ACTIVE
    assert [verb for verb, _ in house.provider.asked] == ["send", "inquire"]
    assert await ledger_pool.fetchval("SELECT balance FROM account_balances WHERE id = -3") == -5_000 + 40
    await house.later(31.5)
    failed = await house.now(found)
    assert (failed.state, failed.problem) == (State.PAST_DUE, "declined")
    assert len({reference for _, reference in house.provider.asked}) == 2
    with pytest.raises(AppError, match="CARD_NOT_FOUND"):
        await house.manage.way_to_pay(CREATOR, PaymentSource.CARD, 7, 1)


async def test_a_voucher_buys_periods_ahead_and_nothing_renews(ledger_pool: PostgresPool) -> None:
    code = ProviderAnswer(OperationState.PENDING, "v-1", instruction="971-224", expires_at=datetime.now(UTC))
    house = House(ledger_pool, code, ProviderAnswer(OperationState.SUCCEEDED, "v-1"))
    found = await house.subscribe(await house.plan(trial=7), PaymentSource.VOUCHER, periods=3)
    await house.run()
    shown = await house.now(found)
    assert (shown.state, shown.instruction) == (State.INCOMPLETE, "971-224")
    await house.later(2)
    paid = await house.now(found)
    assert (paid.state, paid.period) == (State.ACTIVE, 2)
    assert paid.period_end - paid.period_start > timedelta(days=88)
    assert await house.invoices(found) == [("paid", 15_000)]
    await house.later(93)
    assert (await house.now(found)).state is State.CANCELED
    assert await house.pool.fetchval("SELECT count(*) FROM billed_periods") == 3


async def test_an_upgrade_charges_the_rest_and_a_downgrade_waits(house: House) -> None:
    await give(house.pool, FAN, 30_000)
    small, big = await house.plan(), await house.plan(12_345, key="big")
    found = await house.subscribe(small)
    span = found.period_end - found.period_start
    house.clock.at = found.period_start + span / 2
    better = await house.tell(found, CHANGE_PLAN, plan_id=big.plan_id)
    # Half of 12,345 to the even piastre is 6,172; half of 5,000 is credited.
    assert (better.plan_id, await balance(house.pool, FAN)) == (big.plan_id, 30_000 - 5_000 - 6_172 + 2_500)
    lower = await house.tell(found, CHANGE_PLAN, "t2", plan_id=small.plan_id)
    assert (lower.plan_id, lower.next_plan_id) == (big.plan_id, small.plan_id)
    await house.later(20)
    renewed = await house.now(found)
    assert (renewed.plan_id, renewed.price, renewed.period_start) == (small.plan_id, 5_000, found.period_end)


async def test_a_raise_holds_from_the_next_period_that_was_reminded_of(house: House) -> None:
    await give(house.pool, FAN, 30_000)
    plan = await house.plan()
    found = await house.subscribe(plan)
    change = PriceChange(CREATOR, plan.plan_id, 9_000, 0, "raise", b"r")
    raised = await house.plans.change_price(change, 3 * 86_400)
    assert (raised.price, raised.next_price) == (5_000, 9_000)
    assert await house.plans.change_price(change, 3 * 86_400) == raised
    lower = await house.plans.change_price(PriceChange(CREATOR, plan.plan_id, 4_000, 0, "less", b"l"), 0)
    assert lower.next_price == 4_000
    await house.later(32)
    assert (await house.now(found)).price == 9_000


async def test_whoever_was_blocked_is_refused_before_money_moves(house: House) -> None:
    await give(house.pool, FAN, 30_000)
    plan = await house.plan()
    await house.pool.execute("INSERT INTO blocked_pairs VALUES ($1, $2)", CREATOR, FAN)
    with pytest.raises(AppError, match="RECIPIENT_UNAVAILABLE"):
        await house.subscribe(plan)
    await house.pool.execute("DELETE FROM blocked_pairs")
    order = SubscriptionOrder(FAN, plan.plan_id, PaymentSource.WALLET, 0, 1, "again", b"b")
    found = await house.manage.subscribe(order)
    await house.pool.execute("INSERT INTO blocked_pairs VALUES ($1, $2)", CREATOR, FAN)
    await house.later(32)
    assert (await house.now(found)).state is State.CANCELED
    assert await balance(house.pool, FAN) == 25_000


async def test_sixteen_at_once_are_one_subscription(house: House) -> None:
    await give(house.pool, FAN, 30_000)
    plan = await house.plan()
    same = await asyncio.gather(*(house.subscribe(plan) for _ in range(8)))
    assert len({found.subscription_id for found in same}) == 1
    others = [
        house.manage.subscribe(SubscriptionOrder(FAN, plan.plan_id, PaymentSource.WALLET, 0, 1, f"o{n}", b"b"))
        for n in range(8)
    ]
    refused = await asyncio.gather(*others, return_exceptions=True)
    assert {getattr(error, "reason", "") for error in refused} == {"ALREADY_SUBSCRIBED"}
    assert await balance(house.pool, FAN) == 25_000


async def test_a_key_names_one_request(house: House) -> None:
    await give(house.pool, FAN, 30_000)
    found = await house.subscribe(await house.plan(trial=7))
    assert found.state is State.TRIALING
    first = await house.tell(found, CANCEL, at_end=True)
    assert await house.tell(found, CANCEL, at_end=True) == first
    with pytest.raises(AppError, match="IDEMPOTENCY_KEY_REUSED"):
        await house.tell(found, CANCEL, at_end=False)
    with pytest.raises(AppError, match="SUBSCRIPTION_STATE_WRONG"):
        await house.tell(found, "pause", days=3)
    await house.later(8)
    assert (await house.now(found)).state is State.CANCELED
    assert await balance(house.pool, FAN) == 30_000
