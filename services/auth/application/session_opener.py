"""Opens sessions: the tokens of a new one, as the client gets them and as they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.auth.application.ports import (
    AccessTokenSigner,
    NewSession,
    RefreshTokenMint,
    StartedSession,
    TokenPair,
)
from services.auth.domain.assurance import ALL_SCOPES, Proof, Scope
from services.auth.domain.device import Device
from services.auth.domain.session import SessionLifetimes
from services.chassis.clock import Clock


@dataclass(frozen=True, slots=True)
class Opening:
    """A session about to be stored, with the refresh token that only the client will know."""

    stored: NewSession
    refresh_token: str = field(repr=False)


class SessionOpener:
    """Prepares sessions and makes the token pairs of started ones."""

    def __init__(
        self, mint: RefreshTokenMint, signer: AccessTokenSigner, lifetimes: SessionLifetimes, clock: Clock
    ) -> None:
        self._mint = mint
        self._signer = signer
        self._lifetimes = lifetimes
        self._clock = clock

    def prepare(self, proof: Proof, device: Device, scopes: Scope = ALL_SCOPES) -> Opening:
        """A new session from now on."""
        now = self._clock.now()
        token = self._mint.new()
        stored = NewSession(
            refresh_token_hash=self._mint.hash(token),
            started_at=now,
            refresh_expires_at=now + min(self._lifetimes.refresh_idle, self._lifetimes.session),
            expires_at=now + self._lifetimes.session,
            proof=proof,
            device=device,
            scopes=scopes,
        )
        return Opening(stored, token)

    def access(self, session: StartedSession) -> tuple[str, datetime]:
        """An access token of a session and when it ends; AppError UNAVAILABLE while there is no signing key."""
        # A JWT counts whole seconds: what the client is told must not be later than what the token says.
        issued_at = self._clock.now().replace(microsecond=0)
        return self._signer.sign(session, issued_at, self._lifetimes.access), issued_at + self._lifetimes.access

    def pair(self, session: StartedSession, refresh_token: str, refresh_expires_at: datetime) -> TokenPair:
        """The tokens of a session; AppError UNAVAILABLE while there is no signing key."""
        access_token, access_expires_at = self.access(session)
        return TokenPair(
            access_token=access_token,
            access_expires_at=access_expires_at,
            refresh_token=refresh_token,
            refresh_expires_at=refresh_expires_at,
        )
