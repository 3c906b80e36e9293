"""Paying a creator from one's own wallet."""

from __future__ import annotations

from typing import Final

from services.chassis.clock import Clock
from services.chassis.errors import failed_precondition, key_reused, unavailable
from services.payments.application.ports import Rates, TipLedger
from services.payments.domain import rates
from services.payments.domain.splits import split_tip
from services.payments.domain.tips import TipOrder, TipOutcome, TipPosting, TipResult

# The second attempt finds the wallet that the first one lacked; a third covers an unlucky race.
_ATTEMPTS: Final = 3

_LIMITS: Final = {
    TipOutcome.EACH_LIMIT: "one tip may not be so large",
    TipOutcome.DAY_LIMIT: "the limit of tips in a day would be crossed",
    TipOutcome.MONTH_LIMIT: "the limit of tips in a month would be crossed",
    TipOutcome.HOUR_LIMIT: "too many tips in an hour",
}


class SendTip:
    """Checks a tip, splits it at today's rates and posts it."""

    def __init__(self, ledger: TipLedger, rate_source: Rates, clock: Clock) -> None:
        self._ledger = ledger
        self._rates = rate_source
        self._clock = clock

    async def __call__(self, order: TipOrder) -> TipResult:
        """The posted tip, or the one posted before with this key.

        AppError INVALID_ARGUMENT for bad fields; FAILED_PRECONDITION with reason SELF_NOT_ALLOWED, INSUFFICIENT_FUNDS,
        LIMIT_EXCEEDED, RECIPIENT_UNAVAILABLE or IDEMPOTENCY_KEY_REUSED; UNAVAILABLE when the ledger is away, and then
        the tip may or may not be posted: the same key tells.
        """
        order.check()
        table = await self._rates.table()
        now = self._clock.now()
        split = split_tip(
            order.amount,
            fee_basis_points=table.basis_points(rates.TIP_FEE, now),
            vat_basis_points=table.basis_points(rates.VAT, now),
        )
        posting = TipPosting(order, split.fee, split.vat)
        for _ in range(_ATTEMPTS):
            result = await self._ledger.post(posting)
            match result.outcome:
                case TipOutcome.POSTED | TipOutcome.REPLAYED:
                    return result
                case TipOutcome.KEY_REUSED:
                    raise key_reused()
                case TipOutcome.INSUFFICIENT:
                    raise failed_precondition("the wallet does not hold enough", "INSUFFICIENT_FUNDS")
                case TipOutcome.CLOSED:
                    raise failed_precondition("this person takes no tips from you", "RECIPIENT_UNAVAILABLE")
                case TipOutcome.EACH_LIMIT | TipOutcome.DAY_LIMIT | TipOutcome.MONTH_LIMIT | TipOutcome.HOUR_LIMIT:
                    raise failed_precondition(_LIMITS[result.outcome], "LIMIT_EXCEEDED")
                case TipOutcome.AGAIN:
                    continue
        raise unavailable("the recipient's wallet could not be opened", retry_after_ms=100)
