"""Payouts from a seed: people ask, runners crash and sleep past their leases, the provider does its worst.

python -m tests.simulation.payouts --seeds 100000 [--first 0]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

import structlog

from services.payments.application.saga_ports import NewSaga
from services.payments.domain.payout_machine import CANCEL, PAYOUT, PayoutMachine
from services.payments.domain.saga import Machine
from services.payments.domain.transfers import TransferKind
from tests.simulation.life import Life
from tests.simulation.provider import FaultyProvider
from tests.simulation.world import World

PEOPLE = (1_001, 1_002, 1_003)
ROUNDS = 40
ENDS = {"completed", "returned", "declined", "cancelled", "refused"}


class Simulation(Life):
    """One seed's life."""

    machines: ClassVar[tuple[Machine, ...]] = (PayoutMachine(),)
    crash_chance = 0.03

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.world = World(self.rng)
        self.provider = FaultyProvider(self.rng, self.overtaken)
        for person in PEOPLE:
            self.world.ledger.posted[person] += 100_000
            self.world.ledger.posted[-3] -= 100_000
        self.world.ledger.limit = 150_000

    async def run(self) -> World:
        """The whole life, and its end in peace."""
        for number in range(ROUNDS):
            self.ask(number)
            await self.work()
            self.provider.happen(self.world.hear)
            self.world.clock.at += timedelta(seconds=self.rng.choice((1, 5, 40, 600, 7200, 40_000)))
            self.world.ledger.check()
        self.is_calm = self.provider.is_calm = True
        for _ in range(200):
            self.provider.happen(self.world.hear)
            await self.work()
            self.world.clock.at += timedelta(hours=4)
            if all(record.ended for record in self.world.records.values()):
                break
        return self.world

    def ask(self, number: int) -> None:
        """Somebody wants money, or takes it back."""
        if self.rng.random() < 0.4:
            amount, rail = self.rng.choice((500, 12_000, 40_000, 90_000)), self.rng.choice(("bank", "mobile"))
            data: dict[str, int | str] = {"amount": amount, "rail": rail, "destination_id": 1}
            self.world.start(
                NewSaga(PAYOUT, self.rng.choice(PEOPLE), f"{number // 2}", f"{amount}".encode(), "requested", data)
            )
        elif self.world.records and self.rng.random() < 0.3:
            self.world.signal(self.rng.choice(list(self.world.records)), CANCEL, {})


def check(simulation: Simulation) -> None:
    """What must be true when all is over."""
    world, provider = simulation.world, simulation.provider
    world.ledger.check()
    assert not +world.ledger.held, "something is held for ever"
    assert max(provider.effective.values(), default=0) <= 1, "a reference was paid twice"
    left = dict.fromkeys(PEOPLE, 100_000)
    for record in world.records.values():
        saga = record.saga
        assert record.ended, (record.path, record.problem)
        assert saga.state in ENDS, record.path
        reference = saga.operations[PAYOUT].reference if PAYOUT in saga.operations else ""
        paid = provider.effective[reference] - provider.returned[reference]
        assert (saga.state == "completed") == (paid == 1), (record.path, paid)
        assert (saga.state == "returned") == bool(provider.returned[reference]), record.path
        left[saga.subject_id] -= paid * saga.number("amount")
    assert {person: world.ledger.posted[person] for person in PEOPLE} == left
    used = {key: amount for key, amount in world.ledger.used.items() if amount}
    assert all(amount >= 0 for amount in used.values())
    kinds = [kind for _, kind, _ in world.ledger.transfers]
    assert kinds.count(TransferKind.PAYOUT_RETURN.value) == sum(provider.returned.values())


def simulate(seed: int, loop: asyncio.AbstractEventLoop) -> Simulation:
    """Live one seed and check it; AssertionError says what was wrong."""
    simulation = Simulation(seed)
    loop.run_until_complete(simulation.run())
    check(simulation)
    return simulation


def run_seeds(
    arguments: list[str], live: Callable[[int, asyncio.AbstractEventLoop], Simulation], description: str
) -> int:
    """Run many seeds and return the exit code: 1 when one is wrong, which is named."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    order = parser.parse_args(arguments)
    # A fenced runner says so; thousands of them are no news here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    loop, began, sagas = asyncio.new_event_loop(), time.monotonic(), 0
    for seed in range(order.first, order.first + order.seeds):
        try:
            sagas += len(live(seed, loop).world.records)
        except AssertionError as error:
            sys.stdout.write(f"seed {seed}: {error}\n")
            return 1
    sys.stdout.write(f"{order.seeds} seeds, {sagas} sagas, {time.monotonic() - began:.0f} s\n")
    return 0


def main(arguments: list[str]) -> int:
    """Payouts from many seeds."""
    return run_seeds(arguments, simulate, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
