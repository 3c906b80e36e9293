"""Top-ups over every rail, sent back and charged back, on a real ledger with providers that say what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.clock import SystemClock
from services.chassis.errors import AppError
from services.chassis.migrations import upgrade
from services.chassis.postgres import PostgresPool, create_pool
from services.payments.adapters.postgres.charges import PostgresCharges
from services.payments.adapters.postgres.debts import PostgresDebts
from services.payments.adapters.postgres.ledger_upkeep import check_ledger
from services.payments.adapters.postgres.refunds import PostgresRefunds
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.application.give_money_back import GiveMoneyBack
from services.payments.application.hear_chargeback import HearChargeback
from services.payments.application.run_sagas import RunSagas
from services.payments.domain.chargeback_machine import ChargebackMachine
from services.payments.domain.chargebacks import ChargebackNews, ChargebackStage, Heard
from services.payments.domain.providers import NO_ANSWER, Operation, OperationState, ProviderAnswer, Rail
from services.payments.domain.refunds import MoneyBack
from services.payments.domain.saga import Machine
from services.payments.domain.top_up_machine import TopUpMachine
from services.payments.domain.top_up_refund_machine import TopUpRefundMachine
from services.payments.domain.top_ups import TopUp, TopUpOrder, TopUpState
from services.payments.migrate import SCRIPTS
from tests.integration.payments.taking_top_ups import taking
from tests.integration.payments.test_postings import balance, begin_top_up

FAN = 7_401
SUCCEEDED = ProviderAnswer(OperationState.SUCCEEDED, "p-1", fee=250)
DECLINED = ProviderAnswer(OperationState.DECLINED, "p-1", "no money on the card")
NEVER_SEEN = ProviderAnswer(OperationState.UNKNOWN, never_seen=True)
AFTER = timedelta(days=3)


class Scripted:
    """A provider that says one thing after the other, and writes down what it was asked."""

    def __init__(self, *answers: ProviderAnswer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    async def send(self, operation: Operation) -> ProviderAnswer:
        self.asked.append(("send", operation.reference))
        return self.answers.pop(0)

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        self.asked.append(("inquire", operation.reference))
        return self.answers.pop(0)


def voucher(ends: datetime) -> ProviderAnswer:
    return ProviderAnswer(OperationState.PENDING, "v-1", instruction="7700 1234 5678", expires_at=ends)


class Bench:
    """A ledger with a scripted provider; `later` lets time pass for every saga."""

    def __init__(self, pool: PostgresPool, *answers: ProviderAnswer) -> None:
        self.pool = pool
        self.provider = Scripted(*answers)
        self.take, _ = taking(pool, self.provider, here=frozenset(Rail))
        self.sagas = PostgresSagas(pool, runner="bench", lease_s=30)
        machines: tuple[Machine, ...] = (TopUpMachine(), TopUpRefundMachine(), ChargebackMachine())
        self.run = RunSagas(self.sagas, self.provider, machines, SystemClock(), provider_timeout_s=1)
        charges = PostgresCharges(pool)
        self.hear = HearChargeback(charges, self.sagas)
        self.back = GiveMoneyBack(PostgresRefunds(pool), PostgresDebts(pool), charges, self.sagas, self.run)

    async def top_up(self, amount: int = 30_000, key: str = "شحن-1".encode().hex(), rail: Rail = Rail.CARD) -> TopUp:
        return await self.take(TopUpOrder(FAN, amount, key, f"{amount}{rail}".encode(), rail))

    async def later(self, by: timedelta = timedelta(hours=2)) -> None:
        await self.pool.execute(
            "UPDATE sagas SET wake_at = clock_timestamp() - interval '1 s', changed_at = changed_at - $1::interval,"
            " started_at = started_at - $1::interval WHERE ended_at IS NULL", by,
        )  # fmt: skip
        await self.run()

    async def of(self, account: int) -> int:
        return int(await self.pool.fetchval("SELECT balance::bigint FROM account_balances WHERE id = $1", account))

    async def used(self) -> list[int]:
        rows = await self.pool.fetch("SELECT day_used FROM limit_usage WHERE user_id = $1 ORDER BY rail", FAN)
        return [row[0] for row in rows]


async def test_a_voucher_is_paid_days_later(ledger_pool: PostgresPool) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + AFTER
    bench = Bench(ledger_pool, voucher(ends), voucher(ends), NO_ANSWER, SUCCEEDED)
    first = await bench.top_up(rail=Rail.VOUCHER)
    assert (first.state, first.instruction, first.expires_at) == (TopUpState.PENDING, "7700 1234 5678", ends)
    assert await bench.top_up(rail=Rail.VOUCHER) == first
    for _ in range(3):
        assert await balance(ledger_pool, FAN) == 0
        await bench.later()
    paid = await bench.top_up(rail=Rail.VOUCHER)
    assert (paid.state, paid.balance, paid.instruction) == (TopUpState.SUCCEEDED, 30_000, "")
    assert [await bench.of(account) for account in (FAN, -4, -7)] == [30_000, -29_750, -250]
    assert [verb for verb, _ in bench.provider.asked] == ["send", "inquire", "inquire", "inquire"]
    assert len({reference for _, reference in bench.provider.asked}) == 1


async def test_a_voucher_that_ran_out_gives_its_limit_back_and_is_booked_when_it_is_paid_after_all(
    ledger_pool: PostgresPool,
) -> None:
    ended = datetime.now(UTC) - timedelta(hours=2)
    # A provider that cannot say anything does not let it run out: somebody may have paid.
    bench = Bench(ledger_pool, voucher(ended), NO_ANSWER, voucher(ended), voucher(ended), SUCCEEDED)
    assert (await bench.top_up(rail=Rail.VOUCHER)).state is TopUpState.DECLINED
    assert await bench.used() == [0, 0]
    await bench.later(timedelta(days=2))
    await bench.later(timedelta(days=2))
    assert (await bench.top_up(rail=Rail.VOUCHER)).reason == "nothing was paid in time"
    await bench.later(timedelta(days=2))
    await bench.later(timedelta(days=2))
    late = await bench.top_up(rail=Rail.VOUCHER)
    assert (late.state, late.balance, late.reason) == (TopUpState.SUCCEEDED, 30_000, "")
    kinds = [
        row[0] for row in await ledger_pool.fetch("SELECT kind FROM events WHERE kind LIKE '%top%up%' ORDER BY seq")
    ]
    assert kinds == ["top_up_declined", "wallet_topped_up"]


async def test_what_is_declined_counts_no_more(ledger_pool: PostgresPool) -> None:
    bench = Bench(ledger_pool, DECLINED)
    declined = await bench.top_up()
    assert (declined.state, declined.balance, declined.reason) == (TopUpState.DECLINED, 0, "no money on the card")
    assert await bench.used() == [0, 0]
    assert await bench.top_up() == declined


async def test_what_never_arrived_is_sent_under_the_same_reference(ledger_pool: PostgresPool) -> None:
    bench = Bench(ledger_pool, NO_ANSWER, NEVER_SEEN, SUCCEEDED)
    await bench.top_up()
    await bench.later()
    assert (await bench.top_up()).state is TopUpState.SUCCEEDED
    assert [verb for verb, _ in bench.provider.asked] == ["send", "inquire", "send"]
    assert len({reference for _, reference in bench.provider.asked}) == 1


async def test_the_wallet_has_a_limit_over_all_rails(ledger_pool: PostgresPool) -> None:
    bench = Bench(ledger_pool, *[SUCCEEDED] * 2)
    await bench.top_up(3_000_000, "a")
    await bench.top_up(3_000_000, "b", Rail.MOBILE)
    for _ in range(2):
        with pytest.raises(AppError) as caught:
            await bench.top_up(500, "c", Rail.VOUCHER)
        assert caught.value.reason == "LIMIT_EXCEEDED"
    assert await balance(ledger_pool, FAN) == 6_000_000


async def test_a_rail_of_another_process_is_begun_here_and_asked_there(ledger_pool: PostgresPool) -> None:
    bench = Bench(ledger_pool, SUCCEEDED)
    take, finish = taking(ledger_pool, Scripted())
    order = TopUpOrder(FAN, 30_000, "k", b"h", Rail.CARD)
    waiting = asyncio.create_task(take(order))
    while not await ledger_pool.fetchval("SELECT count(*) FROM provider_operations"):  # noqa: ASYNC110 - another task
        await asyncio.sleep(0.01)
    assert await finish() == 0
    while not bench.provider.asked:
        await bench.run()
    assert (await waiting).state is TopUpState.SUCCEEDED


async def test_a_top_up_goes_back_by_the_way_it_came(ledger_pool: PostgresPool) -> None:
    bench = Bench(ledger_pool, SUCCEEDED, NO_ANSWER, ProviderAnswer(OperationState.SUCCEEDED, "r-1", fee=100))
    top_up = await bench.top_up()
    order = MoneyBack(top_up.top_up_id, 20_000, "case 12", "k", b"h", asked_by=9)
    refund_id, state = await bench.back.refund_top_up(order)
    assert (state, await ledger_pool.fetchval("SELECT held FROM accounts WHERE id = $1", FAN)) == ("waiting", 20_000)
    with pytest.raises(AppError) as caught:
        await bench.back.refund_top_up(MoneyBack(top_up.top_up_id, 20_000, "case 12", "k2", b"h", asked_by=9))
    assert caught.value.reason == "NOT_REFUNDABLE"
    await bench.later()
    assert await bench.back.refund_top_up(order) == (refund_id, "refunded")
    assert [await bench.of(account) for account in (FAN, -3, -7)] == [10_000, -9_650, -350]
    for amount, key, reason in ((10_001, "k3", "REFUND_EXCEEDS_ORIGINAL"), (30_000, "k4", "REFUND_EXCEEDS_ORIGINAL")):
        with pytest.raises(AppError) as caught:
            await bench.back.refund_top_up(MoneyBack(top_up.top_up_id, amount, "case 12", key, b"h", asked_by=9))
        assert caught.value.reason == reason
    assert len({reference for _, reference in bench.provider.asked}) == 2


async def test_a_refund_that_the_provider_declines_is_free_again(ledger_pool: PostgresPool) -> None:
    bench = Bench(ledger_pool, SUCCEEDED, DECLINED)
    top_up = await bench.top_up()
    _, state = await bench.back.refund_top_up(MoneyBack(top_up.top_up_id, 0, "case 12", "k", b"h", asked_by=9))
    assert state == "declined"
    row = await ledger_pool.fetchrow("SELECT posted, held FROM accounts WHERE id = $1", FAN)
    assert row is not None
    assert tuple(row) == (30_000, 0)


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def news(stage: ChargebackStage, day: int, amount: int = 30_000, fee: int = 0) -> ChargebackNews:
    return ChargebackNews("p-1", "dispute-1", amount, stage, NOW + timedelta(days=day), fee)


async def spend(bench: Bench, amount: int) -> None:
    tip = "SELECT outcome FROM post_tip($1, 7402, $2, 0, 0, 0, 'spent', 'h', '')"
    assert await bench.pool.fetchval(tip, FAN, amount) == "posted"


async def test_a_lost_chargeback_takes_what_there_is_and_the_rest_is_owed(ledger_pool: PostgresPool) -> None:
    bench = Bench(ledger_pool, ProviderAnswer(OperationState.SUCCEEDED, "p-1"))
    await bench.top_up()
    await spend(bench, 25_000)
    assert await bench.hear(news(ChargebackStage.OPENED, 0)) is Heard.TAKEN
    await bench.later()
    assert [await bench.of(account) for account in (FAN, -FAN, -3)] == [0, -25_000, 0]
    for _ in range(2):
        assert await bench.hear(news(ChargebackStage.LOST, 2, fee=15_000)) is Heard.TAKEN
        await bench.later()
    # An older word that comes late changes nothing.
    assert await bench.hear(news(ChargebackStage.WON, 1)) is Heard.TAKEN
    await bench.later()
    assert [await bench.of(account) for account in (FAN, -FAN, -3, -7)] == [0, -25_000, 15_000, -15_000]
    await bench.later(timedelta(days=181))
    assert await bench.hear(news(ChargebackStage.WON, 9)) is Heard.OVER


async def test_a_chargeback_that_was_won_is_put_back_and_may_be_lost_again(ledger_pool: PostgresPool) -> None:
    bench = Bench(ledger_pool, ProviderAnswer(OperationState.SUCCEEDED, "p-1"))
    await bench.top_up()
    await bench.hear(news(ChargebackStage.WON, 1))
    await bench.later()
    assert [await bench.of(account) for account in (FAN, -3)] == [30_000, -30_000]
    await bench.hear(news(ChargebackStage.LOST, 2))
    await bench.later()
    assert [await bench.of(account) for account in (FAN, -FAN, -3)] == [0, 0, 0]
    kinds = [row[0] for row in await ledger_pool.fetch("SELECT kind FROM transfers ORDER BY id")]
    assert kinds == ["top_up", "chargeback", "chargeback_return", "chargeback"]


async def test_what_was_refunded_and_is_charged_back_as_well_is_a_loss(ledger_pool: PostgresPool) -> None:
    bench = Bench(ledger_pool, ProviderAnswer(OperationState.SUCCEEDED, "p-1"), SUCCEEDED)
    top_up = await bench.top_up()
    await bench.back.refund_top_up(MoneyBack(top_up.top_up_id, 0, "case 12", "k", b"h", asked_by=9))
    await bench.hear(news(ChargebackStage.OPENED, 0))
    await bench.later()
    assert [await bench.of(account) for account in (FAN, -8)] == [0, -30_000]
    await bench.hear(news(ChargebackStage.WON, 1))
    await bench.later()
    assert await bench.of(-8) == 0


async def test_news_of_charges_that_are_not_there_are_told_apart(ledger_pool: PostgresPool) -> None:
    bench = Bench(ledger_pool, ProviderAnswer(OperationState.PENDING, "p-1"))
    assert await bench.hear(news(ChargebackStage.OPENED, 0)) is Heard.NO_SUCH_CHARGE
    await bench.top_up()
    assert await bench.hear(news(ChargebackStage.OPENED, 0)) is Heard.TOO_EARLY
    for amount in (0, -1, 30_001):
        assert await bench.hear(news(ChargebackStage.OPENED, 0, amount)) is Heard.NO_SUCH_CHARGE
    assert await ledger_pool.fetchval("SELECT count(*) FROM sagas WHERE kind = 'chargeback'") == 0


async def test_what_was_pending_before_there_were_sagas_goes_on(postgres_database: Callable[[str], str]) -> None:
    url = postgres_database("top_ups_of_before")
    await upgrade(url, SCRIPTS, lock_key="payments-migrations", revision="0013")
    pool = await create_pool(url, application_name="before")
    pending = await begin_top_up(pool, FAN, 30_000, "k")
    done = await begin_top_up(pool, FAN, 5_000, "done")
    await pool.execute("SELECT post_top_up($1, true, '')", done)
    await pool.close()
    await upgrade(url, SCRIPTS, lock_key="payments-migrations")
    pool = await create_pool(url, application_name="after")
    bench = Bench(pool, SUCCEEDED)
    old = await bench.take(TopUpOrder(FAN, 5_000, "done", b"h", Rail.CARD))
    assert (old.top_up_id, old.state, old.balance) == (done, TopUpState.SUCCEEDED, 5_000)
    assert await bench.used() == [35_000, 35_000]
    await bench.later()
    # The provider knows it by what it was called then.
    assert bench.provider.asked == [("inquire", f"daira-{pending}")]
    late = await bench.take(TopUpOrder(FAN, 30_000, "k", b"h", Rail.CARD))
    assert (late.top_up_id, late.state, late.balance) == (pending, TopUpState.SUCCEEDED, 35_000)
    async with pool.acquire() as connection:
        assert await check_ledger(connection) == []
    await pool.close()
