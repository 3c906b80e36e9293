"""Top-ups over records in memory and a provider with every mood."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.chassis.errors import AppError
from services.payments.application.resolve_top_ups import ResolveTopUps
from services.payments.application.top_up import TakeTopUp
from services.payments.domain.top_ups import ProviderOutcome, TopUp, TopUpBeginning, TopUpOrder, TopUpState

ORDER = TopUpOrder(1, 700, "k", b"body")


class RecordsInMemory:
    """One top-up at most, of one wallet."""

    def __init__(self, refuse: TopUpBeginning | None = None) -> None:
        self.refuse = refuse
        self.record: TopUp | None = None
        self.postponed: list[float] = []
        self.settlements = 0

    async def begin(self, order: TopUpOrder) -> tuple[TopUpBeginning, TopUp | None]:
        if self.refuse:
            return self.refuse, None
        if self.record:
            return TopUpBeginning.KNOWN, self.record
        self.record = TopUp(5, order.user_id, order.amount, TopUpState.PENDING, 0, 0)
        return TopUpBeginning.BEGUN, self.record

    async def settle(self, top_up: TopUp, *, succeeded: bool) -> TopUp:
        assert self.record is not None
        if self.record.state is TopUpState.PENDING:
            self.settlements += 1
            state = TopUpState.SUCCEEDED if succeeded else TopUpState.DECLINED
            self.record = replace(self.record, state=state, balance=top_up.amount if succeeded else 0)
        return self.record

    async def postpone(self, top_up: TopUp, delay_s: float) -> None:  # noqa: ARG002 - the port's
        assert self.record is not None
        self.postponed.append(delay_s)
        self.record = replace(self.record, attempts=self.record.attempts + 1)

    async def find(self, top_up_id: int) -> TopUp:  # noqa: ARG002 - the port's
        assert self.record is not None
        return self.record

    async def claim_due(self, limit: int) -> Sequence[TopUp]:  # noqa: ARG002 - the port's
        return [self.record] if self.record and self.record.state is TopUpState.PENDING else []


class MoodyProvider:
    """Answers as told; None hangs."""

    def __init__(self, charges: list[ProviderOutcome | None], inquiries: list[ProviderOutcome | None]) -> None:
        self.charges = charges
        self.inquiries = inquiries
        self.references: list[str] = []

    async def authorise_and_capture(self, reference: str, amount: int) -> ProviderOutcome:  # noqa: ARG002 - the port's
        self.references.append(reference)
        return await self.mood(self.charges)

    async def inquire(self, reference: str) -> ProviderOutcome:
        self.references.append(reference)
        return await self.mood(self.inquiries)

    async def mood(self, moods: list[ProviderOutcome | None]) -> ProviderOutcome:
        mood = moods.pop(0)
        if mood is None:
            await asyncio.Event().wait()
        assert mood is not None
        return mood


@pytest.mark.parametrize(
    ("mood", "state"),
    [
        (ProviderOutcome.SUCCEEDED, TopUpState.SUCCEEDED),
        (ProviderOutcome.DECLINED, TopUpState.DECLINED),
        (ProviderOutcome.UNKNOWN, TopUpState.PENDING),
        (None, TopUpState.PENDING),
    ],
)
async def test_what_the_provider_says_is_how_it_stands(mood: ProviderOutcome | None, state: TopUpState) -> None:
    records = RecordsInMemory()
    take = TakeTopUp(records, MoodyProvider([mood], []), provider_timeout_s=0.05)
    assert (await take(ORDER)).state is state
    assert bool(records.postponed) == (state is TopUpState.PENDING)


async def test_asking_again_never_charges_again() -> None:
    records = RecordsInMemory()
    provider = MoodyProvider([ProviderOutcome.UNKNOWN], [])
    take = TakeTopUp(records, provider, provider_timeout_s=0.05)
    assert [(await take(ORDER)).state for _ in range(3)] == [TopUpState.PENDING] * 3
    assert len(provider.references) == 1


async def test_a_twin_waits_for_the_first_call() -> None:
    records = RecordsInMemory()
    provider = MoodyProvider([ProviderOutcome.SUCCEEDED], [])
    await records.begin(ORDER)
    take = TakeTopUp(records, provider, provider_timeout_s=2.0)
    twin = asyncio.create_task(take(ORDER))
    await asyncio.sleep(0.01)
    assert not twin.done()
    assert records.record is not None
    await records.settle(records.record, succeeded=True)
    assert (await twin).state is TopUpState.SUCCEEDED
    assert not provider.references


async def test_unknown_is_inquired_about_under_the_same_reference_until_known() -> None:
    records = RecordsInMemory()
    unknown = ProviderOutcome.UNKNOWN
    provider = MoodyProvider([unknown], [unknown, None, ProviderOutcome.SUCCEEDED])
    await TakeTopUp(records, provider, provider_timeout_s=0.05)(ORDER)
    resolve = ResolveTopUps(records, provider, provider_timeout_s=0.05)
    assert [await resolve() for _ in range(4)] == [1, 1, 1, 0]
    assert records.record is not None
    assert records.record.state is TopUpState.SUCCEEDED
    assert records.settlements == 1
    assert len(set(provider.references)) == 1
    assert records.postponed == [1.0, 2.0, 4.0]


async def test_what_never_arrived_is_sent_under_the_same_reference() -> None:
    records = RecordsInMemory()
    provider = MoodyProvider([ProviderOutcome.DECLINED], [ProviderOutcome.NEVER_SEEN])
    await records.begin(ORDER)
    await ResolveTopUps(records, provider, provider_timeout_s=0.05)()
    assert records.record is not None
    assert records.record.state is TopUpState.DECLINED
    assert provider.references == ["daira-5", "daira-5"]


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (TopUpBeginning.KEY_REUSED, "IDEMPOTENCY_KEY_REUSED"),
        (TopUpBeginning.DAY_LIMIT, "LIMIT_EXCEEDED"),
        (TopUpBeginning.MONTH_LIMIT, "LIMIT_EXCEEDED"),
    ],
)
async def test_refusals_never_reach_the_provider(refusal: TopUpBeginning, reason: str) -> None:
    provider = MoodyProvider([], [])
    with pytest.raises(AppError) as caught:
        await TakeTopUp(RecordsInMemory(refusal), provider, provider_timeout_s=0.05)(ORDER)
    assert caught.value.reason == reason
    assert not provider.references
