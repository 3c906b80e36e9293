"""The breaker opens, refuses at once, and lets one caller try."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from services.chassis.errors import AppError, ErrorKind
from services.chassis.redis_client import RedisBreaker
from tests.fakes.clock import FixedClock


async def fail(breaker: RedisBreaker, error: Exception | None = None) -> AppError:
    with pytest.raises(AppError) as caught:
        async with breaker.guard():
            raise error or RedisConnectionError("away")
    return caught.value


def is_open(breaker: RedisBreaker) -> bool:
    """The property, asked anew: type checkers take it for constant."""
    return breaker.is_open


async def test_it_opens_after_failures_in_a_row_and_closes_after_a_success() -> None:
    clock = FixedClock()
    breaker = RedisBreaker(clock, failures=3, open_s=1.0)
    for _ in range(2):
        error = await fail(breaker)
        assert (error.kind, error.reason) == (ErrorKind.UNAVAILABLE, "REDIS_UNAVAILABLE")
    async with breaker.guard():
        pass
    for _ in range(3):
        assert not is_open(breaker)
        await fail(breaker)
    assert is_open(breaker)
    ran = False
    with pytest.raises(AppError):
        async with breaker.guard():
            ran = True
    assert not ran
    clock.advance(1.0)
    assert not is_open(breaker)
    async with breaker.guard():
        # While this one tries, the others are refused.
        assert is_open(breaker)
    assert not is_open(breaker)


async def test_a_failed_try_keeps_it_open() -> None:
    clock = FixedClock()
    breaker = RedisBreaker(clock, failures=1, open_s=1.0)
    await fail(breaker, TimeoutError())
    clock.advance(1.0)
    await fail(breaker, OSError())
    assert breaker.is_open


async def test_wrong_commands_are_not_absence() -> None:
    breaker = RedisBreaker(FixedClock(), failures=1)
    with pytest.raises(ResponseError):
        async with breaker.guard():
            raise ResponseError("WRONGTYPE")
    assert not breaker.is_open
