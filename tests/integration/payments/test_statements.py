"""Statements over gRPC: what adds up, whose it is, pages, moments, and lines of every kind of transfer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from daira.payments.v1 import payments_service_pb2, statement_service_pb2_grpc
from daira.payments.v1 import statement_service_pb2 as pb
from services.payments.domain.transfers import TransferKind
from services.payments.domain.wallets import EntryKind
from tests.integration.payments.processes import Caller, reason_of

Person = Callable[[], Caller]


class Reader:
    """Reads one person's statements."""

    def __init__(self, channel: grpc.aio.Channel, caller: Caller) -> None:
        self._stub: Any = statement_service_pb2_grpc.StatementServiceStub(channel)
        self._metadata = caller.metadata

    async def statement(
        self, since: datetime | None = None, until: datetime | None = None, *, size: int = 0, token: str = ""
    ) -> pb.GetWalletStatementResponse:
        """A page."""
        request = pb.GetWalletStatementRequest(page_size=size, page_token=token)
        if since is not None:
            getattr(request, "from").FromDatetime(since)
        if until is not None:
            request.to.FromDatetime(until)
        response: pb.GetWalletStatementResponse = await self._stub.GetWalletStatement(request, metadata=self._metadata)
        return response

    async def balance(self, at: datetime | None = None) -> int:
        """What the wallet held."""
        request = pb.GetWalletBalanceRequest()
        if at is not None:
            request.at.FromDatetime(at)
        response: pb.GetWalletBalanceResponse = await self._stub.GetWalletBalance(request, metadata=self._metadata)
        return response.balance_piastres


async def _moments(database: asyncpg.Connection[asyncpg.Record], user_id: int) -> list[datetime]:
    rows = await database.fetch(
        "SELECT t.posted_at FROM entries e JOIN transfers t ON t.id = e.transfer_id WHERE e.account_id = $1"
        " ORDER BY e.version",
        user_id,
    )
    return [row[0] for row in rows]


