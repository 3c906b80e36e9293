"""Exchanges a refresh token for the next pair; tells a race from a theft."""

from __future__ import annotations

import hmac

import structlog

from services.auth.application.ports import (
    RefreshTokenMint,
    Replayed,
    Rotation,
    Sessions,
    TokenPair,
)
from services.auth.application.session_opener import SessionOpener
from services.auth.domain.session import (
    Replay,
    SessionEnd,
    SessionLifetimes,
    judge_replay,
    looks_like_refresh_token,
)
from services.chassis.clock import Clock
from services.chassis.errors import AppError, unauthenticated

_log = structlog.get_logger(__name__)


class RefreshTokens:
    """The use case.

    A token has one successor for ever. It is stored sealed with the token itself, so that the loser of a race gets the
    winner's, while the database alone can give it to nobody.
    """

    def __init__(
        self,
        sessions: Sessions,
        mint: RefreshTokenMint,
        opener: SessionOpener,
        lifetimes: SessionLifetimes,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._mint = mint
        self._opener = opener
        self._lifetimes = lifetimes
        self._clock = clock

    async def __call__(self, token: str, key_thumbprint: str = "") -> TokenPair:
        """The next pair; AppError UNAUTHENTICATED, reason REFRESH_TOKEN_INVALID, when there is none.

        A token used before ends its whole session, unless that was within `reuse_grace`. Where the session is bound to
        a key, whoever does not have the key gets nothing and ends nothing.
        """
        if not looks_like_refresh_token(token):
            raise _refused()
        now = self._clock.now()
        successor = self._mint.new()
        rotated = await self._sessions.rotate(
            Rotation(
                presented_hash=self._mint.hash(token),
                successor_hash=self._mint.hash(successor),
                successor_sealed=self._mint.seal(token, successor),
                at=now,
                successor_expires_at=now + self._lifetimes.refresh_idle,
                key_thumbprint=key_thumbprint,
            )
        )
        if rotated is not None:
            return self._opener.pair(rotated.session, successor, rotated.expires_at)
        replayed = await self._sessions.find_replayed(self._mint.hash(token))
        if replayed is None or not hmac.compare_digest(replayed.session.key_thumbprint, key_thumbprint):
            raise _refused()
        return await self._replay(token, replayed)

    async def _replay(self, token: str, replayed: Replayed) -> TokenPair:
        stored = replayed.token
        now = self._clock.now()
        verdict = judge_replay(stored, now, self._lifetimes.reuse_grace)
        if verdict is Replay.REVOKE_FAMILY:
            if await self._sessions.end(stored.session_id, stored.user_id, SessionEnd.REFRESH_TOKEN_REUSED, now):
                _log.warning("refresh_reuse_revoked_session", session_id=stored.session_id)
            raise _refused()
        sealed, expires_at = replayed.successor_sealed, replayed.successor_expires_at
        if verdict is not Replay.SAME_SUCCESSOR or sealed is None or expires_at is None:
            raise _refused()
        successor = self._mint.unseal(token, sealed)
        return self._opener.pair(replayed.session, successor, expires_at)


def _refused() -> AppError:
    return unauthenticated("REFRESH_TOKEN_INVALID", "sign in again")
