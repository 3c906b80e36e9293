"""PostgreSQL through asyncpg: pools with limits, and connection failures in the house's own terms."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg
import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from services.chassis.errors import AppError, unavailable

if TYPE_CHECKING:
    # The stubs are generic where the library is not.
    _Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    PostgresPool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    PostgresConnection: TypeAlias = _Connection | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    _Connection = asyncpg.Connection
    PostgresPool = asyncpg.Pool
    PostgresConnection = asyncpg.Connection

_CONNECT_TIMEOUT_S: Final = 2.0
_IDLE_IN_TRANSACTION_MS: Final = 10_000
# A transaction that stays open holds back the event log of its database, so none may live long.
_TRANSACTION_TIMEOUT_MS: Final = 30_000
_TRANSACTION_TIMEOUT_SINCE: Final = 17
# The server gives up first; the client's own limit is for a server that no longer answers.
_CLIENT_SLACK_S: Final = 0.5

_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    # What asyncpg makes of a statement on a connection that the server is ending at this moment.
    asyncpg.InternalClientError,
)

_log = structlog.get_logger(__name__)


class _PlainConnection(_Connection):
    """A connection that is not scrubbed between uses, which would cost a round trip each time."""

    def get_reset_query(self) -> str:
        return ""


async def create_pool(
    url: str,
    *,
    application_name: str,
    min_size: int = 2,
    max_size: int = 10,
    statement_timeout_ms: int = 2_000,
    start_timeout_s: float = 30.0,
) -> PostgresPool:
    """A pool of connections to the database at `url`, waiting up to `start_timeout_s` for it to come up.

    Sessions are not reset between uses: lock with pg_advisory_xact_lock and set with SET LOCAL, never for the session.
    AppError UNAVAILABLE when the database stays away.
    """
    settings = {
        "application_name": application_name,
        "statement_timeout": str(statement_timeout_ms),
        "idle_in_transaction_session_timeout": str(_IDLE_IN_TRANSACTION_MS),
        "jit": "off",
    }
    async with unavailable_as_app_error():
        if await _server_major(url, start_timeout_s) >= _TRANSACTION_TIMEOUT_SINCE:
            settings["transaction_timeout"] = str(_TRANSACTION_TIMEOUT_MS)
        return await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            timeout=_CONNECT_TIMEOUT_S,
            command_timeout=statement_timeout_ms / 1000 + _CLIENT_SLACK_S,
            connection_class=_PlainConnection,
            server_settings=settings,
        )


async def is_connected(pool: PostgresPool, *, timeout_s: float = 1.0) -> bool:
    """Whether the database answers within `timeout_s`; a readiness check."""
    try:
        async with pool.acquire(timeout=timeout_s) as connection:
            return bool(await connection.fetchval("SELECT true", timeout=timeout_s))
    except (*_AWAY, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


class unavailable_as_app_error:  # noqa: N801 - reads as the statement it is: async with unavailable_as_app_error()
    """Inside the block a database that is away, or too slow, raises AppError UNAVAILABLE, reason STORE_UNAVAILABLE.

    Works with `async with` and `with`. Errors of the statement itself pass through.
    """

    __slots__ = ()

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise_unavailable(error)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise_unavailable(error)


def affected_rows(status: str) -> int:
    """How many rows a statement changed, by what the server said of it, such as "DELETE 3"."""
    return int(status.rsplit(" ", 1)[-1])


def is_away(error: BaseException) -> bool:
    """Whether the error means that the database is away or too slow, as opposed to the statement being wrong."""
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg has one class for a connection or pool that was closed and for wrong arguments.
        return "clos" in str(error)
    return isinstance(error, _AWAY)


def raise_unavailable(error: BaseException | None) -> None:
    """Raise AppError UNAVAILABLE from an error that means the database is away; do nothing for any other."""
    if error is not None and is_away(error):
        _log.warning("postgres_unavailable", error=type(error).__name__)
        raise _unavailable() from error


def _unavailable() -> AppError:
    return unavailable("the database is away", retry_after_ms=500)


async def _server_major(url: str, start_timeout_s: float) -> int:
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(_AWAY),
        stop=stop_after_delay(start_timeout_s),
        wait=wait_exponential_jitter(multiplier=0.05, max=1.0),
        reraise=True,
    )
    major: int = 0
    async for attempt in attempts:
        with attempt:
            connection: asyncpg.Connection[Any] = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
            try:
                major = connection.get_server_version().major
            finally:
                await connection.close()
    return major
