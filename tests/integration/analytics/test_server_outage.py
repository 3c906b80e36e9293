"""A ClickHouse server that goes in the middle of ingestion: nothing is lost, nothing is counted twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from services.analytics.adapters.clickhouse.location import open_clickhouse
from services.chassis.redis_client import RedisClient
from tests.integration.analytics.owners import some_events, stream_events
from tests.integration.analytics.test_consumption import Source, consuming, likes, stored, until

pytestmark = [
    pytest.mark.stores,
    pytest.mark.faults,
    pytest.mark.skipif("TEST_CLICKHOUSE_URL" not in os.environ, reason="cuts the line to a server"),
]


class Line:
    """The connection to the server, to cut and to mend."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.fixture
async def line(clickhouse_url: str) -> AsyncIterator[tuple[Line, str]]:
    parts = urlsplit(clickhouse_url)
    line = Line(parts.hostname or "", parts.port or 9000)
    await line.mend()
    user = parts.netloc.rpartition("@")[0]
    yield line, urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{line.port}"))
    await line.cut()


async def test_a_line_cut_again_and_again(line: tuple[Line, str], redis: RedisClient) -> None:
    wire, url = line
    clickhouse = open_clickhouse(url)
    async with consuming(clickhouse, redis, Source(stream_events(some_events(4000, author_id=5)))) as consumer:
        for cut_at in (300, 1200, 2500):
            await until(lambda at=cut_at: consumer.position >= at)  # type: ignore[misc]
            await wire.cut()
            await asyncio.sleep(0.3)
            assert consumer.position < 4000
            await wire.mend()
        await until(lambda: consumer.position == 4000)
    assert await likes(clickhouse) == 4000
    assert await stored(clickhouse) == (4000, 4000)
    rows = await clickhouse.query("SELECT count() FROM dead_letters")
    assert int(rows[0][0]) == 0
    await clickhouse.close()
