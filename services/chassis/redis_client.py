"""Redis: clients with a timeout per use, and a breaker so that a Redis that is away costs nothing."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import hiredis
import redis.asyncio
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,  # noqa: A004
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004
    TryAgainError,
)

from services.chassis.breaker import CircuitBreaker
from services.chassis.clock import Clock
from services.chassis.errors import AppError, unavailable

if TYPE_CHECKING:
    RedisClient: TypeAlias = "redis.asyncio.Redis"
else:
    RedisClient = redis.asyncio.Redis


class RedisRefusesError(ResponseError):
    """Redis is there and cannot do it now: it is full, read-only, failing over, or its disk is failing."""


REDIS_AWAY: Final = (ConnectionError, TimeoutError, BusyLoadingError, RedisRefusesError, OSError)
"""Exceptions that mean Redis is away, as opposed to a command being wrong."""

_REFUSALS: Final = (OutOfMemoryError, ReadOnlyError, ClusterDownError, MasterDownError, TryAgainError)
# Codes for which redis-py has no class; and what a command inside a script was refused with, which Redis before 7
# wraps into an error of the script.
_REFUSAL: Final = re.compile(r"(?:^|: -)(?:OOM|READONLY|MISCONF|NOREPLICAS|BUSY|CLUSTERDOWN|MASTERDOWN) ")

_READ_SIZE: Final = 65_536
_NO_MORE: Final = object()
_log = structlog.get_logger(__name__)


def create_redis(url: str, *, timeout_s: float, client_name: str, max_connections: int = 64) -> RedisClient:
    """A client that connects on first use and gives each command `timeout_s`. It never retries: the caller decides.

    Replies are bytes. `max_connections` commands may be in flight; one more waits up to `timeout_s` for its turn.
    """
    pool: Any = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        connection_class=_PromptConnection,
        max_connections=max_connections,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        client_name=client_name,
        protocol=2,
    )
    if issubclass(pool.connection_class, redis.asyncio.SSLConnection):
        pool.connection_class = _PromptTlsConnection
    return redis.asyncio.Redis.from_pool(pool)


def encoded(*parts: bytes) -> bytes:
    """One command as it goes over the wire."""
    return b"*%d\r\n%b" % (len(parts), b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]))


def encoded_for_each(command: bytes, keys: Sequence[bytes], *arguments: bytes) -> bytes:
    """The same command with the same arguments on each of the keys."""
    head = b"*%d\r\n$%d\r\n%b\r\n" % (2 + len(arguments), len(command), command)
    tail = b"".join([b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in arguments])
    return b"".join([b"%b$%d\r\n%b\r\n%b" % (head, len(key), key, tail) for key in keys])


async def exchange(redis: RedisClient, commands: bytes, count: int) -> list[Any]:
    """Send `count` encoded commands in one go; their replies in order.

    For many small commands, which cost redis-py ten times what they cost Redis. The connection is one of the client's
    own, so address, password, TLS and timeouts are too; all replies together have the client's timeout. An error among
    the replies does not keep the others from being done, and stands in its place as a ResponseError; but when Redis
    refuses (REDIS_AWAY), that is raised once all replies are read.
    """
    pool: Any = redis.connection_pool
    connection = await pool.get_connection()
    try:
        replies: list[Any] = await connection.exchange(commands, count)
    finally:
        await pool.release(connection)
    return replies


class _PromptConnection(redis.asyncio.Connection):
    """A TCP connection that sends without a task of its own, and knows a Redis that refuses from a wrong command.

    redis-py guards each send with asyncio.wait_for, which before Python 3.12 makes a task a command and can swallow the
    cancellation of the caller, so that a call past its deadline would go on.
    """

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)
        except ResponseError as error:
            if _is_refusal(error):
                raise RedisRefusesError(str(error)) from error
            raise

    async def exchange(self, commands: bytes, count: int) -> list[Any]:
        """Send encoded commands and read all their replies, ResponseErrors among them."""
        await self.send_packed_command(commands, check_health=False)
        try:
            async with asyncio.timeout(self.socket_timeout):
                replies = await self._read_replies(count)
        except BaseException as error:
            # Replies may still be on their way: the connection cannot be used again.
            await self.disconnect(nowait=True)
            if isinstance(error, builtins.TimeoutError):
                raise TimeoutError("timeout reading from socket") from None
            if isinstance(error, hiredis.ProtocolError | OSError):
                raise ConnectionError("error reading from socket") from error
            raise
        _raise_if_away(replies)
        return replies

    async def _read_replies(self, count: int) -> list[Any]:
        # A reader of this exchange's own: between exchanges nothing is on the way, and has_data() tells if it is.
        reader = hiredis.Reader(replyError=self._parser.parse_error, notEnoughData=_NO_MORE)
        replies: list[Any] = []
        while len(replies) < count:
            received = await self._reader.read(_READ_SIZE) if self._reader else b""
            if not received:
                raise ConnectionError("the connection ended before all replies were there")
            reader.feed(received)
            replies.extend(iter(reader.gets, _NO_MORE))
        if len(replies) > count or reader.has_data():
            raise ConnectionError("there were more replies than commands")
        return replies

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's own
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if check_health:
            await self.check_health()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(self.socket_timeout):
                await self._send_packed_command([command] if isinstance(command, bytes) else command)
        except BaseException as error:
            # What was sent so far is unknown: the connection cannot be used again.
            await self.disconnect(nowait=True)
            if isinstance(error, builtins.TimeoutError):
                raise TimeoutError("timeout writing to socket") from None
            if isinstance(error, OSError):
                raise ConnectionError("error writing to socket") from error
            raise


class _PromptTlsConnection(_PromptConnection, redis.asyncio.SSLConnection):
    """The same inside TLS."""


class RedisBreaker:
    """Fails fast after `failures` failures in a row, for `open_s` seconds; then one attempt may try."""

    def __init__(self, clock: Clock, *, failures: int = 5, open_s: float = 1.0) -> None:
        self._breaker = CircuitBreaker(clock, failures=failures, open_s=open_s)

    @property
    def is_open(self) -> bool:
        """Whether the next guard would refuse at once."""
        return self._breaker.is_open

    @contextlib.asynccontextmanager
    async def guard(self) -> AsyncIterator[None]:
        """Run Redis commands inside; AppError UNAVAILABLE, reason REDIS_UNAVAILABLE, when Redis is away."""
        if not self._breaker.admits():
            raise _unavailable()
        try:
            yield
        except REDIS_AWAY as error:
            if self._breaker.failed():
                _log.warning("redis_breaker_opened", error=type(error).__name__)
            raise _unavailable() from error
        if self._breaker.succeeded():
            _log.info("redis_breaker_closed")


def _is_refusal(error: ResponseError) -> bool:
    return isinstance(error, _REFUSALS) or _REFUSAL.search(str(error)) is not None


def _raise_if_away(replies: Sequence[Any]) -> None:
    for error in [reply for reply in replies if isinstance(reply, Exception)]:
        if isinstance(error, ResponseError) and _is_refusal(error):
            raise RedisRefusesError(str(error)) from error
        if not isinstance(error, ResponseError) or isinstance(error, REDIS_AWAY):
            raise error


def _unavailable() -> AppError:
    return unavailable("the cache is away", reason="REDIS_UNAVAILABLE", retry_after_ms=500)
