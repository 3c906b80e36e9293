"""When a signing key is published, signs, and is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair: `public` is base64url as in a JWK, `private` the 32 bytes of the seed.

    One that was revoked neither signs nor verifies; if it had begun to sign, it still marks when the one before ended.
    """

    kid: str
    public: str
    private: bytes = field(repr=False)
    active_from: datetime
    revoked_at: datetime | None = None

    @property
    def is_revoked(self) -> bool:
        """Whether it is good for nothing."""
        return self.revoked_at is not None

    @property
    def has_a_place(self) -> bool:
        """Whether it is among those that follow one another: not when it was revoked before it began."""
        return self.revoked_at is None or self.revoked_at > self.active_from


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What an operator changes: the key that is `revoked`, and the one that `starts` at another time, with when."""

    revoked: tuple[str, datetime] | None = None
    starts: tuple[str, datetime] | None = None


@dataclass(frozen=True, slots=True)
class KeySchedule:
    """When keys follow one another.

    A key signs for `period`. The next one is published at least `publish_ahead` before it signs, and each stays
    published for `retire_after` once it no longer does: longer than any token it signed. `notice` is how long after a
    change everybody knows of it: replicas that reload, and services that keep the key set.
    """

    period: timedelta = timedelta(days=30)
    publish_ahead: timedelta = timedelta(hours=1)
    retire_after: timedelta = timedelta(minutes=30)
    notice: timedelta = timedelta(seconds=90)

    def next_start(self, starts: Sequence[datetime], now: datetime) -> datetime | None:
        """When the key to be made now shall begin to sign; None when no key is due.

        `starts` are those of the keys that are not revoked: there is always one that signs and one that follows.
        """
        if not starts:
            return now
        newest = max(starts)
        if newest > now:
            return None
        return max(newest + self.period, now + self.publish_ahead)

    def signing(self, keys: Sequence[SigningKey], now: datetime) -> SigningKey:
        """The key that signs now; ValueError without keys that are good."""
        newest = max((key for key in keys if key.active_from <= now and key.has_a_place), key=_start, default=None)
        if newest is not None and not newest.is_revoked:
            return newest
        # The next one signs before its time when the newest was revoked, never an older one again; and when a clock is
        # slightly behind the one that made the first key, which must not stop sign-in.
        return min(
            (key for key in keys if not key.is_revoked and (newest is None or _start(key) > _start(newest))), key=_start
        )

    def published(self, keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
        """The keys that verify, in the order they sign: those that may still have live tokens, and those to come."""
        ordered = sorted((key for key in keys if key.has_a_place), key=_start)
        successors = [key.active_from for key in ordered[1:]]
        live = [key for key, replaced in zip(ordered, successors, strict=False) if replaced + self.retire_after > now]
        return [key for key in (*live, *ordered[-1:]) if not key.is_revoked]

    def rotation(self, keys: Sequence[SigningKey], now: datetime) -> KeyChange | None:
        """Let the next key sign as soon as everybody knows it; None when it is about to."""
        coming = [key for key in keys if key.active_from > now and not key.is_revoked]
        if not coming or min(coming, key=_start).active_from <= now + self.notice:
            return None
        return KeyChange(starts=(min(coming, key=_start).kid, now + self.notice))

    def revocation(self, keys: Sequence[SigningKey], kid: str, now: datetime) -> KeyChange | None:
        """Revoke a key; the next one, which is published long since, signs at once in its place.

        None when there is no such key, or it is revoked already.
        """
        if all(key.kid != kid or key.is_revoked for key in keys):
            return None
        left = [replace(key, revoked_at=now) if key.kid == kid else key for key in keys]
        try:
            successor = self.signing(left, now)
        except ValueError:
            return KeyChange((kid, now))
        return KeyChange((kid, now), (successor.kid, now) if successor.active_from > now else None)


def _start(key: SigningKey) -> tuple[datetime, str]:
    return key.active_from, key.kid
