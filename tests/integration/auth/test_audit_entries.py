"""What people read of their own history; refusals are bounded; a shredded key leaves the chain whole."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from daira.auth.v1 import audit_service_pb2 as pb
from daira.auth.v1 import audit_service_pb2_grpc
from tests.integration.auth.audit import seal_all, sealer, verify
from tests.integration.auth.server import Running, bearer, refused

NAME = "01001234567"


async def _history(auth: Running, token: str, size: int = 0, page: str = "") -> pb.ListMyAuditEntriesResponse:
    stub = audit_service_pb2_grpc.AuditServiceStub(auth.channel)
    response: pb.ListMyAuditEntriesResponse = await stub.ListMyAuditEntries(
        pb.ListMyAuditEntriesRequest(page_size=size, page_token=page), metadata=bearer(token)
    )
    return response


async def test_each_event_has_its_row_in_the_same_transaction(auth: Running) -> None:
    made = await auth.register(NAME)
    await auth.sign_out(made.tokens.access_token)
    async with auth.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("INSERT INTO events (kind, aggregate_id, actor_id) VALUES ('password_changed', 5, 5)")
        assert await connection.fetchval("SELECT count(*) FROM audit_log WHERE subject_id = 5") == 1
        await transaction.rollback()
    events = await auth.pool.fetch(
        "SELECT event_id, kind, aggregate_id, actor_id, payload, occurred_at, xid::text FROM events ORDER BY event_id"
    )
    rows = await auth.pool.fetch(
        "SELECT event_id, kind, subject_id, actor_id, payload, occurred_at, xid::text FROM audit_log ORDER BY event_id"
    )
    assert [tuple(row) for row in rows] == [tuple(event) for event in events]
    assert {"user_registered", "session_started", "session_ended"} <= {row["kind"] for row in rows}


async def test_people_page_through_their_own_history(auth: Running) -> None:
    made = await auth.register(NAME)
    token = made.tokens.access_token
    other = await auth.register("01007654321", key="key-2")
    for sealed in (False, True):
        if sealed:
            await seal_all(auth.pool)
        first = await _history(auth, token, 1)
        second = await _history(auth, token, 1, first.next_page_token)
        assert {entry.kind for page in (first, second) for entry in page.entries} == {
            "user_registered", "session_started",
        }  # fmt: skip
        assert not second.next_page_token
    started = next(entry for entry in (await _history(auth, token)).entries if entry.kind == "session_started")
    session = await auth.pool.fetchrow("SELECT session_id, network FROM sessions WHERE user_id = $1", made.user_id)
    assert session is not None
    assert (started.session_id, started.network, started.by_owner) == (session["session_id"], session["network"], True)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        await _history(auth, other.tokens.access_token, 1, first.next_page_token)


async def test_a_flood_of_wrong_passwords_leaves_bounded_rows(auth: Running) -> None:
    await auth.register(NAME)
    before = await auth.pool.fetchval("SELECT count(*) FROM audit_log")
    for number in range(6):
        for name in (NAME, f"0109999999{number}"):
            with pytest.raises(grpc.aio.AioRpcError):
                await auth.sign_in(name, "wrong password")
    await auth.auth.refusals.flush()
    rows = await auth.pool.fetch("SELECT kind, subject_id FROM audit_log ORDER BY seq OFFSET $1", before)
    assert {row["kind"] for row in rows} == {"password_refused"}
    assert len(rows) == len({row["subject_id"] for row in rows}) == 2
    counted = await auth.pool.fetchval("SELECT refusals FROM audit_refusals WHERE subject_id = 0")
    assert counted == 6


async def test_no_answer_waits_until_a_refusal_is_written(auth: Running) -> None:
    """The row is more work for names that have an account: whoever tries names would see it by the time."""
    await auth.register(NAME)
    async with auth.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE audit_refusals, audit_log IN EXCLUSIVE MODE")
        for name in (NAME, "01099999990"):
            with refused(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
                await auth.sign_in(name, "wrong password")
    await auth.auth.refusals.flush()
    assert await auth.pool.fetchval("SELECT count(*) FROM audit_log WHERE kind = 'password_refused'") == 2


async def test_shredding_leaves_the_chain_valid(auth: Running) -> None:
    made = await auth.register(NAME)
    await auth.pool.execute("UPDATE sessions SET network = '203.0.113.0/24', device_name = 'هاتف سارة'")
    await seal_all(auth.pool)
    await sealer(auth.pool).add_checkpoint()
    assert b"203.0.113" not in b"".join(row[0] for row in await auth.pool.fetch("SELECT detail FROM audit_seals"))
    started = [e for e in (await _history(auth, made.tokens.access_token)).entries if e.kind == "session_started"]
    assert [(e.network, e.device_name) for e in started] == [("203.0.113.0/24", "هاتف سارة")]
    await auth.pool.execute("UPDATE accounts SET status = 3, phone = NULL, email = NULL, password_hash = NULL")
    assert await auth.pool.fetchval("SELECT count(*) FROM subject_keys") == 0
    assert (await verify(auth.pool)).is_intact


async def test_rows_are_sealed_once_in_commit_order(auth: Running) -> None:
    await auth.register(NAME)
    async with auth.pool.acquire() as late, late.transaction():
        await late.execute("SELECT audit('admin_looked', 5, 6, '')")
        await auth.register("01007654321", key="key-2")
        await asyncio.gather(*(seal_all(auth.pool, batch=1) for _ in range(3)))
    await asyncio.gather(*(seal_all(auth.pool, batch=1) for _ in range(3)))
    await seal_all(auth.pool)
    assert await auth.pool.fetchval("SELECT count(*) FROM audit_seals") == 5
    verdict = await verify(auth.pool)
    assert (verdict.findings, verdict.rows) == ([], 5)
