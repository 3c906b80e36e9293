"""Registers a person, once, however often the same request arrives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.auth.application.password_check import PasswordCheck
from services.auth.application.password_rules import PasswordRules
from services.auth.application.ports import (
    Accounts,
    Credentials,
    IdentifierReader,
    PasswordHasher,
    RawIdentifier,
    Sessions,
    TokenPair,
)
from services.auth.application.session_opener import Opening, SessionOpener
from services.auth.domain.assurance import Method, Proof
from services.auth.domain.device import Device
from services.auth.domain.identifier import Identifier
from services.chassis.clock import Clock
from services.chassis.errors import AppError, already_exists, key_reused

# A client that still retries after a day has lost its key; then it signs in.
_REPLAY_WINDOW: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Registered:
    """The account, signed in."""

    user_id: int
    tokens: TokenPair


class Register:
    """The use case.

    The body of a repeated request is known again by the password's own Argon2 hash: a plain hash of it, kept for
    idempotency, would be a fast oracle for whoever steals the table.
    """

    def __init__(
        self,
        reader: IdentifierReader,
        accounts: Accounts,
        sessions: Sessions,
        hasher: PasswordHasher,
        check: PasswordCheck,
        rules: PasswordRules,
        opener: SessionOpener,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._accounts = accounts
        self._sessions = sessions
        self._hasher = hasher
        self._check = check
        self._rules = rules
        self._opener = opener
        self._clock = clock

    async def __call__(self, raw: RawIdentifier, password_text: str, key: str, device: Device) -> Registered:
        """Make the account, or open another session of the one this very request made before.

        AppError INVALID_ARGUMENT, also reason PASSWORD_BREACHED; ALREADY_EXISTS, reason ACCOUNT_EXISTS, when the name
        is taken; FAILED_PRECONDITION, reason IDEMPOTENCY_KEY_REUSED, when the key came with another password;
        RESOURCE_EXHAUSTED, reason OVERLOADED.
        """
        identifier = self._reader.read(raw)
        password = await self._rules.accept(password_text, identifier)
        existing = await self._accounts.find(identifier)
        if existing is None:
            password_hash = await self._hasher.hash(password)
            opening = self._prepare(device)
            started = await self._accounts.add(identifier, password_hash, key, opening.stored)
            if started is not None:
                pair = self._opener.pair(started, opening.refresh_token, opening.stored.refresh_expires_at)
                return Registered(started.user_id, pair)
            # Somebody, perhaps this request's own twin, was faster.
            existing = await self._accounts.find(identifier)
        if existing is None:
            raise _account_exists()
        return await self._repeat(identifier, existing, password, key, device)

    async def _repeat(
        self, identifier: Identifier, existing: Credentials, password: str, key: str, device: Device
    ) -> Registered:
        if existing.register_key != key or self._clock.now() - existing.created_at > _REPLAY_WINDOW:
            raise _account_exists()
        # Whoever guesses the key must not get free guesses of the password.
        recognised = await self._check.recognise(identifier, device, password)
        if recognised is None or recognised.user_id != existing.user_id:
            raise key_reused()
        opening = self._prepare(device)
        try:
            started = await self._sessions.start(existing.user_id, opening.stored)
        except AppError as error:
            if error.reason != "STEP_UP_NEEDED":
                raise
            # It has a second factor by now, which a registration cannot ask for: sign in.
            raise _account_exists() from None
        pair = self._opener.pair(started, opening.refresh_token, opening.stored.refresh_expires_at)
        return Registered(started.user_id, pair)

    def _prepare(self, device: Device) -> Opening:
        return self._opener.prepare(Proof(Method.PASSWORD, self._clock.now()), device)


def _account_exists() -> AppError:
    return already_exists("this phone or e-mail has an account", "ACCOUNT_EXISTS")
