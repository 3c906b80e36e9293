"""SendTip over a scripted ledger."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.chassis.errors import AppError
from services.payments.application.send_tip import SendTip
from services.payments.domain.rates import TIP_FEE, VAT, Rate, RateTable
from services.payments.domain.tips import TipOrder, TipOutcome, TipPosting, TipResult
from tests.fakes.clock import FixedClock

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
ORDER = TipOrder(1, 2, 1_000, 0, "k", b"body")


class ScriptedLedger:
    """Answers as told, and keeps what it was asked."""

    def __init__(self, *outcomes: TipOutcome) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[TipPosting] = []

    async def post(self, posting: TipPosting) -> TipResult:
        self.asked.append(posting)
        return TipResult(self.outcomes.pop(0), 9, posting.order.amount, posting.fee, posting.vat, 5)


class FixedRates:
    """5 % and 14 %."""

    async def table(self) -> RateTable:
        return RateTable([Rate(TIP_FEE, BEGINNING, 500), Rate(VAT, BEGINNING, 1400)])


def send_tip(ledger: ScriptedLedger) -> SendTip:
    return SendTip(ledger, FixedRates(), FixedClock())


async def test_posts_the_split_of_today() -> None:
    ledger = ScriptedLedger(TipOutcome.POSTED)
    result = await send_tip(ledger)(ORDER)
    assert result.outcome is TipOutcome.POSTED
    assert [(posting.fee, posting.vat) for posting in ledger.asked] == [(50, 7)]


async def test_posts_again_when_the_wallet_was_not_there() -> None:
    ledger = ScriptedLedger(TipOutcome.AGAIN, TipOutcome.POSTED)
    assert (await send_tip(ledger)(ORDER)).transfer_id == 9
    assert len(ledger.asked) == 2


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ([TipOutcome.INSUFFICIENT], "INSUFFICIENT_FUNDS"),
        ([TipOutcome.KEY_REUSED], "IDEMPOTENCY_KEY_REUSED"),
        ([TipOutcome.AGAIN] * 3, "STORE_UNAVAILABLE"),
    ],
)
async def test_refusals_have_their_reasons(outcomes: list[TipOutcome], reason: str) -> None:
    with pytest.raises(AppError) as caught:
        await send_tip(ScriptedLedger(*outcomes))(ORDER)
    assert caught.value.reason == reason


async def test_a_bad_order_never_reaches_the_ledger() -> None:
    ledger = ScriptedLedger()
    with pytest.raises(AppError):
        await send_tip(ledger)(TipOrder(1, 1, 1_000, 0, "k", b""))
    assert not ledger.asked
