"""What the use cases of administration need of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.auth.domain.assurance import Role
from services.auth.domain.identifier import Identifier


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """An account as an admin may need it; names are masked before they are shown. Times are in UTC."""

    user_id: int
    phone: str = field(repr=False)
    email: str = field(repr=False)
    status: int
    roles: Role
    created_at: datetime
    suspension_reason: int
    suspended_until: datetime | None
    deletion_due_at: datetime | None
    sessions: int


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something to whose account, and when. `needed` are the roles of which the actor must have one now."""

    actor_id: int
    user_id: int
    at: datetime
    needed: Role


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A role that somebody asked for."""

    request_id: int
    user_id: int
    role: Role
    reason: str
    requested_by: int
    expires_at: datetime


class Administration(Protocol):
    """Acts on accounts, each one transaction with its event.

    Every method raises AppError UNAVAILABLE when the database is away; PERMISSION_DENIED, reason CALLER_NOT_ALLOWED,
    when the actor has none of the needed roles any more; NOT_FOUND, reason ACCOUNT_NOT_FOUND.
    """

    async def look_up(self, actor_id: int, key: Identifier | int, at: datetime, needed: Role) -> FoundAccount:
        """The account with the name or id; that it was looked at is an event."""
        ...

    async def suspend(self, act: Act, reason: int, until: datetime | None) -> int:
        """Suspend the account and end its sessions; how many. ACCOUNT_PROTECTED for people with roles."""
        ...

    async def lift(self, act: Act) -> bool:
        """Restore a suspended account; whether it was suspended."""
        ...

    async def end_sessions(self, act: Act) -> int:
        """End all sessions; how many."""
        ...

    async def unlock(self, act: Act) -> None:
        """Forget wrong passwords."""
        ...

    async def revoke_role(self, act: Act, role: Role) -> bool:
        """Take a role away; whether the person had it."""
        ...

    async def lift_due(self, at: datetime, limit: int) -> int:
        """Restore at most `limit` accounts whose suspension is over; how many."""
        ...


class FourEyes(Protocol):
    """Requests that another admin approves. Errors like those of Administration."""

    async def request_role(self, act: Act, role: Role, reason: str, expires_at: datetime) -> int:
        """Ask for a role; the id of the request."""
        ...

    async def approve_role(self, act: Act, request_id: int) -> None:
        """Give the role, once. NOT_FOUND, reason REQUEST_NOT_FOUND; PERMISSION_DENIED, reason FOUR_EYES_NEEDED."""
        ...

    async def waiting(self, act: Act, limit: int) -> Sequence[WaitingRequest]:
        """Requests for roles that wait, oldest first."""
        ...

    async def holders(self, limit: int) -> Sequence[tuple[int, Role]]:
        """People with roles."""
        ...

    async def request_revocation(self, act: Act, reason: str, expires_at: datetime) -> int:
        """Ask for the end of every session; the id of the request."""
        ...

    async def approve_revocation(self, act: Act, request_id: int) -> int:
        """End every session, once; how many. Errors like `approve_role`."""
        ...
