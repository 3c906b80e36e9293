"""When a signing key is published, signs, and is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair: `public` is base64url as in a JWK, `private` the 32 bytes of the seed."""

    kid: str
    public: str
    private: bytes = field(repr=False)
    active_from: datetime


@dataclass(frozen=True, slots=True)
class KeySchedule:
    """When keys follow one another.

    A key signs for `period`. The next one is published at least `publish_ahead` before it signs, and each stays
    published for `retire_after` once it no longer does: longer than any token it signed.
    """

    period: timedelta = timedelta(days=30)
    publish_ahead: timedelta = timedelta(hours=1)
    retire_after: timedelta = timedelta(minutes=30)

    def next_start(self, starts: Sequence[datetime], now: datetime) -> datetime | None:
        """When the key to be made now shall begin to sign; None when no key is due.

        There is always one that signs and one that follows.
        """
        if not starts:
            return now
        newest = max(starts)
        if newest > now:
            return None
        return max(newest + self.period, now + self.publish_ahead)

    def signing(self, keys: Sequence[SigningKey], now: datetime) -> SigningKey:
        """The key that signs now; ValueError without keys."""
        started = [key for key in keys if key.active_from <= now]
        # A clock slightly behind the one that made the first key must not stop sign-in.
        return max(started, key=_start) if started else min(keys, key=_start)

    def published(self, keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
        """The keys that verify, in the order they sign: those that may still have live tokens, and those to come."""
        ordered = sorted(keys, key=_start)
        successors = [key.active_from for key in ordered[1:]]
        live = [key for key, replaced in zip(ordered, successors, strict=False) if replaced + self.retire_after > now]
        return [*live, *ordered[-1:]]


def _start(key: SigningKey) -> tuple[datetime, str]:
    return key.active_from, key.kid
