"""Redis: clients with a timeout per use, and a breaker so that a Redis that is away costs nothing."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

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
    return redis.asyncio.Redis.from_pool(pool)


class _PromptConnection(redis.asyncio.Connection):
    """A TCP connection that sends without a task of its own, and knows a Redis that refuses from a wrong command.

    redis-py guards each send with asyncio.wait_for, which before Python 3.12 makes a task a command and can swallow the
    cancellation of the caller, so that a call past its deadline would go on.
    """

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)
        except ResponseError as error:
            if isinstance(error, _REFUSALS) or _REFUSAL.search(str(error)):
                raise RedisRefusesError(str(error)) from error
            raise

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


class RedisBreaker:
    """Fails fast after `failures` failures in a row, for `open_s` seconds; then one attempt may try."""

    def __init__(self, clock: Clock, *, failures: int = 5, open_s: float = 1.0) -> None:
        self._clock = clock
        self._failures_allowed = failures
        self._open_s = open_s
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the next guard would refuse at once."""
        return self._failures >= self._failures_allowed and self._clock.monotonic() < self._open_until

    @contextlib.asynccontextmanager
    async def guard(self) -> AsyncIterator[None]:
        """Run Redis commands inside; AppError UNAVAILABLE, reason REDIS_UNAVAILABLE, when Redis is away."""
        if self.is_open:
            raise _unavailable()
        if self._failures >= self._failures_allowed:
            # This caller is the one that tries; the others are refused until it has an answer.
            self._open_until = self._clock.monotonic() + self._open_s
        try:
            yield
        except REDIS_AWAY as error:
            self._failures += 1
            self._open_until = self._clock.monotonic() + self._open_s
            if self._failures == self._failures_allowed:
                _log.warning("redis_breaker_opened", error=type(error).__name__)
            raise _unavailable() from error
        if self._failures >= self._failures_allowed:
            _log.info("redis_breaker_closed")
        self._failures = 0


def _unavailable() -> AppError:
    return unavailable("the cache is away", reason="REDIS_UNAVAILABLE", retry_after_ms=500)
