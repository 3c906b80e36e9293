"""Signs a person in by name and password."""

from __future__ import annotations

from dataclasses import dataclass

from services.auth.application.password_check import PasswordCheck
from services.auth.application.ports import (
    Accounts,
    Credentials,
    IdentifierReader,
    PasswordHasher,
    RawIdentifier,
    Sessions,
    TokenPair,
)
from services.auth.application.second_factors import Challenge, SecondFactors
from services.auth.application.session_opener import SessionOpener
from services.auth.domain.assurance import Method, Proof
from services.auth.domain.device import Device
from services.auth.domain.password import given_password
from services.chassis.clock import Clock
from services.chassis.errors import AppError, ErrorKind, unauthenticated


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A started session."""

    user_id: int
    tokens: TokenPair


class SignIn:
    """The use case. An unknown name takes the same road, and the same time, as a known one with a wrong password."""

    def __init__(
        self,
        reader: IdentifierReader,
        accounts: Accounts,
        sessions: Sessions,
        hasher: PasswordHasher,
        check: PasswordCheck,
        factors: SecondFactors,
        opener: SessionOpener,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._accounts = accounts
        self._sessions = sessions
        self._hasher = hasher
        self._check = check
        self._factors = factors
        self._opener = opener
        self._clock = clock

    async def __call__(self, raw: RawIdentifier, password_text: str, device: Device) -> SignedIn | Challenge:
        """Start a session, or ask for the account's second factor first.

        AppError INVALID_ARGUMENT; UNAUTHENTICATED, reason CREDENTIALS_INVALID; PERMISSION_DENIED, reason
        ACCOUNT_SUSPENDED, only for whoever knows the password; RESOURCE_EXHAUSTED, reason OVERLOADED,
        after too many wrong attempts or when too many passwords wait.
        """
        identifier = self._reader.read(raw)
        password = given_password(password_text)
        credentials = await self._check.recognise(identifier, device, password)
        if credentials is None:
            raise unauthenticated("CREDENTIALS_INVALID", "the phone or e-mail, or the password, is wrong")
        await self._renew_hash(credentials, password)
        proof = Proof(Method.PASSWORD, self._clock.now())
        challenge = await self._factors.challenge(credentials.user_id, proof, device)
        if challenge is not None:
            return challenge
        opening = self._opener.prepare(proof, device)
        started = await self._sessions.start(credentials.user_id, opening.stored)
        pair = self._opener.pair(started, opening.refresh_token, opening.stored.refresh_expires_at)
        return SignedIn(started.user_id, pair)

    async def _renew_hash(self, credentials: Credentials, password: str) -> None:
        """Hash anew when the parameters have changed: only now is the password at hand."""
        if credentials.password_hash is None or not self._hasher.is_outdated(credentials.password_hash):
            return
        try:
            renewed = await self._hasher.hash(password)
        except AppError as error:
            if error.kind is not ErrorKind.RESOURCE_EXHAUSTED:
                raise
            # The next sign-in renews it.
            return
        await self._accounts.replace_password_hash(credentials.user_id, credentials.password_hash, renewed)
