"""What people with roles do to accounts of others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.auth.application.account_ports import NameReader
from services.auth.application.admin_ports import Act, Administration, FoundAccount, FourEyes, WaitingRequest
from services.auth.application.ports import RawIdentifier
from services.auth.domain.assurance import Role
from services.chassis.clock import Clock
from services.chassis.errors import denied, failed_precondition, invalid
from services.chassis.text import clean_text

_APPROVABLE: Final = timedelta(hours=24)
_MAX_REASON_CHARS: Final = 300
_PAGE: Final = 100
_MAX_DAYS: Final = 3_650
_HELPERS: Final = Role.SUPPORT | Role.ADMIN
_JUDGES: Final = Role.MODERATOR | Role.ADMIN


class Administer:
    """The use cases. Tokens say roles of a while ago, so each act asks the database who its actor is now."""

    def __init__(self, reader: NameReader, acts: Administration, four_eyes: FourEyes, clock: Clock) -> None:
        self._reader = reader
        self._acts = acts
        self._four_eyes = four_eyes
        self._clock = clock

    async def look_up(self, actor_id: int, key: RawIdentifier | int) -> FoundAccount:
        """The account with exactly that name or id; AppError NOT_FOUND, reason ACCOUNT_NOT_FOUND."""
        found = key if isinstance(key, int) else self._reader.read(key)
        return await self._acts.look_up(actor_id, found, self._clock.now(), _HELPERS)

    async def suspend(self, actor_id: int, user_id: int, reason: int, days: int) -> int:
        """Suspend an account, with 0 days until it is lifted; how many sessions ended.

        AppError FAILED_PRECONDITION, reason ACCOUNT_PROTECTED, for people with roles.
        """
        if not 0 <= days <= _MAX_DAYS:
            raise invalid("days", f"must be from 0 to {_MAX_DAYS}")
        if user_id == actor_id:
            raise failed_precondition("nobody suspends themselves", "ACCOUNT_PROTECTED")
        act = self._act(actor_id, user_id, _JUDGES)
        return await self._acts.suspend(act, reason, act.at + timedelta(days=days) if days else None)

    async def lift(self, actor_id: int, user_id: int) -> bool:
        """Lift a suspension; whether there was one."""
        return await self._acts.lift(self._act(actor_id, user_id, _JUDGES))

    async def end_sessions(self, actor_id: int, user_id: int) -> int:
        """End all sessions of an account; how many."""
        return await self._acts.end_sessions(self._act(actor_id, user_id, _HELPERS))

    async def unlock(self, actor_id: int, user_id: int) -> None:
        """Forget the wrong passwords of an account."""
        await self._acts.unlock(self._act(actor_id, user_id, _HELPERS))

    async def request_role(self, actor_id: int, user_id: int, role: Role, reason: str) -> tuple[int, datetime]:
        """Ask for a role for somebody else; the request's id and when it lapses."""
        if user_id == actor_id:
            raise denied("another person must do this", "FOUR_EYES_NEEDED")
        act = self._act(actor_id, user_id, Role.ADMIN)
        expires_at = act.at + _APPROVABLE
        return await self._four_eyes.request_role(act, role, _reason(reason), expires_at), expires_at

    async def approve_role(self, actor_id: int, request_id: int) -> None:
        """Give a role that another asked for, for a third."""
        await self._four_eyes.approve_role(self._nobodys(actor_id), request_id)

    async def revoke_role(self, actor_id: int, user_id: int, role: Role) -> bool:
        """Take a role away; whether the person had it."""
        return await self._acts.revoke_role(self._act(actor_id, user_id, Role.ADMIN), role)

    async def list_roles(self, actor_id: int) -> tuple[Sequence[WaitingRequest], Sequence[tuple[int, Role]]]:
        """Requests that wait, and who has roles."""
        waiting = await self._four_eyes.waiting(self._nobodys(actor_id), _PAGE)
        return waiting, await self._four_eyes.holders(_PAGE)

    async def request_revocation(self, actor_id: int, reason: str) -> tuple[int, datetime]:
        """Ask for the end of every session; the request's id and when it lapses."""
        act = self._nobodys(actor_id)
        expires_at = act.at + _APPROVABLE
        return await self._four_eyes.request_revocation(act, _reason(reason), expires_at), expires_at

    async def approve_revocation(self, actor_id: int, request_id: int) -> int:
        """End every session, as another asked; how many."""
        return await self._four_eyes.approve_revocation(self._nobodys(actor_id), request_id)

    def _act(self, actor_id: int, user_id: int, needed: Role) -> Act:
        if user_id <= 0:
            raise invalid("user_id", "must be an account's id")
        return Act(actor_id, user_id, self._clock.now(), needed)

    def _nobodys(self, actor_id: int) -> Act:
        return Act(actor_id, 0, self._clock.now(), Role.ADMIN)


def _reason(text: str) -> str:
    return clean_text(text, "reason", 1, _MAX_REASON_CHARS, multiline=True)
