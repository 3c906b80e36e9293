"""Sessions and devices by their owner, and the word of what ended."""

from __future__ import annotations

import asyncio
import contextlib

import grpc

from daira.auth.v1 import auth_service_pb2 as auth_pb
from daira.auth.v1 import session_service_pb2 as pb
from daira.auth.v1 import session_service_pb2_grpc
from daira.events.v1 import events_pb2
from tests.fakes.clock import FixedClock
from tests.fakes.service_keys import service_token
from tests.integration.auth.server import GOOD, Running, bearer, identifier, refused, running

MONA, TAREK = "mona@example.com", "tarek@example.com"
PHONE = auth_pb.Device(device_id="device-of-mona-0001", device_name="موبايل منى")
TABLET = auth_pb.Device(device_id="tablet-of-mona-0001", device_name="التابلت")
GONE = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REVOKED")


class Sessions:
    """SessionService, and sign-ins on devices."""

    def __init__(self, auth: Running) -> None:
        self.auth = auth
        self.stub = session_service_pb2_grpc.SessionServiceStub(auth.channel)

    async def sign_in(self, device: auth_pb.Device = PHONE, name: str = MONA) -> auth_pb.TokenPair:
        request = auth_pb.SignInRequest(identifier=identifier(name), password=GOOD, device=device)
        response: auth_pb.SignInResponse = await self.auth.stub.SignIn(request)
        return response.tokens

    async def list(self, tokens: auth_pb.TokenPair) -> list[pb.Session]:
        response = await self.stub.ListSessions(pb.ListSessionsRequest(), metadata=bearer(tokens.access_token))
        return list(response.sessions)

    async def revocations(self, seen: str = "", after: int = 0) -> pb.ListRevocationsResponse:
        token = service_token("social", "auth", self.auth.clock)
        response: pb.ListRevocationsResponse = await self.stub.ListRevocations(
            pb.ListRevocationsRequest(seen_snapshot=seen, after=after), metadata=bearer(token)
        )
        return response


async def test_a_person_sees_their_sessions_and_no_others(auth: Running) -> None:
    sessions = Sessions(auth)
    await auth.register(MONA)
    await auth.register(TAREK)
    auth.clock.advance(60)
    tablet = await sessions.sign_in(TABLET)
    auth.clock.advance(60)
    phone = await sessions.sign_in(PHONE)
    auth.clock.advance(60)
    await auth.refresh(tablet.refresh_token)
    listed = await sessions.list(phone)
    # Last used first: the tablet was refreshed last.
    assert [(one.device_name, one.is_current) for one in listed] == [
        ("التابلت", False),
        ("موبايل منى", True),
        ("", False),
    ]
    assert listed[0].last_seen_at.seconds == listed[0].started_at.seconds + 120
    assert listed[1].methods == [pb.SIGN_IN_METHOD_PASSWORD]
    assert listed[1].level == 1


async def test_ending_one_ends_that_one_at_once_and_only_ones_own(auth: Running) -> None:
    sessions = Sessions(auth)
    await auth.register(MONA)
    await auth.register(TAREK)
    phone, tablet, foreign = (
        await sessions.sign_in(),
        await sessions.sign_in(TABLET),
        await sessions.sign_in(name=TAREK),
    )
    tablet_id = next(one.session_id for one in await sessions.list(phone) if one.device_name == "التابلت")
    end = pb.EndSessionRequest(session_id=tablet_id)
    assert not (await sessions.stub.EndSession(end, metadata=bearer(foreign.access_token))).ended
    assert (await sessions.stub.EndSession(end, metadata=bearer(phone.access_token))).ended
    assert not (await sessions.stub.EndSession(end, metadata=bearer(phone.access_token))).ended
    with refused(*GONE):
        await sessions.list(tablet)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        await auth.refresh(tablet.refresh_token)
    assert len(await sessions.list(phone)) == 2
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
        await sessions.stub.EndSession(pb.EndSessionRequest(), metadata=bearer(phone.access_token))


async def test_ending_all_others_keeps_this_one(auth: Running) -> None:
    sessions = Sessions(auth)
    await auth.register(MONA)
    others, kept = [await sessions.sign_in() for _ in range(3)], await sessions.sign_in(TABLET)
    response = await sessions.stub.EndOtherSessions(pb.EndOtherSessionsRequest(), metadata=bearer(kept.access_token))
    assert response.ended_count == 4
    assert [one.is_current for one in await sessions.list(kept)] == [True]
    for tokens in others:
        with refused(*GONE):
            await sessions.list(tokens)
    assert (await auth.kinds()).count("session_ended") == 4
    await auth.refresh(kept.refresh_token)


