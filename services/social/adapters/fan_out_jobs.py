"""The lane of posts with many followers: rows of fan_out_jobs, done chunk by chunk, so that nobody waits for them.

How far a job is stands in Redis beside the inboxes, so a Redis that comes back with an older state of itself tells
which jobs were open in it, and where: also of those that have ended since (`find_lost`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import structlog

from services.chassis.errors import AppError
from services.chassis.lifecycle import pause
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.redis_client import REDIS_AWAY
from services.social.adapters.fan_out_metrics import FanOutMetrics
from services.social.adapters.redis_inbox import JobPlace, RedisInboxes
from services.social.application.feed.followed_authors import REMEMBERED_S

# Posts of authors with more followers take this lane, and this many followers are a chunk.
BIG: Final = 2000
# Jobs that take turns; more wait for one of these to end.
_AT_ONCE: Final = 100
# Jobs that another process left are found this often.
_LOOK_S: Final = 1.0
_RETRY_S: Final = 0.25
_OPEN: Final = "SELECT post_id, author_id, begun FROM fan_out_jobs ORDER BY pos, post_id LIMIT $1"
_COUNT: Final = "SELECT count(*) FROM fan_out_jobs"
_ADD: Final = """
INSERT INTO fan_out_jobs AS job (post_id, author_id, pos)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
ON CONFLICT (post_id) DO UPDATE SET begun = job.begun + 1
RETURNING post_id, author_id, begun, 0
"""
_ADD_LOST: Final = """
INSERT INTO fan_out_jobs (post_id, author_id, pos, begun)
SELECT id, author, 0, count FROM unnest($1::bigint[], $2::bigint[], $3::integer[]) AS lost (id, author, count)
ON CONFLICT DO NOTHING
"""
# Nothing at all when the post is deleted, or when its author crossed the border so long ago that every reader merges.
_FOLLOWERS: Final = """
SELECT ARRAY(
    SELECT follower_id FROM follows WHERE followee_id = $2 AND follower_id > $3 ORDER BY follower_id LIMIT $4
)
WHERE EXISTS (SELECT 1 FROM posts WHERE id = $1 AND deleted_at IS NULL)
    AND NOT coalesce((
        SELECT NOT pushed AND recorded_at < clock_timestamp() - make_interval(secs => $5)
        FROM fan_modes WHERE author_id = $2 ORDER BY pos DESC LIMIT 1
    ), false)
"""
# A job that was begun again meanwhile is another one.
_END: Final = "DELETE FROM fan_out_jobs WHERE post_id = $1 AND begun = $2"
_log = structlog.get_logger(__name__)


class BigPost(NamedTuple):
    """A post for this lane, and the place of its event in the log."""

    post_id: int
    author_id: int
    pos: int


class FanOutJobs:
    """Keeps and does the jobs. A chunk may repeat; readers drop duplicates.

    No transaction is open while Redis is spoken to, for that would hold back the whole event log.
    """

    def __init__(self, pool: PostgresPool, inboxes: RedisInboxes, metrics: FanOutMetrics, *, big: int = BIG) -> None:
        self._pool = pool
        self._inboxes = inboxes
        self._metrics = metrics
        self._chunk = big
        self._added = asyncio.Event()
        self.between_chunks = asyncio.Lock()
        """Held while a chunk's followers are read and pushed to. Whoever has stopped following is in none of the chunks
        that begin afterwards; so an inbox that is forgotten under this lock is not filled by an older chunk."""

    async def add(self, posts: Sequence[BigPost]) -> None:
        """Begin jobs, also those that are open or were done before. AppError UNAVAILABLE without the database."""
        if not posts:
            return
        columns = [list(column) for column in zip(*posts, strict=True)]
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_ADD, *columns)
        await self._inboxes.keep_jobs(JobPlace(*row) for row in rows)
        self._added.set()

    async def find_lost(self) -> None:
        """Open the jobs that Redis knows of and the database does not. AppError UNAVAILABLE or REDIS_AWAY errors."""
        known = await self._inboxes.jobs()
        if known:
            post_ids, author_ids, begun, _ = map(list, zip(*known, strict=True))
            async with unavailable_as_app_error():
                await self._pool.execute(_ADD_LOST, post_ids, author_ids, begun)

    async def run(self, stop: asyncio.Event) -> None:
        """Do jobs until `stop`; stores may come and go meanwhile."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._added.set())
        try:
            while not stop.is_set():
                self._added.clear()
                try:
                    if await self.turn(stop):
                        continue
                except (AppError, *REDIS_AWAY) as error:
                    _log.warning("jobs_wait", error=type(error).__name__)
                    await pause(stop, _RETRY_S)
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._added.wait()
        finally:
            stopping.cancel()

    async def turn(self, stop: asyncio.Event | None = None) -> int:
        """One chunk of each open job, or until `stop`; how many jobs there were."""
        async with unavailable_as_app_error():
            jobs = await self._pool.fetch(_OPEN, _AT_ONCE)
            self._metrics.jobs_open.set(await self._pool.fetchval(_COUNT) if jobs else 0)
        places = {(job.post_id, job.begun): job.after for job in await self._inboxes.jobs()} if jobs else {}
        for post_id, author_id, begun in jobs:
            if stop is not None and stop.is_set():
                break
            # Begun again, or by a state of Redis that is gone: from the beginning.
            after = places.get((post_id, begun), 0)
            await self._do_chunk(JobPlace(post_id, author_id, begun, after))
        return len(jobs)

    async def _do_chunk(self, job: JobPlace) -> None:
        begun = time.perf_counter()
        async with self.between_chunks:
            async with unavailable_as_app_error():
                followers: list[int] | None = await self._pool.fetchval(
                    _FOLLOWERS, job.post_id, job.author_id, job.after, self._chunk, REMEMBERED_S + _LOOK_S
                )
            pushed = await self._inboxes.push(job.post_id, followers or ())
        if followers and len(followers) == self._chunk:
            await self._inboxes.keep_jobs([job._replace(after=followers[-1])])
        else:
            # In this order: of a job that Redis knows of, and the database does not, the end is lost.
            await self._inboxes.end_job(job.post_id)
            async with unavailable_as_app_error():
                await self._pool.execute(_END, job.post_id, job.begun)
        self._metrics.pushed.inc(pushed.taken)
        self._metrics.trimmed.inc(pushed.cut)
        self._metrics.chunk_seconds.observe(time.perf_counter() - begun)
