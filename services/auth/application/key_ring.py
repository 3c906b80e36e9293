"""The signing keys at hand: which one signs now, and which ones the world is told of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from services.auth.application.ports import SigningKeys
from services.auth.domain.key_schedule import KeySchedule, SigningKey
from services.chassis.clock import Clock
from services.chassis.errors import AppError, unavailable

# With what services keep, well below KeySchedule.notice: every replica knows a key before it signs, and hears in time
# that one was revoked.
_RELOAD_S: Final = 10.0
_RETRY_S: Final = 0.5
# Withdrawn keys are kept a while longer, for whoever must explain an old token.
_KEEP: Final = timedelta(days=30)

_log = structlog.get_logger(__name__)


class KeyRing:
    """The keys of the database in memory. The clock says which one signs, so replicas agree without a word."""

    def __init__(self, store: SigningKeys, schedule: KeySchedule, clock: Clock) -> None:
        self._store = store
        self._schedule = schedule
        self._clock = clock
        self._keys: Sequence[SigningKey] = ()

    async def load(self) -> None:
        """Read the keys, making the next one when it is due; AppError UNAVAILABLE when the database is away."""
        now = self._clock.now()
        self._keys = await self._store.load(lambda starts: self._schedule.next_start(starts, now), now - _KEEP)

    def is_loaded(self) -> bool:
        """Whether there is a key to sign with."""
        return bool(self._keys)

    def signing(self) -> SigningKey:
        """The key that signs now; AppError UNAVAILABLE before the first load."""
        if not self._keys:
            raise _no_keys()
        try:
            return self._schedule.signing(self._keys, self._clock.now())
        except ValueError:
            raise _no_keys() from None

    def published(self) -> list[SigningKey]:
        """The keys to publish; AppError UNAVAILABLE before the first load."""
        if not self._keys:
            raise _no_keys()
        return self._schedule.published(self._keys, self._clock.now())

    async def keep_loaded(self, stop: asyncio.Event) -> None:
        """Load now and again until `stop`. The keys at hand stay good while the database is away."""
        while not stop.is_set():
            wait_s = _RELOAD_S
            try:
                await self.load()
            except AppError as error:
                _log.warning("signing_keys_not_loaded", reason=error.reason)
                wait_s = _RETRY_S
            try:
                async with asyncio.timeout(wait_s):
                    await stop.wait()
            except TimeoutError:
                continue


def _no_keys() -> AppError:
    return unavailable("the signing keys are not loaded yet", retry_after_ms=500)
