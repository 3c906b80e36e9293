"""A top-up: limits, the charge, and money in the wallet once the provider has it, however late it says so.

requested ─► sending ─► waiting ─► succeeded
    │           ▲  │      │  ▲         ▲
    ▼           └──┼──────┘  │         │
 refused           └─► declined ◄── expired
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.payments.domain.backoff import inquiry_delay
from services.payments.domain.payout_machine import provider_fee
from services.payments.domain.providers import Operation, OperationKind, OperationState, ProviderAnswer, Rail
from services.payments.domain.saga import (
    Ask,
    GiveBackLimit,
    Intend,
    Move,
    Projection,
    Saga,
    Sleep,
    Step,
    StuckError,
    TakeLimit,
)
from services.payments.domain.top_ups import TopUpState
from services.payments.domain.transfers import LedgerOutcome, Transfer, TransferKind, legs

TOP_UP: Final = "top_up"
ALL_RAILS: Final = "top_up"
"""The name of the limit on what comes into a wallet over all rails together."""

_LATE_INQUIRIES: Final = timedelta(days=1)
_TOO_LATE: Final = "nothing was paid in time"


@dataclass(frozen=True, slots=True)
class OpenTopUp(Projection):
    """The record of a top-up, in its owner's wallet, which is opened; refused when the wallet is closed."""

    user_id: int
    amount: int
    key: str
    rail: Rail


@dataclass(frozen=True, slots=True)
class CloseTopUp(Projection):
    """How the recorded top-up ended; what was declined may still succeed, never the other way round."""

    user_id: int
    amount: int
    state: TopUpState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TopUpMachine:
    """Top-ups over every rail.

    `patience` is how long a person may take to pay where the provider names no end; `grace` how long after the end a
    provider's word may be on its way; for `listens_for` a payment that came too late is still booked.
    """

    patience: timedelta = timedelta(days=2)
    grace: timedelta = timedelta(hours=1)
    listens_for: timedelta = timedelta(days=14)
    kind: str = TOP_UP

    def next(self, saga: Saga, now: datetime) -> Step:
        """What a top-up does in each of its states."""
        match saga.state:
            case "requested":
                return self._charge(saga, now)
            case "sending":
                # Another runner may have sent it and died before it could write down the answer.
                return Ask(TOP_UP, inquire=saga.number("epoch") != saga.epoch)
            case "waiting":
                return self._after_inquiry(saga, now, inquiry_delay(saga.attempts))
            case "expired":
                return self._after_inquiry(saga, now, _LATE_INQUIRIES)
        raise StuckError(f"a top-up is never {saga.state}")

    def refused(self, saga: Saga, outcome: LedgerOutcome, now: datetime) -> Move:  # noqa: ARG002 - of the protocol
        """Only its beginning may be refused; then nothing was taken and nobody asked."""
        if saga.state == "requested":
            return Move("refused", outcome.value, None)
        raise StuckError(f"the ledger says {outcome.value} to a top-up that is {saga.state}")

    def answered(self, saga: Saga, operation: Operation, answer: ProviderAnswer, now: datetime) -> Move:
        """Where a provider's answer leads; what is unknown is inquired after, never sent under another reference."""
        if answer.state.is_settled:
            return self._settle(saga, operation, answer.state, answer.fee, answer.reason)
        # Who may have paid is not told that they have not: only a provider that knows of nothing lets it run out.
        knows_of_nothing = answer.never_seen or answer.state is OperationState.PENDING
        if saga.state == "expired":
            if knows_of_nothing and now.timestamp() >= saga.number("expired_at") + self.listens_for.total_seconds():
                return Move("declined", _TOO_LATE, None)
            return Move("expired", _TOO_LATE, now + _LATE_INQUIRIES)
        ends = answer.expires_at or operation.instruction_expires_at or saga.started_at + self.patience
        if knows_of_nothing and now >= ends + self.grace:
            return self._expire(saga, now)
        if answer.never_seen:
            return Move("sending", "the provider never saw it", now, data={"epoch": saga.epoch}, attempts=saga.attempts)
        attempts = saga.attempts + 1
        return Move("waiting", "the outcome is not known yet", now + inquiry_delay(attempts), attempts=attempts)

    def _charge(self, saga: Saga, now: datetime) -> Move:
        user_id, amount, rail = saga.subject_id, saga.number("amount"), _rail(saga)
        actions = (
            OpenTopUp(user_id, amount, saga.text("key"), rail),
            TakeLimit(user_id, rail.value, amount),
            TakeLimit(user_id, ALL_RAILS, amount),
            Intend(TOP_UP, OperationKind.CHARGE, rail, amount),
        )
        return Move("sending", "the provider is asked", now, actions, data={"epoch": saga.epoch})

    def _after_inquiry(self, saga: Saga, now: datetime, pause: timedelta) -> Step:
        operation = saga.operations[TOP_UP]
        if operation.state.is_settled:
            # A callback told before the inquiry did.
            return self._settle(saga, operation, operation.state, operation.provider_fee, operation.provider_reason)
        due = saga.changed_at + pause
        return Ask(TOP_UP, inquire=True) if now >= due else Sleep(due)

    def _expire(self, saga: Saga, now: datetime) -> Move:
        close = CloseTopUp(saga.subject_id, saga.number("amount"), TopUpState.DECLINED, _TOO_LATE)
        data = {"expired_at": int(now.timestamp())}
        return Move("expired", _TOO_LATE, now + _LATE_INQUIRIES, (*_free(saga), close), data=data)

    def _settle(self, saga: Saga, operation: Operation, state: OperationState, fee: int, reason: str) -> Move:
        user_id, amount = saga.subject_id, saga.number("amount")
        if state is OperationState.DECLINED:
            if saga.state == "expired":
                return Move("declined", "the provider declined", None)
            close = CloseTopUp(user_id, amount, TopUpState.DECLINED, reason)
            return Move("declined", "the provider declined", None, (*_free(saga), close))
        # The provider has the money: it is booked whatever became of the limit, the voucher or the wallet meanwhile.
        top_up = Transfer(
            TransferKind.TOP_UP, user_id, user_id, amount, saga.text("key"), operation.reference.encode(),
            legs((operation.rail.clearing, -amount), (user_id, amount)),
        )  # fmt: skip
        fees = (provider_fee(operation, fee),) if fee else ()
        close = CloseTopUp(user_id, amount, TopUpState.SUCCEEDED)
        return Move("succeeded", "the provider has the money", None, (top_up, *fees, close))


def _free(saga: Saga) -> tuple[GiveBackLimit, GiveBackLimit]:
    amount, at = saga.number("amount"), saga.started_at
    return (
        GiveBackLimit(saga.subject_id, _rail(saga).value, amount, at),
        GiveBackLimit(saga.subject_id, ALL_RAILS, amount, at),
    )


def _rail(saga: Saga) -> Rail:
    return Rail(saga.text("rail"))
