"""Changing and verifying names: only who reads what is sent to a name may have it, and races have one winner."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest

from daira.auth.v1 import account_service_pb2 as pb
from daira.auth.v1 import code_service_pb2
from tests.integration.auth.codes import wrong
from tests.integration.auth.lifecycle import MONA, NEW, NEW_E164, OLD, OLD_E164, Lifecycle
from tests.integration.auth.server import Running, read_refusal, refused

EXPIRED = (grpc.StatusCode.UNAUTHENTICATED, "CODE_EXPIRED")
TAKEN = (grpc.StatusCode.ALREADY_EXISTS, "ACCOUNT_EXISTS")


@pytest.fixture
def lifecycle(auth: Running, auth_database: str) -> Lifecycle:
    return Lifecycle(auth, auth_database)


async def test_a_phone_is_changed_by_who_reads_the_code(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(OLD)
    flow = (await lifecycle.begin_phone(mona)).flow_token
    code = await lifecycle.received()
    with refused(grpc.StatusCode.UNAUTHENTICATED, "CODE_INVALID"):
        await lifecycle.confirm_phone(mona, flow, wrong(code))
    assert await lifecycle.confirm_phone(mona, flow, code) == "+2011*****78"
    # Its answer was lost: the same again.
    assert await lifecycle.confirm_phone(mona, flow, code) == "+2011*****78"
    assert (await auth.kinds()).count("phone_changed") == 1
    assert (await auth.sign_in(NEW)).user_id == mona.user_id
    with refused(grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
        await auth.sign_in(OLD)
    auth.clock.advance(11)
    with refused(*EXPIRED):
        await lifecycle.confirm_phone(mona, flow, code)


async def test_a_flow_is_its_persons_and_its_purposes_only(auth: Running, lifecycle: Lifecycle) -> None:
    mona, tarek = await lifecycle.register(OLD), await lifecycle.register("01212345678")
    flow = (await lifecycle.begin_phone(mona)).flow_token
    code = await lifecycle.received()
    with refused(*EXPIRED):
        await lifecycle.confirm_phone(tarek, flow, code)
    with refused(*EXPIRED):
        await lifecycle.own.ConfirmEmailVerification(
            pb.ConfirmEmailVerificationRequest(flow_token=flow, code=code), metadata=mona.bearer
        )
    with refused(*EXPIRED):
        await lifecycle.codes.stub.RedeemCode(code_service_pb2.RedeemCodeRequest(flow_token=flow, code=code))
    # Nor does a sign-in's code change a name.
    auth.clock.advance(61)
    sign_in = await lifecycle.codes.send(NEW)
    with refused(*EXPIRED):
        await lifecycle.confirm_phone(mona, sign_in.flow_token, await lifecycle.received())
    assert await auth.pool.fetchval("SELECT phone FROM accounts WHERE user_id = $1", mona.user_id) == OLD_E164


async def test_a_taken_number_looks_free_to_who_does_not_hold_it(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(OLD)
    await auth.register(NEW, key="key-2")
    taken, free = await lifecycle.begin_phone(mona), await lifecycle.begin_phone(mona, "01512345678")
    assert (taken.expires_at, taken.resend_at) == (free.expires_at, free.resend_at)
    code = await lifecycle.received()
    with refused(grpc.StatusCode.UNAUTHENTICATED, "CODE_INVALID"):
        await lifecycle.confirm_phone(mona, taken.flow_token, wrong(code))
    with refused(*TAKEN) as said:
        await lifecycle.confirm_phone(mona, taken.flow_token, code)
    assert NEW_E164 not in said.details
    assert "phone_changed" not in await auth.kinds()


async def test_confirming_at_once_changes_once(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(OLD)
    flow = (await lifecycle.begin_phone(mona)).flow_token
    code = await lifecycle.received()
    answers = await asyncio.gather(*(lifecycle.confirm_phone(mona, flow, code) for _ in range(5)))
    assert set(answers) == {"+2011*****78"}
    assert (await auth.kinds()).count("phone_changed") == 1


@pytest.mark.parametrize("attempt", range(4))
async def test_a_number_registered_meanwhile_is_one_persons(auth: Running, lifecycle: Lifecycle, attempt: int) -> None:
    mona = await lifecycle.register(OLD)
    flow = (await lifecycle.begin_phone(mona)).flow_token
    code = await lifecycle.received()

    async def register() -> str:
        # The password's hash takes its time: begin at other moments of it.
        await asyncio.sleep(0.002 * attempt)
        await auth.register(NEW, key="key-2")
        return "registered"

    outcomes = await asyncio.gather(lifecycle.confirm_phone(mona, flow, code), register(), return_exceptions=True)
    failed = [one for one in outcomes if isinstance(one, BaseException)]
    assert len(failed) == 1
    assert isinstance(failed[0], grpc.aio.AioRpcError)
    said = read_refusal(failed[0])
    assert (said.code, said.reason) == TAKEN
    assert await auth.pool.fetchval("SELECT count(*) FROM accounts WHERE phone = $1", NEW_E164) == 1


async def test_an_email_is_verified_and_changed(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(MONA)
    begun = await lifecycle.own.BeginEmailVerification(
        pb.BeginEmailVerificationRequest(idempotency_key="v-1"), metadata=mona.bearer
    )
    confirm = pb.ConfirmEmailVerificationRequest(flow_token=begun.flow_token, code=await lifecycle.received(MONA))
    verified = await lifecycle.own.ConfirmEmailVerification(confirm, metadata=mona.bearer)
    assert verified.masked_email == "m***@example.com"
    state = await lifecycle.own.GetAccountState(pb.GetAccountStateRequest(), metadata=mona.bearer)
    assert (state.email_verified, state.phone_proved) == (True, False)
    changed = await lifecycle.own.BeginEmailChange(
        pb.BeginEmailChangeRequest(email="منى@example.com", idempotency_key="e-1"), metadata=mona.bearer
    )
    code = await lifecycle.received("منى@example.com")
    await lifecycle.own.ConfirmEmailChange(
        pb.ConfirmEmailChangeRequest(flow_token=changed.flow_token, code=code), metadata=mona.bearer
    )
    assert (await auth.sign_in("منى@example.com")).user_id == mona.user_id
    kinds = await auth.kinds()
    assert (kinds.count("email_verified"), kinds.count("email_changed")) == (1, 1)


async def test_an_address_that_changed_since_is_not_verified(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(MONA)
    begun = await lifecycle.own.BeginEmailVerification(
        pb.BeginEmailVerificationRequest(idempotency_key="v-1"), metadata=mona.bearer
    )
    code = await lifecycle.received(MONA)
    await auth.pool.execute("UPDATE accounts SET email = 'other@example.com'")
    with refused(*EXPIRED):
        await lifecycle.own.ConfirmEmailVerification(
            pb.ConfirmEmailVerificationRequest(flow_token=begun.flow_token, code=code), metadata=mona.bearer
        )
    assert await auth.pool.fetchval("SELECT email_verified_at FROM accounts") is None


async def test_names_change_only_soon_after_a_proof(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(OLD)
    auth.clock.advance(601)
    mona.tokens = await auth.refresh(mona.tokens.refresh_token)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "STEP_UP_NEEDED"):
        await lifecycle.begin_phone(mona)


async def test_a_change_that_dies_midway_leaves_name_and_flow_as_they_were(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(OLD)
    flow = (await lifecycle.begin_phone(mona)).flow_token
    code = await lifecycle.received()
    await auth.pool.execute(
        """
        CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_terminate_backend(pg_backend_pid());
            RETURN NULL;
        END $$
        """
    )
    await auth.pool.execute("CREATE TRIGGER cut AFTER UPDATE OF phone ON accounts EXECUTE FUNCTION cut()")
    with pytest.raises(grpc.aio.AioRpcError):
        await lifecycle.confirm_phone(mona, flow, code)
    await auth.pool.execute("DROP TRIGGER cut ON accounts")
    assert await auth.pool.fetchval("SELECT phone FROM accounts") == OLD_E164
    assert "phone_changed" not in await auth.kinds()
    assert await lifecycle.confirm_phone(mona, flow, code) == "+2011*****78"
    assert (await auth.kinds()).count("phone_changed") == 1
