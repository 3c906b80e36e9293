"""Money in, around, back and out from a seed: top-ups, tips, refunds, chargebacks and payouts, with every fault.

python -m tests.simulation.money --seeds 100000 [--first 0]
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from services.chassis.errors import AppError
from services.payments.application.hear_chargeback import HearChargeback
from services.payments.application.saga_ports import NewSaga
from services.payments.domain.chargeback_machine import CHARGEBACK, ChargebackMachine
from services.payments.domain.chargebacks import Charge, Heard
from services.payments.domain.payout_machine import CANCEL, PAYOUT, PayoutMachine
from services.payments.domain.providers import OperationState, Rail
from services.payments.domain.refunds import MoneyBack, Original, refund_of, write_off
from services.payments.domain.saga import Machine
from services.payments.domain.splits import split_tip
from services.payments.domain.top_up_machine import TOP_UP, TopUpMachine
from services.payments.domain.top_up_refund_machine import TOP_UP_REFUND, TopUpRefundMachine
from services.payments.domain.transfers import LedgerOutcome, Transfer, TransferKind, legs
from tests.simulation.disputes import MoneyProvider
from tests.simulation.payouts import PEOPLE, Simulation, run_seeds
from tests.simulation.world import Crash, MemorySagas, World

ENDS: Final = {
    TOP_UP: {"refused", "succeeded", "declined"},
    TOP_UP_REFUND: {"refused", "refunded", "declined"},
    CHARGEBACK: {"returned", "charged"},
    PAYOUT: {"completed", "returned", "declined", "cancelled", "refused"},
}
MACHINES: tuple[Machine, ...] = (
    PayoutMachine(),
    TopUpMachine(patience=timedelta(days=1), listens_for=timedelta(days=4)),
    TopUpRefundMachine(),
    ChargebackMachine(listens_for=timedelta(days=8), patience=timedelta(days=2)),
)


@dataclass
class Tip:
    """A tip, and what was given back of it."""

    original: Original
    refunds: list[Transfer] = field(default_factory=list)


class MemoryCharges:
    """Implements Charges over a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def of_reference(self, reference: str) -> Charge | None:
        return next((one for one in self.all() if f"daira-{one.operation_id}" == reference), None)

    async def of_top_up(self, top_up_id: int) -> Charge | None:
        return next((one for one in self.all() if one.transfer_key and self._saga_of(one) == top_up_id), None)

    async def refund_state(self, refund_id: int) -> tuple[str, str]:
        return self._world.records[refund_id].saga.state, ""

    def all(self) -> list[Charge]:
        """Every charge that was ever asked for."""
        charges = []
        for record in self._world.records.values():
            operation = record.saga.operations.get(TOP_UP)
            if operation is not None:
                key = record.key if record.saga.state == "succeeded" else ""
                charges.append(
                    Charge(operation.operation_id, record.saga.subject_id, operation.rail, operation.amount, key)
                )
        return charges

    def _saga_of(self, charge: Charge) -> int:
        return next(
            saga_id for saga_id, record in self._world.records.items()
            if TOP_UP in record.saga.operations and record.saga.operations[TOP_UP].operation_id == charge.operation_id
        )  # fmt: skip


