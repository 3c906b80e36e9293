"""Ranked orders in Redis, packed, for as long as somebody scrolls through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.chassis.errors import AppError
from services.chassis.redis_client import RedisBreaker, RedisClient
from services.social.adapters.native_ranker import packed, unpacked

LIFE_S: Final = 3600
# A viewer scrolls through so many at once; one more replaces another. It bounds what one viewer can fill.
SLOTS: Final = 16


class RedisFeedSessions:
    """Implements application.feed.ports.Sessions."""

    def __init__(self, redis: RedisClient, breaker: RedisBreaker) -> None:
        self._redis = redis
        self._breaker = breaker

    async def save(self, viewer_id: int, nonce: int, order: Sequence[int]) -> bool:
        """Keep an order for an hour; False when Redis is away."""
        try:
            async with self._breaker.guard():
                await self._redis.set(_key(viewer_id, nonce), packed("q", (nonce, *order)), ex=LIFE_S)
        except AppError:
            return False
        return True

    async def load(self, viewer_id: int, nonce: int) -> list[int] | None:
        """The order; None when it is gone or Redis is away."""
        try:
            async with self._breaker.guard():
                column = await self._redis.getex(_key(viewer_id, nonce), ex=LIFE_S)
        except AppError:
            return None
        if not isinstance(column, bytes):
            return None
        kept_nonce, *order = unpacked(column)
        return order if kept_nonce == nonce else None


def _key(viewer_id: int, nonce: int) -> str:
    return f"feed_session:{viewer_id}:{nonce % SLOTS}"
