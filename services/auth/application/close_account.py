"""Deletes an account after a grace in which signing in keeps it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.auth.application.account_ports import AccountState, Closing
from services.chassis.clock import Clock
from services.chassis.errors import token_revoked

GRACE: Final = timedelta(days=30)


class CloseAccount:
    """The use cases."""

    def __init__(self, closing: Closing, clock: Clock) -> None:
        self._closing = closing
        self._clock = clock

    async def state(self, user_id: int) -> AccountState:
        """How the account stands; AppError UNAUTHENTICATED, reason TOKEN_REVOKED, when it is deleted."""
        state = await self._closing.state(user_id)
        if state is None:
            raise token_revoked()
        return state

    async def request(self, user_id: int, session_id: int) -> tuple[datetime, int]:
        """Ask for deletion; when it is due, and how many other sessions ended."""
        now = self._clock.now()
        return await self._closing.request(user_id, session_id, now, now + GRACE)

    async def cancel(self, user_id: int) -> bool:
        """Keep the account; whether its deletion had been asked for."""
        return await self._closing.cancel(user_id)

    async def erase_due(self, now: datetime, limit: int) -> int:
        """Erase at most `limit` accounts whose grace is over; how many. Any number of replicas may do so at once."""
        due = await self._closing.due(now, limit)
        return sum([await self._closing.erase(user_id, now) for user_id in due])
