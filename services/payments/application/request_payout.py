"""Payouts asked for, taken back and looked at by their owners; the saga does the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.chassis.clock import Clock
from services.chassis.errors import AppError, ErrorKind, failed_precondition, key_reused, not_found
from services.chassis.ids import MAX_ID
from services.payments.application.instrument_ports import Destinations
from services.payments.application.payout_ports import KnownPeople, Payouts
from services.payments.application.run_sagas import RunSagas
from services.payments.application.saga_ports import NewSaga, SagaStarts, StartOutcome
from services.payments.domain.payout_machine import CANCEL, PAYOUT
from services.payments.domain.payouts import Payout, PayoutDestination, PayoutOrder, PayoutState
from services.payments.domain.wallets import page_length

_REFUSALS: Final = {
    "insufficient": ("the wallet does not hold enough", "INSUFFICIENT_FUNDS"),
    "closed": ("the wallet is closed", "RECIPIENT_UNAVAILABLE"),
    "debt_open": ("what was taken back from the wallet is still owed", "DEBT_OPEN"),
    "each": ("a payout of this rail cannot have this amount", "LIMIT_EXCEEDED"),
    "day": ("the limit of payouts in a day would be crossed", "LIMIT_EXCEEDED"),
    "month": ("the limit of payouts in a month would be crossed", "LIMIT_EXCEEDED"),
    "hour": ("the limit of payouts in an hour would be crossed", "LIMIT_EXCEEDED"),
}


_LOOKS: Final = 40
_LOOK_EVERY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class PayoutPage:
    """Payouts, newest first; `next_before` asks for the next page, None at the end."""

    payouts: Sequence[Payout]
    next_before: int | None


class RequestPayout:
    """Starts a payout's saga and runs it until it sleeps, so that the answer says whether it was held."""

    def __init__(
        self, sagas: SagaStarts, runner: RunSagas, payouts: Payouts, destinations: Destinations, people: KnownPeople,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._sagas = sagas
        self._runner = runner
        self._payouts = payouts
        self._destinations = destinations
        self._people = people
        self._clock = clock

    async def __call__(self, order: PayoutOrder) -> Payout:
        """How the payout stands; the same key tells of the same one.

        AppError INVALID_ARGUMENT for a bad amount; NOT_FOUND, DESTINATION_NOT_FOUND; FAILED_PRECONDITION with reason
        IDENTITY_UNKNOWN, DESTINATION_NOT_USABLE_YET, INSUFFICIENT_FUNDS, DEBT_OPEN, LIMIT_EXCEEDED,
        RECIPIENT_UNAVAILABLE or IDEMPOTENCY_KEY_REUSED; UNAVAILABLE, and then the same key tells what happened.
        """
        order.check()
        # What was started before is told, whatever has become of the destination since.
        saga_id = await self._sagas.find(PAYOUT, order.user_id, order.key, order.body)
        if saga_id is None:
            destination = await self._usable(order)
            about = {
                "amount": order.amount, "destination_id": order.destination_id, "rail": destination.rail.value
            }  # fmt: skip
            new = NewSaga(PAYOUT, order.user_id, order.key, order.body, PayoutState.REQUESTED.value, about)
            outcome, saga_id = await self._sagas.start(new)
            if outcome is StartOutcome.KEY_REUSED:
                raise key_reused()
        payout = await self._after(order.user_id, saga_id, PayoutState.REQUESTED)
        if payout.state is PayoutState.REFUSED:
            raise failed_precondition(*_REFUSALS[payout.reason])
        return payout

    async def cancel(self, user_id: int, payout_id: int) -> Payout:
        """Take a payout back. AppError NOT_FOUND; FAILED_PRECONDITION, PAYOUT_NOT_CANCELLABLE when it has left."""
        await self.get(user_id, payout_id)
        if await self._sagas.signal(payout_id, CANCEL, CANCEL, {}):
            payout = await self._after(user_id, payout_id, PayoutState.SCHEDULED)
        else:
            # It ended meanwhile, perhaps as a twin of this request wanted.
            payout = await self.get(user_id, payout_id)
        if payout.state is not PayoutState.CANCELLED:
            raise failed_precondition("the payout has left, or has ended", "PAYOUT_NOT_CANCELLABLE")
        return payout

    async def get(self, user_id: int, payout_id: int) -> Payout:
        """A payout of the person. AppError NOT_FOUND with reason PAYOUT_NOT_FOUND."""
        payout = await self._payouts.find(user_id, payout_id)
        if payout is None:
            raise not_found("payout", "PAYOUT_NOT_FOUND")
        return payout

    async def list(self, user_id: int, *, page_size: int, before: int | None) -> PayoutPage:
        """A page of the person's payouts. AppError INVALID_ARGUMENT for a bad page size."""
        length = page_length(page_size)
        found = await self._payouts.list(user_id, before=MAX_ID if before is None else before, limit=length + 1)
        page = found[:length]
        return PayoutPage(page, page[-1].payout_id if len(found) > length else None)

    async def _after(self, user_id: int, payout_id: int, state: PayoutState) -> Payout:
        """The payout once it is no longer in `state`; as it is when somebody works on it for longer than is waited."""
        for _ in range(_LOOKS):
            await self._runner.run(payout_id)
            payout = await self.get(user_id, payout_id)
            if payout.state is not state:
                break
            # A twin of this request has the lease: its outcome is this one's too.
            await asyncio.sleep(_LOOK_EVERY_S)
        return payout

    async def _usable(self, order: PayoutOrder) -> PayoutDestination:
        theirs = await self._destinations.list(order.user_id)
        found = next((one for one in theirs if one.destination_id == order.destination_id), None)
        if found is None:
            raise not_found("destination", "DESTINATION_NOT_FOUND")
        if await self._people.level(order.user_id) == 0:
            raise failed_precondition("nobody is paid out who is not known by identity card", "IDENTITY_UNKNOWN")
        left = found.usable_at - self._clock.now()
        if left.total_seconds() > 0:
            raise AppError(
                ErrorKind.FAILED_PRECONDITION,
                "DESTINATION_NOT_USABLE_YET",
                "the destination was added a short while ago",
                metadata={"usable_at": found.usable_at.isoformat()},
            )
        return found
