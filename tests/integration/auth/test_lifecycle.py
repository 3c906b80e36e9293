"""The end of an account: grace, cancelling, erasure and tombstone."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest

from daira.auth.v1 import account_service_pb2 as pb
from daira.auth.v1 import auth_service_pb2 as auth_pb
from services.auth.adapters.postgres.closing import PostgresClosing
from tests.integration.auth.lifecycle import GRACE_S, MONA, OLD, OLD_E164, TAREK, Lifecycle
from tests.integration.auth.server import GOOD, Running, identifier, refused


@pytest.fixture
def lifecycle(auth: Running, auth_database: str) -> Lifecycle:
    return Lifecycle(auth, auth_database)


async def ask(lifecycle: Lifecycle, metadata: list[tuple[str, str]]) -> pb.RequestDeletionResponse:
    response: pb.RequestDeletionResponse = await lifecycle.own.RequestDeletion(
        pb.RequestDeletionRequest(), metadata=metadata
    )
    return response


async def test_asking_ends_other_sessions_and_signing_in_cancels(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register()
    other = (await auth.sign_in(MONA)).tokens
    asked = await ask(lifecycle, mona.bearer)
    assert asked.ended_count == 1
    assert asked.due_at.seconds == auth.clock.now_ms() // 1000 + GRACE_S
    with refused(grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        await auth.refresh(other.refresh_token)
    auth.clock.advance(60)
    assert (await ask(lifecycle, mona.bearer)).due_at == asked.due_at
    # Refreshing is no sign-in.
    mona.tokens = await auth.refresh(mona.tokens.refresh_token)
    assert (await auth.kinds()).count("account_deletion_requested") == 1
    await auth.sign_in(MONA)
    assert (await auth.kinds()).count("account_deletion_cancelled") == 1
    auth.clock.advance(GRACE_S + 1)
    await auth.auth.housekeeping.sweep()
    assert (await auth.sign_in(MONA)).user_id == mona.user_id


async def test_cancelling_is_said_once(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register()
    await ask(lifecycle, mona.bearer)
    state = await lifecycle.own.GetAccountState(pb.GetAccountStateRequest(), metadata=mona.bearer)
    assert state.HasField("deletion_due_at")
    answers = await asyncio.gather(
        *(lifecycle.own.CancelDeletion(pb.CancelDeletionRequest(), metadata=mona.bearer) for _ in range(4))
    )
    assert sorted(answer.cancelled for answer in answers) == [False, False, False, True]
    assert (await auth.kinds()).count("account_deletion_cancelled") == 1


async def test_after_the_grace_nothing_but_the_id_is_left(auth: Running, lifecycle: Lifecycle) -> None:
    device = auth_pb.Device(device_id="device-of-mona-0001", device_name="موبايل منى")
    mona = await lifecycle.register(OLD)
    tarek = await lifecycle.register(TAREK)
    request = auth_pb.SignInRequest(identifier=identifier(OLD), password=GOOD, device=device)
    mona.tokens = (await auth.stub.SignIn(request)).tokens
    with refused(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
        await auth.sign_in(OLD, "another password")
    await lifecycle.own.RequestExport(pb.RequestExportRequest(), metadata=mona.bearer)
    await ask(lifecycle, mona.bearer)
    auth.clock.advance(GRACE_S - 1)
    await auth.auth.housekeeping.sweep()
    assert "account_deleted" not in await auth.kinds()
    auth.clock.advance(1)
    await auth.auth.housekeeping.sweep()
    assert (await auth.kinds()).count("account_deleted") == 1
    row = await auth.pool.fetchrow("SELECT * FROM accounts WHERE user_id = $1", mona.user_id)
    assert row is not None
    assert (row["status"], row["phone"], row["email"], row["password_hash"], row["register_key"]) == (
        3, None, None, None, "",
    )  # fmt: skip
    tables = await auth.pool.fetch(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'user_id' AND table_schema = 'public'"
    )
    for table in {row[0] for row in tables} - {"accounts", "revocations"}:
        count = await auth.pool.fetchval(f'SELECT count(*) FROM "{table}" WHERE user_id = $1', mona.user_id)
        assert count == 0, table
    with refused(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
        await auth.sign_in(OLD)
    # The number is anybody's again, under another id; the others' accounts stand.
    assert (await auth.register(OLD, key="key-2")).user_id != mona.user_id
    assert (await auth.sign_in(TAREK)).user_id == tarek.user_id


async def test_erasing_twice_at_once_erases_once(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register()
    await ask(lifecycle, mona.bearer)
    auth.clock.advance(GRACE_S)
    closing, now = PostgresClosing(auth.pool), auth.clock.now()
    erased = await asyncio.gather(*(closing.erase(mona.user_id, now) for _ in range(4)))
    assert sorted(erased) == [False, False, False, True]
    assert (await auth.kinds()).count("account_deleted") == 1


@pytest.mark.parametrize("attempt", range(4))
async def test_a_sign_in_at_the_last_moment_is_wholly_before_or_after(
    auth: Running, lifecycle: Lifecycle, attempt: int
) -> None:
    mona = await lifecycle.register(OLD)
    await ask(lifecycle, mona.bearer)
    auth.clock.advance(GRACE_S)
    closing, now = PostgresClosing(auth.pool), auth.clock.now()

    async def erase() -> bool:
        await asyncio.sleep(0.01 * attempt)
        return await closing.erase(mona.user_id, now)

    signed_in, erased = await asyncio.gather(auth.sign_in(OLD), erase(), return_exceptions=True)
    kinds = await auth.kinds()
    if erased is True:
        assert isinstance(signed_in, BaseException)
        assert "account_deletion_cancelled" not in kinds
        assert await auth.pool.fetchval("SELECT count(*) FROM sessions") == 0
    else:
        assert isinstance(signed_in, auth_pb.SignInResponse)
        assert "account_deleted" not in kinds
        assert await auth.pool.fetchval("SELECT phone FROM accounts") == OLD_E164


async def test_an_erasure_that_dies_midway_leaves_all_or_nothing(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register()
    await ask(lifecycle, mona.bearer)
    auth.clock.advance(GRACE_S)
    await auth.pool.execute(
        """
        CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_terminate_backend(pg_backend_pid());
            RETURN NULL;
        END $$
        """
    )
    await auth.pool.execute(
        "CREATE TRIGGER cut BEFORE UPDATE OF status ON accounts FOR EACH ROW EXECUTE FUNCTION cut()"
    )
    closing, now = PostgresClosing(auth.pool), auth.clock.now()
    with pytest.raises(Exception, match=r"STORE_UNAVAILABLE|terminat"):
        await closing.erase(mona.user_id, now)
    assert await auth.pool.fetchval("SELECT count(*) FROM sessions") == 1
    assert await auth.pool.fetchval("SELECT email FROM accounts") == MONA
    await auth.pool.execute("DROP TRIGGER cut ON accounts")
    assert await closing.erase(mona.user_id, now)
    assert (await auth.kinds()).count("account_deleted") == 1


async def test_subject_keys_are_shredded_with_the_account(auth: Running, lifecycle: Lifecycle) -> None:
    mona, tarek = await lifecycle.register(), await lifecycle.register(TAREK)
    await auth.pool.execute("CREATE TABLE IF NOT EXISTS subject_keys (user_id bigint PRIMARY KEY, key_sealed bytea)")
    await auth.pool.execute("DELETE FROM subject_keys")
    for user_id in (mona.user_id, tarek.user_id):
        await auth.pool.execute("INSERT INTO subject_keys (user_id, key_sealed) VALUES ($1, '\\x00')", user_id)
    await ask(lifecycle, mona.bearer)
    assert await PostgresClosing(auth.pool).erase(mona.user_id, auth.clock.now()) is False
    auth.clock.advance(GRACE_S)
    assert await PostgresClosing(auth.pool).erase(mona.user_id, auth.clock.now())
    assert [row[0] for row in await auth.pool.fetch("SELECT user_id FROM subject_keys")] == [tarek.user_id]


async def test_a_request_that_dies_midway_ends_no_session_and_asks_for_nothing(
    auth: Running, lifecycle: Lifecycle
) -> None:
    mona = await lifecycle.register()
    other = (await auth.sign_in(MONA)).tokens
    await auth.pool.execute(
        """
        CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_terminate_backend(pg_backend_pid());
            RETURN NULL;
        END $$
        """
    )
    await auth.pool.execute(
        "CREATE TRIGGER cut BEFORE UPDATE OF ended_at ON sessions FOR EACH ROW EXECUTE FUNCTION cut()"
    )
    with pytest.raises(grpc.aio.AioRpcError):
        await ask(lifecycle, mona.bearer)
    await auth.pool.execute("DROP TRIGGER cut ON sessions")
    assert await auth.pool.fetchval("SELECT count(*) FROM deletion_requests") == 0
    assert "account_deletion_requested" not in await auth.kinds()
    assert await auth.refresh(other.refresh_token)
    # The call again does it.
    assert (await ask(lifecycle, mona.bearer)).ended_count == 1
