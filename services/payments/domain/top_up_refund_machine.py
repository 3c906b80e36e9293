"""A top-up given back by the way it came: held, put to the provider, and out of the wallet once it is paid.

requested ─► sending ─► waiting ─► refunded
    ▼           ▲  │      │  ▲
 refused        └──┴──────┘  └─► declined
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.payments.domain.backoff import inquiry_delay
from services.payments.domain.payout_machine import provider_fee
from services.payments.domain.providers import Operation, OperationKind, OperationState, ProviderAnswer, Rail
from services.payments.domain.saga import (
    Ask,
    CheckReversible,
    CollectDebt,
    Intend,
    Move,
    PlaceHold,
    ReleaseHold,
    Saga,
    Sleep,
    Step,
    StuckError,
)
from services.payments.domain.transfers import LedgerOutcome, Transfer, TransferKind, legs

TOP_UP_REFUND: Final = "top_up_refund"
REFUND: Final = "refund"


@dataclass(frozen=True, slots=True)
class TopUpRefundMachine:
    """One at a time runs of each top-up."""

    kind: str = TOP_UP_REFUND

    def next(self, saga: Saga, now: datetime) -> Step:
        """What such a refund does in each of its states."""
        match saga.state:
            case "requested":
                return self._hold(saga, now)
            case "sending":
                return Ask(REFUND, inquire=saga.number("epoch") != saga.epoch)
            case "waiting":
                operation = saga.operations[REFUND]
                if operation.state.is_settled:
                    return self._settle(saga, operation, operation.state, operation.provider_fee)
                due = saga.changed_at + inquiry_delay(saga.attempts)
                return Ask(REFUND, inquire=True) if now >= due else Sleep(due)
        raise StuckError(f"a refund of a top-up is never {saga.state}")

    def refused(self, saga: Saga, outcome: LedgerOutcome, now: datetime) -> Move:
        """Its beginning may be refused. What the provider has paid is booked, also when it was charged back as well."""
        if saga.state == "requested":
            return Move("refused", outcome.value, None)
        if outcome is LedgerOutcome.EXCEEDS_ORIGINAL and not saga.data.get("twice"):
            return Move("waiting", "paid, and charged back as well", now, data={"twice": True})
        raise StuckError(f"the ledger says {outcome.value} to a refund that is {saga.state}")

    def answered(self, saga: Saga, operation: Operation, answer: ProviderAnswer, now: datetime) -> Move:
        """Where a provider's answer leads; what is unknown is inquired after, never sent under another reference."""
        if answer.state.is_settled:
            return self._settle(saga, operation, answer.state, answer.fee)
        if answer.never_seen:
            return Move("sending", "the provider never saw it", now, data={"epoch": saga.epoch}, attempts=saga.attempts)
        attempts = saga.attempts + 1
        return Move("waiting", "the outcome is not known yet", now + inquiry_delay(attempts), attempts=attempts)

    def _hold(self, saga: Saga, now: datetime) -> Move:
        user_id, amount = saga.subject_id, saga.number("amount")
        actions = (
            CollectDebt(user_id),
            CheckReversible(user_id, TransferKind.TOP_UP, saga.text("top_up_key"), amount),
            PlaceHold(user_id, amount, REFUND),
            Intend(REFUND, OperationKind.REFUND, Rail(saga.text("rail")), amount, original_id=saga.number("charge_id")),
        )
        return Move("sending", "held for the provider", now, actions, data={"epoch": saga.epoch})

    def _settle(self, saga: Saga, operation: Operation, state: OperationState, fee: int) -> Move:
        if state is not OperationState.SUCCEEDED:
            # One that came back never left: the provider has the money again, and so has the wallet.
            return Move("declined", f"the provider says {state.value}", None, (ReleaseHold(REFUND),))
        fees = (provider_fee(operation, fee),) if fee else ()
        return Move("refunded", "the provider paid", None, (self._paid(saga, operation), *fees))

    def _paid(self, saga: Saga, operation: Operation) -> Transfer:
        twice = bool(saga.data.get("twice"))
        user_id, amount = saga.subject_id, saga.number("amount")
        return Transfer(
            TransferKind.ADJUSTMENT if twice else TransferKind.REFUND, user_id, user_id, amount,
            f"top-up-refund:{saga.saga_id}", operation.reference.encode(),
            legs((user_id, -amount), (operation.rail.clearing, amount)), captures=REFUND,
            reverses_kind=None if twice else TransferKind.TOP_UP, reverses_key="" if twice else saga.text("top_up_key"),
        )  # fmt: skip
