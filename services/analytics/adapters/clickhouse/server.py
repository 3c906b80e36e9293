"""A ClickHouse server over its native protocol."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog
from clickhouse_driver import Client
from clickhouse_driver.errors import Error, NetworkError, ServerException, SocketTimeoutError

from services.analytics.adapters.clickhouse.engine import TRANSIENT_CODES
from services.chassis.errors import unavailable

_T = TypeVar("_T")

_THREADS: Final = 4
_TIMEOUTS: Final = {"connect_timeout": "2", "send_receive_timeout": "10", "sync_request_timeout": "2"}

_log = structlog.get_logger(__name__)


class ServerClickHouse:
    """clickhouse-driver in a few threads, a connection each: its calls block."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        # What the URL says goes before these timeouts.
        query = urlencode(_TIMEOUTS | dict(parse_qsl(parts.query)))
        self._url = urlunsplit(parts._replace(query=query))
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="clickhouse")
        self._local = threading.local()

    async def execute(self, statement: str) -> None:
        """Run a statement; AppError UNAVAILABLE when the server is away or too busy."""
        await self._run(lambda client: client.execute(statement))

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT; errors as for `execute`."""
        return [tuple(row) for row in await self._run(lambda client: client.execute(statement))]

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows; errors as for `execute`. After a timeout the rows may be there all the same."""
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES"
        # The data go beside the statement, by columns: written into it they would be parsed as SQL.
        data = [list(column) for column in zip(*rows, strict=True)]
        await self._run(lambda client: client.execute(statement, data, columnar=True))

    async def close(self) -> None:
        """End the threads; their connections end with them."""
        await asyncio.to_thread(self._pool.shutdown)

    async def _run(self, work: Callable[[Client], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._call, work)

    def _call(self, work: Callable[[Client], _T]) -> _T:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = Client.from_url(self._url)
        try:
            return work(client)
        except (NetworkError, SocketTimeoutError, OSError, EOFError) as error:
            client.disconnect()
            raise _away(error) from error
        except ServerException as error:
            client.disconnect()
            if error.code in TRANSIENT_CODES:
                raise _away(error) from error
            raise
        except Error:
            client.disconnect()
            raise


def _away(error: Exception) -> Exception:
    _log.warning("clickhouse_unavailable", engine="server", error=type(error).__name__)
    return unavailable("the column store is away", retry_after_ms=500)
