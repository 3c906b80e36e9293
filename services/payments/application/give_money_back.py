"""Money back: tips given back by creators or operators, top-ups by their provider, debts written off."""

from __future__ import annotations

from typing import Final

from services.chassis.errors import failed_precondition, key_reused, not_found
from services.payments.application.money_back_ports import Charges, Debts, Refunds
from services.payments.application.run_sagas import RunSagas
from services.payments.application.saga_ports import NewSaga, SagaStarts, StartOutcome
from services.payments.domain.refunds import MoneyBack, Refund
from services.payments.domain.top_up_refund_machine import TOP_UP_REFUND

_REFUSALS: Final = {
    "insufficient": ("the wallet does not hold enough", "INSUFFICIENT_FUNDS"),
    "closed": ("the wallet is closed", "RECIPIENT_UNAVAILABLE"),
    "debt_open": ("what was taken back from the wallet is still owed", "DEBT_OPEN"),
    "exceeds_original": ("more than is left of the top-up", "REFUND_EXCEEDS_ORIGINAL"),
}


class GiveMoneyBack:
    """What somebody received goes back to whom it came from."""

    def __init__(self, refunds: Refunds, debts: Debts, charges: Charges, sagas: SagaStarts, runner: RunSagas) -> None:
        self._refunds = refunds
        self._debts = debts
        self._charges = charges
        self._sagas = sagas
        self._runner = runner

    async def refund(self, order: MoneyBack) -> Refund:
        """Give a payment back that the asking person received. AppErrors as of the port, and for bad fields."""
        order.check()
        return await self._refunds.refund(order, order.asked_by)

    async def refund_for_creator(self, order: MoneyBack) -> Refund:
        """The same by an operator, of whoever received it."""
        order.check()
        return await self._refunds.refund(order, None)

    async def refund_top_up(self, order: MoneyBack) -> tuple[int, str]:
        """Send a top-up back by the way it came, by an operator; the refund's id and state.

        AppError NOT_FOUND, TRANSFER_NOT_FOUND; FAILED_PRECONDITION with reason INSUFFICIENT_FUNDS, DEBT_OPEN,
        RECIPIENT_UNAVAILABLE, REFUND_EXCEEDS_ORIGINAL, NOT_REFUNDABLE or IDEMPOTENCY_KEY_REUSED.
        """
        order.check()
        charge = await self._charges.of_top_up(order.subject_id)
        if charge is None:
            raise not_found("top-up", "TRANSFER_NOT_FOUND")
        about = {
            "amount": order.amount or charge.amount, "rail": charge.rail.value, "charge_id": charge.operation_id,
            "top_up_key": charge.transfer_key, "why": order.reason,
        }  # fmt: skip
        outcome, refund_id = await self._sagas.start(
            NewSaga(TOP_UP_REFUND, charge.user_id, order.scoped_key, order.body, "requested", about,
                    unique_for=f"{order.subject_id}")
        )  # fmt: skip
        if outcome is StartOutcome.KEY_REUSED:
            raise key_reused()
        if outcome is StartOutcome.TAKEN:
            raise failed_precondition("another refund of this top-up is under way", "NOT_REFUNDABLE")
        await self._runner.run(refund_id)
        state, reason = await self._charges.refund_state(refund_id)
        if state == "refused":
            raise failed_precondition(*_REFUSALS[reason])
        return refund_id, state

    async def write_off(self, order: MoneyBack) -> int:
        """Book a debt as a loss, by an operator; the transfer's id. AppErrors as of the port, and for bad fields."""
        order.check()
        return await self._refunds.write_off(order)

    async def owed(self, user_id: int) -> int:
        """What a person owes, in piastres. AppError UNAVAILABLE."""
        return await self._debts.owed(user_id)
