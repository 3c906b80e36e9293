"""Ends the caller's session."""

from __future__ import annotations

from services.auth.application.ports import Sessions
from services.auth.domain.session import SessionEnd
from services.chassis.clock import Clock


class SignOut:
    """The use case."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    async def __call__(self, user_id: int, session_id: int) -> None:
        """End the session; one that has ended stays so."""
        await self._sessions.end(session_id, user_id, SessionEnd.SIGNED_OUT, self._clock.now())
