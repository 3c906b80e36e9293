"""Databases and roles made and dropped on a PostgreSQL server, from code that has no event loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

PATIENCE_S = 60.0


class PostgresAdmin:
    """One superuser connection on a thread and event loop of its own; every call blocks until its answer is there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="postgres-admin")
        self._runner: asyncio.Runner | None = None
        self._connection: asyncpg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def has_database(self, name: str) -> bool:
        """Whether the database exists."""
        return bool(self.value("SELECT count(*) FROM pg_database WHERE datname = $1", name))

    def create_database(self, name: str, *, owner: str | None = None, template: str | None = None) -> str:
        """Create a database and return its URL; a template must have no connection at that moment."""
        statement = f"CREATE DATABASE {quoted(name)}"
        if owner:
            statement += f" OWNER {quoted(owner)}"
        if template:
            statement += f" TEMPLATE {quoted(template)}"
        self.execute(statement)
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database together with the connections to it; one that is not there is no error."""
        self.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")

    def ensure_role(self, name: str, password: str) -> None:
        """Make a role that may sign in with this password, or give it this password."""
        exists = self.value("SELECT count(*) FROM pg_roles WHERE rolname = $1", name)
        verb = "ALTER" if exists else "CREATE"
        secret = "'" + password.replace("'", "''") + "'"
        self.execute(f"{verb} ROLE {quoted(name)} LOGIN PASSWORD {secret}")

    def url_of(self, database: str, *, user: str | None = None, password: str | None = None) -> str:
        """The URL of a database on this server, of the administrator or of the user named."""
        return url_of_database(self.url, database, user=user, password=password)

    def execute(self, statement: str) -> None:
        """Run one statement."""
        self._run(lambda connection: connection.execute(statement, timeout=PATIENCE_S))

    def value(self, query: str, *arguments: object) -> object:
        """The first value of a query."""
        return self._run(lambda connection: connection.fetchval(query, *arguments, timeout=PATIENCE_S))

    def close(self) -> None:
        """Close the connection and end the thread."""
        self._thread.submit(self._close_on_thread).result(timeout=PATIENCE_S)
        self._thread.shutdown()

    def _run(self, action: Callable[[asyncpg.Connection[Any]], Awaitable[Any]]) -> Any:
        return self._thread.submit(self._run_on_thread, action).result(timeout=2 * PATIENCE_S)

    def _run_on_thread(self, action: Callable[[asyncpg.Connection[Any]], Awaitable[Any]]) -> Any:
        if self._runner is None:
            self._runner = asyncio.Runner()

        async def act() -> Any:
            # A server that was killed and started again took the connection with it.
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self.url, timeout=PATIENCE_S, statement_cache_size=0)
            return await action(self._connection)

        return self._runner.run(act())

    def _close_on_thread(self) -> None:
        if self._runner is None:
            return
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        self._runner.close()
        self._runner = None


def url_of_database(url: str, database: str, *, user: str | None = None, password: str | None = None) -> str:
    """The same server's URL with another database and, when named, another user."""
    parts = urlsplit(url)
    address = parts.netloc.rsplit("@", 1)[-1]
    credentials = parts.netloc.rsplit("@", 1)[0] if "@" in parts.netloc else ""
    if user is not None:
        credentials = quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
    netloc = f"{credentials}@{address}" if credentials else address
    return urlunsplit((parts.scheme, netloc, f"/{database}", parts.query, ""))


def quoted(name: str) -> str:
    """An SQL identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'
