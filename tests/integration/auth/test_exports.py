"""Copies of what everybody holds about a person: whole, once, whoever is away or dies; and nobody else's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from pathlib import Path

import grpc
import pytest

from daira.auth.v1 import account_service_pb2 as pb
from daira.auth.v1 import export_state_pb2 as state_pb
from dev import child
from services.auth.adapters.postgres import personal_data
from services.auth.adapters.postgres.export_jobs import PostgresExportJobs
from services.auth.application.make_exports import MakeExports
from services.personal_data.pages import PersonalPage
from tests.fakes.personal_records import unaccounted_tables
from tests.integration.auth.held_elsewhere import Away, Cut, posts, served
from tests.integration.auth.lifecycle import GRACE_S, OLD, OLD_E164, TAREK, Lifecycle, Person, maker_of
from tests.integration.auth.server import ENV, Running, refused

ROOT = Path(__file__).resolve().parents[3]
WEEK_S = 7 * 86_400


@pytest.fixture
def lifecycle(auth: Running, auth_database: str) -> Lifecycle:
    return Lifecycle(auth, auth_database)


async def ask(lifecycle: Lifecycle, person: Person) -> int:
    asked: pb.RequestExportResponse = await lifecycle.own.RequestExport(
        pb.RequestExportRequest(), metadata=person.bearer
    )
    return asked.export_id


async def look(lifecycle: Lifecycle, person: Person, export_id: int = 0) -> state_pb.GetExportStateResponse:
    state: state_pb.GetExportStateResponse = await lifecycle.own.GetExportState(
        state_pb.GetExportStateRequest(export_id=export_id), metadata=person.bearer
    )
    return state


async def make(maker: MakeExports) -> None:
    while await maker.work():
        pass


async def numbers(lifecycle: Lifecycle, person: Person, export_id: int) -> list[int]:
    """The posts of the export, in its order."""
    lines = await lifecycle.lines(person, export_id)
    return [int(line["record"]["id"]) for line in lines if line.get("kind") == "post"]


async def test_a_copy_is_its_owners_and_is_forgotten_after_a_week(auth: Running, lifecycle: Lifecycle) -> None:
    mona, tarek = await lifecycle.register(OLD), await lifecycle.register(TAREK)
    export_id = await ask(lifecycle, mona)
    request = pb.GetExportRequest(export_id=export_id)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "EXPORT_NOT_READY"):
        await lifecycle.own.GetExport(request, metadata=mona.bearer)
    assert (await look(lifecycle, mona)).status == state_pb.EXPORT_STATUS_GATHERING
    head, *lines = await lifecycle.export(mona)
    assert (head["format"], head["user_id"]) == ("daira-export-2", str(mona.user_id))
    of = {kind: [line["record"] for line in lines if line["kind"] == kind] for kind in ("account", "session", "event")}
    assert [(record["phone"], record["user_id"]) for record in of["account"]] == [(OLD_E164, str(mona.user_id))]
    assert [event["kind"] for event in of["event"]] == ["user_registered", "session_started", "export_requested"]
    assert [session["methods"] for session in of["session"]] == [["password"]]
    assert "argon2" not in str(lines)
    assert {line["service"] for line in lines} == {"auth"}
    # Asked for again within a day it is the same, and made once.
    assert await ask(lifecycle, mona) == export_id
    assert (await auth.kinds()).count("export_ready") == 1
    assert not await auth.pool.fetchval(
        "SELECT EXISTS (SELECT FROM export_chunks WHERE position($1::bytea IN sealed) > 0)", OLD_E164.encode()
    )
    state = await look(lifecycle, mona)
    assert (state.export_id, state.status, state.chunks) == (export_id, state_pb.EXPORT_STATUS_COMPLETE, 1)
    assert sum(part.records for part in state.parts) == len(lines)
    for call in (
        lambda: lifecycle.own.GetExport(request, metadata=tarek.bearer),
        lambda: look(lifecycle, tarek, export_id),
        lambda: look(lifecycle, tarek),
    ):
        with refused(grpc.StatusCode.NOT_FOUND, "EXPORT_NOT_FOUND"):
            await call()
    for chunk in (1, 9, -1):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
            await lifecycle.own.GetExport(pb.GetExportRequest(export_id=export_id, chunk=chunk), metadata=mona.bearer)
    auth.clock.advance(601)
    mona.tokens = await auth.refresh(mona.tokens.refresh_token)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "STEP_UP_NEEDED"):
        await lifecycle.own.GetExport(request, metadata=mona.bearer)
    auth.clock.advance(WEEK_S)
    mona.tokens = (await auth.sign_in(OLD)).tokens
    with refused(grpc.StatusCode.NOT_FOUND, "EXPORT_NOT_FOUND"):
        await lifecycle.own.GetExport(request, metadata=mona.bearer)
    await auth.auth.housekeeping.sweep()
    for table in ("exports", "export_parts", "export_chunks"):
        assert await auth.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize("seed", range(6))
async def test_makers_that_die_anywhere_lose_nothing_and_repeat_nothing(
    auth: Running, lifecycle: Lifecycle, seed: int
) -> None:
    chance = random.Random(seed)
    mona = await lifecycle.register(OLD)
    export_id = await ask(lifecycle, mona)
    count = 20_000 + seed
    social = Cut(posts(count), *chance.sample(range(1, 20), 5))
    payments = Cut(posts(3), 1)
    for _ in range(40):
        # Whoever dies leaves the lease; after it another goes on, also where the dead one's last page was kept.
        with contextlib.suppress(asyncio.CancelledError):
            await make(maker_of(auth, {"social": social, "payments": payments}))
        auth.clock.advance(61)
        mona.tokens = (await auth.sign_in(OLD)).tokens
        if (await look(lifecycle, mona)).status == state_pb.EXPORT_STATUS_COMPLETE:
            break
    assert social.asked > 20
    assert await numbers(lifecycle, mona, export_id) == [*range(1, count + 1), 1, 2, 3]
    assert [part.records for part in (await look(lifecycle, mona)).parts][1:] == [count, 3, 0]


async def test_a_maker_that_slept_over_its_lease_changes_nothing(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(OLD)
    export_id = await ask(lifecycle, mona)
    jobs = PostgresExportJobs(auth.pool)
    now = auth.clock.now()
    slow = await jobs.claim(now, now)
    assert slow is not None
    part = await jobs.due_part(export_id, now)
    assert part is not None
    await make(maker_of(auth, {"social": posts(10)}))
    before = await lifecycle.lines(mona, export_id)
    assert not await jobs.keep(slow, part, [b"again"], 1, "", now, now)
    assert not await jobs.postpone(slow, part, now, now)
    assert not await jobs.finish(slow, now, now, now)
    assert await lifecycle.lines(mona, export_id) == before
    assert (await auth.kinds()).count("export_ready") == 1


async def test_makers_at_once_make_each_page_once(auth: Running, lifecycle: Lifecycle) -> None:
    people = [await lifecycle.register(name) for name in (OLD, TAREK, "salma@example.com")]
    ids = [await ask(lifecycle, person) for person in people]
    makers = [maker_of(auth, {"social": posts(120_000)}) for _ in range(4)]
    await asyncio.gather(*(make(maker) for maker in makers))
    # More pages than a turn has: each export was let go and taken again.
    for person, export_id in zip(people, ids, strict=True):
        assert await numbers(lifecycle, person, export_id) == list(range(1, 120_001))
    assert (await auth.kinds()).count("export_ready") == 3


async def test_a_service_that_is_away_is_asked_again_and_named(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(OLD)
    export_id = await ask(lifecycle, mona)
    payments = Away(posts(5))
    maker = maker_of(auth, {"social": posts(7), "payments": payments})
    for _ in range(600):
        await make(maker)
        auth.clock.advance(1)
    # At 0, 5, 15, 35, 75, 155 and 315 seconds, and no more often.
    assert payments.asked == 7
    mona.tokens = (await auth.sign_in(OLD)).tokens
    state = await look(lifecycle, mona)
    assert state.status == state_pb.EXPORT_STATUS_GATHERING
    assert not state.HasField("expires_at")
    assert {part.service: part.status for part in state.parts} == {
        "auth": state_pb.EXPORT_PART_STATUS_COMPLETE,
        "social": state_pb.EXPORT_PART_STATUS_COMPLETE,
        "payments": state_pb.EXPORT_PART_STATUS_WAITING,
        "analytics": state_pb.EXPORT_PART_STATUS_COMPLETE,
    }
    # What is there can be read, and stays as it is.
    assert await numbers(lifecycle, mona, export_id) == [*range(1, 8)]
    payments.back = True
    auth.clock.advance(61)
    await make(maker)
    assert (await look(lifecycle, mona)).status == state_pb.EXPORT_STATUS_COMPLETE
    assert await numbers(lifecycle, mona, export_id) == [*range(1, 8), *range(1, 6)]


async def test_after_a_week_an_export_ends_without_what_it_lacks(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(OLD)
    export_id = await ask(lifecycle, mona)
    maker = maker_of(auth, {"social": Away(posts(1))})
    for _ in range(7 * 24 - 1):
        await make(maker)
        auth.clock.advance(3600)
    assert "export_ready" not in await auth.kinds()
    auth.clock.advance(3600)
    await make(maker)
    mona.tokens = (await auth.sign_in(OLD)).tokens
    state = await look(lifecycle, mona)
    assert state.status == state_pb.EXPORT_STATUS_INCOMPLETE
    assert {part.service for part in state.parts if part.status == state_pb.EXPORT_PART_STATUS_MISSING} == {"social"}
    # Who asks again gets another.
    assert await ask(lifecycle, mona) > export_id


async def test_an_account_that_ends_meanwhile_leaves_no_export(auth: Running, lifecycle: Lifecycle) -> None:
    mona = await lifecycle.register(OLD)
    await ask(lifecycle, mona)
    await lifecycle.own.RequestDeletion(pb.RequestDeletionRequest(), metadata=mona.bearer)

    class Ending(Cut):
        async def page(self, user_id: int, token: str, size: int) -> PersonalPage:
            page = await super().page(user_id, token, size)
            auth.clock.advance(GRACE_S)
            await auth.auth.housekeeping.sweep()
            return page

    await make(maker_of(auth, {"social": Ending(posts(5))}))
    assert "account_deleted" in await auth.kinds()
    for table in ("exports", "export_parts", "export_chunks"):
        assert await auth.pool.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert "export_ready" not in await auth.kinds()


@pytest.mark.faults
@pytest.mark.timeout(180)
async def test_a_relay_killed_again_and_again_still_makes_the_whole_export(
    auth: Running, lifecycle: Lifecycle, auth_database: str, redis_url: str, tmp_path: Path
) -> None:
    chance = random.Random(7)
    count = 200_000
    mona = await lifecycle.register(OLD)
    export_id = await ask(lifecycle, mona)
    deaths = 0
    async with served(posts(count)) as social, served(posts(2)) as others:
        peers = {"SOCIAL_ADDRESS": social, "PAYMENTS_ADDRESS": others, "ANALYTICS_ADDRESS": others}
        environment = dict(os.environ) | ENV | peers | {"AUTH_DATABASE_URL": auth_database, "REDIS_URL": redis_url}
        log_path = tmp_path / "relay.log"
        while not await auth.pool.fetchval("SELECT ready_at IS NOT NULL FROM exports"):
            chunks = await auth.pool.fetchval("SELECT chunks FROM exports")
            with log_path.open("ab") as log:
                command = [sys.executable, "-m", "services.auth.workers.relay"]
                relay = child.spawn(command, log=log, death_signal=signal.SIGKILL, env=environment, cwd=ROOT)
            wanted = chunks + chance.randint(20, 60)
            async with asyncio.timeout(60):
                while not await auth.pool.fetchval("SELECT ready_at IS NOT NULL OR chunks > $1 FROM exports", wanted):
                    assert relay.poll() is None, log_path.read_text("utf-8")[-2000:]
                    await asyncio.sleep(0.005)
            relay.kill()
            await asyncio.to_thread(relay.wait, 30)
            deaths += 1
            # Nobody waits here for the lease of the dead.
            await auth.pool.execute("UPDATE exports SET leased_until = clock_timestamp() WHERE ready_at IS NULL")
    assert deaths > 3
    assert await numbers(lifecycle, mona, export_id) == [*range(1, count + 1), 1, 2, 1, 2]


async def test_every_table_is_exported_or_said_not_to_be(auth: Running) -> None:
    assert sorted(await unaccounted_tables(auth.pool, personal_data)) == []