async def test_a_period_adds_up_and_pages_follow_one_another(
    channel: grpc.aio.Channel, person: Person, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    fan, creator = person(), person()
    await fan.top_up(100_000, "up")
    for number in range(5):
        await fan.tip(creator.user_id, 1_000 + number, f"tip-{number}")
    posted = await _moments(database, fan.user_id)
    read = Reader(channel, fan)

    # From the first tip, which is in it, until the last, which is not.
    since, until = posted[1], posted[5]
    first = await read.statement(since, until, size=3)
    assert (first.opening_balance_piastres, first.closing_balance_piastres) == (100_000, 100_000 - 4_006)
    second = await read.statement(since, until, size=3, token=first.next_page_token)
    # Without moments, too: the token knows them.
    assert second == await read.statement(size=3, token=first.next_page_token)
    assert second.next_page_token == ""
    lines = [*first.lines, *second.lines]
    assert [line.number for line in lines] == [2, 3, 4, 5]
    assert [line.entry.amount_piastres for line in lines] == [-1_000, -1_001, -1_002, -1_003]
    assert first.opening_balance_piastres + sum(line.entry.amount_piastres for line in lines) == (
        second.closing_balance_piastres
    )
    assert lines[-1].entry.balance_after_piastres == first.closing_balance_piastres
    assert {line.entry.counterparty_id for line in lines} == {creator.user_id}
    assert (lines[0].whole_piastres, lines[0].fee_piastres, lines[0].vat_piastres) == (1_000, 50, 7)
    assert [await read.balance(moment) for moment in (posted[0], since, until)] == [100_000, 99_000, 94_990]
    assert await read.balance(posted[0] - timedelta(microseconds=1)) == 0
    assert await read.balance() == await fan.wallet()


async def test_the_whole_statement_is_the_wallets(channel: grpc.aio.Channel, person: Person) -> None:
    fan, creator = person(), person()
    empty = await Reader(channel, creator).statement()
    assert (len(empty.lines), empty.opening_balance_piastres, empty.closing_balance_piastres) == (0, 0, 0)
    await fan.top_up(50_000, "up")
    await fan.tip(creator.user_id, 10_000, "tip")
    received = await Reader(channel, creator).statement()
    assert received.closing_balance_piastres == await creator.wallet()
    assert [line.entry for line in received.lines] == list((await creator.entries()).entries)
    assert received.lines[0].entry.kind == payments_service_pb2.WALLET_ENTRY_KIND_TIP_RECEIVED


async def test_what_is_refused(channel: grpc.aio.Channel, person: Person) -> None:
    fan, other = person(), person()
    await fan.top_up(100_000, "up")
    await fan.top_up(100_000, "up-2")
    read = Reader(channel, fan)
    now = datetime.now(UTC)
    token = (await read.statement(size=1)).next_page_token
    for asked, reason in (
        (read.statement(now, now), "FIELD_INVALID"),
        (read.statement(now, now - timedelta(days=1)), "FIELD_INVALID"),
        (read.statement(until=now + timedelta(days=1)), "FIELD_INVALID"),
        (read.statement(size=101), "FIELD_INVALID"),
        (read.balance(now + timedelta(days=1)), "FIELD_INVALID"),
        (read.statement(token=f"{token}x"), "PAGE_TOKEN_INVALID"),
        (read.statement(until=now - timedelta(hours=1), token=token), "PAGE_TOKEN_INVALID"),
        (Reader(channel, other).statement(token=token), "PAGE_TOKEN_INVALID"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await asked
        assert (refused.value.code(), reason_of(refused.value)) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    strange = pb.GetWalletBalanceRequest(at=Timestamp(seconds=-(2**62)))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await statement_service_pb2_grpc.StatementServiceStub(channel).GetWalletBalance(strange, metadata=fan.metadata)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_lines_of_every_kind_of_transfer_are_told(
    channel: grpc.aio.Channel, person: Person, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Out of the wallet and into it, by both lists; also of a kind that this process does not know."""
    owner, other = person(), person()
    await owner.top_up(100_000, "up")
    await other.wallet()
    post = """
        SELECT transfer FROM post_transfer($1, $2, $3, 100, 0, 0, 0, $4, 'x', ARRAY[$5::bigint, $6], ARRAY[-100, 100],
            0, $7, 'transfer_posted', '')
    """
    reversible = {
        kind: await database.fetchval(post, kind, owner.user_id, other.user_id, "o", owner.user_id, other.user_id, 0)
        for kind in ("payout",)
    }
    brought_in = "SELECT id FROM transfers WHERE actor_id = $1 AND kind = 'top_up'"
    reversible["top_up"] = await database.fetchval(brought_in, owner.user_id)
    reversible["tip"] = (await owner.tip(other.user_id, 100, "tip")).transfer_id
    expected = {("top_up", 1): "TOP_UP", ("payout", -1): "PAYOUT",
                ("tip", -1): "TIP_SENT"}  # fmt: skip
    for kind, original, into, told in (
        ("refund", "tip", True, "REFUND_RECEIVED"),
        ("payout_return", "payout", True, "PAYOUT_RETURNED"),
        ("chargeback", "top_up", False, "CHARGEBACK"),
        ("recovery", "", False, "RECOVERY"),
        ("adjustment", "", True, "ADJUSTMENT"),
    ):
        payer, payee = (-5, owner.user_id) if into else (owner.user_id, -5)
        await database.fetchval(
            post, kind, owner.user_id, owner.user_id, "k", payer, payee, reversible.get(original, 0)
        )
        expected[kind, 1 if into else -1] = told
    names = payments_service_pb2.WalletEntryKind.Name
    lines = (await Reader(channel, owner).statement()).lines
    assert [names(line.entry.kind).removeprefix("WALLET_ENTRY_KIND_") for line in lines] == list(expected.values())
    newest_first = (await owner.entries()).entries
    assert [line.entry for line in reversed(lines)] == list(newest_first)
    taken_back = [line.reverses_transfer_id for line in lines[3:]]
    assert taken_back == [reversible["tip"], reversible["payout"], reversible["top_up"], 0, 0]


@pytest.mark.parametrize("amount", [-1, 1])
def test_no_kind_of_transfer_is_without_words(amount: int) -> None:
    for kind in TransferKind:
        assert EntryKind.of(kind.value, amount) is not EntryKind.OTHER
    assert EntryKind.of("something newer", amount) is EntryKind.OTHER
