"""Subscriptions from a seed, over more than a year: people, prices and clocks change, runners crash, providers fail.

python -m tests.simulation.subscriptions --seeds 10000 [--first 0]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import sys
import time
from datetime import UTC, datetime, timedelta

import structlog

from services.payments.application.saga_ports import NewSaga
from services.payments.domain.billing_periods import seconds
from services.payments.domain.saga import Data
from services.payments.domain.subscription_commands import CANCEL, CHANGE_PLAN, PAUSE, PAY, RESUME, UNPAUSE
from services.payments.domain.subscription_machine import SubscriptionMachine
from services.payments.domain.subscriptions import SUBSCRIPTION, BillingRules, InvoiceState, KeepInvoice, LineKind
from services.payments.domain.transfers import TransferKind
from tests.simulation.life import Life
from tests.simulation.subscription_world import (
    CLEARINGS,
    CREATORS,
    SUBSCRIBERS,
    ChargeProvider,
    PlanOfWorld,
    SubscriptionWorld,
)

DAY = 86_400
RULES = BillingRules()
LIFE_DAYS = 420
WEALTH = 60_000


class Simulation(Life):
    """One seed's life."""

    machines = (SubscriptionMachine(RULES),)
    crash_chance = 0.02
    world: SubscriptionWorld
    provider: ChargeProvider

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.world = SubscriptionWorld(self.rng)
        self.provider = ChargeProvider(self.rng, self.overtaken)
        self._asked = 0
        # Also ends of months, and both nights on which Cairo changes its clocks.
        first = self.rng.choice((
            datetime(2026, 1, 31, 10, tzinfo=UTC), datetime(2027, 10, 28, 20, 30, tzinfo=UTC),
            datetime(2028, 2, 28, 22, tzinfo=UTC), datetime(2026, 4, 23, 22, tzinfo=UTC),
            datetime(2026, 5, self.rng.randint(1, 31), self.rng.randint(0, 23), tzinfo=UTC),
        ))  # fmt: skip
        self.world.clock.at = first
        self.began = first
        since = seconds(first) - DAY
        for creator in CREATORS:
            for months, trial, price in ((1, 0, 5_000), (1, 7, 9_900), (12, 0, 50_003)):
                plan_id = len(self.world.plans) + 1
                self.world.plans[plan_id] = PlanOfWorld(plan_id, creator, months, trial, [(since, price)])
        for person in SUBSCRIBERS:
            self.pay_in(person, WEALTH)

    def pay_in(self, person: int, amount: int) -> None:
        """Money from outside, or to it, booked against an account that nothing else uses."""
        self.world.ledger.posted[person] += amount
        self.world.ledger.posted[-6] -= amount

    async def run(self) -> SubscriptionWorld:
        """A life of more than a year, and its end in peace."""
        while self.world.clock.at - self.began < timedelta(days=LIFE_DAYS):
            self.live()
            self.world.look()
            await self.work()
            self.provider.happen(self.world.hear)
            self.world.check(RULES.dunning)
            self.pass_time()
        self.is_calm = self.provider.is_calm = True
        for _ in range(30):
            self.provider.happen(self.world.hear)
            await self.work()
            self.world.check(RULES.dunning)
            self.world.clock.at += timedelta(hours=2)
        return self.world

    def pass_time(self) -> None:
        """Mostly on, by seconds or weeks; now and then the clock is set back."""
        step = self.rng.choice((5, 3_600, 20_000, DAY, DAY, 2 * DAY, 3 * DAY, 3 * DAY))
        if self.rng.random() < 0.01:
            step = 40 * DAY
        if self.rng.random() < 0.05:
            step = -self.rng.choice((60, 3_600, 30_000))
        self.world.clock.at += timedelta(seconds=step)

    def live(self) -> None:
        """Somebody does something."""
        self._asked += 1
        dice, rng = self.rng.random(), self.rng
        if dice < 0.10:
            self.subscribe()
        elif dice < 0.26 and self.world.records:
            self.tell()
        elif dice < 0.29:
            pair = (rng.choice(CREATORS), rng.choice(SUBSCRIBERS))
            self.world.blocked = {pair} - self.world.blocked
        elif dice < 0.335:
            plan = rng.choice(list(self.world.plans.values()))
            later = seconds(self.world.clock.at) + rng.choice((1, DAY, 40 * DAY))
            plan.prices.append((later, rng.choice((5_000, 5_001, 7_777, 20_000))))
        elif dice < 0.345:
            plan = rng.choice(list(self.world.plans.values()))
            plan.is_archived = not plan.is_archived
        elif dice < 0.40:
            self.pay_in(rng.choice(SUBSCRIBERS), rng.choice((1_000, 9_900, 30_000)))
        elif dice < 0.44:
            person = rng.choice(SUBSCRIBERS)
            self.pay_in(person, -self.world.ledger.posted[person] * rng.randint(5, 10) // 10)

    def source(self) -> dict[str, int | str]:
        """What somebody pays with."""
        source = self.rng.choice(("wallet", "wallet", "card", "voucher"))
        periods = self.rng.randint(1, 3) if source == "voucher" else 1
        return {"source": source, "instrument_id": 7 if source == "card" else 0, "rail": "card", "periods": periods}

    def subscribe(self) -> None:
        """Somebody subscribes, perhaps a second time."""
        plan = self.rng.choice(list(self.world.plans.values()))
        person = self.rng.choice(SUBSCRIBERS)
        data: Data = {"plan_id": plan.plan_id, "creator_id": plan.creator_id, **self.source()}
        self.world.start(
            NewSaga(SUBSCRIPTION, person, f"{self._asked}", b"", "incomplete", data, f"{person}:{plan.creator_id}")
        )

    def tell(self) -> None:
        """Somebody wants something of a subscription."""
        running = [saga_id for saga_id, record in self.world.records.items() if not record.ended]
        if not running:
            return
        name = self.rng.choice((CANCEL, CANCEL, RESUME, CHANGE_PLAN, CHANGE_PLAN, PAUSE, UNPAUSE, PAY, PAY))
        about: dict[str, Data] = {
            CANCEL: {"at_end": self.rng.random() < 0.7},
            CHANGE_PLAN: {"plan_id": self.rng.randint(1, len(self.world.plans))},
            PAUSE: {"days": self.rng.randint(1, 90)},
            PAY: self.source(),
        }
        self.world.signal(self.rng.choice(running), name, about.get(name, {}))


def check_overlaps(invoices: list[KeepInvoice]) -> None:
    """No time is paid twice, but what a later invoice credits."""
    paid: list[tuple[int, int]] = []
    for invoice in sorted(invoices, key=lambda invoice: invoice.number):
        for line in invoice.lines:
            if line.kind is LineKind.UNUSED and any(other.kind is LineKind.PERIOD for other in invoice.lines):
                paid = [(start, min(end, line.starts_at)) for start, end in paid if start < line.starts_at]
        paid += [(line.starts_at, line.ends_at) for line in invoice.lines if line.kind is LineKind.PERIOD]
    paid.sort()
    for (_, end), (start, _) in itertools.pairwise(paid):
        assert start >= end, "a time was paid twice"


def check(simulation: Simulation) -> None:
    """What must be true when all is over."""
    world, provider, ledger = simulation.world, simulation.provider, simulation.world.ledger
    assert max(provider.effective.values(), default=0) <= 1, "a reference was charged twice"
    assert max(ledger.reminded.values(), default=0) <= 1, "somebody was reminded twice"
    taken = provider_money = 0
    for saga_id, record in world.records.items():
        assert not record.problem, (record.problem, record.path[-4:])
        paid = [
            invoice for (owner, _), invoice in ledger.invoices.items()
            if owner == saga_id and invoice.state is InvoiceState.PAID
        ]  # fmt: skip
        moved = [
            transfer for transfer in ledger.transfers.values()
            if transfer.kind is TransferKind.SUBSCRIPTION and transfer.key.startswith(f"subscription:{saga_id}:")
        ]  # fmt: skip
        assert sorted(invoice.total for invoice in paid) == sorted(transfer.amount for transfer in moved)
        assert {invoice.transfer_key for invoice in paid} == {transfer.key for transfer in moved}
        taken += sum(transfer.amount for transfer in moved)
        check_overlaps([invoice for invoice in paid if invoice.total])
        for operation in record.saga.operations.values():
            provider_money += operation.amount * provider.effective[operation.reference]
            charged = record.saga.data.get("charge") == operation.purpose
            assert not charged or not operation.state.is_settled, "a charge is known and not booked"
    fees = -ledger.posted[-7]
    assert -sum(ledger.posted[account] for account in CLEARINGS) + fees == provider_money, "charged money is not booked"
    earned = sum(ledger.posted[creator] for creator in CREATORS) + ledger.posted[-1] + ledger.posted[-2]
    assert earned == taken


def simulate(seed: int, loop: asyncio.AbstractEventLoop) -> Simulation:
    """Live one seed and check it; AssertionError says what was wrong."""
    simulation = Simulation(seed)
    loop.run_until_complete(simulation.run())
    check(simulation)
    return simulation


def main(arguments: list[str]) -> int:
    """Run many seeds and return the exit code: 1 when one is wrong, which is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    order = parser.parse_args(arguments)
    # A fenced runner says so; thousands of them are no news here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    loop, began, lives, periods = asyncio.new_event_loop(), time.monotonic(), 0, 0
    for seed in range(order.first, order.first + order.seeds):
        try:
            world = simulate(seed, loop).world
        except AssertionError as error:
            sys.stdout.write(f"seed {seed}: {error}\n")
            return 1
        lives, periods = lives + len(world.records), periods + len(world.ledger.billed)
    took = time.monotonic() - began
    sys.stdout.write(f"{order.seeds} seeds, {lives} subscriptions, {periods} periods billed, {took:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
