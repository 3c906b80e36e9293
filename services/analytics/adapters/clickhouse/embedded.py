"""The ClickHouse engine inside this process, its data in a folder that no other process may open."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
import structlog

from services.analytics.adapters.clickhouse.engine import TRANSIENT_CODES
from services.chassis.errors import unavailable

_T = TypeVar("_T")

_DATABASE: Final = "daira"
_CODE: Final = re.compile(r"Code: (\d+)")

_log = structlog.get_logger(__name__)


class EmbeddedClickHouse:
    """chDB in one thread of its own: its session is one conversation, and its calls block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chdb")
        self._session: Any = None

    async def execute(self, statement: str) -> None:
        """Run a statement; AppError UNAVAILABLE when the folder cannot be opened or the engine lacks something."""
        await self._run(lambda: self._ask(statement, "Null"))

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT; errors as for `execute`."""
        answer = await self._run(lambda: self._ask(statement, "JSONCompactEachRow"))
        return [tuple(orjson.loads(line)) for line in answer.splitlines() if line]

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows; errors as for `execute`."""
        lines = [orjson.dumps([_plain(value) for value in row]).decode() for row in rows]
        statement = f"INSERT INTO {table} ({', '.join(columns)}) FORMAT JSONCompactEachRow\n" + "\n".join(lines)
        await self._run(lambda: self._ask(statement, "Null"))

    async def close(self) -> None:
        """Close the folder."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _ask(self, statement: str, output_format: str) -> bytes:
        try:
            if self._session is None:
                self._session = self._open()
            answer: bytes = self._session.query(statement, output_format).bytes()
        except (RuntimeError, OSError) as error:
            code = _CODE.search(str(error))
            if self._session is None or code is None or int(code[1]) in TRANSIENT_CODES:
                _log.warning("clickhouse_unavailable", engine="embedded", error=str(error)[:300])
                raise unavailable("the column store is away", retry_after_ms=500) from error
            raise
        return answer

    def _open(self) -> Any:
        # Hundreds of megabytes are mapped by this import, so only a process that uses the engine pays for it.
        from chdb.session import Session  # noqa: PLC0415

        self._folder.mkdir(parents=True, exist_ok=True)
        session: Any = Session(str(self._folder))  # type: ignore[no-untyped-call]
        session.query(f"CREATE DATABASE IF NOT EXISTS {_DATABASE}")
        session.query(f"USE {_DATABASE}")
        return session

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _plain(value: Any) -> Any:
    """A value as the engine reads it from JSON: moments as seconds since 1970."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, date):
        return value.isoformat()
    return value
