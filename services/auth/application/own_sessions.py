"""What people do about their own sessions and devices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from services.auth.application.session_ports import KnownDevice, LiveSession, OwnSessions
from services.auth.domain.session import SessionEnd
from services.chassis.clock import Clock
from services.chassis.errors import invalid, token_revoked

MAX_SESSIONS: Final = 50
MAX_DEVICES: Final = 100
_DEVICE_KEY: Final = re.compile("[0-9a-f]{64}")


class ManageOwnSessions:
    """The use cases.

    Each first asks whether the calling session itself still stands: a stolen token that was revoked must not end others
    in the second in which the list of this process might still admit it.
    """

    def __init__(self, sessions: OwnSessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    async def list(self, user_id: int, session_id: int) -> Sequence[LiveSession]:
        """The live sessions; AppError UNAUTHENTICATED, reason TOKEN_REVOKED, when the caller's has ended."""
        await self._require_live(user_id, session_id)
        return await self._sessions.live(user_id, self._clock.now(), MAX_SESSIONS)

    async def end(self, user_id: int, session_id: int, ended_session_id: int) -> bool:
        """End one of one's own; whether there was anything to end."""
        if ended_session_id <= 0:
            raise invalid("session_id", "must be the id of a session")
        await self._require_live(user_id, session_id)
        cause = SessionEnd.SIGNED_OUT if ended_session_id == session_id else SessionEnd.ENDED_BY_OWNER
        return await self._sessions.end_one(user_id, ended_session_id, self._clock.now(), cause)

    async def end_others(self, user_id: int, session_id: int) -> int:
        """End all but this one; how many."""
        await self._require_live(user_id, session_id)
        return await self._sessions.end_others(user_id, session_id, self._clock.now(), SessionEnd.ENDED_BY_OWNER)

    async def sign_out_everywhere(self, user_id: int, session_id: int) -> int:
        """End all and void every token given out so far; how many sessions."""
        await self._require_live(user_id, session_id)
        return await self._sessions.revoke_all(user_id, user_id, self._clock.now(), SessionEnd.SIGNED_OUT_EVERYWHERE)

    async def devices(self, user_id: int, session_id: int) -> Sequence[KnownDevice]:
        """The devices."""
        await self._require_live(user_id, session_id)
        return await self._sessions.devices(user_id, MAX_DEVICES)

    async def forget_device(self, user_id: int, session_id: int, device_key: str) -> int:
        """Forget a device; how many sessions ended. AppError INVALID_ARGUMENT for what is no key."""
        if _DEVICE_KEY.fullmatch(device_key) is None:
            raise invalid("device_key", "must be the key of a device")
        await self._require_live(user_id, session_id)
        return await self._sessions.forget_device(user_id, bytes.fromhex(device_key), self._clock.now())

    async def _require_live(self, user_id: int, session_id: int) -> None:
        if not await self._sessions.is_live(user_id, session_id, self._clock.now()):
            raise token_revoked()
