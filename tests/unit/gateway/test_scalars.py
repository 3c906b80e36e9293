"""Money, moments and counts as clients see them, and what is taken for piastres."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from daira.payments.v1 import payments_service_pb2, statement_service_pb2
from gateway.binding.answers import make_page
from gateway.binding.requests import Paging
from gateway.cursors import Cursor
from gateway.scalars import Money, date_time, saturated
from tests.unit.gateway.conftest import StubCalls

TOP_UP = 'mutation($amount: Piastres!) { topUp(input: {amountPiastres: $amount, idempotencyKey: "k"}) { __typename } }'


@pytest.mark.parametrize(
    ("amount", "egp", "formatted"),
    [
        (0, "0.00", "EGP 0.00"),
        (5, "0.05", "EGP 0.05"),
        (-5, "-0.05", "EGP -0.05"),
        (123_456_789, "1234567.89", "EGP 1,234,567.89"),
        (-(2**63), "-92233720368547758.08", "EGP -92,233,720,368,547,758.08"),
    ],
)
def test_money(amount: int, egp: str, formatted: str) -> None:
    money = Money(amount)
    assert (money.piastres, money.egp, money.formatted) == (str(amount), egp, formatted)


def test_moments_and_counts() -> None:
    assert date_time(Timestamp(seconds=0, nanos=999_999_999)) == "1970-01-01T00:00:00.999Z"
    assert date_time(Timestamp(seconds=-1)) == "1969-12-31T23:59:59.000Z"
    assert (saturated(2**40), saturated(-(2**40)), saturated(-3)) == (2**31 - 1, -(2**31), -3)


@pytest.mark.parametrize("value", [1000, "1000", 2**63 - 1, str(2**63 - 1)])
async def test_piastres_taken(client: httpx.AsyncClient, calls: StubCalls, value: Any) -> None:
    calls.answers["TopUp"] = payments_service_pb2.TopUpResponse(
        top_up_id=1, wallet=payments_service_pb2.Wallet(user_id=1)
    )
    for body in (
        {"query": TOP_UP, "variables": {"amount": value}},
        {"query": TOP_UP.replace("($amount: Piastres!)", "").replace("$amount", repr(value).replace("'", '"'))},
    ):
        answer = (await client.post("/graphql", json=body)).json()
        assert answer == {"data": {"topUp": {"__typename": "TopUp"}}}
    assert [request.amount_piastres for _, request in calls.requests] == [int(value)] * 2


@pytest.mark.parametrize(
    "value", [1.5, "1.5", "", " 1", "+1", "1e3", "٥٠٠", "0x10", "007", True, None, [1], {}, 2**63, "9" * 30]
)
async def test_piastres_refused(client: httpx.AsyncClient, calls: StubCalls, value: Any) -> None:
    answer = (await client.post("/graphql", json={"query": TOP_UP, "variables": {"amount": value}})).json()
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert calls.requests == []


def test_pages() -> None:
    items, key = list(range(100, 110)), int
    first = make_page(None, items, key, Paging(10, None), "next")
    assert [edge.item for edge in first.edges] == items
    assert first.page_info.has_next_page
    assert first.page_info.end_cursor == Cursor("next").encode()
    last = make_page(None, items, key, Paging(10, Cursor("next")), "")
    assert not last.page_info.has_next_page
    assert last.page_info.has_previous_page
    assert last.page_info.end_cursor == Cursor("next", 10, 109).encode()
    cut = make_page(None, items, key, Paging(3, Cursor("next", 2, 101)), "more")
    assert [edge.item for edge in cut.edges] == [102, 103, 104]
    assert cut.page_info.has_next_page
    gone = make_page(None, items, key, Paging(3, Cursor("next", 2, 999)), "")
    assert [edge.item for edge in gone.edges] == [102, 103, 104]
    empty = make_page(None, [], key, Paging(3, None), "")
    assert (empty.page_info.start_cursor, empty.page_info.end_cursor, empty.page_info.has_next_page) == (
        None,
        None,
        False,
    )
    # A page that others emptied still leads on.
    emptied = make_page(None, [], key, Paging(3, Cursor("t", 3, 5)), "more")
    assert (emptied.page_info.end_cursor, emptied.page_info.has_next_page) == (Cursor("more").encode(), True)


BALANCE_AT = "query($at: DateTime) { wallet { balanceAt(time: $at) { balance { piastres } } } }"


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"),
    [
        ("2026-11-23T06:40:00.125Z", 1_795_416_000, 125_000_000),
        ("2026-11-23T08:40:00+02:00", 1_795_416_000, 0),
        ("1969-12-31t23:59:59.5z", -1, 500_000_000),
    ],
)
async def test_moments_taken(client: httpx.AsyncClient, calls: StubCalls, text: str, seconds: int, nanos: int) -> None:
    calls.answers["GetWallet"] = payments_service_pb2.GetWalletResponse(wallet=payments_service_pb2.Wallet(user_id=1))
    calls.answers["GetWalletBalance"] = statement_service_pb2.GetWalletBalanceResponse(balance_piastres=5)
    for body in (
        {"query": BALANCE_AT, "variables": {"at": text}},
        {"query": BALANCE_AT.replace("($at: DateTime)", "").replace("$at", f'"{text}"')},
    ):
        answer = (await client.post("/graphql", json=body)).json()
        assert answer == {"data": {"wallet": {"balanceAt": {"balance": {"piastres": "5"}}}}}
    asked = [request.at for method, request in calls.requests if method.endswith("GetWalletBalance")]
    assert asked == [Timestamp(seconds=seconds, nanos=nanos)] * 2


@pytest.mark.parametrize(
    "value", ["2026-11-23", "2026-11-23T06:40:00", "now", "", "2026-13-01T00:00:00Z", "٢٠٢٦-11-23T06:40:00Z", 5, True]
)
async def test_moments_refused(client: httpx.AsyncClient, calls: StubCalls, value: Any) -> None:
    answer = (await client.post("/graphql", json={"query": BALANCE_AT, "variables": {"at": value}})).json()
    assert "RFC 3339" in answer["errors"][0]["message"]
    assert calls.requests == []
