"""What an operator does about signing keys: see them, let the next one sign, revoke one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.auth.application.ports import SigningKeys
from services.auth.domain.key_schedule import KeySchedule, SigningKey
from services.chassis.clock import Clock


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key and what it is for now: "signs", "comes" (published, to sign later), "verifies", "ended" or "revoked"."""

    kid: str
    active_from: datetime
    state: str


class ChangeKeys:
    """Every method raises AppError UNAVAILABLE when the database is away, and then nothing is changed."""

    def __init__(self, store: SigningKeys, schedule: KeySchedule, clock: Clock) -> None:
        self._store = store
        self._schedule = schedule
        self._clock = clock

    async def state(self) -> list[KeyState]:
        """All keys, oldest first."""
        return self._states(
            await self._store.load(lambda _starts: None, datetime.min.replace(tzinfo=self._now().tzinfo))
        )

    async def rotate(self) -> list[KeyState] | None:
        """Let the next key sign once everybody knows of it (KeySchedule.notice); None when it is about to anyway."""
        now = self._now()
        keys = await self._store.change(lambda found: self._schedule.rotation(found, now), self._next_start(now))
        return None if keys is None else self._states(keys)

    async def revoke(self, kid: str) -> list[KeyState] | None:
        """Revoke a key: what it signed is refused within a minute. None when it is not a key that is good."""
        now = self._now()
        keys = await self._store.change(lambda found: self._schedule.revocation(found, kid, now), self._next_start(now))
        return None if keys is None else self._states(keys)

    def _next_start(self, now: datetime) -> Callable[[Sequence[datetime]], datetime | None]:
        return lambda starts: self._schedule.next_start(starts, now)

    def _now(self) -> datetime:
        return self._clock.now()

    def _states(self, keys: Sequence[SigningKey]) -> list[KeyState]:
        now = self._now()
        published = {key.kid for key in self._schedule.published(keys, now)}
        try:
            signing = self._schedule.signing(keys, now).kid
        except ValueError:
            signing = ""
        return [KeyState(key.kid, key.active_from, _state(key, signing, published, now)) for key in keys]


def _state(key: SigningKey, signing: str, published: set[str], now: datetime) -> str:
    if key.is_revoked:
        return "revoked"
    if key.kid == signing:
        return "signs"
    if key.active_from > now:
        return "comes"
    return "verifies" if key.kid in published else "ended"
