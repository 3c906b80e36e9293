"""What the use cases of sessions and devices need of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.auth.domain.assurance import Proof
from services.auth.domain.session import SessionEnd


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session as its owner sees it. Times are in UTC."""

    session_id: int
    device_name: str
    network: str
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    proof: Proof


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that an account was signed in on; `digest` is 32 bytes. Times are in UTC."""

    digest: bytes = field(repr=False)
    name: str
    first_seen_at: datetime
    last_seen_at: datetime


class OwnSessions(Protocol):
    """Sessions and devices of one person. Every method raises AppError UNAVAILABLE when the database is away."""

    async def live(self, user_id: int, now: datetime, limit: int) -> Sequence[LiveSession]:
        """The sessions that have not ended, last used first."""
        ...

    async def end_one(self, user_id: int, session_id: int, at: datetime, cause: SessionEnd) -> bool:
        """End the user's session with its event, once; whether it was this call that did."""
        ...

    async def end_others(self, user_id: int, kept_session_id: int, at: datetime, cause: SessionEnd) -> int:
        """End all but one, each with its event, in one statement; how many."""
        ...

    async def revoke_all(self, user_id: int, actor_id: int, at: datetime, cause: SessionEnd) -> int:
        """End all and move the epoch, with one event, at once; how many sessions."""
        ...

    async def devices(self, user_id: int, limit: int) -> Sequence[KnownDevice]:
        """The devices, last used first."""
        ...

    async def forget_device(self, user_id: int, digest: bytes, at: datetime) -> int:
        """Forget the device and end its sessions, with their events, at once; how many sessions."""
        ...

    async def is_live(self, user_id: int, session_id: int, now: datetime) -> bool:
        """Whether the session is the user's and has not ended."""
        ...
