"""Tokens that were good and are no more: heard of within a second, remembered while such a token could live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from prometheus_client import Counter

from services.chassis.clock import Clock
from services.chassis.config import Env
from services.chassis.errors import AppError, ErrorKind, token_revoked
from services.chassis.expiring_map import ExpiringMap
from services.chassis.identity import Identity
from services.chassis.lifecycle import pause
from services.chassis.metrics import Metrics

# Longer than any access token lives, with what clocks may differ by.
REMEMBER_S: Final = 20 * 60.0
_MAX_ENTRIES: Final = 500_000
_MAX_PAGES: Final = 1_000
_SOURCE_TIMEOUT_S: Final = 2.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Revocation:
    """One of three: a session that ended; a user whose tokens of an older epoch are void; or everybody's.

    `issued_before_s`, in seconds since 1970, voids every token issued at or before it. Fields that do not apply are 0.
    """

    session_id: int = 0
    user_id: int = 0
    least_epoch: int = 0
    issued_before_s: int = 0


@dataclass(frozen=True, slots=True)
class RevocationPage:
    """What a source answers: `snapshot` stands for all that could be seen, `last` continues while there is more."""

    revocations: Sequence[Revocation]
    snapshot: str
    last: int
    has_more: bool


class RevocationSource(Protocol):
    """Where revocations come from."""

    async def read(self, seen: str, after: int) -> RevocationPage:
        """What came since the snapshot `seen` ("": of the last REMEMBER_S), after `after`; any exception: away."""
        ...


@dataclass(frozen=True, slots=True)
class RevocationSettings:
    """How often the source is asked, and after how long without its word nothing that matters is done. Seconds."""

    poll_s: float = 0.4
    stale_after_s: float = 60.0

    @classmethod
    def from_env(cls, env: Env) -> RevocationSettings:
        """The settings REVOCATION_*; problems are left in `env`."""
        return cls(
            poll_s=env.seconds("REVOCATION_POLL_S", 0.4, 0.05, 10.0),
            stale_after_s=env.seconds("REVOCATION_STALE_AFTER_S", 60.0, 1.0, 600.0),
        )


class Revocations:
    """The list in memory, of one process. A check is two look-ups; `run` keeps it fresh.

    While the source is away the list says how old it is. Whoever revokes does so through that same source, so when it
    is down for everybody there is nothing to hear; when only we are cut off, `require_fresh` is what bounds the harm.
    """

    def __init__(self, source: RevocationSource, clock: Clock, settings: RevocationSettings | None = None) -> None:
        self._source = source
        self._clock = clock
        self._settings = settings or RevocationSettings()
        self._sessions: ExpiringMap[int, None] = ExpiringMap()
        self._epochs: ExpiringMap[int, int] = ExpiringMap()
        self._issued_before_s = 0
        self._seen = ""
        self._heard_at: float | None = None
        self._refusals: Counter | None = None

    def expose(self, metrics: Metrics) -> None:
        """Show its age, its length and what it refuses in the process's metrics."""
        metrics.revocations_age_seconds.set_function(self.age_s)
        metrics.revocations_held.set_function(lambda: len(self))
        self._refusals = metrics.revocations_refusals

    def check(self, identity: Identity) -> None:
        """AppError UNAUTHENTICATED, reason TOKEN_REVOKED, for a person's token that is no longer good."""
        ended = identity.session_id in self._sessions or identity.issued_at_s <= self._issued_before_s
        if ended or identity.epoch < (self._epochs.get(identity.user_id) or 0):
            raise self._counted(token_revoked())

    def require_fresh(self) -> None:
        """AppError UNAVAILABLE, reason REVOCATIONS_STALE, when the source was not heard for `stale_after_s`."""
        if self.age_s() > self._settings.stale_after_s:
            raise self._counted(
                AppError(
                    ErrorKind.UNAVAILABLE,
                    "REVOCATIONS_STALE",
                    "whether this session still stands cannot be told now",
                    retry_after_ms=1_000,
                )
            )

    def age_s(self) -> float:
        """How long ago the list was complete, in seconds; infinite before the first time."""
        return float("inf") if self._heard_at is None else self._clock.monotonic() - self._heard_at

    def __len__(self) -> int:
        return len(self._sessions) + len(self._epochs)

    async def load(self) -> bool:
        """Ask the source unless it was heard already; whether it was. A readiness check."""
        if self._heard_at is None:
            await self.refresh()
        return self._heard_at is not None

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the list fresh until `stop`."""
        while not stop.is_set():
            await self.refresh()
            await pause(stop, self._settings.poll_s)

    async def refresh(self) -> bool:
        """Ask the source once; False when it is away."""
        asked_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(_SOURCE_TIMEOUT_S):
                await self._read()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the source, the list at hand stays good
            _log.warning("revocations_not_heard", error=type(error).__name__, age_s=round(min(self.age_s(), 1e9), 1))
            return False
        # What was complete is the moment of asking: later ones may have come since.
        self._heard_at = asked_at
        self._sessions.forget(asked_at)
        self._epochs.forget(asked_at)
        return True

    async def _read(self) -> None:
        first = page = await self._source.read(self._seen, 0)
        self._take(page.revocations)
        for _ in range(_MAX_PAGES):
            if not page.has_more:
                break
            page = await self._source.read(self._seen, page.last)
            self._take(page.revocations)
        # Not the last page's: what was committed between two pages may stand before where the later one began.
        self._seen = first.snapshot

    def _take(self, revocations: Sequence[Revocation]) -> None:
        until = self._clock.monotonic() + REMEMBER_S
        for revocation in revocations:
            if revocation.session_id:
                self._sessions.put(revocation.session_id, None, until)
            if revocation.user_id:
                known = self._epochs.get(revocation.user_id) or 0
                self._epochs.put(revocation.user_id, max(known, revocation.least_epoch), until)
            self._issued_before_s = max(self._issued_before_s, revocation.issued_before_s)
        if len(self) > _MAX_ENTRIES:
            # Too many to hold: everybody refreshes their token once, which those who were revoked cannot.
            _log.error("revocations_overflow", entries=len(self))
            self._sessions.clear()
            self._epochs.clear()
            self._issued_before_s = self._clock.now_ms() // 1000

    def _counted(self, refusal: AppError) -> AppError:
        if self._refusals is not None:
            self._refusals.labels(refusal.reason).inc()
        return refusal
