"""Postgres killed in mid-enrolment and mid-answer: what was acknowledged is there, all else is whole or not at all."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from daira.auth.v1 import factor_service_pb2 as pb
from dev.stores.postgres_server import EmbeddedPostgres
from services.auth.migrate import MIGRATIONS
from services.chassis.migrations import upgrade
from tests.fakes.clock import FixedClock
from tests.fakes.software_authenticator import SoftwareAuthenticator
from tests.integration.auth.factors import Factors
from tests.integration.auth.server import running


async def _enrol(person: Factors) -> pb.FinishPasskeyResponse:
    begun = await person.call("BeginPasskey", pb.BeginPasskeyRequest())
    request = pb.FinishPasskeyRequest(
        ceremony_token=begun.ceremony_token, credential_json=SoftwareAuthenticator().create(begun.options_json)
    )
    finished: pb.FinishPasskeyResponse = await person.call("FinishPasskey", request)
    return finished


@pytest.mark.faults
async def test_killed_among_enrolments_each_is_whole_or_not_there(
    killable_postgres: EmbeddedPostgres, clock: FixedClock
) -> None:
    url = killable_postgres.url
    await upgrade(url, MIGRATIONS, lock_key="auth.migrations")
    async with running(url, clock) as auth:
        people = []
        for number in range(12):
            person = Factors(auth)
            await person.register(f"0100123{number:04d}")
            people.append(person)
        calls = [asyncio.create_task(_enrol(person)) for person in people]
        await asyncio.sleep(0.05)
        await asyncio.to_thread(killable_postgres.kill)
        results = await asyncio.gather(*calls, return_exceptions=True)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await people[0].call("GetFactors", pb.GetFactorsRequest())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await asyncio.to_thread(killable_postgres.start)
    async with running(url, clock) as auth:
        acknowledged = {result.passkey.factor_id for result in results if not isinstance(result, BaseException)}
        rows = await auth.pool.fetch("SELECT factor_id FROM passkeys")
        kept = {row["factor_id"] for row in rows}
        assert acknowledged <= kept
        # Passkey, ceremony and event come together or not at all.
        events = await auth.pool.fetchval("SELECT count(*) FROM events WHERE kind = 'factor_added'")
        answered = await auth.pool.fetchval("SELECT count(*) FROM challenges WHERE answered_at IS NOT NULL")
        assert events == answered == len(kept)


@pytest.mark.faults
async def test_killed_among_answers_a_code_is_used_with_its_session_only(
    killable_postgres: EmbeddedPostgres, clock: FixedClock
) -> None:
    url = killable_postgres.url
    await upgrade(url, MIGRATIONS, lock_key="auth.migrations")
    async with running(url, clock) as auth:
        people = []
        for number in range(10):
            person = Factors(auth)
            await person.register(f"0100123{number:04d}")
            await person.add_totp()
            people.append(person)
        clock.advance(60)
        tokens = [
            (await person.challenge(f"0100123{number:04d}")).challenge_token for number, person in enumerate(people)
        ]
        calls = [
            asyncio.create_task(person.answer(token, totp_code=person.code()))
            for person, token in zip(people, tokens, strict=True)
        ]
        await asyncio.sleep(0.02)
        await asyncio.to_thread(killable_postgres.kill)
        results = await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.to_thread(killable_postgres.start)
    async with running(url, clock) as auth:
        acknowledged = sum(not isinstance(result, BaseException) for result in results)
        used = await auth.pool.fetchval("SELECT count(*) FROM totp_factors WHERE last_used_at IS NOT NULL")
        answered = await auth.pool.fetchval("SELECT count(*) FROM challenges WHERE answered_at IS NOT NULL")
        started = await auth.pool.fetchval("SELECT count(*) FROM sessions WHERE level = 2")
        assert acknowledged <= used == answered == started
