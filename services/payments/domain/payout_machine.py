"""A payout: limits and hold, the next batch, the provider, and back into the wallet when it comes back.

requested ─► scheduled ─► sending ─► paid ─► completed
    │            │           │  ▲      └───► returned
    ▼            ▼           ▼  │
 refused     cancelled    waiting ─► declined
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from services.payments.domain.accounts import PlatformAccount
from services.payments.domain.backoff import inquiry_delay
from services.payments.domain.cairo import CAIRO, next_time_of_day
from services.payments.domain.providers import Operation, OperationKind, OperationState, ProviderAnswer, Rail
from services.payments.domain.saga import (
    Ask,
    CollectDebt,
    GiveBackLimit,
    Intend,
    Move,
    PlaceHold,
    ReleaseHold,
    Saga,
    Sleep,
    Step,
    StuckError,
    TakeLimit,
)
from services.payments.domain.transfers import LedgerOutcome, Transfer, TransferKind, legs

PAYOUT: Final = "payout"
CANCEL: Final = "cancel"


@dataclass(frozen=True, slots=True)
class PayoutMachine:
    """Batches leave daily at `batch_at` in Cairo; money may come back for `returns_for` after it was paid."""

    batch_at: time = time(10, 0)
    returns_for: timedelta = timedelta(days=14)
    kind: str = PAYOUT

    def next(self, saga: Saga, now: datetime) -> Step:
        """What a payout does in each of its states."""
        match saga.state:
            case "requested":
                return self._schedule(saga, now)
            case "scheduled":
                return self._leave(saga, now)
            case "sending":
                operation = saga.operations[PAYOUT]
                if operation.state.is_settled:
                    return self._settle(saga, operation, operation.state, operation.provider_fee, now)
                # Another runner may have sent it and died before it could write down the answer.
                return Ask(PAYOUT, inquire=saga.number("epoch") != saga.epoch)
            case "waiting":
                return self._after_inquiry(saga, now)
            case "paid":
                return self._watch(saga, now)
        raise StuckError(f"a payout is never {saga.state}")

    def refused(self, saga: Saga, outcome: LedgerOutcome, now: datetime) -> Move:  # noqa: ARG002 - of the protocol
        """Only what asks for the hold or the limit may be refused, and what leaves while its owner owes something."""
        if saga.state == "requested":
            return Move("refused", outcome.value, None)
        if saga.state == "scheduled" and outcome is LedgerOutcome.DEBT_OPEN:
            return self._undo(saga, "cancelled", "its owner owes what was taken back from them")
        raise StuckError(f"the ledger says {outcome.value} to a payout that is {saga.state}")

    def answered(self, saga: Saga, operation: Operation, answer: ProviderAnswer, now: datetime) -> Move:
        """Where a provider's answer leads; what is unknown is inquired after, never sent under another reference."""
        if answer.never_seen:
            return Move("sending", "the provider never saw it", now, data={"epoch": saga.epoch}, attempts=saga.attempts)
        return self._settle(saga, operation, answer.state, answer.fee, now)

    def _schedule(self, saga: Saga, now: datetime) -> Move:
        leaves = next_time_of_day(now, self.batch_at)
        actions = (
            CollectDebt(saga.subject_id),
            TakeLimit(saga.subject_id, f"{_rail(saga).value}_payout", saga.number("amount")),
            PlaceHold(saga.subject_id, saga.number("amount"), PAYOUT),
        )
        return Move("scheduled", "held for the next batch", leaves, actions, data={
            "batch": f"{leaves.astimezone(CAIRO):%Y-%m-%d}", "leaves_at": int(leaves.timestamp()),
        })  # fmt: skip

    def _leave(self, saga: Saga, now: datetime) -> Step:
        cancel = saga.signal(CANCEL)
        if cancel is not None:
            return self._undo(saga, "cancelled", "its owner took it back", taken=(cancel.signal_id,))
        leaves = next_time_of_day(saga.changed_at, self.batch_at)
        if now < leaves:
            return Sleep(leaves)
        intend = Intend(PAYOUT, OperationKind.PAYOUT, _rail(saga), saga.number("amount"), saga.number("destination_id"))
        return Move(
            "sending", "its batch left", now, (CollectDebt(saga.subject_id), intend), data={"epoch": saga.epoch}
        )

    def _after_inquiry(self, saga: Saga, now: datetime) -> Step:
        operation = saga.operations[PAYOUT]
        if operation.state.is_settled:
            # A callback told before the inquiry did.
            return self._settle(saga, operation, operation.state, operation.provider_fee, now)
        due = saga.changed_at + inquiry_delay(saga.attempts)
        return Ask(PAYOUT, inquire=True) if now >= due else Sleep(due)

    def _watch(self, saga: Saga, now: datetime) -> Step:
        operation = saga.operations[PAYOUT]
        if operation.state is OperationState.RETURNED:
            return self._put_back(saga, operation)
        until = saga.changed_at + self.returns_for
        return Move("completed", "it did not come back", None) if now >= until else Sleep(until)

    def _settle(self, saga: Saga, operation: Operation, state: OperationState, fee: int, now: datetime) -> Move:
        match state:
            case OperationState.SUCCEEDED | OperationState.RETURNED:
                # One that came back was paid first: the books tell both.
                return self._pay(saga, operation, fee, now)
            case OperationState.DECLINED:
                return self._undo(saga, "declined", "the provider declined")
        attempts = saga.attempts + 1
        return Move("waiting", "the outcome is not known yet", now + inquiry_delay(attempts), attempts=attempts)

    def _pay(self, saga: Saga, operation: Operation, fee: int, now: datetime) -> Move:
        amount, clearing = saga.number("amount"), operation.rail.clearing
        payout = Transfer(
            TransferKind.PAYOUT, saga.subject_id, saga.subject_id, amount, f"payout:{saga.saga_id}",
            operation.reference.encode(), legs((saga.subject_id, -amount), (clearing, amount)), captures=PAYOUT,
        )  # fmt: skip
        actions = [payout]
        if fee:
            actions.append(provider_fee(operation, fee))
        return Move("paid", "the provider paid", now + self.returns_for, tuple(actions), attempts=0)

    def _put_back(self, saga: Saga, operation: Operation) -> Move:
        amount, clearing = saga.number("amount"), operation.rail.clearing
        put_back = Transfer(
            TransferKind.PAYOUT_RETURN, saga.subject_id, saga.subject_id, amount, f"payout:{saga.saga_id}",
            operation.reference.encode(), legs((saga.subject_id, amount), (clearing, -amount)),
            reverses_kind=TransferKind.PAYOUT, reverses_key=f"payout:{saga.saga_id}",
        )  # fmt: skip
        return Move("returned", operation.provider_reason or "it came back", None, (put_back,))

    def _undo(self, saga: Saga, state: str, reason: str, taken: tuple[int, ...] = ()) -> Move:
        rail, amount = f"{_rail(saga).value}_payout", saga.number("amount")
        actions = (ReleaseHold(PAYOUT), GiveBackLimit(saga.subject_id, rail, amount, saga.started_at))
        return Move(state, reason, None, actions, taken=taken)


def provider_fee(operation: Operation, fee: int) -> Transfer:
    """What the provider kept of an operation, out of what it holds for us."""
    accounts = legs((PlatformAccount.PROVIDER_FEES, -fee), (operation.rail.clearing, fee))
    return Transfer(
        TransferKind.ADJUSTMENT,
        0,
        0,
        fee,
        f"provider-fee:{operation.operation_id}",
        operation.reference.encode(),
        accounts,
    )


def _rail(saga: Saga) -> Rail:
    return Rail(saga.text("rail"))
