"""Signing keys under rotation and in an incident, on the real database: no good token fails, no revoked key lasts."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.auth.adapters.access_tokens import JwtSigner, RingJwks
from services.auth.adapters.postgres.signing_keys import PostgresSigningKeys
from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.application.change_keys import ChangeKeys
from services.auth.application.key_ring import KeyRing
from services.auth.application.ports import StartedSession
from services.auth.domain.assurance import Method, Proof, Role, Scope
from services.auth.domain.key_schedule import KeySchedule
from services.chassis.errors import AppError
from services.chassis.jwks import KeySet
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.tokens import TokenVerifier
from tests.fakes.clock import FixedClock
from tests.integration.auth.server import ENV, KEK
from tests.stores import ROOT

LIFE = timedelta(minutes=10)
RELOAD_S = 10
STEP_S = 5


@pytest.fixture
async def pool(auth_database: str) -> AsyncIterator[PostgresPool]:
    pool = await create_pool(auth_database, application_name="test", max_size=10)
    yield pool
    await pool.close()


class Replica:
    """One auth: its ring, what it signs, and a service that asked it for keys."""

    def __init__(self, pool: PostgresPool, schedule: KeySchedule, clock: FixedClock) -> None:
        self.clock = clock
        self.store = PostgresSigningKeys(pool, SigningKeyBox(KEK))
        self.ring = KeyRing(self.store, schedule, clock)
        self.signer = JwtSigner(self.ring)
        self.verifier = TokenVerifier(KeySet(RingJwks(self.ring), clock), None, clock)
        self.change = ChangeKeys(self.store, schedule, clock)

    def sign(self) -> tuple[str, str, float]:
        """A token, the key that signed it, and when it expires."""
        now = self.clock.now()
        session = StartedSession(1, 2, Proof(Method.PASSWORD, now), Scope(7), 0, Role(0))
        expires = self.clock.monotonic() + LIFE.total_seconds()
        return self.signer.sign(session, now, LIFE), self.ring.signing().kid, expires


async def test_no_good_token_fails_in_forty_rotations(pool: PostgresPool, clock: FixedClock) -> None:
    """Two replicas that reload at different times, services that ask either, rotations and incidents among them."""
    schedule = KeySchedule(period=timedelta(minutes=15), publish_ahead=timedelta(minutes=5))
    choose = random.Random(20)
    replicas = [Replica(pool, schedule, clock) for _ in range(2)]
    for replica in replicas:
        await replica.ring.load()
    alive: list[tuple[str, str, float]] = []
    revoked: dict[str, float] = {}
    used: set[str] = set()
    refused_in_time = 0
    changed_at = clock.monotonic()
    step = 0
    while len(used) < 40:
        step += 1
        clock.advance(STEP_S)
        now = clock.monotonic()
        if step % (RELOAD_S // STEP_S) == 0:
            await replicas[step // 2 % 2].ring.load()
            await replicas[(step // 2 + 1) % 2].ring.load()
        signed = choose.choice(replicas).sign()
        used.add(signed[1])
        alive = [one for one in [*alive, signed] if one[2] > now][-150:]
        if now - changed_at > 2 * schedule.notice.total_seconds() and choose.random() < 0.02:
            changed_at = now
            if choose.random() < 0.5:
                await replicas[0].change.rotate()
            else:
                kid = replicas[1].ring.signing().kid
                assert await replicas[1].change.revoke(kid) is not None
                revoked[kid] = now
        for replica in replicas:
            for token, kid, _ in (signed, choose.choice(alive)):
                if kid not in revoked:
                    await replica.verifier.verify(token)
                elif now - revoked[kid] > 60:
                    with pytest.raises(AppError, match="TOKEN_INVALID"):
                        await replica.verifier.verify(token)
                    refused_in_time += 1
    assert len(revoked) > 2
    assert refused_in_time > 5


async def test_a_revoked_key_is_refused_also_by_who_asked_nothing_since(pool: PostgresPool, clock: FixedClock) -> None:
    replica = Replica(pool, KeySchedule(), clock)
    await replica.ring.load()
    token, kid, _ = replica.sign()
    await replica.verifier.verify(token)
    assert await replica.change.revoke(kid) is not None
    await replica.ring.load()
    clock.advance(50)
    with pytest.raises(AppError, match="TOKEN_INVALID"):
        await replica.verifier.verify(token)
    await replica.verifier.verify(replica.sign()[0])


async def test_replicas_that_rotate_at_once_advance_one_key(pool: PostgresPool, clock: FixedClock) -> None:
    replicas = [Replica(pool, KeySchedule(), clock) for _ in range(5)]
    await replicas[0].ring.load()
    answers = await asyncio.gather(*(replica.change.rotate() for replica in replicas))
    assert sum(answer is not None for answer in answers) == 1
    kinds = await pool.fetch("SELECT kind, count(*) FROM audit_log WHERE kind LIKE 'signing_key%' GROUP BY kind")
    assert {row["kind"]: row["count"] for row in kinds} == {"signing_key_advanced": 1}
    clock.advance(KeySchedule().notice.total_seconds())
    await asyncio.gather(*(replica.ring.load() for replica in replicas))
    assert await pool.fetchval("SELECT count(*) FROM audit_log WHERE kind = 'signing_key_made'") == 1
    assert len({replica.ring.signing().kid for replica in replicas}) == 1
    assert [key.state for key in await replicas[0].change.state()] == ["verifies", "signs", "comes"]


async def test_each_key_that_is_revoked_is_in_the_audit_log_once(pool: PostgresPool, clock: FixedClock) -> None:
    replica = Replica(pool, KeySchedule(), clock)
    await replica.ring.load()
    kid = replica.ring.signing().kid
    answers = await asyncio.gather(*(replica.change.revoke(kid) for _ in range(5)))
    assert sum(answer is not None for answer in answers) == 1
    rows = await pool.fetch("SELECT payload FROM audit_log WHERE kind = 'signing_key_revoked'")
    assert [row["payload"].decode() for row in rows] == [kid]
    assert await replica.change.revoke("no such key") is None


async def test_cut_off_in_the_middle_nothing_is_half_done(pool: PostgresPool, clock: FixedClock) -> None:
    replica = Replica(pool, KeySchedule(), clock)
    await replica.ring.load()
    kid = replica.ring.signing().kid
    before = await replica.change.state()
    async with pool.acquire() as other, other.transaction():
        # The change has begun, has revoked the key, and waits to write its row.
        await other.execute("LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE")
        change = asyncio.create_task(replica.change.revoke(kid))
        async with asyncio.timeout(10):
            while not (waiting := await pool.fetch("SELECT pid FROM pg_locks WHERE NOT granted")):  # noqa: ASYNC110 - Postgres waits
                await asyncio.sleep(0.01)
        await pool.execute("SELECT pg_terminate_backend($1)", waiting[0]["pid"])
        with pytest.raises(AppError, match="UNAVAILABLE"):
            await change
    assert await replica.change.state() == before
    assert await pool.fetchval("SELECT count(*) FROM audit_log WHERE kind = 'signing_key_revoked'") == 0
    assert await replica.change.revoke(kid) is not None


def rotate_keys(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) | ENV | {"AUTH_DATABASE_URL": url}
    command = [sys.executable, "-m", "services.auth.rotate_keys", *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


async def test_an_operator_revokes_a_key_by_a_command(auth_database: str, pool: PostgresPool) -> None:
    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return rotate_keys(auth_database, *arguments)

    assert (await asyncio.to_thread(ask, "list")).stdout == ""
    made = await asyncio.to_thread(ask, "rotate")
    (first, second) = [line.split() for line in (await asyncio.to_thread(ask, "list")).stdout.splitlines()]
    assert (made.returncode, first[-1], second[-1]) == (0, "signs", "comes")
    revoked = await asyncio.to_thread(ask, "revoke", first[0])
    states = {line.split()[0]: line.split()[-1] for line in revoked.stdout.splitlines()}
    assert states[first[0]] == "revoked"
    assert states[second[0]] == "signs"
    assert sorted(states.values()) == ["comes", "revoked", "signs"]
    again = await asyncio.to_thread(ask, "revoke", first[0])
    assert (again.returncode, again.stdout) == (1, "")
    assert "revoked already" in again.stderr
    assert await pool.fetchval("SELECT count(*) FROM audit_log WHERE kind = 'signing_key_revoked'") == 1
