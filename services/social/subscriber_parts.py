"""Posts for subscribers, put together: what social hears of payments."""

from __future__ import annotations

from typing import Final

import grpc.aio

from services.chassis.clock import Clock
from services.chassis.consumer import Consumer
from services.chassis.cursors import PostgresCursorStore, PostgresDeadLetters
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import RedisClient
from services.event_log_client import RpcEventSource
from services.social.adapters.postgres.subscriber_access import CONSUMER, PostgresSubscriberAccess

_STREAM: Final = "events:payments"


def consume_payments(
    payments: grpc.aio.Channel, pool: PostgresPool, redis: RedisClient, clock: Clock, metrics: Metrics
) -> Consumer:
    """What social hears of payments: until when who sees what is for whose subscribers."""
    return Consumer(
        CONSUMER,
        redis,
        _STREAM,
        RpcEventSource(payments),
        PostgresSubscriberAccess(pool),
        PostgresCursorStore(pool, CONSUMER),
        metrics=metrics,
        clock=clock,
        dead_letter=PostgresDeadLetters(pool, CONSUMER),
        handler_saves_cursor=True,
    )
