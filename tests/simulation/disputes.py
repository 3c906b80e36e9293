"""Everything that a provider does with money in a simulation: charges, vouchers, refunds, payouts and disputes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.payments.domain.chargebacks import ChargebackNews, ChargebackStage
from services.payments.domain.providers import Operation, OperationKind, OperationState, ProviderAnswer, Rail
from tests.simulation.provider import FaultyProvider
from tests.simulation.world import VirtualClock

DISPUTE_FEE = 1_500
_SIGN = {OperationKind.CHARGE: 1, OperationKind.REFUND: -1, OperationKind.PAYOUT: -1}


@dataclass
class Dispute:
    """A disputed charge and all that was ever said of it."""

    dispute_id: str
    charge: Operation
    amount: int
    said: list[tuple[ChargebackStage, datetime]] = field(default_factory=list)

    @property
    def stage(self) -> ChargebackStage:
        return self.said[-1][0]

    def news(self, number: int) -> ChargebackNews:
        """What was said at one time."""
        stage, at = self.said[number]
        fee = DISPUTE_FEE if stage is ChargebackStage.LOST else 0
        return ChargebackNews(self.charge.reference, self.dispute_id, self.amount, stage, at, fee)


class MoneyProvider(FaultyProvider):
    """Keeps books of its own: `holds` is what of each rail's money is there."""

    def __init__(self, rng: random.Random, pause: Callable[[], Awaitable[None]], clock: VirtualClock) -> None:
        super().__init__(rng, pause)
        self._clock = clock
        self.operations: dict[str, Operation] = {}
        self.vouchers: dict[str, datetime] = {}
        self.unpaid: set[str] = set()
        self.disputes: list[Dispute] = []

    async def send(self, operation: Operation) -> ProviderAnswer:
        return self._with_voucher(operation, await super().send(operation))

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        return self._with_voucher(operation, await super().inquire(operation))

    def happen(self, hear: Callable[[str, ProviderAnswer], None]) -> None:
        """Beside what happens to all: some vouchers are paid long after their end, and some charges are disputed."""
        kept_back = {reference for reference in self.unpaid if self.states[reference] is OperationState.PENDING}
        if not self.is_calm:
            for reference in sorted(kept_back):
                if self._rng.random() < 0.02:
                    self.unpaid.discard(reference)
                    self._decide(reference, succeeds=True)
            self._dispute()
        for dispute in self.disputes:
            if self.is_calm and dispute.stage is ChargebackStage.OPENED:
                dispute.said.append((ChargebackStage.LOST, self._clock.now()))
        super().happen(hear)

    def holds(self) -> Counter[Rail]:
        """The money of each rail by the provider's own books, in piastres."""
        money: Counter[Rail] = Counter()
        for reference, operation in self.operations.items():
            moved = self.effective[reference] - self.returned[reference]
            money[operation.rail] += _SIGN[operation.kind] * operation.amount * moved
            money[operation.rail] -= self._fee(self.states[reference])
        for dispute in self.disputes:
            if dispute.stage is not ChargebackStage.WON:
                money[dispute.charge.rail] -= dispute.amount
            if any(stage is ChargebackStage.LOST for stage, _ in dispute.said):
                money[dispute.charge.rail] -= DISPUTE_FEE
        return money

    def _dispute(self) -> None:
        for reference, operation in self.operations.items():
            is_charge = operation.kind is OperationKind.CHARGE and operation.rail is Rail.CARD
            if is_charge and self.effective[reference] and self._rng.random() < 0.03:
                amount = self._rng.choice((operation.amount, operation.amount, operation.amount // 3))
                said = [(ChargebackStage.OPENED, self._clock.now())]
                self.disputes.append(Dispute(f"d-{len(self.disputes)}", operation, amount, said))
        for dispute in self.disputes:
            others = [stage for stage in (ChargebackStage.WON, ChargebackStage.LOST) if stage is not dispute.stage]
            if len(dispute.said) < 4 and self._rng.random() < 0.1:
                dispute.said.append(
                    (self._rng.choice(others), self._clock.now() + timedelta(seconds=len(dispute.said)))
                )

    def _may_return(self, reference: str) -> bool:
        return super()._may_return(reference) and self.operations[reference].kind is OperationKind.PAYOUT

    def _arrive(self, operation: Operation, fault: str) -> None:
        if operation.reference in self.states:
            return
        self.operations[operation.reference] = operation
        if operation.rail is Rail.VOUCHER and operation.kind is OperationKind.CHARGE:
            self.vouchers[operation.reference] = self._clock.now() + timedelta(days=1)
            if self._rng.random() < 0.4:
                self.unpaid.add(operation.reference)
            super()._arrive(operation, "pending")
        else:
            super()._arrive(operation, fault)

    def _decide(self, reference: str, *, succeeds: bool) -> None:
        if reference not in self.unpaid:
            super()._decide(reference, succeeds=succeeds)

    def _with_voucher(self, operation: Operation, answer: ProviderAnswer) -> ProviderAnswer:
        ends = self.vouchers.get(operation.reference)
        return answer if ends is None else replace(answer, instruction="7700 1234", expires_at=ends)
