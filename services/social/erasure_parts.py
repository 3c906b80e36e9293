"""Forgetting people, put together: what social hears of auth, and the work that follows."""

from __future__ import annotations

import asyncio
from typing import Final

import grpc.aio
import structlog

from services.chassis.clock import Clock
from services.chassis.consumer import Consumer
from services.chassis.cursors import PostgresCursorStore, PostgresDeadLetters
from services.chassis.errors import AppError
from services.chassis.lifecycle import pause
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import RedisClient
from services.event_log_client import RpcEventSource
from services.social.adapters.postgres.erasures import CONSUMER, PostgresErasures

_STREAM: Final = "events:auth"
_LOOK_EVERY_S: Final = 2.0

_log = structlog.get_logger(__name__)


def consume_auth(
    erasures: PostgresErasures,
    auth: grpc.aio.Channel,
    pool: PostgresPool,
    redis: RedisClient,
    clock: Clock,
    metrics: Metrics,
) -> Consumer:
    """What social hears of auth: who is gone. Whichever replica is first notes it."""
    return Consumer(
        CONSUMER,
        redis,
        _STREAM,
        RpcEventSource(auth),
        erasures,
        PostgresCursorStore(pool, CONSUMER),
        metrics=metrics,
        clock=clock,
        dead_letter=PostgresDeadLetters(pool, CONSUMER),
        handler_saves_cursor=True,
    )


async def keep_erasing(erasures: PostgresErasures, stop: asyncio.Event) -> None:
    """Erase whoever is due until `stop`; a database that is away is waited for."""
    while not stop.is_set():
        try:
            worked = await erasures.erase_next()
        except AppError as error:
            _log.warning("erasing_waits", reason=error.reason)
            worked = False
        if not worked:
            await pause(stop, _LOOK_EVERY_S)
