"""A provider's word of a dispute, on its way to the saga of that dispute."""

from __future__ import annotations

from services.payments.application.money_back_ports import Charges
from services.payments.application.saga_ports import NewSaga, SagaStarts, StartOutcome
from services.payments.domain.chargeback_machine import CHARGEBACK
from services.payments.domain.chargebacks import ChargebackNews, ChargebackStage, Heard


class HearChargeback:
    """Called for every such word, however often, late and out of order; the saga makes sense of them."""

    def __init__(self, charges: Charges, sagas: SagaStarts) -> None:
        self._charges = charges
        self._sagas = sagas

    async def __call__(self, news: ChargebackNews) -> Heard:
        """What became of it. AppError UNAVAILABLE, and then it is to be said again."""
        charge = await self._charges.of_reference(news.charge_reference)
        if charge is None or not 0 < news.amount <= charge.amount:
            return Heard.NO_SUCH_CHARGE
        if not charge.transfer_key:
            return Heard.TOO_EARLY
        about = {
            "amount": news.amount, "rail": charge.rail.value, "charge_id": charge.operation_id,
            "top_up_key": charge.transfer_key,
        }  # fmt: skip
        outcome, saga_id = await self._sagas.start(
            NewSaga(CHARGEBACK, charge.user_id, news.dispute_id, f"{news.amount}".encode(), "heard", about)
        )
        if outcome is StartOutcome.KEY_REUSED:
            return Heard.NO_SUCH_CHARGE
        if news.stage is ChargebackStage.OPENED:
            return Heard.TAKEN
        at = int(news.occurred_at.timestamp() * 1000)
        told = await self._sagas.signal(saga_id, news.stage.value, f"{at}", {"at": at, "fee": news.fee})
        return Heard.TAKEN if told else Heard.OVER