class MoneySimulation(Simulation):
    """One seed's life."""

    machines = MACHINES

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.books = MoneyProvider(self.rng, self.overtaken, self.world.clock)
        self.provider = self.books
        self.charges = MemoryCharges(self.world)
        self.tips: list[Tip] = []
        # What was there before: money that this provider's books know nothing of.
        self.before = Counter(self.world.ledger.posted)
        self.world.ledger.limit = 400_000

    async def work(self) -> None:
        await super().work()
        for person in PEOPLE:
            if self.is_calm or self.rng.random() < 0.3:
                self.world.ledger.collect(person, whole=False)
        await self.talk_of_disputes()

    async def talk_of_disputes(self) -> None:
        """Words of disputes: lost, twice, late, in any order; in the end all of them, and in the right one."""
        store = MemorySagas(self.world, self.may_crash)
        hear = HearChargeback(self.charges, store)
        for dispute in self.books.disputes:
            everything = range(len(dispute.said))
            spoken = everything if self.is_calm else [n for n in everything if self.rng.random() < 0.3]
            for number in sorted(spoken, key=lambda _: 0 if self.is_calm else self.rng.random()):
                try:
                    heard = await hear(dispute.news(number))
                except Crash:
                    continue
                assert heard is not Heard.NO_SUCH_CHARGE

    def ask(self, number: int) -> None:
        """People do what they do with money."""
        person, other = self.rng.sample(PEOPLE, 2)
        amount = self.rng.choice((500, 1_337, 12_000, 40_000, 90_000))
        deed = self.rng.choice(
            (self.top_up, self.top_up, self.tip, self.tip, self.give_back, self.send_back, self.forgive, self.pay_out)
        )
        deed(number, person, other, amount)

    def top_up(self, number: int, person: int, _other: int, amount: int) -> None:
        rail, key = self.rng.choice(("card", "card", "voucher", "mobile")), f"up-{number // 2}"
        about: dict[str, int | str] = {"amount": amount, "rail": rail, "key": key}
        self.world.start(NewSaga(TOP_UP, person, key, f"{amount}{rail}".encode(), "requested", about))

    def tip(self, number: int, person: int, other: int, amount: int) -> None:
        paid = split_tip(amount, fee_basis_points=500, vat_basis_points=1400)
        tip = Transfer(
            TransferKind.TIP, person, other, amount, f"tip-{number}", b"",
            legs((person, -amount), (other, paid.received), (-1, paid.fee), (-2, paid.vat)), paid.fee, paid.vat,
        )  # fmt: skip
        if self.world.ledger.post(0, tip) is LedgerOutcome.POSTED:
            self.tips.append(Tip(Original(number + 1, TransferKind.TIP, person, other, paid)))

    def give_back(self, number: int, _person: int, _other: int, amount: int) -> None:
        if self.tips:
            tip = self.rng.choice(self.tips)
            order = MoneyBack(tip.original.transfer_id, self.rng.choice((0, 1, amount)), "why", f"{number}", b"")
            try:
                refund = refund_of(order, tip.original, sum(one.amount for one in tip.refunds))
            except AppError:
                return
            assert self.world.ledger.post(0, refund) is LedgerOutcome.POSTED
            tip.refunds.append(refund)

    def send_back(self, number: int, _person: int, _other: int, amount: int) -> None:
        booked = [charge for charge in self.charges.all() if charge.transfer_key]
        if booked:
            charge = self.rng.choice(booked)
            about: dict[str, int | str] = {
                "amount": self.rng.choice((charge.amount, min(amount, charge.amount))), "rail": charge.rail.value,
                "charge_id": charge.operation_id, "top_up_key": charge.transfer_key,
            }  # fmt: skip
            self.world.start(
                NewSaga(TOP_UP_REFUND, charge.user_id, f"back-{number}", b"", "requested", about,
                        unique_for=f"{charge.operation_id}")
            )  # fmt: skip

    def forgive(self, number: int, person: int, _other: int, _amount: int) -> None:
        owed = -self.world.ledger.posted[-person]
        if owed and self.rng.random() < 0.3:
            order = MoneyBack(person, self.rng.randint(1, owed), "why", f"{number}", b"")
            assert self.world.ledger.post(0, write_off(order, owed)) is LedgerOutcome.POSTED

    def pay_out(self, number: int, person: int, _other: int, amount: int) -> None:
        about: dict[str, int | str] = {
            "amount": amount,
            "rail": self.rng.choice(("bank", "mobile")),
            "destination_id": 1,
        }
        self.world.start(NewSaga(PAYOUT, person, f"out-{number}", b"", "requested", about))
        if self.rng.random() < 0.1:
            payouts = [saga_id for saga_id, record in self.world.records.items() if record.saga.kind == PAYOUT]
            self.world.signal(self.rng.choice(payouts), CANCEL, {})


def check(simulation: MoneySimulation) -> None:
    """What must be true when all is over."""
    world, books = simulation.world, simulation.books
    world.ledger.check()
    assert not +world.ledger.held, "something is held for ever"
    assert max(books.effective.values(), default=0) <= 1, "a reference moved money twice"
    for record in world.records.values():
        assert record.ended, (record.saga.kind, record.path, record.problem)
        assert record.saga.state in ENDS[record.saga.kind], record.path
    for rail in (Rail.CARD, Rail.VOUCHER, Rail.MOBILE, Rail.BANK):
        ours = world.ledger.posted[rail.clearing] - simulation.before[rail.clearing]
        assert -ours == books.holds()[rail], f"{rail.value}: the provider holds {books.holds()[rail]}, we say {-ours}"
    for top_up_id, state in world.ledger.top_ups.items():
        operation = world.records[top_up_id].saga.operations[TOP_UP]
        assert (state == "succeeded") == (books.states.get(operation.reference) is OperationState.SUCCEEDED), top_up_id
    for tip in simulation.tips:
        for name in ("amount", "fee", "vat"):
            assert sum(getattr(one, name) for one in tip.refunds) <= getattr(tip.original.paid, name)
    for (actor, kind, key), transfer in world.ledger.transfers.items():
        if transfer.kind in {TransferKind.TOP_UP, TransferKind.CHARGEBACK}:
            assert 0 <= world.ledger.left_of(actor, transfer.kind, key) <= transfer.amount, (kind, key)


def simulate(seed: int, loop: asyncio.AbstractEventLoop) -> MoneySimulation:
    """Live one seed and check it; AssertionError says what was wrong."""
    simulation = MoneySimulation(seed)
    loop.run_until_complete(simulation.run())
    check(simulation)
    return simulation


def main(arguments: list[str]) -> int:
    """Money from many seeds."""
    return run_seeds(arguments, simulate, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
