"""A chargeback: what the provider took back leaves the wallet at once, and comes again if the dispute is won.

heard ─► disputed ─► won ─► returned
             │      ▲  │
             ▼      │  ▼
            lost ───┴──► charged
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.payments.domain.accounts import PlatformAccount
from services.payments.domain.chargebacks import ChargebackStage
from services.payments.domain.providers import Operation, ProviderAnswer, Rail
from services.payments.domain.saga import Move, Saga, Signal, Sleep, Step, StuckError
from services.payments.domain.transfers import LedgerOutcome, Transfer, TransferKind, legs

CHARGEBACK: Final = "chargeback"


@dataclass(frozen=True, slots=True)
class ChargebackMachine:
    """A verdict may be turned by a newer one within `listens_for`; an open dispute is looked at every `patience`."""

    listens_for: timedelta = timedelta(days=180)
    patience: timedelta = timedelta(days=30)
    kind: str = CHARGEBACK

    def next(self, saga: Saga, now: datetime) -> Step:
        """What a chargeback does in each of its states."""
        if saga.state == "heard":
            return self._dispute(saga, now, at_loss=False)
        if saga.state not in {"disputed", "won", "lost"}:
            raise StuckError(f"a chargeback is never {saga.state}")
        if saga.signals:
            return self._hear(saga, now)
        if saga.state == "disputed":
            return Sleep(now + self.patience)
        until = saga.changed_at + self.listens_for
        if now < until:
            return Sleep(until)
        return Move("returned" if saga.state == "won" else "charged", "nobody disputes it any more", None)

    def refused(self, saga: Saga, outcome: LedgerOutcome, now: datetime) -> Move:
        """More than is left of the top-up, as when it was refunded as well: the provider took it all the same."""
        if outcome is LedgerOutcome.EXCEEDS_ORIGINAL and saga.state == "heard":
            return self._dispute(saga, now, at_loss=True)
        if outcome is LedgerOutcome.EXCEEDS_ORIGINAL and saga.state == "won":
            return self._lose(saga, _newest(saga), now, at_loss=True)
        raise StuckError(f"the ledger says {outcome.value} to a chargeback that is {saga.state}")

    def answered(self, saga: Saga, operation: Operation, answer: ProviderAnswer, now: datetime) -> Move:  # noqa: ARG002 - of the protocol
        """A chargeback asks nobody."""
        raise StuckError(f"nobody was asked for a chargeback that is {saga.state}")

    def _dispute(self, saga: Saga, now: datetime, *, at_loss: bool) -> Move:
        take = _taken(saga, 1, at_loss=at_loss)
        return Move("disputed", "the payer disputes the charge", now, (take,), {"round": 1, "at_loss": at_loss})

    def _hear(self, saga: Saga, now: datetime) -> Move:
        verdict = _newest(saga)
        is_news = "verdict_at" not in saga.data or _at(verdict) > saga.number("verdict_at")
        if not is_news or verdict.name == saga.state:
            # What was lost for a while has its fee all the same, whenever we hear of it.
            fees, about = _fees(saga)
            if is_news:
                # An older verdict that comes later must not turn it.
                about |= {"verdict_at": _at(verdict)}
            wakes = now + (self.patience if saga.state == "disputed" else self.listens_for)
            return Move(saga.state, "heard before", wakes, fees, about, _all(saga))
        if verdict.name == ChargebackStage.LOST.value:
            return self._lose(saga, verdict, now, at_loss=False)
        fees, about = _fees(saga)
        about |= {"verdict_at": _at(verdict)}
        return Move("won", "decided for us", now + self.listens_for, (_put_back(saga), *fees), about, _all(saga))

    def _lose(self, saga: Saga, verdict: Signal, now: datetime, *, at_loss: bool) -> Move:
        actions, about = _fees(saga)
        about |= {"verdict_at": _at(verdict)}
        if saga.state == "won":
            # It was put back, and the provider takes it once more.
            number = saga.number("round") + 1
            about |= {"round": number, "at_loss": at_loss}
            actions = (_taken(saga, number, at_loss=at_loss), *actions)
        return Move("lost", "decided for the payer", now + self.listens_for, actions, about, _all(saga))


def _taken(saga: Saga, number: int, *, at_loss: bool) -> Transfer:
    """What the provider took: from the wallet or owed, or a loss when there is nothing it could be taken back of."""
    user_id, amount, clearing = saga.subject_id, saga.number("amount"), Rail(saga.text("rail")).clearing
    if at_loss:
        return Transfer(
            TransferKind.ADJUSTMENT, 0, user_id, amount, f"chargeback:{saga.saga_id}:{number}", b"at a loss",
            legs((PlatformAccount.LOSSES, -amount), (clearing, amount)),
        )  # fmt: skip
    return Transfer(
        TransferKind.CHARGEBACK, user_id, user_id, amount, f"chargeback:{saga.saga_id}:{number}", b"chargeback",
        legs((user_id, -amount), (clearing, amount)), reverses_kind=TransferKind.TOP_UP,
        reverses_key=saga.text("top_up_key"), may_owe=True,
    )  # fmt: skip


def _put_back(saga: Saga) -> Transfer:
    user_id, amount, clearing = saga.subject_id, saga.number("amount"), Rail(saga.text("rail")).clearing
    key = f"chargeback:{saga.saga_id}:{saga.number('round')}"
    if saga.data["at_loss"]:
        return Transfer(
            TransferKind.ADJUSTMENT, 0, user_id, amount, f"{key}:returned", b"no loss",
            legs((clearing, -amount), (PlatformAccount.LOSSES, amount)),
        )  # fmt: skip
    return Transfer(
        TransferKind.CHARGEBACK_RETURN, user_id, user_id, amount, key, b"returned",
        legs((clearing, -amount), (user_id, amount)), reverses_kind=TransferKind.CHARGEBACK, reverses_key=key,
    )  # fmt: skip


def _fees(saga: Saga) -> tuple[tuple[Transfer, ...], dict[str, int | str | bool | None]]:
    """What the provider keeps for a dispute that was lost, booked once; and that it was."""
    told = [signal.data.get("fee") for signal in saga.signals if signal.name == ChargebackStage.LOST.value]
    fee = max((fee for fee in told if isinstance(fee, int)), default=0)
    if fee <= 0 or saga.data.get("fee_paid"):
        return (), {}
    clearing = Rail(saga.text("rail")).clearing
    kept = Transfer(
        TransferKind.ADJUSTMENT, 0, 0, fee, f"chargeback-fee:{saga.saga_id}", b"fee",
        legs((PlatformAccount.PROVIDER_FEES, -fee), (clearing, fee)),
    )  # fmt: skip
    return (kept,), {"fee_paid": True}


def _newest(saga: Saga) -> Signal:
    return max(saga.signals, key=lambda signal: (_at(signal), signal.signal_id))


def _at(signal: Signal) -> int:
    at = signal.data["at"]
    if not isinstance(at, int):
        raise TypeError("a verdict has a moment")
    return at


def _all(saga: Saga) -> tuple[int, ...]:
    return tuple(signal.signal_id for signal in saga.signals)