async def test_signing_out_everywhere_ends_this_one_too_and_voids_every_token(auth: Running) -> None:
    sessions = Sessions(auth)
    await auth.register(MONA)
    first, second = await sessions.sign_in(), await sessions.sign_in(TABLET)
    everywhere = pb.SignOutEverywhereRequest()
    response = await sessions.stub.SignOutEverywhere(everywhere, metadata=bearer(first.access_token))
    assert response.ended_count == 3
    for tokens in (first, second):
        with refused(*GONE):
            await sessions.list(tokens)
        with refused(grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            await auth.refresh(tokens.refresh_token)
    assert (await auth.kinds())[-1] == "sessions_revoked"
    # One event for all of them.
    assert "session_ended" not in await auth.kinds()
    # Whoever signs in anew is of the next epoch.
    assert len(await sessions.list(await sessions.sign_in())) == 1


async def test_a_forgotten_device_is_signed_out_and_new_again(auth: Running) -> None:
    sessions = Sessions(auth)
    await auth.register(MONA)
    phone, tablet = await sessions.sign_in(), await sessions.sign_in(TABLET)
    auth.clock.advance(1)
    listed = await sessions.stub.ListDevices(pb.ListDevicesRequest(), metadata=bearer(phone.access_token))
    key = next(device.device_key for device in listed.devices if device.name == "التابلت")
    forget = pb.ForgetDeviceRequest(device_key=key)
    response = await sessions.stub.ForgetDevice(forget, metadata=bearer(phone.access_token))
    assert response.ended_count == 1
    with refused(*GONE):
        await sessions.list(tablet)
    assert (await auth.kinds()).count("device_forgotten") == 1
    before = (await auth.kinds()).count("device_added")
    await sessions.sign_in(TABLET)
    assert (await auth.kinds()).count("device_added") == before + 1
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
        await sessions.stub.ForgetDevice(pb.ForgetDeviceRequest(device_key="x"), metadata=bearer(phone.access_token))


async def test_the_fifty_first_session_ends_the_one_not_used_for_longest(auth: Running) -> None:
    sessions = Sessions(auth)
    registered = await auth.register(MONA)
    for _ in range(49):
        auth.clock.advance(1)
        await sessions.sign_in()
    auth.clock.advance(1)
    # Used just now, so the second is the oldest.
    await auth.refresh(registered.tokens.refresh_token)
    auth.clock.advance(1)
    newest = await sessions.sign_in()
    assert len(await sessions.list(newest)) == 50
    assert (await auth.kinds())[-2:] == ["session_ended", "session_started"]
    row = await auth.pool.fetchrow("SELECT payload, actor_id FROM events WHERE kind = 'session_ended'")
    ended = await auth.pool.fetchrow("SELECT session_id, end_cause FROM sessions WHERE ended_at IS NOT NULL")
    assert row is not None
    assert ended is not None
    # SQL wrote this payload: protobuf must read it.
    told = events_pb2.SessionEnded.FromString(row["payload"])
    assert (told.session_id, told.cause) == (ended["session_id"], events_pb2.SESSION_END_CAUSE_SURPLUS)
    assert row["actor_id"] == 0


async def test_services_hear_of_each_end_once_and_of_what_commits_late(auth: Running) -> None:
    sessions = Sessions(auth)
    await auth.register(MONA)
    first = await sessions.revocations()
    assert list(first.revocations) == []
    phone = await sessions.sign_in()
    session_ids = [one.session_id for one in await sessions.list(phone)]
    late = await auth.pool.acquire()
    transaction = late.transaction()
    await transaction.start()
    await late.execute("UPDATE sessions SET ended_at = now(), end_cause = 1 WHERE session_id = $1", session_ids[1])
    # Numbered after the one that is still open, and committed before it.
    await auth.sign_out(phone.access_token)
    second = await sessions.revocations(first.snapshot)
    assert [one.session_id for one in second.revocations] == [session_ids[0]]
    await transaction.commit()
    await auth.pool.release(late)
    third = await sessions.revocations(second.snapshot)
    assert [one.session_id for one in third.revocations] == [session_ids[1]]
    assert list((await sessions.revocations(third.snapshot)).revocations) == []
    # A service that starts now hears of all that still matters.
    assert {one.session_id for one in (await sessions.revocations()).revocations} == set(session_ids)


async def test_long_answers_come_in_pages_and_odd_questions_are_refused(auth: Running) -> None:
    sessions = Sessions(auth)
    await auth.pool.execute("INSERT INTO revocations (session_id) SELECT generate_series(1, 2500)")
    found, after = [], 0
    while True:
        page = await sessions.revocations(after=after)
        found += [one.session_id for one in page.revocations]
        after = page.last
        if not page.has_more:
            break
    assert found == list(range(1, 2501))
    for seen in ("yesterday", "1:2:'; DROP TABLE revocations; --", "9:3"):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
            await sessions.revocations(seen)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
        await sessions.revocations(after=-1)


async def test_sign_out_everywhere_races_sign_in(auth_database: str, clock: FixedClock) -> None:
    """Whatever was opened before it ends; whatever is alive afterwards is of the new epoch."""
    async with running(auth_database, clock, AUTH_SIGN_IN_ATTEMPTS="100") as auth:
        await race(Sessions(auth))


async def race(sessions: Sessions) -> None:
    auth = sessions.auth
    await auth.register(MONA)
    caller = await sessions.sign_in()
    metadata = bearer(caller.access_token)
    results = await asyncio.gather(
        *(sessions.sign_in() for _ in range(10)),
        sessions.stub.SignOutEverywhere(pb.SignOutEverywhereRequest(), metadata=metadata),
        *(sessions.sign_in() for _ in range(10)),
    )
    assert len(results) == 21
    epoch = await auth.pool.fetchval("SELECT epoch FROM accounts")
    assert epoch == 1
    await auth.auth.revocations.refresh()
    alive = 0
    for tokens in results:
        if not isinstance(tokens, auth_pb.TokenPair):
            continue
        with contextlib.suppress(grpc.aio.AioRpcError):
            await sessions.list(tokens)
            alive += 1
    live = await auth.pool.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NULL")
    assert alive == live
