"""Rows written beside the services: posts that commit late or never, ids of a wrong clock, events that are none."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, cast

import asyncpg

from daira.events.v1 import events_pb2
from services.chassis.postgres import PostgresPool
from services.social.adapters.postgres.posts import PostgresPosts
from services.social.application.records import IdempotentCall, NewPost
from services.social.domain.post import kind_of, language_of
from tests.e2e.faults.platform import WORKERS
from tests.e2e.faults.site import Site, frozen, wait_until
from tests.e2e.faults.writers import number_of
from tests.e2e.people import Person

MINUTE_MS = 60_000
REWOUND = 300
# For sessions whose clock goes wrong: the write path asks for an id without naming a schema, and finds this one first.
SKEWED_CLOCK = """
CREATE SCHEMA IF NOT EXISTS skewed;
CREATE OR REPLACE FUNCTION skewed.daira_id(shard int) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT public.daira_id(shard) + (current_setting('skewed.by_ms')::bigint << 22)
$$
"""
POISON = "INSERT INTO events (kind, aggregate_id, actor_id, payload) VALUES ($1, $2, $3, $4)"
UNREADABLE = ("profile_updated", 1, 1, b"\xff\xff\xff")
_bodies = itertools.count(1)


class OneConnection:
    """A pool of one connection that is in a transaction of ours: what is written through it commits when we say."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def acquire(self) -> OneConnection:
        return self

    async def __aenter__(self) -> asyncpg.Connection[Any]:
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


@contextlib.asynccontextmanager
async def connected(site: Site, skewed_by_ms: int = 0) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection to social's database, its clock wrong by so much where ids are made."""
    connection = await asyncpg.connect(site.platform.endpoints["SOCIAL_DATABASE_URL"])
    try:
        if skewed_by_ms:
            await connection.execute(SKEWED_CLOCK)
            await connection.execute(f"SET search_path = skewed, public; SET skewed.by_ms = {skewed_by_ms}")
        yield connection
    finally:
        await connection.close()


async def publish(site: Site, author: Person, open_s: float, *, skewed_by_ms: int = 0, commits: bool = True) -> None:
    """Write a post by the write path's own statement, and commit it, or roll it back, so many seconds later."""
    body, author_id = f"بوست متأخر {next(_bodies)} من {author.handle}", number_of(author.user_id)
    site.ledger.uncommitted.add(body)
    async with connected(site, skewed_by_ms) as connection:
        transaction = connection.transaction()
        await transaction.start()
        posts = PostgresPosts(cast("PostgresPool", OneConnection(connection)))
        call = IdempotentCall(secrets.token_hex(8), b"")
        post, _ = await posts.create(NewPost(author_id, body, language_of(body), int(kind_of(body))), call)
        await asyncio.sleep(open_s)
        if not commits:
            await transaction.rollback()
            return
        site.ledger.uncommitted.discard(body)
        await transaction.commit()
    site.ledger.posted(post.post_id, author_id, body)


def commits_late(site: Site, seconds: float) -> None:
    """Transactions of the write path stay open while others publish; the last of them to begin commits first."""

    async def all_of_them() -> None:
        await asyncio.gather(
            publish(site, site.authors[0], seconds),
            publish(site, site.authors[1], seconds * 0.6),
            publish(site, site.authors[2], seconds * 0.8, commits=False),
            _after(seconds * 0.2, publish(site, site.authors[2], seconds * 0.2)),
        )

    asyncio.run(all_of_them())


def clock_steps(site: Site, seconds: float) -> None:
    """The database's clock steps back by a minute, and ahead: ids that are older and newer than their arrival."""

    async def all_of_them() -> None:
        for number, author in enumerate((*site.authors, *site.authors)):
            skew = -MINUTE_MS if number % 2 else MINUTE_MS // 20
            await publish(site, author, seconds / 12, skewed_by_ms=skew)
            await asyncio.sleep(seconds / 12)

    asyncio.run(all_of_them())


async def _after(pause_s: float, work: Any) -> None:
    await asyncio.sleep(pause_s)
    await work


def poison_events(site: Site, seconds: float) -> None:
    """Events of no known kind, of a payload that is none, and of a payload that the projector cannot apply."""
    never = events_pb2.PostUnliked(author_id=1)
    never.liked_at.seconds = 10**15
    poison = [
        UNREADABLE,
        ("never_heard_of", 1, 1, b""),
        ("post_unliked", 1, 1, never.SerializeToString()),
    ]
    before = asyncio.run(dead_letters(site))
    asyncio.run(write_poison(site, poison))
    time.sleep(seconds)
    expected = {"fan-out": before.get("fan-out", 0) + 2, "projector": before.get("projector", 0) + 3}
    wait_until(lambda: asyncio.run(dead_letters(site)) == expected, "poison was not put aside, or more than poison was")


async def write_poison(site: Site, rows: Sequence[tuple[str, int, int, bytes]]) -> None:
    """Rows of the event log that no service would write."""
    async with connected(site) as connection:
        await connection.executemany(POISON, rows)


async def dead_letters(site: Site) -> dict[str, int]:
    """How many events each consumer has given up on."""
    async with connected(site) as connection:
        return dict(await connection.fetch("SELECT consumer, count(*) FROM dead_letters GROUP BY consumer"))


def delivered_again(site: Site, seconds: float) -> None:
    """Two of each worker for a while; then the fan-out is sent back by some hundred events, which it applies again."""
    for worker in WORKERS:
        os.kill(site.platform.pid(worker), signal.SIGUSR1)
    time.sleep(seconds / 2)
    for worker in WORKERS:
        os.kill(site.platform.pid(worker), signal.SIGUSR2)
    time.sleep(seconds / 6)
    with frozen(site.lives("social-fan-out")):
        asyncio.run(_rewind(site))
        site.kill_lives("social-fan-out")
    time.sleep(seconds / 3)


async def _rewind(site: Site) -> None:
    async with connected(site) as connection:
        await connection.execute(
            "UPDATE consumer_cursors SET pos = greatest(0, pos - $1) WHERE consumer = 'fan-out'", REWOUND
        )
