"""People with roles: what they may do to accounts of others, and what none of them does alone."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest

from daira.auth.v1 import admin_requests_pb2 as requests_pb
from daira.auth.v1 import admin_service_pb2 as pb
from services.auth import grant_role
from services.auth.domain.assurance import Role
from tests.integration.auth.lifecycle import MONA, OLD, SALMA, TAREK, Lifecycle, Person
from tests.integration.auth.server import Running, identifier, read_refusal, refused

DENIED = (grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")
FOUR_EYES = (grpc.StatusCode.PERMISSION_DENIED, "FOUR_EYES_NEEDED")
ADMIN, SECOND = "admin@example.com", "second@example.com"


@pytest.fixture
def lifecycle(auth: Running, auth_database: str) -> Lifecycle:
    return Lifecycle(auth, auth_database)


async def request_role(
    lifecycle: Lifecycle,
    admin: Person,
    user_id: int,
    role: requests_pb.AccountRole.ValueType = requests_pb.ACCOUNT_ROLE_ADMIN,
) -> int:
    response = await lifecycle.admin.RequestRoleGrant(
        requests_pb.RequestRoleGrantRequest(user_id=user_id, role=role, reason="تنضم إلى الفريق"), metadata=admin.bearer
    )
    return int(response.request_id)


async def approve(lifecycle: Lifecycle, admin: Person, request_id: int) -> None:
    await lifecycle.admin.ApproveRoleGrant(
        requests_pb.ApproveRoleGrantRequest(request_id=request_id), metadata=admin.bearer
    )


async def suspend(lifecycle: Lifecycle, admin: Person, user_id: int, days: int = 0) -> None:
    await lifecycle.admin.SuspendAccount(
        pb.SuspendAccountRequest(user_id=user_id, reason=pb.SUSPENSION_REASON_SPAM, days=days), metadata=admin.bearer
    )


async def test_an_account_is_looked_up_masked_and_that_is_an_event(auth: Running, lifecycle: Lifecycle) -> None:
    support, mona = await lifecycle.with_role(ADMIN, Role.SUPPORT), await lifecycle.register(OLD)
    for key in (pb.LookUpAccountRequest(identifier=identifier(OLD)), pb.LookUpAccountRequest(user_id=mona.user_id)):
        found = await lifecycle.admin.LookUpAccount(key, metadata=support.bearer)
        assert (found.user_id, found.masked_phone, found.sessions) == (mona.user_id, "+2010*****67", 1)
        assert found.status == pb.ACCOUNT_STATUS_ACTIVE
    row = await auth.pool.fetchrow("SELECT * FROM events WHERE kind = 'account_looked_up' LIMIT 1")
    assert row is not None
    assert (row["aggregate_id"], row["actor_id"]) == (mona.user_id, support.user_id)
    with refused(grpc.StatusCode.NOT_FOUND, "ACCOUNT_NOT_FOUND"):
        await lifecycle.admin.LookUpAccount(
            pb.LookUpAccountRequest(identifier=identifier(TAREK)), metadata=support.bearer
        )
    with refused(*DENIED):
        await suspend(lifecycle, support, mona.user_id)


async def test_a_role_that_was_taken_away_ends_at_once(auth: Running, lifecycle: Lifecycle) -> None:
    support, mona = await lifecycle.with_role(ADMIN, Role.SUPPORT), await lifecycle.register(OLD)
    # The token still says the role.
    await auth.pool.execute("UPDATE accounts SET roles = 0 WHERE user_id = $1", support.user_id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await lifecycle.admin.LookUpAccount(pb.LookUpAccountRequest(user_id=mona.user_id), metadata=support.bearer)
    # The change ends the token too: on a slow machine that is heard before the call comes to the role.
    assert caught.value.code() in {DENIED[0], grpc.StatusCode.UNAUTHENTICATED}
    assert "account_looked_up" not in await auth.kinds()


async def test_the_suspended_are_out_until_it_is_over(auth: Running, lifecycle: Lifecycle) -> None:
    moderator, mona = await lifecycle.with_role(ADMIN, Role.MODERATOR), await lifecycle.register()
    await suspend(lifecycle, moderator, mona.user_id, 1)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "ACCOUNT_SUSPENDED"):
        await auth.sign_in(MONA)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        await auth.refresh(mona.tokens.refresh_token)
    await auth.auth.revocations.load()
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED"):
        await auth.account(mona.tokens.access_token)
    await auth.auth.housekeeping.sweep()
    with refused(grpc.StatusCode.PERMISSION_DENIED, "ACCOUNT_SUSPENDED"):
        await auth.sign_in(MONA)
    auth.clock.advance(86_401)
    await auth.auth.housekeeping.sweep()
    await auth.sign_in(MONA)
    kinds = await auth.kinds()
    assert (kinds.count("account_suspended"), kinds.count("account_restored")) == (1, 1)


async def test_a_suspension_is_lifted_once(auth: Running, lifecycle: Lifecycle) -> None:
    moderator, mona = await lifecycle.with_role(ADMIN, Role.MODERATOR), await lifecycle.register()
    await suspend(lifecycle, moderator, mona.user_id)
    lift = pb.LiftSuspensionRequest(user_id=mona.user_id)
    answers = await asyncio.gather(*(lifecycle.admin.LiftSuspension(lift, metadata=moderator.bearer) for _ in range(4)))
    assert sorted(answer.lifted for answer in answers) == [False, False, False, True]
    assert (await auth.kinds()).count("account_restored") == 1
    await auth.sign_in(MONA)


async def test_people_with_roles_are_not_suspended(lifecycle: Lifecycle) -> None:
    admin, second = await lifecycle.with_role(ADMIN, Role.ADMIN), await lifecycle.with_role(SECOND, Role.ADMIN)
    for user_id in (second.user_id, admin.user_id):
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "ACCOUNT_PROTECTED"):
            await suspend(lifecycle, admin, user_id)


async def test_sessions_end_and_wrong_passwords_are_forgotten(auth: Running, lifecycle: Lifecycle) -> None:
    support, mona = await lifecycle.with_role(ADMIN, Role.SUPPORT), await lifecycle.register(OLD)
    ended = await lifecycle.admin.EndSessions(pb.EndSessionsRequest(user_id=mona.user_id), metadata=support.bearer)
    assert ended.ended_count == 1
    with refused(grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        await auth.refresh(mona.tokens.refresh_token)
    for _ in range(30):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await auth.sign_in(OLD, "another password")
        if caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            break
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"):
        await auth.sign_in(OLD)
    await lifecycle.admin.UnlockSignIn(pb.UnlockSignInRequest(user_id=mona.user_id), metadata=support.bearer)
    assert (await auth.sign_in(OLD)).user_id == mona.user_id
    assert (await auth.kinds()).count("sign_in_unlocked") == 1


async def test_a_role_takes_three_people(auth: Running, lifecycle: Lifecycle) -> None:
    admin, second = await lifecycle.with_role(ADMIN, Role.ADMIN), await lifecycle.with_role(SECOND, Role.ADMIN)
    salma = await lifecycle.register(SALMA)
    with refused(*FOUR_EYES):
        await request_role(lifecycle, admin, admin.user_id, requests_pb.ACCOUNT_ROLE_MODERATOR)
    request_id = await request_role(lifecycle, admin, salma.user_id)
    with refused(*FOUR_EYES):
        await approve(lifecycle, admin, request_id)
    with refused(*DENIED):
        await approve(lifecycle, salma, request_id)
    for_second = await request_role(lifecycle, admin, second.user_id, requests_pb.ACCOUNT_ROLE_SUPPORT)
    with refused(*FOUR_EYES):
        await approve(lifecycle, second, for_second)
    listed = await lifecycle.admin.ListRoleGrants(requests_pb.ListRoleGrantsRequest(), metadata=second.bearer)
    assert [one.request_id for one in listed.waiting] == [request_id, for_second]
    await approve(lifecycle, second, request_id)
    await approve(lifecycle, second, request_id)
    assert (await auth.kinds()).count("role_granted") == 3  # two at the database
    assert await auth.pool.fetchval("SELECT roles FROM accounts WHERE user_id = $1", salma.user_id) == Role.ADMIN
    revoke = requests_pb.RevokeRoleRequest(user_id=salma.user_id, role=requests_pb.ACCOUNT_ROLE_ADMIN)
    assert (await lifecycle.admin.RevokeRole(revoke, metadata=admin.bearer)).revoked
    assert not (await lifecycle.admin.RevokeRole(revoke, metadata=admin.bearer)).revoked


async def test_approving_at_once_gives_once_and_a_day_later_not_at_all(auth: Running, lifecycle: Lifecycle) -> None:
    admin, second = await lifecycle.with_role(ADMIN, Role.ADMIN), await lifecycle.with_role(SECOND, Role.ADMIN)
    third = await lifecycle.with_role("third@example.com", Role.ADMIN)
    salma = await lifecycle.register(SALMA)
    request_id = await request_role(lifecycle, admin, salma.user_id)
    before = (await auth.kinds()).count("role_granted")
    await asyncio.gather(*(approve(lifecycle, who, request_id) for who in (second, third, second, third)))
    assert (await auth.kinds()).count("role_granted") == before + 1
    late = await request_role(lifecycle, admin, salma.user_id, requests_pb.ACCOUNT_ROLE_SUPPORT)
    await auth.pool.execute("UPDATE admin_requests SET expires_at = $2 WHERE request_id = $1", late, auth.clock.now())
    with refused(grpc.StatusCode.NOT_FOUND, "REQUEST_NOT_FOUND"):
        await approve(lifecycle, second, late)


async def test_everything_ends_by_two_people(auth: Running, lifecycle: Lifecycle) -> None:
    admin, second = await lifecycle.with_role(ADMIN, Role.ADMIN), await lifecycle.with_role(SECOND, Role.ADMIN)
    mona = await lifecycle.register()
    asked = await lifecycle.admin.RequestRevokeEverything(
        requests_pb.RequestRevokeEverythingRequest(reason="سُرقت رموز"), metadata=admin.bearer
    )
    approval = requests_pb.ApproveRevokeEverythingRequest(request_id=asked.request_id)
    with refused(*FOUR_EYES):
        await lifecycle.admin.ApproveRevokeEverything(approval, metadata=admin.bearer)
    assert await auth.refresh(mona.tokens.refresh_token)
    answers = await asyncio.gather(
        *(lifecycle.admin.ApproveRevokeEverything(approval, metadata=second.bearer) for _ in range(3)),
        return_exceptions=True,
    )
    # One of the calls may already meet its own void token.
    said = [read_refusal(one).reason for one in answers if isinstance(one, grpc.aio.AioRpcError)]
    assert set(said) <= {"TOKEN_REVOKED"}
    assert {one.ended_count for one in answers if not isinstance(one, BaseException)} == {3}
    assert (await auth.kinds()).count("sessions_revoked") == 1
    await auth.auth.revocations.load()
    for person in (mona, admin):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED"):
            await auth.account(person.tokens.access_token)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        await auth.refresh(mona.tokens.refresh_token)
    # The word counts by the clock of the database, which goes on while the test's stands.
    auth.clock.advance(60)
    tokens = (await auth.sign_in(MONA)).tokens
    assert (await auth.account(tokens.access_token)).user_id == mona.user_id


async def test_admins_need_two_factors_proved_lately(auth: Running, lifecycle: Lifecycle) -> None:
    admin = await lifecycle.with_role(ADMIN, Role.ADMIN)
    fresh = admin.tokens
    auth.clock.advance(901)
    admin.tokens = await auth.refresh(fresh.refresh_token)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "STEP_UP_NEEDED"):
        await lifecycle.admin.ListRoleGrants(requests_pb.ListRoleGrantsRequest(), metadata=admin.bearer)
    admin.tokens = (await auth.sign_in(ADMIN)).tokens
    with refused(grpc.StatusCode.UNAUTHENTICATED, "STEP_UP_NEEDED"):
        await lifecycle.admin.ListRoleGrants(requests_pb.ListRoleGrantsRequest(), metadata=admin.bearer)


async def test_the_first_admin_is_made_at_the_database(
    auth: Running, lifecycle: Lifecycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    mona = await lifecycle.register()
    monkeypatch.setenv("AUTH_DATABASE_URL", lifecycle.url)
    for arguments, code in (
        ([str(mona.user_id), "admin"], 0),
        (["1", "admin"], 1),
        ([str(mona.user_id), "owner"], 2),
        ([], 2),
    ):
        assert await asyncio.to_thread(grant_role.main, arguments) == code
    row = await auth.pool.fetchrow("SELECT * FROM events WHERE kind = 'role_granted'")
    assert row is not None
    assert (row["aggregate_id"], row["actor_id"]) == (mona.user_id, 0)
    assert await auth.pool.fetchval("SELECT roles FROM accounts") == Role.ADMIN
