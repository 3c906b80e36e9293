"""Adapters of providers: what refusals, 404s and silence mean for money, and a walk through the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.sandbox_provider.app import SandboxApp
from dev.sandbox_provider.book import Book
from dev.sandbox_provider.desk import Desk, Timing
from dev.sandbox_provider.faults import FaultPlan
from services.chassis.clock import SystemClock
from services.chassis.config import Secret
from services.payments.adapters.providers.fawry import FawryVouchers
from services.payments.adapters.providers.http_provider import HttpProvider
from services.payments.adapters.providers.paymob import PaymobCharges
from services.payments.adapters.providers.paymob_payouts import PaymobPayouts
from services.payments.adapters.providers.routing import RoutedProviders
from services.payments.domain.instruments import Instrument, read_destination
from services.payments.domain.providers import NO_ANSWER, Operation, OperationKind, OperationState, ProviderAnswer, Rail

KEY = Secret(b"a provider key of the tests")
PAYOUT = Operation(7, 1, "payout", OperationKind.PAYOUT, Rail.BANK, 20_000, destination_id=3)
CHARGE = Operation(8, 1, "charge", OperationKind.CHARGE, Rail.CARD, 10_000)
VOUCHER = Operation(9, 1, "charge", OperationKind.CHARGE, Rail.VOUCHER, 10_000)
REFUND = Operation(10, 1, "refund", OperationKind.REFUND, Rail.CARD, 4_000, original_id=8)
PAGE = "http://sandbox/pay/"


class Destinations:
    """Opens the one destination there is."""

    async def open(self, instrument_id: int) -> Instrument:
        to = read_destination(5, "iban", "EG380019000500000000263180002", "منى أحمد السيد", "29805150102345")
        return replace(to, instrument_id=instrument_id)


def over(transport: httpx.AsyncBaseTransport, timeout_s: float = 5.0) -> RoutedProviders:
    """All adapters over one network."""
    http = HttpProvider("tests", "http://sandbox", SystemClock(), timeout_s=timeout_s, transport=transport)
    charges, cashin = PaymobCharges(http, Destinations(), PAGE), PaymobPayouts(http, Destinations())
    vouchers = FawryVouchers(http, "daira", KEY, SystemClock())
    return RoutedProviders({Rail.CARD: charges, Rail.VOUCHER: vouchers}, {Rail.BANK: cashin})


def saying(status: int, body: Any) -> RoutedProviders:
    """Adapters whose provider always says one thing: JSON, or a text as it is."""
    said = {"text": body} if isinstance(body, str) else {"json": body}
    return over(httpx.MockTransport(lambda _request: httpx.Response(status, **said)))


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[httpx.ASGITransport]:
    book = Book(tmp_path / "book.sqlite")
    yield httpx.ASGITransport(app=SandboxApp(Desk(book, FaultPlan(1, {}), Timing())).asgi)
    book.close()


@pytest.mark.parametrize("operation", [PAYOUT, CHARGE, VOUCHER])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        # A proxy that has no route, or lost its upstream: nothing of the provider.
        (404, ""),
        (404, "<h1>Not Found</h1>"),
        (404, {"message": "no Route matched with those values"}),
        (401, {"detail": "Authentication credentials were not provided."}),
        (429, {"detail": "Request was throttled."}),
        (500, {"detail": "not found"}),
        (200, []),
        (200, "not JSON"),
        # The merchant's code or signature is wrong: that is about us, not about the payment.
        (200, {"statusCode": 9901}),
        (200, {"statusCode": 9946}),
    ],
)
async def test_what_is_no_clear_word_of_the_provider_decides_nothing(
    operation: Operation, status: int, body: object
) -> None:
    assert await saying(status, body).inquire(operation) == NO_ANSWER
    assert await saying(status, body).send(operation) == NO_ANSWER


@pytest.mark.parametrize(
    ("operation", "status", "body"),
    [
        (PAYOUT, 404, {"detail": "Not found."}),
        (CHARGE, 404, {"detail": "Not found."}),
        (VOUCHER, 200, {"statusCode": 9938, "statusDescription": "payment not found"}),
    ],
)
async def test_only_the_providers_own_word_says_that_it_never_saw_a_reference(
    operation: Operation, status: int, body: object
) -> None:
    assert await saying(status, body).inquire(operation) == ProviderAnswer(OperationState.UNKNOWN, never_seen=True)


@pytest.mark.parametrize("operation", [PAYOUT, CHARGE])
@pytest.mark.parametrize(
    "body",
    [
        {"client_reference_id": ["this value was used before"]},
        {"status_description": "Duplicate transaction"},
        {"detail": "special_reference already exists"},
    ],
)
async def test_a_refusal_that_may_be_of_a_repetition_is_inquired_after(operation: Operation, body: object) -> None:
    assert await saying(400, body).send(operation) == NO_ANSWER
    refused = await saying(400, {"status_description": "wrong number", "detail": "wrong number"}).send(operation)
    assert refused == ProviderAnswer(OperationState.DECLINED, reason="wrong number")


async def test_closing_a_rail_says_nothing_of_what_was_sent_before() -> None:
    closed = RoutedProviders({}, {})
    assert await closed.inquire(PAYOUT) == NO_ANSWER
    assert (await closed.send(PAYOUT)).state is OperationState.DECLINED


async def test_cash_is_not_refunded_by_another_voucher() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    refund = replace(REFUND, rail=Rail.VOUCHER)
    assert (await over(httpx.MockTransport(answer)).send(refund)).state is OperationState.DECLINED
    assert asked == []


async def test_a_card_is_charged_on_a_page_and_refunded(sandbox: httpx.ASGITransport) -> None:
    providers = over(sandbox)
    assert (await providers.inquire(CHARGE)).never_seen
    sent = await providers.send(CHARGE)
    assert sent.state is OperationState.PENDING
    assert sent.instruction.startswith(PAGE)
    assert (await providers.send(CHARGE)).instruction == sent.instruction
    async with httpx.AsyncClient(transport=sandbox) as person:
        await person.post(sent.instruction, data={"do": "pay"})
    paid = await providers.inquire(CHARGE)
    assert (paid.state, paid.provider_reference) == (OperationState.SUCCEEDED, sent.provider_reference)
    assert paid.provider_reference
    assert (await providers.send(REFUND)).state is OperationState.SUCCEEDED
    assert (await providers.inquire(REFUND)).state is OperationState.SUCCEEDED
    assert (await providers.send(replace(REFUND, operation_id=11, amount=99_999))).state is OperationState.DECLINED


async def test_a_voucher_has_a_code_that_is_paid_within_days(sandbox: httpx.ASGITransport) -> None:
    providers = over(sandbox)
    assert (await providers.inquire(VOUCHER)).never_seen
    sent = await providers.send(VOUCHER)
    assert sent.state is OperationState.PENDING
    assert sent.instruction.isdecimal()
    assert sent.expires_at is not None
    assert sent.expires_at > SystemClock().now()
    async with httpx.AsyncClient(transport=sandbox) as person:
        await person.post(f"{PAGE}{sent.instruction}", data={"do": "pay"})
    assert (await providers.inquire(VOUCHER)).state is OperationState.SUCCEEDED


async def test_a_payout_is_paid_once_however_often_it_is_sent(sandbox: httpx.ASGITransport) -> None:
    providers = over(sandbox)
    assert (await providers.inquire(PAYOUT)).never_seen
    answers = [await providers.send(PAYOUT) for _ in range(3)] + [await providers.inquire(PAYOUT)]
    assert {answer.state for answer in answers} == {OperationState.SUCCEEDED}
    async with httpx.AsyncClient(transport=sandbox, base_url="http://sandbox") as desk:
        lines = (await desk.get("/sandbox/operations")).json()
    assert [(line["effects"], line["requests"]) for line in lines] == [(1, 3)]
